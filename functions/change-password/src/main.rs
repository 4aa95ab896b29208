//! changePassword: whoever knows the password chooses another.

use latchkey_auth::{ChangePassword, Letters, Passwords};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, breaches, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
        let mailer = SesMailer::new(&aws.sdk, settings.sender()?);
        aws.prepare(vec![users.service(2), mailer.service(1)]);
        Ok(ChangePassword {
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
