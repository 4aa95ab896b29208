//! The quotas, from `quotas.json`: each with its source, and a note where a number is not certain.

use serde::Deserialize;

/// The file as it stands beside the program.
const FILE: &str = include_str!("../quotas.json");

/// The file of quotas does not say what a storm needs.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no JSON of the expected form.
    #[error("quotas.json: {0}")]
    Form(#[from] serde_json::Error),
    /// A quota is not in it.
    #[error("quotas.json has no {0}")]
    Missing(&'static str),
}

/// One quota.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// What the simulation calls it.
    pub id: String,
    /// Whose it is.
    pub service: String,
    /// Its name with AWS.
    pub name: String,
    /// Its code in Service Quotas.
    pub code: Option<String>,
    /// What an account has that asked for nothing.
    pub default: u32,
    /// What to ask for, where it should be more.
    pub raised: Option<u32>,
    /// What it counts.
    pub unit: String,
    /// Where the default was read.
    pub source: String,
    /// What is not certain, or not obvious.
    pub note: Option<String>,
}

/// Prices in US dollars.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Prices {
    /// One GB of memory for a second.
    pub lambda_gb_second: f64,
    /// A million calls.
    pub lambda_million_calls: f64,
    /// A million write units.
    pub table_million_writes: f64,
    /// A million read units.
    pub table_million_reads: f64,
}

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
pub struct Known {
    /// The month in which the numbers were looked up.
    pub as_of: String,
    /// The quotas.
    pub quotas: Vec<Entry>,
    /// What use costs.
    pub prices: Prices,
}

/// The quotas that a storm of logins meets. Rates are per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// New anonymous identities.
    pub ids: u32,
    /// Exchanges of an identity for credentials.
    pub credentials: u32,
    /// Tokens for users.
    pub tokens: u32,
    /// Environments at work at once.
    pub concurrency: u32,
    /// New environments in ten seconds.
    pub scaling: u32,
    /// Writes to the table: the account's quota or the table's warm throughput, whichever is less.
    pub writes: u32,
    /// Reads from the table, likewise.
    pub reads: u32,
    /// Writes to one item.
    pub item_writes: u32,
    /// Reads of one item.
    pub item_reads: u32,
}

impl Known {
    /// What the file beside the program says.
    pub fn read() -> Result<Self, Unusable> {
        Ok(serde_json::from_str(FILE)?)
    }

    /// The quota of this id.
    pub fn entry(&self, id: &'static str) -> Result<&Entry, Unusable> {
        self.quotas.iter().find(|entry| entry.id == id).ok_or(Unusable::Missing(id))
    }

    /// The quotas of an account and a table that nobody did anything for.
    pub fn default(&self) -> Result<Quotas, Unusable> {
        self.quotas(|entry| entry.default)
    }

    /// The quotas as `docs/scale.md` asks for them.
    pub fn raised(&self) -> Result<Quotas, Unusable> {
        self.quotas(|entry| entry.raised.unwrap_or(entry.default))
    }

    fn quotas(&self, value: impl Fn(&Entry) -> u32) -> Result<Quotas, Unusable> {
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
    fn every_quota_names_where_it_was_read() {
        let known = Known::read().unwrap();
        for entry in &known.quotas {
            assert!(entry.source.starts_with("https://"), "{}", entry.id);
        }
    }

    #[test]
    fn what_is_asked_for_is_more_than_what_is_there() {
        for entry in Known::read().unwrap().quotas {
            assert!(entry.raised.is_none_or(|raised| raised > entry.default), "{}", entry.id);
        }
    }
}
