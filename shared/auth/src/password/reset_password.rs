//! resetPassword: exchanges the token in the lost-password mail for one new password.

use super::compromised::is_compromised;
use super::policy::NewPassword;
use super::{Changed, Password, hash_password};
use crate::account::UserId;
use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::device::{DeviceField, DeviceKeys};
use crate::email_link::token::Token;
use crate::email_link::{accept_reset, refuse_token};
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{
    AcceptPassword, Clock, CompromisedPasswords, Entropy, FindUser, HandOverMail, HashingScheme, SpendResetToken,
};
use crate::throttle::{CountAttempt, ForgetFailures, MailQuota, Quota, Throttle, Wait};
use futures_util::future::join;

/// A new password, with the token of a reset link.
#[derive(Debug)]
pub struct ResetPassword {
    email: Email,
    lost: Token,
    password: NewPassword,
    device: DeviceField,
}

impl Requirements for ResetPassword {
    const NEEDS: Needs = Needs {
        table: Use::AtOnce(1),
        outbox: Use::AtOnce(1),
        compromised_passwords: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme, SettingsGroup::PasswordPolicy, SettingsGroup::DeviceKeys],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for ResetPassword
where
    S: FindUser + SpendResetToken + CountAttempt + ForgetFailures + MailQuota + HandOverMail + CompromisedPasswords,
    S: HashingScheme + AcceptPassword + DeviceKeys + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "resetPassword", flag: "changed" };

    type Success = Changed;

    /// Applies the policy before the token is looked at: a password that is refused spends nothing.
    fn parse(payload: &str, services: &S) -> Result<Self, Refusal> {
        let ([email, lost, password], [device]) = fields(payload, ["email", "lost", "password"], ["device"])?;
        let email = Email::parse(&email)?;
        let password = services.password_policy().accept(Password::from(password), &email)?;
        Ok(Self { email, lost: Token::parse(&lost)?, password, device: device.into() })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Changed>, Fault> {
        let Self { email, lost, password, device } = self;
        let now = services.now();
        audit.account(&email);
        // Looked at first, so that a wrong token does not cost a hash. The write below decides.
        let user = audit.step(Step::Find, services.find_user(&email)).await?;
        let found = user
            .ok_or(AuditDetail::UnknownAccount)
            .and_then(|user| accept_reset(&user.resets, &lost, now).map(|link| (user, link)));
        let (user, link) = match found {
            Ok(found) => found,
            Err(detail) => {
                audit.detail(detail);
                let refusal = refuse_token(services, audit, Throttle::ResetToken(&email), now).await?;
                return Ok(Outcome::Refused(refusal));
            }
        };
        let hash = audit.step(Step::Hash, hash_password(services, password.as_password()));
        let (hash, compromised) = join(hash, is_compromised(&password, services, audit)).await;
        if compromised {
            // The token is not spent.
            return Ok(Outcome::refused(Reason::PasswordCompromised));
        }
        let hash = hash?;
        // Whoever signed up with the address may have been a stranger: the account becomes the mailbox's as a new one.
        let anew = (!user.verified && !user.imported).then(|| UserId::draw(services));
        let spent = services.spend_reset_token(&email, &link, &hash, anew.as_ref(), now);
        if !audit.step(Step::Store, spent).await? {
            // A concurrent request spent this link or another one first.
            audit.detail(AuditDetail::LostRace);
            return Ok(Outcome::refused(Reason::InvalidToken));
        }
        // All links are void, so none can be said to be out.
        let template = Some(MailTemplate::PasswordChanged { reset_links_until: None });
        let request = MailRequest { class: MailClass::Change, to: email.clone(), template, requested_at: now };
        let told = async {
            let handed_over = audit.step(Step::Mail, services.hand_over_mail(&request)).await;
            // The quota is given back with the links: a refused request would not mean a working link any more.
            let _ = audit.step(Step::MailQuota, services.clear_quota(Quota::Reset, &email)).await;
            handed_over
        };
        // A caller that takes no device token has no other way past the wait that strangers caused. That it ends shows; for all
        // others it stays, so that a throttle shows nothing but attempts and time.
        let wait = if matches!(device, DeviceField::NotSent) { Wait::Ends } else { Wait::Stays };
        let forgotten = audit.step(Step::Clear, services.forget_failures(&email, wait));
        let (told, _) = join(told, forgotten).await;
        // As with a changed password, the caller is told of the reset even if the owner could not be notified.
        if let Err(fault) = told {
            audit.fault(&fault);
        }
        // If the password changed since the account was read, the token is void: then the next login hands out another.
        let generation = user.password_generation.saturating_add(1);
        // A new identifier, because the old one may have failed too often to count as known.
        let device = device.answer(services, &email, anew.as_ref().unwrap_or(&user.user_id), generation, None);
        Ok(Outcome::Success(Changed { device }))
    }
}
