//! The counters of attempts: items of the user table under keys that no address can have.
//!
//! | key | attributes |
//! |---|---|
//! | `attempts:<kind>:<hash>` | `attempts`: the number since the count began; `lastAt`: the time of the latest; `takenBy`: the marker of its write |
//!
//! The hash is the SHA-256 of the address in base64url: the key identifies nobody, and has no `@`. Times are in seconds
//! since 1970. With `expiresAt`, DynamoDB removes items that can no longer throttle anything; nothing depends on when it does.

use crate::record::{number, text};
use crate::{DynamoUsers, refused};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemOutput, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::throttle::{
    ATTEMPTS_KEPT, Attempt, AttemptKind, ClearAttempts, CountAttempt, FREE_ATTEMPTS, LONGEST_WAIT, wait_after,
};
use latchkey_auth::{Email, Fault, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The SHA-256 of an address or a mailbox, in base64url.
pub(crate) fn hash(address: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(address))
}

fn attempts_key(kind: AttemptKind, email: &Email) -> String {
    let kind = match kind {
        AttemptKind::Password => "password",
        AttemptKind::VerifyToken => "verify",
        AttemptKind::ResetToken => "lost",
    };
    format!("attempts:{kind}:{}", hash(email.as_str()))
}

/// A number attribute of an item. A missing or damaged one is zero: a damaged counter does not throttle, and repairs
/// itself.
pub(crate) fn value(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(crate) fn count(n: u32) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

pub(crate) fn before(now: Timestamp, seconds: u64) -> AttributeValue {
    AttributeValue::N(now.0.saturating_sub(seconds).to_string())
}

/// Runs an update. Returns whether it was applied, and the item as it was before.
pub(crate) async fn decided(update: UpdateItemFluentBuilder) -> Result<(bool, Item), Fault> {
    let answer = update
        .return_values(ReturnValue::AllOld)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match answer {
        Ok(UpdateItemOutput { attributes, .. }) => Ok((true, attributes.unwrap_or_default())),
        Err(error) => refused(error).map(|found| (false, found)),
    }
}

/// The number of further attempts that double the wait before it is the longest.
const DOUBLINGS: u32 = 10;

impl CountAttempt for DynamoUsers {
    async fn count_attempt(&self, kind: AttemptKind, email: &Email, now: Timestamp) -> Result<Attempt, Fault> {
        let (key, marker) = (attempts_key(kind, email), self.markers.next());
        // Expressions cannot compute powers of two, so the condition lists every step of the wait. `<` and not `<=`: two
        // whole seconds that differ by one may be hardly any time apart.
        let mut conditions = vec![
            "attribute_not_exists(attempts)".to_owned(),
            "attempts < :free".to_owned(),
            "lastAt < :longest".to_owned(),
        ];
        let mut update = self.client.update_item().table_name(&self.table).key("email", text(&key));
        for step in 0..DOUBLINGS {
            let attempts = FREE_ATTEMPTS + step;
            conditions.push(format!("(attempts <= :n{step} AND lastAt < :t{step})"));
            update = update
                .expression_attribute_values(format!(":n{step}"), count(attempts))
                .expression_attribute_values(format!(":t{step}"), before(now, wait_after(attempts)));
        }
        let update = update
            // A retry does not count the same attempt twice.
            .condition_expression(format!(
                "({}) AND (attribute_not_exists(takenBy) OR takenBy <> :call)",
                conditions.join(" OR ")
            ))
            .update_expression(
                "SET attempts = if_not_exists(attempts, :zero) + :one, lastAt = :now, expiresAt = :expires, \
                 takenBy = :call",
            )
            .expression_attribute_values(":call", marker.clone())
            .expression_attribute_values(":free", count(FREE_ATTEMPTS))
            .expression_attribute_values(":longest", before(now, LONGEST_WAIT))
            .expression_attribute_values(":zero", count(0))
            .expression_attribute_values(":one", count(1))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now.plus(2 * ATTEMPTS_KEPT)));
        let (applied, old) = decided(update).await?;
        let attempts = u32::try_from(value(&old, "attempts")).unwrap_or(u32::MAX - 1);
        let latest = value(&old, "lastAt");
        if !applied && old.get("takenBy") == Some(&marker) {
            return Ok(Attempt::Counted(attempts));
        }
        if !applied {
            let checked_from = latest.saturating_add(wait_after(attempts)).saturating_add(1);
            return Ok(Attempt::Throttled {
                retry_after: checked_from.saturating_sub(now.0).clamp(1, LONGEST_WAIT + 1),
            });
        }
        if attempts > 0 && latest.saturating_add(ATTEMPTS_KEPT) < now.0 && self.begin_count(&key, attempts + 1).await? {
            return Ok(Attempt::Counted(1));
        }
        Ok(Attempt::Counted(attempts + 1))
    }
}

impl ClearAttempts for DynamoUsers {
    async fn clear_attempts(&self, kind: AttemptKind, email: &Email) -> Result<(), Fault> {
        // The item stays until it expires, so that this needs no permission to delete.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&attempts_key(kind, email)))
            // Without this, the update would create an item where there is none.
            .condition_expression("attribute_exists(email)")
            .update_expression("REMOVE attempts, lastAt");
        decided(update).await.map(drop)
    }
}

impl DynamoUsers {
    /// Makes the attempt of this number the first, unless another one was counted in the meantime.
    async fn begin_count(&self, key: &str, number: u32) -> Result<bool, Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(key))
            .condition_expression("attempts = :number")
            .update_expression("SET attempts = :one")
            .expression_attribute_values(":number", count(number))
            .expression_attribute_values(":one", count(1));
        decided(update).await.map(|(applied, _)| applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counters_key_is_no_address_and_names_nobody() {
        let email = Email::parse("ada@example.com").unwrap();
        let key = attempts_key(AttemptKind::Password, &email);
        assert!(Email::parse(&key).is_err());
        assert!(!key.contains("ada"));
    }

    #[test]
    fn the_condition_knows_every_step_of_the_wait() {
        assert_eq!(wait_after(FREE_ATTEMPTS + DOUBLINGS), LONGEST_WAIT);
        assert!(wait_after(FREE_ATTEMPTS + DOUBLINGS - 1) < LONGEST_WAIT);
    }
}
