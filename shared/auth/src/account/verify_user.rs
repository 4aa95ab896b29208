//! verifyUser: the link in the sign-up mail verifies the address.
//!
//! A link proves the mailbox, and not that the account is its owner's: a stranger may have signed up with the address after
//! them, and the newest sign-up wins. So callers should send the password as well, which whoever signed up has chosen. It is
//! judged after the link, and each try is counted on the link, of which there are ten: the throttle of the account is not
//! touched, and the answer says no more than whether the address is verified.
//!
//! A second click within the lifetime of the link is answered like the first and changes nothing: mail programs, and
//! people, click twice.

use super::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::token::Token;
use crate::email_link::{MOST_VERIFY_TRIES, VERIFICATION_SECONDS, refuse_token};
use crate::fault::Fault;
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::password::{Password, matches_hash};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, CountVerifyTry, FindUser, HashingScheme, MarkVerified, VerifyTry};
use crate::throttle::{CountAttempt, ForgetFailures, Throttle, Wait};

/// A click on the page that the link opened.
#[derive(Debug)]
pub struct VerifyUser {
    email: Email,
    verify: Token,
    password: Option<Password>,
}

impl Requirements for VerifyUser {
    const NEEDS: Needs = Needs { table: Use::AtOnce(1), settings: &[SettingsGroup::PasswordScheme], ..Needs::NONE };
}

impl<S> Operation<S> for VerifyUser
where
    S: FindUser + MarkVerified + CountVerifyTry + CountAttempt + ForgetFailures + HashingScheme + Clock,
{
    const CONTRACT: Contract = Contract { name: "verifyUser", flag: "verified" };

    type Success = Done;

    fn parse(payload: &str, _services: &S) -> Result<Self, Refusal> {
        let ([email, verify], [password]) = fields(payload, ["email", "verify"], ["password"])?;
        let (email, verify) = (Email::parse(&email)?, Token::parse(&verify)?);
        let password = password.map(|password| Password::from(password).given()).transpose()?;
        Ok(Self { email, verify, password })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email, verify, password } = self;
        let now = services.now();
        audit.account(&email);
        let user = audit.step(Step::Find, services.find_user(&email)).await?;
        let found = user.ok_or(AuditDetail::UnknownAccount).and_then(|user| {
            let link = user.verification.clone().ok_or(AuditDetail::NoLink)?;
            link.accept(&verify, now).map(|()| (user, link))
        });
        let (user, link) = match found {
            Ok(found) => found,
            Err(detail) => {
                audit.detail(detail);
                let refusal = refuse_token(services, audit, Throttle::VerifyToken(&email), now).await?;
                return Ok(Outcome::Refused(refusal));
            }
        };
        if user.verified {
            audit.detail(AuditDetail::AlreadyVerified);
            return Ok(Outcome::Success(Done));
        }
        if let Some(password) = password {
            match audit.step(Step::Failure, services.count_verify_try(&email, &link)).await? {
                VerifyTry::Counted => {}
                VerifyTry::WornOut => return Ok(worn_out(audit)),
                VerifyTry::LostRace => return Ok(lost_race(audit)),
            }
            let matches = matches_hash(&password, Some(&user.password), services.hashing_schemes());
            if !audit.step(Step::Check, matches).await? {
                audit.detail(AuditDetail::WrongPassword);
                return Ok(Outcome::refused(Reason::InvalidCredentials));
            }
        } else if user.verify_tries >= MOST_VERIFY_TRIES {
            return Ok(worn_out(audit));
        }
        // A sign-up that replaces the account replaces the link: the password was judged on the account that is verified.
        let verification = services.mark_verified(&email, &link, now.plus(VERIFICATION_SECONDS), now);
        if !audit.step(Step::Store, verification).await? {
            return Ok(lost_race(audit));
        }
        // The failures before were at no password of this account: a hundred guesses at an address that nobody had would close it to
        // whoever gets it. If it fails, a reset opens it.
        let _ = audit.step(Step::Clear, services.forget_failures(&email, Wait::Stays)).await;
        Ok(Outcome::Success(Done))
    }
}

/// A newer link replaced this one in the meantime.
fn lost_race(audit: &AuditTrail<'_>) -> Outcome<Done> {
    audit.detail(AuditDetail::LostRace);
    Outcome::refused(Reason::InvalidToken)
}

fn worn_out(audit: &AuditTrail<'_>) -> Outcome<Done> {
    audit.detail(AuditDetail::LinkWornOut);
    Outcome::Refused(Refusal::link_worn_out())
}
