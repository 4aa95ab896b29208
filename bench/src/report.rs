//! What is kept of a measurement: JSON in `target/bench`, one file for each.

use crate::Failed;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Keeps a measurement.
pub(crate) fn keep(target: &Path, name: &str, report: &Value) -> Result<(), Failed> {
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(report)?)?;
    Ok(())
}

/// A measurement that was kept, or nothing.
pub(crate) fn kept(target: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(target.join(format!("bench/{name}.json"))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
