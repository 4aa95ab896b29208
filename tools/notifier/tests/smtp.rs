//! Mail to a real SMTP server, aiosmtpd, over TLS. `python3` on the path has it: `./test.sh` installs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use latchkey_auth::{Cause, Clock, Email, Entropy, Timestamp};
use latchkey_config::Settings;
use latchkey_notifier::{Mailer, Message, SendFault, Stage};
use notifier::settings::{OfNotifier, Relay, Transport};
use notifier::smtp::{Login, Logins, SmtpMailer};
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A relay's process with a certificate of its own.
struct Server {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    authority: String,
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Server {
    async fn start(name: &str, told: Value) -> Self {
        Self::start_as("localhost", name, told).await
    }

    /// Starts a relay whose certificate has this host name.
    async fn start_as(host: &str, name: &str, mut told: Value) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
        let (certificate, key) = (folder(name).join("certificate.pem"), folder(name).join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        told["certificate"] = json!(certificate);
        told["key"] = json!(key);
        let mut process = Command::new("python3")
            .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/relay.py"), &told.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("python3 with aiosmtpd: ./test.sh installs it");
        Self { _process: process, lines, port: port.parse().unwrap(), authority: made.cert.pem() }
    }

    /// The next mail that the relay took.
    async fn mail(&mut self) -> Value {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }

    fn relay(&self, authority: &str) -> Relay {
        let port = self.port.to_string();
        let lookup = |key: &str| {
            let value = match key {
                "TRANSPORT" => "smtp",
                "SMTP_HOST" => "localhost",
                "SMTP_PORT" => &port,
                "SMTP_CA" => authority,
                "MAIL_FROM" | "MAIL_TO" => "alerts@example.com",
                "QUEUE_ARN" | "QUEUE_URL" | "LEDGER_TABLE" => "unused",
                _ => return None,
            };
            Some(value.to_owned())
        };
        match OfNotifier::read(&Settings::from_lookup(lookup)).unwrap().transport {
            Transport::Smtp(relay) => relay,
            Transport::Ses => panic!("not a relay"),
        }
    }

    fn mailer(&self, login: Option<(&str, &str)>) -> SmtpMailer<TestLogins, Fixed, Fixed> {
        let login =
            login.map(|(name, password)| Login { username: name.to_owned(), password: password.to_owned().into() });
        let logins = TestLogins { login, forgotten: Cell::new(false) };
        let from = Email::parse("alerts@example.com").unwrap();
        SmtpMailer::new(self.relay(&self.authority), from, logins, Fixed, Fixed).unwrap()
    }
}

#[derive(Debug)]
struct TestLogins {
    login: Option<Login>,
    forgotten: Cell<bool>,
}

impl Logins for TestLogins {
    async fn login(&self) -> Result<Option<Login>, Cause> {
        Ok(self.login.clone())
    }

    fn forget(&self) {
        self.forgotten.set(true);
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_000)
    }
}

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn message(to: &[&str]) -> Message {
    Message {
        to: to.iter().map(|address| Email::parse(address).unwrap()).collect(),
        subject: "[prod] [critical] Zu viele Fehler \u{2014} pr\u{fc}fen".to_owned(),
        text: "Step 3 ended.\n.\nline after a dot\n".to_owned(),
        html: "<!doctype html>\n<p>1 &lt; 2</p>\n".to_owned(),
    }
}

async fn fault(mailer: &SmtpMailer<TestLogins, Fixed, Fixed>) -> (Stage, bool, String) {
    let SendFault { stage, is_transient, cause } = mailer.send(&message(&["ops@example.com"])).await.unwrap_err();
    (stage, is_transient, cause.as_str().to_owned())
}

#[tokio::test]
async fn a_mail_reaches_the_relay_over_tls_with_both_parts() {
    let mut server = Server::start("sent", json!({ "login": ["notifier", "hunter2"] })).await;
    let mailer = server.mailer(Some(("notifier", "hunter2")));
    let id = mailer.send(&message(&["ops@example.com", "owner@example.com"])).await.unwrap();
    let mail = server.mail().await;
    assert_eq!(mail["to"], json!(["ops@example.com", "owner@example.com"]));
    assert_eq!(mail["from"], "alerts@example.com");
    assert_eq!(mail["subject"], "[prod] [critical] Zu viele Fehler \u{2014} pr\u{fc}fen");
    assert!(
        mail["text"].as_str().unwrap().replace("\r\n", "\n").contains("\n.\nline after a dot\n"),
        "{}",
        mail["text"]
    );
    assert!(mail["html"].as_str().unwrap().contains("<p>1 &lt; 2</p>"));
    assert_eq!((&mail["user"], &mail["tls"]), (&json!("notifier"), &json!(true)));
    assert_eq!(mail["messageId"], id);
    assert_eq!(mail["headers"], json!(["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]));
}

#[tokio::test]
async fn wrong_credentials_are_a_permanent_failure_of_authentication_and_are_read_again() {
    let server = Server::start("auth", json!({ "login": ["notifier", "hunter2"] })).await;
    let mailer = server.mailer(Some(("notifier", "old")));
    assert_eq!(fault(&mailer).await, (Stage::Authenticate, false, "535".to_owned()));
    assert!(mailer.logins().forgotten.get());
}

#[tokio::test]
async fn a_relay_without_starttls_is_not_spoken_to() {
    let server = Server::start("plain", json!({ "starttls": false })).await;
    assert_eq!(fault(&server.mailer(None)).await, (Stage::Connect, false, "client".to_owned()));
}

#[tokio::test]
async fn a_relay_with_a_certificate_of_another_authority_is_not_spoken_to() {
    let server = Server::start("foreign", json!({})).await;
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.pem();
    let from = Email::parse("alerts@example.com").unwrap();
    let logins = TestLogins { login: None, forgotten: Cell::new(false) };
    let mailer = SmtpMailer::new(server.relay(&other), from, logins, Fixed, Fixed).unwrap();
    assert_eq!(fault(&mailer).await.0, Stage::Connect);
}

#[tokio::test]
async fn a_relay_with_a_certificate_of_another_name_is_not_spoken_to() {
    let server = Server::start_as("relay.example.com", "other-name", json!({})).await;
    assert_eq!(fault(&server.mailer(None)).await.0, Stage::Connect);
}

#[tokio::test]
async fn replies_that_came_before_tls_are_no_replies_of_the_relay() {
    // Of the EHLO within TLS, the sender, the recipient, the data, the mail and the end.
    let injected = "250 localhost\r\n250 OK\r\n250 OK\r\n354 Go ahead\r\n250 OK\r\n221 Bye\r\n";
    let server = Server::start("injected", json!({ "injected": injected })).await;
    let mailer = server.mailer(None).with_attempts_of(Duration::from_secs(3));
    assert_eq!(fault(&mailer).await.0, Stage::Connect);
}

#[tokio::test]
async fn a_silent_relay_is_a_transient_failure_of_its_stage() {
    for (silent, stage) in [("connect", Stage::Connect), ("data", Stage::Data)] {
        let server = Server::start(silent, json!({ "silent": silent })).await;
        // Long enough for the stages before it, on a busy machine.
        let mailer = server.mailer(None).with_attempts_of(Duration::from_secs(3));
        assert_eq!(fault(&mailer).await, (stage, true, "timeout".to_owned()));
    }
}

#[tokio::test]
async fn nobody_at_the_port_is_a_transient_failure_to_connect() {
    let mut server = Server::start("nobody", json!({})).await;
    server.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(fault(&server.mailer(None)).await, (Stage::Connect, true, "connection".to_owned()));
}

#[tokio::test]
async fn a_relay_that_refuses_for_a_while_takes_the_next_attempt() {
    let mut server = Server::start("busy", json!({ "data": ["451 Try again later"] })).await;
    let mailer = server.mailer(None);
    assert_eq!(fault(&mailer).await, (Stage::Data, true, "451".to_owned()));
    mailer.send(&message(&["ops@example.com"])).await.unwrap();
    assert_eq!(server.mail().await["to"], json!(["ops@example.com"]));
}

#[tokio::test]
async fn a_relay_that_refuses_for_good_is_a_permanent_failure() {
    let server = Server::start("never", json!({ "data": ["554 No"] })).await;
    assert_eq!(fault(&server.mailer(None)).await, (Stage::Data, false, "554".to_owned()));
}

#[tokio::test]
async fn a_recipient_that_the_relay_refuses_keeps_no_other_from_the_mail() {
    let told = json!({ "recipients": { "gone@example.com": "550 No such user" } });
    let mut server = Server::start("gone", told).await;
    server.mailer(None).send(&message(&["gone@example.com", "ops@example.com"])).await.unwrap();
    assert_eq!(server.mail().await["to"], json!(["ops@example.com"]));
    let alone = server.mailer(None).send(&message(&["gone@example.com"])).await.unwrap_err();
    assert_eq!((alone.stage, alone.is_transient, alone.cause.as_str()), (Stage::Recipient, false, "550"));
}
