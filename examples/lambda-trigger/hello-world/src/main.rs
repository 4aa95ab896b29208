//! Says hello, and shows in its log what it was invoked with: the place of a function that sets up what `CloudFormation` cannot.
//!
//! An event `{"fail": "a message"}` makes it fail with that message, to see what becomes of it.

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::io::{Write, stdout};

fn main() -> Result<(), lambda_runtime::Error> {
    let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    event_loop.block_on(lambda_runtime::run(service_fn(handle)))
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let LambdaEvent { payload, context, .. } = event;
    let context = json!({
        "requestId": context.request_id,
        "deadline": context.deadline,
        "invokedFunctionArn": context.invoked_function_arn,
        "memory": context.env_config.memory,
        "version": context.env_config.version,
    });
    let line = json!({ "level": "INFO", "message": "Hello, world", "event": payload, "context": context });
    // A log that cannot be written is no reason to leave the work undone.
    let _ = writeln!(stdout(), "{line}");
    match payload.get("fail").and_then(Value::as_str) {
        Some(message) => Err(Diagnostic { error_type: "AsOrdered".to_owned(), error_message: message.to_owned() }),
        None => Ok(json!({ "greeting": "Hello, world" })),
    }
}
