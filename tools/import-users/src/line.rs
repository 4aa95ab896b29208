//! A line of the file: JSON with `email`, `hash`, and if you have them `salt`, `verified`, `name`.

use latchkey_auth::{Email, Name};
use latchkey_salting::{LegacyHash, PasswordHash, StoredHash};
use serde::Deserialize;
use std::fmt;

/// Why a line is not imported. It never quotes the line, which holds a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The line is not a JSON object with the documented fields.
    Form,
    /// The email address is invalid.
    Email,
    /// The name is longer than 100 characters, or has control characters.
    Name,
    /// The hash has no known form, or costs more than a function can afford.
    Hash,
    /// The address was in an earlier line.
    Repeated,
    /// The table has another account of this address, which is left as it is.
    Taken,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a JSON object with email, hash and at most salt, verified and name",
            Self::Email => "not an e-mail address in ASCII of at most 254 bytes",
            Self::Name => "a name has at most 100 characters, all on one line",
            Self::Hash => "not a password hash of a known form, or one that costs too much",
            Self::Repeated => "the address stands in an earlier line",
            Self::Taken => "the address has another account already, which stays as it is",
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    email: String,
    hash: String,
    salt: Option<String>,
    #[serde(default)]
    verified: bool,
    name: Option<String>,
}

/// An account to be imported.
#[derive(Clone, Debug)]
pub struct Line {
    /// The canonical address.
    pub email: Email,
    /// A hash of a known form.
    pub password: StoredHash,
    /// Whether the address was verified; false if the line does not say.
    pub verified: bool,
    /// The name, if there is one.
    pub name: Option<Name>,
}

impl Line {
    /// Parses a line.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let Fields { email, hash, salt, verified, name } = serde_json::from_str(text).map_err(|_| Refusal::Form)?;
        let email = Email::parse(&email).map_err(|_| Refusal::Email)?;
        let name = name.as_deref().map(Name::parse).transpose().map_err(|_| Refusal::Name)?.flatten();
        let password = if let Some(salt) = salt {
            // Only legacy records, of the samples, store the salt separately.
            let legacy = LegacyHash { hash, salt };
            legacy.form().is_some().then_some(StoredHash::Legacy(legacy))
        } else {
            let hash = PasswordHash::from_stored(hash);
            hash.is_known().then_some(StoredHash::Encoded(hash))
        };
        Ok(Self { email, password: password.ok_or(Refusal::Hash)?, verified, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn a_line_has_an_address_and_a_hash_and_is_unverified_unless_it_says_so() {
        let line = Line::parse(&format!(r#"{{"email":"Ada@Example.com","hash":"{BCRYPT}"}}"#)).unwrap();
        assert_eq!((line.email.as_str(), line.verified), ("ada@example.com", false));
        let full = format!(r#"{{"email":"a@example.com","hash":"{BCRYPT}","verified":true,"name":"Ada"}}"#);
        assert!(Line::parse(&full).unwrap().verified);
    }

    #[test]
    fn each_mistake_has_a_reason_of_its_own() {
        let reason = |text: &str| Line::parse(text).err();
        assert_eq!(reason(""), Some(Refusal::Form));
        assert_eq!(reason("[1]"), Some(Refusal::Form));
        assert_eq!(reason(r#"{"email":"a@example.com"}"#), Some(Refusal::Form));
        assert_eq!(
            reason(&format!(r#"{{"email":"a@example.com","hash":"{BCRYPT}","admin":true}}"#)),
            Some(Refusal::Form)
        );
        assert_eq!(reason(&format!(r#"{{"email":"a","hash":"{BCRYPT}"}}"#)), Some(Refusal::Email));
        assert_eq!(
            reason(&format!(r#"{{"email":"a@example.com","hash":"{BCRYPT}","name":"a\nb"}}"#)),
            Some(Refusal::Name)
        );
        assert_eq!(reason(r#"{"email":"a@example.com","hash":"plain text password"}"#), Some(Refusal::Hash));
        assert_eq!(reason(r#"{"email":"a@example.com","hash":"AAAA","salt":"AAAA"}"#), Some(Refusal::Hash));
        let whole = "A".repeat(683) + "=";
        let sample = |salt: &str| format!(r#"{{"email":"a@example.com","hash":"{whole}","salt":"{salt}"}}"#);
        assert_eq!(reason(&sample("AAAA")), None);
        assert_eq!(reason(&sample("")), Some(Refusal::Hash));
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_without_a_panic(text in "\\PC*") {
            let _ = Line::parse(&text);
        }
    }
}
