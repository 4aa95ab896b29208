//! login: exchanges an email address and a password for an identity token.

use super::{Password, Proven, check_password, hash_password};
use crate::account::User;
use crate::account::email::Email;
use crate::audit::{AuditTrail, Step};
use crate::device::{DeviceField, DeviceKeys, DeviceToken};
use crate::fault::Fault;
use crate::operation::{Contract, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::refusal::{Reason, Refusal};
use crate::services::{Clock, Entropy, FindUser, HandOverMail, HashingScheme, IssueToken, OpenIdToken, RenewHash};
use crate::throttle::{CountAttempt, CountDeviceFailure, CountSuccess};
use futures_util::future::join;
use serde::Serialize;

/// A login attempt.
#[derive(Debug)]
pub struct Login {
    email: Email,
    password: Password,
    device: DeviceField,
}

/// A successful login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedIn {
    /// The identity token.
    #[serde(flatten)]
    pub token: OpenIdToken,
    /// Only for callers that take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceToken>,
}

impl Requirements for Login {
    const NEEDS: Needs = Needs {
        // `check_password` reads the account while it counts the attempt.
        table: Use::AtOnce(2),
        identities: Use::AtOnce(1),
        // Only to notify an owner of wrong passwords.
        outbox: Use::Rarely,
        settings: &[SettingsGroup::PasswordScheme, SettingsGroup::DeviceKeys],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for Login
where
    S: FindUser + CountAttempt + CountSuccess + CountDeviceFailure + RenewHash + HandOverMail + IssueToken,
    S: HashingScheme + DeviceKeys + Clock + Entropy,
{
    const CONTRACT: Contract = Contract { name: "login", flag: "login" };

    type Success = LoggedIn;

    fn parse(payload: &str, _services: &S) -> Result<Self, Refusal> {
        let ([email, password], [device]) = fields(payload, ["email", "password"], ["device"])?;
        let (email, password) = (Email::parse(&email)?, Password::from(password).given()?);
        Ok(Self { email, password, device: device.into() })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<LoggedIn>, Fault> {
        let Self { email, password, device } = self;
        let proven = match check_password(services, audit, &email, &password, &device, services.now()).await? {
            Ok(proven) => proven,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let Proven { user, device: known } = &proven;
        // A success that is not counted stays a failure in the count: no reason to turn away a user who is logged in.
        let success = audit.step(Step::Success, services.count_success(proven.throttle(&email)));
        if !user.verified {
            let _ = success.await;
            return Ok(Outcome::refused(Reason::NotVerified));
        }
        if user.password.needs_renewal(services.hashing_scheme()) {
            renew_hash(services, audit, &email, user, &password).await?;
        }
        let (token, _) = join(audit.step(Step::Identity, services.issue_token(&user.user_id)), success).await;
        let token = token?;
        audit.identity(&token.identity_id);
        let device = device.answer(services, &email, &user.user_id, user.password_generation, *known);
        Ok(Outcome::Success(LoggedIn { token, device }))
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
