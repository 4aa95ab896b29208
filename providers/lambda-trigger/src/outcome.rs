//! What an invocation came to.

use crate::properties::{Mode, Properties};
use serde_json::{Map, Value, json};

/// Bytes of a function's answer that go into the attribute. The whole answer to `CloudFormation` may have 4,096, and a quotation
/// mark takes two or, within JSON within JSON, four.
const LONGEST_PAYLOAD: usize = 600;

/// Bytes of a function's error message that are handed on.
const LONGEST_MESSAGE: usize = 600;

/// What Lambda said. It has no `Debug`: the answer may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The status code.
    pub(crate) status: i32,
    /// The version that was invoked, if Lambda said so.
    pub(crate) executed_version: Option<String>,
    /// The kind of error, if the function failed.
    pub(crate) function_error: Option<String>,
    /// What the function answered, or nothing.
    pub(crate) payload: String,
}

/// Why the resource fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Lambda answered with a status that means neither "accepted" nor "done".
    #[error("Lambda invocation failed with status code: {0}")]
    Status(i32),
    /// The function failed.
    #[error("the function failed: {0}")]
    Function(String),
    /// The function answered something else than what was expected.
    #[error("the function's answer does not have the {0} that Expect asks for")]
    Unexpected(String),
}

impl Invocation {
    /// The invocation as JSON text: the attribute `InvokedLambdaResponse`.
    pub(crate) fn text(&self) -> String {
        let payload = cut(&self.payload, LONGEST_PAYLOAD);
        let mut fields = json!({ "StatusCode": self.status, "Payload": payload });
        if payload.len() < self.payload.len() {
            fields["PayloadBytes"] = json!(self.payload.len());
        }
        if let Some(version) = &self.executed_version {
            fields["ExecutedVersion"] = json!(version);
        }
        if let Some(error) = &self.function_error {
            fields["FunctionError"] = json!(error);
        }
        fields.to_string()
    }

    /// Returns the reason if this is no success for the resource.
    pub(crate) fn judge(&self, properties: &Properties) -> Result<(), Failure> {
        if ![200, 202].contains(&self.status) {
            return Err(Failure::Status(self.status));
        }
        if properties.mode == Mode::Event {
            return Ok(());
        }
        if let Some(kind) = &self.function_error {
            return Err(Failure::Function(message(kind, &self.payload)));
        }
        let Some(expected) = &properties.expect else { return Ok(()) };
        let answered = serde_json::from_str(&self.payload).unwrap_or(Value::Null);
        match expected.iter().find(|(name, value)| !holds(answered.get(name), value)) {
            Some((name, _)) => Err(Failure::Unexpected(cut(name, 100).to_owned())),
            None if answered.is_object() => Ok(()),
            None => Err(Failure::Unexpected("JSON object".to_owned())),
        }
    }
}

/// Whether a value is the expected one. Of an object, the expected fields count.
fn holds(answered: Option<&Value>, expected: &Value) -> bool {
    match (answered, expected) {
        (Some(Value::Object(answered)), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| holds(answered.get(name), value))
        }
        (answered, expected) => answered == Some(expected),
    }
}

/// The message of a function's error, as Lambda reports one.
fn message(kind: &str, payload: &str) -> String {
    let fields: Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = match (text("errorType"), text("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => kind.to_owned(),
    };
    cut(&said, LONGEST_MESSAGE).to_owned()
}

/// The beginning of a text that, as JSON, has at most this many bytes, and that ends with a whole character.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut left = bytes;
    for (at, letter) in text.char_indices() {
        let takes = match letter {
            '"' | '\\' => 2,
            control if control.is_control() => 6,
            other => other.len_utf8(),
        };
        if takes > left {
            return &text[..at];
        }
        left -= takes;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn properties(given: &Value) -> Properties {
        Properties::parse(given.as_object().unwrap()).unwrap()
    }

    fn waiting(expect: &str) -> Properties {
        properties(&json!({ "Target": "one", "Mode": "RequestResponse", "Expect": expect }))
    }

    fn answered(payload: &str) -> Invocation {
        Invocation { status: 200, payload: payload.to_owned(), ..Invocation::default() }
    }

    #[test]
    fn accepted_and_done_are_successes_and_any_other_status_is_named() {
        let forgotten = properties(&json!({ "Target": "one" }));
        for (status, judged) in [
            (202, Ok(())),
            (200, Ok(())),
            (204, Err("Lambda invocation failed with status code: 204".to_owned())),
            (500, Err("Lambda invocation failed with status code: 500".to_owned())),
        ] {
            let invocation = Invocation { status, ..Invocation::default() };
            assert_eq!(invocation.judge(&forgotten).map_err(|failure| failure.to_string()), judged);
        }
    }

    #[test]
    fn the_outcome_matters_only_to_those_who_wait() {
        let failed = Invocation { function_error: Some("Unhandled".to_owned()), ..answered("{}") };
        assert_eq!(failed.judge(&properties(&json!({ "Target": "one" }))), Ok(()));
        let waiting = properties(&json!({ "Target": "one", "Mode": "RequestResponse" }));
        assert_eq!(failed.judge(&waiting), Err(Failure::Function("Unhandled".to_owned())));
    }

    #[test]
    fn a_failure_of_the_function_has_its_message_cut() {
        let payload = json!({ "errorType": "Runtime.ExitError", "errorMessage": "\u{e9}".repeat(9_000) }).to_string();
        let failed = Invocation { function_error: Some("Unhandled".to_owned()), ..answered(&payload) };
        let Err(Failure::Function(said)) = failed.judge(&waiting("{}")) else { panic!("no failure") };
        assert!(said.starts_with("Runtime.ExitError: \u{e9}") && said.len() <= 600, "{said}");
    }

    #[test]
    fn only_the_expected_answer_passes() {
        let refusal = waiting(r#"{"reason":"invalid_request"}"#);
        assert_eq!(answered(r#"{"login":false,"reason":"invalid_request","info":"x"}"#).judge(&refusal), Ok(()));
        for other in [r#"{"reason":"throttled"}"#, r#"{"login":true}"#, "{}", "[]", "no JSON", ""] {
            assert_eq!(answered(other).judge(&refusal), Err(Failure::Unexpected("reason".to_owned())), "{other}");
        }
        let batch = waiting(r#"{"batchItemFailures":[]}"#);
        assert_eq!(answered(r#"{"batchItemFailures":[]}"#).judge(&batch), Ok(()));
        let left = answered(r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#);
        assert_eq!(left.judge(&batch), Err(Failure::Unexpected("batchItemFailures".to_owned())));
        let nested = waiting(r#"{"a":{"b":1}}"#);
        assert_eq!(answered(r#"{"a":{"b":1,"c":2}}"#).judge(&nested), Ok(()));
        assert!(answered(r#"{"a":{"c":2}}"#).judge(&nested).is_err());
        assert!(answered("7").judge(&waiting("{}")).is_err());
    }

    #[test]
    fn the_response_is_json_text_with_the_payload_as_text() {
        let text = answered(r#"{"said":"yes"}"#).text();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, json!({ "StatusCode": 200, "Payload": r#"{"said":"yes"}"# }));
    }

    proptest! {
        #[test]
        fn whatever_a_function_answers_fits(payload in "(?s).{0,3000}") {
            let invocation = Invocation { function_error: Some("Unhandled".into()), ..answered(&payload) };
            let text = invocation.text();
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(payload.starts_with(read["Payload"].as_str().unwrap()));
            // As a text within the JSON of the answer, beside ids of some 300 bytes and a reason.
            prop_assert!(json!(text).to_string().len() <= 2_600);
        }
    }
}
