//! A provider in twenty lines: a greeting, as an attribute of a resource.

use latchkey_custom_resource::entry::Failure;
use latchkey_custom_resource::framework::{Event, Outcome, Provider, RequestType};
use std::{convert::Infallible, process::ExitCode};

struct Greeting;

impl Provider for Greeting {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        if event.request_type == RequestType::Delete {
            return Ok(Outcome::default());
        }
        Ok(Outcome::default().with("Text", format!("Hello, {}", event.text("Name")?)))
    }
}

fn main() -> ExitCode {
    latchkey_custom_resource::lambda::serve_provider(|_, _| Ok::<_, Infallible>(Greeting))
}
