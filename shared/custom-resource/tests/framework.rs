//! The framework: IDs, waiting, and what CloudFormation is told in the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use latchkey_custom_resource::entry::{Failure, Record, handle};
use latchkey_custom_resource::framework::{
    Entry, Event, Executions, Outcome, Pending, Progress, Provider, ServiceFailed, Step, Urls, Waiter, is_complete,
    on_timeout,
};
use latchkey_custom_resource::protocol::{CREATE_FAILED, Data};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use world::{REQUEST, World, event, trust};

const DEADLINE: Duration = Duration::from_mins(10);

/// Step Functions and Parameter Store in memory.
#[derive(Default)]
struct Memory {
    urls: RefCell<BTreeMap<String, String>>,
    /// Inputs by name. They stay, as the names of executions do.
    executions: RefCell<BTreeMap<String, String>>,
    is_denied: Cell<bool>,
    recall_fails: Cell<bool>,
}

impl Urls for &Memory {
    async fn keep(&self, id: &str, url: &str) -> Result<bool, ServiceFailed> {
        Ok(self.urls.borrow_mut().insert(id.to_owned(), url.to_owned()).is_none())
    }

    async fn recall(&self, id: &str) -> Result<Option<String>, ServiceFailed> {
        if self.recall_fails.get() {
            return Err(ServiceFailed { service: "Parameter Store", code: "AccessDeniedException".to_owned() });
        }
        Ok(self.urls.borrow().get(id).cloned())
    }

    async fn forget(&self, id: &str) -> Result<(), ServiceFailed> {
        self.urls.borrow_mut().remove(id);
        Ok(())
    }
}

impl Executions for &Memory {
    async fn start(&self, name: &str, input: &str) -> Result<bool, ServiceFailed> {
        if self.is_denied.get() {
            return Err(ServiceFailed { service: "Step Functions", code: "AccessDeniedException".to_owned() });
        }
        let is_new = !self.executions.borrow().contains_key(name);
        self.executions.borrow_mut().entry(name.to_owned()).or_insert_with(|| input.to_owned());
        Ok(is_new)
    }
}

/// A provider that returns what it was told to.
#[derive(Default)]
struct Scripted {
    returned: Outcome,
    progress: Option<Result<Progress, Failure>>,
    pending: RefCell<Option<Pending>>,
}

impl Provider for &Scripted {
    async fn on_event(&self, _event: &Event) -> Result<Outcome, Failure> {
        Ok(self.returned.clone())
    }

    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        self.pending.replace(Some(pending.clone()));
        self.progress.clone().unwrap()
    }
}

#[derive(Default)]
struct Scene {
    world: World,
    memory: Memory,
}

impl Scene {
    fn enter<P: Provider>(&self, provider: P, waits: bool, event: &Value) -> Record {
        let waiter = waits.then_some(Waiter { urls: &self.memory, executions: &self.memory });
        let entry = Entry { provider, waiter };
        world::block_on(handle(&self.world, &entry, &event.to_string(), &trust(), DEADLINE))
    }

    fn input(&self, id: &str) -> String {
        self.memory.executions.borrow()[id].clone()
    }

    fn ask<P: Provider>(&self, provider: &P, id: &str) -> Step {
        let input = self.input(id);
        world::block_on(is_complete(&self.world, provider, &&self.memory, &input, &trust(), DEADLINE))
    }

    fn time_out(&self, id: &str) -> Step {
        // The state machine adds the last error to the input.
        let mut input: Value = serde_json::from_str(&self.input(id)).unwrap();
        input["Error"] = json!({ "Error": "NotYet", "Cause": "{}" });
        world::block_on(on_timeout(&self.world, &&self.memory, &input.to_string(), &trust(), DEADLINE))
    }

    fn answer(&self) -> Value {
        let answers = self.world.answers();
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers[0].clone()
    }
}

fn data(value: &Value) -> Data {
    Data(value.as_object().unwrap().clone())
}

#[test]
fn a_new_resource_has_the_requests_id_by_default_and_others_keep_theirs() {
    for (kind, id) in [("Create", REQUEST), ("Update", "current"), ("Delete", "current")] {
        let scene = Scene::default();
        scene.enter(&Scripted::default(), false, &event(kind));
        let answer = scene.answer();
        assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(id)));
    }
}

#[test]
fn an_update_may_replace_and_a_delete_may_not() {
    let other = Scripted { returned: Outcome::of("other"), ..Scripted::default() };
    let scene = Scene::default();
    scene.enter(&other, false, &event("Update"));
    assert_eq!(scene.answer()["PhysicalResourceId"], "other");

    let scene = Scene::default();
    scene.enter(&other, false, &event("Delete"));
    let answer = scene.answer();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("current")));
}

#[test]
fn an_id_that_cloudformation_refuses_is_a_failure() {
    for id in ["", &"i".repeat(1_025)] {
        let scene = Scene::default();
        scene.enter(&Scripted { returned: Outcome::of(id), ..Scripted::default() }, false, &event("Create"));
        assert_eq!(scene.answer()["Status"], "FAILED");
    }
}

#[test]
fn while_something_is_waited_for_nothing_is_sent_and_the_url_is_in_no_execution() {
    let scene = Scene::default();
    assert_eq!(scene.enter(&Scripted::default(), true, &event("Create")).outcome, "later");
    assert!(scene.world.sent.borrow().is_empty());
    assert_eq!(scene.memory.urls.borrow()[REQUEST], world::URL);
    let input = scene.input(REQUEST);
    assert!(!input.contains("marked") && !input.contains("https://"), "{input}");
}

#[test]
fn is_complete_gets_the_event_with_what_on_event_returned() {
    let scene = Scene::default();
    let returned = Outcome { more: data(&json!({ "Extra": 7, "ResourceType": "Other" })), ..Outcome::default() };
    let provider = Scripted { returned, progress: Some(Ok(Progress::not_yet())), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    assert_eq!(scene.ask(&&provider, REQUEST), Step::NotYet);
    let merged = provider.pending.borrow().as_ref().unwrap().merged();
    assert_eq!(merged["Extra"], 7);
    assert_eq!(merged["ResourceType"], "Other");
    assert_eq!(merged["PhysicalResourceId"], REQUEST);
    assert_eq!(merged["RequestType"], "Create");
    assert!(scene.world.sent.borrow().is_empty());
}

#[test]
fn completion_is_answered_once_with_the_attributes_of_both_and_the_url_is_forgotten() {
    let scene = Scene::default();
    let done = Progress { data: data(&json!({ "Both": "late", "Late": "l" })), ..Progress::complete() };
    let returned = Outcome::default().with("Both", "early").with("Early", "e");
    let provider = Scripted { returned, progress: Some(Ok(done)), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    assert!(matches!(scene.ask(&&provider, REQUEST), Step::Done(_)));
    assert_eq!(scene.answer()["Data"], json!({ "Both": "late", "Early": "e", "Late": "l" }));
    assert!(scene.memory.urls.borrow().is_empty());
    // A second execution, or a forged event, has nobody to tell.
    assert!(matches!(scene.ask(&&provider, REQUEST), Step::Done(record) if record.is_unanswered()));
    scene.answer();
}

#[test]
fn is_complete_may_name_the_resource_and_mask_attributes() {
    let scene = Scene::default();
    let done = Progress { physical_resource_id: Some("real".to_owned()), no_echo: true, ..Progress::complete() };
    let provider = Scripted { progress: Some(Ok(done)), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    scene.ask(&&provider, REQUEST);
    assert_eq!(scene.answer()["PhysicalResourceId"], "real");
    assert_eq!(scene.answer()["NoEcho"], true);
}

#[test]
fn data_before_completion_fails() {
    let scene = Scene::default();
    let progress = Progress { data: data(&json!({ "Early": "e" })), ..Progress::not_yet() };
    let provider = Scripted { progress: Some(Ok(progress)), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    scene.ask(&&provider, REQUEST);
    assert_eq!(scene.answer()["Status"], "FAILED");
}

#[test]
fn a_failing_is_complete_and_the_end_of_time_are_answered_with_the_real_id() {
    let failing = Scripted { progress: Some(Err(Failure::new("it broke"))), ..Scripted::default() };
    let scene = Scene::default();
    scene.enter(&failing, true, &event("Create"));
    assert!(matches!(scene.ask(&&failing, REQUEST), Step::Done(_)));
    let answer = scene.answer();
    assert_eq!((&answer["Reason"], &answer["PhysicalResourceId"]), (&json!("it broke"), &json!(REQUEST)));

    let scene = Scene::default();
    scene.enter(&failing, true, &event("Create"));
    assert!(matches!(scene.time_out(REQUEST), Step::Done(_)));
    let answer = scene.answer();
    assert_eq!((&answer["Reason"], &answer["PhysicalResourceId"]), (&json!("Operation timed out"), &json!(REQUEST)));
    assert!(scene.memory.urls.borrow().is_empty());
}

#[test]
fn where_step_functions_is_denied_the_resource_is_named_so_that_it_is_deleted() {
    let scene = Scene::default();
    scene.memory.is_denied.set(true);
    scene.enter(&Scripted::default(), true, &event("Create"));
    let answer = scene.answer();
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!(REQUEST)));
    assert!(answer["Reason"].as_str().unwrap().contains("Step Functions answered AccessDeniedException"));
    assert!(scene.memory.urls.borrow().is_empty());
}

#[test]
fn a_request_that_comes_twice_is_waited_for_once_and_leaves_no_url() {
    let scene = Scene::default();
    let provider = Scripted { progress: Some(Ok(Progress::complete())), ..Scripted::default() };
    for _delivery in 0..2 {
        assert_eq!(scene.enter(&provider, true, &event("Create")).outcome, "later");
    }
    assert_eq!(scene.memory.executions.borrow().len(), 1);
    scene.ask(&&provider, REQUEST);
    scene.answer();
    // Even if it comes after the answer.
    scene.enter(&provider, true, &event("Create"));
    assert!(scene.memory.urls.borrow().is_empty());
}

#[test]
fn an_answer_that_cannot_be_sent_yet_is_left_to_the_next_attempt() {
    let scene = Scene::default();
    let provider = Scripted { progress: Some(Ok(Progress::complete())), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    scene.memory.recall_fails.set(true);
    assert!(matches!(scene.ask(&&provider, REQUEST), Step::Unanswered(_)));
    scene.memory.recall_fails.set(false);
    scene.world.statuses.replace(vec![503; 6]);
    assert!(matches!(scene.ask(&&provider, REQUEST), Step::Unanswered(_)));
    assert!(matches!(scene.ask(&&provider, REQUEST), Step::Done(record) if record.outcome == "success"));
}

#[test]
fn a_forged_execution_reaches_no_other_stack() {
    let scene = Scene::default();
    let provider = Scripted { progress: Some(Ok(Progress::complete())), ..Scripted::default() };
    scene.enter(&provider, true, &event("Create"));
    let foreign = scene.input(REQUEST).replace("123412341234:stack", "999999999999:stack");
    let step = world::block_on(is_complete(&scene.world, &&provider, &&scene.memory, &foreign, &trust(), DEADLINE));
    assert!(matches!(step, Step::Done(record) if record.is_unanswered()));
    assert!(scene.world.sent.borrow().is_empty());
}

#[test]
fn what_a_remote_handler_returns_is_read_without_being_quoted() {
    for nothing in ["", "null", "\"\"", "{}"] {
        assert_eq!(Outcome::parse(nothing.as_bytes()).unwrap(), Outcome::default());
    }
    let read = Outcome::parse(br#"{"PhysicalResourceId":"id","Data":{"a":1},"NoEcho":true,"More":2}"#).unwrap();
    assert_eq!(read.physical_resource_id.as_deref(), Some("id"));
    assert!(read.no_echo && read.data.0["a"] == 1 && read.more.0["More"] == 2);
    for wrong in ["marked", "[\"marked\"]", "\"marked\"", r#"{"Data":"marked"}"#, r#"{"PhysicalResourceId":7}"#] {
        let reason = Outcome::parse(wrong.as_bytes()).unwrap_err().reason;
        assert!(!reason.contains("marked"), "{reason}");
    }
    assert!(Progress::parse(br#"{"IsComplete":true}"#).unwrap().is_complete);
    for wrong in ["{}", "null", r#"{"IsComplete":"marked"}"#] {
        assert!(!Progress::parse(wrong.as_bytes()).unwrap_err().reason.contains("marked"));
    }
}

#[test]
fn a_provider_that_cannot_start_answers_each_request() {
    let scene = Scene::default();
    let broken: Result<&Scripted, String> = Err("PROVIDER is missing".to_owned());
    scene.enter(broken, false, &event("Create"));
    let answer = scene.answer();
    assert!(answer["Reason"].as_str().unwrap().contains("PROVIDER is missing"));
    assert_eq!(answer["PhysicalResourceId"], CREATE_FAILED);
}

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Succeeds,
    FailsBefore,
    /// Fails after it has made something, and removes it, as a handler must.
    FailsAfter,
    WaiterDenied,
    NeverCompletes,
    CompletionFails,
}

/// A provider of named things in a cloud. Making one that exists, or removing one that does not, changes nothing.
struct Things<'a> {
    cloud: &'a RefCell<BTreeSet<String>>,
    fate: Fate,
}

impl Provider for &Things<'_> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        use latchkey_custom_resource::framework::RequestType::Delete;
        if matches!(self.fate, Fate::FailsBefore) {
            return Err(Failure::new("refused"));
        }
        if event.request_type == Delete {
            self.cloud.borrow_mut().remove(event.physical_resource_id.as_deref().unwrap());
            return Ok(Outcome::default());
        }
        // Without a name the ID is the framework's default.
        let current = event.physical_resource_id.clone();
        let name = event.text("Name").map(str::to_owned).ok();
        let id = name.clone().or(current).unwrap_or_else(|| event.request_id.clone());
        let is_new = self.cloud.borrow_mut().insert(id.clone());
        if matches!(self.fate, Fate::FailsAfter) {
            if is_new {
                self.cloud.borrow_mut().remove(&id);
            }
            return Err(Failure::new("refused"));
        }
        Ok(Outcome { physical_resource_id: name, ..Outcome::default() })
    }

    async fn is_complete(&self, _pending: &Pending) -> Result<Progress, Failure> {
        match self.fate {
            Fate::NeverCompletes => Ok(Progress::not_yet()),
            Fate::CompletionFails => Err(Failure::new("it broke")),
            _ => Ok(Progress::complete()),
        }
    }
}

/// CloudFormation with one resource of one stack. It takes the ID of every answer for the resource's, failures included.
struct Stack {
    scene: Scene,
    cloud: RefCell<BTreeSet<String>>,
    resource: Option<(String, Map<String, Value>)>,
    requests: u32,
    waits: bool,
}

impl Stack {
    /// Sends a request, perhaps twice. Returns whether it succeeded, and the ID in the answer.
    fn request(
        &mut self,
        kind: &str,
        id: Option<&str>,
        (new, old): (&Map<String, Value>, &Map<String, Value>),
        (fate, twice): (Fate, bool),
    ) -> (bool, String) {
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        let mut event = event(kind);
        event["RequestId"] = json!(request);
        event["ResourceProperties"] = json!(new);
        if let Some(id) = id {
            event["PhysicalResourceId"] = json!(id);
        }
        if kind == "Update" {
            event["OldResourceProperties"] = json!(old);
        }
        self.scene.world.sent.borrow_mut().clear();
        self.scene.memory.is_denied.set(matches!(fate, Fate::WaiterDenied));
        let things = Things { cloud: &self.cloud, fate };
        for _delivery in 0..=u8::from(twice) {
            self.scene.enter(&things, self.waits, &event);
        }
        if self.scene.memory.executions.borrow().contains_key(&request)
            && self.scene.ask(&&things, &request) == Step::NotYet
        {
            assert!(matches!(self.scene.time_out(&request), Step::Done(_)));
        }
        // The first answer counts, and another delivery's is the same.
        let answers = self.scene.world.answers();
        assert!(!answers.is_empty(), "{kind} {fate:?}");
        assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
        assert!(self.scene.memory.urls.borrow().is_empty());
        (answers[0]["Status"] == "SUCCESS", answers[0]["PhysicalResourceId"].as_str().unwrap().to_owned())
    }

    fn delete(&mut self, id: &str, properties: &Map<String, Value>) {
        let none = Map::new();
        assert!(self.request("Delete", Some(id), (properties, &none), (Fate::Succeeds, true)).0);
    }

    /// Deploys the stack with the resource. If that fails, rolls back.
    fn deploy(&mut self, new: Map<String, Value>, how: (Fate, bool)) {
        let none = Map::new();
        let Some((current, old)) = self.resource.take() else {
            let (is_done, id) = self.request("Create", None, (&new, &none), how);
            if is_done {
                self.resource = Some((id, new));
            } else {
                self.delete(&id, &new);
            }
            return;
        };
        let (is_done, id) = self.request("Update", Some(&current), (&new, &old), how);
        if is_done {
            if id != current {
                self.delete(&current, &old);
            }
            self.resource = Some((id, new));
            return;
        }
        let (is_done, back) = self.request("Update", Some(&id), (&old, &new), (Fate::Succeeds, how.1));
        assert!(is_done);
        for abandoned in BTreeSet::from([id, current]) {
            if abandoned != back {
                self.delete(&abandoned, &new);
            }
        }
        self.resource = Some((back, old));
    }

    fn remove(&mut self) {
        if let Some((id, properties)) = self.resource.take() {
            self.delete(&id, &properties);
        }
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Succeeds),
        Just(Fate::FailsBefore),
        Just(Fate::FailsAfter),
        Just(Fate::WaiterDenied),
        Just(Fate::NeverCompletes),
        Just(Fate::CompletionFails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_deployments_and_failures_leaves_a_resource_twice_or_behind(
        waits: bool,
        steps in proptest::collection::vec((proptest::option::of(proptest::option::of(0..3_u8)), fates(), any::<bool>()), 1..8),
    ) {
        let (scene, cloud) = (Scene::default(), RefCell::default());
        let mut stack = Stack { scene, cloud, resource: None, requests: 0, waits };
        for (deploys, fate, twice) in steps {
            match deploys {
                Some(name) => {
                    let name = name.map(|name| ("Name".to_owned(), json!(format!("thing-{name}"))));
                    stack.deploy(name.into_iter().collect(), (fate, twice));
                }
                None => stack.remove(),
            }
            let expected: BTreeSet<_> = stack.resource.iter().map(|(id, _)| id.clone()).collect();
            prop_assert_eq!(&*stack.cloud.borrow(), &expected);
        }
        stack.remove();
        prop_assert!(stack.cloud.borrow().is_empty());
    }
}
