//! Lengths of time as scenarios write them: `90s`, `500ms`, `1h30m`, `7d`.

use std::time::Duration;

/// What [`parse`] understands, for messages.
pub const FORM: &str = "a duration such as `500ms`, `90s`, `2m`, `1h30m` or `7d`";

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration: numbers with units, the largest unit first, each at most once. Only the last
/// number may have a fraction, and nothing is finer than a millisecond. `0` needs no unit.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut millis = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, scale) = units.find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(scaled(number, *scale, tail.is_empty())?)?;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// `number` times `scale`, exactly.
fn scaled(number: &str, scale: u64, fraction_allowed: bool) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if fraction_allowed => (whole, Some(fraction)),
        Some(_) => return None,
        None => (number, None),
    };
    let mut millis = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    if let Some(fraction) = fraction {
        let digits = u32::try_from(fraction.len()).ok().filter(|len| (1..=9).contains(len))?;
        let parts = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
        let unit = 10_u64.pow(digits);
        if parts % unit != 0 {
            return None;
        }
        millis = millis.checked_add(parts / unit)?;
    }
    Some(millis)
}

/// The text that [`parse`] reads back, as short as it gets: `1h30m`, `1s500ms`, `0s`.
pub fn text(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, scale) in UNITS {
        if rest >= scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1d2h3m4s5ms", 93_784_005),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1s1s",
            "1s1m",
            "1.5h30m",
            "1 s",
            "0.5ms",
            "1y",
            "99999999999999999d",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_read_back() {
        for millis in [0, 1, 999, 1_500, 60_000, 5_400_000, 93_784_005, u64::MAX / 86_400_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&text(duration)), Some(duration), "{}", text(duration));
        }
        assert_eq!(text(Duration::from_millis(1_500)), "1s500ms");
    }
}
