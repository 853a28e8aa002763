//! The parameters of GET /logs and GET /codes.

use crate::domain::{CodesQuery, DeviceId, ErrorCode, Query};

/// Why the parameters are refused. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no such parameter.
    #[error("there is no parameter {name}; there {known}")]
    Unknown {
        /// Its name, up to the first character that is not a letter, a digit or `_`.
        name: String,
        /// The parameters that exist.
        known: &'static str,
    },
    /// A parameter occurs twice.
    #[error("the parameter {0} occurs more than once")]
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
    /// Reads the parameters, decoded. Names that begin with `_` are ignored: browser libraries add them to bypass
    /// caches.
    ///
    /// # Errors
    /// A parameter is unknown, repeated, or has a wrong value.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryError> {
        let names = ["limit", "device_id", "error_code", "before"];
        let known = "are limit, device_id, error_code and before";
        let [limit, device_id, error_code, before] = texts(names, known, parameters)?;
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
        let before = valid("before", "the `next` of an earlier response", before, |text| text.parse().ok())?;
        Ok(Self { limit: limit.unwrap_or(Self::default().limit), device_id, error_code, before })
    }
}

impl CodesQuery {
    /// Reads the parameters, decoded. Names that begin with `_` are ignored.
    ///
    /// # Errors
    /// A parameter is unknown, repeated, or has a wrong value.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryError> {
        let [hours] = texts(["hours"], "is only hours", parameters)?;
        let hours = valid("hours", "a number from 1 to 168", hours, |text| {
            digits(text)?.parse().ok().filter(|hours| (1..=Self::MAX_HOURS).contains(hours))
        })?;
        Ok(hours.map_or_else(Self::default, |hours| Self { hours }))
    }
}

/// The text of each of these parameters, if it is there.
fn texts<'a, const N: usize>(
    names: [&'static str; N],
    known: &'static str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<[Option<&'a str>; N], QueryError> {
    let mut texts = names.map(|name| (name, None));
    for (name, value) in parameters.into_iter().filter(|parameter| !parameter.0.starts_with('_')) {
        let text = texts.iter_mut().find(|text| text.0 == name);
        let (name, text) = text.ok_or_else(|| QueryError::Unknown { name: plain(name), known })?;
        if text.replace(value).is_some() {
            return Err(QueryError::Repeated(name));
        }
    }
    Ok(texts.map(|text| text.1))
}

fn valid<T>(
    name: &'static str,
    expected: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, QueryError> {
    text.map(|text| parse(text).ok_or(QueryError::Invalid { name, expected })).transpose()
}

/// The beginning of a name that is safe to repeat. A client may send anything.
fn plain(name: &str) -> String {
    let is_plain = |sign: &char| sign.is_ascii_alphanumeric() || *sign == '_';
    format!("`{}`", name.chars().take(32).take_while(is_plain).collect::<String>())
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
        assert_eq!(error(&[("limit", "5"), ("limit", "5")]), "the parameter limit occurs more than once");
        for unknown in ["Limit", "offset", "", "<script>"] {
            assert!(error(&[(unknown, "1")]).starts_with("there is no parameter `"));
        }
        assert!(error(&[("devce_id", "a")]).starts_with("there is no parameter `devce_id`;"));
        assert!(!error(&[("<script>", "a")]).contains("script"));
    }

    #[test]
    fn the_codes_of_up_to_a_week_can_be_asked_for() {
        let parse = |parameters: &[(&'static str, &'static str)]| CodesQuery::parse(parameters.iter().copied());
        assert_eq!(parse(&[("_", "1")]).unwrap().hours, 24);
        for (text, hours) in [("1", 1), ("168", 168), ("024", 24)] {
            assert_eq!(parse(&[("hours", text)]).unwrap().hours, hours);
        }
        for text in ["", "0", "169", "-1", "+1", "1.5", "24h", "99999999999"] {
            let error = parse(&[("hours", text)]).unwrap_err().to_string();
            assert_eq!(error, "the parameter hours must be a number from 1 to 168", "{text}");
        }
        let error = parse(&[("limit", "10")]).unwrap_err().to_string();
        assert_eq!(error, "there is no parameter `limit`; there is only hours");
    }
}
