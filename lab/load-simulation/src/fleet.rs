//! The environments of one Lambda function: each takes one call at a time, a new one has to start first, and one that
//! nobody calls goes away.

use crate::token_bucket::TokenBucket;
use std::collections::VecDeque;

/// How long an environment waits for the next call, in milliseconds. AWS promises none; it is longer than a simulated minute.
const IDLE: u32 = 300_000;

/// The retries that the SDK allows a client before it stops retrying, as its standard mode counts them.
const RETRIES: u16 = 500;
const RETRY_COST: u16 = 5;

/// A client that an environment keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Table,
    Identity,
}

/// The retries that are left to the clients of one environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance([u16; 2]);

impl Allowance {
    const FULL: Self = Self([RETRIES; 2]);

    /// Takes one retry.
    pub(crate) fn retry(&mut self, client: Client) -> bool {
        let left = &mut self.0[client as usize];
        let allowed = *left >= RETRY_COST;
        if allowed {
            *left -= RETRY_COST;
        }
        allowed
    }

    /// Notes a success: what a retry cost comes back, and a first attempt earns one.
    pub(crate) fn succeeded(&mut self, client: Client, retried: bool) {
        let left = &mut self.0[client as usize];
        *left = RETRIES.min(*left + if retried { RETRY_COST } else { 1 });
    }
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many environments are at work as the account may have.
    Concurrency,
    /// No further environment may start yet.
    Scaling,
}

/// The environments.
#[derive(Debug)]
pub(crate) struct Fleet {
    limit: u32,
    pub(crate) starts: TokenBucket,
    /// With the time of the last call. The one used last is used next, and the first in the queue goes away first.
    idle: VecDeque<(u32, u32)>,
    gone: Vec<u32>,
    allowances: Vec<Allowance>,
    pub(crate) busy: u32,
    pub(crate) cold_starts: u32,
}

impl Fleet {
    /// No environment yet, and at most `limit` at once; `scaling` may start in ten seconds.
    pub(crate) fn new(limit: u32, scaling: u32) -> Self {
        Self {
            limit,
            starts: TokenBucket::new(scaling / 10, scaling),
            idle: VecDeque::new(),
            gone: Vec::new(),
            allowances: Vec::new(),
            busy: 0,
            cold_starts: 0,
        }
    }

    /// The environment that takes a call, and whether it has to start first.
    pub(crate) fn admit(&mut self, now: u32) -> Result<(u32, bool), Full> {
        while let Some((environment, _)) = self.idle.pop_front_if(|(_, since)| now - *since >= IDLE) {
            self.gone.push(environment);
        }
        if self.busy >= self.limit {
            return Err(Full::Concurrency);
        }
        let warm = self.idle.pop_back();
        let environment = match warm {
            Some((environment, _)) => environment,
            None if self.starts.take(now) => self.start(),
            None => return Err(Full::Scaling),
        };
        self.busy += 1;
        Ok((environment, warm.is_none()))
    }

    fn start(&mut self) -> u32 {
        self.cold_starts += 1;
        if let Some(environment) = self.gone.pop() {
            self.allowances[environment as usize] = Allowance::FULL;
            return environment;
        }
        self.allowances.push(Allowance::FULL);
        u32::try_from(self.allowances.len() - 1).unwrap_or(u32::MAX)
    }

    /// Ends a call.
    pub(crate) fn release(&mut self, environment: u32, now: u32) {
        self.busy -= 1;
        self.idle.push_back((environment, now));
    }

    pub(crate) fn allowance(&mut self, environment: u32) -> &mut Allowance {
        &mut self.allowances[environment as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_takes_one_call_at_a_time() {
        let mut fleet = Fleet::new(2, 1_000);
        let (first, cold) = fleet.admit(0).unwrap();
        assert!(cold);
        let (second, _) = fleet.admit(0).unwrap();
        assert_ne!(first, second);
        assert_eq!(fleet.admit(0), Err(Full::Concurrency));
        fleet.release(first, 5);
        assert_eq!(fleet.admit(5), Ok((first, false)));
    }

    #[test]
    fn environments_start_no_faster_than_the_scaling_rate() {
        let mut fleet = Fleet::new(5_000, 1_000);
        let started = (0..1_001).filter(|_| fleet.admit(0).is_ok()).count();
        assert_eq!(started, 1_000);
        assert_eq!(fleet.admit(9), Err(Full::Scaling));
        assert!(fleet.admit(10).is_ok());
    }

    #[test]
    fn an_environment_that_nobody_calls_goes_away() {
        let mut fleet = Fleet::new(10, 1_000);
        let (environment, _) = fleet.admit(0).unwrap();
        fleet.release(environment, 100);
        assert_eq!(fleet.admit(100 + IDLE), Ok((environment, true)));
    }

    #[test]
    fn a_client_that_only_fails_stops_retrying() {
        let mut allowance = Allowance::FULL;
        assert_eq!((0..200).filter(|_| allowance.retry(Client::Identity)).count(), 100);
        assert!(allowance.retry(Client::Table));
        allowance.succeeded(Client::Identity, true);
        assert!(allowance.retry(Client::Identity));
    }
}
