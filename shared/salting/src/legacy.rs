//! The password hashes of legacy records, which the SampleAuth sample of *AWS Lambda in Action* wrote.

use crate::function::{Function, Prf};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 512 bytes of PBKDF2-HMAC-SHA-512 after 4,096 rounds, as base64 text.
///
/// The salt is base64 text too, and the derivation used that text itself, not the bytes it encodes
/// (`lib/cryptoUtils.js` of the sample).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LegacyHash {
    /// The attribute `passwordHash`.
    pub hash: String,
    /// The attribute `passwordSalt`.
    pub salt: String,
}

impl LegacyHash {
    const ROUNDS: u32 = 4_096;
    pub(crate) const BYTES: usize = 512;

    pub(crate) fn function() -> Function {
        Function::Pbkdf2 { prf: Prf::Sha512, rounds: Self::ROUNDS }
    }

    /// Returns true if the hash is base64 text of the right length and there is a salt.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        BASE64_STANDARD.decode(&self.hash).is_ok_and(|bytes| bytes.len() == Self::BYTES) && !self.salt.is_empty()
    }

    /// Returns true if the password matches this hash. Compares in constant time.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        let derived = Self::function().derive(password, self.salt.as_bytes(), Self::BYTES);
        derived.is_some_and(|key| BASE64_STANDARD.encode(&*key).as_bytes().ct_eq(self.hash.as_bytes()).into())
    }
}

impl fmt::Debug for LegacyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacyHash([redacted])")
    }
}
