//! notifier: mails alerts of functions and alarms.

use notifier::handler::NotifierHandler;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_runtime::serve::<NotifierHandler>()
}
