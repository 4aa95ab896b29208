//! The audit trail of a call: what really happened, for the operator.
//!
//! An answer may not tell who has an account; an operator who investigates needs to know. Operations note here what
//! their answers omit and how long each step took, in the one [`AuditRecord`] that is sealed into the log line, where
//! callers cannot read it (`docs/decisions/0009-a-sealed-audit-trail.md`). OWASP ASVS 5.0, 16.2 and 16.3.

use crate::account::email::Email;
use crate::fault::Fault;
use crate::refusal::Reason;
use latchkey_audit::{AuditKeys, AuditRecord};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// What an answer omits. If there is no detail, the answer says it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditDetail {
    /// The address has no account.
    UnknownAccount,
    /// There is an account, with another password.
    WrongPassword,
    /// A sign-up used the address of a verified account.
    AddressTaken,
    /// The address was verified before: a second click.
    AlreadyVerified,
    /// There is an account without a pending link of this purpose.
    NoLink,
    /// The token is the right one, but expired.
    LinkExpired,
    /// There is a pending link with another token.
    WrongToken,
    /// A concurrent request changed the record first.
    LostRace,
    /// The password is the right one, and the account is closed to unknown devices after too many failures.
    Closed,
    /// The link is the right one, and too many passwords were tried with it.
    LinkWornOut,
}

impl AuditDetail {
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
            Self::LostRace => "outrun",
            Self::Closed => "closed",
            Self::LinkWornOut => "link_worn_out",
        }
    }
}

/// A part of an operation that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the account.
    Find,
    /// Counting an attempt.
    Attempt,
    /// Forgetting failures after a new password.
    Clear,
    /// Counting a success.
    Success,
    /// Counting a failure of a known device, or a password tried with a verification link.
    Failure,
    /// Reserving a mail within the quota, or releasing it.
    MailQuota,
    /// Checking a password against a stored hash.
    Check,
    /// Hashing a new password.
    Hash,
    /// Changing the account.
    Store,
    /// Sending a mail.
    Mail,
    /// Issuing an identity token.
    Identity,
    /// Looking a password up among compromised ones.
    Compromised,
}

impl Step {
    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Attempt => "ticket",
            Self::Clear => "clear",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::MailQuota => "slot",
            Self::Check => "check",
            Self::Hash => "hash",
            Self::Store => "store",
            Self::Mail => "mail",
            Self::Identity => "identity",
            Self::Compromised => "breaches",
        }
    }
}

/// Collects the record of one call.
pub struct AuditTrail<'a> {
    keys: &'a AuditKeys,
    elapsed: Box<dyn Fn() -> Duration + 'a>,
    record: RefCell<AuditRecord>,
}

impl<'a> AuditTrail<'a> {
    /// Starts the record of a call to this operation. `keys` name the account, and `elapsed` is a stopwatch: the time
    /// since any fixed moment.
    pub fn new(operation: &'static str, keys: &'a AuditKeys, elapsed: impl Fn() -> Duration + 'a) -> Self {
        let record = AuditRecord { operation, ..AuditRecord::default() };
        Self { keys, elapsed: Box::new(elapsed), record: RefCell::new(record) }
    }

    /// The record as it stands.
    #[must_use]
    pub fn into_record(self) -> AuditRecord {
        self.record.into_inner()
    }

    /// Notes that the caller was told yes.
    pub(crate) fn done(&self) {
        self.record.borrow_mut().outcome = "done";
    }

    /// Notes that the caller was told no.
    pub(crate) fn refused(&self, reason: Reason) {
        let mut record = self.record.borrow_mut();
        record.outcome = "refused";
        record.reason = Some(reason.as_str());
    }

    /// Notes that the call ended in a fault.
    pub fn failed(&self, fault: &Fault) {
        self.record.borrow_mut().outcome = "fault";
        self.fault(fault);
    }

    /// Notes where a panic ended the call, in place of the fault's cause.
    pub fn panicked_at(&self, place: &str) {
        self.record.borrow_mut().cause = Some(place.to_owned());
    }

    /// Notes a fault that the answer may omit, such as a mail that failed after the change it reports.
    pub(crate) fn fault(&self, fault: &Fault) {
        let mut record = self.record.borrow_mut();
        record.fault = Some(fault.error_type());
        record.cause = Some(fault.cause().as_str().to_owned());
    }

    /// Notes which address the call is about, whether or not it has an account.
    pub(crate) fn account(&self, email: &Email) {
        self.record.borrow_mut().account = Some(self.keys.account(email.as_str()));
    }

    /// Notes what the answer omits.
    pub(crate) fn detail(&self, detail: AuditDetail) {
        self.record.borrow_mut().detail = Some(detail.as_str());
    }

    /// Notes how many attempts are not forgotten, with this one.
    pub(crate) fn attempt(&self, number: u32) {
        self.record.borrow_mut().attempt = Some(number);
    }

    /// Notes the identity that logged in.
    pub(crate) fn identity(&self, identity_id: &str) {
        self.record.borrow_mut().identity = Some(identity_id.to_owned());
    }

    /// Notes that a new password was accepted although it could not be looked up among compromised ones.
    pub(crate) fn unchecked(&self, fault: &Fault) {
        self.record.borrow_mut().unchecked = Some(fault.cause().as_str().to_owned());
    }

    /// Measures a step.
    pub(crate) async fn step<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        let began = (self.elapsed)();
        let done = work.await;
        let took = (self.elapsed)().saturating_sub(began);
        self.record.borrow_mut().steps.push((step.as_str(), tenths_of_milliseconds(took)));
        done
    }
}

fn tenths_of_milliseconds(took: Duration) -> u32 {
    u32::try_from(took.as_micros() / 100).unwrap_or(u32::MAX)
}

impl fmt::Debug for AuditTrail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditTrail").field(&self.record).finish()
    }
}
