//! notifier-invoker: hands events on to the notifier in another account.

use notifier::invoker::InvokerHandler;
use notifier::other_account::AwsNotifier;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_runtime::serve::<InvokerHandler<AwsNotifier>>()
}
