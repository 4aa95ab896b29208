//! The throttles: items of the user table under keys that no address can have.
//!
//! | key | attributes |
//! |---|---|
//! | `attempts:password:<hash>` | `forgottenAt`: when all attempts are forgotten; `lastAt`: the time of the latest; `takenBy`: the marker of its write; `tickets`, `successes`: all attempts and those that were right since the last new password; `succeededBy`: the marker of the latest success |
//! | `attempts:verify:<hash>`, `attempts:lost:<hash>` | `forgottenAt`, `lastAt`, `takenBy` |
//! | `attempts:device:<hash>` | `forgottenAt`, `lastAt`, `takenBy`; `failedInARow`: the attempts since the latest success |
//!
//! The hash is the SHA-256 of the address, or of a device's identifier, in base64url: the key identifies nobody, and has no `@`.
//! Times are in seconds since 1970. One attempt is forgotten every quarter of an hour, so the number of those that are not is
//! a matter of `forgottenAt` alone. DynamoDB removes an item by `expiresAt`: 400 days after the latest attempt where failures
//! are counted, and two days after it elsewhere. Nothing depends on when it does.

use crate::record::{number, text};
use crate::{DynamoUsers, refused};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemOutput, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::throttle::{
    Attempt, CountAttempt, CountDeviceFailure, CountSuccess, FAILURES_KEPT, FORGOTTEN_AFTER, FREE_ATTEMPTS,
    ForgetFailures, LONGEST_WAIT, Level, MOST_DEVICE_FAILURES_IN_A_ROW, Throttle, Wait, wait_after,
};
use latchkey_auth::{Email, Fault, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The SHA-256 of an address, a mailbox or a device, in base64url.
pub(crate) fn hash(subject: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(subject))
}

fn attempts_key(throttle: Throttle<'_>) -> String {
    match throttle {
        Throttle::Password(email) => format!("attempts:password:{}", hash(email.as_str())),
        Throttle::VerifyToken(email) => format!("attempts:verify:{}", hash(email.as_str())),
        Throttle::ResetToken(email) => format!("attempts:lost:{}", hash(email.as_str())),
        Throttle::Device(device) => format!("attempts:device:{}", hash(device.as_bytes())),
    }
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

/// How long a throttle of a token is remembered: longer than it takes to forget all attempts of a day.
const TOKENS_KEPT: u64 = 2 * 24 * 60 * 60;

fn level(item: &Item) -> Level {
    Level { forgotten_at: Timestamp(value(item, "forgottenAt")), last_at: Timestamp(value(item, "lastAt")) }
}

/// The failures that are on an item, without the attempt that is being counted.
fn failures(throttle: Throttle<'_>, item: &Item) -> u32 {
    let number = match throttle {
        Throttle::Password(_) => value(item, "tickets").saturating_sub(value(item, "successes")),
        Throttle::Device(_) => value(item, "failedInARow"),
        Throttle::VerifyToken(_) | Throttle::ResetToken(_) => 0,
    };
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The counter of failures that an attempt raises until it is a success.
const fn failure_counter(throttle: Throttle<'_>) -> Option<&'static str> {
    match throttle {
        Throttle::Password(_) => Some("tickets"),
        Throttle::Device(_) => Some("failedInARow"),
        Throttle::VerifyToken(_) | Throttle::ResetToken(_) => None,
    }
}

impl DynamoUsers {
    fn throttle(&self, throttle: Throttle<'_>) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("email", text(&attempts_key(throttle)))
    }

    /// A write that counts an attempt under a condition, with the marker of this call.
    fn count(
        &self,
        throttle: Throttle<'_>,
        condition: &str,
        forgotten_at: &str,
        marker: &AttributeValue,
        now: Timestamp,
    ) -> UpdateItemFluentBuilder {
        let kept = if failure_counter(throttle).is_some() { FAILURES_KEPT } else { TOKENS_KEPT };
        let added = failure_counter(throttle).map_or_else(String::new, |counter| format!(" ADD {counter} :one"));
        let mut condition = format!("({condition})");
        let mut update = self.throttle(throttle);
        if matches!(throttle, Throttle::Device(_)) {
            condition += " AND (attribute_not_exists(failedInARow) OR failedInARow < :most)";
            update = update.expression_attribute_values(":most", count(MOST_DEVICE_FAILURES_IN_A_ROW));
        }
        if !added.is_empty() {
            update = update.expression_attribute_values(":one", count(1));
        }
        update
            .condition_expression(condition)
            .update_expression(format!(
                "SET forgottenAt = {forgotten_at}, lastAt = :now, takenBy = :call, expiresAt = :expires{added}"
            ))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":call", marker.clone())
            .expression_attribute_values(":expires", number(now.plus(kept)))
    }

    /// Counts the first attempt of those that are not forgotten: the usual case.
    fn count_first(&self, throttle: Throttle<'_>, marker: &AttributeValue, now: Timestamp) -> UpdateItemFluentBuilder {
        let condition = "attribute_not_exists(forgottenAt) OR forgottenAt <= :now";
        self.count(throttle, condition, ":forgotten", marker, now)
            .expression_attribute_values(":forgotten", number(now.plus(FORGOTTEN_AFTER)))
    }

    /// Counts one attempt more.
    fn count_further(
        &self,
        throttle: Throttle<'_>,
        marker: &AttributeValue,
        now: Timestamp,
    ) -> UpdateItemFluentBuilder {
        // Expressions compute neither powers of two nor the greater of two numbers, so the condition lists every step of the
        // wait. `<` and not `<=`: two whole seconds that differ by one may be hardly any time apart.
        let mut conditions = vec![
            "attribute_not_exists(forgottenAt)".to_owned(),
            "forgottenAt <= :free".to_owned(),
            "lastAt < :longest".to_owned(),
        ];
        let most = |attempts: u32| number(now.plus(u64::from(attempts) * FORGOTTEN_AFTER));
        let mut values =
            vec![(":free".to_owned(), most(FREE_ATTEMPTS - 1)), (":longest".to_owned(), before(now, LONGEST_WAIT))];
        for attempts in FREE_ATTEMPTS..FREE_ATTEMPTS + DOUBLINGS {
            conditions.push(format!("(forgottenAt <= :n{attempts} AND lastAt < :t{attempts})"));
            values.push((format!(":n{attempts}"), most(attempts)));
            values.push((format!(":t{attempts}"), before(now, wait_after(attempts))));
        }
        // A retry does not count the same attempt twice.
        let condition =
            format!("({}) AND (attribute_not_exists(takenBy) OR takenBy <> :call)", conditions.join(" OR "));
        let update = self.count(throttle, &condition, "if_not_exists(forgottenAt, :now) + :step", marker, now);
        let values = values.into_iter().chain([(":step".to_owned(), AttributeValue::N(FORGOTTEN_AFTER.to_string()))]);
        values.fold(update, |update, (name, value)| update.expression_attribute_values(name, value))
    }
}

/// The attempt that a write did not count, if its item says so.
fn refusal(throttle: Throttle<'_>, item: &Item, marker: &AttributeValue, now: Timestamp) -> Option<Attempt> {
    if item.get("takenBy") == Some(marker) {
        // An earlier try of ours was applied: it is on the item.
        let failures = failures(throttle, item).saturating_sub(1);
        return Some(Attempt::Counted { number: level(item).attempts(now), failures });
    }
    if matches!(throttle, Throttle::Device(_)) && failures(throttle, item) >= MOST_DEVICE_FAILURES_IN_A_ROW {
        return Some(Attempt::WornOut);
    }
    let retry_after = level(item).wait(now)?;
    // A clock that is ahead of ours by hours would ask for more.
    Some(Attempt::Throttled { retry_after: retry_after.min(LONGEST_WAIT + 1) })
}

impl CountAttempt for DynamoUsers {
    async fn count_attempt(&self, throttle: Throttle<'_>, now: Timestamp) -> Result<Attempt, Fault> {
        let marker = self.markers.next();
        let counted = |old: &Item, level: Level| Attempt::Counted {
            number: level.raised(now).attempts(now),
            failures: failures(throttle, old),
        };
        let (applied, old) = decided(self.count_first(throttle, &marker, now)).await?;
        if applied {
            return Ok(counted(&old, Level::NONE));
        }
        if let Some(attempt) = refusal(throttle, &old, &marker, now) {
            return Ok(attempt);
        }
        let (applied, old) = decided(self.count_further(throttle, &marker, now)).await?;
        if applied {
            return Ok(counted(&old, level(&old)));
        }
        // Others were faster since the first write.
        Ok(refusal(throttle, &old, &marker, now).unwrap_or(Attempt::Throttled { retry_after: 1 }))
    }
}

impl CountSuccess for DynamoUsers {
    async fn count_success(&self, throttle: Throttle<'_>) -> Result<(), Fault> {
        let update = match throttle {
            Throttle::Password(_) => self
                .throttle(throttle)
                // Without the first condition, the update would create an item where there is none. A retry does not count the
                // same success twice.
                .condition_expression(
                    "attribute_exists(email) AND (attribute_not_exists(succeededBy) OR succeededBy <> :call)",
                )
                .update_expression("SET succeededBy = :call ADD successes :one")
                .expression_attribute_values(":call", self.markers.next())
                .expression_attribute_values(":one", count(1)),
            Throttle::Device(_) => self
                .throttle(throttle)
                .condition_expression("attribute_exists(email)")
                .update_expression("REMOVE failedInARow"),
            Throttle::VerifyToken(_) | Throttle::ResetToken(_) => return Ok(()),
        };
        decided(update).await.map(drop)
    }
}

impl ForgetFailures for DynamoUsers {
    async fn forget_failures(&self, email: &Email, wait: Wait) -> Result<(), Fault> {
        let forgotten = match wait {
            Wait::Stays => "REMOVE tickets, successes",
            Wait::Ends => "REMOVE tickets, successes, forgottenAt, lastAt",
        };
        // The item stays until it expires, so that this needs no permission to delete.
        let update = self
            .throttle(Throttle::Password(email))
            .condition_expression("attribute_exists(email)")
            .update_expression(forgotten);
        decided(update).await.map(drop)
    }
}

impl CountDeviceFailure for DynamoUsers {
    async fn count_device_failure(&self, email: &Email, generation: u32) -> Result<(), Fault> {
        // Not marked: a failure that a retry counts twice brings the limit nearer, and no more.
        let condition = match generation {
            0 => "attribute_exists(email) AND attribute_not_exists(passwordGeneration)",
            _ => "passwordGeneration = :generation",
        };
        let mut update =
            self.update(email, condition, "ADD deviceFailures :one").expression_attribute_values(":one", count(1));
        if generation > 0 {
            update = update.expression_attribute_values(":generation", count(generation));
        }
        decided(update).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counters_key_is_no_address_and_names_nobody() {
        let email = Email::parse("ada@example.com").unwrap();
        for throttle in [Throttle::Password(&email), Throttle::VerifyToken(&email), Throttle::ResetToken(&email)] {
            let key = attempts_key(throttle);
            assert!(Email::parse(&key).is_err());
            assert!(!key.contains("ada"));
        }
    }

    #[test]
    fn the_condition_knows_every_step_of_the_wait() {
        assert_eq!(wait_after(FREE_ATTEMPTS + DOUBLINGS), LONGEST_WAIT);
        assert!(wait_after(FREE_ATTEMPTS + DOUBLINGS - 1) < LONGEST_WAIT);
    }

    #[test]
    fn a_day_of_attempts_at_tokens_is_forgotten_before_its_item_expires() {
        // Of a burst, and then one attempt for each that is forgotten.
        assert!(u64::from(FREE_ATTEMPTS + DOUBLINGS + 1) * FORGOTTEN_AFTER < TOKENS_KEPT);
    }
}
