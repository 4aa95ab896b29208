//! changePassword: replaces the password of a user who knows it.

use super::compromised::is_compromised;
use super::policy::NewPassword;
use super::{Password, check_password, hash_password};
use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::reset_links_until;
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{
    AcceptPassword, Clock, CompromisedPasswords, Entropy, FindUser, HandOverMail, HashingScheme, ReplacePassword,
};
use crate::throttle::{AttemptKind, ClearAttempts, CountAttempt, MailQuota, Quota, Reservation};
use futures_util::future::join;

/// A new password, with the old one as proof.
#[derive(Debug)]
pub struct ChangePassword {
    email: Email,
    old_password: Password,
    new_password: NewPassword,
}

impl Requirements for ChangePassword {
    const NEEDS: Needs = Needs {
        // `check_password` reads the account while it counts the attempt.
        table: Use::AtOnce(2),
        outbox: Use::AtOnce(1),
        compromised_passwords: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme, SettingsGroup::PasswordPolicy],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for ChangePassword
where
    S: FindUser + CountAttempt + ClearAttempts + ReplacePassword + MailQuota + HandOverMail + CompromisedPasswords,
    S: HashingScheme + AcceptPassword + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "changePassword", flag: "changed" };

    type Success = Done;

    fn parse(payload: &str, services: &S) -> Result<Self, Refusal> {
        let ([email, old_password, new_password], []) = fields(payload, ["email", "oldPassword", "newPassword"], [])?;
        let email = Email::parse(&email)?;
        let new_password = services.password_policy().accept(Password::from(new_password), &email)?;
        Ok(Self { email, old_password: Password::from(old_password).given()?, new_password })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email, old_password, new_password } = self;
        let now = services.now();
        // Like the rest of the policy, this comes before the attempt is counted: looking for a password that is accepted is
        // no attempt at the old one.
        if is_compromised(&new_password, services, audit).await {
            audit.account(&email);
            return Ok(Outcome::refused(Reason::PasswordCompromised));
        }
        let user = match check_password(services, audit, &email, &old_password, now).await? {
            Ok(user) => user,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        if !user.verified {
            return Ok(Outcome::refused(Reason::NotVerified));
        }
        // Each change is mailed, so changes are limited. Whoever gets here knows the password, and may be told.
        let reservation = services.reserve_mail(Quota::Change, &email, now);
        if let Reservation::Throttled { retry_after } = audit.step(Step::MailQuota, reservation).await? {
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
        // As at login, a count that is not cleared is no reason for a fault.
        let cleared = audit.step(Step::Clear, services.clear_attempts(AttemptKind::Password, &email));
        let (handed_over, _) = join(audit.step(Step::Mail, services.hand_over_mail(&request)), cleared).await;
        // The password is changed, and the caller is told so even if the owner will not be: a retry would be refused.
        if let Err(fault) = handed_over {
            audit.fault(&fault);
        }
        Ok(Outcome::Success(Done))
    }
}
