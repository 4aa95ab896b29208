//! The quotas, from `quotas.json`: each with its source, and a note where a number is not certain.

use anyhow::{Context, Result};
use serde::Deserialize;

/// One quota.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) service: String,
    /// Its name with AWS.
    pub(crate) name: String,
    /// Its code in Service Quotas.
    pub(crate) code: Option<String>,
    /// What an account has that asked for nothing.
    pub(crate) default: u32,
    /// What to ask for, where it should be more.
    pub(crate) raised: Option<u32>,
    // For readers of the file.
    #[serde(rename = "unit")]
    _unit: String,
    #[serde(rename = "note")]
    _note: Option<String>,
    /// Where the default was read.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test looks whether each has one"))]
    pub(crate) source: String,
}

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Known {
    quotas: Vec<Entry>,
}

/// The quotas that logins meet. Rates are per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// New anonymous identities.
    pub(crate) ids: u32,
    /// Exchanges of an identity for credentials.
    pub(crate) credentials: u32,
    /// Tokens for users.
    pub(crate) tokens: u32,
    /// Environments at work at once.
    pub(crate) concurrency: u32,
    /// New environments in ten seconds.
    pub(crate) scaling: u32,
    /// Writes to the table: the account's quota or the table's warm throughput, whichever is less.
    pub(crate) writes: u32,
    /// Reads from the table, likewise.
    pub(crate) reads: u32,
    /// Writes to one item.
    pub(crate) item_writes: u32,
    /// Reads of one item.
    pub(crate) item_reads: u32,
}

impl Known {
    pub(crate) fn read() -> Result<Self> {
        Ok(serde_json::from_str(include_str!("../quotas.json"))?)
    }

    pub(crate) fn entry(&self, id: &str) -> Result<&Entry> {
        self.quotas.iter().find(|entry| entry.id == id).with_context(|| format!("quotas.json has no {id}"))
    }

    /// The quotas of an account and a table that nobody did anything for.
    pub(crate) fn default(&self) -> Result<Quotas> {
        self.quotas(|entry| entry.default)
    }

    /// The quotas as `docs/scale.md` asks for them.
    pub(crate) fn raised(&self) -> Result<Quotas> {
        self.quotas(|entry| entry.raised.unwrap_or(entry.default))
    }

    fn quotas(&self, value: impl Fn(&Entry) -> u32) -> Result<Quotas> {
        let of = |id| self.entry(id).map(&value);
        Ok(Quotas {
            ids: of("identity_ids")?,
            credentials: of("identity_credentials")?,
            tokens: of("identity_tokens")?,
            concurrency: of("lambda_concurrency")?,
            scaling: of("lambda_scaling")?,
            writes: of("table_writes")?.min(of("table_warm_writes")?),
            reads: of("table_reads")?.min(of("table_warm_reads")?),
            item_writes: of("partition_writes")?,
            item_reads: of("partition_reads")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_names_where_it_was_read_and_asks_for_more_than_is_there() {
        for entry in Known::read().unwrap().quotas {
            assert!(entry.source.starts_with("https://"), "{}", entry.id);
            assert!(entry.raised.is_none_or(|raised| raised > entry.default), "{}", entry.id);
        }
    }
}
