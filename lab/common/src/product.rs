//! What the lab reads from the product instead of repeating it. A change there that breaks the lab is mended here.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::PathBuf;

pub use latchkey_auth::throttle::wait_after;

/// A function as `stacks/functions.toml` declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The operation in the contract, `createUser`; `mail` for the one that sends mail.
    pub operation: String,
    /// The package and the binary: `create-user`.
    pub package: String,
    /// The memory, in MB.
    pub memory_mb: u32,
}

#[derive(Deserialize)]
struct Declarations {
    function: Vec<Declaration>,
}

#[derive(Deserialize)]
struct Declaration {
    name: String,
    memory: u32,
}

/// A file or folder of the repository.
#[must_use]
pub fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file)
}

/// The text of a file of the repository.
pub fn text(file: &str) -> Result<String> {
    std::fs::read_to_string(path(file)).with_context(|| format!("{file} cannot be read"))
}

/// The functions in the order of that file.
pub fn functions() -> Result<Vec<Function>> {
    let file: Declarations = toml::from_str(&text("stacks/functions.toml")?)?;
    let functions = file.function.into_iter();
    Ok(functions
        .map(|Declaration { name, memory }| Function { package: kebab(&name), operation: name, memory_mb: memory })
        .collect())
}

/// The default of a template's parameter that is a number.
pub fn parameter(name: &str) -> Result<f64> {
    let template = text("template.yaml")?;
    let (_, parameter) = template.split_once(&format!("\n  {name}:\n")).context("no such parameter")?;
    number(parameter, "Default: ").with_context(|| format!("template.yaml has no number as default of {name}"))
}

/// Milliseconds of a warm call, as `docs/performance.md` has them.
pub fn warm_call_ms(package: &str) -> Result<f64> {
    const COLUMN: &str = "warm call";
    let page = text("docs/performance.md")?;
    let mut rows = page.lines().filter(|line| line.starts_with("| ")).map(|row| row.split('|').map(str::trim));
    let mut columns = rows.find_map(|mut row| row.position(|cell| cell == COLUMN)).into_iter();
    columns
        .find_map(|column| rows.find(|row| row.clone().nth(1) == Some(package))?.nth(column)?.parse().ok())
        .with_context(|| format!("docs/performance.md has no {COLUMN} of {package}"))
}

/// The first number after these words.
fn number<N: std::str::FromStr>(text: &str, words: &str) -> Option<N> {
    text.split_once(words)?.1.lines().next()?.trim().parse().ok()
}

fn kebab(name: &str) -> String {
    let separated = name.chars().enumerate().map(|(place, letter)| {
        let separator = if place > 0 && letter.is_uppercase() { "-" } else { "" };
        format!("{separator}{}", letter.to_lowercase())
    });
    separated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_those_of_the_contract_and_the_one_that_sends_mail() {
        let functions = functions().unwrap();
        let operations: Vec<_> = functions.iter().map(|function| &function.operation[..]).collect();
        let contract = ["createUser", "verifyUser", "login", "changePassword", "lostPassword", "resetPassword", "mail"];
        assert_eq!(operations, contract);
        for function in functions {
            assert!(path("functions").join(&function.package).is_dir(), "{function:?}");
            assert!(warm_call_ms(&function.package).is_ok(), "{function:?}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_named_parameter() {
        assert!((parameter("LogRetentionDays").unwrap() - 30.0).abs() < 1e-9);
        assert!(parameter("Nothing").is_err());
    }
}
