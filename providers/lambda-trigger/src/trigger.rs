//! What a request comes to: whether the target is invoked, and what `CloudFormation` is told.

use crate::lambda::{Invoke, NotInvoked};
use crate::outcome::Invocation;
use crate::properties::{Mode, Occasion, Properties, target};
use latchkey_custom_resource::entry::{Failure, Reply, Respond};
use latchkey_custom_resource::protocol::{Change, Data, PhysicalId, Request, Success};
use serde_json::{Map, json};
use std::time::Duration;
use tokio::time::sleep;

/// What a physical ID ends with.
const ID_ENDING: &str = "-customresource-id";

/// Deals with requests.
pub(crate) struct Trigger<L> {
    /// Invokes functions.
    pub(crate) lambda: L,
    /// The time between two attempts on a function that is not ready. The time for all of them is the invocation's own.
    pub(crate) pause: Duration,
}

impl<L: Invoke> Respond for Trigger<L> {
    async fn respond(&self, request: &Request) -> Result<Reply, Failure> {
        let properties = match (Properties::parse(&request.properties), &request.change) {
            (Ok(properties), _) => properties,
            // Nothing was ever done with properties that cannot be read, and they must not keep a stack from being deleted.
            (Err(_), Change::Delete { physical_id }) => return Ok(done(physical_id.clone(), Map::new())),
            (Err(error), _) => return Err(Failure::new(error.to_string())),
        };
        let id = physical_id(request, &properties)?;
        match self.act(request, &properties).await {
            Ok(data) => Ok(done(id, data)),
            // The function may have run, so a Delete of what it made has to come to the handler.
            Err(reason) if request.change == Change::Create => Err(Failure::new(reason).of(id)),
            Err(reason) => Err(Failure::new(reason)),
        }
    }

    /// The function may have run, and may still: a Delete has to come here, as after any other failure.
    fn begun(&self, request: &Request) -> Option<PhysicalId> {
        physical_id(request, &Properties::parse(&request.properties).ok()?).ok()
    }
}

fn done(physical_id: PhysicalId, data: Map<String, serde_json::Value>) -> Reply {
    Reply::Now(Success { physical_id, data: Data(data), no_echo: false })
}

fn occasion(request: &Request) -> Occasion {
    match request.change {
        Change::Create => Occasion::Create,
        Change::Update { .. } => Occasion::Update,
        Change::Delete { .. } => Occasion::Delete,
    }
}

/// The ID: fixed, so that an update is no replacement, unless `Id` has changed.
fn physical_id(request: &Request, properties: &Properties) -> Result<PhysicalId, Failure> {
    if let Change::Delete { physical_id } = &request.change {
        return Ok(physical_id.clone());
    }
    let named = properties.id.as_deref().unwrap_or(request.recipient.logical_id());
    PhysicalId::parse(&format!("{named}{ID_ENDING}")).map_err(|error| Failure::new(error.to_string()))
}

impl<L: Invoke> Trigger<L> {
    /// Invokes the target if this is an occasion for it. Returns the attributes, or why the resource fails.
    async fn act(&self, request: &Request, properties: &Properties) -> Result<Map<String, serde_json::Value>, String> {
        let mut data = Map::new();
        let mut attribute = |name: &str, value: &str| data.insert(name.to_owned(), json!(value));
        if let Some(qualifier) = properties.target.qualifier() {
            attribute("Version", qualifier);
        }
        if let Some(why) = reason_to_rest(request, properties) {
            // The attribute is there whatever happened: a stack that reads it would fail otherwise.
            attribute("InvokedLambdaResponse", why);
            return Ok(data);
        }
        let invocation = self.invoke(properties).await.map_err(|error| error.to_string())?;
        invocation.judge(properties).map_err(|failure| failure.to_string())?;
        if let (None, Some(version)) = (properties.target.qualifier(), &invocation.executed_version) {
            attribute("Version", version);
        }
        attribute("InvokedLambdaResponse", &invocation.text());
        Ok(data)
    }

    async fn invoke(&self, properties: &Properties) -> Result<Invocation, NotInvoked> {
        loop {
            match self.lambda.invoke(&properties.target, properties.mode, &properties.payload).await {
                Err(NotInvoked::NotReady(_)) => sleep(self.pause).await,
                ended => return ended,
            }
        }
    }
}

/// Why nothing is invoked, if nothing is.
fn reason_to_rest(request: &Request, properties: &Properties) -> Option<&'static str> {
    if !properties.on.contains(&occasion(request)) {
        return Some("not invoked: On does not name this request");
    }
    // What CloudFormation sends when it rolls an update back. It must succeed, and that version was tried when it came.
    let Change::Update { old_properties, .. } = &request.change else { return None };
    let goes_back = target(old_properties).is_ok_and(|before| properties.target.is_earlier_than(&before));
    (properties.mode == Mode::RequestResponse && goes_back).then_some("not invoked: an earlier version of the function")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Target;
    use latchkey_custom_resource::protocol::Trust;
    use serde_json::Value;
    use std::cell::RefCell;

    const VERSION: &str = "arn:aws:lambda:eu-west-1:123412341234:function:one";

    /// Lambda with its answers, the next one first; without any it does not answer.
    #[derive(Default)]
    struct Scripted {
        answers: RefCell<Vec<Result<Invocation, NotInvoked>>>,
        calls: RefCell<Vec<(String, Mode, String)>>,
    }

    impl Scripted {
        fn new(answers: impl IntoIterator<Item = Result<Invocation, NotInvoked>>) -> Self {
            Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
        }
    }

    impl Invoke for &Scripted {
        async fn invoke(&self, target: &Target, mode: Mode, payload: &str) -> Result<Invocation, NotInvoked> {
            self.calls.borrow_mut().push((target.as_str().to_owned(), mode, payload.to_owned()));
            if self.answers.borrow().is_empty() {
                std::future::pending::<()>().await;
            }
            self.answers.borrow_mut().remove(0)
        }
    }

    fn accepted() -> Invocation {
        Invocation { status: 202, ..Invocation::default() }
    }

    fn answered(payload: &str) -> Invocation {
        let executed_version = Some("7".to_owned());
        Invocation { status: 200, executed_version, payload: payload.to_owned(), function_error: None }
    }

    fn request(occasion: Occasion, given: &Value, old: Option<&Value>) -> Request {
        let mut event = json!({
            "RequestType": format!("{occasion:?}"),
            "ResponseURL": "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/answer?secret",
            "StackId": "arn:aws:cloudformation:eu-west-1:123412341234:stack/one/7",
            "RequestId": "request",
            "ResourceType": "Custom::Thing",
            "LogicalResourceId": "Thing",
            "ResourceProperties": given,
        });
        if occasion != Occasion::Create {
            event["PhysicalResourceId"] = json!("Thing-customresource-id");
        }
        if occasion == Occasion::Update {
            event["OldResourceProperties"] = old.unwrap_or(given).clone();
        }
        Request::parse(&event.to_string(), &Trust::new(VERSION, None).unwrap()).unwrap()
    }

    async fn told(
        lambda: &Scripted,
        occasion: Occasion,
        given: &Value,
        old: Option<&Value>,
    ) -> Result<Success, Failure> {
        let request = request(occasion, given, old);
        match (Trigger { lambda, pause: Duration::ZERO }).respond(&request).await? {
            Reply::Now(success) => Ok(success),
            Reply::Later => panic!("nobody else answers"),
        }
    }

    #[tokio::test]
    async fn a_create_invokes_the_target_and_succeeds_at_once() {
        let lambda = Scripted::new([Ok(accepted())]);
        let told = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await.unwrap();
        assert_eq!(*lambda.calls.borrow(), [("one".to_owned(), Mode::Event, "{}".to_owned())]);
        assert_eq!(told.physical_id.as_str(), "Thing-customresource-id");
        let response: Value = serde_json::from_str(told.data.0["InvokedLambdaResponse"].as_str().unwrap()).unwrap();
        assert_eq!(response, json!({ "StatusCode": 202, "Payload": "" }));
    }

    #[tokio::test]
    async fn an_update_and_a_delete_invoke_nothing_and_succeed_with_the_same_id() {
        for occasion in [Occasion::Update, Occasion::Delete] {
            let lambda = Scripted::default();
            let told = told(&lambda, occasion, &json!({ "Target": "one" }), None).await.unwrap();
            assert!(lambda.calls.borrow().is_empty());
            assert_eq!(told.physical_id.as_str(), "Thing-customresource-id");
            // A stack's output reads it.
            assert!(told.data.0["InvokedLambdaResponse"].as_str().unwrap().starts_with("not invoked"));
        }
    }

    #[tokio::test]
    async fn the_requests_that_on_names_invoke_the_target() {
        for occasion in [Occasion::Create, Occasion::Update, Occasion::Delete] {
            for on in ["Create", "Update", "Delete"] {
                let lambda = Scripted::new([Ok(accepted())]);
                let given = json!({ "Target": "one", "On": [on], "Payload": "[1]" });
                told(&lambda, occasion, &given, None).await.unwrap();
                assert_eq!(
                    lambda.calls.borrow().len(),
                    usize::from(on == format!("{occasion:?}")),
                    "{on} {occasion:?}"
                );
            }
        }
    }

    #[tokio::test]
    async fn another_id_replaces_and_a_delete_keeps_the_id_that_it_names() {
        let given = json!({ "Target": "one", "Id": "Another" });
        for (occasion, id) in [(Occasion::Update, "Another"), (Occasion::Delete, "Thing")] {
            let told = told(&Scripted::default(), occasion, &given, None).await.unwrap();
            assert_eq!(told.physical_id.as_str(), format!("{id}-customresource-id"));
        }
    }

    #[tokio::test]
    async fn another_status_fails_the_resource_and_is_named() {
        let lambda = Scripted::new([Ok(Invocation { status: 204, ..Invocation::default() })]);
        let failure = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await.unwrap_err();
        assert_eq!(failure.reason, "Lambda invocation failed with status code: 204");
    }

    #[tokio::test]
    async fn what_lambda_refuses_fails_with_its_words_and_a_delete_may_follow() {
        let lambda = Scripted::new([Err(NotInvoked::Refused("AccessDeniedException: not authorized".to_owned()))]);
        let failure = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await.unwrap_err();
        assert!(failure.reason.contains("AccessDeniedException: not authorized"), "{}", failure.reason);
        assert_eq!(failure.physical_id.unwrap().as_str(), "Thing-customresource-id");
    }

    #[test]
    fn a_create_that_runs_out_of_time_names_its_resource_so_that_a_delete_comes_here() {
        let lambda = &Scripted::default();
        let trigger = Trigger { lambda, pause: Duration::ZERO };
        let begun = trigger.begun(&request(Occasion::Create, &json!({ "Target": "one", "Id": "Named" }), None));
        assert_eq!(begun.unwrap().as_str(), "Named-customresource-id");
        assert_eq!(trigger.begun(&request(Occasion::Create, &json!({ "Target": "" }), None)), None);
    }

    #[tokio::test]
    async fn who_waits_gets_the_answer_and_the_version_that_gave_it() {
        let lambda = Scripted::new([Ok(answered(r#"{"made":"yes"}"#))]);
        let given = json!({ "Target": "one", "Mode": "RequestResponse" });
        let told = told(&lambda, Occasion::Create, &given, None).await.unwrap();
        assert_eq!(told.data.0["Version"], "7");
        let response: Value = serde_json::from_str(told.data.0["InvokedLambdaResponse"].as_str().unwrap()).unwrap();
        assert_eq!(response["Payload"], r#"{"made":"yes"}"#);
    }

    #[tokio::test]
    async fn who_waits_fails_with_the_function() {
        let mut failed = answered(r#"{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}"#);
        failed.function_error = Some("Unhandled".to_owned());
        let given = json!({ "Target": format!("{VERSION}:3"), "Mode": "RequestResponse" });
        let failure = told(&Scripted::new([Ok(failed)]), Occasion::Create, &given, None).await.unwrap_err();
        assert_eq!(failure.reason, "the function failed: Runtime.ExitError: exit status 1");
    }

    #[tokio::test]
    async fn a_function_that_is_not_ready_is_tried_again() {
        let not_ready = || Err(NotInvoked::NotReady("ResourceConflictException".to_owned()));
        let lambda = Scripted::new([not_ready(), not_ready(), Ok(accepted())]);
        told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await.unwrap();
        assert_eq!(lambda.calls.borrow().len(), 3);
    }

    #[tokio::test]
    async fn the_way_back_to_an_earlier_version_does_not_depend_on_a_call() {
        let of = |version: u32| json!({ "Target": format!("{VERSION}:{version}"), "Mode": "RequestResponse", "On": ["Create", "Update"] });
        let lambda = Scripted::default();
        let back = told(&lambda, Occasion::Update, &of(3), Some(&of(4))).await.unwrap();
        assert_eq!(back.data.0["Version"], "3");
        assert!(lambda.calls.borrow().is_empty());

        let lambda = Scripted::new([Ok(answered("{}"))]);
        let on = told(&lambda, Occasion::Update, &of(4), Some(&of(3))).await.unwrap();
        assert_eq!(on.data.0["Version"], "4");
        assert_eq!(lambda.calls.borrow().len(), 1);
    }

    #[tokio::test]
    async fn wrong_properties_fail_but_do_not_keep_a_stack_from_being_deleted() {
        let wrong = json!({ "Target": "one", "Mode": "sometimes" });
        let lambda = Scripted::default();
        for occasion in [Occasion::Create, Occasion::Update] {
            let failure = told(&lambda, occasion, &wrong, None).await.unwrap_err();
            // Nothing was made, so nothing is named.
            assert_eq!(failure, Failure::new("Mode should be Event or RequestResponse"));
        }
        told(&lambda, Occasion::Delete, &wrong, None).await.unwrap();
        assert!(lambda.calls.borrow().is_empty());
    }
}
