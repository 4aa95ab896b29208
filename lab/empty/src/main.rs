//! A function that does nothing: the floor that the others are measured against.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    event_loop.block_on(run(service_fn(async |_event: LambdaEvent<Value>| Ok::<_, Error>(json!({})))))
}
