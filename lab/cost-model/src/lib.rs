//! What logins and sign-ups cost on AWS, line by line, and what the same users would cost with Cognito user pools.
//!
//! `prices.json` says what a unit costs, `workload.json` what one call uses; [`Model`] multiplies them, and `tables` shows the
//! products in `docs/cost.md`. Money is in US dollars.

mod model;
mod prices;
mod tables;
mod workload;

pub use model::Model;
pub use prices::{FreeTier, Price};
pub use tables::tables;
pub use workload::{Operation, Workload};

/// The page with the tables.
pub const PAGE: &str = "docs/cost.md";
