//! `storm`: prints the tables of `docs/scale.md`, puts them there, and draws `docs/images/storm.svg`. It is run where the
//! repository begins.

use std::io::Write;
use std::process::ExitCode;
use storm::{chart, quotas, report, scenarios};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Quotas(#[from] quotas::Unusable),
    #[error("{0}: {1}")]
    File(&'static str, std::io::Error),
    #[error("docs/scale.md has no place for the tables: {:?} and {:?}", report::BEGIN, report::END)]
    NoPlace,
}

const DOCUMENT: &str = "docs/scale.md";
const PICTURE: &str = "docs/images/storm.svg";

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where standard error is closed, the exit status still says it.
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Failure> {
    let known = quotas::Known::read()?;
    let story = scenarios::tell(&known)?;
    let tables = report::report(&known, &story)?;
    std::io::stdout().write_all(tables.as_bytes()).map_err(|error| Failure::File("standard output", error))?;
    let document = std::fs::read_to_string(DOCUMENT).map_err(|error| Failure::File(DOCUMENT, error))?;
    let document = report::placed(&document, &tables).ok_or(Failure::NoPlace)?;
    std::fs::write(PICTURE, chart::chart(&story)).map_err(|error| Failure::File(PICTURE, error))?;
    std::fs::write(DOCUMENT, document).map_err(|error| Failure::File(DOCUMENT, error))
}
