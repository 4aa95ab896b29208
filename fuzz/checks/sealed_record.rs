//! What holds for any text that stands where a sealed record should, and for any text within a record.

use latchkey_audit::{AuditKeys, AuditRecord, ID_CHARS, NONCE_BYTES, RECORD_BYTES, Unreadable};
use serde_json::json;

/// The key of the seeds, which is key 0, and one that differs.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OTHER: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The cipher adds a tag of 16 bytes; base64 makes four characters of three bytes. The key's identifier stands in front, but in
/// records from before identifiers.
const BASE64_CHARS: usize = (NONCE_BYTES + RECORD_BYTES + 16).div_ceil(3) * 4;
const SEALED_CHARS: usize = ID_CHARS + BASE64_CHARS;

/// Judges a request id and, on the next line, a sealed record; says whether it could be opened.
pub(crate) fn check(text: &str) -> bool {
    let (id, text) = text.split_once('\n').unwrap_or(("", text));
    let ring = |text: &str| AuditKeys::parse(text).expect("keys");
    // As long as the former key is kept, it opens what it sealed.
    let (key, other, followed) = (ring(KEY), ring(OTHER), ring(&format!("1:{OTHER},0:{KEY}")));
    let opened = key.open(text, id);
    if opened.is_ok() {
        assert!([SEALED_CHARS, BASE64_CHARS].contains(&text.len()));
        bound(text, id, &key, &other);
        assert_eq!(followed.open(text, id), opened);
    }
    if let Ok(chosen) = AuditKeys::parse(text) {
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
    let newer = followed.seal(&AuditRecord::default(), id, [7; NONCE_BYTES]);
    assert_eq!(newer.len(), SEALED_CHARS, "a record's length tells of its key");
    assert_eq!(key.open(&newer, id), Err(Unreadable), "opened with another key");
    opened.is_ok()
}

/// What can be opened is opened with its key, for its call, and unchanged only.
fn bound(sealed: &str, id: &str, key: &AuditKeys, other: &AuditKeys) {
    assert_eq!(other.open(sealed, id), Err(Unreadable), "opened with another key");
    assert_eq!(key.open(sealed, &format!("{id}-")), Err(Unreadable), "opened for another call");
    for at in [0, sealed.len() / 2] {
        let mut changed = sealed.to_owned();
        changed.replace_range(at..=at, if sealed[at..].starts_with('A') { "B" } else { "A" });
        assert_eq!(key.open(&changed, id), Err(Unreadable), "opened after a change");
    }
}
