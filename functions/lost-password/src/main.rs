//! lostPassword: whoever owns the mailbox gets a link to choose a new password.

use latchkey_auth::{Letters, LostPassword};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use latchkey_ses::SesMailer;
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
        let mailer = SesMailer::new(&aws.sdk, settings.sender()?);
        aws.prepare(vec![users.service(1), mailer.service(1)]);
        Ok(LostPassword {
            users: users.clone(),
            limits: users,
            mailer,
            clock: SystemClock,
            entropy: SystemEntropy,
            letters: Letters::new(&settings.service_name()?),
            reset_page: settings.reset_page()?,
            reveal_accounts: settings.reveal_accounts()?,
        })
    })
}
