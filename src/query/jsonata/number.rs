//! Numbers as ECMAScript prints, reads and rounds them.

use crate::value::{Number, Value};

/// The largest integer below which every integer is a float of its own.
const SAFE: f64 = 9_007_199_254_740_992.0;

/// The text of `Number.prototype.toString`.
pub(super) fn to_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value.trunc() == value && value.abs() < SAFE {
        return (value as i64).to_string();
    }
    // `{:e}` gives the shortest digits that read back the same, as ECMAScript asks for.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = digits.len() as i32;
    let point = exponent + 1;
    let body = if (count..=21).contains(&point) {
        digits + &"0".repeat((point - count) as usize)
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{exponent:+}")
    };
    format!("{sign}{body}")
}

/// The JSON value of a number; the strings `"NaN"`, `"Infinity"`, `"-Infinity"` for those that
/// JSON cannot write.
pub(super) fn to_value(value: f64) -> Value {
    if !value.is_finite() {
        return Value::String(to_text(value).into());
    }
    if value.trunc() == value && value.abs() < SAFE {
        return Value::Number(Number::Int(value as i64));
    }
    let text = to_text(value);
    if text.contains(['e', '+']) || value.trunc() == value {
        return Value::Number(Number::Text(text.into()));
    }
    Value::Number(Number::Float(value))
}

/// `Number(value.toPrecision(15))`: what is left of a number after rounding to 15 digits.
pub(super) fn to_15_digits(value: f64) -> f64 {
    if !value.is_finite() || (value.trunc() == value && value.abs() < 1e15) {
        return value;
    }
    let shortest = format!("{value:e}");
    let mantissa = shortest.split('e').next().unwrap_or(&shortest);
    match mantissa.bytes().filter(u8::is_ascii_digit).count() {
        0..=15 => value,
        16 if mantissa.ends_with('5') => round_digits(value, 15).parse().unwrap_or(value),
        _ => format!("{value:.14e}").parse().unwrap_or(value),
    }
}

/// The value in scientific notation with `digits` significant digits; a tie goes away from zero.
fn round_digits(value: f64, digits: usize) -> String {
    let exact = format!("{value:.1100e}");
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let kept_end = mantissa.find('.').unwrap_or(mantissa.len()) + digits;
    let tail = mantissa.get(kept_end..).unwrap_or("");
    let tie = tail.starts_with('5') && tail[1..].bytes().all(|digit| digit == b'0');
    if !tie {
        return format!("{value:.*e}", digits - 1);
    }
    // The kept digits plus one in the last place.
    let kept = &mantissa[..kept_end];
    let negative = kept.starts_with('-');
    let whole: u128 =
        kept.bytes().filter(u8::is_ascii_digit).fold(0, |n, d| n * 10 + u128::from(d - b'0')) + 1;
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if negative { "-" } else { "" };
    format!("{sign}{whole}e{}", exponent - (digits as i32 - 1))
}

/// `Number.prototype.toFixed` for `decimals` up to 100; a tie goes away from zero.
pub(super) fn to_fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() || value.abs() >= 1e21 {
        return to_text(value);
    }
    let exact = format!("{value:.1100}");
    let point = exact.find('.').unwrap_or(exact.len());
    let cut = point + 1 + decimals;
    let tail = exact.get(cut..).unwrap_or("");
    let tie = tail.starts_with('5') && tail[1..].bytes().all(|digit| digit == b'0');
    if !tie {
        return format!("{value:.decimals$}");
    }
    let mut digits: Vec<u8> = exact.as_bytes()[..cut].to_vec();
    if digits.last() == Some(&b'.') {
        digits.pop();
    }
    let mut at = digits.len();
    loop {
        if at == 0 || digits[at - 1] == b'-' {
            digits.insert(at, b'1');
            break;
        }
        at -= 1;
        match digits[at] {
            b'.' => {}
            b'9' => digits[at] = b'0',
            _ => {
                digits[at] += 1;
                break;
            }
        }
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// `Math.round`: the nearest integer, ties upwards.
pub(super) fn round_half_up(value: f64) -> f64 {
    let floor = value.floor();
    if value - floor >= 0.5 { floor + 1.0 } else { floor }
}

/// Rounds to `precision` decimals, ties to even, as the reference's `$round` does: the decimal
/// point is moved in the text of the number, so that no float error enters.
pub(super) fn round_half_even(value: f64, precision: Option<f64>) -> f64 {
    let shift = precision.filter(|precision| *precision != 0.0 && !precision.is_nan());
    let value = shift.map_or(value, |shift| shift_point(value, shift));
    let mut result = round_half_up(value);
    if (result - value).abs() == 0.5 && (result % 2.0).abs() == 1.0 {
        result -= 1.0;
    }
    if let Some(shift) = shift {
        result = shift_point(result, -shift);
    }
    if result == 0.0 { 0.0 } else { result }
}

fn shift_point(value: f64, shift: f64) -> f64 {
    let text = to_text(value);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, from_text(exponent)),
        None => (&*text, 0.0),
    };
    from_text(&format!("{mantissa}e{}", to_text(exponent + shift)))
}

/// `Number(text)` for decimal literals, hexadecimal, octal and binary ones; NaN for anything else.
pub(super) fn from_text(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    if text.is_empty() {
        return 0.0;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            let digits = &text[2..];
            return match digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
                true => f64::NAN,
                false => from_digits(digits, radix),
            };
        }
    }
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "Infinity" => return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY },
        rest if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return f64::NAN,
        _ => {}
    }
    text.parse().unwrap_or(f64::NAN)
}

/// The nearest float to an integer in a radix that is a power of two.
fn from_digits(digits: &str, radix: u32) -> f64 {
    let bits = radix.trailing_zeros();
    let (mut mantissa, mut exponent, mut sticky) = (0_u64, 0_i32, false);
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        for bit in (0..bits).rev() {
            let bit = (digit >> bit) & 1;
            if mantissa >> 62 == 0 {
                mantissa = mantissa << 1 | u64::from(bit);
            } else {
                exponent = exponent.saturating_add(1);
                sticky |= bit == 1;
            }
        }
    }
    (mantissa | u64::from(sticky)) as f64 * 2_f64.powi(exponent)
}

/// `parseInt(text)`: the integer at the start of the text, decimal or after `0x`; NaN where there
/// is none.
pub(super) fn parse_int(text: &str) -> f64 {
    let text = text.trim_start_matches(is_space);
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let value = if end == 0 { f64::NAN } else { from_digits(&digits[..end], 16) };
        return if negative { -value } else { value };
    }
    let end = digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    match digits[..end].parse::<f64>() {
        Ok(value) if negative => -value,
        Ok(value) => value,
        Err(_) => f64::NAN,
    }
}

/// What ECMAScript calls white space and line ends.
pub(super) fn is_space(char: char) -> bool {
    matches!(
        char,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}'
            | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

/// `Number.prototype.toString(radix)` of an integral float. Beyond 53 bits the standard leaves the
/// last digits to the implementation; these are those of V8, which the reference runs on.
pub(super) fn to_radix(value: f64, radix: u32) -> String {
    if !value.is_finite() || radix == 10 {
        return to_text(value);
    }
    let mut digits = Vec::new();
    let mut integer = value.abs();
    // Digits below the precision are printed as zeros.
    while integer / f64::from(radix) >= SAFE {
        integer /= f64::from(radix);
        digits.push('0');
    }
    loop {
        let remainder = integer % f64::from(radix);
        digits.push(char::from_digit(remainder as u32, radix).unwrap_or('0'));
        integer = (integer - remainder) / f64::from(radix);
        if integer <= 0.0 {
            break;
        }
    }
    if value < 0.0 {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_ecmascript() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (-0.1, "-0.1"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(to_text(value), text);
        }
    }

    #[test]
    fn rounding_is_that_of_ecmascript() {
        assert_eq!(to_fixed(2.5, 0), "3");
        assert_eq!(to_fixed(0.125, 2), "0.13");
        assert_eq!(to_fixed(-0.125, 2), "-0.13");
        assert_eq!(to_fixed(9.5, 0), "10");
        assert_eq!(to_fixed(1.005, 2), "1.00");
        assert_eq!(to_15_digits(100_000_000_000_000.5), 100_000_000_000_001.0);
        assert_eq!(to_15_digits(0.1 + 0.2), 0.3);
        assert_eq!(round_half_even(11.5, None), 12.0);
        assert_eq!(round_half_even(12.5, None), 12.0);
        assert_eq!(round_half_even(1.005, Some(2.0)), 1.0);
        assert_eq!(round_half_even(125.0, Some(-1.0)), 120.0);
    }

    #[test]
    fn numbers_are_read_like_ecmascript() {
        assert_eq!(from_text("0x1F"), 31.0);
        assert_eq!(from_text("0b101"), 5.0);
        assert!(from_text("1_0").is_nan());
        assert!(from_text("inf").is_nan());
        assert_eq!(parse_int(" -12x"), -12.0);
        assert_eq!(parse_int("-0x1fg"), -31.0);
        assert!(parse_int("x").is_nan());
        assert_eq!(to_radix(255.0, 16), "ff");
        assert_eq!(to_radix(-9_007_199_254_740_992.0, 36), "-2gosa7pa2gw");
    }
}
