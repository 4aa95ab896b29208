//! A table of the LambdAuth sample, with records that its own code wrote, taken over by `init.sh`.

use crate::account::{assert_refused, text};
use crate::scripts::run;
use crate::service::{Caller, Item, Service};
use crate::set_up::{configuration, prefix, sample_table};
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_auth::Email;
use latchkey_dynamodb::Moved;
use serde_json::json;

/// A line each: address, password, bytes, salt, hash, token of the verification link. See the `.md` beside it.
const RECORDS: &str = include_str!("../../shared/salting/tests/lambdauth_records.txt");

/// A record as the sample wrote it, verified or with its link still out, under another address.
fn record(number: usize, email: &str, verified: bool) -> (String, String, Item) {
    let line = RECORDS.lines().nth(number).unwrap();
    let [_, password, _, salt, hash, token] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let mut attributes = vec![("email", email), ("passwordHash", hash), ("passwordSalt", salt)];
    if !verified {
        attributes.push(("verifyToken", token));
    }
    let mut item: Item =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), AttributeValue::S((*value).to_owned()))).collect();
    item.insert("verified".to_owned(), AttributeValue::Bool(verified));
    (password.to_owned(), token.to_owned(), item)
}

async fn item(owner: &Caller, table: &str, key: &str) -> Option<Item> {
    let key = AttributeValue::S(key.to_owned());
    owner.dynamodb.get_item().table_name(table).key("email", key).send().await.unwrap().item
}

#[tokio::test]
async fn users_of_the_older_sample_are_taken_over_whatever_the_case_of_their_address() {
    let service = Service::running();
    let owner = service.owner();
    let name = prefix("older");
    let table = format!("{name}Users");
    // As typed: with capitals, verified; with the link of the sign-up still out; in lower case; two that are one address.
    let (typed, address) = (format!("Ada.{name}@Example.com"), format!("ada.{name}@example.com"));
    let (pending, pending_address) = (format!("Alan.{name}@example.com"), format!("alan.{name}@example.com"));
    let plain = format!("grace.{name}@example.com");
    let (one, other) = (format!("Kurt.{name}@example.com"), format!("kurt.{name}@example.com"));
    let (password, _, ada) = record(0, &typed, true);
    let (plain_password, _, grace) = record(1, &plain, true);
    let (pending_password, link, alan) = record(2, &pending, false);
    let (_, _, kurt) = record(0, &one, true);
    let (_, _, kurts_other) = record(2, &other, true);
    sample_table(&owner, &table, ada).await;
    for item in [&grace, &alan, &kurt, &kurts_other] {
        owner.dynamodb.put_item().table_name(&table).set_item(Some(item.clone())).send().await.unwrap();
    }
    // Who the first one was to Cognito, by the address as it was typed.
    let pool = owner
        .cognito
        .create_identity_pool()
        .identity_pool_name("LambdAuth")
        .allow_unauthenticated_identities(true)
        .developer_provider_name("login.yourdomain.com")
        .send()
        .await
        .unwrap()
        .identity_pool_id;
    let token = owner.cognito.get_open_id_token_for_developer_identity().identity_pool_id(&pool);
    let identity = token.logins("login.yourdomain.com", &typed).send().await.unwrap().identity_id.unwrap();

    let changes = json!({ "FUNCTION_PREFIX": name, "IDENTITY_POOL_ID": pool, "CRYPTO_BYTE_SIZE": 128 });
    let file = configuration(&service, &changes);
    let config = ["--config", file.to_str().unwrap()];

    // The dry run names every key, and changes nothing.
    let printed = run(&service, "./init.sh", &[config[0], config[1], "--dry-run"]).await.unwrap();
    for said in [
        format!("would be moved: {typed}, {address}"),
        format!("would be moved: {pending}, {pending_address}"),
        format!("these keys are one address, and none of them is moved: {other}, {one}"),
        "every login would pay for lambdauth:128,lambdauth:256 as well".to_owned(),
        "nothing was changed".to_owned(),
    ] {
        assert!(printed.contains(&said), "{said}: {printed}");
    }
    assert!(!printed.contains(&plain), "a key that is an address stays: {printed}");
    assert!(item(&owner, &table, &typed).await.is_some() && item(&owner, &table, &address).await.is_none());
    let stacks = ["cloudformation", "describe-stacks", "--stack-name", &name];
    assert!(run(&service, "aws", &stacks).await.is_err(), "a dry run makes no stack");

    let printed = run(&service, "./init.sh", &config).await.unwrap();
    for said in [
        "2 keys are addresses with capitals".to_owned(),
        "2 keys are moved".to_owned(),
        format!("none of them is moved: {other}, {one}"),
    ] {
        assert!(printed.contains(&said), "{said}: {printed}");
    }
    assert_eq!(item(&owner, &table, &typed).await, None);
    assert_eq!(item(&owner, &table, &one).await, Some(kurt));
    assert_eq!(item(&owner, &table, &other).await, Some(kurts_other));

    // The same user with the same password and identity, whatever the case; and the hash is renewed.
    let caller = owner.with_prefix(&name);
    let wrong = json!({ "email": typed, "password": "another password" });
    assert_refused(&caller.call("login", &wrong).await, "login", "invalid_credentials");
    for email in [&typed, &address] {
        let answer = caller.call("login", &json!({ "email": email, "password": password })).await;
        assert_eq!((&answer["login"], text(&answer, "identityId")), (&json!(true), identity.as_str()));
    }
    let renewed = item(&caller, &table, &address).await.unwrap();
    assert!(
        renewed["passwordHash"].as_s().unwrap().starts_with("$pbkdf2-sha512$") && !renewed.contains_key("passwordSalt")
    );
    assert_eq!(renewed["userId"], AttributeValue::S(typed));
    // Of a password beyond ASCII, which the runtime of the time hashed in a way of its own.
    let answer = caller.call("login", &json!({ "email": plain, "password": plain_password })).await;
    assert_eq!(answer["login"], true);
    // The link of a mail that the sample sent, with the address as it was typed.
    let verify = json!({ "email": pending, "verify": link });
    assert_eq!(caller.call("verifyUser", &verify).await, json!({ "verified": true }));
    let answer = caller.call("login", &json!({ "email": pending, "password": pending_password })).await;
    assert_eq!(answer["login"], true);

    // Again, nothing is left to move, and the collision is named again.
    let printed = run(&service, "./init.sh", &config).await.unwrap();
    assert!(!printed.contains("capitals") && printed.contains("none of them is moved"), "{printed}");
}

#[tokio::test]
async fn a_record_that_changes_or_meets_another_while_it_is_moved_is_not_lost() {
    let (service, users) = Service::with_table();
    let name = prefix("race");
    let typed = |who: &str| format!("{who}.{name}@Example.com");
    let put = async |key: &str| {
        let (_, _, item) = record(0, key, true);
        service.put(item.clone()).await;
        item
    };
    let canonical = |key: &str| Email::parse(key).unwrap();

    let (free, taken) = (typed("Free"), typed("Taken"));
    let mut expected = put(&free).await;
    assert_eq!(users.move_account(&free, &canonical(&free)).await, Ok(Moved::Moved));
    expected.insert("userId".to_owned(), AttributeValue::S(free.clone()));
    expected.insert("email".to_owned(), AttributeValue::S(free.to_lowercase()));
    assert_eq!(service.item(&free.to_lowercase()).await, Some(expected));
    assert_eq!(users.move_account(&free, &canonical(&free)).await, Ok(Moved::Gone));

    // An account under the address, which came first or in the meantime.
    let (old, new) = (put(&taken).await, put(&taken.to_lowercase()).await);
    assert_eq!(users.move_account(&taken, &canonical(&taken)).await, Ok(Moved::Taken));
    assert_eq!((service.item(&taken).await, service.item(&taken.to_lowercase()).await), (Some(old), Some(new)));

    // Writers that do not stand still: whatever wins, the last write is in one of the two places, and the record in exactly one.
    for number in 0..10 {
        let key = typed(&format!("Busy{number}"));
        put(&key).await;
        let email = canonical(&key);
        let owner = service.owner();
        let write = owner
            .dynamodb
            .update_item()
            .table_name(&owner.table)
            .key("email", AttributeValue::S(key.clone()))
            .condition_expression("attribute_exists(email)")
            .update_expression("SET lostToken = :token")
            .expression_attribute_values(":token", AttributeValue::S("0f0f".to_owned()));
        let (moved, written) = tokio::join!(users.move_account(&key, &email), write.send());
        let (old, new) = (service.item(&key).await, service.item(&key.to_lowercase()).await);
        match moved.unwrap() {
            Moved::Moved => assert!(old.is_none() && new.is_some()),
            Moved::Changed => assert!(old.is_some() && new.is_none()),
            other => panic!("{other:?}"),
        }
        let kept = service.item(&key).await.or(service.item(&key.to_lowercase()).await).unwrap();
        assert_eq!(kept.contains_key("lostToken"), written.is_ok(), "a write that was confirmed is kept");
    }
}
