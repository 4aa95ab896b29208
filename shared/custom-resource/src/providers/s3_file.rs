//! `S3File`: an object in S3 with the contents that the template gives.

use crate::aws::{CallError, S3};
use crate::entry::Failure;
use crate::framework::{Event, Outcome, Provider, RequestType};
use crate::protocol::PhysicalId;
use crate::surroundings::{Http, Jitter, Time};

/// Writes a file into a bucket.
///
/// | property | |
/// |---|---|
/// | `BucketName` | the bucket |
/// | `Contents` | the text, not empty |
/// | `ObjectKey` | the key; by default one for each request, so that every update replaces the file |
/// | `PublicRead` | `true` makes the object readable by all; false by default |
///
/// The ID is the key; the attributes are `ObjectKey`, `ETag` and `URL`.
#[derive(Clone, Debug)]
pub struct S3File<S>(pub S3<S>);

impl<S: Http + Time + Jitter> Provider for S3File<S> {
    async fn on_event(&self, event: &Event) -> Result<Outcome, Failure> {
        let bucket = event.text("BucketName")?;
        if event.request_type == RequestType::Delete {
            let key = event.physical_resource_id.as_deref().unwrap_or_default();
            return match self.0.delete(bucket, key).await {
                // With the bucket, the object is gone.
                Ok(()) => Ok(Outcome::default()),
                Err(error) if error.code() == "NoSuchBucket" => Ok(Outcome::default()),
                Err(error) => Err(failed("deleted", &error)),
            };
        }
        let (contents, public) = (event.text("Contents")?, event.flag("PublicRead")?);
        let key = key(event)?;
        let tag = self.0.put(bucket, &key, contents, public).await.map_err(|error| {
            let failure = failed("written", &error);
            // Without an answer, the object may be there all the same.
            let is_unknown = matches!(error, CallError::Http(_)) && event.request_type == RequestType::Create;
            PhysicalId::parse(&key).ok().filter(|_| is_unknown).map_or(failure.clone(), |key| failure.of(key))
        })?;
        self.leave_old_bucket(event, bucket, &key).await?;
        let url = self.0.url(bucket, &key);
        Ok(Outcome::of(key.clone()).with("ObjectKey", key).with("ETag", tag).with("URL", url))
    }
}

impl<S: Http + Time + Jitter> S3File<S> {
    /// CloudFormation sends no Delete where the key stays the same, so a file that moves to another bucket is removed from the
    /// old one here.
    async fn leave_old_bucket(&self, event: &Event, bucket: &str, key: &str) -> Result<(), Failure> {
        let old = event.old_resource_properties.as_ref().and_then(|old| old.get("BucketName")?.as_str());
        match old {
            Some(old) if old != bucket && event.physical_resource_id.as_deref() == Some(key) => {
                self.0.delete(old, key).await.map_err(|error| failed("removed from its old bucket", &error))
            }
            _ => Ok(()),
        }
    }
}

fn failed(what: &str, error: &CallError) -> Failure {
    Failure::new(format!("The file could not be {what}: {error}"))
}

/// The key in the properties without its leading slash, or one that belongs to this request.
fn key(event: &Event) -> Result<String, Failure> {
    if !event.resource_properties.contains_key("ObjectKey") {
        return Ok(format!("{}-{}.txt", event.logical_resource_id, event.request_id.replace('-', "")));
    }
    let key = event.text("ObjectKey")?;
    let key = key.strip_prefix('/').unwrap_or(key);
    // It becomes the ID. Checked before the file is written, since one that cannot be named could not be removed.
    let id = PhysicalId::parse(key);
    let is_path = key.split('/').any(|part| part == "." || part == "..");
    id.ok().filter(|_| !is_path).map(|_| key.to_owned()).ok_or_else(|| {
        let wrong = "The property ObjectKey must have more than a slash, at most 1,024 bytes, no control character, and no part \".\" or \"..\".";
        Failure::new(wrong)
    })
}
