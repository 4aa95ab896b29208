//! The keys of a table that something other than Latchkey wrote.
//!
//! The samples stored an address as it was typed, and Latchkey looks accounts up by the canonical address. A record under another
//! key is moved in one transaction, so that it is never in two places and never in none.

use crate::DynamoUsers;
use crate::record::{read_stored_hash, text};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use latchkey_auth::{Cause, Email, Fault};
use latchkey_salting::StoredHash;
use std::collections::{HashMap, HashSet};

/// The attributes that the samples write. One that is absent when a record is read must be absent when it is moved.
const WRITTEN_BY_SAMPLES: [&str; 4] = ["passwordSalt", "verified", "verifyToken", "lostToken"];

/// The result of moving an account under its canonical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is there now, and no longer under the old key.
    Moved,
    /// There is nothing under the old key.
    Gone,
    /// The canonical address has an account. Both stay as they are.
    Taken,
    /// The record was changed in the meantime, and stays as it is.
    Changed,
}

impl DynamoUsers {
    /// Reads every account of the table, and calls `see` with its key and its hash. A hash that cannot be read is left out. A
    /// write of the last second may be missed: whatever is done about an account reads it again.
    pub async fn scan_accounts(&self, mut see: impl FnMut(&str, Option<&StoredHash>)) -> Result<(), Fault> {
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                // Counters have no hash.
                .filter_expression("attribute_exists(passwordHash)")
                .projection_expression("email, passwordHash, passwordSalt")
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| Fault::Table(latchkey_aws::cause(&error)))?;
            for item in page.items() {
                if let Some(AttributeValue::S(key)) = item.get("email") {
                    see(key, read_stored_hash(item).ok().as_ref());
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether the table has an item under this very key.
    pub async fn has_key(&self, key: &str) -> Result<bool, Fault> {
        self.raw_item(key).await.map(|item| item.is_some())
    }

    /// Moves the account under this very key to its canonical address. The identity that the user had stays: Cognito knows it by
    /// the old key, which the record names from now on.
    pub async fn move_account(&self, key: &str, email: &Email) -> Result<Moved, Fault> {
        let Some(old) = self.raw_item(key).await? else { return Ok(Moved::Gone) };
        let mut new = old.clone();
        new.insert("email".to_owned(), text(email.as_str()));
        new.entry("userId".to_owned()).or_insert_with(|| text(key));

        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(new))
            .condition_expression("attribute_not_exists(email)")
            .build();
        let mut delete = Delete::builder().table_name(&self.table).key("email", text(key));
        let written: HashSet<String> = old.keys().cloned().collect();
        let mut unchanged = Vec::new();
        for (number, (attribute, value)) in old.into_iter().enumerate() {
            delete = delete
                .expression_attribute_names(format!("#a{number}"), attribute)
                .expression_attribute_values(format!(":a{number}"), value);
            unchanged.push(format!("#a{number} = :a{number}"));
        }
        for (number, attribute) in WRITTEN_BY_SAMPLES.iter().enumerate() {
            if !written.contains(*attribute) {
                delete = delete.expression_attribute_names(format!("#b{number}"), *attribute);
                unchanged.push(format!("attribute_not_exists(#b{number})"));
            }
        }
        let delete = delete.condition_expression(unchanged.join(" AND ")).build();
        let built = |_| Fault::Table(Cause::code("request"));
        let moved = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put.map_err(built)?).build())
            .transact_items(TransactWriteItem::builder().delete(delete.map_err(built)?).build())
            .send()
            .await;
        // The SDK gives a request and its repetitions one token, so that DynamoDB carries it out once.
        match moved {
            Ok(_) => Ok(Moved::Moved),
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_canceled_exception() => {
                Ok(refusal(&error.into_err()))
            }
            Err(error) => Err(Fault::Table(latchkey_aws::cause(&error))),
        }
    }

    async fn raw_item(&self, key: &str) -> Result<Option<HashMap<String, AttributeValue>>, Fault> {
        let found =
            self.client.get_item().table_name(&self.table).key("email", text(key)).consistent_read(true).send().await;
        found.map(|found| found.item).map_err(|error| Fault::Table(latchkey_aws::cause(&error)))
    }
}

/// Which condition failed: that of the new place, or that of the old one. A conflict with another write is a change.
fn refusal(error: &TransactWriteItemsError) -> Moved {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else { return Moved::Changed };
    let first = canceled.cancellation_reasons().first().and_then(|reason| reason.code());
    if first == Some("ConditionalCheckFailed") { Moved::Taken } else { Moved::Changed }
}
