//! A request of CloudFormation, parsed once.

use super::answer::PhysicalId;
use super::response_url::{ResponseUrl, Trust};
use serde_json::{Map, Value};

/// Who waits for an answer: what it copies, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub(crate) url: ResponseUrl,
    pub(crate) stack_id: String,
    pub(crate) request_id: String,
    pub(crate) logical_id: String,
}

impl Recipient {
    /// Where the answer goes.
    #[must_use]
    pub fn url(&self) -> &ResponseUrl {
        &self.url
    }

    /// The ARN of the stack.
    #[must_use]
    pub fn stack_id(&self) -> &str {
        &self.stack_id
    }

    /// The ID of the request: up to 80 letters, digits, hyphens and underscores, so that it can name an execution.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The resource's name in the template: up to 255 letters and digits.
    #[must_use]
    pub fn logical_id(&self) -> &str {
        &self.logical_id
    }
}

/// What is to be done to the resource. It has no `Debug`, since properties may be secrets.
#[derive(Clone, PartialEq)]
pub enum Change {
    /// The resource is new.
    Create,
    /// Its properties changed, or a failed change is undone.
    Update {
        /// The resource.
        physical_id: PhysicalId,
        /// Its properties before.
        old_properties: Map<String, Value>,
    },
    /// It is no longer wanted.
    Delete {
        /// The resource.
        physical_id: PhysicalId,
    },
}

/// A request of CloudFormation. `Debug` shows no property: they may be secrets.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Who waits for the answer.
    pub recipient: Recipient,
    /// What is to be done.
    pub change: Change,
    /// The type in the template, such as `Custom::File`.
    pub resource_type: String,
    /// The properties in the template, `ServiceToken` among them. Numbers and booleans in them are strings.
    pub properties: Map<String, Value>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("recipient", &self.recipient)
            .field("type", &self.request_type())
            .field("physical_id", &self.physical_id())
            .finish_non_exhaustive()
    }
}

/// Why an event is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is not a JSON object.
    #[error("the event is not a JSON object")]
    Json,
    /// A field is missing, or not what it should be.
    #[error("the event's {0} is missing or malformed")]
    Field(&'static str),
    /// The response URL is not CloudFormation's.
    #[error("the event's ResponseURL is not in CloudFormation's response bucket of this region")]
    ResponseUrl,
    /// The stack is not of this account and region.
    #[error("the event's StackId is not of this account and region")]
    ForeignStack,
}

/// An event that cannot be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Nobody can be told.
    Unanswerable(Invalid),
    /// CloudFormation can be told.
    Answerable {
        /// Who waits.
        recipient: Box<Recipient>,
        /// The resource as far as the event named it, or a marker.
        physical_id: PhysicalId,
        /// Why.
        why: Invalid,
    },
}

fn text<'a>(event: &'a Map<String, Value>, key: &'static str, limit: usize) -> Result<&'a str, Invalid> {
    event
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty() && text.len() <= limit && !text.contains(char::is_control))
        .ok_or(Invalid::Field(key))
}

fn name<'a>(event: &'a Map<String, Value>, key: &'static str, limit: usize) -> Result<&'a str, Invalid> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text(event, key, limit).and_then(|text| text.bytes().all(is_name).then_some(text).ok_or(Invalid::Field(key)))
}

fn object(event: &Map<String, Value>, key: &'static str) -> Result<Map<String, Value>, Invalid> {
    // CloudFormation sends no properties for a resource that has none but its token in some older stacks.
    match event.get(key) {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Invalid::Field(key)),
    }
}

impl Recipient {
    fn parse(event: &Map<String, Value>, trust: &Trust) -> Result<Self, Invalid> {
        let url = event.get("ResponseURL").and_then(Value::as_str).ok_or(Invalid::Field("ResponseURL"))?;
        let stack_id = text(event, "StackId", 512)?;
        if !trust.owns_stack(stack_id) {
            return Err(Invalid::ForeignStack);
        }
        Ok(Self {
            url: ResponseUrl::parse(url, trust).ok_or(Invalid::ResponseUrl)?,
            stack_id: stack_id.to_owned(),
            request_id: name(event, "RequestId", 80)?.to_owned(),
            logical_id: name(event, "LogicalResourceId", 255)?.to_owned(),
        })
    }
}

impl Request {
    /// Parses an event.
    pub fn parse(event: &str, trust: &Trust) -> Result<Self, Rejected> {
        let event: Map<String, Value> =
            serde_json::from_str(event).map_err(|_| Rejected::Unanswerable(Invalid::Json))?;
        let recipient = Recipient::parse(&event, trust).map_err(Rejected::Unanswerable)?;
        match Self::body(&event) {
            Ok((change, resource_type, properties)) => Ok(Self { recipient, change, resource_type, properties }),
            Err(why) => Err(Rejected::Answerable {
                recipient: Box::new(recipient),
                physical_id: physical_id(&event).unwrap_or_else(|_| {
                    let created = event.get("RequestType").and_then(Value::as_str) == Some("Create");
                    if created { PhysicalId::create_failed() } else { PhysicalId::missing() }
                }),
                why,
            }),
        }
    }

    fn body(event: &Map<String, Value>) -> Result<(Change, String, Map<String, Value>), Invalid> {
        let change = match text(event, "RequestType", 16)? {
            "Create" => Change::Create,
            "Update" => Change::Update {
                physical_id: physical_id(event)?,
                old_properties: object(event, "OldResourceProperties")?,
            },
            "Delete" => Change::Delete { physical_id: physical_id(event)? },
            _ => return Err(Invalid::Field("RequestType")),
        };
        Ok((change, text(event, "ResourceType", 255)?.to_owned(), object(event, "ResourceProperties")?))
    }

    /// The type as CloudFormation writes it.
    #[must_use]
    pub fn request_type(&self) -> &'static str {
        match self.change {
            Change::Create => "Create",
            Change::Update { .. } => "Update",
            Change::Delete { .. } => "Delete",
        }
    }

    /// The resource, unless it is to be created.
    #[must_use]
    pub fn physical_id(&self) -> Option<&PhysicalId> {
        match &self.change {
            Change::Create => None,
            Change::Update { physical_id, .. } | Change::Delete { physical_id } => Some(physical_id),
        }
    }

    /// The properties before an update.
    #[must_use]
    pub fn old_properties(&self) -> Option<&Map<String, Value>> {
        match &self.change {
            Change::Update { old_properties, .. } => Some(old_properties),
            Change::Create | Change::Delete { .. } => None,
        }
    }

    /// The physical ID in an answer that says the request failed, if the handler named none: the current one, or for a Create
    /// the marker.
    #[must_use]
    pub fn failed_id(&self) -> PhysicalId {
        self.physical_id().cloned().unwrap_or_else(PhysicalId::create_failed)
    }
}

fn physical_id(event: &Map<String, Value>) -> Result<PhysicalId, Invalid> {
    const KEY: &str = "PhysicalResourceId";
    event.get(KEY).and_then(Value::as_str).and_then(|id| PhysicalId::parse(id).ok()).ok_or(Invalid::Field(KEY))
}
