//! How long a call takes and what a million cost at each memory size. Lambda gives processor time in proportion to memory, one
//! vCPU at 1,769 MB: here a control group gives a process that share of one core, in periods of 20 ms.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>

use crate::Failed;
use crate::cold::NETWORK;
use crate::report::{keep, milliseconds};
use bench::backends::{Backends, Behaviour, Call};
use bench::functions::{FUNCTIONS, binary, granted, variables, willing};
use bench::lambda::Environment;
use bench::share::Share;
use bench::statistics::{median, quantile};
use cost_model::Model;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The sizes that are tried, in MB.
const SIZES: [u32; 7] = [128, 256, 512, 1_024, 1_769, 2_048, 3_008];

/// A million calls, in dollars: the requests, and the memory for the time, which is billed in whole milliseconds.
fn usd_per_million(model: &Model, memory: u32, duration: f64) -> f64 {
    const MILLION: f64 = 1e6;
    let gb_seconds = f64::from(memory) / 1_024.0 * duration.ceil() / 1_000.0 * MILLION;
    model.prices.lambda_requests.usd(MILLION) + model.prices.lambda_gb_seconds_x86.usd(gb_seconds)
}

/// Services that take the time that `docs/cost.md` assumes.
fn services(model: &Model) -> Behaviour {
    let assumed = &model.workload.assumptions;
    let delay = |call| {
        Duration::from_secs_f64(
            match call {
                Call::SendEmail => assumed.mail_ms.value,
                Call::GetToken => assumed.identity_ms.value,
                _ => assumed.table_ms.value,
            } / 1_000.0,
        )
    };
    Behaviour { delays: Call::ALL.map(|call| (call, delay(call))).into(), ..willing() }
}

/// A process of a function that has the share of a core that comes with a size.
async fn environment(
    target: &Path,
    function: &str,
    size: u32,
    full: f64,
    backends: &Backends,
) -> Result<(Environment, Share), Failed> {
    let share = Share::unlimited()?;
    let environment = Environment::start_within(&share, &binary(target, function), &variables(backends)).await?;
    // After the start: Lambda gives that a whole vCPU.
    share.limit(f64::from(size) / full)?;
    Ok((environment, share))
}

/// Warm calls of one environment.
async fn warm((environment, _share): (Environment, Share), function: &str, calls: usize) -> Result<Vec<f64>, Failed> {
    let mut times = Vec::with_capacity(calls);
    for call in 0..calls + 2 {
        let time = milliseconds(granted(&environment, function).await?);
        // The first ones open connections and meet code for the first time.
        if call >= 2 {
            times.push(time);
        }
    }
    Ok(times)
}

fn head() {
    println!("| function | {} |", SIZES.map(|size| format!("{size} MB")).join(" | "));
    println!("|---|{}", "---|".repeat(SIZES.len()));
}

/// Measures every function at every size, and prints the tables.
pub(crate) async fn run(target: &Path, calls: usize, starts: usize) -> Result<(), Failed> {
    let model = Model::ours();
    let assumed = &model.workload.assumptions;
    let full = assumed.full_cpu_mb.value;
    let backends = Backends::start().await?;
    backends.behave(services(&model));
    println!(
        "\nWarm calls by memory size: median of {calls} in ms (95 of 100 stay below), and dollars for a million. The table takes \
         {} ms, Cognito {}, a mail {}.\n",
        assumed.table_ms.value, assumed.identity_ms.value, assumed.mail_ms.value
    );
    head();
    let mut report = Map::new();
    for function in FUNCTIONS {
        let mut row = Vec::new();
        let mut lines = Vec::new();
        for size in SIZES {
            let times = warm(environment(target, function, size, full, &backends).await?, function, calls).await?;
            let (middle, high) = (median(&times), quantile(&times, 0.95));
            let usd = usd_per_million(&model, size, middle);
            row.push(format!("{middle:.1} ({high:.1}), {usd:.2} $"));
            lines.push(json!({ "memoryMB": size, "medianMs": middle, "p95Ms": high, "usdPerMillion": usd }));
        }
        println!("| {function} | {} |", row.join(" | "));
        report.insert(function.to_owned(), Value::Array(lines));
    }

    println!(
        "\nThe first call after a start, over TLS, {} ms to the services and back, which answer at once: median of {starts} starts, \
         in ms.\n",
        NETWORK.round_trip.as_millis()
    );
    head();
    for function in FUNCTIONS {
        let mut row = Vec::new();
        for (place, size) in SIZES.into_iter().enumerate() {
            let mut times = Vec::with_capacity(starts);
            for _ in 0..starts {
                let backends = Backends::behind(NETWORK).await?;
                backends.behave(willing());
                let (environment, _share) = environment(target, function, size, full, &backends).await?;
                times.push(milliseconds(granted(&environment, function).await?));
            }
            row.push(format!("{:.1}", median(&times)));
            report[function][place]["firstCallMs"] = json!(median(&times));
        }
        println!("| {function} | {} |", row.join(" | "));
    }
    keep(target, "sizes", &Value::Object(report))
}
