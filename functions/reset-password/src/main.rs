//! resetPassword: the link of the lost-password mail buys one new password.

use latchkey_auth::{Letters, Passwords, ResetPassword};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, breaches, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws, settings.table()?);
        Ok(ResetPassword {
            users: users.clone(),
            limits: users,
            mailer: SesMailer::new(&aws, settings.sender()?),
            breaches: breaches(settings)?,
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords {
                scheme: settings.password_scheme()?,
                min_chars: settings.password_min_length()?,
                service: settings.service_name()?,
            },
            letters: Letters::new(&settings.service_name()?),
        })
    })
}
