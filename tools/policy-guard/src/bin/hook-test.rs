//! hook-test: a function that tries a hook out (`stacks/hook-test.yaml`).

use policy_guard::test_function::TestHandler;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_runtime::serve::<TestHandler>()
}
