//! Strict JSON: what RFC 8259 leaves open is decided here. Duplicate members, too deep and too many values are refused, so that
//! no two readers can see different things in the same text. Must never be replaced by a lenient parse on signed input.

use super::limits::{DEEPEST_JSON, MOST_JSON_VALUES};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{cell::Cell, fmt};

/// Why a JSON text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("not well-formed JSON in UTF-8")]
    Malformed,
    #[error("a member appears twice in one object")]
    DuplicateMember,
    #[error("nested deeper than {DEEPEST_JSON} levels or more values than the limit")]
    TooLarge,
}

/// Parses a whole JSON text. Costs memory in proportion to the input, which the caller has bounded.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    parse_within(text, MOST_JSON_VALUES)
}

/// As [`parse`], with another bound on the number of values.
pub fn parse_within(text: &[u8], most_values: usize) -> Result<Value, JsonError> {
    let state = State { values_left: Cell::new(most_values), refusal: Cell::new(None) };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let refused = |state: &State| state.refusal.get().unwrap_or(JsonError::Malformed);
    let value = Strict { state: &state, depth: 0 }.deserialize(&mut reader).map_err(|_| refused(&state))?;
    reader.end().map_err(|_| JsonError::Malformed)?;
    Ok(value)
}

/// Parses a whole JSON text that must be an object.
pub fn parse_object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    parse_object_within(text, MOST_JSON_VALUES)
}

/// As [`parse_object`], with another bound on the number of values.
pub fn parse_object_within(text: &[u8], most_values: usize) -> Result<Map<String, Value>, JsonError> {
    match parse_within(text, most_values)? {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::Malformed),
    }
}

/// What one parse has used up, and why it was refused where it was.
struct State {
    values_left: Cell<usize>,
    refusal: Cell<Option<JsonError>>,
}

#[derive(Clone, Copy)]
struct Strict<'s> {
    state: &'s State,
    depth: usize,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(self, why: JsonError) -> E {
        self.state.refusal.set(Some(why));
        E::custom(why)
    }

    /// One level down, where depth and count still allow it.
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.state.values_left.get().checked_sub(1) {
            Some(left) if self.depth < DEEPEST_JSON => {
                self.state.values_left.set(left);
                Ok(Self { state: self.state, depth: self.depth + 1 })
            }
            _ => Err(self.refuse(JsonError::TooLarge)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self.inner()?)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(JsonError::DuplicateMember));
            }
            let value = members.next_value_seed(self.inner()?)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// The canonical form of RFC 8785 of any serialisable value; `None` where it holds a number that the form cannot carry.
pub fn canonical<T: serde::Serialize>(value: &T) -> Option<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_are_refused_at_every_depth_and_in_every_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#, r#"{"":0,"":0}"#] {
            assert_eq!(parse(text.as_bytes()), Err(JsonError::DuplicateMember), "{text}");
        }
        assert!(parse(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn malformed_deep_and_wide_texts_are_refused() {
        for text in [&b""[..], b"{", b"{} {}", b"\xef\xbb\xbf{}", b"\"\xff\"", b"\"\\ud800\"", b"[1,]", b"NaN", b"'a'"]
        {
            assert_eq!(parse(text), Err(JsonError::Malformed), "{text:?}");
        }
        let deep = [vec![b'['; DEEPEST_JSON + 1], vec![b']'; DEEPEST_JSON + 1]].concat();
        assert_eq!(parse(&deep), Err(JsonError::TooLarge));
        let wide = format!("[{}0]", "0,".repeat(MOST_JSON_VALUES));
        assert_eq!(parse(wide.as_bytes()), Err(JsonError::TooLarge));
    }

    #[test]
    fn canonical_form_is_that_of_the_rfc() {
        // RFC 8785 §3.2.3, the example of sorting by UTF-16 code units, and §3.2.2.3 numbers.
        let value =
            parse("{\"\\u20ac\":1,\"\\r\":2,\"1\":1e21,\"\u{1f600}\":4.50,\"\u{fb33}\":null}".as_bytes()).unwrap();
        let text = String::from_utf8(canonical(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"\\r\":2,\"1\":1e+21,\"\u{20ac}\":1,\"\u{1f600}\":4.5,\"\u{fb33}\":null}");
    }

    proptest! {
        #[test]
        fn whatever_serde_json_accepts_without_duplicates_is_read_the_same(text in "[\\[\\]{}:,\"a-c0-9.eE \\\\u-]{0,40}") {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
