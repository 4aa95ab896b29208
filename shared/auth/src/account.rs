//! Accounts: what is stored of a user, and the operations that create and verify one.

pub(crate) mod create_user;
pub(crate) mod email;
pub(crate) mod name;
pub(crate) mod verify_user;

pub use create_user::{CreateUser, SignUp};
pub use email::Email;
pub use name::Name;
pub use verify_user::VerifyUser;

#[cfg(doc)]
use crate::email_link::MAX_RESET_LINKS;
use crate::email_link::token::TokenHash;
use crate::email_link::{PendingReset, PendingVerification};
use crate::services::Entropy;
use crate::time::Timestamp;
use latchkey_salting::{PasswordHash, StoredHash};
use std::fmt::{self, Write};

/// The developer user identifier by which Cognito Identity knows a user.
///
/// It is random, so that an address that changes hands never inherits the former owner's identity. Users of the SampleAuth
/// sample have been known by their address: in their legacy records that stays the identifier.
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

/// A new account. It is not verified.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The key.
    pub email: Email,
    /// The name given at sign-up.
    pub name: Option<Name>,
    /// Random.
    pub user_id: UserId,
    /// The hash of the chosen password.
    pub password: PasswordHash,
    /// The hash of the token that was mailed.
    pub verify_token: TokenHash,
    /// When that token expires.
    pub verify_token_expires_at: Timestamp,
    /// When the account is removed if it is still unverified.
    pub expires_at: Timestamp,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// An account that the owner imports from another system, with the hash it had there.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// The key.
    pub email: Email,
    /// The name it had there.
    pub name: Option<Name>,
    /// Random.
    pub user_id: UserId,
    /// A hash of any known form.
    pub password: StoredHash,
    /// Whether the other system had verified the address. Unverified users can prove their address by resetting their password.
    pub verified: bool,
    /// When the account was created.
    pub created_at: Timestamp,
}

impl ImportedUser {
    /// Imports an account under a new identifier.
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

/// What operations need to know of a stored account.
#[derive(Clone, Debug)]
pub struct User {
    /// The identifier known to Cognito Identity.
    pub user_id: UserId,
    /// Of Latchkey's own form, an imported one, or a legacy record's.
    pub password: StoredHash,
    /// Whether the address was verified.
    pub verified: bool,
    /// Whether the account was imported from another system: then its name and identifier are its owner's, even if the address
    /// was never verified.
    pub imported: bool,
    /// The number of passwords that replaced another one. A device is known for one of them.
    pub password_generation: u32,
    /// How often known devices failed with this password.
    pub device_failures: u32,
    /// The pending verification link. It stays after its use until it expires, so that a second click is answered like
    /// the first.
    pub verification: Option<PendingVerification>,
    /// The passwords that were tried with that link.
    pub verify_tries: u32,
    /// The reset links that are out, of which some may have expired: at most [`MAX_RESET_LINKS`].
    pub resets: Vec<PendingReset>,
}

impl User {
    /// An unverified account of this password, with nothing pending.
    #[must_use]
    pub fn new(user_id: UserId, password: StoredHash) -> Self {
        Self {
            user_id,
            password,
            verified: false,
            imported: false,
            password_generation: 0,
            device_failures: 0,
            verification: None,
            verify_tries: 0,
            resets: Vec::new(),
        }
    }
}
