//! The storms that `docs/scale.md` tells of.

use crate::load::Storm;
use crate::quotas::{Known, Quotas, Unusable};
use crate::simulation::{Caller, Outcome, Scenario, run};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The peaks, in logins a second.
pub const PEAKS: [u32; 4] = [10, 100, 1_000, 10_000];
/// The one that the others are about.
pub const HIGHEST: u32 = 10_000;

/// Guesses a second at one account, and the logins of others meanwhile.
const GUESSES: [u32; 4] = [100, 900, 2_000, 5_000];
const LOGINS_BESIDE: u32 = 20;

const SEED: u64 = 2_026;

/// A run, and what it is called.
#[derive(Clone, Debug)]
pub struct Told {
    /// The first cell of its row.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// All runs, by table.
#[derive(Clone, Debug)]
pub struct Story {
    /// Pages, with the quotas of an account that asked for nothing.
    pub pages: Vec<Told>,
    /// Programs, likewise.
    pub programs: Vec<Told>,
    /// Pages, with every quota raised.
    pub raised: Vec<Told>,
    /// Pages at the highest peak, with every quota raised but one.
    pub but_one: Vec<Told>,
    /// Guesses at one account.
    pub guesses: Vec<Told>,
}

/// Runs them all.
pub fn tell(known: &Known) -> Result<Story, Unusable> {
    let (default, raised) = (known.default()?, known.raised()?);
    let storm = |peak, caller, quotas| Scenario { storm: Storm::of(peak), caller, quotas, guesses: 0, seed: SEED };
    let by_peak = |caller, quotas| -> Vec<(String, Scenario)> {
        PEAKS.iter().map(|&peak| (crate::report::whole(u64::from(peak)), storm(peak, caller, quotas))).collect()
    };
    let highest = |quotas| storm(HIGHEST, Caller::Page, quotas);
    let sudden = Storm { ramp: 1, ..Storm::of(HIGHEST) };
    let but_one = vec![
        ("`GetId`", highest(Quotas { ids: default.ids, ..raised })),
        ("`GetCredentialsForIdentity`", highest(Quotas { credentials: default.credentials, ..raised })),
        ("`GetOpenIdTokenForDeveloperIdentity`", highest(Quotas { tokens: default.tokens, ..raised })),
        ("Lambda concurrency", highest(Quotas { concurrency: default.concurrency, ..raised })),
        ("warm throughput (new table)", highest(Quotas { writes: default.writes, reads: default.reads, ..raised })),
        ("none, and no rise: the peak at once", Scenario { storm: sudden, ..highest(raised) }),
    ];
    let beside = Storm { baseline: f64::from(LOGINS_BESIDE), ..Storm::of(LOGINS_BESIDE) };
    let guesses = GUESSES.map(|guesses| {
        let scenario = Scenario { storm: beside, guesses, ..storm(LOGINS_BESIDE, Caller::Program, default) };
        (crate::report::whole(u64::from(guesses)), scenario)
    });
    let tables = [
        by_peak(Caller::Page, default),
        by_peak(Caller::Program, default),
        by_peak(Caller::Page, raised),
        but_one.into_iter().map(|(name, scenario)| (name.to_owned(), scenario)).collect(),
        guesses.to_vec(),
    ];
    let mut outcomes = run_all(&tables.iter().flatten().map(|(_, scenario)| *scenario).collect::<Vec<_>>()).into_iter();
    let [pages, programs, raised, but_one, guesses] = tables
        .map(|table| table.into_iter().zip(&mut outcomes).map(|((name, _), outcome)| Told { name, outcome }).collect());
    Ok(Story { pages, programs, raised, but_one, guesses })
}

/// Two at a time. A run knows nothing of the others, so the order in which they end does not matter.
fn run_all(scenarios: &[Scenario]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((place, scenario)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            scenarios.get(place).map(|scenario| (place, scenario))
        } {
            done.push((place, run(scenario)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut done = work();
        // A panic over there is one here.
        done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
