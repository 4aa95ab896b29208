//! The log: one line of JSON per call, with no more than the caller was told and the code of a fault.
//!
//! Whoever may invoke a function may ask for the tail of its log. No address, password, token or payload
//! ever gets here: the types do not let it.

use crate::StartError;
use latchkey_auth::{Answer, Contract, Fault, Reason};
use serde::Serialize;
use std::io::Write;
use std::panic::Location;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    level: &'static str,
    operation: &'static str,
    request_id: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

pub(crate) fn called(contract: Contract, request_id: &str, outcome: &Result<Answer, Fault>) {
    write(&line(contract, request_id, outcome));
}

fn line<'a>(contract: Contract, request_id: &'a str, outcome: &'a Result<Answer, Fault>) -> Line<'a> {
    let (level, word, fault) = match outcome {
        Ok(Answer::Refused(_)) => ("INFO", "refused", None),
        Ok(Answer::DoneUntold(fault)) => ("WARN", "done", Some(fault)),
        Ok(Answer::Done | Answer::LoggedIn(_)) => ("INFO", "done", None),
        Err(fault) => ("ERROR", "fault", Some(fault)),
    };
    Line {
        level,
        operation: contract.name,
        request_id,
        outcome: word,
        reason: outcome.as_ref().ok().and_then(Answer::reason),
        fault: fault.map(Fault::error_type),
        cause: fault.map(|fault| fault.cause().as_str()),
    }
}

#[derive(Serialize)]
struct Defect<'a> {
    level: &'static str,
    outcome: &'static str,
    message: &'a str,
}

pub(crate) fn panicked(location: Option<&Location<'_>>) {
    let message = location.map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
    write(&Defect { level: "ERROR", outcome: "panic", message: &message });
}

pub(crate) fn not_started(error: &StartError) {
    write(&Defect { level: "FATAL", outcome: "not started", message: &error.to_string() });
}

/// Standard output is the function's log stream. A line that cannot be written is lost: there is nowhere
/// left to say so, and the call matters more.
fn write(line: &impl Serialize) {
    if let Ok(mut json) = serde_json::to_vec(line) {
        json.push(b'\n');
        let _ = std::io::stdout().write_all(&json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::{Cause, OpenIdToken, Refusal};

    const LOGIN: Contract = Contract { name: "login", flag: "login" };

    fn json(outcome: &Result<Answer, Fault>) -> String {
        serde_json::to_string(&line(LOGIN, "id", outcome)).unwrap()
    }

    #[test]
    fn a_success_logs_neither_identity_nor_token() {
        let login = OpenIdToken { identity_id: "identity".to_owned(), token: "secret".to_owned() };
        assert_eq!(
            json(&Ok(Answer::LoggedIn(login))),
            r#"{"level":"INFO","operation":"login","requestId":"id","outcome":"done"}"#
        );
    }

    #[test]
    fn a_refusal_logs_its_reason() {
        assert_eq!(
            json(&Ok(Answer::Refused(Refusal::new(Reason::InvalidCredentials)))),
            r#"{"level":"INFO","operation":"login","requestId":"id","outcome":"refused","reason":"invalid_credentials"}"#
        );
    }

    #[test]
    fn a_fault_logs_its_type_and_code() {
        assert_eq!(
            json(&Err(Fault::Table(Cause::code("timeout")))),
            r#"{"level":"ERROR","operation":"login","requestId":"id","outcome":"fault","fault":"TableUnavailable","cause":"timeout"}"#
        );
    }
}
