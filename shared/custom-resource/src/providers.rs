//! Providers that are ready to use.

mod aws_call;
mod s3_assert;
mod s3_file;

pub use aws_call::{Allowed, AllowedError, AwsCustomResource};
pub use s3_assert::S3Assert;
pub use s3_file::S3File;
