//! changePassword: whoever knows the password chooses another.

use latchkey_auth::{ChangePassword, Letters, Passwords};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        Ok(ChangePassword {
            users: DynamoUsers::new(&aws, settings.table()?),
            mailer: SesMailer::new(&aws, settings.sender()?),
            clock: SystemClock,
            entropy: SystemEntropy,
            passwords: Passwords { scheme: settings.password_scheme()?, min_chars: settings.password_min_length()? },
            letters: Letters::new(&settings.service_name()?),
        })
    })
}
