//! The schemes for new password hashes, with their floors.

use crate::forms::{ARGON2ID, PBKDF2_SHA256, PBKDF2_SHA512};
use crate::function::{Argon2Cost, Function, Prf};
use zeroize::Zeroizing;

/// A key derivation function with its cost.
///
/// A scheme cannot be constructed below its floor, so a weaker one cannot be configured by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// PBKDF2-HMAC-SHA-512 (RFC 8018), 64 bytes of output.
    Pbkdf2Sha512(Rounds),
    /// PBKDF2-HMAC-SHA-256 (RFC 8018), 32 bytes of output.
    Pbkdf2Sha256(Rounds),
    /// Argon2id version 1.3 (RFC 9106) with 19 MiB, two passes, one lane; 32 bytes of output.
    Argon2id,
}

/// A number of PBKDF2 rounds at or above the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rounds(u32);

/// The number of rounds is below the scheme's floor, or more than a function can afford.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("from {floor} to {MOST_ROUNDS} rounds")]
pub struct RoundsOutOfRange {
    /// The lowest number that is accepted.
    pub floor: u32,
}

/// A name and a number of rounds make no scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScheme {
    /// There is no such function.
    #[error("not one of pbkdf2-sha512, pbkdf2-sha256 and argon2id")]
    Name,
    /// The rounds are out of range.
    #[error(transparent)]
    Rounds(#[from] RoundsOutOfRange),
    /// Argon2id has no rounds to choose.
    #[error("argon2id takes no rounds")]
    NoRounds,
}

/// Argon2id's memory in KiB, passes and lanes: OWASP's second choice, the smallest that it lists
/// with two passes.
pub(crate) const ARGON2ID_COST: Argon2Cost = (19 * 1024, 2, 1);

/// The most rounds: about ten seconds of one core. More would keep a function busy until its timeout.
pub(crate) const MOST_ROUNDS: u32 = 20_000_000;

impl Scheme {
    /// OWASP's floor for PBKDF2-HMAC-SHA-512, and the default.
    pub const PBKDF2_SHA512_FLOOR: u32 = 210_000;
    /// OWASP's floor for PBKDF2-HMAC-SHA-256.
    pub const PBKDF2_SHA256_FLOOR: u32 = 600_000;

    /// PBKDF2-HMAC-SHA-512 with at least [`Self::PBKDF2_SHA512_FLOOR`] rounds.
    pub fn pbkdf2_sha512(rounds: u32) -> Result<Self, RoundsOutOfRange> {
        Rounds::within(rounds, Self::PBKDF2_SHA512_FLOOR).map(Self::Pbkdf2Sha512)
    }

    /// PBKDF2-HMAC-SHA-256 with at least [`Self::PBKDF2_SHA256_FLOOR`] rounds.
    pub fn pbkdf2_sha256(rounds: u32) -> Result<Self, RoundsOutOfRange> {
        Rounds::within(rounds, Self::PBKDF2_SHA256_FLOOR).map(Self::Pbkdf2Sha256)
    }

    /// The scheme of this name, as `PASSWORD_HASH` has it, with this many rounds; with the fewest that are accepted if not told.
    pub fn named(name: &str, rounds: Option<u32>) -> Result<Self, InvalidScheme> {
        match (name, rounds) {
            (PBKDF2_SHA512, rounds) => Ok(Self::pbkdf2_sha512(rounds.unwrap_or(Self::PBKDF2_SHA512_FLOOR))?),
            (PBKDF2_SHA256, rounds) => Ok(Self::pbkdf2_sha256(rounds.unwrap_or(Self::PBKDF2_SHA256_FLOOR))?),
            (ARGON2ID, None) => Ok(Self::Argon2id),
            (ARGON2ID, Some(_)) => Err(InvalidScheme::NoRounds),
            _ => Err(InvalidScheme::Name),
        }
    }

    /// The name of the function, as `PASSWORD_HASH` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pbkdf2Sha512(_) => PBKDF2_SHA512,
            Self::Pbkdf2Sha256(_) => PBKDF2_SHA256,
            Self::Argon2id => ARGON2ID,
        }
    }

    /// The rounds of PBKDF2.
    #[must_use]
    pub fn rounds(self) -> Option<Rounds> {
        match self {
            Self::Pbkdf2Sha512(rounds) | Self::Pbkdf2Sha256(rounds) => Some(rounds),
            Self::Argon2id => None,
        }
    }

    /// Returns true if the other scheme is the same function with at least as many rounds.
    #[must_use]
    pub fn is_covered_by(self, other: Self) -> bool {
        self.name() == other.name() && self.rounds() <= other.rounds()
    }

    pub(crate) fn function(self) -> Function {
        match self {
            Self::Pbkdf2Sha512(Rounds(rounds)) => Function::Pbkdf2 { prf: Prf::Sha512, rounds },
            Self::Pbkdf2Sha256(Rounds(rounds)) => Function::Pbkdf2 { prf: Prf::Sha256, rounds },
            Self::Argon2id => Function::Argon2 {
                algorithm: argon2::Algorithm::Argon2id,
                version: argon2::Version::V0x13,
                cost: ARGON2ID_COST,
            },
        }
    }

    /// The length of a new hash in bytes.
    pub(crate) fn output_bytes(self) -> usize {
        match self {
            Self::Pbkdf2Sha512(_) => 64,
            Self::Pbkdf2Sha256(_) | Self::Argon2id => 32,
        }
    }

    /// Runs the derivation. The result is the secret part of a PHC string.
    pub(crate) fn derive(self, password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
        let derived = self.function().derive(password, salt, self.output_bytes());
        derived.expect("a scheme's cost, a 16-byte salt and its length of output are within the limits of its function")
    }
}

impl Default for Scheme {
    fn default() -> Self {
        Self::Pbkdf2Sha512(Rounds(Self::PBKDF2_SHA512_FLOOR))
    }
}

impl Rounds {
    fn within(rounds: u32, floor: u32) -> Result<Self, RoundsOutOfRange> {
        if (floor..=MOST_ROUNDS).contains(&rounds) { Ok(Self(rounds)) } else { Err(RoundsOutOfRange { floor }) }
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_below_the_floor_or_beyond_a_timeout_are_refused() {
        assert_eq!(Scheme::pbkdf2_sha512(209_999), Err(RoundsOutOfRange { floor: 210_000 }));
        assert_eq!(Scheme::pbkdf2_sha256(599_999), Err(RoundsOutOfRange { floor: 600_000 }));
        assert_eq!(Scheme::pbkdf2_sha512(20_000_001), Err(RoundsOutOfRange { floor: 210_000 }));
        assert!(Scheme::pbkdf2_sha512(210_000).is_ok());
        assert!(Scheme::pbkdf2_sha256(600_000).is_ok());
    }

    #[test]
    fn the_default_is_pbkdf2_hmac_sha512_with_210_000_rounds() {
        assert_eq!(Scheme::default(), Scheme::pbkdf2_sha512(210_000).unwrap());
    }
}
