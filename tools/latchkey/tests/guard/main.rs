//! The guard on the templates of this repository: as they are, with plausible mistakes, and with harmless changes.

mod disguises;
mod mistakes;
mod owner;
mod templates;

use latchkey::{Case, Date, guard};
use std::sync::OnceLock;

const OF_TEMPLATE: &str = include_str!("../../../../stacks/guard.toml");

fn today() -> Date {
    Date::parse("2026-11-26").expect("a date")
}

fn parameters() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    let config = serde_json::from_str(include_str!("../../../../config.json")).expect("a configuration");
    MADE.get_or_init(|| latchkey::parameters(&config, "", &[]))
}

fn judged_with(template: &str, of_owner: Option<&str>) -> Result<String, Vec<String>> {
    guard(
        Case {
            template: Some(("template.yaml", template)),
            parameters: Some(("parameters.json", parameters())),
            change_set: None,
            of_template: Some(("stacks/guard.toml", OF_TEMPLATE)),
            of_owner: of_owner.map(|text| ("guard.toml", text)),
        },
        today(),
    )
}

fn judged(template: &str) -> Result<String, Vec<String>> {
    judged_with(template, None)
}

/// The template of the service, made once.
fn service() -> &'static str {
    static MADE: OnceLock<String> = OnceLock::new();
    MADE.get_or_init(latchkey::template)
}

/// The template with the first occurrence of a text after another one replaced.
fn altered(after: &str, from: &str, to: &str) -> String {
    let template = service();
    let start = template.find(after).unwrap_or_else(|| panic!("the template has no {after:?}"));
    let at = template[start..].find(from).unwrap_or_else(|| panic!("there is no {from:?} after {after:?}")) + start;
    format!("{}{to}{}", &template[..at], &template[at + from.len()..])
}
