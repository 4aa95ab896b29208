//! One signed request, and its answer.

use super::error::{CallError, error_of};
use crate::surroundings::{Http, HttpRequest, HttpResponse, Jitter, Time, within};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use std::time::{Duration, UNIX_EPOCH};

/// How often a request is sent that the service did not carry out. CloudFormation makes the resources of a stack at the same time, and
/// Parameter Store takes three writes a second: with these waits, which together have up to 26 s, some thirty resources can begin to
/// wait together.
const ATTEMPTS: u32 = 10;

/// The upper bound of the first wait. Each further wait has twice the bound, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The upper bound of any wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// AWS in one region, with the credentials of one role.
#[derive(Clone, Debug)]
pub struct Aws<S> {
    /// Time, randomness and the network.
    pub surroundings: S,
    /// The role's credentials. Their `Debug` hides the secret parts.
    pub credentials: Credentials,
    /// The region of requests that name no other.
    pub region: String,
    /// The origin of a local cloud, which takes all requests.
    pub endpoint: Option<String>,
}

/// The domain of a region's endpoints.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Which service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// The first label of the host.
    pub host: &'a str,
    /// The name in signatures.
    pub signing_name: &'a str,
}

/// The body of a request. It has no `Debug`: it may hold secrets.
pub struct Body {
    /// The content type. An empty one is not sent.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// No body.
    #[must_use]
    pub fn none() -> Self {
        Self { content_type: "", bytes: Vec::new() }
    }
}

/// A request to a service.
pub struct Call<'a> {
    /// The service.
    pub endpoint: Endpoint<'a>,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path and query, encoded.
    pub path: String,
    /// Further headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// The timeout of one attempt.
    pub timeout: Duration,
}

impl<S: Http + Time + Jitter> Aws<S> {
    /// Sends a request. What the service did not carry out (throttling, no connection) is tried again.
    pub async fn call(&self, call: &Call<'_>) -> Result<HttpResponse, CallError> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let sent = self.surroundings.send(self.signed(call)?);
            let outcome = match within(&self.surroundings, call.timeout, sent).await {
                Some(Ok(response)) if response.status < 300 => return Ok(response),
                Some(Ok(response)) => error_of(&response),
                Some(Err(error)) => CallError::Http(error),
                None => CallError::Http(crate::surroundings::HttpError::Timeout),
            };
            if attempt == ATTEMPTS || !outcome.was_not_carried_out() {
                return Err(outcome);
            }
            let drawn = self.surroundings.draw(wait);
            self.surroundings.sleep(drawn).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            attempt += 1;
        }
    }

    /// The origin for a service.
    fn origin(&self, host: &str) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://{host}.{}.{}", self.region, domain(&self.region)))
    }

    fn signed(&self, call: &Call<'_>) -> Result<HttpRequest, CallError> {
        let is_s3 = call.endpoint.signing_name == "s3";
        let mut headers = call.headers.clone();
        if !call.body.content_type.is_empty() {
            headers.push(("content-type".to_owned(), call.body.content_type.to_owned()));
        }
        let url = format!("{}{}", self.origin(call.endpoint.host), call.path);
        let mut settings = SigningSettings::default();
        if is_s3 {
            // S3 signs paths as they are, and wants the hash of the body in a header.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(call.endpoint.signing_name)
            .time(UNIX_EPOCH + self.surroundings.now())
            .settings(settings)
            .build()
            .map_err(|_| CallError::Unsigned)?
            .into();
        let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(call.method, &url, given, SignableBody::Bytes(&call.body.bytes))
            .map_err(|_| CallError::Unsigned)?;
        let (instructions, _) = sign(request, &params).map_err(|_| CallError::Unsigned)?.into_parts();
        headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(HttpRequest { method: call.method, url, headers, body: call.body.bytes.clone() })
    }

    /// Calls an action of a service that speaks AWS JSON.
    pub async fn json(
        &self,
        endpoint: Endpoint<'_>,
        target: &str,
        version: JsonVersion,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value, CallError> {
        let response = self
            .call(&Call {
                endpoint,
                method: "POST",
                path: "/".to_owned(),
                headers: vec![("x-amz-target".to_owned(), target.to_owned())],
                body: Body { content_type: version.content_type(), bytes: body.to_string().into_bytes() },
                timeout: Duration::from_secs(10),
            })
            .await?;
        if response.body.is_empty() {
            return Ok(serde_json::json!({}));
        }
        serde_json::from_slice(&response.body).map_err(|_| CallError::Unreadable)
    }
}

/// The two versions of AWS JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonVersion {
    /// `application/x-amz-json-1.0`
    V1_0,
    /// `application/x-amz-json-1.1`
    V1_1,
}

impl JsonVersion {
    fn content_type(self) -> &'static str {
        match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        }
    }
}
