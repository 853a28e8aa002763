//! The parameters of GET /logs.

use crate::domain::{DeviceId, ErrorCode, Query};

/// Why the parameters are refused. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no such parameter.
    #[error("there is no parameter {0}; there are limit, device_id, error_code and before")]
    Unknown(String),
    /// A parameter is there twice.
    #[error("the parameter {0} is there more than once")]
    Repeated(&'static str),
    /// A parameter has a wrong value.
    #[error("the parameter {name} must be {expected}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl Query {
    /// Reads the parameters, decoded. Names that begin with `_` are ignored: libraries of browsers add them against caches.
    ///
    /// # Errors
    /// A parameter is unknown, repeated, or has a wrong value.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryError> {
        let mut texts = [("limit", None), ("device_id", None), ("error_code", None), ("before", None)];
        for (name, value) in parameters {
            if name.starts_with('_') {
                continue;
            }
            let (name, text) = texts.iter_mut().find(|text| text.0 == name).ok_or_else(|| unknown(name))?;
            if text.replace(value).is_some() {
                return Err(QueryError::Repeated(name));
            }
        }
        let [(_, limit), (_, device_id), (_, error_code), (_, before)] = texts;
        let limit = valid("limit", "a number from 1 to 100", limit, |text| {
            digits(text)?.parse().ok().filter(|limit| (1..=Self::MAX_LIMIT).contains(limit))
        })?;
        let device_id = valid("device_id", "a device's ID of 1 to 255 characters", device_id, |text| {
            DeviceId::parse(text.to_owned()).ok()
        })?;
        let error_code = valid("error_code", "an integer between -2147483648 and 2147483647", error_code, |text| {
            digits(text.strip_prefix('-').unwrap_or(text))?;
            ErrorCode::parse(text.parse().ok()?).ok()
        })?;
        let before = valid("before", "the `next` of an earlier answer", before, |text| text.parse().ok())?;
        Ok(Self { limit: limit.unwrap_or(Self::default().limit), device_id, error_code, before })
    }
}

fn valid<T>(
    name: &'static str,
    expected: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, QueryError> {
    text.map(|text| parse(text).ok_or(QueryError::Invalid { name, expected })).transpose()
}

/// A name is repeated as far as it is one: it may be anything.
fn unknown(name: &str) -> QueryError {
    let is_plain = |sign: &char| sign.is_ascii_alphanumeric() || *sign == '_';
    QueryError::Unknown(format!("`{}`", name.chars().take(32).take_while(is_plain).collect::<String>()))
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(parameters: &[(&str, &str)]) -> String {
        Query::parse(parameters.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn without_parameters_it_asks_for_the_ten_most_recent() {
        assert_eq!(Query::parse([]), Ok(Query::default()));
        assert_eq!(Query::parse([("_", "1764000000"), ("_", ""), ("_cache", "x")]), Ok(Query::default()));
    }

    #[test]
    fn all_parameters_are_read() {
        let all = [("before", "5-7"), ("limit", "100"), ("error_code", "-2147483648"), ("device_id", " ä ")];
        let query = Query::parse(all).unwrap();
        assert_eq!((query.limit, query.error_code.map(ErrorCode::get)), (100, Some(i32::MIN)));
        assert_eq!(query.device_id.unwrap().as_str(), " ä ");
        assert_eq!(query.before.unwrap().to_string(), "5-7");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let too_long = "d".repeat(256);
        for (name, value) in [
            ("limit", "0"),
            ("limit", "101"),
            ("limit", ""),
            ("limit", "+5"),
            ("limit", "1e1"),
            ("device_id", ""),
            ("device_id", &too_long),
            ("error_code", "107.0"),
            ("error_code", "2147483648"),
            ("error_code", "--1"),
            ("error_code", "-"),
            ("error_code", "+1"),
            ("before", ""),
            ("before", "yesterday"),
        ] {
            let error = error(&[(name, value)]);
            assert!(error.starts_with(&format!("the parameter {name} must be ")), "{name}={value}: {error}");
        }
        assert_eq!(error(&[("limit", "5"), ("limit", "5")]), "the parameter limit is there more than once");
        for unknown in ["Limit", "offset", "", "<script>"] {
            assert!(error(&[(unknown, "1")]).starts_with("there is no parameter `"));
        }
        assert!(error(&[("devce_id", "a")]).starts_with("there is no parameter `devce_id`;"));
        assert!(!error(&[("<script>", "a")]).contains("script"));
    }
}
