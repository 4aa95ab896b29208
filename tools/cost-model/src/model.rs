//! Quantities by line, and what they cost.

use crate::prices::PriceList;
use crate::{Operation, Price, Prices, Wait, Workload};

/// AWS counts storage, transfer and memory in binary gigabytes.
const BYTES_PER_GB: f64 = 1_073_741_824.0;
const MB_PER_GB: f64 = 1_024.0;
/// What AWS takes for a month.
const HOURS_PER_MONTH: f64 = 730.0;
const MINUTES_PER_MONTH: f64 = HOURS_PER_MONTH * 60.0;
const DAYS_PER_MONTH: f64 = HOURS_PER_MONTH / 24.0;

/// A line of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Calls.
    LambdaRequests,
    /// Memory by time.
    LambdaGbSeconds,
    /// Writes.
    TableWrites,
    /// Reads.
    TableReads,
    /// Items.
    TableStorage,
    /// Recovery to a point in time.
    TableRecovery,
    /// The table's key.
    KeyRequests,
    /// Mails.
    Mails,
    /// Files of the pages.
    PageRequests,
    /// Answers and pages on their way to the caller.
    TransferOut,
    /// Logs written.
    LogIngestion,
    /// Logs kept.
    LogStorage,
    /// Metrics of our own.
    CustomMetrics,
}

impl Line {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 13] = [
        Self::LambdaRequests,
        Self::LambdaGbSeconds,
        Self::TableWrites,
        Self::TableReads,
        Self::TableStorage,
        Self::TableRecovery,
        Self::KeyRequests,
        Self::Mails,
        Self::PageRequests,
        Self::TransferOut,
        Self::LogIngestion,
        Self::LogStorage,
        Self::CustomMetrics,
    ];

    /// For a table.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::LambdaRequests => "Lambda, requests",
            Self::LambdaGbSeconds => "Lambda, GB-seconds",
            Self::TableWrites => "DynamoDB, writes",
            Self::TableReads => "DynamoDB, reads",
            Self::TableStorage => "DynamoDB, storage",
            Self::TableRecovery => "DynamoDB, recovery to a point in time",
            Self::KeyRequests => "KMS, requests for the table's key",
            Self::Mails => "SES, mails",
            Self::PageRequests => "S3, requests for the pages",
            Self::TransferOut => "Transfer out",
            Self::LogIngestion => "CloudWatch Logs, ingestion",
            Self::LogStorage => "CloudWatch Logs, storage",
            Self::CustomMetrics => "CloudWatch, custom metrics",
        }
    }
}

/// What a month brings.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// Calls of operations.
    pub calls: Vec<(&'a Operation, f64)>,
    /// Users whose records are kept, and who are active.
    pub users: f64,
}

/// Whether what is free comes off. An account has it once, for all that runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeTier {
    /// It is used up by something else.
    Used,
    /// It is all for this.
    Counted,
}

/// `ARCHITECTURE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// The default.
    X86,
    /// Taken to need the same time, which was not measured.
    Arm,
}

/// What SES is paid by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailPlan {
    /// The plan Essentials, which a new account has.
    Essentials,
    /// None.
    ALaCarte,
}

/// Where pages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// The bucket of the stack.
    Bucket,
    /// Somewhere that is paid for already: the browser's cache, or the pages of the owner's app.
    Elsewhere,
}

/// A plan of Cognito user pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The cheapest.
    Lite,
    /// What a new pool gets.
    Essentials,
}

/// Prices, a workload, and the choices of an owner.
#[derive(Clone, Debug)]
pub struct Model {
    /// Where the prices hold.
    pub region: String,
    /// What a unit costs.
    pub prices: Prices,
    /// What a call uses.
    pub workload: Workload,
    /// What functions run on.
    pub architecture: Architecture,
    /// What mails are paid by.
    pub mail_plan: MailPlan,
    /// Where pages come from.
    pub pages: Pages,
}

impl Model {
    /// Reads the two files. The choices are what a new account and an unchanged configuration come with.
    pub fn read(prices: &str, workload: &str) -> serde_json::Result<Self> {
        let PriceList { region, prices } = serde_json::from_str(prices)?;
        let workload = serde_json::from_str(workload)?;
        let (architecture, mail_plan, pages) = (Architecture::X86, MailPlan::Essentials, Pages::Bucket);
        Ok(Self { region, prices, workload, architecture, mail_plan, pages })
    }

    /// This crate's own two files.
    ///
    /// # Panics
    ///
    /// If one of the files that were compiled in is not what it should be, which a test rules out.
    #[must_use]
    pub fn ours() -> Self {
        Self::read(include_str!("../prices.json"), include_str!("../workload.json")).expect("the files are right")
    }

    /// So many logins, by users who log in as often as is assumed.
    #[must_use]
    pub fn logins(&self, logins: f64) -> Load<'_> {
        let users = logins / self.workload.assumptions.logins_per_user.value;
        Load { calls: vec![(&self.workload.operations.login, logins)], users }
    }

    /// So many sign-ups, each of which is verified.
    #[must_use]
    pub fn sign_ups(&self, sign_ups: f64) -> Load<'_> {
        let operations = &self.workload.operations;
        Load { calls: vec![(&operations.create_user, sign_ups), (&operations.verify_user, sign_ups)], users: sign_ups }
    }

    /// Milliseconds that a warm call is billed for: whole ones.
    #[must_use]
    pub fn warm_ms(&self, operation: &Operation) -> f64 {
        self.busy_ms(operation).ceil()
    }

    fn busy_ms(&self, operation: &Operation) -> f64 {
        let assumed = &self.workload.assumptions;
        // Nothing here uses a second CPU, so more memory than a whole one's does not help.
        let slower = (assumed.full_cpu_mb.value / operation.memory_mb).max(1.0);
        let waits: f64 = operation.waits.iter().map(|wait| self.wait_ms(*wait)).sum();
        operation.compute_ms * slower + waits
    }

    fn wait_ms(&self, wait: Wait) -> f64 {
        let assumed = &self.workload.assumptions;
        match wait {
            Wait::Table => assumed.table_ms.value,
            Wait::Identity => assumed.identity_ms.value,
            Wait::Mail => assumed.mail_ms.value,
        }
    }

    /// The share of calls that need a new environment: those that come after a pause longer than an idle one is kept, if
    /// calls come at random times, and a few of the others.
    #[must_use]
    pub fn cold_share(&self, calls: f64) -> f64 {
        let assumed = &self.workload.assumptions;
        let paused = (-calls / MINUTES_PER_MONTH * assumed.idle_minutes.value).exp();
        paused + (1.0 - paused) * assumed.burst_cold_share.value
    }

    /// GB-seconds of a call, of which so many are made in a month.
    #[must_use]
    pub fn gb_seconds(&self, operation: &Operation, calls: f64) -> f64 {
        let cold = self.cold_share(calls);
        let cold_ms = (self.busy_ms(operation) + self.workload.assumptions.cold_start_ms.value).ceil();
        let ms = (1.0 - cold) * self.warm_ms(operation) + cold * cold_ms;
        operation.memory_mb / MB_PER_GB * ms / 1_000.0
    }

    /// How many loads of a page reach the bucket, for each call.
    fn page_loads(&self) -> f64 {
        match self.pages {
            Pages::Bucket => 1.0 - self.workload.assumptions.fresh_share.value,
            Pages::Elsewhere => 0.0,
        }
    }

    fn bytes_out(&self, operation: &Operation) -> f64 {
        let page = &operation.page;
        let not_modified = page.requests * self.workload.assumptions.not_modified_bytes.value;
        let load = page.seen_before_share * not_modified + (1.0 - page.seen_before_share) * page.bytes;
        operation.answer_bytes + self.page_loads() * load
    }

    /// Units of a line in a month.
    #[must_use]
    pub fn units(&self, line: Line, load: &Load<'_>) -> f64 {
        let assumed = &self.workload.assumptions;
        let calls = load.calls.iter();
        let stored_gb = load.users * assumed.stored_bytes_per_user.value / BYTES_PER_GB;
        match line {
            Line::LambdaRequests => calls.map(|(_, n)| n).sum(),
            Line::LambdaGbSeconds => calls.map(|(operation, n)| n * self.gb_seconds(operation, *n)).sum(),
            Line::TableWrites => calls.map(|(operation, n)| n * operation.table_writes).sum(),
            Line::TableReads => calls.map(|(operation, n)| n * operation.table_reads).sum(),
            Line::TableStorage | Line::TableRecovery => stored_gb,
            Line::KeyRequests => calls.map(|(_, n)| n.min(MINUTES_PER_MONTH / assumed.key_cache_minutes.value)).sum(),
            Line::Mails => calls.map(|(operation, n)| n * operation.mails).sum(),
            Line::PageRequests => calls.map(|(operation, n)| n * self.page_loads() * operation.page.requests).sum(),
            Line::TransferOut => calls.map(|(operation, n)| n * self.bytes_out(operation) / BYTES_PER_GB).sum(),
            Line::LogIngestion => {
                let bytes = assumed.own_log_bytes.value + assumed.platform_log_bytes.value;
                calls.map(|(_, n)| n * bytes / BYTES_PER_GB).sum()
            }
            Line::LogStorage => {
                let months = assumed.log_retention_days.value / DAYS_PER_MONTH;
                self.units(Line::LogIngestion, load) * assumed.stored_log_share.value * months
            }
            Line::CustomMetrics => assumed.custom_metrics.value,
        }
    }

    /// What a unit of a line costs.
    #[must_use]
    pub const fn price(&self, line: Line) -> &Price {
        let prices = &self.prices;
        match line {
            Line::LambdaRequests => &prices.lambda_requests,
            Line::LambdaGbSeconds => match self.architecture {
                Architecture::X86 => &prices.lambda_gb_seconds_x86,
                Architecture::Arm => &prices.lambda_gb_seconds_arm,
            },
            Line::TableWrites => &prices.table_writes,
            Line::TableReads => &prices.table_reads,
            Line::TableStorage => &prices.table_storage,
            Line::TableRecovery => &prices.table_recovery,
            Line::KeyRequests => &prices.key_requests,
            Line::Mails => match self.mail_plan {
                MailPlan::Essentials => &prices.mails,
                MailPlan::ALaCarte => &prices.mails_a_la_carte,
            },
            Line::PageRequests => &prices.page_requests,
            Line::TransferOut => &prices.transfer_out,
            Line::LogIngestion => &prices.log_ingestion,
            Line::LogStorage => &prices.log_storage,
            Line::CustomMetrics => &prices.custom_metrics,
        }
    }

    /// Dollars of a line in a month.
    #[must_use]
    pub fn usd(&self, line: Line, load: &Load<'_>, free: FreeTier) -> f64 {
        charge(self.price(line), self.units(line, load), free)
    }

    /// Dollars of a month.
    #[must_use]
    pub fn total_usd(&self, load: &Load<'_>, free: FreeTier) -> f64 {
        Line::ALL.iter().map(|line| self.usd(*line, load, free)).sum()
    }

    /// The price of a plan of Cognito user pools.
    #[must_use]
    pub const fn cognito(&self, plan: Plan) -> &Price {
        match plan {
            Plan::Lite => &self.prices.cognito_lite,
            Plan::Essentials => &self.prices.cognito_essentials,
        }
    }

    /// Dollars that Cognito user pools take for users, without their mails.
    #[must_use]
    pub fn cognito_usd(&self, plan: Plan, users: f64, free: FreeTier) -> f64 {
        charge(self.cognito(plan), users, free)
    }

    /// How many users a month make Cognito user pools as dear as their logins here, both with all that is free.
    #[must_use]
    pub fn users_at_break_even(&self, plan: Plan) -> f64 {
        let logins_per_user = self.workload.assumptions.logins_per_user.value;
        let dearer = |users: f64| {
            let here = self.total_usd(&self.logins(users * logins_per_user), FreeTier::Counted);
            self.cognito_usd(plan, users, FreeTier::Counted) > here
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
    #[must_use]
    pub fn logins_at_break_even(&self, plan: Plan) -> f64 {
        let login = self.total_usd(&self.logins(1e6), FreeTier::Used) / 1e6;
        (self.cognito_usd(plan, 1.0, FreeTier::Used) / login).floor()
    }
}

fn charge(price: &Price, units: f64, free: FreeTier) -> f64 {
    match free {
        FreeTier::Used => price.usd(units),
        FreeTier::Counted => price.usd_beyond_free(units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Our model with numbers that can be multiplied by hand.
    fn by_hand() -> Model {
        let mut model = Model::ours();
        let assumed = &mut model.workload.assumptions;
        assumed.cold_start_ms.value = 100.0;
        assumed.idle_minutes.value = 1e9;
        assumed.burst_cold_share.value = 0.1;
        assumed.table_ms.value = 5.0;
        assumed.identity_ms.value = 25.0;
        assumed.logins_per_user.value = 10.0;
        assumed.own_log_bytes.value = 512.0;
        assumed.platform_log_bytes.value = 512.0;
        assumed.stored_log_share.value = 0.25;
        assumed.log_retention_days.value = 365.0 / 12.0;
        assumed.stored_bytes_per_user.value = 1_024.0;
        assumed.not_modified_bytes.value = 100.0;
        assumed.key_cache_minutes.value = 5.0;
        assumed.custom_metrics.value = 12.0;
        let login = &mut model.workload.operations.login;
        login.memory_mb = 2_048.0;
        login.compute_ms = 99.5;
        login.waits = vec![Wait::Table, Wait::Identity];
        (login.table_writes, login.table_reads, login.mails) = (2.0, 1.0, 0.001);
        login.answer_bytes = 1_024.0;
        login.page.requests = 10.0;
        login.page.bytes = 50_000.0;
        login.page.seen_before_share = 0.5;
        model
    }

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    /// 2^20 × 10 logins, so that bytes come out as whole gigabytes. 99.5 + 5 + 25 ms are billed as 130, and a cold call,
    /// one in ten, as 230: 140 on average, in 2 GB.
    #[test]
    fn every_line_is_what_it_is_by_hand() {
        const N: f64 = 10_485_760.0;
        let model = by_hand();
        let load = model.logins(N);
        for (line, units, usd, beyond_free) in [
            (Line::LambdaRequests, N, N * 0.2e-6, (N - 1e6) * 0.2e-6),
            (Line::LambdaGbSeconds, N * 0.28, N * 0.28 * 16.666_7e-6, (N * 0.28 - 400_000.0) * 16.666_7e-6),
            (Line::TableWrites, N * 2.0, N * 2.0 * 0.625e-6, N * 2.0 * 0.625e-6),
            (Line::TableReads, N, N * 0.125e-6, N * 0.125e-6),
            (Line::TableStorage, 1.0, 0.25, 0.0),
            (Line::TableRecovery, 1.0, 0.20, 0.20),
            (Line::KeyRequests, 8_760.0, 0.02628, 0.0),
            (Line::Mails, 10_485.76, 1.677_721_6, 1.677_721_6),
            (Line::PageRequests, N * 10.0, N * 10.0 * 0.4e-6, N * 10.0 * 0.4e-6),
            // 1,024 bytes of answer, and 25,500 of pages: half the loads of 50,000, half of 10 × 100.
            (Line::TransferOut, 10.0 + 249.023_437_5, 259.023_437_5 * 0.09, 159.023_437_5 * 0.09),
            (Line::LogIngestion, 10.0, 5.0, 2.5),
            (Line::LogStorage, 2.5, 0.075, 0.075),
            (Line::CustomMetrics, 12.0, 3.6, 0.6),
        ] {
            assert!(close(model.units(line, &load), units), "{line:?}: {}", model.units(line, &load));
            let (used, counted) = (model.usd(line, &load, FreeTier::Used), model.usd(line, &load, FreeTier::Counted));
            assert!(close(used, usd), "{line:?}: {used}");
            assert!(close(counted, beyond_free), "{line:?}: {counted}");
        }
        let lines: f64 = Line::ALL.iter().map(|line| model.usd(*line, &load, FreeTier::Used)).sum();
        assert!(close(model.total_usd(&load, FreeTier::Used), lines));
    }

    #[test]
    fn a_sign_up_is_two_calls_one_mail_and_one_user() {
        let model = Model::ours();
        let load = model.sign_ups(1_000.0);
        assert!(close(model.units(Line::LambdaRequests, &load), 2_000.0));
        assert!(close(model.units(Line::TableWrites, &load), 3_000.0));
        assert!(close(model.units(Line::TableReads, &load), 1_000.0));
        assert!(close(model.units(Line::Mails, &load), 1_000.0));
        assert!(close(model.usd(Line::Mails, &load, FreeTier::Used), 0.16));
        assert!(close(load.users, 1_000.0));
    }

    #[test]
    fn a_function_with_a_quarter_of_a_cpu_computes_four_times_as_long_and_waits_no_longer() {
        let mut model = by_hand();
        model.workload.assumptions.full_cpu_mb.value = 2_000.0;
        let login = &mut model.workload.operations.login;
        (login.memory_mb, login.compute_ms) = (500.0, 100.0);
        assert!(close(model.warm_ms(&model.workload.operations.login), 430.0));
    }

    #[test]
    fn calls_are_the_rarer_the_colder() {
        let model = Model::ours();
        assert!(close(model.cold_share(0.0), 1.0));
        assert!(model.cold_share(1_000.0) > model.cold_share(10_000.0));
        assert!(close(model.cold_share(1e12), model.workload.assumptions.burst_cold_share.value));
    }

    #[test]
    fn an_owners_choices_change_their_lines_and_no_other() {
        let ours = Model::ours();
        let others = [
            (Model { architecture: Architecture::Arm, ..ours.clone() }, vec![Line::LambdaGbSeconds]),
            (Model { mail_plan: MailPlan::ALaCarte, ..ours.clone() }, vec![Line::Mails]),
            (Model { pages: Pages::Elsewhere, ..ours.clone() }, vec![Line::PageRequests, Line::TransferOut]),
        ];
        let load = ours.sign_ups(1e6);
        for (other, changed) in others {
            for line in Line::ALL {
                let (before, after) = (ours.usd(line, &load, FreeTier::Used), other.usd(line, &load, FreeTier::Used));
                assert!(if changed.contains(&line) { after < before } else { close(after, before) }, "{line:?}");
            }
        }
    }

    #[test]
    fn cognito_takes_by_the_user_beyond_the_free_ones() {
        let model = Model::ours();
        for (plan, users, used, counted) in [
            (Plan::Lite, 10_000.0, 55.0, 0.0),
            (Plan::Lite, 100_000.0, 550.0, 495.0),
            (Plan::Lite, 1e6, 550.0 + 4_140.0, 495.0 + 4_140.0),
            (Plan::Essentials, 100_000.0, 1_500.0, 1_350.0),
        ] {
            assert!(close(model.cognito_usd(plan, users, FreeTier::Used), used));
            assert!(close(model.cognito_usd(plan, users, FreeTier::Counted), counted));
        }
    }

    #[test]
    fn the_break_even_is_where_it_turns() {
        let model = Model::ours();
        let per_user = model.workload.assumptions.logins_per_user.value;
        for plan in [Plan::Lite, Plan::Essentials] {
            let dearer = |users: f64| {
                model.cognito_usd(plan, users, FreeTier::Counted)
                    > model.total_usd(&model.logins(users * per_user), FreeTier::Counted)
            };
            let users = model.users_at_break_even(plan);
            assert!(dearer(users) && !dearer(users - 2.0), "{users}");
            let logins = model.logins_at_break_even(plan);
            let login = model.total_usd(&model.logins(1e6), FreeTier::Used) / 1e6;
            let user = model.cognito_usd(plan, 1.0, FreeTier::Used);
            assert!(login * logins <= user && user < login * (logins + 1.0), "{logins}");
        }
    }

    proptest! {
        #[test]
        fn more_logins_or_sign_ups_never_cost_less(some in 1.0..1e9, more in 1.0..1e9) {
            let model = Model::ours();
            for free in [FreeTier::Used, FreeTier::Counted] {
                for load in [Model::logins, Model::sign_ups] {
                    let less = model.total_usd(&load(&model, some), free);
                    prop_assert!(less <= model.total_usd(&load(&model, some + more), free) + 1e-6);
                }
            }
        }
    }
}
