//! How fast `shared/salting` hashes a password, beside ring, AWS-LC and OpenSSL: on one core, in turns, in one run.
//!
//! `./bench.sh hashes`, or `cargo run --release --package hashes -- FILE [ROUNDS]` in `lab/`. A table on standard output, JSON in
//! the file. See `docs/decisions/0010-hash-implementation.md`.

#![allow(clippy::print_stdout, reason = "the table is for a terminal")]

mod floor;
mod implementations;

use anyhow::{Context, Result, ensure};
use common::table::Table;
use common::thread_cpu_time;
use harness::statistics::{median, median_interval, quantile};
use implementations::{Function, Implementation};
use latchkey_salting::SALT_BYTES;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};
use std::hint::black_box;

/// How much slower than the fastest of the others ours may be, as a ratio of times.
const TARGET: f64 = 1.03;

/// How often each derivation is timed, if nothing else is said.
const ROUNDS: usize = 40;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("usage: hashes FILE [ROUNDS]")?;
    let rounds = arguments.next().map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    ensure!(rounds > 0, "at least one round");
    common::build::is_the_products()?;
    let core = pin()?;
    let mut random = StdRng::seed_from_u64(20_261_121);
    let header = "function | by | first quartile | median | third quartile | cycles a compression | ours / this, 95 %";
    let mut table = Table::new(header);
    let (mut functions, mut verdicts) = (Vec::new(), Vec::new());
    for function in Function::ALL {
        agree(function, &mut random)?;
        let measured = measure(function, rounds, &mut random);
        verdicts.extend(verdict(function, &measured));
        functions.push(describe(function, &measured, &mut table));
    }
    println!("{rounds} rounds in turns on core {core}; milliseconds of CPU time.\n\n{table}\n{}", verdicts.join("\n"));
    let report = json!({
        "rounds": rounds, "core": core, "target": TARGET, "functions": functions, "verdicts": verdicts,
    });
    Ok(std::fs::write(file, serde_json::to_string_pretty(&report)?)?)
}

/// Keeps this process on the last of the cores that it may use, which does fewest of a system's own tasks.
fn pin() -> Result<usize> {
    let allowed = sched_getaffinity(None)?;
    let core = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core)).context("no core is allowed")?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one)?;
    Ok(core)
}

fn input(random: &mut StdRng) -> (Vec<u8>, [u8; SALT_BYTES]) {
    // From an empty password to one beyond the block of either hash function.
    let length = random.random_range(0..200);
    ((0..length).map(|_| random.random()).collect(), random.random())
}

/// Fails unless all give the same key for the same input.
fn agree(function: Function, random: &mut StdRng) -> Result<()> {
    for _ in 0..3 {
        let (password, salt) = input(random);
        let mut keys = Implementation::of(function).iter().map(|by| by.derive(function, &password, &salt));
        let ours = keys.next();
        ensure!(keys.all(|key| Some(key) == ours), "{}: the implementations do not agree", function.name());
    }
    Ok(())
}

/// Times in milliseconds of every implementation, in the order of [`Implementation::of`], and of the floor.
struct Measured {
    times: Vec<Vec<f64>>,
    /// Nanoseconds of a clock cycle beside each of them.
    cycles: Vec<f64>,
    /// Milliseconds of the compressions alone, where the function is PBKDF2.
    compressions: Vec<f64>,
}

fn measure(function: Function, rounds: usize, random: &mut StdRng) -> Measured {
    let all = Implementation::of(function);
    let mut measured = Measured { times: vec![Vec::new(); all.len()], cycles: Vec::new(), compressions: Vec::new() };
    // A round before the first warms the caches and is not counted.
    for round in 0..=rounds {
        let (password, salt) = input(random);
        let mut times = vec![0.0; all.len()];
        for turn in 0..all.len() {
            let who = (turn + round) % all.len();
            times[who] = timed(|| drop(black_box(all[who].derive(function, black_box(&password), black_box(&salt)))));
        }
        let cycle = floor::cycle();
        let compressions = floor::compressions(function);
        if round > 0 {
            measured.times.iter_mut().zip(times).for_each(|(series, time)| series.push(time));
            measured.cycles.push(cycle);
            measured.compressions.extend(compressions);
        }
    }
    measured
}

/// Milliseconds of CPU time.
fn timed(work: impl FnOnce()) -> f64 {
    let start = thread_cpu_time();
    work();
    thread_cpu_time().saturating_sub(start).as_secs_f64() * 1e3
}

/// Adds a function's rows to the table, and gives them as JSON.
fn describe(function: Function, measured: &Measured, table: &mut Table) -> Value {
    let cycle = median(&measured.cycles);
    // HMAC compresses two blocks a round: the inner hash's and the outer hash's. Those of the key are made once.
    let cycles = |time: f64| function.rounds().map(|rounds| time * 1e6 / cycle / f64::from(rounds.get()) / 2.0);
    let mut line = |name: &str, series: &[f64], ratio: Option<(f64, [f64; 2])>| {
        let quartiles = [0.25, 0.5, 0.75].map(|share| quantile(series, share));
        let cycles = cycles(quartiles[1]);
        let mut row = vec![function.name(), name.to_owned()];
        row.extend(quartiles.map(|time| format!("{time:.2}")));
        row.push(cycles.map_or_else(|| "-".to_owned(), |cycles| format!("{cycles:.0}")));
        row.push(
            ratio.map_or_else(|| "-".to_owned(), |(ratio, [from, to])| format!("{ratio:.3} ({from:.3} to {to:.3})")),
        );
        table.row(row);
        json!({
            "by": name, "milliseconds": series, "quartiles": quartiles, "cyclesACompression": cycles,
            "oursToThis": ratio.map(|(ratio, interval)| json!({ "median": ratio, "interval": interval })),
        })
    };
    let ours = &measured.times[0];
    let mut lines: Vec<_> = Implementation::of(function)
        .iter()
        .zip(&measured.times)
        .map(|(by, series)| line(by.name(), series, (*by != Implementation::Ours).then(|| ratio(ours, series))))
        .collect();
    let compressions = &measured.compressions;
    if !compressions.is_empty() {
        lines.push(line("sha2's compressions alone", compressions, Some(ratio(ours, compressions))));
    }
    json!({
        "function": function.name(),
        "gigahertz": 1.0 / cycle,
        "lines": lines,
        "oursToFastest": fastest(function, measured).map(|(_, (ratio, _))| ratio),
    })
}

/// The median of ours through the other's of the same round, with its interval.
fn ratio(ours: &[f64], other: &[f64]) -> (f64, [f64; 2]) {
    let ratios: Vec<f64> = ours.iter().zip(other).map(|(ours, other)| ours / other).collect();
    (median(&ratios), median_interval(&ratios, 1))
}

/// The fastest of the others and ours beside it. It is the one with the largest paired ratio: what is said of it then holds for
/// each of them, and rests on pairs alone. Nothing where there is no other.
fn fastest(function: Function, measured: &Measured) -> Option<(&'static str, (f64, [f64; 2]))> {
    let others = Implementation::of(function).iter().zip(&measured.times).skip(1);
    others
        .map(|(by, series)| (by.name(), ratio(&measured.times[0], series)))
        .max_by(|(_, (one, _)), (_, (other, _))| one.total_cmp(other))
}

/// Whether ours is as fast as it must be.
fn verdict(function: Function, measured: &Measured) -> Option<String> {
    let (fastest, (ratio, [from, to])) = fastest(function, measured)?;
    let verdict = match () {
        () if to <= TARGET => "met",
        () if from > TARGET => "NOT met",
        () => "undecided",
    };
    let name = function.name();
    Some(format!(
        "{name}: ours / {fastest}, the fastest = {ratio:.3} ({from:.3} to {to:.3}); at most {TARGET}: {verdict}."
    ))
}
