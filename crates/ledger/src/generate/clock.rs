//! Times in the format of FHIR.

use std::fmt;

use serde::{Serialize, Serializer};

/// A time in UTC, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub u64);

impl Instant {
    /// The beginning of 2025.
    pub const YEAR_2025: Instant = Instant(1_735_689_600);

    /// The time `seconds` later.
    pub fn plus(self, seconds: u64) -> Self {
        Instant(self.0 + seconds)
    }

    /// Year, month and day of the Gregorian calendar. Counts years from March, so that
    /// a leap day is the last of its year; the calendar repeats every 400 years.
    fn date(self) -> (u64, u64, u64) {
        const CYCLE: u64 = 146_097;
        const FROM_MARCH_OF_0: u64 = 719_468;
        let days = self.0 / 86_400 + FROM_MARCH_OF_0;
        let (cycle, day) = (days / CYCLE, days % CYCLE);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let year = cycle * 400 + year;
        if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
    }
}

/// ISO 8601, in seconds.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let [hour, minute, second] = [self.0 / 3600 % 24, self.0 / 60 % 60, self.0 % 60];
        write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(Instant(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Instant(951_782_399).to_string(), "2000-02-28T23:59:59Z");
        assert_eq!(Instant(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Instant::YEAR_2025.to_string(), "2025-01-01T00:00:00Z");
        // The oracle counts days one by one.
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..200_000 {
            assert_eq!(Instant(number * 86_400).date(), (year, month, day));
            let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
            let length =
                [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, last) if last == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
