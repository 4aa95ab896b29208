//! `AwsCustomResource`: a call of an API of AWS for each of create, update and delete.

mod allowed;
mod properties;
mod service;

pub use allowed::{Allowed, AllowedError};

use crate::aws::{Aws, Body, Call, CallError, Endpoint, flatten_query, read_xml};
use crate::entry::Failure;
use crate::framework::{Event, Outcome, Provider, RequestType};
use crate::surroundings::{Http, Jitter, Time};
use aws_credential_types::Credentials;
use properties::{AwsCall, Calls};
use serde_json::{Map, Value};
use service::Protocol;
use std::time::Duration;

/// Makes the calls that the template describes in the properties `onCreate`, `onUpdate` and `onDelete`.
///
/// Only calls on the list that the function was deployed with are made, with the rights of the function's role or of a role that it
/// may assume.
#[derive(Clone, Debug)]
pub struct AwsCustomResource<S> {
    /// AWS.
    pub aws: Aws<S>,
    /// The calls that may be made.
    pub allowed: Allowed,
}

impl<S: Http + Time + Jitter + Clone> Provider for AwsCustomResource<S> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        let calls = Calls::parse(&event.resource_properties)?;
        let call = match event.request_type {
            RequestType::Create => calls.create.as_ref().or(calls.update.as_ref()),
            RequestType::Update => calls.update.as_ref(),
            RequestType::Delete => calls.delete.as_ref(),
        };
        let Some(call) = call else { return Ok(Outcome::default()) };
        let is_create = event.request_type == RequestType::Create;
        if is_create && !call.names_resource() {
            let wrong = "The call that creates the resource needs physicalResourceId or physicalResourceIdPath.";
            return Err(Failure::new(wrong));
        }
        let parameters = call.parameters(event.physical_resource_id.as_deref())?;
        self.allowed
            .check(&call.service, &call.action, &parameters)
            .map_err(|error| Failure::new(format!("{error}.")))?;
        let response = match self.send(call, &parameters, &event.request_id).await {
            Ok(response) => response,
            Err(error) if call.ignores(error.code()) => Map::new(),
            Err(error) => return Err(Failure::new(format!("{}:{} failed: {error}", call.service, call.action))),
        };
        if event.request_type == RequestType::Delete {
            return Ok(Outcome::default());
        }
        outcome(call, response)
    }
}

fn outcome(call: &AwsCall, response: Map<String, Value>) -> Result<Outcome, Failure> {
    let mut flat = Map::new();
    flatten(&mut flat, "", Value::Object(response));
    let physical_resource_id = match &call.id_path {
        None => call.id.clone(),
        Some(path) => {
            Some(flat.get(path).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(
                // Something may exist by now, under a name that nobody can tell.
                || Failure::new(format!("The response has nothing at physicalResourceIdPath {path}.")),
            )?)
        }
    };
    let mut outcome = Outcome { physical_resource_id, ..Outcome::default() };
    outcome.data.0 = flat.into_iter().filter(|(path, _)| call.returns(path)).collect();
    Ok(outcome)
}

/// Dotted paths to all scalars, which become texts: `Items.0.Title.S`.
fn flatten(flat: &mut Map<String, Value>, path: &str, value: Value) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(object) => object.into_iter().for_each(|(key, value)| flatten(flat, &below(&key), value)),
        Value::Array(items) => {
            for (at, item) in items.into_iter().enumerate() {
                flatten(flat, &below(&at.to_string()), item);
            }
        }
        Value::String(text) => {
            flat.insert(path.to_owned(), Value::String(text));
        }
        other => {
            flat.insert(path.to_owned(), Value::String(other.to_string()));
        }
    }
}

impl<S: Http + Time + Jitter + Clone> AwsCustomResource<S> {
    async fn send(
        &self,
        call: &AwsCall,
        parameters: &Map<String, Value>,
        request_id: &str,
    ) -> Result<Map<String, Value>, CallError> {
        let mut aws = self.aws.clone();
        if let Some(role) = &call.assumed_role_arn {
            aws.credentials = self.assume(role, request_id).await?;
        }
        if let Some(region) = &call.region {
            aws.region.clone_from(region);
        }
        invoke(&aws, &call.service, &call.action, parameters).await
    }

    async fn assume(&self, role: &str, request_id: &str) -> Result<Credentials, CallError> {
        let parameters = Map::from_iter([
            ("RoleArn".to_owned(), Value::from(role)),
            // At most 64 characters; a request's ID has letters, digits, hyphens and underscores.
            (
                "RoleSessionName".to_owned(),
                Value::from(format!("custom-{}", request_id.chars().take(50).collect::<String>())),
            ),
        ]);
        let response = query(&self.aws, "sts", "sts", "2011-06-15", "AssumeRole", &parameters).await?;
        let text = |key: &str| {
            let value = response.get("Credentials").and_then(|credentials| credentials.get(key));
            value.and_then(Value::as_str).map(str::to_owned).ok_or(CallError::Unreadable)
        };
        Ok(Credentials::new(
            text("AccessKeyId")?,
            text("SecretAccessKey")?,
            Some(text("SessionToken")?),
            None,
            "assumed",
        ))
    }
}

async fn invoke<S: Http + Time + Jitter>(
    aws: &Aws<S>,
    service: &str,
    action: &str,
    parameters: &Map<String, Value>,
) -> Result<Map<String, Value>, CallError> {
    let Some(service) = service::find(service) else {
        return Err(CallError::Service {
            code: "UnknownService".to_owned(),
            message: "this service speaks no protocol in which an action can be called by its name".to_owned(),
            status: 0,
        });
    };
    match service.protocol {
        Protocol::Json(version, prefix) => {
            let endpoint = Endpoint { host: service.host, signing_name: service.signing_name };
            let body = Value::Object(parameters.clone());
            match aws.json(endpoint, &format!("{prefix}.{action}"), version, &body).await? {
                Value::Object(object) => Ok(object),
                _ => Err(CallError::Unreadable),
            }
        }
        Protocol::Query(version) => query(aws, service.host, service.signing_name, version, action, parameters).await,
    }
}

async fn query<S: Http + Time + Jitter>(
    aws: &Aws<S>,
    host: &str,
    signing_name: &str,
    version: &str,
    action: &str,
    parameters: &Map<String, Value>,
) -> Result<Map<String, Value>, CallError> {
    let response = aws
        .call(&Call {
            endpoint: Endpoint { host, signing_name },
            method: "POST",
            path: "/".to_owned(),
            headers: Vec::new(),
            body: Body {
                content_type: "application/x-www-form-urlencoded; charset=utf-8",
                bytes: flatten_query(action, version, parameters).into_bytes(),
            },
            timeout: Duration::from_secs(30),
        })
        .await?;
    let document = std::str::from_utf8(&response.body).ok().and_then(read_xml).ok_or(CallError::Unreadable)?;
    // <ActionResponse><ActionResult>…</ActionResult></ActionResponse>
    match document.get(format!("{action}Result")) {
        Some(Value::Object(result)) => Ok(result.clone()),
        _ => Ok(Map::new()),
    }
}
