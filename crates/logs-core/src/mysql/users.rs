//! The database users of the functions, each with exactly the rights that its function needs.

use sqlx::{Executor, MySqlConnection};

use super::error::{
    ACCESS_DENIED, CANNOT_CREATE_USER, DATABASE_ACCESS_DENIED, PLUGIN_MISSING, PRIVILEGE_MISSING, SYNTAX,
    TABLE_ACCESS_DENIED, number,
};

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
    /// By a secret, whose ARN this is, with its name and password. Other values in it are ignored.
    Secret(String),
    /// By IAM tokens, under this name.
    Iam(String),
}

/// A user as the server is to have it.
pub(super) struct Account {
    pub(super) username: String,
    /// `None`: it logs in by IAM tokens.
    pub(super) password: Option<String>,
}

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// post-log and store-logs: add logs, not read them; ask the ledger for a batch.
    AddLogs,
    /// get-logs: read logs and their summary, not change them.
    ReadLogs,
    /// retention: find and delete what is old.
    DeleteOld,
    /// summarize: read logs, and keep their summary.
    Summarize,
}

impl Rights {
    /// Each is a privilege and the table that it is for.
    const fn grants(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::AddLogs => &[("INSERT", "Logs"), ("INSERT", "Batches"), ("SELECT", "Batches")],
            Self::ReadLogs => {
                &[("SELECT", "Logs"), ("SELECT", "Codes"), ("SELECT", "Code_Hours"), ("SELECT", "Summary_State")]
            }
            Self::DeleteOld => &[("SELECT", "Logs"), ("DELETE", "Logs"), ("SELECT", "Batches"), ("DELETE", "Batches")],
            Self::Summarize => &[
                ("SELECT", "Logs"),
                ("SELECT", "Codes"),
                ("INSERT", "Codes"),
                ("UPDATE", "Codes"),
                ("SELECT", "Code_Hours"),
                ("INSERT", "Code_Hours"),
                ("UPDATE", "Code_Hours"),
                ("DELETE", "Code_Hours"),
                ("SELECT", "Summary_Gaps"),
                ("INSERT", "Summary_Gaps"),
                ("DELETE", "Summary_Gaps"),
                ("SELECT", "New_Codes"),
                ("INSERT", "New_Codes"),
                ("UPDATE", "New_Codes"),
                ("DELETE", "New_Codes"),
                ("SELECT", "Summary_State"),
                ("UPDATE", "Summary_State"),
            ],
        }
    }
}

/// [`literal`] relies on this mode. It also makes a name that is too long an error instead of truncating it.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'";

/// What a user may do and where, the right to do nothing (`USAGE`) apart. Compared by bytes: names that differ in case
/// are different users.
const SELECT_RIGHTS: &str = "SELECT privilege, place FROM ( \
     SELECT GRANTEE AS grantee, CAST(PRIVILEGE_TYPE AS CHAR) AS privilege, '*.*' AS place \
     FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'USAGE' \
     UNION ALL SELECT GRANTEE, CAST(PRIVILEGE_TYPE AS CHAR), CONCAT('`', REPLACE(TABLE_SCHEMA, '`', '``'), '`.*') \
     FROM information_schema.SCHEMA_PRIVILEGES \
     UNION ALL SELECT GRANTEE, CAST(PRIVILEGE_TYPE AS CHAR), \
     CONCAT('`', REPLACE(TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(TABLE_NAME, '`', '``'), '`') \
     FROM information_schema.TABLE_PRIVILEGES \
     UNION ALL SELECT GRANTEE, CONCAT(PRIVILEGE_TYPE, ' (`', REPLACE(COLUMN_NAME, '`', '``'), '`)'), \
     CONCAT('`', REPLACE(TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(TABLE_NAME, '`', '``'), '`') \
     FROM information_schema.COLUMN_PRIVILEGES) AS rights \
     WHERE CAST(grantee AS BINARY) = CAST(? AS BINARY)";

/// Accounts of the same name for a specific host: MySQL prefers them over `'name'@'%'`.
const COUNT_OTHER_HOSTS: &str =
    "SELECT COUNT(*) FROM mysql.user WHERE CAST(User AS BINARY) = CAST(? AS BINARY) AND Host <> '%'";

const SELECT_PLUGIN: &str = "SELECT CAST(plugin AS CHAR), VERSION() FROM mysql.user \
     WHERE CAST(User AS BINARY) = CAST(? AS BINARY) AND Host = '%'";

/// Why a user is not as it should be, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The server refused a statement.
    #[error("{}", explain(.0))]
    Statement(#[from] sqlx::Error),
    /// No login that works everywhere: MySQL takes blanks off a name, MariaDB lets nobody in without a password.
    #[error("its secret must have a username without blanks around it, and a password")]
    Unusable,
    /// `SHOW GRANTS` lacks what was just granted, so it cannot show surplus rights either.
    #[error("its rights do not show; grant SELECT on mysql.* to the user that migrates")]
    RightsDoNotShow,
    /// Rights that this program does not revoke: roles, routines, GRANT OPTION.
    #[error("it may do more than the function needs: {0}; drop the user and run this again")]
    MayDoMore(String),
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

/// Creates the user or gives it this login, and sees to it that it has these rights and no others. Rights that stay
/// are never taken away in between: the function may be at work. Connections that are open outlive a change of the login.
///
/// MySQL takes no parameters in these statements, and only of a password that stands in one itself does it write
/// `<secret>` into its logs, not of one in a variable (seen, MySQL 9.7).
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
    take_away_surplus(connection, username, &account, rights).await?;
    let other_hosts: i64 = sqlx::query_scalar(COUNT_OTHER_HOSTS).bind(username).fetch_one(connection).await?;
    if other_hosts == 0 { Ok(()) } else { Err(UserError::OtherHost) }
}

/// The plugin to name beside a password. MySQL leaves an account its plugin unless a statement names another one, so one
/// that logged in by IAM would go on doing so; MariaDB takes the one for passwords by itself.
async fn plugin_for_password(
    connection: &mut MySqlConnection,
    username: &str,
) -> Result<Option<&'static str>, UserError> {
    let query = sqlx::query_as::<_, (String, String)>(SELECT_PLUGIN).bind(username);
    let found = query.fetch_optional(connection).await.map_err(|error| match number(&error) {
        Some(TABLE_ACCESS_DENIED) => UserError::RightsDoNotShow,
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

async fn take_away_surplus(
    connection: &mut MySqlConnection,
    username: &str,
    account: &str,
    rights: Rights,
) -> Result<(), UserError> {
    let wanted = wanted(connection, rights).await?;
    let query = sqlx::query_as::<_, (String, String)>(SELECT_RIGHTS).bind(format!("'{username}'@'%'"));
    let found = query.fetch_all(&mut *connection).await?;
    if !wanted.iter().all(|right| found.contains(right)) {
        return Err(UserError::RightsDoNotShow);
    }
    for (privilege, place) in found.iter().filter(|right| !wanted.contains(right)) {
        tracing::warn!(username, privilege, place, "revoking a right that the function does not need");
        connection.execute(&*format!("REVOKE {privilege} ON {place} FROM {account}")).await?;
    }
    let grants: Vec<String> = sqlx::query_scalar(&format!("SHOW GRANTS FOR {account}")).fetch_all(connection).await?;
    match grants.iter().find(|grant| !is_wanted(grant, &wanted)) {
        None => Ok(()),
        // MariaDB's lines go on with the password's hash.
        Some(grant) => Err(UserError::MayDoMore(grant.split(" IDENTIFIED ").next().unwrap_or_default().to_owned())),
    }
}

/// Whether a line of `SHOW GRANTS` is the right to do nothing, or is for a table that the function needs; that it has
/// just the right ones there was seen to before.
fn is_wanted(grant: &str, wanted: &[(String, String)]) -> bool {
    let is_for = |place: &str| grant.starts_with("GRANT ") && grant.contains(&format!(" ON {place} TO "));
    let is_nothing = grant.starts_with("GRANT USAGE ON *.* TO ");
    let ends_there = !grant.contains(" WITH GRANT OPTION");
    ends_there && (is_nothing || wanted.iter().any(|(_, place)| is_for(place)))
}

/// As [`SELECT_RIGHTS`] shows them.
async fn wanted(connection: &mut MySqlConnection, rights: Rights) -> Result<Vec<(String, String)>, sqlx::Error> {
    let query = sqlx::query_as("SELECT DATABASE(), CAST(@@lower_case_table_names AS SIGNED)");
    let (database, lower_case): (String, i64) = query.fetch_one(connection).await?;
    let database = database.replace('`', "``");
    let right = |(privilege, table): &(&str, &str)| {
        let place = format!("`{database}`.`{table}`");
        // 1: the server stores names in lower case, however a statement writes them.
        ((*privilege).to_owned(), if lower_case == 1 { place.to_lowercase() } else { place })
    };
    Ok(rights.grants().iter().map(right).collect())
}

/// The server's message, and what to do. Not that of a syntax error: it quotes the statement, password included.
fn explain(error: &sqlx::Error) -> String {
    match number(error) {
        Some(PLUGIN_MISSING) => format!(
            "{error}; only RDS and Aurora have IAM database authentication: elsewhere give the function a secret \
             (databaseLogin=secret)"
        ),
        Some(SYNTAX) => "the server cannot read one of the statements (1064)".to_owned(),
        Some(DATABASE_ACCESS_DENIED | ACCESS_DENIED | TABLE_ACCESS_DENIED | PRIVILEGE_MISSING | CANNOT_CREATE_USER) => {
            format!(
                "{error}; the user that migrates needs CREATE USER, SELECT on mysql.*, and WITH GRANT OPTION what it shall \
             grant"
            )
        }
        _ => format!("{error}; mend the cause and run it again"),
    }
}

/// Text as SQL has it while the backslash is a character like any other.
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

    #[test]
    fn a_grant_beyond_the_needed_rights_is_noticed() {
        let wanted = [("INSERT".to_owned(), "`Error_Logs`.`Logs`".to_owned())];
        for (grant, expected) in [
            ("GRANT USAGE ON *.* TO `u`@`%`", true),
            ("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL", true),
            ("GRANT INSERT ON `Error_Logs`.`Logs` TO `u`@`%`", true),
            ("GRANT INSERT ON `Error_Logs`.`Logs` TO `u`@`%` WITH GRANT OPTION", false),
            ("GRANT USAGE ON *.* TO `u`@`%` WITH GRANT OPTION", false),
            ("GRANT `all_of_it`@`%` TO `u`@`%`", false),
            ("GRANT EXECUTE ON PROCEDURE `Error_Logs`.`empty` TO `u`@`%`", false),
            ("GRANT PROXY ON `admin`@`%` TO `u`@`%`", false),
            ("SET DEFAULT ROLE `all_of_it` FOR `u`@`%`", false),
        ] {
            assert_eq!(is_wanted(grant, &wanted), expected, "{grant}");
        }
    }
}
