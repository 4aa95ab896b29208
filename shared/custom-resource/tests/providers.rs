//! The providers that are ready to use, on services that are scripted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use latchkey_custom_resource::aws::S3;
use latchkey_custom_resource::entry::Failure;
use latchkey_custom_resource::framework::{
    Event, Outcome, ParameterStore, Pending, Progress, Provider, RemoteProvider, StepFunctions, Urls,
};
use latchkey_custom_resource::framework::{Executions, ServiceFailed};
use latchkey_custom_resource::protocol::Request;
use latchkey_custom_resource::providers::{Allowed, AwsCustomResource, S3Assert, S3File};
use latchkey_custom_resource::surroundings::HttpResponse;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use world::{World, response, trust};

fn event(kind: &str, properties: &Value) -> Event {
    changed(kind, properties, &json!({}), "current")
}

fn changed(kind: &str, properties: &Value, old: &Value, id: &str) -> Event {
    let mut event = world::event(kind);
    event["ResourceProperties"] = properties.clone();
    if kind != "Create" {
        event["PhysicalResourceId"] = json!(id);
    }
    if kind == "Update" {
        event["OldResourceProperties"] = old.clone();
    }
    Event::from(&Request::parse(&event.to_string(), &trust()).unwrap())
}

fn on_event<P: Provider>(provider: &P, event: &Event) -> Result<Outcome, Failure> {
    world::block_on(provider.on_event(event))
}

// --- S3File -----------------------------------------------------------------------------------------------------

fn file(bucket: &str, key: Option<&str>, contents: &str) -> Value {
    let mut properties = json!({ "BucketName": bucket, "Contents": contents });
    if let Some(key) = key {
        properties["ObjectKey"] = json!(key);
    }
    properties
}

#[test]
fn a_file_is_written_under_its_key_without_the_leading_slash() {
    let world = World::default();
    let provider = S3File(S3(world.aws()));
    let outcome = on_event(&provider, &event("Create", &file("bucket", Some("/a folder/k.txt"), "text"))).unwrap();
    assert_eq!(world.objects.borrow()["/bucket/a%20folder/k.txt"], b"text");
    assert_eq!(outcome.physical_resource_id.as_deref(), Some("a folder/k.txt"));
    let url = "https://s3.eu-west-1.amazonaws.com/bucket/a%20folder/k.txt";
    assert_eq!(json!(outcome.data), json!({ "ObjectKey": "a folder/k.txt", "ETag": "tag", "URL": url }));
}

#[test]
fn a_file_without_a_key_gets_one_of_its_request_so_that_every_update_replaces_it() {
    let world = World::default();
    let outcome = on_event(&S3File(S3(world.aws())), &event("Update", &file("bucket", None, "text"))).unwrap();
    let key = format!("Thing-{}.txt", world::REQUEST.replace('-', ""));
    assert_eq!(outcome.physical_resource_id, Some(key));
}

#[test]
fn a_file_is_public_only_if_the_property_says_true() {
    for (flag, is_public) in [(None, false), (Some("false"), false), (Some("true"), true)] {
        let world = World::default();
        let mut properties = file("bucket", Some("k"), "text");
        if let Some(flag) = flag {
            properties["PublicRead"] = json!(flag);
        }
        on_event(&S3File(S3(world.aws())), &event("Create", &properties)).unwrap();
        let asked = world.asked.borrow();
        assert_eq!(asked[0].headers.iter().any(|(name, _)| name == "x-amz-acl"), is_public, "{flag:?}");
    }
}

#[test]
fn a_file_without_bucket_or_contents_or_with_a_strange_flag_or_key_is_refused_before_it_is_written() {
    for (key, value) in [
        ("BucketName", ""),
        ("Contents", ""),
        ("PublicRead", "yes"),
        ("ObjectKey", ""),
        ("ObjectKey", "/"),
        // What cannot be the ID of a resource could not be removed.
        ("ObjectKey", "a\nb"),
        ("ObjectKey", &*"k".repeat(1_025)),
        // Whoever opens the URL would reach another object.
        ("ObjectKey", "../other-bucket/k"),
        ("ObjectKey", "a/./k"),
    ] {
        let world = World::default();
        let mut properties = file("bucket", Some("k"), "text");
        properties[key] = json!(value);
        let failure = on_event(&S3File(S3(world.aws())), &event("Create", &properties)).unwrap_err();
        assert!(failure.reason.contains(key), "{failure}");
        assert!(world.asked.borrow().is_empty());
    }
}

#[test]
fn a_write_without_an_answer_names_the_object_that_may_be_there() {
    let world = World::default();
    world.scripted.replace(vec![response(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")]);
    let failure = on_event(&S3File(S3(world.aws())), &event("Create", &file("bucket", Some("k"), "text"))).unwrap_err();
    assert_eq!(failure.physical_id, None);
    assert!(failure.reason.contains("AccessDenied"), "{failure}");
    world.scripted.replace(vec![world::no_response()]);
    let failure = on_event(&S3File(S3(world.aws())), &event("Create", &file("bucket", Some("k"), "text"))).unwrap_err();
    assert_eq!(failure.physical_id.unwrap().as_str(), "k");
}

/// What CloudFormation does with one file of one stack.
#[derive(Clone, Debug)]
enum Step {
    Deploy { bucket: u8, key: Option<u8>, fails: bool, twice: bool },
    Remove,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2_u8, proptest::option::of(0..2_u8), any::<bool>(), any::<bool>())
            .prop_map(|(bucket, key, fails, twice)| Step::Deploy { bucket, key, fails, twice }),
        1 => Just(Step::Remove),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_deployments_leaves_a_file_twice_or_behind(steps in proptest::collection::vec(steps(), 1..10)) {
        let world = World::default();
        let provider = S3File(S3(world.aws()));
        let mut current: Option<(String, Value)> = None;
        for (number, step) in steps.into_iter().enumerate() {
            let Step::Deploy { bucket, key, fails, twice } = step else {
                if let Some((id, properties)) = current.take() {
                    on_event(&provider, &changed("Delete", &properties, &json!({}), &id)).unwrap();
                }
                prop_assert!(world.objects.borrow().is_empty());
                continue;
            };
            let new = file(&format!("bucket-{bucket}"), key.map(|key| format!("key-{key}")).as_deref(), "text");
            let kind = if current.is_some() { "Update" } else { "Create" };
            let (id, old) = current.clone().unwrap_or_default();
            let mut event = changed(kind, &new, &if old.is_null() { json!({}) } else { old.clone() }, if id.is_empty() { "none" } else { &id });
            event.request_id = format!("request-{number}");
            if fails {
                world.scripted.replace(vec![response(403, "<Error><Code>AccessDenied</Code></Error>")]);
                prop_assert!(on_event(&provider, &event).is_err());
                // The update that rolls back.
                if kind == "Update" {
                    let mut back = changed("Update", &old, &new, &id);
                    back.request_id = format!("rollback-{number}");
                    let outcome = on_event(&provider, &back).unwrap();
                    let back = outcome.physical_resource_id.unwrap();
                    if back != id {
                        on_event(&provider, &changed("Delete", &new, &json!({}), &id)).unwrap();
                        // Its file was in the old bucket.
                        on_event(&provider, &changed("Delete", &old, &json!({}), &id)).unwrap();
                    }
                    current = Some((back, old));
                }
            } else {
                for _delivery in 0..=u8::from(twice) {
                    let made = on_event(&provider, &event).unwrap().physical_resource_id.unwrap();
                    current = Some((made, new.clone()));
                }
                let made = &current.as_ref().unwrap().0;
                if kind == "Update" && *made != id {
                    on_event(&provider, &changed("Delete", &old, &json!({}), &id)).unwrap();
                }
            }
            let expected = current.iter().map(|(id, properties)| format!("/{}/{id}", properties["BucketName"].as_str().unwrap()));
            prop_assert_eq!(world.objects.borrow().keys().cloned().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}

// --- S3Assert ---------------------------------------------------------------------------------------------------

fn asserted(world: &World, kind: &str) -> Result<Progress, Failure> {
    let properties = json!({ "BucketName": "bucket", "ObjectKey": "k", "ExpectedContent": "text" });
    let provider = S3Assert(S3(world.aws()));
    let event = event(kind, &properties);
    let mut returned = on_event(&provider, &event).unwrap();
    assert_eq!(returned.physical_resource_id, None, "the default ID");
    returned.physical_resource_id = Some("id".to_owned());
    // Through JSON, as in an execution.
    let pending = serde_json::to_string(&Pending { event, returned }).unwrap();
    world::block_on(provider.is_complete(&serde_json::from_str(&pending).unwrap()))
}

#[test]
fn an_assertion_waits_for_the_object_and_its_contents_by_a_field_that_on_event_returned() {
    let world = World::default();
    assert_eq!(asserted(&world, "Create").unwrap(), Progress::not_yet());
    world.objects.borrow_mut().insert("/bucket/k".to_owned(), b"other".to_vec());
    assert_eq!(asserted(&world, "Update").unwrap(), Progress::not_yet());
    world.objects.borrow_mut().insert("/bucket/k".to_owned(), b"text".to_vec());
    assert_eq!(asserted(&world, "Create").unwrap(), Progress::complete());
}

#[test]
fn an_assertion_fails_on_other_errors_and_its_delete_completes_at_once() {
    let world = World::default();
    world.scripted.replace(vec![response(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")]);
    assert!(asserted(&world, "Create").unwrap_err().reason.contains("AccessDenied"));
    assert_eq!(asserted(&world, "Delete").unwrap(), Progress::complete());
    assert_eq!(world.asked.borrow().len(), 1);
}

// --- AwsCustomResource --------------------------------------------------------------------------------------------

const LIST: &str = "SES:VerifyDomainIdentity, SSM:GetParameter, SSM:DeleteParameter, IAM:CreateUser, DynamoDB:Query";

fn call(world: &World, kind: &str, properties: &Value) -> Result<Outcome, Failure> {
    let provider = AwsCustomResource { aws: world.aws(), allowed: Allowed::parse(LIST).unwrap() };
    on_event(&provider, &event(kind, properties))
}

fn body(world: &World) -> String {
    String::from_utf8(world.asked.borrow().last().unwrap().body.clone()).unwrap()
}

fn parameter(more: &Value) -> Value {
    let mut call = json!({
        "service": "SSM", "action": "GetParameter", "parameters": { "Name": "n", "WithDecryption": true },
        "physicalResourceId": "2026-11-26",
    });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    // As text: CloudFormation would turn the boolean of an object into a string.
    json!({ "onUpdate": call.to_string() })
}

#[test]
fn verifying_a_domain_gives_the_token_as_id_and_attribute() {
    let world = World::default();
    world.scripted.replace(vec![response(
        200,
        "<VerifyDomainIdentityResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><VerifyDomainIdentityResult>\
         <VerificationToken>token=</VerificationToken></VerifyDomainIdentityResult></VerifyDomainIdentityResponse>",
    )]);
    let create = json!({ "onCreate": {
        "service": "SES", "action": "verifyDomainIdentity", "parameters": { "Domain": "example.com" },
        "physicalResourceIdPath": "VerificationToken",
    } });
    let refused = call(&world, "Create", &create).unwrap_err();
    assert!(refused.reason.contains("SES:verifyDomainIdentity is not among"), "{refused}");
    let create: Value = serde_json::from_str(&create.to_string().replace("verifyDomain", "VerifyDomain")).unwrap();
    let outcome = call(&world, "Create", &create).unwrap();
    assert_eq!(outcome.physical_resource_id.as_deref(), Some("token="));
    assert_eq!(json!(outcome.data), json!({ "VerificationToken": "token=" }));
    assert_eq!(body(&world), "Action=VerifyDomainIdentity&Version=2010-12-01&Domain=example.com");
    assert_eq!(world.asked.borrow()[0].url, "https://email.eu-west-1.amazonaws.com/");
}

#[test]
fn a_decrypted_parameter_is_read_by_the_call_that_serves_create_too() {
    let world = World::default();
    world.scripted.replace(vec![response(200, r#"{"Parameter":{"Value":"v","Version":3,"List":["a",{"b":true}]}}"#)]);
    let outcome = call(&world, "Create", &parameter(&json!({}))).unwrap();
    assert_eq!(outcome.physical_resource_id.as_deref(), Some("2026-11-26"));
    let flat = json!({
        "Parameter.Value": "v", "Parameter.Version": "3", "Parameter.List.0": "a", "Parameter.List.1.b": "true",
    });
    assert_eq!(json!(outcome.data), flat);
    assert_eq!(serde_json::from_str::<Value>(&body(&world)).unwrap(), json!({ "Name": "n", "WithDecryption": true }));
    let target = ("x-amz-target".to_owned(), "AmazonSSM.GetParameter".to_owned());
    assert!(world.asked.borrow()[0].headers.contains(&target));
}

#[test]
fn output_paths_keep_what_they_name_and_the_id_may_use_any_path() {
    let world = World::default();
    world.scripted.replace(vec![response(200, r#"{"Parameter":{"Value":"v","ValueMore":"x","ARN":"arn"}}"#)]);
    let mut properties = json!({ "onCreate": {
        "service": "SSM", "action": "GetParameter", "physicalResourceIdPath": "Parameter.ARN",
        "outputPaths": ["Parameter.Value"],
    } });
    let outcome = call(&world, "Create", &properties).unwrap();
    assert_eq!(outcome.physical_resource_id.as_deref(), Some("arn"));
    assert_eq!(json!(outcome.data), json!({ "Parameter.Value": "v" }));
    // An ID that the response does not have.
    world.scripted.replace(vec![response(200, "{}")]);
    properties["onCreate"]["physicalResourceIdPath"] = json!("Parameter.Other");
    assert!(call(&world, "Create", &properties).unwrap_err().reason.contains("Parameter.Other"));
}

#[test]
fn the_id_is_kept_where_no_call_names_another_and_may_be_a_parameter() {
    let world = World::default();
    let delete = json!({ "onDelete": {
        "service": "SSM", "action": "DeleteParameter", "parameters": { "Name": "PHYSICAL:RESOURCEID:" },
    } });
    world.scripted.replace(vec![response(200, "{}")]);
    assert_eq!(call(&world, "Delete", &delete).unwrap(), Outcome::default());
    assert_eq!(body(&world), r#"{"Name":"current"}"#);
    // Creating and updating do nothing here.
    assert_eq!(call(&world, "Create", &delete).unwrap(), Outcome::default());
    assert_eq!(call(&world, "Update", &delete).unwrap(), Outcome::default());
    assert_eq!(world.asked.borrow().len(), 1);
    let create = json!({ "onCreate": {
        "service": "SSM", "action": "GetParameter", "parameters": { "Name": "PHYSICAL:RESOURCEID:" }, "physicalResourceId": "i",
    } });
    assert!(call(&world, "Create", &create).unwrap_err().reason.contains("does not exist yet"));
}

#[test]
fn properties_that_make_no_sense_are_refused_before_any_call() {
    let world = World::default();
    let base = json!({ "service": "SSM", "action": "GetParameter" });
    let with = |more: Value| {
        let mut call = base.clone();
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "onCreate": call })
    };
    for properties in [
        json!({}),
        json!({ "onCreate": "marked" }),
        with(json!({})),
        with(json!({ "physicalResourceId": "i", "physicalResourceIdPath": "p" })),
        with(json!({ "ignoreErrorCodesMatching": ".*", "physicalResourceIdPath": "p" })),
        with(json!({ "ignoreErrorCodesMatching": ".*", "physicalResourceId": "i", "outputPaths": ["p"] })),
        with(json!({ "ignoreErrorCodesMatching": "(", "physicalResourceId": "i" })),
        with(json!({ "physicalResourceId": "i", "region": "eu-west-1.example.com/" })),
        with(json!({ "physicalResourceId": "i", "marked": "i" })),
    ] {
        let failure = call(&world, "Create", &properties).unwrap_err();
        assert!(!failure.reason.contains("marked"), "{failure}");
    }
    assert!(world.asked.borrow().is_empty());
}

#[test]
fn calls_that_are_not_listed_or_never_pass_are_refused_by_name() {
    let world = World::default();
    for (service, action) in [("SSM", "PutParameter"), ("IAM", "CreateUser"), ("STS", "GetCallerIdentity")] {
        let properties = json!({ "onCreate": { "service": service, "action": action, "physicalResourceId": "i" } });
        let failure = call(&world, "Create", &properties).unwrap_err();
        assert!(failure.reason.contains(&format!("{service}:{action}")), "{failure}");
    }
    assert!(world.asked.borrow().is_empty());
}

#[test]
fn an_error_fails_unless_its_whole_code_is_ignored() {
    let not_found = || vec![response(400, r#"{"__type":"com.amazonaws#ParameterNotFound","message":"none"}"#)];
    let world = World::default();
    world.scripted.replace(not_found());
    let failure = call(&world, "Create", &parameter(&json!({}))).unwrap_err();
    assert_eq!(failure.reason, "SSM:GetParameter failed: ParameterNotFound: none");
    world.scripted.replace(not_found());
    let ignored = call(&world, "Create", &parameter(&json!({ "ignoreErrorCodesMatching": "ParameterNotFound" })));
    assert!(ignored.unwrap().data.is_empty());
    world.scripted.replace(not_found());
    assert!(call(&world, "Create", &parameter(&json!({ "ignoreErrorCodesMatching": "NotFound" }))).is_err());
}

#[test]
fn a_role_is_assumed_and_another_region_called() {
    let world = World::default();
    let assumed = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIDEXAMPLE2</AccessKeyId>\
                   <SecretAccessKey>marked</SecretAccessKey><SessionToken>session</SessionToken></Credentials>\
                   </AssumeRoleResult></AssumeRoleResponse>";
    world.scripted.replace(vec![response(200, assumed), response(200, "{}")]);
    let role = "arn:aws:iam::123412341234:role/reader";
    call(&world, "Create", &parameter(&json!({ "region": "us-east-1", "assumedRoleArn": role }))).unwrap();
    let asked = world.asked.borrow();
    assert_eq!(asked[0].url, "https://sts.eu-west-1.amazonaws.com/");
    assert_eq!(asked[1].url, "https://ssm.us-east-1.amazonaws.com/");
    assert!(asked[1].headers.iter().any(|(name, value)| name == "authorization" && value.contains("AKIDEXAMPLE2")));
    assert!(asked[1].headers.contains(&("x-amz-security-token".to_owned(), "session".to_owned())));
}

#[test]
fn a_throttled_call_is_made_again_and_an_uncertain_one_is_not() {
    let world = World::default();
    world.scripted.replace(vec![response(400, r#"{"__type":"ThrottlingException"}"#), response(200, "{}")]);
    call(&world, "Create", &parameter(&json!({}))).unwrap();
    assert_eq!(world.asked.borrow().len(), 2);
    for uncertain in [response(500, "{}"), world::broken(), world::no_response()] {
        let world = World::default();
        world.scripted.replace(vec![uncertain, response(200, "{}")]);
        assert!(call(&world, "Create", &parameter(&json!({}))).is_err());
        assert_eq!(world.asked.borrow().len(), 1);
    }
}

#[test]
fn a_call_outlasts_ten_seconds_of_throttling_and_ends_long_before_its_function() {
    let world = World::default();
    let throttled = || response(400, r#"{"__type":"ThrottlingException"}"#);
    world.scripted.replace((0..9).map(|_| throttled()).chain([response(200, "{}")]).collect());
    call(&world, "Create", &parameter(&json!({}))).unwrap();
    assert!(world.now.get() > Duration::from_secs(10), "{:?}", world.now.get());
    let longest: Duration = world.drawn.borrow().iter().sum();
    assert!(longest < Duration::from_mins(1), "{longest:?}");
    world.scripted.replace((0..99).map(|_| throttled()).collect());
    assert!(call(&world, "Create", &parameter(&json!({}))).unwrap_err().reason.contains("ThrottlingException"));
}

// --- handlers in functions of their own -----------------------------------------------------------------------------

fn remote(world: &World, responses: Vec<HttpResponse>) -> Result<Outcome, Failure> {
    world.scripted.replace(responses);
    let on_event_arn = "arn:aws:lambda:eu-west-1:123412341234:function:handler".to_owned();
    let provider = RemoteProvider { aws: world.aws(), on_event: on_event_arn, is_complete: None };
    on_event(&provider, &event("Create", &json!({ "Name": "n" })))
}

#[test]
fn a_remote_handler_gets_the_event_without_the_response_url() {
    let world = World::default();
    let outcome = remote(&world, vec![response(200, r#"{"PhysicalResourceId":"made"}"#)]).unwrap();
    assert_eq!(outcome.physical_resource_id.as_deref(), Some("made"));
    let sent: Value = serde_json::from_str(&body(&world)).unwrap();
    let keys: Vec<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected =
        ["RequestType", "RequestId", "StackId", "ResourceType", "LogicalResourceId", "ResourceProperties"];
    expected.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn a_remote_handlers_error_is_told_with_its_log_and_its_trace() {
    let world = World::default();
    let error =
        r#"{"errorType":"Error","errorMessage":"no such thing","trace":["Error: no such thing","    at handler"]}"#;
    let headers = vec![("x-amz-function-error".to_owned(), "Unhandled".to_owned())];
    let failure = remote(&world, vec![HttpResponse { headers, ..response(200, error) }]).unwrap_err();
    assert_eq!(failure.reason, "no such thing\n\nLogs: /aws/lambda/handler\n\nError: no such thing\n    at handler");
}

#[test]
fn a_handler_that_cannot_be_invoked_is_invoked_once_more_when_it_is_active() {
    let world = World::default();
    let not_ready = || HttpResponse {
        headers: vec![("x-amzn-errortype".to_owned(), "ResourceConflictException".to_owned())],
        ..response(409, r#"{"message":"pending"}"#)
    };
    let state = |state: &str| response(200, &json!({ "State": state }).to_string());
    remote(&world, vec![not_ready(), state("Pending"), state("Active"), response(200, "{}")]).unwrap();
    assert_eq!(world.asked.borrow().len(), 4);
    // Not longer than five minutes, and not a third time.
    let forever = (0..80).map(|_| state("Pending"));
    let began = world.now.get();
    let failure = remote(&world, std::iter::once(not_ready()).chain(forever).collect()).unwrap_err();
    assert!(failure.reason.contains("handler could not be invoked: ResourceConflictException"), "{failure}");
    assert!(world.now.get() < began + Duration::from_mins(6));
}

// --- what the framework keeps and starts --------------------------------------------------------------------------

#[test]
fn response_urls_are_kept_encrypted_once_and_forgotten() {
    let world = World::default();
    let store =
        ParameterStore { aws: world.aws(), prefix: "/custom-resource/s/".to_owned(), key: Some("alias/k".to_owned()) };
    let exists = response(400, r#"{"__type":"ParameterAlreadyExists"}"#);
    let gone = || response(400, r#"{"__type":"ParameterNotFound"}"#);
    world.scripted.replace(vec![
        response(200, "{}"),
        exists,
        gone(),
        gone(),
        response(400, r#"{"__type":"AccessDenied"}"#),
    ]);
    assert_eq!(world::block_on(store.keep("id", "url")), Ok(true));
    let sent = json!({
        "Name": "/custom-resource/s/id", "Value": "url", "Type": "SecureString", "Overwrite": false, "KeyId": "alias/k",
    });
    assert_eq!(serde_json::from_str::<Value>(&body(&world)).unwrap(), sent);
    assert_eq!(world::block_on(store.keep("id", "url")), Ok(false));
    assert_eq!(world::block_on(store.recall("id")), Ok(None));
    assert_eq!(world::block_on(store.forget("id")), Ok(()));
    let failed = ServiceFailed { service: "Parameter Store", code: "AccessDenied".to_owned() };
    assert_eq!(world::block_on(store.recall("id")), Err(failed));
}

#[test]
fn an_execution_is_named_by_its_request() {
    let world = World::default();
    let machine = StepFunctions { aws: world.aws(), arn: "arn".to_owned() };
    let exists = response(400, r#"{"__type":"ExecutionAlreadyExists"}"#);
    world.scripted.replace(vec![response(200, "{}"), exists]);
    assert_eq!(world::block_on(machine.start("id", "{}")), Ok(true));
    let sent = json!({ "stateMachineArn": "arn", "name": "id", "input": "{}" });
    assert_eq!(serde_json::from_str::<Value>(&body(&world)).unwrap(), sent);
    assert_eq!(world::block_on(machine.start("id", "{}")), Ok(false));
}
