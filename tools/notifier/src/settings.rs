//! The settings, read once and typed. A wrong or missing one stops the start, by its name and without its value.

use latchkey_auth::Email;
use latchkey_config::{InvalidSetting, Settings};
use latchkey_notifier::Limits;
use latchkey_notifier::notify::NotifierSettings;
use lettre::transport::smtp::client::Certificate;

/// The settings of the notifier.
#[derive(Debug)]
pub struct OfNotifier {
    /// The recipients, the limits, and where events may come from.
    pub notifier: NotifierSettings,
    /// The sender (`MAIL_FROM`).
    pub from: Email,
    /// The sender as the setting has it. SES is told this one: a condition of the role may compare it, and heeds case.
    pub from_as_written: String,
    /// The table of the ledger (`LEDGER_TABLE`).
    pub table: String,
    /// The address of the queue (`QUEUE_URL`).
    pub queue_url: String,
    /// How mail is sent (`TRANSPORT`).
    pub transport: Transport,
}

/// How mail is sent.
#[derive(Debug)]
pub enum Transport {
    /// By Amazon SES.
    Ses,
    /// By a relay.
    Smtp(Relay),
}

/// A mail relay. It is reached over TLS or not at all.
#[derive(Debug)]
pub struct Relay {
    /// Its name, which its certificate must have (`SMTP_HOST`).
    pub host: String,
    /// Its port (`SMTP_PORT`, 2525 by default).
    pub port: u16,
    /// Whether TLS begins with the connection (`SMTP_TLS`: `implicit`), and not by STARTTLS (`starttls`, the default).
    pub is_implicit: bool,
    /// The certificate of its authority (`SMTP_CA`, PEM); without it the system's are trusted.
    pub authority: Option<Certificate>,
    /// The secret with its credentials (`SMTP_SECRET`, an ARN); without it nobody logs in.
    pub secret: Option<String>,
}

fn text(settings: &Settings<'_>, key: &'static str, expected: &'static str) -> Result<String, InvalidSetting> {
    settings.get(key).ok_or(InvalidSetting { key, expected })
}

fn number(settings: &Settings<'_>, key: &'static str, default: u32) -> Result<u32, InvalidSetting> {
    let invalid = InvalidSetting { key, expected: "a whole number from 1 to 100000" };
    let Some(text) = settings.get(key) else { return Ok(default) };
    text.parse().ok().filter(|number| (1..=100_000).contains(number)).ok_or(invalid)
}

fn list(settings: &Settings<'_>, key: &str) -> Vec<String> {
    let text = settings.get(key).unwrap_or_default();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl OfNotifier {
    /// Reads the settings.
    pub fn read(settings: &Settings<'_>) -> Result<Self, InvalidSetting> {
        let invalid = |key, expected| InvalidSetting { key, expected };
        let from_as_written = settings.get("MAIL_FROM").unwrap_or_default().trim().to_owned();
        let recipients =
            list(settings, "MAIL_TO").iter().map(|text| Email::parse(text).ok()).collect::<Option<Vec<_>>>();
        let limits = Limits {
            per_minute: number(settings, "ALERTS_PER_MINUTE", 1)?,
            per_caller_and_day: number(settings, "MAILS_PER_CALLER_AND_DAY", 100)?,
            per_day: number(settings, "MAILS_PER_DAY", 200)?,
        };
        let transport = match settings.get("TRANSPORT").as_deref() {
            None | Some("ses") => Transport::Ses,
            Some("smtp") => Transport::Smtp(relay(settings)?),
            Some(_) => return Err(invalid("TRANSPORT", "ses or smtp")),
        };
        Ok(Self {
            notifier: NotifierSettings {
                recipients: recipients
                    .filter(|list| (1..=50).contains(&list.len()))
                    .ok_or(invalid("MAIL_TO", "1 to 50 addresses, separated by commas"))?,
                limits,
                topics: list(settings, "TOPIC_ARNS"),
                queue: text(settings, "QUEUE_ARN", "the ARN of the queue")?,
                subject_prefix: settings.get("SUBJECT_PREFIX").unwrap_or_default(),
            },
            from: Email::parse(&from_as_written)
                .map_err(|_| invalid("MAIL_FROM", "the address that mails are sent from"))?,
            from_as_written,
            table: text(settings, "LEDGER_TABLE", "the name of the notifier's table")?,
            queue_url: text(settings, "QUEUE_URL", "the address of the queue")?,
            transport,
        })
    }
}

fn relay(settings: &Settings<'_>) -> Result<Relay, InvalidSetting> {
    let invalid = |key, expected| InvalidSetting { key, expected };
    let port = settings.get("SMTP_PORT").map_or(Ok(2_525), |text| text.parse());
    let is_implicit = match settings.get("SMTP_TLS").as_deref() {
        None | Some("starttls") => false,
        Some("implicit") => true,
        Some(_) => return Err(invalid("SMTP_TLS", "starttls or implicit")),
    };
    let authority = settings
        .get("SMTP_CA")
        .map(|pem| Certificate::from_pem(pem.as_bytes()).map_err(|_| invalid("SMTP_CA", "a certificate in PEM")))
        .transpose()?;
    Ok(Relay {
        host: text(settings, "SMTP_HOST", "the name of the mail relay")?,
        port: port.ok().filter(|port| *port > 0).ok_or(invalid("SMTP_PORT", "a port, such as 2525"))?,
        is_implicit,
        authority,
        secret: settings.get("SMTP_SECRET"),
    })
}

/// The settings of the invoker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfInvoker {
    /// The ARN of the notifier (`NOTIFIER_ARN`).
    pub notifier: String,
    /// Its account, out of the ARN.
    pub account: String,
    /// Its region, out of the ARN.
    pub region: String,
    /// The ARN of the role that may invoke it (`NOTIFIER_ROLE_ARN`).
    pub role: String,
    /// What the role asks for (`EXTERNAL_ID`).
    pub external_id: String,
}

impl OfInvoker {
    /// Reads the settings.
    pub fn read(settings: &Settings<'_>) -> Result<Self, InvalidSetting> {
        const NOTIFIER: InvalidSetting =
            InvalidSetting { key: "NOTIFIER_ARN", expected: "the ARN of a Lambda function" };
        let notifier = settings.get(NOTIFIER.key).ok_or(NOTIFIER)?;
        let parts: Vec<_> = notifier.split(':').collect();
        let [_, _, "lambda", region, account, "function", _, ..] = parts[..] else { return Err(NOTIFIER) };
        let (region, account) = (region.to_owned(), account.to_owned());
        let role = settings.get("NOTIFIER_ROLE_ARN").filter(|role| role.contains(":role/"));
        Ok(Self {
            role: role.ok_or(InvalidSetting { key: "NOTIFIER_ROLE_ARN", expected: "the ARN of a role" })?,
            external_id: text(settings, "EXTERNAL_ID", "the external ID that the role asks for")?,
            notifier,
            account,
            region,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 6] = [
        ("MAIL_FROM", "alerts@example.com"),
        ("MAIL_TO", "ops@example.com, owner@example.com"),
        ("LEDGER_TABLE", "ledger"),
        ("QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/counts"),
        ("QUEUE_ARN", "arn:aws:sqs:eu-west-1:111122223333:counts"),
        ("SMTP_HOST", "relay.example.com"),
    ];

    fn with(key: &str, value: &str) -> Result<OfNotifier, InvalidSetting> {
        let lookup = |name: &str| {
            if name == key {
                Some(value.to_owned())
            } else {
                GOOD.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
        };
        OfNotifier::read(&Settings::from_lookup(lookup))
    }

    #[test]
    fn the_defaults_are_one_mail_a_minute_by_ses_and_port_2525_of_a_relay() {
        let settings = with("TRANSPORT", "").unwrap();
        assert!(matches!(settings.transport, Transport::Ses));
        assert_eq!(settings.notifier.limits, Limits { per_minute: 1, per_caller_and_day: 100, per_day: 200 });
        assert_eq!(settings.notifier.recipients.len(), 2);
        let Transport::Smtp(relay) = with("TRANSPORT", "smtp").unwrap().transport else { panic!("a relay") };
        assert_eq!((relay.port, relay.is_implicit), (2_525, false));
    }

    #[test]
    fn ses_is_told_the_sender_as_it_is_written() {
        let settings = with("MAIL_FROM", "Alerts@Example.com").unwrap();
        assert_eq!(settings.from_as_written, "Alerts@Example.com");
        assert_eq!(settings.from.as_str(), "alerts@example.com");
    }

    #[test]
    fn a_wrong_setting_is_refused_by_its_name() {
        for (key, value) in [
            ("MAIL_FROM", "nobody"),
            ("MAIL_TO", "ops@example.com, nobody"),
            ("MAIL_TO", ""),
            ("LEDGER_TABLE", ""),
            ("QUEUE_ARN", ""),
            ("QUEUE_URL", ""),
            ("ALERTS_PER_MINUTE", "0"),
            ("MAILS_PER_DAY", "many"),
            ("TRANSPORT", "fax"),
        ] {
            assert_eq!(with(key, value).unwrap_err().key, key, "{value}");
        }
        let smtp = |key: &'static str, value: &'static str| {
            let lookup = move |name: &str| match name {
                "TRANSPORT" => Some("smtp".to_owned()),
                name if name == key => Some(value.to_owned()),
                name => GOOD.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
            };
            OfNotifier::read(&Settings::from_lookup(lookup)).unwrap_err().key
        };
        for (key, value) in [
            ("SMTP_HOST", ""),
            ("SMTP_PORT", "0"),
            ("SMTP_TLS", "none"),
            ("SMTP_CA", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
        ] {
            assert_eq!(smtp(key, value), key);
        }
    }

    #[test]
    fn the_invoker_takes_account_and_region_from_the_arn() {
        let read = |arn: &'static str, role: &'static str, id: &'static str| {
            OfInvoker::read(&Settings::from_lookup(move |key| {
                Some(
                    match key {
                        "NOTIFIER_ARN" => arn,
                        "NOTIFIER_ROLE_ARN" => role,
                        _ => id,
                    }
                    .to_owned(),
                )
            }))
        };
        let (arn, role) =
            ("arn:aws:lambda:eu-west-1:111122223333:function:notifier", "arn:aws:iam::111122223333:role/notify");
        let settings = read(arn, role, "id").unwrap();
        assert_eq!((settings.account.as_str(), settings.region.as_str()), ("111122223333", "eu-west-1"));
        assert_eq!(read("notifier", role, "id").unwrap_err().key, "NOTIFIER_ARN");
        assert_eq!(read(arn, "notify", "id").unwrap_err().key, "NOTIFIER_ROLE_ARN");
        assert_eq!(read(arn, role, "").unwrap_err().key, "EXTERNAL_ID");
    }
}
