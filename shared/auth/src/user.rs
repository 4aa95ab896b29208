//! The record of a user, in the domain's words.

use crate::{Email, Entropy, Name, Timestamp, Token, TokenHash, Truth};
use latchkey_salting::{PasswordHash, StoredHash};
use std::fmt::{self, Write};

/// The developer user identifier that Cognito Identity knows a user by.
///
/// Random, so that an address that changes hands never inherits the former owner's identity. In a record
/// of the sample it is the address.
#[derive(Clone, PartialEq, Eq)]
pub struct UserId(String);

impl UserId {
    /// Draws 128 random bits, as 32 hexadecimal digits.
    pub(crate) fn draw(entropy: &impl Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// Takes an identifier out of the table.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId([redacted])")
    }
}

/// An account that somebody signs up for. It is not verified.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The key.
    pub email: Email,
    /// As given at sign-up.
    pub name: Option<Name>,
    /// Random.
    pub user_id: UserId,
    /// Of the password that was chosen.
    pub password: PasswordHash,
    /// The hash of the token that was mailed.
    pub verify_token: TokenHash,
    /// When that token stops working.
    pub verify_token_expires_at: Timestamp,
    /// When the account vanishes, if nobody has verified it by then.
    pub expires_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
}

/// An account that the owner brings from another system, with the hash that it had there.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The key.
    pub email: Email,
    /// As it was there.
    pub name: Option<Name>,
    /// Random.
    pub user_id: UserId,
    /// Of any known form.
    pub password: StoredHash,
    /// Whether the other system had proven the mailbox. If not, a lost password proves it.
    pub verified: bool,
    /// Now.
    pub created_at: Timestamp,
}

impl ImportedUser {
    /// Brings an account along under a new identifier.
    #[must_use]
    pub fn new(
        email: Email,
        name: Option<Name>,
        password: StoredHash,
        verified: bool,
        created_at: Timestamp,
        entropy: &impl Entropy,
    ) -> Self {
        Self { email, name, user_id: UserId::draw(entropy), password, verified, created_at }
    }
}

/// What the operations need to know of a stored account.
#[derive(Clone, Debug)]
pub struct User {
    /// What Cognito Identity knows the user by.
    pub user_id: UserId,
    /// Latchkey's or the sample's.
    pub password: StoredHash,
    /// Whether the mailbox was proven.
    pub verified: bool,
    /// The verification link that is out, if any. It stays after its use until it expires, so that a
    /// second click is answered like the first.
    pub verification: Option<PendingVerification>,
    /// The reset link that is out, if any.
    pub reset: Option<PendingReset>,
}

/// A verification link that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingVerification {
    /// Latchkey's: a hash and an end.
    Hashed {
        /// The hash of the token in the link.
        token: TokenHash,
        /// When it stops working.
        expires_at: Timestamp,
    },
    /// The sample's: the token itself, without an end.
    Plain(Token),
}

impl PendingVerification {
    /// Whether this token verifies now, or why it does not.
    pub(crate) fn accept(&self, token: &Token, now: Timestamp) -> Result<(), Truth> {
        match self {
            Self::Hashed { token: hash, expires_at } => accept(hash, *expires_at, token, now),
            Self::Plain(plain) if plain == token => Ok(()),
            Self::Plain(_) => Err(Truth::WrongToken),
        }
    }
}

/// A reset link that is out. There is no plain form: the sample's plain `lostToken` is never honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingReset {
    /// The hash of the token in the link.
    pub token: TokenHash,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl PendingReset {
    /// Whether this token resets now, or why it does not.
    pub(crate) fn accept(&self, token: &Token, now: Timestamp) -> Result<(), Truth> {
        accept(&self.token, self.expires_at, token, now)
    }
}

fn accept(hash: &TokenHash, expires_at: Timestamp, token: &Token, now: Timestamp) -> Result<(), Truth> {
    if *hash != token.hash() {
        Err(Truth::WrongToken)
    } else if now < expires_at {
        Ok(())
    } else {
        Err(Truth::LinkExpired)
    }
}
