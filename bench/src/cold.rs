//! What a first call costs more than the next, over TLS and a network: connections have to be opened, certificates read, and code
//! met for the first time.

use crate::Failed;
use crate::report::{keep, milliseconds};
use bench::backends::Backends;
use bench::functions::{FUNCTIONS, binary, granted, steps, variables, willing};
use bench::lambda::Environment;
use bench::network::Network;
use bench::statistics::{median, quantile};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The distance to the services.
pub(crate) const NETWORK: Network = Network { tls: true, round_trip: Duration::from_millis(5) };

/// Warm calls of each environment, of which the median counts.
const WARM: usize = 5;

#[derive(Default)]
struct Series {
    first: Vec<f64>,
    warm: Vec<f64>,
    /// What the first call takes more than a warm one, each without its hashes.
    more: Vec<f64>,
    new_connections: usize,
}

/// Measures every function, and prints the table.
pub(crate) async fn run(target: &Path, starts: usize) -> Result<(), Failed> {
    head(starts);
    let mut report = Map::new();
    for function in FUNCTIONS {
        let mut series = Series::default();
        for _ in 0..starts {
            measure(&mut series, &binary(target, function), function).await?;
        }
        report.insert(function.to_owned(), describe(function, &series));
    }
    keep(target, "cold", &Value::Object(report))
}

/// One start of a binary, its first call and the next ones.
async fn measure(series: &mut Series, binary: &Path, function: &str) -> Result<(), Failed> {
    let backends = Backends::behind(NETWORK).await?;
    backends.behave(willing());
    let environment = Environment::start_with_log(binary, &variables(&backends)).await?;
    let (first, first_hash) = called(&environment, function).await?;
    series.new_connections += backends.counts().1;
    let (mut warm, mut rest) = (Vec::with_capacity(WARM), Vec::with_capacity(WARM));
    for _ in 0..WARM {
        let (time, hash) = called(&environment, function).await?;
        warm.push(time);
        rest.push(time - hash);
    }
    series.first.push(first);
    series.warm.push(median(&warm));
    series.more.push(first - first_hash - median(&rest));
    Ok(())
}

/// How long a call took, and how much of that was hashing, in milliseconds.
async fn called(environment: &Environment, function: &str) -> Result<(f64, f64), Failed> {
    let duration = granted(environment, function).await?;
    let steps = steps(environment).await?;
    let hash = ["check", "hash"].iter().filter_map(|step| steps.get(*step)).sum();
    Ok((milliseconds(duration), hash))
}

/// Prints a line of the table, and gives it as JSON.
fn describe(name: &str, series: &Series) -> Value {
    let spread = |values: &[f64]| {
        format!("{:.2} ({:.2} to {:.2})", median(values), quantile(values, 0.25), quantile(values, 0.75))
    };
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let opened = series.new_connections as f64 / series.first.len() as f64;
    println!(
        "| {name} | {} | {} | {} | {opened:.1} |",
        spread(&series.first),
        spread(&series.warm),
        spread(&series.more)
    );
    json!({
        "firstCallMs": median(&series.first), "warmCallMs": median(&series.warm),
        "moreMs": median(&series.more), "connectionsOpened": opened,
    })
}

fn head(starts: usize) {
    println!(
        "\nThe first call over TLS, {} ms to the services and back: median (quartiles) of {starts} starts. The event waits when \
         the function asks for it. More is without the hashes of both, which differ by themselves.\n",
        NETWORK.round_trip.as_millis()
    );
    println!("| function | first call, ms | warm call, ms | more, ms | connections that the first call opened |");
    println!("|---|---|---|---|---|");
}

/// Several builds of login beside each other, in turns.
pub(crate) async fn compare(builds: &[(&str, &str)], starts: usize) -> Result<(), Failed> {
    let mut all: Vec<Series> = builds.iter().map(|_| Series::default()).collect();
    for run in 0..starts {
        for turn in 0..builds.len() {
            let build = (run + turn) % builds.len();
            measure(&mut all[build], Path::new(builds[build].1), "login").await?;
        }
    }
    head(starts);
    for ((name, _), series) in builds.iter().zip(&all) {
        describe(name, series);
    }
    Ok(())
}
