//! login: an address and a password become an identity token.

use latchkey_auth::{Letters, Login, Passwords};
use latchkey_cognito_identity::CognitoIdentities;
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
        let identities =
            CognitoIdentities::new(&aws.sdk, settings.identity_pool_id()?, settings.developer_provider_name()?);
        aws.prepare(vec![users.service(2), identities.service(1)]);
        Ok(Login {
            users: users.clone(),
            limits: users,
            mailer: SesMailer::new(&aws.sdk, settings.sender()?),
            identities,
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords { scheme: settings.password_scheme()?, ..Passwords::default() },
            letters: Letters::new(&settings.service_name()?),
        })
    })
}
