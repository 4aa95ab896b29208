//! Mail: what operations ask for, one template a file with the layout that they share, and the rules of its delivery.
//!
//! An operation sends nothing. It hands a [`MailRequest`] to the mail function, which works apart from the call
//! (`docs/decisions/0007-mail-by-a-function-of-its-own.md`). A request without a template is handed over in the same way and
//! dropped there, so that neither the answer of a call nor its time tells whether there is a recipient.

mod already_registered;
pub mod delivery;
mod password_changed;
mod password_closed;
mod reset;
mod verification;
mod wrong_passwords;

use crate::account::email::Email;
use crate::email_link::token::Token;
use crate::throttle::Quota;
use crate::time::Timestamp;
use latchkey_html::escape;
use std::fmt::{self, Write};

/// Why a mail is sent. Each class has limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailClass {
    /// Somebody signed up.
    SignUp,
    /// Somebody asked for a reset link.
    Reset,
    /// A password was changed.
    Change,
    /// Somebody tries wrong passwords.
    Notice,
}

impl MailClass {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::SignUp, Self::Reset, Self::Change, Self::Notice];

    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "signUp",
            Self::Reset => "reset",
            Self::Change => "change",
            Self::Notice => "notice",
        }
    }

    /// The quota that the caller used for a mail of this class.
    #[must_use]
    pub const fn quota(self) -> Option<Quota> {
        match self {
            Self::SignUp => Some(Quota::SignUp),
            Self::Reset => Some(Quota::Reset),
            // Its quota is one of changes: a change that could not be mailed was a change.
            Self::Change | Self::Notice => None,
        }
    }
}

/// What an operation asks the mail function to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRequest {
    /// Why.
    pub class: MailClass,
    /// The only recipient.
    pub to: Email,
    /// What to send. Without it the request is dropped.
    pub template: Option<MailTemplate>,
    /// When the operation asked, which is also when it used its quota.
    pub requested_at: Timestamp,
}

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailTemplate {
    /// A link that verifies the address.
    Verification(Token),
    /// Somebody tried to sign up with an address that has an account.
    AlreadyRegistered,
    /// A link to choose a new password.
    Reset(Token),
    /// The same, for an account that nobody verified.
    UnverifiedReset(Token),
    /// The password was changed.
    PasswordChanged {
        /// Until when reset links work that were mailed before, if there are any.
        reset_links_until: Option<Timestamp>,
    },
    /// Somebody tries wrong passwords, and has to wait from now on.
    WrongPasswords,
    /// After too many wrong passwords, the present one is not accepted on unknown devices any more.
    PasswordClosed,
}

/// A mail, ready to be sent. All of it is UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The only recipient.
    pub to: Email,
    /// One line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, with the same content.
    pub html: String,
}

/// A mail may contain a token, so `Debug` is redacted.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail([redacted])")
    }
}

/// The mail templates of one service. The only user input in a mail is the address in its link: anyone could otherwise
/// sign up with somebody else's address and write to them.
#[derive(Clone, Debug)]
pub struct MailTemplates {
    service: String,
    verification_page: String,
    reset_page: String,
}

impl MailTemplates {
    /// Templates for a service of this name (`EXTERNAL_NAME`), whose links open these pages (`VERIFICATION_PAGE` and
    /// `RESET_PAGE`). Line breaks in the name become spaces.
    #[must_use]
    pub fn new(service: &str, verification_page: String, reset_page: String) -> Self {
        let service = service.split(char::is_control).collect::<Vec<_>>().join(" ");
        Self { service, verification_page, reset_page }
    }

    /// Writes a mail.
    #[must_use]
    pub fn write(&self, to: &Email, template: &MailTemplate) -> Mail {
        match template {
            MailTemplate::Verification(token) => self.verification(to, token),
            MailTemplate::AlreadyRegistered => self.already_registered(to),
            MailTemplate::Reset(token) | MailTemplate::UnverifiedReset(token) => self.reset(to, token),
            MailTemplate::PasswordChanged { reset_links_until } => self.password_changed(to, *reset_links_until),
            MailTemplate::WrongPasswords => self.wrong_passwords(to),
            MailTemplate::PasswordClosed => self.password_closed(to),
        }
    }

    fn render(&self, to: &Email, subject: String, parts: &[Part]) -> Mail {
        let mut text = String::new();
        let mut body = String::new();
        for part in parts {
            // Writing to a string does not fail.
            let _ = match part {
                Part::Text(words) => {
                    writeln!(text, "{words}\n").and_then(|()| writeln!(body, "<p>{}</p>", escape(words)))
                }
                Part::Link { label, url } => writeln!(text, "{label}:\n{url}\n").and_then(|()| {
                    let url = escape(url);
                    writeln!(
                        body,
                        "<p><a href=\"{url}\">{}</a></p>\n<p>Or copy this address into your browser:<br>{url}</p>",
                        escape(label)
                    )
                }),
            };
        }
        let _ = write!(text, "-- \n{}\n", self.service);
        let title = escape(&subject);
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body style=\"font-family: sans-serif; line-height: 1.5; max-width: 36em\">\n{body}</body>\n</html>\n"
        );
        Mail { to: to.clone(), subject, text, html }
    }
}

enum Part {
    Text(String),
    Link { label: &'static str, url: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(service: &str, to: &str, template: &MailTemplate) -> Mail {
        let [verification, reset] = ["verify.html", "r.html"].map(|page| format!("https://pages.example/{page}"));
        MailTemplates::new(service, verification, reset).write(&Email::parse(to).unwrap(), template)
    }

    fn token() -> Token {
        Token::parse("t0ken-_").unwrap()
    }

    #[test]
    fn a_link_is_percent_encoded_in_text_and_html() {
        let mail = write("Example", "o'neil+a&b@example.com", &MailTemplate::Verification(token()));
        let url = "https://pages.example/verify.html?email=o%27neil%2Ba%26b%40example.com&verify=t0ken-_";
        assert!(mail.text.contains(url), "{}", mail.text);
        assert!(mail.html.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))), "{}", mail.html);
    }

    #[test]
    fn the_reset_link_names_its_token_lost() {
        let mail = write("Example", "ada@example.com", &MailTemplate::Reset(token()));
        assert!(mail.text.contains("https://pages.example/r.html?email=ada%40example.com&lost=t0ken-_"));
    }

    #[test]
    fn the_name_of_the_service_is_escaped_and_stays_on_its_line() {
        let changed = MailTemplate::PasswordChanged { reset_links_until: None };
        let mail = write("<b>Tom & \"Co\"</b>\r\nBcc: eve@example.com", "ada@example.com", &changed);
        assert!(mail.html.contains("&lt;b&gt;Tom &amp; &quot;Co&quot;&lt;/b&gt;"), "{}", mail.html);
        assert!(!mail.html.contains("<b>"));
        assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    }

    #[test]
    fn the_mail_about_a_change_says_whether_a_reset_link_is_out_and_until_when() {
        let text = |reset_links_until| {
            write("Example", "ada@example.com", &MailTemplate::PasswordChanged { reset_links_until }).text
        };
        // By `date -u -d @1790000000`.
        let until = text(Some(Timestamp(1_790_000_000)));
        assert!(until.contains("until 14:13 on 21 September 2026 (UTC)"), "{until}");
        assert!(!text(None).contains("until"));
    }

    #[test]
    fn a_mail_and_its_request_are_not_printed_by_debug() {
        let to = Email::parse("ada@example.com").unwrap();
        let template = MailTemplate::Reset(token());
        assert_eq!(format!("{:?}", write("Example", to.as_str(), &template)), "Mail([redacted])");
        let template = Some(template);
        let request = MailRequest { class: MailClass::Reset, to, template, requested_at: Timestamp(0) };
        let printed = format!("{request:?}");
        assert!(!printed.contains("ada") && !printed.contains("t0ken"), "{printed}");
    }
}
