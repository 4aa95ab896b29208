//! Accounts to test with, each with an address of its own: the tests run side by side on one table.

use crate::service::{Caller, Service};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// An address that no test has used, in this run or an earlier one on the same table.
pub(crate) fn address(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("{name}-{now}-{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Someone with an address and a password.
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) guest: Caller,
}

impl Account {
    /// Signed up; the mail is in the inbox.
    pub(crate) async fn signed_up(service: &Service, name: &str) -> Self {
        let account = Self {
            email: address(name),
            password: format!("{name} has a long password"),
            guest: service.guest().await,
        };
        let input = json!({ "email": account.email, "password": account.password });
        assert_eq!(account.guest.call("createUser", &input).await, json!({ "created": true }));
        account
    }

    /// Signed up and verified.
    pub(crate) async fn verified(service: &Service, name: &str) -> Self {
        let account = Self::signed_up(service, name).await;
        let verify = service.last_mail(&account.email).await.parameter("verify");
        let input = json!({ "email": account.email, "verify": verify });
        assert_eq!(account.guest.call("verifyUser", &input).await, json!({ "verified": true }));
        account
    }

    pub(crate) async fn log_in(&self, password: &str) -> Value {
        self.guest.call("login", &json!({ "email": self.email, "password": password })).await
    }

    /// With the credentials of a login.
    pub(crate) async fn authenticated(&self, service: &Service) -> Caller {
        let answer = self.log_in(&self.password).await;
        service.user(text(&answer, "identityId"), text(&answer, "token")).await.unwrap()
    }

    /// Asks for a reset and reads the mailed token, whenever the last mail was.
    pub(crate) async fn lose_password(&self, service: &Service) -> String {
        service.forget_mails(&self.email).await;
        let sent = self.guest.call("lostPassword", &json!({ "email": self.email })).await;
        assert_eq!(sent, json!({ "sent": true }));
        service.last_mail(&self.email).await.parameter("lost")
    }

    pub(crate) async fn reset_password(&self, lost: &str, password: &str) -> Value {
        let input = json!({ "email": self.email, "lost": lost, "password": password });
        self.guest.call("resetPassword", &input).await
    }

    pub(crate) async fn verify(&self, verify: &str) -> Value {
        self.guest.call("verifyUser", &json!({ "email": self.email, "verify": verify })).await
    }
}

/// A text in an answer.
pub(crate) fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer[key].as_str().unwrap_or_else(|| panic!("no {key} in the answer"))
}

/// That an answer is a refusal for this reason and nothing more.
#[track_caller]
pub(crate) fn assert_refused(answer: &Value, flag: &str, reason: &str) {
    assert_eq!((&answer[flag], &answer["reason"]), (&json!(false), &json!(reason)));
    assert!(!text(answer, "info").is_empty());
    assert_eq!(answer.as_object().unwrap().len(), 3, "a refusal says no more");
}

/// That an answer is a refusal for this reason that ends by itself; after how many seconds.
#[track_caller]
pub(crate) fn assert_throttled(answer: &Value, flag: &str, reason: &str) -> u64 {
    assert_eq!((&answer[flag], &answer["reason"]), (&json!(false), &json!(reason)));
    assert_eq!(answer.as_object().unwrap().len(), 4, "a refusal says no more");
    answer["retryAfter"].as_u64().filter(|seconds| *seconds > 0).expect("it says how long")
}
