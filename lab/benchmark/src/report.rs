//! What is kept of a measurement, as JSON in `target/bench`, and how figures are written.

use anyhow::Result;
use harness::statistics::{median, quantile};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Keeps a measurement.
pub(crate) fn keep(target: &Path, name: &str, report: &Value) -> Result<()> {
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(report)?)?)
}

/// A measurement that was kept, or null.
pub(crate) fn kept(target: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(target.join(format!("bench/{name}.json"))).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The median with its quartiles.
pub(crate) fn spread(series: &[f64]) -> String {
    format!("{:.2} ({:.2} to {:.2})", median(series), quantile(series, 0.25), quantile(series, 0.75))
}
