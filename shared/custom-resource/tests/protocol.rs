//! Whatever a handler does, and whatever an event holds: one answer that CloudFormation accepts, or a line that says why not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use futures_util::future::pending;
use latchkey_custom_resource::entry::{Failure, Record, Reply, Respond, handle};
use latchkey_custom_resource::protocol::{
    ATTEMPTS, Answer, BODY_LIMIT, CREATE_FAILED, Data, MISSING_PHYSICAL_ID, PhysicalId, Rejected, Request, Success,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use world::{World, event, trust};

/// A handler that does one thing.
enum Does {
    Succeed(Value),
    Fail(String),
    FailWith(&'static str),
    Panic,
    Hang,
    /// Hangs after it has begun with the resource of this name.
    HangWith(&'static str),
    Later,
}

impl Respond for Does {
    async fn respond(&self, _request: &Request) -> Result<Reply, Failure> {
        let id = |text| PhysicalId::parse(text).unwrap();
        match self {
            Self::Succeed(data) => {
                let data = Data(data.as_object().unwrap().clone());
                Ok(Reply::Now(Success { physical_id: id("made"), data, no_echo: true }))
            }
            Self::Fail(reason) => Err(Failure::new(reason.clone())),
            Self::FailWith(made) => Err(Failure::new("half done").of(id(made))),
            Self::Panic => panic!("marked"),
            Self::Hang | Self::HangWith(_) => pending().await,
            Self::Later => Ok(Reply::Later),
        }
    }

    fn begun(&self, _request: &Request) -> Option<PhysicalId> {
        let Self::HangWith(begun) = self else { return None };
        PhysicalId::parse(begun).ok()
    }
}

fn run(world: &World, does: &Does, event: &Value) -> Record {
    world::block_on(handle(world, does, &event.to_string(), &trust(), Duration::from_mins(1)))
}

/// The only answer that was sent.
fn answer(world: &World) -> Value {
    let sent = world.answers();
    assert_eq!(sent.len(), 1);
    sent.into_iter().next().unwrap()
}

#[test]
fn a_success_is_one_put_with_an_empty_content_type() {
    let world = World::default();
    let record = run(&world, &Does::Succeed(json!({ "Name": "value" })), &event("Create"));
    assert_eq!(record.outcome, "success");
    let request = world.sent.borrow()[0].clone();
    assert_eq!(request.method, "PUT");
    assert_eq!(request.headers, [("content-type".to_owned(), String::new())]);
    assert_eq!(
        answer(&world),
        json!({
            "Status": "SUCCESS", "PhysicalResourceId": "made", "StackId": world::STACK, "RequestId": world::REQUEST,
            "LogicalResourceId": "Thing", "NoEcho": true, "Data": { "Name": "value" }
        })
    );
}

#[test]
fn a_failing_panicking_or_hanging_handler_is_answered_with_the_ids_that_cloudformation_needs() {
    for (does, reason) in [
        (Does::Fail("no such bucket".to_owned()), "no such bucket"),
        (Does::Panic, "The handler panicked"),
        (Does::Hang, "The handler did not finish within 50 s."),
        (Does::Fail(String::new()), "gave no reason"),
    ] {
        for (kind, id) in [("Create", CREATE_FAILED), ("Update", "current"), ("Delete", "current")] {
            let world = World::default();
            assert_eq!(run(&world, &does, &event(kind)).outcome, "failed");
            let answer = answer(&world);
            assert_eq!(answer["Status"], "FAILED");
            assert_eq!(answer["PhysicalResourceId"], id);
            assert!(answer["Reason"].as_str().unwrap().contains(reason), "{answer}");
        }
    }
}

#[test]
fn a_half_done_create_names_its_resource_so_that_it_is_deleted() {
    let world = World::default();
    run(&world, &Does::FailWith("half"), &event("Create"));
    assert_eq!(answer(&world)["PhysicalResourceId"], "half");
}

#[test]
fn a_create_that_is_given_up_names_what_it_has_begun_and_others_keep_their_resource() {
    for (kind, id) in [("Create", "begun"), ("Update", "current"), ("Delete", "current")] {
        let world = World::default();
        run(&world, &Does::HangWith("begun"), &event(kind));
        assert_eq!(answer(&world)["PhysicalResourceId"], id);
    }
}

#[test]
fn the_delete_after_a_failed_create_succeeds_without_the_handler() {
    let world = World::default();
    let mut delete = event("Delete");
    delete["PhysicalResourceId"] = json!(CREATE_FAILED);
    assert_eq!(run(&world, &Does::Panic, &delete).outcome, "success");
    assert_eq!(answer(&world)["Status"], "SUCCESS");
    assert_eq!(answer(&world)["PhysicalResourceId"], CREATE_FAILED);
}

#[test]
fn nothing_is_sent_for_what_is_answered_later() {
    let world = World::default();
    assert_eq!(run(&world, &Does::Later, &event("Create")).outcome, "later");
    assert!(world.sent.borrow().is_empty());
}

#[test]
fn too_many_attributes_fail_and_name_the_resource() {
    let world = World::default();
    let record = run(&world, &Does::Succeed(json!({ "Large": "a".repeat(BODY_LIMIT) })), &event("Create"));
    assert_eq!(record.outcome, "failed");
    let answer = answer(&world);
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("made")));
    assert!(answer["Reason"].as_str().unwrap().contains("CloudFormation accepts 4096"), "{answer}");
}

#[test]
fn an_unknown_request_type_or_a_missing_id_is_answered_as_failed() {
    let world = World::default();
    run(&world, &Does::Panic, &event("Read"));
    assert_eq!(answer(&world)["Status"], "FAILED");
    for kind in ["Update", "Delete"] {
        let world = World::default();
        let mut event = event(kind);
        event.as_object_mut().unwrap().remove("PhysicalResourceId");
        run(&world, &Does::Panic, &event);
        assert_eq!(answer(&world)["PhysicalResourceId"], MISSING_PHYSICAL_ID);
    }
}

#[test]
fn an_event_with_a_foreign_url_or_stack_sends_nothing_and_is_logged() {
    for (key, value) in [
        ("ResponseURL", "https://attacker.example.com/?secret"),
        ("ResponseURL", "http://169.254.169.254/latest"),
        ("StackId", "arn:aws:cloudformation:eu-west-1:999999999999:stack/name/uuid"),
        ("StackId", "arn:aws:cloudformation:us-east-1:123412341234:stack/name/uuid"),
        ("RequestId", "../other"),
    ] {
        let world = World::default();
        let mut event = event("Create");
        event[key] = json!(value);
        let record = run(&world, &Does::Panic, &event);
        assert!(record.is_unanswered() && record.level == "ERROR", "{record:?}");
        assert!(record.cause.unwrap().contains(key), "{key}");
        assert!(world.sent.borrow().is_empty());
    }
}

#[test]
fn an_answer_that_is_refused_five_times_arrives_with_the_sixth_attempt() {
    let world = World::default();
    world.statuses.replace(vec![503, 500, 403, 302, 503]);
    assert_eq!(run(&world, &Does::Succeed(json!({})), &event("Create")).outcome, "success");
    assert_eq!(world.sent.borrow().len(), ATTEMPTS as usize);
    // Random waits, below a second at first and twice as much each time.
    let bounds: Vec<_> = world.drawn.borrow().iter().map(Duration::as_secs).collect();
    assert_eq!(bounds, [1, 2, 4, 8, 16]);
}

#[test]
fn an_answer_that_never_arrives_is_given_up_and_logged_without_the_url() {
    let world = World::default();
    world.statuses.replace(vec![503; 20]);
    let record = run(&world, &Does::Succeed(json!({})), &event("Create"));
    assert_eq!(world.sent.borrow().len(), ATTEMPTS as usize);
    assert!(record.is_unanswered());
    let line = serde_json::to_string(&record).unwrap();
    assert!(line.contains("the response bucket answered 503"), "{line}");
    assert!(!line.contains("marked"), "{line}");
}

#[test]
fn attempts_end_with_the_functions_own_time() {
    let world = World::default();
    world.statuses.replace(vec![503; 20]);
    let event = event("Create").to_string();
    let record = world::block_on(handle(&world, &Does::Fail(String::new()), &event, &trust(), Duration::from_secs(3)));
    assert!(record.is_unanswered());
    assert!(world.sent.borrow().len() < ATTEMPTS as usize);
    assert!(world.now.get() <= Duration::from_secs(3));
}

#[test]
fn neither_a_request_nor_its_answer_prints_a_secret() {
    let mut event = event("Update");
    event["ResourceProperties"]["Password"] = json!("marked");
    let request = Request::parse(&event.to_string(), &trust()).unwrap();
    assert!(!format!("{request:?}").contains("marked"));
    let data = Data(json!({ "Password": "marked" }).as_object().unwrap().clone());
    assert_eq!(format!("{data:?}"), r#"{"Password": "*****"}"#);
}

proptest! {
    #[test]
    fn every_answer_is_json_of_at_most_4096_bytes(
        reason in "\\PC{0,2000}|[\\x00-\\x1f\"\\\\]{0,3000}",
        id in "\\PC{1,255}",
        data in "\\PC{0,3000}",
        succeeds: bool,
    ) {
        let Ok(to) = Request::parse(&event("Create").to_string(), &trust()) else { unreachable!() };
        let physical_id = PhysicalId::parse(&id).unwrap();
        let answer = if succeeds {
            let data = Data(json!({ "Text": data }).as_object().unwrap().clone());
            Answer::Success(Success { physical_id, data, no_echo: false })
        } else {
            Answer::Failed { physical_id, reason }
        };
        let body = answer.body(&to.recipient);
        prop_assert!(body.len() <= BODY_LIMIT);
        let body: Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(&body["PhysicalResourceId"], &json!(id));
        prop_assert!(body["Status"] == "SUCCESS" || !body["Reason"].as_str().unwrap().is_empty());
    }

    #[test]
    fn a_physical_id_has_1_to_1024_bytes(text in "\\PC{0,600}") {
        prop_assert_eq!(PhysicalId::parse(&text).is_ok(), (1..=1_024).contains(&text.len()));
    }

    #[test]
    fn no_event_panics_the_parser(text in "\\PC{0,200}") {
        prop_assert!(matches!(Request::parse(&text, &trust()), Err(Rejected::Unanswerable(_))));
    }

    #[test]
    fn a_damaged_event_is_parsed_answered_or_refused(key in 0_usize..10, value in "\\PC{0,20}", kind in 0_usize..3) {
        let mut event = event(["Create", "Update", "Delete"][kind]);
        let key = event.as_object().unwrap().keys().nth(key % event.as_object().unwrap().len()).unwrap().clone();
        event[&key] = json!(value);
        let world = World::default();
        let record = run(&world, &Does::Succeed(json!({})), &event);
        prop_assert_eq!(world.sent.borrow().len(), usize::from(!record.is_unanswered()));
    }
}
