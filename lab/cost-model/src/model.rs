//! Quantities by line, and what they cost.

use crate::prices::Prices;
use crate::workload::MAIL;
use crate::{FreeTier, Operation, Price, Workload};
use anyhow::Result;
use indexmap::IndexMap;

/// AWS counts storage, transfer and memory in binary gigabytes.
const BYTES_PER_GB: f64 = 1_073_741_824.0;
const MB_PER_GB: f64 = 1_024.0;
/// What AWS takes for a month.
const HOURS_PER_MONTH: f64 = 730.0;
const MINUTES_PER_MONTH: f64 = HOURS_PER_MONTH * 60.0;
const DAYS_PER_MONTH: f64 = HOURS_PER_MONTH / 24.0;

/// A line of the bill: the name of its price, and how many units a month takes.
pub(crate) type Line = (&'static str, fn(&Model, &Load<'_>) -> f64);

/// The lines, in the order of the tables.
pub(crate) const LINES: [Line; 13] = [
    ("lambdaRequests", |_, load| load.sum(|_, n| n)),
    (LAMBDA, |model, load| load.sum(|operation, n| n * model.gb_seconds(operation, n))),
    ("tableWrites", |_, load| load.sum(|operation, n| n * operation.table_writes)),
    ("tableReads", |_, load| load.sum(|operation, n| n * operation.table_reads)),
    ("tableStorage", Model::stored_gb),
    ("tableRecovery", Model::stored_gb),
    ("keyRequests", |model, load| {
        let most = MINUTES_PER_MONTH / model.workload.assumed("keyCacheMinutes");
        load.sum(|_, n| n.min(most))
    }),
    (MAILS, |_, load| load.sum(|operation, n| n * operation.mails)),
    ("pageRequests", |model, load| load.sum(|operation, n| n * model.page_loads() * operation.page.requests)),
    ("transferOut", |model, load| load.sum(|operation, n| n * model.bytes_out(operation) / BYTES_PER_GB)),
    ("logIngestion", Model::logged_gb),
    ("logStorage", |model, load| {
        let months = model.workload.assumed("logRetentionDays") / DAYS_PER_MONTH;
        model.logged_gb(load) * model.workload.assumed("storedLogShare") * months
    }),
    ("customMetrics", |model, _| model.workload.assumed("customMetrics")),
];

/// The prices that an owner's choices change: by `ARCHITECTURE`, and by the plan with SES. arm64 is taken to need the same time,
/// which was not measured.
pub(crate) const LAMBDA: &str = "lambdaGbSecondsX86";
pub(crate) const LAMBDA_ON_ARM: &str = "lambdaGbSecondsArm";
pub(crate) const MAILS: &str = "mails";
pub(crate) const MAILS_WITHOUT_PLAN: &str = "mailsALaCarte";

/// What a month brings.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) calls: Vec<(&'a Operation, f64)>,
    /// Users whose records are kept, and who are active.
    pub(crate) users: f64,
}

impl Load<'_> {
    fn sum(&self, units: impl Fn(&Operation, f64) -> f64) -> f64 {
        self.calls.iter().map(|(operation, calls)| units(operation, *calls)).sum()
    }
}

/// Plans of Cognito user pools: what a table calls them, and their prices' names.
pub(crate) const PLANS: [(&str, &str); 2] = [("Lite", "cognitoLite"), ("Essentials", "cognitoEssentials")];

/// Prices, a workload, and the choices of an owner.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) prices: IndexMap<String, Price>,
    /// What a call uses, and what is assumed.
    pub workload: Workload,
    /// Whether the bucket of the stack serves the pages. If not, something does that is paid for already: the browser's cache, or
    /// the owner's app.
    pub(crate) serves_pages: bool,
}

impl Model {
    /// The two files, with the choices of a new account and an unchanged configuration.
    pub fn read() -> Result<Self> {
        let Prices { prices, .. } = serde_json::from_str(include_str!("../prices.json"))?;
        Ok(Self { prices, workload: Workload::read()?, serves_pages: true })
    }

    /// A price by its name in the file.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn price(&self, name: &str) -> &Price {
        &self.prices[name]
    }

    /// Logins, by users who log in as often as is assumed.
    pub(crate) fn logins(&self, logins: f64) -> Load<'_> {
        let users = logins / self.workload.assumed("loginsPerUser");
        self.load(&["login"], logins, users)
    }

    /// Sign-ups, each of which is verified.
    pub(crate) fn sign_ups(&self, sign_ups: f64) -> Load<'_> {
        self.load(&["createUser", "verifyUser"], sign_ups, sign_ups)
    }

    /// So many calls of each of these operations, and of the mail function for the mails that they ask for.
    pub(crate) fn load(&self, operations: &[&str], times: f64, users: f64) -> Load<'_> {
        let of = |name: &str| &self.workload.operations[name];
        let mut calls: Vec<_> = operations.iter().map(|name| (of(name), times)).collect();
        let mails: f64 = calls.iter().map(|(operation, calls)| calls * operation.mails).sum();
        if mails > 0.0 {
            calls.push((of(MAIL), mails));
        }
        Load { calls, users }
    }

    /// Milliseconds that a warm call is billed for: whole ones.
    pub(crate) fn warm_ms(&self, operation: &Operation) -> f64 {
        self.busy_ms(operation).ceil()
    }

    fn busy_ms(&self, operation: &Operation) -> f64 {
        // Nothing here uses a second CPU, so more memory than a whole one's does not help.
        let slower = (self.workload.assumed("fullCpuMb") / operation.memory_mb).max(1.0);
        let waits: f64 = operation.waits.iter().map(|wait| self.workload.assumed(&format!("{wait}Ms"))).sum();
        operation.compute_ms * slower + waits
    }

    /// The share of calls that need a new environment: those that come after a pause longer than an idle one is kept, if
    /// calls come at random times, and a few of the others.
    fn cold_share(&self, calls: f64) -> f64 {
        let paused = (-calls / MINUTES_PER_MONTH * self.workload.assumed("idleMinutes")).exp();
        paused + (1.0 - paused) * self.workload.assumed("burstColdShare")
    }

    /// GB-seconds of one of so many calls in a month.
    pub(crate) fn gb_seconds(&self, operation: &Operation, calls: f64) -> f64 {
        let cold = self.cold_share(calls);
        let cold_ms = (self.busy_ms(operation) + self.workload.assumed("coldStartMs")).ceil();
        let ms = (1.0 - cold) * self.warm_ms(operation) + cold * cold_ms;
        operation.memory_mb / MB_PER_GB * ms / 1_000.0
    }

    /// How many loads of a page reach the bucket, for each call.
    fn page_loads(&self) -> f64 {
        if self.serves_pages { 1.0 - self.workload.assumed("freshShare") } else { 0.0 }
    }

    fn bytes_out(&self, operation: &Operation) -> f64 {
        let page = &operation.page;
        let not_modified = page.requests * self.workload.assumed("notModifiedBytes");
        let load = page.seen_before_share * not_modified + (1.0 - page.seen_before_share) * page.bytes;
        operation.answer_bytes + self.page_loads() * load
    }

    fn stored_gb(&self, load: &Load<'_>) -> f64 {
        load.users * self.workload.assumed("storedBytesPerUser") / BYTES_PER_GB
    }

    fn logged_gb(&self, load: &Load<'_>) -> f64 {
        let bytes = self.workload.assumed("ownLogBytes") + self.workload.assumed("platformLogBytes");
        load.sum(|_, n| n * bytes / BYTES_PER_GB)
    }

    /// The same for an owner who pays one price instead of another.
    pub(crate) fn paying(&self, price: &str, instead_of: &str) -> Self {
        let mut other = self.clone();
        other.prices[instead_of] = self.price(price).clone();
        other
    }

    /// Dollars of a line in a month.
    pub(crate) fn usd(&self, line: Line, load: &Load<'_>, free: FreeTier) -> f64 {
        self.price(line.0).usd(line.1(self, load), free)
    }

    /// Dollars of a month.
    pub(crate) fn total_usd(&self, load: &Load<'_>, free: FreeTier) -> f64 {
        LINES.iter().map(|line| self.usd(*line, load, free)).sum()
    }

    /// How many users a month make a plan of Cognito user pools as dear as their logins here, both with all that is free.
    pub(crate) fn users_at_break_even(&self, plan: &str) -> f64 {
        let dearer = |users: f64| {
            let logins = self.logins(users * self.workload.assumed("loginsPerUser"));
            self.price(plan).usd(users, FreeTier::Counted) > self.total_usd(&logins, FreeTier::Counted)
        };
        // It is free there for the first users and dearer for every further one, so there is one such number.
        let (mut below, mut above) = (0.0, 1e9);
        while above - below > 0.5 {
            let middle = f64::midpoint(below, above);
            if dearer(middle) { above = middle } else { below = middle }
        }
        above.ceil()
    }

    /// How many logins a user may make in a month before they cost as much here as the user there, with nothing free. A
    /// login costs here what one of a million does.
    pub(crate) fn logins_at_break_even(&self, plan: &str) -> f64 {
        let login = self.total_usd(&self.logins(1e6), FreeTier::Used) / 1e6;
        (self.price(plan).usd(1.0, FreeTier::Used) / login).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Our model with numbers that can be multiplied by hand.
    fn by_hand() -> Model {
        let mut model = Model::read().unwrap();
        for (name, value) in [
            ("coldStartMs", 100.0),
            ("idleMinutes", 1e9),
            ("burstColdShare", 0.1),
            ("tableMs", 5.0),
            ("identityMs", 25.0),
            ("loginsPerUser", 10.0),
            ("ownLogBytes", 512.0),
            ("platformLogBytes", 512.0),
            ("storedLogShare", 0.25),
            ("logRetentionDays", 365.0 / 12.0),
            ("storedBytesPerUser", 1_024.0),
            ("notModifiedBytes", 100.0),
            ("keyCacheMinutes", 5.0),
            ("customMetrics", 12.0),
        ] {
            model.workload.assumptions[name].value = value;
        }
        let login = &mut model.workload.operations["login"];
        (login.memory_mb, login.compute_ms) = (2_048.0, 99.5);
        login.waits = ["table", "identity"].map(str::to_owned).into();
        (login.table_writes, login.table_reads, login.mails) = (2.0, 1.0, 0.001);
        login.answer_bytes = 1_024.0;
        (login.page.requests, login.page.bytes, login.page.seen_before_share) = (10.0, 50_000.0, 0.5);
        model
    }

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    fn line(price: &str) -> Line {
        LINES.into_iter().find(|(name, _)| *name == price).unwrap()
    }

    /// 2^20 × 10 logins, so that bytes come out as whole gigabytes. 99.5 + 5 + 25 ms are billed as 130, and a cold call,
    /// one in ten, as 230: 140 on average, in 2 GB.
    #[test]
    fn every_line_is_what_it_is_by_hand() {
        const N: f64 = 10_485_760.0;
        let model = by_hand();
        let load = Load { calls: vec![(&model.workload.operations["login"], N)], users: N / 10.0 };
        for (name, units, usd, beyond_free) in [
            ("lambdaRequests", N, N * 0.2e-6, (N - 1e6) * 0.2e-6),
            ("lambdaGbSecondsX86", N * 0.28, N * 0.28 * 16.666_7e-6, (N * 0.28 - 400_000.0) * 16.666_7e-6),
            ("tableWrites", N * 2.0, N * 2.0 * 0.625e-6, N * 2.0 * 0.625e-6),
            ("tableReads", N, N * 0.125e-6, N * 0.125e-6),
            ("tableStorage", 1.0, 0.25, 0.0),
            ("tableRecovery", 1.0, 0.20, 0.20),
            ("keyRequests", 8_760.0, 0.02628, 0.0),
            ("mails", 10_485.76, 1.677_721_6, 1.677_721_6),
            ("pageRequests", N * 10.0, N * 10.0 * 0.4e-6, N * 10.0 * 0.4e-6),
            // 1,024 bytes of answer, and 25,500 of pages: half the loads of 50,000, half of 10 × 100.
            ("transferOut", 10.0 + 249.023_437_5, 259.023_437_5 * 0.09, 159.023_437_5 * 0.09),
            ("logIngestion", 10.0, 5.0, 2.5),
            ("logStorage", 2.5, 0.075, 0.075),
            ("customMetrics", 12.0, 3.6, 0.6),
        ] {
            let line = line(name);
            assert!(close(line.1(&model, &load), units), "{name}: {}", line.1(&model, &load));
            let (used, counted) = (model.usd(line, &load, FreeTier::Used), model.usd(line, &load, FreeTier::Counted));
            assert!(close(used, usd), "{name}: {used}");
            assert!(close(counted, beyond_free), "{name}: {counted}");
        }
        let lines: f64 = LINES.iter().map(|line| model.usd(*line, &load, FreeTier::Used)).sum();
        assert!(close(model.total_usd(&load, FreeTier::Used), lines));
    }

    #[test]
    fn a_sign_up_is_two_calls_one_mail_with_a_call_of_its_own_and_one_user() {
        let model = Model::read().unwrap();
        let load = model.sign_ups(1_000.0);
        for (name, units) in
            [("lambdaRequests", 3_000.0), ("tableWrites", 7_000.0), ("tableReads", 2_000.0), ("mails", 1_000.0)]
        {
            assert!(close(line(name).1(&model, &load), units), "{name}");
        }
        assert!(close(model.usd(line(MAILS), &load, FreeTier::Used), 0.16));
        assert!(close(load.users, 1_000.0));
    }

    #[test]
    fn a_function_with_a_quarter_of_a_cpu_computes_four_times_as_long_and_waits_no_longer() {
        let mut model = by_hand();
        model.workload.assumptions["fullCpuMb"].value = 2_000.0;
        let login = &mut model.workload.operations["login"];
        (login.memory_mb, login.compute_ms) = (500.0, 100.0);
        assert!(close(model.warm_ms(&model.workload.operations["login"]), 430.0));
    }

    #[test]
    fn calls_are_the_rarer_the_colder() {
        let model = Model::read().unwrap();
        assert!(close(model.cold_share(0.0), 1.0));
        assert!(model.cold_share(1_000.0) > model.cold_share(10_000.0));
        assert!(close(model.cold_share(1e12), model.workload.assumed("burstColdShare")));
    }

    #[test]
    fn an_owners_choices_change_their_lines_and_no_other() {
        let ours = Model::read().unwrap();
        let load = ours.sign_ups(1e6);
        for (other, changed) in [
            (ours.paying(LAMBDA_ON_ARM, LAMBDA), vec![LAMBDA]),
            (ours.paying(MAILS_WITHOUT_PLAN, MAILS), vec![MAILS]),
            (Model { serves_pages: false, ..ours.clone() }, vec!["pageRequests", "transferOut"]),
        ] {
            for line in LINES {
                let (before, after) = (ours.usd(line, &load, FreeTier::Used), other.usd(line, &load, FreeTier::Used));
                assert!(if changed.contains(&line.0) { after < before } else { close(after, before) }, "{}", line.0);
            }
        }
    }

    #[test]
    fn cognito_takes_by_the_user_beyond_the_free_ones() {
        let model = Model::read().unwrap();
        for (plan, users, used, counted) in [
            ("cognitoLite", 10_000.0, 55.0, 0.0),
            ("cognitoLite", 100_000.0, 550.0, 495.0),
            ("cognitoLite", 1e6, 550.0 + 4_140.0, 495.0 + 4_140.0),
            ("cognitoEssentials", 100_000.0, 1_500.0, 1_350.0),
        ] {
            assert!(close(model.price(plan).usd(users, FreeTier::Used), used));
            assert!(close(model.price(plan).usd(users, FreeTier::Counted), counted));
        }
    }

    #[test]
    fn the_break_even_is_where_it_turns() {
        let model = Model::read().unwrap();
        for (_, plan) in PLANS {
            let dearer = |users: f64| {
                let logins = model.logins(users * model.workload.assumed("loginsPerUser"));
                model.price(plan).usd(users, FreeTier::Counted) > model.total_usd(&logins, FreeTier::Counted)
            };
            let users = model.users_at_break_even(plan);
            assert!(dearer(users) && !dearer(users - 2.0), "{users}");
            let logins = model.logins_at_break_even(plan);
            let login = model.total_usd(&model.logins(1e6), FreeTier::Used) / 1e6;
            let user = model.price(plan).usd(1.0, FreeTier::Used);
            assert!(login * logins <= user && user < login * (logins + 1.0), "{logins}");
        }
    }

    proptest! {
        #[test]
        fn more_logins_or_sign_ups_never_cost_less(some in 1.0..1e9, more in 1.0..1e9) {
            let model = Model::read().unwrap();
            for free in [FreeTier::Used, FreeTier::Counted] {
                for load in [Model::logins, Model::sign_ups] {
                    let less = model.total_usd(&load(&model, some), free);
                    prop_assert!(less <= model.total_usd(&load(&model, some + more), free) + 1e-6);
                }
            }
        }
    }
}
