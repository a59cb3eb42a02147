//! JSON objects read strictly: each name once, each field of its type, nothing left over.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::refusal::{Refusal, quoted};

/// A JSON value that kept the order of its fields and was refused where a name came twice: engines differ in
/// which of the two they take.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Whether leaving the field out means the same to an engine.
    fn is_default(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Unsigned(0) | Self::Signed(0) => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Object(fields) => fields.iter().all(|(_, value)| value.is_default()),
            Self::Bool(true) | Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonVisitor;

        impl<'de> Visitor<'de> for JsonVisitor {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Signed(value))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut fields: Vec<(String, Json)> = Vec::new();
                let mut names = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, Json>()? {
                    // Engines written in Go match names without regard to case.
                    if !names.insert(name.to_lowercase()) {
                        return Err(A::Error::custom("a name comes twice"));
                    }
                    fields.push((name, value));
                }
                Ok(Json::Object(fields))
            }
        }

        deserializer.deserialize_any(JsonVisitor)
    }
}

/// The fields of one object. Known ones are taken; [`Self::finish`] refuses the others unless they say nothing.
#[derive(Debug)]
pub(super) struct Fields {
    /// The names of the objects that it lies in, with a full stop behind each.
    path: String,
    left: Vec<(String, Json)>,
}

impl Fields {
    /// Reads a whole body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Json::Object(left)) => Ok(Self { path: String::new(), left }),
            Ok(_) => Err(Refusal::Body("not a JSON object")),
            Err(error) if error.is_data() => Err(Refusal::Body("a name comes twice")),
            Err(_) => Err(Refusal::Body("not JSON")),
        }
    }

    /// The field's full name.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{}", self.path, quoted(name))
    }

    /// A refusal of a field's value.
    pub(super) fn bad(&self, name: &str, why: &'static str) -> Refusal {
        Refusal::Value {
            field: self.name(name),
            why,
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let index = self.left.iter().position(|(other, _)| other == name)?;
        match self.left.swap_remove(index).1 {
            Json::Null => None,
            value => Some(value),
        }
    }

    /// Text; none where it is absent or empty, which engines read alike.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) if text.is_empty() => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(name, "not a text")),
        }
    }

    /// A whole number that is not negative; none where it is absent or 0, which engines read alike.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.take(name) {
            None | Some(Json::Unsigned(0)) => Ok(None),
            Some(Json::Unsigned(number)) => Ok(Some(number)),
            Some(_) => Err(self.bad(name, "not a positive whole number")),
        }
    }

    /// A flag; false where it is absent.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.bad(name, "not a flag")),
        }
    }

    /// A list of texts; empty where it is absent.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let list = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Json::List(list)) => list,
            Some(_) => return Err(self.bad(name, "not a list")),
        };
        list.into_iter()
            .map(|value| match value {
                Json::Text(text) => Ok(text),
                _ => Err(self.bad(name, "not a list of texts")),
            })
            .collect()
    }

    /// A list of objects; empty where it is absent.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, Refusal> {
        let list = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Json::List(list)) => list,
            Some(_) => return Err(self.bad(name, "not a list")),
        };
        list.into_iter()
            .map(|value| match value {
                Json::Object(left) => Ok(Self {
                    path: format!("{}.", self.name(name)),
                    left,
                }),
                _ => Err(self.bad(name, "not a list of objects")),
            })
            .collect()
    }

    /// An object within; none where it is absent.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Object(left)) => Ok(Some(Self {
                path: format!("{}.", self.name(name)),
                left,
            })),
            Some(_) => Err(self.bad(name, "not an object")),
        }
    }

    /// An object of texts, in no order; empty where it is absent.
    pub(super) fn map(&mut self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let Some(object) = self.object(name)? else {
            return Ok(Vec::new());
        };
        object
            .left
            .into_iter()
            .map(|(key, value)| match value {
                Json::Text(text) => Ok((key, text)),
                _ => Err(self.bad(name, "not an object of texts")),
            })
            .collect()
    }

    /// Refuses a text that is there and is none of `allowed`.
    pub(super) fn only(&mut self, name: &str, allowed: &[&str]) -> Result<(), Refusal> {
        match self.text(name)? {
            Some(text) if !allowed.contains(&text.as_str()) => Err(self.bad(name, "not a value that it may have")),
            _ => Ok(()),
        }
    }

    /// Refuses what no one took and says something.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.left.iter().find(|(_, value)| !value.is_default()) {
            Some((name, _)) => Err(Refusal::Field(self.name(name))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_come_once_even_in_other_case_and_deep_inside() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"A":2}"#,
            r#"{"x":{"a":1,"a":1}}"#,
            r#"{"x":[{"a":1,"a":1}]}"#,
        ] {
            assert_eq!(
                Fields::parse(bad.as_bytes()).unwrap_err(),
                Refusal::Body("a name comes twice"),
                "{bad}"
            );
        }
        for bad in ["", "[]", "1", "{", "{} {}", "nul", "\u{feff}{}"] {
            assert!(Fields::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        // A bomb of brackets ends at the parser's depth limit, not at the end of the stack.
        assert!(Fields::parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_left_is_refused_unless_it_says_nothing() {
        Fields::parse(br#"{"a":null,"b":false,"c":0,"d":"","e":[],"f":{"g":{"h":0}}}"#)
            .unwrap()
            .finish()
            .unwrap();
        for bad in [
            r#"{"a":true}"#,
            r#"{"a":-1}"#,
            r#"{"a":0.0}"#,
            r#"{"a":" "}"#,
            r#"{"a":[null]}"#,
            r#"{"a":{"b":1}}"#,
        ] {
            assert_eq!(
                Fields::parse(bad.as_bytes()).unwrap().finish().unwrap_err(),
                Refusal::Field("a".into()),
                "{bad}"
            );
        }
    }
}
