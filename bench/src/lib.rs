//! The deployed functions, measured where Lambda measures them: from the moment an event leaves the Runtime API to the
//! moment the answer is there.
//!
//! [`lambda`] stands for Lambda and starts the very binaries that are deployed. [`backends`] stands for DynamoDB, SES and
//! Cognito Identity, with delays that are chosen and requests that are counted; [`network`] lies between. [`share`] gives
//! a function less than a whole processor. [`functions`] are the six; [`statistics`] says what the numbers mean.

pub mod awake;
pub mod backends;
pub mod functions;
pub mod lambda;
pub mod network;
pub mod share;
pub mod statistics;
