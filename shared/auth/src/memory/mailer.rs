//! Mail in memory: the outbox that operations hand requests to, and what sends the mails.

use super::MemoryServices;
use crate::fault::{Cause, Fault};
use crate::mail::delivery::{Delivery, DeliverySettings, MailBudget, MailBudgets, SendError, SendMail, deliver};
use crate::mail::{Mail, MailClass, MailRequest, MailTemplates};
use crate::services::HandOverMail;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The requests that were handed over, and the mails that were sent, with switches that make both fail.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    requests: RefCell<Vec<MailRequest>>,
    sent: RefCell<Vec<Mail>>,
    spent: RefCell<BTreeMap<(MailClass, u64), u32>>,
    failing: Cell<bool>,
    send_error: RefCell<Option<SendError>>,
}

impl MemoryMailer {
    /// Takes the requests that were handed over and not delivered, oldest first.
    #[must_use]
    pub fn take_requests(&self) -> Vec<MailRequest> {
        self.requests.take()
    }

    /// Takes the mails that were sent, oldest first.
    #[must_use]
    pub fn take_sent(&self) -> Vec<Mail> {
        self.sent.take()
    }

    /// Makes handing over fail until further notice.
    pub fn fail(&self, failing: bool) {
        self.failing.set(failing);
    }

    /// Returns true if handing over fails.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.get()
    }

    /// Makes sending fail in this way until further notice.
    pub fn fail_sending(&self, error: Option<SendError>) {
        self.send_error.replace(error);
    }
}

impl MemoryServices {
    /// Delivers what was handed over, as the mail function does, and returns what became of each request, oldest first. What
    /// should be tried again stays.
    pub async fn deliver(&self) -> Vec<Result<Delivery, Fault>> {
        self.calls.allow_everything();
        let mut ends = Vec::new();
        for request in self.mailer.take_requests() {
            let end = deliver(self, &request, crate::services::Clock::now(self)).await;
            if end.is_err() {
                self.mailer.requests.borrow_mut().push(request);
            }
            ends.push(end);
        }
        ends
    }
}

impl HandOverMail for MemoryServices {
    async fn hand_over_mail(&self, request: &MailRequest) -> Result<(), Fault> {
        let _call = self.calls.outbox.begin().await;
        if self.mailer.failing.get() {
            return Err(Fault::Mailer(Cause::code("memory")));
        }
        self.mailer.requests.borrow_mut().push(request.clone());
        Ok(())
    }
}

impl SendMail for MemoryServices {
    async fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
        if let Some(error) = self.mailer.send_error.borrow().clone() {
            return Err(error);
        }
        self.mailer.sent.borrow_mut().push(mail.clone());
        Ok(())
    }
}

impl MailBudget for MemoryServices {
    async fn spend_budget(&self, class: MailClass, limit: u32, now: Timestamp) -> Result<bool, Fault> {
        let mut spent = self.mailer.spent.borrow_mut();
        let spent = spent.entry((class, now.0 / 3_600)).or_default();
        let within = *spent < limit;
        *spent += u32::from(within);
        Ok(within)
    }

    async fn restore_budget(&self, class: MailClass, now: Timestamp) -> Result<(), Fault> {
        if let Some(spent) = self.mailer.spent.borrow_mut().get_mut(&(class, now.0 / 3_600)) {
            *spent = spent.saturating_sub(1);
        }
        Ok(())
    }
}

impl DeliverySettings for MemoryServices {
    fn mail_templates(&self) -> &MailTemplates {
        &self.templates
    }

    fn mail_budgets(&self) -> MailBudgets {
        self.budgets
    }
}
