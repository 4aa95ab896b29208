//! Every service that an operation may ask for, on AWS.
//!
//! The bundle of an operation holds what the operation declares and nothing else: a service that it does not declare is
//! neither built nor linked, and using one does not compile.

use crate::FromSettings;
use latchkey_auth::services::{
    AcceptPassword, AddUser, CompromisedPasswords, FindUser, HashingScheme, IssueToken, MarkVerified, RenewHash,
    ReplacePassword, ResetPage, RevealAccounts, SendMail, SignUpSettings, SpendResetToken, StoreResetToken, WriteMail,
};
use latchkey_auth::throttle::{
    Attempt, AttemptKind, ClearAttempts, CountAttempt, MailQuota, Occasion, Reservation, ReservedMail,
};
use latchkey_auth::{
    Clock, Email, Entropy, Fault, Mail, MailTemplates, NewUser, OpenIdToken, PasswordPolicy, PendingVerification,
    Requirements, SettingsGroup, SignUp, Timestamp, TokenHash, User, UserId,
};
use latchkey_breaches::RangeService;
use latchkey_cognito_identity::CognitoIdentities;
use latchkey_config::{InvalidSetting, Settings};
use latchkey_dynamodb::DynamoUsers;
use latchkey_runtime::{SystemClock, SystemEntropy};
use latchkey_salting::{PasswordHash, Scheme, StoredHash};
use latchkey_ses::SesMailer;
use std::marker::PhantomData;

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
    mail: Option<(SesMailer, MailTemplates)>,
    identities: Option<CognitoIdentities>,
    /// Also `None` if the owner has not enabled the check.
    compromised_passwords: Option<RangeService>,
    hashing_scheme: Option<Scheme>,
    password_policy: Option<PasswordPolicy>,
    sign_up: Option<SignUp>,
    reset_page: Option<String>,
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
        let mail = if const { R::NEEDS.mailer.is_declared() } {
            let mailer = SesMailer::new(&aws.sdk, settings.sender()?);
            warm_ups.extend(mailer.warm_up(R::NEEDS.mailer.warm_connections()));
            Some((mailer, MailTemplates::new(&settings.service_name()?)))
        } else {
            None
        };
        let identities = if const { R::NEEDS.identities.is_declared() } {
            let (pool, provider) = (settings.identity_pool_id()?, settings.developer_provider_name()?);
            let identities = CognitoIdentities::new(&aws.sdk, pool, provider);
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
            mail,
            identities,
            compromised_passwords,
            hashing_scheme: reads(SettingsGroup::PasswordScheme).then(|| settings.password_scheme()).transpose()?,
            password_policy: reads(SettingsGroup::PasswordPolicy).then(|| settings.password_policy()).transpose()?,
            sign_up: reads(SettingsGroup::SignUp).then(|| settings.sign_up()).transpose()?,
            reset_page: reads(SettingsGroup::ResetPage).then(|| settings.reset_page()).transpose()?,
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

    fn mail(&self) -> &(SesMailer, MailTemplates) {
        const { assert!(R::NEEDS.mailer.is_declared(), "the operation does not declare the mailer") };
        self.mail.as_ref().expect(BUILT)
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
    ) -> Result<bool, Fault> {
        self.table().store_reset_token(email, token, until, now).await
    }
}

impl<R: Requirements> SpendResetToken for AwsServices<R> {
    async fn spend_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.table().spend_reset_token(email, token, password, now).await
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
    async fn count_attempt(&self, kind: AttemptKind, email: &Email, now: Timestamp) -> Result<Attempt, Fault> {
        self.table().count_attempt(kind, email, now).await
    }
}

impl<R: Requirements> ClearAttempts for AwsServices<R> {
    async fn clear_attempts(&self, kind: AttemptKind, email: &Email) -> Result<(), Fault> {
        self.table().clear_attempts(kind, email).await
    }
}

impl<R: Requirements> MailQuota for AwsServices<R> {
    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        self.table().reserve_mail(occasion, email, now).await
    }

    async fn release_mail(&self, email: &Email, reserved: &ReservedMail) -> Result<(), Fault> {
        self.table().release_mail(email, reserved).await
    }
}

impl<R: Requirements> SendMail for AwsServices<R> {
    async fn send_mail(&self, mail: &Mail) -> Result<(), Fault> {
        self.mail().0.send_mail(mail).await
    }

    fn decoy_recipient(&self) -> Email {
        self.mail().0.decoy_recipient()
    }
}

impl<R: Requirements> WriteMail for AwsServices<R> {
    fn mail_templates(&self) -> &MailTemplates {
        &self.mail().1
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
    fn hashing_scheme(&self) -> Scheme {
        const { assert!(R::NEEDS.reads(SettingsGroup::PasswordScheme), "the operation does not declare the scheme") };
        self.hashing_scheme.expect(BUILT)
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

impl<R: Requirements> ResetPage for AwsServices<R> {
    fn reset_page(&self) -> &str {
        const { assert!(R::NEEDS.reads(SettingsGroup::ResetPage), "the operation does not declare the reset page") };
        self.reset_page.as_ref().expect(BUILT)
    }
}

impl<R: Requirements> RevealAccounts for AwsServices<R> {
    fn reveals_accounts(&self) -> bool {
        const { assert!(R::NEEDS.reads(SettingsGroup::RevealAccounts), "the operation does not declare the choice") };
        self.reveal_accounts
    }
}
