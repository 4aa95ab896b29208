//! The deployed functions without AWS, for end-to-end tests and for the benchmarks in `lab/`.
//!
//! [`lambda`] stands in for Lambda: it starts the very binaries that are deployed, and measures from the moment an event leaves the
//! Runtime API to the moment the response arrives. [`backends`] stands in for DynamoDB, SES and Cognito Identity, with
//! configurable delays and failures, and counts requests; [`network`] lies between. [`functions`] knows the six, with an event for each;
//! [`statistics`] summarises what was measured.

pub mod backends;
pub mod functions;
pub mod lambda;
pub mod network;
pub mod statistics;
