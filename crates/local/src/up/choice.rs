//! The choice of the database: a private server, or the user's own.

use std::path::{Path, PathBuf};

use logs_core::mysql::DatabaseSettings;
use logs_core::{Credentials, CredentialsError};

use crate::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// A private server.
    Private,
    /// The user's own, by URL.
    Own(String),
    /// The user's own, by `secrets.json`.
    Secrets(PathBuf),
    /// A DynamoDB table, which this program of dynoxide plays.
    DynamoDb(PathBuf),
}

impl DatabaseChoice {
    /// Whether the store keeps a summary of the codes.
    pub(super) fn has_summary(&self) -> bool {
        !matches!(self, Self::DynamoDb(_))
    }

    /// The URL of the user's own database. `None` for a private server, which is not running yet.
    pub fn own_url(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::Private | Self::DynamoDb(_) => Ok(None),
            Self::Own(url) => Ok(Some(url.clone())),
            Self::Secrets(path) => url_from_secrets(path).map(Some),
        }
    }
}

fn url_from_secrets(path: &Path) -> Result<String, Failure> {
    let file = path.display();
    let json = std::fs::read_to_string(path).map_err(|error| format!("{file} cannot be read: {error}"))?;
    let invalid = |error: CredentialsError| format!("{file} {error}; secrets.example.json shows how it must look");
    let Credentials { username, password, host, port, database } = Credentials::parse(&json).map_err(invalid)?;
    let wrong = |what| format!("{file}: {what}");
    let host = host.ok_or_else(|| wrong("HOST is missing; it names the server"))?;
    let port = port.ok_or_else(|| wrong("PORT is missing; the usual one is 3306"))?;
    let database = database.ok_or_else(|| wrong("DBNAME is missing; the usual one is Error_Logs"))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let (username, password, database) = (encode(&username), encode(&password), encode(&database));
    // Encrypt what leaves the machine. To verify the server's name too, use DATABASE_URL with VERIFY_IDENTITY.
    let is_near = ["localhost", "127.0.0.1", "[::1]"].contains(&&*host);
    let encryption = if is_near { "PREFERRED" } else { "REQUIRED" };
    let url = format!("mysql://{username}:{password}@{host}:{port}/{database}?ssl-mode={encryption}");
    DatabaseSettings::from_url(&url).map_err(|_| wrong("HOST must be a host name or an address, without a port"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(json: &str) -> Result<String, String> {
        let file = std::env::temp_dir().join(format!("secrets-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, json).expect("the temporary folder can be written");
        let url = url_from_secrets(&file).map_err(|error| error.to_string());
        std::fs::remove_file(&file).expect("the file was just written");
        url
    }

    #[test]
    fn a_password_may_have_any_character() {
        let json = r#"{"HOST":"db.example","PORT":3306,"USER":"admin","PASS":"p@ss:w/rd?#%","DBNAME":"Error_Logs"}"#;
        assert_eq!(
            url(json).as_deref(),
            Ok("mysql://admin:p%40ss%3Aw%2Frd%3F%23%25@db.example:3306/Error%5FLogs?ssl-mode=REQUIRED")
        );
    }

    #[test]
    fn a_port_may_be_text_and_a_host_an_address_of_either_kind() {
        let json = r#"{"HOST":"::1","PORT":"3307","USER":"a","PASS":"b","DBNAME":"c"}"#;
        assert_eq!(url(json).as_deref(), Ok("mysql://a:b@[::1]:3307/c?ssl-mode=PREFERRED"));
    }

    #[test]
    fn a_wrong_value_is_named_and_the_password_is_not_shown() {
        let good = [("HOST", "\"db\""), ("PORT", "3306"), ("DBNAME", "\"c\"")];
        for (name, wrong) in [
            ("HOST", "\"a b\""),
            ("HOST", "\"\""),
            ("HOST", "null"),
            ("PORT", "99999"),
            ("PORT", "\"x\""),
            ("DBNAME", "\"\""),
        ] {
            let fields = good.map(|(key, value)| format!("\"{key}\":{}", if key == name { wrong } else { value }));
            let said = url(&format!("{{{},\"USER\":\"a\",\"PASS\":\"s3cret\"}}", fields.join(","))).expect_err(name);
            assert!(said.contains(name) && !said.contains("s3cret"), "{said}");
        }
        let number = r#"{"HOST":"db","PORT":1,"USER":"a","PASS":31415926,"DBNAME":"c"}"#;
        let said = url(number).expect_err("a password is text");
        assert!(said.contains("must have text under PASS") && !said.contains("31415926"), "{said}");
    }
}
