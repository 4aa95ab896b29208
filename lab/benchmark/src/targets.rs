//! Every figure beside its target, from what the measurements kept.

use crate::chart;
use crate::report::kept;
use anyhow::Result;
use common::product;
use common::table::Table;
use harness::statistics::median;
use serde_json::Value;
use std::path::Path;

/// The start that is aimed at, as a multiple of the empty function's.
const START: f64 = 1.5;

/// The rows of the table.
struct Targets(Table);

impl Targets {
    /// A figure that must not be above its target, with the word of `bench.sh` that measures it.
    fn at_most(&mut self, figure: &str, here: Option<f64>, target: f64, unit: &str, word: &str) {
        let (here, verdict) = match here {
            Some(here) if here <= target => (format!("{here:.2}{unit}"), "met"),
            Some(here) => (format!("{here:.2}{unit}"), "**not met**"),
            None => (format!("not measured yet: `./bench.sh {word}`"), ""),
        };
        self.0.row([figure.to_owned(), format!("at most {target}{unit}"), here, verdict.to_owned()]);
    }
}

/// A number at a path within a report: `/login/initMs`.
fn number(report: &Value, path: &str) -> Option<f64> {
    report.pointer(path)?.as_f64()
}

/// The largest of what every element of an array gives; nothing, if one gives nothing.
fn largest(report: &Value, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    report.as_array()?.iter().map(of).collect::<Option<Vec<_>>>()?.into_iter().reduce(f64::max)
}

/// What the functions do.
fn of_functions(targets: &mut Targets, target: &Path, functions: &[product::Function]) {
    let (speed, cold, hashes) = (kept(target, "speed"), kept(target, "cold"), kept(target, "hashes"));
    let floor = number(&speed, "/empty/initMs");
    for product::Function { package, .. } in functions {
        let ratio = number(&speed, &format!("/{package}/initMs")).zip(floor).map(|(init, floor)| init / floor);
        let figure = format!("start of {package}, beside the empty function's");
        targets.at_most(&figure, ratio, START, " \u{d7}", "speed");
    }
    for (services, path) in [("at once", "/chain/moreMs"), ("after 5 ms each", "/chain/moreWith5MsMs")] {
        let figure =
            format!("a warm login, more than its hash and the slowest chain of services that answer {services}");
        targets.at_most(&figure, number(&speed, path), 1.0, " ms", "speed");
    }
    let cpu = number(&speed, "/login/cpuLessHashMs");
    targets.at_most("CPU time of a warm login, less that of its hash", cpu, 1.0, " ms", "speed");
    let cold = number(&cold, "/login/moreMs");
    targets.at_most("a cold first login over TLS and 5 ms, more than a warm one", cold, 15.0, " ms", "cold");
    targets.at_most("peak memory of login", number(&speed, "/login/peakMemoryMiB"), 12.0, " MiB", "speed");
    let zips = functions.iter().map(|function| number(&speed, &format!("/{}/zipBytes", function.package)));
    let zip = zips.collect::<Option<Vec<_>>>().map(|zips| zips.into_iter().fold(0.0, f64::max) / 1e6);
    targets.at_most("the largest zip", zip, 2.5, " MB", "speed");
    let hash = number(&hashes, "/functions/0/oursToFastest");
    let figure = "PBKDF2-HMAC-SHA-512, beside the fastest of ring, aws-lc-rs and OpenSSL";
    targets.at_most(figure, hash, 1.03, " \u{d7}", "hashes");
}

/// What is around them.
fn of_all_else(targets: &mut Targets, target: &Path) {
    let (build, pages) = (kept(target, "build"), kept(target, "pages"));
    let (load, silence) = (kept(target, "load"), kept(target, "silence"));
    targets.at_most("building all six from clean", number(&build, "/cleanSeconds"), 720.0, " s", "build");
    for (changed, path) in [("one function", "/redeployOneSeconds"), ("what all six share", "/redeployAllSeconds")] {
        let figure = format!("a redeploy after a change of one line in {changed}");
        targets.at_most(&figure, number(&build, path), 120.0, " s", "build");
    }
    let weight = largest(&pages, |page| {
        let requests = page.pointer("/visits/0/requests")?.as_array()?;
        let bytes = requests.iter().map(|request| number(request, "/compressed")).sum::<Option<f64>>()?;
        Some(bytes / 1_024.0)
    });
    targets.at_most("the heaviest page with all that it loads, compressed", weight, 20.0, " KiB", "pages");
    let paint = largest(&pages, |page| {
        let visits = page["visits"].as_array()?.iter().map(|visit| number(visit, "/painted"));
        Some(median(&visits.collect::<Option<Vec<_>>>()?))
    });
    targets.at_most("the latest first contentful paint", paint, 300.0, " ms", "pages");
    let shift = |page: &Value| Some(number(page, "/visits/0/shifted")?.max(number(page, "/slow/shifted")?));
    targets.at_most("the largest layout shift", largest(&pages, shift), 0.0, "", "pages");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let wrong = load["wrong"].as_array().map(|wrong| wrong.len() as f64);
    targets.at_most("wrong answers to fifty people at once", wrong, 0.0, "", "load");
    let lost = number(&load, "/accounts").zip(number(&load, "/found again")).map(|(accounts, found)| accounts - found);
    targets.at_most("accounts lost by them", lost, 0.0, "", "load");
    let difference = largest(&silence, |pair| number(pair, "/sameDelays/medianDifference").map(f64::abs));
    let figure = "what the time of an answer tells, largest median difference with the same delays";
    targets.at_most(figure, difference, 2.0, " ms", "silence");
}

/// Prints the table, and draws the picture.
pub(crate) fn run(target: &Path) -> Result<()> {
    let functions = product::functions()?;
    let mut targets = Targets(Table::new("figure | target | here |"));
    of_functions(&mut targets, target, &functions);
    of_all_else(&mut targets, target);
    println!("\n{}", targets.0);
    let speed = kept(target, "speed");
    let names = std::iter::once("empty").chain(functions.iter().map(|function| &function.package[..]));
    let starts = names.map(|name| Some((name, number(&speed, &format!("/{name}/initMs"))?)));
    if let Some(starts) = starts.collect::<Option<Vec<_>>>() {
        let file = target.join("bench/starts.svg");
        std::fs::write(&file, chart::draw(&starts, START)?)?;
        println!("The starts as a picture: {}", file.display());
    }
    Ok(())
}
