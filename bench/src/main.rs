//! `bench speed`, `cold`, `sizes`, `silence` and `targets`: see `bench.sh`.

#![allow(clippy::print_stdout, reason = "this is a program for a terminal")]

mod chart;
mod cold;
mod report;
mod silence;
mod sizes;
mod speed;
mod targets;

use bench::awake::{self, Awake};
use std::path::PathBuf;
use std::process::ExitCode;

/// A measurement that could not be made.
type Failed = Box<dyn std::error::Error>;

const USAGE: &str = "usage: bench speed, bench cold, bench sizes, bench silence [PAIRS], bench targets, \
                     bench compare NAME=LOGIN...";

/// First calls of new processes, and warm calls at each memory size.
const RUNS: usize = 20;

/// First calls of new processes at each memory size; with the least of them a hash takes seconds.
const STARTS_AT_SIZE: usize = 7;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    // The services answer on one thread: a second one would be woken on the processor that the function computes on.
    let event_loop = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(event_loop) => event_loop,
        Err(error) => return failed(&error),
    };
    if arguments == [awake::LOOP] {
        awake::stay_awake();
        return ExitCode::SUCCESS;
    }
    // Until everything is measured.
    let _awake = match arguments.first().map(String::as_str) {
        None | Some("targets") => None,
        Some(_) => match Awake::keep() {
            Ok(awake) => Some(awake),
            Err(error) => return failed(&error),
        },
    };
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["speed"] => event_loop.block_on(speed::run(&target)),
        ["cold"] => event_loop.block_on(cold::run(&target, RUNS)),
        ["sizes"] => event_loop.block_on(sizes::run(&target, RUNS, STARTS_AT_SIZE)),
        ["silence"] => event_loop.block_on(silence::run(&target, 400)),
        ["silence", pairs] => match pairs.parse() {
            Ok(pairs) => event_loop.block_on(silence::run(&target, pairs)),
            Err(_) => return failed(&"silence takes a number of pairs"),
        },
        ["compare", builds @ ..] if builds.iter().all(|build| build.contains('=')) => {
            let builds: Vec<_> = builds.iter().filter_map(|build| build.split_once('=')).collect();
            event_loop.block_on(async {
                speed::compare(&builds).await?;
                cold::compare(&builds, RUNS).await
            })
        }
        ["targets"] => targets::run(&target),
        _ => return failed(&USAGE),
    };
    outcome.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

#[allow(clippy::print_stderr, reason = "this is a program for a terminal")]
fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
