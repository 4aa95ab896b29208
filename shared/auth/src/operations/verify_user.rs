//! verifyUser: the link of the sign-up mail proves the mailbox.
//!
//! A second click within the link's lifetime is answered like the first and changes nothing: mail
//! programs, and people, click twice.

use super::VERIFICATION_SECONDS;
use super::guessing::wrong_token;
use crate::limits::{Guess, Limits};
use crate::{
    Answer, Clock, Contract, Email, Fault, Operation, Reason, Refusal, Step, Token, Trail, Truth, Users, payload,
};
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

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email, verify } = request;
        let now = self.clock.now();
        trail.account(&email);
        let user = trail.step(Step::Find, self.users.find(&email)).await?;
        let verified = user.as_ref().is_some_and(|user| user.verified);
        let link = user.ok_or(Truth::UnknownAccount).and_then(|user| user.verification.ok_or(Truth::NoLink));
        let link = match link.and_then(|link| link.accept(&verify, now).map(|()| link)) {
            Ok(link) => link,
            Err(truth) => {
                trail.truth(truth);
                return wrong_token(&self.limits, Guess::VerifyToken, &email, now, trail).await;
            }
        };
        if verified {
            trail.truth(Truth::AlreadyVerified);
            return Ok(Answer::Done);
        }
        let verification = self.users.verify(&email, &link, now.plus(VERIFICATION_SECONDS), now);
        if !trail.step(Step::Store, verification).await? {
            // A newer link took its place meanwhile.
            trail.truth(Truth::Outrun);
            return Ok(Answer::refused(Reason::InvalidToken));
        }
        Ok(Answer::Done)
    }
}
