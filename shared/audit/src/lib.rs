//! Audit records: what really happened in a call, sealed into its log line.
//!
//! Anyone who may invoke a function may read its log. Records are therefore encrypted (XChaCha20-Poly1305,
//! draft-irtf-cfrg-xchacha-03) and padded to a fixed length, so that a line reveals no more with a record than without.
//! Each record is bound to its request ID and cannot be moved to another line. Accounts are named by a keyed hash
//! (HMAC-SHA-256, RFC 2104): opened records identify an account only to a reader who knows its address.
//!
//! A sealed record begins with the identifier of its key, padded to a fixed length, so that records of a former key stay
//! readable. Records that were sealed before keys had identifiers have none, and are opened with key `0`.
//!
//! The caller provides the nonces: this crate draws no randomness.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use hmac::{Hmac, Mac};
use latchkey_keys::{DEFAULT_ID, InvalidKeys, Key, KeyRing, MAX_ID_CHARS};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroize;

/// The length of a record before it is sealed, including padding.
pub const RECORD_BYTES: usize = 640;

/// The length of a nonce. 192 random bits do not repeat.
pub const NONCE_BYTES: usize = 24;

/// The length of a key's identifier in a sealed record, with at least one dot after it.
pub const ID_CHARS: usize = MAX_ID_CHARS + 1;

/// The record of one call. The names of its fields and the words in them are stable: old records must stay readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// The operation's verb: `login`.
    pub operation: &'static str,
    /// `done`, `refused` or `fault`, as the caller was told.
    pub outcome: &'static str,
    /// The reason of a refusal, as the caller was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What the caller was not told.
    #[serde(rename = "truth", skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// The type of a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// The code of a fault, such as `ThrottlingException`, or the place of a panic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why a new password was not looked up among compromised ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
    /// The name that [`Key::account`] gives to the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The identity that logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The number of the attempt since the count began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The duration of each step in tenths of a millisecond, by name, in the order in which they ended. Steps may run
    /// side by side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(&'static str, u32)>,
}

/// The record was sealed with a key that is not in the ring or for another call, or it was changed. The error never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be opened with these keys")]
pub struct Unreadable;

/// The keys that seal records and open them.
#[derive(Clone, Debug)]
pub struct AuditKeys(KeyRing);

impl AuditKeys {
    /// Reads the keys from the text form of a ring.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        KeyRing::parse(text).map(Self)
    }

    /// The name of an account in new records: 22 characters of base64url (128 bits). It is the same for every record of an
    /// address that one key sealed, and cannot be computed without that key.
    #[must_use]
    pub fn account(&self, email: &str) -> String {
        account(self.0.writer().1, email)
    }

    /// The names that an account has in records: one for each key.
    #[must_use]
    pub fn accounts(&self, email: &str) -> Vec<String> {
        self.0.iter().map(|(_, key)| account(key, email)).collect()
    }

    /// Seals a record into base64 text of a fixed length. The nonce must be random and must never be reused.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "the cipher's limit is far away")]
    pub fn seal(&self, record: &AuditRecord, request_id: &str, nonce: [u8; NONCE_BYTES]) -> String {
        let mut plain = serde_json::to_vec(record).unwrap_or_default();
        if plain.len() > RECORD_BYTES {
            // No record comes close to this length today; the steps are what is least needed.
            let shorter = AuditRecord { steps: Vec::new(), cause: None, ..record.clone() };
            plain = serde_json::to_vec(&shorter).unwrap_or_default();
            plain.truncate(RECORD_BYTES);
        }
        // JSON may be followed by white space.
        plain.resize(RECORD_BYTES, b' ');
        let (id, key) = self.0.writer();
        let payload = Payload { msg: &plain, aad: request_id.as_bytes() };
        let sealed = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a record is far shorter than the cipher's limit of 256 GiB");
        plain.zeroize();
        format!("{id:.<ID_CHARS$}{}", BASE64_STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens a record that [`Self::seal`] sealed for the call with this request ID, with whichever of the keys it names.
    pub fn open(&self, sealed: &str, request_id: &str) -> Result<Value, Unreadable> {
        // Base64 has no dot: a record without one is older than identifiers.
        let (id, text) = if sealed.contains('.') {
            let (id, text) = sealed.split_at_checked(ID_CHARS).ok_or(Unreadable)?;
            (id.trim_end_matches('.'), text)
        } else {
            (DEFAULT_ID, sealed)
        };
        let key = self.0.find(id).ok_or(Unreadable)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| Unreadable)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Unreadable)?;
        let payload = Payload { msg: sealed, aad: request_id.as_bytes() };
        let plain = cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unreadable)?;
        serde_json::from_slice(&plain).map_err(|_| Unreadable)
    }
}

fn account(key: &Key, email: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&derive(key, "account", email.as_bytes())[..16])
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&derive(key, "seal", b"").into())
}

/// Derives a key for each usage.
fn derive(key: &Key, usage: &str, input: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("latchkey audit {usage} 1\0").as_bytes());
    mac.update(input);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(byte: u8) -> String {
        BASE64_STANDARD.encode([byte; 32])
    }

    fn key(byte: u8) -> AuditKeys {
        AuditKeys::parse(&text(byte)).unwrap()
    }

    fn ring(entries: &[(&str, u8)]) -> AuditKeys {
        let entries: Vec<_> = entries.iter().map(|(id, byte)| format!("{id}:{}", text(*byte))).collect();
        AuditKeys::parse(&entries.join(",")).unwrap()
    }

    /// As records were sealed before keys had identifiers.
    fn sealed_without_identifier(sealed: &str) -> String {
        sealed[ID_CHARS..].to_owned()
    }

    fn longest() -> AuditRecord {
        let steps =
            ["find", "ticket", "clear", "slot", "slot", "check", "hash", "store", "mail", "identity", "breaches"];
        AuditRecord {
            operation: "changePassword",
            outcome: "refused",
            reason: Some("invalid_credentials"),
            detail: Some("already_verified"),
            fault: Some("IdentityUnavailable"),
            cause: Some("ProvisionedThroughputExceededException.ProvisionedThroughputExce".to_owned()),
            unchecked: Some("connection".to_owned()),
            account: Some("0123456789012345678901".to_owned()),
            identity: Some("ap-southeast-4:01234567-89ab-cdef-0123-456789abcdef".to_owned()),
            attempt: Some(u32::MAX),
            steps: steps.map(|step| (step, 150_000)).to_vec(),
        }
    }

    #[test]
    fn a_sealed_record_is_opened_with_its_key_and_request_id_only() {
        let record = AuditRecord { operation: "login", outcome: "done", ..AuditRecord::default() };
        let sealed = key(1).seal(&record, "request", [7; NONCE_BYTES]);
        assert_eq!(key(1).open(&sealed, "request").unwrap(), serde_json::json!(record));
        assert_eq!(key(2).open(&sealed, "request"), Err(Unreadable));
        assert_eq!(key(1).open(&sealed, "another"), Err(Unreadable));
    }

    #[test]
    fn every_record_is_sealed_to_one_length_and_the_longest_whole() {
        let short = key(1).seal(&AuditRecord::default(), "request", [1; NONCE_BYTES]);
        let long = key(1).seal(&longest(), "request", [2; NONCE_BYTES]);
        let long_id = ring(&[("abcdefgh", 1)]).seal(&longest(), "request", [2; NONCE_BYTES]);
        assert_eq!((short.len(), short.len()), (long.len(), long_id.len()));
        assert_eq!(key(1).open(&long, "request").unwrap(), serde_json::json!(longest()));
    }

    #[test]
    fn an_account_has_one_name_for_each_key() {
        assert_eq!(key(1).account("ada@example.com"), key(1).account("ada@example.com"));
        assert_ne!(key(1).account("ada@example.com"), key(1).account("bob@example.com"));
        assert_ne!(key(1).account("ada@example.com"), key(2).account("ada@example.com"));
        assert_eq!(key(1).account("ada@example.com").len(), 22);
        let both = ring(&[("1", 2), ("0", 1)]);
        assert_eq!(both.account("ada@example.com"), key(2).account("ada@example.com"));
        assert_eq!(both.accounts("ada@example.com"), [key(2), key(1)].map(|key| key.account("ada@example.com")));
    }

    #[test]
    fn keys_are_not_printed_by_debug() {
        let printed = format!("{:?}", key(1));
        assert!(printed.contains("[redacted]") && !printed.contains(&text(1)), "{printed}");
        for wrong in ["", "AAAA", "not base64"] {
            assert!(AuditKeys::parse(wrong).is_err());
        }
    }

    #[test]
    fn a_record_of_a_former_key_is_opened_while_the_ring_has_it() {
        let record = AuditRecord { operation: "login", outcome: "done", ..AuditRecord::default() };
        let sealed = ring(&[("0", 1)]).seal(&record, "request", [7; NONCE_BYTES]);
        let followed = ring(&[("1", 2), ("0", 1)]);
        assert_eq!(followed.open(&sealed, "request").unwrap(), serde_json::json!(record));
        let newer = followed.seal(&record, "request", [8; NONCE_BYTES]);
        assert_eq!(ring(&[("1", 2)]).open(&newer, "request").unwrap(), serde_json::json!(record));
        assert_eq!(ring(&[("1", 2)]).open(&sealed, "request"), Err(Unreadable));
        assert_eq!(ring(&[("0", 1)]).open(&newer, "request"), Err(Unreadable));
    }

    #[test]
    fn a_record_from_before_identifiers_is_opened_with_key_0() {
        let record = AuditRecord { operation: "login", outcome: "done", ..AuditRecord::default() };
        let old = sealed_without_identifier(&key(1).seal(&record, "request", [7; NONCE_BYTES]));
        assert_eq!(key(1).open(&old, "request").unwrap(), serde_json::json!(record));
        assert_eq!(ring(&[("1", 2), ("0", 1)]).open(&old, "request").unwrap(), serde_json::json!(record));
        assert_eq!(ring(&[("1", 1)]).open(&old, "request"), Err(Unreadable));
    }

    proptest! {
        #[test]
        fn opening_what_nobody_sealed_fails_in_order(sealed in "([a-z0-9.]{0,10})?[A-Za-z0-9+/]{0,800}={0,2}|\\PC{0,20}") {
            prop_assert_eq!(key(1).open(&sealed, "request"), Err(Unreadable));
        }
    }
}
