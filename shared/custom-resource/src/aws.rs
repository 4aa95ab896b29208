//! Signed requests to services of AWS, without their SDKs: a provider makes a handful of different calls, and an SDK for each
//! would be most of its binary.

mod client;
mod error;
mod query;
mod s3;

pub(crate) use client::domain;
pub use client::{Aws, Body, Call, Endpoint, JsonVersion};
pub use error::CallError;
pub use query::{flatten as flatten_query, read as read_xml};
pub use s3::{S3, encode_path};
