//! resetPassword: exchanges the token in the lost-password mail for one new password.

use super::compromised::is_compromised;
use super::policy::NewPassword;
use super::{Password, hash_password};
use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::token::Token;
use crate::email_link::{accept_reset, refuse_token};
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{
    AcceptPassword, Clock, CompromisedPasswords, Entropy, FindUser, HandOverMail, HashingScheme, SpendResetToken,
};
use crate::throttle::{AttemptKind, ClearAttempts, CountAttempt, MailQuota, Quota};
use futures_util::future::join;

/// A new password, with the token of a reset link.
#[derive(Debug)]
pub struct ResetPassword {
    email: Email,
    lost: Token,
    password: NewPassword,
}

impl Requirements for ResetPassword {
    const NEEDS: Needs = Needs {
        table: Use::AtOnce(1),
        outbox: Use::AtOnce(1),
        compromised_passwords: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme, SettingsGroup::PasswordPolicy],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for ResetPassword
where
    S: FindUser + SpendResetToken + CountAttempt + ClearAttempts + MailQuota + HandOverMail + CompromisedPasswords,
    S: HashingScheme + AcceptPassword + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "resetPassword", flag: "changed" };

    type Success = Done;

    /// Applies the policy before the token is looked at: a password that is refused spends nothing.
    fn parse(payload: &str, services: &S) -> Result<Self, Refusal> {
        let ([email, lost, password], []) = fields(payload, ["email", "lost", "password"], [])?;
        let email = Email::parse(&email)?;
        let password = services.password_policy().accept(Password::from(password), &email)?;
        Ok(Self { email, lost: Token::parse(&lost)?, password })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email, lost, password } = self;
        let now = services.now();
        audit.account(&email);
        // Looked at first, so that a wrong token does not cost a hash. The write below decides.
        let user = audit.step(Step::Find, services.find_user(&email)).await?;
        let link = user.ok_or(AuditDetail::UnknownAccount).and_then(|user| accept_reset(&user.resets, &lost, now));
        let link = match link {
            Ok(link) => link,
            Err(detail) => {
                audit.detail(detail);
                let refusal = refuse_token(services, audit, AttemptKind::ResetToken, &email, now).await?;
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
        let spent = services.spend_reset_token(&email, &link, &hash, now);
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
        // The mailbox is proven, so attempts at the old password no longer make its owner wait.
        let cleared = audit.step(Step::Clear, services.clear_attempts(AttemptKind::Password, &email));
        let (told, _) = join(told, cleared).await;
        // As with a changed password, the caller is told of the reset even if the owner could not be notified.
        if let Err(fault) = told {
            audit.fault(&fault);
        }
        Ok(Outcome::Success(Done))
    }
}
