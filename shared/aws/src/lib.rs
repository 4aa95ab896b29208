//! How Latchkey reaches AWS.
//!
//! Lambda puts region and credentials of a function's role into its environment, and they stay good for as
//! long as that environment lives. Reading them from there, and from nowhere else, spares every start the search
//! through profiles and metadata services that a general-purpose client makes.

mod connections;
mod http;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::SharedAsyncSleep, rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
pub use aws_types::SdkConfig;
use aws_types::region::Region;
use connections::Connections;
use latchkey_auth::Cause;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What Lambda or the owner gives a function is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A variable that Lambda sets is missing.
    #[error("the environment variable {0} is missing: this program is started by AWS Lambda")]
    Missing(&'static str),
    /// The file of certificates cannot be read, or the system has none.
    #[error(
        "no certificates can be read from the file that AWS_CA_BUNDLE names, or from the system where it names none"
    )]
    Certificates,
}

/// Connections to the endpoints of a region.
pub fn https(region: &str) -> Result<SharedHttpClient, Unusable> {
    Ok(SharedHttpClient::new(Connections::new(region)?))
}

/// The longest that one call to a service may take, with its retries. An operation makes at most three, which
/// together with a hash stay below the functions' timeout of 15 seconds.
const CALL: Duration = Duration::from_secs(4);
/// The longest that one attempt may take: a dead connection leaves time for another try.
const ATTEMPT: Duration = Duration::from_millis(1_800);
/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(1);

/// AWS, as one function reaches it.
#[derive(Debug)]
pub struct Aws {
    /// What every SDK client is made from.
    pub sdk: SdkConfig,
    connections: Connections,
}

impl Aws {
    /// Begins to make clients and to open connections, and returns at once: the function asks for its first event before
    /// anything of this is done, and its first call finds it done or on its way. What cannot be done is left to the call that
    /// needs it.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn prepare(&self, services: Vec<Service>) {
        let (region, endpoint) = (self.sdk.region().map_or("", AsRef::as_ref), self.sdk.endpoint_url());
        let address =
            |service: &Service| endpoint.map(str::to_owned).or_else(|| connections::address(service.name, region));
        let services: Vec<_> = services.into_iter().map(|service| (address(&service), service)).collect();
        let connections = self.connections.clone();
        tokio::spawn(async move {
            // Each turn of the event loop sees what the network did; the question for an event needs a few of them.
            for _ in 0..TURNS_TO_ASK {
                tokio::task::yield_now().await;
            }
            for (address, service) in &services {
                if let Some(address) = address {
                    connections.open(address, service.connections);
                }
            }
            for (_, service) in services {
                (service.make_client)();
            }
        });
    }
}

/// More turns of the event loop than the question for the first event takes to be sent.
const TURNS_TO_ASK: usize = 16;

/// A client of the SDK. Making one is a sixth of what a start computes (`docs/decisions/0011-ready-beside-the-start.md`).
pub type Client<C> = Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>;

/// A client that is made when it is first needed, or [prepared](Aws::prepare) before.
pub fn client<C>(sdk: &SdkConfig, new: impl FnOnce(&SdkConfig) -> C + Send + 'static) -> Client<C> {
    let sdk = sdk.clone();
    Arc::new(LazyLock::new(Box::new(move || new(&sdk))))
}

/// A service that a function will call.
pub struct Service {
    name: &'static str,
    connections: usize,
    make_client: Box<dyn FnOnce() + Send>,
}

impl Service {
    /// A service by the name that its endpoints begin with, how many connections to it a call uses at once, and its client.
    #[must_use]
    pub fn new<C: Send + Sync + 'static>(name: &'static str, connections: usize, client: &Client<C>) -> Self {
        let client = Arc::clone(client);
        let make_client = Box::new(move || {
            LazyLock::force(&client);
        });
        Self { name, connections, make_client }
    }
}

/// What Lambda's environment says.
pub fn from_environment() -> Result<Aws, Unusable> {
    let required = |name| std::env::var(name).map_err(|_| Unusable::Missing(name));
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "Lambda",
    );
    let region = required("AWS_REGION")?;
    let connections = Connections::new(&region)?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(connections.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)));
    config.set_region(Region::new(region));
    config.set_endpoint_url(std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()));
    Ok(Aws { sdk: config.build(), connections })
}

/// What went wrong with a call, as a code. The service's message is left out: it may quote what was sent.
pub fn cause<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Cause {
    Cause::code(match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timeout",
        SdkError::DispatchFailure(_) => "connection",
        SdkError::ResponseError(_) => "response",
        _ => "request",
    })
}
