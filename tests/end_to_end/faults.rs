//! What the deployed functions make of services that fail, and how often they ask them. Not on the local cloud: a stub
//! fails as it is told to.

use crate::service::binary;
use futures_util::future::join_all;
use harness::backends::{Backends, Behaviour, Call, Failure};
use harness::functions::{FUNCTIONS, MAIL, event, variables, willing};
use harness::lambda::Environment;
use harness::network::Network;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

const FAILURES: [Failure; 5] =
    [Failure::Throttled, Failure::Broken, Failure::Closed, Failure::Hanging, Failure::Garbage];

/// The functions' timeout in `template.yaml`, less a second.
const BUDGET: Duration = Duration::from_secs(14);

/// The calls of a function that succeeds, and how many of each.
fn calls(function: &str) -> &'static [(Call, usize)] {
    match function {
        "create-user" | "lost-password" => &[(Call::Quota, 1), (Call::UpdateItem, 1), (Call::HandOver, 1)],
        // The try is counted, the account is verified, and the failures of the time before are forgotten.
        "verify-user" => &[(Call::GetItem, 1), (Call::UpdateItem, 2), (Call::Count, 1)],
        // The attempt is counted, and the count is cleared.
        "login" => &[(Call::GetItem, 1), (Call::Count, 2), (Call::GetToken, 1)],
        "change-password" => {
            &[(Call::GetItem, 1), (Call::Count, 2), (Call::Quota, 1), (Call::UpdateItem, 1), (Call::HandOver, 1)]
        }
        // The links are void, so their quota is given back.
        "reset-password" => {
            &[(Call::GetItem, 1), (Call::UpdateItem, 1), (Call::HandOver, 1), (Call::Count, 1), (Call::Quota, 1)]
        }
        MAIL => &[(Call::Look, 1), (Call::SendEmail, 1), (Call::Remove, 1)],
        other => panic!("which calls does {other} make?"),
    }
}

/// The fault that a failing call ends in; none where the work is done without it.
fn fault(function: &str, call: Call) -> Option<&'static str> {
    match (function, call) {
        // The password is changed: what is left is to tell the owner, and to end the waiting. The address is verified: a reset opens
        // what strangers have closed.
        ("change-password" | "reset-password", Call::HandOver)
        | ("reset-password", Call::Count | Call::Quota)
        | ("verify-user", Call::Count) => None,
        (_, Call::HandOver) => Some("MailerUnavailable"),
        (_, Call::GetToken) => Some("IdentityUnavailable"),
        _ => Some("TableUnavailable"),
    }
}

fn services(function: &str, failure: Option<(Call, Failure)>) -> Behaviour {
    Behaviour { failure, ..willing(function) }
}

async fn start(function: &str) -> (Backends, Environment) {
    let backends = Backends::start().await.unwrap();
    let environment = Environment::start(&binary(function), &variables(&backends)).await.unwrap();
    (backends, environment)
}

/// Whether the answer is yes.
fn done(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap();
    ["created", "verified", "login", "changed", "sent"].iter().any(|flag| answer[*flag] == true)
}

async fn withstands(function: &str) {
    let (backends, environment) = start(function).await;
    for (call, _) in calls(function) {
        for failure in FAILURES {
            let context = format!("{function}: {call:?} {failure:?}");
            backends.behave(services(function, Some((*call, failure))));
            let outcome = environment.call(event(function).to_string()).await.expect(&context);
            assert!(outcome.duration < BUDGET, "{context}: {:?}", outcome.duration);
            match fault(function, *call) {
                None => assert!(!outcome.failed && done(&outcome.body), "{context}"),
                Some(expected) => {
                    assert!(outcome.failed, "{context}: {}", String::from_utf8_lossy(&outcome.body));
                    let error: Value = serde_json::from_slice(&outcome.body).unwrap();
                    assert_eq!(error["errorType"], expected, "{context}");
                    assert!(!error.to_string().contains("ada@"), "{context}");
                }
            }
            // The fault is gone: the same request is answered, by the same process.
            backends.behave(services(function, None));
            let outcome = environment.call(event(function).to_string()).await.expect(&context);
            assert!(!outcome.failed && done(&outcome.body), "after {context}");
        }
    }
}

#[tokio::test]
async fn every_failure_of_every_service_ends_in_a_clear_fault_in_time_and_leaves_the_next_call_alone() {
    join_all(FUNCTIONS.map(withstands)).await;
}

#[tokio::test]
async fn a_call_asks_the_services_no_more_than_it_must() {
    for function in FUNCTIONS {
        let (backends, environment) = start(function).await;
        backends.behave(services(function, None));
        for connections_may_be_new in [true, false] {
            let outcome = environment.call(event(function).to_string()).await.unwrap();
            assert!(done(&outcome.body), "{function}");
            let (counts, connections) = backends.counts();
            assert_eq!(counts, calls(function).iter().copied().collect(), "{function}");
            assert!(connections_may_be_new || connections == 0, "{function}: {connections} new connections when warm");
        }
    }
}

#[tokio::test]
async fn a_mail_whose_delivery_fails_comes_again_and_one_that_ses_refuses_does_not() {
    let again = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
    let done = json!({ "batchItemFailures": [] });
    let (backends, environment) = start(MAIL).await;
    let delivered = async |failure| {
        backends.behave(services(MAIL, failure));
        let outcome = environment.call(event(MAIL).to_string()).await.unwrap();
        assert!(!outcome.failed && outcome.duration < BUDGET, "{failure:?}: {:?}", outcome.duration);
        serde_json::from_slice::<Value>(&outcome.body).unwrap()
    };
    for (call, _) in calls(MAIL) {
        for failure in FAILURES {
            assert_eq!(delivered(Some((*call, failure))).await, again, "{call:?} {failure:?}");
            assert_eq!(delivered(None).await, done, "after {call:?} {failure:?}");
        }
    }
    // Each attempt at SES is one request: what was late may have been sent.
    let _ = backends.counts();
    assert_eq!(delivered(Some((Call::SendEmail, Failure::Broken))).await, again);
    assert_eq!(backends.counts().0, HashMap::from([(Call::Look, 1), (Call::SendEmail, 1)]));
    assert_eq!(delivered(None).await, done);
    assert_eq!(backends.counts().0, calls(MAIL).iter().copied().collect());
}

#[tokio::test]
async fn connections_are_opened_before_the_first_event_comes_over_tls_too() {
    for tls in [false, true] {
        for function in FUNCTIONS {
            let backends = Backends::behind(Network { tls, ..Network::default() }).await.unwrap();
            let environment = Environment::start(&binary(function), &variables(&backends)).await.unwrap();
            // As many as the function uses at once, before anything was asked of it.
            let connections = match function {
                "login" => 3,
                "change-password" => 2,
                "create-user" | "verify-user" | "lost-password" | "reset-password" => 1,
                other => panic!("how many connections does {other} open?"),
            };
            let opened = tokio::time::timeout(BUDGET, backends.opened(connections)).await;
            assert!(opened.is_ok(), "{function}: fewer than {connections}");
            assert_eq!(backends.counts(), (HashMap::new(), 0), "{function}");
            backends.behave(services(function, None));
            let outcome = environment.call(event(function).to_string()).await.unwrap();
            assert!(done(&outcome.body), "{function}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let backends = Backends::behind(Network { tls: true, ..Network::default() }).await.unwrap();
    backends.behave(services("login", None));
    let mut variables = variables(&backends);
    variables.remove("AWS_CA_BUNDLE");
    let environment = Environment::start(&binary("login"), &variables).await.unwrap();
    let outcome = environment.call(event("login").to_string()).await.unwrap();
    assert!(outcome.failed, "{}", String::from_utf8_lossy(&outcome.body));
    assert_eq!(backends.counts(), (HashMap::new(), 0));
}

#[tokio::test]
async fn what_is_no_request_asks_the_services_nothing() {
    for function in FUNCTIONS {
        let (backends, environment) = start(function).await;
        for payload in [json!(null), json!([]), json!({}), json!({ "email": 7 })] {
            let outcome = environment.call(payload.to_string()).await.unwrap();
            let answer: Value = serde_json::from_slice(&outcome.body).unwrap();
            assert_eq!(answer["reason"], "invalid_request", "{function}");
        }
        assert_eq!(backends.counts(), (HashMap::new(), 0), "{function}");
    }
}

/// A function that asks the stub for breached passwords.
async fn start_asking(function: &str) -> (Backends, Environment) {
    let backends = Backends::start().await.unwrap();
    let mut variables = variables(&backends);
    variables.insert("BREACHED_PASSWORDS_URL".to_owned(), format!("{}/range/", backends.endpoint));
    let environment = Environment::start(&binary(function), &variables).await.unwrap();
    (backends, environment)
}

const CHOOSING: [&str; 3] = ["create-user", "change-password", "reset-password"];

/// The SHA-1 of the new password in every event, `a long enough password`.
const PUBLISHED: &str = "B614EEBA41034281CFBB9ED50ACA4C19125E5DF7";

#[tokio::test]
async fn a_published_password_is_refused_by_every_function_that_takes_a_new_one() {
    for function in CHOOSING {
        let (backends, environment) = start_asking(function).await;
        backends.behave(Behaviour { published: Some(PUBLISHED.to_owned()), ..services(function, None) });
        let outcome = environment.call(event(function).to_string()).await.unwrap();
        let answer: Value = serde_json::from_slice(&outcome.body).unwrap();
        assert_eq!(answer["reason"], "password_breached", "{function}");
        let (counts, _) = backends.counts();
        for call in [Call::UpdateItem, Call::Count, Call::Quota, Call::HandOver] {
            assert_eq!(counts.get(&call), None, "{function}");
        }
        // Another password was published: the same request is granted.
        backends.behave(Behaviour { published: Some(PUBLISHED.replace('1', "2")), ..services(function, None) });
        assert!(done(&environment.call(event(function).to_string()).await.unwrap().body), "{function}");
    }
}

#[tokio::test]
async fn a_range_service_that_fails_in_any_way_keeps_nobody_from_signing_up() {
    for function in CHOOSING {
        let (backends, environment) = start_asking(function).await;
        for failure in FAILURES {
            backends.behave(services(function, Some((Call::Range, failure))));
            let outcome = environment.call(event(function).to_string()).await.unwrap();
            assert!(done(&outcome.body), "{function} {failure:?}");
            assert!(outcome.duration < BUDGET, "{function} {failure:?}");
        }
        // More than anybody should read is not read, whatever stands in it.
        let published = Some(PUBLISHED.to_owned());
        backends.behave(Behaviour { published, flood: true, ..services(function, None) });
        assert!(done(&environment.call(event(function).to_string()).await.unwrap().body), "{function} flood");
    }
}
