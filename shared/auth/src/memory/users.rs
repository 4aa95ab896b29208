//! The accounts in memory.

use super::MemoryServices;
use super::calls::UnderWay;
use crate::account::email::Email;
use crate::account::{NewUser, User, UserId};
use crate::email_link::token::TokenHash;
use crate::email_link::{MAX_RESET_LINKS, MOST_VERIFY_TRIES, PendingReset, PendingVerification};
use crate::fault::{Cause, Fault};
use crate::services::{
    AddUser, CountVerifyTry, FindUser, MarkVerified, RenewHash, ReplacePassword, ResetFor, SpendResetToken,
    StoreResetToken, VerifyTry,
};
use crate::time::Timestamp;
use latchkey_salting::{PasswordHash, StoredHash};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The accounts, with switches that make their table fail.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    accounts: RefCell<BTreeMap<Email, User>>,
    /// The number of calls that still succeed.
    calls_left: Cell<Option<u32>>,
    lose_races: Cell<bool>,
}

impl MemoryUsers {
    /// Stores a record as it is.
    pub fn insert(&self, email: Email, user: User) {
        self.accounts.borrow_mut().insert(email, user);
    }

    /// The record of an address.
    #[must_use]
    pub fn get(&self, email: &Email) -> Option<User> {
        self.accounts.borrow().get(email).cloned()
    }

    /// Removes the record of an address.
    pub fn remove(&self, email: &Email) {
        self.accounts.borrow_mut().remove(email);
    }

    /// Makes every call fail until further notice.
    pub fn fail(&self, failing: bool) {
        self.fail_from(failing.then_some(0));
    }

    /// Makes every call after this many fail until further notice.
    pub fn fail_from(&self, call: Option<u32>) {
        self.calls_left.set(call);
    }

    /// Makes every update lose the race against another request until further notice.
    pub fn lose_races(&self, lose: bool) {
        self.lose_races.set(lose);
    }

    fn update(&self, email: &Email, change: impl FnOnce(&mut User) -> bool) -> bool {
        !self.lose_races.get() && self.accounts.borrow_mut().get_mut(email).is_some_and(change)
    }

    /// Counts a failure of a known device, if the password is still of this generation.
    pub(super) fn count_device_failure(&self, email: &Email, generation: u32) {
        if let Some(user) = self.accounts.borrow_mut().get_mut(email)
            && user.password_generation == generation
        {
            user.device_failures += 1;
        }
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

impl MemoryServices {
    async fn table_call(&self) -> Result<UnderWay<'_>, Fault> {
        let call = self.calls.table.begin().await;
        self.users.answer()?;
        Ok(call)
    }
}

impl FindUser for MemoryServices {
    async fn find_user(&self, email: &Email) -> Result<Option<User>, Fault> {
        let _call = self.table_call().await?;
        Ok(self.users.get(email))
    }
}

impl AddUser for MemoryServices {
    async fn add_user(&self, user: &NewUser) -> Result<bool, Fault> {
        let _call = self.table_call().await?;
        if self.users.get(&user.email).is_some_and(|old| old.verified || old.imported) {
            return Ok(false);
        }
        // Reset links outlive a sign-up: they are the mailbox's.
        let resets = self.users.get(&user.email).map(|old| old.resets).unwrap_or_default();
        let verification =
            PendingVerification::Hashed { token: user.verify_token, expires_at: user.verify_token_expires_at };
        self.users.insert(
            user.email.clone(),
            User {
                verification: Some(verification),
                resets,
                ..User::new(user.user_id.clone(), StoredHash::Encoded(user.password.clone()))
            },
        );
        Ok(true)
    }
}

impl MarkVerified for MemoryServices {
    async fn mark_verified(
        &self,
        email: &Email,
        seen: &PendingVerification,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        let _call = self.table_call().await?;
        Ok(self.users.update(email, |user| {
            let same = user.verification.as_ref() == Some(seen);
            if same {
                user.verified = true;
                user.verify_tries = 0;
                if let PendingVerification::Plain(token) = seen {
                    user.verification = Some(PendingVerification::Hashed { token: token.hash(), expires_at: until });
                }
            }
            same
        }))
    }
}

impl CountVerifyTry for MemoryServices {
    async fn count_verify_try(&self, email: &Email, seen: &PendingVerification) -> Result<VerifyTry, Fault> {
        let _call = self.table_call().await?;
        let mut outcome = VerifyTry::LostRace;
        self.users.update(email, |user| {
            if user.verification.as_ref() == Some(seen) {
                outcome = if user.verify_tries < MOST_VERIFY_TRIES { VerifyTry::Counted } else { VerifyTry::WornOut };
                user.verify_tries = (user.verify_tries + 1).min(MOST_VERIFY_TRIES);
            }
            true
        });
        Ok(outcome)
    }
}

impl StoreResetToken for MemoryServices {
    async fn store_reset_token(
        &self,
        email: &Email,
        token: &TokenHash,
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<ResetFor, Fault> {
        let _call = self.table_call().await?;
        let mut stored = ResetFor::Nobody;
        self.users.update(email, |user| {
            user.resets.insert(0, PendingReset { token: *token, expires_at: until });
            user.resets.truncate(MAX_RESET_LINKS);
            stored = if user.verified || user.imported { ResetFor::Owner } else { ResetFor::Unverified };
            true
        });
        Ok(stored)
    }
}

impl SpendResetToken for MemoryServices {
    async fn spend_reset_token(
        &self,
        email: &Email,
        seen: &PendingReset,
        password: &PasswordHash,
        anew: Option<&UserId>,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        let _call = self.table_call().await?;
        Ok(self.users.update(email, |user| {
            let valid = user.resets.contains(seen) && !(anew.is_some() && user.verified);
            if valid {
                user.resets.clear();
                new_password(user, password);
                user.verified = true;
                user.verification = None;
                user.verify_tries = 0;
                if let Some(user_id) = anew {
                    user.user_id = user_id.clone();
                }
            }
            valid
        }))
    }
}

impl ReplacePassword for MemoryServices {
    async fn replace_password(
        &self,
        email: &Email,
        seen: &StoredHash,
        password: &PasswordHash,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        let _call = self.table_call().await?;
        Ok(self.users.update(email, |user| {
            let same = user.password == *seen;
            if same {
                new_password(user, password);
            }
            same
        }))
    }
}

/// What each new password does, by a change and by a reset.
fn new_password(user: &mut User, password: &PasswordHash) {
    user.password = StoredHash::Encoded(password.clone());
    user.password_generation += 1;
    user.device_failures = 0;
}

impl RenewHash for MemoryServices {
    async fn renew_hash(
        &self,
        email: &Email,
        _user_id: &UserId,
        seen: &StoredHash,
        password: &PasswordHash,
        _now: Timestamp,
    ) -> Result<bool, Fault> {
        let _call = self.table_call().await?;
        Ok(self.users.update(email, |user| {
            let same = user.password == *seen;
            if same {
                user.password = StoredHash::Encoded(password.clone());
            }
            same
        }))
    }
}
