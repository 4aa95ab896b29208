//! The audit trail of a call: what truly happened, for whoever runs the service.
//!
//! An answer may not tell who has an account; whoever has to find out what happened needs to know. An operation writes
//! the truth here, beside its answer, and how long each step took. Where it goes is the runtime's business: somewhere
//! that callers cannot read (`docs/decisions/0009-a-sealed-audit-trail.md`). OWASP ASVS 5.0, 16.2 and 16.3.

use crate::{Email, Fault};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// What an answer leaves unsaid. Where there is none, the answer is the whole truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The address has no account.
    UnknownAccount,
    /// There is an account, with another password.
    WrongPassword,
    /// Somebody signed up with the address of a verified account.
    AddressTaken,
    /// The address was verified before: a second click.
    AlreadyVerified,
    /// There is an account, and no link of this kind is out.
    NoLink,
    /// The link is right and came too late.
    LinkExpired,
    /// A link is out, and it is another.
    WrongToken,
    /// Another request was quicker, and this one found the record changed.
    Outrun,
}

impl Truth {
    /// A stable machine word; the list only grows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::WrongPassword => "wrong_password",
            Self::AddressTaken => "address_taken",
            Self::AlreadyVerified => "already_verified",
            Self::NoLink => "no_link",
            Self::LinkExpired => "link_expired",
            Self::WrongToken => "wrong_token",
            Self::Outrun => "outrun",
        }
    }
}

/// A part of an operation that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the account.
    Find,
    /// Taking a ticket for a guess.
    Ticket,
    /// Beginning the count of guesses anew.
    Clear,
    /// Taking the right to send a mail, or giving it back.
    Slot,
    /// Checking a password against a stored hash.
    Check,
    /// Hashing a new password.
    Hash,
    /// Changing the account.
    Store,
    /// Handing over a mail.
    Mail,
    /// Getting an identity token.
    Identity,
    /// Asking whether a password was in a breach.
    Breaches,
}

impl Step {
    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Ticket => "ticket",
            Self::Clear => "clear",
            Self::Slot => "slot",
            Self::Check => "check",
            Self::Hash => "hash",
            Self::Store => "store",
            Self::Mail => "mail",
            Self::Identity => "identity",
            Self::Breaches => "breaches",
        }
    }
}

/// What an operation wrote down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The address that the call was about, whether anybody has it or not.
    pub account: Option<Email>,
    /// What the answer leaves unsaid.
    pub truth: Option<Truth>,
    /// The number of the guess since the count began.
    pub attempt: Option<u32>,
    /// Why nobody said whether the new password was in a breach.
    pub unchecked: Option<Fault>,
    /// How long each step took, in the order of their ends. Steps may run side by side.
    pub steps: Vec<(Step, Duration)>,
}

/// Where one call's operation writes.
pub struct Trail<'a> {
    elapsed: Box<dyn Fn() -> Duration + 'a>,
    findings: RefCell<Findings>,
}

impl<'a> Trail<'a> {
    /// An empty trail with a stopwatch: the time since any fixed moment.
    pub fn new(elapsed: impl Fn() -> Duration + 'a) -> Self {
        Self { elapsed: Box::new(elapsed), findings: RefCell::default() }
    }

    /// What was written.
    #[must_use]
    pub fn findings(&self) -> Findings {
        self.findings.borrow().clone()
    }

    /// Says which address the call is about.
    pub(crate) fn account(&self, email: &Email) {
        self.findings.borrow_mut().account = Some(email.clone());
    }

    /// Says what the answer does not.
    pub(crate) fn truth(&self, truth: Truth) {
        self.findings.borrow_mut().truth = Some(truth);
    }

    /// Says the number of a guess.
    pub(crate) fn attempt(&self, number: u32) {
        self.findings.borrow_mut().attempt = Some(number);
    }

    /// Says that the new password was taken without the check that the owner asked for.
    pub(crate) fn unchecked(&self, fault: Fault) {
        self.findings.borrow_mut().unchecked = Some(fault);
    }

    /// Takes the time of a step.
    pub(crate) async fn step<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        let began = (self.elapsed)();
        let done = work.await;
        let took = (self.elapsed)().saturating_sub(began);
        self.findings.borrow_mut().steps.push((step, took));
        done
    }
}

impl fmt::Debug for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trail").field(&self.findings).finish()
    }
}
