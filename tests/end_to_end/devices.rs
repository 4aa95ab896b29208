//! Known devices, closed accounts and the password at verification, with the deployed functions on the running service's table.

use crate::account::{Account, address, assert_refused, assert_throttled, text};
use crate::limits::{make_the_wait_long, now};
use crate::service::{Caller, Item, Service};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

impl Account {
    /// Logs in on a device that has this token, or none yet.
    async fn log_in_on(&self, password: &str, device: &str) -> Value {
        self.guest.call("login", &json!({ "email": self.email, "password": password, "device": device })).await
    }

    /// A caller with the credentials of a login, and its device token.
    async fn on_a_known_device(&self, service: &Service) -> (Caller, String) {
        let answer = self.log_in_on(&self.password, "").await;
        let caller = service.user(text(&answer, "identityId"), text(&answer, "token")).await.unwrap();
        (caller, text(&answer, "device").to_owned())
    }
}

/// Lets so many failures have happened at an address, long ago.
async fn let_have_failed(service: &Service, account: &Account, failures: u64) {
    account.log_in("not the password").await;
    let mut counter: Item = service.counter("attempts:password", &account.email).await.unwrap();
    let number = |number: u64| AttributeValue::N(number.to_string());
    counter.insert("tickets".to_owned(), number(failures + 7));
    counter.insert("successes".to_owned(), number(7));
    counter.insert("forgottenAt".to_owned(), number(now() - 1));
    service.put(counter).await;
}

#[tokio::test]
async fn a_known_device_logs_in_and_changes_the_password_while_strangers_make_all_others_wait() {
    let service = Service::running();
    let gil = Account::verified(&service, "gil").await;
    let (user, mine) = gil.on_a_known_device(&service).await;
    gil.log_in("not the password").await;
    make_the_wait_long(&service, &gil.email).await;
    for device in ["", "no token"] {
        assert_throttled(&gil.log_in_on(&gil.password, device).await, "login", "too_many_attempts");
    }
    assert_throttled(&gil.log_in(&gil.password).await, "login", "too_many_attempts");
    let answer = gil.log_in_on(&gil.password, &mine).await;
    assert_eq!((&answer["login"], text(&answer, "device")), (&json!(true), &*mine));

    let mut change = json!({ "email": gil.email, "oldPassword": gil.password, "newPassword": "the second password" });
    assert_throttled(&user.call("changePassword", &change).await, "changed", "too_many_attempts");
    change["device"] = json!(mine);
    let answer = user.call("changePassword", &change).await;
    assert_eq!(answer["changed"], true);
    // The token is of the former password now.
    assert_throttled(&gil.log_in_on("the second password", &mine).await, "login", "too_many_attempts");
    let answer = gil.log_in_on("the second password", text(&answer, "device")).await;
    assert_eq!(answer["login"], true);
}

#[tokio::test]
async fn the_answers_to_callers_that_send_no_device_have_the_fields_that_they_always_had() {
    let service = Service::running();
    let hal = Account::verified(&service, "hal").await;
    let answer = hal.log_in(&hal.password).await;
    let mut fields: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["identityId", "login", "token"]);
    let lost = hal.lose_password(&service).await;
    assert_eq!(hal.reset_password(&lost, "the second password").await, json!({ "changed": true }));
}

#[tokio::test]
async fn an_account_closes_after_a_hundred_failures_and_a_reset_reopens_it() {
    let service = Service::running();
    let ida = Account::verified(&service, "ida").await;
    let (_, mine) = ida.on_a_known_device(&service).await;
    let mails = service.mails(&ida.email).await.len();
    let_have_failed(&service, &ida, 99).await;
    assert_refused(&ida.log_in("not the password").await, "login", "invalid_credentials");
    let told = service.mails(&ida.email).await;
    assert_eq!(told.len(), mails + 1);
    assert!(told[mails].text.contains("a hundred wrong passwords"), "{}", told[mails].text);

    let unknown = Account { email: address("unknown"), password: String::new(), guest: service.guest().await };
    let_have_failed(&service, &unknown, 100).await;
    // The right one is told what any other is, and what an address without an account is.
    let right = ida.log_in_on(&ida.password, "").await;
    assert_refused(&right, "login", "invalid_credentials");
    assert_eq!(right, unknown.log_in_on("not the password", "").await);
    assert_eq!(ida.log_in_on(&ida.password, &mine).await["login"], true, "where the owner logged in before");
    assert_eq!(service.mails(&ida.email).await.len(), mails + 1, "once");

    let lost = ida.lose_password(&service).await;
    let reset = json!({ "email": ida.email, "lost": lost, "password": "the second password", "device": "" });
    let answer = ida.guest.call("resetPassword", &reset).await;
    assert_eq!(answer["changed"], true);
    assert_eq!(ida.log_in("the second password").await["login"], true, "from anywhere");
    let counter = service.counter("attempts:password", &ida.email).await.unwrap();
    assert_eq!(counter["tickets"], AttributeValue::N("1".to_owned()));
    assert_eq!(counter["successes"], AttributeValue::N("1".to_owned()));
}

#[tokio::test]
async fn the_table_holds_no_device_token_and_no_device_by_its_name() {
    let service = Service::running();
    let jan = Account::verified(&service, "jan").await;
    let (_, mine) = jan.on_a_known_device(&service).await;
    for _failure in 0..2 {
        jan.log_in_on("not the password", &mine).await;
    }
    let item = service.item(&jan.email).await.unwrap();
    assert_eq!(item["deviceFailures"], AttributeValue::N("2".to_owned()));
    assert!(!format!("{item:?}").contains(&mine[mine.len() - 20..]));
    let counter = service.counter("attempts:password", &jan.email).await.unwrap();
    assert_eq!(counter["tickets"], AttributeValue::N("1".to_owned()), "the login that made the device known");
}

#[tokio::test]
async fn the_newest_sign_up_is_a_strangers_and_the_owner_verifies_nothing_but_the_password_that_they_chose() {
    let service = Service::running();
    let kim = Account::signed_up(&service, "kim").await;
    service.forget_mails(&kim.email).await;
    let strangers = json!({ "email": kim.email, "password": "a password of a stranger" });
    assert_eq!(kim.guest.call("createUser", &strangers).await, json!({ "created": true }));
    let verify = service.last_mail(&kim.email).await.parameter("verify");
    let mut click = json!({ "email": kim.email, "verify": verify, "password": kim.password });
    for _try in 0..10 {
        assert_refused(&kim.guest.call("verifyUser", &click).await, "verified", "invalid_credentials");
    }
    let worn_out = kim.guest.call("verifyUser", &click).await;
    assert_refused(&worn_out, "verified", "invalid_token");
    assert!(text(&worn_out, "info").contains("Forgot your password?"), "{worn_out}");
    assert!(!service.item(&kim.email).await.unwrap()["verified"].as_bool().unwrap());

    let strangers_id = service.item(&kim.email).await.unwrap()["userId"].clone();
    let lost = kim.lose_password(&service).await;
    assert_eq!(kim.reset_password(&lost, "the second password").await, json!({ "changed": true }));
    assert_ne!(service.item(&kim.email).await.unwrap()["userId"], strangers_id);
    assert_eq!(kim.log_in("the second password").await["login"], true);

    // With the right one it verifies, and a second click is answered like the first.
    let leo = Account::signed_up(&service, "leo").await;
    let verify = service.last_mail(&leo.email).await.parameter("verify");
    click = json!({ "email": leo.email, "verify": verify, "password": leo.password });
    for _click in 0..2 {
        assert_eq!(leo.guest.call("verifyUser", &click).await, json!({ "verified": true }));
    }
}
