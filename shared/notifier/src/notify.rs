//! What becomes of an event.
//!
//! | event | |
//! |---|---|
//! | an alert | mailed, counted or refused |
//! | `Records` of SNS | an alarm's, mapped to an alert |
//! | `Records` of SQS | the notifier's own message at the end of a window: the mail with the count |
//!
//! An alert is mailed at least once: when a mail may or may not have been sent, the next attempt sends it again.

use crate::alarm;
use crate::alert::{Alert, InvalidAlert, MAX_BYTES, id, source};
use crate::limits::{
    CLAIM_SECONDS, COUNTERS_KEPT, Ledger, Limits, REPEATED_WITHIN, TITLES_LISTED, WINDOW_SECONDS, Window,
};
use crate::message::{Message, Writer};
use latchkey_auth::{Cause, Email, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::time::Duration;

/// The waits before the second and the third attempt at a mail. Three attempts of ten seconds each and the waits stay below the
/// function's timeout of 50 seconds.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Sends mail.
pub trait Mailer {
    /// Sends a mail, and returns the ID that the mail service gave it. It takes at most ten seconds.
    async fn send(&self, message: &Message) -> Result<String, SendFault>;

    /// Waits before another attempt.
    async fn pause(&self, wait: Duration);
}

/// Delivers a message of our own to us after a while.
pub trait Queue {
    /// Queues the ID of a window, to come back after a delay in seconds.
    async fn send_later(&self, window: &str, delay: u64) -> Result<(), Cause>;
}

/// Where a mail failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connecting, with the greeting and TLS.
    Connect,
    /// The credentials were read or presented.
    Authenticate,
    /// The sender or all recipients were named.
    Recipient,
    /// The mail itself was handed over.
    Data,
}

/// A mail that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mail failed at {stage:?}: {cause}")]
pub struct SendFault {
    /// Where.
    pub stage: Stage,
    /// Whether another attempt may succeed.
    pub is_transient: bool,
    /// The code of the failure.
    pub cause: Cause,
}

/// What failed outside of the notifier. Its error type and message are fixed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifyFault {
    /// The table of the ledger.
    #[error("the ledger failed: {0}")]
    Ledger(Cause),
    /// The queue.
    #[error("the queue failed: {0}")]
    Queue(Cause),
    /// The mail.
    #[error(transparent)]
    Mail(#[from] SendFault),
}

impl NotifyFault {
    /// The error type of the contract.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "LedgerUnavailable",
            Self::Queue(_) => "QueueUnavailable",
            Self::Mail(fault) => match fault.stage {
                Stage::Connect => "MailConnectFailed",
                Stage::Authenticate => "MailAuthenticateFailed",
                Stage::Recipient => "MailRecipientFailed",
                Stage::Data => "MailDataFailed",
            },
        }
    }

    /// The error message of the contract.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::Ledger(_) => "The table of the notifier did not answer. The alert was not mailed.",
            Self::Queue(_) => "The queue of the notifier did not answer. The alert was not counted.",
            Self::Mail(SendFault { is_transient: true, .. }) => "The mail service did not take the mail at present.",
            Self::Mail(_) => "The mail service refuses the mail, and will do so again.",
        }
    }

    /// The code of the failure.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Ledger(cause) | Self::Queue(cause) => cause,
            Self::Mail(fault) => &fault.cause,
        }
    }
}

/// Why an alert was not mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The event breaks the contract.
    InvalidRequest,
    /// It names a recipient that is not allowed.
    RecipientNotAllowed,
    /// A limit is reached. In a storm the alert is counted, and the count is mailed.
    TooMany,
    /// The ID was mailed or counted within the last hour, or is being mailed now.
    Duplicate,
    /// An alarm is OK that was not ringing.
    NothingToTell,
}

impl Reason {
    /// A stable machine word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::RecipientNotAllowed => "recipient_not_allowed",
            Self::TooMany => "too_many",
            Self::Duplicate => "duplicate",
            Self::NothingToTell => "nothing_to_tell",
        }
    }
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The mail service has the mail.
    Sent {
        /// The ID that it gave it.
        message_id: String,
    },
    /// It was not mailed.
    NotSent {
        /// Why, for programs.
        reason: Reason,
        /// Why, for people.
        info: String,
    },
}

impl Answer {
    fn not_sent(reason: Reason, info: &str) -> Self {
        Self::NotSent { reason, info: info.to_owned() }
    }

    /// The JSON of the contract.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Sent { message_id } => json!({ "sent": true, "messageId": message_id }),
            Self::NotSent { reason, info } => json!({ "sent": false, "reason": reason.as_str(), "info": info }),
        }
    }
}

/// A moment and a marker that no other call has.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// When.
    pub now: Timestamp,
    /// A random word.
    pub marker: &'a str,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct NotifierSettings {
    /// To whom it may write, and writes if an alert names nobody (`MAIL_TO`). At most 50.
    pub recipients: Vec<Email>,
    /// The limits.
    pub limits: Limits,
    /// The topics whose alarms are mailed.
    pub topics: Vec<String>,
    /// The ARN of the queue.
    pub queue: String,
    /// What every subject begins with.
    pub subject_prefix: String,
}

/// The notifier with its services.
#[derive(Debug)]
pub struct Notifier<L, M, Q> {
    ledger: L,
    mailer: M,
    queue: Q,
    settings: NotifierSettings,
    writer: Writer,
}

/// A mail that is about to be sent, with what is taken back if it fails.
struct Draft<'a> {
    key: &'a str,
    caller: &'a str,
    window: Option<(&'a Window, crate::Severity)>,
}

impl<L: Ledger, M: Mailer, Q: Queue> Notifier<L, M, Q> {
    /// Creates a notifier.
    #[must_use]
    pub fn new(ledger: L, mailer: M, queue: Q, settings: NotifierSettings) -> Self {
        let writer = Writer::new(&settings.subject_prefix);
        Self { ledger, mailer, queue, settings, writer }
    }

    /// Handles an event. Of several records, which SNS does not send, the first that fails decides.
    pub async fn notify(&self, event: &str, call: Call<'_>) -> Result<Answer, NotifyFault> {
        // A message of SNS has up to 256 KB, and what Lambda puts around it.
        if event.len() > 8 * MAX_BYTES {
            return self.unusable(&InvalidAlert::TooLong, &Map::new(), event, call).await;
        }
        let Ok(Value::Object(object)) = serde_json::from_str(event) else {
            return self.unusable(&InvalidAlert::NoObject, &Map::new(), event, call).await;
        };
        if let Some(records) = object.get("Records").and_then(Value::as_array) {
            let mut answer = Answer::not_sent(Reason::InvalidRequest, "The event has no records.");
            for record in records {
                answer = self.record(record, call).await?;
            }
            return Ok(answer);
        }
        let alert = if event.len() > MAX_BYTES { Err(InvalidAlert::TooLong) } else { Alert::from_object(&object) };
        match alert {
            Ok(alert) => self.alert(&alert, call).await,
            Err(reason) => self.unusable(&reason, &object, event, call).await,
        }
    }

    async fn record(&self, record: &Value, call: Call<'_>) -> Result<Answer, NotifyFault> {
        let word = |name: &str| record.get(name).and_then(Value::as_str);
        if word("eventSource") == Some("aws:sqs") {
            return match word("body") {
                Some(window) if word("eventSourceARN") == Some(&self.settings.queue) => self.storm(window, call).await,
                _ => self.unusable(&InvalidAlert::ForeignSource, &Map::new(), &record.to_string(), call).await,
            };
        }
        match alarm::from_sns(record, &self.settings.topics) {
            Ok(Some(alert)) => self.alert(&alert, call).await,
            Ok(None) => Ok(Answer::not_sent(
                Reason::NothingToTell,
                "The alarm is OK, and there was nothing before that is over now.",
            )),
            Err(reason) => self.unusable(&reason, &Map::new(), &record.to_string(), call).await,
        }
    }

    async fn alert(&self, alert: &Alert, call: Call<'_>) -> Result<Answer, NotifyFault> {
        let allowed = &self.settings.recipients;
        let to = match &alert.to {
            None => allowed.clone(),
            Some(to) if to.iter().all(|address| allowed.contains(address)) => to.clone(),
            Some(_) => {
                let reason = InvalidAlert::Field { field: "to", expected: "some of the addresses in MAIL_TO" };
                self.tell_unusable(&reason, Some(&alert.source), Some(&alert.id), &alert.id, call).await?;
                return Ok(Answer::not_sent(
                    Reason::RecipientNotAllowed,
                    "A recipient is not one that the notifier may write to.",
                ));
            }
        };
        let key = format!("id:{}", hash(&[&alert.source, &alert.id]));
        if !self.claim(&key, call).await? {
            return Ok(duplicate());
        }
        match self.within_limits(alert, to, &key, call).await {
            Err(fault) => {
                // The next attempt is no repetition. If this fails as well, the claim ends by itself.
                let _ = self.ledger.release(&key, call.marker).await;
                Err(fault)
            }
            answered => answered,
        }
    }

    async fn within_limits(
        &self,
        alert: &Alert,
        to: Vec<Email>,
        key: &str,
        call: Call<'_>,
    ) -> Result<Answer, NotifyFault> {
        let Some(window) = self.place(alert.severity, &alert.title, call).await? else {
            self.settle(key, call).await;
            return Ok(Answer::not_sent(
                Reason::TooMany,
                "Too many alerts within a minute. This one is counted, and the count is mailed.",
            ));
        };
        let draft = Draft { key, caller: &alert.source, window: Some((&window, alert.severity)) };
        self.spend_and_send(draft, call, |note| self.writer.alert(alert, to.clone(), note)).await
    }

    /// Counts an alert in the present window. `None` if it is not one of the first.
    async fn place(
        &self,
        severity: crate::Severity,
        title: &str,
        call: Call<'_>,
    ) -> Result<Option<Window>, NotifyFault> {
        let new = Window { id: call.marker.to_owned(), ends_at: call.now.plus(WINDOW_SECONDS) };
        let window = self.ledger.window(&new, call.now).await.map_err(NotifyFault::Ledger)?;
        let counted = self.ledger.count(&window, severity).await.map_err(NotifyFault::Ledger)?;
        let per_minute = self.settings.limits.per_minute;
        if counted.number <= per_minute.saturating_add(counted.unsent) {
            return Ok(Some(window));
        }
        if counted.number <= per_minute.saturating_add(TITLES_LISTED) {
            self.ledger.keep_title(&window, counted.number, title).await.map_err(NotifyFault::Ledger)?;
        }
        // Remembered after it was queued, so that a process that dies between queues it twice and not never. One mail comes of it:
        // the message is claimed like an alert.
        if !counted.is_queued {
            // A second more, for clocks that differ.
            let delay = window.ends_at.since(call.now) + 1;
            if let Err(cause) = self.queue.send_later(&window.id, delay).await {
                let _ = self.ledger.uncount(&window, severity).await;
                return Err(NotifyFault::Queue(cause));
            }
            self.ledger.set_queued(&window).await.map_err(NotifyFault::Ledger)?;
        }
        Ok(None)
    }

    /// Mails the count of a window that has ended.
    async fn storm(&self, window: &str, call: Call<'_>) -> Result<Answer, NotifyFault> {
        let storm = self.ledger.storm(window).await.map_err(NotifyFault::Ledger)?;
        let Some(storm) = storm.filter(|storm| storm.held_back() > 0) else {
            return Ok(Answer::not_sent(Reason::InvalidRequest, "No alert of this window was held back."));
        };
        let key = format!("storm:{}", hash(&[window]));
        if !self.claim(&key, call).await? {
            return Ok(duplicate());
        }
        let to = self.settings.recipients.clone();
        let draft = Draft { key: &key, caller: "", window: None };
        let answer = self.spend_and_send(draft, call, |note| self.writer.storm(&storm, to.clone(), note)).await;
        if answer.is_err() {
            let _ = self.ledger.release(&key, call.marker).await;
        }
        answer
    }

    async fn unusable(
        &self,
        reason: &InvalidAlert,
        object: &Map<String, Value>,
        event: &str,
        call: Call<'_>,
    ) -> Result<Answer, NotifyFault> {
        let (source, id) = (source(object), id(object));
        self.tell_unusable(reason, source.as_deref(), id.as_deref(), event, call).await?;
        Ok(Answer::NotSent { reason: Reason::InvalidRequest, info: reason.to_string() })
    }

    /// Tells the recipients that an event could not be used, once an hour for the same event. The limits are those of alerts.
    async fn tell_unusable(
        &self,
        reason: &InvalidAlert,
        source: Option<&str>,
        id: Option<&str>,
        event: &str,
        call: Call<'_>,
    ) -> Result<(), NotifyFault> {
        let key = format!("unusable:{}", hash(&[event]));
        if !self.claim(&key, call).await? {
            return Ok(());
        }
        let told = async {
            let severity = crate::Severity::Warning;
            let Some(window) = self.place(severity, "A notification could not be made", call).await? else {
                self.settle(&key, call).await;
                return Ok(());
            };
            let to = self.settings.recipients.clone();
            let draft = Draft { key: &key, caller: source.unwrap_or_default(), window: Some((&window, severity)) };
            self.spend_and_send(draft, call, |_| self.writer.unusable(reason, source, id, call.now, to.clone()))
                .await?;
            Ok(())
        };
        if let Err(fault) = told.await {
            let _ = self.ledger.release(&key, call.marker).await;
            return Err(fault);
        }
        Ok(())
    }

    /// Takes a mail out of the limits of the day and sends it; or takes back what it took.
    async fn spend_and_send(
        &self,
        draft: Draft<'_>,
        call: Call<'_>,
        write: impl Fn(Option<&str>) -> Message,
    ) -> Result<Answer, NotifyFault> {
        let Limits { per_day, per_caller_and_day, .. } = self.settings.limits;
        let (day, until) = (call.now.0 / 86_400, call.now.plus(COUNTERS_KEPT));
        let of_all = format!("day:{day}");
        let of_caller = format!("day:{day}:{}", hash(&[draft.caller]));
        let spend =
            async |counter: &str, limit| self.ledger.spend(counter, limit, until).await.map_err(NotifyFault::Ledger);
        // The mail with the count is nobody's: it has the limit of the day only.
        let caller = match draft.window {
            None => Some(0),
            Some(_) => spend(&of_caller, per_caller_and_day).await?,
        };
        let all = if caller.is_some() { spend(&of_all, per_day).await? } else { None };
        let (Some(caller), Some(all)) = (caller, all) else {
            if caller.is_some() && draft.window.is_some() {
                let _ = self.ledger.give_back(&of_caller).await;
            }
            let _ = self.ledger.release(draft.key, call.marker).await;
            return Ok(Answer::not_sent(Reason::TooMany, "The limit of mails for today is reached."));
        };
        let note = if all == per_day {
            Some(format!("This is the last mail of today (UTC): the notifier sends at most {per_day} a day."))
        } else if caller == per_caller_and_day {
            Some(format!(
                "This is the last mail of today (UTC) about this source: it gets at most {per_caller_and_day} a day."
            ))
        } else {
            None
        };
        match self.send(&write(note.as_deref())).await {
            Ok(message_id) => {
                self.settle(draft.key, call).await;
                if let Some((window, _)) = draft.window {
                    // Without it the mail with the count gives one too many.
                    let _ = self.ledger.count_mailed(window).await;
                }
                Ok(Answer::Sent { message_id })
            }
            Err(fault) => {
                // What cannot be taken back makes the limits a little narrower for a day.
                let _ = self.ledger.give_back(&of_all).await;
                if let Some((window, severity)) = draft.window {
                    let _ = self.ledger.give_back(&of_caller).await;
                    let _ = self.ledger.uncount(window, severity).await;
                }
                Err(fault.into())
            }
        }
    }

    /// Sends a mail, up to three times while what fails is transient.
    async fn send(&self, message: &Message) -> Result<String, SendFault> {
        let mut waits = WAITS.into_iter();
        loop {
            match self.mailer.send(message).await {
                Err(fault) if fault.is_transient => match waits.next() {
                    Some(wait) => self.mailer.pause(wait).await,
                    None => return Err(fault),
                },
                ended => return ended,
            }
        }
    }

    async fn claim(&self, key: &str, call: Call<'_>) -> Result<bool, NotifyFault> {
        let until = call.now.plus(CLAIM_SECONDS);
        self.ledger.claim(key, call.marker, call.now, until).await.map_err(NotifyFault::Ledger)
    }

    /// Remembers an ID for an hour. If that fails, the same alert may be mailed twice, which is better than a fault that has its
    /// caller send it again.
    async fn settle(&self, key: &str, call: Call<'_>) {
        let _ = self.ledger.extend(key, call.marker, call.now.plus(REPEATED_WITHIN)).await;
    }
}

fn duplicate() -> Answer {
    Answer::not_sent(Reason::Duplicate, "An alert with this ID came within the last hour.")
}

/// A key of fixed length for texts from an event. The length of each part keeps parts apart.
fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
