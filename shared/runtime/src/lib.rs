//! What every function needs around its operation: JSON in and out, one log line per call, panics caught.
//!
//! The payload is taken as raw JSON and parsed by the operation. A typed handler argument would let
//! `lambda_runtime` report serde's message, which quotes the offending value: that may be a password.

mod log;
mod services;

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use latchkey_auth::{Answer, Cause, Fault, Operation, handle};
use latchkey_config::{InvalidSetting, Settings};
use serde_json::{Value, value::RawValue};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

pub use services::{SystemClock, SystemEntropy};

/// Why a function cannot serve. It is told once, at its start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// Not started by Lambda, or not as it should be.
    #[error(transparent)]
    Environment(#[from] latchkey_aws::Unusable),
    /// No event loop, or no Runtime API.
    #[error("the Lambda runtime could not be started")]
    Runtime,
}

/// Builds an operation from the settings and serves it until Lambda ends the process.
pub fn serve<O: Operation>(build: impl FnOnce(&Settings<'_>) -> Result<O, StartError>) -> ExitCode {
    // A panic's message may quote what was being worked on.
    std::panic::set_hook(Box::new(|panic| log::panicked(panic.location())));
    match start(build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::not_started(&error);
            ExitCode::FAILURE
        }
    }
}

fn start<O: Operation>(build: impl FnOnce(&Settings<'_>) -> Result<O, StartError>) -> Result<(), StartError> {
    // Lambda gives an environment one call at a time, so one thread serves it; hashing gets its own.
    let event_loop =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| StartError::Runtime)?;
    event_loop.block_on(async {
        let operation = build(&Settings::from_environment())?;
        let operation = &operation;
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| call(operation, event)))
            .await
            .map_err(|_| StartError::Runtime)
    })
}

/// One call: run, log, answer.
async fn call<O: Operation>(operation: &O, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Diagnostic> {
    let outcome = AssertUnwindSafe(handle(operation, event.payload.get()))
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| Err(Fault::Internal(Cause::code("panic"))));
    log::called(O::CONTRACT, &event.context.request_id, &outcome);
    match outcome {
        Ok(answer) => Ok(Answer::to_json(&answer, O::CONTRACT)),
        Err(fault) => {
            Err(Diagnostic { error_type: fault.error_type().to_owned(), error_message: fault.message().to_owned() })
        }
    }
}
