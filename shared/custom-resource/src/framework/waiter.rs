//! The state machine that asks `is_complete`.

use serde_json::{Value, json};

/// How often `is_complete` is asked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    interval: u32,
    attempts: u32,
}

/// The times make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimesError {
    /// The interval is 0, or longer than the whole.
    #[error("the query interval must have at least a second, and at most the total timeout")]
    Interval,
    /// The whole is more than an hour, for which CloudFormation waits at most.
    #[error("the total timeout must have at most 3,600 seconds")]
    Total,
    /// The whole is no multiple of the interval.
    #[error("the total timeout must be a multiple of the query interval")]
    Quotient,
}

impl Default for Times {
    /// Every five seconds, for half an hour.
    fn default() -> Self {
        Self { interval: 5, attempts: 360 }
    }
}

impl Times {
    /// Checks an interval and the whole time, in seconds.
    pub fn new(query_interval: u32, total_timeout: u32) -> Result<Self, TimesError> {
        if query_interval == 0 || query_interval > total_timeout {
            return Err(TimesError::Interval);
        }
        if total_timeout > 3_600 {
            return Err(TimesError::Total);
        }
        if !total_timeout.is_multiple_of(query_interval) {
            return Err(TimesError::Quotient);
        }
        Ok(Self { interval: query_interval, attempts: total_timeout / query_interval })
    }

    /// Checks an interval in seconds and how often it is asked again.
    pub fn of_attempts(query_interval: u32, attempts: u32) -> Result<Self, TimesError> {
        Self::new(query_interval, query_interval.checked_mul(attempts).ok_or(TimesError::Total)?)
    }

    /// The seconds between two questions.
    #[must_use]
    pub fn interval(self) -> u32 {
        self.interval
    }

    /// How often it is asked again.
    #[must_use]
    pub fn attempts(self) -> u32 {
        self.attempts
    }
}

/// The definition of the state machine, in Amazon States Language. "Not yet" is an error of the task, which is retried; when no
/// attempt is left, the input goes to `onTimeout` as it was.
#[must_use]
pub fn definition(times: Times, is_complete_arn: &str, on_timeout_arn: &str) -> Value {
    json!({
        "StartAt": "isComplete",
        "States": {
            "isComplete": {
                "Type": "Task",
                "Resource": is_complete_arn,
                "Retry": [{
                    "ErrorEquals": ["States.ALL"],
                    "IntervalSeconds": times.interval,
                    "MaxAttempts": times.attempts,
                    "BackoffRate": 1
                }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "onTimeout", "ResultPath": "$.Error" }],
                "End": true
            },
            // Nobody else is left to answer. It fails only if it could not, or was not started.
            "onTimeout": {
                "Type": "Task",
                "Resource": on_timeout_arn,
                "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "MaxAttempts": 6, "BackoffRate": 2 }],
                "End": true
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_quotient_within_the_hour_is_needed() {
        assert_eq!(Times::new(5, 1_800), Ok(Times::default()));
        assert_eq!(Times::new(10, 3_600).unwrap().attempts(), 360);
        assert_eq!(Times::new(7, 1_800), Err(TimesError::Quotient));
        assert_eq!(Times::new(5, 3_605), Err(TimesError::Total));
        assert_eq!(Times::new(0, 60), Err(TimesError::Interval));
        assert_eq!(Times::new(61, 60), Err(TimesError::Interval));
    }

    #[test]
    fn not_yet_is_retried_at_the_interval_and_the_end_is_caught() {
        let definition = definition(Times::new(2, 10).unwrap(), "asks", "ends");
        let task = &definition["States"]["isComplete"];
        assert_eq!(task["Resource"], "asks");
        let retry =
            json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 1 }]);
        assert_eq!(task["Retry"], retry);
        assert_eq!(task["Catch"][0]["Next"], "onTimeout");
        assert_eq!(definition["States"]["onTimeout"]["Resource"], "ends");
    }

    #[test]
    fn the_last_answer_is_tried_again_as_well() {
        let definition = definition(Times::default(), "asks", "ends");
        let retry =
            json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "MaxAttempts": 6, "BackoffRate": 2 }]);
        assert_eq!(definition["States"]["onTimeout"]["Retry"], retry);
    }
}
