//! `States.ArrayContains`, `ArrayGetItem`, `ArrayLength`, `ArrayPartition`, `ArrayRange` and
//! `ArrayUnique`.

use super::Arguments;
use crate::value::Value;

/// The most elements that `States.ArrayRange` makes.
const MAX_RANGE: u64 = 1_000;

pub(super) fn contains(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(arguments.array(0)?.contains(arguments.value(1)).into())
}

pub(super) fn item(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (array, index) = (arguments.array(0)?, arguments.integer(1)?);
    let item = usize::try_from(index).ok().and_then(|index| array.get(index));
    item.cloned().ok_or_else(|| {
        format!("the index {index} is outside of the array, which has {} elements", array.len())
    })
}

pub(super) fn length(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(arguments.array(0)?.len().into())
}

pub(super) fn partition(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (array, size) = (arguments.array(0)?, arguments.integer(1)?);
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or("the size of the parts must be positive")?;
    Ok(Value::array(array.chunks(size).map(|part| Value::from(part.to_vec()))))
}

/// The end belongs to the range where a step lands on it (`array.array_range`).
pub(super) fn range(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (start, end) = (arguments.integer(0)?, arguments.integer(1)?);
    let step = arguments.integer(2)?;
    if step == 0 {
        return Err("the step must not be zero".to_owned());
    }
    if (step > 0 && start > end) || (step < 0 && start < end) {
        return Ok(Value::array([]));
    }
    let steps = start.abs_diff(end) / step.unsigned_abs();
    if steps >= MAX_RANGE {
        return Err(format!("the range has more than {MAX_RANGE} elements"));
    }
    let elements = std::iter::successors(Some(start), |last| last.checked_add(step));
    Ok(Value::array(elements.take(steps as usize + 1).map(Value::from)))
}

/// Of equal elements the first stays.
pub(super) fn unique(arguments: &Arguments<'_>) -> Result<Value, String> {
    let mut kept: Vec<Value> = Vec::new();
    for item in arguments.array(0)?.iter() {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}
