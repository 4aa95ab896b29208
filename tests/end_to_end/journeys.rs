//! From sign-up to a changed and a reset password.

use crate::account::{Account, address, assert_refused, assert_throttled, text};
use crate::service::{Service, code, side_by_side};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

#[tokio::test]
async fn a_person_signs_up_verifies_logs_in_and_changes_loses_and_resets_the_password() {
    let service = Service::running();
    let ada = Account::signed_up(&service, "ada").await;

    assert_refused(&ada.log_in("not the password").await, "login", "invalid_credentials");
    assert_refused(&ada.log_in(&ada.password).await, "login", "not_verified");
    let verify = service.last_mail(&ada.email).await.parameter("verify");
    assert_refused(&ada.verify("not-the-token").await, "verified", "invalid_token");
    for _click in 0..2 {
        assert_eq!(ada.verify(&verify).await, json!({ "verified": true }));
    }

    let user = ada.authenticated(&service).await;
    service.forget_attempts(&ada.email).await;
    let change = |old: &str| json!({ "email": ada.email, "oldPassword": old, "newPassword": "the second password" });
    let refused = user.call("changePassword", &change("not the password")).await;
    assert_refused(&refused, "changed", "invalid_credentials");
    assert_eq!(user.call("changePassword", &change(&ada.password)).await, json!({ "changed": true }));
    assert!(service.last_mail(&ada.email).await.subject.contains("was changed"));
    assert_refused(&ada.log_in(&ada.password).await, "login", "invalid_credentials");
    service.forget_attempts(&ada.email).await;
    assert_eq!(ada.log_in("the second password").await["login"], true);

    let lost = ada.lose_password(&service).await;
    assert_refused(&ada.reset_password(&lost, "short").await, "changed", "password_too_short");
    assert_eq!(ada.reset_password(&lost, "the third password").await, json!({ "changed": true }));
    assert!(service.last_mail(&ada.email).await.subject.contains("was changed"));
    assert_refused(&ada.reset_password(&lost, "the fourth password").await, "changed", "invalid_token");
    assert_refused(&ada.log_in("the second password").await, "login", "invalid_credentials");
    assert_eq!(ada.log_in("the third password").await["login"], true);
}

#[tokio::test]
async fn the_same_person_keeps_one_identity_and_an_address_that_changes_hands_gets_another() {
    let service = Service::running();
    let ben = Account::verified(&service, "ben").await;
    let first = ben.log_in(&ben.password).await;
    assert_eq!(ben.log_in(&ben.password).await["identityId"], first["identityId"]);

    let owner = service.owner();
    let key = AttributeValue::S(ben.email.clone());
    owner.dynamodb.delete_item().table_name(owner.table).key("email", key).send().await.unwrap();
    let input = json!({ "email": ben.email, "password": ben.password });
    service.forget_mails(&ben.email).await;
    ben.guest.call("createUser", &input).await;
    ben.verify(&service.last_mail(&ben.email).await.parameter("verify")).await;
    assert_ne!(ben.log_in(&ben.password).await["identityId"], first["identityId"]);
}

#[tokio::test]
async fn an_address_is_one_account_however_it_is_spelled() {
    let service = Service::running();
    let cat = Account::verified(&service, "cat").await;
    let spelled = format!("  {} ", cat.email.to_uppercase());
    let answer = cat.guest.call("login", &json!({ "email": spelled, "password": cat.password })).await;
    assert_eq!(answer["login"], true);
}

#[tokio::test]
async fn a_password_is_the_same_however_its_characters_are_composed() {
    let service = Service::running();
    let guest = service.guest().await;
    let email = address("composed");
    guest.call("createUser", &json!({ "email": email, "password": "Zo\u{eb} likes caf\u{e9} au lait" })).await;
    let decomposed = json!({ "email": email, "password": "Zoe\u{308} likes cafe\u{301} au lait" });
    // The right password of an address that is not verified: a wrong one would be answered otherwise.
    assert_refused(&guest.call("login", &decomposed).await, "login", "not_verified");
}

#[tokio::test]
async fn signing_up_again_before_verifying_replaces_the_account() {
    let service = Service::running();
    let dan = Account::signed_up(&service, "dan").await;
    let old_link = service.last_mail(&dan.email).await.parameter("verify");
    service.forget_mails(&dan.email).await;
    let again = json!({ "email": dan.email, "password": "another password of dan" });
    assert_eq!(dan.guest.call("createUser", &again).await, json!({ "created": true }));

    assert_refused(&dan.verify(&old_link).await, "verified", "invalid_token");
    dan.verify(&service.last_mail(&dan.email).await.parameter("verify")).await;
    assert_refused(&dan.log_in(&dan.password).await, "login", "invalid_credentials");
    assert_eq!(dan.log_in("another password of dan").await["login"], true);
}

#[tokio::test]
async fn signing_up_over_an_account_is_answered_alike_and_only_its_owner_hears_of_it() {
    let service = Service::running();
    let eve = Account::verified(&service, "eve").await;
    let mails = service.mails(&eve.email).await.len();
    service.forget_mails(&eve.email).await;
    let input = json!({ "email": eve.email, "password": "a password of somebody else" });
    assert_eq!(eve.guest.call("createUser", &input).await, json!({ "created": true }));

    let mail = service.last_mail(&eve.email).await;
    assert_eq!(service.mails(&eve.email).await.len(), mails + 1);
    assert!(mail.subject.contains("already have an account"), "{}", mail.subject);
    assert_eq!(eve.log_in(&eve.password).await["login"], true);
}

#[tokio::test]
async fn losing_the_password_of_an_unknown_address_is_answered_alike_and_sends_nothing() {
    let service = Service::running();
    let email = address("nobody");
    let answer = service.guest().await.call("lostPassword", &json!({ "email": email })).await;
    assert_eq!(answer, json!({ "sent": true }));
    assert!(service.mails(&email).await.is_empty());
    assert!(service.item(&email).await.is_none());
}

#[tokio::test]
async fn requests_and_changes_void_no_reset_link_and_a_completed_reset_voids_them_all() {
    let service = Service::running();
    let fay = Account::verified(&service, "fay").await;
    let (older, newer) = (fay.lose_password(&service).await, fay.lose_password(&service).await);

    let user = fay.authenticated(&service).await;
    let change = json!({ "email": fay.email, "oldPassword": fay.password, "newPassword": "the second password" });
    assert_eq!(user.call("changePassword", &change).await, json!({ "changed": true }));
    let told = service.last_mail(&fay.email).await;
    assert!(told.text.contains("still works until"), "{}", told.text);

    assert_eq!(fay.reset_password(&older, "the third password").await, json!({ "changed": true }));
    assert_refused(&fay.reset_password(&newer, "the fourth password").await, "changed", "invalid_token");
}

#[tokio::test]
async fn strangers_who_sign_up_with_an_address_spend_nothing_that_its_owner_needs() {
    let service = Service::running();
    let kay = Account::verified(&service, "kay").await;
    // As often as the quota of sign-ups permits, and once more.
    let sign_up = json!({ "email": kay.email, "password": "a strangers password" });
    let refused = kay.guest.call("createUser", &sign_up).await;
    assert_throttled(&refused, "created", "too_many_mails");
    let sent = kay.guest.call("lostPassword", &json!({ "email": kay.email })).await;
    assert_eq!(sent, json!({ "sent": true }));
    let lost = service.last_mail(&kay.email).await.parameter("lost");
    assert_eq!(kay.reset_password(&lost, "the second password").await, json!({ "changed": true }));
    // The links are void, so the quota comes back; but a mailbox gets one reset a minute.
    let again = kay.guest.call("lostPassword", &json!({ "email": kay.email })).await;
    assert_throttled(&again, "sent", "too_many_mails");
}

#[tokio::test]
async fn a_reset_verifies_too_since_it_proves_the_mailbox() {
    let service = Service::running();
    let gus = Account::signed_up(&service, "gus").await;
    let lost = gus.lose_password(&service).await;
    assert_eq!(gus.reset_password(&lost, "the second password").await, json!({ "changed": true }));
    assert_eq!(gus.log_in("the second password").await["login"], true);
}

#[tokio::test]
async fn a_link_works_for_its_own_account_and_purpose_only() {
    let service = Service::running();
    let (hal, ida) = (Account::signed_up(&service, "hal").await, Account::signed_up(&service, "ida").await);
    let verify = service.last_mail(&hal.email).await.parameter("verify");
    let lost = hal.lose_password(&service).await;
    assert_refused(&ida.verify(&verify).await, "verified", "invalid_token");
    assert_refused(&ida.reset_password(&lost, "the second password").await, "changed", "invalid_token");
    assert_refused(&hal.verify(&lost).await, "verified", "invalid_token");
    assert_refused(&hal.reset_password(&verify, "the second password").await, "changed", "invalid_token");
}

#[tokio::test]
async fn a_link_ends_at_the_time_that_the_record_names() {
    let service = Service::running();
    let jon = Account::signed_up(&service, "jon").await;
    let verify = service.last_mail(&jon.email).await.parameter("verify");
    let lost = jon.lose_password(&service).await;

    // An hour and a day later, as the functions see it.
    let mut item = service.item(&jon.email).await.unwrap();
    let earlier = |expires: &str| expires.parse::<u64>().unwrap() - 24 * 60 * 60;
    let verify_ends = earlier(item["verifyTokenExpiresAt"].as_n().unwrap());
    item.insert("verifyTokenExpiresAt".to_owned(), AttributeValue::N(verify_ends.to_string()));
    let (hash, expires) = item["resetLink1"].as_s().unwrap().split_once('.').unwrap();
    let reset = format!("{hash}.{}", earlier(expires));
    item.insert("resetLink1".to_owned(), AttributeValue::S(reset));
    service.put(item).await;
    assert_refused(&jon.verify(&verify).await, "verified", "invalid_token");
    assert_refused(&jon.reset_password(&lost, "the second password").await, "changed", "invalid_token");
}

#[tokio::test]
async fn of_50_resets_with_one_link_16_at_once_exactly_one_wins_and_its_password_is_in_force() {
    let service = Service::running();
    let kim = Account::verified(&service, "kim").await;
    let lost = kim.lose_password(&service).await;

    let passwords: Vec<_> = (0..50).map(|n| format!("password number {n} of kim")).collect();
    let resets = passwords.iter().map(async |password| (password, kim.reset_password(&lost, password).await));
    let answers = side_by_side(resets).await;
    let won: Vec<_> = answers.iter().filter(|(_, answer)| answer["changed"] == true).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    // To whoever comes when it is spent, it is a wrong token, and too many of those have to wait.
    let spent = |answer: &Value| answer["reason"] == "invalid_token" || answer["reason"] == "too_many_attempts";
    assert!(answers.iter().all(|(_, answer)| answer["changed"] == true || spent(answer)), "{answers:?}");
    assert_eq!(kim.log_in(won[0].0).await["login"], true);
}

#[tokio::test]
async fn the_table_holds_no_password_and_no_token_and_an_item_stays_small() {
    let service = Service::running();
    let lea = Account::signed_up(&service, "lea").await;
    let verify = service.last_mail(&lea.email).await.parameter("verify");
    let lost = lea.lose_password(&service).await;
    let item = service.item(&lea.email).await.unwrap();

    let mut attributes: Vec<_> = item.keys().map(String::as_str).collect();
    attributes.sort_unstable();
    let documented = [
        "createdAt",
        "email",
        "expiresAt",
        "passwordChangedAt",
        "passwordHash",
        "resetLink1",
        "resetLink2",
        "resetLink3",
        "resetLink4",
        "resetLink5",
        "updatedAt",
        "userId",
        "verified",
        "verifyTokenExpiresAt",
        "verifyTokenHash",
    ];
    assert_eq!(attributes, documented);
    let values = format!("{item:?}");
    for secret in [&lea.password, &verify, &lost] {
        assert!(!values.contains(secret.as_str()));
    }
    // Names and values count, as DynamoDB counts an item's size.
    let size: usize = item
        .iter()
        .map(|(name, value)| {
            name.len()
                + match value {
                    AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
                    _ => 1,
                }
        })
        .sum();
    assert!(size < 1024, "{size} bytes");
}

#[tokio::test]
async fn the_credentials_of_a_login_are_for_whoever_holds_its_token() {
    let service = Service::running();
    let (ann, bob) = (Account::verified(&service, "ann").await, Account::verified(&service, "bob").await);
    let (hers, his) = (ann.log_in(&ann.password).await, bob.log_in(&bob.password).await);
    assert_ne!(hers["identityId"], his["identityId"]);
    let stolen = service.user(text(&his, "identityId"), text(&hers, "token")).await;
    assert_eq!(stolen.err().as_deref(), Some("NotAuthorizedException"));
    let without =
        service.owner().cognito.get_credentials_for_identity().identity_id(text(&his, "identityId")).send().await;
    assert_eq!(code(&without.unwrap_err()), "NotAuthorizedException");
}
