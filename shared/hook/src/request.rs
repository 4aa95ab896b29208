//! What a hook and its functions are asked.
//!
//! There are two forms: the one in which the invoker of the public sample asks its functions, and the one in which AWS's managed
//! `AWS::CloudFormation::LambdaHook` does.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// It is created.
    Create,
    /// It is updated.
    Update,
    /// It is deleted.
    Delete,
}

impl Action {
    /// The three of them.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The invocation point before it.
    #[must_use]
    pub fn point(self) -> &'static str {
        match self {
            Self::Create => "CREATE_PRE_PROVISION",
            Self::Update => "UPDATE_PRE_PROVISION",
            Self::Delete => "DELETE_PRE_PROVISION",
        }
    }

    fn of_point(point: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.point() == point)
    }
}

/// The form of a request, which its answer must have too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// That of the invoker.
    Invoker,
    /// That of the managed hook.
    Managed,
}

/// A question about a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Names the request, for logs and the answer of the managed form.
    pub token: String,
    /// The 12 digits of the account.
    pub account: String,
    /// The stack.
    pub stack: String,
    /// The change set, if there is one.
    pub change_set: Option<String>,
    /// The name of the hook's type.
    pub hook: String,
    /// The version of the hook's type.
    pub hook_version: String,
    /// What happens to the resource.
    pub action: Action,
    /// The type of the resource, such as `AWS::S3::Bucket`.
    pub target: String,
    /// Its logical id.
    pub logical_id: String,
    /// What it will be: empty where it is deleted.
    pub properties: Map<String, Value>,
    /// What it was, where it is updated.
    pub previous: Option<Map<String, Value>>,
    /// What the function answered last time to be reminded of.
    pub context: Option<Map<String, Value>>,
}

/// Why something is no question about a resource. It repeats nothing: properties may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// It is no JSON object in one of the two forms.
    #[error("the event is no request of a hook")]
    Form,
    /// It is about something that the hook does not judge, such as a whole stack.
    #[error("the request is not about a resource")]
    Target,
    /// A field is missing or of another kind.
    #[error("the request has no {0}")]
    Field(&'static str),
}

impl Request {
    /// The request as the invoker sends it to a function, with that function's own context.
    #[must_use]
    pub fn for_function(&self, context: Option<&Map<String, Value>>) -> Value {
        let mut model = json!({ "resourceProperties": self.properties });
        if let Some(previous) = &self.previous {
            model["previousResourceProperties"] = json!(previous);
        }
        json!({
            "request": {
                "clientRequestToken": self.token,
                "hookContext": {
                    "awsAccountId": self.account,
                    "stackId": self.stack,
                    "changeSetId": self.change_set,
                    "hookTypeName": self.hook,
                    "hookTypeVersion": self.hook_version,
                    "invocationPoint": self.action.point(),
                    "targetName": self.target,
                    "targetType": "RESOURCE",
                    "targetLogicalId": self.logical_id,
                    "targetModel": model,
                },
            },
            "callbackContext": context.cloned().unwrap_or_default(),
        })
    }

    /// The request as the managed hook sends it, at its `invocation`-th time.
    #[must_use]
    pub fn for_managed(&self, invocation: u32) -> Value {
        let mut model = json!({ "resourceProperties": self.properties });
        if let Some(previous) = &self.previous {
            model["previousResourceProperties"] = json!(previous);
        }
        json!({
            "clientRequestToken": self.token,
            "awsAccountId": self.account,
            "stackId": self.stack,
            "changeSetId": self.change_set,
            "hookTypeName": self.hook,
            "hookTypeVersion": self.hook_version,
            "actionInvocationPoint": self.action.point(),
            "requestData": {
                "targetName": self.target,
                "targetType": self.target,
                "targetLogicalId": self.logical_id,
                "targetModel": model,
            },
            "requestContext": { "invocation": invocation, "callbackContext": self.context },
        })
    }

    /// Reads a request in either form.
    pub fn parse(json: &str) -> Result<(Self, Form), NoRequest> {
        let Ok(Value::Object(event)) = serde_json::from_str(json) else { return Err(NoRequest::Form) };
        match (event.get("request"), event.get("requestData")) {
            (Some(Value::Object(request)), None) => {
                let about = object(request, "hookContext")?;
                let kind = text(about, "targetType")?;
                if kind != "RESOURCE" {
                    return Err(NoRequest::Target);
                }
                let context = event.get("callbackContext");
                Ok((
                    read(text(request, "clientRequestToken")?, about, about, "invocationPoint", context)?,
                    Form::Invoker,
                ))
            }
            (None, Some(Value::Object(data))) => {
                // A whole stack or change set comes as the address of a template.
                if !text(data, "targetName")?.contains("::") {
                    return Err(NoRequest::Target);
                }
                let context = event.get("requestContext").and_then(|context| context.get("callbackContext"));
                Ok((
                    read(text(&event, "clientRequestToken")?, &event, data, "actionInvocationPoint", context)?,
                    Form::Managed,
                ))
            }
            _ => Err(NoRequest::Form),
        }
    }
}

fn read(
    token: &str,
    about: &Map<String, Value>,
    target: &Map<String, Value>,
    point: &'static str,
    context: Option<&Value>,
) -> Result<Request, NoRequest> {
    let action = Action::of_point(text(about, point)?).ok_or(NoRequest::Field(point))?;
    let model = object(target, "targetModel")?;
    let properties = match model.get("resourceProperties") {
        Some(Value::Object(properties)) => properties.clone(),
        // Of a resource that is deleted nothing is proposed.
        None | Some(Value::Null) if action == Action::Delete => Map::new(),
        _ => return Err(NoRequest::Field("resourceProperties")),
    };
    let previous = match model.get("previousResourceProperties") {
        Some(Value::Object(properties)) => Some(properties.clone()),
        None | Some(Value::Null) => None,
        _ => return Err(NoRequest::Field("previousResourceProperties")),
    };
    let context = match context {
        Some(Value::Object(context)) if !context.is_empty() => Some(context.clone()),
        Some(Value::Object(_) | Value::Null) | None => None,
        _ => return Err(NoRequest::Field("callbackContext")),
    };
    Ok(Request {
        token: token.to_owned(),
        account: text(about, "awsAccountId")?.to_owned(),
        stack: optional(about, "stackId").to_owned(),
        change_set: about.get("changeSetId").and_then(Value::as_str).map(str::to_owned),
        hook: text(about, "hookTypeName")?.to_owned(),
        hook_version: optional(about, "hookTypeVersion").to_owned(),
        action,
        target: text(target, "targetName")?.to_owned(),
        logical_id: optional(target, "targetLogicalId").to_owned(),
        properties,
        previous,
        context,
    })
}

fn text<'a>(map: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, NoRequest> {
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(NoRequest::Field(key))
}

fn optional<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn object<'a>(map: &'a Map<String, Value>, key: &'static str) -> Result<&'a Map<String, Value>, NoRequest> {
    map.get(key).and_then(Value::as_object).ok_or(NoRequest::Field(key))
}
