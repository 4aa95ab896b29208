//! One run, millisecond by millisecond.
//!
//! A login takes the steps of the real one, in the same order: a page gets anonymous credentials from Cognito;
//! Lambda finds an environment; the function counts the attempt while it reads the account, hashes, and gets the token while it
//! counts the success; the page exchanges the token for credentials. Each of these meets its quota.

use crate::fleet::{Client, Fleet, Full};
use crate::load::{Load, arrivals};
use crate::quotas::Quotas;
use crate::token_bucket::TokenBucket;
use common::product;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::ops::RangeInclusive;

/// Assumed durations in milliseconds, drawn evenly. The hash is as in `docs/performance.md`; the others are not measured
/// on AWS.
const HASH: RangeInclusive<u32> = 99..=105;
const TABLE: RangeInclusive<u32> = 3..=7;
const IDENTITY: RangeInclusive<u32> = 20..=30;
const COLD_START: RangeInclusive<u32> = 80..=160;

/// Of a call to a service, as in `shared/aws`.
const ATTEMPTS: u8 = 3;
const SDK_BACKOFF: u32 = 50;
/// Of a whole login by its caller, as an SDK in its standard mode would.
const TRIES: u8 = 3;
const CALLER_BACKOFF: u32 = 1_000;

/// Longer than any delay: what is scheduled lies in one turn of the agenda.
const TURN: u32 = 4_096;

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A page in a fresh tab: it fetches credentials before the login, and others after it.
    Page,
    /// A program that may call the function already.
    Program,
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) load: Load,
    pub(crate) caller: Caller,
    pub(crate) quotas: Quotas,
    /// Guesses a second at one account, from the start to the end.
    pub(crate) guesses: u32,
    /// Same seed, same run.
    pub(crate) seed: u64,
}

/// The quota that refused a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Cognito: anonymous identities.
    Ids,
    /// Cognito: credentials.
    Credentials,
    /// Cognito: tokens.
    Tokens,
    /// Lambda: environments at once.
    Concurrency,
    /// Lambda: new environments.
    Scaling,
    /// DynamoDB: the table, or one item of it.
    Table,
}

impl Cause {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ids, Self::Credentials, Self::Tokens, Self::Concurrency, Self::Scaling, Self::Table];
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) offered: u32,
    pub(crate) answered: u32,
    /// The most environments at work at once.
    pub(crate) busy: u32,
    /// Tries refused, by [`Cause`].
    pub(crate) refused: [u32; 6],
}

/// What became of guesses at one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guesses {
    pub(crate) made: u32,
    /// How many the password was looked at for.
    pub(crate) judged: u32,
    /// Answered `too_many_attempts`.
    pub(crate) too_many: u32,
    /// Refused by a quota.
    pub(crate) refused: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seconds: Vec<Second>,
    /// Logins whose last try was refused, by [`Cause`].
    given_up: [u32; 6],
    pub(crate) guesses: Guesses,
    /// Environments at work, added up over all milliseconds.
    pub(crate) busy_ms: u64,
    /// Calls that Lambda took.
    pub(crate) calls: u32,
    pub(crate) cold_starts: u32,
    /// What each quota granted.
    metered: Vec<TokenBucket>,
    /// From a login's beginning to its answer, in milliseconds, in rising order.
    latencies: Vec<u32>,
}

impl Outcome {
    fn sum(&self, count: impl Fn(&Second) -> u32) -> u32 {
        self.seconds.iter().map(count).sum()
    }

    pub(crate) fn offered(&self) -> u32 {
        self.sum(|second| second.offered)
    }

    pub(crate) fn answered(&self) -> u32 {
        self.sum(|second| second.answered)
    }

    pub(crate) fn refused(&self, cause: Cause) -> u32 {
        self.sum(|second| second.refused[cause as usize])
    }

    /// The most environments at work at once.
    pub(crate) fn peak_busy(&self) -> u32 {
        self.seconds.iter().map(|second| second.busy).max().unwrap_or(0)
    }

    /// The time within which so many of a hundred answered logins were answered.
    pub(crate) fn latency(&self, percent: usize) -> Option<u32> {
        self.latencies.get((self.latencies.len() * percent / 100).min(self.latencies.len().checked_sub(1)?)).copied()
    }
}

/// What a login does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Identify,
    Credentials,
    Invoke,
    Read,
    Count,
    Token,
    Clear,
    Finish,
    Exchange,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    login: u32,
    step: Step,
    attempt: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Login {
    began: u32,
    tries: u8,
    /// Holds credentials to call the function with.
    admitted: bool,
    /// Is a guess at the one account.
    guess: bool,
    /// The throttle refused the attempt.
    turned_away: bool,
    environment: u32,
    /// Of two calls side by side, how many are not done; when the later one is.
    pending: u8,
    ready: u32,
    failed: Option<Cause>,
}

struct Run {
    scenario: Scenario,
    /// Apart from the other one, so that the same logins begin whatever becomes of them.
    arriving: Xoshiro256PlusPlus,
    random: Xoshiro256PlusPlus,
    agenda: Vec<Vec<Event>>,
    scheduled: usize,
    now: u32,
    logins: Vec<Login>,
    fleet: Fleet,
    ids: TokenBucket,
    credentials: TokenBucket,
    tokens: TokenBucket,
    reads: TokenBucket,
    writes: TokenBucket,
    item_reads: TokenBucket,
    item_writes: TokenBucket,
    /// At the one account.
    attempts: u32,
    next_attempt: u32,
    outcome: Outcome,
}

/// Runs a scenario to its end: until the last login is answered or given up.
pub(crate) fn run(scenario: &Scenario) -> Outcome {
    let quotas = scenario.quotas;
    let mut run = Run {
        scenario: *scenario,
        arriving: Xoshiro256PlusPlus::seed_from_u64(scenario.seed),
        random: Xoshiro256PlusPlus::seed_from_u64(!scenario.seed),
        agenda: vec![Vec::new(); TURN as usize],
        scheduled: 0,
        now: 0,
        logins: Vec::new(),
        fleet: Fleet::new(quotas.concurrency, quotas.scaling),
        ids: TokenBucket::per_second(quotas.ids),
        credentials: TokenBucket::per_second(quotas.credentials),
        tokens: TokenBucket::per_second(quotas.tokens),
        reads: TokenBucket::per_second(quotas.reads),
        writes: TokenBucket::per_second(quotas.writes),
        item_reads: TokenBucket::per_second(quotas.item_reads),
        item_writes: TokenBucket::per_second(quotas.item_writes),
        attempts: 0,
        next_attempt: 0,
        outcome: Outcome::default(),
    };
    while run.now < scenario.load.end() || run.scheduled > 0 {
        run.millisecond();
    }
    run.finished()
}

impl Run {
    fn millisecond(&mut self) {
        if self.now.is_multiple_of(1_000) {
            self.outcome.seconds.push(Second { busy: self.fleet.busy, ..Second::default() });
        }
        if self.now < self.scenario.load.end() {
            let logins = arrivals(self.scenario.load.rate(self.now), &mut self.arriving);
            self.begin(logins, false);
            let guesses = arrivals(f64::from(self.scenario.guesses), &mut self.arriving);
            self.begin(guesses, true);
        }
        let place = (self.now % TURN) as usize;
        // Nothing that happens now schedules anything for now.
        let mut due = std::mem::take(&mut self.agenda[place]);
        for event in due.drain(..) {
            self.scheduled -= 1;
            self.happen(event);
        }
        self.agenda[place] = due;
        let busy = self.fleet.busy;
        self.outcome.busy_ms += u64::from(busy);
        let second = self.second();
        second.busy = second.busy.max(busy);
        self.now += 1;
    }

    fn second(&mut self) -> &mut Second {
        let place = (self.now / 1_000) as usize;
        &mut self.outcome.seconds[place]
    }

    fn begin(&mut self, count: u32, guess: bool) {
        for _ in 0..count {
            let login = u32::try_from(self.logins.len()).unwrap_or(u32::MAX);
            let admitted = guess || self.scenario.caller == Caller::Program;
            self.logins.push(Login { began: self.now, admitted, guess, ..Login::default() });
            self.attempt(login, 1);
        }
        if guess {
            self.outcome.guesses.made += count;
        } else {
            self.second().offered += count;
        }
    }

    fn draw(&mut self, range: RangeInclusive<u32>) -> u32 {
        self.random.random_range(range)
    }

    fn schedule(&mut self, at: u32, login: u32, step: Step, attempt: u8) {
        debug_assert!(at > self.now && at - self.now < TURN, "within one turn of the agenda");
        self.scheduled += 1;
        self.agenda[(at % TURN) as usize].push(Event { login, step, attempt });
    }

    /// Begins a try of a login after a delay.
    fn attempt(&mut self, login: u32, delay: u32) {
        let step = if self.logins[login as usize].admitted { Step::Invoke } else { Step::Identify };
        self.schedule(self.now + delay, login, step, 1);
    }

    fn happen(&mut self, event: Event) {
        let Event { login, step, attempt } = event;
        match step {
            Step::Identify => self.identify(login),
            Step::Credentials => self.guest(login),
            Step::Invoke => self.invoke(login),
            Step::Read => {
                let guess = self.logins[login as usize].guess;
                let granted = (!guess || self.item_reads.take(self.now)) && self.reads.take(self.now);
                self.called(event, granted, Client::Table);
            }
            Step::Count | Step::Clear => {
                let guess = self.logins[login as usize].guess;
                let granted = (!guess || self.item_writes.take(self.now)) && self.writes.take(self.now);
                if granted && guess {
                    self.count(login);
                }
                self.called(event, granted, Client::Table);
            }
            Step::Token => {
                let granted = self.tokens.take(self.now);
                self.called(Event { login, step, attempt }, granted, Client::Identity);
            }
            Step::Finish => self.finish(login),
            Step::Exchange => {
                if self.credentials.take(self.now) {
                    let after = self.draw(IDENTITY);
                    self.answered(login, after);
                } else {
                    self.refused(login, Cause::Credentials);
                }
            }
        }
    }

    fn identify(&mut self, login: u32) {
        if self.ids.take(self.now) {
            let at = self.now + self.draw(IDENTITY);
            self.schedule(at, login, Step::Credentials, 1);
        } else {
            self.refused(login, Cause::Ids);
        }
    }

    fn guest(&mut self, login: u32) {
        if self.credentials.take(self.now) {
            self.logins[login as usize].admitted = true;
            let after = self.draw(IDENTITY);
            self.attempt(login, after);
        } else {
            self.refused(login, Cause::Credentials);
        }
    }

    fn invoke(&mut self, login: u32) {
        let (environment, cold) = match self.fleet.admit(self.now) {
            Ok(admitted) => admitted,
            Err(Full::Concurrency) => return self.refused(login, Cause::Concurrency),
            Err(Full::Scaling) => return self.refused(login, Cause::Scaling),
        };
        self.outcome.calls += 1;
        let started = self.now + if cold { self.draw(COLD_START) } else { 1 };
        let entry = &mut self.logins[login as usize];
        entry.environment = environment;
        entry.failed = None;
        entry.turned_away = false;
        entry.pending = 2;
        entry.ready = started;
        self.schedule(started, login, Step::Read, 1);
        self.schedule(started, login, Step::Count, 1);
    }

    /// The throttle of the one account that is guessed at.
    fn count(&mut self, login: u32) {
        if product::wait_after(self.attempts) > 0 && self.now < self.next_attempt {
            self.logins[login as usize].turned_away = true;
            return;
        }
        self.attempts += 1;
        // Whole seconds are compared, so that one more may pass.
        let wait = u32::try_from(product::wait_after(self.attempts)).unwrap_or(u32::MAX / 2_000);
        self.next_attempt = self.now + 1_000 * (1 + wait);
    }

    /// One of two calls side by side came back, or is tried again.
    fn called(&mut self, event: Event, granted: bool, client: Client) {
        let Event { login, step, attempt } = event;
        let back = self.now
            + match client {
                Client::Table => self.draw(TABLE),
                Client::Identity => self.draw(IDENTITY),
            };
        let allowance = self.fleet.allowance(self.logins[login as usize].environment);
        if granted {
            allowance.succeeded(client, attempt > 1);
        } else if attempt < ATTEMPTS && allowance.retry(client) {
            let wait = self.draw(0..=SDK_BACKOFF << (attempt - 1));
            return self.schedule(back + wait, login, step, attempt + 1);
        } else {
            match step {
                Step::Read | Step::Count => self.logins[login as usize].failed = Some(Cause::Table),
                Step::Token => self.logins[login as usize].failed = Some(Cause::Tokens),
                // A count that stays costs its owner a wait at worst: login lets it pass.
                _ => {}
            }
        }
        let entry = &mut self.logins[login as usize];
        entry.pending -= 1;
        entry.ready = entry.ready.max(back);
        if entry.pending > 0 {
            return;
        }
        let (ready, done) = (entry.ready, entry.failed.is_some() || entry.turned_away);
        match step {
            Step::Read | Step::Count if !done => {
                let hashed = ready + self.draw(HASH);
                let entry = &mut self.logins[login as usize];
                entry.ready = hashed;
                if entry.guess {
                    // It is wrong, and that is all.
                    self.schedule(hashed, login, Step::Finish, 1);
                } else {
                    entry.pending = 2;
                    self.schedule(hashed, login, Step::Token, 1);
                    self.schedule(hashed, login, Step::Clear, 1);
                }
            }
            _ => self.schedule(ready, login, Step::Finish, 1),
        }
    }

    fn finish(&mut self, login: u32) {
        let entry = self.logins[login as usize];
        self.fleet.release(entry.environment, self.now);
        if let Some(cause) = entry.failed {
            return self.refused(login, cause);
        }
        if entry.guess {
            let guesses = &mut self.outcome.guesses;
            *if entry.turned_away { &mut guesses.too_many } else { &mut guesses.judged } += 1;
        } else if self.scenario.caller == Caller::Page {
            self.schedule(self.now + 1, login, Step::Exchange, 1);
        } else {
            self.answered(login, 0);
        }
    }

    fn answered(&mut self, login: u32, after: u32) {
        self.second().answered += 1;
        self.outcome.latencies.push(self.now + after - self.logins[login as usize].began);
    }

    fn refused(&mut self, login: u32, cause: Cause) {
        if self.logins[login as usize].guess {
            // Whoever guesses guesses again anyway.
            self.outcome.guesses.refused += 1;
            return;
        }
        self.second().refused[cause as usize] += 1;
        let entry = &mut self.logins[login as usize];
        entry.tries += 1;
        let tries = entry.tries;
        if tries == TRIES {
            self.outcome.given_up[cause as usize] += 1;
        } else {
            let wait = self.draw(1..=CALLER_BACKOFF << (tries - 1));
            self.attempt(login, wait);
        }
    }

    fn finished(mut self) -> Outcome {
        self.outcome.latencies.sort_unstable();
        self.outcome.cold_starts = self.fleet.cold_starts;
        let of_table = [self.reads, self.writes, self.item_reads, self.item_writes];
        self.outcome.metered =
            [self.ids, self.credentials, self.tokens, self.fleet.starts].into_iter().chain(of_table).collect();
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quotas::Known;
    use crate::token_bucket::tests::kept;

    fn small(peak: u32, caller: Caller, quotas: Quotas) -> Scenario {
        let load = Load { quiet: 1_000, ramp: 2_000, hold: 6_000, decay: 1_000, ..Load::of(peak) };
        Scenario { load, caller, quotas, guesses: 0, seed: 7 }
    }

    fn quotas() -> (Quotas, Quotas) {
        let known = Known::read().unwrap();
        (known.default().unwrap(), known.raised().unwrap())
    }

    /// Loads that meet each quota.
    fn scenarios() -> Vec<Scenario> {
        let (default, raised) = quotas();
        let steep = Load { ramp: 1, ..small(9_000, Caller::Program, raised).load };
        vec![
            small(100, Caller::Page, default),
            small(400, Caller::Page, Quotas { ids: 1_000, tokens: 1_000, ..default }),
            small(300, Caller::Program, default),
            small(1_000, Caller::Program, Quotas { concurrency: 50, ..raised }),
            small(1_000, Caller::Program, Quotas { writes: 500, reads: 800, ..raised }),
            Scenario { load: steep, ..small(9_000, Caller::Program, raised) },
            Scenario { guesses: 3_000, ..small(50, Caller::Program, default) },
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_run_and_another_seed_another() {
        for scenario in scenarios() {
            let outcome = run(&scenario);
            assert_eq!(outcome, run(&scenario));
            assert_ne!(outcome, run(&Scenario { seed: 8, ..scenario }));
        }
    }

    #[test]
    fn every_login_is_answered_or_given_up() {
        for scenario in scenarios() {
            let outcome = run(&scenario);
            assert_eq!(outcome.offered(), outcome.answered() + outcome.given_up.iter().sum::<u32>());
            let guesses = outcome.guesses;
            assert_eq!(guesses.made, guesses.judged + guesses.too_many + guesses.refused);
            assert!(Cause::ALL.iter().all(|cause| outcome.refused(*cause) >= outcome.given_up[*cause as usize]));
        }
    }

    #[test]
    fn these_scenarios_meet_every_quota() {
        let outcomes: Vec<Outcome> = scenarios().iter().map(run).collect();
        for cause in Cause::ALL {
            assert!(outcomes.iter().any(|outcome| outcome.refused(cause) > 0), "{cause:?}");
        }
    }

    #[test]
    fn a_login_is_tried_three_times_and_then_given_up() {
        let (_, raised) = quotas();
        let outcome = run(&small(20, Caller::Program, Quotas { tokens: 0, ..raised }));
        assert_eq!(outcome.refused(Cause::Tokens), 3 * outcome.offered());
        assert_eq!(outcome.given_up[Cause::Tokens as usize], outcome.offered());
    }

    #[test]
    fn no_quota_is_exceeded_in_any_window() {
        for scenario in scenarios() {
            let outcome = run(&scenario);
            assert!(outcome.peak_busy() <= scenario.quotas.concurrency);
            for metered in &outcome.metered {
                assert!(kept(metered));
            }
        }
    }

    #[test]
    fn environments_at_work_are_rate_times_duration() {
        let (_, raised) = quotas();
        let flat = Load { baseline: 800.0, peak: 800.0, quiet: 1_000, ramp: 1, hold: 18_000, decay: 1 };
        let outcome = run(&Scenario { load: flat, ..small(800, Caller::Program, raised) });
        assert_eq!(outcome.answered(), outcome.offered());
        // The middle of each range; of two calls to the table at once the later one, which is 0.8 ms later.
        let duration = 1.0 + 5.8 + 102.0 + 25.0;
        let (after, until) = (3, 18);
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let seconds = (until - after) as f64;
        let busiest = outcome.seconds[after..until].iter().map(|second| f64::from(second.busy)).sum::<f64>() / seconds;
        let expected = 800.0 * duration / 1_000.0;
        #[expect(clippy::cast_precision_loss, reason = "below a million")]
        let mean = outcome.busy_ms as f64 / f64::from(flat.end());
        assert!((mean / expected - 1.0).abs() < 0.03, "{mean} against {expected}");
        assert!(busiest > mean && busiest < expected * 1.4, "{busiest} against {expected}");
    }

    /// With one exception, which the next test is about.
    #[test]
    fn raising_a_quota_never_lowers_what_is_answered() {
        for scenario in scenarios() {
            let answered = run(&scenario).answered();
            let of = scenario.quotas;
            for raised in [
                Quotas { ids: of.ids * 2, ..of },
                Quotas { credentials: of.credentials * 2, ..of },
                Quotas { tokens: of.tokens * 2, ..of },
                Quotas { concurrency: of.concurrency * 2, ..of },
                Quotas { scaling: of.scaling * 2, ..of },
                Quotas { reads: of.reads * 2, writes: of.writes * 2, ..of },
                Quotas { item_reads: of.item_reads * 2, item_writes: of.item_writes * 2, ..of },
            ] {
                let more = run(&Scenario { quotas: raised, ..scenario }).answered();
                assert!(more >= answered, "{more} after {answered} with {raised:?}");
            }
        }
    }

    /// Both come out of one quota: the credentials before a login, and those after it.
    #[test]
    fn identities_for_everybody_and_credentials_for_few_answer_fewer() {
        let (default, raised) = quotas();
        let answered = |ids| run(&small(4_000, Caller::Page, Quotas { ids, ..default })).answered();
        assert!(answered(raised.ids) < answered(default.ids));
    }

    #[test]
    fn guesses_at_one_account_are_judged_as_seldom_as_the_throttle_allows() {
        let (_, raised) = quotas();
        let outcome = run(&Scenario { guesses: 500, ..small(50, Caller::Program, raised) });
        // Four at once, and one after each wait of 1 + 1, 2 + 1 and 4 + 1 seconds.
        assert!((5..=7).contains(&outcome.guesses.judged), "{:?}", outcome.guesses);
        assert_eq!(outcome.guesses.refused, 0);
        assert_eq!(outcome.answered(), outcome.offered());
    }
}
