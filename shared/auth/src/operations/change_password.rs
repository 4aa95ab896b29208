//! changePassword: whoever knows the password chooses another.

use super::guessing::{Judge, Judged};
use crate::limits::{Guess, Limits};
use crate::password::is_breached;
use crate::{
    Answer, Breaches, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, NewPassword, Operation, Password,
    Passwords, Reason, Refusal, Step, Trail, Truth, Users, payload,
};
use futures_util::future::join;
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct ChangePassword<U, L, M, B, C, E> {
    /// Where the account is.
    pub users: U,
    /// Counts the guesses.
    pub limits: L,
    /// Tells the owner.
    pub mailer: M,
    /// Knows passwords that were published.
    pub breaches: B,
    /// For the waits and the record.
    pub clock: C,
    /// For the new salt.
    pub entropy: E,
    /// Checks the old password and the policy for the new one.
    pub passwords: Passwords,
    /// The mail's words.
    pub letters: Letters,
}

/// The wish for another password, with the proof of the old one.
#[derive(Debug)]
pub struct Request {
    email: Email,
    old_password: Password,
    new_password: NewPassword,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Payload {
    email: String,
    old_password: Password,
    new_password: Password,
}

impl<U: Users, L: Limits, M: Mailer, B: Breaches, C: Clock, E: Entropy> Operation for ChangePassword<U, L, M, B, C, E> {
    const CONTRACT: Contract = Contract { name: "changePassword", flag: "changed" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, old_password, new_password } = payload::parse(payload)?;
        let email = Email::parse(&email)?;
        let new_password = self.passwords.accept(new_password, &email)?;
        Ok(Request { email, old_password: old_password.given()?, new_password })
    }

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email, old_password, new_password } = request;
        let Self { users, limits, mailer, passwords, letters, .. } = self;
        let judge = Judge { users, limits, mailer, passwords, letters, trail };
        let now = self.clock.now();
        // As the rest of the policy before the ticket: whoever looks for a password that is accepted guesses at nothing.
        if is_breached(&new_password, &self.breaches, trail).await {
            trail.account(&email);
            return Ok(Answer::refused(Reason::PasswordBreached));
        }
        let user = match judge.judge(&email, &old_password, now).await? {
            Judged::Right(user) => user,
            Judged::Refused(answer) => return Ok(answer),
        };
        if !user.verified {
            return Ok(Answer::refused(Reason::NotVerified));
        }
        let hash = trail.step(Step::Hash, self.passwords.hash(&new_password, &self.entropy)).await?;
        if !trail.step(Step::Store, self.users.change_password(&email, &user.password, &hash, now)).await? {
            // The password was changed since it was read: what was given is the old one no longer.
            trail.truth(Truth::Outrun);
            return Ok(Answer::refused(Reason::InvalidCredentials));
        }
        let mail = letters.password_changed(&email);
        // As at login, a count that stays is no reason for a fault.
        let cleared = trail.step(Step::Clear, limits.clear_tickets(Guess::Password, &email));
        let (told, _) = join(trail.step(Step::Mail, mailer.send(&mail)), cleared).await;
        Ok(told.map_or_else(Answer::DoneUntold, |()| Answer::Done))
    }
}
