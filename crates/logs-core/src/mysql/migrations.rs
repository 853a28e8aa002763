//! The files of `migrations/`, compiled in.
//!
//! A list, not `sqlx::migrate!`: sqlx's macros need the driver, tokio and rustls on the build machine as well, so cargo
//! would compile them twice (docs/decisions/0066).

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, description and SQL: file `0002_most_recent.sql` has version 2 and the description "most recent".
const MIGRATIONS: [(i64, &str, &str); 7] = [
    (1, "logs", include_str!("../../../../migrations/0001_logs.sql")),
    (2, "most recent", include_str!("../../../../migrations/0002_most_recent.sql")),
    (3, "batches", include_str!("../../../../migrations/0003_batches.sql")),
    (4, "newest", include_str!("../../../../migrations/0004_newest.sql")),
    (5, "clockless devices", include_str!("../../../../migrations/0005_clockless_devices.sql")),
    (6, "device and code", include_str!("../../../../migrations/0006_device_and_code.sql")),
    (7, "summary", include_str!("../../../../migrations/0007_summary.sql")),
];

/// Applies them in the order of their versions.
pub(super) fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into(), false)
    });
    Migrator { migrations: Cow::Owned(migrations.into()), ..Migrator::DEFAULT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_the_folder_is_in_the_list() {
        let folder = std::fs::read_dir("../../migrations").expect("cargo runs the tests in the crate's folder");
        let files = folder.map(|file| file.expect("readable").file_name().into_string().expect("a name in UTF-8"));
        let mut files: Vec<String> = files.collect();
        files.sort();
        let listed =
            MIGRATIONS.map(|(version, description, _)| format!("{version:04}_{}.sql", description.replace(' ', "_")));
        assert_eq!(files, listed);
    }
}
