//! The three steps of the framework: onEvent, isComplete, onTimeout.

use super::{Event, Executions, Outcome, Pending, Progress, Provider, ServiceFailed, Urls, Waiter};
use crate::entry::{Failure, Finished, Record, Reply, Respond, finish, guarded};
use crate::protocol::{Data, PhysicalId, Recipient, Request, Success, Trust};
use crate::surroundings::{Http, Jitter, Time};
use std::time::Duration;

/// The first step, behind the service token.
#[derive(Clone, Debug)]
pub struct Entry<P, U, X> {
    /// What handles events.
    pub provider: P,
    /// What waits. Without it, what `on_event` did is complete.
    pub waiter: Option<Waiter<U, X>>,
}

impl<P: Provider, U: Urls, X: Executions> Respond for Entry<P, U, X> {
    async fn respond(&self, request: &Request) -> Result<Reply, Failure> {
        let event = Event::from(request);
        let returned = self.provider.on_event(&event).await?;
        let physical_id = returned.settle(&event)?;
        let Some(waiter) = &self.waiter else {
            let Outcome { data, no_echo, .. } = returned;
            return Ok(Reply::Now(Success { physical_id, data, no_echo }));
        };
        let returned = Outcome { physical_resource_id: Some(physical_id.as_str().to_owned()), ..returned };
        waiter
            .start(&request.recipient, &Pending { event, returned })
            .await
            // The resource exists: CloudFormation has to delete it.
            .map_err(|error| {
                Failure::new(format!("The wait for the resource could not begin: {error}.")).of(physical_id)
            })?;
        Ok(Reply::Later)
    }
}

impl<U: Urls, X: Executions> Waiter<U, X> {
    async fn start(&self, recipient: &Recipient, pending: &Pending) -> Result<(), ServiceFailed> {
        let (id, url) = (recipient.request_id(), recipient.url().expose());
        let input = serde_json::to_string(pending).expect("maps with text keys are JSON");
        let is_new = self.urls.keep(id, url).await?;
        match self.executions.start(id, &input).await {
            // The request came twice. If its URL was gone, the first execution has answered, and nobody will need it.
            Ok(false) if is_new => self.urls.forget(id).await,
            Ok(_) => Ok(()),
            Err(error) => {
                // The caller answers, and after that the URL is of no use. The first error matters.
                let _ = self.urls.forget(id).await;
                Err(error)
            }
        }
    }
}

/// How a later step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The execution ends here.
    Done(Record),
    /// It is not complete: the execution asks again.
    NotYet,
    /// CloudFormation could not be told yet: the execution tries again.
    Unanswered(Record),
}

/// Where later steps are, and how much time they have.
#[derive(Clone, Copy, Debug)]
struct Scene<'a, S, U> {
    surroundings: &'a S,
    urls: &'a U,
    trust: &'a Trust,
    deadline: Duration,
}

/// Asks whether it is complete, and answers CloudFormation if so, or if asking failed.
pub async fn is_complete<S: Http + Time + Jitter, P: Provider, U: Urls>(
    surroundings: &S,
    provider: &P,
    urls: &U,
    input: &str,
    trust: &Trust,
    deadline: Duration,
) -> Step {
    let Ok(pending) = serde_json::from_str::<Pending>(input) else { return unreadable() };
    let scene = Scene { surroundings, urls, trust, deadline };
    let asked = guarded(surroundings, provider.is_complete(&pending), None, deadline).await;
    let finished = match asked {
        Ok(Progress { is_complete: false, data, .. }) if data.is_empty() => return Step::NotYet,
        Ok(progress) => completed(&pending, progress).map_err(|failure| (failure, "the handler broke the rules")),
        Err(failed) => Err(failed),
    };
    scene.answer(&pending, finished).await
}

/// Answers that the time is over.
pub async fn on_timeout<S: Http + Time + Jitter, U: Urls>(
    surroundings: &S,
    urls: &U,
    input: &str,
    trust: &Trust,
    deadline: Duration,
) -> Step {
    let Ok(pending) = serde_json::from_str::<Pending>(input) else { return unreadable() };
    let scene = Scene { surroundings, urls, trust, deadline };
    scene.answer(&pending, Err((Failure::new("Operation timed out"), "the total timeout is over"))).await
}

fn unreadable() -> Step {
    Step::Done(Record::lost("the input of the execution is unreadable"))
}

/// The attributes of both, in which those of `is_complete` prevail.
fn completed(pending: &Pending, progress: Progress) -> Result<Success, Failure> {
    if !progress.is_complete {
        return Err(Failure::new("isComplete returned Data although it is not complete."));
    }
    let physical_id = pending.settle(progress.physical_resource_id.as_deref())?;
    let mut data = pending.returned.data.clone();
    data.0.extend(progress.data.0);
    Ok(Success { physical_id, data: Data(data.0), no_echo: progress.no_echo || pending.returned.no_echo })
}

impl<S: Http + Time + Jitter, U: Urls> Scene<'_, S, U> {
    async fn answer(&self, pending: &Pending, finished: Finished) -> Step {
        let id = &pending.event.request_id;
        let url = match self.urls.recall(id).await {
            Ok(Some(url)) => url,
            // Answered before, or the wrong execution: there is nothing to tell, and nobody to tell it to.
            Ok(None) => return Step::Done(Record::lost("no response URL is kept for this request")),
            Err(error) => return Step::Unanswered(Record::lost(&error.to_string())),
        };
        let Some(request) = request(pending, &url, self.trust) else {
            return Step::Done(Record::lost("the input of the execution agrees with no request"));
        };
        // The real ID: the handler gets the Delete of what was begun.
        let current: PhysicalId = pending.physical_id().unwrap_or_else(|_| request.failed_id());
        let finished = finished.map(Reply::Now).map_err(|(failure, cause)| {
            let physical_id = failure.physical_id.clone().unwrap_or(current);
            (failure.of(physical_id), cause)
        });
        let record = finish(self.surroundings, &request, finished, self.deadline).await;
        if record.is_unanswered() {
            return Step::Unanswered(record);
        }
        match self.urls.forget(id).await {
            Ok(()) => Step::Done(record),
            Err(error) => Step::Done(record.with_cause(&format!("the response URL is kept: {error}"))),
        }
    }
}

/// The request again, with the same checks: the input of an execution is as little trusted as an event.
fn request(pending: &Pending, url: &str, trust: &Trust) -> Option<Request> {
    let mut event = serde_json::to_value(&pending.event).ok()?;
    event["ResponseURL"] = url.into();
    Request::parse(&event.to_string(), trust).ok()
}
