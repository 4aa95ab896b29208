//! The ledger in one table of DynamoDB, whose key is `key` and whose time to live is `expiresAt`.
//!
//! | key | attributes |
//! |---|---|
//! | `id:<hash>`, `storm:<hash>`, `unusable:<hash>` | `claimedBy`; `expiresAt`: how long the claim holds |
//! | `window` | `windowId`, `endsAt`: the present window |
//! | `window:<ID>` | `alerts`, `unsent`, `mailed`, `info`, `warning`, `critical`: counters; `endsAt`; `isQueued`; `title<number>` |
//! | `day:<days since 1970>`, `day:<days>:<hash>` | `mails` |
//!
//! Claims expire by comparison, not by removal, which DynamoDB does within days. The SDK may repeat a write whose answer it did not
//! get: a claim knows its own marker, and a counter may then count one alert twice, which makes a mail's number one too large.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use latchkey_auth::{Cause, Timestamp};
use latchkey_aws::SdkConfig;
use latchkey_notifier::limits::{COUNTERS_KEPT, Counted, Storm, TITLES_LISTED, Window};
use latchkey_notifier::{Ledger, Severity};
use std::collections::HashMap;

/// A ledger in a table.
pub struct DynamoLedger {
    client: latchkey_aws::Client<Client>,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A number of an item; a missing or damaged one is zero.
fn value(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn count(item: &Item, name: &str) -> u32 {
    u32::try_from(value(item, name)).unwrap_or(u32::MAX)
}

fn word(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

fn window_key(id: &str) -> String {
    format!("window:{id}")
}

impl DynamoLedger {
    /// Uses this table.
    #[must_use]
    pub fn new(aws: &SdkConfig, table: String) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), table }
    }

    fn update(&self, key: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("key", text(key))
    }

    fn update_window(&self, window: &Window) -> UpdateItemFluentBuilder {
        self.update(&window_key(&window.id))
    }
}

/// Runs a conditional update. `Ok` with the item as it now is, or `Err` with what it is if the condition failed.
async fn decided(update: UpdateItemFluentBuilder) -> Result<Result<Item, Item>, Cause> {
    let answer = update
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match answer {
        Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            Ok(Err(match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(refusal) => refusal.item.unwrap_or_default(),
                _ => Item::new(),
            }))
        }
        Err(error) => Err(latchkey_aws::cause(&error)),
    }
}

impl Ledger for DynamoLedger {
    async fn claim(&self, key: &str, marker: &str, now: Timestamp, until: Timestamp) -> Result<bool, Cause> {
        let update = self
            .update(key)
            .update_expression("SET claimedBy = :marker, expiresAt = :until")
            .condition_expression("attribute_not_exists(claimedBy) OR expiresAt <= :now OR claimedBy = :marker")
            .expression_attribute_values(":marker", text(marker))
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":now", number(now.0));
        Ok(decided(update).await?.is_ok())
    }

    async fn extend(&self, key: &str, marker: &str, until: Timestamp) -> Result<(), Cause> {
        let update = self
            .update(key)
            .update_expression("SET expiresAt = :until")
            .condition_expression("claimedBy = :marker")
            .expression_attribute_values(":marker", text(marker))
            .expression_attribute_values(":until", number(until.0));
        decided(update).await.map(drop)
    }

    async fn release(&self, key: &str, marker: &str) -> Result<(), Cause> {
        let released = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("key", text(key))
            .condition_expression("claimedBy = :marker")
            .expression_attribute_values(":marker", text(marker))
            .send()
            .await;
        match released {
            Err(error)
                if !error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Err(latchkey_aws::cause(&error))
            }
            _ => Ok(()),
        }
    }

    async fn window(&self, new: &Window, now: Timestamp) -> Result<Window, Cause> {
        let update = self
            .update("window")
            .update_expression("SET windowId = :id, endsAt = :ends, expiresAt = :expires")
            .condition_expression("attribute_not_exists(windowId) OR endsAt <= :now")
            .expression_attribute_values(":id", text(&new.id))
            .expression_attribute_values(":ends", number(new.ends_at.0))
            .expression_attribute_values(":expires", number(new.ends_at.plus(COUNTERS_KEPT).0))
            .expression_attribute_values(":now", number(now.0));
        let (Ok(item) | Err(item)) = decided(update).await?;
        let id = word(&item, "windowId").ok_or_else(|| Cause::code("window"))?;
        Ok(Window { id, ends_at: Timestamp(value(&item, "endsAt")) })
    }

    async fn count(&self, window: &Window, severity: Severity) -> Result<Counted, Cause> {
        let update = self
            .update_window(window)
            .update_expression("SET endsAt = :ends, expiresAt = :expires ADD alerts :one, #severity :one")
            .expression_attribute_names("#severity", severity.as_str())
            .expression_attribute_values(":ends", number(window.ends_at.0))
            .expression_attribute_values(":expires", number(window.ends_at.plus(COUNTERS_KEPT).0))
            .expression_attribute_values(":one", number(1));
        let (Ok(item) | Err(item)) = decided(update).await?;
        let is_queued = item.contains_key("isQueued");
        Ok(Counted { number: count(&item, "alerts"), unsent: count(&item, "unsent"), is_queued })
    }

    async fn count_mailed(&self, window: &Window) -> Result<(), Cause> {
        let update = self.update_window(window).update_expression("ADD mailed :one");
        decided(update.expression_attribute_values(":one", number(1))).await.map(drop)
    }

    async fn uncount(&self, window: &Window, severity: Severity) -> Result<(), Cause> {
        let update = self
            .update_window(window)
            .update_expression("ADD unsent :one, #severity :less")
            .expression_attribute_names("#severity", severity.as_str())
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()));
        decided(update).await.map(drop)
    }

    async fn keep_title(&self, window: &Window, number: u32, title: &str) -> Result<(), Cause> {
        let update = self
            .update_window(window)
            .update_expression("SET #title = :title")
            .expression_attribute_names("#title", format!("title{number}"))
            .expression_attribute_values(":title", text(title));
        decided(update).await.map(drop)
    }

    async fn set_queued(&self, window: &Window) -> Result<(), Cause> {
        let update = self.update_window(window).update_expression("SET isQueued = :yes");
        decided(update.expression_attribute_values(":yes", AttributeValue::Bool(true))).await.map(drop)
    }

    async fn storm(&self, window: &str) -> Result<Option<Storm>, Cause> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("key", text(&window_key(window)))
            .consistent_read(true)
            .send()
            .await;
        let item = read.map_err(|error| latchkey_aws::cause(&error))?.item;
        Ok(item.map(|item| {
            let mut titles: Vec<(u32, String)> = item
                .keys()
                .filter_map(|name| Some((name.strip_prefix("title")?.parse().ok()?, word(&item, name)?)))
                .collect();
            titles.sort();
            titles.truncate(TITLES_LISTED as usize);
            Storm {
                window: Window { id: window.to_owned(), ends_at: Timestamp(value(&item, "endsAt")) },
                mailed: count(&item, "mailed"),
                by_severity: Severity::ALL.map(|severity| count(&item, severity.as_str())),
                titles: titles.into_iter().map(|(_, title)| title).collect(),
            }
        }))
    }

    async fn spend(&self, counter: &str, limit: u32, until: Timestamp) -> Result<Option<u32>, Cause> {
        let update = self
            .update(counter)
            .update_expression("SET expiresAt = :until ADD mails :one")
            .condition_expression("attribute_not_exists(mails) OR mails < :limit")
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(limit.into()));
        Ok(decided(update).await?.ok().map(|item| count(&item, "mails")))
    }

    async fn give_back(&self, counter: &str) -> Result<(), Cause> {
        let update = self.update(counter).update_expression("ADD mails :less");
        decided(update.expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))).await.map(drop)
    }
}
