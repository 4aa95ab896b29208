//! Password hashes as the table holds them.

use crate::scheme::{self, ARGON2ID, ARGON2ID_COST, MOST_ROUNDS, PBKDF2_SHA256, PBKDF2_SHA512, Scheme};
use crate::{SALT_BYTES, SampleHash};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A password hash as a PHC string.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PasswordHash(String);

/// Any form of password hash that a record may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHash {
    /// Latchkey's own form.
    Phc(PasswordHash),
    /// The form of the SampleAuth sample.
    Sample(SampleHash),
}

/// A stored hash is of no known form, or of a known one with impossible values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password hash is of no known form")]
pub struct Malformed;

impl PasswordHash {
    /// Takes a PHC string out of the table. What it says is looked at when a password is verified.
    #[must_use]
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string. It belongs in the table and nowhere else.
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

impl StoredHash {
    /// A hash under a scheme that no password made. To verify one against it is the same work, along the same way, as
    /// against a hash that is in the table.
    #[must_use]
    pub fn decoy(scheme: Scheme) -> Self {
        Self::Phc(encode(scheme, &[0; SALT_BYTES], &vec![0; scheme.output_bytes()]))
    }

    /// Whether this password made this hash. Takes as long as making it did, and compares in
    /// constant time.
    pub fn matches(&self, password: &[u8]) -> Result<bool, Malformed> {
        match self {
            Self::Phc(hash) => {
                let phc = Phc::parse(hash.as_str())?;
                Ok(phc.derive(password)?.ct_eq(phc.output.as_bytes()).into())
            }
            Self::Sample(hash) => Ok(hash.matches(password)),
        }
    }

    /// Whether a new hash would be better: this one is of another function, or cost less to make. The
    /// next successful login replaces it.
    #[must_use]
    pub fn needs_renewal(&self, scheme: Scheme) -> bool {
        match self {
            Self::Phc(hash) => !Phc::parse(hash.as_str()).is_ok_and(|phc| phc.function.satisfies(scheme)),
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

/// A PHC string taken apart.
struct Phc {
    function: Function,
    salt: phc::Salt,
    output: phc::Output,
}

enum Function {
    Pbkdf2Sha512 { rounds: u32 },
    Pbkdf2Sha256 { rounds: u32 },
    Argon2id { cost: (u32, u32, u32) },
}

impl Phc {
    fn parse(text: &str) -> Result<Self, Malformed> {
        let phc = phc::PasswordHash::new(text).map_err(|_| Malformed)?;
        let number = |name| phc.params.get_decimal(name).ok_or(Malformed);
        let rounds = || number("i").and_then(|i| if (1..=MOST_ROUNDS).contains(&i) { Ok(i) } else { Err(Malformed) });
        let function = match phc.algorithm.as_str() {
            PBKDF2_SHA512 => Function::Pbkdf2Sha512 { rounds: rounds()? },
            PBKDF2_SHA256 => Function::Pbkdf2Sha256 { rounds: rounds()? },
            ARGON2ID if phc.version == Some(19) => {
                Function::Argon2id { cost: (number("m")?, number("t")?, number("p")?) }
            }
            _ => return Err(Malformed),
        };
        let salt = phc.salt.ok_or(Malformed)?;
        let output = phc.hash.ok_or(Malformed)?;
        Ok(Self { function, salt, output })
    }

    fn derive(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let (salt, bytes) = (self.salt.as_ref(), self.output.len());
        match self.function {
            Function::Pbkdf2Sha512 { rounds } => Ok(scheme::pbkdf2_sha512(password, salt, rounds, bytes)),
            Function::Pbkdf2Sha256 { rounds } => Ok(scheme::pbkdf2_sha256(password, salt, rounds, bytes)),
            Function::Argon2id { cost } => scheme::argon2id(password, salt, cost, bytes).ok_or(Malformed),
        }
    }
}

impl Function {
    fn satisfies(&self, scheme: Scheme) -> bool {
        match (self, scheme) {
            (Self::Pbkdf2Sha512 { rounds }, Scheme::Pbkdf2Sha512(least))
            | (Self::Pbkdf2Sha256 { rounds }, Scheme::Pbkdf2Sha256(least)) => *rounds >= least.get(),
            (Self::Argon2id { cost: (memory, passes, _) }, Scheme::Argon2id) => {
                *memory >= ARGON2ID_COST.0 && *passes >= ARGON2ID_COST.1
            }
            _ => false,
        }
    }
}
