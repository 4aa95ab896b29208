//! policy-guard: judges the resources that a hook of `CloudFormation` shows.

use policy_guard::GuardHandler;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_runtime::serve::<GuardHandler>()
}
