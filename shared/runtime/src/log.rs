//! The log: one line of JSON per call, with no more than the caller was told, and the sealed record of what truly
//! happened.
//!
//! Whoever may invoke a function may ask for the tail of its log. No address, password, token or payload ever gets here:
//! the types do not let it.

use crate::StartError;
use latchkey_audit::{Key, NONCE_BYTES, Record};
use latchkey_auth::{Answer, Contract, Fault, Findings, Reason, Step, Truth};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// One call, as it ended.
pub(crate) struct Call<'a> {
    pub(crate) contract: Contract,
    pub(crate) request_id: &'a str,
    pub(crate) outcome: &'a Result<Answer, Fault>,
    pub(crate) findings: Findings,
    /// Where code of ours panicked, if it did.
    pub(crate) panicked_at: Option<String>,
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
    audit: String,
}

pub(crate) fn called(call: &Call<'_>, key: &Key, nonce: [u8; NONCE_BYTES]) {
    write(&line(call, key, nonce));
}

fn line<'a>(call: &Call<'a>, key: &Key, nonce: [u8; NONCE_BYTES]) -> Line<'a> {
    let (level, outcome, told) = match call.outcome {
        Ok(Answer::Refused(_)) => ("INFO", "refused", None),
        Ok(_) => ("INFO", "done", None),
        Err(fault) => ("ERROR", "fault", Some(fault.error_type())),
    };
    let reason = call.outcome.as_ref().ok().and_then(Answer::reason).map(Reason::as_str);
    let record = record(call, outcome, reason, key);
    Line {
        level,
        operation: call.contract.name,
        request_id: call.request_id,
        outcome,
        reason,
        fault: told,
        audit: key.seal(&record, call.request_id, nonce),
    }
}

fn record<'a>(call: &'a Call<'_>, outcome: &'a str, reason: Option<&'a str>, key: &Key) -> Record<'a> {
    let Findings { account, truth, attempt, unchecked, steps } = &call.findings;
    let fault = match call.outcome {
        Ok(Answer::DoneUntold(fault)) | Err(fault) => Some(fault),
        Ok(_) => None,
    };
    let identity = match call.outcome {
        Ok(Answer::LoggedIn(login)) => Some(login.identity_id.as_str()),
        _ => None,
    };
    Record {
        operation: call.contract.name,
        outcome,
        reason,
        truth: truth.map(Truth::as_str),
        fault: fault.map(Fault::error_type),
        cause: call.panicked_at.as_deref().or(fault.map(|fault| fault.cause().as_str())),
        unchecked: unchecked.as_ref().map(|fault| fault.cause().as_str()),
        account: account.as_ref().map(|email| key.account(email.as_str())),
        identity,
        attempt: *attempt,
        steps: steps.iter().map(|(step, took)| (Step::as_str(*step), tenths(*took))).collect(),
    }
}

/// Tenths of a millisecond.
fn tenths(took: Duration) -> u32 {
    u32::try_from(took.as_micros() / 100).unwrap_or(u32::MAX)
}

#[derive(Serialize)]
struct Defect<'a> {
    level: &'static str,
    outcome: &'static str,
    message: &'a str,
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
    use serde_json::{Value, json};

    const LOGIN: Contract = Contract { name: "login", flag: "login" };

    /// The line without its record, and the record.
    fn logged(outcome: &Result<Answer, Fault>, findings: Findings, panicked_at: Option<&str>) -> (Value, Value) {
        let key = Key::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let panicked_at = panicked_at.map(str::to_owned);
        let call = Call { contract: LOGIN, request_id: "id", outcome, findings, panicked_at };
        let mut line = serde_json::to_value(line(&call, &key, [1; NONCE_BYTES])).unwrap();
        let sealed = line.as_object_mut().unwrap().remove("audit").unwrap();
        let record = key.open(sealed.as_str().unwrap(), "id").unwrap();
        (line, record)
    }

    #[test]
    fn a_success_logs_neither_identity_nor_token_and_its_record_names_the_identity() {
        let login = OpenIdToken { identity_id: "identity".to_owned(), token: "secret".to_owned() };
        let (line, record) = logged(&Ok(Answer::LoggedIn(login)), Findings::default(), None);
        assert_eq!(line, json!({ "level": "INFO", "operation": "login", "requestId": "id", "outcome": "done" }));
        assert_eq!(record, json!({ "operation": "login", "outcome": "done", "identity": "identity" }));
    }

    #[test]
    fn a_refusal_logs_its_reason_and_its_record_the_truth() {
        let refused = Ok(Answer::Refused(Refusal::new(Reason::InvalidCredentials)));
        let steps = vec![(Step::Find, Duration::from_micros(5_230))];
        let account = latchkey_auth::Email::parse("ada@example.com").ok();
        let unchecked = Some(Fault::Breaches(Cause::code("timeout")));
        let findings = Findings { account, truth: Some(Truth::UnknownAccount), attempt: Some(2), unchecked, steps };
        let (line, record) = logged(&refused, findings, None);
        let told = json!({
            "level": "INFO",
            "operation": "login",
            "requestId": "id",
            "outcome": "refused",
            "reason": "invalid_credentials",
        });
        assert_eq!(line, told);
        assert_eq!(record["unchecked"], "timeout");
        assert!(!record.to_string().contains("ada"));
        assert_eq!(record["truth"], "unknown_account");
        assert_eq!(record["attempt"], 2);
        assert_eq!(record["steps"], json!([["find", 52]]));
    }

    #[test]
    fn a_fault_logs_its_type_and_its_record_the_code_or_the_place() {
        let fault = Err(Fault::Table(Cause::code("timeout")));
        let (line, record) = logged(&fault, Findings::default(), None);
        let told = json!({
            "level": "ERROR",
            "operation": "login",
            "requestId": "id",
            "outcome": "fault",
            "fault": "TableUnavailable",
        });
        assert_eq!(line, told);
        assert_eq!(record["cause"], "timeout");
        let (line, record) = logged(&fault, Findings::default(), Some("src/lib.rs:7"));
        assert_eq!(line, told);
        assert_eq!(record["cause"], "src/lib.rs:7");
    }

    #[test]
    fn a_mail_that_failed_after_the_change_is_in_the_record_only() {
        let untold = Ok(Answer::DoneUntold(Fault::Mailer(Cause::code("Throttling"))));
        let (line, record) = logged(&untold, Findings::default(), None);
        assert_eq!(line["outcome"], "done");
        assert!(line.get("fault").is_none());
        assert_eq!(record["fault"], "MailerUnavailable");
    }
}
