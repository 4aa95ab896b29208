//! What operations may ask for, each a trait of its own, so that the bounds of an operation say what it can do.
//!
//! Every write to the user table is conditional and returns whether it was applied, so that of several concurrent
//! requests exactly one wins. `false` is an outcome; an error is a [`Fault`].
//!
//! The traits that throttle are in [`throttle`](crate::throttle).
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::account::create_user::SignUp;
use crate::account::email::Email;
use crate::account::{NewUser, User, UserId};
use crate::email_link::token::TokenHash;
use crate::email_link::{PendingReset, PendingVerification};
use crate::fault::Fault;
use crate::mail::MailRequest;
use crate::password::policy::PasswordPolicy;
use crate::time::Timestamp;
use latchkey_salting::{PasswordHash, Scheme, Schemes, StoredHash};
use serde::Serialize;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Reads accounts.
pub trait FindUser {
    /// The account of an address, as of the last completed write.
    async fn find_user(&self, email: &Email) -> Result<Option<User>, Fault>;
}

/// Adds accounts.
pub trait AddUser {
    /// Stores a new account. It replaces an unverified one of the same address as a whole; `false` if the address has a
    /// verified or an imported one.
    async fn add_user(&self, user: &NewUser) -> Result<bool, Fault>;
}

/// Whether a password may be tried with a verification link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyTry {
    /// It was counted, and may be tried.
    Counted,
    /// As many as the link takes were tried before.
    WornOut,
    /// The link is no longer the one that was seen.
    LostRace,
}

/// Counts the passwords that are tried with a verification link.
pub trait CountVerifyTry {
    /// Counts a try on the link that was `seen`, by one conditional write.
    async fn count_verify_try(&self, email: &Email, seen: &PendingVerification) -> Result<VerifyTry, Fault>;
}

/// Marks addresses as verified.
pub trait MarkVerified {
    /// Marks the address as verified if its link is still the one that was `seen`. A plain token of a legacy record is
    /// replaced by its hash, which answers further clicks until `until`.
    async fn mark_verified(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// The account that a reset link was stored for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetFor {
    /// Somebody verified it, or the owner of the service imported it.
    Owner,
    /// Nobody verified it: whoever signed up with the address may be a stranger to its mailbox.
    Unverified,
    /// There is none, so nothing was stored.
    Nobody,
}

/// Stores the tokens of reset links.
pub trait StoreResetToken {
    /// Stores the hash of a reset token beside the four newest of those that are out, if there is such an account.
    async fn store_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ResetFor, Fault>;
}

/// Exchanges reset tokens for new passwords.
pub trait SpendResetToken {
    /// Spends the reset link that was `seen`, voids all others, stores the new password, and marks the address as verified,
    /// since the link proves the mailbox. `false` if the link is no longer out.
    ///
    /// With an identifier to begin `anew`, the account takes it and loses its name, as long as it was never verified; `false`
    /// if it was in the meantime.
    async fn spend_reset_token(
        &self,
        email: &Email,
        seen: &PendingReset,
        password: &PasswordHash,
        anew: Option<&UserId>,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Replaces passwords.
pub trait ReplacePassword {
    /// Stores another password, of the next generation. Reset links that are out stay good, so that whoever changed the password cannot take the way
    /// back from its owner. `false` if the stored hash is no longer the one that was `seen`.
    async fn replace_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Renews password hashes.
pub trait RenewHash {
    /// Stores a better hash of the same password, and the user's identifier, which a legacy record lacks. `false` if the
    /// stored hash is no longer the one that was `seen`.
    async fn renew_hash(
        &self,
        email: &Email,
        user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Hands mail over to the mail function.
pub trait HandOverMail {
    /// Hands a request over. It is stored when this returns, in the same way and with the same number of bytes whatever it asks
    /// for.
    async fn hand_over_mail(&self, request: &MailRequest) -> Result<(), Fault>;
}

/// Turns logins into identities.
pub trait IssueToken {
    /// Issues a token that can be exchanged for temporary credentials of this user's identity.
    async fn issue_token(&self, user: &UserId) -> Result<OpenIdToken, Fault>;
}

/// Knows which passwords were published in breaches.
pub trait CompromisedPasswords {
    /// The lines `SUFFIX:COUNT` of all known SHA-1 hashes that begin with these hexadecimal digits. `None` if the owner
    /// has not enabled the check.
    async fn compromised_range(&self, prefix: &str) -> Result<Option<String>, Fault>;
}

/// What a successful login hands out.
#[derive(Clone, PartialEq, Eq, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
pub struct OpenIdToken {
    /// The identity, stable for a user.
    pub identity_id: String,
    /// An `OpenID` Connect token, valid for minutes.
    pub token: String,
}

impl fmt::Debug for OpenIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenIdToken([redacted])")
    }
}

/// The source of time.
pub trait Clock {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The source of randomness.
pub trait Entropy {
    /// Fills the bytes from a cryptographically secure source, or does not return.
    fn fill(&self, bytes: &mut [u8]);
}

/// How the owner wants passwords to be hashed.
pub trait HashingScheme {
    /// The scheme for new hashes, and the kinds of hashes that may remain from before it.
    fn hashing_schemes(&self) -> &Schemes;

    /// The scheme for new hashes, and the one that older hashes are renewed to.
    fn hashing_scheme(&self) -> Scheme {
        self.hashing_schemes().current()
    }
}

/// Which passwords the owner accepts.
pub trait AcceptPassword {
    /// The policy for new passwords.
    fn password_policy(&self) -> &PasswordPolicy;
}

/// How the owner wants sign-ups to work.
pub trait SignUpSettings {
    /// The settings of sign-ups.
    fn sign_up(&self) -> &SignUp;
}

/// Whether callers may learn who has an account.
pub trait RevealAccounts {
    /// Returns true if the owner wants the plainer answers (`REVEAL_ACCOUNTS`).
    fn reveals_accounts(&self) -> bool;
}
