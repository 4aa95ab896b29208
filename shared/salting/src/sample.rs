//! The form in which the SampleAuth sample of *AWS Lambda in Action* keeps a password.

use crate::function::{Function, Prf};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 512 bytes of PBKDF2-HMAC-SHA-512 after 4,096 rounds, as base64 text.
///
/// The salt is base64 text too, and that text itself, not what it encodes, went into the
/// derivation (`lib/cryptoUtils.js` of the sample).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SampleHash {
    /// The attribute `passwordHash`.
    pub hash: String,
    /// The attribute `passwordSalt`.
    pub salt: String,
}

impl SampleHash {
    const ROUNDS: u32 = 4_096;
    pub(crate) const BYTES: usize = 512;

    pub(crate) fn function() -> Function {
        Function::Pbkdf2 { prf: Prf::Sha512, rounds: Self::ROUNDS }
    }

    /// Whether it is base64 text of the sample's length.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        BASE64_STANDARD.decode(&self.hash).is_ok_and(|bytes| bytes.len() == Self::BYTES) && !self.salt.is_empty()
    }

    /// Whether this password made this hash. Compares in constant time.
    #[must_use]
    pub fn matches(&self, password: &[u8]) -> bool {
        let derived = Self::function().derive(password, self.salt.as_bytes(), Self::BYTES);
        derived.is_some_and(|key| BASE64_STANDARD.encode(&*key).as_bytes().ct_eq(self.hash.as_bytes()).into())
    }
}

impl fmt::Debug for SampleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SampleHash([redacted])")
    }
}
