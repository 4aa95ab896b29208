//! login: an address and a password become an identity token.

use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Identities, Operation, Password, Passwords, Reason, Refusal, User,
    Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct Login<U, I, C, E> {
    /// Where the account is.
    pub users: U,
    /// Hands out the token.
    pub identities: I,
    /// For the record of a renewed hash.
    pub clock: C,
    /// For the salt of a renewed hash.
    pub entropy: E,
    /// Checks the password.
    pub passwords: Passwords,
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

impl<U: Users, I: Identities, C: Clock, E: Entropy> Operation for Login<U, I, C, E> {
    const CONTRACT: Contract = Contract { name: "login", flag: "login" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, password } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)?, password: password.given()? })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, password } = request;
        let user = self.users.find(&email).await?;
        let right = self.passwords.check(&password, user.as_ref().map(|user| &user.password)).await?;
        let Some(user) = user.filter(|_| right) else {
            return Ok(Answer::refused(Reason::InvalidCredentials));
        };
        if !user.verified {
            return Ok(Answer::refused(Reason::NotVerified));
        }
        if user.password.needs_renewal(self.passwords.scheme) {
            self.renew(&email, &user, &password).await?;
        }
        Ok(Answer::LoggedIn(self.identities.token_for(&user.user_id).await?))
    }
}

impl<U: Users, I, C: Clock, E: Entropy> Login<U, I, C, E> {
    async fn renew(&self, email: &Email, user: &User, password: &Password) -> Result<(), Fault> {
        let hash = self.passwords.hash_given(password, &self.entropy).await?;
        // When the hash is another one by now, somebody else renewed it or changed the password: either
        // way there is nothing to do.
        self.users.renew_hash(email, &user.user_id, &user.password, &hash, self.clock.now()).await?;
        Ok(())
    }
}
