//! How Latchkey reaches AWS.
//!
//! Lambda puts region and credentials of a function's role into its environment, and they stay good for as
//! long as that environment lives. Reading them from there, and from nowhere else, spares every start the search
//! through profiles and metadata services that a general-purpose client makes.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::SharedAsyncSleep, rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
pub use aws_types::SdkConfig;
use aws_types::region::Region;
use latchkey_auth::Cause;
use std::time::Duration;

/// What Lambda or the owner gives a function is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A variable that Lambda sets is missing.
    #[error("the environment variable {0} is missing: this program is started by AWS Lambda")]
    Missing(&'static str),
    /// The file of certificates cannot be read.
    #[error("AWS_CA_BUNDLE names no file of certificates that can be read")]
    Certificates,
}

/// The five roots of Amazon Trust Services, which sign for the endpoints of AWS. Reading the 140 roots of the system took
/// four of the five milliseconds of a start (`docs/decisions/0008-amazons-roots.md`).
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("../roots/amazon-trust-services.pem");

/// Partitions whose endpoints others sign for, by the first letters of their regions.
const OTHER_PARTITIONS: [&str; 3] = ["cn-", "us-iso", "eusc-"];

/// Whom to believe: the file that `AWS_CA_BUNDLE` names, as in all AWS tools, or Amazon's roots, or the system's.
fn trust(region: &str) -> Result<TlsContext, Unusable> {
    let roots = match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        Some(path) => {
            let certificates = std::fs::read(path).map_err(|_| Unusable::Certificates)?;
            TrustStore::empty().with_pem_certificate(certificates)
        }
        None if OTHER_PARTITIONS.iter().any(|partition| region.starts_with(partition)) => TrustStore::default(),
        None => TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES),
    };
    TlsContext::builder().with_trust_store(roots).build().map_err(|_| Unusable::Certificates)
}

/// Connections to the endpoints of a region.
pub fn https(region: &str) -> Result<SharedHttpClient, Unusable> {
    let client = aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::rustls(CryptoMode::Ring));
    Ok(client.tls_context(trust(region)?).build_https())
}

/// The longest that one call to a service may take, with its retries. An operation makes at most three, which
/// together with a hash stay below the functions' timeout of 15 seconds.
const CALL: Duration = Duration::from_secs(4);
/// The longest that one attempt may take: a dead connection leaves time for another try.
const ATTEMPT: Duration = Duration::from_millis(1_800);
/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(1);

/// What every SDK client of a function is made from.
pub fn from_environment() -> Result<SdkConfig, Unusable> {
    let required = |name| std::env::var(name).map_err(|_| Unusable::Missing(name));
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "Lambda",
    );
    let region = required("AWS_REGION")?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(https(&region)?)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)));
    config.set_region(Region::new(region));
    config.set_endpoint_url(std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()));
    Ok(config.build())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_roots_of_amazon_trust_services_are_there() {
        let text = std::str::from_utf8(AMAZON_TRUST_SERVICES).unwrap();
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        assert!(trust("eu-west-1").is_ok());
    }
}
