//! lambda-trigger: a custom resource that invokes a function while a stack deploys.
//!
//! It serves any stack (`docs/lambda-trigger.md`) and knows nothing of Latchkey. `latchkey_custom_resource` speaks the protocol; here
//! is what a resource may ask for, and what an invocation comes to.

mod lambda;
mod outcome;
mod properties;
mod trigger;

use lambda::LambdaApi;
use std::process::ExitCode;
use std::time::Duration;
use trigger::Trigger;

/// The time between two attempts on a function that Lambda is still preparing.
const PAUSE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    latchkey_custom_resource::lambda::serve(|_, _| {
        latchkey_aws::from_environment().map(|aws| Trigger { lambda: LambdaApi::new(&aws.sdk), pause: PAUSE })
    })
}
