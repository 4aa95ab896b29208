//! The item of an account.
//!
//! A legacy record is one that a sample wrote: SampleAuth of *AWS Lambda in Action*, or LambdAuth before it.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `email` | S | key, canonical |
//! | `name` | S | if given |
//! | `userId` | S | the developer user identifier; absent in a legacy record, where it is the address |
//! | `passwordHash` | S | PHC string; in a legacy record base64 |
//! | `passwordSalt` | S | only in a legacy record |
//! | `verified` | BOOL | |
//! | `createdAt`, `updatedAt`, `passwordChangedAt` | N | seconds since 1970 |
//! | `expiresAt` | N | when DynamoDB removes an unverified account; absent in a verified one |
//! | `verifyTokenHash`, `verifyTokenExpiresAt` | S, N | of the pending verification link |
//! | `lostTokenHash`, `lostTokenExpiresAt` | S, N | of the pending reset link |
//! | `verifyToken`, `lostToken` | S | only in a legacy record; the second is never honoured |

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_auth::{
    Cause, Email, Fault, ImportedUser, NewUser, PendingReset, PendingVerification, Timestamp, Token, TokenHash, User,
    UserId,
};
use latchkey_salting::{LegacyHash, PasswordHash, StoredHash};
use std::collections::HashMap;

type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.0.to_string())
}

/// The item of a new account.
pub(crate) fn write(user: &NewUser) -> Item {
    let mut item = Item::from([
        ("email".to_owned(), text(user.email.as_str())),
        ("userId".to_owned(), text(user.user_id.as_str())),
        ("passwordHash".to_owned(), text(user.password.as_str())),
        ("verified".to_owned(), AttributeValue::Bool(false)),
        ("createdAt".to_owned(), number(user.created_at)),
        ("updatedAt".to_owned(), number(user.created_at)),
        ("passwordChangedAt".to_owned(), number(user.created_at)),
        ("expiresAt".to_owned(), number(user.expires_at)),
        ("verifyTokenHash".to_owned(), text(&user.verify_token.encode())),
        ("verifyTokenExpiresAt".to_owned(), number(user.verify_token_expires_at)),
    ]);
    if let Some(name) = &user.name {
        item.insert("name".to_owned(), text(name.as_str()));
    }
    item
}

/// The item of an imported account.
pub(crate) fn write_imported(user: &ImportedUser) -> Item {
    let mut item = Item::from([
        ("email".to_owned(), text(user.email.as_str())),
        ("userId".to_owned(), text(user.user_id.as_str())),
        ("verified".to_owned(), AttributeValue::Bool(user.verified)),
        ("createdAt".to_owned(), number(user.created_at)),
        ("updatedAt".to_owned(), number(user.created_at)),
    ]);
    match &user.password {
        StoredHash::Encoded(hash) => item.insert("passwordHash".to_owned(), text(hash.as_str())),
        StoredHash::Legacy(LegacyHash { hash, salt }) => {
            item.insert("passwordSalt".to_owned(), text(salt));
            item.insert("passwordHash".to_owned(), text(hash))
        }
    };
    if let Some(name) = &user.name {
        item.insert("name".to_owned(), text(name.as_str()));
    }
    item
}

/// Reads an item. An attribute of the wrong type is a fault that names the attribute.
pub(crate) fn read(item: &Item, email: &Email) -> Result<User, Fault> {
    let password = read_stored_hash(item)?;
    let verified = match item.get("verified") {
        Some(AttributeValue::Bool(verified)) => *verified,
        Some(_) => return Err(damaged("verified")),
        None => false,
    };
    let verification = match token(item, "verifyTokenHash", "verifyTokenExpiresAt")? {
        Some((token, expires_at)) => Some(PendingVerification::Hashed { token, expires_at }),
        None => string(item, "verifyToken")?.map(|plain| PendingVerification::Plain(Token::from_stored(plain))),
    };
    let reset = token(item, "lostTokenHash", "lostTokenExpiresAt")?
        .map(|(token, expires_at)| PendingReset { token, expires_at });
    let user_id = UserId::from_stored(string(item, "userId")?.unwrap_or_else(|| email.as_str().to_owned()));
    Ok(User { user_id, password, verified, verification, reset })
}

/// Reads the password hash of an item.
pub(crate) fn read_stored_hash(item: &Item) -> Result<StoredHash, Fault> {
    let hash = string(item, "passwordHash")?.ok_or_else(|| damaged("passwordHash"))?;
    Ok(match string(item, "passwordSalt")? {
        Some(salt) => StoredHash::Legacy(LegacyHash { hash, salt }),
        None => StoredHash::Encoded(PasswordHash::from_stored(hash)),
    })
}

fn damaged(attribute: &'static str) -> Fault {
    Fault::Record(Cause::code(attribute))
}

fn string(item: &Item, name: &'static str) -> Result<Option<String>, Fault> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::S(value)) => Ok(Some(value.clone())),
        Some(_) => Err(damaged(name)),
    }
}

/// The hash of a token and its expiry. One without the other is damage.
fn token(item: &Item, hash: &'static str, expiry: &'static str) -> Result<Option<(TokenHash, Timestamp)>, Fault> {
    let Some(encoded) = string(item, hash)? else { return Ok(None) };
    let token = TokenHash::decode(&encoded).ok_or_else(|| damaged(hash))?;
    match item.get(expiry) {
        Some(AttributeValue::N(seconds)) => {
            seconds.parse().map(|seconds| Some((token, Timestamp(seconds)))).map_err(|_| damaged(expiry))
        }
        _ => Err(damaged(expiry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Email {
        Email::parse("ada@example.com").unwrap()
    }

    fn new_user() -> NewUser {
        let token = Token::parse("token").unwrap();
        NewUser {
            email: ada(),
            name: latchkey_auth::Name::parse("Ada").unwrap(),
            user_id: UserId::from_stored("0".repeat(32)),
            password: PasswordHash::from_stored("$phc".to_owned()),
            verify_token: token.hash(),
            verify_token_expires_at: Timestamp(2_000),
            expires_at: Timestamp(1_700_604_800),
            created_at: Timestamp(1_000),
        }
    }

    #[test]
    fn an_imported_account_is_read_as_it_came() {
        let legacy = StoredHash::Legacy(LegacyHash { hash: "hash".to_owned(), salt: "salt".to_owned() });
        for password in [StoredHash::Encoded(PasswordHash::from_stored("$2b$10$".to_owned())), legacy] {
            let user = ImportedUser {
                email: ada(),
                name: None,
                user_id: UserId::from_stored("1".repeat(32)),
                password: password.clone(),
                verified: true,
                created_at: Timestamp(1),
            };
            let item = write_imported(&user);
            assert!(!item.contains_key("expiresAt"));
            let user = read(&item, &ada()).unwrap();
            assert_eq!((user.password, user.verified), (password, true));
            assert!(user.verification.is_none() && user.reset.is_none());
        }
    }

    #[test]
    fn a_written_account_is_read_as_it_was() {
        let user = read(&write(&new_user()), &ada()).unwrap();
        assert_eq!(user.user_id, new_user().user_id);
        assert_eq!(user.password, StoredHash::Encoded(new_user().password));
        assert!(!user.verified);
        let expected = PendingVerification::Hashed { token: new_user().verify_token, expires_at: Timestamp(2_000) };
        assert_eq!(user.verification, Some(expected));
        assert_eq!(user.reset, None);
    }

    #[test]
    fn a_legacy_record_is_read_and_its_plain_lost_token_is_not() {
        let item = Item::from([
            ("email".to_owned(), text("ada@example.com")),
            ("passwordHash".to_owned(), text("aGFzaA==")),
            ("passwordSalt".to_owned(), text("c2FsdA==")),
            ("verified".to_owned(), AttributeValue::Bool(true)),
            ("verifyToken".to_owned(), text("0f0f")),
            ("lostToken".to_owned(), text("f0f0")),
        ]);
        let user = read(&item, &ada()).unwrap();
        assert_eq!(user.user_id.as_str(), "ada@example.com");
        assert!(matches!(user.password, StoredHash::Legacy(_)));
        assert_eq!(user.verification, Some(PendingVerification::Plain(Token::parse("0f0f").unwrap())));
        assert_eq!(user.reset, None);
    }

    #[test]
    fn a_record_that_does_not_say_so_is_not_verified() {
        let mut item = write(&new_user());
        item.remove("verified");
        assert!(!read(&item, &ada()).unwrap().verified);
    }

    #[test]
    fn a_damaged_record_is_a_fault_that_names_the_attribute() {
        for (name, value) in [
            ("passwordHash", AttributeValue::Bool(true)),
            ("verified", text("yes")),
            ("verifyTokenHash", text("short")),
            ("verifyTokenExpiresAt", text("soon")),
        ] {
            let mut item = write(&new_user());
            item.insert(name.to_owned(), value);
            assert_eq!(read(&item, &ada()).unwrap_err(), damaged(name));
        }
    }
}
