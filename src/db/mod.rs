//! The database of this service: its schema and its migrations.

pub mod migrations;
pub mod schema;
