//! JSON in which no object has a name twice: an ordinary reader keeps the last one only, and two readers of such a
//! text may see two different things (RFC 8259, 4).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map::Entry};

/// Reads JSON strictly.
pub fn read(text: &[u8]) -> Result<Value, serde_json::Error> {
    Node { pointer: String::new(), merged: None }.read(text)
}

/// Reads JSON strictly, but for the object at the pointer `merged`: there a name may stand twice if both values are
/// objects without a name in common, which then become one.
pub(super) fn read_merging(text: &[u8], merged: &'static str) -> Result<Value, serde_json::Error> {
    Node { pointer: String::new(), merged: Some(merged) }.read(text)
}

struct Node {
    pointer: String,
    merged: Option<&'static str>,
}

impl Node {
    fn read(self, text: &[u8]) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let value = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    /// Where nothing is merged, nobody asks where a value stands, and a long name would be copied for each below it.
    fn child(&self, key: &str) -> Self {
        if self.merged.is_none() {
            return Self { pointer: String::new(), merged: None };
        }
        let pointer = format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"));
        Self { pointer, merged: self.merged }
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
                Entry::Occupied(mut entry) if self.merged == Some(self.pointer.as_str()) => {
                    merge(entry.get_mut(), value, &pointer)?;
                }
                Entry::Occupied(_) => return Err(A::Error::custom(format!("`{pointer}` occurs twice"))),
            }
        }
        Ok(Value::Object(object))
    }
}

/// Adds the members of the second object to the first.
fn merge<E: Error>(first: &mut Value, second: Value, pointer: &str) -> Result<(), E> {
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return Err(E::custom(format!("`{pointer}` occurs twice")));
    };
    for (name, value) in second {
        if first.contains_key(&name) {
            return Err(E::custom(format!("`{pointer}/{name}` occurs twice")));
        }
        first.insert(name, value);
    }
    Ok(())
}
