//! The protocol between CloudFormation and the function behind a custom resource.

mod answer;
mod delivery;
mod request;
mod response_url;

pub use answer::{Answer, BODY_LIMIT, Data, PhysicalId, PhysicalIdError, REASON_CUT, Success};
pub use delivery::{ATTEMPT_TIMEOUT, ATTEMPTS, Undelivered, deliver};
pub use request::{Change, Invalid, Recipient, Rejected, Request};
pub use response_url::{ResponseUrl, Trust, TrustError};

/// The physical ID of a resource whose creation failed before it had one. CloudFormation sends it back in the Delete that
/// follows, which is then answered without calling the handler. The text is the CDK's, so stacks can move from there.
pub const CREATE_FAILED: &str = "AWSCDK::CustomResourceProviderFramework::CREATE_FAILED";

/// The physical ID in the answer to an Update or Delete that named none. The text is the CDK's.
pub const MISSING_PHYSICAL_ID: &str = "AWSCDK::CustomResourceProviderFramework::MISSING_PHYSICAL_ID";
