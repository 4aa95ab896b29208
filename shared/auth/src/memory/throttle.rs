//! The throttles in memory, and the model that the table's are tested against.

use super::MemoryServices;
use crate::account::email::Email;
use crate::fault::Fault;
use crate::throttle::{
    Attempt, CountAttempt, CountDeviceFailure, CountSuccess, FAILURES_KEPT, ForgetFailures, Level,
    MOST_DEVICE_FAILURES_IN_A_ROW, MailQuota, Quota, Reservation, Throttle, Wait,
};
use crate::time::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The counts of attempts, and the uses of quotas.
#[derive(Debug, Default)]
pub(super) struct Counts {
    attempts: RefCell<BTreeMap<String, Tally>>,
    /// The uses of each quota, by what it is kept for, the newest first.
    uses: RefCell<BTreeMap<(Quota, String), Vec<Timestamp>>>,
}

/// What is kept of a throttle.
#[derive(Clone, Copy, Debug)]
struct Tally {
    level: Level,
    tickets: u32,
    successes: u32,
    in_a_row: u32,
}

const NOTHING: Tally = Tally { level: Level::NONE, tickets: 0, successes: 0, in_a_row: 0 };

fn key(throttle: Throttle<'_>) -> String {
    match throttle {
        Throttle::Password(email) => format!("password {}", email.as_str()),
        Throttle::VerifyToken(email) => format!("verify {}", email.as_str()),
        Throttle::ResetToken(email) => format!("lost {}", email.as_str()),
        Throttle::Device(device) => format!("device {:?}", device.as_bytes()),
    }
}

impl CountAttempt for MemoryServices {
    async fn count_attempt(&self, throttle: Throttle<'_>, now: Timestamp) -> Result<Attempt, Fault> {
        let _call = self.calls.table.begin().await;
        let mut attempts = self.counts.attempts.borrow_mut();
        let tally = attempts.entry(key(throttle)).or_insert(NOTHING);
        if tally.level.last_at.plus(FAILURES_KEPT) < now {
            *tally = NOTHING;
        }
        if matches!(throttle, Throttle::Device(_)) && tally.in_a_row >= MOST_DEVICE_FAILURES_IN_A_ROW {
            return Ok(Attempt::WornOut);
        }
        if let Some(retry_after) = tally.level.wait(now) {
            return Ok(Attempt::Throttled { retry_after });
        }
        let failures = match throttle {
            Throttle::Password(_) => tally.tickets.saturating_sub(tally.successes),
            Throttle::Device(_) => tally.in_a_row,
            Throttle::VerifyToken(_) | Throttle::ResetToken(_) => 0,
        };
        tally.level = tally.level.raised(now);
        tally.tickets += 1;
        tally.in_a_row += 1;
        Ok(Attempt::Counted { number: tally.level.attempts(now), failures })
    }
}

impl CountSuccess for MemoryServices {
    async fn count_success(&self, throttle: Throttle<'_>) -> Result<(), Fault> {
        let _call = self.calls.table.begin().await;
        if let Some(tally) = self.counts.attempts.borrow_mut().get_mut(&key(throttle)) {
            tally.successes += 1;
            tally.in_a_row = 0;
        }
        Ok(())
    }
}

impl ForgetFailures for MemoryServices {
    async fn forget_failures(&self, email: &Email, wait: Wait) -> Result<(), Fault> {
        let _call = self.calls.table.begin().await;
        if let Some(tally) = self.counts.attempts.borrow_mut().get_mut(&key(Throttle::Password(email))) {
            let level = if wait == Wait::Ends { Level::NONE } else { tally.level };
            *tally = Tally { level, ..NOTHING };
        }
        Ok(())
    }
}

impl CountDeviceFailure for MemoryServices {
    async fn count_device_failure(&self, email: &Email, generation: u32) -> Result<(), Fault> {
        let _call = self.calls.table.begin().await;
        self.users.count_device_failure(email, generation);
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
        if let Some(uses) = self.counts.uses.borrow_mut().get_mut(&(quota, quota.subject(email).into_owned())) {
            uses.truncate(1);
        }
        Ok(())
    }
}
