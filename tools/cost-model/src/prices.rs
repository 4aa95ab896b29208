//! `prices.json`: what a unit costs, and how that is known.

use serde::Deserialize;

/// The prices of one region at one time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceList {
    /// Where they hold.
    pub(crate) region: String,
    /// The prices.
    pub(crate) prices: Prices,
}

/// Every price that the model needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Prices {
    /// Lambda: calls.
    pub lambda_requests: Price,
    /// Lambda: memory by time on `x86_64`.
    pub lambda_gb_seconds_x86: Price,
    /// Lambda: memory by time on `arm64`.
    pub lambda_gb_seconds_arm: Price,
    /// DynamoDB: writes of up to 1 KB, on demand.
    pub table_writes: Price,
    /// DynamoDB: strongly consistent reads of up to 4 KB, on demand.
    pub table_reads: Price,
    /// DynamoDB: the items.
    pub table_storage: Price,
    /// DynamoDB: recovery to a point in time, by the size of the table.
    pub table_recovery: Price,
    /// KMS: requests for the table's key.
    pub key_requests: Price,
    /// SES: mails on the plan of a new account.
    pub mails: Price,
    /// SES: mails without a plan.
    pub mails_a_la_carte: Price,
    /// S3: requests for files of the pages.
    pub page_requests: Price,
    /// What leaves AWS for the internet.
    pub transfer_out: Price,
    /// Logs: what Lambda writes.
    pub log_ingestion: Price,
    /// Logs: what is kept, compressed.
    pub log_storage: Price,
    /// Metrics of our own.
    pub custom_metrics: Price,
    /// Cognito user pools, plan Lite.
    pub cognito_lite: Price,
    /// Cognito user pools, plan Essentials.
    pub cognito_essentials: Price,
}

/// What a quantity costs in a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Price {
    /// What is counted.
    pub unit: String,
    /// How many units the tiers' dollars are for.
    pub per: f64,
    /// From the first unit of the month to the last; the last tier has no end.
    pub tiers: Vec<Tier>,
    /// Units that cost nothing, every month and without end. They are the first ones of the first tier.
    pub free: f64,
    /// The page of AWS that publishes it.
    pub page: String,
    /// Where that page is.
    pub url: String,
    /// What kind of text the figure was read in.
    pub source: Source,
    /// That text.
    pub seen_in: String,
    /// When it was read.
    pub looked_up: String,
    /// What is uncertain, or not counted.
    pub note: Option<String>,
}

/// What a unit costs up to a number of units.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tier {
    /// The last unit of the tier.
    pub up_to: Option<f64>,
    /// US dollars for as many units as the price is for.
    pub usd: f64,
}

/// How near to AWS the text is that a price was read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// AWS's own page, in a stored copy.
    Provider,
    /// Somebody's transcript of AWS's page or price list, with its date.
    Transcript,
    /// Somebody else's article.
    Secondary,
}

impl Source {
    /// For a table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provider => "AWS's page, stored",
            Self::Transcript => "transcript",
            Self::Secondary => "article",
        }
    }
}

impl Price {
    /// Dollars for a month's units, of which none is free.
    #[must_use]
    pub fn usd(&self, units: f64) -> f64 {
        let mut from = 0.0;
        let mut usd = 0.0;
        for tier in &self.tiers {
            let to = tier.up_to.unwrap_or(f64::INFINITY);
            usd += (units.min(to) - from).max(0.0) / self.per * tier.usd;
            from = to;
        }
        usd
    }

    /// Dollars for a month's units beyond the free ones.
    #[must_use]
    pub fn usd_beyond_free(&self, units: f64) -> f64 {
        self.usd(units) - self.usd(units.min(self.free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price() -> Price {
        let json = r#"{ "unit": "mails", "per": 1000, "free": 500, "page": "p", "url": "u", "source": "secondary",
            "seenIn": "s", "lookedUp": "2026-11-21", "tiers": [{ "upTo": 10000, "usd": 2 }, { "usd": 1 }] }"#;
        serde_json::from_str(json).unwrap()
    }

    fn all() -> Vec<Price> {
        let text: serde_json::Value = serde_json::from_str(include_str!("../prices.json")).unwrap();
        let prices = text["prices"].as_object().unwrap();
        prices.values().map(|price| serde_json::from_value(price.clone()).unwrap()).collect()
    }

    #[test]
    fn each_tier_costs_its_own_price_and_what_is_free_comes_off_the_first() {
        for (units, usd, beyond_free) in
            [(0.0, 0.0, 0.0), (500.0, 1.0, 0.0), (1_000.0, 2.0, 1.0), (10_000.0, 20.0, 19.0), (12_000.0, 22.0, 21.0)]
        {
            assert!((price().usd(units) - usd).abs() < 1e-9, "{units}");
            assert!((price().usd_beyond_free(units) - beyond_free).abs() < 1e-9, "{units}");
        }
    }

    #[test]
    fn the_tiers_rise_to_one_without_end() {
        for price in all() {
            let mut from = 0.0;
            let (last, others) = price.tiers.split_last().unwrap();
            assert!(last.up_to.is_none(), "{price:?}");
            for tier in others {
                assert!(tier.up_to.unwrap() > from, "{price:?}");
                from = tier.up_to.unwrap();
            }
            assert!(price.per > 0.0 && price.free >= 0.0, "{price:?}");
        }
    }

    #[test]
    fn every_price_says_where_and_when_it_was_read() {
        for price in all() {
            assert!(price.url.starts_with("https://aws.amazon.com/"), "{price:?}");
            assert!(!price.seen_in.is_empty() && price.looked_up.len() == "2026-11-21".len(), "{price:?}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<Tier>(r#"{ "usd": 1, "eur": 1 }"#).is_err());
    }

    proptest! {
        #[test]
        fn more_never_costs_less(less in 0.0..1e12, more in 0.0..1e12) {
            for price in all() {
                let more = less + more;
                prop_assert!(price.usd(less) <= price.usd(more));
                prop_assert!(price.usd_beyond_free(less) <= price.usd_beyond_free(more) + 1e-6);
                prop_assert!(price.usd_beyond_free(more) <= price.usd(more));
            }
        }
    }
}
