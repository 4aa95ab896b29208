//! Mail by SES or SMTP, as the settings say.

use crate::secret::SecretLogins;
use crate::settings::Transport;
use crate::smtp::{InvalidRelay, SmtpMailer};
use latchkey_auth::{Cause, Email};
use latchkey_aws::SdkConfig;
use latchkey_notifier::{Mailer, Message, SendFault, Stage};
use latchkey_runtime::{SystemClock, SystemEntropy};
use latchkey_ses::{SendError, SesMailer};
use std::time::Duration;

/// Sends mail.
pub enum AwsMailer {
    /// By SES.
    Ses(SesMailer),
    /// By a relay.
    Smtp(Box<SmtpMailer<SecretLogins, SystemClock, SystemEntropy>>),
}

impl AwsMailer {
    /// Builds what the settings say. SES is told the sender as it is written.
    pub fn new(
        aws: &SdkConfig,
        transport: Transport,
        from: Email,
        from_as_written: String,
    ) -> Result<Self, InvalidRelay> {
        Ok(match transport {
            Transport::Ses => Self::Ses(SesMailer::new(aws, from_as_written)),
            Transport::Smtp(relay) => {
                let logins = SecretLogins::new(aws, relay.secret.clone());
                Self::Smtp(Box::new(SmtpMailer::new(relay, from, logins, SystemClock, SystemEntropy)?))
            }
        })
    }
}

/// SES answers once for all stages. What it does not answer at all counts as a failure to connect.
fn of_ses(error: SendError) -> SendFault {
    let stage = |cause: &Cause| match cause.as_str() {
        "connection" | "timeout" => Stage::Connect,
        "AccessDenied" | "AccessDeniedException" | "InvalidClientTokenId" | "ExpiredToken" => Stage::Authenticate,
        // The sender or a recipient that is not verified, or may not be written to.
        "MessageRejected" | "MailFromDomainNotVerified" => Stage::Recipient,
        _ => Stage::Data,
    };
    match error {
        SendError::Refused(cause) => SendFault { stage: stage(&cause), is_transient: false, cause },
        SendError::Unavailable(cause) => SendFault { stage: stage(&cause), is_transient: true, cause },
    }
}

impl Mailer for AwsMailer {
    async fn send(&self, message: &Message) -> Result<String, SendFault> {
        match self {
            Self::Ses(ses) => {
                let to = message.to.iter().map(Email::as_str);
                ses.send(to, &message.subject, &message.text, &message.html).await.map_err(of_ses)
            }
            Self::Smtp(smtp) => smtp.send(message).await,
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_ses_is_tried_again_and_an_unverified_address_is_not() {
        let throttled = of_ses(SendError::Unavailable(Cause::code("Throttling")));
        assert_eq!((throttled.stage, throttled.is_transient), (Stage::Data, true));
        let rejected = of_ses(SendError::Refused(Cause::code("MessageRejected")));
        assert_eq!((rejected.stage, rejected.is_transient), (Stage::Recipient, false));
        let silent = of_ses(SendError::Unavailable(Cause::code("timeout")));
        assert_eq!((silent.stage, silent.is_transient), (Stage::Connect, true));
    }
}
