//! login: an address and a password become an identity token.

use latchkey_auth::{Login, Passwords};
use latchkey_cognito_identity::CognitoIdentities;
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        Ok(Login {
            users: DynamoUsers::new(&aws, settings.table()?),
            identities: CognitoIdentities::new(&aws, settings.identity_pool_id()?, settings.developer_provider_name()?),
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords { scheme: settings.password_scheme()?, ..Passwords::default() },
        })
    })
}
