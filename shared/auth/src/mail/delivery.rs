//! The delivery of a requested mail, apart from the call that asked for it.
//!
//! What is decided here, and what becomes of it, is told to the operator and to no caller: whether there is a recipient,
//! and whether a limit holds the mail back.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use super::{Mail, MailClass, MailRequest, MailTemplate, MailTemplates};
use crate::fault::{Cause, Fault};
use crate::throttle::{MailQuota, Quota, Reservation};
use crate::time::Timestamp;

/// A mail that could not be delivered within so many seconds is given up: half an hour. A reset link works for an hour, so one
/// that still arrives leaves time to use it.
pub const DELIVERY_SECONDS: u64 = 30 * 60;

/// How many mails the whole service may send within an hour of the clock, by class. Resets have no such limit: they are bound
/// by the quota of their address, and by SES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailBudgets {
    /// Mails to people who sign up (`SIGN_UP_MAILS_PER_HOUR`).
    pub sign_ups: u32,
    /// Notices of wrong passwords, and as many again of changed ones (`NOTICE_MAILS_PER_HOUR`).
    pub notices: u32,
}

impl MailBudgets {
    /// The budget of a class.
    #[must_use]
    pub const fn of(&self, class: MailClass) -> Option<u32> {
        match class {
            MailClass::SignUp => Some(self.sign_ups),
            MailClass::Change | MailClass::Notice => Some(self.notices),
            MailClass::Reset => None,
        }
    }
}

/// Counts mails against the budgets.
pub trait MailBudget {
    /// Takes one mail out of the budget of this class for the present hour, unless `limit` mails have been taken.
    async fn spend_budget(&self, class: MailClass, limit: u32, now: Timestamp) -> Result<bool, Fault>;

    /// Puts one mail back.
    async fn restore_budget(&self, class: MailClass, now: Timestamp) -> Result<(), Fault>;
}

/// Sends mail.
pub trait SendMail {
    /// Sends a mail, once. One that is sent again may arrive twice.
    async fn send_mail(&self, mail: &Mail) -> Result<(), SendError>;
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mail service refuses this mail, and would do so again.
    #[error("refused: {0}")]
    Refused(Cause),
    /// The mail service is busy, broken or silent: another attempt may succeed.
    #[error("unavailable: {0}")]
    Unavailable(Cause),
}

/// What the mail function reads from its settings.
pub trait DeliverySettings {
    /// The templates of all mail.
    fn mail_templates(&self) -> &MailTemplates;

    /// The budgets of the whole service.
    fn mail_budgets(&self) -> MailBudgets;
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The mail was sent.
    Sent,
    /// There was nobody to send it to.
    NoRecipient,
    /// The mailbox has had this notice, or as many as it gets.
    HeldBack,
    /// The budget of the whole service for this hour is used up.
    OverBudget,
    /// The mail was given up. The caller's quota was given back, so that asking again works.
    Undelivered(Cause),
}

impl Delivery {
    /// A stable machine word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NoRecipient => "no_recipient",
            Self::HeldBack => "held_back",
            Self::OverBudget => "over_budget",
            Self::Undelivered(_) => "undelivered",
        }
    }
}

/// Delivers a requested mail, drops it, or gives it up. A fault means that it should be tried again.
pub async fn deliver<S>(services: &S, request: &MailRequest, now: Timestamp) -> Result<Delivery, Fault>
where
    S: SendMail + MailQuota + MailBudget + DeliverySettings,
{
    let Some(template) = &request.template else { return Ok(Delivery::NoRecipient) };
    if now.since(request.requested_at) > DELIVERY_SECONDS {
        return give_up(services, request, Cause::code("expired")).await;
    }
    // The budget comes first: while it is used up, every caller gets the quota back. With a quota of ours in front, whoever has
    // had the notice of an account would not, and so be told from an address without one.
    let budget = services.mail_budgets().of(request.class);
    if let Some(limit) = budget
        && !services.spend_budget(request.class, limit, now).await?
    {
        return_quota(services, request).await?;
        return Ok(Delivery::OverBudget);
    }
    let restore = async || match budget {
        Some(_) => services.restore_budget(request.class, now).await,
        None => Ok(()),
    };
    let own = own_quota(request, template);
    if let Some(quota) = own {
        match services.reserve_mail(quota, &request.to, now).await {
            Ok(Reservation::Granted) => {}
            Ok(Reservation::Throttled { .. }) => {
                restore().await?;
                return Ok(Delivery::HeldBack);
            }
            Err(fault) => {
                restore().await?;
                return Err(fault);
            }
        }
    }
    let mail = services.mail_templates().write(&request.to, template);
    match services.send_mail(&mail).await {
        Ok(()) => Ok(Delivery::Sent),
        Err(SendError::Refused(cause)) => {
            if let Some(quota) = own {
                services.release_mail(quota, &request.to, now).await?;
            }
            give_up(services, request, cause).await
        }
        Err(SendError::Unavailable(cause)) => {
            // The next attempt takes both again.
            if let Some(quota) = own {
                services.release_mail(quota, &request.to, now).await?;
            }
            restore().await?;
            Err(Fault::Mailer(cause))
        }
    }
}

/// Gives up a request that no attempt will deliver any more, because it is too old to be tried again.
pub async fn give_up<S: MailQuota>(services: &S, request: &MailRequest, cause: Cause) -> Result<Delivery, Fault> {
    return_quota(services, request).await?;
    Ok(Delivery::Undelivered(cause))
}

/// Gives the caller's quota back.
async fn return_quota<S: MailQuota>(services: &S, request: &MailRequest) -> Result<(), Fault> {
    match request.class.quota() {
        Some(quota) => services.release_mail(quota, &request.to, request.requested_at).await,
        None => Ok(()),
    }
}

/// The quota that the mail function itself uses for a mail: strangers cause it, and its recipient did not ask for it.
fn own_quota(request: &MailRequest, template: &MailTemplate) -> Option<Quota> {
    match template {
        MailTemplate::AlreadyRegistered => Some(Quota::AlreadyRegistered),
        MailTemplate::WrongPasswords => Some(Quota::Notice),
        // Strangers can sign up with any number of ways to write one mailbox, each of which has resets of its own. The plain one
        // has its quota from the caller, so that nothing takes it from whoever owns that.
        MailTemplate::UnverifiedReset(_) if request.to.mailbox() != request.to.as_str() => Some(Quota::AliasReset),
        // The first three were asked for with a quota. A change is told whatever else was: its owner must hear of it. An account is
        // closed once for each password.
        MailTemplate::Verification(_)
        | MailTemplate::Reset(_)
        | MailTemplate::UnverifiedReset(_)
        | MailTemplate::PasswordChanged { .. }
        | MailTemplate::PasswordClosed => None,
    }
}
