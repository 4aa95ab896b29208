//! The events of the outbox's stream, and what the stream is told about them.
//!
//! Lambda calls the function with records of one shard, in order. The answer names the first record that has to come again, with
//! all after it (`ReportBatchItemFailures`).

use serde::Deserialize;
use serde_json::{Value, json};

/// Records of one shard.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Record>,
}

/// A change in the table.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    new_image: Option<Item>,
}

/// An item with a request. Quotas and budgets are in the table too, and the filter of the stream keeps them away.
#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: Text,
    pub(crate) lane: Text,
    pub(crate) sealed: Text,
}

/// A text attribute.
#[derive(Debug, Deserialize)]
pub(crate) struct Text {
    #[serde(rename = "S")]
    pub(crate) text: String,
}

impl Record {
    /// The item as it was written.
    pub(crate) fn item(&self) -> Option<&Item> {
        self.dynamodb.new_image.as_ref()
    }
}

/// The answer that everything was dealt with before this record, if there is one.
pub(crate) fn answer(first_left: Option<&Record>) -> Value {
    let left = first_left.map(|record| json!({ "itemIdentifier": record.dynamodb.sequence_number }));
    json!({ "batchItemFailures": left.into_iter().collect::<Vec<_>>() })
}
