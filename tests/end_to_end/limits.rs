//! What deployed functions let through when many ask at once.

use crate::account::{Account, address, assert_refused, assert_throttled};
use crate::service::{Service, side_by_side};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many guesses may have been judged in this time: four, one more after a second, one more after two further...
fn judged_at_most(elapsed: Duration) -> usize {
    let waits = (0..).map(|step| Duration::from_secs(1 << step)).scan(Duration::ZERO, |passed, wait| {
        *passed += wait;
        Some(*passed)
    });
    4 + waits.take_while(|passed| *passed <= elapsed).count()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A quarter of an hour from the latest guess: a wait of a second may be over before the next guess is there.
pub(crate) async fn make_the_wait_long(service: &Service, email: &str) {
    let mut counter = service.counter("attempts:password", email).await.unwrap();
    counter.insert("forgottenAt".to_owned(), AttributeValue::N((now() + 20 * 15 * 60).to_string()));
    service.put(counter).await;
}

/// How many of the answers say that the guess was judged; all others say that it was not.
fn judged(answers: &[Value]) -> usize {
    let refused = answers.iter().filter(|answer| answer["reason"] == "too_many_attempts");
    for answer in refused.clone() {
        assert_throttled(answer, "login", "too_many_attempts");
    }
    let judged = answers.len() - refused.count();
    assert_eq!(judged, answers.iter().filter(|answer| answer["reason"] == "invalid_credentials").count());
    judged
}

#[tokio::test]
async fn of_200_guesses_16_at_once_no_more_are_judged_than_one_after_the_other_and_the_owner_hears_once() {
    let service = Service::running();
    let ann = Account::verified(&service, "ann").await;
    let mails = service.mails(&ann.email).await.len();

    let guesses: Vec<_> = (0..200).map(|n| format!("guess number {n}")).collect();
    let began = Instant::now();
    let answers = side_by_side(guesses.iter().map(|guess| ann.log_in(guess))).await;
    let (judged, at_most) = (judged(&answers), judged_at_most(began.elapsed()));
    assert!((4..=at_most).contains(&judged), "{judged} of 200 were judged in {:?}", began.elapsed());

    // The right one is not judged either, until the owner comes by mail.
    make_the_wait_long(&service, &ann.email).await;
    assert_throttled(&ann.log_in(&ann.password).await, "login", "too_many_attempts");
    let told = service.mails(&ann.email).await;
    assert_eq!(told.len(), mails + 1);
    assert!(told[mails].subject.starts_with("Wrong passwords"), "{}", told[mails].subject);
    let lost = ann.lose_password(&service).await;
    assert_eq!(ann.reset_password(&lost, "the second password").await, json!({ "changed": true }));
    assert_eq!(ann.log_in("the second password").await["login"], true);
}

#[tokio::test]
async fn guesses_at_an_address_that_nobody_has_are_answered_alike() {
    let service = Service::running();
    let known = Account::verified(&service, "known").await;
    let unknown = Account { email: address("unknown"), password: String::new(), guest: service.guest().await };
    for _attempt in 1..=4 {
        for account in [&known, &unknown] {
            assert_refused(&account.log_in("not the password").await, "login", "invalid_credentials");
        }
    }
    assert!(service.mails(&unknown.email).await.is_empty());
    // Both are counted, under a key that names nobody, until 400 days later.
    for account in [&known, &unknown] {
        let counter = service.counter("attempts:password", &account.email).await.unwrap();
        assert_eq!(counter["tickets"], AttributeValue::N("4".to_owned()));
        let number = |name: &str| counter[name].as_n().unwrap().parse::<u64>().unwrap();
        assert_eq!(number("expiresAt") - number("lastAt"), 400 * 24 * 60 * 60);
        assert!(!format!("{counter:?}").contains(&account.email));
        make_the_wait_long(&service, &account.email).await;
        assert_throttled(&account.log_in("not the password").await, "login", "too_many_attempts");
    }
}

#[tokio::test]
async fn of_20_wishes_for_a_mail_16_at_once_one_is_granted_known_or_not() {
    let service = Service::running();
    let ben = Account::verified(&service, "ben").await;
    let mails = service.mails(&ben.email).await.len();
    let unknown = address("unknown");
    for email in [&ben.email, &unknown] {
        let input = json!({ "email": email });
        let answers = side_by_side((0..20).map(|_| ben.guest.call("lostPassword", &input))).await;
        let (sent, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["sent"] == true);
        assert_eq!(sent.len(), 1);
        for answer in refused {
            assert!(assert_throttled(answer, "sent", "too_many_mails") <= 61);
        }
    }
    assert_eq!(service.mails(&ben.email).await.len(), mails + 1);
    assert!(service.mails(&unknown).await.is_empty());
}

#[tokio::test]
async fn an_account_that_nobody_verifies_vanishes_after_a_week_and_a_verified_one_stays() {
    let service = Service::running();
    let (cat, dan, eve) = (
        Account::signed_up(&service, "cat").await,
        Account::verified(&service, "dan").await,
        Account::signed_up(&service, "eve").await,
    );
    let lost = eve.lose_password(&service).await;
    eve.reset_password(&lost, "the second password").await;

    let item = service.item(&cat.email).await.unwrap();
    let expires: u64 = item["expiresAt"].as_n().unwrap().parse().unwrap();
    let week = now() + 7 * 24 * 60 * 60;
    assert!((week - 60..=week).contains(&expires), "{expires}");
    for verified in [dan, eve] {
        assert!(!service.item(&verified.email).await.unwrap().contains_key("expiresAt"));
    }
}

#[tokio::test]
async fn a_password_that_others_would_try_first_is_refused_wherever_one_is_chosen() {
    let service = Service::running();
    let fay = Account::verified(&service, "fay").await;
    let user = fay.authenticated(&service).await;
    let lost = fay.lose_password(&service).await;
    for common in ["Password123", "87654321", "aaaaaaaa", "24.12.1985", &fay.email, "sample authentication 1"] {
        let sign_up = json!({ "email": fay.email, "password": common });
        assert_refused(&fay.guest.call("createUser", &sign_up).await, "created", "password_too_common");
        let change = json!({ "email": fay.email, "oldPassword": fay.password, "newPassword": common });
        assert_refused(&user.call("changePassword", &change).await, "changed", "password_too_common");
        assert_refused(&fay.reset_password(&lost, common).await, "changed", "password_too_common");
    }
    // None of them spent the link or changed the password.
    assert_eq!(fay.log_in(&fay.password).await["login"], true);
    assert_eq!(fay.reset_password(&lost, "the second password").await, json!({ "changed": true }));
}
