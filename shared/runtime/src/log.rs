//! The log: one line of JSON per event, with nothing that its sender was not told.
//!
//! Anyone who may invoke a function may ask for the tail of its log. Addresses, passwords, tokens and payloads never get
//! here: the types do not permit it.

use crate::{Handled, Handler};
use serde::Serialize;
use std::io::Write;

/// What a handler adds to the line of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How the event ended, in one word.
    pub outcome: &'static str,
    /// Why it was refused.
    pub reason: Option<&'static str>,
    /// A sealed audit record.
    pub audit: Option<String>,
}

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
}

pub(crate) fn handled<H: Handler>(handled: &Handled<'_>, report: Report) {
    write(&line(H::NAME, handled, report));
}

fn line<'a>(name: &'static str, handled: &Handled<'a>, report: Report) -> Line<'a> {
    let Report { outcome, reason, audit } = report;
    Line {
        level: if handled.fault.is_some() { "ERROR" } else { "INFO" },
        operation: name,
        request_id: handled.request_id,
        outcome,
        reason,
        fault: handled.fault.map(latchkey_auth::Fault::error_type),
        audit,
    }
}

#[derive(Serialize)]
struct Defect<'a> {
    level: &'static str,
    outcome: &'static str,
    message: &'a str,
}

pub(crate) fn not_started(message: &str) {
    write(&Defect { level: "FATAL", outcome: "not started", message });
}

/// Writes a line to standard output, which is the function's log stream. If that fails, the line is lost: there is nowhere
/// else to report it, and the response matters more.
fn write(line: &impl Serialize) {
    if let Ok(mut json) = serde_json::to_vec(line) {
        json.push(b'\n');
        let _ = std::io::stdout().write_all(&json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::{Cause, Fault};

    fn written(fault: Option<&Fault>, outcome: &'static str, reason: Option<&'static str>) -> String {
        let handled = Handled { request_id: "id", fault, panicked_at: Some("src/lib.rs:7") };
        let report = Report { outcome, reason, audit: Some("sealed".to_owned()) };
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
}
