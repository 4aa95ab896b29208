//! createUser: somebody signs up with an address and a password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8). Whoever owns the mailbox
//! hears either way: a link to verify, or the news that somebody tried.

use super::VERIFICATION_SECONDS;
use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, Name, NewPassword, NewUser, Operation, Password,
    Passwords, Reason, Refusal, Token, UserId, Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct CreateUser<U, M, C, E> {
    /// Where the account goes.
    pub users: U,
    /// Takes the link to the mailbox.
    pub mailer: M,
    /// For the link's end.
    pub clock: C,
    /// For salt, token and identifier.
    pub entropy: E,
    /// The policy for the new password.
    pub passwords: Passwords,
    /// The mails' words.
    pub letters: Letters,
    /// The page that the link opens (`VERIFICATION_PAGE`).
    pub verification_page: String,
    /// Whether callers are told that an address is taken (`REVEAL_ACCOUNTS`).
    pub reveal_accounts: bool,
}

/// A sign-up.
#[derive(Debug)]
pub struct Request {
    email: Email,
    password: NewPassword,
    name: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    email: String,
    password: Password,
    name: Option<String>,
}

impl<U: Users, M: Mailer, C: Clock, E: Entropy> Operation for CreateUser<U, M, C, E> {
    const CONTRACT: Contract = Contract { name: "createUser", flag: "created" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, password, name } = payload::parse(payload)?;
        Ok(Request {
            email: Email::parse(&email)?,
            password: self.passwords.accept(password)?,
            name: name.as_deref().map(Name::parse).transpose()?.flatten(),
        })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, password, name } = request;
        let token = Token::draw(&self.entropy);
        let now = self.clock.now();
        let user = NewUser {
            email: email.clone(),
            name,
            user_id: UserId::draw(&self.entropy),
            // Hashed before anything is known of the address, so that the time tells nothing of it.
            password: self.passwords.hash(&password, &self.entropy).await?,
            verify_token: token.hash(),
            verify_token_expires_at: now.plus(VERIFICATION_SECONDS),
            created_at: now,
        };
        let mail = if self.users.create(&user).await? {
            self.letters.verification(&email, &self.verification_page, &token)
        } else if self.reveal_accounts {
            return Ok(Answer::refused(Reason::AccountExists));
        } else {
            self.letters.already_registered(&email)
        };
        // When this fails the account is there, unverified: signing up again replaces it.
        self.mailer.send(&mail).await?;
        Ok(Answer::Done)
    }
}
