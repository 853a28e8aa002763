//! Settings from the environment. A missing or contradictory one is an error that names the variable, and
//! never shows its value: it may hold a password.

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
    /// Two variables say the same thing in two ways.
    #[error("{0} and {1} are both set: remove one of them")]
    Both(&'static str, &'static str),
}

/// Reads one variable; passed in, so that tests need no real environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The secret that a variable names, by its ARN (or, in the region of `AWS_REGION`, its name).
pub fn secret(env: Env<'_>, variable: &'static str) -> Result<String, SettingError> {
    let expected = "the ARN of a secret in Secrets Manager";
    let arn = env(variable).ok_or(SettingError::Missing { variable, expected })?;
    if arn.is_empty() || !arn.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SettingError::Invalid { variable, expected });
    }
    Ok(arn)
}

/// The parameter that a variable names, as `/error-codes/prod/database`: Parameter Store's own rule.
pub fn parameter(env: Env<'_>, variable: &'static str) -> Result<String, SettingError> {
    let expected = "the name of a SecureString in Parameter Store: letters, digits, _, ., - and /";
    let name = env(variable).ok_or(SettingError::Missing { variable, expected })?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_good) {
        return Err(SettingError::Invalid { variable, expected });
    }
    Ok(name)
}

/// The database user that a variable names, who logs in with IAM tokens. MySQL's limit; without characters that mean
/// something in an ARN or a URL.
pub fn iam_user(env: Env<'_>, variable: &'static str) -> Result<String, SettingError> {
    let expected = "the name of a database user: up to 32 letters, digits, _ and -";
    let user = env(variable).ok_or(SettingError::Missing { variable, expected })?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if user.is_empty() || user.len() > 32 || !user.bytes().all(is_good) {
        return Err(SettingError::Invalid { variable, expected });
    }
    Ok(user)
}

/// A number of days, `least` or more; `None` where the variable is not set or empty.
pub fn days(env: Env<'_>, variable: &'static str, least: u16) -> Result<Option<u16>, SettingError> {
    let Some(text) = env(variable).filter(|text| !text.is_empty()) else { return Ok(None) };
    let expected =
        if least == 0 { "a number of days up to 65535, 0 for ever" } else { "a number of days from 1 to 65535" };
    let days = text.parse().ok().filter(|days| *days >= least);
    days.map(Some).ok_or(SettingError::Invalid { variable, expected })
}

/// Looks a variable up in this process's environment. What is not Unicode in it becomes U+FFFD, which no setting allows.
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_name_that_a_request_can_carry() {
        let named = |value: Option<&'static str>| secret(&move |_| value.map(str::to_owned), "SECRET");
        assert_eq!(named(Some("arn:aws:x")).as_deref(), Ok("arn:aws:x"));
        assert!(matches!(named(None), Err(SettingError::Missing { variable: "SECRET", .. })));
        for value in ["", "a name", "a\n", "\u{fffd}"] {
            assert!(matches!(named(Some(value)), Err(SettingError::Invalid { variable: "SECRET", .. })), "{value:?}");
        }
    }

    #[test]
    fn a_variable_of_this_process_is_found_and_another_one_is_not() {
        assert!(environment("PATH").is_some_and(|path| path.contains("/bin")));
        assert_eq!(environment("A_VARIABLE_THAT_NOBODY_SETS"), None);
    }
}
