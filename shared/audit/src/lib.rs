//! Audit records: what really happened in a call, sealed into its log line.
//!
//! Anyone who may invoke a function may read its log. Records are therefore encrypted (XChaCha20-Poly1305,
//! draft-irtf-cfrg-xchacha-03) and padded to a fixed length, so that a line reveals no more with a record than without.
//! Each record is bound to its request ID and cannot be moved to another line. Accounts are named by a keyed hash
//! (HMAC-SHA-256, RFC 2104): opened records identify an account only to a reader who knows its address.
//!
//! The caller provides the nonces: this crate draws no randomness.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The length of a record before it is sealed, including padding.
pub const RECORD_BYTES: usize = 640;

/// The length of a nonce. 192 random bits do not repeat.
pub const NONCE_BYTES: usize = 24;

/// The length of a key.
pub const KEY_BYTES: usize = 32;

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

/// A key or a sealed record is invalid. The error never quotes either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not 32 bytes as base64.
    #[error("an audit key is 32 bytes as base64")]
    Key,
    /// The record was sealed with another key or for another call, or it was changed.
    #[error("the record cannot be opened with this key")]
    Sealed,
}

/// The key that seals records: 32 random bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// Reads a key from its base64 form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut bytes = BASE64_STANDARD.decode(text).map_err(|_| Invalid::Key)?;
        let key = <[u8; KEY_BYTES]>::try_from(&*bytes).map(Self).map_err(|_| Invalid::Key);
        bytes.zeroize();
        key
    }

    /// The name of an account in records: 22 characters of base64url (128 bits). It is the same for every record of an
    /// address, and cannot be computed without the key.
    #[must_use]
    pub fn account(&self, email: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.derive("account", email.as_bytes())[..16])
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
        let payload = Payload { msg: &plain, aad: request_id.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a record is far shorter than the cipher's limit of 256 GiB");
        plain.zeroize();
        BASE64_STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Opens a record that [`Self::seal`] sealed for the call with this request ID.
    pub fn open(&self, sealed: &str, request_id: &str) -> Result<Value, Invalid> {
        let bytes = BASE64_STANDARD.decode(sealed).map_err(|_| Invalid::Sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Invalid::Sealed)?;
        let payload = Payload { msg: sealed, aad: request_id.as_bytes() };
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Invalid::Sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Invalid::Sealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.derive("seal", b"").into())
    }

    /// Derives a key for each usage.
    fn derive(&self, usage: &str, input: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("latchkey audit {usage} 1\0").as_bytes());
        mac.update(input);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> Key {
        Key::parse(&BASE64_STANDARD.encode([byte; 32])).unwrap()
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
        assert_eq!(key(2).open(&sealed, "request"), Err(Invalid::Sealed));
        assert_eq!(key(1).open(&sealed, "another"), Err(Invalid::Sealed));
    }

    #[test]
    fn every_record_is_sealed_to_one_length_and_the_longest_whole() {
        let short = key(1).seal(&AuditRecord::default(), "request", [1; NONCE_BYTES]);
        let long = key(1).seal(&longest(), "request", [2; NONCE_BYTES]);
        assert_eq!(short.len(), long.len());
        assert_eq!(key(1).open(&long, "request").unwrap(), serde_json::json!(longest()));
    }

    #[test]
    fn an_account_has_one_name_for_each_key() {
        assert_eq!(key(1).account("ada@example.com"), key(1).account("ada@example.com"));
        assert_ne!(key(1).account("ada@example.com"), key(1).account("bob@example.com"));
        assert_ne!(key(1).account("ada@example.com"), key(2).account("ada@example.com"));
        assert_eq!(key(1).account("ada@example.com").len(), 22);
    }

    #[test]
    fn a_key_is_32_bytes_and_is_not_printed_by_debug() {
        assert_eq!(format!("{:?}", key(1)), "Key([redacted])");
        for wrong in ["", "AAAA", "not base64"] {
            assert_eq!(Key::parse(wrong).err(), Some(Invalid::Key));
        }
    }

    proptest! {
        #[test]
        fn opening_what_nobody_sealed_fails_in_order(sealed in "[A-Za-z0-9+/]{0,800}={0,2}") {
            prop_assert_eq!(key(1).open(&sealed, "request"), Err(Invalid::Sealed));
        }
    }
}
