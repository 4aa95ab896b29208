//! The mails that the service sends: their words, links and escaping.

use crate::{Email, Token};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{self, Write};

/// A mail, ready to be handed over. All of it is UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The one recipient.
    pub to: Email,
    /// One line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, saying the same.
    pub html: String,
}

/// A mail holds a token: it is not printed.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail([redacted])")
    }
}

/// What RFC 3986 calls unreserved is left as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes the mails of one service. Nothing that a user typed goes into one but the address in the link:
/// whoever signs up somebody else's address could otherwise write to them.
#[derive(Clone, Debug)]
pub struct Letters {
    service: String,
}

impl Letters {
    /// For a service of this name (`EXTERNAL_NAME`), which is one line.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self { service: service.split(char::is_control).collect::<Vec<_>>().join(" ") }
    }

    /// Asks to prove the mailbox after a sign-up.
    pub(crate) fn verification(&self, to: &Email, page: &str, token: &Token) -> Mail {
        let service = &self.service;
        self.mail(
            to,
            format!("Verify your e-mail address for {service}"),
            &[
                Part::Text(format!("Somebody, probably you, signed up for {service} with this e-mail address.")),
                Part::Link { label: "Verify this address", url: link(page, to, "verify", token) },
                Part::Text(
                    "The link works for 24 hours. If this was not you, do nothing: without the link there is no account."
                        .to_owned(),
                ),
            ],
        )
    }

    /// Tells an owner that somebody tried to sign up with their address.
    pub(crate) fn already_registered(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.mail(
            to,
            format!("You already have an account at {service}"),
            &[
                Part::Text(format!(
                    "Somebody, probably you, tried to sign up for {service} with this e-mail address, which has an account already. Nothing was changed."
                )),
                Part::Text(
                    "If this was you, log in, or choose \u{201c}Forgot your password?\u{201d} there. If it was not, you need not do anything."
                        .to_owned(),
                ),
            ],
        )
    }

    /// Carries the link to choose a new password.
    pub(crate) fn reset(&self, to: &Email, page: &str, token: &Token) -> Mail {
        let service = &self.service;
        self.mail(
            to,
            format!("Choose a new password for {service}"),
            &[
                Part::Text(format!("Somebody, probably you, asked for a new password for your account at {service}.")),
                Part::Link { label: "Choose a new password", url: link(page, to, "lost", token) },
                Part::Text(
                    "The link works for one hour and once. If this was not you, do nothing: your password stays as it is."
                        .to_owned(),
                ),
            ],
        )
    }

    /// Tells an owner that somebody is guessing.
    pub(crate) fn guessed_at(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.mail(
            to,
            format!("Wrong passwords for your account at {service}"),
            &[
                Part::Text(format!(
                    "Somebody has tried several wrong passwords for your account at {service}. From now on every further try has to wait, up to a quarter of an hour."
                )),
                Part::Text(
                    "If this was you and you forgot your password, choose \u{201c}Forgot your password?\u{201d} on the login page: that works at once and ends the waiting. If it was not you, you need not do anything: a good password is not found this way."
                        .to_owned(),
                ),
            ],
        )
    }

    /// Tells an owner that the password is another one now.
    pub(crate) fn password_changed(&self, to: &Email) -> Mail {
        let service = &self.service;
        self.mail(
            to,
            format!("Your password for {service} was changed"),
            &[
                Part::Text(format!("The password of your account at {service} was just changed.")),
                Part::Text(
                    "If this was not you, choose \u{201c}Forgot your password?\u{201d} on the login page at once: it sends a link to this mailbox, and the new password replaces the one you did not choose."
                        .to_owned(),
                ),
            ],
        )
    }

    fn mail(&self, to: &Email, subject: String, parts: &[Part]) -> Mail {
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

/// `<page>?email=…&<parameter>=…`, percent-encoded.
fn link(page: &str, email: &Email, parameter: &str, token: &Token) -> String {
    let encode = |text| utf8_percent_encode(text, QUERY);
    format!("{page}?email={}&{parameter}={}", encode(email.as_str()), encode(token.as_str()))
}

/// For HTML text and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::parse("t0ken-_").unwrap()
    }

    #[test]
    fn a_link_is_percent_encoded_in_text_and_html() {
        let to = Email::parse("o'neil+a&b@example.com").unwrap();
        let mail = Letters::new("Example").verification(&to, "https://pages.example/verify.html", &token());
        let url = "https://pages.example/verify.html?email=o%27neil%2Ba%26b%40example.com&verify=t0ken-_";
        assert!(mail.text.contains(url), "{}", mail.text);
        assert!(mail.html.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))), "{}", mail.html);
    }

    #[test]
    fn the_reset_link_names_its_token_lost() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = Letters::new("Example").reset(&to, "https://pages.example/r.html", &token());
        assert!(mail.text.contains("https://pages.example/r.html?email=ada%40example.com&lost=t0ken-_"));
    }

    #[test]
    fn the_name_of_the_service_is_escaped_and_stays_on_its_line() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = Letters::new("<b>Tom & \"Co\"</b>\r\nBcc: eve@example.com").password_changed(&to);
        assert!(mail.html.contains("&lt;b&gt;Tom &amp; &quot;Co&quot;&lt;/b&gt;"), "{}", mail.html);
        assert!(!mail.html.contains("<b>"));
        assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    }

    #[test]
    fn a_mail_is_not_printed_by_debug() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = Letters::new("Example").reset(&to, "https://pages.example/r.html", &token());
        assert_eq!(format!("{mail:?}"), "Mail([redacted])");
    }
}
