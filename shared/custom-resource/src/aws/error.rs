//! Why a call failed.

use crate::surroundings::{HttpError, HttpResponse};
use serde_json::Value;

/// A call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The service refused it, or failed.
    #[error("{code}: {message}")]
    Service {
        /// The service's code, or the HTTP status.
        code: String,
        /// Its message. It may quote what was sent, so it is for the owner of the stack and not for a log.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// No response.
    #[error("the service could not be reached: {0}")]
    Http(HttpError),
    /// The response is not what the service should send.
    #[error("the service's response is unreadable")]
    Unreadable,
    /// The request could not be signed.
    #[error("the request could not be signed")]
    Unsigned,
}

/// The codes by which services say that they did nothing because there was too much to do.
const THROTTLED: [&str; 7] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
];

impl CallError {
    /// The code, for matching and for logs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Service { code, .. } => code,
            Self::Http(HttpError::Timeout) => "Timeout",
            Self::Http(_) => "Connection",
            Self::Unreadable => "Unreadable",
            Self::Unsigned => "Unsigned",
        }
    }

    /// Whether the service certainly did nothing, so that sending it again does nothing twice.
    pub(crate) fn was_not_carried_out(&self) -> bool {
        match self {
            Self::Service { code, status, .. } => {
                *status == 429 || *status == 503 || THROTTLED.contains(&code.as_str())
            }
            Self::Http(error) => *error == HttpError::Connection,
            Self::Unreadable | Self::Unsigned => false,
        }
    }
}

/// Reads an error as JSON, as XML, or else by its status.
pub(crate) fn error_of(response: &HttpResponse) -> CallError {
    let status = response.status;
    let (code, message) = from_json(response).or_else(|| from_xml(response)).unwrap_or_default();
    // `prefix#Code:url`, in the various protocols.
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let code = if code.is_empty() { format!("Http{status}") } else { code };
    CallError::Service { code, message, status }
}

fn from_json(response: &HttpResponse) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    let text = |keys: &[&str]| keys.iter().find_map(|key| body.get(key)?.as_str()).unwrap_or_default().to_owned();
    let header = response.header("x-amzn-errortype").map(str::to_owned);
    Some((header.unwrap_or_else(|| text(&["__type", "code", "Code"])), text(&["message", "Message"])))
}

fn from_xml(response: &HttpResponse) -> Option<(String, String)> {
    let body = super::query::read(std::str::from_utf8(&response.body).ok()?)?;
    // <ErrorResponse><Error>…, <Response><Errors><Error>… or <Error>….
    let error = [body.pointer("/Error"), body.pointer("/Errors/Error"), Some(&body)];
    let error = error.into_iter().flatten().find(|error| error.get("Code").is_some())?;
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((text("Code"), text("Message")))
}
