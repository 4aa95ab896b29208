//! The audit trail: opens the records in the functions' log lines and puts them in the order of time.

use aws_smithy_types::date_time::{DateTime, Format};
use latchkey_audit::AuditKeys;
use latchkey_auth::Email;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};

/// Why the trail cannot be shown, in one line with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No key.
    #[error("AUDIT_KEY should hold the keys of the audit trail; ./audit.sh reads them from the functions' settings")]
    NoKey,
    /// No address.
    #[error("this is not an e-mail address")]
    Address,
    /// No log events.
    #[error("standard input holds no log events: {0}")]
    Input(#[from] serde_json::Error),
    /// Nobody reads.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

/// Reads arrays of log events and writes a line of JSON for each call; with an address, for the calls about it only. Returns
/// how many records are sealed with a key that is not among these.
pub fn show(keys: Option<&str>, address: Option<&str>, input: impl Read, mut out: impl Write) -> Result<usize, Failed> {
    let keys = keys.and_then(|text| AuditKeys::parse(text).ok()).ok_or(Failed::NoKey)?;
    let names = match address {
        Some(address) => Some(keys.accounts(Email::parse(address).map_err(|_| Failed::Address)?.as_str())),
        None => None,
    };
    let mut events = Vec::new();
    for array in serde_json::Deserializer::from_reader(input).into_iter::<Vec<Event>>() {
        events.extend(array?);
    }
    let opened = open(events, &keys, names.as_deref());
    for record in &opened.records {
        writeln!(out, "{record}")?;
    }
    Ok(opened.sealed)
}

/// An event of CloudWatch Logs, as `aws logs filter-log-events` gives it.
#[derive(Debug, Deserialize)]
struct Event {
    /// Milliseconds since 1970.
    timestamp: i64,
    /// The line.
    message: String,
}

/// What of a line is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    request_id: String,
    audit: String,
}

/// The opened records.
#[derive(Debug, Default)]
struct Opened {
    /// One record per call, oldest first.
    records: Vec<Value>,
    /// The number of lines whose record no key opens: they are older than the keys, or forged.
    sealed: usize,
}

/// Opens the records in log lines, and skips other lines. With the names of an account, returns only its calls.
fn open(mut events: Vec<Event>, keys: &AuditKeys, names: Option<&[String]>) -> Opened {
    events.sort_by_key(|event| event.timestamp);
    let mut opened = Opened::default();
    for event in events {
        let Ok(line) = serde_json::from_str::<Line>(&event.message) else { continue };
        match keys.open(&line.audit, &line.request_id) {
            Ok(Value::Object(record))
                if names.is_none_or(|names| names.iter().any(|name| record.get("account") == Some(&json!(name)))) =>
            {
                opened.records.push(readable(event.timestamp, &line.request_id, record));
            }
            Ok(_) => {}
            Err(_) => opened.sealed += 1,
        }
    }
    opened
}

/// A record with its time first, and its steps in milliseconds. Repeated steps are added up.
fn readable(timestamp: i64, request_id: &str, mut record: Map<String, Value>) -> Value {
    let at = DateTime::from_millis(timestamp).fmt(Format::DateTime).unwrap_or_default();
    let steps: Vec<(String, u32)> =
        record.remove("steps").and_then(|steps| serde_json::from_value(steps).ok()).unwrap_or_default();
    let mut milliseconds: Map<String, Value> = Map::new();
    for (step, tenths) in steps {
        let before = milliseconds.get(&step).and_then(Value::as_f64).unwrap_or(0.0);
        let sum = before.mul_add(10.0, f64::from(tenths)).round() / 10.0;
        milliseconds.insert(step, json!(sum));
    }
    let mut readable = Map::from_iter([("at".to_owned(), json!(at))]);
    readable.extend(record);
    readable.insert("milliseconds".to_owned(), Value::Object(milliseconds));
    readable.insert("requestId".to_owned(), json!(request_id));
    Value::Object(readable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_audit::{AuditRecord, NONCE_BYTES};

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn event(timestamp: i64, key: &AuditKeys, email: &str) -> Event {
        let record = AuditRecord {
            operation: "login",
            outcome: "done",
            account: Some(key.account(email)),
            steps: vec![("slot", 12), ("slot", 30), ("hash", 1_015)],
            ..AuditRecord::default()
        };
        let audit = key.seal(&record, "id", [1; NONCE_BYTES]);
        Event { timestamp, message: json!({ "level": "INFO", "requestId": "id", "audit": audit }).to_string() }
    }

    #[test]
    fn the_trail_is_in_the_order_of_time_and_other_lines_are_passed_over() {
        let key = AuditKeys::parse(KEY).unwrap();
        let report = Event { timestamp: 1, message: "REPORT RequestId: id".to_owned() };
        let opened =
            open(vec![event(1_000, &key, "b@example.com"), report, event(0, &key, "a@example.com")], &key, None);
        assert_eq!(opened.records.len(), 2);
        assert_eq!(opened.records[0]["at"], "1970-01-01T00:00:00Z");
        assert_eq!(opened.records[0]["account"], key.account("a@example.com"));
        assert_eq!(opened.records[0]["milliseconds"], json!({ "slot": 4.2, "hash": 101.5 }));
    }

    #[test]
    fn who_asks_for_one_address_is_shown_its_calls_and_told_what_stays_sealed() {
        let key = AuditKeys::parse(KEY).unwrap();
        let other = AuditKeys::parse(&KEY.replace('A', "B").replace("B=", "A=")).unwrap();
        let events =
            [event(1, &key, "a@example.com"), event(2, &key, "b@example.com"), event(3, &other, "a@example.com")];
        let events: Vec<_> =
            events.iter().map(|event| json!({ "timestamp": event.timestamp, "message": event.message })).collect();
        // The AWS CLI prints an array for each function.
        let input = format!("{}\n{}\n[]", json!(events[..1]), json!(events[1..]));
        let mut out = Vec::new();
        let sealed = show(Some(KEY), Some(" A@example.com"), input.as_bytes(), &mut out).unwrap();
        assert_eq!((String::from_utf8(out).unwrap().lines().count(), sealed), (1, 1));
        assert!(matches!(show(Some(KEY), Some("nobody"), &b""[..], Vec::new()), Err(Failed::Address)));
        assert!(matches!(show(None, None, &b""[..], Vec::new()), Err(Failed::NoKey)));
    }

    #[test]
    fn an_account_is_found_under_the_former_key_too() {
        let other = KEY.replace('A', "B").replace("B=", "A=");
        let (former, followed) =
            (AuditKeys::parse(KEY).unwrap(), AuditKeys::parse(&format!("1:{other},{KEY}")).unwrap());
        let events = vec![event(1, &former, "a@example.com"), event(2, &followed, "a@example.com")];
        let opened = open(events, &followed, Some(&followed.accounts("a@example.com")));
        assert_eq!((opened.records.len(), opened.sealed), (2, 0));
        assert_ne!(opened.records[0]["account"], opened.records[1]["account"]);
    }

    #[test]
    fn one_account_can_be_asked_for_and_what_cannot_be_opened_is_counted() {
        let key = AuditKeys::parse(KEY).unwrap();
        let other = AuditKeys::parse(&KEY.replace('A', "B").replace("B=", "A=")).unwrap();
        let events =
            vec![event(1, &key, "a@example.com"), event(2, &key, "b@example.com"), event(3, &other, "a@example.com")];
        let opened = open(events, &key, Some(&key.accounts("a@example.com")));
        assert_eq!((opened.records.len(), opened.sealed), (1, 1));
    }
}
