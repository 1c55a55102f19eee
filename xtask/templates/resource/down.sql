DROP TABLE {{ plural }};
