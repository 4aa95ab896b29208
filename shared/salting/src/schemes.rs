//! What a password check costs.
//!
//! When the owner chooses another scheme, hashes of the former one remain until their owners log in. If each check cost what
//! the stored hash costs, its time would tell who has an account and has not logged in since. So every check pays for one hash
//! of the current scheme and one of each former kind, of which at most one is the account's and the others are decoys.

use crate::SALT_BYTES;
use crate::function::Function;
use crate::legacy::LegacyForm;
use crate::scheme::Scheme;
use crate::stored::{Malformed, StoredHash};
use std::fmt;
use std::hint::black_box;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The scheme of new hashes, and the kinds of hashes that may remain from before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schemes {
    current: Scheme,
    former: Vec<FormerHash>,
}

/// A kind of hash that is no longer made.
///
/// As text: `pbkdf2-sha512:210000`, `pbkdf2-sha256:600000`, `argon2id`, `sampleauth`, `lambdauth:128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormerHash {
    /// What the owner had chosen before.
    Scheme(Scheme),
    /// The form of a legacy record.
    Legacy(LegacyForm),
}

/// A text names no kind of hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of password hash")]
pub struct UnknownHash;

/// A way to read a stored hash.
struct Reading {
    function: Function,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    /// Whether the hash may be of [the low bytes](low_bytes) of the password.
    legacy: bool,
}

/// One derivation of a check.
struct Step {
    function: Function,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    /// Whether it is of the low bytes of the password.
    of_low_bytes: bool,
    /// Whether a match means that the password is right.
    counts: bool,
}

impl Schemes {
    /// A scheme with the kinds of hashes that may remain from before it.
    #[must_use]
    pub fn new(current: Scheme, former: Vec<FormerHash>) -> Self {
        Self { current, former }
    }

    /// The scheme of new hashes.
    #[must_use]
    pub fn current(&self) -> Scheme {
        self.current
    }

    /// The kinds of hashes that may remain from before.
    #[must_use]
    pub fn former(&self) -> &[FormerHash] {
        &self.former
    }

    /// Returns true if the password matches the stored hash; without one, never. Compares in constant time.
    ///
    /// Whatever is stored, a check derives one key of the current scheme and one of each former kind: the account's own in its
    /// place, and decoys in the others. A hash with fewer rounds than its place has the rest run as well. Only a hash of
    /// another system, which fits no place, costs what it costs, in the place of the current scheme.
    ///
    /// A password beyond ASCII is derived twice in the place of a legacy hash: as it is, and by the low bytes of its UTF-16 units,
    /// which is what Node.js took before version 6.
    pub fn check(&self, stored: Option<&StoredHash>, password: &[u8]) -> Result<bool, Malformed> {
        let low_bytes = low_bytes(password);
        let mut matches = false;
        for step in self.steps(stored, low_bytes.is_some())? {
            let password = low_bytes.as_deref().filter(|_| step.of_low_bytes).map_or(password, Vec::as_slice);
            let derived = step.function.derive(password, &step.salt, step.output.len()).ok_or(Malformed)?;
            matches |= black_box(bool::from(derived.ct_eq(&step.output))) & step.counts;
        }
        Ok(matches)
    }

    /// The derivations of a check. `both_ways` says that the password has two forms for legacy hashes.
    fn steps(&self, stored: Option<&StoredHash>, both_ways: bool) -> Result<Vec<Step>, Malformed> {
        let places: Vec<_> =
            [FormerHash::Scheme(self.current)].into_iter().chain(self.former.iter().copied()).collect();
        let mut taken: Vec<Vec<Step>> = places.iter().map(|_| Vec::new()).collect();
        for (number, own) in stored.map(readings).transpose()?.into_iter().flatten().enumerate() {
            let place = match places.iter().position(|place| place.takes(&own)) {
                Some(place) => place,
                None if number == 0 => 0,
                // Another way to read the same hash, which only counts where the owner has such hashes.
                None => continue,
            };
            let times = if own.legacy && both_ways { 2 } else { 1 };
            let rest = places[place].rest_of(&own, times);
            taken[place] = own.steps(times).chain(rest).collect();
        }
        for (place, steps) in places.iter().zip(&mut taken) {
            if steps.is_empty() {
                steps.extend(place.decoys(both_ways));
            }
        }
        Ok(taken.into_iter().flatten().collect())
    }
}

impl Default for Schemes {
    fn default() -> Self {
        Scheme::default().into()
    }
}

impl From<Scheme> for Schemes {
    fn from(current: Scheme) -> Self {
        Self::new(current, Vec::new())
    }
}

/// The low byte of each UTF-16 unit of a password. `None` if the password is ASCII, of which these are the same bytes.
///
/// That is how Node.js turned text into bytes for its `crypto` module before version 6 (encoding `binary`), and the samples were
/// deployed to version 4.3. A later runtime took UTF-8, so a legacy hash may be of either.
fn low_bytes(password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(password).ok().filter(|text| !text.is_ascii())?;
    Some(Zeroizing::new(text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect()))
}

/// The ways to read a stored hash. The first is the likeliest; a legacy hash of 512 bytes has a second.
fn readings(stored: &StoredHash) -> Result<Vec<Reading>, Malformed> {
    match stored {
        StoredHash::Encoded(hash) => {
            let (function, salt, output) = hash.derivation().ok_or(Malformed)?;
            Ok(vec![Reading { function, salt, output, legacy: false }])
        }
        StoredHash::Legacy(hash) => {
            let form = hash.form().ok_or(Malformed)?;
            let output = hash.output().ok_or(Malformed)?;
            let read_as = |form: LegacyForm| Reading {
                function: form.function(),
                salt: hash.salt.as_bytes().to_vec(),
                output: output.clone(),
                legacy: true,
            };
            let other = LegacyForm::LambdAuth { bytes: form.bytes() };
            Ok([form, other].into_iter().take(if form == other { 1 } else { 2 }).map(read_as).collect())
        }
    }
}

impl Reading {
    /// The derivation of the password, and a second one of its low bytes.
    fn steps(self, times: usize) -> impl Iterator<Item = Step> {
        [false, true].into_iter().take(times).map(move |of_low_bytes| Step {
            function: self.function.clone(),
            salt: self.salt.clone(),
            output: self.output.clone(),
            of_low_bytes,
            counts: true,
        })
    }
}

impl FormerHash {
    /// Returns true if a hash is of this kind, and costs no more.
    #[must_use]
    pub fn holds(&self, stored: &StoredHash) -> bool {
        readings(stored).is_ok_and(|readings| readings.iter().any(|reading| self.takes(reading)))
    }

    fn takes(&self, own: &Reading) -> bool {
        match self {
            Self::Scheme(scheme) => own.function.fits(own.output.len(), *scheme),
            Self::Legacy(form) => own.legacy && own.function == form.function() && own.output.len() == form.bytes(),
        }
    }

    fn function(&self) -> Function {
        match self {
            Self::Scheme(scheme) => scheme.function(),
            Self::Legacy(form) => form.function(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Scheme(scheme) => scheme.output_bytes(),
            Self::Legacy(form) => form.bytes(),
        }
    }

    fn salt_bytes(&self) -> usize {
        match self {
            Self::Scheme(_) => SALT_BYTES,
            // The base64 text of as many bytes as the hash has.
            Self::Legacy(form) => form.bytes().div_ceil(3) * 4,
        }
    }

    /// Derivations that cost as much as those of a hash of this kind, and count for nothing.
    fn decoys(&self, both_ways: bool) -> impl Iterator<Item = Step> {
        let times = if both_ways && matches!(self, Self::Legacy(_)) { 2 } else { 1 };
        let kind = *self;
        (0..times).map(move |_| Step { salt: vec![b'A'; kind.salt_bytes()], ..idle(kind.function(), kind.bytes()) })
    }

    /// The rounds that are left until a hash that is derived so many times has cost as much as this place.
    fn rest_of(&self, own: &Reading, times: usize) -> Option<Step> {
        let Self::Scheme(scheme) = self else { return None };
        // Twice the output takes twice the blocks: a legacy hash fills its last one.
        let (prf, rounds) = own.function.rounds_left(times * own.output.len(), *scheme)?;
        Some(idle(Function::Pbkdf2 { prf, rounds }, self.bytes()))
    }
}

fn idle(function: Function, bytes: usize) -> Step {
    let output = Zeroizing::new(vec![0; bytes]);
    Step { function, salt: vec![0; SALT_BYTES], output, of_low_bytes: false, counts: false }
}

impl fmt::Display for FormerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => match scheme.rounds() {
                Some(rounds) => write!(f, "{}:{}", scheme.name(), rounds.get()),
                None => f.write_str(scheme.name()),
            },
            Self::Legacy(LegacyForm::SampleAuth) => f.write_str("sampleauth"),
            Self::Legacy(LegacyForm::LambdAuth { bytes }) => write!(f, "lambdauth:{bytes}"),
        }
    }
}

impl FromStr for FormerHash {
    type Err = UnknownHash;

    fn from_str(text: &str) -> Result<Self, UnknownHash> {
        let known = match text.split_once(':') {
            Some(("lambdauth", bytes)) => {
                bytes.parse().ok().map(|bytes| LegacyForm::LambdAuth { bytes }).map(Self::Legacy).filter(|former| {
                    // An empty output would match every password.
                    former.bytes() >= 16 && former.function().within_bounds(SALT_BYTES, former.bytes()).is_some()
                })
            }
            Some((name, rounds)) => {
                rounds.parse().ok().and_then(|rounds| Scheme::named(name, Some(rounds)).ok()).map(Self::Scheme)
            }
            None if text == "sampleauth" => Some(Self::Legacy(LegacyForm::SampleAuth)),
            None => Scheme::named(text, None).ok().filter(|scheme| scheme.rounds().is_none()).map(Self::Scheme),
        };
        known.filter(|known| known.to_string() == text).ok_or(UnknownHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LegacyHash, PasswordHash, hash};
    use base64::{Engine, prelude::BASE64_STANDARD};
    use std::collections::BTreeMap;

    const PASSWORD: &[u8] = b"wonderland";

    /// What a check derives, by function: rounds in all blocks, or the number of Argon2 hashes.
    fn paid(schemes: &Schemes, stored: Option<&StoredHash>, password: &str) -> BTreeMap<String, u64> {
        let mut paid = BTreeMap::new();
        for step in schemes.steps(stored, !password.is_ascii()).expect("a known form") {
            let (what, cost) = match &step.function {
                Function::Pbkdf2 { prf, rounds } => {
                    (format!("{prf:?}"), u64::from(*rounds) * step.output.len().div_ceil(prf.bytes()) as u64)
                }
                other => (format!("{other:?}"), 1),
            };
            *paid.entry(what).or_default() += cost;
        }
        paid
    }

    fn made(scheme: Scheme) -> StoredHash {
        StoredHash::Encoded(hash(PASSWORD, &[7; SALT_BYTES], scheme))
    }

    fn legacy(form: LegacyForm) -> StoredHash {
        let salt = BASE64_STANDARD.encode([9; 16]);
        let output = form.function().derive(PASSWORD, salt.as_bytes(), form.bytes()).expect("within bounds");
        StoredHash::Legacy(LegacyHash { hash: BASE64_STANDARD.encode(&*output), salt })
    }

    fn former(texts: &[&str]) -> Vec<FormerHash> {
        texts.iter().map(|text| text.parse().expect("a kind of hash")).collect()
    }

    #[test]
    fn every_check_pays_for_the_current_and_each_former_hash_once_whatever_is_stored() {
        let sha512 = Scheme::default();
        let sha256 = Scheme::pbkdf2_sha256(600_000).expect("the floor");
        for (schemes, remaining) in [
            (Schemes::new(Scheme::Argon2id, former(&["pbkdf2-sha512:210000"])), vec![sha512]),
            (Schemes::new(sha512, former(&["argon2id"])), vec![Scheme::Argon2id]),
            (Schemes::new(sha256, former(&["pbkdf2-sha512:210000", "argon2id"])), vec![sha512, Scheme::Argon2id]),
            (Schemes::new(sha512, former(&["lambdauth:128"])), vec![]),
            (Schemes::new(Scheme::Argon2id, former(&["sampleauth", "lambdauth:128"])), vec![]),
        ] {
            let mut known: Vec<_> = [schemes.current()].into_iter().chain(remaining).map(made).collect();
            for kind in schemes.former() {
                if let FormerHash::Legacy(form) = kind {
                    known.push(legacy(*form));
                }
            }
            // A record of the newer sample needs no place of its own beside its own function.
            if matches!(schemes.current(), Scheme::Pbkdf2Sha512(_)) {
                known.push(legacy(LegacyForm::SampleAuth));
            }
            // A password beyond ASCII has two forms for legacy hashes: its checks cost more, and all the same.
            for password in ["wonderland", "wond\u{eb}rland"] {
                let unknown = paid(&schemes, None, password);
                assert_eq!(unknown.len(), 1 + schemes.former().len(), "a function each: {unknown:?}");
                for stored in &known {
                    assert_eq!(paid(&schemes, Some(stored), password), unknown, "{schemes:?}");
                }
            }
            for stored in &known {
                assert_eq!(schemes.check(Some(stored), PASSWORD), Ok(true), "{schemes:?}");
                assert_eq!(schemes.check(Some(stored), b"wonderlanD"), Ok(false), "{schemes:?}");
            }
            assert_eq!(schemes.check(None, PASSWORD), Ok(false));
            // Were the former kinds forgotten, an old hash would cost something else than an unknown address.
            let alone = Schemes::from(schemes.current());
            let unknown = paid(&alone, None, "wonderland");
            assert!(known.iter().any(|stored| paid(&alone, Some(stored), "wonderland") != unknown));
        }
    }

    #[test]
    fn an_old_hash_with_fewer_rounds_than_its_place_has_the_rest_run() {
        let schemes = Schemes::new(Scheme::Argon2id, former(&["pbkdf2-sha512:300000"]));
        assert_eq!(paid(&schemes, Some(&made(Scheme::default())), "a"), paid(&schemes, None, "a"));
        let raised = Schemes::from(Scheme::pbkdf2_sha512(300_000).expect("above the floor"));
        assert_eq!(paid(&raised, Some(&made(Scheme::default())), "a"), paid(&raised, None, "a"));
    }

    #[test]
    fn a_legacy_hash_of_512_bytes_is_read_as_the_older_samples_only_where_the_owner_has_such() {
        let stored = legacy(LegacyForm::LambdAuth { bytes: 512 });
        let newer = legacy(LegacyForm::SampleAuth);
        let plain = Schemes::default();
        assert_eq!(plain.check(Some(&stored), PASSWORD), Ok(false));
        let both = Schemes::new(Scheme::default(), former(&["lambdauth:512"]));
        assert_eq!(both.check(Some(&stored), PASSWORD), Ok(true));
        assert_eq!(both.check(Some(&newer), PASSWORD), Ok(true));
        assert_eq!(both.check(Some(&stored), b"another"), Ok(false));
        for known in [&stored, &newer] {
            for schemes in [&both, &plain] {
                for password in ["a", "\u{e4}"] {
                    assert_eq!(paid(schemes, Some(known), password), paid(schemes, None, password));
                }
            }
        }
    }

    #[test]
    fn a_hash_of_another_system_takes_the_place_of_the_current_scheme() {
        let bcrypt =
            PasswordHash::from_stored("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK".to_owned());
        let stored = StoredHash::Encoded(bcrypt);
        let schemes = Schemes::new(Scheme::Argon2id, former(&["pbkdf2-sha512:210000"]));
        let paid = paid(&schemes, Some(&stored), "a");
        assert_eq!((paid.len(), paid.get("Sha512")), (2, Some(&210_000)), "{paid:?}");
        assert_eq!(schemes.check(Some(&stored), b"U*U*"), Ok(true));
    }

    #[test]
    fn a_kind_of_hash_is_read_as_it_is_written_and_in_no_other_way() {
        for text in ["pbkdf2-sha512:210000", "pbkdf2-sha256:700000", "argon2id", "sampleauth", "lambdauth:128"] {
            assert_eq!(text.parse::<FormerHash>().map(|kind| kind.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "",
            "md5",
            "pbkdf2-sha512",
            "pbkdf2-sha512:209999",
            "pbkdf2-sha512:0210000",
            "pbkdf2-sha256:210000",
            "argon2id:3",
            "argon2id:",
            "lambdauth",
            "lambdauth:15",
            "lambdauth:99999999",
            "sampleauth:512",
            " argon2id",
        ] {
            assert_eq!(text.parse::<FormerHash>(), Err(UnknownHash), "{text}");
        }
    }

    #[test]
    fn a_former_kind_holds_its_own_hashes_and_no_others() {
        let [sha512, sha256, argon2id, sampleauth, lambdauth]: [FormerHash; 5] =
            former(&["pbkdf2-sha512:300000", "pbkdf2-sha256:600000", "argon2id", "sampleauth", "lambdauth:128"])
                .try_into()
                .expect("five");
        let of_default = made(Scheme::default());
        assert!(sha512.holds(&of_default));
        assert!([sha256, argon2id, sampleauth, lambdauth].iter().all(|other| !other.holds(&of_default)));
        assert!(argon2id.holds(&made(Scheme::Argon2id)) && !sha512.holds(&made(Scheme::Argon2id)));
        assert!(lambdauth.holds(&legacy(LegacyForm::LambdAuth { bytes: 128 })));
        assert!(!lambdauth.holds(&legacy(LegacyForm::LambdAuth { bytes: 64 })));
        assert!(sampleauth.holds(&legacy(LegacyForm::SampleAuth)));
    }

    #[test]
    fn a_stored_hash_tells_its_kind_unless_another_system_made_it() {
        for kind in former(&["pbkdf2-sha512:210000", "pbkdf2-sha256:600000", "argon2id", "sampleauth", "lambdauth:128"])
        {
            let stored = match kind {
                FormerHash::Scheme(scheme) => made(scheme),
                FormerHash::Legacy(form) => legacy(form),
            };
            assert_eq!(stored.kind(), Some(kind));
        }
        for foreign in [
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
        ] {
            assert_eq!(StoredHash::Encoded(PasswordHash::from_stored(foreign.to_owned())).kind(), None, "{foreign}");
        }
    }
}
