//! `configure check FILE`: every mistake of a configuration in one line of its own, by key.
//! `configure shell FILE`: the same check, and then the values in force as assignments for a shell.
//! `configure write FILE KEY=VALUE…`: sets keys and leaves the rest of the file as it is.
//! `configure site FILE WEB OUT [ENDPOINT]`: the pages as they are served.

use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str =
    "usage: configure check|shell FILE, configure write FILE KEY=VALUE..., configure site FILE WEB OUT [ENDPOINT]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", file] => check(file).map(drop),
        ["shell", file] => check(file).and_then(|config| shell(&config)),
        ["write", file, pairs @ ..] => write(file, pairs),
        ["site", file, web, out] => site(file, web, out, None),
        ["site", file, web, out, endpoint] => site(file, web, out, Some(endpoint)),
        _ => Err(vec![USAGE.to_owned()]),
    };
    let Err(lines) = outcome else { return ExitCode::SUCCESS };
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        // Where standard error is closed, the exit status still says it.
        let _ = writeln!(stderr, "{line}");
    }
    ExitCode::FAILURE
}

fn check(file: &str) -> Result<Map<String, Value>, Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|error| vec![format!("{file}: cannot be read: {error}")])?;
    let config = configure::check(&text)
        .map_err(|problems| problems.into_iter().map(|problem| format!("{file}: {problem}")).collect::<Vec<_>>())?;
    if config.contains_key("CRYPTO_BYTE_SIZE") {
        let _ = writeln!(std::io::stderr(), "{file}: CRYPTO_BYTE_SIZE is ignored; tokens have 32 random bytes");
    }
    Ok(config)
}

fn shell(config: &Map<String, Value>) -> Result<(), Vec<String>> {
    let assignments = configure::shell(&configure::effective(config));
    std::io::stdout().write_all(assignments.as_bytes()).map_err(|error| vec![format!("standard output: {error}")])
}

fn write(file: &str, pairs: &[&str]) -> Result<(), Vec<String>> {
    let values: Option<Vec<_>> = pairs.iter().map(|pair| pair.split_once('=')).collect();
    let values = values.ok_or_else(|| vec![USAGE.to_owned()])?;
    configure::write(Path::new(file), check(file)?, &values)
        .map_err(|error| vec![format!("{file}: cannot be written: {error}")])
}

fn site(file: &str, web: &str, out: &str, endpoint: Option<&str>) -> Result<(), Vec<String>> {
    let settings = configure::effective(&check(file)?);
    configure::site(&settings, Path::new(web), Path::new(out), endpoint)
        .map_err(|error| vec![format!("{out}: cannot be made from {web}: {error}")])
}
