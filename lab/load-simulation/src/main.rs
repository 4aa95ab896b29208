//! Many logins at once against the service's quotas, simulated. Prints the tables of `docs/scale.md`, puts them there, and draws
//! `docs/images/storm.svg`.
//!
//! What AWS allows stands in [`quotas`], each number with its source. [`load`] says when logins begin, [`token_bucket`] and
//! [`fleet`] are what they meet, and [`simulation`] lets them meet. [`scenarios`] are the runs that the page tells of, [`report`]
//! its tables and [`chart`] its picture. Nothing here reads a clock or the system's randomness: the same seed gives the same
//! bytes. The generator is a named one, because the standard one may be another in the next version of its library, and
//! costs two thirds of an unoptimised run.

mod chart;
mod fleet;
mod load;
mod quotas;
mod report;
mod scenarios;
mod simulation;
mod token_bucket;

use anyhow::Result;

const CHART: &str = "docs/images/storm.svg";

fn main() -> Result<()> {
    let known = quotas::Known::read()?;
    let results = scenarios::run_all(&known)?;
    std::fs::write(common::product::path(CHART), chart::draw(&results)?)?;
    common::table::publish(report::PAGE, report::MARK, &report::tables(&known, &results)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_and_the_chart_of_the_page_are_those_that_the_program_writes() {
        const AGAIN: &str = "run `cargo run --package load-simulation` in lab/, and read what changed";
        let known = quotas::Known::read().unwrap();
        let results = scenarios::run_all(&known).unwrap();
        let tables = report::tables(&known, &results).unwrap();
        assert!(common::table::are_published(report::PAGE, report::MARK, &tables).unwrap(), "other tables: {AGAIN}");
        let chart = chart::draw(&results).unwrap();
        assert!(common::product::text(CHART).unwrap() == chart, "another chart: {AGAIN}");
    }
}
