//! Sums and the like over arrays of numbers.

use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::item::{Evaluated, Item, List};
use super::{ecma_number, list};

fn numbers(list: &List<'_>) -> impl Iterator<Item = f64> {
    list.iter().map(|item| ecma_number(&item))
}

fn fold<'e>(
    evaluator: &mut Evaluator<'e>,
    args: &[Item<'e>],
    combine: impl FnOnce(&List<'e>) -> Option<f64>,
) -> Evaluated<'e> {
    let Some(list) = list(args, 0)? else { return Ok(Item::Undefined) };
    charge(evaluator, &list)?;
    Ok(combine(&list).map_or(Item::Undefined, Item::Number))
}

fn charge<'e>(evaluator: &mut Evaluator<'e>, list: &List<'e>) -> Result<(), Box<Fault>> {
    evaluator.spend(list.len() / 8)
}

pub(super) fn sum<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    fold(evaluator, args, |list| Some(numbers(list).fold(0.0, |sum, value| sum + value)))
}

pub(super) fn count<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(Item::int(list(args, 0)?.map_or(0, |list| list.len())))
}

pub(super) fn max<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    fold(evaluator, args, |list| numbers(list).reduce(extreme(|a, b| a > b)))
}

pub(super) fn min<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    fold(evaluator, args, |list| numbers(list).reduce(extreme(|a, b| a < b)))
}

/// Picks one of two numbers; NaN wins, as in `Math.max`.
fn extreme(wins: fn(f64, f64) -> bool) -> impl Fn(f64, f64) -> f64 {
    move |a, b| if a.is_nan() || wins(a, b) { a } else { b }
}

pub(super) fn average<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    fold(evaluator, args, |list| {
        let total = numbers(list).fold(0.0, |sum, value| sum + value);
        (list.len() > 0).then(|| total / list.len() as f64)
    })
}
