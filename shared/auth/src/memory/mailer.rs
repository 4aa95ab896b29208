//! Mail in memory.

use super::MemoryServices;
use crate::account::email::Email;
use crate::fault::{Cause, Fault};
use crate::mail::Mail;
use crate::services::SendMail;
use std::cell::{Cell, RefCell};

/// The mail that was sent, with a switch that makes sending fail.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: RefCell<Vec<Mail>>,
    failing: Cell<bool>,
}

impl MemoryMailer {
    /// Takes the mails sent so far, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Mail> {
        self.sent.take()
    }

    /// Makes every call fail until further notice.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// Returns true if calls fail.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.get()
    }
}

impl SendMail for MemoryServices {
    async fn send_mail(&self, mail: &Mail) -> Result<(), Fault> {
        let _call = self.calls.mailer.begin().await;
        if self.mailer.failing.get() {
            return Err(Fault::Mailer(Cause::code("memory")));
        }
        self.mailer.sent.borrow_mut().push(mail.clone());
        Ok(())
    }

    fn decoy_recipient(&self) -> Email {
        Email::parse("decoy@invalid.example").expect("an address")
    }
}
