//! What the delivery of mail uses on AWS.

use crate::handler::{Delivers, Requests};
use latchkey_auth::delivery::{DeliverySettings, MailBudget, MailBudgets, SendError, SendMail};
use latchkey_auth::throttle::{MailQuota, Quota, Reservation};
use latchkey_auth::{Clock, Email, Fault, Mail, MailClass, MailTemplates, Timestamp};
use latchkey_config::{InvalidSetting, Settings};
use latchkey_dynamodb::DynamoOutbox;
use latchkey_runtime::{SystemClock, SystemEntropy};
use latchkey_ses::SesMailer;

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A setting is missing or invalid.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// The environment is not Lambda's.
    #[error(transparent)]
    Environment(#[from] latchkey_aws::EnvironmentError),
}

/// The outbox and SES.
pub(crate) struct AwsDelivery {
    outbox: DynamoOutbox<SystemEntropy>,
    mailer: SesMailer,
    templates: MailTemplates,
    budgets: MailBudgets,
}

impl Delivers for AwsDelivery {
    type StartError = StartError;

    fn start(settings: &Settings<'_>) -> Result<Self, StartError> {
        let aws = latchkey_aws::from_environment()?;
        let outbox = DynamoOutbox::new(&aws.sdk, settings.outbox_table()?, settings.mail_keys()?, SystemEntropy);
        let templates =
            MailTemplates::new(&settings.service_name()?, settings.verification_page()?, settings.reset_page()?);
        let mailer = SesMailer::new(&aws.sdk, settings.sender()?);
        Ok(Self { outbox, mailer, templates, budgets: settings.mail_budgets()? })
    }
}

impl Requests for AwsDelivery {
    async fn is_waiting(&self, id: &str) -> Result<bool, Fault> {
        self.outbox.is_waiting(id).await
    }

    async fn remove(&self, id: &str) -> Result<(), Fault> {
        self.outbox.remove(id).await
    }
}

impl MailQuota for AwsDelivery {
    async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        self.outbox.reserve_mail(quota, email, now).await
    }

    async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault> {
        self.outbox.release_mail(quota, email, at).await
    }

    async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault> {
        self.outbox.clear_quota(quota, email).await
    }
}

impl MailBudget for AwsDelivery {
    async fn spend_budget(&self, class: MailClass, limit: u32, now: Timestamp) -> Result<bool, Fault> {
        self.outbox.spend_budget(class, limit, now).await
    }

    async fn restore_budget(&self, class: MailClass, now: Timestamp) -> Result<(), Fault> {
        self.outbox.restore_budget(class, now).await
    }
}

impl SendMail for AwsDelivery {
    async fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
        self.mailer.send_mail(mail).await
    }
}

impl DeliverySettings for AwsDelivery {
    fn mail_templates(&self) -> &MailTemplates {
        &self.templates
    }

    fn mail_budgets(&self) -> MailBudgets {
        self.budgets
    }
}

impl Clock for AwsDelivery {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}
