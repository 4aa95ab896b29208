//! Faults: a service that an operation needs has failed.

use std::fmt;

/// What failed. The caller gets a stable type and a fixed sentence; the [`Cause`] is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The user table did not answer, or returned an error.
    #[error("the table failed: {0}")]
    Table(Cause),
    /// The mail was not accepted. Nothing that the request changed prevents a retry.
    #[error("the mailer failed: {0}")]
    Mailer(Cause),
    /// No identity token was issued.
    #[error("the identity service failed: {0}")]
    Identities(Cause),
    /// A password could not be looked up among compromised ones. The request goes on without that check.
    #[error("the service that knows compromised passwords failed: {0}")]
    CompromisedPasswords(Cause),
    /// A record in the table is damaged.
    #[error("a stored record is damaged: {0}")]
    Record(Cause),
    /// A defect in Latchkey itself.
    #[error("internal: {0}")]
    Internal(Cause),
    /// A fault of a function that is no operation of the contract, under an error type of its own.
    #[error("{error_type}: {cause}")]
    Other {
        /// The `errorType`.
        error_type: &'static str,
        /// The `errorMessage`.
        message: &'static str,
        /// What failed.
        cause: Cause,
    },
}

impl Fault {
    /// The `errorType` of the contract.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Table(_) => "TableUnavailable",
            Self::Mailer(_) => "MailerUnavailable",
            Self::Identities(_) => "IdentityUnavailable",
            Self::CompromisedPasswords(_) => "BreachesUnavailable",
            Self::Record(_) => "RecordDamaged",
            Self::Internal(_) => "InternalFault",
            Self::Other { error_type, .. } => error_type,
        }
    }

    /// The `errorMessage` of the contract. It is a fixed text, so it cannot quote anything.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::Table(_) => "The user table did not answer. Try again in a moment.",
            Self::Mailer(_) => "The mail could not be sent. Try again in a moment.",
            Self::Identities(_) => "The identity service did not answer. Try again in a moment.",
            Self::CompromisedPasswords(_) => "The breached-password service did not answer. Try again in a moment.",
            Self::Record(_) => "The account's record cannot be read. Tell the operator of this service.",
            Self::Internal(_) => "Something went wrong inside the service. Tell its operator.",
            Self::Other { message, .. } => message,
        }
    }

    /// The code of the failure.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Table(cause)
            | Self::Mailer(cause)
            | Self::Identities(cause)
            | Self::CompromisedPasswords(cause)
            | Self::Record(cause)
            | Self::Internal(cause)
            | Self::Other { cause, .. } => cause,
        }
    }
}

/// An error code such as `ThrottlingException` or `timeout`. It is never a message, because messages quote what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    /// Keeps the letters, digits and `_.:-` of a code, at most 64 of them.
    #[must_use]
    pub fn code(code: &str) -> Self {
        Self(code.chars().filter(|c| c.is_ascii_alphanumeric() || "_.:-".contains(*c)).take(64).collect())
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_keeps_a_code_and_no_sentence() {
        assert_eq!(Cause::code("ThrottlingException").as_str(), "ThrottlingException");
        assert_eq!(Cause::code("ada@example.com: no, \"it\"\n").as_str(), "adaexample.com:noit");
        assert_eq!(Cause::code(&"a".repeat(65)).as_str().len(), 64);
    }
}
