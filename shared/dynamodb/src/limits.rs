//! The counters of guesses and mails: items of the user table under keys that no address can have.
//!
//! | key | attributes |
//! |---|---|
//! | `attempts:<what>:<hash>` | `attempts`: tickets since the count began; `lastAt`: when the latest was taken; `takenBy`: the call that took it |
//! | `mails:<hash>` | `sent1` to `sent5`: when the latest five went out, newest first; `signUpAt`, `lostPasswordAt`; `takenBy` |
//!
//! The hash is the SHA-256 of the address, as base64url: the item's key does not name anybody, and has no `@`. Times are
//! seconds since 1970. `expiresAt` lets DynamoDB remove an item that can refuse nothing any more; nothing depends on when it does.

use crate::record::{number, text};
use crate::{DynamoUsers, refused};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemOutput, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::limits::{
    ATTEMPTS_KEPT, BETWEEN_MAILS, FREE_ATTEMPTS, Guess, LONGEST_WAIT, Limits, MAILS_WINDOW, Occasion, Reservation,
    Slot, Ticket, wait_after,
};
use latchkey_auth::{Email, Fault, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

type Item = HashMap<String, AttributeValue>;

fn hash(email: &Email) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_str()))
}

fn tickets_key(guess: Guess, email: &Email) -> String {
    let what = match guess {
        Guess::Password => "password",
        Guess::VerifyToken => "verify",
        Guess::ResetToken => "lost",
    };
    format!("attempts:{what}:{}", hash(email))
}

fn mails_key(email: &Email) -> String {
    format!("mails:{}", hash(email))
}

fn occasion_attribute(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::SignUp => "signUpAt",
        Occasion::LostPassword => "lostPasswordAt",
    }
}

/// A number of an item. One that is missing or none is zero: a counter that somebody damaged lets pass, and mends itself.
fn value(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn count(n: u32) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

fn before(now: Timestamp, seconds: u64) -> AttributeValue {
    AttributeValue::N(now.0.saturating_sub(seconds).to_string())
}

/// What an update found: the item before it, and whether it was made.
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

/// How many further attempts double the wait before it is the longest.
const DOUBLINGS: u32 = 10;

impl Limits for DynamoUsers {
    async fn take_ticket(&self, guess: Guess, email: &Email, now: Timestamp) -> Result<Ticket, Fault> {
        let (key, call) = (tickets_key(guess, email), self.calls.name());
        // An expression has no powers of two, so every step of the wait stands in the condition. `<` and not `<=`: of two
        // whole seconds that are one apart, hardly any time may have passed.
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
            // A ticket that was taken, without an answer that came through, is not taken again.
            .condition_expression(format!(
                "({}) AND (attribute_not_exists(takenBy) OR takenBy <> :call)",
                conditions.join(" OR ")
            ))
            .update_expression(
                "SET attempts = if_not_exists(attempts, :zero) + :one, lastAt = :now, expiresAt = :expires, \
                 takenBy = :call",
            )
            .expression_attribute_values(":call", call.clone())
            .expression_attribute_values(":free", count(FREE_ATTEMPTS))
            .expression_attribute_values(":longest", before(now, LONGEST_WAIT))
            .expression_attribute_values(":zero", count(0))
            .expression_attribute_values(":one", count(1))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now.plus(2 * ATTEMPTS_KEPT)));
        let (made, old) = decided(update).await?;
        let attempts = u32::try_from(value(&old, "attempts")).unwrap_or(u32::MAX - 1);
        let latest = value(&old, "lastAt");
        if !made && old.get("takenBy") == Some(&call) {
            return Ok(Ticket::Numbered(attempts));
        }
        if !made {
            let judged_from = latest.saturating_add(wait_after(attempts)).saturating_add(1);
            return Ok(Ticket::Refused { retry_after: judged_from.saturating_sub(now.0).clamp(1, LONGEST_WAIT + 1) });
        }
        if attempts > 0 && latest.saturating_add(ATTEMPTS_KEPT) < now.0 && self.begin_count(&key, attempts + 1).await? {
            return Ok(Ticket::Numbered(1));
        }
        Ok(Ticket::Numbered(attempts + 1))
    }

    async fn clear_tickets(&self, guess: Guess, email: &Email) -> Result<(), Fault> {
        // The item stays until it expires: no function needs the right to delete.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&tickets_key(guess, email)))
            // Where there is no item, an update would make one.
            .condition_expression("attribute_exists(email)")
            .update_expression("REMOVE attempts, lastAt");
        decided(update).await.map(drop)
    }

    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let (attribute, call) = (occasion_attribute(occasion), self.calls.name());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&mails_key(email)))
            .condition_expression(format!(
                "(attribute_not_exists({attribute}) OR {attribute} < :minute) \
                 AND (attribute_not_exists(sent5) OR sent5 < :hour)"
            ))
            // All right-hand sides are of the item as it was.
            .update_expression(format!(
                "SET sent5 = if_not_exists(sent4, :zero), sent4 = if_not_exists(sent3, :zero), \
                 sent3 = if_not_exists(sent2, :zero), sent2 = if_not_exists(sent1, :zero), sent1 = :now, \
                 {attribute} = :now, expiresAt = :expires, takenBy = :call"
            ))
            .expression_attribute_values(":call", call.clone())
            .expression_attribute_values(":minute", before(now, BETWEEN_MAILS))
            .expression_attribute_values(":hour", before(now, MAILS_WINDOW))
            .expression_attribute_values(":zero", count(0))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now.plus(2 * MAILS_WINDOW)));
        let (made, old) = decided(update).await?;
        let (last, oldest) = (value(&old, attribute), value(&old, "sent5"));
        if made {
            let at = |seconds: u64| (seconds > 0).then_some(Timestamp(seconds));
            return Ok(Reservation::Made(Slot { occasion, at: now, pushed_out: at(oldest), before: at(last) }));
        }
        if old.get("takenBy") == Some(&call) {
            // What was there before is lost, and no loss: all of it was old enough to let this mail pass.
            return Ok(Reservation::Made(Slot { occasion, at: now, pushed_out: None, before: None }));
        }
        let minute = last.saturating_add(BETWEEN_MAILS + 1);
        let hour = oldest.saturating_add(MAILS_WINDOW + 1);
        Ok(Reservation::Refused { retry_after: minute.max(hour).saturating_sub(now.0).clamp(1, MAILS_WINDOW + 1) })
    }

    async fn release_mail(&self, email: &Email, slot: &Slot) -> Result<(), Fault> {
        let attribute = occasion_attribute(slot.occasion);
        let or_never = |time: Option<Timestamp>| number(time.unwrap_or(Timestamp(0)));
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("email", text(&mails_key(email)))
            // Of two mails at once the later one's slot stays where it is.
            .condition_expression(format!("sent1 = :at AND {attribute} = :at"))
            .update_expression(format!(
                "SET sent1 = sent2, sent2 = sent3, sent3 = sent4, sent4 = sent5, sent5 = :pushed, {attribute} = :before"
            ))
            .expression_attribute_values(":at", number(slot.at))
            .expression_attribute_values(":pushed", or_never(slot.pushed_out))
            .expression_attribute_values(":before", or_never(slot.before));
        decided(update).await.map(drop)
    }
}

impl DynamoUsers {
    /// Makes the ticket of this number the first, unless another was taken meanwhile.
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
        decided(update).await.map(|(made, _)| made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counters_key_is_no_address_and_names_nobody() {
        let email = Email::parse("ada@example.com").unwrap();
        for key in [tickets_key(Guess::Password, &email), mails_key(&email)] {
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
