//! What every function needs around its operation: JSON in and out, one log line per call, panics caught.
//!
//! The payload is taken as raw JSON and parsed by the operation. A typed handler argument would let
//! `lambda_runtime` report serde's message, which quotes the offending value: that may be a password.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must end one call and not the function: build with panic = \"unwind\"");

mod log;
mod services;

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use latchkey_audit::{Key, NONCE_BYTES};
use latchkey_auth::{Answer, Cause, Entropy, Fault, Operation, Trail, handle};
use latchkey_breaches::RangeService;
use latchkey_config::{InvalidSetting, Settings};
use serde_json::{Value, value::RawValue};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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
    /// A service that the owner asked for cannot be used.
    #[error(transparent)]
    Breaches(#[from] latchkey_breaches::Unusable),
    /// A defect.
    #[error("a panic at {0}")]
    Panic(String),
}

/// The check for breached passwords, where the owner asked for it.
pub fn breaches(settings: &Settings<'_>) -> Result<Option<RangeService>, StartError> {
    Ok(settings.breached_passwords_url()?.map(|address| RangeService::new(&address)).transpose()?)
}

/// Where a panic was, until the call that it ended has written it down. Its message is dropped: it may quote what was
/// being worked on.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

fn remember_place(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
    *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = place;
}

fn panicked_at() -> Option<String> {
    PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Builds an operation from the settings and serves it until Lambda ends the process.
pub fn serve<O: Operation>(build: impl FnOnce(&Settings<'_>) -> Result<O, StartError>) -> ExitCode {
    std::panic::set_hook(Box::new(remember_place));
    let served = catch_unwind(AssertUnwindSafe(|| start(build)))
        .unwrap_or_else(|_panic| Err(StartError::Panic(panicked_at().unwrap_or_default())));
    match served {
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
        let settings = Settings::from_environment();
        let (operation, audit) = (build(&settings)?, settings.audit_key()?);
        let (operation, audit) = (&operation, &audit);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| call(operation, audit, event)))
            .await
            .map_err(|_| StartError::Runtime)
    })
}

/// One call: run, log, answer.
async fn call<O: Operation>(
    operation: &O,
    audit: &Key,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let began = Instant::now();
    let trail = Trail::new(|| began.elapsed());
    // In a box, because futures within futures have types too deep for the compiler.
    let outcome = AssertUnwindSafe(Box::pin(handle(operation, event.payload.get(), &trail)))
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| Err(Fault::Internal(Cause::code("panic"))));
    let mut nonce = [0; NONCE_BYTES];
    SystemEntropy.fill(&mut nonce);
    let call = log::Call {
        contract: O::CONTRACT,
        request_id: &event.context.request_id,
        outcome: &outcome,
        findings: trail.findings(),
        panicked_at: panicked_at(),
    };
    log::called(&call, audit, nonce);
    match outcome {
        Ok(answer) => Ok(Answer::to_json(&answer, O::CONTRACT)),
        Err(fault) => {
            Err(Diagnostic { error_type: fault.error_type().to_owned(), error_message: fault.message().to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_runtime::Context;
    use latchkey_auth::{Contract, Refusal};

    /// Panics over every payload but an empty object.
    struct Panics;

    impl Operation for Panics {
        const CONTRACT: Contract = Contract { name: "panics", flag: "done" };

        type Request = String;

        fn parse(&self, payload: &str) -> Result<String, Refusal> {
            Ok(payload.to_owned())
        }

        async fn run(&self, request: String, _trail: &Trail<'_>) -> Result<Answer, Fault> {
            assert!(request == "{}", "the payload is {request}");
            Ok(Answer::Done)
        }
    }

    async fn answer(payload: &str) -> Result<Value, Diagnostic> {
        let key = Key::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        call(&Panics, &key, LambdaEvent::new(payload, Context::default())).await
    }

    #[test]
    fn a_panic_ends_one_call_as_a_fault_that_quotes_nothing_and_the_next_call_works() {
        let event_loop = tokio::runtime::Builder::new_current_thread().build().unwrap();
        event_loop.block_on(async {
            let fault = answer(r#"{"password":"marked"}"#).await.unwrap_err();
            assert_eq!(fault.error_type, "InternalFault");
            assert_eq!(fault.error_message, "Something went wrong inside the service. Tell its operator.");
            assert_eq!(answer("{}").await.unwrap(), serde_json::json!({ "done": true }));
        });
        // What the operator is told: the place, and no word of the message.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(remember_place));
        let panicked = catch_unwind(|| panic!("marked"));
        std::panic::set_hook(before);
        assert!(panicked.is_err());
        let place = panicked_at().unwrap();
        assert!(place.contains("lib.rs:") && !place.contains("marked"), "{place}");
    }
}
