//! `S3Assert`: waits until an object in S3 has the contents that the template expects.

use crate::aws::S3;
use crate::entry::Failure;
use crate::framework::{Event, Outcome, Pending, Progress, Provider, RequestType};
use crate::surroundings::{Http, Jitter, Time};
use serde_json::json;

/// Waits for an object. Its properties are `BucketName`, `ObjectKey` and `ExpectedContent`.
///
/// An absent object means "not yet"; any other error fails. A Delete completes at once.
#[derive(Clone, Debug)]
pub struct S3Assert<S>(pub S3<S>);

/// The field by which `onEvent` shows that what it returns reaches `isComplete`.
const EXPECTED: &str = "Expected";

impl<S: Http + Time + Jitter> Provider for S3Assert<S> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        if event.request_type != RequestType::Delete {
            event.text("BucketName")?;
            event.text("ObjectKey")?;
            let expected = event.text("ExpectedContent")?;
            outcome.more.0.insert(EXPECTED.to_owned(), json!(expected));
        }
        Ok(outcome)
    }

    async fn is_complete(&self, pending: &Pending) -> Result<Progress, Failure> {
        if pending.event.request_type == RequestType::Delete {
            return Ok(Progress::complete());
        }
        let expected = pending.more(EXPECTED).and_then(|text| text.as_str());
        let expected = expected.ok_or_else(|| Failure::new("What onEvent returned did not reach isComplete."))?;
        let (bucket, key) = (pending.event.text("BucketName")?, pending.event.text("ObjectKey")?);
        let key = key.strip_prefix('/').unwrap_or(key);
        let found = self.0.get(bucket, key).await;
        match found.map_err(|error| Failure::new(format!("The object could not be read: {error}")))? {
            Some(contents) if contents == expected.as_bytes() => Ok(Progress::complete()),
            _ => Ok(Progress::not_yet()),
        }
    }
}
