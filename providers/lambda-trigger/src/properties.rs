//! The properties of the resource, parsed once into what they mean.
//!
//! `CloudFormation` hands numbers and booleans on as texts. So `Payload` and `Expect` are JSON texts, which arrive as they were
//! written; objects are taken too, with that loss.

use serde_json::{Map, Value};
use std::fmt;

/// The properties that `CloudFormation` itself reads.
const ITS_OWN: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Bytes: the longest physical ID that is made of `Id`, which leaves room for its ending.
const LONGEST_ID: usize = 200;

/// What the resource asks for.
#[derive(Clone, PartialEq)]
pub(crate) struct Properties {
    /// The function to invoke.
    pub(crate) target: Target,
    /// What it is invoked with: JSON.
    pub(crate) payload: String,
    /// Whether its outcome matters.
    pub(crate) mode: Mode,
    /// The requests on which it is invoked.
    pub(crate) on: Vec<Occasion>,
    /// The fields that its answer must hold, with their values.
    pub(crate) expect: Option<Map<String, Value>>,
    /// What the physical ID begins with, if it is not the logical ID.
    pub(crate) id: Option<String>,
}

/// Without the payload and what is expected: they may hold secrets.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Properties").field("target", &self.target).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Whether the stack waits for the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Fire and forget.
    Event,
    /// Wait, and fail with the function.
    RequestResponse,
}

/// A type of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The resource is made.
    Create,
    /// Its properties have changed.
    Update,
    /// It is removed.
    Delete,
}

impl Occasion {
    /// The occasion as `CloudFormation` spells it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "Create" => Some(Self::Create),
            "Update" => Some(Self::Update),
            "Delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// A function by its name or ARN, perhaps with a version or an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(String);

impl Target {
    /// The name or ARN as it was given.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The function without its qualifier, and the qualifier. A name has no colon, and an ARN without a qualifier has seven parts.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        let colons = if self.0.starts_with("arn:") { 7 } else { 1 };
        match self.0.match_indices(':').nth(colons - 1) {
            Some((at, _)) => (&self.0[..at], Some(&self.0[at + 1..])),
            None => (&self.0, None),
        }
    }

    /// The version or alias.
    pub(crate) fn qualifier(&self) -> Option<&str> {
        self.parts().1
    }

    /// Returns true if this is an earlier version of the same function. Lambda numbers versions in the order of their publication.
    pub(crate) fn is_earlier_than(&self, other: &Self) -> bool {
        let number = |target: &Self| target.qualifier()?.parse::<u64>().ok();
        match (number(self), number(other)) {
            (Some(this), Some(that)) => self.parts().0 == other.parts().0 && this < that,
            _ => false,
        }
    }
}

/// Which property is wrong, and what it should be. What was given is not quoted: a payload may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property} should be {should_be}")]
pub(crate) struct InvalidProperty {
    property: &'static str,
    should_be: &'static str,
}

fn invalid(property: &'static str, should_be: &'static str) -> InvalidProperty {
    InvalidProperty { property, should_be }
}

const TARGET: InvalidProperty =
    InvalidProperty { property: "Target", should_be: "the name or ARN of a function, up to 170 characters" };

impl Properties {
    /// Reads the properties. One that is unknown is refused, so that a misspelled one does not go unnoticed.
    pub(crate) fn parse(given: &Map<String, Value>) -> Result<Self, InvalidProperty> {
        const KNOWN: [&str; 6] = ["Target", "Payload", "Mode", "On", "Expect", "Id"];
        let is_known = |name: &String| KNOWN.contains(&name.as_str()) || ITS_OWN.contains(&name.as_str());
        if !given.keys().all(is_known) {
            return Err(invalid("a property", "Target, Payload, Mode, On, Expect or Id"));
        }
        let mode = match given.get("Mode").map(Value::as_str) {
            None | Some(Some("Event")) => Mode::Event,
            Some(Some("RequestResponse")) => Mode::RequestResponse,
            Some(_) => return Err(invalid("Mode", "Event or RequestResponse")),
        };
        let expect = given.get("Expect").map(expected).transpose()?;
        if expect.is_some() && mode == Mode::Event {
            return Err(invalid("Expect", "given with Mode RequestResponse only"));
        }
        Ok(Self {
            target: target(given)?,
            payload: given.get("Payload").map_or_else(|| Ok("{}".to_owned()), payload)?,
            mode,
            on: given.get("On").map_or_else(|| Ok(vec![Occasion::Create]), occasions)?,
            expect,
            id: given.get("Id").map(id).transpose()?,
        })
    }
}

/// The target in properties that are otherwise not looked at.
pub(crate) fn target(given: &Map<String, Value>) -> Result<Target, InvalidProperty> {
    let text = given.get("Target").and_then(Value::as_str).ok_or(TARGET)?;
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_:$".contains(letter);
    // The longest ARN that Lambda takes for a function's name.
    if text.is_empty() || text.len() > 170 || !text.chars().all(is_allowed) {
        return Err(TARGET);
    }
    Ok(Target(text.to_owned()))
}

fn payload(given: &Value) -> Result<String, InvalidProperty> {
    match given {
        Value::String(text) if serde_json::from_str::<Value>(text).is_ok() => Ok(text.clone()),
        Value::Object(_) | Value::Array(_) => Ok(given.to_string()),
        _ => Err(invalid("Payload", "JSON")),
    }
}

fn expected(given: &Value) -> Result<Map<String, Value>, InvalidProperty> {
    let parsed = match given {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Object(fields) => Some(fields.clone()),
        _ => None,
    };
    parsed.ok_or(invalid("Expect", "a JSON object"))
}

fn occasions(given: &Value) -> Result<Vec<Occasion>, InvalidProperty> {
    let each = match given {
        Value::String(_) => std::slice::from_ref(given),
        Value::Array(list) => list,
        _ => &[],
    };
    let parsed: Option<Vec<_>> = each.iter().map(|one| Occasion::parse(one.as_str()?)).collect();
    parsed.filter(|list| !list.is_empty()).ok_or(invalid("On", "a list of Create, Update and Delete"))
}

fn id(given: &Value) -> Result<String, InvalidProperty> {
    let text = given.as_str().filter(|text| !text.is_empty() && text.len() <= LONGEST_ID);
    text.map(str::to_owned).ok_or(invalid("Id", "a text of 1 to 200 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(given: &Value) -> Result<Properties, InvalidProperty> {
        Properties::parse(given.as_object().unwrap())
    }

    fn version(number: &str) -> Target {
        Target(format!("arn:aws:lambda:eu-west-1:123412341234:function:one:{number}"))
    }

    #[test]
    fn by_default_an_empty_object_is_sent_on_create_and_nobody_waits() {
        let parsed = parse(&json!({ "Target": "one", "ServiceToken": "arn", "ServiceTimeout": "60" })).unwrap();
        assert_eq!((parsed.payload.as_str(), parsed.mode), ("{}", Mode::Event));
        assert_eq!((parsed.on, parsed.expect, parsed.id), (vec![Occasion::Create], None, None));
    }

    #[test]
    fn a_payload_arrives_as_it_was_written() {
        let parsed = parse(&json!({ "Target": "one", "Payload": r#"{ "number": 1.50, "yes": true }"# })).unwrap();
        assert_eq!(parsed.payload, r#"{ "number": 1.50, "yes": true }"#);
        assert_eq!(
            parse(&json!({ "Target": "one", "Payload": { "number": "1" } })).unwrap().payload,
            r#"{"number":"1"}"#
        );
    }

    #[test]
    fn a_wrong_property_is_named_and_not_quoted() {
        let secret = "se cret";
        for (property, value) in [
            ("Target", json!(secret)),
            ("Target", json!("")),
            ("Target", json!("x".repeat(171))),
            ("Payload", json!(secret)),
            ("Payload", json!("{")),
            ("Mode", json!(secret)),
            ("On", json!([secret])),
            ("On", json!([])),
            ("On", json!("create")),
            ("Expect", json!(secret)),
            ("Expect", json!("[]")),
            ("Id", json!("")),
            ("Id", json!("x".repeat(201))),
            ("a property", json!(secret)),
        ] {
            let mut given = json!({ "Target": "one", "Mode": "RequestResponse" });
            given[if property == "a property" { "Payloads" } else { property }] = value;
            let said = parse(&given).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{property} should be ")) && !said.contains(secret), "{said}");
        }
        assert!(parse(&json!({})).unwrap_err().to_string().starts_with("Target"));
    }

    #[test]
    fn properties_are_printed_without_what_may_be_secret() {
        let given = json!({ "Target": "one", "Mode": "RequestResponse", "Payload": "[\"marked\"]", "Expect": "{\"marked\":1}" });
        let printed = format!("{:?}", parse(&given).unwrap());
        assert!(printed.contains("one") && !printed.contains("marked"), "{printed}");
    }

    #[test]
    fn what_nobody_waits_for_cannot_be_expected() {
        assert!(parse(&json!({ "Target": "one", "Expect": "{}" })).unwrap_err().to_string().starts_with("Expect"));
    }

    #[test]
    fn a_target_may_name_a_version_or_an_alias() {
        for (target, qualifier) in [
            ("one", None),
            ("one:live", Some("live")),
            ("arn:aws:lambda:eu-west-1:123412341234:function:one", None),
            ("arn:aws:lambda:eu-west-1:123412341234:function:one:7", Some("7")),
        ] {
            assert_eq!(Target(target.to_owned()).qualifier(), qualifier, "{target}");
        }
    }

    #[test]
    fn only_a_lower_version_of_the_same_function_is_earlier() {
        assert!(version("9").is_earlier_than(&version("10")));
        assert!(!version("10").is_earlier_than(&version("9")));
        assert!(!version("9").is_earlier_than(&version("9")));
        assert!(!version("live").is_earlier_than(&version("9")));
        let other = Target("arn:aws:lambda:eu-west-1:123412341234:function:two:10".to_owned());
        assert!(!version("9").is_earlier_than(&other));
    }

    proptest! {
        #[test]
        fn no_properties_make_the_parser_fail_otherwise_than_by_naming_one(
            name in "Target|Payload|Mode|On|Expect|Id|[A-Z]{1,3}", text in ".{0,40}",
        ) {
            for value in [json!(text), json!([text]), json!({ "a": text }), json!(null), json!(7)] {
                let mut given = json!({ "Target": "one", "Mode": "RequestResponse" });
                given[name.as_str()] = value;
                let _ = parse(&given);
            }
        }
    }
}
