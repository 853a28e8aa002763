//! Runs one test on every store: the contract is the same on all of them.

use std::time::Duration;

use logs_core::{Batch, Store};
use serde_json::Value;

use super::{Database, FunctionRun, Table, in_time};

/// The store of one test.
pub(crate) enum AnyStore {
    MySql(Database),
    DynamoDb(Box<Table>),
}

impl AnyStore {
    pub(crate) async fn mysql() -> Self {
        Self::MySql(Database::migrated().await)
    }

    pub(crate) async fn dynamodb() -> Self {
        Self::DynamoDb(Box::new(Table::create().await))
    }

    /// The store as a function in this process uses it.
    pub(crate) fn store(&self) -> Store {
        match self {
            Self::MySql(database) => database.store(),
            Self::DynamoDb(table) => table.store(),
        }
    }

    /// The variables with which a function finds it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::MySql(database) => vec![("DATABASE_URL", database.url.clone())],
            Self::DynamoDb(table) => table.variables(),
        }
    }

    /// A real function on this store.
    pub(crate) fn function(&self, name: &str) -> FunctionRun {
        self.function_with(name, Duration::from_secs(20))
    }

    pub(crate) fn function_with(&self, name: &str, timeout: Duration) -> FunctionRun {
        FunctionRun::with_timeout(name, &self.variables(), timeout)
    }

    /// How many logs are stored.
    pub(crate) async fn count(&self) -> i64 {
        match self {
            Self::MySql(database) => database.count().await,
            Self::DynamoDb(table) => table.count().await,
        }
    }

    /// Stores a body as the function would.
    pub(crate) async fn insert(&self, body: &Value, received_at: i64) {
        let batch = Batch::parse(body.to_string().as_bytes()).expect("the body is good");
        self.store().insert(batch.logs(), received_at, in_time()).await.expect("the store is there");
    }
}

/// Makes a test for each store of each of these functions, which take an [`AnyStore`].
macro_rules! on_every_store {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::harness::AnyStore;

            #[tokio::test]
            async fn on_mysql() {
                super::$test(AnyStore::mysql().await).await;
            }

            #[tokio::test]
            async fn on_dynamodb() {
                super::$test(AnyStore::dynamodb().await).await;
            }
        }
    )+};
}

pub(crate) use on_every_store;
