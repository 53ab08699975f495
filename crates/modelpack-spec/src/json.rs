//! JSON as strict as content that is named by its digest must be read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Fields that this version does not know, kept so that they can be written back.
pub(crate) type Extra = BTreeMap<String, serde_json::Value>;

/// Parses `bytes`, refusing an object that has the same key twice anywhere: two readers that take
/// different ones of the two would see two documents behind one digest. Nesting is bounded by the
/// recursion limit of the parser (128).
pub(crate) fn parse<T: DeserializeOwned>(document: &'static str, bytes: &[u8]) -> Result<T, Error> {
    let invalid = |error: serde_json::Error| Error::InvalidDocument {
        document,
        reason: error.to_string(),
    };
    let mut unique = serde_json::Deserializer::from_slice(bytes);
    UniqueKeys.deserialize(&mut unique).map_err(invalid)?;
    serde_json::from_slice(bytes).map_err(invalid)
}

/// Writes compact JSON in the order of the fields, ending without a line break.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value)
        .expect("documents hold only text keys and plain values, which always serialise")
}

/// Reads `null` like an absent field, since Go writes empty lists and maps that way.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

struct UniqueKeys;

impl<'de> DeserializeSeed<'de> for UniqueKeys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(UniqueKeys)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = std::collections::BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value_seed(UniqueKeys)?;
            if !keys.insert(key.clone()) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key `{key}` stands twice in one object"
                )));
            }
        }
        Ok(())
    }
}
