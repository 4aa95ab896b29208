//! What becomes of events, with the services in memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use futures_util::FutureExt;
use futures_util::future::join_all;
use latchkey_auth::{Cause, Email, Timestamp};
use latchkey_notifier::memory::{MemoryLedger, MemoryMailer, MemoryQueue};
use latchkey_notifier::notify::{Call, NotifierSettings};
use latchkey_notifier::{Answer, Limits, Mailer, Message, Notifier, NotifyFault, Reason, SendFault, Stage};
use serde_json::{Value, json};
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_790_000_000);
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:counts";

#[derive(Default)]
struct World {
    ledger: MemoryLedger,
    mailer: MemoryMailer,
    queue: MemoryQueue,
}

/// A mail service that takes a connection and never answers.
struct Stuck<'a>(&'a MemoryMailer);

impl Mailer for Stuck<'_> {
    async fn send(&self, _message: &Message) -> Result<String, SendFault> {
        std::future::pending().await
    }

    async fn pause(&self, wait: Duration) {
        self.0.pause(wait).await;
    }
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn settings(limits: Limits) -> NotifierSettings {
    NotifierSettings {
        recipients: vec![email("ops@example.com"), email("owner@example.com")],
        limits,
        topics: vec![TOPIC.to_owned()],
        queue: QUEUE.to_owned(),
        subject_prefix: "[prod]".to_owned(),
    }
}

const LIMITS: Limits = Limits { per_minute: 1, per_caller_and_day: 100, per_day: 200 };

impl World {
    /// One of any number of processes over the same ledger, mail service and queue.
    fn process(&self, limits: Limits) -> Notifier<&MemoryLedger, &MemoryMailer, &MemoryQueue> {
        Notifier::new(&self.ledger, &self.mailer, &self.queue, settings(limits))
    }

    fn notify_with(&self, limits: Limits, event: &Value, now: Timestamp, marker: &str) -> Result<Answer, NotifyFault> {
        let event = event.to_string();
        let process = self.process(limits);
        let call = Call { now, marker };
        process.notify(&event, call).now_or_never().expect("nothing in memory waits")
    }

    fn notify(&self, event: &Value, now: Timestamp, marker: &str) -> Result<Answer, NotifyFault> {
        self.notify_with(LIMITS, event, now, marker)
    }

    fn sent(&self) -> Vec<Message> {
        self.mailer.sent()
    }

    /// Delivers what the queue holds.
    fn deliver_counts(&self) -> Vec<Answer> {
        let later = NOW.plus(61);
        let queued = self.queue.queued();
        queued.iter().map(|(window, _)| self.notify(&count_message(window, QUEUE), later, "count").unwrap()).collect()
    }
}

fn alert(id: &str) -> Value {
    json!({
        "severity": "warning", "title": format!("Load {id} failed"), "text": "Step 3 ended.", "source": "load",
        "time": "2026-09-21T14:13:20Z", "id": id,
    })
}

fn count_message(window: &str, queue: &str) -> Value {
    json!({ "Records": [{ "eventSource": "aws:sqs", "eventSourceARN": queue, "body": window }] })
}

fn reason(answer: Result<Answer, NotifyFault>) -> Option<Reason> {
    match answer.unwrap() {
        Answer::Sent { .. } => None,
        Answer::NotSent { reason, .. } => Some(reason),
    }
}

fn fault(stage: Stage, is_transient: bool) -> SendFault {
    SendFault { stage, is_transient, cause: Cause::code("421") }
}

#[test]
fn an_alert_is_mailed_once_to_everybody_on_the_list() {
    let world = World::default();
    let answer = world.notify(&alert("1"), NOW, "a").unwrap();
    assert_eq!(answer.to_json(), json!({ "sent": true, "messageId": "message-1" }));
    let [mail] = &world.sent()[..] else { panic!("one mail") };
    assert_eq!(mail.to, [email("ops@example.com"), email("owner@example.com")]);
    assert_eq!(mail.subject, "[prod] [warning] Load 1 failed");
}

#[test]
fn a_repeated_id_is_not_mailed_again_within_an_hour_and_is_after_it() {
    let world = World::default();
    world.notify(&alert("1"), NOW, "a").unwrap();
    assert_eq!(reason(world.notify(&alert("1"), NOW.plus(3_599), "b")), Some(Reason::Duplicate));
    assert_eq!(reason(world.notify(&alert("1"), NOW.plus(3_600), "c")), None);
    let mut of_another = alert("1");
    of_another["source"] = json!("backup");
    assert_eq!(reason(world.notify(&of_another, NOW.plus(7_000), "d")), None, "another source has IDs of its own");
}

#[test]
fn the_alert_of_a_process_that_died_is_mailed_when_lambda_tries_again() {
    let world = World::default();
    let event = alert("1").to_string();
    let stuck = Stuck(&world.mailer);
    let process = Notifier::new(&world.ledger, stuck, &world.queue, settings(LIMITS));
    assert!(process.notify(&event, Call { now: NOW, marker: "a" }).now_or_never().is_none(), "it hangs at the mail");
    assert_eq!(reason(world.notify(&alert("1"), NOW.plus(50), "b")), Some(Reason::Duplicate), "it may still be at it");
    // The window of the first attempt has ended as well.
    assert_eq!(reason(world.notify(&alert("1"), NOW.plus(60), "c")), None);
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn only_addresses_of_the_list_can_be_chosen_and_a_foreign_one_is_told_to_the_list() {
    let world = World::default();
    let mut event = alert("1");
    event["to"] = json!(["owner@example.com"]);
    assert_eq!(reason(world.notify(&event, NOW, "a")), None);
    assert_eq!(world.sent()[0].to, [email("owner@example.com")]);

    event["to"] = json!(["owner@example.com", "eve@example.com"]);
    event["id"] = json!("2");
    assert_eq!(reason(world.notify(&event, NOW.plus(100), "b")), Some(Reason::RecipientNotAllowed));
    let mail = &world.sent()[1];
    assert_eq!(mail.subject, "[prod] [warning] A notification could not be made");
    assert!(!mail.to.contains(&email("eve@example.com")));
    assert!(!mail.text.contains("Step 3"), "{}", mail.text);
}

#[test]
fn what_cannot_be_a_notification_is_mailed_plainly_with_source_and_id_and_without_its_payload() {
    let world = World::default();
    let mut event = alert("17");
    event["secret"] = json!("hunter2");
    let answer = world.notify(&event, NOW, "a").unwrap();
    assert_eq!(
        answer.to_json(),
        json!({ "sent": false, "reason": "invalid_request", "info": "The field secret is unknown." })
    );
    let mail = &world.sent()[0];
    assert!(mail.text.contains("Source: load\nID: 17"), "{}", mail.text);
    for part in ["hunter2", "Step 3", "Load 17"] {
        assert!(!mail.text.contains(part) && !mail.html.contains(part), "{part}");
    }
    // Lambda may deliver the same event again.
    world.notify(&event, NOW.plus(120), "b").unwrap();
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn when_even_the_plain_mail_fails_the_call_is_a_fault() {
    let world = World::default();
    world.mailer.fail([fault(Stage::Connect, false)]);
    let fault = world.notify(&json!([]), NOW, "a").unwrap_err();
    assert_eq!(fault.error_type(), "MailConnectFailed");
    assert_eq!(reason(world.notify(&json!([]), NOW.plus(60), "b")), Some(Reason::InvalidRequest));
    assert_eq!(world.sent().len(), 1, "the next attempt mails it");
}

#[test]
fn five_hundred_alerts_in_a_minute_end_as_two_mails() {
    let world = World::default();
    for n in 0..500_u64 {
        let answer = world.notify(&alert(&n.to_string()), NOW.plus(n * 59 / 500), &n.to_string());
        assert_eq!(reason(answer), (n > 0).then_some(Reason::TooMany));
    }
    let [(_, delay)] = world.queue.queued()[..] else { panic!("one message") };
    assert_eq!(delay, 61, "after the window has ended");
    world.deliver_counts();
    let mails = world.sent();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].subject, "[prod] [warning] 499 more alerts within a minute");
    assert!(mails[1].text.contains("\n- Load 1 failed\n"), "{}", mails[1].text);
    assert_eq!(mails[1].text.matches("\n- ").count(), 10);
    // SQS may deliver a message again.
    assert!(matches!(world.deliver_counts()[0], Answer::NotSent { reason: Reason::Duplicate, .. }));
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn a_storm_over_several_processes_at_once_ends_as_two_mails() {
    let world = World::default();
    let processes = [world.process(LIMITS), world.process(LIMITS)];
    let events: Vec<_> = (0..100).map(|n| (n, alert(&n.to_string()).to_string(), n.to_string())).collect();
    let calls = events.iter().map(|(n, event, marker)| processes[n % 2].notify(event, Call { now: NOW, marker }));
    let answers = join_all(calls).now_or_never().unwrap();
    assert_eq!(answers.into_iter().filter(|answer| reason(answer.clone()).is_none()).count(), 1);
    world.deliver_counts();
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn the_minute_after_a_storm_mails_again() {
    let world = World::default();
    for n in 0..5 {
        world.notify(&alert(&n.to_string()), NOW, &n.to_string()).unwrap();
    }
    assert_eq!(reason(world.notify(&alert("later"), NOW.plus(60), "later")), None);
}

#[test]
fn the_count_says_how_many_were_held_back_when_the_first_mail_failed() {
    let world = World::default();
    world.mailer.fail([fault(Stage::Data, false)]);
    world.notify(&alert("1"), NOW, "a").unwrap_err();
    assert_eq!(reason(world.notify(&alert("1"), NOW.plus(1), "b")), None, "the retry is mailed");
    assert_eq!(reason(world.notify(&alert("2"), NOW.plus(2), "c")), Some(Reason::TooMany));
    world.deliver_counts();
    assert_eq!(world.sent()[1].subject, "[prod] [warning] 1 more alert within a minute");
}

#[test]
fn a_message_of_a_foreign_queue_or_an_unknown_window_mails_no_count() {
    let world = World::default();
    for n in 0..3 {
        world.notify(&alert(&n.to_string()), NOW, &n.to_string()).unwrap();
    }
    let window = &world.queue.queued()[0].0;
    let later = NOW.plus(100);
    let foreign = "arn:aws:sqs:eu-west-1:999999999999:counts";
    assert_eq!(reason(world.notify(&count_message(window, foreign), later, "f")), Some(Reason::InvalidRequest));
    assert_eq!(reason(world.notify(&count_message("other", QUEUE), later, "o")), Some(Reason::InvalidRequest));
    assert!(!world.sent().iter().any(|mail| mail.subject.contains("more alert")));
}

#[test]
fn when_the_queue_fails_the_call_is_a_fault_and_the_next_alert_queues_the_count() {
    let world = World::default();
    world.notify(&alert("1"), NOW, "a").unwrap();
    world.queue.set_down(true);
    assert_eq!(world.notify(&alert("2"), NOW, "b").unwrap_err().error_type(), "QueueUnavailable");
    world.queue.set_down(false);
    assert_eq!(reason(world.notify(&alert("3"), NOW, "c")), Some(Reason::TooMany));
    assert_eq!(world.queue.queued().len(), 1);
}

#[test]
fn a_caller_has_a_limit_a_day_and_the_last_mail_says_so() {
    let world = World::default();
    let limits = Limits { per_caller_and_day: 2, ..LIMITS };
    let at = |n: u64| NOW.plus(n * 120);
    for n in 0..2 {
        assert_eq!(reason(world.notify_with(limits, &alert(&n.to_string()), at(n), &n.to_string())), None);
    }
    assert!(world.sent()[1].text.contains("This is the last mail of today (UTC) about this source"));
    assert!(!world.sent()[0].text.contains("last mail"));
    assert_eq!(reason(world.notify_with(limits, &alert("3"), at(3), "3")), Some(Reason::TooMany));
    let mut other = alert("4");
    other["source"] = json!("backup");
    assert_eq!(reason(world.notify_with(limits, &other, at(4), "4")), None, "another caller is not in the way");
    assert_eq!(reason(world.notify_with(limits, &alert("3"), NOW.plus(86_400), "5")), None, "the next day");
}

#[test]
fn callers_that_change_their_names_meet_the_limit_of_the_day() {
    let world = World::default();
    let limits = Limits { per_day: 3, ..LIMITS };
    for n in 0..6_u64 {
        let mut event = alert("1");
        event["source"] = json!(n.to_string());
        let answer = world.notify_with(limits, &event, NOW.plus(n * 120), &n.to_string());
        assert_eq!(reason(answer), (n >= 3).then_some(Reason::TooMany), "{n}");
    }
    assert!(world.sent()[2].text.contains("the notifier sends at most 3 a day"));
}

#[test]
fn a_transient_failure_is_tried_again_and_a_permanent_one_is_not() {
    let world = World::default();
    world.mailer.fail([fault(Stage::Connect, true), fault(Stage::Data, true)]);
    assert_eq!(reason(world.notify(&alert("1"), NOW, "a")), None);
    assert_eq!(world.mailer.waits().iter().map(Duration::as_secs).collect::<Vec<_>>(), [1, 4]);

    for (stage, error_type) in [
        (Stage::Connect, "MailConnectFailed"),
        (Stage::Authenticate, "MailAuthenticateFailed"),
        (Stage::Recipient, "MailRecipientFailed"),
        (Stage::Data, "MailDataFailed"),
    ] {
        let world = World::default();
        world.mailer.fail([fault(stage, false)]);
        assert_eq!(world.notify(&alert("1"), NOW, "a").unwrap_err().error_type(), error_type);
        assert!(world.mailer.waits().is_empty());
        let again = world.notify(&alert("1"), NOW.plus(60), "b");
        assert_eq!(reason(again), None, "the retry is no repetition");
    }
}

#[test]
fn a_relay_that_stays_silent_is_given_up_after_three_attempts() {
    let world = World::default();
    world.mailer.fail([(); 3].map(|()| fault(Stage::Connect, true)));
    let fault = world.notify(&alert("1"), NOW, "a").unwrap_err();
    assert_eq!(fault.message(), "The mail service did not take the mail at present.");
}

#[test]
fn without_the_ledger_nothing_is_mailed() {
    let world = World::default();
    world.ledger.set_down(true);
    assert_eq!(world.notify(&alert("1"), NOW, "a").unwrap_err().error_type(), "LedgerUnavailable");
    assert!(world.sent().is_empty());
}

/// An event of SNS with an alarm that changes its state.
fn alarm(before: &str, now: &str) -> Value {
    let message = json!({
        "AlarmName": "login-faults", "OldStateValue": before, "NewStateValue": now,
        "StateChangeTime": "2026-09-21T14:13:20.123+0000", "NewStateReason": "7 > 5",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:login-faults",
    });
    let record = json!({ "EventSource": "aws:sns", "Sns": { "TopicArn": TOPIC, "Message": message.to_string() } });
    json!({ "Records": [record] })
}

#[test]
fn a_new_alarm_that_is_ok_is_not_mailed_and_one_that_is_over_is() {
    let world = World::default();
    assert_eq!(reason(world.notify(&alarm("INSUFFICIENT_DATA", "OK"), NOW, "a")), Some(Reason::NothingToTell));
    assert!(world.sent().is_empty());
    assert_eq!(reason(world.notify(&alarm("ALARM", "OK"), NOW.plus(1), "b")), None);
    assert_eq!(world.sent()[0].subject, "[prod] [info] login-faults is OK again");
}

#[test]
fn an_alarm_from_the_topic_is_mailed_and_its_redelivery_is_not() {
    let world = World::default();
    let event = alarm("INSUFFICIENT_DATA", "ALARM");
    assert_eq!(reason(world.notify(&event, NOW, "a")), None);
    assert_eq!(world.sent()[0].subject, "[prod] [critical] login-faults is in alarm");
    assert_eq!(reason(world.notify(&event, NOW.plus(30), "b")), Some(Reason::Duplicate));
}
