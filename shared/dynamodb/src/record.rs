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
//! | `importedAt` | N | when `import-users` wrote the account; a sign-up does not replace it |
//! | `passwordGeneration` | N | the passwords that replaced another one; absent if none did |
//! | `deviceFailures` | N | failures of known devices with this password; absent if there was none |
//! | `expiresAt` | N | when DynamoDB removes an unverified account; absent in a verified one |
//! | `verifyTokenHash`, `verifyTokenExpiresAt` | S, N | of the pending verification link |
//! | `verifyTries`, `verifyTriedBy` | N, S | the passwords that were tried with it, and the marker of the latest try's write |
//! | `resetLink1` to `resetLink5` | S | the reset links that are out, newest first: the hash of the token, `.`, and its expiry |
//! | `lostTokenHash`, `lostTokenExpiresAt` | S, N | a reset link that a version before these wrote |
//! | `verifyToken`, `lostToken` | S | only in a legacy record; the second is never honoured |

use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_auth::{
    Cause, Email, Fault, ImportedUser, MAX_RESET_LINKS, NewUser, PendingReset, PendingVerification, Timestamp, Token,
    TokenHash, User, UserId,
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

/// The attributes that hold reset links.
pub(crate) const RESETS: [&str; MAX_RESET_LINKS + 2] =
    ["resetLink1", "resetLink2", "resetLink3", "resetLink4", "resetLink5", "lostTokenHash", "lostTokenExpiresAt"];

/// The place of a reset link that is empty, because an update cannot leave an attribute out.
pub(crate) const NO_RESET: &str = "-";

/// The assignments that move each reset link down. The oldest one falls out.
pub(crate) fn shift_resets() -> String {
    let moved = |place| format!("resetLink{place} = if_not_exists(resetLink{}, :none)", place - 1);
    (2..=MAX_RESET_LINKS).map(moved).collect::<Vec<_>>().join(", ")
}

/// The condition that one of the reset links is `:link`, or the one of a former version has the hash `:token`.
pub(crate) fn has_reset() -> String {
    let places: Vec<_> = (1..=MAX_RESET_LINKS).map(|place| format!("resetLink{place} = :link")).collect();
    format!("{} OR lostTokenHash = :token", places.join(" OR "))
}

/// A reset link as it is stored.
pub(crate) fn write_reset(link: &PendingReset) -> String {
    format!("{}.{}", link.token.encode(), link.expires_at.0)
}

fn read_resets(item: &Item) -> Result<Vec<PendingReset>, Fault> {
    let mut links = Vec::new();
    for name in RESETS.into_iter().take(MAX_RESET_LINKS) {
        let Some(stored) = string(item, name)?.filter(|stored| stored != NO_RESET) else { continue };
        let link = stored.split_once('.').and_then(|(token, expires_at)| {
            let expires_at = Timestamp(expires_at.parse().ok()?);
            Some(PendingReset { token: TokenHash::decode(token)?, expires_at })
        });
        links.push(link.ok_or_else(|| damaged(name))?);
    }
    let former = token(item, "lostTokenHash", "lostTokenExpiresAt")?;
    links.extend(former.map(|(token, expires_at)| PendingReset { token, expires_at }));
    Ok(links)
}

/// What an update sets and removes to replace an unverified account by a new one. Reset links stay: they are the mailbox's.
pub(crate) fn replacement(user: &NewUser) -> (Item, Vec<&'static str>) {
    let mut set = write(user);
    // The key is not set, it is given.
    set.remove("email");
    let mut remove = vec!["passwordSalt", "verifyToken", "verifyTries", "verifyTriedBy", "lostToken"];
    if user.name.is_none() {
        remove.push("#name");
    }
    (set, remove)
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
        ("importedAt".to_owned(), number(user.created_at)),
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
    let resets = read_resets(item)?;
    let user_id = UserId::from_stored(string(item, "userId")?.unwrap_or_else(|| email.as_str().to_owned()));
    Ok(User {
        verified,
        imported: item.contains_key("importedAt"),
        password_generation: whole(item, "passwordGeneration")?,
        device_failures: whole(item, "deviceFailures")?,
        verification,
        verify_tries: whole(item, "verifyTries")?,
        resets,
        ..User::new(user_id, password)
    })
}

/// A whole number, which is 0 where it is absent.
fn whole(item: &Item, name: &'static str) -> Result<u32, Fault> {
    match item.get(name) {
        None => Ok(0),
        Some(AttributeValue::N(value)) => value.parse().map_err(|_| damaged(name)),
        Some(_) => Err(damaged(name)),
    }
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
            assert!(user.imported && user.verification.is_none() && user.resets.is_empty());
        }
    }

    #[test]
    fn a_written_account_is_read_as_it_was() {
        let user = read(&write(&new_user()), &ada()).unwrap();
        assert_eq!(user.user_id, new_user().user_id);
        assert_eq!(user.password, StoredHash::Encoded(new_user().password));
        assert!(!user.verified && !user.imported);
        let expected = PendingVerification::Hashed { token: new_user().verify_token, expires_at: Timestamp(2_000) };
        assert_eq!(user.verification, Some(expected));
        assert_eq!(user.resets, []);
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
        assert_eq!(user.resets, []);
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
            ("passwordGeneration", text("1")),
            ("verifyTries", AttributeValue::N("-1".to_owned())),
        ] {
            let mut item = write(&new_user());
            item.insert(name.to_owned(), value);
            assert_eq!(read(&item, &ada()).unwrap_err(), damaged(name));
        }
    }
}
