//! An operation as a Lambda function: its services on AWS, and the audit record of each call in its log line.

mod aws_services;

pub use aws_services::{AwsServices, StartError};
use latchkey_audit::{Key, NONCE_BYTES};
use latchkey_auth::{AuditTrail, Entropy, Fault, Operation, handle};
use latchkey_config::{InvalidSetting, Settings};
use latchkey_runtime::{Event, Handled, Handler, Report, SystemEntropy};
use serde_json::Value;
use std::marker::PhantomData;
use std::process::ExitCode;
use std::time::Instant;

/// Serves an operation until Lambda ends the process.
#[must_use]
pub fn serve<O: Operation<AwsServices<O>> + 'static>() -> ExitCode {
    latchkey_runtime::serve::<Calls<O, AwsServices<O>>>()
}

/// Handles calls to an operation.
struct Calls<O, S> {
    services: S,
    audit_key: Key,
    operation: PhantomData<O>,
}

/// A bundle of services that is built from the settings.
trait FromSettings: Sized {
    /// Why it cannot be built.
    type Error: std::fmt::Display + From<InvalidSetting>;

    fn from_settings(settings: &Settings<'_>) -> Result<Self, Self::Error>;
}

impl<O: Operation<S> + 'static, S: FromSettings + 'static> Handler for Calls<O, S> {
    const NAME: &'static str = O::CONTRACT.name;

    type StartError = S::Error;

    type Notes<'a>
        = AuditTrail<'a>
    where
        Self: 'a;

    fn start(settings: &Settings<'_>) -> Result<Self, S::Error> {
        let services = S::from_settings(settings)?;
        Ok(Self { services, audit_key: settings.audit_key()?, operation: PhantomData })
    }

    fn notes(&self) -> Self::Notes<'_> {
        let began = Instant::now();
        AuditTrail::new(Self::NAME, &self.audit_key, move || began.elapsed())
    }

    async fn handle(&self, event: Event<'_>, audit: &Self::Notes<'_>) -> Result<Value, Fault> {
        let outcome = handle::<O, S>(event.payload, &self.services, audit).await?;
        Ok(outcome.to_json(O::CONTRACT))
    }

    fn report(&self, handled: &Handled<'_>, audit: Self::Notes<'_>) -> Report {
        // A panic leaves the record without an end.
        if let Some(fault) = handled.fault {
            audit.failed(fault);
        }
        if let Some(place) = handled.panicked_at {
            audit.panicked_at(place);
        }
        let record = audit.into_record();
        let mut nonce = [0; NONCE_BYTES];
        SystemEntropy.fill(&mut nonce);
        let sealed = self.audit_key.seal(&record, handled.request_id, nonce);
        Report { outcome: record.outcome, reason: record.reason, audit: Some(sealed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::memory::MemoryServices;
    use latchkey_auth::{ChangePassword, Email, Login, User, UserId};
    use latchkey_salting::{SALT_BYTES, Scheme, StoredHash};
    use serde_json::json;

    impl FromSettings for MemoryServices {
        type Error = StartError;

        fn from_settings(_settings: &Settings<'_>) -> Result<Self, StartError> {
            Ok(Self::default())
        }
    }

    /// The service with one verified user.
    fn calls<O>() -> Calls<O, MemoryServices> {
        let services = MemoryServices::default();
        let hash = latchkey_salting::hash(b"correct horse", &[7; SALT_BYTES], Scheme::Argon2id);
        let ada = User {
            user_id: UserId::from_stored("ada".to_owned()),
            password: StoredHash::Encoded(hash),
            verified: true,
            verification: None,
            reset: None,
        };
        services.users.insert(Email::parse("ada@example.com").unwrap(), ada);
        let audit_key = Key::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        Calls { services, audit_key, operation: PhantomData }
    }

    /// What the line of a call tells, without its record, and the record.
    async fn logged<O: Operation<MemoryServices> + 'static>(
        calls: &Calls<O, MemoryServices>,
        payload: Value,
        panicked_at: Option<&str>,
    ) -> (Report, Value) {
        let audit = calls.notes();
        let payload = payload.to_string();
        let response = calls.handle(Event { payload: &payload, invoked_function_arn: "" }, &audit).await;
        let handled = Handled { request_id: "id", fault: response.as_ref().err(), panicked_at };
        let mut report = calls.report(&handled, audit);
        let record = calls.audit_key.open(&report.audit.take().unwrap(), "id").unwrap();
        (report, record)
    }

    fn report(outcome: &'static str, reason: Option<&'static str>) -> Report {
        Report { outcome, reason, audit: None }
    }

    #[tokio::test]
    async fn a_success_logs_neither_identity_nor_token_and_its_record_names_the_identity() {
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let (told, record) = logged(&calls::<Login>(), login, None).await;
        assert_eq!(told, report("done", None));
        assert_eq!(record["operation"], "login");
        assert_eq!(record["outcome"], "done");
        assert_eq!(record["identity"], "region:ada");
        assert!(!record.to_string().contains("token"));
    }

    #[tokio::test]
    async fn a_refusal_logs_its_reason_and_its_record_the_detail() {
        let login = json!({ "email": "bob@example.com", "password": "correct horse" });
        let (told, record) = logged(&calls::<Login>(), login, None).await;
        assert_eq!(told, report("refused", Some("invalid_credentials")));
        assert_eq!(record["reason"], "invalid_credentials");
        assert_eq!(record["truth"], "unknown_account");
        assert_eq!(record["attempt"], 1);
        assert!(!record.to_string().contains("bob"));
        let steps = record["steps"].as_array().unwrap();
        let names: Vec<_> = steps.iter().map(|step| &step[0]).collect();
        assert_eq!(names, ["find", "ticket", "check"]);
        assert!(steps[2][1].as_u64().unwrap() > 0, "a hash takes time");
    }

    #[tokio::test]
    async fn a_fault_logs_its_type_and_its_record_the_code_or_the_place() {
        let calls = calls::<Login>();
        calls.services.users.fail(true);
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let (told, record) = logged(&calls, login.clone(), None).await;
        assert_eq!(told, report("fault", None));
        assert_eq!(record["fault"], "TableUnavailable");
        assert_eq!(record["cause"], "memory");
        let (told, record) = logged(&calls, login, Some("src/lib.rs:7")).await;
        assert_eq!(told, report("fault", None));
        assert_eq!(record["cause"], "src/lib.rs:7");
    }

    #[tokio::test]
    async fn a_mail_that_failed_after_the_change_is_in_the_record_only() {
        let calls = calls::<ChangePassword>();
        calls.services.mailer.fail(true);
        let change =
            json!({ "email": "ada@example.com", "oldPassword": "correct horse", "newPassword": "battery staple" });
        let (told, record) = logged(&calls, change, None).await;
        assert_eq!(told, report("done", None));
        assert_eq!(record["outcome"], "done");
        assert_eq!(record["fault"], "MailerUnavailable");
        assert_eq!(record["cause"], "memory");
    }

    #[test]
    fn a_missing_setting_is_reported_at_the_start() {
        let settings = Settings::from_lookup(|_| None);
        let error = Calls::<Login, MemoryServices>::start(&settings).err().unwrap();
        assert_eq!(error.to_string(), "the setting AUDIT_KEY should be 32 bytes as base64");
    }
}
