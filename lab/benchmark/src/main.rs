//! `benchmark speed`, `cold`, `sizes`, `silence` and `targets`: see `bench.sh`.

#![allow(clippy::print_stdout, reason = "the tables are for a terminal")]

mod awake;
mod chart;
mod cold;
mod report;
mod share;
mod silence;
mod sizes;
mod speed;
mod targets;

use anyhow::{Result, bail};
use std::path::PathBuf;

const USAGE: &str = "usage: benchmark speed, benchmark cold, benchmark sizes, benchmark silence [PAIRS], benchmark targets, \
                     benchmark compare NAME=BINARY...";

/// First calls of new processes, and warm calls at each memory size.
const RUNS: usize = 20;

/// First calls of new processes at each memory size; with the least of them a hash takes seconds.
const STARTS_AT_SIZE: usize = 7;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    match words[..] {
        [awake::LOOP] => {
            awake::stay_awake();
            return Ok(());
        }
        ["targets"] => return targets::run(&target),
        [] => bail!(USAGE),
        _ => common::build::is_the_products()?,
    }
    let _awake = awake::Awake::keep()?;
    // The services answer on one thread: a second one would be woken on the processor that the function computes on.
    let event_loop = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    event_loop.block_on(async {
        match words[..] {
            ["speed"] => speed::run(&target).await,
            ["cold"] => cold::run(&target, RUNS).await,
            ["sizes"] => sizes::run(&target, RUNS, STARTS_AT_SIZE).await,
            ["silence"] => silence::run(&target, 400).await,
            ["silence", pairs] => silence::run(&target, pairs.parse()?).await,
            ["compare", ref builds @ ..] if builds.iter().all(|build| build.contains('=')) => {
                let builds: Vec<_> = builds.iter().filter_map(|build| build.split_once('=')).collect();
                speed::compare(&builds).await?;
                cold::compare(&builds, RUNS).await
            }
            _ => bail!(USAGE),
        }
    })
}
