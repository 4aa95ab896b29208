//! What runs around a handler: the answer is sent whatever the handler does.

use crate::protocol::{
    Answer, Change, Data, Invalid, PhysicalId, Recipient, Rejected, Request, Success, Trust, Undelivered, deliver,
};
use crate::surroundings::{Http, Jitter, Time, within};
use futures_util::FutureExt;
use serde::Serialize;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Handles requests. It returns or fails, and never sends an answer itself.
///
/// CloudFormation invokes asynchronously, so the same request may arrive twice, with the same ID: handling it again must lead to
/// the same resource.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Respond {
    /// Handles a request.
    async fn respond(&self, request: &Request) -> Result<Reply, Failure>;

    /// The resource that may exist when a Create is given up, because it panicked or ran out of time. CloudFormation sends a Delete
    /// for it. By default there is none, and the Delete does not reach the handler.
    fn begun(&self, request: &Request) -> Option<PhysicalId> {
        let _ = request;
        None
    }
}

/// A handler that could not be started: each request fails, and CloudFormation is told why. A function that did not start at all
/// would leave the stack waiting for an hour.
impl<R: Respond> Respond for Result<R, String> {
    async fn respond(&self, request: &Request) -> Result<Reply, Failure> {
        match self {
            Ok(handler) => handler.respond(request).await,
            Err(why) => Err(Failure::new(format!("The handler is not set up: {why}."))),
        }
    }

    fn begun(&self, request: &Request) -> Option<PhysicalId> {
        self.as_ref().ok()?.begun(request)
    }
}

/// What a handler came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It is done: tell CloudFormation.
    Now(Success),
    /// Somebody else will answer, who has been told the recipient.
    Later,
}

/// A request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// For the owner of the stack, who sees it among the stack's events.
    pub reason: String,
    /// The resource, where one exists all the same. CloudFormation sends a Delete for it.
    pub physical_id: Option<PhysicalId>,
}

impl Failure {
    /// A failure that left no new resource behind.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), physical_id: None }
    }

    /// Names a resource that exists all the same.
    #[must_use]
    pub fn of(self, physical_id: PhysicalId) -> Self {
        Self { physical_id: Some(physical_id), ..self }
    }
}

/// The time that is kept for sending the answer, if the invocation has at least twice as much.
pub const RESERVE: Duration = Duration::from_secs(10);

/// How an event was handled: the line of the log. It has no property, no attribute, no reason and no URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// `ERROR` if CloudFormation could not be told.
    pub level: &'static str,
    /// `success`, `failed`, `later`, or `unanswered`.
    pub outcome: &'static str,
    /// What went wrong, by our own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// `Create`, `Update` or `Delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_type: Option<&'static str>,
    /// CloudFormation's ID of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The resource's name in the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logical_id: Option<String>,
}

impl Record {
    fn new(outcome: &'static str, request: Option<&Request>, recipient: Option<&Recipient>) -> Self {
        Self {
            level: "INFO",
            outcome,
            cause: None,
            request_type: request.map(Request::request_type),
            request: recipient.map(|recipient| recipient.request_id().to_owned()),
            logical_id: recipient.map(|recipient| recipient.logical_id().to_owned()),
        }
    }

    /// Nobody is left to be told.
    pub(crate) fn lost(cause: &str) -> Self {
        Self::new("unanswered", None, None).unanswered(&cause)
    }

    pub(crate) fn with_cause(self, cause: &str) -> Self {
        Self { cause: Some(cause.to_owned()), ..self }
    }

    /// Whether nobody was told. The invocation should then fail, so that Lambda delivers the event again.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.outcome == "unanswered"
    }

    fn unanswered(self, cause: &impl ToString) -> Self {
        Self { level: "ERROR", outcome: "unanswered", cause: Some(cause.to_string()), ..self }
    }

    /// The end of an attempt to deliver.
    #[must_use]
    fn delivered(self, delivered: Result<(), Undelivered>) -> Self {
        match delivered {
            Ok(()) => self,
            Err(error) => self.unanswered(&error),
        }
    }
}

/// Handles an event and answers CloudFormation, at the latest when the function's own time ends at `deadline`, which counts as
/// [`Time::now`] does.
///
/// A Delete of a resource whose creation failed before it had an ID succeeds without the handler.
pub async fn handle<S: Http + Time + Jitter, R: Respond>(
    surroundings: &S,
    handler: &R,
    event: &str,
    trust: &Trust,
    deadline: Duration,
) -> Record {
    let request = match Request::parse(event, trust) {
        Ok(request) => request,
        Err(Rejected::Unanswerable(why)) => return Record::new("unanswered", None, None).unanswered(&why),
        Err(Rejected::Answerable { recipient, physical_id, why }) => {
            let record = Record { cause: Some(why.to_string()), ..Record::new("failed", None, Some(&recipient)) };
            let answer = Answer::Failed { physical_id, reason: rejection(why) };
            return record.delivered(deliver(surroundings, &recipient, answer, deadline).await);
        }
    };
    let response = respond(surroundings, handler, &request, deadline).await;
    finish(surroundings, &request, response, deadline).await
}

/// What a guarded handler came to, with the cause of a failure for the log.
pub(crate) type Finished<T = Success> = Result<T, (Failure, &'static str)>;

/// Answers CloudFormation.
pub(crate) async fn finish<S: Http + Time + Jitter>(
    surroundings: &S,
    request: &Request,
    response: Finished<Reply>,
    deadline: Duration,
) -> Record {
    let (answer, cause) = match response {
        Ok(Reply::Later) => return Record::new("later", Some(request), Some(&request.recipient)),
        Ok(Reply::Now(success)) => (Answer::Success(success), None),
        Err((failure, cause)) => {
            let physical_id = failure.physical_id.unwrap_or_else(|| request.failed_id());
            (Answer::Failed { physical_id, reason: failure.reason }, Some(cause))
        }
    };
    let answer = answer.fitting(&request.recipient);
    let outcome = if answer.is_success() { "success" } else { "failed" };
    let cause = cause.or_else(|| (!answer.is_success()).then_some("the answer is too large")).map(str::to_owned);
    let record = Record { cause, ..Record::new(outcome, Some(request), Some(&request.recipient)) };
    record.delivered(deliver(surroundings, &request.recipient, answer, deadline).await)
}

fn rejection(why: Invalid) -> String {
    format!("The request of CloudFormation cannot be handled: {why}.")
}

async fn respond<S: Time, R: Respond>(
    surroundings: &S,
    handler: &R,
    request: &Request,
    deadline: Duration,
) -> Finished<Reply> {
    if let Change::Delete { physical_id } = &request.change
        && physical_id.is_marker()
    {
        let physical_id = physical_id.clone();
        return Ok(Reply::Now(Success { physical_id, data: Data::default(), no_echo: false }));
    }
    let begun = if request.change == Change::Create { handler.begun(request) } else { None };
    guarded(surroundings, handler.respond(request), begun, deadline).await
}

/// Runs a handler until shortly before the function's own time ends, and turns a panic into a failure. If it is given up, the failure
/// names what it had `begun`.
pub(crate) async fn guarded<S: Time, T>(
    surroundings: &S,
    handler: impl Future<Output = Result<T, Failure>>,
    begun: Option<PhysicalId>,
    deadline: Duration,
) -> Finished<T> {
    let given_up = |reason: String| Failure { reason, physical_id: begun };
    let left = deadline.saturating_sub(surroundings.now());
    let limit = left.saturating_sub(RESERVE.min(left / 2));
    match within(surroundings, limit, AssertUnwindSafe(handler).catch_unwind()).await {
        Some(Ok(Ok(done))) => Ok(done),
        Some(Ok(Err(failure))) => Err((failure, "the handler failed")),
        Some(Err(_panic)) => {
            let reason = "The handler panicked. The log of the function says where.";
            Err((given_up(reason.to_owned()), "the handler panicked"))
        }
        None => {
            let reason = format!("The handler did not finish within {} s.", limit.as_secs());
            Err((given_up(reason), "the handler ran out of time"))
        }
    }
}
