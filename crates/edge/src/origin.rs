//! CORS: the origin whose pages may call the APIs.

use http::HeaderValue;
use logs_core::settings::{Env, SettingError};

/// The origin that browsers may call from, as a header value: `ALLOWED_ORIGIN`, `*` by default.
pub fn allowed_origin(env: Env<'_>) -> Result<HeaderValue, SettingError> {
    let origin = env("ALLOWED_ORIGIN").unwrap_or_else(|| "*".to_owned());
    let is_one_word = !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(&origin).ok().filter(|_| is_one_word).ok_or(SettingError::Invalid {
        variable: "ALLOWED_ORIGIN",
        expected: "* or an origin like https://example.com",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(value: &'static str) -> Result<HeaderValue, SettingError> {
        allowed_origin(&|name| (name == "ALLOWED_ORIGIN").then(|| value.to_owned()))
    }

    #[test]
    fn every_origin_is_allowed_unless_one_is_named() {
        assert_eq!(allowed_origin(&|_| None).unwrap(), "*");
        assert_eq!(origin("https://example.com:8443").unwrap(), "https://example.com:8443");
    }

    #[test]
    fn an_origin_that_is_not_valid_in_a_header_is_refused() {
        for value in ["", " ", "https://a.example https://b.example", "https://a.example\r\nx: y", "https://ä.example"]
        {
            let error = origin(value).unwrap_err();
            assert!(matches!(error, SettingError::Invalid { variable: "ALLOWED_ORIGIN", .. }), "{value}: {error}");
        }
    }
}
