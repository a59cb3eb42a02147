//! The configuration that an administrator gave this rule, strategy, provider or backend.

use serde::de::DeserializeOwned;

/// The configuration is not what the plugin understands. Goes back to the host as the world's `config` error, and from
/// there to the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    message: String,
}

impl ConfigError {
    /// Says what is wrong where: begin with the field's path, as in ``copy_in.patterns[2].pattern: unclosed group``.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The text.
    #[must_use]
    pub fn into_message(self) -> String {
        self.message
    }
}

/// Reads the configuration of this call. Where the administrator gave none it is `{}`, so give every field that can have one a
/// default, and refuse unknown fields (`#[serde(deny_unknown_fields)]`): a misspelled limit must not be no limit.
///
/// # Errors
/// It is not JSON of this shape; the message begins with the path of the field: `copy_in.checks[0].action: unknown variant ...`.
pub fn config<T: DeserializeOwned>() -> Result<T, ConfigError> {
    parse_config(&text())
}

/// [`config`] on a text that you have.
///
/// # Errors
/// As [`config`].
pub fn parse_config<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    // A list would be taken for a struct's fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(ConfigError::new("the configuration is a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        ConfigError::new(if matches!(path.as_str(), "." | "?") {
            cause.to_string()
        } else {
            format!("{path}: {cause}")
        })
    })?;
    json.end().map_err(|error| ConfigError::new(error.to_string()))?;
    Ok(value)
}

#[cfg(target_arch = "wasm32")]
fn text() -> String {
    crate::bindings::gatewright::types::config::get()
}

#[cfg(not(target_arch = "wasm32"))]
fn text() -> String {
    crate::testing::config_text()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        limit: u32,
    }

    fn message(text: &str) -> String {
        parse_config::<Outer>(text).unwrap_err().into_message()
    }

    #[test]
    fn an_error_begins_with_the_place() {
        assert!(message(r#"{"list":[{"limit":1},{"limit":-1}]}"#).starts_with("list[1].limit: invalid value"));
        assert!(message(r#"{"list":[{"limit":1,"x":2}]}"#).starts_with("list[0].x: unknown field `x`"));
        assert!(message(r#"{"list":[{}]}"#).starts_with("list[0]: missing field `limit`"));
        assert_eq!(message("[]"), "the configuration is a JSON object");
        assert!(message("{").starts_with("EOF while parsing"));
        assert!(message("{} {}").starts_with("trailing characters"));
    }

    #[test]
    fn natively_it_comes_from_the_test() {
        assert_eq!(config::<Outer>().unwrap(), Outer { list: Vec::new() });
        crate::testing::set_config(r#"{"list":[{"limit":7}]}"#);
        assert_eq!(
            config::<Outer>().unwrap(),
            Outer {
                list: vec![Inner { limit: 7 }]
            }
        );
    }
}
