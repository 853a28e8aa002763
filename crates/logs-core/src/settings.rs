//! Settings from the environment. A missing or contradictory one is an error that names the variable, and
//! never shows its value: it may hold a password.

use std::fmt;

use sqlx::mysql::MySqlConnectOptions;

/// Why the process cannot start, in one sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A variable that must be set is not.
    #[error("{variable} is not set: it must be {expected}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A variable has a value that cannot be used.
    #[error("{variable} cannot be used: it must be {expected}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

/// Reads one variable; passed in, so that tests need no real environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the database is and who logs in there.
#[derive(Clone)]
pub struct DatabaseSettings {
    options: MySqlConnectOptions,
}

/// Without the options: they would show the password.
impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DatabaseSettings").finish_non_exhaustive()
    }
}

const DATABASE_URL: &str = "a URL like mysql://user:password@host:3306/Error_Logs";

impl DatabaseSettings {
    /// From `DATABASE_URL`: `mysql://user:password@host:port/database`, with `?ssl-mode=VERIFY_IDENTITY&ssl-ca=…`
    /// where the connection leaves the machine.
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Self, SettingError> {
        let url =
            lookup("DATABASE_URL").ok_or(SettingError::Missing { variable: "DATABASE_URL", expected: DATABASE_URL })?;
        Self::from_url(&url)
    }

    /// From a URL as in `DATABASE_URL`.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        let invalid = SettingError::Invalid { variable: "DATABASE_URL", expected: DATABASE_URL };
        if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
            return Err(invalid);
        }
        let options: MySqlConnectOptions = url.parse().map_err(|_| invalid.clone())?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(invalid);
        }
        Ok(Self { options })
    }

    pub(crate) fn connect_options(&self) -> MySqlConnectOptions {
        self.options.clone()
    }
}

/// The origin that browsers may call from: `ALLOWED_ORIGIN`, `*` by default.
pub fn allowed_origin(lookup: Lookup<'_>) -> Result<String, SettingError> {
    let origin = lookup("ALLOWED_ORIGIN").unwrap_or_else(|| "*".to_owned());
    if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SettingError::Invalid {
            variable: "ALLOWED_ORIGIN",
            expected: "* or an origin like https://example.com",
        });
    }
    Ok(origin)
}

/// Looks a variable up in this process's environment. What is not Unicode in it becomes U+FFFD, which no setting allows.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::mysql::MySqlSslMode;

    use super::*;

    fn database(url: &'static str) -> Result<MySqlConnectOptions, SettingError> {
        DatabaseSettings::from_environment(&|name| (name == "DATABASE_URL").then(|| url.to_owned()))
            .map(|settings| settings.connect_options())
    }

    fn origin(value: &'static str) -> Result<String, SettingError> {
        allowed_origin(&|name| (name == "ALLOWED_ORIGIN").then(|| value.to_owned()))
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_missing_database_url_is_named() {
        let error = DatabaseSettings::from_environment(&nothing).unwrap_err();
        let expected = "DATABASE_URL is not set: it must be a URL like mysql://user:password@host:3306/Error_Logs";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_database_url_says_where_and_who() {
        let options = database("mysql://writer:secret@db.example.com:3307/Error_Logs").unwrap();
        assert_eq!(options.get_host(), "db.example.com");
        assert_eq!(options.get_port(), 3307);
        assert_eq!(options.get_username(), "writer");
        assert_eq!(options.get_database(), Some("Error_Logs"));
        assert_eq!(options.to_url_lossy().password(), Some("secret"));
    }

    #[test]
    fn the_port_of_a_database_url_is_3306_unless_it_says_otherwise() {
        for url in ["mysql://u:p@h/Error_Logs", "mariadb://u:p@h/Error_Logs"] {
            assert_eq!(database(url).unwrap().get_port(), 3306);
        }
    }

    #[test]
    fn odd_characters_in_a_database_url_are_percent_encoded() {
        let options = database("mysql://a%40b:p%2Fw%23@h/Error%20Logs").unwrap();
        assert_eq!(options.get_username(), "a@b");
        assert_eq!(options.get_database(), Some("Error Logs"));
        assert_eq!(options.to_url_lossy().password(), Some("p%2Fw%23"));
    }

    #[test]
    fn a_database_url_can_ask_for_verified_tls() {
        let options = database("mysql://u:p@h/Error_Logs?ssl-mode=VERIFY_IDENTITY").unwrap();
        assert!(matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
    }

    #[test]
    fn a_database_url_that_cannot_be_used_is_refused_without_being_shown() {
        for url in [
            "",
            "hunter2",
            "postgres://u:hunter2@h/Error_Logs",
            "MYSQL:u:hunter2@h/Error_Logs",
            "mysql://",
            "mysql://u:hunter2@h",
            "mysql://u:hunter2@h/",
            "mysql://u:hunter2@h:port/Error_Logs",
            "mysql://u:hunter2@h:65536/Error_Logs",
            "mysql://u:hunter2@h h/Error_Logs",
            "mysql://u:hunter2@h/%ff",
            "mysql://u:%ff@h/Error_Logs",
            "mysql://u:hunter2@h/Error_Logs?ssl-mode=hunter2",
        ] {
            let error = database(url).unwrap_err();
            assert!(matches!(error, SettingError::Invalid { variable: "DATABASE_URL", .. }), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn every_origin_is_allowed_unless_one_is_named() {
        assert_eq!(allowed_origin(&nothing).as_deref(), Ok("*"));
        assert_eq!(origin("https://example.com:8443").as_deref(), Ok("https://example.com:8443"));
    }

    #[test]
    fn an_origin_that_cannot_stand_in_a_header_is_refused() {
        for value in ["", " ", "https://a.example https://b.example", "https://a.example\r\nx: y", "https://ä.example"]
        {
            let error = origin(value).unwrap_err();
            assert!(matches!(error, SettingError::Invalid { variable: "ALLOWED_ORIGIN", .. }), "{value}: {error}");
        }
    }
}
