//! The events of the notifier and its log line.

use crate::CannotStart;
use crate::ledger::DynamoLedger;
use crate::mail::AwsMailer;
use crate::queue::SqsQueue;
use crate::settings::OfNotifier;
use latchkey_auth::{Clock, Entropy, Fault};
use latchkey_config::Settings;
use latchkey_notifier::notify::Call;
use latchkey_notifier::{Answer, Notifier, NotifyFault};
use latchkey_runtime::{Event, Handled, Handler, Report, SystemClock, SystemEntropy};
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Mails alerts.
pub struct NotifierHandler {
    notifier: Notifier<DynamoLedger, AwsMailer, SqsQueue>,
}

/// What became of an event.
#[derive(Default)]
pub struct Notes(RefCell<Option<Result<Answer, NotifyFault>>>);

/// What an operator needs to find the cause of a fault: the code of what failed, such as a relay's reply, and never the mail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultLine<'a> {
    level: &'static str,
    request_id: &'a str,
    fault: &'static str,
    cause: &'a str,
}

impl Handler for NotifierHandler {
    const NAME: &'static str = "notifier";

    type StartError = CannotStart;

    type Notes<'a> = Notes;

    fn start(settings: &Settings<'_>) -> Result<Self, CannotStart> {
        let OfNotifier { notifier, from, from_as_written, table, queue_url, transport } = OfNotifier::read(settings)?;
        let aws = latchkey_aws::from_environment()?;
        let ledger = DynamoLedger::new(&aws.sdk, table);
        let mailer = AwsMailer::new(&aws.sdk, transport, from, from_as_written)?;
        let queue = SqsQueue::new(&aws.sdk, queue_url);
        Ok(Self { notifier: Notifier::new(ledger, mailer, queue, notifier) })
    }

    fn notes(&self) -> Notes {
        Notes::default()
    }

    async fn handle(&self, event: Event<'_>, notes: &Self::Notes<'_>) -> Result<Value, Fault> {
        let mut bytes = [0; 16];
        SystemEntropy.fill(&mut bytes);
        let marker = format!("{:032x}", u128::from_be_bytes(bytes));
        let answer = self.notifier.notify(event.payload, Call { now: SystemClock.now(), marker: &marker }).await;
        notes.0.replace(Some(answer.clone()));
        answer.map(|answer| answer.to_json()).map_err(|fault| Fault::Other {
            error_type: fault.error_type(),
            message: fault.message(),
            cause: fault.cause().clone(),
        })
    }

    fn report(&self, handled: &Handled<'_>, notes: Notes) -> Vec<Report> {
        let (outcome, reason) = match notes.0.into_inner() {
            Some(Ok(Answer::Sent { .. })) => ("sent", None),
            Some(Ok(Answer::NotSent { reason, .. })) => ("not_sent", Some(reason.as_str())),
            Some(Err(fault)) => {
                latchkey_runtime::log(&FaultLine {
                    level: "ERROR",
                    request_id: handled.request_id,
                    fault: fault.error_type(),
                    cause: fault.cause().as_str(),
                });
                ("fault", None)
            }
            None => ("fault", None),
        };
        vec![Report { outcome, reason, audit: None, counts: BTreeMap::new() }]
    }
}
