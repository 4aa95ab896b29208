//! Quotas: how many mails an address may cause, over a sliding window.
#![allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]

use crate::account::email::Email;
use crate::fault::Fault;
use crate::time::Timestamp;
use std::borrow::Cow;

/// What is counted. Each quota is kept for itself: what spends one takes nothing from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// Sign-ups with an address.
    SignUp,
    /// Requests for a reset link. Nothing else spends it, so that an owner can always come back by mail.
    Reset,
    /// Changes of a password by its owner, each of which is mailed.
    Change,
    /// Notices of wrong passwords. Spent by the mail function, and never told.
    Notice,
    /// Notices that an address has an account already. Spent by the mail function, and never told.
    AlreadyRegistered,
    /// Reset links for accounts that nobody verified, of all addresses that are another way to write one mailbox. Spent by the
    /// mail function, and never told.
    AliasReset,
}

/// The most uses that any quota keeps.
pub const MOST_KEPT: usize = 5;

const HOUR: u64 = 60 * 60;

impl Quota {
    /// The number of uses within [`Self::window`]: at most [`MOST_KEPT`].
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::SignUp | Self::Reset | Self::Change | Self::AliasReset => MOST_KEPT,
            // A patient stranger keeps a throttle at the level where the waiting begins.
            Self::Notice | Self::AlreadyRegistered => 1,
        }
    }

    /// The sliding window in seconds.
    #[must_use]
    pub const fn window(self) -> u64 {
        match self {
            Self::SignUp | Self::Reset | Self::Change | Self::AliasReset => HOUR,
            Self::Notice | Self::AlreadyRegistered => 24 * HOUR,
        }
    }

    /// The seconds that must pass between two uses.
    #[must_use]
    pub const fn spacing(self) -> u64 {
        match self {
            Self::SignUp | Self::Reset => 60,
            Self::Change | Self::Notice | Self::AlreadyRegistered | Self::AliasReset => 0,
        }
    }

    /// What the quota of an address is kept for: its mailbox, or the exact address where an owner's way back depends on it.
    #[must_use]
    pub fn subject(self, email: &Email) -> Cow<'_, str> {
        match self {
            Self::SignUp | Self::Notice | Self::AlreadyRegistered | Self::AliasReset => email.mailbox(),
            Self::Reset | Self::Change => Cow::Borrowed(email.as_str()),
        }
    }

    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "signUp",
            Self::Reset => "reset",
            Self::Change => "change",
            Self::Notice => "notice",
            Self::AlreadyRegistered => "alreadyRegistered",
            Self::AliasReset => "aliasReset",
        }
    }

    /// The seconds until the quota can be used again, given the times of its uses, the newest first. `None` if it can be used
    /// now. Times are whole seconds: one more makes sure that the time has passed.
    #[must_use]
    pub fn wait(self, uses: &[Timestamp], now: Timestamp) -> Option<u64> {
        let again = |at: Option<&Timestamp>, after: u64| at.map_or(0, |at| at.0.saturating_add(after + 1));
        let spaced = if self.spacing() > 0 { again(uses.first(), self.spacing()) } else { 0 };
        let until = spaced.max(again(uses.get(self.limit() - 1), self.window()));
        (now.0 < until).then(|| (until - now.0).min(self.window() + 1))
    }
}

/// Whether a quota could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It was used once.
    Granted,
    /// It is used up.
    Throttled {
        /// The seconds until it can be used again.
        retry_after: u64,
    },
}

/// Keeps the quotas. Each decision is one conditional write, so that concurrent requests get no more than sequential ones.
pub trait MailQuota {
    /// Uses the quota of this address once, if it permits.
    async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault>;

    /// Gives back the use of this moment, because no mail came of it.
    async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault>;

    /// Forgets all uses but the latest, which still keeps the next one apart.
    async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64]) -> Vec<Timestamp> {
        seconds.iter().copied().map(Timestamp).collect()
    }

    #[test]
    fn a_quota_can_be_used_five_times_an_hour_with_a_minute_in_between() {
        let now = Timestamp(10_000);
        let wait = |uses: &[u64]| Quota::Reset.wait(&at(uses), now);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[9_939]), None);
        assert_eq!(wait(&[9_940]), Some(1));
        assert_eq!(wait(&[10_000]), Some(61));
        assert_eq!(wait(&[9_900, 9_800, 9_700, 9_600]), None);
        assert_eq!(wait(&[9_900, 9_800, 9_700, 9_600, 6_399]), None);
        assert_eq!(wait(&[9_900, 9_800, 9_700, 9_600, 6_400]), Some(1));
    }

    #[test]
    fn the_news_of_an_account_goes_out_once_a_day() {
        let now = Timestamp(1_000_000);
        assert_eq!(Quota::AlreadyRegistered.wait(&at(&[1_000_000 - 24 * HOUR - 1]), now), None);
        assert_eq!(Quota::AlreadyRegistered.wait(&at(&[1_000_000 - 24 * HOUR]), now), Some(1));
    }

    #[test]
    fn tags_are_one_mailbox_for_sign_ups_and_notices_and_not_for_the_way_back() {
        let tagged = Email::parse("ada+news@example.com").unwrap();
        for quota in [Quota::SignUp, Quota::Notice, Quota::AlreadyRegistered, Quota::AliasReset] {
            assert_eq!(quota.subject(&tagged), "ada@example.com");
        }
        for quota in [Quota::Reset, Quota::Change] {
            assert_eq!(quota.subject(&tagged), "ada+news@example.com");
        }
    }
}
