//! The services in memory: what the adapters do, as plainly as it can be written.
//!
//! For tests of the operations, and the model that the adapters' own tests are held against.

use crate::limits::{
    ATTEMPTS_KEPT, BETWEEN_MAILS, Guess, Limits, MAILS_KEPT, MAILS_WINDOW, Occasion, Reservation, Slot, Ticket,
    wait_after,
};
use crate::{
    Breaches, Cause, Clock, Email, Entropy, Fault, Identities, Mail, Mailer, NewUser, OpenIdToken, PendingReset,
    PendingVerification, Timestamp, TokenHash, User, UserId, Users,
};
use latchkey_salting::{PasswordHash, StoredHash};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

/// A table of users.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    accounts: RefCell<BTreeMap<Email, User>>,
    /// How many calls still succeed.
    calls_left: Cell<Option<u32>>,
    outrun: Cell<bool>,
}

impl MemoryUsers {
    /// Puts a record in as it is.
    pub fn insert(&self, email: Email, user: User) {
        self.accounts.borrow_mut().insert(email, user);
    }

    /// The record of an address.
    #[must_use]
    pub fn get(&self, email: &Email) -> Option<User> {
        self.accounts.borrow().get(email).cloned()
    }

    /// Every call fails until further notice.
    pub fn fail(&self, failing: bool) {
        self.fail_from(failing.then_some(0));
    }

    /// So many calls succeed, and all after them fail until further notice.
    pub fn fail_from(&self, call: Option<u32>) {
        self.calls_left.set(call);
    }

    /// Every write finds that another request was quicker, until further notice.
    pub fn outrun(&self, outrun: bool) {
        self.outrun.set(outrun);
    }

    fn update(&self, email: &Email, change: impl FnOnce(&mut User) -> bool) -> Result<bool, Fault> {
        self.answer()?;
        Ok(!self.outrun.get() && self.accounts.borrow_mut().get_mut(email).is_some_and(change))
    }

    fn answer(&self) -> Result<(), Fault> {
        match self.calls_left.get() {
            Some(0) => Err(Fault::Table(Cause::code("memory"))),
            left => {
                self.calls_left.set(left.map(|calls| calls - 1));
                Ok(())
            }
        }
    }
}

impl Users for &MemoryUsers {
    async fn find(&self, email: &Email) -> Result<Option<User>, Fault> {
        self.answer()?;
        Ok(self.get(email))
    }

    async fn create(&self, user: &NewUser) -> Result<bool, Fault> {
        self.answer()?;
        if self.get(&user.email).is_some_and(|old| old.verified) {
            return Ok(false);
        }
        let verification =
            PendingVerification::Hashed { token: user.verify_token, expires_at: user.verify_token_expires_at };
        self.insert(
            user.email.clone(),
            User {
                user_id: user.user_id.clone(),
                password: StoredHash::Encoded(user.password.clone()),
                verified: false,
                verification: Some(verification),
                reset: None,
            },
        );
        Ok(true)
    }

    async fn verify(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        self.update(email, |user| {
            let same = user.verification.as_ref() == Some(seen);
            if same {
                user.verified = true;
                if let PendingVerification::Plain(token) = seen {
                    user.verification = Some(PendingVerification::Hashed { token: token.hash(), expires_at: until });
                }
            }
            same
        })
    }

    async fn start_reset(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        self.update(email, |user| {
            user.reset = Some(PendingReset { token: *token, expires_at: until });
            true
        })
    }

    async fn reset_password(
        &self,
        email: &Email,
        token: &TokenHash,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.update(email, |user| {
            let valid = user.reset.take_if(|reset| reset.token == *token && now < reset.expires_at).is_some();
            if valid {
                user.password = StoredHash::Encoded(password.clone());
                user.verified = true;
                user.verification = None;
            }
            valid
        })
    }

    async fn change_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        self.update(email, |user| {
            let same = user.password == *seen;
            if same {
                user.password = StoredHash::Encoded(password.clone());
                user.reset = None;
            }
            same
        })
    }

    async fn renew_hash(
        &self,
        email: &Email,
        _user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        self.update(email, |user| {
            let same = user.password == *seen;
            if same {
                user.password = StoredHash::Encoded(password.clone());
            }
            same
        })
    }
}

/// Counters of guesses and mails.
#[derive(Debug, Default)]
pub struct MemoryLimits {
    /// How many, and when the latest was.
    tickets: RefCell<BTreeMap<(Guess, Email), (u32, u64)>>,
    mails: RefCell<BTreeMap<Email, Mails>>,
}

#[derive(Debug, Default)]
struct Mails {
    /// The newest first.
    sent: VecDeque<u64>,
    latest: BTreeMap<Occasion, u64>,
}

impl Limits for &MemoryLimits {
    async fn take_ticket(&self, guess: Guess, email: &Email, now: Timestamp) -> Result<Ticket, Fault> {
        let mut tickets = self.tickets.borrow_mut();
        let (count, latest) = tickets.entry((guess, email.clone())).or_default();
        if *latest + ATTEMPTS_KEPT < now.0 {
            *count = 0;
        }
        // Seconds are whole: one more makes sure that the wait has passed.
        let judged_from = *latest + wait_after(*count) + 1;
        if wait_after(*count) > 0 && now.0 < judged_from {
            return Ok(Ticket::Refused { retry_after: judged_from - now.0 });
        }
        (*count, *latest) = (*count + 1, now.0);
        Ok(Ticket::Numbered(*count))
    }

    async fn clear_tickets(&self, guess: Guess, email: &Email) -> Result<(), Fault> {
        self.tickets.borrow_mut().remove(&(guess, email.clone()));
        Ok(())
    }

    async fn reserve_mail(&self, occasion: Occasion, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
        let mut mails = self.mails.borrow_mut();
        let mails = mails.entry(email.clone()).or_default();
        let before = mails.latest.get(&occasion).copied();
        let oldest = mails.sent.get(MAILS_KEPT - 1).copied();
        let minute = before.map_or(0, |before| before + BETWEEN_MAILS + 1);
        let hour = oldest.map_or(0, |oldest| oldest + MAILS_WINDOW + 1);
        if now.0 < minute.max(hour) {
            return Ok(Reservation::Refused { retry_after: minute.max(hour) - now.0 });
        }
        mails.sent.push_front(now.0);
        mails.sent.truncate(MAILS_KEPT);
        mails.latest.insert(occasion, now.0);
        let stamp = |seconds: Option<u64>| seconds.map(Timestamp);
        Ok(Reservation::Made(Slot { occasion, at: now, pushed_out: stamp(oldest), before: stamp(before) }))
    }

    async fn release_mail(&self, email: &Email, slot: &Slot) -> Result<(), Fault> {
        let mut mails = self.mails.borrow_mut();
        let mails = mails.entry(email.clone()).or_default();
        if mails.sent.front() == Some(&slot.at.0) {
            mails.sent.pop_front();
            mails.sent.extend(slot.pushed_out.map(|at| at.0));
            match slot.before {
                Some(before) => mails.latest.insert(slot.occasion, before.0),
                None => mails.latest.remove(&slot.occasion),
            };
        }
        Ok(())
    }
}

/// A mailer that keeps what it is given.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: RefCell<Vec<Mail>>,
    failing: Cell<bool>,
}

impl MemoryMailer {
    /// Takes out the mails sent so far, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Mail> {
        self.sent.take()
    }

    /// Every call fails until further notice.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// Whether it does.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.get()
    }
}

impl Mailer for &MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        if self.failing.get() {
            return Err(Fault::Mailer(Cause::code("memory")));
        }
        self.sent.borrow_mut().push(mail.clone());
        Ok(())
    }

    fn nowhere(&self) -> Email {
        Email::parse("nowhere@invalid.example").expect("an address")
    }
}

/// Identities that are told from one another by the user's identifier.
#[derive(Debug, Default)]
pub struct MemoryIdentities;

impl Identities for MemoryIdentities {
    async fn token_for(&self, user: &UserId) -> Result<OpenIdToken, Fault> {
        Ok(OpenIdToken {
            identity_id: format!("region:{}", user.as_str()),
            token: format!("token of {}", user.as_str()),
        })
    }
}

/// A service that knows the passwords that it was told, by the SHA-1 in upper case.
#[derive(Debug, Default)]
pub struct MemoryBreaches {
    known: RefCell<Vec<String>>,
    failing: Cell<bool>,
    asked: RefCell<Vec<String>>,
}

impl MemoryBreaches {
    /// Tells it the SHA-1 of a password.
    pub fn tell(&self, sha1: &str) {
        self.known.borrow_mut().push(sha1.to_owned());
    }

    /// Every call fails until further notice.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// What it was asked since the last look.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl Breaches for &MemoryBreaches {
    async fn range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        self.asked.borrow_mut().push(prefix.to_owned());
        if self.failing.get() {
            return Err(Fault::Breaches(Cause::code("memory")));
        }
        let known = self.known.borrow();
        let suffixes = known.iter().filter_map(|sha1| sha1.strip_prefix(prefix));
        Ok(Some(suffixes.map(|suffix| suffix.to_owned() + ":1\r\n").collect()))
    }
}

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub struct MemoryClock(Cell<u64>);

impl MemoryClock {
    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.0.set(self.0.get() + seconds);
    }
}

impl Clock for &MemoryClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.get())
    }
}

/// Bytes that differ from call to call and are the same in every run.
#[derive(Debug, Default)]
pub struct MemoryEntropy(Cell<u64>);

impl Entropy for &MemoryEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // SplitMix64.
        for chunk in bytes.chunks_mut(8) {
            self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            let mut z = self.0.get();
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
