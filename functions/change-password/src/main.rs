//! changePassword: replaces the password of a user who knows it.

use latchkey_auth::ChangePassword;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<ChangePassword>()
}
