//! The limits, and the ledger that counts. Every decision of the ledger is one conditional write, so it holds for any number of
//! processes.
//!
//! Lambda does not tell a function who invoked it, so the limit of a caller goes by the `source` that the caller gives. Whoever
//! lies about it meets the limit of the day, which counts all mails.

use crate::alert::Severity;
use latchkey_auth::{Cause, Timestamp};

/// How long a repeated ID is not mailed again, in seconds: an hour.
pub const REPEATED_WITHIN: u64 = 60 * 60;
/// How long a claim holds while its alert is being mailed, in seconds. It is longer than the function may run, which is 50 seconds,
/// and shorter than the minute after which Lambda tries an asynchronous call again: the alert of a process that died is mailed then.
pub const CLAIM_SECONDS: u64 = 55;
/// The length of a window, in seconds.
pub const WINDOW_SECONDS: u64 = 60;
/// How many titles of alerts that were not mailed the mail with their count lists.
pub const TITLES_LISTED: u32 = 10;
/// How long the counters of a window and of a day are kept, in seconds: two days.
pub const COUNTERS_KEPT: u64 = 2 * 24 * 60 * 60;

/// How many mails there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Alerts that are mailed one by one within a minute (`ALERTS_PER_MINUTE`). The others are counted, and the count is mailed.
    pub per_minute: u32,
    /// Mails for one source on a day in UTC (`MAILS_PER_CALLER_AND_DAY`).
    pub per_caller_and_day: u32,
    /// Mails on a day in UTC (`MAILS_PER_DAY`).
    pub per_day: u32,
}

/// A minute that began with an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which one.
    pub id: String,
    /// When it ends.
    pub ends_at: Timestamp,
}

impl Window {
    /// When it began.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        Timestamp(self.ends_at.0.saturating_sub(WINDOW_SECONDS))
    }
}

/// What a window has counted when an alert was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The place of this alert in the window, from one.
    pub number: u32,
    /// How many before it were to be mailed and could not be. They come again, as others.
    pub unsent: u32,
    /// Whether the mail with the count has been queued.
    pub is_queued: bool,
}

/// What came within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// The window.
    pub window: Window,
    /// The alerts that were mailed.
    pub mailed: u32,
    /// The alerts by severity, in the order of [`Severity::ALL`].
    pub by_severity: [u32; 3],
    /// The titles of the first alerts that were not mailed.
    pub titles: Vec<String>,
}

impl Storm {
    /// The alerts of a severity, with those that were mailed.
    #[must_use]
    pub fn of(&self, severity: Severity) -> u32 {
        self.by_severity[severity as usize]
    }

    /// The alerts that were not mailed one by one.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        self.by_severity.iter().map(|count| u64::from(*count)).sum::<u64>().saturating_sub(self.mailed.into())
    }

    /// The greatest severity among them.
    #[must_use]
    pub fn worst(&self) -> Severity {
        Severity::ALL.into_iter().rev().find(|severity| self.of(*severity) > 0).unwrap_or(Severity::Info)
    }
}

/// Remembers IDs and counts. Every method may fail with the code of what failed.
pub trait Ledger {
    /// Claims a key until a time, unless somebody's claim on it still holds. The marker is this claim's own.
    async fn claim(&self, key: &str, marker: &str, now: Timestamp, until: Timestamp) -> Result<bool, Cause>;

    /// Makes a claim hold until a later time.
    async fn extend(&self, key: &str, marker: &str, until: Timestamp) -> Result<(), Cause>;

    /// Gives a claim up.
    async fn release(&self, key: &str, marker: &str) -> Result<(), Cause>;

    /// The window of this moment: the present one, or else a new one with this ID.
    async fn window(&self, new: &Window, now: Timestamp) -> Result<Window, Cause>;

    /// Counts an alert in a window.
    async fn count(&self, window: &Window, severity: Severity) -> Result<Counted, Cause>;

    /// Counts one of them as mailed.
    async fn count_mailed(&self, window: &Window) -> Result<(), Cause>;

    /// Counts one of them as unsent, because it comes again.
    async fn uncount(&self, window: &Window, severity: Severity) -> Result<(), Cause>;

    /// Keeps the title of an alert that is not mailed, by its number in the window.
    async fn keep_title(&self, window: &Window, number: u32, title: &str) -> Result<(), Cause>;

    /// Remembers that the mail with the count has been queued.
    async fn set_queued(&self, window: &Window) -> Result<(), Cause>;

    /// What came within a window. `None` if nothing did.
    async fn storm(&self, window: &str) -> Result<Option<Storm>, Cause>;

    /// Adds one to a counter that is below its limit, and returns the number; or `None`.
    async fn spend(&self, counter: &str, limit: u32, until: Timestamp) -> Result<Option<u32>, Cause>;

    /// Takes one off a counter.
    async fn give_back(&self, counter: &str) -> Result<(), Cause>;
}
