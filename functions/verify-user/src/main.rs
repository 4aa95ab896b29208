//! verifyUser: the link in the sign-up mail verifies the address.

use latchkey_auth::VerifyUser;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<VerifyUser>()
}
