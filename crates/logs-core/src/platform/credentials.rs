//! The secret with a database user's credentials, as JSON.

use std::fmt;

use serde_json::{Map, Value};

/// A database login, and the server if the secret names it: `{"username":…,"password":…,"host":…,"port":…,"dbname":…}`
/// as AWS writes it, or `{"USER":…,"PASS":…,"HOST":…,"PORT":…,"DBNAME":…}` as `secrets.json` does. The last three may
/// be missing. If both spellings of a key are there, AWS's counts. Other keys are ignored.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// Host name or address.
    pub host: Option<String>,
    /// The port: a number, or a number as text.
    pub port: Option<u16>,
    /// The name of the database.
    pub database: Option<String>,
}

/// Why a secret holds no credentials. The text follows the secret's name and never shows a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Not a JSON object. Without serde's message, which may show the password.
    #[error("is not a JSON object; line {0}, column {1} is wrong")]
    NotAnObject(usize, usize),
    /// A key is missing.
    #[error("must have the key {0} or {1}")]
    Missing(&'static str, &'static str),
    /// A value is not text, or is empty.
    #[error("must have text under {0}")]
    NotText(&'static str),
    /// The port is not valid.
    #[error("must have a number from 1 to 65535 under {0}")]
    NotAPort(&'static str),
}

/// Hides the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads a secret. A byte order mark, which editors on Windows like to leave, is skipped.
    pub fn parse(json: &str) -> Result<Self, CredentialsError> {
        let secret: Map<String, Value> = serde_json::from_str(json.trim_start_matches('\u{feff}'))
            .map_err(|error| CredentialsError::NotAnObject(error.line(), error.column()))?;
        let must = |names: Names, value: Option<String>| value.ok_or(CredentialsError::Missing(names.0, names.1));
        Ok(Self {
            username: must(USERNAME, text(&secret, USERNAME)?)?,
            password: must(PASSWORD, text(&secret, PASSWORD)?)?,
            host: text(&secret, HOST)?,
            port: port(&secret)?,
            database: text(&secret, DATABASE)?,
        })
    }
}

/// AWS's name of a key, and the one of `secrets.json`.
type Names = (&'static str, &'static str);

const USERNAME: Names = ("username", "USER");
const PASSWORD: Names = ("password", "PASS");
const HOST: Names = ("host", "HOST");
const PORT: Names = ("port", "PORT");
const DATABASE: Names = ("dbname", "DBNAME");

fn find(secret: &Map<String, Value>, names: Names) -> Option<(&'static str, &Value)> {
    let value = |name| secret.get(name).filter(|value| !value.is_null()).map(|value| (name, value));
    value(names.0).or_else(|| value(names.1))
}

fn text(secret: &Map<String, Value>, names: Names) -> Result<Option<String>, CredentialsError> {
    let Some((name, value)) = find(secret, names) else { return Ok(None) };
    // Only the password may be empty.
    let is_good = |text: &&str| !text.is_empty() || names == PASSWORD;
    let text = value.as_str().filter(is_good).ok_or(CredentialsError::NotText(name))?;
    Ok(Some(text.to_owned()))
}

fn port(secret: &Map<String, Value>) -> Result<Option<u16>, CredentialsError> {
    let Some((name, value)) = find(secret, PORT) else { return Ok(None) };
    let number = match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    number.filter(|port| *port > 0).map(Some).ok_or(CredentialsError::NotAPort(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Credentials {
        Credentials::parse(json).unwrap()
    }

    #[test]
    fn both_spellings_of_the_keys_are_read() {
        let aws =
            r#"{"host":"db","port":3307,"username":"writer","password":"p w","dbname":"Error_Logs","engine":"mysql"}"#;
        let short = r#"{"HOST":"db","PORT":"3307","USER":"writer","PASS":"p w","DBNAME":"Error_Logs"}"#;
        assert_eq!(parsed(aws), parsed(short));
        assert_eq!(parsed(aws).port, Some(3307));
        assert_eq!(parsed(aws).database.as_deref(), Some("Error_Logs"));
    }

    #[test]
    fn a_secret_that_rds_manages_has_only_username_and_password() {
        let credentials = parsed(r#"{"username":"admin","password":"p","host":null}"#);
        assert_eq!((credentials.host, credentials.port, credentials.database), (None, None, None));
    }

    #[test]
    fn if_both_spellings_are_there_that_of_aws_counts() {
        let credentials = parsed(r#"{"USER":"old","username":"new","PASS":"old","password":"new"}"#);
        assert_eq!((&*credentials.username, &*credentials.password), ("new", "new"));
    }

    #[test]
    fn an_error_names_the_key_and_shows_no_value() {
        for (json, expected) in [
            (r#"{"password":"hunter2"}"#, "must have the key username or USER"),
            (r#"{"USER":"u"}"#, "must have the key password or PASS"),
            (r#"{"USER":"","PASS":"hunter2"}"#, "must have text under USER"),
            (r#"{"USER":"u","PASS":12345}"#, "must have text under PASS"),
            (r#"{"username":7,"password":"hunter2"}"#, "must have text under username"),
            (r#"{"username":"u","password":"hunter2","host":""}"#, "must have text under host"),
            (r#"{"USER":"u","PASS":"hunter2","PORT":0}"#, "must have a number from 1 to 65535 under PORT"),
            (r#"{"USER":"u","PASS":"hunter2","PORT":"65536"}"#, "must have a number from 1 to 65535 under PORT"),
            (r#"{"USER":"u","PASS":"hunter2","PORT":3306.5}"#, "must have a number from 1 to 65535 under PORT"),
            (r#"{"USER":"u","PASS":"hunter2""#, "is not a JSON object; line 1, column 28 is wrong"),
            (r#"["hunter2"]"#, "is not a JSON object; line 1, column 0 is wrong"),
            ("", "is not a JSON object; line 1, column 0 is wrong"),
        ] {
            let error = Credentials::parse(json).unwrap_err();
            assert_eq!(error.to_string(), expected, "{json}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn debug_output_of_credentials_hides_the_password() {
        let credentials = parsed(r#"{"USER":"writer","PASS":"hunter2"}"#);
        assert_eq!(format!("{credentials:?}"), r#"Credentials { username: "writer", .. }"#);
    }
}
