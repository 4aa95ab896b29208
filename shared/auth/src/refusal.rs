//! Refusals: what callers are told when the answer is no.

use serde::{Serialize, Serializer};

/// Why a request was refused. A stable machine word; the list only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The payload is no object, lacks a field, has an unknown one, or one of the wrong type.
    InvalidRequest,
    /// The text is not an address, or is longer than 254 bytes.
    InvalidEmail,
    /// The name is longer than 100 characters or holds control characters.
    InvalidName,
    /// The new password has fewer characters than the setting asks for.
    PasswordTooShort,
    /// The password is longer than 1,024 bytes.
    PasswordTooLong,
    /// The new password is on the blocklist, or is little more than the address or the service name.
    PasswordTooCommon,
    /// The new password was published in a breach. Only if the owner has enabled that check.
    PasswordCompromised,
    /// The address and the password do not match, or the address has no account.
    InvalidCredentials,
    /// The password is right, but the address is not verified.
    NotVerified,
    /// The token was spent, replaced by a newer one, has expired, or never existed.
    InvalidToken,
    /// Too many attempts for this address; this one was not checked.
    TooManyAttempts,
    /// The mail quota of this address is used up; no mail was sent.
    TooManyMails,
    /// The address has a verified account. Only told with `REVEAL_ACCOUNTS`.
    AccountExists,
    /// The address has no account. Only told with `REVEAL_ACCOUNTS`.
    UnknownAccount,
}

impl Reason {
    /// The machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidName => "invalid_name",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
            Self::PasswordTooCommon => "password_too_common",
            Self::PasswordCompromised => "password_breached",
            Self::InvalidCredentials => "invalid_credentials",
            Self::NotVerified => "not_verified",
            Self::InvalidToken => "invalid_token",
            Self::TooManyAttempts => "too_many_attempts",
            Self::TooManyMails => "too_many_mails",
            Self::AccountExists => "account_exists",
            Self::UnknownAccount => "unknown_account",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal with its sentence for a person. It never quotes what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    reason: Reason,
    info: String,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal with the standard sentence of its reason.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        let info = match reason {
            Reason::InvalidRequest => "The request is not of the documented form.",
            Reason::InvalidEmail => "This is not an e-mail address.",
            Reason::InvalidName => "A name has at most 100 characters, all on one line.",
            Reason::PasswordTooShort => "This password is too short.",
            Reason::PasswordTooLong => "A password has at most 1,024 bytes.",
            Reason::PasswordTooCommon => {
                "This password is one of the first that others would try. Choose one that has nothing to do with you or this service."
            }
            Reason::PasswordCompromised => {
                "This password was published after a break-in at some service, not necessarily yours. Choose another, and change it wherever you use it."
            }
            Reason::InvalidCredentials => "E-mail address and password do not match.",
            Reason::NotVerified => "This e-mail address is not verified yet. Open the link in the mail we sent to it.",
            Reason::InvalidToken => "This link is no longer valid. Ask for a new one.",
            Reason::TooManyAttempts => {
                "There were too many attempts for this e-mail address. Wait before the next one."
            }
            Reason::TooManyMails => {
                "Too many mails were asked for to this e-mail address. Wait before you ask for another."
            }
            Reason::AccountExists => "This e-mail address already has an account.",
            Reason::UnknownAccount => "This e-mail address has no account.",
        };
        Self { reason, info: info.to_owned(), retry_after: None }
    }

    /// A refusal that ends by itself after this many seconds.
    pub(crate) fn until(reason: Reason, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(reason) }
    }

    /// A refusal of a new password with fewer than `minimum` characters.
    pub(crate) fn too_short(minimum: usize) -> Self {
        Self { info: format!("A password has at least {minimum} characters."), ..Self::new(Reason::PasswordTooShort) }
    }

    /// A refusal of a verification link with which too many passwords were tried.
    pub(crate) fn link_worn_out() -> Self {
        let info = "Too many wrong passwords were tried with this link. Choose \u{201c}Forgot your password?\u{201d} on the login page to get another one by mail.";
        Self { info: info.to_owned(), ..Self::new(Reason::InvalidToken) }
    }

    /// How many seconds to wait before trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Why the request was refused.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}
