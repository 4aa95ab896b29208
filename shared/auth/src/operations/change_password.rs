//! changePassword: whoever knows the password chooses another.

use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, NewPassword, Operation, Password, Passwords,
    Reason, Refusal, Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct ChangePassword<U, M, C, E> {
    /// Where the account is.
    pub users: U,
    /// Tells the owner.
    pub mailer: M,
    /// For the record.
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

impl<U: Users, M: Mailer, C: Clock, E: Entropy> Operation for ChangePassword<U, M, C, E> {
    const CONTRACT: Contract = Contract { name: "changePassword", flag: "changed" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, old_password, new_password } = payload::parse(payload)?;
        Ok(Request {
            email: Email::parse(&email)?,
            old_password: old_password.given()?,
            new_password: self.passwords.accept(new_password)?,
        })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, old_password, new_password } = request;
        let user = self.users.find(&email).await?;
        let right = self.passwords.check(&old_password, user.as_ref().map(|user| &user.password)).await?;
        let Some(user) = user.filter(|_| right) else {
            return Ok(Answer::refused(Reason::InvalidCredentials));
        };
        if !user.verified {
            return Ok(Answer::refused(Reason::NotVerified));
        }
        let hash = self.passwords.hash(&new_password, &self.entropy).await?;
        if !self.users.change_password(&email, &user.password, &hash, self.clock.now()).await? {
            // The password was changed since it was read: what was given is the old one no longer.
            return Ok(Answer::refused(Reason::InvalidCredentials));
        }
        let told = self.mailer.send(&self.letters.password_changed(&email)).await;
        Ok(told.map_or_else(Answer::DoneUntold, |()| Answer::Done))
    }
}
