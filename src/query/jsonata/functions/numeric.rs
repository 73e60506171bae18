//! Functions on numbers.

use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::item::{Evaluated, Item};
use super::super::number as ecma;
use super::{arg, float};

fn map<'e>(args: &[Item<'e>], function: impl FnOnce(f64) -> f64) -> Evaluated<'e> {
    Ok(float(args, 0)?.map_or(Item::Undefined, |value| Item::Number(function(value))))
}

pub(super) fn number<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let item = arg(args, 0);
    let value = match &item {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Number(value) => Some(*value),
        Item::Bool(value) => Some(f64::from(*value)),
        Item::String(text) if is_decimal(text) => {
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        Item::String(text) if has_radix_digits(text) => Some(ecma::from_text(text)),
        _ => None,
    };
    match value {
        Some(value) => Ok(Item::Number(value)),
        None => Err(Fault::new("D3030").value(item.shown()).index(1)),
    }
}

/// `/^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$/`
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(mantissa),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    mantissa_fits && exponent_fits
}

/// `/^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$/`, whose anchors bind to the first and
/// last alternative only.
fn has_radix_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let prefixed = |at: usize, mark: u8, radix: u32| {
        bytes[at] == b'0'
            && bytes.get(at + 1).is_some_and(|byte| byte.eq_ignore_ascii_case(&mark))
            && bytes.get(at + 2).is_some_and(|byte| char::from(*byte).is_digit(radix))
    };
    let starts_hex = !bytes.is_empty() && prefixed(0, b'x', 16);
    starts_hex
        || (0..bytes.len()).any(|at| prefixed(at, b'o', 8))
        || (0..bytes.len()).any(|at| {
            prefixed(at, b'b', 2) && bytes[at + 2..].iter().all(|byte| matches!(byte, b'0' | b'1'))
        })
}

pub(super) fn floor<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    map(args, f64::floor)
}

pub(super) fn ceil<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    map(args, f64::ceil)
}

pub(super) fn abs<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    map(args, f64::abs)
}

pub(super) fn round<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let precision = float(args, 1)?;
    map(args, |value| ecma::round_half_even(value, precision))
}

pub(super) fn sqrt<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    match float(args, 0)? {
        Some(value) if value < 0.0 => Err(Fault::new("D3060").value(arg(args, 0).shown()).index(1)),
        _ => map(args, f64::sqrt),
    }
}

pub(super) fn power<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(base) = float(args, 0)? else { return Ok(Item::Undefined) };
    let exponent = float(args, 1)?.unwrap_or(f64::NAN);
    // Unlike `powf`, ECMAScript gives NaN for one to the power of an infinity.
    let result = if exponent.is_nan() || (base.abs() == 1.0 && exponent.is_infinite()) {
        f64::NAN
    } else {
        base.powf(exponent)
    };
    if !result.is_finite() {
        let fault = Fault::new("D3061").value(arg(args, 0).shown()).index(1);
        return Err(fault.with("exp", arg(args, 1).shown()));
    }
    Ok(Item::Number(result))
}

pub(super) fn format_base<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(value) = float(args, 0)? else { return Ok(Item::Undefined) };
    let value = ecma::round_half_even(value, None);
    let radix = float(args, 1)?.map_or(10.0, |radix| ecma::round_half_even(radix, None));
    if !(2.0..=36.0).contains(&radix) {
        return Err(Fault::new("D3100").value(Some(ecma::to_value(radix))));
    }
    Ok(Item::String(ecma::to_radix(value, radix as u32).into()))
}
