//! Takes the records of a batch through the rules of delivery, one after the other.

use crate::stream::{Batch, Item, Record, answer};
use latchkey_audit::{AuditKeys, AuditRecord, NONCE_BYTES};
use latchkey_auth::delivery::{Delivery, DeliverySettings, MailBudget, SendMail, deliver};
use latchkey_auth::throttle::MailQuota;
use latchkey_auth::{Cause, Clock, Entropy, Fault, MailRequest};
use latchkey_config::{InvalidSetting, Settings};
use latchkey_keys::KeyRing;
use latchkey_outbox::open;
use latchkey_runtime::{Event, Handled, Handler, Report, SystemEntropy};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// No further record is begun after this time. The function ends at sixty seconds (`stacks/functions.toml`), and one mail takes
/// five calls of at most four seconds each (`shared/aws`).
const BEGIN_WITHIN: Duration = Duration::from_secs(35);

/// The requests in the outbox.
#[allow(async_fn_in_trait, reason = "Lambda runs one event at a time on one thread: no future needs Send")]
pub(crate) trait Requests {
    /// Returns true if the request with this ID was not dealt with yet.
    async fn is_waiting(&self, id: &str) -> Result<bool, Fault>;

    /// Removes a request that was dealt with.
    async fn remove(&self, id: &str) -> Result<(), Fault>;
}

/// Everything that delivery uses.
pub(crate) trait Delivers:
    Requests + SendMail + MailQuota + MailBudget + DeliverySettings + Clock + Sized + 'static
{
    /// Why it cannot be built.
    type StartError: Display + From<InvalidSetting>;

    /// Builds it from the settings.
    fn start(settings: &Settings<'_>) -> Result<Self, Self::StartError>;
}

/// Handles batches of the outbox's stream.
pub(crate) struct DeliverMail<S> {
    services: S,
    keys: KeyRing,
    audit_keys: AuditKeys,
}

/// What became of the requests of a batch.
#[derive(Default)]
pub(crate) struct Notes {
    counts: RefCell<BTreeMap<&'static str, u32>>,
    undelivered: RefCell<Vec<AuditRecord>>,
}

impl Notes {
    fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }
}

impl<S: Delivers> DeliverMail<S> {
    /// Deals with one request. A fault means that it has to come again, with all after it.
    async fn deal_with(&self, item: &Item, notes: &Notes) -> Result<(), Fault> {
        let Ok(request) = open(&item.sealed.text, &item.id.text, &item.lane.text, &self.keys) else {
            // Nothing will open it later either: its key was dropped too early, or somebody changed it.
            notes.count("unreadable");
            notes.undelivered.borrow_mut().push(AuditRecord {
                operation: Self::NAME,
                outcome: "undelivered",
                cause: Some("unreadable".to_owned()),
                ..AuditRecord::default()
            });
            return self.services.remove(&item.id.text).await;
        };
        // The stream may bring a request again after it was dealt with. One without a recipient needs no look.
        if request.template.is_some() && !self.services.is_waiting(&item.id.text).await? {
            notes.count("repeated");
            return Ok(());
        }
        let delivery = deliver(&self.services, &request, self.services.now()).await?;
        notes.count(delivery.as_str());
        if let Delivery::Undelivered(cause) = delivery {
            notes.undelivered.borrow_mut().push(self.undelivered(&request, &cause));
        }
        self.services.remove(&item.id.text).await
    }

    fn undelivered(&self, request: &MailRequest, cause: &Cause) -> AuditRecord {
        AuditRecord {
            operation: Self::NAME,
            outcome: "undelivered",
            reason: Some(request.class.as_str()),
            cause: Some(cause.as_str().to_owned()),
            account: Some(self.audit_keys.account(request.to.as_str())),
            ..AuditRecord::default()
        }
    }
}

impl<S: Delivers> Handler for DeliverMail<S> {
    const NAME: &'static str = "mail";

    type StartError = S::StartError;

    type Notes<'a>
        = Notes
    where
        Self: 'a;

    fn start(settings: &Settings<'_>) -> Result<Self, S::StartError> {
        Ok(Self { services: S::start(settings)?, keys: settings.mail_keys()?, audit_keys: settings.audit_keys()? })
    }

    fn notes(&self) -> Self::Notes<'_> {
        Notes::default()
    }

    async fn handle(&self, event: Event<'_>, notes: &Self::Notes<'_>) -> Result<Value, Fault> {
        let Ok(batch) = serde_json::from_str::<Batch>(event.payload) else {
            return Err(Fault::Internal(Cause::code("stream")));
        };
        let began = Instant::now();
        let mut first_left: Option<&Record> = None;
        for record in &batch.records {
            let Some(item) = record.item() else { continue };
            if began.elapsed() > BEGIN_WITHIN {
                first_left = Some(record);
                break;
            }
            if let Err(fault) = self.deal_with(item, notes).await {
                notes.count(fault.error_type());
                first_left = Some(record);
                break;
            }
        }
        Ok(answer(first_left))
    }

    fn report(&self, handled: &Handled<'_>, notes: Self::Notes<'_>) -> Vec<Report> {
        let counts = notes.counts.into_inner();
        let outcome = if handled.fault.is_some() { "fault" } else { "done" };
        let batch = Report { outcome, reason: None, audit: None, counts };
        let undelivered = notes.undelivered.into_inner().into_iter().map(|record| {
            let mut nonce = [0; NONCE_BYTES];
            SystemEntropy.fill(&mut nonce);
            let audit = Some(self.audit_keys.seal(&record, handled.request_id, nonce));
            Report { outcome: record.outcome, reason: record.reason, audit, counts: BTreeMap::new() }
        });
        std::iter::once(batch).chain(undelivered).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_auth::delivery::{DELIVERY_SECONDS, MailBudgets, SendError};
    use latchkey_auth::memory::MemoryServices;
    use latchkey_auth::throttle::{Quota, Reservation};
    use latchkey_auth::{Email, Mail, MailClass, MailTemplate, MailTemplates, Timestamp, Token};
    use latchkey_outbox::{lane, seal};
    use serde_json::json;
    use std::collections::BTreeSet;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    /// The services in memory, with the IDs of the requests that wait.
    #[derive(Default)]
    struct Memory {
        services: MemoryServices,
        waiting: RefCell<BTreeSet<String>>,
    }

    impl Delivers for Memory {
        type StartError = InvalidSetting;

        fn start(_settings: &Settings<'_>) -> Result<Self, InvalidSetting> {
            Ok(Self::default())
        }
    }

    impl Requests for Memory {
        async fn is_waiting(&self, id: &str) -> Result<bool, Fault> {
            Ok(self.waiting.borrow().contains(id))
        }

        async fn remove(&self, id: &str) -> Result<(), Fault> {
            self.waiting.borrow_mut().remove(id);
            Ok(())
        }
    }

    impl SendMail for Memory {
        async fn send_mail(&self, mail: &Mail) -> Result<(), SendError> {
            self.services.send_mail(mail).await
        }
    }

    impl MailQuota for Memory {
        async fn reserve_mail(&self, quota: Quota, email: &Email, now: Timestamp) -> Result<Reservation, Fault> {
            self.services.reserve_mail(quota, email, now).await
        }

        async fn release_mail(&self, quota: Quota, email: &Email, at: Timestamp) -> Result<(), Fault> {
            self.services.release_mail(quota, email, at).await
        }

        async fn clear_quota(&self, quota: Quota, email: &Email) -> Result<(), Fault> {
            self.services.clear_quota(quota, email).await
        }
    }

    impl MailBudget for Memory {
        async fn spend_budget(&self, class: MailClass, limit: u32, now: Timestamp) -> Result<bool, Fault> {
            self.services.spend_budget(class, limit, now).await
        }

        async fn restore_budget(&self, class: MailClass, now: Timestamp) -> Result<(), Fault> {
            self.services.restore_budget(class, now).await
        }
    }

    impl DeliverySettings for Memory {
        fn mail_templates(&self) -> &MailTemplates {
            self.services.mail_templates()
        }

        fn mail_budgets(&self) -> MailBudgets {
            self.services.mail_budgets()
        }
    }

    impl Clock for Memory {
        fn now(&self) -> Timestamp {
            self.services.now()
        }
    }

    fn handler() -> DeliverMail<Memory> {
        let settings = Settings::from_lookup(|key| ["MAIL_KEY", "AUDIT_KEY"].contains(&key).then(|| KEY.to_owned()));
        DeliverMail::start(&settings).unwrap()
    }

    fn reset(to: &str) -> MailRequest {
        let template = Some(MailTemplate::Reset(Token::parse("token").unwrap()));
        MailRequest { class: MailClass::Reset, to: Email::parse(to).unwrap(), template, requested_at: Timestamp(0) }
    }

    /// A request as the stream brings it, and as it waits in the table.
    fn record(handler: &DeliverMail<Memory>, request: &MailRequest, number: usize) -> Value {
        let (id, lane) = (format!("mail:{number}"), lane(request.class));
        let sealed = seal(request, &id, &handler.keys, [7; NONCE_BYTES]);
        handler.services.waiting.borrow_mut().insert(id.clone());
        let text = |text: &str| json!({ "S": text });
        let item = json!({ "id": text(&id), "lane": text(lane), "sealed": text(&sealed), "expiresAt": { "N": "1" } });
        json!({ "eventName": "INSERT", "dynamodb": { "SequenceNumber": number.to_string(), "NewImage": item } })
    }

    async fn handled(handler: &DeliverMail<Memory>, records: &[Value]) -> (Value, Vec<Report>) {
        let (notes, payload) = (handler.notes(), json!({ "Records": records }).to_string());
        let event = Event { payload: &payload, invoked_function_arn: "" };
        let answer = handler.handle(event, &notes).await.unwrap();
        let ended = Handled { request_id: "id", fault: None, panicked_at: None };
        (answer, handler.report(&ended, notes))
    }

    fn left(number: usize) -> Value {
        json!({ "batchItemFailures": [{ "itemIdentifier": number.to_string() }] })
    }

    fn none_left() -> Value {
        json!({ "batchItemFailures": [] })
    }

    #[tokio::test]
    async fn a_batch_is_delivered_in_order_and_removed_and_what_has_no_recipient_is_dropped() {
        let handler = handler();
        let nobody = MailRequest { template: None, ..reset("nobody@example.com") };
        let requests = [reset("ada@example.com"), nobody, reset("bob@example.com")];
        let records: Vec<_> = requests.iter().enumerate().map(|(at, request)| record(&handler, request, at)).collect();
        let (answer, reports) = handled(&handler, &records).await;
        assert_eq!(answer, none_left());
        let to: Vec<_> = handler.services.services.mailer.take_sent().into_iter().map(|mail| mail.to).collect();
        assert_eq!(to, [&requests[0], &requests[2]].map(|request| request.to.clone()));
        assert!(handler.services.waiting.borrow().is_empty());
        assert_eq!(reports[0].counts, BTreeMap::from([("sent", 2), ("no_recipient", 1)]));
        assert_eq!(reports.len(), 1);
    }

    #[tokio::test]
    async fn a_request_that_comes_again_after_it_was_dealt_with_is_not_sent_again() {
        let handler = handler();
        let records = [record(&handler, &reset("ada@example.com"), 1)];
        for _delivery in 0..2 {
            assert_eq!(handled(&handler, &records).await.0, none_left());
        }
        assert_eq!(handler.services.services.mailer.take_sent().len(), 1);
    }

    #[tokio::test]
    async fn while_the_mail_service_is_unavailable_a_request_waits_with_all_after_it() {
        let handler = handler();
        let records = [1, 2].map(|number| record(&handler, &reset("ada@example.com"), number));
        let mailer = &handler.services.services.mailer;
        mailer.fail_sending(Some(SendError::Unavailable(Cause::code("Throttling"))));
        let (answer, reports) = handled(&handler, &records).await;
        assert_eq!(answer, left(1));
        assert_eq!(reports[0].counts, BTreeMap::from([("MailerUnavailable", 1)]));
        mailer.fail_sending(None);
        assert_eq!(handled(&handler, &records).await.0, none_left());
        assert_eq!(mailer.take_sent().len(), 2);
    }

    #[tokio::test]
    async fn what_is_refused_or_too_old_is_given_up_and_the_operator_learns_of_whom_and_why() {
        let handler = handler();
        let services = &handler.services.services;
        services.mailer.fail_sending(Some(SendError::Refused(Cause::code("MessageRejected"))));
        let (answer, reports) = handled(&handler, &[record(&handler, &reset("ada@example.com"), 1)]).await;
        assert_eq!(answer, none_left());
        let lines: Vec<_> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!(lines, ["done", "undelivered"]);
        let opened = handler.audit_keys.open(reports[1].audit.as_deref().unwrap(), "id").unwrap();
        assert_eq!(opened["account"], handler.audit_keys.account("ada@example.com"));
        assert_eq!(opened["cause"], "MessageRejected");
        assert_eq!(opened["reason"], "reset");

        services.mailer.fail_sending(None);
        let late = record(&handler, &reset("ada@example.com"), 2);
        services.clock.advance(DELIVERY_SECONDS + 1);
        let (_, reports) = handled(&handler, &[late]).await;
        assert_eq!(reports[1].outcome, "undelivered");
        assert!(services.mailer.take_sent().is_empty());
        assert!(handler.services.waiting.borrow().is_empty());
    }

    #[tokio::test]
    async fn what_cannot_be_read_stops_nothing_is_removed_and_the_operator_learns_of_it() {
        let handler = handler();
        let mut forged = record(&handler, &reset("ada@example.com"), 1);
        forged["dynamodb"]["NewImage"]["lane"]["S"] = json!("other");
        let removed = json!({ "eventName": "REMOVE", "dynamodb": { "SequenceNumber": "2" } });
        let good = record(&handler, &reset("bob@example.com"), 3);
        let (answer, reports) = handled(&handler, &[forged, removed, good]).await;
        assert_eq!(answer, none_left());
        assert_eq!(reports[0].counts, BTreeMap::from([("unreadable", 1), ("sent", 1)]));
        assert_eq!(reports[1].outcome, "undelivered");
        let opened = handler.audit_keys.open(reports[1].audit.as_deref().unwrap(), "id").unwrap();
        assert_eq!(opened["cause"], "unreadable");
        assert!(handler.services.waiting.borrow().is_empty());
    }
}
