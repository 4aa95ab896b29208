//! The text forms of password hashes. Each is parsed into a function, a salt and an output.
//!
//! | form | written by |
//! |---|---|
//! | `$pbkdf2-sha512$i=…,l=…$salt$hash`, `$argon2id$v=19$m=…,t=…,p=…$salt$hash` | Latchkey, and others that write PHC strings |
//! | `$argon2i$…`, `$argon2d$…`, `$scrypt$ln=…,r=…,p=…$salt$hash` | others that write PHC strings |
//! | `$2a$`, `$2b$`, `$2y$` | bcrypt |
//! | `pbkdf2_sha256$rounds$salt$hash`, `pbkdf2_sha1$…`, `bcrypt$…`, `argon2$…` | Django |
//! | base64 that begins with a byte 0 or 1 | ASP.NET (Core) Identity, versions 2 and 3 |

use crate::function::{Argon2Cost, Function, Prf};
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

pub(crate) const PBKDF2_SHA512: &str = "pbkdf2-sha512";
pub(crate) const PBKDF2_SHA256: &str = "pbkdf2-sha256";
pub(crate) const ARGON2ID: &str = "argon2id";

/// A parsed hash.
pub(crate) struct Parsed {
    pub(crate) function: Function,
    pub(crate) salt: Vec<u8>,
    pub(crate) output: Zeroizing<Vec<u8>>,
    /// Whether the password is normalized before it is hashed. Other systems do not normalize.
    pub(crate) normalized: bool,
}

impl Parsed {
    /// Parses a hash. `None` if its form is unknown or its values are impossible.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parsed = match text.split('$').collect::<Vec<_>>()[..] {
            ["", "2a" | "2b" | "2y", cost, rest] | ["bcrypt", "", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest),
            ["", ..] => phc(text),
            ["argon2", ..] => phc(&text["argon2".len()..]),
            ["pbkdf2_sha256", rounds, salt, hash] => django(Prf::Sha256, rounds, salt, hash),
            ["pbkdf2_sha1", rounds, salt, hash] => django(Prf::Sha1, rounds, salt, hash),
            [_] => asp_net(text),
            _ => None,
        }?;
        let function = parsed.function.within_bounds(parsed.salt.len(), parsed.output.len())?;
        // An empty output would match every password.
        (parsed.output.len() >= 16).then_some(Self { function, ..parsed })
    }
}

fn phc(text: &str) -> Option<Parsed> {
    let phc = phc::PasswordHash::new(text).ok()?;
    let number = |name| phc.params.get_decimal(name);
    let argon2 = |algorithm| {
        let version = argon2::Version::try_from(phc.version.unwrap_or(16)).ok()?;
        let cost: Argon2Cost = (number("m")?, number("t")?, number("p")?);
        Some(Function::Argon2 { algorithm, version, cost })
    };
    let function = match phc.algorithm.as_str() {
        PBKDF2_SHA512 => Function::Pbkdf2 { prf: Prf::Sha512, rounds: number("i")? },
        PBKDF2_SHA256 => Function::Pbkdf2 { prf: Prf::Sha256, rounds: number("i")? },
        ARGON2ID => argon2(argon2::Algorithm::Argon2id)?,
        "argon2i" => argon2(argon2::Algorithm::Argon2i)?,
        "argon2d" => argon2(argon2::Algorithm::Argon2d)?,
        "scrypt" => Function::Scrypt { log_n: u8::try_from(number("ln")?).ok()?, r: number("r")?, p: number("p")? },
        _ => return None,
    };
    // An unknown or repeated parameter could mean another hash than the one we would derive.
    let (names, versioned): (&[_], _) = match function {
        Function::Pbkdf2 { .. } => (&["i", "l"], false),
        Function::Argon2 { .. } => (&["m", "t", "p"], true),
        Function::Scrypt { .. } | Function::Bcrypt { .. } => (&["ln", "r", "p"], false),
    };
    let understood = names.iter().filter(|name| phc.params.get(**name).is_some()).count();
    if phc.params.iter().count() != understood || (phc.version.is_some() && !versioned) {
        return None;
    }
    let normalized = matches!(phc.algorithm.as_str(), PBKDF2_SHA512 | PBKDF2_SHA256 | ARGON2ID);
    let salt = phc.salt.as_ref()?.as_ref().to_vec();
    let output = Zeroizing::new(phc.hash.as_ref()?.as_bytes().to_vec());
    let length = phc.params.get("l").map(|bytes| bytes.decimal().ok().and_then(|bytes| usize::try_from(bytes).ok()));
    length.is_none_or(|bytes| bytes == Some(output.len())).then_some(Parsed { function, salt, output, normalized })
}

/// Parses a number in its only valid form: `parse` alone accepts a sign and leading zeros.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// `$2b$10$`, followed by 22 characters of salt and 31 of hash in bcrypt's own base64 alphabet.
fn bcrypt(cost: &str, rest: &str) -> Option<Parsed> {
    const LAX: base64::engine::GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LAX);
    if cost.len() != 2 || rest.len() != 53 || !rest.is_ascii() {
        return None;
    }
    let (salt, hash) = rest.split_at(22);
    Some(Parsed {
        function: Function::Bcrypt { cost: number(cost.strip_prefix('0').unwrap_or(cost))? },
        salt: BASE64.decode(salt).ok()?,
        output: Zeroizing::new(BASE64.decode(hash).ok()?),
        normalized: false,
    })
}

/// Django's `salt` is text, and the derivation uses that text.
fn django(prf: Prf, rounds: &str, salt: &str, hash: &str) -> Option<Parsed> {
    Some(Parsed {
        function: Function::Pbkdf2 { prf, rounds: number(rounds)? },
        salt: salt.as_bytes().to_vec(),
        output: Zeroizing::new(BASE64_STANDARD.decode(hash).ok()?),
        normalized: false,
    })
}

/// Version 2 is a 0, 16 bytes of salt and 32 bytes of hash. Version 3 is a 1, the pseudo-random function, the rounds and the
/// length of the salt as 32-bit numbers in network order, then the salt and the hash.
fn asp_net(text: &str) -> Option<Parsed> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
    let (prf, rounds, salt, output) = match *bytes.as_slice() {
        [0, ref rest @ ..] if rest.len() == 48 => (Prf::Sha1, 1_000, &rest[..16], &rest[16..]),
        [1, ref rest @ ..] => {
            let number = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
            let prf = match number(0)? {
                0 => Prf::Sha1,
                1 => Prf::Sha256,
                2 => Prf::Sha512,
                _ => return None,
            };
            let (salt, output) = rest.get(12..)?.split_at_checked(usize::try_from(number(8)?).ok()?)?;
            (prf, number(4)?, salt, output)
        }
        _ => return None,
    };
    // ASP.NET writes 16 bytes of salt, and accepts no fewer.
    if salt.len() < 16 {
        return None;
    }
    Some(Parsed {
        function: Function::Pbkdf2 { prf, rounds },
        salt: salt.to_vec(),
        output: Zeroizing::new(output.to_vec()),
        normalized: false,
    })
}
