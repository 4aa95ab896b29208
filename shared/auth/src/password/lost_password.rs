//! lostPassword: mails a link to choose a new password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8), and neither does its time: for an address
//! without one, a request that the mail function drops is handed over in the same way.
//!
//! Requests have a quota that nothing else spends, and void no link: a request that is refused means that a link is in the
//! mailbox and works.

use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::RESET_SECONDS;
use crate::email_link::token::Token;
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, Entropy, HandOverMail, ResetFor, RevealAccounts, StoreResetToken};
use crate::throttle::{MailQuota, Quota, Reservation};
use crate::time::Timestamp;

/// A request for a reset link.
#[derive(Debug)]
pub struct LostPassword {
    email: Email,
}

impl Requirements for LostPassword {
    const NEEDS: Needs = Needs {
        table: Use::AtOnce(1),
        outbox: Use::AtOnce(1),
        settings: &[SettingsGroup::RevealAccounts],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for LostPassword
where
    S: StoreResetToken + MailQuota + HandOverMail + Clock + Entropy + RevealAccounts,
{
    const CONTRACT: Contract = Contract { name: "lostPassword", flag: "sent" };

    type Success = Done;

    fn parse(payload: &str, _services: &S) -> Result<Self, Refusal> {
        let ([email], []) = fields(payload, ["email"], [])?;
        Ok(Self { email: Email::parse(&email)? })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email } = self;
        let now = services.now();
        audit.account(&email);
        // Before the token is stored: a link that is not mailed must not take the place of one that was.
        let reservation = services.reserve_mail(Quota::Reset, &email, now);
        if let Reservation::Throttled { retry_after } = audit.step(Step::MailQuota, reservation).await? {
            return Ok(Outcome::refused_until(Reason::TooManyMails, retry_after));
        }
        let outcome = store_and_ask(services, audit, &email, now).await;
        if outcome != Ok(Outcome::Success(Done)) {
            // No mail comes of it. If this fails too, the reservation costs the user a minute.
            let _ = audit.step(Step::MailQuota, services.release_mail(Quota::Reset, &email, now)).await;
        }
        outcome
    }
}

async fn store_and_ask<S>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    now: Timestamp,
) -> Result<Outcome<Done>, Fault>
where
    S: StoreResetToken + HandOverMail + Entropy + RevealAccounts,
{
    let token = Token::draw(services);
    let hash = token.hash();
    let stored = services.store_reset_token(email, &hash, now.plus(RESET_SECONDS), now);
    let template = match audit.step(Step::Store, stored).await? {
        ResetFor::Owner => Some(MailTemplate::Reset(token)),
        ResetFor::Unverified => Some(MailTemplate::UnverifiedReset(token)),
        ResetFor::Nobody => None,
    };
    if template.is_none() {
        audit.detail(AuditDetail::UnknownAccount);
        if services.reveals_accounts() {
            return Ok(Outcome::refused(Reason::UnknownAccount));
        }
    }
    let request = MailRequest { class: MailClass::Reset, to: email.clone(), template, requested_at: now };
    audit.step(Step::Mail, services.hand_over_mail(&request)).await?;
    Ok(Outcome::Success(Done))
}
