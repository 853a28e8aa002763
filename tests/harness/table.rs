//! A DynamoDB table for each test, on a separate server.

use local::dynoxide::{Dynoxide, DynoxideOptions};
use local::fault_proxy::{AUTHORIZATION, DATE, FaultProxy};
use logs_core::dynamodb::{DynamoStore, TableSettings};
use logs_core::{Log, Store};

/// The name of every table: each is on a separate server.
pub(crate) const TABLE: &str = "error-codes-test";

/// A table that only one test uses.
pub(crate) struct Table {
    server: Dynoxide,
    /// The endpoint for functions: the server, or a proxy before it.
    pub(crate) url: String,
}

impl Table {
    pub(crate) async fn create() -> Self {
        let table = Self::without_table().await;
        table.dynamo_store(&[]).create_table().await.expect("a table can be made");
        table
    }

    /// A server that has no table.
    pub(crate) async fn without_table() -> Self {
        let server = Dynoxide::start(&DynoxideOptions::default()).await.expect("dynoxide starts; run ./dev test");
        Self { url: server.url(), server }
    }

    /// A proxy before it that fails on demand, and counts calls.
    pub(crate) async fn fault_proxy(&self) -> FaultProxy {
        let proxy = FaultProxy::before(&self.url).await.expect("a proxy can be started");
        proxy.keep_calls();
        proxy
    }

    /// Creates a table with other key attributes.
    pub(crate) async fn create_with_other_keys(&self) {
        let table = serde_json::json!({
            "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        });
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        let request = client.post(&self.url).header("x-amz-target", "DynamoDB_20120810.CreateTable");
        let request =
            request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
        super::answer(request.header("x-amz-date", DATE).body(table.to_string())).await;
    }

    /// The variables with which a function finds it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        variables(&self.url)
    }

    pub(crate) fn store(&self) -> Store {
        self.dynamo_store(&[]).into()
    }

    /// The store without a proxy, with more settings than the table's name.
    pub(crate) fn dynamo_store(&self, settings: &[(&str, &str)]) -> DynamoStore {
        let settings = TableSettings::from_environment(&|name| {
            let named = settings.iter().find(|setting| setting.0 == name).map(|setting| setting.1);
            (name == "TABLE_NAME").then_some(TABLE).or(named).map(str::to_owned)
        });
        let settings = settings.expect("the settings are good").expect("there is a name");
        DynamoStore::at(&self.server.url(), settings).expect("a client can be made")
    }

    /// All stored logs, in any order.
    pub(crate) async fn logs(&self) -> Vec<Log> {
        let (store, mut all, mut position) = (self.dynamo_store(&[]), Vec::new(), None);
        loop {
            let (logs, next) = store.page(position).await.expect("a table can be read");
            all.extend(logs);
            if next.is_none() {
                return all;
            }
            position = next;
        }
    }

    pub(crate) async fn count(&self) -> i64 {
        i64::try_from(self.logs().await.len()).expect("not that many")
    }
}

/// The variables with which a function finds a table at this endpoint; any key will do.
pub(crate) fn variables(url: &str) -> Vec<(&'static str, String)> {
    local::dynoxide::settings(TABLE, url).into()
}
