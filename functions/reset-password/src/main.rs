//! resetPassword: the link of the lost-password mail buys one new password.

use latchkey_auth::{Letters, Passwords, ResetPassword};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, breaches, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
        let mailer = SesMailer::new(&aws.sdk, settings.sender()?);
        aws.prepare(vec![users.service(1), mailer.service(1)]);
        Ok(ResetPassword {
            users: users.clone(),
            limits: users,
            mailer,
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
