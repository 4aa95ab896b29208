//! `workload.json`: what one call of each operation uses when it succeeds, and what had to be assumed. Memory, computing time and
//! settings are read from the product.
//!
//! Writes and reads are those that `tests/end_to_end/faults.rs` counts: every item is under 1 KB, so a write is one unit, and so
//! is a strongly consistent read. Each mail is one call of the mail function more: how many requests share a call is not known.

use anyhow::{Context, Result};
use common::product;
use indexmap::IndexMap;
use serde::Deserialize;

/// The function that sends mail, which no page calls.
pub(crate) const MAIL: &str = "mail";

/// What is used, and how many times a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Logins, or sign-ups, a month: the columns of the tables.
    pub(crate) volumes: [f64; 3],
    pub(crate) assumptions: IndexMap<String, Assumed>,
    pub(crate) operations: IndexMap<String, Operation>,
}

/// A number that no measurement of ours gives, with the reason for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assumed {
    #[serde(default)]
    pub(crate) value: f64,
    /// The parameter of the template whose default it is.
    parameter: Option<String>,
    pub(crate) why: String,
}

/// What a successful call uses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operation {
    /// As the template gives it.
    #[serde(skip)]
    pub(crate) memory_mb: f64,
    /// A warm call in `docs/performance.md`: a whole CPU, and services that answer at once.
    #[serde(skip)]
    pub(crate) compute_ms: f64,
    /// What it waits for, one after the other. What goes on beside a hash or beside a longer wait is left out.
    pub(crate) waits: Vec<String>,
    pub(crate) table_writes: f64,
    pub(crate) table_reads: f64,
    /// Requests for mail that it hands over, each of which ends as a mail.
    pub(crate) mails: f64,
    /// Bytes of the answer with its headers.
    pub(crate) answer_bytes: f64,
    /// The page that it is called from; the mail function has none.
    #[serde(default)]
    pub(crate) page: Page,
}

/// One load of a page of `web/`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Page {
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the numbers with the file"))]
    pub(crate) file: String,
    /// Itself and what it loads, each a request.
    pub(crate) requests: f64,
    /// Bytes of all these, with headers.
    pub(crate) bytes: f64,
    /// Share of loads by a browser that has copies, and only asks whether they are still good.
    pub(crate) seen_before_share: f64,
}

impl Workload {
    pub(crate) fn read() -> Result<Self> {
        let mut workload: Self = serde_json::from_str(include_str!("../workload.json"))?;
        for assumed in workload.assumptions.values_mut() {
            if let Some(parameter) = &assumed.parameter {
                assumed.value = product::parameter(parameter)?;
            }
        }
        for function in product::functions()? {
            let operation = workload.operations.get_mut(&function.operation);
            let operation = operation.with_context(|| format!("workload.json has no {}", function.operation))?;
            operation.memory_mb = function.memory_mb.into();
            operation.compute_ms = product::warm_call_ms(&function.package)?;
        }
        Ok(workload)
    }

    /// An assumption by its name in the file.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn assumed(&self, name: &str) -> f64 {
        self.assumptions[name].value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;

    #[test]
    fn every_operation_has_a_function_and_every_assumption_a_reason() {
        let workload = Workload::read().unwrap();
        assert!(workload.operations.values().all(|operation| operation.memory_mb > 0.0 && operation.compute_ms > 0.0));
        assert!(workload.assumptions.values().all(|assumed| !assumed.why.is_empty()));
    }

    /// Bytes of a file as deploy.sh stores it.
    fn sent(file: &[u8]) -> usize {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(file).unwrap();
        packed.finish().unwrap().len()
    }

    #[test]
    fn the_pages_are_those_of_the_web_folder_give_or_take_a_fifth() {
        let near = |value: f64, other: f64| (value - other).abs() <= 0.2 * value.max(other);
        for (name, Operation { page, .. }) in Workload::read().unwrap().operations {
            if name == MAIL {
                continue;
            }
            let source = product::text(&format!("web/{}", page.file)).unwrap();
            // A page is sent with the parts that its markers name.
            let markers = source.split("<!-- part: ").skip(1).filter_map(|rest| rest.split_once(" -->"));
            let parts = markers.map(|(name, _)| product::text(&format!("web/parts/{name}.html")).unwrap());
            let html: String = parts.chain([source.clone()]).collect();
            let loaded: BTreeSet<_> = html
                .split(['"', ' '])
                .filter(|word| [".js", ".css", ".svg"].iter().any(|end| word.ends_with(end)))
                .collect();
            // The address policy and names like `'self'` have no such ending. config.js is made when it is deployed.
            let size = |file: &&str| std::fs::read(product::path("web").join(file)).map_or(250, |file| sent(&file));
            let bytes = u32::try_from(sent(html.as_bytes()) + loaded.iter().map(size).sum::<usize>()).unwrap();
            let requests = f64::from(u32::try_from(1 + loaded.len()).unwrap());
            assert!(near(requests, page.requests), "{name}: {requests} requests");
            let bytes = f64::from(bytes) + 400.0 * requests;
            assert!(near(bytes, page.bytes), "{name}: {bytes} bytes");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<Assumed>(r#"{ "value": 1, "why": "w", "who": "me" }"#).is_err());
    }
}
