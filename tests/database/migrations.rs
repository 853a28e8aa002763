//! The schema: from nothing, from a table that was created by hand, twice, at once, interrupted.

use logs_core::mysql::{MigrateError, migrate};
use serde_json::json;
use sqlx::Row;

use crate::harness::{Database, in_time, record};

/// The original table, which operators may have created by hand.
const ORIGINAL_TABLE: &str = "CREATE TABLE `Logs` (
`error_log_id` INT NOT NULL AUTO_INCREMENT,
`device_id` varchar(255) NOT NULL,
`error_number` INT NOT NULL,
`time_stamp` INT NOT NULL,
PRIMARY KEY (`error_log_id`)
)";

async fn columns(database: &Database) -> Vec<(String, String)> {
    let mut connection = database.connection().await;
    let sql = "SELECT column_name, column_type FROM information_schema.columns \
               WHERE table_schema = DATABASE() AND table_name = 'Logs' ORDER BY ordinal_position";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.expect("the catalogue can be read");
    let text = |row: &sqlx::mysql::MySqlRow, column: usize| {
        String::from_utf8(row.get_unchecked::<Vec<u8>, _>(column)).expect("names are text")
    };
    // MariaDB still says how wide a number is to be printed.
    rows.iter().map(|row| (text(row, 0), text(row, 1).replace("(20)", ""))).collect()
}

#[tokio::test]
async fn an_empty_database_gets_the_schema() {
    let database = Database::empty().await;
    let report = migrate(&database.settings()).await.expect("the migrations run");
    assert_eq!((report.applied.as_slice(), report.version), ([1, 2, 3, 4, 5, 6, 7].as_slice(), 7));
    let columns = columns(&database).await;
    let columns: Vec<_> = columns.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    let mut expected = vec![
        ("error_log_id", "bigint unsigned"),
        ("device_id", "varchar(255)"),
        ("error_number", "int"),
        ("time_stamp", "bigint"),
        ("received_at", "bigint"),
        ("ranked_at", "bigint"),
    ];
    let is_mariadb = columns.contains(&("error_number", "int(11)"));
    if is_mariadb {
        expected[2].1 = "int(11)";
        // It could be dropped only with a rebuild that blocks all writers.
        expected.insert(5, ("ranked_at_before", "bigint"));
    }
    assert_eq!(columns, expected);
}

#[tokio::test]
async fn a_schema_that_is_newer_than_the_code_stays_as_after_a_rollback() {
    let database = Database::migrated().await;
    database
        .run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'of a later version', TRUE, '', 0)",
        )
        .await;
    let report = migrate(&database.settings()).await.expect("there is nothing to do");
    assert_eq!((report.applied.as_slice(), report.version), ([].as_slice(), 99));
}

#[tokio::test]
async fn a_second_run_does_nothing() {
    let database = Database::migrated().await;
    database.insert(&json!([record("kept", 1, 5)]), 5).await;
    let report = migrate(&database.settings()).await.expect("the migrations run");
    assert_eq!((report.applied.as_slice(), report.version), ([].as_slice(), 7));
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_made() {
    let database = Database::empty().await;
    let other = Database { url: database.url.replacen("/test_", "/made_`by_", 1) };
    migrate(&other.settings()).await.expect("the migrations run");
    assert_eq!(other.count().await, 0);
}

#[tokio::test]
async fn a_table_that_was_created_by_hand_is_upgraded_and_keeps_its_rows() {
    let database = Database::empty().await;
    database.run(ORIGINAL_TABLE).await;
    database
        .run("INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('a', 107, 1514864773), ('b', -1, 2147483647), ('c', 0, -5)")
        .await;
    migrate(&database.settings()).await.expect("the migrations run");
    let most_recent = database.store().most_recent(in_time()).await.expect("the database is there");
    let rows: Vec<_> = most_recent
        .result
        .iter()
        .map(|log| (log.error_log_id(), log.device_id(), log.error_code(), log.timestamp(), log.received_at()))
        .collect();
    let expected =
        [(2, "b", -1, 2_147_483_647, 2_147_483_647), (1, "a", 107, 1_514_864_773, 1_514_864_773), (3, "c", 0, -5, -5)];
    assert_eq!(rows, expected);
    database.insert(&json!([record("🦀", 1, 3_000_000_000)]), 3_000_000_000).await;
    assert_eq!(database.count().await, 4);
}

#[tokio::test]
async fn a_table_that_cannot_hold_every_character_can_after_the_upgrade() {
    let database = Database::empty().await;
    database.run(&format!("{ORIGINAL_TABLE} DEFAULT CHARACTER SET latin1")).await;
    database.run("INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('münchen', 1, 1)").await;
    migrate(&database.settings()).await.expect("the migrations run");
    database.insert(&json!([record("🦀", 1, 2)]), 2).await;
    let most_recent = database.store().most_recent(in_time()).await.expect("the database is there");
    let devices: Vec<_> = most_recent.result.iter().map(logs_core::Log::device_id).collect();
    assert_eq!(devices, ["🦀", "münchen"]);
}

#[tokio::test]
async fn a_row_from_the_old_insert_gets_the_time_at_which_it_arrived() {
    let database = Database::migrated().await;
    database.run("INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('old program', 1, 4000000000)").await;
    let most_recent = database.store().most_recent(in_time()).await.expect("the database is there");
    let received_at = most_recent.result[0].received_at();
    let now = logs_core::clock::unix_seconds();
    assert!((now - 600..=now + 600).contains(&received_at), "{received_at} is not about {now}");
}

#[tokio::test]
async fn an_interrupted_upgrade_is_finished_by_the_next_run() {
    let database = Database::migrated().await;
    database.insert(&json!([record("kept", 1, 5)]), 5).await;
    for version in [2, 4, 5] {
        // As after a kill -9 between the ALTER TABLE and the note that it was done.
        database.run(&format!("UPDATE _sqlx_migrations SET success = FALSE WHERE version = {version}")).await;
        let report = migrate(&database.settings()).await.expect("the migrations run");
        assert_eq!(report.applied, [version]);
    }
    assert_eq!(database.count().await, 1);
    assert_eq!(migrate(&database.settings()).await.expect("nothing is left to do").applied, [0_i64; 0]);
}

#[tokio::test]
async fn four_runs_at_once_apply_each_migration_once() {
    let database = Database::empty().await;
    database.run(ORIGINAL_TABLE).await;
    database.run("INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('a', 1, 1)").await;
    let settings = database.settings();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { migrate(&settings).await.expect("the migrations run").applied })
        })
        .collect();
    let mut applied = Vec::new();
    for run in runs {
        applied.extend(run.await.expect("no panic"));
    }
    assert_eq!(applied, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn migrate_gives_up_on_a_table_that_a_transaction_holds_so_that_no_query_waits_behind_it() {
    let database = Database::empty().await;
    database.run(ORIGINAL_TABLE).await;
    let mut holder = database.connection().await;
    for statement in ["BEGIN", "SELECT * FROM Logs"] {
        sqlx::raw_sql(statement).execute(&mut holder).await.expect("a transaction can be begun");
    }
    let refused = migrate(&database.settings()).await.expect_err("the table is held");
    assert!(matches!(refused, MigrateError::TableInUse), "{refused}");
    sqlx::raw_sql("COMMIT").execute(&mut holder).await.expect("a transaction can be ended");
    assert_eq!(migrate(&database.settings()).await.expect("now it is free").applied, [2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_table_of_an_engine_without_transactions_gets_another() {
    let database = Database::empty().await;
    database.run(&format!("{ORIGINAL_TABLE} ENGINE = MyISAM")).await;
    database.run("INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('kept', 1, 1)").await;
    migrate(&database.settings()).await.expect("the migrations run");
    let mut connection = database.connection().await;
    let sql = "SELECT CONVERT(engine USING utf8mb4) FROM information_schema.tables WHERE table_schema = DATABASE()";
    let engines: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("a list");
    assert!(engines.len() == 8 && engines.iter().all(|engine| engine == "InnoDB"), "{engines:?}");
    assert_eq!(database.count().await, 1);
}

/// What the release before did: it knew neither the new rule nor the virtual column.
const SELECT_OF_THE_RELEASE_BEFORE: &str = "SELECT device_id FROM Logs FORCE INDEX (most_recent) \
     ORDER BY ranked_at DESC, error_log_id DESC LIMIT 10";

/// A database with the migrations 1 to 4, which nobody wrote down.
async fn schema_of_the_release_before() -> Database {
    let database = Database::empty().await;
    for name in ["0001_logs", "0002_most_recent", "0003_batches", "0004_newest"] {
        let path = format!("{}/../migrations/{name}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(path).expect("the migration is there");
        sqlx::raw_sql(&sql).execute(&mut database.connection().await).await.expect("it runs");
    }
    database
}

#[tokio::test]
async fn code_of_the_release_before_works_on_the_new_schema_and_new_code_on_the_old_one() {
    let database = Database::migrated().await;
    let insert = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) VALUES ('old code', 1, 0, 7)";
    database.run(insert).await;
    let mut connection = database.connection().await;
    let devices: Vec<String> = sqlx::query_scalar(SELECT_OF_THE_RELEASE_BEFORE)
        .fetch_all(&mut connection)
        .await
        .expect("the index has its name, the column too");
    assert_eq!(devices, ["old code"]);

    let old = schema_of_the_release_before().await;
    old.insert(&json!([record("new code", 1, 5)]), 5).await;
    let listed = old.store().most_recent(in_time()).await.expect("the database is there");
    assert_eq!(listed.result.len(), 1);
    // Then the upgrade runs, with rows of both kinds in the table.
    old.insert(&json!([record("with a clock", 1, 1_764_000_000)]), 1_764_000_005).await;
    old.insert(&json!([record("without a clock", 1, 0)]), 1_764_000_003).await;
    assert_eq!(migrate(&old.settings()).await.expect("the migrations run").applied, [1, 2, 3, 4, 5, 6, 7]);
    let listed = old.store().most_recent(in_time()).await.expect("the database is there");
    let devices: Vec<_> = listed.result.iter().map(logs_core::Log::device_id).collect();
    assert_eq!(devices, ["without a clock", "with a clock", "new code"]);
}

#[tokio::test]
async fn writers_go_on_while_the_index_of_the_list_is_built() {
    let database = schema_of_the_release_before().await;
    for _ in 0..20 {
        let records: Vec<_> = (0..1000).map(|number| record("d", number, 1_764_000_000)).collect();
        database.insert(&json!(records), 1_764_000_000).await;
    }
    let (settings, store) = (database.settings(), database.store());
    let migration = tokio::spawn(async move { migrate(&settings).await.expect("the migrations run").applied });
    let mut written = 0;
    while !migration.is_finished() {
        database.insert(&json!([record("meanwhile", written, 1_764_000_001)]), 1_764_000_001).await;
        let listed = store.most_recent(in_time()).await.expect("both releases find the index at all times");
        assert_eq!(listed.result[0].device_id(), "meanwhile");
        written += 1;
    }
    assert_eq!(migration.await.expect("no panic"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(database.count().await, 20_000 + written);
}
