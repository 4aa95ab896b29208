//! changePassword: replaces the password of a user who knows it.

use super::compromised::is_compromised;
use super::policy::NewPassword;
use super::{Changed, Password, Proven, check_password, hash_password};
use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::device::{DeviceField, DeviceKeys};
use crate::email_link::reset_links_until;
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{
    AcceptPassword, Clock, CompromisedPasswords, Entropy, FindUser, HandOverMail, HashingScheme, ReplacePassword,
};
use crate::throttle::{
    CountAttempt, CountDeviceFailure, CountSuccess, ForgetFailures, MailQuota, Quota, Reservation, Wait,
};
use futures_util::future::join;

/// A new password, with the old one as proof.
#[derive(Debug)]
pub struct ChangePassword {
    email: Email,
    old_password: Password,
    new_password: NewPassword,
    device: DeviceField,
}

impl Requirements for ChangePassword {
    const NEEDS: Needs = Needs {
        // `check_password` reads the account while it counts the attempt.
        table: Use::AtOnce(2),
        outbox: Use::AtOnce(1),
        compromised_passwords: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme, SettingsGroup::PasswordPolicy, SettingsGroup::DeviceKeys],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for ChangePassword
where
    S: FindUser + CountAttempt + CountSuccess + CountDeviceFailure + ForgetFailures + ReplacePassword,
    S: MailQuota + HandOverMail + CompromisedPasswords + HashingScheme + AcceptPassword + DeviceKeys + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "changePassword", flag: "changed" };

    type Success = Changed;

    fn parse(payload: &str, services: &S) -> Result<Self, Refusal> {
        let ([email, old_password, new_password], [device]) =
            fields(payload, ["email", "oldPassword", "newPassword"], ["device"])?;
        let email = Email::parse(&email)?;
        let new_password = services.password_policy().accept(Password::from(new_password), &email)?;
        Ok(Self { email, old_password: Password::from(old_password).given()?, new_password, device: device.into() })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Changed>, Fault> {
        let Self { email, old_password, new_password, device } = self;
        let now = services.now();
        // Like the rest of the policy, this comes before the attempt is counted: looking for a password that is accepted is
        // no attempt at the old one.
        if is_compromised(&new_password, services, audit).await {
            audit.account(&email);
            return Ok(Outcome::refused(Reason::PasswordCompromised));
        }
        let proven = match check_password(services, audit, &email, &old_password, &device, now).await? {
            Ok(proven) => proven,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let Proven { user, device: known } = &proven;
        let success = audit.step(Step::Success, services.count_success(proven.throttle(&email)));
        if !user.verified {
            let _ = success.await;
            return Ok(Outcome::refused(Reason::NotVerified));
        }
        // Each change is mailed, so changes are limited. Whoever gets here knows the password, and may be told.
        let reservation = services.reserve_mail(Quota::Change, &email, now);
        if let Reservation::Throttled { retry_after } = audit.step(Step::MailQuota, reservation).await? {
            let _ = success.await;
            return Ok(Outcome::refused_until(Reason::TooManyAttempts, retry_after));
        }
        let hash = audit.step(Step::Hash, hash_password(services, new_password.as_password())).await?;
        let replacement = services.replace_password(&email, &user.password, &hash, now);
        if !audit.step(Step::Store, replacement).await? {
            // The password has changed since it was read: the old password is no longer the current one.
            audit.detail(AuditDetail::LostRace);
            let _ = audit.step(Step::MailQuota, services.release_mail(Quota::Change, &email, now)).await;
            return Ok(Outcome::refused(Reason::InvalidCredentials));
        }
        let template = MailTemplate::PasswordChanged { reset_links_until: reset_links_until(&user.resets, now) };
        let request =
            MailRequest { class: MailClass::Change, to: email.clone(), template: Some(template), requested_at: now };
        // As at login, a count that stays is no reason for a fault.
        let counted = async {
            let _ = audit.step(Step::Clear, services.forget_failures(&email, Wait::Stays)).await;
            if known.is_some() {
                let _ = success.await;
            }
        };
        let (handed_over, ()) = join(audit.step(Step::Mail, services.hand_over_mail(&request)), counted).await;
        // The password is changed, and the caller is told so even if the owner will not be: a retry would be refused.
        if let Err(fault) = handed_over {
            audit.fault(&fault);
        }
        // The write was conditional on the hash that was read together with the generation, so this is the next one.
        let generation = user.password_generation.saturating_add(1);
        let device = device.answer(services, &email, &user.user_id, generation, *known);
        Ok(Outcome::Success(Changed { device }))
    }
}
