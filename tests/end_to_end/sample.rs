//! Records of the SampleAuth/LambdAuth sample, as its own code wrote them.

use crate::account::{Account, address, assert_refused};
use crate::service::{Item, Service};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

/// The hash that Node.js's `crypto.pbkdf2` makes as the sample calls it: base64 of the salt, then of the hash.
const VECTOR: &str = include_str!("../../shared/salting/tests/sample_vector.txt");
pub(crate) const PASSWORD: &str = "wonderland";

/// A record as the sample wrote it for this address.
pub(crate) fn item(email: &str) -> Item {
    let (salt, hash) = VECTOR.trim().split_once('\n').unwrap();
    let attributes = [("email", email), ("passwordHash", hash), ("passwordSalt", salt)];
    attributes.map(|(key, value)| (key.to_owned(), AttributeValue::S(value.to_owned()))).into()
}

/// An account as the sample left it.
async fn account(service: &Service, name: &str, more: &[(&str, AttributeValue)]) -> Account {
    let email = address(name);
    let mut item = item(&email);
    item.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    service.put(item).await;
    Account { email, password: PASSWORD.to_owned(), guest: service.guest().await }
}

#[tokio::test]
async fn a_user_of_the_sample_logs_in_and_the_record_takes_the_new_form() {
    let service = Service::running();
    let old = account(&service, "old", &[("verified", AttributeValue::Bool(true))]).await;
    assert_refused(&old.log_in("not the password").await, "login", "invalid_credentials");
    let first = old.log_in(PASSWORD).await;
    assert_eq!(first["login"], true);

    let item = service.item(&old.email).await.unwrap();
    assert!(!item.contains_key("passwordSalt"));
    assert_eq!(item["userId"], AttributeValue::S(old.email.clone()), "the identity that the address always had");
    let hash = item["passwordHash"].as_s().unwrap();
    assert!(hash.starts_with("$pbkdf2-sha512$i=210000"), "{}", &hash[..20]);
    assert_eq!(old.log_in(PASSWORD).await["identityId"], first["identityId"]);
}

#[tokio::test]
async fn a_verification_link_that_the_sample_mailed_still_works() {
    let service = Service::running();
    let pending = [
        ("verified", AttributeValue::Bool(false)),
        ("verifyToken", AttributeValue::S("0123456789abcdef0123456789abcdef".to_owned())),
    ];
    let old = account(&service, "pending", &pending).await;
    assert_refused(&old.log_in(PASSWORD).await, "login", "not_verified");
    assert_eq!(old.verify("0123456789abcdef0123456789abcdef").await, json!({ "verified": true }));
    assert_eq!(old.log_in(PASSWORD).await["login"], true);
}

#[tokio::test]
async fn a_reset_link_that_the_sample_mailed_does_not() {
    let service = Service::running();
    let lost = [
        ("verified", AttributeValue::Bool(true)),
        ("lostToken", AttributeValue::S("0123456789abcdef0123456789abcdef".to_owned())),
    ];
    let old = account(&service, "lost", &lost).await;
    let answer = old.reset_password("0123456789abcdef0123456789abcdef", "the second password").await;
    assert_refused(&answer, "changed", "invalid_token");
    assert_eq!(old.log_in(PASSWORD).await["login"], true);
}
