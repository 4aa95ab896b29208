//! The key derivation functions of stored hashes, our own and those of other systems.

use crate::scheme::{ARGON2ID_COST, MOST_ROUNDS, Scheme};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

/// A function with its cost, within bounds that a Lambda function can afford.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Pbkdf2 { prf: Prf, rounds: u32 },
    Argon2 { algorithm: argon2::Algorithm, version: argon2::Version, cost: Argon2Cost },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Bcrypt { cost: u32 },
}

/// The hash function of the HMAC in PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Prf {
    /// The length of a block of output.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// KiB of memory, passes, lanes.
pub(crate) type Argon2Cost = (u32, u32, u32);

/// The most memory that a hash may use, in bytes: functions have 1,769 MB.
const MOST_MEMORY: u64 = 1 << 30;

/// The highest cost of bcrypt: 2^15 rounds take about two seconds.
const MOST_BCRYPT_COST: u32 = 15;

/// bcrypt uses the first 72 bytes of a password, including the terminating zero if it fits.
const BCRYPT_BYTES: usize = 72;

impl Function {
    /// Returns `None` if the cost is out of bounds, or if [`Self::derive`] would not accept it with a salt and an output of
    /// these lengths.
    pub(crate) fn within_bounds(self, salt: usize, output: usize) -> Option<Self> {
        let within = match self {
            Self::Pbkdf2 { prf, rounds } => {
                // Each block of the output takes all rounds.
                let all = u64::from(rounds).saturating_mul(output.div_ceil(prf.bytes()) as u64);
                (1..=u64::from(MOST_ROUNDS)).contains(&all)
            }
            Self::Argon2 { cost: (memory_kib, passes, lanes), .. } => {
                let work = u64::from(memory_kib) * 1_024 * u64::from(passes);
                u64::from(memory_kib) * 1_024 <= MOST_MEMORY
                    && work <= 8 * MOST_MEMORY
                    && lanes <= 64
                    && salt >= argon2::MIN_SALT_LEN
                    && argon2::Params::new(memory_kib, passes, lanes, Some(output)).is_ok()
            }
            Self::Scrypt { log_n, r, p } => {
                let (block, lanes) = (128 * u64::from(r), u64::from(p));
                let mixed = (log_n < 40).then(|| (1_u64 << log_n).saturating_mul(block));
                mixed.is_some_and(|mixed| {
                    // One block per lane, in addition to those that are mixed.
                    mixed.saturating_add(block.saturating_mul(lanes)) <= MOST_MEMORY
                        && mixed.saturating_mul(lanes) <= 4 * MOST_MEMORY
                        && scrypt::Params::new(log_n, r, p).is_ok()
                })
            }
            Self::Bcrypt { cost } => (4..=MOST_BCRYPT_COST).contains(&cost),
        };
        within.then_some(self)
    }

    /// Derives this many bytes. `None` if the function does not accept the cost or the lengths.
    pub(crate) fn derive(&self, password: &[u8], salt: &[u8], bytes: usize) -> Option<Zeroizing<Vec<u8>>> {
        match *self {
            Self::Pbkdf2 { prf, rounds } => Some(pbkdf2(prf, password, salt, rounds, bytes)),
            Self::Argon2 { algorithm, version, cost } => argon2(algorithm, version, password, salt, cost, bytes),
            Self::Scrypt { log_n, r, p } => {
                let mut key = Zeroizing::new(vec![0; bytes]);
                scrypt::scrypt(password, salt, &scrypt::Params::new(log_n, r, p).ok()?, &mut key).ok()?;
                Some(key)
            }
            Self::Bcrypt { cost } => bcrypt(cost, password, salt, bytes),
        }
    }

    /// Returns true if a hash of this function is as good as a new one under the scheme.
    pub(crate) fn satisfies(&self, scheme: Scheme) -> bool {
        match (self, scheme) {
            (Self::Pbkdf2 { prf: Prf::Sha512, rounds }, Scheme::Pbkdf2Sha512(least))
            | (Self::Pbkdf2 { prf: Prf::Sha256, rounds }, Scheme::Pbkdf2Sha256(least)) => *rounds >= least.get(),
            (
                Self::Argon2 {
                    algorithm: argon2::Algorithm::Argon2id,
                    version: argon2::Version::V0x13,
                    cost: (memory, passes, _),
                },
                Scheme::Argon2id,
            ) => *memory >= ARGON2ID_COST.0 && *passes >= ARGON2ID_COST.1,
            _ => false,
        }
    }

    /// Returns true if a hash of this length is of the scheme's own function and costs no more than one under the scheme.
    pub(crate) fn fits(&self, output_bytes: usize, scheme: Scheme) -> bool {
        match (self, scheme.function()) {
            (Self::Pbkdf2 { prf, rounds }, Self::Pbkdf2 { prf: same, rounds: whole }) if *prf == same => {
                let blocks = u64::try_from(output_bytes.div_ceil(prf.bytes())).unwrap_or(u64::MAX);
                u64::from(*rounds).saturating_mul(blocks) <= u64::from(whole)
            }
            (own @ Self::Argon2 { .. }, other) => *own == other && output_bytes == scheme.output_bytes(),
            _ => false,
        }
    }

    /// The rounds of the scheme's own function that remain until a check has cost as much as one under the scheme. `None` if
    /// the functions differ, since their costs cannot be compared.
    pub(crate) fn rounds_left(&self, output_bytes: usize, scheme: Scheme) -> Option<(Prf, u32)> {
        let (prf, rounds, whole) = match (self, scheme) {
            (Self::Pbkdf2 { prf: prf @ Prf::Sha512, rounds }, Scheme::Pbkdf2Sha512(least))
            | (Self::Pbkdf2 { prf: prf @ Prf::Sha256, rounds }, Scheme::Pbkdf2Sha256(least)) => {
                (*prf, *rounds, least.get())
            }
            _ => return None,
        };
        let blocks = u32::try_from(output_bytes.div_ceil(prf.bytes())).ok()?;
        let left = whole.saturating_sub(rounds.saturating_mul(blocks));
        (left > 0).then_some((prf, left))
    }
}

fn pbkdf2(prf: Prf, password: &[u8], salt: &[u8], rounds: u32, bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; bytes]);
    match prf {
        Prf::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut key),
        Prf::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut key),
        Prf::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut key),
    }
    key
}

fn argon2(
    algorithm: argon2::Algorithm,
    version: argon2::Version,
    password: &[u8],
    salt: &[u8],
    (memory_kib, passes, lanes): Argon2Cost,
    bytes: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let params = argon2::Params::new(memory_kib, passes, lanes, Some(bytes)).ok()?;
    let mut key = Zeroizing::new(vec![0; bytes]);
    argon2::Argon2::new(algorithm, version, params).hash_password_into(password, salt, &mut key).ok()?;
    Some(key)
}

/// The password is hashed with a terminating zero, as far as it fits, like in every implementation of `$2a$` to `$2y$`. Such
/// a hash ignores what is beyond 72 bytes; the next login replaces it by one that does not.
fn bcrypt(cost: u32, password: &[u8], salt: &[u8], bytes: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new([password, &[0]].concat());
    key.truncate(BCRYPT_BYTES);
    let output = Zeroizing::new(bcrypt::bcrypt(cost, salt.try_into().ok()?, &key));
    Some(Zeroizing::new(output.get(..bytes)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LegacyForm;

    #[test]
    fn a_cheap_hash_of_the_schemes_own_function_leaves_the_rest_of_its_rounds() {
        let scheme = Scheme::default();
        let of = |prf, rounds| Function::Pbkdf2 { prf, rounds };
        // Eight blocks of 64 bytes, 4,096 rounds each.
        let legacy = LegacyForm::SampleAuth;
        assert_eq!(legacy.function().rounds_left(legacy.bytes(), scheme), Some((Prf::Sha512, 177_232)));
        assert_eq!(of(Prf::Sha512, 10_000).rounds_left(32, scheme), Some((Prf::Sha512, 200_000)));
        assert_eq!(of(Prf::Sha512, 210_000).rounds_left(64, scheme), None);
        assert_eq!(of(Prf::Sha512, 20_000_000).rounds_left(4_096, scheme), None);
        assert_eq!(of(Prf::Sha256, 10_000).rounds_left(32, scheme), None);
        assert_eq!(Function::Bcrypt { cost: 10 }.rounds_left(23, scheme), None);
    }
}
