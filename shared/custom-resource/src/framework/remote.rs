//! Handlers in functions of their own, in any language.

use super::{Event, Outcome, Pending, Progress, Provider};
use crate::aws::{Aws, Body, Call, CallError, Endpoint, encode_path};
use crate::entry::Failure;
use crate::surroundings::{Http, HttpResponse, Jitter, Time};
use serde_json::Value;
use std::time::Duration;

/// How long a function that cannot be invoked may take to become active.
const ACTIVE_WITHIN: Duration = Duration::from_mins(5);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A handler runs up to 14 minutes; the framework's own function has 15.
const HANDLER_TIMEOUT: Duration = Duration::from_mins(14);

/// Handlers in functions of their own. Their ARNs come from settings, never from an event.
#[derive(Clone, Debug)]
pub struct RemoteProvider<S> {
    /// AWS.
    pub aws: Aws<S>,
    /// The function `onEvent`.
    pub on_event: String,
    /// The function `isComplete`.
    pub is_complete: Option<String>,
}

const LAMBDA: Endpoint<'static> = Endpoint { host: "lambda", signing_name: "lambda" };

impl<S: Http + Time + Jitter> RemoteProvider<S> {
    async fn invoke_once(&self, function: &str, payload: &Value) -> Result<HttpResponse, CallError> {
        let path = format!("/2015-03-31/functions/{}/invocations", encode_path(function));
        let headers = vec![("x-amz-invocation-type".to_owned(), "RequestResponse".to_owned())];
        let body = Body { content_type: "application/json", bytes: payload.to_string().into_bytes() };
        self.aws.call(&Call { endpoint: LAMBDA, method: "POST", path, headers, body, timeout: HANDLER_TIMEOUT }).await
    }

    /// Whether a function became active in time.
    async fn becomes_active(&self, function: &str) -> bool {
        let path = format!("/2015-03-31/functions/{}/configuration", encode_path(function));
        let look = Call {
            endpoint: LAMBDA,
            method: "GET",
            path,
            headers: Vec::new(),
            body: Body::none(),
            timeout: LOOK_EVERY,
        };
        let surroundings = &self.aws.surroundings;
        let end = surroundings.now() + ACTIVE_WITHIN;
        loop {
            let Ok(found) = self.aws.call(&look).await else { return false };
            let state = serde_json::from_slice::<Value>(&found.body).unwrap_or_default();
            match state.get("State").and_then(Value::as_str) {
                Some("Active") => return true,
                Some("Pending" | "Inactive") if surroundings.now() < end => surroundings.sleep(LOOK_EVERY).await,
                _ => return false,
            }
        }
    }

    async fn invoke(&self, function: &str, payload: &Value) -> Result<Vec<u8>, Failure> {
        let mut response = self.invoke_once(function, payload).await;
        if let Err(CallError::Service { .. }) = response
            && self.becomes_active(function).await
        {
            response = self.invoke_once(function, payload).await;
        }
        let response = response.map_err(|error| {
            // The code, since the message of a service may quote what was sent.
            Failure::new(format!("The handler {} could not be invoked: {}.", name(function), error.code()))
        })?;
        if response.header("x-amz-function-error").is_some() {
            return Err(function_error(function, &response.body));
        }
        Ok(response.body)
    }
}

/// The name in an ARN, or the text.
fn name(function: &str) -> &str {
    let name = function.split_once(":function:").map_or(function, |(_, name)| name);
    name.split(':').next().unwrap_or_default()
}

/// What a handler failed with, where its log is, and the trace that it left, all cut to what an answer holds.
fn function_error(function: &str, body: &[u8]) -> Failure {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = error.get("errorMessage").and_then(Value::as_str).unwrap_or("The handler failed without a message.");
    let mut reason = format!("{message}\n\nLogs: /aws/lambda/{}", name(function));
    for key in ["trace", "stackTrace"] {
        let lines = error.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let trace: Vec<_> = lines.map(str::trim_end).collect();
        if !trace.is_empty() {
            reason = format!("{reason}\n\n{}", trace.join("\n"));
        }
    }
    Failure::new(reason)
}

impl<S: Http + Time + Jitter> Provider for RemoteProvider<S> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        let payload = serde_json::to_value(event).expect("a struct with text keys is JSON");
        Outcome::parse(&self.invoke(&self.on_event, &payload).await?)
    }

    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        let Some(function) = &self.is_complete else { return Ok(Progress::complete()) };
        Progress::parse(&self.invoke(function, &pending.merged()).await?)
    }
}
