//! What holds for any text that stands where a password hash should. The cost is worked out a second time here, from the
//! documents of each form and not with the crate's parser.

use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::NO_PAD};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use latchkey_salting::{PasswordHash, Scheme, StoredHash};

const GIB: u128 = 1 << 30;

/// What a hash asks for, as its text says.
#[derive(Debug)]
enum Cost {
    /// Rounds in all blocks of the output.
    Pbkdf2(u128),
    /// Bytes of memory, passes, lanes.
    Argon2(u128, u128, u128),
    /// Bytes of memory, and bytes that are mixed.
    Scrypt(u128, u128),
    /// The exponent.
    Bcrypt(u128),
}

impl Cost {
    fn is_within_bounds(&self) -> bool {
        match *self {
            Self::Pbkdf2(rounds) => (1..=20_000_000).contains(&rounds),
            Self::Argon2(memory, passes, lanes) => {
                (1..=GIB).contains(&memory) && (1..=8 * GIB).contains(&(memory * passes)) && (1..=64).contains(&lanes)
            }
            Self::Scrypt(memory, work) => (1..=GIB).contains(&memory) && work <= 4 * GIB,
            Self::Bcrypt(exponent) => (4..=15).contains(&exponent),
        }
    }

    /// Cheap enough to be paid thousands of times a second.
    fn is_small(&self) -> bool {
        match *self {
            Self::Pbkdf2(rounds) => rounds <= 64,
            Self::Argon2(memory, passes, _) => memory * passes <= 64 * 1_024,
            Self::Scrypt(memory, work) => memory.max(work) <= 16 * 1_024,
            Self::Bcrypt(exponent) => exponent <= 4,
        }
    }
}

/// Judges a text, and says whether it is a hash of a known form.
pub(crate) fn check(text: &str) -> bool {
    let hash = PasswordHash::from_stored(text.to_owned());
    assert_eq!(hash.as_str(), text, "the table gives back what it was given");
    let known = hash.is_known();
    let stored = StoredHash::Encoded(hash);
    // Another system's hashes are always renewed, and what is no hash cannot be better than a new one.
    let renewed = stored.needs_renewal(Scheme::Argon2id) && stored.needs_renewal(Scheme::default());
    if known {
        let cost = cost(text).unwrap_or_else(|| panic!("accepted, and of no documented form: {text:?}"));
        assert!(cost.is_within_bounds(), "accepted, at a cost of {cost:?}: {text:?}");
        assert!(renewed || stored.is_of_normalized(), "kept for ever: {text:?}");
        if cost.is_small() {
            // Every password has an answer: what was accepted once never becomes a fault of a login.
            assert!(stored.matches(b"password", Scheme::Argon2id).is_ok(), "accepted, and cannot be checked: {text:?}");
        }
    } else {
        assert!(renewed, "{text:?}");
        assert!(stored.matches(b"password", Scheme::Argon2id).is_err(), "refused, and can be checked: {text:?}");
    }
    known
}

/// Takes a text apart, and puts it together again: `None` where that does not give the same text.
fn cost(text: &str) -> Option<Cost> {
    match text.split('$').collect::<Vec<_>>()[..] {
        ["", "2a" | "2b" | "2y", cost, rest] | ["bcrypt", "", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest),
        ["pbkdf2_sha256", rounds, _, hash] => pbkdf2(rounds, padded(hash)?.len(), 32),
        ["pbkdf2_sha1", rounds, _, hash] => pbkdf2(rounds, padded(hash)?.len(), 20),
        ["" | "argon2", id, version, parameters, salt, hash] => {
            let version = version.strip_prefix("v=")?;
            (id.starts_with("argon2") && matches!(version, "16" | "19")).then_some(())?;
            phc(id, parameters, salt, hash)
        }
        ["" | "argon2", id, parameters, salt, hash] => phc(id, parameters, salt, hash),
        [alone] => asp_net(&padded(alone)?),
        _ => None,
    }
}

fn bcrypt(cost: &str, rest: &str) -> Option<Cost> {
    // bcrypt itself leaves bits over.
    const LAX: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
    let decode = |text| GeneralPurpose::new(&BCRYPT, LAX).decode(text).ok();
    let bytes = (decode(rest.get(..22)?)?.len(), decode(rest.get(22..)?)?.len());
    (cost.len() == 2 && bytes == (16, 23)).then_some(Cost::Bcrypt(number(cost.strip_prefix('0').unwrap_or(cost))?))
}

fn pbkdf2(rounds: &str, output: usize, block: usize) -> Option<Cost> {
    (output >= 16).then_some(Cost::Pbkdf2(number(rounds)? * output.div_ceil(block) as u128))
}

fn phc(id: &str, parameters: &str, salt: &str, hash: &str) -> Option<Cost> {
    let output = unpadded(hash)?.len();
    unpadded(salt)?;
    let pairs: Option<Vec<_>> = parameters.split(',').map(|pair| pair.split_once('=')).collect();
    let mut pairs = pairs?;
    // Any order, each once.
    pairs.sort_unstable();
    match (id, &pairs[..]) {
        ("pbkdf2-sha512", [("i", rounds)]) => pbkdf2(rounds, output, 64),
        ("pbkdf2-sha256", [("i", rounds)]) => pbkdf2(rounds, output, 32),
        ("pbkdf2-sha512", [("i", rounds), ("l", bytes)]) if number(bytes)? == output as u128 => {
            pbkdf2(rounds, output, 64)
        }
        ("pbkdf2-sha256", [("i", rounds), ("l", bytes)]) if number(bytes)? == output as u128 => {
            pbkdf2(rounds, output, 32)
        }
        ("argon2id" | "argon2i" | "argon2d", [("m", memory), ("p", lanes), ("t", passes)]) => {
            Some(Cost::Argon2(number(memory)? * 1_024, number(passes)?, number(lanes)?))
        }
        // RFC 7914, 2: a block for each of the p lanes, and N of them to mix one with.
        ("scrypt", [("ln", log_n), ("p", p), ("r", r)]) => {
            let (n, block, p) = (1_u128.checked_shl(number(log_n)?.try_into().ok()?)?, 128 * number(r)?, number(p)?);
            Some(Cost::Scrypt(block.checked_mul(n.checked_add(p)?)?, block.checked_mul(n)?.checked_mul(p)?))
        }
        _ => None,
    }
}

/// Version 2: 0, salt, hash. Version 3: 1, function, rounds, length of the salt, salt, hash.
fn asp_net(bytes: &[u8]) -> Option<Cost> {
    if let ([0], 49) = (bytes.get(..1)?, bytes.len()) {
        return pbkdf2("1000", 32, 20);
    }
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let block = *[20, 32, 64].get(number(1)? as usize)?;
    let (rounds, salt) = (number(5)?, number(9)? as usize);
    let output = bytes.len().checked_sub(13)?.checked_sub(salt)?;
    if bytes[0] == 1 && salt >= 16 { pbkdf2(&rounds.to_string(), output, block) } else { None }
}

/// A number in the one way to write it.
fn number(text: &str) -> Option<u128> {
    text.parse::<u32>().ok().filter(|number| number.to_string() == text).map(u128::from)
}

fn padded(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok().filter(|bytes| BASE64_STANDARD.encode(bytes) == text)
}

fn unpadded(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD_NO_PAD.decode(text).ok().filter(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes) == text)
}
