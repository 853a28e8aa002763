//! The functions' users of the database, each with just its rights.

use sqlx::{Executor, MySqlConnection};

use super::error::number;
use crate::Credentials;

/// The user of one function.
#[derive(Clone, Debug)]
pub struct DatabaseUser {
    /// The secret with its name and password; what else that holds is not looked at.
    pub secret_arn: String,
    /// What it may do.
    pub rights: Rights,
}

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// post-log: add logs, not read them.
    AddLogs,
    /// get-logs: read logs, not change them.
    ReadLogs,
}

impl Rights {
    /// Each is a privilege and the table that it is for.
    const fn grants(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::AddLogs => &[("INSERT", "Logs")],
            Self::ReadLogs => &[("SELECT", "Logs")],
        }
    }
}

/// For [`literal`]; and a name that is too long is an error, not cut off.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'";

/// What a user may do and where, the right to do nothing (`USAGE`) apart.
const SELECT_RIGHTS: &str = "SELECT CAST(PRIVILEGE_TYPE AS CHAR), '*.*' FROM information_schema.USER_PRIVILEGES \
     WHERE GRANTEE = ? AND PRIVILEGE_TYPE <> 'USAGE' \
     UNION ALL SELECT CAST(PRIVILEGE_TYPE AS CHAR), CONCAT('`', TABLE_SCHEMA, '`.*') \
     FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? \
     UNION ALL SELECT CAST(PRIVILEGE_TYPE AS CHAR), CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') \
     FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? \
     UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' (`', COLUMN_NAME, '`)'), CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') \
     FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ?";

/// Why a user is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The server refused a statement.
    #[error("{}", without_statement(.0))]
    Statement(#[from] sqlx::Error),
    /// What was granted does not show: then surplus rights do not, either.
    #[error("its rights do not show; grant SELECT on mysql.* to the user that migrates")]
    RightsDoNotShow,
}

/// The name of the user who is logged in.
pub(super) async fn current_user(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    let account: String = sqlx::query_scalar("SELECT CURRENT_USER()").fetch_one(connection).await?;
    // The host follows the last @; a name may have one, too.
    Ok(account.rsplit_once('@').map_or(account.clone(), |(name, _)| name.to_owned()))
}

/// Creates the user or gives it this password, and sees to it that it has these rights and no others on servers,
/// databases, tables and columns; roles and routines are not looked at. Rights that stay are never taken away in
/// between: the function may be at work.
///
/// MySQL takes no parameters in these statements, and only of a password that stands in one itself does it write
/// `<secret>` into its logs, not of one in a variable (seen, MySQL 9.7).
pub(super) async fn set_up(
    connection: &mut MySqlConnection,
    user: &Credentials,
    rights: Rights,
) -> Result<(), UserError> {
    let Credentials { username, password, .. } = user;
    let account = format!("{}@'%'", literal(username));
    let login = format!("{account} IDENTIFIED BY {} REQUIRE SSL", literal(password));
    connection.execute(SET_UP_SESSION).await?;
    connection.execute(&*format!("CREATE USER IF NOT EXISTS {login}")).await?;
    connection.execute(&*format!("ALTER USER {login}")).await?;
    for (privilege, table) in rights.grants() {
        connection.execute(&*format!("GRANT {privilege} ON `{table}` TO {account}")).await?;
    }
    let wanted = wanted(connection, rights).await?;
    let grantee = format!("'{username}'@'%'");
    let query = sqlx::query_as::<_, (String, String)>(SELECT_RIGHTS);
    let found = query.bind(&grantee).bind(&grantee).bind(&grantee).bind(&grantee).fetch_all(&mut *connection).await?;
    if !wanted.iter().all(|right| found.contains(right)) {
        return Err(UserError::RightsDoNotShow);
    }
    for (privilege, place) in found.iter().filter(|right| !wanted.contains(right)) {
        tracing::warn!(username, privilege, place, "a right that the function does not need is taken away");
        connection.execute(&*format!("REVOKE {privilege} ON {place} FROM {account}")).await?;
    }
    Ok(())
}

/// As [`SELECT_RIGHTS`] shows them.
async fn wanted(connection: &mut MySqlConnection, rights: Rights) -> Result<Vec<(String, String)>, sqlx::Error> {
    let query = sqlx::query_as("SELECT DATABASE(), CAST(@@lower_case_table_names AS SIGNED)");
    let (database, lower_case): (String, i64) = query.fetch_one(connection).await?;
    let right = |(privilege, table): &(&str, &str)| {
        let place = format!("`{database}`.`{table}`");
        // 1: the server keeps names in lower case, whatever a statement says.
        ((*privilege).to_owned(), if lower_case == 1 { place.to_lowercase() } else { place })
    };
    Ok(rights.grants().iter().map(right).collect())
}

/// What the server said; not of a statement that it could not read, since it quotes that one.
fn without_statement(error: &sqlx::Error) -> String {
    match number(error) {
        Some(1064) => "the server cannot read a statement with its name and password".to_owned(),
        _ => error.to_string(),
    }
}

/// Text as SQL has it while the backslash is a character like any other.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
