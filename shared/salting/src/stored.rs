//! Password hashes as they are stored.

use crate::forms::Parsed;
use crate::function::{Function, Prf};
use crate::scheme::{ARGON2ID_COST, Scheme};
use crate::{FormerHash, LegacyHash, SALT_BYTES, Schemes};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use std::fmt;
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

    /// The function, the salt and the output. `None` if the form is unknown.
    pub(crate) fn derivation(&self) -> Option<(Function, Vec<u8>, Zeroizing<Vec<u8>>)> {
        Parsed::parse(&self.0).map(|Parsed { function, salt, output, .. }| (function, salt, output))
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

    /// Returns true if the password matches this hash, where no kind of hash remains from before the scheme: see
    /// [`Schemes::check`].
    pub fn matches(&self, password: &[u8], scheme: Scheme) -> Result<bool, Malformed> {
        Schemes::from(scheme).check(Some(self), password)
    }

    /// The kind of hash that this is, if it is one that Latchkey or a sample makes.
    #[must_use]
    pub fn kind(&self) -> Option<FormerHash> {
        let own = match self {
            Self::Legacy(hash) => return hash.form().map(FormerHash::Legacy),
            Self::Encoded(hash) => Parsed::parse(hash.as_str()).filter(|parsed| parsed.normalized)?,
        };
        let scheme = match own.function {
            Function::Pbkdf2 { prf: Prf::Sha512, rounds } => Scheme::pbkdf2_sha512(rounds).ok()?,
            Function::Pbkdf2 { prf: Prf::Sha256, rounds } => Scheme::pbkdf2_sha256(rounds).ok()?,
            _ => Scheme::Argon2id,
        };
        (scheme.function() == own.function && scheme.output_bytes() == own.output.len())
            .then_some(FormerHash::Scheme(scheme))
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
    let parameters = if let Some(rounds) = scheme.rounds() {
        format!("i={},l={}", rounds.get(), key.len())
    } else {
        let (memory, passes, lanes) = ARGON2ID_COST;
        format!("v=19$m={memory},t={passes},p={lanes}")
    };
    // Base64 in PHC strings has no padding.
    let salt = BASE64_STANDARD_NO_PAD.encode(salt);
    let key = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(key));
    PasswordHash(format!("${}${parameters}${salt}${}", scheme.name(), *key))
}
