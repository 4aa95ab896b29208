//! The invoker, with the other account in memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use latchkey_auth::{Cause, Fault, Timestamp};
use notifier::invoker::{InvokeFault, Invoker, KEPT_UNTIL_BEFORE_END, OtherAccount, Session};
use notifier::settings::OfInvoker;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;

const NOW: Timestamp = Timestamp(1_790_000_000);
const HOUR: u64 = 3_600;

#[derive(Default)]
struct State {
    assumed: u32,
    role_is_gone: bool,
    /// What the next invocations end in; then they succeed.
    faults: Vec<InvokeFault>,
    events: Vec<(u32, String)>,
}

/// Numbers its sessions, each of which lasts an hour.
#[derive(Clone, Default)]
struct Account(Rc<RefCell<State>>);

impl OtherAccount for Account {
    type Credentials = u32;

    fn connect(_settings: &OfInvoker) -> Result<Self, latchkey_aws::EnvironmentError> {
        Ok(Self::default())
    }

    async fn assume(&self, settings: &OfInvoker) -> Result<Session<u32>, Cause> {
        let mut state = self.0.borrow_mut();
        if state.role_is_gone || settings.external_id != "right" {
            return Err(Cause::code("AccessDenied"));
        }
        state.assumed += 1;
        Ok(Session { credentials: state.assumed, ends_at: NOW.plus(HOUR * u64::from(state.assumed)) })
    }

    async fn invoke(&self, credentials: &u32, _settings: &OfInvoker, event: &str) -> Result<Value, InvokeFault> {
        let mut state = self.0.borrow_mut();
        state.events.push((*credentials, event.to_owned()));
        if state.faults.is_empty() { Ok(json!({ "sent": true })) } else { Err(state.faults.remove(0)) }
    }
}

fn invoker(external_id: &str) -> (Account, Invoker<Account>) {
    let account = Account::default();
    let settings = OfInvoker {
        notifier: "arn:aws:lambda:eu-west-1:111122223333:function:notifier".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        role: "arn:aws:iam::111122223333:role/notify".to_owned(),
        external_id: external_id.to_owned(),
    };
    (account.clone(), Invoker::new(account, settings))
}

fn error_type(fault: InvokeFault) -> &'static str {
    Fault::from(fault).error_type()
}

#[tokio::test]
async fn the_event_is_handed_on_as_it_is_and_the_answer_comes_back() {
    let (account, invoker) = invoker("right");
    let answer = invoker.invoke(r#"{"any":"event"}"#, NOW).await.unwrap();
    assert_eq!(answer, json!({ "sent": true }));
    assert_eq!(account.0.borrow().events, [(1, r#"{"any":"event"}"#.to_owned())]);
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_their_end() {
    let (account, invoker) = invoker("right");
    for now in [NOW, NOW.plus(HOUR - KEPT_UNTIL_BEFORE_END - 1)] {
        invoker.invoke("{}", now).await.unwrap();
    }
    assert_eq!(account.0.borrow().assumed, 1);
    invoker.invoke("{}", NOW.plus(HOUR - KEPT_UNTIL_BEFORE_END)).await.unwrap();
    assert_eq!(account.0.borrow().assumed, 2);
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_a_fault_of_its_own_type() {
    let (account, invoker) = invoker("wrong");
    assert_eq!(error_type(invoker.invoke("{}", NOW).await.unwrap_err()), "RoleNotAssumed");
    assert!(account.0.borrow().events.is_empty());
}

#[tokio::test]
async fn when_the_role_goes_in_the_middle_kept_credentials_are_dropped_and_the_role_is_asked_for_again() {
    let (account, invoker) = invoker("right");
    let denied = || InvokeFault::Denied(Cause::code("AccessDeniedException"));
    invoker.invoke("{}", NOW).await.unwrap();

    account.0.borrow_mut().faults = vec![denied()];
    invoker.invoke("{}", NOW).await.unwrap();
    assert_eq!(account.0.borrow().assumed, 2, "the role was made anew");

    account.0.borrow_mut().faults = vec![denied()];
    account.0.borrow_mut().role_is_gone = true;
    assert_eq!(error_type(invoker.invoke("{}", NOW).await.unwrap_err()), "RoleNotAssumed");

    account.0.borrow_mut().role_is_gone = false;
    account.0.borrow_mut().faults = vec![denied()];
    assert_eq!(error_type(invoker.invoke("{}", NOW).await.unwrap_err()), "NotifierDenied", "asked once, and no more");
    invoker.invoke("{}", NOW).await.unwrap();
}

#[tokio::test]
async fn a_throttled_late_or_failing_notifier_is_asked_once() {
    let cause = || Cause::code("code");
    for (fault, expected) in [
        (InvokeFault::Throttled(cause()), "NotifierThrottled"),
        (InvokeFault::TimedOut(cause()), "NotifierTimedOut"),
        (InvokeFault::Failed(cause()), "NotifierFailed"),
        (InvokeFault::Unavailable(cause()), "NotifierUnavailable"),
    ] {
        let (account, invoker) = invoker("right");
        account.0.borrow_mut().faults = vec![fault];
        assert_eq!(error_type(invoker.invoke("{}", NOW).await.unwrap_err()), expected);
        assert_eq!(account.0.borrow().events.len(), 1);
    }
}

#[test]
fn a_session_never_shows_its_credentials() {
    let session = Session { credentials: "secret", ends_at: NOW };
    assert!(!format!("{session:?}").contains("secret"));
}
