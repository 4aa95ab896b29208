//! Providers of custom resources, and the example that uses all three, on stacks of their own.

use crate::account::text;
use crate::scripts::run;
use crate::service::Service;
use crate::set_up::prefix;
use serde_json::{Value, json};
use std::time::Duration;

struct Cloud {
    service: Service,
    name: String,
    bucket: String,
}

impl Cloud {
    /// A bucket with the function's zip.
    async fn new(name: &str) -> Self {
        let service = Service::running();
        let name = prefix(name);
        let bucket = format!("{}-code", name.to_lowercase());
        let cloud = Self { service, name, bucket };
        let build = "set -eu; . scripts/common.sh; PACKAGES=custom-resource; build_functions >&2; printf %s \"$ZIPS\"";
        let zips = run(&cloud.service, "bash", &["-c", build]).await.unwrap();
        let zip = format!("{}/custom-resource/bootstrap.zip", zips.lines().last().unwrap());
        cloud.aws(&["s3api", "create-bucket", "--bucket", &cloud.bucket]).await;
        cloud.upload("custom-resource.zip", &zip).await;
        cloud
    }

    async fn upload(&self, key: &str, file: &str) {
        self.aws(&["s3api", "put-object", "--bucket", &self.bucket, "--key", key, "--body", file]).await;
    }

    async fn try_aws(&self, arguments: &[&str]) -> Result<Value, String> {
        let printed = run(&self.service, "aws", &[arguments, &["--output", "json"]].concat()).await?;
        Ok(if printed.trim().is_empty() { Value::Null } else { serde_json::from_str(&printed).unwrap() })
    }

    async fn aws(&self, arguments: &[&str]) -> Value {
        self.try_aws(arguments).await.unwrap()
    }

    fn stack(&self, kind: &str) -> String {
        format!("{}-{kind}", self.name)
    }

    /// Creates or updates a stack and waits for its end.
    async fn deploy(&self, command: &str, kind: &str, template: &str, parameters: &[(&str, &str)]) -> String {
        let parameters: Vec<_> =
            parameters.iter().map(|(key, value)| json!({ "ParameterKey": key, "ParameterValue": value })).collect();
        let (stack, template) = (self.stack(kind), format!("file://{template}"));
        let arguments = ["cloudformation", command, "--stack-name", &stack, "--template-body", &template];
        let more = ["--capabilities", "CAPABILITY_IAM", "--parameters", &json!(parameters).to_string()];
        self.aws(&[&arguments[..], &more[..]].concat()).await;
        self.settled(kind).await
    }

    async fn settled(&self, kind: &str) -> String {
        for _ in 0..400 {
            let described =
                self.try_aws(&["cloudformation", "describe-stacks", "--stack-name", &self.stack(kind)]).await;
            match described {
                Err(gone) if gone.contains("does not exist") => return "DELETE_COMPLETE".to_owned(),
                Err(other) => panic!("{other}"),
                Ok(stacks) => {
                    let status = text(&stacks["Stacks"][0], "StackStatus");
                    if !status.ends_with("IN_PROGRESS") {
                        return status.to_owned();
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the stack does not settle");
    }

    async fn output(&self, kind: &str, key: &str) -> String {
        let stacks = self.aws(&["cloudformation", "describe-stacks", "--stack-name", &self.stack(kind)]).await;
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().unwrap().clone();
        let output = outputs.iter().find(|output| output["OutputKey"] == key).unwrap_or_else(|| panic!("no {key}"));
        text(output, "OutputValue").to_owned()
    }

    /// What failed in the life of a stack.
    async fn failures(&self, kind: &str) -> String {
        let events = self.aws(&["cloudformation", "describe-stack-events", "--stack-name", &self.stack(kind)]).await;
        let events = events["StackEvents"].as_array().unwrap().iter();
        let failed = events.filter(|event| text(event, "ResourceStatus").ends_with("FAILED"));
        let lines = failed.map(|event| format!("{}: {}", event["LogicalResourceId"], event["ResourceStatusReason"]));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A provider with a stack of its own.
    async fn provider(&self, kind: &str, parameters: &[(&str, &str)]) {
        let parameters = [parameters, &[("CodeBucket", &self.bucket)]].concat();
        let status = self.deploy("create-stack", kind, "stacks/custom-resource.yaml", &parameters).await;
        assert_eq!(status, "CREATE_COMPLETE", "{}", self.failures(kind).await);
    }

    async fn keys(&self, bucket: &str) -> Vec<String> {
        let listed = self.aws(&["s3api", "list-objects-v2", "--bucket", bucket]).await;
        let objects = listed["Contents"].as_array().cloned().unwrap_or_default();
        objects.iter().map(|object| text(object, "Key").to_owned()).collect()
    }

    /// All that the executions of a provider's waiter remember.
    async fn histories(&self, kind: &str) -> Vec<String> {
        let waiter = ["describe-stack-resource", "--logical-resource-id", "Waiter", "--stack-name", &self.stack(kind)];
        let waiter = self.aws(&[&["cloudformation"][..], &waiter[..]].concat()).await;
        let machine = text(&waiter["StackResourceDetail"], "PhysicalResourceId").to_owned();
        let listed = self.aws(&["stepfunctions", "list-executions", "--state-machine-arn", &machine]).await;
        let mut histories = Vec::new();
        for execution in listed["executions"].as_array().unwrap() {
            let arn = text(execution, "executionArn");
            histories.push(
                self.aws(&["stepfunctions", "get-execution-history", "--execution-arn", arn]).await.to_string()
                    + &self.aws(&["stepfunctions", "describe-execution", "--execution-arn", arn]).await.to_string(),
            );
        }
        histories
    }

    /// The response URLs that still wait.
    async fn waiting(&self) -> usize {
        let path = ["ssm", "get-parameters-by-path", "--path", "/custom-resource/", "--recursive"];
        let found = self.aws(&path).await["Parameters"].take();
        let of_ours = |parameter: &&Value| text(parameter, "Name").contains(&self.name);
        found.as_array().unwrap().iter().filter(of_ours).count()
    }
}

#[tokio::test]
async fn the_three_providers_work_together_as_the_example_says() {
    let cloud = Cloud::new("providers").await;
    cloud.provider("file", &[("Provider", "S3File")]).await;
    let times = [("Provider", "S3Assert"), ("QueryInterval", "1"), ("QueryAttempts", "3"), ("LogLevel", "fatal")];
    cloud.provider("assert", &times).await;
    let actions = ("AllowedActions", "SSM:GetParameter, SES:VerifyDomainIdentity");
    cloud.provider("aws", &[("Provider", "AwsCustomResource"), actions]).await;

    let mut given = Vec::new();
    for (key, kind, output) in [
        ("S3FileToken", "file", "ServiceToken"),
        ("S3FileRole", "file", "OnEventRole"),
        ("S3AssertToken", "assert", "ServiceToken"),
        ("S3AssertRole", "assert", "IsCompleteRole"),
        ("AwsToken", "aws", "ServiceToken"),
        ("AwsRole", "aws", "OnEventRole"),
    ] {
        given.push((key, cloud.output(kind, output).await));
    }
    let domain = format!("{}.example.com", cloud.name.to_lowercase());
    let with = |more: &[(&'static str, &'static str)]| {
        let mut all: Vec<(&str, String)> = given.clone();
        all.push(("Domain", domain.clone()));
        all.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        all
    };
    let deploy = async |command: &str, parameters: Vec<(&str, String)>| {
        let parameters: Vec<_> = parameters.iter().map(|(key, value)| (*key, value.as_str())).collect();
        cloud.deploy(command, "example", "examples/custom-resource/example.yaml", &parameters).await
    };

    // A file, an assertion that holds, a parameter and a domain's token.
    let status = deploy("create-stack", with(&[("Contents", "one"), ("Expected", "one")])).await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", cloud.failures("example").await);
    let bucket = cloud.output("example", "Bucket").await;
    assert_eq!(cloud.keys(&bucket).await, ["a/file.txt"]);
    assert!(cloud.output("example", "FileUrl").await.ends_with("/a/file.txt"));
    assert_eq!(cloud.output("example", "ParameterValue").await, "one");
    // SES has the domain, and its token is the ID of the resource.
    let identities = cloud.aws(&["ses", "list-identities", "--identity-type", "Domain"]).await["Identities"].take();
    assert!(identities.as_array().unwrap().contains(&json!(domain)), "{identities}");
    assert!(!cloud.output("example", "VerificationToken").await.is_empty());

    // Another key replaces the file, and another moment reads the parameter anew.
    let second = [("Contents", "two"), ("Expected", "two"), ("ObjectKey", "b.txt"), ("Moment", "2")];
    assert_eq!(deploy("update-stack", with(&second)).await, "UPDATE_COMPLETE", "{}", cloud.failures("example").await);
    assert_eq!(cloud.keys(&bucket).await, ["b.txt"]);
    assert_eq!(cloud.output("example", "ParameterValue").await, "two");

    // An assertion that never holds ends with its time, and the update is rolled back.
    let third = [("Contents", "three"), ("Expected", "four"), ("ObjectKey", "b.txt"), ("Moment", "2")];
    assert_eq!(deploy("update-stack", with(&third)).await, "UPDATE_ROLLBACK_COMPLETE");
    let failures = cloud.failures("example").await;
    assert!(failures.contains("Written") && failures.contains("Operation timed out"), "{failures}");

    // No execution remembers where the answer goes, and no address is kept after it.
    let histories = cloud.histories("assert").await;
    assert!(histories.len() >= 3, "{}", histories.len());
    for history in histories {
        assert!(history.contains("ExpectedContent") && !history.contains("cfn-response"), "{history}");
    }
    assert_eq!(cloud.waiting().await, 0);

    // The bucket can go only if the file is gone.
    cloud.aws(&["cloudformation", "delete-stack", "--stack-name", &cloud.stack("example")]).await;
    assert_eq!(cloud.settled("example").await, "DELETE_COMPLETE", "{}", cloud.failures("example").await);
}

/// A function that runs a line of Python on each event.
fn handler(line: &str) -> String {
    format!(
        "#!/usr/bin/env python3\n\
         import json, os, urllib.request\n\
         api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n\
         asked = 0\n\
         while True:\n\
         \x20   next = urllib.request.urlopen(api + 'next')\n\
         \x20   event, id = json.load(next), next.headers['Lambda-Runtime-Aws-Request-Id']\n\
         \x20   asked += 1\n\
         \x20   kind, answer = 'response', {{}}\n\
         \x20   {line}\n\
         \x20   urllib.request.urlopen(api + id + '/' + kind, data=json.dumps(answer).encode()).read()\n"
    )
}

impl Cloud {
    /// Creates a function from a script, and returns its ARN.
    async fn function(&self, kind: &str, line: &str) -> String {
        let zip = self.service.folder.join(format!("{}-{kind}.zip", self.name));
        let zip = zip.to_str().unwrap();
        let pack = "import sys, zipfile\n\
            info = zipfile.ZipInfo('bootstrap')\n\
            info.external_attr = 0o100755 << 16\n\
            zipfile.ZipFile(sys.argv[1], 'w').writestr(info, sys.argv[2])";
        run(&self.service, "python3", &["-c", pack, zip, &handler(line)]).await.unwrap();
        let name = format!("{}-{kind}", self.name);
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let role = ["iam", "create-role", "--role-name", &name, "--assume-role-policy-document", trust];
        let role = self.aws(&role).await;
        let (role, zip) = (text(&role["Role"], "Arn"), format!("fileb://{zip}"));
        let create = ["lambda", "create-function", "--function-name", &name, "--runtime", "provided.al2023"];
        let more = ["--handler", "bootstrap", "--role", role, "--zip-file", &zip, "--timeout", "10"];
        text(&self.aws(&[&create[..], &more[..]].concat()).await, "FunctionArn").to_owned()
    }
}

#[tokio::test]
async fn handlers_in_any_language_make_a_resource_and_are_asked_until_it_is_complete() {
    let cloud = Cloud::new("remote").await;
    let on_event = "answer = {'PhysicalResourceId': 'made', 'Data': {'Early': 'e', 'Both': 'early'}, 'Hint': 'h'}; \
                    fails = event['ResourceProperties'].get('Fails'); \
                    kind, answer = ('error', {'errorType': 'Refused', 'errorMessage': fails}) if fails and event['RequestType'] == 'Create' else (kind, answer)";
    let is_complete = "ready = asked > 2 and event['Hint'] == 'h' and event['PhysicalResourceId'] == 'made'; \
                       answer = {'IsComplete': ready, **({'Data': {'Both': 'late'}} if ready else {})}";
    let on_event = cloud.function("on-event", on_event).await;
    let is_complete = cloud.function("is-complete", is_complete).await;
    let remote = [("Provider", "remote"), ("OnEventFunction", &*on_event), ("IsCompleteFunction", &*is_complete)];
    cloud.provider("remote", &[&remote[..], &[("QueryInterval", "1"), ("QueryAttempts", "20")]].concat()).await;
    let token = cloud.output("remote", "ServiceToken").await;
    let template = cloud.service.folder.join(format!("{}.json", cloud.name));
    let resource = |properties: Value| {
        let mut properties = properties;
        properties["ServiceToken"] = json!(token);
        json!({
            "Resources": { "Thing": { "Type": "Custom::Thing", "Properties": properties } },
            "Outputs": {
                "Id": { "Value": { "Ref": "Thing" } },
                "Early": { "Value": { "Fn::GetAtt": ["Thing", "Early"] } },
                "Both": { "Value": { "Fn::GetAtt": ["Thing", "Both"] } },
            },
        })
        .to_string()
    };
    let file = template.to_str().unwrap();

    std::fs::write(&template, resource(json!({}))).unwrap();
    let status = cloud.deploy("create-stack", "thing", file, &[]).await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", cloud.failures("thing").await);
    for (key, value) in [("Id", "made"), ("Early", "e"), ("Both", "late")] {
        assert_eq!(cloud.output("thing", key).await, value);
    }

    // A failed creation tells the handler's message and where its log is; the Delete that follows does not reach the handler.
    std::fs::write(&template, resource(json!({ "Fails": "no such thing" }))).unwrap();
    let status = cloud.deploy("create-stack", "failing", file, &[]).await;
    assert_eq!(status, "ROLLBACK_COMPLETE");
    let failures = cloud.failures("failing").await;
    assert!(failures.contains("no such thing") && failures.contains("Logs: /aws/lambda/"), "{failures}");

    // Delivered twice, a request still leads to one resource.
    std::fs::write(&template, resource(json!({ "Of": "twice" }))).unwrap();
    let stack = cloud.stack("twice");
    let create =
        ["cloudformation", "create-stack", "--stack-name", &stack, "--template-body", &format!("file://{file}")];
    cloud.aws(&[&create[..], &["--tags", "Key=local:deliveries,Value=2"]].concat()).await;
    let status = cloud.settled("twice").await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", cloud.failures("twice").await);
    assert_eq!(cloud.waiting().await, 0);
}
