//! Mails through Amazon SES, as text and HTML.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::BuildError;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use latchkey_auth::{Cause, Email, Fault, Mail, Mailer};
use latchkey_aws::{SdkConfig, Service};

/// What the endpoints of SES begin with.
const ENDPOINT: &str = "email";

/// The sender.
#[derive(Clone, Debug)]
pub struct SesMailer {
    client: latchkey_aws::Client<Client>,
    sender: String,
}

impl SesMailer {
    /// Sends from this address, which SES knows as a verified identity.
    #[must_use]
    pub fn new(aws: &SdkConfig, sender: String) -> Self {
        Self { client: latchkey_aws::client(aws, Client::new), sender }
    }

    /// The service, of which a call uses so many connections at once.
    #[must_use]
    pub fn service(&self, connections: usize) -> Service {
        Service::new(ENDPOINT, connections, &self.client)
    }
}

fn content(text: &str) -> Result<Content, BuildError> {
    Content::builder().charset("UTF-8").data(text).build()
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let body = Body::builder().text(content(&mail.text)?).html(content(&mail.html)?).build();
    Ok(Message::builder().subject(content(&mail.subject)?).body(body).build())
}

impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
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

    /// Amazon's own mailbox simulator: SES takes these mails in the same way, delivers them to nobody, and counts them
    /// neither as bounces nor against the daily quota. It answers in the sandbox too.
    fn nowhere(&self) -> Email {
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
