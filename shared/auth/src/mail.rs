//! Mail: one template a file, and the layout that they share.

mod already_registered;
mod password_changed;
mod reset;
mod verification;
mod wrong_passwords;

use crate::account::email::Email;
use std::fmt::{self, Write};

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
}

impl MailTemplates {
    /// Templates for a service of this name (`EXTERNAL_NAME`). Line breaks in it become spaces.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self { service: service.split(char::is_control).collect::<Vec<_>>().join(" ") }
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

/// Escapes text for HTML content and quoted attributes.
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
    use crate::email_link::token::Token;

    fn token() -> Token {
        Token::parse("t0ken-_").unwrap()
    }

    #[test]
    fn a_link_is_percent_encoded_in_text_and_html() {
        let to = Email::parse("o'neil+a&b@example.com").unwrap();
        let mail = MailTemplates::new("Example").verification(&to, "https://pages.example/verify.html", &token());
        let url = "https://pages.example/verify.html?email=o%27neil%2Ba%26b%40example.com&verify=t0ken-_";
        assert!(mail.text.contains(url), "{}", mail.text);
        assert!(mail.html.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))), "{}", mail.html);
    }

    #[test]
    fn the_reset_link_names_its_token_lost() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = MailTemplates::new("Example").reset(&to, "https://pages.example/r.html", &token());
        assert!(mail.text.contains("https://pages.example/r.html?email=ada%40example.com&lost=t0ken-_"));
    }

    #[test]
    fn the_name_of_the_service_is_escaped_and_stays_on_its_line() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = MailTemplates::new("<b>Tom & \"Co\"</b>\r\nBcc: eve@example.com").password_changed(&to);
        assert!(mail.html.contains("&lt;b&gt;Tom &amp; &quot;Co&quot;&lt;/b&gt;"), "{}", mail.html);
        assert!(!mail.html.contains("<b>"));
        assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    }

    #[test]
    fn a_mail_is_not_printed_by_debug() {
        let to = Email::parse("ada@example.com").unwrap();
        let mail = MailTemplates::new("Example").reset(&to, "https://pages.example/r.html", &token());
        assert_eq!(format!("{mail:?}"), "Mail([redacted])");
    }
}
