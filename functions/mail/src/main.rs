//! mail: sends what operations ask for, apart from their calls.
//!
//! It gets the requests in the outbox from the table's stream, in order and at least once. It alone may send mail, and nobody may
//! invoke it. `latchkey_auth::delivery` has the rules; here are the stream and the services.

mod handler;
mod services;
mod stream;

use handler::DeliverMail;
use services::AwsDelivery;
use std::process::ExitCode;

fn main() -> ExitCode {
    latchkey_runtime::serve::<DeliverMail<AwsDelivery>>()
}
