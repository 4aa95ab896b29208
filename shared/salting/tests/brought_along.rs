//! Hashes that owners bring from other systems verify, with the test vectors of those systems.
//!
//! bcrypt: `crypt_blowfish` (Openwall) and jBCrypt. scrypt: RFC 7914, 12. Argon2: the reference implementation's `test.c`.
//! Django: `tests/auth_tests/test_hashers.py`, and passlib's tests for SHA-1. ASP.NET: `PasswordHasherTest.cs` of
//! ASP.NET Core Identity.

use latchkey_salting::{PasswordHash, SALT_BYTES, Scheme, StoredHash, hash};
use proptest::prelude::*;

fn stored(text: &str) -> StoredHash {
    StoredHash::Encoded(PasswordHash::from_stored(text.to_owned()))
}

const VECTORS: &[(&str, &str)] = &[
    ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ("U*U*U", "bcrypt$$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
    ),
    ("password", "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"),
    ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "argon2$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("lètmein", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="),
    ("not a password", "pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I="),
    // Version 2, and version 3 with SHA-512 (twice), SHA-1 and SHA-256.
    ("my password", "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A=="),
    ("my password", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw"),
    (
        "my password",
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
    ),
    ("my password", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M"),
    (
        "my password",
        "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
    ),
];

#[test]
fn the_vectors_of_other_systems_verify_and_no_other_password_does() {
    for (password, text) in VECTORS {
        assert!(PasswordHash::from_stored((*text).to_owned()).is_known(), "{text}");
        assert_eq!(stored(text).matches(password.as_bytes(), Scheme::Argon2id), Ok(true), "{text}");
        // At the front, because bcrypt never saw what is beyond 72 bytes.
        let other = format!("x{password}");
        assert_eq!(stored(text).matches(other.as_bytes(), Scheme::Argon2id), Ok(false), "{text}");
    }
}

#[test]
fn whatever_was_brought_along_is_renewed_at_the_next_login() {
    for (_, text) in VECTORS {
        // The reference implementation's Argon2id costs more than the floor: it may stay.
        let stays = text.starts_with("$argon2id$") || text.starts_with("argon2$argon2id$");
        assert_eq!(stored(text).needs_renewal(Scheme::Argon2id), !stays, "{text}");
        assert!(stored(text).needs_renewal(Scheme::default()), "{text}");
    }
    // As costly as a new one, but of the password as it was typed: by `hashlib` of Python.
    let costly = "AQAAAAIAAzRQAAAAEAABAgMEBQYHCAkKCwwNDg+xYZONefVUFqu4cxCmouHnlC1NfQwIueQoUBWr781w9A==";
    assert!(stored(costly).needs_renewal(Scheme::default()));
}

#[test]
fn what_asp_net_refuses_is_refused_here() {
    for text in [
        "AAABAgMEBQYHCAkKCwwNDg+uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALtH1uJg==",
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE=",
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJgAAAAAAAAAAAAA=",
        "AQAAAAAAAAD6AAAAEAhftMyfTJyAAAAAAAAAAAAAAAAAAAih5WsjXaR3PA9M",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHwAAAAAAAAAAAA",
        // Of this very password, with eight bytes of salt: by `hashlib` of Python.
        "AQAAAAEAAAPoAAAACAABAgMEBQYHYMjhSS+iEtzVVMM0cT15ITwBf1O7dDsyDJqcVuEVfZU=",
        // Cut off within the numbers.
        "AQ==",
        "AQAAAAA=",
        "AQAAAAIAAAAyAAAA",
    ] {
        assert_ne!(stored(text).matches(b"my password", Scheme::Argon2id), Ok(true), "{text}");
    }
}

#[test]
fn a_cost_that_no_function_could_finish_is_refused_before_it_is_paid() {
    for text in [
        "$2b$16$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
        "$scrypt$ln=30,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=4000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "pbkdf2_sha256$4000000000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
        // The rounds are within bounds, and there are three blocks of them.
        "pbkdf2_sha1$10000000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7fzEGUZ3eNWC8n73aE=",
        // What is mixed is small, and the lanes take 2 GB.
        "$scrypt$ln=1,r=1,p=16000000$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
    ] {
        refused(text);
    }
}

fn refused(text: &str) {
    assert!(!PasswordHash::from_stored(text.to_owned()).is_known(), "{text}");
    assert!(stored(text).matches(b"password", Scheme::Argon2id).is_err(), "{text}");
}

/// Else it would be imported, and every login would end as a fault.
#[test]
fn a_hash_that_its_function_would_not_take_is_refused_when_it_is_brought() {
    for text in [
        "$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$scrypt$ln=14,r=0,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
        "$scrypt$ln=14,r=8,p=0$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
    ] {
        refused(text);
    }
}

/// Whatever a part that is passed over was for, the hash was made with it.
#[test]
fn a_hash_with_a_part_that_is_not_understood_is_refused() {
    for text in [
        "$pbkdf2-sha256$i=1000,l=16$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$i=1000,l=x$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$i=1000,i=2000$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$pbkdf2-sha256$v=1$i=1000$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1,keyid=Zm9v$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "bcrypt$$2x$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
        "$2b$+5$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
        "pbkdf2_sha1$+1000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I=",
    ] {
        refused(text);
    }
}

/// Only what takes the password as Latchkey normalizes it; the others get it as it was typed.
#[test]
fn other_systems_get_the_password_as_it_was_typed() {
    assert!(
        stored("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
            .is_of_normalized()
    );
    for (_, text) in VECTORS.iter().filter(|(_, text)| !text.contains("argon2id")) {
        assert!(!stored(text).is_of_normalized(), "{text}");
    }
}

#[test]
fn passwords_that_differ_in_the_73rd_or_the_1024th_byte_differ_under_every_scheme() {
    let schemes = [Scheme::default(), Scheme::pbkdf2_sha256(600_000).expect("the floor"), Scheme::Argon2id];
    for scheme in schemes {
        let mut password = vec![b'a'; 1_024];
        let made = StoredHash::Encoded(hash(&password, &[7; SALT_BYTES], scheme));
        for byte in [72, 1_023] {
            password[byte] = b'b';
            assert_eq!(made.matches(&password, scheme), Ok(false), "byte {byte} under {scheme:?}");
            password[byte] = b'a';
        }
        assert_eq!(made.matches(&password[..72], scheme), Ok(false), "{scheme:?}");
        assert_eq!(made.matches(&password, scheme), Ok(true), "{scheme:?}");
    }
}

proptest! {
    #[test]
    fn any_text_like_a_foreign_hash_is_judged_without_a_panic(
        text in r"(\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{50,56}|(pbkdf2_sha256|pbkdf2_sha1|argon2|bcrypt)\$[0-9]{0,3}\$[a-z$]{0,8}\$[A-Za-z0-9+/=]{0,50}|A[A-Q][A-Za-z0-9+/]{0,90}={0,2}|\$scrypt\$ln=[0-9]{1,2},r=[0-9],p=[0-9]\$[A-Za-z0-9+/]{0,40}\$[A-Za-z0-9+/]{0,70})",
    ) {
        let hash = PasswordHash::from_stored(text);
        // Deriving would take seconds for some of them; to parse them is what can go wrong.
        let known = hash.is_known();
        prop_assert!(known || StoredHash::Encoded(hash).matches(b"password", Scheme::Argon2id).is_err());
    }
}
