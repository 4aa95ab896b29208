//! A deployment that must not live does not: `docs/decisions/0022-a-trial-before-live.md`.

use crate::account::text;
use crate::scripts::run;
use crate::service::{Service, code};
use crate::set_up::{configuration, prefix, update, versions};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

const FUNCTIONS: [&str; 7] =
    ["CreateUser", "VerifyUser", "Login", "ChangePassword", "LostPassword", "ResetPassword", "Mail"];

/// A function that answers every event with an empty object.
const ANSWERS: &str = "#!/usr/bin/env python3\n\
    import os, urllib.request\n\
    api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n\
    while True:\n\
    \x20   id = urllib.request.urlopen(api + 'next').headers['Lambda-Runtime-Aws-Request-Id']\n\
    \x20   urllib.request.urlopen(api + id + '/response', data=b'{}')\n";

async fn aws(service: &Service, arguments: &[&str]) -> Value {
    let printed = run(service, "aws", &[arguments, &["--output", "json"]].concat()).await.unwrap();
    serde_json::from_str(&printed).unwrap()
}

/// Why resources of the stack failed in its whole life, the newest first, as "logical ID: reason".
async fn failures(service: &Service, stack: &str) -> Vec<String> {
    let events = aws(service, &["cloudformation", "describe-stack-events", "--stack-name", stack]).await;
    let events = events["StackEvents"].as_array().unwrap().iter();
    let failed = events.filter(|event| text(event, "ResourceStatus").ends_with("FAILED"));
    failed
        .map(|event| format!("{}: {}", text(event, "LogicalResourceId"), text(event, "ResourceStatusReason")))
        .collect()
}

/// Uploads a function's code, a script in the place of its binary.
async fn upload(service: &Service, bucket: &str, key: &str, script: &str) {
    let zip = service.folder.join(key.replace('/', "-"));
    let pack = "import sys, zipfile\n\
        info = zipfile.ZipInfo('bootstrap')\n\
        info.external_attr = 0o100755 << 16\n\
        zipfile.ZipFile(sys.argv[1], 'w').writestr(info, sys.argv[2])";
    let zip = zip.to_str().unwrap();
    run(service, "python3", &["-c", pack, zip, script]).await.unwrap();
    aws(service, &["s3api", "put-object", "--bucket", bucket, "--key", key, "--body", zip]).await;
}

async fn assert_all_live_at(service: &Service, prefix: &str, version: &str) {
    for function in FUNCTIONS {
        let (live, all) = versions(service, &format!("{prefix}{function}")).await;
        assert_eq!((live.as_str(), all), (version, vec![version.to_owned()]), "{function}");
    }
}

#[tokio::test]
async fn a_version_that_does_not_start_or_answers_otherwise_is_never_live() {
    let service = Service::running();
    let name = prefix("tried");
    // With alarms, so that their notifier is seen to come and to go by the scripts without a deployment of its own.
    let file = configuration(&service, &json!({ "FUNCTION_PREFIX": name, "ALARM_EMAIL": "night@example.com" }));
    let config = ["--config", file.to_str().unwrap()];
    run(&service, "./init.sh", &config).await.unwrap();
    assert_all_live_at(&service, &name, "1").await;
    let notifier = format!("{name}Notifier");
    let answer = service.owner().lambda.invoke().function_name(&notifier).payload(Blob::new(r#"{"Records":[]}"#));
    let answer = answer.send().await.unwrap().payload.unwrap().into_inner();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((&answer["sent"], &answer["reason"]), (&json!(false), &json!("invalid_request")));
    let alarms = ["cloudwatch", "describe-alarms", "--alarm-name-prefix", &name];
    assert!(aws(&service, &alarms).await["MetricAlarms"].as_array().unwrap().len() > FUNCTIONS.len() * 2);
    let stack = aws(&service, &["cloudformation", "describe-stacks", "--stack-name", &name]).await["Stacks"][0].take();
    let find = |list: &str, key: &str, name: &str, value: &str| {
        let found = stack[list].as_array().unwrap().iter().find(|entry| entry[key] == name).unwrap();
        text(found, value).to_owned()
    };
    let bucket = find("Outputs", "OutputKey", "CodeBucket", "OutputValue");
    let login = find("Parameters", "ParameterKey", "LoginCode", "ParameterValue");

    upload(&service, &bucket, "functions/login/dies.zip", "#!/bin/sh\nexit 1\n").await;
    assert_eq!(update(&service, &name, "LoginCode", "functions/login/dies.zip").await, "UPDATE_ROLLBACK_COMPLETE");
    assert_all_live_at(&service, &name, "1").await;
    let failed = failures(&service, &name).await;
    assert!(failed[0].starts_with("LoginTrial: ") && failed[0].contains("the function failed"), "{failed:?}");

    // A setting is missing, as login's code has other settings than mail's.
    assert_eq!(update(&service, &name, "MailCode", &login).await, "UPDATE_ROLLBACK_COMPLETE");
    assert_all_live_at(&service, &name, "1").await;
    let failed = failures(&service, &name).await;
    assert!(failed[0].starts_with("MailTrial: ") && failed[0].contains("the setting DDB_TABLE"), "{failed:?}");

    // It starts, and answers something else.
    upload(&service, &bucket, "functions/login/answers.zip", ANSWERS).await;
    assert_eq!(update(&service, &name, "LoginCode", "functions/login/answers.zip").await, "UPDATE_ROLLBACK_COMPLETE");
    assert_all_live_at(&service, &name, "1").await;
    let failed = failures(&service, &name).await;
    assert!(
        failed[0].starts_with("LoginTrial: ") && failed[0].contains("the reason that Expect asks for"),
        "{failed:?}"
    );

    // Nothing of it stands in the way of the next deployment.
    let mut changed: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    changed["UNVERIFIED_DAYS"] = json!(8);
    changed["ALARM_EMAIL"] = json!("");
    std::fs::write(&file, changed.to_string()).unwrap();
    run(&service, "./deploy.sh", &config).await.unwrap();
    for function in FUNCTIONS {
        let (live, all) = versions(&service, &format!("{name}{function}")).await;
        assert_eq!((all.len(), live != "1"), (2, true), "{function}");
    }
    let gone = service.owner().lambda.get_function().function_name(&notifier).send().await.unwrap_err();
    assert_eq!(code(&gone), "ResourceNotFoundException");
    assert_eq!(aws(&service, &alarms).await["MetricAlarms"], json!([]));
}
