//! `init.sh` and `deploy.sh`, run again and run over what was there before.

use crate::account::{address, assert_refused, text};
use crate::sample;
use crate::scripts::{Recorder, run, run_recorded};
use crate::service::{Caller, Item, Service, is_as_deployed};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration file of its own in a new folder.
pub(crate) fn configuration(service: &Service, changes: &Value) -> PathBuf {
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
pub(crate) fn prefix(name: &str) -> String {
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
    let mut said: Vec<_> = printed.lines().map(|line| line.split_once("] ").map_or(line, |(_, words)| words)).collect();
    // The template is judged once.
    let judged = said.extract_if(.., |line| line.starts_with("guard: ")).collect::<Vec<_>>();
    assert!(judged.len() == 1 && judged[0].ends_with(" rules hold"), "{judged:?}");
    let stack = format!("stack {}: nothing to change", service.setting("FUNCTION_PREFIX"));
    let site = format!("the service is at {}", service.setting("SITE_URL"));
    let mut expected = vec![stack.as_str(), &stack, "pages: nothing to change", &site];
    if is_as_deployed() {
        expected.insert(1, "functions: building (the first time takes minutes)");
    }
    assert_eq!(said, expected);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

/// What a deployment could change: the stack's events, and the objects of both buckets.
async fn state(service: &Service, pages: &str) -> Vec<String> {
    let stack = service.setting("FUNCTION_PREFIX");
    let events = ["cloudformation", "describe-stack-events", "--stack-name", stack, "--query", "StackEvents[].EventId"];
    let bucket = [
        "cloudformation",
        "describe-stacks",
        "--stack-name",
        stack,
        "--output",
        "text",
        "--query",
        "Stacks[0].Outputs[?OutputKey=='CodeBucket'].OutputValue",
    ];
    let code = run(service, "aws", &bucket).await.unwrap();
    let mut state = vec![run(service, "aws", &events).await.unwrap()];
    for bucket in [code.trim(), pages] {
        let objects = ["s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].[Key,ETag,LastModified]"];
        state.push(run(service, "aws", &objects).await.unwrap());
    }
    assert!(state.iter().all(|part| part.lines().count() > 5), "{state:?}");
    state
}

#[tokio::test]
async fn a_plan_says_what_a_deployment_would_change_and_changes_nothing() {
    const CHANGING: [&str; 7] = ["create-", "update-", "delete-", "put-", "execute-", "tag-", "s3://"];
    let service = Service::running();
    let running = service.folder.join("config.json");
    let stack = service.setting("FUNCTION_PREFIX");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&running).unwrap()).unwrap();
    let (pages, name) = (text(&config, "BUCKET").to_owned(), text(&config, "EXTERNAL_NAME").to_owned());
    let before = state(&service, &pages).await;

    let planned = run(&service, "./deploy.sh", &["--plan", "--config", running.to_str().unwrap()]).await.unwrap();
    for line in [&format!("stack {stack}: nothing to change"), "pages: nothing to change", "nothing was changed"] {
        assert!(planned.contains(line), "{line}: {planned}");
    }

    config["EXTERNAL_NAME"] = json!("Another name");
    config["LOG_RETENTION_DAYS"] = json!(90);
    let folder = service.folder.join(prefix("planned"));
    std::fs::create_dir_all(&folder).unwrap();
    let changed = folder.join("config.json");
    std::fs::write(&changed, config.to_string()).unwrap();
    let recorder = Recorder::new(folder.join("recorder"));
    let arguments = ["--plan", "--config", changed.to_str().unwrap()];
    let planned = run_recorded(&service, &recorder, "./deploy.sh", &arguments).await.unwrap();
    for change in [
        &format!("stack {stack}: would change: parameter ServiceName: {name} becomes Another name"),
        &format!("stack {stack}: would change: parameter LogRetentionDays: 30 becomes 90"),
        &format!("stack {stack}: would change: each function gets a new version"),
        "pages: would change: ",
        "this was a plan: nothing was changed",
    ] {
        assert!(planned.contains(change), "{change}: {planned}");
    }
    assert!(planned.contains("guard: ") && !planned.contains("new code"), "{planned}");

    // It only asked, and everything is as it was.
    let arguments = recorder.command_lines();
    let arguments = arguments.lines().filter(|line| !line.contains(' '));
    let changing: Vec<_> = arguments.filter(|line| CHANGING.iter().any(|word| line.starts_with(word))).collect();
    // The one object that is read is the list of the pages.
    assert_eq!(changing, [format!("s3://{pages}/deployed")]);
    assert_eq!(state(&service, &pages).await, before);
}

#[tokio::test]
async fn a_template_that_breaks_a_rule_is_refused_by_its_line_before_anything_is_made() {
    let service = Service::running();
    let name = prefix("judged");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let folder = service.folder.join(format!("{name}-owner"));
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("config.json");
    std::fs::copy(file, &config).unwrap();
    // A rule of the owner's own, which the template breaks.
    let rules = "[[rule]]\nname = 'functions-are-small'\nsentence = 'Memory costs money.'\ntypes = ['AWS::Lambda::Function']\n\
        [[rule.require]]\nproperty = 'MemorySize'\nat-most = 1024\n";
    std::fs::write(folder.join("guard.toml"), rules).unwrap();
    let recorder = Recorder::new(folder.join("recorder"));
    for script in ["./init.sh", "./deploy.sh"] {
        let refused = run_recorded(&service, &recorder, script, &["--config", config.to_str().unwrap()]).await;
        let complaint = refused.unwrap_err();
        let line =
            include_str!("../../template.yaml").lines().position(|line| line.trim() == "MemorySize: 1769").unwrap() + 1;
        let finding = format!(
            "template.yaml:{line}: CreateUser: MemorySize is 1769, and should be at most 1024. Memory costs money."
        );
        assert!(complaint.contains(&finding), "{complaint}");
        assert!(complaint.ends_with("error: the guard refuses the template, and nothing was changed\n"), "{complaint}");
    }
    // The scripts asked who they are and how the stack is, and nothing else.
    let arguments = recorder.command_lines();
    let asked: Vec<_> =
        arguments.lines().filter(|line| line.starts_with("describe-") || line.starts_with("get-")).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(!stack_exists(&service, &name).await);
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
        format!(
            "error: bucket latchkey-inbox is in the account, and is not the stack's: delete it if nobody needs it, or choose \
             another BUCKET in {}\n",
            file.display()
        )
    );

    let name = prefix("outboxed");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let outbox = format!("{name}UsersOutbox");
    sample_table(&service.owner(), &outbox, sample::item("somebody@example.com")).await;
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert!(complaint.starts_with(&format!("error: table {outbox} is already in the account")), "{complaint}");
    assert_eq!(complaint.lines().count(), 1);

    let name = prefix("clashing");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let group = format!("/aws/lambda/{name}Login");
    run(&service, "aws", &["logs", "create-log-group", "--log-group-name", &group]).await.unwrap();
    let complaint = run(&service, "./init.sh", &["--config", file.to_str().unwrap()]).await.unwrap_err();
    assert!(complaint.contains(&format!("already in the account: log group {group};")), "{complaint}");
    assert!(!stack_exists(&service, &name).await);
}

/// The table of the sample, with one user.
pub(crate) async fn sample_table(owner: &Caller, table: &str, item: Item) {
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
        .allow_classic_flow(true)
        .developer_provider_name("login.yourdomain.com")
        .supported_login_providers("accounts.google.com", "of-the-owner")
        .identity_pool_tags("made-by", "the sample")
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
    let recorder = Recorder::new(service.folder.join(format!("{name}-recorder")));
    let printed = run_recorded(&service, &recorder, "./init.sh", &config).await.unwrap();
    // Cognito's classic flow, in which a caller names the role, is off; the pool is otherwise as it was.
    let adopted = owner.cognito.describe_identity_pool().identity_pool_id(&pool).send().await.unwrap();
    assert_eq!(adopted.allow_classic_flow, Some(false));
    assert_eq!(adopted.identity_pool_name, "SampleAuth");
    assert!(adopted.allow_unauthenticated_identities);
    assert_eq!(adopted.developer_provider_name.as_deref(), Some("login.yourdomain.com"));
    assert_eq!(adopted.supported_login_providers.unwrap()["accounts.google.com"], "of-the-owner");
    assert_eq!(adopted.identity_pool_tags.unwrap()["made-by"], "the sample");
    let update = recorder.given("update-identity-pool");
    for kept in ["SampleAuth", "of-the-owner", "login.yourdomain.com", "the sample"] {
        // The emulator keeps what an update leaves out; Cognito does not.
        assert!(update.contains(kept), "the update leaves out {kept}");
    }
    assert!(printed.contains(&format!("identity pool {pool}: the classic flow is now off")), "{printed}");
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
    stricter["RESERVED_CONCURRENCY"] = json!(3);
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
    // The emulator reserves nothing; what the template makes of it is tested in tools/latchkey.
    let query = "Stacks[0].Parameters[?ParameterKey=='ReservedConcurrency'].ParameterValue";
    let describe = ["cloudformation", "describe-stacks", "--stack-name", &name, "--output", "text", "--query", query];
    assert_eq!(run(&service, "aws", &describe).await.unwrap(), "3\n");
}

/// The version that a function's alias stands for, and all versions that there are.
pub(crate) async fn versions(service: &Service, function: &str) -> (String, Vec<String>) {
    let alias = ["lambda", "get-alias", "--function-name", function, "--name", "live", "--output", "json"];
    let alias: Value = serde_json::from_str(&run(service, "aws", &alias).await.unwrap()).unwrap();
    let list = ["lambda", "list-versions-by-function", "--function-name", function, "--output", "json"];
    let list: Value = serde_json::from_str(&run(service, "aws", &list).await.unwrap()).unwrap();
    let numbers = list["Versions"].as_array().unwrap().iter().map(|version| text(version, "Version").to_owned());
    (text(&alias, "FunctionVersion").to_owned(), numbers.filter(|number| number != "$LATEST").collect())
}

/// Updates a stack to another value of one parameter, and returns the status in which it ends.
pub(crate) async fn update(service: &Service, stack: &str, parameter: &str, value: &str) -> String {
    let describe = ["cloudformation", "describe-stacks", "--stack-name", stack, "--output", "json"];
    let describe = async || -> Value {
        serde_json::from_str::<Value>(&run(service, "aws", &describe).await.unwrap()).unwrap()["Stacks"][0].take()
    };
    let before = describe().await;
    let parameters = before["Parameters"].as_array().unwrap().iter().map(|known| {
        let key = text(known, "ParameterKey");
        if key == parameter {
            json!({ "ParameterKey": key, "ParameterValue": value })
        } else if key == "Revision" {
            json!({ "ParameterKey": key, "ParameterValue": "another" })
        } else {
            json!({ "ParameterKey": key, "UsePreviousValue": true })
        }
    });
    let parameters = parameters.collect::<Value>().to_string();
    let mut update = vec!["cloudformation", "update-stack", "--stack-name", stack, "--use-previous-template"];
    update.extend(["--capabilities", "CAPABILITY_IAM", "--parameters", &parameters]);
    run(service, "aws", &update).await.unwrap();
    loop {
        let status = text(&describe().await, "StackStatus").to_owned();
        if !status.ends_with("IN_PROGRESS") {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_failed_update_leaves_every_alias_where_it_was_and_does_not_stand_in_the_way_of_the_next() {
    let service = Service::running();
    let name = prefix("rolled");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let config = ["--config", file.to_str().unwrap()];
    run(&service, "./init.sh", &config).await.unwrap();
    let (create, reset) = (format!("{name}CreateUser"), format!("{name}ResetPassword"));
    assert_eq!(versions(&service, &create).await, ("1".to_owned(), vec!["1".to_owned()]));

    // The last function's code is missing: the first one's alias has moved by then, and has to come back.
    let status = update(&service, &name, "ResetPasswordCode", "functions/reset-password/missing.zip").await;
    assert_eq!(status, "UPDATE_ROLLBACK_COMPLETE");
    for function in [&create, &reset] {
        // Left behind, the new version would keep its content from being published again.
        assert_eq!(versions(&service, function).await, ("1".to_owned(), vec!["1".to_owned()]), "{function}");
    }

    let mut changed: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    changed["UNVERIFIED_DAYS"] = json!(8);
    std::fs::write(&file, changed.to_string()).unwrap();
    let printed = run(&service, "./deploy.sh", &config).await.unwrap();
    assert!(printed.contains(&format!("stack {name}: done")), "{printed}");
    // The version before is kept, for a return by hand.
    let (live, all) = versions(&service, &create).await;
    assert_eq!((live.as_str(), all.len(), all.contains(&"1".to_owned())), (all[1].as_str(), 2, true));
    let printed = run(&service, "./deploy.sh", &config).await.unwrap();
    assert!(printed.contains(&format!("stack {name}: nothing to change")), "{printed}");
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
