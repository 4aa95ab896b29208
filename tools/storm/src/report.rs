//! The tables of `docs/scale.md`.

use crate::quotas::{Known, Prices, Unusable};
use crate::scenarios::{HIGHEST, PEAKS, Story, Told};
use crate::simulation::{Cause, Outcome};
use std::fmt::Write;

/// Where the tables stand in the document: between these two lines.
pub const BEGIN: &str = "<!-- cargo run -p storm writes from here -->\n";
/// The second of them.
pub const END: &str = "<!-- to here -->\n";

/// What a function has of memory, in GB: that of `template.yaml`.
const MEMORY_GB: f64 = 1_769.0 / 1_024.0;

/// What one login of a page takes of a quota.
const NEEDS: [(&str, u32); 8] = [
    ("identity_ids", 1),
    ("identity_tokens", 1),
    ("identity_credentials", 2),
    ("table_warm_writes", 2),
    ("lambda_concurrency", 0),
    ("table_warm_reads", 1),
    ("table_writes", 2),
    ("table_reads", 1),
];

/// A whole number, in groups of three digits.
#[must_use]
pub fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How long an environment is at work for a login, in milliseconds.
fn duration(outcome: &Outcome) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let busy = outcome.busy_ms as f64;
    busy / f64::from(outcome.calls.max(1))
}

/// All tables, with a heading each.
pub fn report(known: &Known, story: &Story) -> Result<String, Unusable> {
    let mut text = String::new();
    // The busiest run, where cold starts count least.
    let warm = story.raised.last().map_or(0.0, |told| duration(&told.outcome));
    binding(known, warm, &mut text)?;
    growth(known.prices, warm, &mut text);
    let title = |text: &mut String, title: &str| {
        let _ = writeln!(text, "\n### {title}\n");
    };
    title(&mut text, "Default quotas, pages in fresh tabs");
    storms("logins/s", &story.pages, &mut text);
    title(&mut text, "Default quotas, programs that hold credentials");
    storms("logins/s", &story.programs, &mut text);
    title(&mut text, "Raised quotas, pages in fresh tabs");
    storms("logins/s", &story.raised, &mut text);
    title(&mut text, &format!("{} logins/s, pages: every quota raised but one", whole(u64::from(HIGHEST))));
    storms("not raised", &story.but_one, &mut text);
    title(&mut text, "Guesses at one account, default quotas, 20 logins/s of others");
    guesses(&story.guesses, &mut text);
    Ok(text)
}

fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn head(text: &mut String, names: &[&str]) {
    row(text, &names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
    row(text, &names.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
}

/// Which default binds at which rate, in that order.
fn binding(known: &Known, warm: f64, text: &mut String) -> Result<(), Unusable> {
    let mut rows = Vec::new();
    for (id, need) in NEEDS {
        let entry = known.entry(id)?;
        // Little's law: environments are rate times duration.
        let need = if need == 0 { warm / 1_000.0 } else { f64::from(need) };
        rows.push((f64::from(entry.default) / need, need, entry));
    }
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let _ = writeln!(text, "### Which quota binds first ({})\n", known.as_of);
    head(text, &["quota", "default", "a login takes", "binds at, logins/s", "10,000 logins/s take", "ask for"]);
    for (at, need, entry) in rows {
        let code = entry.code.as_ref().map(|code| format!(", `{code}`")).unwrap_or_default();
        row(
            text,
            &[
                format!("{}: {}{code}", entry.service, entry.name),
                whole(u64::from(entry.default)),
                if need.fract() > 0.0 { format!("{need:.3}") } else { format!("{need}") },
                rounded(at),
                rounded(need * f64::from(HIGHEST)),
                entry.raised.map_or_else(|| "it is enough".to_owned(), |raised| whole(u64::from(raised))),
            ],
        );
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn rounded(number: f64) -> String {
    whole(number.round() as u64)
}

/// What a rate takes, and costs.
fn growth(prices: Prices, warm: f64, text: &mut String) {
    let login = (warm / 1_000.0 * MEMORY_GB).mul_add(prices.lambda_gb_second, prices.lambda_million_calls / 1e6)
        + (2.0 * prices.table_million_writes + prices.table_million_reads) / 1e6;
    text.push_str("\n### What a rate takes, and costs\n\n");
    head(
        text,
        &["logins/s", "environments", "table writes/s", "table reads/s", "Cognito calls/s", "$ an hour", "$ a million"],
    );
    for rate in PEAKS.map(f64::from) {
        row(
            text,
            &[
                rounded(rate),
                rounded((rate * warm / 1_000.0).ceil()),
                rounded(2.0 * rate),
                rounded(rate),
                rounded(4.0 * rate),
                format!("{:.2}", rate * 3_600.0 * login),
                format!("{:.2}", login * 1e6),
            ],
        );
    }
}

fn milliseconds(of: Option<u32>) -> String {
    of.map_or_else(|| "–".to_owned(), |latency| whole(u64::from(latency)))
}

fn share(part: u32, all: u32) -> String {
    format!("{:.1} %", 100.0 * f64::from(part) / f64::from(all.max(1)))
}

fn storms(first: &str, told: &[Told], text: &mut String) {
    head(
        text,
        &[
            first, "offered", "answered", "share", "p50 ms", "p99 ms", "env.", "cold", "GetId", "cred.", "token",
            "conc.", "scaling", "table",
        ],
    );
    for Told { name, outcome } in told {
        let mut cells = vec![
            name.clone(),
            whole(u64::from(outcome.offered)),
            whole(u64::from(outcome.answered)),
            share(outcome.answered, outcome.offered),
            milliseconds(outcome.latency(50)),
            milliseconds(outcome.latency(99)),
            whole(u64::from(outcome.peak_busy)),
            whole(u64::from(outcome.cold_starts)),
        ];
        cells.extend(Cause::ALL.map(|cause| whole(u64::from(outcome.refused[cause as usize]))));
        row(text, &cells);
    }
}

fn guesses(told: &[Told], text: &mut String) {
    head(
        text,
        &[
            "guesses/s",
            "made",
            "judged",
            "`too_many_attempts`",
            "refused by a quota",
            "env.",
            "logins of others",
            "answered",
            "p99 ms",
        ],
    );
    for Told { name, outcome } in told {
        row(
            text,
            &[
                name.clone(),
                whole(u64::from(outcome.guesses.made)),
                whole(u64::from(outcome.guesses.judged)),
                whole(u64::from(outcome.guesses.too_many)),
                whole(u64::from(outcome.guesses.refused)),
                whole(u64::from(outcome.peak_busy)),
                whole(u64::from(outcome.offered)),
                whole(u64::from(outcome.answered)),
                milliseconds(outcome.latency(99)),
            ],
        );
    }
}

/// The document with these tables in their place, or nothing if it has no place for them.
#[must_use]
pub fn placed(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_in_groups_of_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tables_are_placed_between_the_marks_and_nowhere_else() {
        let document = format!("a\n{BEGIN}old\n{END}b\n");
        let placed = placed(&document, "new\n").unwrap();
        assert_eq!(placed, format!("a\n{BEGIN}\nnew\n\n{END}b\n"));
        assert_eq!(super::placed("no marks", "new"), None);
    }
}
