//! How long the functions take to start and to answer, and what they hold.

use crate::Failed;
use bench::backends::{Backends, Call};
use bench::functions::{FUNCTIONS, binary, event, variables, willing};
use bench::lambda::Environment;
use bench::statistics::{median, quantile};
use latchkey_salting::{SALT_BYTES, Scheme};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Warm calls in each environment.
const WARM: usize = 10;

#[derive(Default)]
struct Series {
    init: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    cpu: Vec<f64>,
    peak: Vec<f64>,
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

async fn measure(target: &Path, function: &str, runs: usize, backends: &Backends) -> Result<Series, Failed> {
    let mut series = Series::default();
    let event = event(function).to_string();
    for _ in 0..runs {
        let environment = Environment::start(&binary(target, function), &variables(backends)).await?;
        series.init.push(milliseconds(environment.init));
        let outcome = environment.call(event.clone()).await?;
        if outcome.failed || String::from_utf8_lossy(&outcome.body).contains("false") {
            return Err(format!("{function}: {}", String::from_utf8_lossy(&outcome.body)).into());
        }
        series.first.push(milliseconds(outcome.duration));
        let before = environment.cpu_time()?;
        for _ in 0..WARM {
            series.warm.push(milliseconds(environment.call(event.clone()).await?.duration));
        }
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        series.cpu.push(milliseconds(environment.cpu_time()?.saturating_sub(before)) / WARM as f64);
        #[allow(clippy::cast_precision_loss, reason = "memory has fewer bits")]
        series.peak.push(environment.peak_memory()? as f64 / 1_048_576.0);
    }
    Ok(series)
}

/// One hash by itself, on whatever core is free.
fn hash(runs: usize) -> f64 {
    let times: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(latchkey_salting::hash(b"the password of ada", &[7; SALT_BYTES], Scheme::default()));
            milliseconds(began.elapsed())
        })
        .collect();
    median(&times)
}

fn spread(series: &[f64]) -> String {
    format!("{:.2} ({:.2} to {:.2})", median(series), quantile(series, 0.25), quantile(series, 0.75))
}

fn summary(series: &Series, zip: Option<u64>) -> Value {
    json!({
        "initMs": median(&series.init), "firstCallMs": median(&series.first), "warmCallMs": median(&series.warm),
        "cpuPerWarmCallMs": median(&series.cpu), "peakMemoryMiB": median(&series.peak), "zipBytes": zip,
    })
}

/// Measures every function and the empty one, and prints the table.
pub(crate) async fn run(target: &Path, runs: usize) -> Result<(), Failed> {
    let backends = Backends::start().await?;
    backends.behave(willing());
    let mut report = serde_json::Map::new();
    println!(
        "Milliseconds: median (quartiles) of {runs} starts, {WARM} warm calls each. The services answer at once.\n"
    );
    println!("| function | init | × empty | first call | warm call | CPU a warm call | peak memory, MiB | zip, MB |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut floor = 0.0;
    let mut login_warm = 0.0;
    for function in std::iter::once("empty").chain(FUNCTIONS) {
        let series = measure(target, function, runs, &backends).await?;
        let zip =
            std::fs::metadata(target.join(format!("lambda/{function}/bootstrap.zip"))).ok().map(|file| file.len());
        if function == "empty" {
            floor = median(&series.init);
        }
        if function == "login" {
            login_warm = median(&series.warm);
        }
        #[allow(clippy::cast_precision_loss, reason = "files are small")]
        let megabytes = zip.map_or_else(|| "?".to_owned(), |bytes| format!("{:.2}", bytes as f64 / 1e6));
        println!(
            "| {function} | {} | {:.2} | {} | {} | {:.2} | {:.1} | {megabytes} |",
            spread(&series.init),
            median(&series.init) / floor,
            spread(&series.first),
            spread(&series.warm),
            median(&series.cpu),
            median(&series.peak),
        );
        report.insert(function.to_owned(), summary(&series, zip));
    }
    chain(target, &backends, login_warm, runs * WARM, &mut report).await?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("speed.json"), serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

/// A warm login beside what it cannot do without: its hash, and one round trip before it and one after.
async fn chain(
    target: &Path,
    backends: &Backends,
    at_once: f64,
    hashes: usize,
    report: &mut serde_json::Map<String, Value>,
) -> Result<(), Failed> {
    const DELAY: Duration = Duration::from_millis(5);
    let mut slow = willing();
    slow.delays = Call::ALL.map(|call| (call, DELAY)).into();
    let environment = Environment::start(&binary(target, "login"), &variables(backends)).await?;
    let event = event("login").to_string();
    for _ in 0..5 {
        environment.call(event.clone()).await?;
    }
    let (_, _) = backends.counts();
    environment.call(event.clone()).await?;
    let (counts, connections) = backends.counts();
    backends.behave(slow);
    let mut times = Vec::new();
    for _ in 0..50 {
        times.push(milliseconds(environment.call(event.clone()).await?.duration));
    }
    let hash = hash(hashes.min(50));
    println!("\nA warm login asks {counts:?} over {connections} new connections.");
    println!("One hash by itself: {hash:.2} ms. A warm login takes {:.2} ms more.", at_once - hash);
    println!(
        "With 5 ms for every request it takes {:.2} ms more than without: the chain is two requests long, 10 ms.",
        median(&times) - at_once
    );
    report.insert(
        "chain".to_owned(),
        json!({ "hashMs": hash, "warmLoginMs": at_once, "warmLoginWith5MsMs": median(&times) }),
    );
    Ok(())
}
