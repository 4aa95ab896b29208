//! lostPassword: mails a link to choose a new password.

use latchkey_auth::LostPassword;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_lambda::serve::<LostPassword>()
}
