//! Password hashes as the table holds them.

use crate::forms::{ARGON2ID, PBKDF2_SHA256, PBKDF2_SHA512, Parsed};
use crate::function::pbkdf2;
use crate::scheme::{ARGON2ID_COST, Scheme};
use crate::{SALT_BYTES, SampleHash};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use std::fmt;
use std::hint::black_box;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A password hash as one text: a PHC string where Latchkey made it, or another system's form.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(String);

/// Any form of password hash that a record may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHash {
    /// One text that says what it is: Latchkey's own form, or another system's.
    Encoded(PasswordHash),
    /// The form of the SampleAuth sample.
    Sample(SampleHash),
}

/// A stored hash is of no known form, or of a known one with impossible values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password hash is of no known form")]
pub struct Malformed;

impl PasswordHash {
    /// Takes a text out of the table. What it says is looked at when a password is verified.
    #[must_use]
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The text. It belongs in the table and nowhere else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

impl PasswordHash {
    /// Whether [`StoredHash::matches`] would know this form.
    #[must_use]
    pub fn is_known(&self) -> bool {
        Parsed::parse(&self.0).is_some()
    }
}

impl StoredHash {
    /// A hash under a scheme that no password made. To verify one against it is the same work, along the same way, as
    /// against a hash that is in the table.
    #[must_use]
    pub fn decoy(scheme: Scheme) -> Self {
        Self::Encoded(encode(scheme, &[0; SALT_BYTES], &vec![0; scheme.output_bytes()]))
    }

    /// Whether the password went in as Latchkey normalizes it. Other systems, the sample among them, hash it as it came.
    #[must_use]
    pub fn is_of_normalized(&self) -> bool {
        match self {
            Self::Encoded(hash) => Parsed::parse(hash.as_str()).is_none_or(|parsed| parsed.normalized),
            Self::Sample(_) => false,
        }
    }

    /// Whether this password made this hash. Takes as long as making it did, and compares in constant time. Where the
    /// hash is of the scheme's own function with fewer rounds, the rounds that are left are run as well: the time does
    /// not tell an old hash from a new one, or from a [decoy](Self::decoy).
    pub fn matches(&self, password: &[u8], scheme: Scheme) -> Result<bool, Malformed> {
        let (matches, left) = match self {
            Self::Encoded(hash) => {
                let Parsed { function, salt, output, .. } = Parsed::parse(hash.as_str()).ok_or(Malformed)?;
                let derived = function.derive(password, &salt, output.len()).ok_or(Malformed)?;
                (derived.ct_eq(&output).into(), function.rounds_left(output.len(), scheme))
            }
            Self::Sample(hash) => {
                (hash.matches(password), SampleHash::function().rounds_left(SampleHash::BYTES, scheme))
            }
        };
        if let Some((prf, rounds)) = left {
            black_box(pbkdf2(prf, password, &[0; SALT_BYTES], rounds, scheme.output_bytes()));
        }
        Ok(matches)
    }

    /// Whether a new hash would be better: this one is of another function or another form, or cost less to make. The
    /// next successful login replaces it.
    #[must_use]
    pub fn needs_renewal(&self, scheme: Scheme) -> bool {
        match self {
            Self::Encoded(hash) => !Parsed::parse(hash.as_str())
                .is_some_and(|parsed| parsed.normalized && parsed.function.satisfies(scheme)),
            Self::Sample(_) => true,
        }
    }
}

/// Writes a derived key as a PHC string.
pub(crate) fn encode(scheme: Scheme, salt: &[u8], key: &[u8]) -> PasswordHash {
    let parameters = match scheme {
        Scheme::Pbkdf2Sha512(rounds) => format!("{PBKDF2_SHA512}$i={},l={}", rounds.get(), key.len()),
        Scheme::Pbkdf2Sha256(rounds) => format!("{PBKDF2_SHA256}$i={},l={}", rounds.get(), key.len()),
        Scheme::Argon2id => {
            let (memory, passes, lanes) = ARGON2ID_COST;
            format!("{ARGON2ID}$v=19$m={memory},t={passes},p={lanes}")
        }
    };
    // The PHC form of base64 has no padding.
    let salt = BASE64_STANDARD_NO_PAD.encode(salt);
    let key = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(key));
    PasswordHash(format!("${parameters}${salt}${}", *key))
}
