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

/// `QUOTE` writes text as MySQL reads it back only while the backslash escapes.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

/// A user's name and password cannot be parameters of these statements, but of the text that they are made of.
const CREATE_USER: &str = "SET @statement = CONCAT('CREATE USER IF NOT EXISTS ', QUOTE(?), '@''%'' IDENTIFIED BY ', QUOTE(?), ' REQUIRE SSL')";
const CHANGE_USER: &str =
    "SET @statement = CONCAT('ALTER USER ', QUOTE(?), '@''%'' IDENTIFIED BY ', QUOTE(?), ' REQUIRE SSL')";
const GRANT: &str = "SET @statement = CONCAT('GRANT ', ?, ' ON `', ?, '` TO ', QUOTE(?), '@''%''')";
const REVOKE: &str = "SET @statement = CONCAT('REVOKE ', ?, ' ON ', ?, ' FROM ', QUOTE(?), '@''%''')";

/// What a user may do and where, the right to do nothing (`USAGE`) apart.
const SELECT_RIGHTS: &str = "SELECT CAST(PRIVILEGE_TYPE AS CHAR), '*.*' FROM information_schema.USER_PRIVILEGES \
     WHERE GRANTEE = CONCAT(QUOTE(?), '@''%''') AND PRIVILEGE_TYPE <> 'USAGE' \
     UNION ALL SELECT CAST(PRIVILEGE_TYPE AS CHAR), CONCAT('`', TABLE_SCHEMA, '`.*') \
     FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = CONCAT(QUOTE(?), '@''%''') \
     UNION ALL SELECT CAST(PRIVILEGE_TYPE AS CHAR), CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') \
     FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = CONCAT(QUOTE(?), '@''%''') \
     UNION ALL SELECT CONCAT(PRIVILEGE_TYPE, ' (`', COLUMN_NAME, '`)'), CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') \
     FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = CONCAT(QUOTE(?), '@''%''')";

/// The name of the user who is logged in.
pub(super) async fn current_user(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    let account: String = sqlx::query_scalar("SELECT CURRENT_USER()").fetch_one(connection).await?;
    // The host follows the last @; a name may have one, too.
    Ok(account.rsplit_once('@').map_or(account.clone(), |(name, _)| name.to_owned()))
}

/// Creates the user or gives it this password, and sees to it that it has these rights and no others. Rights that stay
/// are never taken away in between: the function may be at work.
pub(super) async fn set_up(connection: &mut MySqlConnection, user: &DatabaseUser) -> Result<(), sqlx::Error> {
    let Credentials { username, password, .. } = &user.credentials;
    connection.execute(SET_UP_SESSION).await?;
    for statement in [CREATE_USER, CHANGE_USER] {
        sqlx::query(statement).bind(username).bind(password).execute(&mut *connection).await?;
        run_prepared(connection).await?;
    }
    let database: String = sqlx::query_scalar("SELECT DATABASE()").fetch_one(&mut *connection).await?;
    let mut wanted = Vec::new();
    for (privilege, table) in user.rights.grants() {
        sqlx::query(GRANT).bind(privilege).bind(table).bind(username).execute(&mut *connection).await?;
        run_prepared(connection).await?;
        wanted.push(((*privilege).to_owned(), format!("`{database}`.`{table}`")));
    }
    let query = sqlx::query_as::<_, (String, String)>(SELECT_RIGHTS);
    let rights = query.bind(username).bind(username).bind(username).bind(username).fetch_all(&mut *connection).await?;
    for (privilege, place) in rights.iter().filter(|right| !wanted.contains(right)) {
        tracing::warn!(username, privilege, place, "a right that the function does not need is taken away");
        sqlx::query(REVOKE).bind(privilege).bind(place).bind(username).execute(&mut *connection).await?;
        run_prepared(connection).await?;
    }
    Ok(())
}

async fn run_prepared(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for statement in ["PREPARE made FROM @statement", "EXECUTE made", "DEALLOCATE PREPARE made"] {
        connection.execute(statement).await?;
    }
    Ok(())
}
