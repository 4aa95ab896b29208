//! The audit trail: what truly happened in a call, sealed into the call's log line.
//!
//! Whoever may invoke a function may see its log. So the record is encrypted (XChaCha20-Poly1305,
//! draft-irtf-cfrg-xchacha-03) and always of one length: a line tells no more with it than without. It is bound to
//! the call's request id, so that no line can lend its record to another. Accounts are named by a keyed hash
//! (HMAC-SHA-256, RFC 2104), so that the opened trail names nobody to who does not ask for one.
//!
//! Nonces come in from outside: this crate draws no randomness.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a record before it is sealed, padding included.
pub const RECORD_BYTES: usize = 640;

/// Bytes of a nonce. 192 random bits never meet twice.
pub const NONCE_BYTES: usize = 24;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// What one call did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    /// The verb: `login`.
    pub operation: &'a str,
    /// `done`, `refused` or `fault`, as the caller was told.
    pub outcome: &'a str,
    /// The reason of a refusal, as the caller was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// What the caller was not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<&'a str>,
    /// The type of a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'a str>,
    /// The code of a fault, such as `ThrottlingException`, or the place of a panic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// Why nobody said whether the new password was in a breach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<&'a str>,
    /// The address, as [`Key::account`] names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The identity that logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a str>,
    /// The number of the guess since the count began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Tenths of a millisecond that each step took, by name, in the order of their ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(&'a str, u32)>,
}

/// What is wrong with a key or a sealed record. It never says what either holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not 32 bytes as base64.
    #[error("an audit key is 32 bytes as base64")]
    Key,
    /// Sealed with another key, for another call, or changed since.
    #[error("the record cannot be opened with this key")]
    Sealed,
}

/// The key of the trail: 32 random bytes.
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

    /// The name of an account in the trail: the same for an address always, and of no use without the key.
    /// 22 characters of base64url: 128 bits.
    #[must_use]
    pub fn account(&self, email: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.derive("account", email.as_bytes())[..16])
    }

    /// Seals a record into base64 text of one length. The nonce must be random and never used before.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "the cipher's limit is far away")]
    pub fn seal(&self, record: &Record<'_>, request_id: &str, nonce: [u8; NONCE_BYTES]) -> String {
        let mut plain = serde_json::to_vec(record).unwrap_or_default();
        if plain.len() > RECORD_BYTES {
            // Nothing that is written today comes near; the times are what can be done without.
            let shorter = Record { steps: Vec::new(), cause: None, ..record.clone() };
            plain = serde_json::to_vec(&shorter).unwrap_or_default();
            plain.truncate(RECORD_BYTES);
        }
        // JSON may be followed by spaces.
        plain.resize(RECORD_BYTES, b' ');
        let payload = Payload { msg: &plain, aad: request_id.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a record is far shorter than the cipher's limit of 256 GiB");
        plain.zeroize();
        BASE64_STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the call with this request id.
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

    /// One key for each use.
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

    fn longest() -> Record<'static> {
        let steps =
            ["find", "ticket", "clear", "slot", "slot", "check", "hash", "store", "mail", "identity", "breaches"];
        Record {
            operation: "changePassword",
            outcome: "refused",
            reason: Some("invalid_credentials"),
            truth: Some("already_verified"),
            fault: Some("IdentityUnavailable"),
            cause: Some("ProvisionedThroughputExceededException.ProvisionedThroughputExce"),
            unchecked: Some("connection"),
            account: Some("0123456789012345678901".to_owned()),
            identity: Some("ap-southeast-4:01234567-89ab-cdef-0123-456789abcdef"),
            attempt: Some(u32::MAX),
            steps: steps.map(|step| (step, 150_000)).to_vec(),
        }
    }

    #[test]
    fn a_sealed_record_is_opened_with_its_key_and_request_id_only() {
        let record = Record { operation: "login", outcome: "done", ..Record::default() };
        let sealed = key(1).seal(&record, "request", [7; NONCE_BYTES]);
        assert_eq!(key(1).open(&sealed, "request").unwrap(), serde_json::json!(record));
        assert_eq!(key(2).open(&sealed, "request"), Err(Invalid::Sealed));
        assert_eq!(key(1).open(&sealed, "another"), Err(Invalid::Sealed));
    }

    #[test]
    fn every_record_is_sealed_to_one_length_and_the_longest_whole() {
        let short = key(1).seal(&Record::default(), "request", [1; NONCE_BYTES]);
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
