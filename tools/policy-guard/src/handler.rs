//! The events of the function and its log line.

use crate::Guard;
use latchkey_auth::{Clock, Fault};
use latchkey_config::Settings;
use latchkey_guard::Date;
use latchkey_guard::rules::Unusable;
use latchkey_hook::{Answer, ErrorCode};
use latchkey_runtime::{Event, Handled, Handler, Report, SystemClock};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Judges the resources that a hook shows.
pub struct GuardHandler {
    guard: Guard,
}

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the setting GUARD_RULES should be rules and exceptions in TOML: {0}")]
pub struct CannotStart(Unusable);

fn today() -> Date {
    Date::at(SystemClock.now().0)
}

impl Handler for GuardHandler {
    const NAME: &'static str = "policyGuard";

    type StartError = CannotStart;

    type Notes<'a> = Cell<Option<&'static str>>;

    fn start(settings: &Settings<'_>) -> Result<Self, CannotStart> {
        // The rules and exceptions of the owner, and the name of Latchkey's stack, in which those of its template hold.
        let (rules, stack) = (settings.get("GUARD_RULES"), settings.get("GUARDED_STACK"));
        let guard = Guard::new(rules.as_deref(), stack.as_deref(), today()).map_err(CannotStart)?;
        Ok(Self { guard })
    }

    fn notes(&self) -> Self::Notes<'_> {
        Cell::new(None)
    }

    async fn handle(&self, event: Event<'_>, notes: &Self::Notes<'_>) -> Result<Value, Fault> {
        let (answer, json) = self.guard.answer(event.payload, today());
        notes.set(Some(match answer {
            Answer::Success { .. } => "compliant",
            Answer::Failed { code: ErrorCode::NonCompliant, .. } => "refused",
            Answer::Failed { .. } | Answer::InProgress { .. } => "not judged",
        }));
        Ok(json)
    }

    fn report(&self, _handled: &Handled<'_>, notes: Self::Notes<'_>) -> Vec<Report> {
        vec![Report { outcome: notes.get().unwrap_or("fault"), reason: None, audit: None, counts: BTreeMap::new() }]
    }
}
