//! The part of `CloudFormation`, for tests and for clouds that have no hooks: it decides whether an operation invokes the hook,
//! invokes it again after its delay, and lets the operation go on or stops it.

use crate::answer::{Answer, ErrorCode};
use crate::configuration::{Configuration, FailureMode};
use crate::invoker::{Functions, Outcome, invoke};
use crate::request::{Action, Request};
use futures_util::future::{Either, select};
use std::pin::pin;

/// How long an invocation of a hook may take, in seconds.
pub const TIME_LIMIT: u32 = 30;

/// How many more times an invocation is tried that took too long or broke down.
pub const RETRIES: u32 = 3;

/// How many times a hook may say that it is in progress.
pub const MOST_IN_PROGRESS: u32 = 3;

/// Time, which a test does not wait for.
#[allow(async_fn_in_trait, reason = "one operation runs at a time on one thread: no future needs Send")]
pub trait Timer {
    /// Waits so many seconds.
    async fn wait(&self, seconds: u32);
}

/// What a stack does to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// One of the three that a hook is asked about.
    Plain(Action),
    /// An update of the stack removes it, or replaces it and removes the old one. AWS does not ask hooks about this.
    DeleteInUpdate,
}

/// What becomes of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on without the hook having been asked.
    NotAsked,
    /// It goes on.
    GoesOn {
        /// What the hook said.
        message: String,
    },
    /// It goes on with a warning, because the failure mode is `WARN`.
    Warned {
        /// Why the hook failed it.
        code: ErrorCode,
        /// What the hook said.
        message: String,
    },
    /// It stops.
    Stopped {
        /// Why.
        code: ErrorCode,
        /// What the hook said.
        message: String,
    },
}

/// Carries an operation out, as far as the hook is concerned. `configuration` is the type configuration as JSON, and `most` what
/// the schema of the hook allows in it.
pub async fn decide(
    functions: &impl Functions,
    timer: &impl Timer,
    configuration: &str,
    most: usize,
    operation: Operation,
    request: &Request,
) -> Decision {
    let configuration = match Configuration::parse(configuration, most) {
        Ok(configuration) => configuration,
        // Nobody knows which failure mode was meant.
        Err(error) => {
            return Decision::Stopped { code: ErrorCode::InvalidTypeConfiguration, message: error.to_string() };
        }
    };
    let Operation::Plain(action) = operation else { return Decision::NotAsked };
    if !configuration.invokes(&request.target, action) {
        return Decision::NotAsked;
    }
    let mut request = Request { action, context: None, ..request.clone() };
    let mut in_progress = 0;
    loop {
        let (code, message) = match within_limit(functions, timer, &configuration, &request).await {
            Outcome::Success { message } => return Decision::GoesOn { message },
            Outcome::Failed { code, message } => (code, message),
            Outcome::InProgress { context, delay, message: _ } if in_progress < MOST_IN_PROGRESS => {
                in_progress += 1;
                timer.wait(delay).await;
                request.context = Some(context);
                continue;
            }
            Outcome::InProgress { .. } => {
                (ErrorCode::NotStabilized, format!("the hook was in progress {} times", MOST_IN_PROGRESS + 1))
            }
        };
        return after(configuration.failure_mode, code, message);
    }
}

/// An invocation within its time, tried again where it takes too long.
async fn within_limit(
    functions: &impl Functions,
    timer: &impl Timer,
    configuration: &Configuration,
    request: &Request,
) -> Outcome {
    for _ in 0..=RETRIES {
        let invocation = pin!(invoke(functions, configuration, request));
        if let Either::Left((outcome, _)) = select(invocation, pin!(timer.wait(TIME_LIMIT))).await {
            return outcome;
        }
    }
    Outcome::Failed {
        code: ErrorCode::InternalFailure,
        message: format!("the hook took longer than {TIME_LIMIT} seconds, {} times", RETRIES + 1),
    }
}

fn after(mode: FailureMode, code: ErrorCode, message: String) -> Decision {
    match mode {
        FailureMode::Fail => Decision::Stopped { code, message },
        FailureMode::Warn => Decision::Warned { code, message },
    }
}

/// Carries an operation out with the managed hook in the place of the invoker: one function, which answers in the managed form.
pub async fn decide_managed<F: AsyncFn(String) -> Vec<u8>>(
    function: F,
    timer: &impl Timer,
    mode: FailureMode,
    request: &Request,
) -> Decision {
    let mut request = request.clone();
    for invocation in 1..=MOST_IN_PROGRESS + 1 {
        let payload = function(request.for_managed(invocation).to_string()).await;
        match Answer::parse_managed(&payload, &request.token) {
            Answer::Success { message } => return Decision::GoesOn { message },
            Answer::Failed { code, message } => return after(mode, code, message),
            Answer::InProgress { context, delay, .. } => {
                timer.wait(delay).await;
                request.context = context;
            }
        }
    }
    after(mode, ErrorCode::InternalFailure, format!("the hook was in progress {} times", MOST_IN_PROGRESS + 1))
}
