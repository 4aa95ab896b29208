//! The services in memory, for tests.

use crate::alert::Severity;
use crate::limits::{Counted, Ledger, Storm, WINDOW_SECONDS, Window};
use crate::message::Message;
use crate::notify::{Mailer, Queue, SendFault};
use latchkey_auth::{Cause, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Counts {
    ends_at: u64,
    number: u32,
    unsent: u32,
    mailed: u32,
    by_severity: [u32; 3],
    is_queued: bool,
    titles: BTreeMap<u32, String>,
}

#[derive(Debug, Default)]
struct Entries {
    claims: BTreeMap<String, (String, Timestamp)>,
    window: Option<Window>,
    windows: BTreeMap<String, Counts>,
    counters: BTreeMap<String, u32>,
    is_down: bool,
}

/// A ledger.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Entries>);

impl MemoryLedger {
    /// Lets every call fail from now on, or work again.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.0).is_down = is_down;
    }

    fn entries(&self) -> Result<MutexGuard<'_, Entries>, Cause> {
        let entries = lock(&self.0);
        if entries.is_down { Err(Cause::code("down")) } else { Ok(entries) }
    }
}

impl Ledger for &MemoryLedger {
    async fn claim(&self, key: &str, marker: &str, now: Timestamp, until: Timestamp) -> Result<bool, Cause> {
        let mut entries = self.entries()?;
        let is_free = entries.claims.get(key).is_none_or(|(_, until)| *until <= now);
        if is_free {
            entries.claims.insert(key.to_owned(), (marker.to_owned(), until));
        }
        Ok(is_free)
    }

    async fn extend(&self, key: &str, marker: &str, until: Timestamp) -> Result<(), Cause> {
        if let Some(claim) = self.entries()?.claims.get_mut(key).filter(|claim| claim.0 == marker) {
            claim.1 = until;
        }
        Ok(())
    }

    async fn release(&self, key: &str, marker: &str) -> Result<(), Cause> {
        self.entries()?.claims.retain(|claimed, (by, _)| claimed != key || by != marker);
        Ok(())
    }

    async fn window(&self, new: &Window, now: Timestamp) -> Result<Window, Cause> {
        let mut entries = self.entries()?;
        let present = entries.window.take().filter(|window| window.ends_at > now).unwrap_or_else(|| new.clone());
        entries.window = Some(present.clone());
        Ok(present)
    }

    async fn count(&self, window: &Window, severity: Severity) -> Result<Counted, Cause> {
        let mut entries = self.entries()?;
        let counts = entries.windows.entry(window.id.clone()).or_default();
        counts.ends_at = window.ends_at.0;
        counts.number += 1;
        counts.by_severity[severity as usize] += 1;
        Ok(Counted { number: counts.number, unsent: counts.unsent, is_queued: counts.is_queued })
    }

    async fn count_mailed(&self, window: &Window) -> Result<(), Cause> {
        self.entries()?.windows.entry(window.id.clone()).or_default().mailed += 1;
        Ok(())
    }

    async fn uncount(&self, window: &Window, severity: Severity) -> Result<(), Cause> {
        let mut entries = self.entries()?;
        let counts = entries.windows.entry(window.id.clone()).or_default();
        counts.unsent += 1;
        counts.by_severity[severity as usize] -= 1;
        Ok(())
    }

    async fn keep_title(&self, window: &Window, number: u32, title: &str) -> Result<(), Cause> {
        self.entries()?.windows.entry(window.id.clone()).or_default().titles.insert(number, title.to_owned());
        Ok(())
    }

    async fn set_queued(&self, window: &Window) -> Result<(), Cause> {
        self.entries()?.windows.entry(window.id.clone()).or_default().is_queued = true;
        Ok(())
    }

    async fn storm(&self, window: &str) -> Result<Option<Storm>, Cause> {
        Ok(self.entries()?.windows.get(window).map(|counts| Storm {
            window: Window { id: window.to_owned(), ends_at: Timestamp(counts.ends_at.max(WINDOW_SECONDS)) },
            mailed: counts.mailed,
            by_severity: counts.by_severity,
            titles: counts.titles.values().cloned().collect(),
        }))
    }

    async fn spend(&self, counter: &str, limit: u32, _until: Timestamp) -> Result<Option<u32>, Cause> {
        let mut entries = self.entries()?;
        let number = entries.counters.entry(counter.to_owned()).or_default();
        if *number >= limit {
            return Ok(None);
        }
        *number += 1;
        Ok(Some(*number))
    }

    async fn give_back(&self, counter: &str) -> Result<(), Cause> {
        *self.entries()?.counters.entry(counter.to_owned()).or_default() -= 1;
        Ok(())
    }
}

/// A mail service that keeps what it is sent.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: Mutex<Vec<Message>>,
    faults: Mutex<VecDeque<SendFault>>,
    waits: Mutex<Vec<Duration>>,
}

impl MemoryMailer {
    /// Lets the next attempts fail, one for each fault.
    pub fn fail(&self, faults: impl IntoIterator<Item = SendFault>) {
        lock(&self.faults).extend(faults);
    }

    /// What was sent.
    pub fn sent(&self) -> Vec<Message> {
        lock(&self.sent).clone()
    }

    /// How long it was waited between attempts.
    pub fn waits(&self) -> Vec<Duration> {
        lock(&self.waits).clone()
    }
}

impl Mailer for &MemoryMailer {
    async fn send(&self, message: &Message) -> Result<String, SendFault> {
        if let Some(fault) = lock(&self.faults).pop_front() {
            return Err(fault);
        }
        let mut sent = lock(&self.sent);
        sent.push(message.clone());
        Ok(format!("message-{}", sent.len()))
    }

    async fn pause(&self, wait: Duration) {
        lock(&self.waits).push(wait);
    }
}

/// A queue that keeps windows and delays in seconds.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    queued: Mutex<Vec<(String, u64)>>,
    is_down: Mutex<bool>,
}

impl MemoryQueue {
    /// What was queued.
    pub fn queued(&self) -> Vec<(String, u64)> {
        lock(&self.queued).clone()
    }

    /// Lets every call fail from now on, or work again.
    pub fn set_down(&self, is_down: bool) {
        *lock(&self.is_down) = is_down;
    }
}

impl Queue for &MemoryQueue {
    async fn send_later(&self, window: &str, delay: u64) -> Result<(), Cause> {
        if *lock(&self.is_down) {
            return Err(Cause::code("down"));
        }
        lock(&self.queued).push((window.to_owned(), delay));
        Ok(())
    }
}
