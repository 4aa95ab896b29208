//! How an answer is delivered: one PUT, tried again while there is time.

use super::answer::Answer;
use super::request::Recipient;
use crate::surroundings::{Http, HttpError, HttpRequest, Jitter, Time, within};
use std::time::Duration;

/// How often an answer is sent before it is given up: once, and five times more.
pub const ATTEMPTS: u32 = 6;

/// The timeout of one attempt.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The upper bound of the first wait. Each further wait has twice the bound.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// An answer that could not be delivered. CloudFormation will wait until its own time limit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// The bucket refused it with this status.
    #[error("the response bucket answered {0}")]
    Status(u16),
    /// No response came.
    #[error("the response bucket: {0}")]
    Http(#[from] HttpError),
}

/// Sends an answer, at most until `deadline`, which counts as [`Time::now`] does.
///
/// A response other than 2xx is a failure; a redirect is not followed.
pub async fn deliver<S: Http + Time + Jitter>(
    surroundings: &S,
    to: &Recipient,
    answer: Answer,
    deadline: Duration,
) -> Result<(), Undelivered> {
    let request = HttpRequest {
        method: "PUT",
        url: to.url().expose().to_owned(),
        // The URL is signed for an empty content type, and any other voids the signature.
        headers: vec![("content-type".to_owned(), String::new())],
        body: answer.body(to),
    };
    let mut longest_wait = FIRST_WAIT;
    let mut attempt = 1;
    loop {
        let left = deadline.saturating_sub(surroundings.now());
        let outcome = match within(surroundings, left.min(ATTEMPT_TIMEOUT), surroundings.send(request.clone())).await {
            Some(Ok(response)) if (200..300).contains(&response.status) => return Ok(()),
            Some(Ok(response)) => Undelivered::Status(response.status),
            Some(Err(error)) => error.into(),
            None => HttpError::Timeout.into(),
        };
        let wait = surroundings.draw(longest_wait);
        if attempt == ATTEMPTS || surroundings.now() + wait >= deadline {
            return Err(outcome);
        }
        surroundings.sleep(wait).await;
        longest_wait *= 2;
        attempt += 1;
    }
}
