//! An alert, as functions hand it over: parsed once, and refused by the name of the field that is wrong.
//!
//! | field | | |
//! |---|---|---|
//! | `severity` | required | `info`, `warning` or `critical` |
//! | `title` | required | one line of 1 to 200 characters |
//! | `text` | required | 1 to 20,000 characters |
//! | `source` | required | an ARN or a name: one line of 1 to 512 characters |
//! | `time` | required | RFC 3339 |
//! | `id` | required | one line of 1 to 256 characters; a repeated one is not mailed again within an hour |
//! | `fields` | optional | at most 20 names (one line of 1 to 64 characters) with texts of up to 2,000 characters |
//! | `to` | optional | some of the addresses that the notifier may write to |

use latchkey_auth::{Email, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest event in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most fields of an alert.
pub const MAX_FIELDS: usize = 20;

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nobody needs to act.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

/// A valid alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What happened, in any number of lines.
    pub text: String,
    /// Who reports it.
    pub source: String,
    /// When it happened.
    pub time: Timestamp,
    /// Further facts by name.
    pub fields: BTreeMap<String, String>,
    /// To whom, if not to everybody.
    pub to: Option<Vec<Email>>,
    /// What makes it the same alert when it comes again.
    pub id: String,
    /// Pages to open. The notifier makes them itself, out of an alarm; an event cannot give any.
    pub links: Vec<Link>,
}

/// A page to open, for people who read an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it shows.
    pub name: &'static str,
    /// Its address.
    pub url: String,
}

/// Why an event is no alert. It quotes no value; of an unknown field it gives the name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAlert {
    /// Too long.
    #[error("The event is longer than 64 KB.")]
    TooLong,
    /// No JSON object.
    #[error("The event should be a JSON object.")]
    NoObject,
    /// A field that the contract does not have.
    #[error("The field {0} is unknown.")]
    Unknown(FieldName),
    /// A field that is missing or invalid.
    #[error("The field {field} should be {expected}.")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An event of SNS whose message is no notification of an alarm.
    #[error("The message from SNS is not a CloudWatch alarm's.")]
    NoAlarm,
    /// An event of SNS or SQS from a topic or queue that is not configured.
    #[error("The event comes from a topic or queue that the notifier does not listen to.")]
    ForeignSource,
}

/// The name of an unknown field, safe to repeat: its ASCII letters, digits and `_.-`, at most 64 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName(String);

impl FieldName {
    fn new(name: &str) -> Self {
        Self(name.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).take(64).collect())
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "with an unusual name" } else { &self.0 })
    }
}

const KNOWN: [&str; 8] = ["severity", "title", "text", "source", "time", "fields", "to", "id"];

impl Alert {
    /// Parses the JSON of an event.
    pub fn parse(event: &str) -> Result<Self, InvalidAlert> {
        if event.len() > MAX_BYTES {
            return Err(InvalidAlert::TooLong);
        }
        match serde_json::from_str(event) {
            Ok(Value::Object(object)) => Self::from_object(&object),
            _ => Err(InvalidAlert::NoObject),
        }
    }

    /// Parses an object that is part of a larger event.
    pub(crate) fn from_object(object: &Map<String, Value>) -> Result<Self, InvalidAlert> {
        if let Some(name) = object.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(InvalidAlert::Unknown(FieldName::new(name)));
        }
        let field = |field, expected| InvalidAlert::Field { field, expected };
        let text_of = |name: &str| object.get(name).and_then(Value::as_str);
        Ok(Self {
            severity: text_of("severity")
                .and_then(Severity::parse)
                .ok_or(field("severity", "info, warning or critical"))?,
            title: text_of("title")
                .and_then(|text| line(text, 200))
                .ok_or(field("title", "one line of 1 to 200 characters"))?,
            text: text_of("text")
                .filter(|text| !text.trim().is_empty())
                .and_then(|text| paragraph(text, 20_000))
                .ok_or(field("text", "a text of 1 to 20000 characters"))?,
            source: source(object).ok_or(field("source", "an ARN or a name of 1 to 512 characters"))?,
            time: text_of("time")
                .and_then(moment)
                .ok_or(field("time", "a time by RFC 3339, such as 2026-09-21T14:13:20Z"))?,
            fields: fields(object.get("fields")).ok_or(field(
                "fields",
                "an object of at most 20 names of one line with texts of up to 2000 characters",
            ))?,
            to: object
                .get("to")
                .map(|list| recipients(list).ok_or(field("to", "a list of 1 to 50 addresses")))
                .transpose()?,
            id: id(object).ok_or(field("id", "one line of 1 to 256 characters"))?,
            links: Vec::new(),
        })
    }
}

/// The source of an event, if it has a valid one, whatever else is wrong with it.
pub(crate) fn source(object: &Map<String, Value>) -> Option<String> {
    object.get("source").and_then(Value::as_str).and_then(|text| line(text, 512))
}

/// The ID of an event, if it has a valid one, whatever else is wrong with it.
pub(crate) fn id(object: &Map<String, Value>) -> Option<String> {
    object.get("id").and_then(Value::as_str).and_then(|text| line(text, 256))
}

/// One line that shows what it holds: no control characters, and none that reorder what people read (Unicode TR36, 2.5).
pub(crate) fn line(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().take(longest + 1).count() <= longest;
    (fits && !text.chars().any(is_deceptive)).then(|| text.to_owned())
}

/// As a line, with line breaks and tabs. It may be empty.
pub(crate) fn paragraph(text: &str, longest: usize) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let fits = text.chars().take(longest + 1).count() <= longest;
    (fits && !text.chars().any(|c| !matches!(c, '\n' | '\t') && is_deceptive(c))).then_some(text)
}

pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp()).ok().map(Timestamp)
}

fn fields(value: Option<&Value>) -> Option<BTreeMap<String, String>> {
    let Some(value) = value else { return Some(BTreeMap::new()) };
    let object = value.as_object().filter(|object| object.len() <= MAX_FIELDS)?;
    object.iter().map(|(name, text)| Some((line(name, 64)?, paragraph(text.as_str()?, 2_000)?))).collect()
}

fn recipients(value: &Value) -> Option<Vec<Email>> {
    let list = value.as_array().filter(|list| (1..=50).contains(&list.len()))?;
    let mut to = list.iter().map(|address| Email::parse(address.as_str()?).ok()).collect::<Option<Vec<_>>>()?;
    to.sort();
    to.dedup();
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "severity": "critical", "title": "The nightly load failed", "text": "Step 3 of 7 ended.\nNobody can log in.",
            "source": "arn:aws:lambda:eu-west-1:111122223333:function:load", "time": "2026-09-21T16:13:20+02:00",
            "fields": { "rows": "17" }, "to": ["Ada@example.com", "ada@example.com"], "id": "load-7",
        })
    }

    fn with(name: &str, value: Value) -> Result<Alert, InvalidAlert> {
        let mut event = event();
        event[name] = value;
        Alert::parse(&event.to_string())
    }

    #[test]
    fn a_valid_event_becomes_an_alert_with_its_time_in_utc_and_each_recipient_once() {
        let alert = Alert::parse(&event().to_string()).unwrap();
        assert_eq!(alert.severity, Severity::Critical);
        assert_eq!(alert.time, Timestamp(1_790_000_000));
        assert_eq!(alert.fields["rows"], "17");
        assert_eq!(alert.to.unwrap().len(), 1);
    }

    #[test]
    fn an_unknown_field_is_refused_by_its_name_and_an_unusual_name_is_not_repeated() {
        let refused = |name| with(name, json!(1)).unwrap_err().to_string();
        assert_eq!(refused("severty"), "The field severty is unknown.");
        assert_eq!(refused("\r\n<b>"), "The field b is unknown.");
        assert_eq!(refused("\u{202e}"), "The field with an unusual name is unknown.");
    }

    #[test]
    fn a_missing_or_invalid_field_is_refused_by_its_name_and_its_value_is_not_quoted() {
        for (name, bad) in [
            ("severity", json!("fatal")),
            ("title", json!("two\nlines")),
            ("title", json!("a\u{202e}b")),
            ("title", json!("a".repeat(201))),
            ("text", json!(" ")),
            ("text", json!("bell\u{7}")),
            ("source", json!("")),
            ("time", json!("yesterday")),
            ("time", json!("2026-09-21 14:13")),
            ("fields", json!({ "n": 17 })),
            ("fields", json!((0..21).map(|n| (n.to_string(), json!(""))).collect::<Map<_, _>>())),
            ("to", json!([])),
            ("to", json!(["no address"])),
            ("id", json!("a".repeat(257))),
        ] {
            let text = with(name, bad.clone()).unwrap_err().to_string();
            assert!(text.starts_with(&format!("The field {name} should be ")), "{name}: {text}");
            let mut without = event();
            without.as_object_mut().unwrap().remove(name);
            let is_optional = matches!(name, "fields" | "to");
            assert_eq!(Alert::parse(&without.to_string()).is_ok(), is_optional, "{name}");
        }
    }

    #[test]
    fn an_event_of_more_than_64_kb_or_without_an_object_is_refused() {
        let long = with("text", json!("a".repeat(MAX_BYTES))).unwrap_err();
        assert_eq!(long, InvalidAlert::TooLong);
        for event in ["", "[]", "\"text\"", "{"] {
            assert_eq!(Alert::parse(event).unwrap_err(), InvalidAlert::NoObject, "{event}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_has_one_line_where_the_mail_has_one(text in "[a-c \\r\\n\\t\u{0}\u{7f}\u{85}\u{2028}\u{202e}\u{2066}]{1,4}") {
            for name in ["title", "source", "id", "fields"] {
                let value = if name == "fields" { json!({ &text: "" }) } else { json!(text) };
                if let Ok(alert) = with(name, value) {
                    for line in [&alert.title, &alert.source, &alert.id].into_iter().chain(alert.fields.keys()) {
                        prop_assert!(!line.is_empty() && !line.chars().any(is_deceptive));
                    }
                }
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            prop_assert!(Alert::parse(&text).is_err());
        }
    }
}
