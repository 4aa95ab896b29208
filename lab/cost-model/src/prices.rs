//! `prices.json`: what a unit costs, and how that is known.

use indexmap::IndexMap;
use serde::Deserialize;

/// The prices of one region at one time, by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    /// Where they hold. For readers of the file.
    #[serde(rename = "region")]
    _region: String,
    pub(crate) prices: IndexMap<String, Price>,
}

/// What a quantity costs in a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Price {
    /// The line of the bill.
    pub(crate) title: String,
    /// Which of its prices this is, where it has several.
    pub(crate) variant: Option<String>,
    pub(crate) unit: String,
    /// How many units the tiers' dollars are for.
    pub(crate) per: f64,
    /// From the first unit of the month to the last; the last tier has no end.
    pub(crate) tiers: Vec<Tier>,
    /// Units that cost nothing, every month and without end. They are the first ones of the first tier.
    pub(crate) free: f64,
    /// The page of AWS that publishes it.
    pub(crate) page: String,
    pub(crate) url: String,
    pub(crate) source: Source,
    /// The text that it was read in.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test looks whether each has one"))]
    pub(crate) seen_in: String,
    pub(crate) looked_up: String,
    /// What is uncertain, or not counted. For readers of the file.
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// What a unit costs up to a number of units.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Tier {
    pub(crate) up_to: Option<f64>,
    /// US dollars for as many units as the price is for.
    pub(crate) usd: f64,
}

/// How near to AWS the text is that a price was read in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Source {
    /// AWS's own page, in a stored copy.
    Provider,
    /// Somebody's dated transcript of AWS's page or price list.
    Transcript,
    /// Somebody else's article.
    Secondary,
}

/// Whether what is free comes off. An account has it once, for all that runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeTier {
    /// Something else uses it up.
    Used,
    /// It is all for this.
    Counted,
}

impl Price {
    /// Dollars for a month's units.
    #[must_use]
    pub fn usd(&self, units: f64, free: FreeTier) -> f64 {
        match free {
            FreeTier::Used => self.of_first(units),
            FreeTier::Counted => self.of_first(units) - self.of_first(units.min(self.free)),
        }
    }

    /// Dollars for the first units of a month, with nothing free.
    fn of_first(&self, units: f64) -> f64 {
        let mut from = 0.0;
        let mut usd = 0.0;
        for tier in &self.tiers {
            let to = tier.up_to.unwrap_or(f64::INFINITY);
            usd += (units.min(to) - from).max(0.0) / self.per * tier.usd;
            from = to;
        }
        usd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;
    use proptest::prelude::*;

    #[test]
    fn each_tier_costs_its_own_price_and_what_is_free_comes_off_the_first() {
        let json = r#"{ "title": "t", "unit": "mails", "per": 1000, "free": 500, "page": "p", "url": "u", "source": "secondary",
            "seenIn": "s", "lookedUp": "2026-11-21", "tiers": [{ "upTo": 10000, "usd": 2 }, { "usd": 1 }] }"#;
        let price: Price = serde_json::from_str(json).unwrap();
        for (units, usd, beyond_free) in
            [(0.0, 0.0, 0.0), (500.0, 1.0, 0.0), (1_000.0, 2.0, 1.0), (10_000.0, 20.0, 19.0), (12_000.0, 22.0, 21.0)]
        {
            assert!((price.usd(units, FreeTier::Used) - usd).abs() < 1e-9, "{units}");
            assert!((price.usd(units, FreeTier::Counted) - beyond_free).abs() < 1e-9, "{units}");
        }
    }

    #[test]
    fn every_price_rises_by_tiers_to_one_without_end_and_says_where_and_when_it_was_read() {
        for price in Model::read().unwrap().prices.values() {
            let (last, others) = price.tiers.split_last().unwrap();
            assert!(last.up_to.is_none() && others.iter().all(|tier| tier.up_to.is_some()), "{price:?}");
            assert!(others.is_sorted_by(|one, next| one.up_to < next.up_to), "{price:?}");
            assert!(price.per > 0.0 && price.free >= 0.0, "{price:?}");
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
            for price in Model::read().unwrap().prices.values() {
                let more = less + more;
                prop_assert!(price.usd(less, FreeTier::Used) <= price.usd(more, FreeTier::Used));
                prop_assert!(price.usd(less, FreeTier::Counted) <= price.usd(more, FreeTier::Counted) + 1e-6);
                prop_assert!(price.usd(more, FreeTier::Counted) <= price.usd(more, FreeTier::Used));
            }
        }
    }
}
