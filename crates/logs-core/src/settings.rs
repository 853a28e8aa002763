//! Settings from the environment. A missing or contradictory one is an error that names the variable, and
//! never shows its value: it may hold a password.

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
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    options: MySqlConnectOptions,
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

/// Looks a variable up in this process's environment; one that is not Unicode counts as unset.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
