//! CloudFormation custom resources: the protocol, and what runs around a handler of it.
//!
//! CloudFormation calls a function with a request to create, update or delete a resource, and waits for the answer at a
//! presigned URL. A stack whose answer never comes hangs for up to an hour, and its rollback for another. So the first rule here
//! is that the answer is sent whatever happens: the handler fails, panics, runs out of time or returns too much.
//!
//! | module | what it knows |
//! |---|---|
//! | [`protocol`] | requests, answers, and how an answer is delivered |
//! | [`entry`] | what runs around a handler: the answer comes whatever the handler does |
//! | [`surroundings`] | time, randomness and HTTP, as parameters |
//! | [`framework`] | providers: IDs, replacement, waiting, handlers of one's own in other functions |
//! | [`providers`] | `S3File`, `S3Assert` and `AwsCustomResource` |
//! | [`aws`] | signed requests to services of AWS, without their SDKs |
//! | [`lambda`] | the entry as a Lambda function |
//!
//! The rules come from the *CloudFormation User Guide*, "Custom resource provider request and response reference".

pub mod aws;
pub mod entry;
pub mod framework;
pub mod lambda;
pub mod protocol;
pub mod providers;
pub mod surroundings;
