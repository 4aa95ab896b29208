//! resetPassword: the link of the lost-password mail buys one new password.

use super::guessing::wrong_token;
use crate::limits::{Guess, Limits};
use crate::password::is_breached;
use crate::{
    Answer, Breaches, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, NewPassword, Operation, Password,
    Passwords, Reason, Refusal, Step, Token, Trail, Truth, Users, payload,
};
use futures_util::future::join;
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct ResetPassword<U, L, M, B, C, E> {
    /// Where the account is.
    pub users: U,
    /// Counts the guesses.
    pub limits: L,
    /// Tells the owner.
    pub mailer: M,
    /// Knows passwords that were published.
    pub breaches: B,
    /// For the link's end.
    pub clock: C,
    /// For the new salt.
    pub entropy: E,
    /// The policy for the new password.
    pub passwords: Passwords,
    /// The mail's words.
    pub letters: Letters,
}

/// A new password with the token that buys it.
#[derive(Debug)]
pub struct Request {
    email: Email,
    lost: Token,
    password: NewPassword,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    email: String,
    lost: String,
    password: Password,
}

impl<U: Users, L: Limits, M: Mailer, B: Breaches, C: Clock, E: Entropy> Operation for ResetPassword<U, L, M, B, C, E> {
    const CONTRACT: Contract = Contract { name: "resetPassword", flag: "changed" };

    type Request = Request;

    /// The policy is applied here, before the token is looked at: a password that is refused spends nothing.
    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, lost, password } = payload::parse(payload)?;
        let email = Email::parse(&email)?;
        let password = self.passwords.accept(password, &email)?;
        Ok(Request { email, lost: payload::token(&lost)?, password })
    }

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email, lost, password } = request;
        let now = self.clock.now();
        // Looked at first, so that a guess does not cost a hash. The write below decides.
        trail.account(&email);
        let user = trail.step(Step::Find, self.users.find(&email)).await?;
        let link = user.ok_or(Truth::UnknownAccount).and_then(|user| user.reset.ok_or(Truth::NoLink));
        if let Err(truth) = link.and_then(|link| link.accept(&lost, now)) {
            trail.truth(truth);
            return wrong_token(&self.limits, Guess::ResetToken, &email, now, trail).await;
        }
        let hash = trail.step(Step::Hash, self.passwords.hash(&password, &self.entropy));
        let (hash, breached) = join(hash, is_breached(&password, &self.breaches, trail)).await;
        if breached {
            // The link is not spent.
            return Ok(Answer::refused(Reason::PasswordBreached));
        }
        let hash = hash?;
        if !trail.step(Step::Store, self.users.reset_password(&email, &lost.hash(), &hash, now)).await? {
            // Somebody else was quicker with the same link.
            trail.truth(Truth::Outrun);
            return Ok(Answer::refused(Reason::InvalidToken));
        }
        let mail = self.letters.password_changed(&email);
        // The mailbox was proven, so whoever guesses at the password no longer makes its owner wait.
        let cleared = trail.step(Step::Clear, self.limits.clear_tickets(Guess::Password, &email));
        let (told, _) = join(trail.step(Step::Mail, self.mailer.send(&mail)), cleared).await;
        Ok(told.map_or_else(Answer::DoneUntold, |()| Answer::Done))
    }
}
