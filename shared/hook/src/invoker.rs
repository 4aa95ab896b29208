//! One invocation of the hook: all functions are asked at once, and their answers become one.

use crate::answer::{Answer, ErrorCode};
use crate::configuration::{Configuration, FunctionName};
use crate::cut;
use crate::request::Request;
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::panic::AssertUnwindSafe;

/// Invokes Lambda functions and waits for what they return (`RequestResponse`).
#[allow(async_fn_in_trait, reason = "a hook handles one request at a time on one thread: no future needs Send")]
pub trait Functions {
    /// Invokes a function with this payload.
    async fn invoke(&self, function: &FunctionName, payload: &Value) -> Result<Invoked, InvocationFailed>;
}

/// What came of an invocation that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// The function returned this.
    Returned(Vec<u8>),
    /// The function failed (`FunctionError`), with this payload.
    Failed(Vec<u8>),
}

/// That a function could not be invoked: it is not there, access is denied, it is throttled, or the network failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvocationFailed(pub String);

/// What the hook tells `CloudFormation`.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All functions are content.
    Success {
        /// What they said.
        message: String,
    },
    /// At least one is not.
    Failed {
        /// `NonCompliant` for a verdict, and other codes where nobody could give one.
        code: ErrorCode,
        /// What those said that are not.
        message: String,
    },
    /// At least one wants to be asked again.
    InProgress {
        /// What the next invocation must be given.
        context: Map<String, Value>,
        /// After how many seconds, at least.
        delay: u32,
        /// What was said so far.
        message: String,
    },
}

/// The functions that are still in progress, each with its own context.
const CALLBACKS: &str = "lambda_functions_callbacks";

/// What the functions said that are done, by function.
const MESSAGES: &str = "lambda_functions_messages";

/// Handles an invocation. `request.context` is the hook's own context of the invocation before.
///
/// Nothing that goes wrong lets a resource pass: not even a panic.
pub async fn invoke(functions: &impl Functions, configuration: &Configuration, request: &Request) -> Outcome {
    match AssertUnwindSafe(ask(functions, configuration, request)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => failed(ErrorCode::InternalFailure, "the hook itself failed"),
    }
}

async fn ask(functions: &impl Functions, configuration: &Configuration, request: &Request) -> Outcome {
    if !request.target.starts_with("AWS::") {
        return failed(ErrorCode::UnsupportedTarget, &format!("{} is no type of AWS", request.target));
    }
    if configuration.functions.is_empty() {
        return failed(ErrorCode::InvalidTypeConfiguration, "no function is configured");
    }
    let Some(round) = Round::of(configuration, request.context.as_ref()) else {
        return failed(ErrorCode::InternalFailure, "the context of the hook is not one that it gave");
    };
    let asked = round.open.iter().map(async |(function, context)| {
        let payload = request.for_function(context.as_ref());
        (*function, answered(functions.invoke(function, &payload).await))
    });
    verdict(round.messages, join_all(asked).await)
}

/// Who is asked in an invocation, and what the others said.
struct Round<'a> {
    open: Vec<(&'a FunctionName, Option<Map<String, Value>>)>,
    messages: Map<String, Value>,
}

impl<'a> Round<'a> {
    /// Reads the hook's context. Each function must be in progress or done, and one at least in progress: a context that loses a
    /// function would let the resource pass unjudged.
    fn of(configuration: &'a Configuration, context: Option<&Map<String, Value>>) -> Option<Self> {
        let Some(context) = context else {
            return Some(Self {
                open: configuration.functions.iter().map(|function| (function, None)).collect(),
                messages: Map::new(),
            });
        };
        let open = context.get(CALLBACKS)?.as_object()?;
        let messages = context.get(MESSAGES)?.as_object()?;
        let known = |name: &String| configuration.functions.iter().any(|function| function.as_str() == name);
        if open.is_empty() || !open.keys().chain(messages.keys()).all(known) || !messages.values().all(Value::is_string)
        {
            return None;
        }
        let mut asked = Vec::new();
        for function in &configuration.functions {
            match (open.get(function.as_str()), messages.contains_key(function.as_str())) {
                (Some(Value::Object(context)), false) => asked.push((function, Some(context.clone()))),
                (Some(Value::Null), false) => asked.push((function, None)),
                (None, true) => {}
                _ => return None,
            }
        }
        Some(Self { open: asked, messages: messages.clone() })
    }
}

fn answered(invoked: Result<Invoked, InvocationFailed>) -> Answer {
    match invoked {
        Ok(Invoked::Returned(payload)) => Answer::parse(&payload),
        Ok(Invoked::Failed(payload)) => {
            let error = serde_json::from_slice::<Value>(&payload).ok();
            let message = error.as_ref().and_then(|error| error.get("errorMessage")).and_then(Value::as_str);
            Answer::broken(message.unwrap_or("the function failed and did not say why"))
        }
        Err(InvocationFailed(message)) => Answer::Failed { code: ErrorCode::GeneralServiceException, message },
    }
}

fn verdict(mut messages: Map<String, Value>, answers: Vec<(&FunctionName, Answer)>) -> Outcome {
    let mut failures = Vec::new();
    let mut compliant = true;
    let mut callbacks = Map::new();
    let mut longest = 0;
    let mut meanwhile = Vec::new();
    for (function, answer) in answers {
        match answer {
            Answer::Success { message } => drop(messages.insert(function.to_string(), Value::String(message))),
            Answer::Failed { code, message } => {
                compliant &= code != ErrorCode::NonCompliant;
                failures.push(message);
            }
            Answer::InProgress { message, context, delay } => {
                longest = longest.max(delay);
                callbacks.insert(function.to_string(), context.map_or(Value::Null, Value::Object));
                meanwhile.push(message);
            }
        }
    }
    if !failures.is_empty() {
        // A verdict counts, whoever else broke down.
        let code = if compliant { ErrorCode::InternalFailure } else { ErrorCode::NonCompliant };
        return failed(code, &list(failures));
    }
    let said = messages.values().filter_map(Value::as_str).map(str::to_owned).chain(meanwhile).collect();
    if callbacks.is_empty() {
        return Outcome::Success { message: cut(list(said)) };
    }
    let Value::Object(context) = json!({ CALLBACKS: callbacks, MESSAGES: messages }) else {
        unreachable!("an object was made")
    };
    Outcome::InProgress { context, delay: longest, message: cut(list(said)) }
}

fn list(messages: Vec<String>) -> String {
    Value::from(messages).to_string()
}

fn failed(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Failed { code, message: cut(message.to_owned()) }
}
