//! How fast `shared/salting` hashes a password, beside ring, AWS-LC and OpenSSL: on one core, in turns, in one run.
//!
//! `cargo bench --manifest-path bench/hashes/Cargo.toml [-- [--rounds N] [--json FILE]]`, or `./bench.sh hashes`. A table on
//! standard output, JSON in `target/bench/hashes.json`. See `docs/decisions/0010-hash-implementation.md`.

mod floor;
mod implementations;
mod manifest;
// Its tests are run with the package that it belongs to.
#[allow(dead_code, unused_imports, reason = "the other benchmarks use the rest")]
#[path = "../src/statistics.rs"]
mod statistics;

use implementations::{Function, Implementation};
use latchkey_salting::SALT_BYTES;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use statistics::{median, median_interval, quantile};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;

/// A measurement that could not be made.
type Failed = Box<dyn std::error::Error>;

/// How much slower than the fastest of the others ours may be, as a ratio of times.
const TARGET: f64 = 1.03;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    /// How often each derivation is timed.
    rounds: usize,
    json: PathBuf,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failed> {
        // Cargo starts a benchmark in the folder of its package.
        let mut arguments = Self { rounds: 40, json: "../../target/bench/hashes.json".into() };
        while let Some(word) = words.next() {
            match (word.as_str(), words.next()) {
                // Cargo's own, always the last.
                ("--bench", None) => {}
                ("--rounds", Some(rounds)) => arguments.rounds = rounds.parse()?,
                ("--json", Some(file)) => arguments.json = file.into(),
                _ => return Err("usage: [--rounds N] [--json FILE]".into()),
            }
        }
        if arguments.rounds == 0 { Err("at least one round".into()) } else { Ok(arguments) }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    manifest::check()?;
    let core = pin()?;
    let mut random = StdRng::seed_from_u64(20_261_121);
    let mut report = json!({ "rounds": arguments.rounds, "core": core, "target": TARGET, "functions": [] });
    println!("{} rounds in turns on core {core}; milliseconds of CPU time.\n", arguments.rounds);
    println!("| function | by | first quartile | median | third quartile | cycles a compression | ours / this, 95 % |");
    println!("|---|---|---|---|---|---|---|");
    let mut verdicts = Vec::new();
    for function in Function::ALL {
        agree(function, &mut random)?;
        let measured = measure(function, arguments.rounds, &mut random);
        verdicts.extend(verdict(function, &measured));
        report["functions"].as_array_mut().expect("made above").push(describe(function, &measured));
    }
    println!();
    println!("{}", verdicts.join("\n"));
    report["verdicts"] = json!(verdicts);
    if let Some(folder) = arguments.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&arguments.json, serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

/// Keeps this process on the last of the cores that it may use, which does fewest of a system's own tasks.
#[cfg(target_os = "linux")]
fn pin() -> Result<usize, Failed> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let core = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core)).ok_or("no core is allowed")?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one)?;
    Ok(core)
}

#[cfg(not(target_os = "linux"))]
fn pin() -> Result<usize, Failed> {
    Err("this system does not let a process choose its core: run it on Linux".into())
}

/// CPU time of this thread in milliseconds: whoever else has the core in between is not counted.
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "a run takes minutes")]
    let milliseconds = time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6;
    milliseconds
}

fn input(random: &mut StdRng) -> (Vec<u8>, [u8; SALT_BYTES]) {
    // From an empty password to one beyond the block of either hash function.
    let length = random.random_range(0..200);
    ((0..length).map(|_| random.random()).collect(), random.random())
}

/// Whether all give the same key for the same input.
fn agree(function: Function, random: &mut StdRng) -> Result<(), Failed> {
    for _ in 0..3 {
        let (password, salt) = input(random);
        let keys: Vec<String> =
            Implementation::of(function).iter().map(|by| by.derive(function, &password, &salt).key()).collect();
        if keys.iter().any(|key| *key != keys[0]) {
            return Err(format!("{}: the implementations do not agree", function.name()).into());
        }
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

fn timed(work: impl FnOnce()) -> f64 {
    let start = now();
    work();
    now() - start
}

/// Prints a function's lines of the table and gives them as JSON.
fn describe(function: Function, measured: &Measured) -> Value {
    let cycle = median(&measured.cycles);
    // HMAC compresses two blocks a round: the inner hash's and the outer hash's. Those of the key are made once.
    let cycles = |time: f64| function.rounds().map(|rounds| time * 1e6 / cycle / f64::from(rounds.get()) / 2.0);
    let mut lines = Vec::new();
    let mut line = |name: &str, series: &[f64], ratio: Option<(f64, [f64; 2])>| {
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(series, share));
        let in_cycles = cycles(middle).map_or_else(|| "-".to_owned(), |cycles| format!("{cycles:.0}"));
        let in_words =
            ratio.map_or_else(|| "-".to_owned(), |(ratio, [from, to])| format!("{ratio:.3} ({from:.3} to {to:.3})"));
        println!("| {} | {name} | {low:.2} | {middle:.2} | {high:.2} | {in_cycles} | {in_words} |", function.name());
        lines.push(json!({
            "by": name,
            "milliseconds": series,
            "quartiles": [low, middle, high],
            "cyclesACompression": cycles(middle),
            "oursToThis": ratio.map(|(ratio, interval)| json!({ "median": ratio, "interval": interval })),
        }));
    };
    for (by, series) in Implementation::of(function).iter().zip(&measured.times) {
        let ratio = (*by != Implementation::Ours).then(|| ratio(&measured.times[0], series));
        line(by.name(), series, ratio);
    }
    if !measured.compressions.is_empty() {
        line(
            "sha2's compressions alone",
            &measured.compressions,
            Some(ratio(&measured.times[0], &measured.compressions)),
        );
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
