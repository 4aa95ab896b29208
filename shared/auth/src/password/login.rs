//! login: exchanges an email address and a password for an identity token.

use super::{Password, check_password, hash_password};
use crate::account::User;
use crate::account::email::Email;
use crate::audit::{AuditTrail, Step};
use crate::fault::Fault;
use crate::operation::{Contract, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, Entropy, FindUser, HandOverMail, HashingScheme, IssueToken, OpenIdToken, RenewHash};
use crate::throttle::{AttemptKind, ClearAttempts, CountAttempt};
use futures_util::future::join;
use serde::Serialize;

/// A login attempt.
#[derive(Debug)]
pub struct Login {
    email: Email,
    password: Password,
}

/// A successful login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedIn(pub OpenIdToken);

impl Requirements for Login {
    const NEEDS: Needs = Needs {
        // `check_password` reads the account while it counts the attempt.
        table: Use::AtOnce(2),
        identities: Use::AtOnce(1),
        // Only to notify an owner of wrong passwords.
        outbox: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for Login
where
    S: FindUser + CountAttempt + ClearAttempts + RenewHash + HandOverMail + IssueToken,
    S: HashingScheme + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "login", flag: "login" };

    type Success = LoggedIn;

    fn parse(payload: &str, _services: &S) -> Result<Self, Refusal> {
        let ([email, password], []) = fields(payload, ["email", "password"], [])?;
        Ok(Self { email: Email::parse(&email)?, password: Password::from(password).given()? })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<LoggedIn>, Fault> {
        let Self { email, password } = self;
        let user = match check_password(services, audit, &email, &password, services.now()).await? {
            Ok(user) => user,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        if !user.verified {
            return Ok(Outcome::refused(Reason::NotVerified));
        }
        if user.password.needs_renewal(services.hashing_scheme()) {
            renew_hash(services, audit, &email, &user, &password).await?;
        }
        let cleared = audit.step(Step::Clear, services.clear_attempts(AttemptKind::Password, &email));
        // If the count is not cleared, its owner has to wait at worst, and the next success clears it: no reason to turn
        // away a user who is logged in.
        let (token, _) = join(audit.step(Step::Identity, services.issue_token(&user.user_id)), cleared).await;
        let token = token?;
        audit.identity(&token.identity_id);
        Ok(Outcome::Success(LoggedIn(token)))
    }
}

async fn renew_hash<S: RenewHash + HashingScheme + Clock + Entropy>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    user: &User,
    password: &Password,
) -> Result<(), Fault> {
    let hash = audit.step(Step::Hash, hash_password(services, password)).await?;
    // If the stored hash has changed, another request renewed it or changed the password: either way, nothing is left to
    // do.
    let renewal = services.renew_hash(email, &user.user_id, &user.password, &hash, services.now());
    audit.step(Step::Store, renewal).await?;
    Ok(())
}
