//! What IAM lets guests and users do: their operations, and nothing else.

use crate::account::{Account, text};
use crate::service::{Caller, Service, code};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether a code says that IAM refused: the services spell it in two ways.
fn denied(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AccessDeniedException")
}

async fn assert_reaches_no_table_and_no_mail(service: &Service, caller: &Caller, email: &str) {
    let key = || AttributeValue::S(email.to_owned());
    let table = &caller.table;
    let refused = [
        code(&caller.dynamodb.get_item().table_name(table).key("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.put_item().table_name(table).item("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.delete_item().table_name(table).key("email", key()).send().await.unwrap_err()),
        code(&caller.dynamodb.scan().table_name(table).send().await.unwrap_err()),
        code(&caller.ses.list_identities().send().await.unwrap_err()),
        code(&send_mail(service, caller).await.unwrap_err()),
        code(&caller.lambda.list_functions().send().await.unwrap_err()),
    ];
    assert!(refused.iter().all(|code| denied(code)), "{refused:?}");
}

async fn send_mail(
    service: &Service,
    caller: &Caller,
) -> Result<
    aws_sdk_ses::operation::send_email::SendEmailOutput,
    aws_sdk_ses::error::SdkError<aws_sdk_ses::operation::send_email::SendEmailError>,
> {
    let content = || Content::builder().data("text").build().unwrap();
    caller
        .ses
        .send_email()
        .source(sender(service))
        .destination(Destination::builder().to_addresses("somebody@example.com").build())
        .message(Message::builder().subject(content()).body(Body::builder().text(content()).build()).build())
        .send()
        .await
}

/// The address that the service sends from, which its owner may use.
fn sender(service: &Service) -> String {
    let config = std::fs::read_to_string(service.folder.join("config.json")).unwrap();
    text(&serde_json::from_str(&config).unwrap(), "EMAIL_SOURCE").to_owned()
}

#[tokio::test]
async fn a_guest_may_not_change_a_password_nor_call_another_function() {
    let service = Service::running();
    let guest = service.guest().await;
    for qualifier in [None, Some("live"), Some("1"), Some("$LATEST")] {
        let refused = guest.invoke("changePassword", qualifier, "{}".to_owned()).await;
        assert!(denied(&refused.err().unwrap()), "{qualifier:?}");
    }
    let other = guest.lambda.invoke().function_name("anotherFunctionOfTheOwner").send().await;
    assert!(denied(&code(&other.unwrap_err())));
}

#[tokio::test]
async fn neither_a_guest_nor_a_user_reaches_the_table_or_the_mail() {
    let service = Service::running();
    let ann = Account::verified(&service, "ann").await;
    assert_reaches_no_table_and_no_mail(&service, &ann.guest, &ann.email).await;
    assert_reaches_no_table_and_no_mail(&service, &ann.authenticated(&service).await, &ann.email).await;
    // The same calls by the owner pass, so that it is the permission that is missing and not something else.
    let owner = service.owner();
    owner.dynamodb.scan().table_name(&owner.table).limit(1).send().await.unwrap();
    send_mail(&service, &owner).await.unwrap();
}

#[tokio::test]
async fn a_user_calls_everything_that_a_guest_may_and_changes_passwords() {
    let service = Service::running();
    let ben = Account::verified(&service, "ben").await;
    let user = ben.authenticated(&service).await;
    for operation in ["createUser", "verifyUser", "login", "lostPassword", "resetPassword", "changePassword"] {
        for qualifier in [None, Some("live")] {
            let answer = user.invoke(operation, qualifier, "{}".to_owned()).await.unwrap();
            assert_eq!(answer.payload["reason"], "invalid_request", "{operation} {qualifier:?}");
        }
    }
}

#[tokio::test]
async fn nobody_but_the_service_gets_tokens_for_others() {
    let service = Service::running();
    let cat = Account::verified(&service, "cat").await;
    for caller in [service.guest().await, cat.authenticated(&service).await] {
        let answer = caller
            .cognito
            .get_open_id_token_for_developer_identity()
            .identity_pool_id(service.setting("IDENTITY_POOL_ID"))
            .logins(service.setting("DEVELOPER_PROVIDER_NAME"), "root")
            .send()
            .await;
        let code = code(&answer.unwrap_err());
        assert!(denied(&code) || code == "NotAuthorizedException", "{code}");
    }
}

#[tokio::test]
async fn a_token_that_was_changed_opens_nothing() {
    let service = Service::running();
    let (dan, eve) = (Account::verified(&service, "dan").await, Account::verified(&service, "eve").await);
    let (his, hers) = (dan.log_in(&dan.password).await, eve.log_in(&eve.password).await);
    let parts: Vec<_> = text(&hers, "token").split('.').collect();

    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["sub"] = his["identityId"].clone();
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let unsigned = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    for forged in [
        format!("{}.{encoded}.{}", parts[0], parts[2]),
        format!("{unsigned}.{encoded}."),
        format!("{}.{encoded}.", parts[0]),
        String::new(),
    ] {
        let refused = service.user(text(&his, "identityId"), &forged).await.err().unwrap();
        assert!(matches!(refused.as_str(), "NotAuthorizedException" | "InvalidParameterException"), "{refused}");
    }
}

#[tokio::test]
async fn a_token_that_has_expired_opens_nothing() {
    let service = Service::running();
    // The login function asks for longer ones; the owner may ask for one second.
    let answer = service
        .owner()
        .cognito
        .get_open_id_token_for_developer_identity()
        .identity_pool_id(service.setting("IDENTITY_POOL_ID"))
        .logins(service.setting("DEVELOPER_PROVIDER_NAME"), "somebody")
        .token_duration(1)
        .send()
        .await
        .unwrap();
    let (identity, token) = (answer.identity_id.unwrap(), answer.token.unwrap());
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let expires = UNIX_EPOCH + Duration::from_secs(claims["exp"].as_u64().unwrap());
    // Its life is what is tested: it has to pass.
    tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await;
    assert_eq!(service.user(&identity, &token).await.err().as_deref(), Some("NotAuthorizedException"));
}

#[tokio::test]
async fn only_the_pages_can_be_read_by_everybody() {
    let service = Service::running();
    let status = async |url: String| reqwest::get(url).await.unwrap().status().as_u16();
    for page in ["index.html", "latchkey.js", "config.js", "style.css", "logo.svg", "vendor/aws4fetch.js"] {
        assert_eq!(status(service.page(page)).await, 200, "{page}");
    }
    // A listing of the bucket, and a file that is no page.
    assert_eq!(status(service.page("")).await, 403);
    assert_eq!(status(service.page("secret.json")).await, 403);
}
