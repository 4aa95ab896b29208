//! lostPassword: whoever owns the mailbox gets a link to choose a new password.

use latchkey_auth::{Letters, LostPassword};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws, settings.table()?);
        Ok(LostPassword {
            users: users.clone(),
            limits: users,
            mailer: SesMailer::new(&aws, settings.sender()?),
            clock: SystemClock,
            entropy: SystemEntropy,
            letters: Letters::new(&settings.service_name()?),
            reset_page: settings.reset_page()?,
            reveal_accounts: settings.reveal_accounts()?,
        })
    })
}
