//! What handlers get, and what they return, as types and as the JSON of remote handlers.

use crate::entry::Failure;
use crate::protocol::{Data, PhysicalId, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// Its properties changed, or a failed change is undone.
    Update,
    /// It is no longer wanted.
    Delete,
}

/// An event for `on_event`. It has no response URL: handlers never answer themselves. Nor does `Debug` show any property.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// What is to be done.
    pub request_type: RequestType,
    /// The ID of the request, the same when it is delivered again.
    pub request_id: String,
    /// The ARN of the stack.
    pub stack_id: String,
    /// The type in the template.
    pub resource_type: String,
    /// The name in the template.
    pub logical_resource_id: String,
    /// The resource, on Update and Delete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub physical_resource_id: Option<String>,
    /// The properties in the template. Numbers and booleans in them are strings.
    pub resource_properties: Map<String, Value>,
    /// The properties before an Update.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_resource_properties: Option<Map<String, Value>>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("request_type", &self.request_type)
            .field("logical_resource_id", &self.logical_resource_id)
            .finish_non_exhaustive()
    }
}

impl From<&Request> for Event {
    fn from(request: &Request) -> Self {
        Self {
            request_type: match request.request_type() {
                "Create" => RequestType::Create,
                "Update" => RequestType::Update,
                _ => RequestType::Delete,
            },
            request_id: request.recipient.request_id().to_owned(),
            stack_id: request.recipient.stack_id().to_owned(),
            resource_type: request.resource_type.clone(),
            logical_resource_id: request.recipient.logical_id().to_owned(),
            physical_resource_id: request.physical_id().map(|id| id.as_str().to_owned()),
            resource_properties: request.properties.clone(),
            old_resource_properties: request.old_properties().cloned(),
        }
    }
}

impl Event {
    /// A property that is a text and not empty.
    pub fn text(&self, key: &str) -> Result<&str, Failure> {
        let text = self.resource_properties.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Failure::new(format!("The property {key} must be a text, and not empty.")))
    }

    /// A property that is a boolean, which arrives as a string. False if it is absent.
    pub fn flag(&self, key: &str) -> Result<bool, Failure> {
        match self.resource_properties.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(Failure::new(format!("The property {key} must be true or false."))),
        }
    }
}

/// What `on_event` returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outcome {
    /// The resource. By default a new one has the request's ID, and any other keeps its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub physical_resource_id: Option<String>,
    /// Attributes for `Fn::GetAtt`.
    #[serde(skip_serializing_if = "Data::is_empty", default)]
    pub data: Data,
    /// Whether CloudFormation masks the attributes.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub no_echo: bool,
    /// Anything else, which `is_complete` gets.
    #[serde(flatten)]
    pub more: Data,
}

impl Outcome {
    /// A resource with an ID.
    pub fn of(physical_resource_id: impl Into<String>) -> Self {
        Self { physical_resource_id: Some(physical_resource_id.into()), ..Self::default() }
    }

    /// With an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.0.insert(name.to_owned(), value.into());
        self
    }

    /// Reads what a remote handler returned. Nothing, `null` and an empty text count as an empty object. An error quotes nothing of
    /// it, since it may be secret.
    pub fn parse(payload: &[u8]) -> Result<Self, Failure> {
        if payload.is_empty() || payload == b"null" || payload == br#""""# {
            return Ok(Self::default());
        }
        let wrong = "onEvent must return a JSON object in which PhysicalResourceId is a text, Data an object and NoEcho a boolean.";
        serde_json::from_slice(payload).map_err(|_| Failure::new(wrong))
    }

    /// The resource that the request is about, once it is handled.
    ///
    /// A Create may choose any ID. An Update may choose another, and the resource is replaced: CloudFormation then sends a Delete
    /// for the old one. A Delete must keep it.
    pub(crate) fn settle(&self, event: &Event) -> Result<PhysicalId, Failure> {
        settled(event, self.physical_resource_id.as_deref(), event.physical_resource_id.as_deref())
    }
}

fn settled(event: &Event, chosen: Option<&str>, current: Option<&str>) -> Result<PhysicalId, Failure> {
    let parse = |id: &str| {
        PhysicalId::parse(id)
            .map_err(|error| Failure::new(format!("The handler returned a wrong PhysicalResourceId: {error}.")))
    };
    match (event.request_type, chosen, current) {
        (RequestType::Delete, Some(chosen), Some(current)) if chosen != current => {
            Err(Failure::new("The handler returned another PhysicalResourceId for a Delete."))
        }
        (_, Some(chosen), _) => parse(chosen),
        (_, None, Some(current)) => parse(current),
        (_, None, None) => parse(&event.request_id),
    }
}

/// What `is_complete` gets: the event, and what `on_event` returned, in which the ID of the resource is always present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pending {
    /// The event.
    pub event: Event,
    /// What `on_event` returned.
    pub returned: Outcome,
}

impl Pending {
    /// A field of the event as `on_event` left it.
    #[must_use]
    pub fn more(&self, key: &str) -> Option<&Value> {
        self.returned.more.0.get(key)
    }

    /// The JSON of a remote handler: both in one object, in which `on_event` prevails.
    #[must_use]
    pub fn merged(&self) -> Value {
        let mut merged = to_object(&self.event);
        merged.extend(to_object(&self.returned));
        Value::Object(merged)
    }

    pub(crate) fn physical_id(&self) -> Result<PhysicalId, Failure> {
        self.returned.settle(&self.event)
    }

    /// The resource once `is_complete` had its say.
    pub(crate) fn settle(&self, chosen: Option<&str>) -> Result<PhysicalId, Failure> {
        settled(&self.event, chosen, Some(self.physical_id()?.as_str()))
    }
}

fn to_object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => unreachable!("a struct with text keys is an object"),
    }
}

/// What `is_complete` returns.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Progress {
    /// Whether it is complete.
    pub is_complete: bool,
    /// The resource, where it is another than `on_event` said.
    #[serde(default)]
    pub physical_resource_id: Option<String>,
    /// Attributes, over those of `on_event`. Only what is complete may have some.
    #[serde(default)]
    pub data: Data,
    /// Whether CloudFormation masks the attributes.
    #[serde(default)]
    pub no_echo: bool,
}

impl Progress {
    /// It is complete.
    #[must_use]
    pub fn complete() -> Self {
        Self { is_complete: true, ..Self::default() }
    }

    /// Ask again.
    #[must_use]
    pub fn not_yet() -> Self {
        Self::default()
    }

    /// Reads what a remote handler returned. An error quotes nothing of it.
    pub fn parse(payload: &[u8]) -> Result<Self, Failure> {
        let wrong =
            "isComplete must return a JSON object in which IsComplete is a boolean, and Data, if any, an object.";
        serde_json::from_slice(payload).map_err(|_| Failure::new(wrong))
    }
}
