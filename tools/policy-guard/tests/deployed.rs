//! The two binaries as Lambda runs them, with the Runtime API played by the harness.

use harness::lambda::Environment;
use latchkey_hook::{Answer, ErrorCode, Request};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

const GUARD: &str = env!("CARGO_BIN_EXE_policy-guard");
const HOOK_TEST: &str = env!("CARGO_BIN_EXE_hook-test");

async fn started(function: &str, variables: &[(&str, &str)]) -> std::io::Result<Environment> {
    let variables: HashMap<_, _> =
        variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Environment::start_with_log(Path::new(function), &variables).await
}

/// What a function says that does not start.
fn refusal(function: &str, variables: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(function);
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "g"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
    ];
    let output = command.env_clear().envs(lambda).envs(variables.iter().copied()).output().expect("it runs");
    assert!(!output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` reads better at the calls")]
fn log_group(properties: Value) -> Request {
    let event = json!({
        "clientRequestToken": "t", "awsAccountId": "123456789012", "stackId": "s", "changeSetId": null, "hookTypeName": "h",
        "hookTypeVersion": "1", "hookModel": { "LambdaFunction": "policy-guard" }, "actionInvocationPoint": "CREATE_PRE_PROVISION",
        "requestData": { "targetName": "AWS::Logs::LogGroup", "targetType": "AWS::Logs::LogGroup", "targetLogicalId": "Log",
            "targetModel": { "resourceProperties": properties } },
        "requestContext": { "invocation": 1, "callbackContext": null },
    });
    Request::parse(&event.to_string()).expect("a request").0
}

async fn asked(environment: &Environment, request: &Request) -> Answer {
    let outcome = environment.call(request.for_managed(1).to_string()).await.expect("an answer");
    assert!(!outcome.failed);
    Answer::parse_managed(&outcome.body, "t")
}

#[tokio::test]
async fn the_guard_judges_and_logs_its_verdict_and_no_property() {
    let environment = started(GUARD, &[]).await.unwrap();
    let kept = asked(&environment, &log_group(json!({ "RetentionInDays": 30 }))).await;
    assert!(matches!(kept, Answer::Success { .. }), "{kept:?}");
    assert!(environment.logged().await.unwrap().contains(r#""outcome":"compliant""#));
    let endless = asked(&environment, &log_group(json!({ "LogGroupName": "s3cr3t" }))).await;
    assert!(matches!(endless, Answer::Failed { code: ErrorCode::NonCompliant, .. }), "{endless:?}");
    let line = environment.logged().await.unwrap();
    assert!(line.contains(r#""outcome":"refused""#) && !line.contains("s3cr3t"), "{line}");
}

#[tokio::test]
async fn the_owners_rules_come_with_a_setting_and_a_guard_that_cannot_read_them_does_not_start() {
    let rule = "[[rule]]\nname = 'named'\nsentence = 'Log groups have a name.'\ntypes = ['AWS::Logs::LogGroup']\n\
        [[rule.require]]\nproperty = 'LogGroupName'\npresent = true\n";
    let environment = started(GUARD, &[("GUARD_RULES", rule)]).await.unwrap();
    let nameless = asked(&environment, &log_group(json!({ "RetentionInDays": 30 }))).await;
    assert!(matches!(nameless, Answer::Failed { code: ErrorCode::NonCompliant, .. }), "{nameless:?}");
    let line = refusal(GUARD, &[("GUARD_RULES", "[[rule]]")]);
    assert!(line.contains(r#""outcome":"not started""#) && line.contains("GUARD_RULES"), "{line}");
}

#[tokio::test]
async fn the_function_for_trying_out_needs_to_know_whether_it_calls_back() {
    let environment = started(HOOK_TEST, &[("USE_CALLBACKS", "yes")]).await.unwrap();
    let first = asked(&environment, &log_group(json!({}))).await;
    assert!(matches!(first, Answer::InProgress { .. }), "{first:?}");
    assert!(refusal(HOOK_TEST, &[]).contains("USE_CALLBACKS should be yes or no"));
}
