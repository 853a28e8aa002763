//! The bare SDK calls that a POST is measured against: the same number of items, of about the same size, in one put or
//! one transaction.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, TransactWriteItem};
use local::moto::{KEY, REGION};
use logs_core::aws;

use crate::error::LabError;

/// Rough bytes per packed code, in a shard's item and in a batch's item.
const PACKED: usize = 20;
const PACKED_IN_A_BATCH: usize = 8;

/// A shard's item holds at most the codes that a list can show.
const EXCERPT: usize = 10;

const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;

/// A client like that of a function.
pub(super) struct BareClient {
    client: Client,
    table: String,
}

impl BareClient {
    pub(super) fn new(url: &str, table: &str) -> Result<Self, LabError> {
        let config = aws::config("DYNAMODB", None, Duration::from_secs(20)).map_err(|error| bare(&error))?;
        let credentials = Credentials::new(KEY, KEY, None, None, "made up");
        let config = Builder::from(&config).endpoint_url(url).region(Region::new(REGION));
        let client = Client::from_conf(config.credentials_provider(credentials).build());
        Ok(Self { client, table: table.to_owned() })
    }

    /// Stores the items that post-log would store for a batch.
    pub(super) async fn store(&self, codes: usize, with_key: bool) -> Result<(), LabError> {
        let number = uuid::Uuid::new_v4().to_string();
        let shard = item(format!("shard#{}", number.len() % 8), &number, codes.min(EXCERPT) * PACKED);
        if codes <= EXCERPT && !with_key {
            let put = self.client.put_item().table_name(&self.table).set_item(Some(shard));
            return put.return_consumed_capacity(TOTAL).send().await.map(drop).map_err(|error| bare(&error));
        }
        let batch = (codes > EXCERPT).then(|| item(format!("batch#{number}"), "0000", codes * PACKED_IN_A_BATCH));
        let ledger = with_key.then(|| item(format!("key#{number}"), "ledger", 64));
        let puts = [Some(shard), batch, ledger].into_iter().flatten().map(|item| {
            let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
            Ok(TransactWriteItem::builder().put(put.map_err(|error| bare(&error))?).build())
        });
        let puts = puts.collect::<Result<Vec<_>, LabError>>()?;
        let transaction = self.client.transact_write_items().set_transact_items(Some(puts));
        transaction.return_consumed_capacity(TOTAL).send().await.map(drop).map_err(|error| bare(&error))
    }
}

fn item(pk: String, sk: &str, bytes: usize) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(pk)),
        ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
        ("logs".to_owned(), AttributeValue::B(Blob::new(vec![7; bytes]))),
    ])
}

fn bare(error: &(dyn std::error::Error + 'static)) -> LabError {
    format!("a bare call of the SDK failed: {}", aws::explain(error)).into()
}
