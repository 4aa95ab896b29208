//! An answer, which always fits.

use super::request::Recipient;
use super::{CREATE_FAILED, MISSING_PHYSICAL_ID};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most bytes that CloudFormation accepts in an answer.
pub const BODY_LIMIT: usize = 4_096;

/// What ends a reason that was cut.
pub const REASON_CUT: &str = "… (cut)";

/// The reason of a failure that has none: CloudFormation refuses an empty one.
const NO_REASON: &str = "The handler failed and gave no reason.";

/// The ID of a resource: 1 to 1,024 bytes, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PhysicalId(String);

/// A text that cannot be a physical ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a physical ID has 1 to 1,024 bytes and no control characters")]
pub struct PhysicalIdError;

impl PhysicalId {
    /// Accepts what CloudFormation accepts. Control characters would grow sixfold in JSON, and an answer might not fit.
    pub fn parse(text: &str) -> Result<Self, PhysicalIdError> {
        let fits = (1..=1_024).contains(&text.len()) && !text.contains(|c: char| c < ' ');
        fits.then(|| Self(text.to_owned())).ok_or(PhysicalIdError)
    }

    /// The default ID of a new resource: the ID of the request, which is the same when the request is delivered again.
    #[must_use]
    pub fn of_request(recipient: &Recipient) -> Self {
        Self(recipient.request_id().to_owned())
    }

    pub(crate) fn create_failed() -> Self {
        Self(CREATE_FAILED.to_owned())
    }

    pub(crate) fn missing() -> Self {
        Self(MISSING_PHYSICAL_ID.to_owned())
    }

    /// Whether it stands for a resource that was never created.
    #[must_use]
    pub fn is_marker(&self) -> bool {
        self.0 == CREATE_FAILED
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The attributes of a resource, for `Fn::GetAtt`. `Debug` shows their names only.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(pub Map<String, Value>);

impl Data {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "*****"))).finish()
    }
}

/// A request that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// The resource. Another one than before an Update means that it was replaced.
    pub physical_id: PhysicalId,
    /// Its attributes.
    pub data: Data,
    /// Whether CloudFormation masks the attributes wherever it shows them.
    pub no_echo: bool,
}

/// An answer to CloudFormation.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The request succeeded.
    Success(Success),
    /// It failed.
    Failed {
        /// The resource, or a marker.
        physical_id: PhysicalId,
        /// For the owner of the stack. It is cut to fit.
        reason: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Map<String, Value>>,
}

impl Answer {
    /// Whether it says that the request succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success(_))
    }

    /// The resource that it names.
    #[must_use]
    pub fn physical_id(&self) -> &PhysicalId {
        match self {
            Self::Success(Success { physical_id, .. }) | Self::Failed { physical_id, .. } => physical_id,
        }
    }

    /// This answer if it fits; otherwise one that fits and says so. A success whose attributes are too large becomes a failure
    /// that names the resource, so that CloudFormation deletes it.
    #[must_use]
    pub fn fitting(self, to: &Recipient) -> Self {
        match self {
            Self::Success(success) => {
                let size = json(&success_body(&success, to)).len();
                if size <= BODY_LIMIT {
                    return Self::Success(success);
                }
                let reason = format!(
                    "The answer has {size} bytes, and CloudFormation accepts {BODY_LIMIT}: return fewer or shorter attributes."
                );
                Self::Failed { physical_id: success.physical_id, reason }
            }
            Self::Failed { physical_id, reason } => {
                let reason = if reason.trim().is_empty() { NO_REASON.to_owned() } else { reason };
                let overhead = json(&failed_body(&physical_id, "", to)).len();
                Self::Failed { reason: cut(reason, BODY_LIMIT.saturating_sub(overhead)), physical_id }
            }
        }
    }

    /// The body to send, at most [`BODY_LIMIT`] bytes.
    #[must_use]
    pub fn body(self, to: &Recipient) -> Vec<u8> {
        match self.fitting(to) {
            Self::Success(success) => json(&success_body(&success, to)),
            Self::Failed { physical_id, reason } => json(&failed_body(&physical_id, &reason, to)),
        }
    }
}

fn success_body<'a>(success: &'a Success, to: &'a Recipient) -> Body<'a> {
    let Success { physical_id, data, no_echo } = success;
    Body {
        status: "SUCCESS",
        reason: None,
        physical_resource_id: physical_id.as_str(),
        stack_id: &to.stack_id,
        request_id: &to.request_id,
        logical_resource_id: &to.logical_id,
        no_echo: *no_echo,
        data: (!data.0.is_empty()).then_some(&data.0),
    }
}

fn failed_body<'a>(physical_id: &'a PhysicalId, reason: &'a str, to: &'a Recipient) -> Body<'a> {
    Body {
        status: "FAILED",
        reason: Some(reason),
        physical_resource_id: physical_id.as_str(),
        stack_id: &to.stack_id,
        request_id: &to.request_id,
        logical_resource_id: &to.logical_id,
        no_echo: false,
        data: None,
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("maps with text keys are JSON")
}

/// The bytes that a character takes within a JSON string, as `serde_json` writes it.
fn escaped(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Cuts a text to what takes this many bytes within a JSON string, and says that it did.
fn cut(text: String, limit: usize) -> String {
    if text.chars().map(escaped).sum::<usize>() <= limit {
        return text;
    }
    let mut left = limit.saturating_sub(REASON_CUT.len());
    let kept = text.chars().take_while(|c| {
        let size = escaped(*c);
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    kept.chain(REASON_CUT.chars()).collect()
}
