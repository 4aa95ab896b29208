//! How long the functions take to start and to answer, what they compute, and what they hold.

use crate::report::{keep, milliseconds, spread};
use anyhow::{Context, Result, ensure};
use common::product;
use common::table::Table;
use common::thread_cpu_time;
use harness::backends::{Backends, Call};
use harness::functions::{PASSWORD, binary, granted, steps, variables, willing};
use harness::lambda::Environment;
use harness::statistics::median;
use latchkey_salting::{SALT_BYTES, Scheme};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Starts of each binary. They are many, because they are short and the machine is not always the same. A process is not held to
/// a core: on one that was idle it is the core's waking that is measured (7 ms in place of 1.4 for the empty function).
const STARTS: usize = 100;

/// Environments that are called, and warm calls in each of them.
const CALLED: usize = 8;
const WARM: u32 = 10;

/// How long a function is given to finish what it does after an answer, before its CPU time is read.
const SETTLED: Duration = Duration::from_millis(5);

/// Milliseconds and MiB.
#[derive(Default)]
struct Series {
    init: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    /// CPU time of a warm call, of which the hash is that of the threads that do nothing else.
    cpu: Vec<f64>,
    hash_cpu: Vec<f64>,
    cpu_less_hash: Vec<f64>,
    peak: Vec<f64>,
}

/// Starts and calls binaries, each of them as a function, in turns: a machine that is slow for a while is slow for all. Gives the CPU
/// time of a hash in this process as well.
async fn measure(binaries: &[(PathBuf, &str)], backends: &Backends) -> Result<(Vec<Series>, Vec<f64>)> {
    let mut all: Vec<Series> = binaries.iter().map(|_| Series::default()).collect();
    for run in 0..STARTS {
        for turn in 0..binaries.len() {
            // Nobody always starts after the same one.
            let which = (run + turn) % binaries.len();
            let environment = Environment::start(&binaries[which].0, &variables(backends)).await?;
            all[which].init.push(milliseconds(environment.init));
        }
    }
    let mut hash_alone = Vec::new();
    for _ in 0..CALLED {
        for ((binary, function), series) in binaries.iter().zip(&mut all) {
            call(series, binary, function, backends).await?;
            hash_alone.push(hash_here());
        }
    }
    Ok((all, hash_alone))
}

/// The calls of one environment.
async fn call(series: &mut Series, binary: &Path, function: &str, backends: &Backends) -> Result<()> {
    backends.behave(willing(function));
    let environment = Environment::start(binary, &variables(backends)).await?;
    series.first.push(milliseconds(granted(&environment, function).await?));
    tokio::time::sleep(SETTLED).await;
    let before = environment.cpu_time()?;
    for _ in 0..WARM {
        series.warm.push(milliseconds(granted(&environment, function).await?));
    }
    tokio::time::sleep(SETTLED).await;
    let used = environment.cpu_time()? - before;
    series.cpu.push(milliseconds(used.all / WARM));
    series.hash_cpu.push(milliseconds(used.beside / WARM));
    series.cpu_less_hash.push(milliseconds(used.all.saturating_sub(used.beside) / WARM));
    #[expect(clippy::cast_precision_loss, reason = "memory has fewer bits")]
    series.peak.push(environment.peak_memory()? as f64 / 1_048_576.0);
    Ok(())
}

/// The CPU time of one hash with the default settings, in this process.
fn hash_here() -> f64 {
    let before = thread_cpu_time();
    black_box(latchkey_salting::hash(black_box(PASSWORD.as_bytes()), &[7; SALT_BYTES], Scheme::default()));
    milliseconds(thread_cpu_time().saturating_sub(before))
}

/// The table of these series, with their names and sizes; the first one is what the others are compared with.
fn table(first: &str, size: &str, all: &[(&str, Series, Option<u64>)]) -> Table {
    let header = format!(
        "{first} | start | \u{d7} the first | first call | warm call | CPU a warm call | of which hash | CPU less the hash | \
         peak memory, MiB | {size}"
    );
    Table::new(&header).with(all.iter().map(|(name, series, bytes)| {
        #[expect(clippy::cast_precision_loss, reason = "files are small")]
        let megabytes = bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{:.2}", bytes as f64 / 1e6));
        vec![
            (*name).to_owned(),
            spread(&series.init),
            format!("{:.2}", median(&series.init) / median(&all[0].1.init)),
            spread(&series.first),
            spread(&series.warm),
            format!("{:.2}", median(&series.cpu)),
            format!("{:.2}", median(&series.hash_cpu)),
            spread(&series.cpu_less_hash),
            format!("{:.1}", median(&series.peak)),
            megabytes,
        ]
    }))
}

/// Measures every function and the empty one, and prints the table.
pub(crate) async fn run(target: &Path) -> Result<()> {
    let backends = Backends::start().await?;
    let functions = product::functions()?;
    let names: Vec<_> =
        std::iter::once("empty").chain(functions.iter().map(|function| &function.package[..])).collect();
    let binaries: Vec<_> = names.iter().map(|name| (binary(target, name), *name)).collect();
    let (all, hash_alone) = measure(&binaries, &backends).await?;
    let zip = |name| std::fs::metadata(target.join(format!("lambda/{name}/bootstrap.zip"))).ok().map(|file| file.len());
    let all: Vec<_> = names.iter().zip(all).map(|(name, series)| (*name, series, zip(name))).collect();
    println!(
        "Milliseconds: median (quartiles) of {STARTS} starts, of {CALLED} first calls, and of {WARM} warm ones after each. The \
         services answer at once.\n\n{}",
        table("function", "zip, MB", &all)
    );
    println!("A hash by itself, in this program, between the calls: {} ms of CPU time.", spread(&hash_alone));
    let mut report = Map::new();
    for (name, series, zip) in &all {
        let figures = json!({
            "initMs": median(&series.init), "firstCallMs": median(&series.first), "warmCallMs": median(&series.warm),
            "cpuPerWarmCallMs": median(&series.cpu), "cpuOfHashMs": median(&series.hash_cpu),
            "cpuLessHashMs": median(&series.cpu_less_hash), "peakMemoryMiB": median(&series.peak), "zipBytes": zip,
        });
        report.insert((*name).to_owned(), figures);
    }
    // What a function that hashed on its first thread would show as its own.
    let of_login = report["login"]["cpuOfHashMs"].as_f64().unwrap_or_default() / median(&hash_alone);
    ensure!(of_login > 0.5, "login does not hash on a thread of its own: its CPU time cannot be told from the hash's");
    report.insert("hashAloneCpuMs".to_owned(), json!(median(&hash_alone)));
    report.insert("chain".to_owned(), chain(target, &backends).await?);
    keep(target, "speed", &Value::Object(report))
}

/// Several builds of functions beside each other, in turns: a name and a file each.
pub(crate) async fn compare(builds: &[(&str, &str)]) -> Result<()> {
    let backends = Backends::start().await?;
    let binaries: Vec<_> = builds.iter().map(|(_, path)| (PathBuf::from(path), function(path))).collect();
    let (all, _) = measure(&binaries, &backends).await?;
    let size = |path| std::fs::metadata(path).ok().map(|file| file.len());
    let all: Vec<_> = builds.iter().zip(all).map(|((name, path), series)| (*name, series, size(path))).collect();
    println!(
        "Milliseconds: median (quartiles) of {STARTS} starts, {CALLED} first calls, {WARM} warm ones after each.\n\n{}",
        table("build", "binary, MB", &all)
    );
    Ok(())
}

/// The function that a binary is: its file is named as its package.
pub(crate) fn function(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Logins with each kind of services.
const CHAINS: usize = 60;
/// Calls before them, which are not warm.
const WARM_UP: usize = 5;

/// What logins are made of, in milliseconds.
#[derive(Default)]
struct Parts {
    waited: Vec<f64>,
    hash: Vec<f64>,
    requests: Vec<f64>,
    more: Vec<f64>,
}

/// A warm login beside what it cannot do without: its own hash, and what the services take, one request after the other. Both are
/// those of the same call, so that a machine that slows down takes nothing away.
async fn chain(target: &Path, backends: &Backends) -> Result<Value> {
    const DELAY: Duration = Duration::from_millis(5);
    let mut slow = willing("login");
    slow.delays = Call::ALL.map(|call| (call, DELAY)).into();
    let environment = Environment::start_with_log(&binary(target, "login"), &variables(backends)).await?;
    // The services look for requests all the time: how long they take to wake is not the function's.
    let looking = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let mut of = [("at once", willing("login"), Parts::default()), ("after 5 ms each", slow, Parts::default())];
    for call in 0..CHAINS + WARM_UP {
        for (_, behaviour, parts) in &mut of {
            backends.behave(behaviour.clone());
            let _ = (backends.waited(), backends.counts());
            let login = milliseconds(granted(&environment, "login").await?);
            let waited = milliseconds(backends.waited());
            let steps = steps(&environment).await?;
            let longest =
                |names: [&str; 2]| names.iter().filter_map(|name| steps.get(*name)).copied().fold(0.0, f64::max);
            if call >= WARM_UP {
                let hash = steps.get("check").context("the record has no check of a password")?;
                parts.waited.push(waited);
                parts.hash.push(*hash);
                parts.requests.push(longest(["find", "ticket"]) + longest(["identity", "success"]) - waited);
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

/// What a pause as long as a hash costs who waits for its end: functions that hash nothing, called at once and after one.
async fn slept(target: &Path, backends: &Backends, pause: Duration) -> Result<Value> {
    let mut report = Map::new();
    for function in ["empty", "lost-password"] {
        backends.behave(willing(function));
        let environment = Environment::start(&binary(target, function), &variables(backends)).await?;
        let (mut at_once, mut after) = (Vec::new(), Vec::new());
        for call in 0..CHAINS + WARM_UP {
            let first = milliseconds(granted(&environment, function).await?);
            tokio::time::sleep(pause).await;
            let second = milliseconds(granted(&environment, function).await?);
            if call >= WARM_UP {
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
