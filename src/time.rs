//! Points in time and their texts. Nothing here asks what time it is.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates: a wait of `i64::MAX` seconds ends at the end of time, not before its start.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This many seconds later.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self + seconds.saturating_mul(1_000)
    }

    /// Reads a timestamp as the States Language demands it (Wait, Timestamp comparisons): RFC 3339
    /// with an uppercase `T`, and an uppercase `Z` or a numeric offset.
    ///
    /// Digits after the millisecond are accepted and dropped
    /// (`base_scenarios.wait_timestamp.NANOSECONDS`).
    pub fn parse(text: &str) -> Option<Self> {
        parse_precise(text).map(|(time, _)| time)
    }

    /// Reads the timestamps that tools print: RFC 3339 in any spelling, offsets without a colon.
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
            .ok()?;
        Some(Self(time.timestamp_millis()))
    }

    /// `2024-01-01T00:00:00.000Z`, always with three digits.
    pub fn to_rfc3339_millis(self) -> String {
        self.date_time().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The form that the Context Object uses: zeros at the end of the fraction are left out, and a
    /// fraction of nothing but zeros altogether.
    pub fn to_context_text(self) -> String {
        let text = self.to_rfc3339_millis();
        let short = text.trim_end_matches('Z').trim_end_matches('0');
        // Without a fraction the zeros that were cut may belong to the seconds.
        match self.0.rem_euclid(1_000) {
            0 => format!("{}Z", &text[..text.len() - ".000Z".len()]),
            _ => format!("{short}Z"),
        }
    }

    /// `May 1, 2024 1:23:45 AM`, as CloudTrail writes the dates in answers (guide, "Logging Step
    /// Functions Using AWS CloudTrail").
    pub fn to_trail_text(self) -> String {
        self.date_time().format("%b %-d, %Y %-I:%M:%S %p").to_string()
    }

    /// Times outside of the calendar (262,000 years on either side) become its nearest end.
    fn date_time(self) -> DateTime<Utc> {
        let end = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_millis(self.0).unwrap_or(end)
    }
}

/// Reads a States Language timestamp with its nanoseconds within the millisecond, so that
/// comparisons see all digits.
pub fn parse_precise(text: &str) -> Option<(Timestamp, u32)> {
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some((Timestamp(time.timestamp_millis()), time.timestamp_subsec_nanos() % 1_000_000))
}

/// Later by milliseconds.
impl Add<i64> for Timestamp {
    type Output = Self;

    fn add(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Milliseconds from the other to this.
impl Sub for Timestamp {
    type Output = i64;

    fn sub(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_millis())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_form() {
        let time = |text| Timestamp::parse(text).map(Timestamp::millis);
        assert_eq!(time("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(time("1970-01-01T01:00:00.5+01:00"), Some(500));
        assert_eq!(time("1970-01-01T00:00:00.243167252Z"), Some(243));
        for bad in [
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00+01",
            "1970-01-01",
            "",
            "é970-01-01T00:00:00Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
        let (_, nanos) = parse_precise("1970-01-01T00:00:00.243167252Z").unwrap();
        assert_eq!(nanos, 167_252);
    }

    #[test]
    fn what_tools_print() {
        let time = |text| Timestamp::parse_lenient(text).map(Timestamp::millis);
        assert_eq!(time("1970-01-01T02:00:00.123000+02:00"), Some(123));
        assert_eq!(time("1970-01-01T02:00:00.123+0200"), Some(123));
        assert_eq!(time("1970-01-01 00:00:00Z"), Some(0));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn texts() {
        let text = |millis| {
            let time = Timestamp(millis);
            (time.to_rfc3339_millis(), time.to_context_text())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(text(0), pair("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z"));
        assert_eq!(text(120), pair("1970-01-01T00:00:00.120Z", "1970-01-01T00:00:00.12Z"));
        assert_eq!(text(-1), pair("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"));
        assert!(Timestamp(i64::MAX).to_rfc3339_millis().starts_with("+262142-12-31T23:59:59"));
        assert!(Timestamp(i64::MIN).to_context_text().starts_with("-262143-01-01T00:00:00"));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp(1) + i64::MAX, Timestamp(i64::MAX));
        assert_eq!(Timestamp(1).plus_seconds(i64::MIN), Timestamp(i64::MIN + 1));
        assert_eq!(Timestamp(i64::MIN) - Timestamp(1), i64::MIN);
    }
}
