//! `cost-model`: prints the tables of `docs/cost.md`.
//! `cost-model FILE`: puts them in place of those in FILE, and leaves the text around them as it is.

use cost_model::{Model, Table, in_place, tables};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tables = tables(&Model::ours());
    let outcome = match &arguments[..] {
        [] => print(&tables),
        [file] => write(file, &tables),
        _ => Err("usage: cost-model [FILE]".to_owned()),
    };
    let Err(line) = outcome else { return ExitCode::SUCCESS };
    // Where standard error is closed, the exit status still says it.
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::FAILURE
}

fn print(tables: &[Table]) -> Result<(), String> {
    let printed: Vec<_> = tables.iter().map(|table| format!("## {}\n\n{table}", table.title)).collect();
    std::io::stdout().write_all(printed.join("\n").as_bytes()).map_err(|error| format!("standard output: {error}"))
}

fn write(file: &str, tables: &[Table]) -> Result<(), String> {
    let page = std::fs::read_to_string(file).map_err(|error| format!("{file}: cannot be read: {error}"))?;
    let page = in_place(&page, tables).map_err(|error| format!("{file}: {error}"))?;
    std::fs::write(file, page).map_err(|error| format!("{file}: cannot be written: {error}"))
}
