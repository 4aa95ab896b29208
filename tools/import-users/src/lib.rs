//! Imports users: each line of a file is parsed, and written under a condition that never changes an existing item.

mod line;
mod progress;

pub use line::{Line, Refusal};
pub use progress::Progress;

use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use latchkey_auth::{Clock, Email, Fault, ImportedUser};
use latchkey_dynamodb::{DynamoUsers, Imported};
use latchkey_runtime::{SystemClock, SystemEntropy};
use serde_json::json;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why an import stopped, in one line with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The users' file, or a file beside it, cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file has changed since the import began.
    #[error(
        "{0} has changed since its import began: put it back, or delete {0}.progress to begin again, which changes nothing in the table"
    )]
    Changed(PathBuf),
    /// The table did not answer.
    #[error("line {line}: {fault}; run it again, and it goes on from there")]
    Table {
        /// Where.
        line: u64,
        /// Why.
        fault: Fault,
    },
}

/// The number of concurrent writes.
const AT_ONCE: usize = 32;

/// How often progress is saved and, without a terminal, reported.
const KEPT: Duration = Duration::from_secs(1);
const SAID: Duration = Duration::from_secs(10);

/// The report of refused lines: a line of JSON for each, with its number and the reason.
#[must_use]
pub fn report_path(users: &Path) -> PathBuf {
    progress::beside(users, "report.jsonl")
}

/// Imports the users of a file, from where an earlier run stopped.
pub async fn import(table: &DynamoUsers, users: &Path) -> Result<Progress, Stopped> {
    let failed = |file: PathBuf| move |error| Stopped::File { file, error };
    let file = File::open(users).map_err(failed(users.to_owned()))?;
    let file_bytes = file.metadata().map_err(failed(users.to_owned()))?.len();
    let mut progress = match Progress::read(users).map_err(failed(Progress::path(users)))? {
        Some(earlier) if earlier.file_bytes != file_bytes => return Err(Stopped::Changed(users.to_owned())),
        Some(earlier) => earlier,
        None => Progress { file_bytes, ..Progress::default() },
    };
    let begun = progress.lines;
    let report = report_path(users);
    let mut report_file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(begun > 0)
        .truncate(begun == 0)
        .open(&report)
        .map_err(failed(report.clone()))?;
    let bar = bar(file_bytes);
    let mut seen = HashSet::new();
    let mut read = 0;
    let lines = BufReader::new(file).split(b'\n').zip(1_u64..);
    let parsed = lines.filter_map(|(line, number)| {
        let line = match line {
            Ok(line) => line,
            Err(error) => return Some((number, read, Err(error))),
        };
        read += line.len() as u64 + 1;
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            return (number > begun).then_some((number, read, Ok(None)));
        }
        let line = Line::parse(text.trim())
            .and_then(|line| if seen.insert(short(&line.email)) { Ok(line) } else { Err(Refusal::Repeated) });
        // Lines that were imported before are read too: their addresses may be repeated in later ones.
        (number > begun).then_some((number, read, Ok(Some(line))))
    });
    let mut outcomes = stream::iter(parsed)
        .map(|(number, read, line)| async move {
            let outcome = match line {
                Ok(None) => Ok(None),
                Ok(Some(Err(refusal))) => Ok(Some(Err(refusal))),
                Ok(Some(Ok(line))) => match store(table, line).await {
                    Ok(Imported::Taken) => Ok(Some(Err(Refusal::Taken))),
                    Ok(imported) => Ok(Some(Ok(imported))),
                    Err(fault) => Err(Stopped::Table { line: number, fault }),
                },
                Err(error) => Err(Stopped::File { file: users.to_owned(), error }),
            };
            (number, read, outcome)
        })
        .buffered(AT_ONCE);
    let (mut kept, mut said) = (Instant::now(), Instant::now());
    while let Some((number, read, outcome)) = outcomes.next().await {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(stopped) => {
                progress.write(users).map_err(failed(Progress::path(users)))?;
                return Err(stopped);
            }
        };
        match outcome {
            None => {}
            Some(Ok(Imported::Again)) => progress.again += 1,
            Some(Ok(_)) => progress.written += 1,
            Some(Err(refusal)) => {
                progress.refused += 1;
                writeln!(report_file, "{}", json!({ "line": number, "reason": refusal.to_string() }))
                    .map_err(failed(report.clone()))?;
            }
        }
        progress.lines = number;
        bar.set_position(read.min(file_bytes));
        if kept.elapsed() >= KEPT {
            progress.write(users).map_err(failed(Progress::path(users)))?;
            kept = Instant::now();
        }
        if bar.is_hidden() && said.elapsed() >= SAID {
            let _ = writeln!(io::stderr(), "{} lines, {}", progress.lines, percent(read, file_bytes));
            said = Instant::now();
        }
    }
    bar.finish_and_clear();
    progress.write(users).map_err(failed(Progress::path(users)))?;
    Ok(progress)
}

async fn store(table: &DynamoUsers, line: Line) -> Result<Imported, Fault> {
    let Line { email, password, verified, name } = line;
    let user = ImportedUser::new(email, name, password, verified, SystemClock.now(), &SystemEntropy);
    table.import(&user).await
}

/// A short hash, so that a set of many millions of addresses fits into memory.
fn short(email: &Email) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    email.hash(&mut hasher);
    hasher.finish()
}

fn percent(done: u64, all: u64) -> String {
    format!("{} %", (done.min(all) * 100).checked_div(all).unwrap_or(100))
}

fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent} %  {bytes} of {total_bytes}  {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
