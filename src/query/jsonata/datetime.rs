//! Timestamps: the calendar of ECMAScript's `Date`, ISO 8601, and date pictures.

mod format;
mod parse;
mod picture;

pub(super) use format::format;
pub(super) use parse::{parse, parse_iso};

pub(super) const DAY: f64 = 86_400_000.0;

/// The furthest from the epoch, in milliseconds, that a `Date` reaches.
const MAX_TIME: f64 = 8.64e15;

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

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// `Date.UTC`: months count from zero and may overflow, years below 100 are of the last century.
fn utc(fields: [f64; 7]) -> f64 {
    let [year, month, day, hour, minute, second, milli] = fields.map(f64::trunc);
    if fields.iter().any(|field| !field.is_finite()) {
        return f64::NAN;
    }
    let year = if (0.0..=99.0).contains(&year) { 1900.0 + year } else { year };
    let time = hour * 3_600_000.0 + minute * 60_000.0 + second * 1_000.0 + milli;
    clip(days(year, month, day) * DAY + time)
}

/// The milliseconds of the first moment of a month.
fn utc_month(year: f64, month: f64) -> f64 {
    utc([year, month, 1.0, 0.0, 0.0, 0.0, 0.0])
}

fn clip(time: f64) -> f64 {
    if time.abs() <= MAX_TIME { time + 0.0 } else { f64::NAN }
}

/// Days since the epoch of a date in the proleptic Gregorian calendar; the month counts from
/// zero.
fn days(year: f64, month: f64, day: f64) -> f64 {
    let year = year + (month / 12.0).floor();
    let month = month.rem_euclid(12.0);
    // The year begins in March, so that the leap day is its last.
    let shifted = if month < 2.0 { year - 1.0 } else { year };
    let era = (shifted / 400.0).floor();
    let year_of_era = shifted - era * 400.0;
    let month_of_year = (month + 10.0) % 12.0;
    let day_of_year = ((153.0 * month_of_year + 2.0) / 5.0).floor() + day - 1.0;
    let day_of_era = year_of_era * 365.0 + (year_of_era / 4.0).floor()
        - (year_of_era / 100.0).floor()
        + day_of_year;
    era * 146_097.0 + day_of_era - 719_468.0
}

/// The fields of a moment in UTC; all NaN for a moment that is none.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: f64,
    year: f64,
    /// From zero.
    month: f64,
    day: f64,
    /// From zero, Sunday.
    weekday: f64,
    hour: f64,
    minute: f64,
    second: f64,
    milli: f64,
}

impl Moment {
    fn new(time: f64) -> Self {
        let time = clip(time.trunc());
        let day_number = (time / DAY).floor();
        let rest = time - day_number * DAY;
        let shifted = day_number + 719_468.0;
        let era = (shifted / 146_097.0).floor();
        let day_of_era = shifted - era * 146_097.0;
        let year_of_era = ((day_of_era - (day_of_era / 1_460.0).floor()
            + (day_of_era / 36_524.0).floor()
            - (day_of_era / 146_096.0).floor())
            / 365.0)
            .floor();
        let leap_days = (year_of_era / 4.0).floor() - (year_of_era / 100.0).floor();
        let day_of_year = day_of_era - (365.0 * year_of_era + leap_days);
        let shifted_month = ((5.0 * day_of_year + 2.0) / 153.0).floor();
        let day = day_of_year - ((153.0 * shifted_month + 2.0) / 5.0).floor() + 1.0;
        let month = (shifted_month + 2.0) % 12.0;
        let carry = if month < 2.0 { 1.0 } else { 0.0 };
        Self {
            time,
            year: year_of_era + era * 400.0 + carry,
            month,
            day,
            weekday: (day_number + 4.0).rem_euclid(7.0),
            hour: (rest / 3_600_000.0).floor(),
            minute: (rest / 60_000.0).floor() % 60.0,
            second: (rest / 1_000.0).floor() % 60.0,
            milli: rest % 1_000.0,
        }
    }

    /// The midnight that began the day, as `Date.UTC` gives it.
    fn midnight(&self) -> f64 {
        utc([self.year, self.month, self.day, 0.0, 0.0, 0.0, 0.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_goes_both_ways() {
        for (time, fields) in [
            (0.0, (1970.0, 0.0, 1.0, 4.0)),
            (951_782_400_000.0, (2000.0, 1.0, 29.0, 2.0)),
            (-1.0, (1969.0, 11.0, 31.0, 3.0)),
            (-62_135_596_800_000.0, (1.0, 0.0, 1.0, 1.0)),
            (MAX_TIME, (275_760.0, 8.0, 13.0, 6.0)),
        ] {
            let moment = Moment::new(time);
            assert_eq!((moment.year, moment.month, moment.day, moment.weekday), fields);
            assert_eq!(days(moment.year, moment.month, moment.day), (time / DAY).floor());
        }
        assert!(Moment::new(MAX_TIME + 1.0).year.is_nan());
        assert_eq!(utc([99.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 915_148_800_000.0);
        assert_eq!(utc([2024.0, 13.0, 31.0, 24.0, 0.0, 0.0, 0.0]), 1_741_046_400_000.0);
    }
}
