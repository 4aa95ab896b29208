//! Objects in S3, path-style: names of buckets with dots have no valid certificate otherwise.

use super::client::{Aws, Body, Call, Endpoint, domain};
use super::error::CallError;
use super::query::encode;
use crate::surroundings::{Http, HttpResponse, Jitter, Time};
use std::time::Duration;

/// Objects in S3.
#[derive(Clone, Debug)]
pub struct S3<S>(pub Aws<S>);

/// Encodes a key for a path: all but slashes.
#[must_use]
pub fn encode_path(key: &str) -> String {
    key.split('/').map(encode).collect::<Vec<_>>().join("/")
}

impl<S: Http + Time + Jitter> S3<S> {
    async fn object(
        &self,
        method: &'static str,
        bucket: &str,
        key: &str,
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<HttpResponse, CallError> {
        let path = format!("/{}/{}", encode(bucket), encode_path(key));
        let endpoint = Endpoint { host: "s3", signing_name: "s3" };
        self.0.call(&Call { endpoint, method, path, headers, body, timeout: Duration::from_secs(20) }).await
    }

    /// Writes an object. Returns its `ETag`, without quotes.
    pub async fn put(&self, bucket: &str, key: &str, contents: &str, public: bool) -> Result<String, CallError> {
        let acl = public.then(|| ("x-amz-acl".to_owned(), "public-read".to_owned()));
        let body = Body { content_type: "text/plain; charset=utf-8", bytes: contents.as_bytes().to_vec() };
        let response = self.object("PUT", bucket, key, acl.into_iter().collect(), body).await?;
        Ok(response.header("etag").unwrap_or_default().trim_matches('"').to_owned())
    }

    /// Reads an object. `None` if there is none.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, CallError> {
        match self.object("GET", bucket, key, Vec::new(), Body::none()).await {
            Ok(response) => Ok(Some(response.body)),
            Err(error) if error.code() == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object. Succeeds if there is none.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), CallError> {
        self.object("DELETE", bucket, key, Vec::new(), Body::none()).await.map(drop)
    }

    /// The address of an object.
    #[must_use]
    pub fn url(&self, bucket: &str, key: &str) -> String {
        let region = &self.0.region;
        format!("https://s3.{region}.{}/{}/{}", domain(region), encode(bucket), encode_path(key))
    }
}
