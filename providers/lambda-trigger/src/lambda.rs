//! Invoking functions by Lambda's API.

use crate::outcome::{Invocation, cut};
use crate::properties::{Mode, Target};
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_lambda::{Client, config};
use aws_types::SdkConfig;

/// Bytes of a service's message that are handed on.
const LONGEST_MESSAGE: usize = 600;

/// Invokes functions.
#[allow(async_fn_in_trait, reason = "Lambda runs one event at a time on one thread: no future needs Send")]
pub(crate) trait Invoke {
    /// Invokes a function, and waits for its answer if the mode says so.
    async fn invoke(&self, target: &Target, mode: Mode, payload: &str) -> Result<Invocation, NotInvoked>;
}

/// Why a function was not invoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotInvoked {
    /// Lambda is still preparing it.
    #[error("the function is not ready: {0}")]
    NotReady(String),
    /// Lambda refused, or could not be reached.
    #[error("the function could not be invoked: {0}")]
    Refused(String),
}

/// Lambda's API.
pub(crate) struct LambdaApi(Client);

impl LambdaApi {
    /// A client that waits for an answer as long as its caller does. The other settings are those of all clients.
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        let mut timeouts = TimeoutConfig::builder();
        timeouts.set_connect_timeout(sdk.timeout_config().and_then(TimeoutConfig::connect_timeout));
        Self(Client::from_conf(config::Builder::from(sdk).timeout_config(timeouts.build()).build()))
    }
}

impl Invoke for LambdaApi {
    async fn invoke(&self, target: &Target, mode: Mode, payload: &str) -> Result<Invocation, NotInvoked> {
        let kind = match mode {
            Mode::Event => InvocationType::Event,
            Mode::RequestResponse => InvocationType::RequestResponse,
        };
        let (function, qualifier) = target.parts();
        let invoke = self.0.invoke().function_name(function).set_qualifier(qualifier.map(str::to_owned));
        let answer =
            invoke.invocation_type(kind).payload(Blob::new(payload)).send().await.map_err(|error| failure(&error))?;
        Ok(Invocation {
            status: answer.status_code(),
            executed_version: answer.executed_version,
            function_error: answer.function_error,
            payload: answer.payload.map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned()).unwrap_or_default(),
        })
    }
}

fn failure(error: &SdkError<InvokeError>) -> NotInvoked {
    let said = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // No answer of the service: it holds nothing that was sent.
        (None, _) => DisplayErrorContext(error).to_string(),
    };
    let said = cut(&said, LONGEST_MESSAGE).to_owned();
    match error.code() {
        Some("ResourceConflictException" | "ResourceNotReadyException") => NotInvoked::NotReady(said),
        _ => NotInvoked::Refused(said),
    }
}
