//! The mail of an alert: a subject of one line, and the same content as text and as HTML.
//!
//! Everything that comes from an event is escaped, and nothing of it becomes a header but the subject, which has one line. The HTML
//! has no images, scripts or outside resources, and one column: it reads the same on a phone.

use crate::alert::{Alert, InvalidAlert, Link, Severity};
use crate::limits::Storm;
use latchkey_auth::{Email, Timestamp};
use latchkey_html::escape;
use std::fmt::Write;

/// The longest subject in characters. What is beyond it stays in the body.
const LONGEST_SUBJECT: usize = 150;

/// A mail, ready to be sent. All of it is UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The recipients, who see each other.
    pub to: Vec<Email>,
    /// One line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, with the same content.
    pub html: String,
}

/// What a mail says before its facts.
#[derive(Clone, Copy)]
struct Body<'a> {
    severity: Severity,
    title: &'a str,
    text: &'a str,
    links: &'a [Link],
}

/// Writes the mails of one notifier.
#[derive(Clone, Debug)]
pub struct Writer {
    prefix: String,
}

impl Writer {
    /// `prefix` begins every subject (`SUBJECT_PREFIX`), without its line breaks. It may be empty.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.split(char::is_control).collect::<Vec<_>>().join(" ").trim().to_owned() }
    }

    /// The mail of an alert. `note` is a sentence of the notifier's own at its end.
    #[must_use]
    pub fn alert(&self, alert: &Alert, to: Vec<Email>, note: Option<&str>) -> Message {
        let mut facts = vec![("Time".to_owned(), alert.time.to_string())];
        facts.extend(alert.fields.clone());
        // The longest, and what people need least.
        facts.extend([("Source".to_owned(), alert.source.clone()), ("ID".to_owned(), alert.id.clone())]);
        let body = Body { severity: alert.severity, title: &alert.title, text: &alert.text, links: &alert.links };
        self.write(to, &body, &facts, note)
    }

    /// The mail that says how many alerts came after the first ones of a window.
    #[must_use]
    pub fn storm(&self, storm: &Storm, to: Vec<Email>, note: Option<&str>) -> Message {
        let held_back = storm.held_back();
        let severity = storm.worst();
        let (count, verb) = if held_back == 1 {
            ("1 more alert".to_owned(), "was")
        } else {
            (format!("{held_back} more alerts"), "were")
        };
        let title = format!("{count} within a minute");
        let mut text = format!(
            "After the alerts that were mailed to you, {count} came within the same minute and {verb} not mailed one by one."
        );
        if !storm.titles.is_empty() {
            text += if held_back > storm.titles.len() as u64 { "\n\nThe first of them:" } else { "\n\nThey say:" };
            for title in &storm.titles {
                let _ = write!(text, "\n- {title}");
            }
        }
        let mut facts = vec![
            ("From".to_owned(), storm.window.began_at().to_string()),
            ("Until".to_owned(), storm.window.ends_at.to_string()),
        ];
        for severity in Severity::ALL.into_iter().rev() {
            facts.push((format!("Alerts: {}", severity.as_str()), storm.of(severity).to_string()));
        }
        self.write(to, &Body { severity, title: &title, text: &text, links: &[] }, &facts, note)
    }

    /// The mail that says that an event could not be made a notification, without what the event says.
    #[must_use]
    pub fn unusable(
        &self,
        reason: &InvalidAlert,
        source: Option<&str>,
        id: Option<&str>,
        now: Timestamp,
        to: Vec<Email>,
    ) -> Message {
        let text = format!(
            "The notifier was invoked with an event from which it could not make a notification. {reason} What the event says was left out here: look into the log of its source."
        );
        let unknown = "not given, or invalid".to_owned();
        let facts = [
            ("Time".to_owned(), now.to_string()),
            ("Source".to_owned(), source.map_or_else(|| unknown.clone(), str::to_owned)),
            ("ID".to_owned(), id.map_or(unknown, str::to_owned)),
        ];
        let title = "A notification could not be made";
        self.write(to, &Body { severity: Severity::Warning, title, text: &text, links: &[] }, &facts, None)
    }

    fn write(&self, to: Vec<Email>, body: &Body<'_>, facts: &[(String, String)], note: Option<&str>) -> Message {
        let Body { severity, title, text: body, links } = *body;
        let subject = [self.prefix.as_str(), &format!("[{}]", severity.as_str()), title].join(" ");
        let subject = shortened(subject.trim(), LONGEST_SUBJECT);
        let mut text = format!("{}: {title}\n\n{body}\n\n", severity.as_str());
        // Writing to a string does not fail.
        let mut paragraphs = String::new();
        for part in body.split("\n\n") {
            let _ = writeln!(paragraphs, "<p>{}</p>", escape_lines(part));
        }
        let mut pages = String::new();
        for Link { name, url } in links {
            let _ = writeln!(text, "{name}: {url}");
            let _ = writeln!(
                pages,
                "<p><a href=\"{}\" style=\"display:block;padding:.75em 1em;border:1px solid #1f5fa8;border-radius:.5em;color:#1f5fa8;font-weight:bold;text-decoration:none;text-align:center\">{} in the AWS console</a></p>",
                escape(url),
                escape(name)
            );
        }
        if !links.is_empty() {
            text.push('\n');
        }
        let mut rows = String::new();
        for (name, value) in facts {
            let _ = writeln!(text, "{name}: {value}");
            let _ = writeln!(
                rows,
                "<dt style=\"margin-top:.75em;color:#555;font-size:.875em\">{}</dt><dd style=\"margin:0\">{}</dd>",
                escape(name),
                escape_lines(value)
            );
        }
        let note = note.map(|note| {
            let _ = write!(text, "\n{note}\n");
            format!("<p>{}</p>\n", escape(note))
        });
        let color = match severity {
            Severity::Info => "#1f5fa8",
            Severity::Warning => "#9a5b00",
            Severity::Critical => "#b3261e",
        };
        let (title, word) = (escape(title), severity.as_str());
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title></head>\n\
             <body style=\"margin:0;padding:1em;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a;background:#fff\">\n\
             <div style=\"max-width:36em;overflow-wrap:anywhere;word-break:break-word\">\n\
             <p style=\"margin:0;color:{color};font-weight:bold;text-transform:uppercase\">{word}</p>\n\
             <h1 style=\"margin:.25em 0 .5em;font-size:1.375em;line-height:1.25\">{title}</h1>\n\
             {paragraphs}{pages}<dl>\n{rows}</dl>\n{}</div>\n</body>\n</html>\n",
            note.unwrap_or_default()
        );
        Message { to, subject, text, html }
    }
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['\u{2026}']).collect()
}

fn escape_lines(text: &str) -> String {
    escape(text).replace('\n', "<br>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn alert(title: &str, text: &str, name: &str, value: &str) -> Alert {
        Alert {
            severity: Severity::Critical,
            title: title.to_owned(),
            text: text.to_owned(),
            source: format!("source {value}"),
            time: Timestamp(1_790_000_000),
            fields: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            to: None,
            id: "id".to_owned(),
            links: Vec::new(),
        }
    }

    fn mail(alert: &Alert) -> Message {
        Writer::new("[prod]\r\nBcc: eve@example.com").alert(alert, Vec::new(), None)
    }

    #[test]
    fn the_subject_names_severity_and_title_on_one_line_of_at_most_150_characters() {
        let subject = mail(&alert("Down", "t", "n", "v")).subject;
        assert_eq!(subject, "[prod]  Bcc: eve@example.com [critical] Down");
        let long = mail(&alert(&"\u{e9}".repeat(200), "t", "n", "v")).subject;
        assert_eq!(long.chars().count(), 150);
        assert!(long.ends_with('\u{2026}'));
    }

    #[test]
    fn text_and_html_say_the_same() {
        let mail = mail(&alert("Down", "line 1\nline 2", "rows", "17"));
        for part in ["Down", "line 1", "line 2", "rows", "17", "14:13 on 21 September 2026 (UTC)", "critical", "id"] {
            assert!(mail.text.contains(part) && mail.html.contains(part), "{part}");
        }
        assert!(mail.html.contains("line 1<br>\nline 2"));
    }

    #[test]
    fn a_page_to_open_is_a_link_and_its_address_is_in_the_text() {
        let mut alarm = alert("Down", "first\n\nsecond", "n", "v");
        alarm.links = vec![Link { name: "Alarm", url: "https://example.com/?a=1&b=\"2".to_owned() }];
        let mail = mail(&alarm);
        assert!(mail.text.contains("second\n\nAlarm: https://example.com/?a=1&b=\"2\n\nTime: "), "{}", mail.text);
        assert!(
            mail.html.contains("<p>first</p>\n<p>second</p>\n<p><a href=\"https://example.com/?a=1&amp;b=&quot;2\"")
        );
    }

    #[test]
    fn an_event_that_cannot_be_used_is_told_with_source_and_id_only() {
        let reason = InvalidAlert::Field { field: "title", expected: "one line" };
        let mail = Writer::new("").unusable(&reason, Some("load"), None, Timestamp(0), Vec::new());
        assert!(mail.text.contains("The field title should be one line."), "{}", mail.text);
        assert!(mail.text.contains("Source: load\nID: not given, or invalid"), "{}", mail.text);
    }

    /// The tags of a text, as a browser would find them.
    fn tags(html: &str) -> Vec<&str> {
        html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag).collect()
    }

    proptest! {
        #[test]
        fn no_event_adds_a_tag_to_the_mail(title in "[^\u{0}-\u{1f}]{1,40}", text in "[<>&\"'a-z/! =-]{1,60}", name in "[<>\"'a-z]{1,20}", value in "[<>\"'&;a-z#0-9]{0,60}") {
            let plain = mail(&alert("t", "x", "n", "v"));
            let written = mail(&alert(&title, &text, &name, &value));
            prop_assert_eq!(tags(&written.html), tags(&plain.html));
        }
    }
}
