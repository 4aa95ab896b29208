//! Every figure beside its target, from what the measurements kept.

use crate::Failed;
use crate::chart::chart;
use crate::report::kept;
use bench::functions::FUNCTIONS;
use bench::statistics::median;
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

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
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

/// What the functions do.
fn of_functions(target: &Path) -> Vec<Target> {
    let speed = kept(target, "speed");
    let cold = kept(target, "cold");
    let hashes = kept(target, "hashes");
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
    for (services, key) in [("at once", "moreMs"), ("after 5 ms each", "moreWith5MsMs")] {
        targets.push(at_most(
            format!("a warm login, more than its hash and the slowest chain of services that answer {services}"),
            number(&speed["chain"][key]),
            1.0,
            " ms",
            "speed",
        ));
    }
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
    targets
}

/// What is around them.
fn of_all_else(target: &Path) -> Vec<Target> {
    let build = kept(target, "build");
    let pages = kept(target, "pages");
    let load = kept(target, "load");
    let mut targets = Vec::new();
    targets.push(at_most("building all six from clean", number(&build["cleanSeconds"]), 720.0, " s", "build"));
    for (changed, key) in [("one function", "redeployOneSeconds"), ("what all six share", "redeployAllSeconds")] {
        targets.push(at_most(
            format!("a redeploy after a change of one line in {changed}"),
            number(&build[key]),
            120.0,
            " s",
            "build",
        ));
    }
    let most = |of: &dyn Fn(&Value) -> Option<f64>| {
        pages.as_array()?.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)
    };
    let bytes = |page: &Value| {
        let requests = page["visits"][0]["requests"].as_array()?;
        requests.iter().map(|request| number(&request["compressed"])).sum::<Option<f64>>()
    };
    let paint = |page: &Value| {
        let visits = page["visits"].as_array()?.iter().map(|visit| number(&visit["painted"]));
        Some(median(&visits.collect::<Option<Vec<_>>>()?))
    };
    let shift = |page: &Value| Some(number(&page["visits"][0]["shifted"])?.max(number(&page["slow"]["shifted"])?));
    targets.push(at_most(
        "the heaviest page with all that it loads, compressed",
        most(&bytes).map(|bytes| bytes / 1_024.0),
        20.0,
        " KiB",
        "pages",
    ));
    targets.push(at_most("the latest first contentful paint", most(&paint), 300.0, " ms", "pages"));
    targets.push(at_most("the largest layout shift", most(&shift), 0.0, "", "pages"));
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let wrong = load["wrong"].as_array().map(|wrong| wrong.len() as f64);
    targets.push(at_most("wrong answers to fifty people at once", wrong, 0.0, "", "load"));
    let lost = number(&load["accounts"]).zip(number(&load["found again"])).map(|(accounts, found)| accounts - found);
    targets.push(at_most("accounts lost by them", lost, 0.0, "", "load"));
    let silence = kept(target, "silence");
    let differences = silence.as_array().and_then(|pairs| {
        pairs
            .iter()
            .map(|pair| number(&pair["sameDelays"]["medianDifference"]).map(f64::abs))
            .collect::<Option<Vec<_>>>()
    });
    let largest = differences.and_then(|all| all.into_iter().reduce(f64::max));
    targets.push(at_most(
        "what the time of an answer tells, largest median difference with the same delays",
        largest,
        2.0,
        " ms",
        "silence",
    ));
    targets
}

/// Prints the table, and draws the picture.
pub(crate) fn run(target: &Path) -> Result<(), Failed> {
    println!("\n| figure | target | here | |");
    println!("|---|---|---|---|");
    for Target { figure, wanted, here, met, word } in of_functions(target).into_iter().chain(of_all_else(target)) {
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
