//! createUser: signs up with an email address and a password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8). A mail is asked for either way: with a
//! verification link, or with the news that somebody tried to sign up.

use super::email::Email;
use super::name::Name;
use super::{NewUser, UserId};
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::email_link::VERIFICATION_SECONDS;
use crate::email_link::token::Token;
use crate::fault::Fault;
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::{Contract, Done, Needs, Operation, Outcome, Requirements, SettingsGroup, Use, fields};
use crate::password::compromised::is_compromised;
use crate::password::policy::NewPassword;
use crate::password::{Password, hash_password};
use crate::refusal::{Reason, Refusal};
use crate::services::{
    AcceptPassword, AddUser, Clock, CompromisedPasswords, Entropy, HandOverMail, HashingScheme, RevealAccounts,
    SignUpSettings,
};
use crate::throttle::{MailQuota, Quota, Reservation};
use crate::time::Timestamp;
use futures_util::future::join;
use latchkey_salting::PasswordHash;

/// A sign-up.
#[derive(Debug)]
pub struct CreateUser {
    email: Email,
    password: NewPassword,
    name: Option<Name>,
}

/// The settings of sign-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignUp {
    /// How many seconds an unverified account is kept (`UNVERIFIED_DAYS`).
    pub unverified_seconds: u64,
}

impl Requirements for CreateUser {
    const NEEDS: Needs = Needs {
        table: Use::AtOnce(1),
        outbox: Use::AtOnce(1),
        compromised_passwords: Use::Rarely,
        settings: &[
            SettingsGroup::PasswordScheme,
            SettingsGroup::PasswordPolicy,
            SettingsGroup::SignUp,
            SettingsGroup::RevealAccounts,
        ],
        ..Needs::NONE
    };
}

impl<S> Operation<S> for CreateUser
where
    S: AddUser + MailQuota + HandOverMail + CompromisedPasswords + Clock + Entropy,
    S: HashingScheme + AcceptPassword + SignUpSettings + RevealAccounts,
{
    const CONTRACT: Contract = Contract { name: "createUser", flag: "created" };

    type Success = Done;

    fn parse(payload: &str, services: &S) -> Result<Self, Refusal> {
        let ([email, password], [name]) = fields(payload, ["email", "password"], ["name"])?;
        let email = Email::parse(&email)?;
        let password = services.password_policy().accept(Password::from(password), &email)?;
        let name = name.map(|name| Name::parse(&name)).transpose()?.flatten();
        Ok(Self { email, password, name })
    }

    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Done>, Fault> {
        let Self { email, password, name } = self;
        let now = services.now();
        audit.account(&email);
        // Hashed before anything is known about the address, so that the time reveals nothing about it.
        let hash = audit.step(Step::Hash, hash_password(services, password.as_password()));
        let reservation = async {
            if is_compromised(&password, services, audit).await {
                return Ok(None);
            }
            audit.step(Step::MailQuota, services.reserve_mail(Quota::SignUp, &email, now)).await.map(Some)
        };
        let (hash, reservation) = join(hash, reservation).await;
        match reservation? {
            None => return Ok(Outcome::refused(Reason::PasswordCompromised)),
            Some(Reservation::Granted) => {}
            Some(Reservation::Throttled { retry_after }) => {
                return Ok(Outcome::refused_until(Reason::TooManyMails, retry_after));
            }
        }
        let outcome = match hash {
            Ok(hash) => store_and_ask(services, audit, &email, name, hash, now).await,
            Err(fault) => Err(fault),
        };
        if outcome != Ok(Outcome::Success(Done)) {
            // No mail comes of it. If this fails too, the reservation costs the user a minute.
            let _ = audit.step(Step::MailQuota, services.release_mail(Quota::SignUp, &email, now)).await;
        }
        outcome
    }
}

async fn store_and_ask<S>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    name: Option<Name>,
    password: PasswordHash,
    now: Timestamp,
) -> Result<Outcome<Done>, Fault>
where
    S: AddUser + HandOverMail + Entropy + SignUpSettings + RevealAccounts,
{
    let SignUp { unverified_seconds } = services.sign_up();
    let token = Token::draw(services);
    let user = NewUser {
        email: email.clone(),
        name,
        user_id: UserId::draw(services),
        password,
        verify_token: token.hash(),
        verify_token_expires_at: now.plus(VERIFICATION_SECONDS),
        expires_at: now.plus(*unverified_seconds),
        created_at: now,
    };
    let added = audit.step(Step::Store, services.add_user(&user)).await?;
    if !added {
        audit.detail(AuditDetail::AddressTaken);
    }
    let template = if added {
        MailTemplate::Verification(token)
    } else if services.reveals_accounts() {
        return Ok(Outcome::refused(Reason::AccountExists));
    } else {
        MailTemplate::AlreadyRegistered
    };
    let (class, template) = (MailClass::SignUp, Some(template));
    let request = MailRequest { class, to: email.clone(), template, requested_at: now };
    // If this fails, the account exists and is unverified: signing up again replaces it.
    audit.step(Step::Mail, services.hand_over_mail(&request)).await?;
    Ok(Outcome::Success(Done))
}
