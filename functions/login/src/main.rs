//! login: exchanges an email address and a password for an identity token.

use latchkey_auth::Login;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<Login>()
}
