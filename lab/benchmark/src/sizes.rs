//! How long a call takes and what a million cost at each memory size. Lambda gives processor time in proportion to memory, one
//! vCPU at 1,769 MB: here a control group gives a process that share of one core, in periods of 20 ms.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>

use crate::cold::NETWORK;
use crate::report::{keep, milliseconds};
use crate::share::Share;
use anyhow::Result;
use common::product;
use common::table::Table;
use cost_model::{FreeTier, Model};
use harness::backends::{Backends, Behaviour, Call};
use harness::functions::{binary, granted, variables, willing};
use harness::lambda::Environment;
use harness::statistics::{median, quantile};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// The sizes that are tried, in MB.
const SIZES: [u32; 7] = [128, 256, 512, 1_024, 1_769, 2_048, 3_008];

/// Dollars for a million calls: the requests, and the memory for the time, which is billed in whole milliseconds.
fn usd_per_million(model: &Model, memory: u32, duration: f64) -> f64 {
    const MILLION: f64 = 1e6;
    let gb_seconds = f64::from(memory) / 1_024.0 * duration.ceil() / 1_000.0 * MILLION;
    let usd = |price, units| model.price(price).usd(units, FreeTier::Used);
    usd("lambdaRequests", MILLION) + usd("lambdaGbSecondsX86", gb_seconds)
}

/// Services that take the time that `docs/cost.md` assumes.
fn services(model: &Model, function: &str) -> Behaviour {
    let assumed = |name| Duration::from_secs_f64(model.workload.assumed(name) / 1_000.0);
    let delay = |call| match call {
        Call::SendEmail => assumed("mailMs"),
        Call::GetToken => assumed("identityMs"),
        _ => assumed("tableMs"),
    };
    Behaviour { delays: Call::ALL.map(|call| (call, delay(call))).into(), ..willing(function) }
}

/// A process of a function that has this share of a core.
async fn environment(binary: &Path, share_of_core: f64, backends: &Backends) -> Result<(Environment, Share)> {
    let share = Share::unlimited()?;
    let environment = Environment::spawn(share.command(binary), &variables(backends), Stdio::null()).await?;
    // After the start: Lambda gives that a whole vCPU.
    share.limit(share_of_core)?;
    Ok((environment, share))
}

fn table() -> Table {
    Table::new(&format!("function | {}", SIZES.map(|size| format!("{size} MB")).join(" | ")))
}

/// Measures every function at every size, and prints the tables.
pub(crate) async fn run(target: &Path, calls: usize, starts: usize) -> Result<()> {
    let model = Model::read()?;
    let assumed = |name| model.workload.assumed(name);
    let share_of = |size: u32| f64::from(size) / assumed("fullCpuMb");
    let backends = Backends::start().await?;
    let functions = product::functions()?;
    let (mut warm, mut first) = (table(), table());
    let mut report = Map::new();
    for function in functions.iter().map(|function| &function.package[..]) {
        backends.behave(services(&model, function));
        let binary = binary(target, function);
        let (mut warm_row, mut first_row) = (vec![function.to_owned()], vec![function.to_owned()]);
        let mut lines = Vec::new();
        for size in SIZES {
            let mut times = Vec::with_capacity(calls);
            let (called, _share) = environment(&binary, share_of(size), &backends).await?;
            for call in 0..calls + 2 {
                let time = milliseconds(granted(&called, function).await?);
                // The first ones open connections and meet code for the first time.
                if call >= 2 {
                    times.push(time);
                }
            }
            let mut firsts = Vec::with_capacity(starts);
            for _ in 0..starts {
                let backends = Backends::behind(NETWORK).await?;
                backends.behave(willing(function));
                let (started, _share) = environment(&binary, share_of(size), &backends).await?;
                firsts.push(milliseconds(granted(&started, function).await?));
            }
            let (middle, high, first) = (median(&times), quantile(&times, 0.95), median(&firsts));
            let usd = usd_per_million(&model, size, middle);
            warm_row.push(format!("{middle:.1} ({high:.1}), {usd:.2} $"));
            first_row.push(format!("{first:.1}"));
            lines.push(json!({
                "memoryMB": size, "medianMs": middle, "p95Ms": high, "usdPerMillion": usd, "firstCallMs": first,
            }));
        }
        warm.row(warm_row);
        first.row(first_row);
        report.insert(function.to_owned(), Value::Array(lines));
    }
    println!(
        "\nWarm calls by memory size: median of {calls} in ms (95 of 100 stay below), and dollars for a million. The table takes \
         {} ms, Cognito {}, a mail {}.\n\n{warm}",
        assumed("tableMs"),
        assumed("identityMs"),
        assumed("mailMs")
    );
    println!(
        "The first call after a start, over TLS, {} ms to the services and back, which answer at once: median of {starts} starts, \
         in ms.\n\n{first}",
        NETWORK.round_trip.as_millis()
    );
    keep(target, "sizes", &Value::Object(report))
}
