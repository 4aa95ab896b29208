//! `init.sh` and `deploy.sh`, run again and run over what was there before.

use crate::account::{address, assert_refused, text};
use crate::sample;
use crate::scripts::run;
use crate::service::{Caller, Item, Service, is_as_deployed};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A configuration file of its own in a new folder.
fn configuration(service: &Service, changes: &Value) -> PathBuf {
    let mut config: Value = serde_json::from_str(include_str!("../../config.json")).unwrap();
    let prefix = text(changes, "FUNCTION_PREFIX");
    config["BUCKET"] = json!(format!("{}-pages", prefix.to_lowercase()));
    config["DDB_TABLE"] = json!(format!("{prefix}Users"));
    config["VERIFICATION_PAGE"] = json!(service.page("verify.html"));
    config["RESET_PAGE"] = json!(service.page("resetPassword.html"));
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    let file = service.folder.join(format!("{prefix}.json"));
    std::fs::write(&file, serde_json::to_string_pretty(&config).unwrap()).unwrap();
    file
}

/// A prefix that no earlier run on the same emulator has used.
fn prefix(name: &str) -> String {
    address(name).split('@').next().unwrap().to_owned()
}

async fn stack_exists(service: &Service, name: &str) -> bool {
    let list = ["cloudformation", "describe-stacks", "--stack-name", name];
    run(service, "aws", &list).await.is_ok_and(|stacks| !stacks.contains("DELETE_COMPLETE"))
}

#[tokio::test]
async fn running_both_scripts_again_changes_nothing_and_says_so() {
    let service = Service::running();
    let file = service.folder.join("config.json");
    let before = std::fs::read_to_string(&file).unwrap();
    // init.sh ends with deploy.sh.
    let printed = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap();
    let said: Vec<_> = printed.lines().map(|line| line.split_once("] ").map_or(line, |(_, words)| words)).collect();
    let stack = format!("stack {}: nothing to change", service.setting("FUNCTION_PREFIX"));
    let site = format!("the service is at {}", service.setting("SITE_URL"));
    let mut expected = vec![stack.as_str(), &stack, "pages: nothing to change", &site];
    if is_as_deployed() {
        expected.insert(1, "functions: building (the first time takes minutes)");
    }
    assert_eq!(said, expected);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_named_by_its_key_before_anything_is_made() {
    let service = Service::running();
    let name = prefix("mistaken");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name, "EMAIL_SOURCE": "nobody", "MAXAGE": "1" }));
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert!(complaint.contains("EMAIL_SOURCE: ") && complaint.contains("MAXAGE: "), "{complaint}");
    assert!(!stack_exists(&service, &name).await);

    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name, "AWS_ACCOUNT_ID": "999999999999" }));
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert!(complaint.contains("AWS_ACCOUNT_ID is not the account"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1);
    let complaint = run(&service, "./deploy.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert_eq!(complaint.lines().count(), 1);
}

#[tokio::test]
async fn what_belongs_to_another_is_refused_before_anything_is_made() {
    let service = Service::running();
    let name = prefix("clashing");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name, "BUCKET": "latchkey-inbox" }));
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert_eq!(
        complaint,
        format!("error: bucket latchkey-inbox is taken: choose another BUCKET in {}\n", file.display())
    );

    let group = format!("/aws/lambda/{name}Login");
    run(&service, "aws", &["logs", "create-log-group", "--log-group-name", &group]).await.unwrap();
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert!(complaint.contains(&format!("already in the account: log group {group};")), "{complaint}");
    assert!(!stack_exists(&service, &name).await);
}

/// The table of the sample, with one user.
async fn sample_table(owner: &Caller, table: &str, item: Item) {
    let attribute = AttributeDefinition::builder().attribute_name("email").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("email").key_type(KeyType::Hash);
    owner
        .dynamodb
        .create_table()
        .table_name(table)
        .attribute_definitions(attribute.build().unwrap())
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    owner.dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

#[tokio::test]
async fn a_sample_that_is_in_use_is_taken_over_with_its_users_and_identities() {
    let service = Service::running();
    let owner = service.owner();
    let name = prefix("moved");
    let table = format!("{name}Users");
    let (email, sender) = (format!("{name}@example.com"), format!("{name}-sender@example.com"));
    let verified = ("verified".to_owned(), AttributeValue::Bool(true));
    let mut item = sample::item(&email);
    item.extend([verified]);
    sample_table(&owner, &table, item).await;
    owner.ses.verify_email_identity().email_address(&sender).send().await.unwrap();
    let pool = owner
        .cognito
        .create_identity_pool()
        .identity_pool_name("SampleAuth")
        .allow_unauthenticated_identities(true)
        .developer_provider_name("login.yourdomain.com")
        .send()
        .await
        .unwrap()
        .identity_pool_id;
    // Who the sample's user was to Cognito.
    let identity = owner
        .cognito
        .get_open_id_token_for_developer_identity()
        .identity_pool_id(&pool)
        .logins("login.yourdomain.com", &email)
        .send()
        .await
        .unwrap()
        .identity_id
        .unwrap();

    let changes = json!({ "FUNCTION_PREFIX": name, "IDENTITY_POOL_ID": pool, "EMAIL_SOURCE": sender });
    let file = configuration(&service, &changes);
    let config = ["--config", file.to_str().unwrap()];
    let printed = run(&service, "./init.sh", &config).await.unwrap();
    for taken in [format!("table {table}: was"), format!("identity pool {pool}: was"), format!("sender {sender}: SES")]
    {
        assert!(printed.contains(&taken), "{printed}");
    }
    let described = owner.dynamodb.describe_table().table_name(&table).send().await.unwrap().table.unwrap();
    assert_eq!(described.deletion_protection_enabled, Some(true));

    // The same user, with the same password and the same identity.
    let login = json!({ "email": email, "password": sample::PASSWORD });
    let caller = owner.with_prefix(&name);
    let answer = caller.call("login", &login).await;
    assert_eq!((&answer["login"], text(&answer, "identityId")), (&json!(true), identity.as_str()));

    // Again: nothing to do. Then with another setting, a page changed by another hand, and one that is gone.
    let printed = run(&service, "./init.sh", &config).await.unwrap();
    assert_eq!(printed.matches("nothing to change").count(), 3, "{printed}");

    let bucket = format!("{}-pages", name.to_lowercase());
    put_object(&service, &bucket, "index.html", "<p>changed by hand</p>").await;
    put_object(&service, &bucket, "old.html", "<p>of an earlier version</p>").await;
    put_object(&service, &bucket, "owners.html", "<p>the owner's own</p>").await;
    let list = object(&service, &bucket, "deployed").await.unwrap() + "digest etag old.html\n";
    put_object(&service, &bucket, "deployed", &list).await;
    let mut stricter: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    stricter["PASSWORD_MIN_LENGTH"] = json!(12);
    std::fs::write(&file, stricter.to_string()).unwrap();
    let printed = run(&service, "./deploy.sh", &config).await.unwrap();
    for done in [format!("stack {name}: done"), "pages: index.html".to_owned(), "pages: old.html is removed".to_owned()]
    {
        assert!(printed.contains(&done), "{printed}");
    }
    assert!(object(&service, &bucket, "index.html").await.unwrap().contains("Your account"));
    assert!(object(&service, &bucket, "old.html").await.is_err());
    assert!(object(&service, &bucket, "owners.html").await.is_ok());
    // The alias stands for the version with the new setting.
    let eleven = json!({ "email": address("eleven"), "password": "eleven char" });
    assert_refused(&caller.call("createUser", &eleven).await, "created", "password_too_short");
}

fn object_file(service: &Service) -> String {
    service.folder.join("object").to_str().unwrap().to_owned()
}

async fn put_object(service: &Service, bucket: &str, key: &str, content: &str) {
    let file = object_file(service);
    std::fs::write(&file, content).unwrap();
    run(service, "aws", &["s3api", "put-object", "--bucket", bucket, "--key", key, "--body", &file]).await.unwrap();
}

/// What is stored, as a browser sees it.
async fn object(service: &Service, bucket: &str, key: &str) -> Result<String, String> {
    let file = object_file(service);
    let headers = run(service, "aws", &["s3api", "get-object", "--bucket", bucket, "--key", key, &file]).await?;
    let stored = std::fs::read(Path::new(&file)).unwrap();
    let headers: Value = serde_json::from_str(&headers).unwrap();
    if headers["ContentEncoding"] != "gzip" {
        return Ok(String::from_utf8(stored).unwrap());
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&stored[..]).read_to_string(&mut text).unwrap();
    Ok(text)
}
