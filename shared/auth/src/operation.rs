//! The way of every request: parsed once, run, answered.

use crate::{Fault, OpenIdToken, Reason, Refusal, Trail};
use serde_json::{Value, json};

/// What the outside knows of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The operation's verb: `createUser`.
    pub name: &'static str,
    /// The field of the answer that says yes or no: `created`.
    pub flag: &'static str,
}

/// One of the six operations, holding the services that it needs.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Operation {
    /// Its name and flag.
    const CONTRACT: Contract;

    /// A request that cannot hold a bad value.
    type Request;

    /// Parses the payload.
    fn parse(&self, payload: &str) -> Result<Self::Request, Refusal>;

    /// Does the work, and writes down what the answer does not say.
    async fn run(&self, request: Self::Request, trail: &Trail<'_>) -> Result<Answer, Fault>;
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Done,
    /// Yes, but the mail that tells the owner was not taken. The caller is told no less than yes: trying
    /// again would be refused.
    DoneUntold(Fault),
    /// Yes, and this is who you are.
    LoggedIn(OpenIdToken),
    /// No.
    Refused(Refusal),
}

impl Answer {
    /// A refusal with the standard sentence of its reason.
    pub(crate) fn refused(reason: Reason) -> Self {
        Self::Refused(Refusal::new(reason))
    }

    /// A refusal that ends by itself after this many seconds.
    pub(crate) fn refused_until(reason: Reason, retry_after: u64) -> Self {
        Self::Refused(Refusal::until(reason, retry_after))
    }

    /// The reason of a refusal.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => Some(refusal.reason()),
            Self::Done | Self::DoneUntold(_) | Self::LoggedIn(_) => None,
        }
    }

    /// The answer as the contract writes it.
    #[must_use]
    pub fn to_json(&self, contract: Contract) -> Value {
        let mut object = match self {
            Self::Done | Self::DoneUntold(_) => json!({}),
            Self::LoggedIn(login) => json!({ "identityId": login.identity_id, "token": login.token }),
            Self::Refused(refusal) => json!(refusal),
        };
        object[contract.flag] = json!(self.reason().is_none());
        object
    }
}

/// Takes a payload through an operation.
pub async fn handle<O: Operation>(operation: &O, payload: &str, trail: &Trail<'_>) -> Result<Answer, Fault> {
    match operation.parse(payload) {
        Ok(request) => operation.run(request, trail).await,
        Err(refusal) => Ok(Answer::Refused(refusal)),
    }
}
