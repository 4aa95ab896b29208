//! resetPassword: the link of the lost-password mail buys one new password.

use latchkey_auth::{Letters, Passwords, ResetPassword};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        Ok(ResetPassword {
            users: DynamoUsers::new(&aws, settings.table()?),
            mailer: SesMailer::new(&aws, settings.sender()?),
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords { scheme: settings.password_scheme()?, min_chars: settings.password_min_length()? },
            letters: Letters::new(&settings.service_name()?),
        })
    })
}
