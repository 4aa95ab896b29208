//! The tables of `docs/scale.md`.

use crate::quotas::Known;
use crate::scenarios::{HIGHEST, PEAKS, Results, Runs};
use crate::simulation::{Cause, Guesses, Outcome};
use anyhow::{Context, Result};
use common::product;
use common::table::{Table, whole};
use cost_model::{FreeTier, Model};

/// The page, and the line after which its tables are ours.
pub(crate) const PAGE: &str = "docs/scale.md";
pub(crate) const MARK: &str = "<!-- The load simulation writes every table from here on. -->\n";

/// What one login of a page takes of a quota; nothing, where that is what was simulated.
const NEEDS: [(&str, Option<f64>); 8] = [
    ("identity_ids", Some(1.0)),
    ("identity_tokens", Some(1.0)),
    ("identity_credentials", Some(2.0)),
    ("table_warm_writes", Some(2.0)),
    ("lambda_concurrency", None),
    ("table_warm_reads", Some(1.0)),
    ("table_writes", Some(2.0)),
    ("table_reads", Some(1.0)),
];

/// All tables, in the order of the page.
pub(crate) fn tables(known: &Known, results: &Results) -> Result<Vec<Table>> {
    // The busiest run, where cold starts count least.
    let busiest = results.raised.last().map_or(0.0, |(_, outcome)| seconds_a_call(outcome));
    Ok(vec![
        binding(known, busiest)?,
        growth(busiest)?,
        logins("logins/s", &results.pages),
        logins("logins/s", &results.programs),
        logins("logins/s", &results.raised),
        logins("not raised", &results.but_one),
        guesses(&results.guesses),
    ])
}

/// How long an environment is at work for a login.
fn seconds_a_call(outcome: &Outcome) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let busy = outcome.busy_ms as f64;
    busy / f64::from(outcome.calls.max(1)) / 1_000.0
}

/// Which default binds at which rate, in that order.
fn binding(known: &Known, seconds_a_call: f64) -> Result<Table> {
    let mut rows = Vec::new();
    for (id, need) in NEEDS {
        let entry = known.entry(id)?;
        // Little's law: environments are rate times duration.
        let need = need.unwrap_or(seconds_a_call);
        rows.push((f64::from(entry.default) / need, need, entry));
    }
    rows.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let header = "quota | default | a login takes | binds at, logins/s | 10,000 logins/s take | ask for";
    Ok(Table::new(header).with(rows.into_iter().map(|(at, need, entry)| {
        let code = entry.code.as_ref().map(|code| format!(", `{code}`")).unwrap_or_default();
        vec![
            format!("{}: {}{code}", entry.service, entry.name),
            whole(entry.default.into()),
            if need.fract() > 0.0 { format!("{need:.3}") } else { format!("{need}") },
            whole(at.round()),
            whole((need * f64::from(HIGHEST)).round()),
            entry.raised.map_or_else(|| "it is enough".to_owned(), |raised| whole(raised.into())),
        ]
    })))
}

/// What a rate takes, and costs.
fn growth(seconds_a_call: f64) -> Result<Table> {
    let functions = product::functions()?;
    let login = functions.iter().find(|function| function.operation == "login").context("there is no login")?;
    let gb_seconds = seconds_a_call * f64::from(login.memory_mb) / 1_024.0;
    let prices = Model::read()?;
    let login: f64 =
        [("lambdaGbSecondsX86", gb_seconds), ("lambdaRequests", 1.0), ("tableWrites", 2.0), ("tableReads", 1.0)]
            .map(|(name, units)| prices.price(name).usd(units, FreeTier::Used))
            .iter()
            .sum();
    let header = "logins/s | environments | table writes/s | table reads/s | Cognito calls/s | $ an hour | $ a million";
    Ok(Table::new(header).with(PEAKS.map(f64::from).map(|rate| {
        let counts = [rate, (rate * seconds_a_call).ceil(), 2.0 * rate, rate, 4.0 * rate].map(whole);
        counts.into_iter().chain([rate * 3_600.0 * login, login * 1e6].map(|usd| format!("{usd:.2}"))).collect()
    })))
}

fn count(number: u32) -> String {
    whole(number.into())
}

fn milliseconds(of: Option<u32>) -> String {
    of.map_or_else(|| "–".to_owned(), count)
}

fn logins(first: &str, runs: &Runs) -> Table {
    let header = format!(
        "{first} | offered | answered | share | p50 ms | p99 ms | env. | cold | GetId | cred. | token | conc. | scaling | table"
    );
    Table::new(&header).with(runs.iter().map(|(name, outcome)| {
        let share = 100.0 * f64::from(outcome.answered()) / f64::from(outcome.offered().max(1));
        let mut cells =
            vec![name.clone(), count(outcome.offered()), count(outcome.answered()), format!("{share:.1} %")];
        cells.extend([50, 99].map(|percent| milliseconds(outcome.latency(percent))));
        cells.extend([outcome.peak_busy(), outcome.cold_starts].map(count));
        cells.extend(Cause::ALL.map(|cause| count(outcome.refused(cause))));
        cells
    }))
}

fn guesses(runs: &Runs) -> Table {
    let header = "guesses/s | made | judged | `too_many_attempts` | refused by a quota | env. | logins of others | answered | \
                  p99 ms";
    Table::new(header).with(runs.iter().map(|(name, outcome)| {
        let Guesses { made, judged, too_many, refused } = outcome.guesses;
        let counts =
            [made, judged, too_many, refused, outcome.peak_busy(), outcome.offered(), outcome.answered()].map(count);
        std::iter::once(name.clone()).chain(counts).chain([milliseconds(outcome.latency(99))]).collect()
    }))
}
