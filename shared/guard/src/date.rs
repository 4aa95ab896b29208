//! Calendar dates, by which exceptions end.

use std::fmt;

/// The last day of the year 9999, from the beginning of 1970.
const LAST_DAY: i64 = 2_932_896;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date in UTC, so many seconds after the beginning of 1970.
    #[must_use]
    pub fn at(unix_seconds: u64) -> Self {
        // A clock beyond the last year that can be written is wrong anyway, and ends every exception.
        let mut days = i64::try_from(unix_seconds / 86_400).unwrap_or(LAST_DAY).min(LAST_DAY);
        let mut year = 1970;
        while days >= days_of_year(year) {
            days -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while days >= days_of_month(year, month) {
            days -= days_of_month(year, month);
            month += 1;
        }
        Self { year, month, day: days + 1 }
    }

    /// A date as ISO 8601 writes it, `2027-03-31`; none if there is no such day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text
            .split('-')
            .map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let real = text.len() == 10
            && parts.next().is_none()
            && (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day);
        real.then_some(Self { year, month, day })
    }

    /// The same day a year later.
    #[must_use]
    pub fn a_year_later(self) -> Self {
        let year = self.year + 1;
        Self { year, day: self.day.min(days_of_month(year, self.month)), ..self }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_the_day_that_they_fall_on() {
        // Checked against `date --utc --date @N`.
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_798_761_599, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
        ] {
            assert_eq!(Date::at(seconds).to_string(), day);
        }
        assert_eq!(Date::at(u64::MAX).to_string(), "9999-12-31");
    }

    #[test]
    fn only_days_that_there_are_can_be_written() {
        assert_eq!(Date::parse("2028-02-29").unwrap().to_string(), "2028-02-29");
        for text in [
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-1-1",
            "27-01-01",
            "2027-01-01-01",
            "2027-+1-01",
            "tomorrow",
            "",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_year_after_a_leap_day_is_the_last_of_february() {
        assert_eq!(Date::parse("2028-02-29").unwrap().a_year_later().to_string(), "2029-02-28");
    }
}
