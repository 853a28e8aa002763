//! The calls of DynamoDB: each until it succeeds, is refused, or its deadline is near.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::error::{Failure, TableError};
use super::items::{Item, shard_key};
use super::retry::{ATTEMPT_LIMIT, run};
use super::usage::Usage;
use crate::{Deadline, MostRecent, aws};

const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;

/// The table, and who calls it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) client: Client,
    name: String,
    pub(super) usage: Usage,
}

/// An item to put.
#[derive(Clone, Debug)]
pub(super) enum NewItem {
    /// Whatever is there.
    Put(Item),
    /// Only where nothing is.
    PutNew(Item),
    /// Only where the item's attribute of this name has this value.
    #[cfg(feature = "migrate")]
    Replace(Item, &'static str, AttributeValue),
}

/// A change of one item.
pub(super) struct Change {
    pub(super) expression: &'static str,
    pub(super) condition: Option<&'static str>,
    pub(super) values: Vec<(&'static str, AttributeValue)>,
}

impl Table {
    /// Credentials, region, and the endpoint where it is not AWS's own (`AWS_ENDPOINT_URL_DYNAMODB`), come from the
    /// environment. Nothing is sent.
    pub(super) fn new(name: &str) -> Result<Self, TableError> {
        Self::with(name, |config| config)
    }

    /// At an endpoint that takes any credentials.
    pub(super) fn at(name: &str, url: &str) -> Result<Self, TableError> {
        let credentials = Credentials::new("local", "local", None, None, "local");
        let region = Region::new("eu-central-1");
        Self::with(name, |config| config.endpoint_url(url).region(region).credentials_provider(credentials))
    }

    fn with(name: &str, change: impl FnOnce(Builder) -> Builder) -> Result<Self, TableError> {
        let config = aws::config("DYNAMODB", None, ATTEMPT_LIMIT);
        let config = config.map_err(|error| TableError::Refused(aws::explain(&error)))?;
        let config = change(Builder::from(&config)).retry_config(RetryConfig::disabled()).build();
        Ok(Self { client: Client::from_conf(config), name: name.to_owned(), usage: Usage::default() })
    }

    /// For operators' tools.
    #[cfg(feature = "migrate")]
    pub(super) fn client(&self) -> (&Client, &str) {
        (&self.client, &self.name)
    }

    /// One put, or one transaction: all or nothing.
    pub(super) async fn put_all(&self, mut items: Vec<NewItem>, deadline: Deadline) -> Result<(), Failure> {
        match items.as_mut_slice() {
            [] => Ok(()),
            [NewItem::Put(item)] => self.put(std::mem::take(item), deadline).await,
            _ => self.transact(items, deadline).await,
        }
    }

    async fn put(&self, item: Item, deadline: Deadline) -> Result<(), Failure> {
        run(&self.usage, deadline, || {
            let request = self.client.put_item().table_name(&self.name).set_item(Some(item.clone()));
            let request = request.return_consumed_capacity(TOTAL);
            Box::pin(async move {
                let output = request.send().await.map_err(|error| TableError::of(&self.name, &error))?;
                self.usage.wrote(&output.consumed_capacity);
                Ok(())
            })
        })
        .await
    }

    async fn transact(&self, items: Vec<NewItem>, deadline: Deadline) -> Result<(), Failure> {
        let puts: Vec<_> = items.into_iter().map(|item| self.transaction_item(item)).collect();
        run(&self.usage, deadline, || {
            let request = self.client.transact_write_items().set_transact_items(Some(puts.clone()));
            let request = request.return_consumed_capacity(TOTAL);
            Box::pin(async move {
                let output = request.send().await.map_err(|error| TableError::of_transaction(&self.name, &error))?;
                self.usage.wrote(output.consumed_capacity());
                Ok(())
            })
        })
        .await
    }

    fn transaction_item(&self, item: NewItem) -> TransactWriteItem {
        let put = Put::builder();
        let (item, condition, put) = match item {
            NewItem::Put(item) => (item, None, put),
            NewItem::PutNew(item) => (item, Some("attribute_not_exists(pk)".to_owned()), put),
            #[cfg(feature = "migrate")]
            NewItem::Replace(item, name, value) => {
                (item, Some(format!("{name} = :before")), put.expression_attribute_values(":before", value))
            }
        };
        let put = put.table_name(&self.name).set_item(Some(item)).set_condition_expression(condition);
        // Who finds the key in the ledger need not ask the ledger.
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // Fails only without a table or an item.
        TransactWriteItem::builder().set_put(put.build().ok()).build()
    }

    /// The item as it is now, if there is one.
    pub(super) async fn get(&self, key: Item, deadline: Deadline) -> Result<Option<Item>, Failure> {
        run(&self.usage, deadline, || {
            let request = self.client.get_item().table_name(&self.name).set_key(Some(key.clone()));
            let request = request.consistent_read(true).return_consumed_capacity(TOTAL);
            Box::pin(async move {
                let output = request.send().await.map_err(|error| TableError::of(&self.name, &error))?;
                self.usage.read(&output.consumed_capacity);
                Ok(output.item)
            })
        })
        .await
    }

    /// The head of a shard and its newest items, newest first: as many as a list can need.
    pub(super) async fn newest(&self, shard: u16, deadline: Deadline) -> Result<Vec<Item>, Failure> {
        run(&self.usage, deadline, || {
            let request = self.client.query().table_name(&self.name).key_condition_expression("pk = :pk");
            let request = request.expression_attribute_values(":pk", AttributeValue::S(shard_key(shard)));
            let limit = i32::try_from(MostRecent::LIMIT).unwrap_or(i32::MAX) + 1;
            let request = request.scan_index_forward(false).limit(limit).consistent_read(true);
            let request = request.return_consumed_capacity(TOTAL);
            Box::pin(async move {
                let output = request.send().await.map_err(|error| TableError::of(&self.name, &error))?;
                self.usage.read(&output.consumed_capacity);
                Ok(output.items.unwrap_or_default())
            })
        })
        .await
    }

    /// All items of a partition.
    pub(super) async fn partition(&self, pk: String, deadline: Deadline) -> Result<Vec<Item>, Failure> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let page = run(&self.usage, deadline, || {
                let request = self.client.query().table_name(&self.name).key_condition_expression("pk = :pk");
                let request = request.expression_attribute_values(":pk", AttributeValue::S(pk.clone()));
                let request = request.consistent_read(true).set_exclusive_start_key(after.clone());
                let request = request.return_consumed_capacity(TOTAL);
                Box::pin(async move {
                    let output = request.send().await.map_err(|error| TableError::of(&self.name, &error))?;
                    self.usage.read(&output.consumed_capacity);
                    Ok(output)
                })
            });
            let page = page.await?;
            items.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// Changes one item, or makes it. Returns all of it.
    pub(super) async fn update(&self, key: Item, change: Change, deadline: Deadline) -> Result<Item, Failure> {
        let Change { expression, condition, values } = change;
        let values: HashMap<_, _> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        run(&self.usage, deadline, || {
            let request = self.client.update_item().table_name(&self.name).set_key(Some(key.clone()));
            let request = request.update_expression(expression).set_condition_expression(condition.map(str::to_owned));
            let request = request.set_expression_attribute_values(Some(values.clone()));
            let request = request.return_values(ReturnValue::AllNew).return_consumed_capacity(TOTAL);
            Box::pin(async move {
                let output = request.send().await.map_err(|error| TableError::of(&self.name, &error))?;
                self.usage.wrote(&output.consumed_capacity);
                Ok(output.attributes.unwrap_or_default())
            })
        })
        .await
    }
}
