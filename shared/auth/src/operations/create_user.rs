//! createUser: somebody signs up with an address and a password.
//!
//! The answer does not tell whether the address has an account (ASVS 6.3.8). Whoever owns the mailbox
//! hears either way: a link to verify, or the news that somebody tried.

use super::VERIFICATION_SECONDS;
use crate::limits::{Limits, Occasion, Reservation};
use crate::password::is_breached;
use crate::{
    Answer, Breaches, Clock, Contract, Email, Entropy, Fault, Letters, Mailer, Name, NewPassword, NewUser, Operation,
    Password, Passwords, Reason, Refusal, Step, Timestamp, Token, Trail, Truth, UserId, Users, payload,
};
use futures_util::future::join;
use latchkey_salting::PasswordHash;
use serde::Deserialize;

/// The operation with its services.
#[derive(Debug)]
pub struct CreateUser<U, L, M, B, C, E> {
    /// Where the account goes.
    pub users: U,
    /// Counts the mails.
    pub limits: L,
    /// Takes the link to the mailbox.
    pub mailer: M,
    /// Knows passwords that were published.
    pub breaches: B,
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
    /// How long an account that nobody verifies is kept, in seconds (`UNVERIFIED_DAYS`).
    pub unverified_seconds: u64,
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

impl<U: Users, L: Limits, M: Mailer, B: Breaches, C: Clock, E: Entropy> Operation for CreateUser<U, L, M, B, C, E> {
    const CONTRACT: Contract = Contract { name: "createUser", flag: "created" };

    type Request = Request;

    fn parse(&self, payload: &str) -> Result<Request, Refusal> {
        let Payload { email, password, name } = payload::parse(payload)?;
        let email = Email::parse(&email)?;
        let password = self.passwords.accept(password, &email)?;
        Ok(Request { email, password, name: name.as_deref().map(Name::parse).transpose()?.flatten() })
    }

    async fn run(&self, request: Request, trail: &Trail<'_>) -> Result<Answer, Fault> {
        let Request { email, password, name } = request;
        let now = self.clock.now();
        trail.account(&email);
        // Hashed before anything is known of the address, so that the time tells nothing of it.
        let hash = trail.step(Step::Hash, self.passwords.hash(&password, &self.entropy));
        let reservation = async {
            if is_breached(&password, &self.breaches, trail).await {
                return Ok(None);
            }
            trail.step(Step::Slot, self.limits.reserve_mail(Occasion::SignUp, &email, now)).await.map(Some)
        };
        let (hash, reservation) = join(hash, reservation).await;
        let slot = match reservation? {
            None => return Ok(Answer::refused(Reason::PasswordBreached)),
            Some(Reservation::Made(slot)) => slot,
            Some(Reservation::Refused { retry_after }) => {
                return Ok(Answer::refused_until(Reason::TooManyMails, retry_after));
            }
        };
        let outcome = match hash {
            Ok(hash) => self.store_and_tell(&email, name, hash, now, trail).await,
            Err(fault) => Err(fault),
        };
        if outcome != Ok(Answer::Done) {
            // No mail went out. That the slot stays taken, if this fails too, is a minute's wait.
            let _ = trail.step(Step::Slot, self.limits.release_mail(&email, &slot)).await;
        }
        outcome
    }
}

impl<U: Users, L, M: Mailer, B, C, E: Entropy> CreateUser<U, L, M, B, C, E> {
    async fn store_and_tell(
        &self,
        email: &Email,
        name: Option<Name>,
        password: PasswordHash,
        now: Timestamp,
        trail: &Trail<'_>,
    ) -> Result<Answer, Fault> {
        let token = Token::draw(&self.entropy);
        let user = NewUser {
            email: email.clone(),
            name,
            user_id: UserId::draw(&self.entropy),
            password,
            verify_token: token.hash(),
            verify_token_expires_at: now.plus(VERIFICATION_SECONDS),
            expires_at: now.plus(self.unverified_seconds),
            created_at: now,
        };
        let created = trail.step(Step::Store, self.users.create(&user)).await?;
        if !created {
            trail.truth(Truth::AddressTaken);
        }
        let mail = if created {
            self.letters.verification(email, &self.verification_page, &token)
        } else if self.reveal_accounts {
            return Ok(Answer::refused(Reason::AccountExists));
        } else {
            self.letters.already_registered(email)
        };
        // When this fails the account is there, unverified: signing up again replaces it.
        trail.step(Step::Mail, self.mailer.send(&mail)).await?;
        Ok(Answer::Done)
    }
}
