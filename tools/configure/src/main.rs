//! `configure check FILE`: every mistake of a configuration in one line of its own, by key.

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: configure check FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", file] => check(file),
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

fn check(file: &str) -> Result<(), Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|error| vec![format!("{file}: cannot be read: {error}")])?;
    let config = configure::check(&text)
        .map_err(|problems| problems.into_iter().map(|problem| format!("{file}: {problem}")).collect::<Vec<_>>())?;
    if config.contains_key("CRYPTO_BYTE_SIZE") {
        let _ = writeln!(std::io::stderr(), "{file}: CRYPTO_BYTE_SIZE is ignored; tokens have 32 random bytes");
    }
    Ok(())
}
