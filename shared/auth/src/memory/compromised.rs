//! Compromised passwords in memory.

use super::MemoryServices;
use crate::fault::{Cause, Fault};
use crate::services::CompromisedPasswords;
use std::cell::{Cell, RefCell};

/// The compromised passwords that a test names, with a switch that makes the service fail.
#[derive(Debug, Default)]
pub struct MemoryCompromised {
    known: RefCell<Vec<String>>,
    failing: Cell<bool>,
    asked: RefCell<Vec<String>>,
}

impl MemoryCompromised {
    /// Adds a password by its SHA-1 in upper-case hexadecimal digits.
    pub fn add(&self, sha1: &str) {
        self.known.borrow_mut().push(sha1.to_owned());
    }

    /// Makes every call fail until further notice.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// Takes the prefixes that were asked for so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl CompromisedPasswords for MemoryServices {
    async fn compromised_range(&self, prefix: &str) -> Result<Option<String>, Fault> {
        let _call = self.calls.compromised_passwords.begin().await;
        self.compromised.asked.borrow_mut().push(prefix.to_owned());
        if self.compromised.failing.get() {
            return Err(Fault::CompromisedPasswords(Cause::code("memory")));
        }
        let known = self.compromised.known.borrow();
        let suffixes = known.iter().filter_map(|sha1| sha1.strip_prefix(prefix));
        Ok(Some(suffixes.map(|suffix| suffix.to_owned() + ":1\r\n").collect()))
    }
}
