//! verifyUser: the link in the sign-up mail verifies the address.
//!
//! A second click within the lifetime of the link is answered like the first and changes nothing: mail programs, and
//! people, click twice.

use super::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::token::Token;
use crate::email_link::{VERIFICATION_SECONDS, refuse_token};
use crate::fault::Fault;
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, FindUser, MarkVerified};
use crate::throttle::{AttemptKind, CountAttempt};

/// A click on the page that the link opened.
#[derive(Debug)]
pub struct VerifyUser {
    email: Email,
    verify: Token,
}

impl Requirements for VerifyUser {
    const NEEDS: Needs = Needs { table: Use::AtOnce(1), ..Needs::NONE };
}

impl<S: FindUser + MarkVerified + CountAttempt + Clock> Operation<S> for VerifyUser {
    const CONTRACT: Contract = Contract { name: "verifyUser", flag: "verified" };

    type Success = Done;

    fn parse(payload: &str, _services: &S) -> Result<Self, Refusal> {
        let ([email, verify], []) = fields(payload, ["email", "verify"], [])?;
        Ok(Self { email: Email::parse(&email)?, verify: Token::parse(&verify)? })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email, verify } = self;
        let now = services.now();
        audit.account(&email);
        let user = audit.step(Step::Find, services.find_user(&email)).await?;
        let verified = user.as_ref().is_some_and(|user| user.verified);
        let link =
            user.ok_or(AuditDetail::UnknownAccount).and_then(|user| user.verification.ok_or(AuditDetail::NoLink));
        let link = match link.and_then(|link| link.accept(&verify, now).map(|()| link)) {
            Ok(link) => link,
            Err(detail) => {
                audit.detail(detail);
                let refusal = refuse_token(services, audit, AttemptKind::VerifyToken, &email, now).await?;
                return Ok(Outcome::Refused(refusal));
            }
        };
        if verified {
            audit.detail(AuditDetail::AlreadyVerified);
            return Ok(Outcome::Success(Done));
        }
        let verification = services.mark_verified(&email, &link, now.plus(VERIFICATION_SECONDS), now);
        if !audit.step(Step::Store, verification).await? {
            // A newer link replaced this one in the meantime.
            audit.detail(AuditDetail::LostRace);
            return Ok(Outcome::refused(Reason::InvalidToken));
        }
        Ok(Outcome::Success(Done))
    }
}
