//! Stored hashes of every known form verify, and nothing else does.
//!
//! The vectors come from other implementations, so that a mistake here cannot agree with itself: the
//! PBKDF2 ones from OpenSSL (Python's `hashlib.pbkdf2_hmac`), the Argon2id one from the reference
//! implementation (`argon2-cffi`), the legacy hash from Node.js's `crypto.pbkdf2`, which is what the SampleAuth sample calls.

use base64::{Engine, prelude::BASE64_STANDARD};
use latchkey_salting::{
    FormerHash, LegacyForm, LegacyHash, PasswordHash, SALT_BYTES, Scheme, Schemes, StoredHash, hash,
};
use proptest::prelude::*;

const PASSWORD: &[u8] = "correct horse é".as_bytes();
const SALT: [u8; SALT_BYTES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const SHA512: &str = "$pbkdf2-sha512$i=210000,l=64$AAECAwQFBgcICQoLDA0ODw$7Nc2ptPYMAahU2FIunWPXbeDQytiNalmQmzwmKJ6yQRrzBqpWO9ZGwFg/eKxbfjlfC9UTLoGI5t5DMn8wHkqfg";
const SHA256: &str = "$pbkdf2-sha256$i=600000,l=32$AAECAwQFBgcICQoLDA0ODw$WRR0PDHSPckN66sEdF0XPxK32usbhGyBcOFMBk26yP8";
const ARGON2ID: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$k6lIBczu9u2RPdUnNGWKsw9YKqDARM+VQdxxzhLuAb4";

fn schemes() -> [(Scheme, &'static str); 3] {
    [
        (Scheme::pbkdf2_sha512(210_000).expect("at the floor"), SHA512),
        (Scheme::pbkdf2_sha256(600_000).expect("at the floor"), SHA256),
        (Scheme::Argon2id, ARGON2ID),
    ]
}

fn stored(phc: &str) -> StoredHash {
    StoredHash::Encoded(PasswordHash::from_stored(phc.to_owned()))
}

fn legacy() -> LegacyHash {
    let (salt, hash) = include_str!("sample_vector.txt").trim().split_once('\n').expect("two lines");
    LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() }
}

#[test]
fn new_hashes_are_the_ones_that_other_implementations_make() {
    for (scheme, vector) in schemes() {
        assert!(hash(PASSWORD, &SALT, scheme).as_str() == vector, "{scheme:?}");
    }
}

#[test]
fn a_decoy_is_as_costly_as_a_new_hash_and_matches_nothing() {
    for (scheme, vector) in schemes() {
        let decoy = StoredHash::decoy(scheme);
        assert_eq!(decoy.matches(PASSWORD, scheme), Ok(false), "{scheme:?}");
        assert!(!decoy.needs_renewal(scheme), "{scheme:?}");
        let StoredHash::Encoded(phc) = decoy else { panic!("{scheme:?}") };
        assert_eq!(phc.as_str().len(), vector.len(), "{scheme:?}");
    }
}

#[test]
fn a_hash_verifies_with_its_password_and_with_no_other() {
    for (scheme, vector) in schemes() {
        assert_eq!(stored(vector).matches(PASSWORD, scheme), Ok(true), "{scheme:?}");
        assert_eq!(stored(vector).matches("correct horse e".as_bytes(), scheme), Ok(false), "{scheme:?}");
        assert_eq!(stored(vector).matches(b"", scheme), Ok(false), "{scheme:?}");
    }
}

#[test]
fn a_legacy_hash_verifies() {
    let matches = |hash: LegacyHash, password: &[u8]| StoredHash::Legacy(hash).matches(password, Scheme::default());
    assert_eq!(matches(legacy(), b"wonderland"), Ok(true));
    assert_eq!(matches(legacy(), b"wonderlanD"), Ok(false));
    let other_salt = LegacyHash { salt: "other".to_owned(), hash: legacy().hash.clone() };
    assert_eq!(matches(other_salt, b"wonderland"), Ok(false));
}

/// Made by the very code of the LambdAuth sample; see `lambdauth_records.md`.
#[test]
fn a_hash_of_the_older_sample_verifies_at_its_stored_length() {
    let records: Vec<_> = include_str!("lambdauth_records.txt").lines().collect();
    assert_eq!(records.len(), 4);
    for record in records {
        let [_, password, bytes, salt, hash, _] = record.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{record}")
        };
        let hash = LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() };
        let bytes: usize = bytes.parse().expect("a number");
        assert_eq!(hash.form().map(LegacyForm::bytes), Some(bytes));
        // A hash of the newer sample's length is read as the older one's only where its owner has such.
        let former = vec![FormerHash::Legacy(LegacyForm::LambdAuth { bytes })];
        for schemes in [Schemes::default(), Schemes::new(Scheme::default(), former)] {
            let expected = bytes != 512 || !schemes.former().is_empty();
            let stored = StoredHash::Legacy(hash.clone());
            assert_eq!(schemes.check(Some(&stored), password.as_bytes()), Ok(expected), "{bytes} bytes");
            assert_eq!(schemes.check(Some(&stored), format!("{password}x").as_bytes()), Ok(false), "{bytes} bytes");
            assert!(stored.needs_renewal(Scheme::default()));
            assert!(!stored.is_of_normalized());
        }
    }
}

/// Made by `lib/cryptoUtils.js` of the newer sample with Node.js 4.9.1: its `init.sh` deploys to the runtime nodejs4.3.
#[test]
fn a_legacy_password_beyond_ascii_verifies_as_either_runtime_of_the_samples_hashed_it() {
    let (salt, hash) = include_str!("sample_vector_node4.txt").trim().split_once('\n').expect("two lines");
    let by_node_4 = StoredHash::Legacy(LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() });
    let check = |password: &str| by_node_4.matches(password.as_bytes(), Scheme::default());
    assert_eq!(check("Zo\u{eb} likes \u{142}emon tea"), Ok(true));
    assert_eq!(check("Zoe likes lemon tea"), Ok(false));
    // By `hashlib` of Python: PBKDF2-HMAC-SHA-512 of the UTF-8 of the password, as Node.js has taken it since version 6.
    let by_node_6 = StoredHash::Legacy(LegacyHash {
        hash: include_str!("sample_vector_utf8.txt").trim().to_owned(),
        salt: "c2FsdA==".to_owned(),
    });
    let check = |password: &str| by_node_6.matches(password.as_bytes(), Scheme::default());
    assert_eq!(check("Zo\u{eb} likes \u{142}emon tea"), Ok(true));
    assert_eq!(check("Zoe likes lemon tea"), Ok(false));
}

#[test]
fn a_legacy_hash_that_is_damaged_is_an_error_and_no_match() {
    let short = BASE64_STANDARD.encode([0; 15]);
    for (hash, salt) in [("", "salt"), ("!", "salt"), (short.as_str(), "salt"), (legacy().hash.as_str(), "")] {
        let hash = LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() };
        assert_eq!(hash.form(), None);
        assert!(StoredHash::Legacy(hash).matches(b"", Scheme::default()).is_err());
    }
}

#[test]
fn a_weaker_or_older_hash_asks_for_renewal() {
    let default = Scheme::default();
    let of = |rounds: u32| stored(&SHA512.replace("210000", &rounds.to_string()));
    assert!(!of(210_000).needs_renewal(default));
    assert!(!of(400_000).needs_renewal(default));
    assert!(of(209_999).needs_renewal(default));
    assert!(of(210_000).needs_renewal(Scheme::pbkdf2_sha512(210_001).expect("above the floor")));
    assert!(of(210_000).needs_renewal(Scheme::Argon2id));
    assert!(stored(SHA256).needs_renewal(default));
    assert!(!stored(ARGON2ID).needs_renewal(Scheme::Argon2id));
    assert!(stored(&ARGON2ID.replace("t=2", "t=1")).needs_renewal(Scheme::Argon2id));
    assert!(StoredHash::Legacy(legacy()).needs_renewal(default));
}

#[test]
fn a_damaged_hash_is_an_error_and_no_match() {
    let hang = SHA512.replace("210000", "4294967295");
    let zero = SHA512.replace("210000", "0");
    for damaged in ["", "$", "plain", "$pbkdf2-sha512$i=210000", "$md5$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", &hang, &zero] {
        assert!(stored(damaged).matches(PASSWORD, Scheme::default()).is_err(), "{damaged}");
        assert!(stored(damaged).needs_renewal(Scheme::default()), "{damaged}");
    }
}

#[test]
fn nothing_of_a_hash_is_printed_by_debug() {
    let printed = format!("{:?} {:?}", stored(SHA512), StoredHash::Legacy(legacy()));
    assert_eq!(printed, "Encoded(PasswordHash([redacted])) Legacy(LegacyHash([redacted]))");
}

proptest! {
    #[test]
    fn any_text_in_the_table_is_judged_without_a_panic(text in "\\PC*") {
        let _ = stored(&text).needs_renewal(Scheme::default());
    }

    #[test]
    fn any_phc_like_text_is_judged_without_a_panic(
        text in r"\$(pbkdf2-sha512|pbkdf2-sha256|argon2id)(\$v=[0-9]{1,3})?(\$[imtpl]=[0-9]{1,3}(,[imtpl]=[0-9]{1,2}){0,3})?(\$[A-Za-z0-9+/]{0,70}){0,3}",
    ) {
        let _ = stored(&text).matches(b"password", Scheme::default());
    }
}
