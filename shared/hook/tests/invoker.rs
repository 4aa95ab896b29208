//! The invoker, with `CloudFormation`'s part played by the harness and functions that answer what a test says.

use latchkey_hook::cloudformation::{Decision, Operation, Timer, decide};
use latchkey_hook::{
    Action, Answer, Configuration, ErrorCode, FailureMode, Form, FunctionName, Functions, InvocationFailed, Invoked,
    Request,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// Functions with prepared answers, and a record of what they were asked.
#[derive(Default)]
struct Prepared {
    answers: RefCell<BTreeMap<String, VecDeque<Prepare>>>,
    asked: RefCell<Vec<(String, Value)>>,
}

#[derive(Clone)]
enum Prepare {
    Returns(Value),
    ReturnsText(&'static str),
    Fails(Value),
    CannotBeInvoked,
    Hangs,
    Panics,
}

impl Prepared {
    fn new(answers: &[(&str, &[Prepare])]) -> Self {
        let answers = answers.iter().map(|(name, answers)| ((*name).to_owned(), answers.iter().cloned().collect()));
        Self { answers: RefCell::new(answers.collect()), asked: RefCell::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.borrow().iter().map(|(name, _)| name.clone()).collect()
    }
}

impl Functions for Prepared {
    async fn invoke(&self, function: &FunctionName, payload: &Value) -> Result<Invoked, InvocationFailed> {
        self.asked.borrow_mut().push((function.to_string(), payload.clone()));
        let next = self.answers.borrow_mut().get_mut(function.as_str()).and_then(VecDeque::pop_front);
        match next.expect("an answer is prepared") {
            Prepare::Returns(value) => Ok(Invoked::Returned(value.to_string().into_bytes())),
            Prepare::ReturnsText(text) => Ok(Invoked::Returned(text.as_bytes().to_vec())),
            Prepare::Fails(value) => Ok(Invoked::Failed(value.to_string().into_bytes())),
            Prepare::CannotBeInvoked => Err(InvocationFailed("AccessDeniedException".into())),
            Prepare::Hangs => std::future::pending().await,
            Prepare::Panics => panic!("the client of Lambda has a defect"),
        }
    }
}

/// Time that has passed as soon as somebody waits for it.
#[derive(Default)]
struct Passed(RefCell<Vec<u32>>);

impl Timer for Passed {
    async fn wait(&self, seconds: u32) {
        self.0.borrow_mut().push(seconds);
    }
}

impl Passed {
    /// What was waited for, beside the time limit of each invocation.
    fn delays(&self) -> Vec<u32> {
        self.0.borrow().iter().copied().filter(|seconds| *seconds != 30).collect()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` reads better at the calls")]
fn answer(status: &str, code: Option<&str>, message: &str, context: Option<Value>, delay: u32) -> Prepare {
    Prepare::Returns(json!({
        "status": status, "errorCode": code, "message": message, "callbackContext": context, "callbackDelaySeconds": delay,
    }))
}

fn success(message: &str) -> Prepare {
    answer("SUCCESS", None, message, None, 0)
}

fn configuration(functions: &[&str], mode: &str) -> Value {
    json!({ "CloudFormationConfiguration": { "HookConfiguration": {
        "TargetStacks": "ALL", "FailureMode": mode, "Properties": { "LambdaFunctions": functions },
    } } })
}

fn request() -> Request {
    Request {
        token: "2b8dc7f8".into(),
        account: "123456789012".into(),
        stack: "arn:aws:cloudformation:eu-west-1:123456789012:stack/app/1".into(),
        change_set: None,
        hook: "AWSSamples::LambdaFunctionInvoker::Hook".into(),
        hook_version: "00000001".into(),
        action: Action::Create,
        target: "AWS::S3::Bucket".into(),
        logical_id: "Code".into(),
        properties: Map::from_iter([("BucketName".to_owned(), json!("code"))]),
        previous: None,
        context: None,
    }
}

async fn decided(functions: &Prepared, configuration: &Value) -> Decision {
    decide(functions, &Passed::default(), &configuration.to_string(), 5, Operation::Plain(Action::Create), &request())
        .await
}

async fn with_one(answers: &[Prepare]) -> Decision {
    decided(&Prepared::new(&[("guard", answers)]), &configuration(&["guard"], "FAIL")).await
}

fn stopped(code: ErrorCode, message: &str) -> Decision {
    Decision::Stopped { code, message: json!([message]).to_string() }
}

#[tokio::test]
async fn a_function_is_asked_in_the_form_of_the_sample() {
    let functions = Prepared::new(&[("guard", &[success("fine")])]);
    let decision = decided(&functions, &configuration(&["guard"], "FAIL")).await;
    assert_eq!(decision, Decision::GoesOn { message: r#"["fine"]"#.into() });
    let asked = functions.asked.borrow();
    assert_eq!(
        asked[0].1,
        json!({ "request": { "clientRequestToken": "2b8dc7f8", "hookContext": {
            "awsAccountId": "123456789012", "stackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/app/1",
            "changeSetId": null, "hookTypeName": "AWSSamples::LambdaFunctionInvoker::Hook", "hookTypeVersion": "00000001",
            "invocationPoint": "CREATE_PRE_PROVISION", "targetName": "AWS::S3::Bucket", "targetType": "RESOURCE",
            "targetLogicalId": "Code", "targetModel": { "resourceProperties": { "BucketName": "code" } },
        } }, "callbackContext": {} })
    );
}

#[tokio::test]
async fn an_update_says_what_was_before_and_a_deletion_proposes_nothing() {
    let updated = Request { action: Action::Update, previous: Some(Map::new()), ..request() };
    assert_eq!(
        updated.for_function(None)["request"]["hookContext"]["targetModel"]["previousResourceProperties"],
        json!({})
    );
    let deleted = Request { action: Action::Delete, properties: Map::new(), ..request() };
    for form in [deleted.for_function(None), deleted.for_managed(1)] {
        let (read, _) = Request::parse(&form.to_string()).unwrap();
        assert_eq!(read, deleted);
    }
}

#[test]
fn both_forms_are_read_as_what_was_sent() {
    let context = Map::from_iter([("round".to_owned(), json!(2))]);
    let sent = Request {
        context: Some(context.clone()),
        previous: Some(Map::new()),
        change_set: Some("c".into()),
        ..request()
    };
    assert_eq!(Request::parse(&sent.for_function(Some(&context)).to_string()), Ok((sent.clone(), Form::Invoker)));
    assert_eq!(Request::parse(&sent.for_managed(2).to_string()), Ok((sent, Form::Managed)));
}

#[tokio::test]
async fn every_slip_of_an_answer_fails_with_a_sentence_of_its_own() {
    let whole = || json!({ "status": "SUCCESS", "errorCode": null, "message": "", "callbackContext": null, "callbackDelaySeconds": 0 });
    let with = |key: &str, value: Value| {
        let mut answer = whole();
        answer[key] = value;
        Prepare::Returns(answer)
    };
    let without = |key: &str| {
        let mut answer = whole();
        answer.as_object_mut().unwrap().remove(key);
        Prepare::Returns(answer)
    };
    let slips = [
        Prepare::ReturnsText("{"),
        Prepare::ReturnsText(r#""{\"status\": \"SUCCESS\"}""#),
        Prepare::ReturnsText("null"),
        with("status", json!("DONE")),
        with("status", json!(null)),
        with("status", json!("FAILED")),
        with("errorCode", json!("NonCompliant")),
        with("errorCode", json!("Nonsense")),
        with("message", json!(1)),
        with("callbackContext", json!([])),
        with("callbackContext", json!({ "round": 1 })),
        with("callbackDelaySeconds", json!(1)),
        with("callbackDelaySeconds", json!(-1)),
        with("callbackDelaySeconds", json!(0.5)),
        with("callbackDelaySeconds", json!("0")),
        with("callbackDelaySeconds", json!(null)),
        without("status"),
        without("errorCode"),
    ];
    let mut sentences = Vec::new();
    for slip in slips {
        let Decision::Stopped { code: ErrorCode::InternalFailure, message } = with_one(&[slip]).await else {
            panic!("it passed")
        };
        assert!(message.len() > 10, "{message}");
        sentences.push(message);
    }
    sentences.sort();
    sentences.dedup();
    assert!(sentences.len() >= 11, "{sentences:#?}");
    // What may be left out, or be empty, without being a failure.
    for fine in [
        with("errorCode", json!("")),
        with("callbackContext", json!({})),
        without("callbackContext"),
        without("callbackDelaySeconds"),
        without("message"),
    ] {
        assert!(matches!(with_one(&[fine]).await, Decision::GoesOn { .. }));
    }
}

#[tokio::test]
async fn a_function_that_fails_or_cannot_be_invoked_lets_nothing_pass() {
    let failed =
        with_one(&[Prepare::Fails(json!({ "errorMessage": "out of memory", "errorType": "Runtime.ExitError" }))]).await;
    assert_eq!(failed, stopped(ErrorCode::InternalFailure, "out of memory"));
    let silent = with_one(&[Prepare::Fails(json!("?"))]).await;
    assert_eq!(silent, stopped(ErrorCode::InternalFailure, "the function failed and did not say why"));
    let denied = with_one(&[Prepare::CannotBeInvoked]).await;
    assert_eq!(denied, stopped(ErrorCode::InternalFailure, "AccessDeniedException"));
}

#[tokio::test]
async fn a_panic_of_the_invoker_lets_nothing_pass() {
    let decision = with_one(&[Prepare::Panics]).await;
    assert!(matches!(decision, Decision::Stopped { code: ErrorCode::InternalFailure, .. }), "{decision:?}");
}

#[tokio::test]
async fn one_verdict_fails_all_and_every_failed_message_is_told() {
    let functions = Prepared::new(&[
        ("one", &[answer("FAILED", Some("NonCompliant"), "no versions", None, 0)]),
        ("two", &[success("fine")]),
        ("three", &[answer("FAILED", Some("Throttling"), "too many calls", None, 0)]),
        ("four", &[answer("IN_PROGRESS", None, "wait", None, 5)]),
    ]);
    let decision = decided(&functions, &configuration(&["one", "two", "three", "four"], "FAIL")).await;
    assert_eq!(
        decision,
        Decision::Stopped { code: ErrorCode::NonCompliant, message: r#"["no versions","too many calls"]"#.into() }
    );
    assert_eq!(functions.asked(), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn only_functions_in_progress_are_asked_again_each_with_its_own_context_after_the_longest_delay() {
    let functions = Prepared::new(&[
        (
            "one",
            &[
                answer("IN_PROGRESS", None, "", Some(json!({ "a": 1 })), 5),
                answer("IN_PROGRESS", None, "", Some(json!({ "a": 2 })), 1),
                success("one"),
            ],
        ),
        ("two", &[answer("IN_PROGRESS", None, "", None, 9), success("two")]),
        ("three", &[success("three")]),
    ]);
    let timer = Passed::default();
    let configuration = configuration(&["one", "two", "three"], "FAIL").to_string();
    let decision = decide(&functions, &timer, &configuration, 5, Operation::Plain(Action::Create), &request()).await;
    let Decision::GoesOn { message } = decision else { panic!("{decision:?}") };
    let mut messages: Vec<String> = serde_json::from_str(&message).unwrap();
    messages.sort();
    assert_eq!(messages, ["one", "three", "two"]);
    assert_eq!(functions.asked(), ["one", "two", "three", "one", "two", "one"]);
    let contexts: Vec<_> =
        functions.asked.borrow().iter().map(|(_, payload)| payload["callbackContext"].clone()).collect();
    assert_eq!(contexts[3..], [json!({ "a": 1 }), json!({}), json!({ "a": 2 })]);
    assert_eq!(timer.delays(), [9, 1]);
}

#[tokio::test]
async fn nothing_is_remembered_from_one_request_to_the_next() {
    let functions = Prepared::new(&[("guard", &[success(""), answer("FAILED", Some("NonCompliant"), "no", None, 0)])]);
    let configuration = configuration(&["guard"], "FAIL");
    assert!(matches!(decided(&functions, &configuration).await, Decision::GoesOn { .. }));
    assert!(matches!(decided(&functions, &configuration).await, Decision::Stopped { .. }));
}

#[tokio::test]
async fn a_fourth_time_in_progress_fails() {
    let wait = answer("IN_PROGRESS", None, "", Some(json!({ "test": 1 })), 0);
    let three = with_one(&[wait.clone(), wait.clone(), wait.clone(), success("")]).await;
    assert!(matches!(three, Decision::GoesOn { .. }), "{three:?}");
    let four = with_one(&[wait.clone(), wait.clone(), wait.clone(), wait]).await;
    assert!(matches!(four, Decision::Stopped { code: ErrorCode::NotStabilized, .. }), "{four:?}");
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_tried_three_more_times() {
    let saved = with_one(&[Prepare::Hangs, Prepare::Hangs, Prepare::Hangs, success("")]).await;
    assert!(matches!(saved, Decision::GoesOn { .. }), "{saved:?}");
    let lost = with_one(&[Prepare::Hangs, Prepare::Hangs, Prepare::Hangs, Prepare::Hangs]).await;
    assert!(matches!(lost, Decision::Stopped { code: ErrorCode::InternalFailure, .. }), "{lost:?}");
}

#[tokio::test]
async fn a_failure_stops_the_operation_or_warns_as_the_owner_chose() {
    let no = [answer("FAILED", Some("NonCompliant"), "no", None, 0)];
    let functions = || Prepared::new(&[("guard", &no)]);
    assert!(matches!(decided(&functions(), &configuration(&["guard"], "FAIL")).await, Decision::Stopped { .. }));
    let warned = decided(&functions(), &configuration(&["guard"], "WARN")).await;
    assert_eq!(warned, Decision::Warned { code: ErrorCode::NonCompliant, message: r#"["no"]"#.into() });
}

#[tokio::test]
async fn types_that_are_not_of_aws_are_not_supported() {
    let functions = Prepared::default();
    let request = Request { target: "Custom::Bucket".into(), ..request() };
    let configuration = configuration(&["guard"], "FAIL").to_string();
    let decision =
        decide(&functions, &Passed::default(), &configuration, 1, Operation::Plain(Action::Create), &request).await;
    assert!(matches!(decision, Decision::Stopped { code: ErrorCode::UnsupportedTarget, .. }), "{decision:?}");
    assert!(functions.asked().is_empty());
}

#[tokio::test]
async fn what_the_owner_turned_off_or_filtered_out_is_not_asked() {
    let set = |key: &str, value: Value| {
        let mut configuration = configuration(&["guard"], "FAIL");
        configuration["CloudFormationConfiguration"]["HookConfiguration"][key] = value;
        configuration
    };
    let quiet = [
        set("TargetStacks", json!("NONE")),
        set("HookInvocationStatus", json!("DISABLED")),
        set("TargetOperations", json!(["STACK"])),
        set("TargetFilters", json!({ "TargetNames": ["AWS::DynamoDB::*"] })),
        set("TargetFilters", json!({ "Actions": ["DELETE"] })),
        set(
            "TargetFilters",
            json!({ "Targets": [{ "TargetName": "AWS::S3::Bucket", "Action": "UPDATE", "InvocationPoint": "PRE_PROVISION" }] }),
        ),
    ];
    for configuration in quiet {
        assert_eq!(decided(&Prepared::default(), &configuration).await, Decision::NotAsked, "{configuration}");
    }
    let asked = [
        set(
            "TargetFilters",
            json!({ "TargetNames": ["AWS::S3::?ucket"], "Actions": ["CREATE"], "InvocationPoints": ["PRE_PROVISION"] }),
        ),
        set(
            "TargetFilters",
            json!({ "Targets": [{ "TargetName": "AWS::*::*", "Action": "CREATE", "InvocationPoint": "PRE_PROVISION" }] }),
        ),
        set("TargetOperations", json!(["CLOUD_CONTROL", "RESOURCE"])),
    ];
    for configuration in asked {
        let functions = Prepared::new(&[("guard", &[success("")])]);
        assert!(matches!(decided(&functions, &configuration).await, Decision::GoesOn { .. }), "{configuration}");
    }
}

#[tokio::test]
async fn what_an_update_removes_or_replaces_is_not_asked() {
    let configuration = configuration(&["guard"], "FAIL").to_string();
    let decision =
        decide(&Prepared::default(), &Passed::default(), &configuration, 1, Operation::DeleteInUpdate, &request())
            .await;
    assert_eq!(decision, Decision::NotAsked);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_stops_everything() {
    let set = |key: &str, value: Value| {
        let mut configuration = configuration(&["guard"], "WARN");
        configuration["CloudFormationConfiguration"]["HookConfiguration"][key] = value;
        configuration
    };
    let mut without_mode = configuration(&["guard"], "WARN");
    without_mode["CloudFormationConfiguration"]["HookConfiguration"].as_object_mut().unwrap().remove("FailureMode");
    let wrong = [
        json!({}),
        without_mode,
        configuration(&[], "WARN"),
        configuration(&["guard", "guard"], "WARN"),
        configuration(&["a", "b", "c", "d", "e", "f"], "WARN"),
        configuration(&["no function"], "WARN"),
        set("FailureMode", json!("IGNORE")),
        set("Properties", json!({ "LambdaFunctions": ["guard"], "More": 1 })),
        set("TargetFilters", json!({})),
        set("TargetFilters", json!({ "TargetNames": [] })),
        set("TargetFilters", json!({ "TargetNames": vec!["AWS::S3::*"; 51] })),
        set("TargetFilters", json!({ "TargetNames": ["AWS::S3::*"], "Targets": [] })),
        set("Unknown", json!(1)),
    ];
    for configuration in wrong {
        let decision = decided(&Prepared::default(), &configuration).await;
        assert!(
            matches!(decision, Decision::Stopped { code: ErrorCode::InvalidTypeConfiguration, .. }),
            "{configuration}"
        );
    }
}

#[test]
fn one_function_is_the_most_unless_the_schema_says_otherwise() {
    let two = configuration(&["one", "two"], "WARN").to_string();
    assert!(Configuration::parse(&two, Configuration::MOST_FUNCTIONS).is_err());
    let parsed = Configuration::parse(&two, 5).unwrap();
    assert_eq!((parsed.functions.len(), parsed.failure_mode), (2, FailureMode::Warn));
}

#[test]
fn functions_are_named_as_lambda_names_them() {
    for name in [
        "guard",
        "guard:live",
        "guard:$LATEST",
        "function:guard",
        "123456789012:function:guard",
        "arn:aws:lambda:eu-west-1:123456789012:function:guard:1",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:guard",
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:guard_2",
        &"g".repeat(170),
    ] {
        assert!(FunctionName::try_from(name.to_owned()).is_ok(), "{name}");
    }
    for name in [
        "",
        "guard:",
        ":guard",
        "a b",
        "guard:live:1:2",
        "arn:aws:s3:eu-west-1:123456789012:function:guard",
        "arn:aws:lambda:eu-west-1:12:function:guard",
        "arn:aws:lambda:guard",
        "https://example.com",
        &"g".repeat(171),
    ] {
        assert!(FunctionName::try_from(name.to_owned()).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_context_that_the_hook_did_not_give_lets_nothing_pass() {
    let configuration = Configuration::parse(&configuration(&["one", "two"], "FAIL").to_string(), 5).unwrap();
    let contexts = [
        json!({ "round": 1 }),
        json!({ "lambda_functions_callbacks": {}, "lambda_functions_messages": { "one": "", "two": "" } }),
        json!({ "lambda_functions_callbacks": {}, "lambda_functions_messages": {} }),
        json!({ "lambda_functions_callbacks": { "one": {} }, "lambda_functions_messages": {} }),
        json!({ "lambda_functions_callbacks": { "one": {} }, "lambda_functions_messages": { "three": "" } }),
        json!({ "lambda_functions_callbacks": { "one": {}, "two": {} }, "lambda_functions_messages": { "two": "" } }),
        json!({ "lambda_functions_callbacks": { "one": 1, "two": {} }, "lambda_functions_messages": {} }),
        json!({ "lambda_functions_callbacks": { "one": {} }, "lambda_functions_messages": { "two": 1 } }),
    ];
    for context in contexts {
        let Value::Object(given) = context.clone() else { unreachable!() };
        let request = Request { context: Some(given), ..request() };
        let outcome = latchkey_hook::invoke(&Prepared::default(), &configuration, &request).await;
        assert!(
            matches!(outcome, latchkey_hook::Outcome::Failed { code: ErrorCode::InternalFailure, .. }),
            "{context}"
        );
    }
}

#[tokio::test]
async fn a_message_is_cut_at_what_aws_takes() {
    let decision = with_one(&[answer("FAILED", Some("NonCompliant"), &"ü".repeat(9000), None, 0)]).await;
    let Decision::Stopped { message, .. } = decision else { panic!("it passed") };
    assert_eq!(message.chars().count(), 4096);
}

#[test]
fn an_answer_is_read_as_it_was_given_in_both_forms() {
    let answers = [
        Answer::Success { message: "fine".into() },
        Answer::Failed { code: ErrorCode::NonCompliant, message: "no".into() },
        Answer::InProgress {
            message: "wait".into(),
            context: Some(Map::from_iter([("a".to_owned(), json!(1))])),
            delay: 3,
        },
    ];
    for answer in answers {
        assert_eq!(Answer::parse(answer.to_json(Form::Invoker, "t").to_string().as_bytes()), answer);
        let managed = answer.to_json(Form::Managed, "t").to_string();
        assert_eq!(Answer::parse_managed(managed.as_bytes(), "t"), answer);
        assert!(matches!(Answer::parse_managed(managed.as_bytes(), "other"), Answer::Failed { .. }));
    }
    let throttled = Answer::Failed { code: ErrorCode::Throttling, message: String::new() };
    assert_eq!(throttled.to_json(Form::Managed, "t")["errorCode"], "InternalFailure");
}

/// Answers that are nearly right.
fn nearly() -> impl Strategy<Value = Value> {
    let status = prop_oneof![
        Just(json!("SUCCESS")),
        Just(json!("FAILED")),
        Just(json!("IN_PROGRESS")),
        Just(json!("success")),
        Just(json!(null))
    ];
    let code = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!("NonCompliant")),
        Just(json!("Nothing")),
        Just(json!(0))
    ];
    let context = prop_oneof![Just(json!(null)), Just(json!({})), Just(json!({ "a": 1 })), Just(json!("x"))];
    let delay = prop_oneof![Just(json!(0)), Just(json!(3)), Just(json!(-1)), Just(json!(0.0)), Just(json!("0"))];
    let fields = (status, code, context, delay, prop::bits::u8::masked(31));
    fields.prop_map(|(status, code, context, delay, there)| {
        let all = [
            ("status", status),
            ("errorCode", code),
            ("message", json!("m")),
            ("callbackContext", context),
            ("callbackDelaySeconds", delay),
        ];
        let kept = all
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| there >> bit & 1 == 1)
            .map(|(_, (key, value))| (key.to_owned(), value));
        Value::Object(kept.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A success is one that says so, says that there is no error, and wants nothing more.
    #[test]
    fn only_a_whole_success_is_one(answer in nearly()) {
        let whole = answer["status"] == "SUCCESS"
            && answer.get("errorCode").is_some_and(|code| code.is_null() || code == "")
            && answer.get("callbackContext").is_none_or(|context| context.is_null() || *context == json!({}))
            && answer.get("callbackDelaySeconds").is_none_or(|delay| *delay == json!(0));
        let read = Answer::parse(answer.to_string().as_bytes());
        prop_assert_eq!(matches!(read, Answer::Success { .. }), whole, "{} {:?}", answer, read);
    }

    /// Whatever bytes come back, reading them ends, and they are a success only where they are JSON.
    #[test]
    fn no_bytes_end_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let success = matches!(Answer::parse(&bytes), Answer::Success { .. });
        prop_assert!(!success || serde_json::from_slice::<Value>(&bytes).is_ok());
    }

    /// Whatever is sent, reading it as a request ends.
    #[test]
    fn no_text_ends_the_reading_of_a_request(text in "\\PC{0,200}") {
        prop_assert!(Request::parse(&text).is_err());
    }
}
