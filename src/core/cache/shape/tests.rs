#![allow(dead_code, reason = "only the shapes matter")]

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::*;

/// A cached type as it is today.
mod before {
    use super::Deserialize;

    #[derive(Deserialize)]
    pub struct Thing {
        pub id: i64,
        pub name: Option<String>,
        pub part: super::Part<u8>,
        pub kind: super::Kind,
    }
}

#[derive(Deserialize)]
struct Part<T> {
    size: T,
}

#[derive(Deserialize)]
enum Kind {
    Plain,
    Counted(u8),
    Named { name: String },
}

/// A value that is not any text: what is asked for is seen although nothing satisfies it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Never;

impl TryFrom<String> for Never {
    type Error = &'static str;

    fn try_from(_: String) -> Result<Self, &'static str> {
        Err("never")
    }
}

/// The versions of structs with these fields.
macro_rules! versions {
    ($( { $( $(#[$attribute:meta])* $field:ident: $type:ty ),* } )+) => {
        [$({
            #[derive(Deserialize)]
            struct Thing { $( $(#[$attribute])* $field: $type ),* }
            version_of::<Thing>()
        }),+]
    };
}

#[test]
fn each_kind_of_change_of_a_field_changes_the_version() {
    mod other {
        use super::Deserialize;

        #[derive(Deserialize)]
        pub enum Renamed {
            Simple,
            Counted(u8),
            Named { name: String },
        }

        #[derive(Deserialize)]
        pub enum Retyped {
            Plain,
            Counted(u16),
            Named { name: String },
        }

        #[derive(Deserialize)]
        pub enum Refielded {
            Plain,
            Counted(u8),
            Named { title: String },
        }
    }
    let versions = versions! {
        { id: i64, name: Option<String>, part: Part<u8>, kind: Kind }
        // Added, removed, renamed, and renamed for serde alone.
        { id: i64, name: Option<String>, part: Part<u8>, kind: Kind, more: bool }
        { id: i64, name: Option<String>, part: Part<u8> }
        { id: i64, title: Option<String>, part: Part<u8>, kind: Kind }
        { id: i64, #[serde(rename = "called")] name: Option<String>, part: Part<u8>, kind: Kind }
        // Of another type, optional or not, and deeper inside.
        { id: u64, name: Option<String>, part: Part<u8>, kind: Kind }
        { id: i64, name: String, part: Part<u8>, kind: Kind }
        { id: i64, name: Option<Vec<String>>, part: Part<u8>, kind: Kind }
        { id: i64, name: Option<String>, part: Part<u16>, kind: Kind }
        { id: i64, name: Option<String>, part: Part<Part<u8>>, kind: Kind }
        { id: i64, name: Option<String>, part: Part<u8>, kind: other::Renamed }
        { id: i64, name: Option<String>, part: Part<u8>, kind: other::Retyped }
        { id: i64, name: Option<String>, part: Part<u8>, kind: other::Refielded }
        // After one that no value satisfies.
        { never: Never, last: u8 }
        { never: Never, last: u16 }
        { map: HashMap<String, u8> }
        { map: HashMap<String, u16> }
        { tuple: (u8, String, u8) }
        { tuple: (u8, String, u16) }
    };
    assert_eq!(versions.iter().collect::<HashSet<_>>().len(), versions.len(), "{versions:?}");
}

#[test]
fn what_is_not_a_change_of_the_shape_keeps_the_version() {
    #[derive(Deserialize)]
    struct AnotherName {
        id: i64,
        name: Option<String>,
        part: Part<u8>,
        kind: Kind,
    }
    assert_eq!(version_of::<before::Thing>(), version_of::<AnotherName>());
    assert_eq!(version_of::<before::Thing>(), version_of::<before::Thing>());
    assert_eq!(version_of::<before::Thing>().len(), 16);
}

#[test]
fn a_shape_names_every_part() {
    let shape = shape_of::<before::Thing>();
    for part in [
        r#"[] struct of ["id", "name", "part", "kind"]"#,
        "[0] deserialize_i64",
        "[1] option",
        "[1, 0] deserialize_string",
        r#"[2] struct of ["size"]"#,
        "[2, 0] deserialize_u8",
        r#"[3] enum of ["Plain", "Counted", "Named"]"#,
        "[3, 0] unit",
        "[3, 1] deserialize_u8",
        r#"[3, 2] struct of ["name"]"#,
        "[3, 2, 0] deserialize_string",
    ] {
        assert!(shape.lines().any(|line| line == part), "{part} is not in\n{shape}");
    }
    assert!(!shape.contains("hidden"), "{shape}");
}

#[test]
fn what_a_type_hides_counts_as_changed_in_each_release() {
    #[derive(Deserialize)]
    struct Flat {
        #[serde(flatten)]
        part: Part<u8>,
    }
    #[derive(Deserialize)]
    struct Endless {
        inner: Option<Box<Endless>>,
    }
    for shape in [shape_of::<Flat>(), shape_of::<(Never, u8)>(), shape_of::<serde_json::Value>()] {
        assert!(shape.contains(env!("CARGO_PKG_VERSION")), "{shape}");
    }
    assert!(shape_of::<Endless>().lines().count() < 20);
}

#[test]
fn everything_of_what_the_service_caches_is_seen() {
    let shape = shape_of::<crate::models::users::Profile>();
    assert!(!shape.contains("hidden"), "{shape}");
    assert!(shape.contains("updated_at"), "{shape}");
}
