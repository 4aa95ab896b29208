//! Developer-authenticated identities of one Amazon Cognito identity pool.

use aws_sdk_cognitoidentity::Client;
use latchkey_auth::services::IssueToken;
use latchkey_auth::{Cause, Fault, OpenIdToken, UserId};
use latchkey_aws::{SdkConfig, WarmUp};

/// The first label of Cognito Identity's endpoints.
const ENDPOINT: &str = "cognito-identity";

/// An identity pool whose developer provider is this service.
#[derive(Clone, Debug)]
pub struct CognitoIdentities {
    client: latchkey_aws::Client<Client>,
    pool: String,
    provider: String,
    token_seconds: u32,
}

impl CognitoIdentities {
    /// Creates the client of a pool, with the name of the developer provider and the seconds that a token is valid. Cognito
    /// gives tokens of 15 minutes unless told otherwise, and of 24 hours at most.
    #[must_use]
    pub fn new(aws: &SdkConfig, pool: String, provider: String, token_seconds: u32) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), pool, provider, token_seconds }
    }

    /// Creates the client and opens this many connections ahead of the first call; nothing if there are none to open.
    #[must_use]
    pub fn warm_up(&self, connections: usize) -> Option<WarmUp> {
        WarmUp::new(ENDPOINT, connections, &self.client)
    }
}

impl IssueToken for CognitoIdentities {
    async fn issue_token(&self, user: &UserId) -> Result<OpenIdToken, Fault> {
        let answer = self
            .client
            .get_open_id_token_for_developer_identity()
            .identity_pool_id(&self.pool)
            .logins(&self.provider, user.as_str())
            .token_duration(i64::from(self.token_seconds))
            .send()
            .await
            .map_err(|error| Fault::Identities(latchkey_aws::cause(&error)))?;
        match (answer.identity_id, answer.token) {
            (Some(identity_id), Some(token)) => Ok(OpenIdToken { identity_id, token }),
            _ => Err(Fault::Identities(Cause::code("response"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cognitoidentity::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
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
