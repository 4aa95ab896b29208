//! STS and Lambda, as the invoker uses them.

use crate::invoker::{InvokeFault, OtherAccount, Session};
use crate::settings::OfInvoker;
use aws_credential_types::Credentials;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{Region, retry::RetryConfig};
use aws_sdk_lambda::primitives::Blob;
use latchkey_auth::{Cause, Timestamp};
use latchkey_aws::{EnvironmentError, SdkConfig};
use serde_json::Value;
use std::time::Duration;

/// How long the notifier is waited for: a little longer than it may run.
const WAIT: Duration = Duration::from_secs(65);
/// How long a session lasts, in seconds: the longest for a role that was assumed in another one.
const SESSION_SECONDS: i32 = 60 * 60;
/// The name of the session in the account's audit log.
const SESSION_NAME: &str = "notifier-invoker";

/// The notifier in another account.
pub struct AwsNotifier {
    sdk: SdkConfig,
    sts: latchkey_aws::Client<aws_sdk_sts::Client>,
}

impl OtherAccount for AwsNotifier {
    type Credentials = Credentials;

    fn connect(_settings: &OfInvoker) -> Result<Self, EnvironmentError> {
        let sdk = latchkey_aws::from_environment()?.sdk;
        Ok(Self { sts: latchkey_aws::client(&sdk, aws_sdk_sts::Client::new), sdk })
    }

    async fn assume(&self, settings: &OfInvoker) -> Result<Session<Credentials>, Cause> {
        let assumed = self
            .sts
            .assume_role()
            .role_arn(&settings.role)
            .external_id(&settings.external_id)
            .role_session_name(SESSION_NAME)
            .duration_seconds(SESSION_SECONDS)
            .send()
            .await
            .map_err(|error| latchkey_aws::cause(&error))?;
        let given = assumed.credentials.ok_or_else(|| Cause::code("credentials"))?;
        let ends_at = Timestamp(u64::try_from(given.expiration.secs()).unwrap_or(0));
        let credentials = Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            None,
            "AssumeRole",
        );
        Ok(Session { credentials, ends_at })
    }

    async fn invoke(&self, credentials: &Credentials, settings: &OfInvoker, event: &str) -> Result<Value, InvokeFault> {
        let wait = TimeoutConfig::builder().operation_timeout(WAIT).operation_attempt_timeout(WAIT).build();
        let config = aws_sdk_lambda::config::Builder::from(&self.sdk)
            .region(Region::new(settings.region.clone()))
            .credentials_provider(credentials.clone())
            .timeout_config(wait)
            // The callers of the invoker have retries of their own, and an alert has an ID.
            .retry_config(RetryConfig::disabled())
            .build();
        let invoked = aws_sdk_lambda::Client::from_conf(config)
            .invoke()
            .function_name(&settings.notifier)
            .payload(Blob::new(event.as_bytes()))
            .send()
            .await
            .map_err(|error| of(latchkey_aws::cause(&error)))?;
        let payload = invoked.payload.map(Blob::into_inner).unwrap_or_default();
        let answer: Value = serde_json::from_slice(&payload).map_err(|_| InvokeFault::Failed(Cause::code("answer")))?;
        if invoked.function_error.is_none() { Ok(answer) } else { Err(of_function(&answer)) }
    }
}

/// What a code of Lambda means.
fn of(cause: Cause) -> InvokeFault {
    match cause.as_str() {
        "timeout" => InvokeFault::TimedOut(cause),
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException" => InvokeFault::Denied(cause),
        "TooManyRequestsException" | "Throttling" | "ThrottlingException" | "EC2ThrottledException" => {
            InvokeFault::Throttled(cause)
        }
        _ => InvokeFault::Unavailable(cause),
    }
}

/// What a function error of the notifier means.
fn of_function(error: &Value) -> InvokeFault {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_late = text("errorType") == "Sandbox.Timedout" || text("errorMessage").contains("Task timed out after");
    let cause = Cause::code(text("errorType"));
    if is_late { InvokeFault::TimedOut(cause) } else { InvokeFault::Failed(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_code_of_lambda_has_one_error_type() {
        let types = |code: &str| latchkey_auth::Fault::from(of(Cause::code(code))).error_type();
        assert_eq!(types("AccessDeniedException"), "NotifierDenied");
        assert_eq!(types("TooManyRequestsException"), "NotifierThrottled");
        assert_eq!(types("timeout"), "NotifierTimedOut");
        assert_eq!(types("ResourceNotFoundException"), "NotifierUnavailable");
    }

    #[test]
    fn a_notifier_that_ran_out_of_time_is_told_from_one_that_failed() {
        let late = json!({ "errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 1 Error: Task timed out after 60.00 seconds" });
        assert!(matches!(of_function(&late), InvokeFault::TimedOut(_)));
        let failed = of_function(&json!({ "errorType": "MailDataFailed", "errorMessage": "…" }));
        assert_eq!(failed, InvokeFault::Failed(Cause::code("MailDataFailed")));
    }
}
