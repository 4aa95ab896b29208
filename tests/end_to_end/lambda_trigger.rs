//! The example of the trigger, deployed by its scripts.

use crate::account::text;
use crate::scripts::run;
use crate::service::{Service, root};
use crate::set_up::prefix;
use serde_json::{Value, json};
use std::time::Duration;

/// The region at the top of the script.
const REGION: &str = "us-east-1";

/// A copy of both stacks under names of its own.
struct Example {
    service: Service,
    name: String,
}

impl Example {
    fn new(name: &str) -> Self {
        Self { service: Service::running(), name: prefix(name) }
    }

    fn stack(&self, kind: &str) -> String {
        format!("{}-{kind}", self.name)
    }

    /// Runs the script with these settings in its environment.
    async fn deploy(&self, settings: &[&str]) -> Result<String, String> {
        let own = [
            format!("BUCKET_STACK={}", self.stack("bucket")),
            format!("TRIGGER_STACK={}", self.stack("trigger")),
            format!("EXPORT_PREFIX={}", self.name),
        ];
        let mut arguments: Vec<&str> = own.iter().map(String::as_str).collect();
        arguments.extend(settings);
        arguments.push("./examples/lambda-trigger/CLIDeploy.sh");
        run(&self.service, "env", &arguments).await
    }

    async fn aws(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--region", REGION, "--output", "json"]].concat();
        let printed = run(&self.service, "aws", &arguments).await.unwrap();
        if printed.trim().is_empty() { Value::Null } else { serde_json::from_str(&printed).unwrap() }
    }

    async fn described(&self, kind: &str) -> Value {
        self.aws(&["cloudformation", "describe-stacks", "--stack-name", &self.stack(kind)]).await["Stacks"][0].take()
    }

    async fn output(&self, kind: &str, key: &str) -> Value {
        let stack = self.described(kind).await;
        let outputs = stack["Outputs"].as_array().unwrap();
        outputs.iter().find(|output| output["OutputKey"] == key).unwrap().clone()
    }

    /// What the stack made under a logical ID.
    async fn made(&self, kind: &str, logical_id: &str) -> String {
        let stack = self.stack(kind);
        let list =
            ["cloudformation", "describe-stack-resource", "--stack-name", &stack, "--logical-resource-id", logical_id];
        text(&self.aws(&list).await["StackResourceDetail"], "PhysicalResourceId").to_owned()
    }

    /// What the function that stands for one's own work wrote.
    async fn greetings(&self) -> Vec<Value> {
        let group = self.made("trigger", "LambdaHelloWorldLog").await;
        let found = self.aws(&["logs", "filter-log-events", "--log-group-name", &group]).await;
        // Lambda's own lines are there too.
        let lines = found["events"].as_array().unwrap().iter().flat_map(|event| text(event, "message").lines());
        let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == "Hello, world").collect()
    }

    async fn greeted(&self) -> Vec<Value> {
        // Nobody waits for the function, so its line may come after the stack.
        for _ in 0..100 {
            let greetings = self.greetings().await;
            if !greetings.is_empty() {
                return greetings;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nothing was said");
    }

    async fn delete(&self, kind: &str) -> String {
        self.aws(&["cloudformation", "delete-stack", "--stack-name", &self.stack(kind)]).await;
        let list = ["cloudformation", "describe-stacks", "--stack-name", &self.stack(kind), "--region", REGION];
        for _ in 0..200 {
            match run(&self.service, "aws", &[&list[..], &["--output", "json"]].concat()).await {
                Err(gone) if gone.contains("does not exist") => return "DELETE_COMPLETE".to_owned(),
                Err(other) => panic!("{other}"),
                Ok(printed) => {
                    let stacks: Value = serde_json::from_str(&printed).unwrap();
                    let status = text(&stacks["Stacks"][0], "StackStatus").to_owned();
                    if !status.ends_with("IN_PROGRESS") {
                        return status;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the stack is not deleted");
    }
}

#[tokio::test]
async fn the_script_deploys_both_stacks_and_the_target_runs_once() {
    let example = Example::new("greeted");
    let printed = example.deploy(&[r#"PAYLOAD={"for":"you"}"#]).await.unwrap();
    assert!(printed.contains("CREATE_COMPLETE"), "{printed}");

    // Stack 1.
    let bucket = example.output("bucket", "LambdaCodeS3BucketName").await;
    assert_eq!(text(&bucket, "ExportName"), format!("{}LambdaCodeS3BucketName", example.name));
    let (bucket, id) = (text(&bucket, "OutputValue").to_owned(), example.described("bucket").await);
    let part = text(&id, "StackId").rsplit('/').next().unwrap().split('-').next().unwrap();
    assert_eq!(bucket, format!("cloudformation-lambda-trigger-{part}"));
    let of = async |command: &str| example.aws(&["s3api", command, "--bucket", &bucket]).await;
    let rules = of("get-bucket-encryption").await["ServerSideEncryptionConfiguration"]["Rules"].take();
    assert_eq!(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    assert_eq!(of("get-bucket-versioning").await["Status"], "Enabled");
    let blocked = of("get-public-access-block").await["PublicAccessBlockConfiguration"].take();
    assert!(
        blocked.as_object().unwrap().values().all(|blocked| blocked == &json!(true))
            && blocked.as_object().unwrap().len() == 4
    );
    // The emulator's CloudFormation does not hand the setting on to its S3.
    let template = include_str!("../../stacks/lambda-trigger/lambdaCodeS3BucketCreate.yaml");
    assert!(template.contains("DestinationBucketName: !Ref LambdaLogsS3Bucket\n        LogFilePrefix: logs/\n"));
    assert_eq!(example.made("bucket", "LambdaLogsS3Bucket").await, format!("lambda-logs-{part}"));
    let policy: Value = serde_json::from_str(text(&of("get-bucket-policy").await, "Policy")).unwrap();
    let arn = format!("arn:aws:s3:::{bucket}");
    let denied = json!([{ "Sid": "OnlyTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [arn, format!("{arn}/*")], "Condition": { "Bool": { "aws:SecureTransport": "false" } } }]);
    assert_eq!(policy["Statement"], denied);

    // Stack 2.
    assert_eq!(
        example.made("trigger", "CustomLambdaInvokerCustomResource").await,
        "LambdaHelloWorld-customresource-id"
    );
    let output = example.output("trigger", "InvokedLambdaResponse").await;
    assert_eq!(text(&output, "ExportName"), format!("{}InvokedLambdaResponse", example.name));
    let response: Value = serde_json::from_str(text(&output, "OutputValue")).unwrap();
    assert_eq!((&response["StatusCode"], &response["Payload"]), (&json!(202), &json!("")));
    let greetings = example.greeted().await;
    assert_eq!(greetings.len(), 1, "{greetings:?}");
    assert_eq!(greetings[0]["event"], json!({ "for": "you" }));
    let target = example.made("trigger", "LambdaHelloWorld").await;
    let invoked = format!("arn:aws:lambda:{REGION}:{}:function:{target}", example.service.setting("AWS_ACCOUNT_ID"));
    assert_eq!(greetings[0]["context"]["invokedFunctionArn"], json!(invoked));
    let trigger = example.made("trigger", "CustomLambdaInvokerLambdaTrigger").await;
    let described = example.aws(&["lambda", "get-function-configuration", "--function-name", &trigger]).await;
    assert_eq!(described["Timeout"], 30);
    let role = example.made("trigger", "CustomLambdaInvokerLambdaTriggerRole").await;
    let role = example.aws(&["iam", "get-role-policy", "--role-name", &role, "--policy-name", "trigger"]).await;
    let statements = role["PolicyDocument"]["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 2);
    assert_eq!(
        (&statements[1]["Action"], &statements[1]["Resource"]),
        (&json!("lambda:InvokeFunction"), &json!(invoked))
    );
    assert_eq!(statements[0]["Action"], json!(["logs:CreateLogStream", "logs:PutLogEvents"]));

    // Again: nothing changes. Another payload: an update, on which nothing runs.
    let printed = example.deploy(&[r#"PAYLOAD={"for":"you"}"#]).await.unwrap();
    assert_eq!(printed.matches("nothing to change").count(), 2, "{printed}");
    let printed = example.deploy(&[r#"PAYLOAD={"for":"nobody"}"#]).await.unwrap();
    assert!(printed.contains("UPDATE_COMPLETE") && printed.contains("not invoked"), "{printed}");
    assert_eq!(example.greetings().await.len(), 1);
    assert_eq!(example.delete("trigger").await, "DELETE_COMPLETE");
}

#[tokio::test]
async fn a_first_failure_is_explained_and_leaves_nothing_in_the_way() {
    let example = Example::new("failed");
    let fails = [r#"PAYLOAD={"fail":"no table"}"#, "MODE=RequestResponse"];
    let complaint = example.deploy(&fails).await.unwrap_err();
    assert!(complaint.contains("the function failed: AsOrdered: no table"), "{complaint}");
    assert!(complaint.contains("error: line ") && complaint.contains(&example.stack("trigger")), "{complaint}");
    assert!(complaint.contains(r#""StackStatus": "ROLLBACK_COMPLETE""#), "{complaint}");

    let printed = example.deploy(&["MODE=RequestResponse"]).await.unwrap();
    assert!(printed.contains("removing what a failed creation or deletion left"), "{printed}");
    let response = example.output("trigger", "InvokedLambdaResponse").await;
    let response: Value = serde_json::from_str(text(&response, "OutputValue")).unwrap();
    assert_eq!(response["StatusCode"], 200);
    let payload: Value = serde_json::from_str(text(&response, "Payload")).unwrap();
    assert_eq!(payload, json!({ "greeting": "Hello, world" }));
}

#[tokio::test]
async fn the_outcome_of_a_target_that_nobody_waits_for_goes_to_its_failure_destination() {
    let example = Example::new("dropped");
    let printed = example.deploy(&[r#"PAYLOAD={"fail":"no table"}"#]).await.unwrap();
    assert!(printed.contains("CREATE_COMPLETE"), "{printed}");
    let queue = example.made("trigger", "LambdaHelloWorldFailures").await;
    for _ in 0..30 {
        // For this one service the AWS CLI does not look at AWS_ENDPOINT_URL in this region.
        let endpoint = ["--endpoint-url", example.service.setting("AWS_ENDPOINT_URL")];
        let receive = ["sqs", "receive-message", "--queue-url", &queue, "--wait-time-seconds", "1"];
        let received = example.aws(&[&receive[..], &endpoint].concat()).await;
        if let Some(message) = received["Messages"].get(0) {
            assert!(text(message, "Body").contains("no table"));
            // The first attempt and two more.
            assert_eq!(example.greetings().await.len(), 3);
            return;
        }
    }
    panic!("nothing arrived in the queue");
}

#[tokio::test]
async fn the_console_script_packs_both_functions() {
    let service = Service::running();
    let zips = root().join("examples/lambda-trigger/lambda/zips");
    let names = ["customLambdaInvokerTrigger.zip", "helloWorld.zip"];
    let printed = run(&service, "./examples/lambda-trigger/ConsoleDeploy.sh", &[]).await.unwrap();
    for name in names {
        assert!(printed.contains(name), "{printed}");
        let listed =
            run(&service, "python3", &["-m", "zipfile", "-l", zips.join(name).to_str().unwrap()]).await.unwrap();
        assert!(listed.lines().any(|line| line.starts_with("bootstrap ")), "{listed}");
    }
}
