//! What each function may do in the database. A user gets these rights, and loses all others.

use sqlx::{Executor, MySqlConnection};

use super::UserError;

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
    /// Each privilege with the table that it is for.
    pub(super) const fn grants(self) -> &'static [(&'static str, &'static str)] {
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

/// The privileges of a user and where they apply, without `USAGE`, which permits nothing. Names are compared as bytes:
/// names that differ in case are different users.
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

/// Revokes what the user may do beyond these rights.
pub(super) async fn revoke_surplus(
    connection: &mut MySqlConnection,
    username: &str,
    account: &str,
    rights: Rights,
) -> Result<(), UserError> {
    let wanted = wanted(connection, rights).await?;
    let query = sqlx::query_as::<_, (String, String)>(SELECT_RIGHTS).bind(format!("'{username}'@'%'"));
    let found = query.fetch_all(&mut *connection).await?;
    if !wanted.iter().all(|right| found.contains(right)) {
        return Err(UserError::RightsNotVisible);
    }
    for (privilege, place) in found.iter().filter(|right| !wanted.contains(right)) {
        tracing::warn!(username, privilege, place, "revoking a right that the function does not need");
        connection.execute(&*format!("REVOKE {privilege} ON {place} FROM {account}")).await?;
    }
    let grants: Vec<String> = sqlx::query_scalar(&format!("SHOW GRANTS FOR {account}")).fetch_all(connection).await?;
    match grants.iter().find(|grant| !is_wanted(grant, &wanted)) {
        None => Ok(()),
        // On MariaDB the line continues with the password's hash.
        Some(grant) => Err(UserError::SurplusRights(grant.split(" IDENTIFIED ").next().unwrap_or_default().to_owned())),
    }
}

/// Whether a line of `SHOW GRANTS` permits nothing, or is for a table that the function needs. The privileges on that
/// table were compared before.
fn is_wanted(grant: &str, wanted: &[(String, String)]) -> bool {
    let is_for = |place: &str| grant.starts_with("GRANT ") && grant.contains(&format!(" ON {place} TO "));
    let is_nothing = grant.starts_with("GRANT USAGE ON *.* TO ");
    let ends_there = !grant.contains(" WITH GRANT OPTION");
    ends_there && (is_nothing || wanted.iter().any(|(_, place)| is_for(place)))
}

/// The rights that the function needs, in the form of [`SELECT_RIGHTS`].
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

#[cfg(test)]
mod tests {
    use super::*;

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
