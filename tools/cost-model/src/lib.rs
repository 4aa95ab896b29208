//! What logins and sign-ups cost on AWS, line by line, and what the same users would cost with Cognito user pools.
//!
//! `prices.json` says what a unit costs, `workload.json` what one call uses; `model` multiplies them, `tables` shows the
//! products, and `document` keeps `docs/cost.md` the same as what is shown. Money is in US dollars.

mod document;
mod model;
mod prices;
mod tables;
mod workload;

pub use document::{NumberOfTables, in_place, tables_of};
pub use model::{Architecture, FreeTier, Line, Load, MailPlan, Model, Pages, Plan};
pub use prices::{Price, Prices, Source, Tier};
pub use tables::{Table, tables};
pub use workload::{Assumed, Assumptions, Operation, Operations, Page, Wait, Workload};
