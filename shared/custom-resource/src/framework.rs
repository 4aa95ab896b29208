//! The framework for providers of custom resources.
//!
//! A provider says what to do about an event, and whether it is complete. The framework parses requests, settles the IDs of
//! resources, waits, and answers CloudFormation.
//!
//! A provider that completes at once is a [`Provider`] and nothing else. One that has to wait for something is started by
//! `on_event` and then asked `is_complete` by an execution of Step Functions, whose name is the request's ID, so that a request
//! that is delivered twice has one. The response URL is kept in SSM Parameter Store: an execution's history can be read
//! by whoever may look at executions.

mod event;
mod remote;
mod steps;
mod stores;
mod waiter;

pub use event::{Event, Outcome, Pending, Progress, RequestType};
pub use remote::RemoteProvider;
pub use steps::{Entry, Step, is_complete, on_timeout};
pub use stores::{ParameterStore, StepFunctions};
pub use waiter::{Times, TimesError, definition};

use crate::entry::Failure;

/// Handles events for one or more types of resources.
///
/// The same event may arrive twice, and must then lead to the same resource. A Delete must succeed for what is gone already. An
/// Update may bring old properties in a form that an earlier version of the handler understood. What a failed Create has made
/// before it failed, it must remove itself, or name in [`Failure::of`].
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Provider {
    /// Creates, updates or deletes, or begins to.
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure>;

    /// Whether what `on_event` began is complete. It is asked only where a waiter is set up.
    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        let _ = pending;
        Ok(Progress::complete())
    }
}

/// A provider that could not be started: each event fails, and CloudFormation is told why. A function that did not start at all
/// would leave the stack waiting for an hour.
impl<P: Provider> Provider for Result<P, String> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        match self {
            Ok(provider) => provider.on_event(event).await,
            Err(why) => Err(Failure::new(format!("The provider is not set up: {why}."))),
        }
    }

    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        match self {
            Ok(provider) => provider.is_complete(pending).await,
            Err(why) => Err(Failure::new(format!("The provider is not set up: {why}."))),
        }
    }
}

/// A service of AWS failed that the framework needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{service} answered {code}")]
pub struct ServiceFailed {
    /// The service.
    pub service: &'static str,
    /// Its error code. Its message is dropped, since it may quote what was sent.
    pub code: String,
}

/// Where response URLs are kept while something is waited for.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Urls {
    /// Keeps a URL. Returns whether it was not there before.
    async fn keep(&self, request_id: &str, url: &str) -> Result<bool, ServiceFailed>;

    /// Returns a URL, or `None` if it is not kept.
    async fn recall(&self, request_id: &str) -> Result<Option<String>, ServiceFailed>;

    /// Removes a URL, if it is there.
    async fn forget(&self, request_id: &str) -> Result<(), ServiceFailed>;
}

/// Starts executions that ask again and again.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Executions {
    /// Starts an execution. Returns false if there was one of this name before.
    async fn start(&self, name: &str, input: &str) -> Result<bool, ServiceFailed>;
}

/// What waits: an execution, and a place for the response URL.
#[derive(Clone, Debug)]
pub struct Waiter<U, X> {
    /// Where response URLs are kept.
    pub urls: U,
    /// What starts executions.
    pub executions: X,
}
