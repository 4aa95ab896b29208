//! The password hashes of legacy records, which the samples wrote that came before Latchkey: `SampleAuth` of *AWS Lambda in
//! Action*, and `LambdAuth`, which is older.

use crate::function::{Function, Prf};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A hash and its salt, both as base64 text.
///
/// The derivation used the text of the salt, not the bytes that it encodes. What it took of a password beyond ASCII depends on
/// the version of Node.js: see [`Schemes::check`](crate::Schemes::check).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LegacyHash {
    /// The attribute `passwordHash`.
    pub hash: String,
    /// The attribute `passwordSalt`.
    pub salt: String,
}

/// Which sample wrote a hash. Both use PBKDF2 with 4,096 rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyForm {
    /// 512 bytes of PBKDF2-HMAC-SHA-512 (`SampleAuth`, `lib/cryptoUtils.js`).
    SampleAuth,
    /// As many bytes of PBKDF2-HMAC-SHA-1 as `CRYPTO_BYTE_SIZE` says, 128 unless the owner changed it (`LambdAuth`,
    /// `LambdAuthCreateUser/index.js`, which names no digest: SHA-1 is what Node.js took until its version 8).
    LambdAuth {
        /// The length of the hash.
        bytes: usize,
    },
}

impl LegacyForm {
    const ROUNDS: u32 = 4_096;
    const SAMPLE_AUTH_BYTES: usize = 512;

    /// The form of a hash of this length. One of 512 bytes may also be `LambdAuth`'s, where its owner chose that length:
    /// nothing in the record tells.
    #[must_use]
    pub fn of_length(bytes: usize) -> Self {
        if bytes == Self::SAMPLE_AUTH_BYTES { Self::SampleAuth } else { Self::LambdAuth { bytes } }
    }

    /// The length of a hash.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::SampleAuth => Self::SAMPLE_AUTH_BYTES,
            Self::LambdAuth { bytes } => bytes,
        }
    }

    pub(crate) fn function(self) -> Function {
        let prf = match self {
            Self::SampleAuth => Prf::Sha512,
            Self::LambdAuth { .. } => Prf::Sha1,
        };
        Function::Pbkdf2 { prf, rounds: Self::ROUNDS }
    }
}

impl LegacyHash {
    /// The form that the length of the hash says. `None` if the hash is not base64 text, too short to be worth anything, longer
    /// than a function can afford, or has no salt.
    #[must_use]
    pub fn form(&self) -> Option<LegacyForm> {
        let form = LegacyForm::of_length(self.output()?.len());
        form.function().within_bounds(self.salt.len(), form.bytes())?;
        (!self.salt.is_empty()).then_some(form)
    }

    /// The derived key. An empty one would match every password.
    pub(crate) fn output(&self) -> Option<Zeroizing<Vec<u8>>> {
        let output = Zeroizing::new(BASE64_STANDARD.decode(&self.hash).ok()?);
        (output.len() >= 16).then_some(output)
    }
}

impl fmt::Debug for LegacyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacyHash([redacted])")
    }
}
