//! What is judged only with a ticket: passwords, and tokens that turn out wrong.

use crate::limits::{FREE_ATTEMPTS, Guess, Limits, Ticket};
use crate::{
    Answer, Email, Fault, Letters, Mailer, Password, Passwords, Reason, Step, Timestamp, Trail, Truth, User, Users,
};
use futures_util::future::join;

/// What became of a guess.
pub(super) enum Judged {
    /// The account, whose password it is.
    Right(User),
    /// The answer.
    Refused(Answer),
}

/// What a guess at a password is judged with.
pub(super) struct Judge<'a, U, L, M> {
    pub(super) users: &'a U,
    pub(super) limits: &'a L,
    pub(super) mailer: &'a M,
    pub(super) passwords: &'a Passwords,
    pub(super) letters: &'a Letters,
    pub(super) trail: &'a Trail<'a>,
}

impl<U: Users, L: Limits, M: Mailer> Judge<'_, U, L, M> {
    /// Takes a ticket beside the read of the account, and judges the guess if it got one. Every step is the same for an
    /// address that nobody has.
    pub(super) async fn judge(&self, email: &Email, password: &Password, now: Timestamp) -> Result<Judged, Fault> {
        self.trail.account(email);
        let ticket = self.trail.step(Step::Ticket, self.limits.take_ticket(Guess::Password, email, now));
        let (user, ticket) = join(self.trail.step(Step::Find, self.users.find(email)), ticket).await;
        let number = match ticket? {
            Ticket::Numbered(number) => number,
            Ticket::Refused { retry_after } => {
                return Ok(Judged::Refused(Answer::refused_until(Reason::TooManyAttempts, retry_after)));
            }
        };
        self.trail.attempt(number);
        let user = user?;
        let check = self.passwords.check(password, user.as_ref().map(|user| &user.password));
        let right = self.trail.step(Step::Check, check).await?;
        match user {
            Some(user) if right => Ok(Judged::Right(user)),
            user => {
                self.trail.truth(if user.is_some() { Truth::WrongPassword } else { Truth::UnknownAccount });
                if number == FREE_ATTEMPTS {
                    self.tell_owner(email, user).await;
                }
                Ok(Judged::Refused(Answer::refused(Reason::InvalidCredentials)))
            }
        }
    }

    /// Once in a count, when the waiting begins. Whoever guesses must not learn from the time that there is an owner.
    async fn tell_owner(&self, email: &Email, user: Option<User>) {
        let mail = match user {
            Some(user) if user.verified => self.letters.guessed_at(email),
            _ => self.letters.guessed_at(&self.mailer.nowhere()),
        };
        // The guess is refused either way; a fault in place of the refusal would only invite another.
        let _ = self.trail.step(Step::Mail, self.mailer.send(&mail)).await;
    }
}

/// The answer to a wrong token. The right one needs no ticket, so that nobody can stand in its owner's way.
pub(super) async fn wrong_token(
    limits: &impl Limits,
    guess: Guess,
    email: &Email,
    now: Timestamp,
    trail: &Trail<'_>,
) -> Result<Answer, Fault> {
    Ok(match trail.step(Step::Ticket, limits.take_ticket(guess, email, now)).await? {
        Ticket::Numbered(number) => {
            trail.attempt(number);
            Answer::refused(Reason::InvalidToken)
        }
        Ticket::Refused { retry_after } => Answer::refused_until(Reason::TooManyAttempts, retry_after),
    })
}
