//! The throttles in memory, and the model that the table's are tested against.

use super::MemoryServices;
use crate::account::email::Email;
use crate::fault::Fault;
use crate::throttle::{
    ATTEMPTS_KEPT, Attempt, AttemptKind, ClearAttempts, CountAttempt, MailQuota, Quota, Reservation, wait_after,
};
use crate::time::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The counts of attempts, and the uses of quotas.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The number of attempts, and the time of the latest.
    attempts: RefCell<BTreeMap<(AttemptKind, Email), (u32, u64)>>,
    /// The uses of each quota, by what it is kept for, the newest first.
    uses: RefCell<BTreeMap<(Quota, String), Vec<Timestamp>>>,
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
    async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let _call = self.calls.outbox.begin().await;
        let mut uses = self.counts.uses.borrow_mut();
        let uses = uses.entry((quota, quota.subject(email).into_owned())).or_default();
        if let Some(retry_after) = quota.wait(uses, now) {
            return Ok(Reservation::Throttled { retry_after });
        }
        uses.insert(0, now);
        uses.truncate(quota.limit());
        Ok(Reservation::Granted)
    }

    async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault> {
        let _call = self.calls.outbox.begin().await;
        if let Some(uses) = self.counts.uses.borrow_mut().get_mut(&(quota, quota.subject(email).into_owned()))
            && let Some(place) = uses.iter().position(|used| *used == at)
        {
            uses.remove(place);
        }
        Ok(())
    }

    async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault> {
        let _call = self.calls.outbox.begin().await;
        self.counts.uses.borrow_mut().remove(&(quota, quota.subject(email).into_owned()));
        Ok(())
    }
}
