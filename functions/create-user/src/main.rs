//! createUser: somebody signs up.

use latchkey_auth::{CreateUser, Letters, Passwords};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        Ok(CreateUser {
            users: DynamoUsers::new(&aws, settings.table()?),
            mailer: SesMailer::new(&aws, settings.sender()?),
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords { scheme: settings.password_scheme()?, min_chars: settings.password_min_length()? },
            letters: Letters::new(&settings.service_name()?),
            verification_page: settings.verification_page()?,
            reveal_accounts: settings.reveal_accounts()?,
        })
    })
}
