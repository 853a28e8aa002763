//! The database users of the functions, each with exactly the rights that its function needs.

mod rights;

use sqlx::{Executor, MySqlConnection};

use super::error::{
    ACCESS_DENIED, CANNOT_CREATE_USER, DATABASE_ACCESS_DENIED, PLUGIN_MISSING, PRIVILEGE_MISSING, SYNTAX,
    TABLE_ACCESS_DENIED, number,
};
use crate::Secret;

pub use rights::Rights;
use rights::revoke_surplus;

/// The user of one function.
#[derive(Clone, Debug)]
pub struct DatabaseUser {
    /// Its name, and how it logs in.
    pub login: UserLogin,
    /// What it may do.
    pub rights: Rights,
}

/// How a function's user logs in.
#[derive(Clone, Debug)]
pub enum UserLogin {
    /// With a password. The secret has it, and the name; its other values are ignored.
    Secret(Secret),
    /// With IAM tokens. Holds the user's name.
    Iam(String),
}

/// The account to create or update.
pub(super) struct Account {
    pub(super) username: String,
    /// `None`: it logs in with IAM tokens.
    pub(super) password: Option<String>,
}

/// [`literal`] relies on this mode. It also makes a name that is too long an error instead of truncating it.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'";

/// Accounts of the same name for a specific host: MySQL prefers them over `'name'@'%'`.
const COUNT_OTHER_HOSTS: &str =
    "SELECT COUNT(*) FROM mysql.user WHERE CAST(User AS BINARY) = CAST(? AS BINARY) AND Host <> '%'";

const SELECT_PLUGIN: &str = "SELECT CAST(plugin AS CHAR), VERSION() FROM mysql.user \
     WHERE CAST(User AS BINARY) = CAST(? AS BINARY) AND Host = '%'";

/// Why a user could not be set up, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The server refused a statement.
    #[error("{}", explain(.0))]
    Statement(#[from] sqlx::Error),
    /// The login would not work on every server: MySQL strips blanks from a name, MariaDB refuses an empty password.
    #[error("its secret must have a username without blanks around it, and a password")]
    Unusable,
    /// `SHOW GRANTS` lacks what was just granted, so it cannot show surplus rights either.
    #[error("its rights are not visible; grant SELECT on mysql.* to the user that migrates")]
    RightsNotVisible,
    /// Rights that this program does not revoke: roles, routines, GRANT OPTION.
    #[error("it may do more than the function needs: {0}; drop the user and run this again")]
    SurplusRights(String),
    /// Logging in would use another account of the same name.
    #[error("an account of this name for a specific host exists and MySQL would prefer it; drop it")]
    OtherHost,
}

/// The name of the user that is logged in.
pub(super) async fn current_user(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    let account: String = sqlx::query_scalar("SELECT CURRENT_USER()").fetch_one(connection).await?;
    // The host follows the last @; a name may contain one as well.
    Ok(account.rsplit_once('@').map_or(account.clone(), |(name, _)| name.to_owned()))
}

/// RDS's and Aurora's own plugin, on MySQL and on MariaDB.
const IAM_PLUGIN: &str = "AWSAuthenticationPlugin";

/// Creates the user or changes its login, and gives it exactly these rights. Rights that it keeps are never revoked in
/// between, because the function may be running. Open connections outlive a change of the login.
///
/// These statements take no parameters, so the password stands in their text. MySQL replaces it there by `<secret>` in
/// its logs. A password in a variable would be logged (seen, MySQL 9.7).
pub(super) async fn set_up(connection: &mut MySqlConnection, user: &Account, rights: Rights) -> Result<(), UserError> {
    let Account { username, password } = user;
    if username.trim() != username || password.as_ref().is_some_and(String::is_empty) {
        return Err(UserError::Unusable);
    }
    let account = format!("{}@'%'", literal(username));
    connection.execute(SET_UP_SESSION).await?;
    let login = |plugin| format!("{account} {} REQUIRE SSL", identified(password.as_deref(), plugin));
    connection.execute(&*format!("CREATE USER IF NOT EXISTS {}", login(None))).await?;
    let plugin = plugin_for_password(connection, username).await?;
    connection.execute(&*format!("ALTER USER {}", login(plugin))).await?;
    for (privilege, table) in rights.grants() {
        connection.execute(&*format!("GRANT {privilege} ON `{table}` TO {account}")).await?;
    }
    revoke_surplus(connection, username, &account, rights).await?;
    let other_hosts: i64 = sqlx::query_scalar(COUNT_OTHER_HOSTS).bind(username).fetch_one(connection).await?;
    if other_hosts == 0 { Ok(()) } else { Err(UserError::OtherHost) }
}

/// The plugin to name with a password. MySQL keeps the plugin of an account unless the statement names another, so an
/// account that logged in by IAM would keep doing so. MariaDB switches to its password plugin by itself.
async fn plugin_for_password(
    connection: &mut MySqlConnection,
    username: &str,
) -> Result<Option<&'static str>, UserError> {
    let query = sqlx::query_as::<_, (String, String)>(SELECT_PLUGIN).bind(username);
    let found = query.fetch_optional(connection).await.map_err(|error| match number(&error) {
        Some(TABLE_ACCESS_DENIED) => UserError::RightsNotVisible,
        _ => error.into(),
    })?;
    let is_iam_on_mysql = found.is_some_and(|(plugin, version)| plugin == IAM_PLUGIN && !version.contains("MariaDB"));
    Ok(is_iam_on_mysql.then_some("caching_sha2_password"))
}

fn identified(password: Option<&str>, plugin: Option<&str>) -> String {
    match (password, plugin) {
        (None, _) => format!("IDENTIFIED WITH {IAM_PLUGIN} AS 'RDS'"),
        (Some(password), None) => format!("IDENTIFIED BY {}", literal(password)),
        (Some(password), Some(plugin)) => format!("IDENTIFIED WITH {plugin} BY {}", literal(password)),
    }
}

/// The server's message, and what to do. Not the message of a syntax error, which quotes the statement and its
/// password.
fn explain(error: &sqlx::Error) -> String {
    match number(error) {
        Some(PLUGIN_MISSING) => format!(
            "{error}; only RDS and Aurora have IAM database authentication: elsewhere give the function a secret \
             (databaseLogin=secret)"
        ),
        Some(SYNTAX) => "the server cannot read one of the statements (1064)".to_owned(),
        Some(DATABASE_ACCESS_DENIED | ACCESS_DENIED | TABLE_ACCESS_DENIED | PRIVILEGE_MISSING | CANNOT_CREATE_USER) => {
            format!(
                "{error}; the user that migrates needs CREATE USER, SELECT on mysql.*, and WITH GRANT OPTION \
                 every right that it grants"
            )
        }
        _ => format!("{error}; fix the cause and run it again"),
    }
}

/// A string literal of SQL. Valid while the backslash is an ordinary character.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_end_a_literal_and_a_backslash_is_an_ordinary_character() {
        assert_eq!(literal(r"it's \'"), r"'it''s \'''");
    }

    /// Nothing but RDS has the plugin; these are the statements that its manual shows.
    #[test]
    fn a_user_is_identified_by_rds_or_by_a_password_even_after_the_other() {
        let plugin = Some("caching_sha2_password");
        for (password, named, expected) in [
            (None, None, "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"),
            (None, plugin, "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"),
            (Some("p'"), None, "IDENTIFIED BY 'p'''"),
            (Some("p'"), plugin, "IDENTIFIED WITH caching_sha2_password BY 'p'''"),
        ] {
            assert_eq!(identified(password, named), expected);
        }
    }
}
