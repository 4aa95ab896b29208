//! verifyUser: the link of the sign-up mail proves the mailbox.
//!
//! A second click within the link's lifetime is answered like the first and changes nothing: mail
//! programs, and people, click twice.

use super::VERIFICATION_SECONDS;
use crate::{Answer, Clock, Contract, Email, Fault, Operation, Reason, Refusal, Token, Users, payload};
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct VerifyUser<U, C> {
    /// Where the account is.
    pub users: U,
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

impl<U: Users, C: Clock> Operation for VerifyUser<U, C> {
    const CONTRACT: Contract = Contract { name: "verifyUser", flag: "verified" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, verify } = payload::parse(payload)?;
        Ok(Request { email: Email::parse(&email)?, verify: payload::token(&verify)? })
    }

    async fn run(&self, request: Request) -> Result<Answer, Fault> {
        let Request { email, verify } = request;
        let now = self.clock.now();
        let refused = Ok(Answer::refused(Reason::InvalidToken));
        let Some(user) = self.users.find(&email).await? else { return refused };
        let Some(pending) = user.verification.filter(|pending| pending.accepts(&verify, now)) else {
            return refused;
        };
        if user.verified || self.users.verify(&email, &pending, now.plus(VERIFICATION_SECONDS), now).await? {
            Ok(Answer::Done)
        } else {
            refused
        }
    }
}
