//! Points in time, in whole seconds.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z, as DynamoDB's time to live counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This many seconds later.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The seconds since an earlier moment, and none since a later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// For people, to the minute: `14:13 on 21 September 2026 (UTC)`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not beyond the year 9999.
        let seconds = self.0.min(253_402_300_799);
        let (mut days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut year = 1970;
        while days >= 365 + u64::from(is_leap(year)) {
            days -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let february = 28 + u64::from(is_leap(year));
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while days >= lengths[month] {
            days -= lengths[month];
            month += 1;
        }
        write!(f, "{:02}:{:02} on {} {} {year} (UTC)", minutes / 60, minutes % 60, days + 1, MONTHS[month])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people() {
        // By `date -u -d @SECONDS`.
        for (seconds, text) in [
            (0, "00:00 on 1 January 1970 (UTC)"),
            (951_782_400 - 1, "23:59 on 28 February 2000 (UTC)"),
            (951_782_400, "00:00 on 29 February 2000 (UTC)"),
            (1_790_000_000, "14:13 on 21 September 2026 (UTC)"),
            (4_102_444_799, "23:59 on 31 December 2099 (UTC)"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
    }
}
