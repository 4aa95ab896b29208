//! What is no proper request: refused with its reason, nothing stored, nothing quoted.

use crate::account::{address, assert_refused};
use crate::service::Service;
use serde_json::{Value, json};

pub(crate) const OPERATIONS: [(&str, &str); 5] = [
    ("createUser", "created"),
    ("verifyUser", "verified"),
    ("login", "login"),
    ("lostPassword", "sent"),
    ("resetPassword", "changed"),
];

/// A text that nothing but an echo could bring back.
const MARK: &str = "q7Zx-echo-9Kw";

/// A proper input of an operation.
fn proper(operation: &str, email: &str) -> Value {
    match operation {
        "createUser" => json!({ "email": email, "password": format!("{MARK} password"), "name": MARK }),
        "verifyUser" => json!({ "email": email, "verify": MARK }),
        "login" => json!({ "email": email, "password": format!("{MARK} password") }),
        "lostPassword" => json!({ "email": email }),
        _ => json!({ "email": email, "lost": MARK, "password": format!("{MARK} password") }),
    }
}

async fn refused(service: &Service, operation: &str, flag: &str, payload: String, reason: &str) {
    let answer = service.guest().await.invoke(operation, Some("live"), payload).await.unwrap();
    assert_eq!(answer.error, None);
    assert_refused(&answer.payload, flag, reason);
    assert!(!answer.payload.to_string().contains(MARK) && !answer.log.contains(MARK), "{operation} quoted its input");
}

#[tokio::test]
async fn a_payload_that_is_no_object_is_an_invalid_request() {
    let service = Service::running();
    for (operation, flag) in OPERATIONS {
        for payload in ["null", "true", "7", "[]", &format!("\"{MARK}\""), &format!("[\"{MARK}\"]"), "{}"] {
            refused(&service, operation, flag, payload.to_owned(), "invalid_request").await;
        }
    }
}

#[tokio::test]
async fn a_field_that_is_missing_or_of_another_type_or_unknown_is_an_invalid_request() {
    let service = Service::running();
    for (operation, flag) in OPERATIONS {
        let email = address("malformed");
        let input = proper(operation, &email);
        for key in input.as_object().unwrap().keys() {
            let wrong = [json!(null), json!(7), json!(true), json!([MARK]), json!({ "S": MARK })];
            for value in wrong {
                // A name may be null, as a form without one sends it.
                if key == "name" && value.is_null() {
                    continue;
                }
                let mut changed = input.clone();
                changed[key] = value;
                refused(&service, operation, flag, changed.to_string(), "invalid_request").await;
            }
            let mut without = input.clone();
            without.as_object_mut().unwrap().remove(key);
            if key != "name" {
                refused(&service, operation, flag, without.to_string(), "invalid_request").await;
            }
        }
        let mut more = input.clone();
        more["verified"] = json!(MARK);
        refused(&service, operation, flag, more.to_string(), "invalid_request").await;
        assert!(service.item(&email).await.is_none(), "{operation} stored something");
        assert!(service.mails(&email).await.is_empty(), "{operation} sent something");
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_as_one() {
    let service = Service::running();
    let long = format!("{MARK}@{}.example.com", "a23456789.".repeat(25));
    for (operation, flag) in OPERATIONS {
        for email in [
            "",
            "   ",
            MARK,
            &format!("{MARK}@"),
            "@example.com",
            &format!("{MARK}@example.com\r\nBcc: victim@example.com"),
            &format!("{MARK}\u{0}@example.com"),
            &format!("{MARK}@example.com, victim@example.com"),
            &long,
        ] {
            refused(&service, operation, flag, proper(operation, email).to_string(), "invalid_email").await;
        }
    }
}

#[tokio::test]
async fn a_password_or_a_name_out_of_bounds_is_refused_and_nothing_is_stored() {
    let service = Service::running();
    let email = address("bounds");
    for (field, value, reason) in [
        ("password", json!(""), "password_too_short"),
        ("password", json!("seven77"), "password_too_short"),
        ("password", json!(MARK.repeat(80)), "password_too_long"),
        ("name", json!(MARK.repeat(10)), "invalid_name"),
        ("name", json!(format!("{MARK}\r\nBcc: victim@example.com")), "invalid_name"),
    ] {
        let mut input = proper("createUser", &email);
        input[field] = value;
        refused(&service, "createUser", "created", input.to_string(), reason).await;
    }
    assert!(service.item(&email).await.is_none());
    assert!(service.mails(&email).await.is_empty());
}

#[tokio::test]
async fn a_name_never_reaches_a_mail() {
    let service = Service::running();
    let email = address("named");
    let name = "<script>alert(1)</script> & \"Co\"";
    let input = json!({ "email": email, "password": "a long enough password", "name": name });
    assert_eq!(service.guest().await.call("createUser", &input).await, json!({ "created": true }));
    let mail = service.last_mail(&email).await;
    for part in [&mail.subject, &mail.text, &mail.html] {
        assert!(!part.contains("script") && !part.contains("Co\""));
    }
}
