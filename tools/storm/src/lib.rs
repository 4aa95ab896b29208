//! A login storm against the service's quotas, simulated.
//!
//! What AWS allows stands in [`quotas`], each number with its source. [`load`] is the storm, [`bucket`] and [`fleet`] are what it
//! meets, and [`simulation`] lets them meet. [`scenarios`] are the storms that `docs/scale.md` tells of, [`report`] its
//! tables and [`chart`] its picture. Nothing here reads a clock or the system's randomness: the same seed gives
//! the same bytes. The generator is a named one, because the standard one may be another in the next version of its
//! library, and costs two thirds of an unoptimised run.

pub mod bucket;
pub mod chart;
pub mod fleet;
pub mod load;
pub mod quotas;
pub mod report;
pub mod scenarios;
pub mod simulation;
