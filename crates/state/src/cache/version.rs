//! The version under which values of a type are stored in Redis.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::Cached;

/// The hash of [`Cached::VERSION`] and of the names of the fields or variants that serde knows of
/// `T`, in hexadecimal. It may differ between builds with different compilers, which then cache
/// apart.
pub(super) fn version_of<T: Cached>() -> String {
    let mut hasher = DefaultHasher::new();
    T::VERSION.hash(&mut hasher);
    // It always fails: there is no value. What matters is what the type asks for.
    let _ = T::deserialize(FieldNames(&mut hasher));
    format!("{:016x}", hasher.finish())
}

/// Hashes the names of the fields that a type asks for.
struct FieldNames<'a>(&'a mut DefaultHasher);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        fields.hash(self.0);
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        variants.hash(self.0);
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom(""))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde::{Deserialize, Serialize};

    use super::*;

    /// The versions of structs with these fields and this `VERSION`.
    macro_rules! versions {
        ($( $version:literal { $( $(#[$attribute:meta])* $field:ident: $type:ty ),* } )+) => {
            [$({
                #[derive(Serialize, Deserialize)]
                struct Thing { $( $(#[$attribute])* $field: $type ),* }

                impl Cached for Thing {
                    const PREFIX: &'static str = "things";
                    const VERSION: u32 = $version;
                }
                version_of::<Thing>()
            }),+]
        };
    }

    #[test]
    fn each_field_that_is_added_removed_or_renamed_changes_the_version() {
        let versions = versions! {
            1 { id: i64, name: Option<String> }
            1 { id: i64, name: Option<String>, more: Option<bool> }
            1 { id: i64 }
            1 { id: i64, title: Option<String> }
            1 { id: i64, #[serde(rename = "called")] name: Option<String> }
            2 { id: i64, name: Option<String> }
        };
        assert_eq!(versions.iter().collect::<HashSet<_>>().len(), versions.len(), "{versions:?}");
    }

    #[test]
    fn the_same_fields_have_the_same_version() {
        let [one, other] = versions! { 1 { id: i64, name: String } 1 { id: i64, name: String } };
        assert_eq!(one, other);
    }

    #[test]
    fn variants_count_and_a_newtype_is_what_it_contains() {
        #[derive(Serialize, Deserialize)]
        struct Inner {
            id: i64,
        }
        #[derive(Serialize, Deserialize)]
        struct Wrapper(Inner);
        #[derive(Serialize, Deserialize)]
        enum Variants {
            Inner,
        }
        macro_rules! cached {
            ($($type:ty)+) => {$(
                impl Cached for $type {
                    const PREFIX: &'static str = "things";
                }
            )+};
        }
        cached! { Inner Wrapper Variants }
        assert_eq!(version_of::<Inner>(), version_of::<Wrapper>());
        assert_ne!(version_of::<Inner>(), version_of::<Variants>());
    }
}
