//! A service whose owner changes `PASSWORD_HASH`, with users who have logged in since and users who have not.

use crate::account::{address, assert_refused};
use crate::scripts::run;
use crate::service::Service;
use crate::set_up::{configuration, prefix};
use aws_sdk_dynamodb::types::AttributeValue;
use harness::statistics::median;
use latchkey_salting::{SALT_BYTES, Scheme};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Wrong passwords for each kind of account. Four attempts are free, so each is for an address of its own.
const SAMPLES: usize = 7;

/// An account with a hash of the former function, one with a hash of the current one, and no account.
const KINDS: [&str; 3] = ["former", "current", "unknown"];

const PASSWORD: &str = "the password of a user";

fn write(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(file, config.to_string()).unwrap();
}

#[tokio::test]
async fn a_change_of_the_hash_tells_nobody_who_has_logged_in_since() {
    let service = Service::running();
    let name = prefix("rehash");
    let table = format!("{name}Users");
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name }));
    let config = ["--config", file.to_str().unwrap()];
    run(&service, "./init.sh", &config).await.unwrap();

    // Verified accounts, as sign-ups left them before the change and after it.
    let owner = service.owner();
    let account = async |kind: &str, scheme: Scheme| {
        let email = address(kind);
        let hash = latchkey_salting::hash(PASSWORD.as_bytes(), &[7; SALT_BYTES], scheme);
        let put = owner.dynamodb.put_item().table_name(&table).item("email", AttributeValue::S(email.clone()));
        let put = put.item("passwordHash", AttributeValue::S(hash.as_str().to_owned()));
        put.item("verified", AttributeValue::Bool(true)).send().await.unwrap();
        email
    };
    // In the order of `KINDS`.
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        samples.push([
            account("former", Scheme::default()).await,
            account("current", Scheme::Argon2id).await,
            address("unknown"),
        ]);
    }

    // A lower cost is refused in one line; another function is noted.
    write(&file, |config| config["PASSWORD_HASH_ROUNDS"] = json!(300_000));
    run(&service, "./deploy.sh", &config).await.unwrap();
    write(&file, |config| config["PASSWORD_HASH_ROUNDS"] = json!(299_999));
    for script in ["./deploy.sh", "./init.sh"] {
        let complaint = run(&service, script, &config).await.unwrap_err();
        assert!(complaint.contains("PASSWORD_HASH_ROUNDS: at least 300000"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    write(&file, |config| {
        config.as_object_mut().unwrap().remove("PASSWORD_HASH_ROUNDS");
        config["PASSWORD_HASH"] = json!("argon2id");
    });
    run(&service, "./deploy.sh", &config).await.unwrap();
    let former = async || {
        let query = "Stacks[0].Parameters[?ParameterKey=='FormerPasswordHashes'].ParameterValue";
        let describe =
            ["cloudformation", "describe-stacks", "--stack-name", &name, "--query", query, "--output", "text"];
        run(&service, "aws", &describe).await.unwrap().trim().to_owned()
    };
    assert_eq!(former().await, "pbkdf2-sha512:300000");

    // The time of a wrong password, as the function notes it: in turns, so that a busy machine is busy for all.
    let caller = service.owner().with_prefix(&name);
    let warm_up = json!({ "email": address("warm"), "password": "a wrong password" });
    caller.call("login", &warm_up).await;
    for email in samples.iter().flatten() {
        let wrong = json!({ "email": email, "password": "a wrong password" });
        assert_refused(&caller.call("login", &wrong).await, "login", "invalid_credentials");
    }
    // In the order of the calls, the first of which is no sample.
    let lines = run(&service, "./audit.sh", &[config[0], config[1], "--since", "1h"]).await.unwrap();
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let checks: Vec<_> = records
        .filter(|record| record["reason"] == "invalid_credentials")
        // The step in which a password is checked.
        .map(|record| record["milliseconds"]["check"].as_f64().expect("a password was checked"))
        .collect();
    assert_eq!(checks.len(), 1 + KINDS.len() * SAMPLES);
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    for (number, time) in checks[1..].iter().enumerate() {
        times.entry(KINDS[number % KINDS.len()]).or_default().push(*time);
    }
    let medians: HashMap<&str, f64> = times.iter().map(|(kind, times)| (*kind, median(times))).collect();
    // Were the former hash not paid by all, it would differ from Argon2id by a factor of five or more.
    let (least, most) =
        (medians.values().copied().fold(f64::MAX, f64::min), medians.values().copied().fold(0.0, f64::max));
    assert!(most < 1.5 * least, "{medians:?}");

    // The owner's word is not enough while one is left; a login renews one.
    let gone = [config[0], config[1], "--former-hashes-gone"];
    let complaint = run(&service, "./deploy.sh", &gone).await.unwrap_err();
    assert!(
        complaint.contains(&format!("{SAMPLES} accounts still have a hash of pbkdf2-sha512:300000")),
        "{complaint}"
    );
    run(&service, "./deploy.sh", &config).await.unwrap();
    assert_eq!(former().await, "pbkdf2-sha512:300000", "it stays with later deployments");
    for [email, ..] in &samples {
        let answer = caller.call("login", &json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer["login"], true);
    }
    let printed = run(&service, "./deploy.sh", &gone).await.unwrap();
    assert!(printed.contains("none of pbkdf2-sha512:300000 is left"), "{printed}");
    assert_eq!(former().await, "");
    let answer = caller.call("login", &json!({ "email": samples[0][1], "password": PASSWORD })).await;
    assert_eq!(answer["login"], true);
}
