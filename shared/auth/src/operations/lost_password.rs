//! lostPassword: whoever owns the mailbox gets a link to choose a new password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8), and neither does its time: for an address
//! that has none a mail goes nowhere.

use super::RESET_SECONDS;
use crate::limits::{Limits, Occasion, Reservation};
use crate::{
    Answer, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, Operation, Reason, Refusal, Step, Timestamp,
    Token, Trail, Truth, Users, payload,
};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct LostPassword<U, L, M, C, E> {
    /// Where the account is.
    pub users: U,
    /// Counts the mails.
    pub limits: L,
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

impl<U: Users, L: Limits, M: Mailer, C: Clock, E: Entropy> Operation for LostPassword<U, L, M, C, E> {
    const CONTRACT: Contract = Contract { name: "lostPassword", flag: "sent" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)? })
    }

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email } = request;
        let now = self.clock.now();
        // Before the token is stored: a mail that may not go out must not void the link of the one before.
        trail.account(&email);
        let reservation = self.limits.reserve_mail(Occasion::LostPassword, &email, now);
        let slot = match trail.step(Step::Slot, reservation).await? {
            Reservation::Made(slot) => slot,
            Reservation::Refused { retry_after } => {
                return Ok(Answer::refused_until(Reason::TooManyMails, retry_after));
            }
        };
        let outcome = self.store_and_tell(&email, now, trail).await;
        if outcome != Ok(Answer::Done) {
            // No mail went out. That the slot stays taken, if this fails too, is a minute's wait.
            let _ = trail.step(Step::Slot, self.limits.release_mail(&email, &slot)).await;
        }
        outcome
    }
}

impl<U: Users, L, M: Mailer, C, E: Entropy> LostPassword<U, L, M, C, E> {
    async fn store_and_tell(&self, email: &Email, now: Timestamp, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let token = Token::draw(&self.entropy);
        let hash = token.hash();
        let start = self.users.start_reset(email, &hash, now.plus(RESET_SECONDS), now);
        let known = trail.step(Step::Store, start).await?;
        if !known {
            trail.truth(Truth::UnknownAccount);
        }
        if !known && self.reveal_accounts {
            return Ok(Answer::refused(Reason::UnknownAccount));
        }
        let recipient = if known { email } else { &self.mailer.nowhere() };
        let mail = self.letters.reset(recipient, &self.reset_page, &token);
        trail.step(Step::Mail, self.mailer.send(&mail)).await?;
        Ok(Answer::Done)
    }
}
