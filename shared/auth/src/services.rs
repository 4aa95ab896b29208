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
use crate::email_link::PendingVerification;
use crate::email_link::token::TokenHash;
use crate::fault::Fault;
use crate::mail::{Mail, MailTemplates};
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
    /// verified one.
    async fn add_user(&self, user: &NewUser) -> Result<bool, Fault>;
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

/// Stores the tokens of reset links.
pub trait StoreResetToken {
    /// Stores the hash of a reset token in place of any older one; `false` if there is no such account.
    async fn store_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Exchanges reset tokens for new passwords.
pub trait SpendResetToken {
    /// Spends a reset token that has not expired, stores the new password, and marks the address as verified, since the
    /// token proves the mailbox. `false` if the token is not, or no longer, the stored one.
    async fn spend_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault>;
}

/// Replaces passwords.
pub trait ReplacePassword {
    /// Stores another password and voids a pending reset link. `false` if the stored hash is no longer the one that was
    /// `seen`.
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

/// Sends mail.
pub trait SendMail {
    /// Hands a mail over for delivery.
    async fn send_mail(&self, mail: &Mail) -> Result<(), Fault>;

    /// A recipient that accepts and discards mail. Sending to it takes the same time as sending to a real user.
    fn decoy_recipient(&self) -> Email;
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

/// What mail says in the name of the service.
pub trait WriteMail {
    /// The templates of all mail.
    fn mail_templates(&self) -> &MailTemplates;
}

/// How the owner wants sign-ups to work.
pub trait SignUpSettings {
    /// The settings of sign-ups.
    fn sign_up(&self) -> &SignUp;
}

/// Where reset links lead.
pub trait ResetPage {
    /// The page that a reset link opens (`RESET_PAGE`).
    fn reset_page(&self) -> &str;
}

/// Whether callers may learn who has an account.
pub trait RevealAccounts {
    /// Returns true if the owner wants the plainer answers (`REVEAL_ACCOUNTS`).
    fn reveals_accounts(&self) -> bool;
}
