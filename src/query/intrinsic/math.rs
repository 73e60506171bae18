//! `States.MathAdd` and `States.MathRandom`.

use super::Arguments;
use crate::entropy::Entropy;
use crate::value::Value;

pub(super) fn add(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (a, b) = (bounded(arguments, 0)?, bounded(arguments, 1)?);
    Ok(Value::from(a + b))
}

/// An integer within the range that the Developer Guide gives for `States.MathAdd`.
fn bounded(arguments: &Arguments<'_>, at: usize) -> Result<i64, String> {
    let integer = arguments.integer(at)?;
    match i32::try_from(integer) {
        Ok(integer) => Ok(integer.into()),
        Err(_) => Err(format!(
            "argument {} must be between {} and {}, not {integer}",
            at + 1,
            i32::MIN,
            i32::MAX
        )),
    }
}

/// `States.MathRandom`: from the start, inclusive, to the end, exclusive. A seed gives Java's
/// sequence of that seed; the recording `math_operations.math_random_seeded` hides its number.
pub(super) fn random(arguments: &Arguments<'_>, entropy: &mut Entropy) -> Result<Value, String> {
    let (start, end) = (arguments.integer(0)?, arguments.integer(1)?);
    if start >= end {
        return Err(format!("the start {start} must be less than the end {end}"));
    }
    let width = end.checked_sub(start).ok_or("the range is too wide")?;
    let drawn = match arguments.0.len() {
        2 => entropy.next_long(width),
        _ => Entropy::new(arguments.integer(2)?).next_long(width),
    };
    Ok(Value::from(start + drawn))
}
