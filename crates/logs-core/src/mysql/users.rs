//! The functions' users of the database, each with just its rights.

use sqlx::{Executor, MySqlConnection};

use crate::Credentials;

/// The user of one function.
#[derive(Clone, Debug)]
pub struct DatabaseUser {
    /// Its name and password; what else the secret holds is not looked at.
    pub credentials: Credentials,
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

/// The name of the user who is logged in.
pub(super) async fn current_user(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    let account: String = sqlx::query_scalar("SELECT CURRENT_USER()").fetch_one(connection).await?;
    // The host follows the last @; a name may have one, too.
    Ok(account.rsplit_once('@').map_or(account.clone(), |(name, _)| name.to_owned()))
}

/// Creates the user or gives it this password, and sees to it that it has these rights and no others. Rights that stay
/// are never taken away in between: the function may be at work.
///
/// MySQL takes no parameters in these statements, and only of a password that stands in one itself does it write
/// `<secret>` into its logs, not of one in a variable (seen, MySQL 9.7).
pub(super) async fn set_up(connection: &mut MySqlConnection, user: &DatabaseUser) -> Result<(), sqlx::Error> {
    let Credentials { username, password, .. } = &user.credentials;
    let account = format!("{}@'%'", literal(username));
    let login = format!("{account} IDENTIFIED BY {} REQUIRE SSL", literal(password));
    connection.execute(SET_UP_SESSION).await?;
    connection.execute(&*format!("CREATE USER IF NOT EXISTS {login}")).await?;
    connection.execute(&*format!("ALTER USER {login}")).await?;
    let database: String = sqlx::query_scalar("SELECT DATABASE()").fetch_one(&mut *connection).await?;
    let mut wanted = Vec::new();
    for (privilege, table) in user.rights.grants() {
        connection.execute(&*format!("GRANT {privilege} ON `{table}` TO {account}")).await?;
        wanted.push(((*privilege).to_owned(), format!("`{database}`.`{table}`")));
    }
    let grantee = format!("'{username}'@'%'");
    let query = sqlx::query_as::<_, (String, String)>(SELECT_RIGHTS);
    let rights = query.bind(&grantee).bind(&grantee).bind(&grantee).bind(&grantee).fetch_all(&mut *connection).await?;
    for (privilege, place) in rights.iter().filter(|right| !wanted.contains(right)) {
        tracing::warn!(username, privilege, place, "a right that the function does not need is taken away");
        connection.execute(&*format!("REVOKE {privilege} ON {place} FROM {account}")).await?;
    }
    Ok(())
}

/// Text as SQL has it while the backslash is a character like any other.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
