//! Password hashes as they are stored.

use crate::forms::{ARGON2ID, PBKDF2_SHA256, PBKDF2_SHA512, Parsed};
use crate::function::pbkdf2;
use crate::scheme::{ARGON2ID_COST, Scheme};
use crate::{LegacyHash, SALT_BYTES};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use std::fmt;
use std::hint::black_box;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A password hash in one text: a PHC string of Latchkey's own, or the form of another system.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(String);

/// Any form of password hash that a record may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHash {
    /// A text that describes itself: Latchkey's own form, or another system's.
    Encoded(PasswordHash),
    /// The form of a legacy record.
    Legacy(LegacyHash),
}

/// A stored hash has an unknown form, or a known one with impossible values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password hash is of no known form")]
pub struct Malformed;

impl PasswordHash {
    /// Takes a text from the table. It is parsed when a password is checked.
    #[must_use]
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The text, for the table and nothing else.
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
    /// Returns true if [`StoredHash::matches`] knows this form.
    #[must_use]
    pub fn is_known(&self) -> bool {
        Parsed::parse(&self.0).is_some()
    }
}

impl StoredHash {
    /// A hash under a scheme that no password matches. Checking a password against it takes the same work as checking it
    /// against a stored hash.
    #[must_use]
    pub fn decoy(scheme: Scheme) -> Self {
        Self::Encoded(encode(scheme, &[0; SALT_BYTES], &vec![0; scheme.output_bytes()]))
    }

    /// Returns true if the password was normalized before it was hashed. Only Latchkey does that; other systems hash it as it
    /// was typed.
    #[must_use]
    pub fn is_of_normalized(&self) -> bool {
        match self {
            Self::Encoded(hash) => Parsed::parse(hash.as_str()).is_none_or(|parsed| parsed.normalized),
            Self::Legacy(_) => false,
        }
    }

    /// Returns true if the password matches this hash. Compares in constant time. If the hash has the scheme's own function
    /// with fewer rounds, the remaining rounds are run as well, so that the time does not distinguish an old hash from a new
    /// one, or from a [decoy](Self::decoy).
    pub fn matches(&self, password: &[u8], scheme: Scheme) -> Result<bool, Malformed> {
        let (matches, left) = match self {
            Self::Encoded(hash) => {
                let Parsed { function, salt, output, .. } = Parsed::parse(hash.as_str()).ok_or(Malformed)?;
                let derived = function.derive(password, &salt, output.len()).ok_or(Malformed)?;
                (derived.ct_eq(&output).into(), function.rounds_left(output.len(), scheme))
            }
            Self::Legacy(hash) => {
                (hash.matches(password), LegacyHash::function().rounds_left(LegacyHash::BYTES, scheme))
            }
        };
        if let Some((prf, rounds)) = left {
            black_box(pbkdf2(prf, password, &[0; SALT_BYTES], rounds, scheme.output_bytes()));
        }
        Ok(matches)
    }

    /// Returns true if a new hash would be better, because this one has another function, another form or a lower cost. The
    /// next successful login replaces it.
    #[must_use]
    pub fn needs_renewal(&self, scheme: Scheme) -> bool {
        match self {
            Self::Encoded(hash) => !Parsed::parse(hash.as_str())
                .is_some_and(|parsed| parsed.normalized && parsed.function.satisfies(scheme)),
            Self::Legacy(_) => true,
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
    // Base64 in PHC strings has no padding.
    let salt = BASE64_STANDARD_NO_PAD.encode(salt);
    let key = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(key));
    PasswordHash(format!("${parameters}${salt}${}", *key))
}
