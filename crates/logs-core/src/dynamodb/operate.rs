//! What operators' tools do with the table, and no function may: make it, and read all of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};

use super::items::{Item, logs_of};
use super::store::DynamoStore;
use crate::{Log, StoreError, aws};

/// The last item of a page.
pub type Position = HashMap<String, AttributeValue>;

pub(super) fn failed(error: &(dyn std::error::Error + 'static)) -> StoreError {
    StoreError::NotStored(aws::explain(error).into())
}

impl DynamoStore {
    /// Makes the table as the template does, unless it is there.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        let (client, name) = self.table.client();
        let attribute = |name| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().ok()
        };
        let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().ok();
        let create = client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions([attribute("pk"), attribute("sk")].into_iter().collect())
            .set_key_schema([key("pk", KeyType::Hash), key("sk", KeyType::Range)].into_iter().collect());
        match create.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => return Ok(()),
            Err(error) => return Err(failed(&error)),
        }
        let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build().ok();
        let update = client.update_time_to_live().table_name(name).set_time_to_live_specification(expiry);
        update.send().await.map(drop).map_err(|error| failed(&error))
    }

    /// The logs of one page of a scan, and where the next page begins. Together the pages have each log once.
    pub async fn page(&self, after: Option<Position>) -> Result<(Vec<Log>, Option<Position>), StoreError> {
        let (client, name) = self.table.client();
        let scan = client.scan().table_name(name).consistent_read(true).set_exclusive_start_key(after);
        let output = scan.send().await.map_err(|error| failed(&error))?;
        let mut logs = Vec::new();
        for item in output.items() {
            logs.extend(whole(item)?);
        }
        Ok((logs, output.last_evaluated_key))
    }
}

/// The logs of an item, unless they are an excerpt or it has none.
pub(super) fn whole(item: &Item) -> Result<Vec<Log>, StoreError> {
    if !item.contains_key("logs") {
        return Ok(Vec::new());
    }
    let unpacked = logs_of(item).map_err(|error| StoreError::NotStored(error.into()))?;
    Ok(if unpacked.is_excerpt { Vec::new() } else { unpacked.logs })
}
