//! verifyUser: the link of the sign-up mail proves the mailbox.
//!
//! A second click within the link's lifetime is answered like the first and changes nothing: mail
//! programs, and people, click twice.

use super::VERIFICATION_SECONDS;
use super::guessing::wrong_token;
use crate::limits::{Guess, Limits};
use crate::{Answer, Clock, Contract, Email, Fault, Operation, Reason, Refusal, Token, Users, payload};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct VerifyUser<U, L, C> {
    /// Where the account is.
    pub users: U,
    /// Counts the guesses.
    pub limits: L,
    /// For the link's end.
    pub clock: C,
}

/// A click on the page that the link opened.
#[derive(Debug)]
pub struct Request {
    email: Email,
    verify: Token,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    email: String,
    verify: String,
}

impl<U: Users, L: Limits, C: Clock> Operation for VerifyUser<U, L, C> {
    const CONTRACT: Contract = Contract { name: "verifyUser", flag: "verified" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, verify } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)?, verify: payload::token(&verify)? })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, verify } = request;
        let now = self.clock.now();
        let pending = self.users.find(&email).await?.and_then(|user| {
            let pending = user.verification.filter(|pending| pending.accepts(&verify, now));
            pending.map(|pending| (user.verified, pending))
        });
        let Some((verified, pending)) = pending else {
            return wrong_token(&self.limits, Guess::VerifyToken, &email, now).await;
        };
        if verified || self.users.verify(&email, &pending, now.plus(VERIFICATION_SECONDS), now).await? {
            Ok(Answer::Done)
        } else {
            // A newer link took its place meanwhile.
            Ok(Answer::refused(Reason::InvalidToken))
        }
    }
}
