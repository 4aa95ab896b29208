//! The runs that `docs/scale.md` tells of.

use crate::load::Load;
use crate::quotas::{Known, Quotas};
use crate::simulation::{Caller, Outcome, Scenario, run};
use anyhow::Result;
use common::table::whole;
use rayon::prelude::*;

/// The peaks, in logins a second.
pub(crate) const PEAKS: [u32; 4] = [10, 100, 1_000, 10_000];
/// The one that the others are about.
pub(crate) const HIGHEST: u32 = 10_000;

/// Guesses a second at one account, and the logins of others meanwhile.
const GUESSES: [u32; 4] = [100, 900, 2_000, 5_000];
const LOGINS_BESIDE: u32 = 20;

const SEED: u64 = 2_026;

/// Runs with the first cell of their rows.
pub(crate) type Runs = Vec<(String, Outcome)>;

/// All runs, by table.
pub(crate) struct Results {
    /// Pages, with the quotas of an account that asked for nothing.
    pub(crate) pages: Runs,
    /// Programs, likewise.
    pub(crate) programs: Runs,
    /// Pages, with every quota raised.
    pub(crate) raised: Runs,
    /// Pages at the highest peak, with every quota raised but one.
    pub(crate) but_one: Runs,
    /// Guesses at one account.
    pub(crate) guesses: Runs,
}

/// Runs them all.
pub(crate) fn run_all(known: &Known) -> Result<Results> {
    let (default, raised) = (known.default()?, known.raised()?);
    let scenario = |peak, caller, quotas| Scenario { load: Load::of(peak), caller, quotas, guesses: 0, seed: SEED };
    let by_peak = |caller, quotas| PEAKS.map(|peak| (whole(peak.into()), scenario(peak, caller, quotas))).to_vec();
    let highest = |quotas| scenario(HIGHEST, Caller::Page, quotas);
    let sudden = Load { ramp: 1, ..Load::of(HIGHEST) };
    let but_one = [
        ("`GetId`", highest(Quotas { ids: default.ids, ..raised })),
        ("`GetCredentialsForIdentity`", highest(Quotas { credentials: default.credentials, ..raised })),
        ("`GetOpenIdTokenForDeveloperIdentity`", highest(Quotas { tokens: default.tokens, ..raised })),
        ("Lambda concurrency", highest(Quotas { concurrency: default.concurrency, ..raised })),
        ("warm throughput (new table)", highest(Quotas { writes: default.writes, reads: default.reads, ..raised })),
        ("none, and no rise: the peak at once", Scenario { load: sudden, ..highest(raised) }),
    ];
    let beside = Load { baseline: f64::from(LOGINS_BESIDE), ..Load::of(LOGINS_BESIDE) };
    let guesses = GUESSES.map(|guesses| {
        let scenario = Scenario { load: beside, guesses, ..scenario(LOGINS_BESIDE, Caller::Program, default) };
        (whole(guesses.into()), scenario)
    });
    // A run knows nothing of the others, so the order in which they end does not matter.
    let runs = |scenarios: Vec<(String, Scenario)>| -> Runs {
        scenarios.into_par_iter().map(|(name, scenario)| (name, run(&scenario))).collect()
    };
    Ok(Results {
        pages: runs(by_peak(Caller::Page, default)),
        programs: runs(by_peak(Caller::Program, default)),
        raised: runs(by_peak(Caller::Page, raised)),
        but_one: runs(but_one.map(|(name, scenario)| (name.to_owned(), scenario)).into()),
        guesses: runs(guesses.into()),
    })
}
