//! What a first call costs more than the next, over TLS and a network: connections have to be opened, certificates read, and code
//! met for the first time.

use crate::report::{keep, milliseconds, spread};
use crate::speed::function;
use anyhow::Result;
use common::product;
use common::table::Table;
use harness::backends::Backends;
use harness::functions::{binary, granted, steps, variables, willing};
use harness::lambda::Environment;
use harness::network::Network;
use harness::statistics::median;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The distance to the services.
pub(crate) const NETWORK: Network = Network { tls: true, round_trip: Duration::from_millis(5) };

/// Warm calls of each environment, of which the median counts.
const WARM: usize = 5;

#[derive(Clone, Default)]
struct Series {
    first: Vec<f64>,
    warm: Vec<f64>,
    /// What the first call takes more than a warm one, each without its hashes.
    more: Vec<f64>,
    connections: Vec<f64>,
}

/// Measures every function, and prints the table.
pub(crate) async fn run(target: &Path, starts: usize) -> Result<()> {
    let mut all = Vec::new();
    let mut report = Map::new();
    for function in product::functions()? {
        let mut series = Series::default();
        for _ in 0..starts {
            measure(&mut series, &binary(target, &function.package), &function.package).await?;
        }
        let figures = json!({
            "firstCallMs": median(&series.first), "warmCallMs": median(&series.warm),
            "moreMs": median(&series.more), "connectionsOpened": mean(&series.connections),
        });
        report.insert(function.package.clone(), figures);
        all.push((function.package, series));
    }
    print(starts, &all);
    keep(target, "cold", &Value::Object(report))
}

/// Several builds of functions beside each other, in turns.
pub(crate) async fn compare(builds: &[(&str, &str)], starts: usize) -> Result<()> {
    let mut all: Vec<_> = builds.iter().map(|(name, _)| ((*name).to_owned(), Series::default())).collect();
    for run in 0..starts {
        for turn in 0..builds.len() {
            let build = (run + turn) % builds.len();
            measure(&mut all[build].1, Path::new(builds[build].1), function(builds[build].1)).await?;
        }
    }
    print(starts, &all);
    Ok(())
}

/// One start of a binary, its first call and the next ones.
async fn measure(series: &mut Series, binary: &Path, function: &str) -> Result<()> {
    let backends = Backends::behind(NETWORK).await?;
    backends.behave(willing(function));
    let environment = Environment::start_with_log(binary, &variables(&backends)).await?;
    let (first, first_hash) = called(&environment, function).await?;
    series.connections.push(f64::from(u32::try_from(backends.counts().1)?));
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
async fn called(environment: &Environment, function: &str) -> Result<(f64, f64)> {
    let duration = granted(environment, function).await?;
    let steps = steps(environment).await?;
    let hash = ["check", "hash"].iter().filter_map(|step| steps.get(*step)).sum();
    Ok((milliseconds(duration), hash))
}

fn print(starts: usize, all: &[(String, Series)]) {
    println!(
        "\nThe first call over TLS, {} ms to the services and back: median (quartiles) of {starts} starts. The event waits when \
         the function asks for it. More is without the hashes of both, which differ by themselves.\n",
        NETWORK.round_trip.as_millis()
    );
    let header = "| first call, ms | warm call, ms | more, ms | connections that the first call opened";
    let rows = all.iter().map(|(name, series)| {
        let Series { first, warm, more, connections } = series;
        vec![name.clone(), spread(first), spread(warm), spread(more), format!("{:.1}", mean(connections))]
    });
    print!("{}", Table::new(header).with(rows));
}

fn mean(series: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "series are short")]
    let count = series.len() as f64;
    series.iter().sum::<f64>() / count
}
