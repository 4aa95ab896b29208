//! What a function answers, read so that no slip lets a resource pass: whatever is missing, of another kind or in contradiction is
//! a failure with a sentence of its own.

use crate::cut;
use crate::request::Form;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How far a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The resource complies.
    Success,
    /// It does not, or nobody knows.
    Failed,
    /// The function wants to be asked again.
    InProgress,
}

/// The error codes of handlers.
#[allow(missing_docs, reason = "AWS's list explains them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum ErrorCode {
    NotUpdatable,
    InvalidRequest,
    AccessDenied,
    InvalidCredentials,
    AlreadyExists,
    NotFound,
    ResourceConflict,
    Throttling,
    ServiceLimitExceeded,
    NotStabilized,
    GeneralServiceException,
    ServiceInternalError,
    NetworkFailure,
    InternalFailure,
    InvalidTypeConfiguration,
    HandlerInternalFailure,
    NonCompliant,
    UnsupportedTarget,
    Unknown,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The resource complies.
    Success {
        /// What the function says of it.
        message: String,
    },
    /// It does not, or the function could not find out.
    Failed {
        /// Why.
        code: ErrorCode,
        /// What the function says of it.
        message: String,
    },
    /// The function wants to be asked again.
    InProgress {
        /// What it says meanwhile.
        message: String,
        /// What it wants to be reminded of.
        context: Option<Map<String, Value>>,
        /// After how many seconds, at least.
        delay: u32,
    },
}

impl Answer {
    pub(crate) fn broken(sentence: &str) -> Self {
        Self::Failed { code: ErrorCode::InternalFailure, message: sentence.to_owned() }
    }

    /// Reads what a function of the invoker answered. A field that is absent counts as a failure's, so that a success must say so
    /// in full.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Self {
        read(payload, "status").unwrap_or_else(Self::broken)
    }

    /// Reads what a function of the managed hook answered to the request with this token. AWS knows two codes there.
    #[must_use]
    pub fn parse_managed(payload: &[u8], token: &str) -> Self {
        let answer = read(payload, "hookStatus").unwrap_or_else(Self::broken);
        let Ok(Value::Object(fields)) = serde_json::from_slice(payload) else { return answer };
        let named = fields.get("clientRequestToken").and_then(Value::as_str);
        match answer {
            _ if named != Some(token) => Self::broken("the answer is not to this request: clientRequestToken differs"),
            Self::Failed { code, .. } if !matches!(code, ErrorCode::NonCompliant | ErrorCode::InternalFailure) => {
                Self::broken("errorCode is neither NonCompliant nor InternalFailure")
            }
            answer => answer,
        }
    }

    /// The answer as a function gives it, in the form of the request with this token.
    #[must_use]
    pub fn to_json(&self, form: Form, token: &str) -> Value {
        let (status, (code, message, context, delay)) = match self.clone() {
            Self::Success { message } => (Status::Success, (None, message, None, 0)),
            Self::Failed { code, message } => (Status::Failed, (Some(code), message, None, 0)),
            Self::InProgress { message, context, delay } => (Status::InProgress, (None, message, context, delay)),
        };
        let message = cut(message);
        match form {
            Form::Invoker => json!({
                "status": status, "errorCode": code, "message": message, "callbackContext": context, "callbackDelaySeconds": delay,
            }),
            // Two codes are known there: what is no verdict is a failure of the function.
            Form::Managed => json!({
                "hookStatus": status,
                "errorCode": code.map(|code| if code == ErrorCode::NonCompliant { code } else { ErrorCode::InternalFailure }),
                "message": message,
                "clientRequestToken": token,
                "callbackContext": context,
                "callbackDelaySeconds": delay,
            }),
        }
    }
}

fn read(payload: &[u8], status_field: &str) -> Result<Answer, &'static str> {
    let Ok(answer) = serde_json::from_slice::<Value>(payload) else { return Err("the function's answer is no JSON") };
    let Value::Object(fields) = answer else { return Err("the function's answer is no JSON object") };
    let status = match fields.get(status_field) {
        None => Status::Failed,
        Some(status) => {
            Status::deserialize(status).map_err(|_| "the function's status is none of SUCCESS, FAILED, IN_PROGRESS")?
        }
    };
    let code = match fields.get("errorCode") {
        None if status_field == "status" => Some(ErrorCode::InternalFailure),
        // The managed hook's functions leave it out of a success.
        None | Some(Value::Null) => None,
        Some(Value::String(code)) if code.is_empty() => None,
        Some(code) => Some(ErrorCode::deserialize(code).map_err(|_| "the function's errorCode is none that there is")?),
    };
    let message = match fields.get("message") {
        None => "the function gave no message".to_owned(),
        Some(Value::Null) => String::new(),
        Some(Value::String(message)) => cut(message.clone()),
        Some(_) => return Err("the function's message is no text"),
    };
    let context = match fields.get("callbackContext") {
        None | Some(Value::Null) => None,
        Some(Value::Object(context)) => Some(context.clone()).filter(|context| !context.is_empty()),
        Some(_) => return Err("the function's callbackContext is no object"),
    };
    let delay = match fields.get("callbackDelaySeconds") {
        None => 0,
        Some(Value::Number(delay)) if delay.is_i64() || delay.is_u64() => delay
            .as_u64()
            .and_then(|delay| u32::try_from(delay).ok())
            .ok_or("the function's callbackDelaySeconds is out of range")?,
        Some(_) => return Err("the function's callbackDelaySeconds is no integer"),
    };
    if status != Status::InProgress && delay > 0 {
        return Err("the function wants a delay (callbackDelaySeconds), and is not IN_PROGRESS");
    }
    if status != Status::InProgress && context.is_some() {
        return Err("the function wants to be reminded (callbackContext), and is not IN_PROGRESS");
    }
    match (status, code) {
        (Status::Success, None) => Ok(Answer::Success { message }),
        (Status::InProgress, None) => Ok(Answer::InProgress { message, context, delay }),
        (Status::Failed, Some(code)) => Ok(Answer::Failed { code, message }),
        (Status::Failed, None) => Err("the function is FAILED without an errorCode"),
        (_, Some(_)) => Err("the function gives an errorCode, or leaves it out, and is not FAILED"),
    }
}
