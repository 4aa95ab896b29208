//! What holds for any text that stands where a sealed record should, and for any text within a record.

use latchkey_audit::{AuditRecord, Invalid, Key, NONCE_BYTES, RECORD_BYTES};
use serde_json::json;

/// A key for tests, and one that differs.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OTHER: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The cipher adds a tag of 16 bytes; base64 makes four characters of three bytes.
const SEALED_CHARS: usize = (NONCE_BYTES + RECORD_BYTES + 16).div_ceil(3) * 4;

/// Judges a request id and, on the next line, a sealed record; says whether it could be opened.
pub(crate) fn check(text: &str) -> bool {
    let (id, text) = text.split_once('\n').unwrap_or(("", text));
    let (key, other) = (Key::parse(KEY).expect("a key"), Key::parse(OTHER).expect("a key"));
    let opened = key.open(text, id);
    if opened.is_ok() {
        bound(text, id, &key, &other);
    }
    if let Ok(chosen) = Key::parse(text) {
        assert_eq!(chosen.account(id).len(), 22);
    }

    let record = AuditRecord {
        operation: "login",
        outcome: "fault",
        cause: Some(text.to_owned()),
        attempt: Some(1),
        ..AuditRecord::default()
    };
    let sealed = key.seal(&record, id, [7; NONCE_BYTES]);
    assert_eq!(sealed.len(), SEALED_CHARS, "a record's length tells of {text:?}");
    let whole = json!(record).to_string().len() <= RECORD_BYTES;
    let kept = if whole { record } else { AuditRecord { cause: None, ..record } };
    assert_eq!(key.open(&sealed, id), Ok(json!(kept)), "a record was lost");
    bound(&sealed, id, &key, &other);
    opened.is_ok()
}

/// What can be opened is opened with its key, for its call, and unchanged only.
fn bound(sealed: &str, id: &str, key: &Key, other: &Key) {
    assert_eq!(sealed.len(), SEALED_CHARS);
    assert_eq!(other.open(sealed, id), Err(Invalid::Sealed), "opened with another key");
    assert_eq!(key.open(sealed, &format!("{id}-")), Err(Invalid::Sealed), "opened for another call");
    for at in [0, SEALED_CHARS / 2] {
        let mut changed = sealed.to_owned();
        changed.replace_range(at..=at, if sealed[at..].starts_with('A') { "B" } else { "A" });
        assert_eq!(key.open(&changed, id), Err(Invalid::Sealed), "opened after a change");
    }
}
