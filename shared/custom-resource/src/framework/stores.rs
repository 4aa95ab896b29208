//! SSM Parameter Store and Step Functions.

use super::{Executions, ServiceFailed, Urls};
use crate::aws::{Aws, CallError, Endpoint, JsonVersion};
use crate::surroundings::{Http, Jitter, Time};
use serde_json::{Value, json};

/// Response URLs as `SecureString` parameters under a prefix, one for each request that is waited for.
#[derive(Clone, Debug)]
pub struct ParameterStore<S> {
    /// AWS.
    pub aws: Aws<S>,
    /// Begins and ends with a slash. One for each stack.
    pub prefix: String,
    /// A KMS key, instead of the account's own for parameters.
    pub key: Option<String>,
}

fn failed(service: &'static str) -> impl Fn(CallError) -> ServiceFailed {
    move |error| ServiceFailed { service, code: error.code().to_owned() }
}

impl<S: Http + Time + Jitter> ParameterStore<S> {
    async fn ask(&self, action: &str, body: Value) -> Result<Value, CallError> {
        let endpoint = Endpoint { host: "ssm", signing_name: "ssm" };
        self.aws.json(endpoint, &format!("AmazonSSM.{action}"), JsonVersion::V1_1, &body).await
    }

    fn name(&self, request_id: &str) -> String {
        format!("{}{request_id}", self.prefix)
    }
}

impl<S: Http + Time + Jitter> Urls for ParameterStore<S> {
    async fn keep(&self, request_id: &str, url: &str) -> Result<bool, ServiceFailed> {
        let mut body =
            json!({ "Name": self.name(request_id), "Value": url, "Type": "SecureString", "Overwrite": false });
        if let Some(key) = &self.key {
            body["KeyId"] = json!(key);
        }
        match self.ask("PutParameter", body).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == "ParameterAlreadyExists" => Ok(false),
            Err(error) => Err(failed("Parameter Store")(error)),
        }
    }

    async fn recall(&self, request_id: &str) -> Result<Option<String>, ServiceFailed> {
        let body = json!({ "Name": self.name(request_id), "WithDecryption": true });
        match self.ask("GetParameter", body).await {
            Ok(found) => Ok(found.pointer("/Parameter/Value").and_then(Value::as_str).map(str::to_owned)),
            Err(error) if error.code() == "ParameterNotFound" => Ok(None),
            Err(error) => Err(failed("Parameter Store")(error)),
        }
    }

    async fn forget(&self, request_id: &str) -> Result<(), ServiceFailed> {
        match self.ask("DeleteParameter", json!({ "Name": self.name(request_id) })).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == "ParameterNotFound" => Ok(()),
            Err(error) => Err(failed("Parameter Store")(error)),
        }
    }
}

/// A state machine, of the standard type: only those have one execution for each name.
#[derive(Clone, Debug)]
pub struct StepFunctions<S> {
    /// AWS.
    pub aws: Aws<S>,
    /// The state machine.
    pub arn: String,
}

impl<S: Http + Time + Jitter> Executions for StepFunctions<S> {
    async fn start(&self, name: &str, input: &str) -> Result<bool, ServiceFailed> {
        let endpoint = Endpoint { host: "states", signing_name: "states" };
        let body = json!({ "stateMachineArn": self.arn, "name": name, "input": input });
        match self.aws.json(endpoint, "AWSStepFunctions.StartExecution", JsonVersion::V1_0, &body).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == "ExecutionAlreadyExists" => Ok(false),
            Err(error) => Err(failed("Step Functions")(error)),
        }
    }
}
