//! Mail to a relay, stage by stage, so that a failure names its stage.
//!
//! A reply of the 4xx class and a network that fails are transient, one of the 5xx class is permanent (RFC 5321, 4.2.1). The
//! connection is encrypted before anything else is said: by STARTTLS (RFC 3207), which the relay must offer, or from its start
//! (RFC 8314).

use crate::line_by_line::LineByLine;
use crate::settings::Relay;
use latchkey_auth::{Cause, Clock, Email, Entropy};
use latchkey_notifier::{Mailer, Message, SendFault, Stage};
use lettre::message::MultiPart;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, message::Mailbox};
use std::cell::Cell;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};
use zeroize::Zeroizing;

/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Who the relay knows us as.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login([redacted])")
    }
}

/// Keeps the credentials of a relay.
pub trait Logins {
    /// The credentials; `None` if the relay asks for none.
    async fn login(&self) -> Result<Option<Login>, Cause>;

    /// Forgets them, because the relay refused them: they may have been rotated.
    fn forget(&self);
}

/// Sends mail to a relay.
pub struct SmtpMailer<L, C, E> {
    host: String,
    port: u16,
    is_implicit: bool,
    tls: TlsParameters,
    from: Email,
    logins: L,
    clock: C,
    entropy: E,
    attempt: Duration,
}

/// What the relay is set up with cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificates that the relay is checked against cannot be used")]
pub struct InvalidRelay;

impl<L: Logins, C: Clock, E: Entropy> SmtpMailer<L, C, E> {
    /// Creates a mailer for this sender.
    pub fn new(relay: Relay, from: Email, logins: L, clock: C, entropy: E) -> Result<Self, InvalidRelay> {
        let Relay { host, port, is_implicit, authority, secret: _ } = relay;
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(authority) = authority {
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
        }
        let tls = tls.build_rustls().map_err(|_| InvalidRelay)?;
        Ok(Self { host, port, is_implicit, tls, from, logins, clock, entropy, attempt: ATTEMPT })
    }

    /// Another time limit of an attempt than ten seconds.
    #[must_use]
    pub fn with_attempts_of(self, attempt: Duration) -> Self {
        Self { attempt, ..self }
    }

    /// Where its credentials come from.
    pub fn logins(&self) -> &L {
        &self.logins
    }

    async fn deliver(&self, message: &Message, stage: &Cell<Stage>) -> Result<String, SendFault> {
        let fault = |error: Error| of(stage.get(), &error);
        let unusable = |_| SendFault { stage: stage.get(), is_transient: false, cause: Cause::code("address") };
        let id = self.message_id();
        // Before the relay is bothered.
        let mail = self.format(message, &id)?;
        let mut relay = self.connect().await?;
        stage.set(Stage::Authenticate);
        let login = self.logins.login().await;
        if let Some(login) = login.map_err(|cause| SendFault { stage: stage.get(), is_transient: true, cause })? {
            let credentials = Credentials::new(login.username, login.password.to_string());
            if let Err(error) = relay.auth(DEFAULT_MECHANISMS, &credentials).await {
                self.logins.forget();
                return Err(fault(error));
            }
        }
        stage.set(Stage::Recipient);
        let from: Address = self.from.as_str().parse().map_err(unusable)?;
        relay.command(Mail::new(Some(from), Vec::new())).await.map_err(fault)?;
        // An address that the relay refuses keeps no other from hearing of the alert.
        let mut refused = None;
        let mut is_accepted = false;
        for to in &message.to {
            match relay.command(Rcpt::new(to.as_str().parse().map_err(unusable)?, Vec::new())).await {
                Ok(_) => is_accepted = true,
                Err(error) if error.status().is_some() => refused = Some(fault(error)),
                Err(error) => return Err(fault(error)),
            }
        }
        if let Some(refused) = refused.filter(|_| !is_accepted) {
            return Err(refused);
        }
        stage.set(Stage::Data);
        relay.command(Data).await.map_err(fault)?;
        relay.message(&mail).await.map_err(fault)?;
        // The relay has the mail, whatever it says to this.
        let _ = relay.quit().await;
        Ok(id)
    }

    /// Opens an encrypted connection.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SendFault> {
        let fault = |error: Error| of(Stage::Connect, &error);
        let name = ClientId::Domain(self.domain().to_owned());
        let server = (self.host.as_str(), self.port);
        if self.is_implicit {
            let tls = Some(self.tls.clone());
            return AsyncSmtpConnection::connect_tokio1(server, None, &name, tls, None).await.map_err(fault);
        }
        let stream = LineByLine::connect(server).await.map_err(|_| SendFault {
            stage: Stage::Connect,
            is_transient: true,
            cause: Cause::code("connection"),
        })?;
        let mut relay = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name).await.map_err(fault)?;
        relay.starttls(self.tls.clone(), &name).await.map_err(fault)?;
        Ok(relay)
    }

    /// The sender's domain.
    fn domain(&self) -> &str {
        self.from.as_str().split_once('@').map_or("localhost", |(_, domain)| domain)
    }

    fn message_id(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        format!("<{:032x}@{}>", u128::from_be_bytes(bytes), self.domain())
    }

    fn format(&self, message: &Message, id: &str) -> Result<Vec<u8>, SendFault> {
        let unusable = || SendFault { stage: Stage::Data, is_transient: false, cause: Cause::code("message") };
        let mailbox = |email: &Email| Some(Mailbox::new(None, email.as_str().parse().ok()?));
        let mut mail = lettre::Message::builder()
            .date(UNIX_EPOCH + Duration::from_secs(self.clock.now().0))
            .message_id(Some(id.to_owned()))
            .from(mailbox(&self.from).ok_or_else(unusable)?)
            .subject(message.subject.as_str());
        for to in &message.to {
            mail = mail.to(mailbox(to).ok_or_else(unusable)?);
        }
        let parts = MultiPart::alternative_plain_html(message.text.clone(), message.html.clone());
        mail.multipart(parts).map(|mail| mail.formatted()).map_err(|_| unusable())
    }
}

fn of(stage: Stage, error: &Error) -> SendFault {
    let (is_transient, code) = match error.status() {
        Some(status) => (error.is_transient(), status.to_string()),
        // Such as a relay that offers no STARTTLS.
        None if error.is_client() => (false, "client".to_owned()),
        None if error.is_tls() => (false, "tls".to_owned()),
        None => (true, if error.is_response() { "reply" } else { "connection" }.to_owned()),
    };
    SendFault { stage, is_transient, cause: Cause::code(&code) }
}

impl<L: Logins, C: Clock, E: Entropy> Mailer for SmtpMailer<L, C, E> {
    async fn send(&self, message: &Message) -> Result<String, SendFault> {
        let stage = Cell::new(Stage::Connect);
        let late = |_| SendFault { stage: stage.get(), is_transient: true, cause: Cause::code("timeout") };
        tokio::time::timeout(self.attempt, self.deliver(message, &stage)).await.map_err(late)?
    }

    async fn pause(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}
