//! A range service for breached passwords, in the form that Have I Been Pwned's *Pwned Passwords* gave it: whoever sends
//! the first five hexadecimal digits of a SHA-1 gets the rest of every known one that begins so.
//!
//! <https://haveibeenpwned.com/API/v3#PwnedPasswords>. The service learns one in a million, and with `Add-Padding` no
//! observer learns from the answer's size which.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use latchkey_auth::{Breaches, Cause, Fault};
use std::fmt;
use std::time::Duration;

/// The longest that one question may take: nobody's sign-up waits longer for a service that is not needed.
const LIMIT: Duration = Duration::from_millis(1_500);

/// More than any answer: a padded one has some 1,000 lines of 40 bytes.
const MOST_BYTES: usize = 256 * 1024;

/// No client can be made for this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the breached-password service cannot be used: its address is no web address, or the system has no certificates"
)]
pub struct Unusable;

/// The service.
#[derive(Clone)]
pub struct RangeService {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// What the digits are appended to.
    address: String,
}

impl RangeService {
    /// A service whose ranges are at this address, to which five digits are appended. Reads the system's certificates: it
    /// is not Amazon's.
    pub fn new(address: &str) -> Result<Self, Unusable> {
        format!("{address}00000").parse::<Uri>().map_err(|_| Unusable)?;
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| Unusable)?
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

impl Breaches for RangeService {
    async fn range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        let answer = tokio::time::timeout(LIMIT, self.ask(prefix)).await.unwrap_or(Err("timeout"));
        answer.map(Some).map_err(|code| Fault::Breaches(Cause::code(code)))
    }
}

impl fmt::Debug for RangeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeService").field("address", &self.address).finish_non_exhaustive()
    }
}
