//! Identities from Amazon Cognito: developer-authenticated identities of one pool.

use aws_sdk_cognitoidentity::Client;
use latchkey_auth::{Cause, Fault, Identities, OpenIdToken, UserId};
use latchkey_aws::SdkConfig;

/// An identity pool that knows this service as its developer provider.
#[derive(Clone, Debug)]
pub struct CognitoIdentities {
    client: Client,
    pool: String,
    provider: String,
}

impl CognitoIdentities {
    /// The pool and the provider's name in it.
    #[must_use]
    pub fn new(aws: &SdkConfig, pool: String, provider: String) -> Self {
        Self { client: Client::new(aws), pool, provider }
    }
}

impl Identities for CognitoIdentities {
    async fn token_for(&self, user: &UserId) -> Result<OpenIdToken, Fault> {
        let answer = self
            .client
            .get_open_id_token_for_developer_identity()
            .identity_pool_id(&self.pool)
            .logins(&self.provider, user.as_str())
            .send()
            .await
            .map_err(|error| Fault::Identities(latchkey_aws::cause(&error)))?;
        match (answer.identity_id, answer.token) {
            (Some(identity_id), Some(token)) => Ok(OpenIdToken { identity_id, token }),
            _ => Err(Fault::Identities(Cause::code("response"))),
        }
    }
}
