//! A function that tries a hook out, as the public sample's five do: a property `InvalidPropertyKey` does not comply, and with
//! `USE_CALLBACKS` it answers the first time that it is in progress.

use latchkey_auth::Fault;
use latchkey_config::Settings;
use latchkey_hook::{Answer, ErrorCode, Request};
use latchkey_runtime::{Event, Handled, Handler, Report};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The answer to an event.
#[must_use]
pub fn answer(event: &str, uses_callbacks: bool) -> Value {
    match Request::parse(event) {
        Ok((request, form)) => judge(&request, uses_callbacks).to_json(form, &request.token),
        Err(error) => {
            let (form, token) = crate::addressee(event);
            Answer::Failed { code: ErrorCode::InternalFailure, message: error.to_string() }.to_json(form, &token)
        }
    }
}

fn judge(request: &Request, uses_callbacks: bool) -> Answer {
    if request.properties.contains_key("InvalidPropertyKey") {
        return Answer::Failed {
            code: ErrorCode::NonCompliant,
            message: "the resource has an InvalidPropertyKey".to_owned(),
        };
    }
    if uses_callbacks && request.context.is_none() {
        let context = Map::from_iter([("test".to_owned(), json!(1))]);
        return Answer::InProgress { message: "ask again".to_owned(), context: Some(context), delay: 1 };
    }
    Answer::Success { message: format!("{} complies", request.target) }
}

/// Serves [`answer`].
pub struct TestHandler {
    uses_callbacks: bool,
}

impl Handler for TestHandler {
    const NAME: &'static str = "hookTest";

    type StartError = &'static str;

    type Notes<'a> = ();

    fn start(settings: &Settings<'_>) -> Result<Self, Self::StartError> {
        match settings.get("USE_CALLBACKS").as_deref() {
            Some("yes") => Ok(Self { uses_callbacks: true }),
            Some("no") => Ok(Self { uses_callbacks: false }),
            _ => Err("the setting USE_CALLBACKS should be yes or no"),
        }
    }

    fn notes(&self) -> Self::Notes<'_> {}

    async fn handle(&self, event: Event<'_>, _notes: &Self::Notes<'_>) -> Result<Value, Fault> {
        Ok(answer(event.payload, self.uses_callbacks))
    }

    fn report(&self, handled: &Handled<'_>, (): ()) -> Vec<Report> {
        let outcome = if handled.fault.is_some() { "fault" } else { "answered" };
        vec![Report { outcome, reason: None, audit: None, counts: BTreeMap::new() }]
    }
}
