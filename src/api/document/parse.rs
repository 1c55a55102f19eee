//! Reads the emitted JSON without losing anything.
//!
//! Two `OpenApi` types on one path emit the path twice, and an ordinary JSON reader keeps the last one only. The
//! router serves both, so both are kept here; any other repeated key is an error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map::Entry};

const PATHS: &str = "/paths";

pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Node { pointer: String::new() }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Node {
    pointer: String,
}

impl Node {
    fn child(&self, key: &str) -> Self {
        Self { pointer: format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1")) }
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(&items.len().to_string()))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let node = self.child(&key);
            let pointer = node.pointer.clone();
            let value = map.next_value_seed(node)?;
            match object.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) if self.pointer == PATHS => {
                    merge(entry.get_mut(), value, &pointer)?;
                }
                Entry::Occupied(_) => return Err(A::Error::custom(format!("`{pointer}` occurs twice"))),
            }
        }
        Ok(Value::Object(object))
    }
}

/// Adds the operations of a path's second appearance to its first.
fn merge<E: Error>(first: &mut Value, second: Value, pointer: &str) -> Result<(), E> {
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return Err(E::custom(format!("`{pointer}` occurs twice")));
    };
    for (method, operation) in second {
        if first.contains_key(&method) {
            return Err(E::custom(format!("`{pointer}/{method}` occurs twice")));
        }
        first.insert(method, operation);
    }
    Ok(())
}
