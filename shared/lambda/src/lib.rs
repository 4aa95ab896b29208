//! An operation as a Lambda function: its services on AWS, and the audit record of each call in its log line.
//!
//! The bundle of an operation holds what the operation declares and nothing else: a service that it does not declare is
//! neither built nor linked, and using one does not compile.

use latchkey_audit::{AuditKeys, NONCE_BYTES};
use latchkey_auth::device::DeviceKeys;
use latchkey_auth::services::{
    AcceptPassword, AddUser, CompromisedPasswords, CountVerifyTry, FindUser, HandOverMail, HashingScheme, IssueToken,
    MarkVerified, RenewHash, ReplacePassword, ResetFor, RevealAccounts, SignUpSettings, SpendResetToken,
    StoreResetToken, VerifyTry,
};
use latchkey_auth::throttle::{
    Attempt, CountAttempt, CountDeviceFailure, CountSuccess, ForgetFailures, MailQuota, Quota, Reservation, Throttle,
    Wait,
};
use latchkey_auth::{
    AuditTrail, Clock, Email, Entropy, Fault, MailRequest, NewUser, OpenIdToken, Operation, PasswordPolicy,
    PendingReset, PendingVerification, Requirements, SettingsGroup, SignUp, Timestamp, TokenHash, User, UserId, handle,
};
use latchkey_breaches::RangeService;
use latchkey_cognito_identity::CognitoIdentities;
use latchkey_config::{InvalidSetting, Settings};
use latchkey_dynamodb::{DynamoOutbox, DynamoUsers};
use latchkey_keys::KeyRing;
use latchkey_runtime::{Event, Handled, Handler, Report, SystemClock, SystemEntropy};
use latchkey_salting::{PasswordHash, Schemes, StoredHash};
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::process::ExitCode;
use std::time::Instant;

/// Serves an operation until Lambda ends the process.
#[must_use]
pub fn serve<O: Operation<AwsServices<O>> + 'static>() -> ExitCode {
    latchkey_runtime::serve::<OperationHandler<O, AwsServices<O>>>()
}

/// Handles calls to an operation.
struct OperationHandler<O, S> {
    services: S,
    audit_keys: AuditKeys,
    operation: PhantomData<O>,
}

/// A bundle of services that is built from the settings.
trait FromSettings: Sized {
    /// Why it cannot be built.
    type Error: std::fmt::Display + From<InvalidSetting>;

    fn from_settings(settings: &Settings<'_>) -> Result<Self, Self::Error>;
}

impl<O: Operation<S> + 'static, S: FromSettings + 'static> Handler for OperationHandler<O, S> {
    const NAME: &'static str = O::CONTRACT.name;

    type StartError = S::Error;

    type Notes<'a>
        = AuditTrail<'a>
    where
        Self: 'a;

    fn start(settings: &Settings<'_>) -> Result<Self, S::Error> {
        let services = S::from_settings(settings)?;
        Ok(Self { services, audit_keys: settings.audit_keys()?, operation: PhantomData })
    }

    fn notes(&self) -> Self::Notes<'_> {
        let began = Instant::now();
        AuditTrail::new(Self::NAME, &self.audit_keys, move || began.elapsed())
    }

    async fn handle(&self, event: Event<'_>, audit: &Self::Notes<'_>) -> Result<Value, Fault> {
        let outcome = handle::<O, S>(event.payload, &self.services, audit).await?;
        Ok(outcome.to_json(O::CONTRACT))
    }

    fn report(&self, handled: &Handled<'_>, audit: Self::Notes<'_>) -> Vec<Report> {
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
        let sealed = self.audit_keys.seal(&record, handled.request_id, nonce);
        vec![Report { outcome: record.outcome, reason: record.reason, audit: Some(sealed), counts: BTreeMap::new() }]
    }
}

/// Why the services cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or invalid.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The environment is not Lambda's.
    #[error(transparent)]
    Environment(#[from] latchkey_aws::EnvironmentError),
    /// The service that the owner chose for compromised passwords cannot be used.
    #[error(transparent)]
    CompromisedPasswords(#[from] latchkey_breaches::InvalidRangeService),
}

/// The services of an operation with the requirements `R`.
#[derive(Debug)]
pub struct AwsServices<R> {
    table: Option<DynamoUsers>,
    outbox: Option<DynamoOutbox<SystemEntropy>>,
    identities: Option<CognitoIdentities>,
    /// Also `None` if the owner has not enabled the check.
    compromised_passwords: Option<RangeService>,
    hashing_schemes: Option<Schemes>,
    password_policy: Option<PasswordPolicy>,
    sign_up: Option<SignUp>,
    device_keys: Option<KeyRing>,
    reveal_accounts: bool,
    requirements: PhantomData<R>,
}

impl<R: Requirements> FromSettings for AwsServices<R> {
    type Error = StartError;

    fn from_settings(settings: &Settings<'_>) -> Result<Self, StartError> {
        let aws = latchkey_aws::from_environment()?;
        let mut warm_ups = Vec::new();
        // Constant conditions: the code of the other branch is not linked.
        let table = if const { R::NEEDS.table.is_declared() } {
            let table = DynamoUsers::new(&aws.sdk, settings.table()?, &SystemEntropy);
            warm_ups.extend(table.warm_up(R::NEEDS.table.warm_connections()));
            Some(table)
        } else {
            None
        };
        // Operations that hand over mail use the table, and the outbox is reached over its connections.
        let outbox = match &table {
            Some(users) if const { R::NEEDS.outbox.is_declared() } => {
                Some(DynamoOutbox::beside(users, settings.outbox_table()?, settings.mail_keys()?, SystemEntropy))
            }
            _ => None,
        };
        let identities = if const { R::NEEDS.identities.is_declared() } {
            let (pool, provider) = (settings.identity_pool_id()?, settings.developer_provider_name()?);
            let identities = CognitoIdentities::new(&aws.sdk, pool, provider, settings.identity_token_seconds()?);
            warm_ups.extend(identities.warm_up(R::NEEDS.identities.warm_connections()));
            Some(identities)
        } else {
            None
        };
        let compromised_passwords = if const { R::NEEDS.compromised_passwords.is_declared() } {
            settings.breached_passwords_url()?.map(|address| RangeService::new(&address)).transpose()?
        } else {
            None
        };
        let reads = |group| R::NEEDS.reads(group);
        let services = Self {
            table,
            outbox,
            identities,
            compromised_passwords,
            hashing_schemes: reads(SettingsGroup::PasswordScheme).then(|| settings.password_schemes()).transpose()?,
            password_policy: reads(SettingsGroup::PasswordPolicy).then(|| settings.password_policy()).transpose()?,
            sign_up: reads(SettingsGroup::SignUp).then(|| settings.sign_up()).transpose()?,
            device_keys: reads(SettingsGroup::DeviceKeys).then(|| settings.device_keys()).transpose()?,
            reveal_accounts: reads(SettingsGroup::RevealAccounts) && settings.reveal_accounts()?,
            requirements: PhantomData,
        };
        aws.warm_up(warm_ups);
        Ok(services)
    }
}

/// What is declared is built, so this is never seen.
const BUILT: &str = "what an operation declares is built at its start";

impl<R: Requirements> AwsServices<R> {
    fn table(&self) -> &DynamoUsers {
        const { assert!(R::NEEDS.table.is_declared(), "the operation does not declare the table") };
        self.table.as_ref().expect(BUILT)
    }

    fn outbox(&self) -> &DynamoOutbox<SystemEntropy> {
        const {
            assert!(R::NEEDS.outbox.is_declared(), "the operation does not declare the outbox");
            assert!(R::NEEDS.table.is_declared(), "the outbox is reached over the connections of the table");
        }
        self.outbox.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> FindUser for AwsServices<R> {
    async fn find_user(&self, email: &Email) -> Result<Option<User>, Fault> {
        self.table().find_user(email).await
    }
}

impl<R: Requirements> AddUser for AwsServices<R> {
    async fn add_user(&self, user: &NewUser) -> Result<bool, Fault> {
        self.table().add_user(user).await
    }
}

impl<R: Requirements> MarkVerified for AwsServices<R> {
    async fn mark_verified(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.table().mark_verified(email, seen, until, now).await
    }
}

impl<R: Requirements> StoreResetToken for AwsServices<R> {
    async fn store_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ResetFor, Fault> {
        self.table().store_reset_token(email, token, until, now).await
    }
}

impl<R: Requirements> SpendResetToken for AwsServices<R> {
    async fn spend_reset_token(
        &self,
        email: &Email,
        seen: &PendingReset,
        password: &PasswordHash,
        anew: Option<&UserId>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.table().spend_reset_token(email, seen, password, anew, now).await
    }
}

impl<R: Requirements> ReplacePassword for AwsServices<R> {
    async fn replace_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.table().replace_password(email, seen, password, now).await
    }
}

impl<R: Requirements> RenewHash for AwsServices<R> {
    async fn renew_hash(
        &self,
        email: &Email,
        user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.table().renew_hash(email, user_id, seen, password, now).await
    }
}

impl<R: Requirements> CountAttempt for AwsServices<R> {
    async fn count_attempt(&self, throttle: Throttle<'_>, now: Timestamp) -> Result<Attempt, Fault> {
        self.table().count_attempt(throttle, now).await
    }
}

impl<R: Requirements> CountSuccess for AwsServices<R> {
    async fn count_success(&self, throttle: Throttle<'_>) -> Result<(), Fault> {
        self.table().count_success(throttle).await
    }
}

impl<R: Requirements> ForgetFailures for AwsServices<R> {
    async fn forget_failures(&self, email: &Email, wait: Wait) -> Result<(), Fault> {
        self.table().forget_failures(email, wait).await
    }
}

impl<R: Requirements> CountDeviceFailure for AwsServices<R> {
    async fn count_device_failure(&self, email: &Email, generation: u32) -> Result<(), Fault> {
        self.table().count_device_failure(email, generation).await
    }
}

impl<R: Requirements> CountVerifyTry for AwsServices<R> {
    async fn count_verify_try(&self, email: &Email, seen: &PendingVerification) -> Result<VerifyTry, Fault> {
        self.table().count_verify_try(email, seen).await
    }
}

impl<R: Requirements> MailQuota for AwsServices<R> {
    async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        self.outbox().reserve_mail(quota, email, now).await
    }

    async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault> {
        self.outbox().release_mail(quota, email, at).await
    }

    async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault> {
        self.outbox().clear_quota(quota, email).await
    }
}

impl<R: Requirements> HandOverMail for AwsServices<R> {
    async fn hand_over_mail(&self, request: &MailRequest) -> Result<(), Fault> {
        self.outbox().hand_over_mail(request).await
    }
}

impl<R: Requirements> IssueToken for AwsServices<R> {
    async fn issue_token(&self, user: &UserId) -> Result<OpenIdToken, Fault> {
        const { assert!(R::NEEDS.identities.is_declared(), "the operation does not declare the identity service") };
        self.identities.as_ref().expect(BUILT).issue_token(user).await
    }
}

impl<R: Requirements> CompromisedPasswords for AwsServices<R> {
    async fn compromised_range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        const {
            assert!(R::NEEDS.compromised_passwords.is_declared(), "the operation does not declare the range service");
        }
        match &self.compromised_passwords {
            Some(service) => service.compromised_range(prefix).await,
            None => Ok(None),
        }
    }
}

impl<R: Requirements> Clock for AwsServices<R> {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

impl<R: Requirements> Entropy for AwsServices<R> {
    fn fill(&self, bytes: &mut [u8]) {
        SystemEntropy.fill(bytes);
    }
}

impl<R: Requirements> HashingScheme for AwsServices<R> {
    fn hashing_schemes(&self) -> &Schemes {
        const { assert!(R::NEEDS.reads(SettingsGroup::PasswordScheme), "the operation does not declare the scheme") };
        self.hashing_schemes.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> AcceptPassword for AwsServices<R> {
    fn password_policy(&self) -> &PasswordPolicy {
        const { assert!(R::NEEDS.reads(SettingsGroup::PasswordPolicy), "the operation does not declare the policy") };
        self.password_policy.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> SignUpSettings for AwsServices<R> {
    fn sign_up(&self) -> &SignUp {
        const { assert!(R::NEEDS.reads(SettingsGroup::SignUp), "the operation does not declare sign-ups") };
        self.sign_up.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> DeviceKeys for AwsServices<R> {
    fn device_keys(&self) -> &KeyRing {
        const { assert!(R::NEEDS.reads(SettingsGroup::DeviceKeys), "the operation does not declare the device keys") };
        self.device_keys.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> RevealAccounts for AwsServices<R> {
    fn reveals_accounts(&self) -> bool {
        const { assert!(R::NEEDS.reads(SettingsGroup::RevealAccounts), "the operation does not declare the choice") };
        self.reveal_accounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::memory::MemoryServices;
    use latchkey_auth::{ChangePassword, Login};
    use latchkey_salting::{SALT_BYTES, Scheme};
    use serde_json::json;

    impl FromSettings for MemoryServices {
        type Error = StartError;

        fn from_settings(_settings: &Settings<'_>) -> Result<Self, StartError> {
            Ok(Self::default())
        }
    }

    /// The service with one verified user.
    fn handler<O>() -> OperationHandler<O, MemoryServices> {
        let services = MemoryServices::default();
        let hash = latchkey_salting::hash(b"correct horse", &[7; SALT_BYTES], Scheme::Argon2id);
        let ada =
            User { verified: true, ..User::new(UserId::from_stored("ada".to_owned()), StoredHash::Encoded(hash)) };
        services.users.insert(Email::parse("ada@example.com").unwrap(), ada);
        let audit_keys = AuditKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        OperationHandler { services, audit_keys, operation: PhantomData }
    }

    /// What the line of a call tells, without its record, and the record.
    async fn logged<O: Operation<MemoryServices> + 'static>(
        handler: &OperationHandler<O, MemoryServices>,
        payload: Value,
        panicked_at: Option<&str>,
    ) -> (Report, Value) {
        let audit = handler.notes();
        let payload = payload.to_string();
        let response = handler.handle(Event { payload: &payload, invoked_function_arn: "" }, &audit).await;
        let ended = Handled { request_id: "id", fault: response.as_ref().err(), panicked_at };
        let mut report = handler.report(&ended, audit).remove(0);
        let record = handler.audit_keys.open(&report.audit.take().unwrap(), "id").unwrap();
        (report, record)
    }

    fn report(outcome: &'static str, reason: Option<&'static str>) -> Report {
        Report { outcome, reason, audit: None, counts: BTreeMap::new() }
    }

    #[tokio::test]
    async fn a_success_logs_neither_identity_nor_token_and_its_record_names_the_identity() {
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let (told, record) = logged(&handler::<Login>(), login, None).await;
        assert_eq!(told, report("done", None));
        assert_eq!(record["operation"], "login");
        assert_eq!(record["outcome"], "done");
        assert_eq!(record["identity"], "region:ada");
        assert!(!record.to_string().contains("token"));
    }

    #[tokio::test]
    async fn a_refusal_logs_its_reason_and_its_record_the_detail() {
        let login = json!({ "email": "bob@example.com", "password": "correct horse" });
        let (told, record) = logged(&handler::<Login>(), login, None).await;
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
        let handler = handler::<Login>();
        handler.services.users.fail(true);
        let login = json!({ "email": "ada@example.com", "password": "correct horse" });
        let (told, record) = logged(&handler, login.clone(), None).await;
        assert_eq!(told, report("fault", None));
        assert_eq!(record["fault"], "TableUnavailable");
        assert_eq!(record["cause"], "memory");
        let (told, record) = logged(&handler, login, Some("src/lib.rs:7")).await;
        assert_eq!(told, report("fault", None));
        assert_eq!(record["cause"], "src/lib.rs:7");
    }

    #[tokio::test]
    async fn a_mail_that_failed_after_the_change_is_in_the_record_only() {
        let handler = handler::<ChangePassword>();
        handler.services.mailer.fail(true);
        let change =
            json!({ "email": "ada@example.com", "oldPassword": "correct horse", "newPassword": "battery staple" });
        let (told, record) = logged(&handler, change, None).await;
        assert_eq!(told, report("done", None));
        assert_eq!(record["outcome"], "done");
        assert_eq!(record["fault"], "MailerUnavailable");
        assert_eq!(record["cause"], "memory");
    }

    #[test]
    fn a_missing_setting_is_reported_at_the_start() {
        let settings = Settings::from_lookup(|_| None);
        let error = OperationHandler::<Login, MemoryServices>::start(&settings).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the setting AUDIT_KEY should be one or two keys as ID:KEY, each 32 bytes as base64"
        );
    }
}
