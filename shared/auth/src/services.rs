//! The services that operations are given, in the domain's words.
//!
//! Every write of [`Users`] is conditional and says whether it was made, so that of several requests at
//! once exactly one wins. `false` is an outcome; an error is a [`Fault`].
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::{Email, Fault, Mail, NewUser, PendingVerification, Timestamp, TokenHash, User, UserId};
use latchkey_salting::{PasswordHash, StoredHash};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The accounts.
pub trait Users {
    /// The account of an address, as of the last completed write.
    async fn find(&self, email: &Email) -> Result<Option<User>, Fault>;

    /// Stores a new account. An unverified one of the same address is replaced, whole; `false` if a
    /// verified one holds it.
    async fn create(&self, user: &NewUser) -> Result<bool, Fault>;

    /// Marks the address verified, if the link that was seen is still the one that is out. A plain token of
    /// the sample is replaced by its hash, which answers second clicks until `until`.
    async fn verify(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    /// Keeps the hash of a reset token in place of any older one; `false` if there is no such account.
    async fn start_reset(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    /// Spends a reset token that has not expired for a new password, and verifies the address, whose
    /// mailbox the token proves. `false` if the token is not, or no longer, the one that is out.
    async fn reset_password(
        &self,
        email: &Email,
        token: &TokenHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    /// Replaces the password and voids a reset link that is out. `false` if the stored hash is no longer the
    /// one that was seen.
    async fn change_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;

    /// Puts a better hash of the same password in place of the one that was seen, with the user's
    /// identifier, which a record of the sample lacks. `false` if the stored hash is no longer that one.
    async fn renew_hash(
        &self,
        email: &Email,
        user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// The way to a mailbox.
pub trait Mailer {
    /// Hands a mail over for delivery.
    async fn send(&self, mail: &Mail) -> Result<(), Fault>;

    /// A recipient whose mails are taken as any other's and dropped. A mail to it takes the place, and the time, of one
    /// that only a known address would get.
    fn nowhere(&self) -> Email;
}

/// The service that knows passwords from published breaches.
pub trait Breaches {
    /// The lines `SUFFIX:COUNT` of all known SHA-1 hashes that begin with these hexadecimal digits. `None` where the
    /// owner has not asked for the check.
    async fn range(&self, prefix: &str) -> Result<Option<String>, Fault>;
}

/// A check that is off unless it is there.
impl<B: Breaches> Breaches for Option<B> {
    async fn range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        match self {
            Some(breaches) => breaches.range(prefix).await,
            None => Ok(None),
        }
    }
}

/// The service that turns a login into an identity.
pub trait Identities {
    /// A token that can be exchanged for temporary credentials of this user's identity.
    async fn token_for(&self, user: &UserId) -> Result<OpenIdToken, Fault>;
}

/// What a successful login hands out.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct OpenIdToken {
    /// The identity, stable for a user.
    pub identity_id: String,
    /// An `OpenID` Connect token, good for minutes.
    pub token: String,
}

impl fmt::Debug for OpenIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenIdToken([redacted])")
    }
}

/// Where the time comes from.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from.
pub trait Entropy {
    /// Fills the bytes from a cryptographically secure source, or does not return.
    fn fill(&self, bytes: &mut [u8]);
}
