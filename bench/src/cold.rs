//! What a first call costs more than the next, over TLS and a network: connections have to be opened, certificates read, and code
//! met for the first time.

use crate::Failed;
use crate::report::{keep, milliseconds};
use bench::backends::Backends;
use bench::functions::{FUNCTIONS, binary, event, variables, willing};
use bench::lambda::Environment;
use bench::network::Network;
use bench::statistics::{median, quantile};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The distance to the services.
const NETWORK: Network = Network { tls: true, round_trip: Duration::from_millis(5) };

/// Warm calls of each environment, of which the median counts.
const WARM: usize = 5;

#[derive(Default)]
struct Series {
    first: Vec<f64>,
    warm: Vec<f64>,
    more: Vec<f64>,
    new_connections: usize,
}

/// Measures every function, and prints the table.
pub(crate) async fn run(target: &Path, starts: usize) -> Result<(), Failed> {
    println!(
        "\nThe first call over TLS, {} ms to the services and back: median (quartiles) of {starts} starts. The event waits when \
         the function asks for it.\n",
        NETWORK.round_trip.as_millis()
    );
    println!("| function | first call, ms | warm call, ms | more, ms | connections that the first call opened |");
    println!("|---|---|---|---|---|");
    let mut report = Map::new();
    for function in FUNCTIONS {
        let series = measure(target, function, starts).await?;
        let spread = |values: &[f64]| {
            format!("{:.2} ({:.2} to {:.2})", median(values), quantile(values, 0.25), quantile(values, 0.75))
        };
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let opened = series.new_connections as f64 / starts as f64;
        println!(
            "| {function} | {} | {} | {} | {opened:.1} |",
            spread(&series.first),
            spread(&series.warm),
            spread(&series.more)
        );
        report.insert(
            function.to_owned(),
            json!({
                "firstCallMs": median(&series.first), "warmCallMs": median(&series.warm),
                "moreMs": median(&series.more), "connectionsOpened": opened,
            }),
        );
    }
    keep(target, "cold", &Value::Object(report))
}

async fn measure(target: &Path, function: &str, starts: usize) -> Result<Series, Failed> {
    let mut series = Series::default();
    let event = event(function).to_string();
    for _ in 0..starts {
        let backends = Backends::behind(NETWORK).await?;
        backends.behave(willing());
        let environment = Environment::start(&binary(target, function), &variables(&backends)).await?;
        let outcome = environment.call(event.clone()).await?;
        if outcome.failed {
            return Err(format!("{function}: {}", String::from_utf8_lossy(&outcome.body)).into());
        }
        let first = milliseconds(outcome.duration);
        series.new_connections += backends.counts().1;
        let mut warm = Vec::with_capacity(WARM);
        for _ in 0..WARM {
            warm.push(milliseconds(environment.call(event.clone()).await?.duration));
        }
        series.first.push(first);
        series.warm.push(median(&warm));
        series.more.push(first - median(&warm));
    }
    Ok(series)
}
