//! createUser: signs up with an email address and a password.

use latchkey_auth::CreateUser;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<CreateUser>()
}
