//! The guard asked by the invoker and by the managed hook, with `CloudFormation`'s part played by the harness.

use latchkey_guard::Date;
use latchkey_hook::cloudformation::{Decision, Operation, Timer, decide, decide_managed};
use latchkey_hook::{
    Action, Answer, ErrorCode, FailureMode, FunctionName, Functions, InvocationFailed, Invoked, Request,
};
use policy_guard::{Guard, test_function};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const VERSIONING: &str = include_str!("../../../shared/guard/examples/buckets-are-versioned/guard.toml");

fn today() -> Date {
    Date::parse("2026-11-26").expect("a date")
}

fn guard() -> Guard {
    Guard::new(Some(VERSIONING), Some("sampleAuth"), today()).expect("rules")
}

/// A function that runs in this process, and how many calls of it there were.
struct Here<F: Fn(&str) -> Value>(F);

impl<F: Fn(&str) -> Value> Functions for Here<F> {
    async fn invoke(&self, _function: &FunctionName, payload: &Value) -> Result<Invoked, InvocationFailed> {
        Ok(Invoked::Returned((self.0)(&payload.to_string()).to_string().into_bytes()))
    }
}

struct Passed;

impl Timer for Passed {
    async fn wait(&self, _seconds: u32) {}
}

fn request(target: &str, properties: Value) -> Request {
    let Value::Object(properties) = properties else { panic!("properties are an object") };
    Request {
        token: "2b8dc7f8".into(),
        account: "123456789012".into(),
        stack: "stack".into(),
        change_set: None,
        hook: "Latchkey::Policy::Guard".into(),
        hook_version: "1".into(),
        action: Action::Create,
        target: target.into(),
        logical_id: "It".into(),
        properties,
        previous: None,
        context: None,
    }
}

const CONFIGURATION: &str = r#"{"CloudFormationConfiguration": {"HookConfiguration": {"TargetStacks": "ALL", "FailureMode": "FAIL",
    "Properties": {"LambdaFunctions": ["policy-guard"]}}}}"#;

/// What becomes of an operation, asked through the invoker and through the managed hook: both must agree.
async fn decided(request: &Request, answer: impl Fn(&str) -> Value) -> Decision {
    let by_invoker = decide(&Here(&answer), &Passed, CONFIGURATION, 1, Operation::Plain(request.action), request).await;
    let managed = async |event: String| answer(&event).to_string().into_bytes();
    let by_managed = decide_managed(managed, &Passed, FailureMode::Fail, request).await;
    match (&by_invoker, &by_managed) {
        (Decision::GoesOn { .. }, Decision::GoesOn { .. }) => {}
        (Decision::Stopped { code, .. }, Decision::Stopped { code: other, .. }) => assert_eq!(code, other),
        _ => panic!("{by_invoker:?} and {by_managed:?}"),
    }
    by_managed
}

async fn guarded(request: &Request) -> Decision {
    let guard = guard();
    decided(request, |event| guard.answer(event, today()).1).await
}

fn bucket(versioning: &Value) -> Value {
    json!({
        "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
        "PublicAccessBlockConfiguration":
            { "BlockPublicAcls": true, "IgnorePublicAcls": "true", "BlockPublicPolicy": true, "RestrictPublicBuckets": true },
        "VersioningConfiguration": versioning,
    })
}

#[tokio::test]
async fn a_bucket_must_keep_versions_by_the_rule_of_the_sample() {
    let on = guarded(&request("AWS::S3::Bucket", bucket(&json!({ "Status": "Enabled" })))).await;
    assert!(matches!(on, Decision::GoesOn { .. }), "{on:?}");
    for versioning in [json!({ "Status": "Suspended" }), json!({}), json!(null), json!("Enabled")] {
        let off = guarded(&request("AWS::S3::Bucket", bucket(&versioning))).await;
        let Decision::Stopped { code: ErrorCode::NonCompliant, message } = off else { panic!("{off:?}") };
        assert!(
            message.contains("VersioningConfiguration.Status") && message.contains("(buckets-are-versioned)"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_no_rule_is_about_passes() {
    let decision = guarded(&request("AWS::SNS::Topic", json!({}))).await;
    assert!(matches!(&decision, Decision::GoesOn { .. }), "{decision:?}");
}

#[tokio::test]
async fn an_update_is_judged_by_what_will_be_and_not_by_what_was() {
    let table = |protected: bool| {
        json!({ "DeletionProtectionEnabled": protected,
        "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true } })
    };
    let update = |from: Value, to: Value| Request {
        action: Action::Update,
        previous: from.as_object().cloned(),
        ..request("AWS::DynamoDB::Table", to)
    };
    let worse = guarded(&update(table(true), table(false))).await;
    assert!(matches!(worse, Decision::Stopped { code: ErrorCode::NonCompliant, .. }), "{worse:?}");
    let better = guarded(&update(table(false), table(true))).await;
    assert!(matches!(better, Decision::GoesOn { .. }), "{better:?}");
}

#[tokio::test]
async fn only_the_deletion_of_what_must_be_kept_is_refused() {
    let delete = |target| Request { action: Action::Delete, ..request(target, json!({})) };
    let table = guarded(&delete("AWS::DynamoDB::Table")).await;
    assert!(matches!(table, Decision::Stopped { code: ErrorCode::NonCompliant, .. }), "{table:?}");
    let bucket = guarded(&delete("AWS::S3::Bucket")).await;
    assert!(matches!(bucket, Decision::GoesOn { .. }), "{bucket:?}");
}

#[tokio::test]
async fn a_role_with_a_wildcard_is_refused_and_so_is_a_guest_who_may_do_more() {
    let role = |amr: &str, action: &str| {
        json!({
            "AssumeRolePolicyDocument": { "Statement": [{ "Effect": "Allow", "Principal": { "Federated": "cognito-identity.amazonaws.com" },
                "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {
                    "StringEquals": { "cognito-identity.amazonaws.com:aud": "eu-west-1:1" },
                    "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": amr } } }] },
            "Policies": [{ "PolicyName": "p", "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": action,
                "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:sampleAuthLogin:live" }] } }],
        })
    };
    for (amr, action, passes) in [
        ("unauthenticated", "lambda:InvokeFunction", true),
        ("unauthenticated", "lambda:GetFunction", false),
        ("authenticated", "lambda:GetFunction", true),
        ("authenticated", "lambda:*", false),
    ] {
        let decision = guarded(&request("AWS::IAM::Role", role(amr, action))).await;
        assert_eq!(matches!(decision, Decision::GoesOn { .. }), passes, "{amr} {action} {decision:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_about_a_resource_fails_and_is_not_repeated() {
    let guard = guard();
    let stack = json!({ "clientRequestToken": "t", "awsAccountId": "1", "hookTypeName": "h", "actionInvocationPoint": "CREATE_PRE_PROVISION",
        "requestData": { "targetName": "STACK", "targetType": "STACK", "payload": "https://s3cr3t" } });
    for event in [stack.to_string(), "s3cr3t".into(), "{}".into(), r#"{"request": {"s3cr3t": 1}}"#.into()] {
        let (answer, json) = guard.answer(&event, today());
        assert!(matches!(answer, Answer::Failed { .. }), "{event}");
        assert!(json["status"] == "FAILED" || json["hookStatus"] == "FAILED");
        assert!(!json.to_string().contains("s3cr3t"), "{json}");
    }
}

#[tokio::test]
async fn what_the_template_does_on_purpose_passes_in_its_own_stack_and_in_no_other() {
    let outbox = |stack: &str| Request {
        logical_id: "Outbox".into(),
        stack: format!("arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}"),
        ..request("AWS::DynamoDB::Table", json!({ "TableName": "UsersOutbox" }))
    };
    let own = guarded(&outbox("sampleAuth/1b2c")).await;
    assert!(matches!(own, Decision::GoesOn { .. }), "{own:?}");
    for other in ["sampleAuth2/1b2c", "other/sampleAuth", "sampleAuth"] {
        let decision = guarded(&outbox(other)).await;
        assert!(matches!(decision, Decision::Stopped { code: ErrorCode::NonCompliant, .. }), "{other} {decision:?}");
    }
}

#[tokio::test]
async fn what_the_template_does_not_keep_may_be_deleted_in_its_own_stack_and_in_no_other() {
    let delete = |stack: &str, id: &str| Request {
        action: Action::Delete,
        logical_id: id.into(),
        stack: format!("arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}/1b2c"),
        ..request("AWS::DynamoDB::Table", json!({}))
    };
    for (stack, id, passes) in
        [("sampleAuth", "Outbox", true), ("sampleAuth", "Users", false), ("other", "Outbox", false)]
    {
        let decision = guarded(&delete(stack, id)).await;
        assert_eq!(matches!(decision, Decision::GoesOn { .. }), passes, "{stack} {id} {decision:?}");
    }
}

#[test]
fn an_exception_of_the_owner_ends_on_its_day() {
    let rules = format!(
        "{VERSIONING}\n[[exception]]\nrule = 'buckets-are-versioned'\nresource = 'It'\nreason = 'moves away in January'\nuntil = '2027-01-31'\n"
    );
    let guard = Guard::new(Some(&rules), None, today()).unwrap();
    let asked = request("AWS::S3::Bucket", bucket(&json!({})));
    let on = |day| guard.judge(&asked, Date::parse(day).unwrap());
    assert!(matches!(on("2027-01-31"), Answer::Success { .. }));
    assert!(matches!(on("2027-02-01"), Answer::Failed { code: ErrorCode::NonCompliant, .. }));
}

#[tokio::test]
async fn the_function_for_trying_out_refuses_an_invalid_property_and_calls_back_once() {
    for uses_callbacks in [false, true] {
        let answer = |event: &str| test_function::answer(event, uses_callbacks);
        let valid = decided(&request("AWS::S3::Bucket", json!({})), answer).await;
        assert!(matches!(valid, Decision::GoesOn { .. }), "{valid:?}");
        let invalid = decided(&request("AWS::S3::Bucket", json!({ "InvalidPropertyKey": 1 })), answer).await;
        assert!(matches!(invalid, Decision::Stopped { code: ErrorCode::NonCompliant, .. }), "{invalid:?}");
        let first = test_function::answer(
            &request("AWS::S3::Bucket", json!({})).for_function(None).to_string(),
            uses_callbacks,
        );
        assert_eq!(first["status"], if uses_callbacks { "IN_PROGRESS" } else { "SUCCESS" });
        assert_eq!(first["callbackContext"], if uses_callbacks { json!({ "test": 1 }) } else { json!(null) });
    }
}

/// The inputs that `inputs.py` makes from the public schemas: of each type of this project's templates.
#[tokio::test]
async fn every_type_is_tried_at_every_point_valid_and_invalid() {
    let inputs: Map<String, Value> = serde_json::from_str(include_str!("inputs.json")).unwrap();
    let template = include_str!("../../../template.yaml");
    let used =
        template.lines().filter_map(|line| line.strip_prefix("    Type: ")).filter(|kind| kind.starts_with("AWS::"));
    for kind in used {
        assert!(inputs.contains_key(kind), "inputs.py has not seen {kind}");
    }
    for (kind, inputs) in &inputs {
        for (action, point) in Action::ALL.into_iter().zip(["pre_create", "pre_update", "pre_delete"]) {
            for (word, complies) in [("valid", true), ("invalid", false)] {
                let model = &inputs[format!("{point}_{word}")];
                let previous = model["previousResourceProperties"].as_object().cloned();
                let asked = Request { action, previous, ..request(kind, model["resourceProperties"].clone()) };
                for uses_callbacks in [false, true] {
                    let decision = decided(&asked, |event| test_function::answer(event, uses_callbacks)).await;
                    assert_eq!(
                        matches!(decision, Decision::GoesOn { .. }),
                        complies,
                        "{kind} {point} {word} {decision:?}"
                    );
                }
                // The guard has a verdict on each, and breaks down at none.
                let judged = guarded(&asked).await;
                let broken = matches!(judged, Decision::Stopped { code, .. } if code != ErrorCode::NonCompliant);
                assert!(!broken, "{kind} {point} {word} {judged:?}");
            }
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("*")),
        Just(json!("Allow")),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("Statement"),
            Just("Effect"),
            Just("Action"),
            Just("Resource"),
            Just("Principal"),
            Just("Condition"),
            Just("PolicyDocument"),
            Just("Policies")
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.prop_map(str::to_owned), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a policy holds: judging it ends, and a wildcard in an `Allow` is never a success.
    #[test]
    fn no_policy_ends_the_guard_and_no_wildcard_passes(document in json_value(), extra in json_value()) {
        let guard = guard();
        let asked = |document: &Value| guard.judge(&request("AWS::IAM::Policy", json!({ "PolicyDocument": document })), today());
        let _ = asked(&document);
        let statement = json!({ "Effect": "Allow", "Action": "dynamodb:*", "Resource": extra });
        let answer = asked(&json!({ "Statement": [document, statement] }));
        prop_assert!(matches!(answer, Answer::Failed { .. }), "{:?}", answer);
    }
}
