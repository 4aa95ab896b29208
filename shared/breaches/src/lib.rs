//! A range service for compromised passwords, with the API of Have I Been Pwned's *Pwned Passwords*: it returns the rest of
//! every known SHA-1 that begins with five hexadecimal digits.
//!
//! <https://haveibeenpwned.com/API/v3#PwnedPasswords>. The service learns no more than that the hash is one in about a
//! million, and `Add-Padding` keeps observers from telling which from the size of the response.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use latchkey_auth::services::CompromisedPasswords;
use latchkey_auth::{Cause, Fault};
use std::fmt;
use std::time::Duration;

/// The timeout of a request: no sign-up waits longer for a service that it can do without.
const LIMIT: Duration = Duration::from_millis(1_500);

/// More than any response: a padded one has about 1,000 lines of 40 bytes.
const MOST_BYTES: usize = 256 * 1024;

/// The range service cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the breached-password service cannot be used: its address is not a web address, or the system has no certificates"
)]
pub struct InvalidRangeService;

/// A client of a range service.
#[derive(Clone)]
pub struct RangeService {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// The address to which the digits are appended.
    address: String,
}

impl RangeService {
    /// Creates a client of the service at this address, to which five digits are appended. It trusts the system's
    /// certificates, since the service is not Amazon's.
    pub fn new(address: &str) -> Result<Self, InvalidRangeService> {
        format!("{address}00000").parse::<Uri>().map_err(|_| InvalidRangeService)?;
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| InvalidRangeService)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), address: address.to_owned() })
    }

    async fn ask(&self, prefix: &str) -> Result<String, &'static str> {
        let request = Request::get(format!("{}{prefix}", self.address))
            .header("Add-Padding", "true")
            .header("User-Agent", "Latchkey")
            .body(Empty::new())
            .map_err(|_| "request")?;
        let answer = self.client.request(request).await.map_err(|_| "connection")?;
        if answer.status() != StatusCode::OK {
            return Err("status");
        }
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|_| "response")?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "response")
    }
}

impl CompromisedPasswords for RangeService {
    async fn compromised_range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        let response = tokio::time::timeout(LIMIT, self.ask(prefix)).await.unwrap_or(Err("timeout"));
        response.map(Some).map_err(|code| Fault::CompromisedPasswords(Cause::code(code)))
    }
}

impl fmt::Debug for RangeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeService").field("address", &self.address).finish_non_exhaustive()
    }
}
