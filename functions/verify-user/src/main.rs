//! verifyUser: the link of the sign-up mail proves the mailbox.

use latchkey_auth::VerifyUser;
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(|settings| {
        let aws = latchkey_aws::from_environment()?;
        let users = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
        aws.prepare(vec![users.service(1)]);
        Ok(VerifyUser { users: users.clone(), limits: users, clock: SystemClock })
    })
}
