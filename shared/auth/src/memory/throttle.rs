//! The throttles in memory, and the model that the table's are tested against.

use super::MemoryServices;
use crate::account::email::Email;
use crate::fault::Fault;
use crate::throttle::{
    ATTEMPTS_KEPT, Attempt, AttemptKind, BETWEEN_MAILS, ClearAttempts, CountAttempt, MAILS_KEPT, MAILS_WINDOW,
    MailQuota, Occasion, Reservation, ReservedMail, wait_after,
};
use crate::time::Timestamp;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// The counts of attempts and mails.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The number of attempts, and the time of the latest.
    attempts: RefCell<BTreeMap<(AttemptKind, Email), (u32, u64)>>,
    mails: RefCell<BTreeMap<Email, Mails>>,
}

#[derive(Debug, Default)]
struct Mails {
    /// The newest first.
    sent: VecDeque<u64>,
    latest: BTreeMap<Occasion, u64>,
}

impl CountAttempt for MemoryServices {
    async fn count_attempt(&self, kind: AttemptKind, email: &Email, now: Timestamp) -> Result<Attempt, Fault> {
        let _call = self.calls.table.begin().await;
        let mut attempts = self.counts.attempts.borrow_mut();
        let (count, latest) = attempts.entry((kind, email.clone())).or_default();
        if *latest + ATTEMPTS_KEPT < now.0 {
            *count = 0;
        }
        // Times are whole seconds: one more makes sure that the wait has passed.
        let checked_from = *latest + wait_after(*count) + 1;
        if wait_after(*count) > 0 && now.0 < checked_from {
            return Ok(Attempt::Throttled { retry_after: checked_from - now.0 });
        }
        (*count, *latest) = (*count + 1, now.0);
        Ok(Attempt::Counted(*count))
    }
}

impl ClearAttempts for MemoryServices {
    async fn clear_attempts(&self, kind: AttemptKind, email: &Email) -> Result<(), Fault> {
        let _call = self.calls.table.begin().await;
        self.counts.attempts.borrow_mut().remove(&(kind, email.clone()));
        Ok(())
    }
}

impl MailQuota for MemoryServices {
    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let _call = self.calls.table.begin().await;
        let mut mails = self.counts.mails.borrow_mut();
        let mails = mails.entry(email.clone()).or_default();
        let before = mails.latest.get(&occasion).copied();
        let oldest = mails.sent.get(MAILS_KEPT - 1).copied();
        let minute = before.map_or(0, |before| before + BETWEEN_MAILS + 1);
        let hour = oldest.map_or(0, |oldest| oldest + MAILS_WINDOW + 1);
        if now.0 < minute.max(hour) {
            return Ok(Reservation::Throttled { retry_after: minute.max(hour) - now.0 });
        }
        mails.sent.push_front(now.0);
        mails.sent.truncate(MAILS_KEPT);
        mails.latest.insert(occasion, now.0);
        let time = |seconds: Option<u64>| seconds.map(Timestamp);
        Ok(Reservation::Granted(ReservedMail { occasion, at: now, pushed_out: time(oldest), before: time(before) }))
    }

    async fn release_mail(&self, email: &Email, reserved: &ReservedMail) -> Result<(), Fault> {
        let _call = self.calls.table.begin().await;
        let mut mails = self.counts.mails.borrow_mut();
        let mails = mails.entry(email.clone()).or_default();
        if mails.sent.front() == Some(&reserved.at.0) {
            mails.sent.pop_front();
            mails.sent.extend(reserved.pushed_out.map(|at| at.0));
            match reserved.before {
                Some(before) => mails.latest.insert(reserved.occasion, before.0),
                None => mails.latest.remove(&reserved.occasion),
            };
        }
        Ok(())
    }
}
