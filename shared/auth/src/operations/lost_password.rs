//! lostPassword: whoever owns the mailbox gets a link to choose a new password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8).

use super::RESET_SECONDS;
use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, Operation, Reason, Refusal, Token, Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct LostPassword<U, M, C, E> {
    /// Where the account is.
    pub users: U,
    /// Takes the link to the mailbox.
    pub mailer: M,
    /// For the link's end.
    pub clock: C,
    /// For the token.
    pub entropy: E,
    /// The mail's words.
    pub letters: Letters,
    /// The page that the link opens (`RESET_PAGE`).
    pub reset_page: String,
    /// Whether callers are told that an address is unknown (`REVEAL_ACCOUNTS`).
    pub reveal_accounts: bool,
}

/// A lost password.
#[derive(Debug)]
pub struct Request {
    email: Email,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    email: String,
}

impl<U: Users, M: Mailer, C: Clock, E: Entropy> Operation for LostPassword<U, M, C, E> {
    const CONTRACT: Contract = Contract { name: "lostPassword", flag: "sent" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)? })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email } = request;
        let token = Token::draw(&self.entropy);
        let now = self.clock.now();
        if self.users.start_reset(&email, &token.hash(), now.plus(RESET_SECONDS), now).await? {
            self.mailer.send(&self.letters.reset(&email, &self.reset_page, &token)).await?;
        } else if self.reveal_accounts {
            return Ok(Answer::refused(Reason::UnknownAccount));
        }
        Ok(Answer::Done)
    }
}
