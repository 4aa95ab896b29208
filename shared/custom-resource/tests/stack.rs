//! The stack to copy agrees with the library.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use latchkey_custom_resource::framework::{Times, definition};
use serde_json::Value;

const STACK: &str = include_str!("../../../stacks/custom-resource.yaml");
const PAGE: &str = include_str!("../../../docs/custom-resources.md");
const GREETING: &str = include_str!("../examples/greeting.rs");

#[test]
fn the_stacks_state_machine_is_the_librarys_with_the_default_times() {
    let text = STACK.split("        Fn::Sub:\n          - |\n").nth(1).unwrap();
    let text = text.split("          - Interval:").next().unwrap();
    let times = Times::default();
    let text = text
        .replace("${IsComplete.Arn}", "asks")
        .replace("${OnTimeout.Arn}", "ends")
        .replace("${Interval}", &times.interval().to_string())
        .replace("${Attempts}", &times.attempts().to_string());
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), definition(times, "asks", "ends"));
    assert!(STACK.contains(&format!("[HasInterval, !Ref QueryInterval, \"{}\"]", times.interval())));
    assert!(STACK.contains(&format!("[HasAttempts, !Ref QueryAttempts, \"{}\"]", times.attempts())));
}

#[test]
fn the_pages_example_is_the_one_that_compiles() {
    let code = PAGE.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(GREETING.ends_with(code), "{code}");
    assert!(code.lines().filter(|line| !line.is_empty()).count() <= 20);
}
