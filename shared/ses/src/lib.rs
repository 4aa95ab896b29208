//! Mail through Amazon SES, as text and HTML.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::BuildError;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use latchkey_auth::services::SendMail;
use latchkey_auth::{Cause, Email, Fault, Mail};
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
        Self { client: latchkey_aws::client(aws, Client::new), sender }
    }

    /// Creates the client and opens this many connections ahead of the first call; nothing if there are none to open.
    #[must_use]
    pub fn warm_up(&self, connections: usize) -> Option<WarmUp> {
        WarmUp::new(ENDPOINT, connections, &self.client)
    }
}

fn content(text: &str) -> Result<Content, BuildError> {
    Content::builder().charset("UTF-8").data(text).build()
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let body = Body::builder().text(content(&mail.text)?).html(content(&mail.html)?).build();
    Ok(Message::builder().subject(content(&mail.subject)?).body(body).build())
}

impl SendMail for SesMailer {
    async fn send_mail(&self, mail: &Mail) -> Result<(), Fault> {
        let message = message(mail).map_err(|_| Fault::Mailer(Cause::code("message")))?;
        self.client
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().to_addresses(mail.to.as_str()).build())
            .message(message)
            .send()
            .await
            .map_err(|error| Fault::Mailer(latchkey_aws::cause(&error)))?;
        Ok(())
    }

    /// Amazon's mailbox simulator: SES accepts this mail like any other, delivers it to nobody, and counts it neither as a
    /// bounce nor against the daily quota. It works in the sandbox too.
    fn decoy_recipient(&self) -> Email {
        Email::parse("success@simulator.amazonses.com").expect("it is an address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ses::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    use futures_util::FutureExt;

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
