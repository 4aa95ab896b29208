//! lostPassword: mails a link to choose a new password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8), and neither does its time: for an address
//! without one, a mail goes to the decoy recipient.

use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::RESET_SECONDS;
use crate::email_link::token::Token;
use crate::fault::Fault;
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, Entropy, ResetPage, RevealAccounts, SendMail, StoreResetToken, WriteMail};
use crate::throttle::{MailQuota, Occasion, Reservation};
use crate::time::Timestamp;

/// A request for a reset link.
#[derive(Debug)]
pub struct LostPassword {
    email: Email,
}

impl Requirements for LostPassword {
    const NEEDS: Needs = Needs {
        table: Use::AtOnce(1),
        mailer: Use::AtOnce(1),
        settings: &[SettingsGroup::ResetPage, SettingsGroup::RevealAccounts],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for LostPassword
where
    S: StoreResetToken + MailQuota + SendMail + WriteMail + Clock + Entropy,
    S: ResetPage + RevealAccounts,
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
        // Reserved before the token is stored: a mail that may not be sent must not void the previous link.
        let reservation = services.reserve_mail(Occasion::LostPassword, &email, now);
        let reserved = match audit.step(Step::MailQuota, reservation).await? {
            Reservation::Granted(reserved) => reserved,
            Reservation::Throttled { retry_after } => {
                return Ok(Outcome::refused_until(Reason::TooManyMails, retry_after));
            }
        };
        let outcome = store_and_notify(services, audit, &email, now).await;
        if outcome != Ok(Outcome::Success(Done)) {
            // No mail was sent. If this fails too, the reservation costs the user a minute.
            let _ = audit.step(Step::MailQuota, services.release_mail(&email, &reserved)).await;
        }
        outcome
    }
}

async fn store_and_notify<S>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    now: Timestamp,
) -> Result<Outcome<Done>, Fault>
where
    S: StoreResetToken + SendMail + WriteMail + Entropy + ResetPage + RevealAccounts,
{
    let token = Token::draw(services);
    let hash = token.hash();
    let stored = services.store_reset_token(email, &hash, now.plus(RESET_SECONDS), now);
    let known = audit.step(Step::Store, stored).await?;
    if !known {
        audit.detail(AuditDetail::UnknownAccount);
    }
    if !known && services.reveals_accounts() {
        return Ok(Outcome::refused(Reason::UnknownAccount));
    }
    let recipient = if known { email } else { &services.decoy_recipient() };
    let mail = services.mail_templates().reset(recipient, services.reset_page(), &token);
    audit.step(Step::Mail, services.send_mail(&mail)).await?;
    Ok(Outcome::Success(Done))
}
