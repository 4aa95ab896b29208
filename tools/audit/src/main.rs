//! `audit [ADDRESS]`: reads arrays of log events from standard input and the key from `AUDIT_KEY`, and prints a line of
//! JSON for each call; with an address, for the calls about it only. `./audit.sh` runs it.

use audit::{Event, open};
use latchkey_audit::Key;
use latchkey_auth::Email;
use std::io::Write;
use std::process::ExitCode;

/// Why the trail cannot be shown, in one line with the remedy.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("usage: audit [ADDRESS], with the key in AUDIT_KEY and log events on standard input")]
    Usage,
    #[error("this is not an e-mail address")]
    Address,
    #[error("standard input holds no log events: {0}")]
    Input(#[from] serde_json::Error),
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let Err(failed) = run() else { return ExitCode::SUCCESS };
    // Where standard error is closed, the exit status still says it.
    let _ = writeln!(std::io::stderr(), "error: {failed}");
    ExitCode::FAILURE
}

fn run() -> Result<(), Failed> {
    let key = std::env::var("AUDIT_KEY").ok().and_then(|text| Key::parse(&text).ok()).ok_or(Failed::Usage)?;
    let account = match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [] => None,
        [address] => Some(Email::parse(address).map_err(|_| Failed::Address)?),
        _ => return Err(Failed::Usage),
    };
    let account = account.map(|email| key.account(email.as_str()));
    let mut events = Vec::new();
    for array in serde_json::Deserializer::from_reader(std::io::stdin().lock()).into_iter::<Vec<Event>>() {
        events.extend(array?);
    }
    let opened = open(events, &key, account.as_deref());
    let mut out = std::io::stdout().lock();
    for record in &opened.records {
        writeln!(out, "{record}")?;
    }
    if opened.sealed > 0 {
        writeln!(std::io::stderr(), "{} calls are sealed with another key", opened.sealed)?;
    }
    Ok(())
}
