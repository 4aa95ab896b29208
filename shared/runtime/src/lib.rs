//! What every function has around its work: one start, events in and responses out, one log line per event, panics that
//! end one event.
//!
//! [`serve`] runs any [`Handler`]. What its events are is up to the handler: a call to an operation, records of a stream,
//! an HTTP request or a message from CloudFormation.
//!
//! Payloads are handed over as raw JSON. With a typed argument, `lambda_runtime` would report serde's message, which quotes
//! the offending value: that may be a password.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must end one event and not the function: build with panic = \"unwind\"");

mod system;

use aws_smithy_types::date_time::{DateTime, Format};
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use latchkey_auth::{Cause, Fault};
use latchkey_config::Settings;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

pub use system::{SystemClock, SystemEntropy};

/// Handles the events of a function.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Handler: Sized + 'static {
    /// The name of the work in log lines, such as an operation's verb.
    const NAME: &'static str;

    /// Why the handler cannot start.
    type StartError: Display;

    /// What is noted about an event while it is handled. It outlives a panic.
    type Notes<'a>
    where
        Self: 'a;

    /// Builds the handler, once, within the event loop.
    fn start(settings: &Settings<'_>) -> Result<Self, Self::StartError>;

    /// Begins the notes on an event.
    fn notes(&self) -> Self::Notes<'_>;

    /// Handles an event, and returns the response.
    async fn handle(&self, event: Event<'_>, notes: &Self::Notes<'_>) -> Result<Value, Fault>;

    /// Reports on a handled event to the log, a line for each report: the first on the event, and the others on what came of its
    /// parts.
    fn report(&self, handled: &Handled<'_>, notes: Self::Notes<'_>) -> Vec<Report>;
}

/// An event as Lambda delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The JSON text.
    pub payload: &'a str,
    /// The ARN under which the function was invoked, with its alias.
    pub invoked_function_arn: &'a str,
}

/// How the handling of an event ended.
#[derive(Clone, Copy, Debug)]
pub struct Handled<'a> {
    /// The ID that Lambda gave the event.
    pub request_id: &'a str,
    /// The fault, if it ended in one.
    pub fault: Option<&'a Fault>,
    /// Where our own code panicked, if it did.
    pub panicked_at: Option<&'a str>,
}

/// What a handler adds to the line of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How the event ended, in one word.
    pub outcome: &'static str,
    /// Why it was refused.
    pub reason: Option<&'static str>,
    /// A sealed audit record.
    pub audit: Option<String>,
    /// How many parts of an event ended in which way, for an event that has several.
    pub counts: BTreeMap<&'static str, u32>,
}

/// Serves events until Lambda ends the process.
#[must_use]
pub fn serve<H: Handler>() -> ExitCode {
    std::panic::set_hook(Box::new(remember_place));
    let served = catch_unwind(AssertUnwindSafe(run::<H>))
        .unwrap_or_else(|_panic| Err(NotServed::Panic(take_place().unwrap_or_default())));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write(&Defect { level: "FATAL", outcome: "not started", message: &error.to_string() });
            ExitCode::FAILURE
        }
    }
}

/// Why a function does not serve. It is logged once, at the start.
#[derive(Debug, thiserror::Error)]
enum NotServed<E> {
    #[error("{0}")]
    Start(E),
    /// No event loop, or no Runtime API.
    #[error("the Lambda runtime could not be started")]
    Runtime,
    #[error("a panic at {0}")]
    Panic(String),
}

fn run<H: Handler>() -> Result<(), NotServed<H::StartError>> {
    // Lambda sends an environment one event at a time, so one thread serves it; hashing has threads of its own.
    let event_loop =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| NotServed::Runtime)?;
    event_loop.block_on(async {
        let handler = H::start(&Settings::from_environment()).map_err(NotServed::Start)?;
        let handler = &handler;
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(handler, event)))
            .await
            .map_err(|_| NotServed::Runtime)
    })
}

/// Handles one event, logs it, and returns one response.
async fn handle<H: Handler>(handler: &H, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Diagnostic> {
    let notes = handler.notes();
    let LambdaEvent { payload, context, .. } = event;
    let event = Event { payload: payload.get(), invoked_function_arn: &context.invoked_function_arn };
    // Boxed: the nested future types exceed the compiler's recursion limit.
    let response = AssertUnwindSafe(Box::pin(handler.handle(event, &notes)))
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| Err(Fault::Internal(Cause::code("panic"))));
    let panicked_at = take_place();
    let ended = Handled {
        request_id: &context.request_id,
        fault: response.as_ref().err(),
        panicked_at: panicked_at.as_deref(),
    };
    for report in handler.report(&ended, notes) {
        write(&line(H::NAME, &ended, report));
    }
    response.map_err(|fault| Diagnostic {
        error_type: fault.error_type().to_owned(),
        error_message: fault.message().to_owned(),
    })
}

/// Where a panic occurred, until the event that it ended is logged. Its message is dropped: it may quote what was being
/// worked on.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

fn remember_place(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
    *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = place;
}

fn take_place() -> Option<String> {
    PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The log line of an event, with nothing that its sender was not told. Anyone who may invoke a function may ask for the tail
/// of its log; addresses, passwords, tokens and payloads never get here, since the types do not permit it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    level: &'static str,
    operation: &'static str,
    request_id: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<String>,
    #[serde(flatten)]
    counts: BTreeMap<&'static str, u32>,
}

fn line<'a>(name: &'static str, handled: &Handled<'a>, report: Report) -> Line<'a> {
    let Report { outcome, reason, audit, counts } = report;
    Line {
        level: if handled.fault.is_some() { "ERROR" } else { "INFO" },
        operation: name,
        request_id: handled.request_id,
        outcome,
        reason,
        fault: handled.fault.map(Fault::error_type),
        audit,
        counts,
    }
}

/// The log line of a function that does not serve.
#[derive(Serialize)]
struct Defect<'a> {
    level: &'static str,
    outcome: &'static str,
    message: &'a str,
}

/// A log line with the time at which it was written, in RFC 3339.
///
/// Lambda takes the level of a JSON line only if it has such a `timestamp`. To a line without one it gives a timestamp of its own and
/// the level INFO, whatever the line says (Lambda's developer guide, "Log-level filtering").
#[derive(Serialize)]
struct Stamped<'a, L> {
    timestamp: String,
    #[serde(flatten)]
    line: &'a L,
}

fn stamped<L>(line: &L, at: SystemTime) -> Stamped<'_, L> {
    // Only a year beyond 9999 has no such form.
    Stamped { timestamp: DateTime::from(at).fmt(Format::DateTime).unwrap_or_default(), line }
}

/// Writes a further log line about an event, for the operators of a function that no stranger may invoke.
pub fn log(line: &impl Serialize) {
    write(line);
}

/// Writes a line to standard output, which is the function's log stream. If that fails, the line is lost: there is nowhere
/// else to report it, and the response matters more.
fn write(line: &impl Serialize) {
    if let Ok(mut json) = serde_json::to_vec(&stamped(line, system::wall_clock())) {
        json.push(b'\n');
        let _ = std::io::stdout().write_all(&json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_runtime::Context;
    use serde::Deserialize;
    use serde_json::json;
    use std::cell::Cell;

    /// Counts the records of a stream, and panics over one that is not a number.
    struct CountRecords;

    #[derive(Deserialize)]
    struct Batch {
        records: Vec<Value>,
    }

    impl Handler for CountRecords {
        const NAME: &'static str = "countRecords";

        type StartError = &'static str;

        type Notes<'a> = Cell<usize>;

        fn start(_settings: &Settings<'_>) -> Result<Self, Self::StartError> {
            Ok(Self)
        }

        fn notes(&self) -> Self::Notes<'_> {
            Cell::new(0)
        }

        async fn handle(&self, event: Event<'_>, counted: &Self::Notes<'_>) -> Result<Value, Fault> {
            let batch: Batch =
                serde_json::from_str(event.payload).map_err(|_| Fault::Internal(Cause::code("batch")))?;
            for record in batch.records {
                assert!(record.is_number(), "the record is {record}");
                counted.set(counted.get() + 1);
            }
            Ok(json!({ "batchItemFailures": [] }))
        }

        fn report(&self, handled: &Handled<'_>, counted: Self::Notes<'_>) -> Vec<Report> {
            let outcome = if handled.fault.is_some() { "fault" } else { "done" };
            // What the test reads; a handler of a real stream would log nothing but the outcome.
            REPORTED.set((counted.get(), handled.panicked_at.map(str::to_owned)));
            vec![Report { outcome, reason: None, audit: None, counts: BTreeMap::new() }]
        }
    }

    thread_local! {
        static REPORTED: Cell<(usize, Option<String>)> = const { Cell::new((0, None)) };
    }

    /// One event at a time, as in Lambda: the place of a panic belongs to the event that is handled.
    fn respond(payload: &str) -> Result<Value, Diagnostic> {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let event_loop = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        event_loop.block_on(handle(&CountRecords, LambdaEvent::new(payload, Context::default())))
    }

    #[test]
    fn events_other_than_operations_are_served_under_the_same_rules() {
        assert_eq!(respond(r#"{"records":[1,2,3]}"#).unwrap(), json!({ "batchItemFailures": [] }));
        assert_eq!(REPORTED.take(), (3, None));
        let fault = respond(r#"{"records":"marked"}"#).unwrap_err();
        assert_eq!(fault.error_type, "InternalFault");
        assert_eq!(fault.error_message, "Something went wrong inside the service. Tell its operator.");
    }

    #[test]
    fn a_panic_ends_one_call_as_a_fault_that_quotes_nothing_and_the_next_call_works() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(remember_place));
        let fault = respond(r#"{"records":[1,"marked"]}"#).unwrap_err();
        std::panic::set_hook(before);
        assert_eq!(fault.error_type, "InternalFault");
        assert_eq!(fault.error_message, "Something went wrong inside the service. Tell its operator.");
        // The operator learns the place and nothing of the message; the notes outlived the panic.
        let (counted, place) = REPORTED.take();
        let place = place.unwrap();
        assert_eq!(counted, 1);
        assert!(place.contains("lib.rs:") && !place.contains("marked"), "{place}");
        assert!(respond(r#"{"records":[]}"#).is_ok(), "the next event is handled");
    }

    /// Panics over a setting.
    struct NeverStarts;

    impl Handler for NeverStarts {
        const NAME: &'static str = "neverStarts";

        type StartError = &'static str;

        type Notes<'a> = ();

        fn start(_settings: &Settings<'_>) -> Result<Self, Self::StartError> {
            panic!("the setting is marked")
        }

        fn notes(&self) -> Self::Notes<'_> {}

        async fn handle(&self, _event: Event<'_>, (): &Self::Notes<'_>) -> Result<Value, Fault> {
            Ok(Value::Null)
        }

        fn report(&self, _handled: &Handled<'_>, (): Self::Notes<'_>) -> Vec<Report> {
            Vec::new()
        }
    }

    /// Set for the process in which a function panics: what it prints is what a log would hold.
    const IS_FUNCTION: &str = "LATCHKEY_TEST_IS_FUNCTION";

    #[test]
    fn what_a_function_prints_of_a_panic_is_its_place_and_not_its_message() {
        const TEST: &str = "tests::what_a_function_prints_of_a_panic_is_its_place_and_not_its_message";
        if std::env::var_os(IS_FUNCTION).is_some() {
            let _ = serve::<NeverStarts>();
            return;
        }
        let mut function = std::process::Command::new(std::env::current_exe().unwrap());
        let function = function.args(["--exact", TEST, "--nocapture"]).env(IS_FUNCTION, "1").output().unwrap();
        let printed = String::from_utf8([function.stdout, function.stderr].concat()).unwrap();
        assert!(printed.contains(r#""level":"FATAL""#) && printed.contains("a panic at "), "{printed}");
        assert!(!printed.contains("marked"), "{printed}");
    }

    fn written(fault: Option<&Fault>, outcome: &'static str, reason: Option<&'static str>) -> String {
        let handled = Handled { request_id: "id", fault, panicked_at: Some("src/lib.rs:7") };
        let report = Report { outcome, reason, audit: Some("sealed".to_owned()), counts: BTreeMap::new() };
        serde_json::to_string(&line("login", &handled, report)).unwrap()
    }

    #[test]
    fn a_line_holds_what_the_caller_was_told_and_a_sealed_record() {
        assert_eq!(
            written(None, "refused", Some("invalid_credentials")),
            r#"{"level":"INFO","operation":"login","requestId":"id","outcome":"refused","reason":"invalid_credentials","audit":"sealed"}"#
        );
        let fault = Fault::Table(Cause::code("timeout"));
        assert_eq!(
            written(Some(&fault), "fault", None),
            r#"{"level":"ERROR","operation":"login","requestId":"id","outcome":"fault","fault":"TableUnavailable","audit":"sealed"}"#
        );
    }

    #[test]
    fn a_line_has_the_time_by_which_lambda_takes_its_level() {
        let handled = Handled { request_id: "id", fault: None, panicked_at: None };
        let report = Report { outcome: "done", reason: None, audit: None, counts: BTreeMap::from([("sent", 2)]) };
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_710_356_216_046);
        assert_eq!(
            serde_json::to_string(&stamped(&line("login", &handled, report), at)).unwrap(),
            r#"{"timestamp":"2024-03-13T18:56:56.046Z","level":"INFO","operation":"login","requestId":"id","outcome":"done","sent":2}"#
        );
    }
}
