//! The outbox: a table of its own, whose key is `id`. It holds the quotas of mail, and mail on its way to the mail function.
//!
//! | key | attributes |
//! |---|---|
//! | `mail:<random>` | `lane`, `sealed`: a request as `latchkey_outbox` seals it. Deleted when it was dealt with |
//! | `quota:<quota>:<hash>` | `used1` to `used5`: the times of the latest uses, newest first; `takenBy`: the marker of the last write |
//! | `budget:<class>:<hour>` | `spent`: the mails of the whole service in this hour since 1970 |
//!
//! The table's stream takes requests to the mail function. It has nothing of any account, so that whoever reads the stream learns
//! no password hash. The hash is the SHA-256 of an address or mailbox in base64url. Times are in seconds since 1970. Everything
//! expires by `expiresAt`; nothing depends on when DynamoDB removes it.

use crate::record::{number, text};
use crate::throttle::{before, count, decided, hash, value};
use crate::{DynamoUsers, Markers};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::delivery::MailBudget;
use latchkey_auth::services::HandOverMail;
use latchkey_auth::throttle::{MOST_KEPT, MailQuota, Quota, Reservation};
use latchkey_auth::{Email, Entropy, Fault, MailClass, MailRequest, Timestamp};
use latchkey_keys::KeyRing;
use latchkey_outbox::{NONCE_BYTES, lane, seal};
use std::sync::Arc;

const HOUR: u64 = 60 * 60;

/// Requests that nobody dealt with are removed after this many seconds: a day, which is how long the stream keeps them.
const REQUESTS_KEPT: u64 = 24 * HOUR;

/// How often a release is tried against concurrent uses of the same quota.
const RELEASES: usize = 3;

/// The outbox.
#[derive(Clone, Debug)]
pub struct DynamoOutbox<E> {
    client: latchkey_aws::Client<Client>,
    table: String,
    markers: Arc<Markers>,
    keys: KeyRing,
    entropy: E,
}

impl<E: Entropy> DynamoOutbox<E> {
    /// An outbox in a table of this name, reached over the connections of the user table.
    #[must_use]
    pub fn beside(users: &DynamoUsers, table: String, keys: KeyRing, entropy: E) -> Self {
        Self { client: users.client.clone(), table, markers: Arc::clone(&users.markers), keys, entropy }
    }

    /// An outbox in a table of this name.
    #[must_use]
    pub fn new(aws: &latchkey_aws::SdkConfig, table: String, keys: KeyRing, entropy: E) -> Self {
        let markers = Arc::new(Markers::new(&entropy));
        Self { client: latchkey_aws::client(aws, Client::new), table, markers, keys, entropy }
    }

    /// Returns true if the request with this ID was not dealt with yet.
    pub async fn is_waiting(&self, id: &str) -> Result<bool, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("id", text(id))
            .projection_expression("id")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Fault::Table(latchkey_aws::cause(&error)))?;
        Ok(found.item.is_some())
    }

    /// Removes a request that was dealt with.
    pub async fn remove(&self, id: &str) -> Result<(), Fault> {
        let deleted = self.client.delete_item().table_name(&self.table).key("id", text(id)).send().await;
        deleted.map(drop).map_err(|error| Fault::Table(latchkey_aws::cause(&error)))
    }

    fn update(&self, key: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("id", text(key))
    }
}

impl<E: Entropy> HandOverMail for DynamoOutbox<E> {
    async fn hand_over_mail(&self, request: &MailRequest) -> Result<(), Fault> {
        let (mut id, mut nonce) = ([0; 16], [0; NONCE_BYTES]);
        self.entropy.fill(&mut id);
        self.entropy.fill(&mut nonce);
        let id = format!("mail:{}", BASE64_URL_SAFE_NO_PAD.encode(id));
        // Idempotent: the same item twice is one item, and one record in the stream.
        self.client
            .put_item()
            .table_name(&self.table)
            .item("lane", text(lane(request.class)))
            .item("sealed", text(&seal(request, &id, &self.keys, nonce)))
            .item("expiresAt", number(request.requested_at.plus(REQUESTS_KEPT)))
            .item("id", AttributeValue::S(id))
            .send()
            .await
            .map(drop)
            .map_err(|error| Fault::Mailer(latchkey_aws::cause(&error)))
    }
}

fn quota_key(quota: Quota, email: &Email) -> String {
    format!("quota:{}:{}", quota.as_str(), hash(&*quota.subject(email)))
}

fn uses(item: &crate::throttle::Item) -> Vec<Timestamp> {
    let times = (1..=MOST_KEPT).map(|place| value(item, &format!("used{place}")));
    times.take_while(|time| *time > 0).map(Timestamp).collect()
}

/// The assignment that moves a use to this place.
fn moved_from(place: usize, from: usize) -> String {
    format!("used{place} = if_not_exists(used{from}, :zero)")
}

impl<E: Entropy> MailQuota for DynamoOutbox<E> {
    async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let (marker, limit) = (self.markers.next(), quota.limit());
        let mut condition = format!("(attribute_not_exists(used{limit}) OR used{limit} < :window)");
        if quota.spacing() > 0 {
            condition += " AND (attribute_not_exists(used1) OR used1 < :spacing)";
        }
        // All right-hand sides refer to the item before the update.
        let mut set: Vec<_> = (2..=limit).map(|place| moved_from(place, place - 1)).collect();
        set.push("used1 = :now, expiresAt = :expires, takenBy = :call".to_owned());
        let mut update = self
            .update(&quota_key(quota, email))
            .condition_expression(condition)
            .update_expression(format!("SET {}", set.join(", ")))
            .expression_attribute_values(":call", marker.clone())
            .expression_attribute_values(":window", before(now, quota.window()))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":expires", number(now.plus(2 * quota.window())));
        if quota.spacing() > 0 {
            update = update.expression_attribute_values(":spacing", before(now, quota.spacing()));
        }
        if limit > 1 {
            update = update.expression_attribute_values(":zero", count(0));
        }
        let (applied, old) = decided(update).await?;
        if applied || old.get("takenBy") == Some(&marker) {
            return Ok(Reservation::Granted);
        }
        Ok(Reservation::Throttled { retry_after: quota.wait(&uses(&old), now).unwrap_or(1) })
    }

    async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault> {
        let (key, limit) = (quota_key(quota, email), quota.limit());
        for _try in 0..RELEASES {
            let found = self
                .client
                .get_item()
                .table_name(&self.table)
                .key("id", text(&key))
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| Fault::Table(latchkey_aws::cause(&error)))?;
            let uses = found.item.as_ref().map(uses).unwrap_or_default();
            let Some(index) = uses.iter().position(|used| *used == at) else { return Ok(()) };
            let place = index + 1;
            // The older ones move up.
            let mut set: Vec<_> = (place..limit).map(|place| moved_from(place, place + 1)).collect();
            set.push(format!("used{limit} = :zero"));
            let update = self
                .update(&key)
                .condition_expression(format!("used{place} = :at"))
                .update_expression(format!("SET {}", set.join(", ")))
                .expression_attribute_values(":at", number(at))
                .expression_attribute_values(":zero", count(0));
            if decided(update).await?.0 {
                return Ok(());
            }
        }
        // Others use the quota at this very moment: what is not given back ends with the window.
        Ok(())
    }

    async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault> {
        let all: Vec<_> = (2..=quota.limit()).map(|place| format!("used{place}")).collect();
        if all.is_empty() {
            return Ok(());
        }
        let update = self
            .update(&quota_key(quota, email))
            // Without this, the update would create an item where there is none.
            .condition_expression("attribute_exists(id)")
            .update_expression(format!("REMOVE {}", all.join(", ")));
        decided(update).await.map(drop)
    }
}

fn budget_key(class: MailClass, now: Timestamp) -> String {
    format!("budget:{}:{}", class.as_str(), now.0 / HOUR)
}

impl<E: Entropy> MailBudget for DynamoOutbox<E> {
    async fn spend_budget(&self, class: MailClass, limit: u32, now: Timestamp) -> Result<bool, Fault> {
        if limit == 0 {
            return Ok(false);
        }
        // A repeated request may count one mail twice: then the service sends one less in this hour.
        let update = self
            .update(&budget_key(class, now))
            .condition_expression("attribute_not_exists(spent) OR spent < :limit")
            .update_expression("SET expiresAt = :expires ADD spent :one")
            .expression_attribute_values(":limit", count(limit))
            .expression_attribute_values(":one", count(1))
            .expression_attribute_values(":expires", number(now.plus(2 * HOUR)));
        decided(update).await.map(|(applied, _)| applied)
    }

    async fn restore_budget(&self, class: MailClass, now: Timestamp) -> Result<(), Fault> {
        let update = self
            .update(&budget_key(class, now))
            .condition_expression("spent > :zero")
            .update_expression("ADD spent :less")
            .expression_attribute_values(":zero", count(0))
            .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()));
        decided(update).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_quota_names_nobody() {
        let email = Email::parse("ada+tag@example.com").unwrap();
        assert!(!quota_key(Quota::Reset, &email).contains("ada"));
        assert_eq!(
            quota_key(Quota::SignUp, &email),
            quota_key(Quota::SignUp, &Email::parse("ada@example.com").unwrap())
        );
    }
}
