//! resetPassword: the link of the lost-password mail buys one new password.

use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, NewPassword, Operation, Password, Passwords,
    Reason, Refusal, Token, Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct ResetPassword<U, M, C, E> {
    /// Where the account is.
    pub users: U,
    /// Tells the owner.
    pub mailer: M,
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

impl<U: Users, M: Mailer, C: Clock, E: Entropy> Operation for ResetPassword<U, M, C, E> {
    const CONTRACT: Contract = Contract { name: "resetPassword", flag: "changed" };

    type Request = Request;

    /// The policy is applied here, before the token is looked at: a password that is refused spends nothing.
    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, lost, password } = payload::parse(payload)?;
        Ok(Request {
            email: Email::parse(&email)?,
            lost: payload::token(&lost)?,
            password: self.passwords.accept(password)?,
        })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, lost, password } = request;
        let now = self.clock.now();
        let refused = Ok(Answer::refused(Reason::InvalidToken));
        // Looked at first, so that a guess does not cost a hash. The write below decides.
        let user = self.users.find(&email).await?;
        if !user.and_then(|user| user.reset).is_some_and(|reset| reset.accepts(&lost, now)) {
            return refused;
        }
        let hash = self.passwords.hash(&password, &self.entropy).await?;
        if !self.users.reset_password(&email, &lost.hash(), &hash, now).await? {
            return refused;
        }
        let told = self.mailer.send(&self.letters.password_changed(&email)).await;
        Ok(told.map_or_else(Answer::DoneUntold, |()| Answer::Done))
    }
}
