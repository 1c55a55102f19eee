//! The database of this service: its schema, its migrations, and the domain types as values of
//! columns.

pub mod migrations;
pub mod schema;
mod values;
