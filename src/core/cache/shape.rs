//! The shape of a type as serde reads it: names of fields and variants, and the kinds of their values. It is found by
//! reading the type from a source that notes what is asked for, so nothing has to be kept in step by hand.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

/// How deep types are looked into; one that contains itself would have no end.
const MAX_DEPTH: usize = 8;

static VERSIONS: LazyLock<RwLock<HashMap<TypeId, Arc<str>>>> = LazyLock::new(RwLock::default);

/// A name for the shape of `T`: another one after each change of a field's name or type. Found once in a process.
pub(super) fn version_of<T: DeserializeOwned + 'static>() -> Arc<str> {
    let id = TypeId::of::<T>();
    let known = VERSIONS.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    known.unwrap_or_else(|| {
        let mut versions = VERSIONS.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(versions.entry(id).or_insert_with(|| name_of(&shape_of::<T>()).into()))
    })
}

fn name_of(shape: &str) -> String {
    digest(&SHA256, shape.as_bytes()).as_ref()[..8].iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// One line for each part of the type: the way to it, and what it is.
fn shape_of<T: DeserializeOwned>() -> String {
    let (mut shape, mut paths) = (String::new(), vec![Vec::new()]);
    while let Some(path) = paths.pop() {
        let mut seen = None;
        // It always fails: the value is not there. What matters is what was asked for at the end of the path.
        let _ = T::deserialize(Source { way: Way::Along(&path), seen: &mut seen });
        let seen = seen.unwrap_or_else(Seen::hidden::<T>);
        let _ = writeln!(shape, "{path:?} {}", seen.what);
        if path.len() < MAX_DEPTH {
            paths.extend((0..seen.parts).map(|part| [path.as_slice(), &[part]].concat()));
        }
    }
    shape
}

/// What is at the end of a path.
struct Seen {
    what: String,
    parts: usize,
}

impl Seen {
    /// A part that its type does not show to a source without values, such as what stands behind a refused one in a
    /// tuple. It may differ in each release.
    fn hidden<T>() -> Self {
        Self { what: format!("hidden in {} of {}", type_name::<T>(), env!("CARGO_PKG_VERSION")), parts: 0 }
    }
}

/// Where a source leads.
#[derive(Clone, Copy)]
enum Way<'p> {
    /// To the part of a part at the end of this path.
    Along(&'p [usize]),
    /// Past what is not looked for: to a value that may be good enough.
    Past,
}

/// Notes what is asked of it.
struct Source<'p, 's> {
    way: Way<'p>,
    seen: &'s mut Option<Seen>,
}

impl<'p> Source<'p, '_> {
    /// The part that the path leads to, and the rest of the path; at its end, `what` is noted instead.
    fn next(
        &mut self,
        what: impl FnOnce() -> String,
        parts: usize,
    ) -> Result<(Option<usize>, Way<'p>), Error> {
        match self.way {
            Way::Along([]) => {
                *self.seen = Some(Seen { what: what(), parts });
                Err(de::Error::custom("the end of the path"))
            }
            Way::Along([part, rest @ ..]) => Ok((Some(*part), Way::Along(rest))),
            Way::Past => Ok((None, Way::Past)),
        }
    }
}

macro_rules! scalars {
    ($( $method:ident $visit:ident $($value:expr)?; )+) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            self.next(|| stringify!($method).to_owned(), 0)?;
            visitor.$visit($($value)?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Source<'_, '_> {
    type Error = Error;

    scalars! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 0;
        deserialize_i16 visit_i16 0;
        deserialize_i32 visit_i32 0;
        deserialize_i64 visit_i64 0;
        deserialize_i128 visit_i128 0;
        deserialize_u8 visit_u8 0;
        deserialize_u16 visit_u16 0;
        deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0;
        deserialize_u128 visit_u128 0;
        deserialize_f32 visit_f32 0.0;
        deserialize_f64 visit_f64 0.0;
        deserialize_char visit_char ' ';
        deserialize_str visit_str "";
        deserialize_string visit_str "";
        deserialize_bytes visit_bytes &[];
        deserialize_byte_buf visit_bytes &[];
        deserialize_unit visit_unit;
    }

    /// Asked by types that let the data decide, which shows nothing of theirs.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("the type lets the data decide"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.next(|| "option".to_owned(), 1)? {
            (None, _) => visitor.visit_none(),
            (Some(_), way) => visitor.visit_some(Source { way, seen: self.seen }),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let (part, way) = self.next(|| "seq".to_owned(), 1)?;
        visitor.visit_seq(Parts { at: 0, part, len: usize::from(part.is_some()), way, seen: self.seen })
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let (part, way) = self.next(|| format!("tuple of {len}"), len)?;
        visitor.visit_seq(Parts { at: 0, part, len, way, seen: self.seen })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let (part, way) = self.next(|| "map".to_owned(), 2)?;
        visitor.visit_map(Parts { at: 0, part, len: usize::from(part.is_some()), way, seen: self.seen })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (part, way) = self.next(|| format!("struct of {fields:?}"), fields.len())?;
        // Fields come in any order, so the one that is looked for comes first, whatever the others ask for.
        let fields = part.map_or(fields, |part| &fields[part..=part]);
        visitor.visit_map(Fields { names: fields, at: 0, way, seen: self.seen })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (part, way) = self.next(|| format!("enum of {variants:?}"), variants.len())?;
        let name = variants.get(part.unwrap_or(0)).copied().unwrap_or_default();
        visitor.visit_enum(Variant { name, source: Source { way, seen: self.seen } })
    }
}

/// The fields of a struct.
struct Fields<'p, 's> {
    names: &'static [&'static str],
    at: usize,
    way: Way<'p>,
    seen: &'s mut Option<Seen>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.names.get(self.at) else { return Ok(None) };
        self.at += 1;
        let name: StrDeserializer<'_, Error> = (*field).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Source { way: self.way, seen: self.seen })
    }
}

/// The elements of a sequence or tuple, or one key and value.
struct Parts<'p, 's> {
    at: usize,
    /// The part that the way leads to; the others are passed.
    part: Option<usize>,
    len: usize,
    way: Way<'p>,
    seen: &'s mut Option<Seen>,
}

impl<'p> Parts<'p, '_> {
    fn source(&mut self, at: usize) -> Source<'p, '_> {
        let way = if self.part == Some(at) { self.way } else { Way::Past };
        Source { way, seen: self.seen }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.at == self.len {
            return Ok(None);
        }
        let at = self.at;
        self.at += 1;
        seed.deserialize(self.source(at)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.at == self.len {
            return Ok(None);
        }
        self.at += 1;
        seed.deserialize(self.source(0)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.source(1))
    }
}

/// One variant of an enum, and what it holds.
struct Variant<'p, 's> {
    name: &'static str,
    source: Source<'p, 's>,
}

impl<'de, 'p, 's> EnumAccess<'de> for Variant<'p, 's> {
    type Error = Error;
    type Variant = Source<'p, 's>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Source<'p, 's>), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.source))
    }
}

impl<'de> VariantAccess<'de> for Source<'_, '_> {
    type Error = Error;

    fn unit_variant(mut self) -> Result<(), Error> {
        self.next(|| "unit".to_owned(), 0).map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests;
