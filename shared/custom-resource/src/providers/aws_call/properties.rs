//! The properties of an `AwsCustomResource`.

use crate::entry::Failure;
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// In a parameter, it is replaced by the ID of the resource. The text is the CDK's.
const PHYSICAL_ID: &str = "PHYSICAL:RESOURCEID:";

/// A call of an API. It has no `Debug`: its parameters may be secrets.
pub(super) struct AwsCall {
    /// The service, as SDKs spell it.
    pub(super) service: String,
    /// The action.
    pub(super) action: String,
    /// The region, if not the function's.
    pub(super) region: Option<String>,
    /// A role to assume before the call.
    pub(super) assumed_role_arn: Option<String>,
    pub(super) id: Option<String>,
    pub(super) id_path: Option<String>,
    parameters: Map<String, Value>,
    output_paths: Option<Vec<String>>,
    ignored: Option<Regex>,
}

/// As the template writes it. A template that needs numbers or booleans in parameters gives the call as JSON text: within objects,
/// CloudFormation turns both into strings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    service: String,
    action: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    physical_resource_id: Option<String>,
    physical_resource_id_path: Option<String>,
    output_paths: Option<Vec<String>>,
    ignore_error_codes_matching: Option<String>,
    region: Option<String>,
    assumed_role_arn: Option<String>,
}

/// The calls of a resource.
pub(super) struct Calls {
    pub(super) create: Option<AwsCall>,
    pub(super) update: Option<AwsCall>,
    pub(super) delete: Option<AwsCall>,
}

impl Calls {
    pub(super) fn parse(properties: &Map<String, Value>) -> Result<Self, Failure> {
        let call = |key| properties.get(key).map(|value| AwsCall::parse(key, value)).transpose();
        let calls = Self { create: call("onCreate")?, update: call("onUpdate")?, delete: call("onDelete")? };
        if calls.create.is_none() && calls.update.is_none() && calls.delete.is_none() {
            return Err(Failure::new("At least one of onCreate, onUpdate and onDelete is needed."));
        }
        if calls.create.as_ref().is_some_and(|call| call.parameters.values().any(mentions_id)) {
            return Err(Failure::new(
                "A parameter of onCreate refers to the ID of the resource, which does not exist yet.",
            ));
        }
        Ok(calls)
    }
}

impl AwsCall {
    fn parse(key: &str, value: &Value) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::new(format!("The property {key} {what}."));
        // Serde's message is dropped: it may quote a parameter.
        let raw: Option<Raw> = match value {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => serde_json::from_value(value.clone()).ok(),
        };
        let raw = raw.ok_or_else(|| {
            wrong(
                "must be an object, or JSON text of one, with service, action, and of parameters, physicalResourceId, \
                 physicalResourceIdPath, outputPaths, ignoreErrorCodesMatching, region and assumedRoleArn what is needed",
            )
        })?;
        let is_label = |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_label(&raw.service) || !is_label(&raw.action) || !raw.region.as_ref().is_none_or(is_label) {
            return Err(wrong("names a malformed service, action or region"));
        }
        if raw.physical_resource_id.is_some() && raw.physical_resource_id_path.is_some() {
            return Err(wrong("has both physicalResourceId and physicalResourceIdPath"));
        }
        let is_ignoring = raw.ignore_error_codes_matching.is_some();
        if is_ignoring && (raw.physical_resource_id_path.is_some() || raw.output_paths.is_some()) {
            return Err(wrong(
                "ignores errors, after which there is no response for physicalResourceIdPath or outputPaths",
            ));
        }
        // The whole code must match: "NotFound" should not ignore "RoleNotFoundForbidden".
        let ignored = raw.ignore_error_codes_matching.map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
        Ok(Self {
            service: raw.service,
            action: raw.action,
            region: raw.region,
            assumed_role_arn: raw.assumed_role_arn,
            id: raw.physical_resource_id,
            id_path: raw.physical_resource_id_path,
            parameters: raw.parameters,
            output_paths: raw.output_paths,
            ignored: ignored.transpose().map_err(|_| wrong("has a malformed ignoreErrorCodesMatching"))?,
        })
    }

    /// Whether it says what the ID of a new resource is.
    pub(super) fn names_resource(&self) -> bool {
        self.id.is_some() || self.id_path.is_some()
    }

    /// The parameters, with the ID of the resource where they refer to it.
    pub(super) fn parameters(&self, physical_id: Option<&str>) -> Result<Map<String, Value>, Failure> {
        match physical_id {
            Some(id) => Ok(self.parameters.iter().map(|(key, value)| (key.clone(), replaced(value, id))).collect()),
            None if self.parameters.values().any(mentions_id) => {
                Err(Failure::new("A parameter refers to the ID of the resource, which does not exist yet."))
            }
            None => Ok(self.parameters.clone()),
        }
    }

    /// Whether an error of this code is as good as success.
    pub(super) fn ignores(&self, code: &str) -> bool {
        self.ignored.as_ref().is_some_and(|pattern| pattern.is_match(code))
    }

    /// Whether an attribute is wanted.
    pub(super) fn returns(&self, path: &str) -> bool {
        self.output_paths.as_ref().is_none_or(|paths| {
            paths.iter().any(|wanted| {
                path.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
    }
}

fn mentions_id(value: &Value) -> bool {
    match value {
        Value::String(text) => text == PHYSICAL_ID,
        Value::Array(items) => items.iter().any(mentions_id),
        Value::Object(object) => object.values().any(mentions_id),
        _ => false,
    }
}

fn replaced(value: &Value, id: &str) -> Value {
    match value {
        Value::String(text) if text == PHYSICAL_ID => id.into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, id)).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), replaced(value, id))).collect(),
        other => other.clone(),
    }
}
