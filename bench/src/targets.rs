//! Every figure beside its target, from what the measurements kept.

use crate::Failed;
use crate::chart::chart;
use crate::report::kept;
use bench::functions::FUNCTIONS;
use serde_json::Value;
use std::path::Path;

/// The start that is aimed at, as a multiple of the empty function's.
const START: f64 = 1.5;

struct Target {
    figure: String,
    wanted: String,
    /// Nothing, where the measurement was not made.
    here: Option<String>,
    met: bool,
    /// The word of `bench.sh` that measures it.
    word: &'static str,
}

/// A figure that must not be above its target.
fn at_most(figure: impl Into<String>, here: Option<f64>, target: f64, unit: &str, word: &'static str) -> Target {
    Target {
        figure: figure.into(),
        wanted: format!("at most {target}{unit}"),
        here: here.map(|here| format!("{here:.2}{unit}")),
        met: here.is_some_and(|here| here <= target),
        word,
    }
}

fn targets(target: &Path) -> Vec<Target> {
    let speed = kept(target, "speed");
    let cold = kept(target, "cold");
    let hashes = kept(target, "hashes");
    let build = kept(target, "build");
    let pages = kept(target, "pages");
    let mut targets = Vec::new();
    let floor = speed["empty"]["initMs"].as_f64();
    for function in FUNCTIONS {
        let ratio = speed[function]["initMs"].as_f64().zip(floor).map(|(init, floor)| init / floor);
        targets.push(at_most(
            format!("start of {function}, beside the empty function's"),
            ratio,
            START,
            " \u{d7}",
            "speed",
        ));
    }
    let number = |value: &Value| value.as_f64();
    targets.push(at_most(
        "a warm login, more than its hash, with services that answer at once",
        number(&speed["chain"]["moreThanHashMs"]),
        1.0,
        " ms",
        "speed",
    ));
    // Two requests in a row, and a timer that is late by up to a millisecond for each.
    targets.push(at_most(
        "a warm login, more if each request takes 5 ms and up to 1 ms of the timer's",
        number(&speed["chain"]["moreWith5MsMs"]),
        12.0,
        " ms",
        "speed",
    ));
    targets.push(at_most(
        "a cold first login over TLS and 5 ms, more than a warm one",
        number(&cold["login"]["moreMs"]),
        15.0,
        " ms",
        "cold",
    ));
    targets.push(at_most("peak memory of login", number(&speed["login"]["peakMemoryMiB"]), 12.0, " MiB", "speed"));
    let largest = FUNCTIONS.iter().map(|function| number(&speed[*function]["zipBytes"])).collect::<Option<Vec<_>>>();
    let largest = largest.map(|sizes| sizes.into_iter().fold(0.0, f64::max) / 1e6);
    targets.push(at_most("the largest zip", largest, 2.5, " MB", "speed"));
    targets.push(at_most(
        "PBKDF2-HMAC-SHA-512, beside the fastest of ring, aws-lc-rs and OpenSSL",
        number(&hashes["functions"][0]["oursToFastest"]),
        1.03,
        " \u{d7}",
        "hashes",
    ));
    targets.push(at_most("building all six from clean", number(&build["cleanSeconds"]), 720.0, " s", "build"));
    targets.push(at_most(
        "a redeploy after a change of one line",
        number(&build["redeploySeconds"]),
        120.0,
        " s",
        "build",
    ));
    let most = |key: &str| {
        let pages = pages.as_array()?;
        pages.iter().map(|page| number(&page[key])).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)
    };
    targets.push(at_most(
        "the largest page, compressed",
        most("compressedBytes").map(|bytes| bytes / 1_000.0),
        20.0,
        " KB",
        "pages",
    ));
    targets.push(at_most("the slowest first contentful paint", most("firstContentfulPaintMs"), 300.0, " ms", "pages"));
    targets.push(at_most("the largest layout shift", most("layoutShift"), 0.0, "", "pages"));
    targets
}

/// Prints the table, and draws the picture.
pub(crate) fn run(target: &Path) -> Result<(), Failed> {
    println!("\n| figure | target | here | |");
    println!("|---|---|---|---|");
    for Target { figure, wanted, here, met, word } in targets(target) {
        match here {
            Some(here) => println!("| {figure} | {wanted} | {here} | {} |", if met { "met" } else { "**not met**" }),
            None => println!("| {figure} | {wanted} | not measured yet: `./bench.sh {word}` | |"),
        }
    }
    let functions: Vec<_> = std::iter::once("empty").chain(FUNCTIONS).collect();
    if let Some(svg) = chart(&kept(target, "speed"), &functions, START) {
        let file = target.join("bench/starts.svg");
        std::fs::write(&file, svg)?;
        println!("\nThe starts as a picture: {}", file.display());
    }
    Ok(())
}
