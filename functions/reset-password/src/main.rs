//! resetPassword: exchanges the token in the lost-password mail for one new password.

use latchkey_auth::ResetPassword;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<ResetPassword>()
}
