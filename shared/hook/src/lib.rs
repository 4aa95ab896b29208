//! A hook of `CloudFormation` that asks Lambda functions of one's own, before a resource is created, updated or deleted, whether it
//! complies: the invoker, as a library.
//!
//! The rules come from the public sample `AWSSamples::LambdaFunctionInvoker::Hook` and from the contract of hooks
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/hooks-userguide/>). Where the sample lets something pass by accident,
//! this refuses: `docs/around-the-stack.md` says where.

mod answer;
pub mod cloudformation;
mod configuration;
mod invoker;
mod request;

pub use answer::{Answer, ErrorCode, Status};
pub use configuration::{Configuration, FailureMode, FunctionName, InvalidConfiguration, TargetOperation};
pub use invoker::{Functions, InvocationFailed, Invoked, Outcome, invoke};
pub use request::{Action, Form, NoRequest, Request};

/// The most characters of a message that a hook may answer with.
pub const MESSAGE_CHARACTERS: usize = 4096;

/// A text cut to the length of a message.
pub(crate) fn cut(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARACTERS) {
        message.truncate(end);
    }
    message
}
