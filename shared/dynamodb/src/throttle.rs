//! The counters of attempts and mails: items of the user table under keys that no address can have.
//!
//! | key | attributes |
//! |---|---|
//! | `attempts:<kind>:<hash>` | `attempts`: the number since the count began; `lastAt`: the time of the latest; `takenBy`: the marker of its write |
//! | `mails:<hash>` | `sent1` to `sent5`: the times of the latest five, newest first; `signUpAt`, `lostPasswordAt`; `takenBy` |
//!
//! The hash is the SHA-256 of the address in base64url: the key identifies nobody, and has no `@`. Times are in seconds
//! since 1970. With `expiresAt`, DynamoDB removes items that can no longer throttle anything; nothing depends on when it does.

use crate::record::{number, text};
use crate::{DynamoUsers, refused};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemOutput, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::throttle::{
    ATTEMPTS_KEPT, Attempt, AttemptKind, BETWEEN_MAILS, ClearAttempts, CountAttempt, FREE_ATTEMPTS, LONGEST_WAIT,
    MAILS_WINDOW, MailQuota, Occasion, Reservation, ReservedMail, wait_after,
};
use latchkey_auth::{Email, Fault, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

type Item = HashMap<String, AttributeValue>;

fn hash(email: &Email) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_str()))
}

fn attempts_key(kind: AttemptKind, email: &Email) -> String {
    let kind = match kind {
        AttemptKind::Password => "password",
        AttemptKind::VerifyToken => "verify",
        AttemptKind::ResetToken => "lost",
    };
    format!("attempts:{kind}:{}", hash(email))
}

fn mails_key(email: &Email) -> String {
    format!("mails:{}", hash(email))
}

fn occasion_attribute(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::CreateUser => "signUpAt",
        Occasion::LostPassword => "lostPasswordAt",
    }
}

/// A number attribute of an item. A missing or damaged one is zero: a damaged counter does not throttle, and repairs
/// itself.
fn value(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn count(n: u32) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

fn before(now: Timestamp, seconds: u64) -> AttributeValue {
    AttributeValue::N(now.0.saturating_sub(seconds).to_string())
}

/// Runs an update. Returns whether it was applied, and the item as it was before.
async fn decided(update: UpdateItemFluentBuilder) -> Result<(bool, Item), Fault> {
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

impl MailQuota for DynamoUsers {
    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let (attribute, marker) = (occasion_attribute(occasion), self.markers.next());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&mails_key(email)))
            .condition_expression(format!(
                "(attribute_not_exists({attribute}) OR {attribute} < :minute) \
                 AND (attribute_not_exists(sent5) OR sent5 < :hour)"
            ))
            // All right-hand sides refer to the item before the update.
            .update_expression(format!(
                "SET sent5 = if_not_exists(sent4, :zero), sent4 = if_not_exists(sent3, :zero), \
                 sent3 = if_not_exists(sent2, :zero), sent2 = if_not_exists(sent1, :zero), sent1 = :now, \
                 {attribute} = :now, expiresAt = :expires, takenBy = :call"
            ))
            .expression_attribute_values(":call", marker.clone())
            .expression_attribute_values(":minute", before(now, BETWEEN_MAILS))
            .expression_attribute_values(":hour", before(now, MAILS_WINDOW))
            .expression_attribute_values(":zero", count(0))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now.plus(2 * MAILS_WINDOW)));
        let (applied, old) = decided(update).await?;
        let (last, oldest) = (value(&old, attribute), value(&old, "sent5"));
        if applied {
            let at = |seconds: u64| (seconds > 0).then_some(Timestamp(seconds));
            return Ok(Reservation::Granted(ReservedMail {
                occasion,
                at: now,
                pushed_out: at(oldest),
                before: at(last),
            }));
        }
        if old.get("takenBy") == Some(&marker) {
            // The previous times are lost, which does not matter: they were all old enough to let this mail pass.
            return Ok(Reservation::Granted(ReservedMail { occasion, at: now, pushed_out: None, before: None }));
        }
        let minute = last.saturating_add(BETWEEN_MAILS + 1);
        let hour = oldest.saturating_add(MAILS_WINDOW + 1);
        Ok(Reservation::Throttled { retry_after: minute.max(hour).saturating_sub(now.0).clamp(1, MAILS_WINDOW + 1) })
    }

    async fn release_mail(&self, email: &Email, reserved: &ReservedMail) -> Result<(), Fault> {
        let attribute = occasion_attribute(reserved.occasion);
        let or_never = |time: Option<Timestamp>| number(time.unwrap_or(Timestamp(0)));
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&mails_key(email)))
            // Of two concurrent mails, the later reservation is kept.
            .condition_expression(format!("sent1 = :at AND {attribute} = :at"))
            .update_expression(format!(
                "SET sent1 = sent2, sent2 = sent3, sent3 = sent4, sent4 = sent5, sent5 = :pushed, {attribute} = :before"
            ))
            .expression_attribute_values(":at", number(reserved.at))
            .expression_attribute_values(":pushed", or_never(reserved.pushed_out))
            .expression_attribute_values(":before", or_never(reserved.before));
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
        for key in [attempts_key(AttemptKind::Password, &email), mails_key(&email)] {
            assert!(Email::parse(&key).is_err());
            assert!(!key.contains("ada"));
        }
    }

    #[test]
    fn the_condition_knows_every_step_of_the_wait() {
        assert_eq!(wait_after(FREE_ATTEMPTS + DOUBLINGS), LONGEST_WAIT);
        assert!(wait_after(FREE_ATTEMPTS + DOUBLINGS - 1) < LONGEST_WAIT);
    }
}
