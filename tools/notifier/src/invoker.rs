//! The invoker: hands its own event on to the notifier, in the role that the notifier's account lends it.
//!
//! It fails with one of a fixed list of error types, and logs account, ARN and request ID with them; never credentials, and never
//! the event. Who invoked it asynchronously gets Lambda's two retries, then the failure destination of its stack.

use crate::CannotStart;
use crate::settings::OfInvoker;
use latchkey_auth::{Cause, Clock, Fault, Timestamp};
use latchkey_config::Settings;
use latchkey_runtime::{Event, Handled, Handler, Report, SystemClock};
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// Credentials are not used in the last five minutes before their end, in seconds: clocks differ, and a call takes its time.
pub const KEPT_UNTIL_BEFORE_END: u64 = 5 * 60;

/// The credentials of an assumed role.
#[derive(Clone)]
pub struct Session<C> {
    /// The credentials.
    pub credentials: C,
    /// Their end.
    pub ends_at: Timestamp,
}

impl<C> fmt::Debug for Session<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

/// What the invoker reaches in the other account.
pub trait OtherAccount: Sized + 'static {
    /// The credentials of a session.
    type Credentials: Clone;

    /// Connects to AWS.
    fn connect(settings: &OfInvoker) -> Result<Self, latchkey_aws::EnvironmentError>;

    /// Assumes the role with its external ID.
    async fn assume(&self, settings: &OfInvoker) -> Result<Session<Self::Credentials>, Cause>;

    /// Invokes the notifier and waits for its answer.
    async fn invoke(
        &self,
        credentials: &Self::Credentials,
        settings: &OfInvoker,
        event: &str,
    ) -> Result<Value, InvokeFault>;
}

/// Why the notifier gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeFault {
    /// The role could not be assumed.
    #[error("the role was not assumed: {0}")]
    NotAssumed(Cause),
    /// The role may not invoke the notifier, or its credentials are not accepted any more.
    #[error("the notifier was denied: {0}")]
    Denied(Cause),
    /// Too many invocations at once.
    #[error("the notifier is throttled: {0}")]
    Throttled(Cause),
    /// The notifier, or the network to it, took too long.
    #[error("the notifier took too long: {0}")]
    TimedOut(Cause),
    /// The notifier failed with a function error.
    #[error("the notifier failed: {0}")]
    Failed(Cause),
    /// Lambda failed, or there is no such function.
    #[error("the notifier cannot be invoked: {0}")]
    Unavailable(Cause),
}

impl InvokeFault {
    /// The error type of the contract, and its message.
    fn contract(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotAssumed(_) => ("RoleNotAssumed", "The role of the notifier's account could not be assumed."),
            Self::Denied(_) => ("NotifierDenied", "The role may not invoke the notifier."),
            Self::Throttled(_) => ("NotifierThrottled", "The notifier is throttled. Try again in a moment."),
            Self::TimedOut(_) => ("NotifierTimedOut", "The notifier did not answer in time."),
            Self::Failed(_) => ("NotifierFailed", "The notifier failed. Its log says why."),
            Self::Unavailable(_) => ("NotifierUnavailable", "The notifier could not be invoked."),
        }
    }

    fn cause(&self) -> &Cause {
        match self {
            Self::NotAssumed(cause)
            | Self::Denied(cause)
            | Self::Throttled(cause)
            | Self::TimedOut(cause)
            | Self::Failed(cause)
            | Self::Unavailable(cause) => cause,
        }
    }
}

impl From<InvokeFault> for Fault {
    fn from(fault: InvokeFault) -> Self {
        let (error_type, message) = fault.contract();
        Self::Other { error_type, message, cause: fault.cause().clone() }
    }
}

/// The invoker with the credentials that it keeps.
pub struct Invoker<A: OtherAccount> {
    account: A,
    settings: OfInvoker,
    kept: RefCell<Option<Session<A::Credentials>>>,
}

impl<A: OtherAccount> Invoker<A> {
    /// Creates an invoker that has no credentials yet.
    pub fn new(account: A, settings: OfInvoker) -> Self {
        Self { account, settings, kept: RefCell::new(None) }
    }

    /// Hands an event on, and returns the notifier's answer.
    pub async fn invoke(&self, event: &str, now: Timestamp) -> Result<Value, InvokeFault> {
        let usable = |session: &Session<A::Credentials>| session.ends_at > now.plus(KEPT_UNTIL_BEFORE_END);
        let kept = self.kept.borrow().clone().filter(usable);
        if let Some(session) = kept {
            match self.account.invoke(&session.credentials, &self.settings, event).await {
                // The role may have been made anew since: one look whether new credentials do better.
                Err(InvokeFault::Denied(_)) => self.kept.replace(None),
                answered => return answered,
            };
        }
        let session = self.account.assume(&self.settings).await.map_err(InvokeFault::NotAssumed)?;
        self.kept.replace(Some(session.clone()));
        let answered = self.account.invoke(&session.credentials, &self.settings, event).await;
        if matches!(answered, Err(InvokeFault::Denied(_))) {
            self.kept.replace(None);
        }
        answered
    }
}

/// Hands events on.
pub struct InvokerHandler<A: OtherAccount> {
    invoker: Invoker<A>,
}

/// What an operator needs to mend a fault.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultLine<'a> {
    level: &'static str,
    request_id: &'a str,
    fault: &'static str,
    cause: &'a str,
    account: &'a str,
    notifier: &'a str,
    role: &'a str,
}

impl<A: OtherAccount> Handler for InvokerHandler<A> {
    const NAME: &'static str = "notifierInvoker";

    type StartError = CannotStart;

    type Notes<'a>
        = ()
    where
        Self: 'a;

    fn start(settings: &Settings<'_>) -> Result<Self, CannotStart> {
        let settings = OfInvoker::read(settings)?;
        Ok(Self { invoker: Invoker::new(A::connect(&settings)?, settings) })
    }

    fn notes(&self) {}

    async fn handle(&self, event: Event<'_>, (): &Self::Notes<'_>) -> Result<Value, Fault> {
        Ok(self.invoker.invoke(event.payload, SystemClock.now()).await?)
    }

    fn report(&self, handled: &Handled<'_>, (): ()) -> Vec<Report> {
        if let Some(fault) = handled.fault {
            let settings = &self.invoker.settings;
            latchkey_runtime::log(&FaultLine {
                level: "ERROR",
                request_id: handled.request_id,
                fault: fault.error_type(),
                cause: fault.cause().as_str(),
                account: &settings.account,
                notifier: &settings.notifier,
                role: &settings.role,
            });
        }
        let outcome = if handled.fault.is_some() { "fault" } else { "handed_on" };
        vec![Report { outcome, reason: None, audit: None, counts: BTreeMap::new() }]
    }
}
