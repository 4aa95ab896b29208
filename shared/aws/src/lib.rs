//! How Latchkey connects to AWS.
//!
//! Lambda provides the region and the credentials of a function's role in environment variables, and they stay valid for
//! the lifetime of the environment. Reading them from there and nowhere else saves every start the search through profiles
//! and metadata services that a general-purpose client makes.

mod connections;
mod http;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::SharedAsyncSleep, rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, result::ConnectorError, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
pub use aws_types::SdkConfig;
use aws_types::region::Region;
use connections::Connections;
use latchkey_auth::Cause;
use std::error::Error as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The environment of a function is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that Lambda sets is missing.
    #[error("the environment variable {0} is missing: this program is started by AWS Lambda")]
    Missing(&'static str),
    /// The certificate file cannot be read, or the system has no certificates.
    #[error(
        "no certificates can be read from the file that AWS_CA_BUNDLE names, or from the system where it names none"
    )]
    Certificates,
}

/// Builds an HTTP client for the endpoints of a region.
pub fn https(region: &str) -> Result<SharedHttpClient, EnvironmentError> {
    Ok(SharedHttpClient::new(Connections::new(region)?))
}

/// Whether a request failed before there was a connection, so that nobody can have received it.
#[must_use]
pub fn never_connected(error: &ConnectorError) -> bool {
    error
        .source()
        .and_then(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// Builds a connector for the endpoints of a region, for requests that no SDK client makes. It follows no redirects.
pub fn connector(region: &str) -> Result<SharedHttpConnector, EnvironmentError> {
    Ok(Connections::new(region)?.connector())
}

/// The timeout of a call to a service, including retries. An operation makes at most three, which together with a hash stay
/// below the functions' timeout of 15 seconds.
const CALL: Duration = Duration::from_secs(4);
/// The timeout of one attempt: after a dead connection there is time for another.
const ATTEMPT: Duration = Duration::from_millis(1_800);
/// The timeout of connecting.
const CONNECT: Duration = Duration::from_secs(1);

/// AWS, as one function reaches it.
#[derive(Debug)]
pub struct Aws {
    /// The configuration of all SDK clients.
    pub sdk: SdkConfig,
    connections: Connections,
}

impl Aws {
    /// Starts to create clients and open connections, and returns at once. The function asks for its first event before any
    /// of this happens; the first call finds it done or under way. A call whose client or connection could not be warmed up
    /// creates its own.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn warm_up(&self, services: Vec<WarmUp>) {
        let (region, endpoint) = (self.sdk.region().map_or("", AsRef::as_ref), self.sdk.endpoint_url());
        let address =
            |service: &WarmUp| endpoint.map(str::to_owned).or_else(|| connections::address(service.name, region));
        let services: Vec<_> = services.into_iter().map(|service| (address(&service), service)).collect();
        let connections = self.connections.clone();
        tokio::spawn(async move {
            // Each turn of the event loop polls the network once; the request for an event needs a few.
            for _ in 0..TURNS_TO_ASK {
                tokio::task::yield_now().await;
            }
            for (address, service) in &services {
                if let Some(address) = address {
                    connections.open(address, service.connections);
                }
            }
            for (_, service) in services {
                (service.create_client)();
            }
        });
    }
}

/// More turns of the event loop than it takes to send the request for the first event.
const TURNS_TO_ASK: usize = 16;

/// A client of the SDK. Creating one takes a sixth of the computation of a start
/// (`docs/decisions/0011-ready-beside-the-start.md`).
pub type Client<C> = Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>;

/// Builds a client that is created when it is first needed, or [warmed up](Aws::warm_up) before.
pub fn client<C>(sdk: &SdkConfig, new: impl FnOnce(&SdkConfig) -> C + Send + 'static) -> Client<C> {
    let sdk = sdk.clone();
    Arc::new(LazyLock::new(Box::new(move || new(&sdk))))
}

/// The configuration for calls that the SDK must not make twice: each is attempted once.
#[must_use]
pub fn without_retries(sdk: &SdkConfig) -> SdkConfig {
    sdk.to_builder().retry_config(RetryConfig::disabled()).build()
}

/// What to create and open for a service ahead of the first call.
pub struct WarmUp {
    name: &'static str,
    connections: usize,
    create_client: Box<dyn FnOnce() + Send>,
}

impl WarmUp {
    /// Warms up a client and this many connections to the endpoint whose first label is `name`. `None` if no connection is
    /// wanted.
    #[must_use]
    pub fn new<C: Send + Sync + 'static>(name: &'static str, connections: usize, client: &Client<C>) -> Option<Self> {
        if connections == 0 {
            return None;
        }
        let client = Arc::clone(client);
        let create_client = Box::new(move || {
            LazyLock::force(&client);
        });
        Some(Self { name, connections, create_client })
    }
}

/// Reads what Lambda provides in the environment.
pub fn from_environment() -> Result<Aws, EnvironmentError> {
    let required = |name| std::env::var(name).map_err(|_| EnvironmentError::Missing(name));
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

/// The error code of a failed call. The service's message is dropped: it may quote what was sent.
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
