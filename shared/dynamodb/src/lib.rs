//! The accounts, in one DynamoDB table whose key is `email`.
//!
//! Every write is one conditional call, so that DynamoDB decides races. `record` is what an account looks like, `limits`
//! what a counter does.
//!
//! The client library repeats a call whose answer does not come. The first may have been carried out, and then the condition
//! refuses the second: a write that cannot be made twice knows its own by something that nobody else could have written.

mod limits;
mod record;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use latchkey_auth::{
    Email, Entropy, Fault, ImportedUser, NewUser, PendingVerification, Timestamp, TokenHash, User, UserId, Users,
};
use latchkey_aws::{SdkConfig, Service};
use latchkey_salting::{PasswordHash, StoredHash};
use record::{number, text};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the endpoints of DynamoDB begin with.
const ENDPOINT: &str = "dynamodb";

/// The user table.
#[derive(Clone, Debug)]
pub struct DynamoUsers {
    client: latchkey_aws::Client<Client>,
    table: String,
    calls: Arc<Calls>,
}

impl DynamoUsers {
    /// A table of this name.
    #[must_use]
    pub fn new(aws: &SdkConfig, table: String, entropy: &impl Entropy) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), table, calls: Arc::new(Calls::new(entropy)) }
    }

    /// The service, of which a call uses so many connections at once.
    #[must_use]
    pub fn service(&self, connections: usize) -> Service {
        Service::new(ENDPOINT, connections, &self.client)
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

/// Gives each call of a process a name that no other call has.
#[derive(Debug)]
struct Calls {
    process: String,
    latest: AtomicU64,
}

impl Calls {
    fn new(entropy: &impl Entropy) -> Self {
        let mut process = [0; 12];
        entropy.fill(&mut process);
        Self { process: BASE64_URL_SAFE_NO_PAD.encode(process), latest: AtomicU64::new(0) }
    }

    /// 16 characters and a number.
    fn name(&self) -> AttributeValue {
        let number = self.latest.fetch_add(1, Ordering::Relaxed);
        text(&format!("{}{number}", self.process))
    }
}

/// What became of an account that was brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is in the table.
    Written,
    /// It was in the table already, with this hash: an earlier import wrote it.
    Again,
    /// The address has another account, which stays as it is.
    Taken,
}

impl DynamoUsers {
    /// Stores an account that was brought along. Nothing that is in the table is ever changed.
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

/// Runs an update. A condition that does not hold is an outcome.
async fn made(update: UpdateItemFluentBuilder) -> Result<bool, Fault> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => refused(error).map(|_found| false),
    }
}

/// Runs an update that writes this value, which nobody else could have written: where it is there already, the update was
/// made.
async fn made_once(update: UpdateItemFluentBuilder, attribute: &str, value: AttributeValue) -> Result<bool, Fault> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => Ok(refused(error)?.get(attribute) == Some(&value)),
    }
}

/// The item that a condition did not hold for, if it was asked for; any other error is a fault.
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

/// The text of a stored hash that a condition compares with.
fn hash_text(stored: &StoredHash) -> AttributeValue {
    match stored {
        StoredHash::Encoded(hash) => text(hash.as_str()),
        StoredHash::Sample(hash) => text(&hash.hash),
    }
}

impl Users for DynamoUsers {
    async fn find(&self, email: &Email) -> Result<Option<User>, Fault> {
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

    async fn create(&self, user: &NewUser) -> Result<bool, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(record::write(user)))
            .condition_expression("attribute_not_exists(email) OR verified = :false")
            .expression_attribute_values(":false", AttributeValue::Bool(false))
            .send()
            .await;
        // Made twice it is the same account; nothing verifies it in between.
        match put {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(Fault::Table(latchkey_aws::cause(&error))),
        }
    }

    async fn verify(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let update = match seen {
            // Made twice it is the same.
            PendingVerification::Hashed { token, .. } => self
                .update(
                    email,
                    "verifyTokenHash = :token AND verifyTokenExpiresAt > :now",
                    "SET verified = :true, updatedAt = :now REMOVE expiresAt",
                )
                .expression_attribute_values(":token", text(&token.encode())),
            PendingVerification::Plain(token) => self
                .update(
                    email,
                    "verifyToken = :token",
                    "SET verified = :true, updatedAt = :now, verifyTokenHash = :hash, verifyTokenExpiresAt = :until \
                     REMOVE verifyToken, expiresAt",
                )
                .expression_attribute_values(":token", text(token.as_str()))
                .expression_attribute_values(":hash", text(&token.hash().encode()))
                .expression_attribute_values(":until", number(until)),
        };
        let update = update
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":now", number(now));
        match seen {
            PendingVerification::Hashed { .. } => made(update).await,
            PendingVerification::Plain(token) => {
                made_once(update, "verifyTokenHash", text(&token.hash().encode())).await
            }
        }
    }

    async fn start_reset(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        made(
            self.update(
                email,
                "attribute_exists(email)",
                "SET lostTokenHash = :token, lostTokenExpiresAt = :until, updatedAt = :now REMOVE lostToken",
            )
            .expression_attribute_values(":token", text(&token.encode()))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now)),
        )
        .await
    }

    async fn reset_password(
        &self,
        email: &Email,
        token: &TokenHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        made_once(
            self.update(
                email,
                "lostTokenHash = :token AND lostTokenExpiresAt > :now",
                "SET passwordHash = :password, verified = :true, passwordChangedAt = :now, updatedAt = :now, \
                 userId = if_not_exists(userId, :email) \
                 REMOVE passwordSalt, lostToken, lostTokenHash, lostTokenExpiresAt, \
                 verifyToken, verifyTokenHash, verifyTokenExpiresAt, expiresAt",
            )
            .expression_attribute_values(":token", text(&token.encode()))
            .expression_attribute_values(":password", text(password.as_str()))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":email", text(email.as_str()))
            .expression_attribute_values(":now", number(now)),
            "passwordHash",
            text(password.as_str()),
        )
        .await
    }

    async fn change_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        made_once(
            self.update(
                email,
                "passwordHash = :seen",
                "SET passwordHash = :password, passwordChangedAt = :now, updatedAt = :now, \
                 userId = if_not_exists(userId, :email) \
                 REMOVE passwordSalt, lostToken, lostTokenHash, lostTokenExpiresAt",
            )
            .expression_attribute_values(":seen", hash_text(seen))
            .expression_attribute_values(":password", text(password.as_str()))
            .expression_attribute_values(":email", text(email.as_str()))
            .expression_attribute_values(":now", number(now)),
            "passwordHash",
            text(password.as_str()),
        )
        .await
    }

    async fn renew_hash(
        &self,
        email: &Email,
        user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        made_once(
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
