//! login: an address and a password become an identity token.

use super::guessing::{Judge, Judged};
use crate::limits::{Guess, Limits};
use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Identities, Letters, Mailer, Operation, Password, Passwords,
    Reason, Refusal, Step, Trail, User, Users, payload,
};
use futures_util::future::join;
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct Login<U, L, M, I, C, E> {
    /// Where the account is.
    pub users: U,
    /// Counts the guesses.
    pub limits: L,
    /// Tells the owner of guesses.
    pub mailer: M,
    /// Hands out the token.
    pub identities: I,
    /// For the waits, and the record of a renewed hash.
    pub clock: C,
    /// For the salt of a renewed hash.
    pub entropy: E,
    /// Checks the password.
    pub passwords: Passwords,
    /// The mail's words.
    pub letters: Letters,
}

/// A login attempt.
#[derive(Debug)]
pub struct Request {
    email: Email,
    password: Password,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    email: String,
    password: Password,
}

impl<U: Users, L: Limits, M: Mailer, I: Identities, C: Clock, E: Entropy> Operation for Login<U, L, M, I, C, E> {
    const CONTRACT: Contract = Contract { name: "login", flag: "login" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, password } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)?, password: password.given()? })
    }

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email, password } = request;
        let Self { users, limits, mailer, passwords, letters, .. } = self;
        let judge = Judge { users, limits, mailer, passwords, letters, trail };
        let user = match judge.judge(&email, &password, self.clock.now()).await? {
            Judged::Right(user) => user,
            Judged::Refused(answer) => return Ok(answer),
        };
        if !user.verified {
            return Ok(Answer::refused(Reason::NotVerified));
        }
        if user.password.needs_renewal(self.passwords.scheme) {
            self.renew(&email, &user, &password, trail).await?;
        }
        let cleared = trail.step(Step::Clear, self.limits.clear_tickets(Guess::Password, &email));
        // A count that stays costs its owner a wait at worst, and ends with the next success: no reason to turn away
        // who is in.
        let (token, _) = join(trail.step(Step::Identity, self.identities.token_for(&user.user_id)), cleared).await;
        Ok(Answer::LoggedIn(token?))
    }
}

impl<U: Users, L, M, I, C: Clock, E: Entropy> Login<U, L, M, I, C, E> {
    async fn renew(&self, email: &Email, user: &User, password: &Password, trail: &Trail<'_>) -> Result<(), Fault> {
        let hash = trail.step(Step::Hash, self.passwords.hash_given(password, &self.entropy)).await?;
        // When the hash is another one by now, somebody else renewed it or changed the password: either
        // way there is nothing to do.
        let renewal = self.users.renew_hash(email, &user.user_id, &user.password, &hash, self.clock.now());
        trail.step(Step::Store, renewal).await?;
        Ok(())
    }
}
