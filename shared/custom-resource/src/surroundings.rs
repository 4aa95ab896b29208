//! Time, randomness and HTTP, as parameters: a test brings its own, and no test waits.

use std::future::Future;
use std::time::Duration;

/// The time, and waiting for it to pass.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Time {
    /// The time since 1970-01-01T00:00:00Z.
    fn now(&self) -> Duration;

    /// Returns when this much time has passed.
    async fn sleep(&self, duration: Duration);
}

/// Randomness, for waits that should not coincide. Nothing secret is drawn from it.
pub trait Jitter {
    /// A duration between zero and `below`, uniformly distributed.
    fn draw(&self, below: Duration) -> Duration;
}

/// An HTTP client. It follows no redirects.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Http {
    /// Sends one request and reads the whole response.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// A request. It has no `Debug`, since its URL and its headers may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in capitals.
    pub method: &'static str,
    /// The absolute URL.
    pub url: String,
    /// The headers, names in lower case. `host` and `content-length` are set by the client.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// No response came. The cause holds no URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection was made, so nothing was received.
    #[error("no connection")]
    Connection,
    /// The connection broke. The request may have been received, and carried out.
    #[error("the connection broke")]
    Broken,
    /// No response in time.
    #[error("no response in time")]
    Timeout,
    /// The request cannot be sent as it is.
    #[error("the request is malformed")]
    Request,
    /// The response is not HTTP, or larger than [`RESPONSE_LIMIT`].
    #[error("the response is unreadable")]
    Response,
}

/// The most bytes of a response that are read: a synchronous Lambda response may have 6 MB.
pub const RESPONSE_LIMIT: usize = 8 << 20;

/// Runs a future for at most this long. `None` if it did not finish.
pub async fn within<T: Time, F: Future>(time: &T, limit: Duration, future: F) -> Option<F::Output> {
    use futures_util::future::{Either, select};
    use std::pin::pin;
    match select(pin!(future), pin!(time.sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
