//! What a request comes to: whether the target is invoked, and what `CloudFormation` is told.

use crate::lambda::{Invoke, NotInvoked};
use crate::outcome::Failure;
use crate::properties::{InvalidProperty, Mode, Occasion, Properties, target};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// What a physical ID ends with.
const ID_ENDING: &str = "-customresource-id";

/// A request of `CloudFormation`, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// What happens to the resource.
    pub(crate) occasion: Occasion,
    /// Its name in the template.
    pub(crate) logical_id: &'a str,
    /// Its ID, unless it is being created.
    pub(crate) physical_id: Option<&'a str>,
    /// Its properties.
    pub(crate) properties: &'a Map<String, Value>,
    /// Its properties before an update.
    pub(crate) old_properties: Option<&'a Map<String, Value>>,
}

/// What `CloudFormation` is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The physical ID.
    pub(crate) id: String,
    /// The attributes.
    pub(crate) data: Map<String, Value>,
    /// Why the resource fails, if it does.
    pub(crate) failure: Option<String>,
}

/// Why the resource fails.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Property(#[from] InvalidProperty),
    #[error(transparent)]
    NotInvoked(#[from] NotInvoked),
    #[error(transparent)]
    Outcome(#[from] Failure),
    #[error("the function did not answer in the time that the trigger has")]
    Time,
}

/// Deals with a request. It ends before `until`, and waits for `pause` between two attempts on a function that is not ready.
pub(crate) async fn trigger(lambda: &impl Invoke, request: Request<'_>, until: Instant, pause: Duration) -> Told {
    let parsed = Properties::parse(request.properties);
    let mut data = Map::new();
    let failure = match &parsed {
        Ok(properties) => act(lambda, request, properties, until, pause, &mut data).await.err(),
        // What cannot be read was never acted upon, and must not keep a stack from being deleted.
        Err(_) if request.occasion == Occasion::Delete => None,
        Err(error) => Some(Failed::Property(*error)),
    };
    let failure = failure.map(|failure| failure.to_string());
    if let Some(said) = &failure {
        data.insert("InvokedLambdaResponse".to_owned(), json!(said));
    }
    Told { id: id(request, parsed.ok().as_ref()), data, failure }
}

/// The ID: fixed, so that an update is no replacement, unless `Id` has changed. What exists keeps its ID until it is replaced.
fn id(request: Request<'_>, properties: Option<&Properties>) -> String {
    let named = properties.and_then(|properties| properties.id.as_deref()).unwrap_or(request.logical_id);
    let own = format!("{named}{ID_ENDING}");
    match (request.occasion, request.physical_id) {
        (Occasion::Delete, Some(current)) => current.to_owned(),
        (Occasion::Update, Some(current)) if properties.is_none() => current.to_owned(),
        _ => own,
    }
}

async fn act(
    lambda: &impl Invoke,
    request: Request<'_>,
    properties: &Properties,
    until: Instant,
    pause: Duration,
    data: &mut Map<String, Value>,
) -> Result<(), Failed> {
    if let Some(qualifier) = properties.target.qualifier() {
        data.insert("Version".to_owned(), json!(qualifier));
    }
    if let Some(why) = reason_to_rest(request, properties) {
        // The attribute is there whatever happened: a stack that reads it would fail otherwise.
        data.insert("InvokedLambdaResponse".to_owned(), json!(why));
        return Ok(());
    }
    let invocation = timeout_at(until, invoke(lambda, properties, pause)).await.map_err(|_| Failed::Time)??;
    if let (None, Some(version)) = (properties.target.qualifier(), &invocation.executed_version) {
        data.insert("Version".to_owned(), json!(version));
    }
    data.insert("InvokedLambdaResponse".to_owned(), json!(invocation.text()));
    Ok(invocation.judge(properties)?)
}

/// Why nothing is invoked, if nothing is.
fn reason_to_rest(request: Request<'_>, properties: &Properties) -> Option<&'static str> {
    if !properties.on.contains(&request.occasion) {
        return Some("not invoked: On does not name this request");
    }
    // What CloudFormation sends when it rolls an update back. It must succeed, and that version was tried when it came.
    let before = request.old_properties.and_then(|old| target(old).ok());
    let goes_back = before.is_some_and(|before| properties.target.is_earlier_than(&before));
    (request.occasion == Occasion::Update && properties.mode == Mode::RequestResponse && goes_back)
        .then_some("not invoked: an earlier version of the function")
}

async fn invoke(
    lambda: &impl Invoke,
    properties: &Properties,
    pause: Duration,
) -> Result<crate::outcome::Invocation, NotInvoked> {
    loop {
        match lambda.invoke(&properties.target, properties.mode, &properties.payload).await {
            Err(NotInvoked::NotReady(_)) => sleep(pause).await,
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Invocation;
    use crate::properties::Target;
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

    impl Invoke for Scripted {
        async fn invoke(&self, target: &Target, mode: Mode, payload: &str) -> Result<Invocation, NotInvoked> {
            self.calls.borrow_mut().push((target.as_str().to_owned(), mode, payload.to_owned()));
            if self.answers.borrow().is_empty() {
                std::future::pending::<()>().await;
            }
            self.answers.borrow_mut().remove(0)
        }
    }

    fn accepted() -> Result<Invocation, NotInvoked> {
        Ok(Invocation { status: 202, ..Invocation::default() })
    }

    fn answered(payload: &str) -> Result<Invocation, NotInvoked> {
        let executed_version = Some("7".to_owned());
        Ok(Invocation { status: 200, executed_version, payload: payload.to_owned(), function_error: None })
    }

    async fn told(lambda: &Scripted, occasion: Occasion, given: &Value, old: Option<&Value>) -> Told {
        let request = Request {
            occasion,
            logical_id: "Thing",
            physical_id: (occasion != Occasion::Create).then_some("Thing-customresource-id"),
            properties: given.as_object().unwrap(),
            old_properties: old.map(|old| old.as_object().unwrap()),
        };
        trigger(lambda, request, Instant::now() + Duration::from_millis(50), Duration::ZERO).await
    }

    #[tokio::test]
    async fn a_create_invokes_the_target_and_succeeds_at_once() {
        let lambda = Scripted::new([accepted()]);
        let told = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await;
        assert_eq!(*lambda.calls.borrow(), [("one".to_owned(), Mode::Event, "{}".to_owned())]);
        assert_eq!((told.id.as_str(), told.failure), ("Thing-customresource-id", None));
        let response: Value = serde_json::from_str(told.data["InvokedLambdaResponse"].as_str().unwrap()).unwrap();
        assert_eq!(response, json!({ "StatusCode": 202, "Payload": "" }));
    }

    #[tokio::test]
    async fn an_update_and_a_delete_invoke_nothing_and_succeed_with_the_same_id() {
        for occasion in [Occasion::Update, Occasion::Delete] {
            let lambda = Scripted::default();
            let told = told(&lambda, occasion, &json!({ "Target": "one" }), None).await;
            assert!(lambda.calls.borrow().is_empty());
            assert_eq!((told.id.as_str(), told.failure), ("Thing-customresource-id", None));
            // A stack's output reads it.
            assert!(told.data["InvokedLambdaResponse"].as_str().unwrap().starts_with("not invoked"));
        }
    }

    #[tokio::test]
    async fn the_requests_that_on_names_invoke_the_target() {
        for (occasion, name) in
            [(Occasion::Create, "Create"), (Occasion::Update, "Update"), (Occasion::Delete, "Delete")]
        {
            for on in ["Create", "Update", "Delete"] {
                let lambda = Scripted::new([accepted()]);
                let given = json!({ "Target": "one", "On": [on], "Payload": "[1]" });
                assert_eq!(told(&lambda, occasion, &given, None).await.failure, None);
                assert_eq!(lambda.calls.borrow().len(), usize::from(on == name), "{on} {name}");
            }
        }
    }

    #[tokio::test]
    async fn another_id_replaces_and_a_delete_keeps_the_id_that_it_names() {
        let given = json!({ "Target": "one", "Id": "Another" });
        assert_eq!(told(&Scripted::default(), Occasion::Update, &given, None).await.id, "Another-customresource-id");
        assert_eq!(told(&Scripted::default(), Occasion::Delete, &given, None).await.id, "Thing-customresource-id");
    }

    #[tokio::test]
    async fn another_status_fails_with_the_same_words_in_the_attribute() {
        let lambda = Scripted::new([Ok(Invocation { status: 204, ..Invocation::default() })]);
        let told = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await;
        assert_eq!(told.failure.as_deref(), Some("Lambda invocation failed with status code: 204"));
        assert_eq!(told.data["InvokedLambdaResponse"], "Lambda invocation failed with status code: 204");
    }

    #[tokio::test]
    async fn what_lambda_refuses_fails_with_its_words_in_reason_and_attribute() {
        let lambda = Scripted::new([Err(NotInvoked::Refused("AccessDeniedException: not authorized".to_owned()))]);
        let told = told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await;
        let said = told.failure.unwrap();
        assert!(said.contains("AccessDeniedException: not authorized"), "{said}");
        assert_eq!(told.data["InvokedLambdaResponse"], json!(said));
    }

    #[tokio::test]
    async fn who_waits_gets_the_answer_and_the_version_that_gave_it() {
        let lambda = Scripted::new([answered(r#"{"made":"yes"}"#)]);
        let given = json!({ "Target": "one", "Mode": "RequestResponse" });
        let told = told(&lambda, Occasion::Create, &given, None).await;
        assert_eq!((told.failure, &told.data["Version"]), (None, &json!("7")));
        let response: Value = serde_json::from_str(told.data["InvokedLambdaResponse"].as_str().unwrap()).unwrap();
        assert_eq!(response["Payload"], r#"{"made":"yes"}"#);
    }

    #[tokio::test]
    async fn who_waits_fails_with_the_function() {
        let mut failed = answered(r#"{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}"#).unwrap();
        failed.function_error = Some("Unhandled".to_owned());
        let given = json!({ "Target": format!("{VERSION}:3"), "Mode": "RequestResponse" });
        let told = told(&Scripted::new([Ok(failed)]), Occasion::Create, &given, None).await;
        assert_eq!(told.failure.as_deref(), Some("the function failed: Runtime.ExitError: exit status 1"));
    }

    #[tokio::test]
    async fn a_function_that_does_not_answer_fails_within_the_time_of_the_trigger() {
        let given = json!({ "Target": "one", "Mode": "RequestResponse" });
        let told = told(&Scripted::default(), Occasion::Create, &given, None).await;
        assert!(told.failure.unwrap().contains("did not answer"));
    }

    #[tokio::test]
    async fn a_function_that_is_not_ready_is_tried_again() {
        let not_ready = || Err(NotInvoked::NotReady("ResourceConflictException".to_owned()));
        let lambda = Scripted::new([not_ready(), not_ready(), accepted()]);
        assert_eq!(told(&lambda, Occasion::Create, &json!({ "Target": "one" }), None).await.failure, None);
        assert_eq!(lambda.calls.borrow().len(), 3);
    }

    #[tokio::test]
    async fn the_way_back_to_an_earlier_version_does_not_depend_on_a_call() {
        let of = |version: u32| json!({ "Target": format!("{VERSION}:{version}"), "Mode": "RequestResponse", "On": ["Create", "Update"] });
        let lambda = Scripted::default();
        let back = told(&lambda, Occasion::Update, &of(3), Some(&of(4))).await;
        assert_eq!((back.failure, &back.data["Version"]), (None, &json!("3")));
        assert!(lambda.calls.borrow().is_empty());

        let lambda = Scripted::new([answered("{}")]);
        let on = told(&lambda, Occasion::Update, &of(4), Some(&of(3))).await;
        assert_eq!((on.failure, &on.data["Version"]), (None, &json!("4")));
        assert_eq!(lambda.calls.borrow().len(), 1);
    }

    #[tokio::test]
    async fn wrong_properties_fail_but_do_not_keep_a_stack_from_being_deleted() {
        let wrong = json!({ "Target": "one", "Mode": "sometimes" });
        let lambda = Scripted::default();
        let made = told(&lambda, Occasion::Create, &wrong, None).await;
        assert_eq!(made.failure.as_deref(), Some("Mode should be Event or RequestResponse"));
        assert_eq!(told(&lambda, Occasion::Update, &wrong, None).await.id, "Thing-customresource-id");
        assert_eq!(told(&lambda, Occasion::Delete, &wrong, None).await.failure, None);
        assert!(lambda.calls.borrow().is_empty());
    }
}
