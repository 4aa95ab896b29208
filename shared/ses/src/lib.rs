//! Mail through Amazon SES, as text and HTML.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_ses::types::{Body, Content, Destination, Message};
pub use latchkey_auth::delivery::SendError;
use latchkey_auth::delivery::SendMail;
use latchkey_auth::{Cause, Mail};
use latchkey_aws::{SdkConfig, WarmUp};

/// The first label of SES's endpoints.
const ENDPOINT: &str = "email";

/// Sends mail from one address.
#[derive(Clone, Debug)]
pub struct SesMailer {
    client: latchkey_aws::Client<Client>,
    sender: String,
}

impl SesMailer {
    /// Creates a mailer for this sender, which must be a verified identity of SES.
    #[must_use]
    pub fn new(aws: &SdkConfig, sender: String) -> Self {
        // A mail whose answer is late may have been sent. Another attempt comes later, from the stream, when the service has had
        // time to recover; an attempt at once would only make two mails of one.
        Self { client: latchkey_aws::client(&latchkey_aws::without_retries(aws), Client::new), sender }
    }

    /// Creates the client and opens this many connections ahead of the first call; nothing if there are none to open.
    #[must_use]
    pub fn warm_up(&self, connections: usize) -> Option<WarmUp> {
        WarmUp::new(ENDPOINT, connections, &self.client)
    }

    /// Sends one mail to all of these addresses, up to 50, and returns the ID that SES gave it.
    pub async fn send<'a>(
        &self,
        to: impl IntoIterator<Item = &'a str>,
        subject: &str,
        text: &str,
        html: &str,
    ) -> Result<String, SendError> {
        let message = message(subject, text, html).map_err(|_| SendError::Refused(Cause::code("message")))?;
        let to = to.into_iter().map(str::to_owned).collect();
        let sent = self
            .client
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().set_to_addresses(Some(to)).build())
            .message(message)
            .send()
            .await;
        sent.map(|sent| sent.message_id).map_err(|error| {
            let cause = latchkey_aws::cause(&error);
            if is_refusal(&error) { SendError::Refused(cause) } else { SendError::Unavailable(cause) }
        })
    }
}

fn content(text: &str) -> Result<Content, BuildError> {
    Content::builder().charset("UTF-8").data(text).build()
}

fn message(subject: &str, text: &str, html: &str) -> Result<Message, BuildError> {
    let body = Body::builder().text(content(text)?).html(content(html)?).build();
    Ok(Message::builder().subject(content(subject)?).body(body).build())
}

impl SendMail for SesMailer {
    async fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
        self.send([mail.to.as_str()], &mail.subject, &mail.text, &mail.html).await.map(drop)
    }
}

/// Whether SES would refuse the same mail again: it answered with an error of the caller's making that is no throttling.
/// A sender that is not verified and a missing permission are among these: no other mail should wait behind such a one, and the
/// operator sees it (`docs/operating.md`).
fn is_refusal<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    let code = answer.err().code().unwrap_or_default();
    let is_throttling = code.contains("Throttl") || code.contains("TooManyRequests") || code.contains("LimitExceeded");
    answer.raw().status().is_client_error() && !is_throttling
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ses::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    use aws_sdk_ses::config::http::HttpResponse;
    use aws_sdk_ses::error::ErrorMetadata;
    use aws_sdk_ses::operation::send_email::SendEmailError;
    use aws_smithy_types::body::SdkBody;
    use futures_util::FutureExt;

    fn answered(status: u16, code: &str) -> SdkError<SendEmailError> {
        let metadata = ErrorMetadata::builder().code(code).build();
        let raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        SdkError::service_error(SendEmailError::generic(metadata), raw)
    }

    #[test]
    fn what_ses_would_refuse_again_is_given_up_and_all_else_is_tried_again() {
        for (status, code) in [(400, "MessageRejected"), (400, "InvalidParameterValue"), (403, "AccessDenied")] {
            assert!(is_refusal(&answered(status, code)), "{code}");
        }
        for (status, code) in
            [(400, "Throttling"), (400, "ThrottlingException"), (503, "ServiceUnavailable"), (500, "")]
        {
            assert!(!is_refusal(&answered(status, code)), "{code}");
        }
        assert!(!is_refusal::<SendEmailError>(&SdkError::timeout_error("late")));
    }

    #[test]
    fn the_sdk_calls_the_service_where_connections_are_opened() {
        for region in ["us-east-1", "eu-west-1", "us-gov-west-1"] {
            let region_of = Params::builder().region(region).build().unwrap();
            let resolver = DefaultResolver::new();
            let endpoint = resolver.resolve_endpoint(&region_of).now_or_never().unwrap().unwrap();
            assert_eq!(endpoint.url(), format!("https://{ENDPOINT}.{region}.amazonaws.com"));
        }
    }
}
