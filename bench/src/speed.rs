//! How long the functions take to start and to answer, and what they hold.

use crate::Failed;
use crate::report::{keep, milliseconds};
use bench::backends::{Backends, Call};
use bench::functions::{FUNCTIONS, binary, granted, steps, variables, willing};
use bench::lambda::Environment;
use bench::statistics::{median, quantile};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Starts of each binary. They are many, because they are short and the machine is not always the same. A process is not held to
/// a core: on one that was idle it is the core's waking that is measured (7 ms in place of 1.4 for the empty function).
const STARTS: usize = 100;

/// Environments that are called, and warm calls in each of them.
const CALLED: usize = 8;
const WARM: usize = 10;

#[derive(Default)]
struct Series {
    init: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    cpu: Vec<f64>,
    peak: Vec<f64>,
}

/// Starts and calls binaries, each of them as a function, in turns: a machine that is slow for a while is slow for all.
async fn measure(binaries: &[(PathBuf, &str)], backends: &Backends) -> Result<Vec<Series>, Failed> {
    let mut all: Vec<Series> = binaries.iter().map(|_| Series::default()).collect();
    for run in 0..STARTS {
        for turn in 0..binaries.len() {
            // Nobody always starts after the same one.
            let which = (run + turn) % binaries.len();
            let environment = Environment::start(&binaries[which].0, &variables(backends)).await?;
            all[which].init.push(milliseconds(environment.init));
        }
    }
    for _ in 0..CALLED {
        for ((binary, function), series) in binaries.iter().zip(&mut all) {
            call(series, binary, function, backends).await?;
        }
    }
    Ok(all)
}

/// The calls of one environment.
async fn call(series: &mut Series, binary: &Path, function: &str, backends: &Backends) -> Result<(), Failed> {
    let environment = Environment::start(binary, &variables(backends)).await?;
    series.first.push(milliseconds(granted(&environment, function).await?));
    let before = environment.cpu_time()?;
    for _ in 0..WARM {
        series.warm.push(milliseconds(granted(&environment, function).await?));
    }
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    series.cpu.push(milliseconds(environment.cpu_time()?.saturating_sub(before)) / WARM as f64);
    #[allow(clippy::cast_precision_loss, reason = "memory has fewer bits")]
    series.peak.push(environment.peak_memory()? as f64 / 1_048_576.0);
    Ok(())
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
pub(crate) async fn run(target: &Path) -> Result<(), Failed> {
    let backends = Backends::start().await?;
    backends.behave(willing());
    let mut report = serde_json::Map::new();
    println!(
        "Milliseconds: median (quartiles) of {STARTS} starts, of {CALLED} first calls, and of {WARM} warm ones after each. The \
         services answer at once.\n"
    );
    println!("| function | init | × empty | first call | warm call | CPU a warm call | peak memory, MiB | zip, MB |");
    println!("|---|---|---|---|---|---|---|---|");
    let functions: Vec<_> = std::iter::once("empty").chain(FUNCTIONS).collect();
    let binaries: Vec<_> = functions.iter().map(|function| (binary(target, function), *function)).collect();
    let all = measure(&binaries, &backends).await?;
    let floor = median(&all[0].init);
    for (function, series) in functions.iter().zip(&all) {
        let zip =
            std::fs::metadata(target.join(format!("lambda/{function}/bootstrap.zip"))).ok().map(|file| file.len());
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
        report.insert((*function).to_owned(), summary(series, zip));
    }
    report.insert("chain".to_owned(), chain(target, &backends).await?);
    keep(target, "speed", &Value::Object(report))
}

/// Several builds of login beside each other, in turns: a name and a file each, the first of them the one that the others are
/// compared with.
pub(crate) async fn compare(builds: &[(&str, &str)]) -> Result<(), Failed> {
    let backends = Backends::start().await?;
    backends.behave(willing());
    let binaries: Vec<_> = builds.iter().map(|(_, path)| (PathBuf::from(path), "login")).collect();
    let all = measure(&binaries, &backends).await?;
    println!(
        "Milliseconds: median (quartiles) of {STARTS} starts of login, {CALLED} first calls, {WARM} warm ones after each.\n"
    );
    println!(
        "| build | init | × the first | first call | warm call | CPU a warm call | peak memory, MiB | binary, MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for ((name, path), series) in builds.iter().zip(&all) {
        #[allow(clippy::cast_precision_loss, reason = "files are small")]
        let megabytes = std::fs::metadata(path)?.len() as f64 / 1e6;
        println!(
            "| {name} | {} | {:.2} | {} | {} | {:.2} | {:.1} | {megabytes:.2} |",
            spread(&series.init),
            median(&series.init) / median(&all[0].init),
            spread(&series.first),
            spread(&series.warm),
            median(&series.cpu),
            median(&series.peak),
        );
    }
    Ok(())
}

/// A warm login beside what it cannot do without: its own hash, and what the services take, one request after the other. Both are
/// those of the same call, so that a machine that slows down takes nothing away.
async fn chain(target: &Path, backends: &Backends) -> Result<Value, Failed> {
    const DELAY: Duration = Duration::from_millis(5);
    let mut slow = willing();
    slow.delays = Call::ALL.map(|call| (call, DELAY)).into();
    let environment = Environment::start_with_log(&binary(target, "login"), &variables(backends)).await?;
    // The services look for requests all the time: how long they take to wake is not the function's.
    let looking = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let mut of = [("at once", willing(), Parts::default()), ("after 5 ms each", slow, Parts::default())];
    for call in 0..CHAINS + 5 {
        for (_, behaviour, parts) in &mut of {
            backends.behave(behaviour.clone());
            let _ = (backends.waited(), backends.counts());
            let login = milliseconds(granted(&environment, "login").await?);
            let waited = milliseconds(backends.waited());
            let steps = steps(&environment).await?;
            let of = |names: [&str; 2]| names.iter().filter_map(|name| steps.get(*name)).copied().fold(0.0, f64::max);
            // The first ones are not warm.
            if call >= 5 {
                let hash = steps.get("check").ok_or("the record has no check of a password")?;
                parts.waited.push(waited);
                parts.hash.push(*hash);
                parts.requests.push(of(["find", "ticket"]) + of(["identity", "clear"]) - waited);
                parts.more.push(login - waited - hash);
            }
        }
    }
    let (counts, connections) = backends.counts();
    println!("\nA warm login asks {counts:?} over {connections} new connections.");
    for (what, _, Parts { waited, hash, requests, more }) in &of {
        println!(
            "Services that answer {what} take {} ms of it, its hash {} ms, and all else {} ms, of which the way to the services \
             and back is {} ms.",
            spread(waited),
            spread(hash),
            spread(more),
            spread(requests)
        );
    }
    let [(_, _, at_once), (_, _, delayed)] = of;
    let slept = slept(target, backends, Duration::from_secs_f64(median(&at_once.hash) / 1_000.0)).await?;
    looking.abort();
    Ok(json!({ "moreMs": median(&at_once.more), "moreWith5MsMs": median(&delayed.more), "slept": slept }))
}

/// Logins with each kind of services.
const CHAINS: usize = 60;

/// What logins are made of, in milliseconds.
#[derive(Default)]
struct Parts {
    waited: Vec<f64>,
    hash: Vec<f64>,
    requests: Vec<f64>,
    more: Vec<f64>,
}

/// What a pause as long as a hash costs who waits for its end: functions that hash nothing, called at once and after one.
async fn slept(target: &Path, backends: &Backends, pause: Duration) -> Result<Value, Failed> {
    backends.behave(willing());
    let mut report = serde_json::Map::new();
    for function in ["empty", "verify-user"] {
        let environment = Environment::start(&binary(target, function), &variables(backends)).await?;
        let (mut at_once, mut after) = (Vec::new(), Vec::new());
        for call in 0..CHAINS + 5 {
            let first = milliseconds(granted(&environment, function).await?);
            tokio::time::sleep(pause).await;
            let second = milliseconds(granted(&environment, function).await?);
            if call >= 5 {
                at_once.push(first);
                after.push(second);
            }
        }
        println!(
            "{function} takes {} ms when it is called at once, and {} ms after a pause as long as the hash.",
            spread(&at_once),
            spread(&after)
        );
        report.insert(function.to_owned(), json!({ "atOnceMs": median(&at_once), "afterPauseMs": median(&after) }));
    }
    Ok(Value::Object(report))
}
