//! The user table in DynamoDB, whose key is `email`.
//!
//! Every write is one conditional call, so that DynamoDB decides races. `record` describes the item of an account,
//! `throttle` the items that count attempts, `keys` what a sample may have left. The outbox is a table of its own, which `outbox`
//! describes.
//!
//! The SDK retries requests that time out, so a write may be applied twice. Each non-idempotent write carries a unique
//! marker; when its condition fails, a matching marker means our earlier attempt succeeded.

mod keys;
mod outbox;
mod record;
mod throttle;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
pub use keys::Moved;
use latchkey_auth::services::{
    AddUser, CountVerifyTry, FindUser, MarkVerified, RenewHash, ReplacePassword, ResetFor, SpendResetToken,
    StoreResetToken, VerifyTry,
};
use latchkey_auth::{
    Email, Entropy, Fault, ImportedUser, MOST_VERIFY_TRIES, NewUser, PendingReset, PendingVerification, Timestamp,
    TokenHash, User, UserId,
};
use latchkey_aws::{SdkConfig, WarmUp};
use latchkey_salting::{PasswordHash, StoredHash};
pub use outbox::DynamoOutbox;
use record::{number, text};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The first label of DynamoDB's endpoints.
const ENDPOINT: &str = "dynamodb";

/// The user table.
#[derive(Clone, Debug)]
pub struct DynamoUsers {
    client: latchkey_aws::Client<Client>,
    table: String,
    markers: Arc<Markers>,
}

impl DynamoUsers {
    /// A table of this name.
    #[must_use]
    pub fn new(aws: &SdkConfig, table: String, entropy: &impl Entropy) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), table, markers: Arc::new(Markers::new(entropy)) }
    }

    /// Creates the client and opens this many connections ahead of the first call; nothing if there are none to open.
    #[must_use]
    pub fn warm_up(&self, connections: usize) -> Option<WarmUp> {
        WarmUp::new(ENDPOINT, connections, &self.client)
    }

    fn update(&self, email: &Email, condition: &str, change: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("email", text(email.as_str()))
            .condition_expression(condition)
            .update_expression(change)
    }
}

/// Draws a unique marker for each write of a process.
#[derive(Debug)]
struct Markers {
    process: String,
    latest: AtomicU64,
}

impl Markers {
    fn new(entropy: &impl Entropy) -> Self {
        let mut process = [0; 12];
        entropy.fill(&mut process);
        Self { process: BASE64_URL_SAFE_NO_PAD.encode(process), latest: AtomicU64::new(0) }
    }

    /// 16 characters and a number.
    fn next(&self) -> AttributeValue {
        let number = self.latest.fetch_add(1, Ordering::Relaxed);
        text(&format!("{}{number}", self.process))
    }
}

/// The result of importing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The account was written.
    Written,
    /// The table already has it, with this hash: an earlier import wrote it.
    Again,
    /// The address has another account, which is left as it is.
    Taken,
}

impl DynamoUsers {
    /// Imports an account. Existing items are never changed.
    pub async fn import(&self, user: &ImportedUser) -> Result<Imported, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(record::write_imported(user)))
            .condition_expression("attribute_not_exists(email)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Imported::Written),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let PutItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                    return Ok(Imported::Taken);
                };
                let there = refusal.item.as_ref().and_then(|item| item.get("passwordHash"));
                Ok(if there == Some(&hash_text(&user.password)) { Imported::Again } else { Imported::Taken })
            }
            Err(error) => Err(Fault::Table(latchkey_aws::cause(&error))),
        }
    }
}

/// Runs an idempotent update. Returns false if its condition failed.
async fn applied(update: UpdateItemFluentBuilder) -> Result<bool, Fault> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => refused(error).map(|_found| false),
    }
}

/// Runs an update whose marker is this value of this attribute. If the condition fails on an item with the marker, an earlier
/// attempt was applied.
async fn applied_once(update: UpdateItemFluentBuilder, attribute: &str, value: AttributeValue) -> Result<bool, Fault> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => Ok(refused(error)?.get(attribute) == Some(&value)),
    }
}

/// The item that failed the condition, if the update asked for it. Any other error is a fault.
fn refused<R>(error: SdkError<UpdateItemError, R>) -> Result<HashMap<String, AttributeValue>, Fault> {
    match error {
        SdkError::ServiceError(error) if error.err().is_conditional_check_failed_exception() => {
            let UpdateItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                return Ok(HashMap::new());
            };
            Ok(refusal.item.unwrap_or_default())
        }
        error => Err(Fault::Table(latchkey_aws::cause(&error))),
    }
}

/// What every new password sets: devices are known for one password.
const NEXT_GENERATION: &str = "passwordGeneration = if_not_exists(passwordGeneration, :zero) + :one";

/// Gives an update the values of [`NEXT_GENERATION`].
fn next_generation(update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
    update
        .expression_attribute_values(":zero", throttle::count(0))
        .expression_attribute_values(":one", throttle::count(1))
}

/// The attribute value of a stored hash, for conditions.
fn hash_text(stored: &StoredHash) -> AttributeValue {
    match stored {
        StoredHash::Encoded(hash) => text(hash.as_str()),
        StoredHash::Legacy(hash) => text(&hash.hash),
    }
}

impl FindUser for DynamoUsers {
    async fn find_user(&self, email: &Email) -> Result<Option<User>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("email", text(email.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Fault::Table(latchkey_aws::cause(&error)))?;
        found.item.map(|item| record::read(&item, email)).transpose()
    }
}

impl AddUser for DynamoUsers {
    async fn add_user(&self, user: &NewUser) -> Result<bool, Fault> {
        let (set, remove) = record::replacement(user);
        let assignments: Vec<_> = set.keys().map(|name| format!("#{name} = :{name}")).collect();
        let mut update = self.update(
            &user.email,
            // What `import-users` brought is its owner's, also if nobody verified it. An unverified account of a version that did
            // not note the import has neither of the last two: they are of sign-ups, and of the sample.
            "attribute_not_exists(email) OR (verified = :unverified AND attribute_not_exists(importedAt) AND \
             (attribute_exists(expiresAt) OR attribute_exists(passwordSalt)))",
            &format!("SET {} REMOVE {}", assignments.join(", "), remove.join(", ")),
        );
        for (name, value) in set {
            update = update
                .expression_attribute_values(format!(":{name}"), value)
                .expression_attribute_names(format!("#{name}"), name);
        }
        for name in remove.iter().filter_map(|name| name.strip_prefix('#')) {
            update = update.expression_attribute_names(format!("#{name}"), name);
        }
        // Idempotent: applied twice it is the same account, and nothing verifies it in between.
        applied(update.expression_attribute_values(":unverified", AttributeValue::Bool(false))).await
    }
}

impl MarkVerified for DynamoUsers {
    async fn mark_verified(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let update = match seen {
            // Idempotent.
            PendingVerification::Hashed { token, .. } => self
                .update(
                    email,
                    "verifyTokenHash = :token AND verifyTokenExpiresAt > :now",
                    "SET verified = :true, updatedAt = :now REMOVE expiresAt, verifyTries, verifyTriedBy",
                )
                .expression_attribute_values(":token", text(&token.encode())),
            PendingVerification::Plain(token) => self
                .update(
                    email,
                    "verifyToken = :token",
                    "SET verified = :true, updatedAt = :now, verifyTokenHash = :hash, verifyTokenExpiresAt = :until \
                     REMOVE verifyToken, expiresAt, verifyTries, verifyTriedBy",
                )
                .expression_attribute_values(":token", text(token.as_str()))
                .expression_attribute_values(":hash", text(&token.hash().encode()))
                .expression_attribute_values(":until", number(until)),
        };
        let update = update
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":now", number(now));
        match seen {
            PendingVerification::Hashed { .. } => applied(update).await,
            PendingVerification::Plain(token) => {
                applied_once(update, "verifyTokenHash", text(&token.hash().encode())).await
            }
        }
    }
}

impl CountVerifyTry for DynamoUsers {
    async fn count_verify_try(&self, email: &Email, seen: &PendingVerification) -> Result<VerifyTry, Fault> {
        let (attribute, link) = match seen {
            PendingVerification::Hashed { token, .. } => ("verifyTokenHash", text(&token.encode())),
            PendingVerification::Plain(token) => ("verifyToken", text(token.as_str())),
        };
        let marker = self.markers.next();
        // A retry does not count the same try twice.
        let condition = format!(
            "{attribute} = :link AND (attribute_not_exists(verifyTries) OR verifyTries < :most) \
             AND (attribute_not_exists(verifyTriedBy) OR verifyTriedBy <> :call)"
        );
        let update = self
            .update(email, &condition, "SET verifyTriedBy = :call ADD verifyTries :one")
            .expression_attribute_values(":link", link.clone())
            .expression_attribute_values(":call", marker.clone())
            .expression_attribute_values(":most", throttle::count(MOST_VERIFY_TRIES))
            .expression_attribute_values(":one", throttle::count(1));
        let (applied, found) = throttle::decided(update).await?;
        Ok(if applied || found.get("verifyTriedBy") == Some(&marker) {
            VerifyTry::Counted
        } else if found.get(attribute) == Some(&link) {
            VerifyTry::WornOut
        } else {
            VerifyTry::LostRace
        })
    }
}

impl StoreResetToken for DynamoUsers {
    async fn store_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ResetFor, Fault> {
        // A retry of ours finds the link in its place, and must not push another one out.
        let link = text(&record::write_reset(&PendingReset { token: *token, expires_at: until }));
        let update = self
            .update(
                email,
                "attribute_exists(email) AND (attribute_not_exists(resetLink1) OR resetLink1 <> :link)",
                &format!("SET {}, resetLink1 = :link, updatedAt = :now REMOVE lostToken", record::shift_resets()),
            )
            .expression_attribute_values(":link", link.clone())
            .expression_attribute_values(":none", text(record::NO_RESET))
            .expression_attribute_values(":now", number(now));
        let (applied, found) = throttle::decided(update).await?;
        Ok(if !applied && found.get("resetLink1") != Some(&link) {
            ResetFor::Nobody
        } else if found.get("verified") == Some(&AttributeValue::Bool(true)) || found.contains_key("importedAt") {
            ResetFor::Owner
        } else {
            ResetFor::Unverified
        })
    }
}

impl SpendResetToken for DynamoUsers {
    async fn spend_reset_token(
        &self,
        email: &Email,
        seen: &PendingReset,
        password: &PasswordHash,
        anew: Option<&UserId>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (still, user_id, name) = match anew {
            // Whoever verified the address in the meantime keeps the account that they have.
            Some(_) => (" AND (attribute_not_exists(verified) OR verified = :false)", ":userId", ", #name"),
            None => ("", "if_not_exists(userId, :userId)", ""),
        };
        let mut update = self
            .update(
                email,
                &format!("({}){still}", record::has_reset()),
                &format!(
                    "SET passwordHash = :password, verified = :true, passwordChangedAt = :now, updatedAt = :now, \
                     userId = {user_id}, {NEXT_GENERATION} \
                     REMOVE passwordSalt, lostToken, deviceFailures, {}, verifyToken, verifyTokenHash, \
                     verifyTokenExpiresAt, verifyTries, verifyTriedBy, expiresAt{name}",
                    record::RESETS.join(", ")
                ),
            )
            .expression_attribute_values(":link", text(&record::write_reset(seen)))
            .expression_attribute_values(":token", text(&seen.token.encode()))
            .expression_attribute_values(":password", text(password.as_str()))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            // The identifier that a legacy record has without saying so is the address.
            .expression_attribute_values(":userId", text(anew.map_or(email.as_str(), UserId::as_str)))
            .expression_attribute_values(":now", number(now));
        if anew.is_some() {
            update = update
                .expression_attribute_names("#name", "name")
                .expression_attribute_values(":false", AttributeValue::Bool(false));
        }
        applied_once(next_generation(update), "passwordHash", text(password.as_str())).await
    }
}

impl ReplacePassword for DynamoUsers {
    async fn replace_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let update = self
            .update(
                email,
                "passwordHash = :seen",
                &format!(
                    "SET passwordHash = :password, passwordChangedAt = :now, updatedAt = :now, \
                     userId = if_not_exists(userId, :email), {NEXT_GENERATION} \
                     REMOVE passwordSalt, lostToken, deviceFailures"
                ),
            )
            .expression_attribute_values(":seen", hash_text(seen))
            .expression_attribute_values(":password", text(password.as_str()))
            .expression_attribute_values(":email", text(email.as_str()))
            .expression_attribute_values(":now", number(now));
        applied_once(next_generation(update), "passwordHash", text(password.as_str())).await
    }
}

impl RenewHash for DynamoUsers {
    async fn renew_hash(
        &self,
        email: &Email,
        user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        applied_once(
            self.update(
                email,
                "passwordHash = :seen",
                "SET passwordHash = :password, updatedAt = :now, userId = if_not_exists(userId, :userId) \
                 REMOVE passwordSalt, lostToken",
            )
            .expression_attribute_values(":seen", hash_text(seen))
            .expression_attribute_values(":password", text(password.as_str()))
            .expression_attribute_values(":userId", text(user_id.as_str()))
            .expression_attribute_values(":now", number(now)),
            "passwordHash",
            text(password.as_str()),
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    use futures_util::FutureExt;

    #[test]
    fn the_sdk_calls_the_service_where_connections_are_opened() {
        for region in ["us-east-1", "eu-west-1", "us-gov-west-1"] {
            let region_of = Params::builder().region(region).build().unwrap();
            let resolver = DefaultResolver::new();
            let endpoint = resolver.resolve_endpoint(&region_of).now_or_never().unwrap().unwrap();
            assert_eq!(endpoint.url(), format!("https://{ENDPOINT}.{region}.amazonaws.com"));
        }
    }
}
