//! Functions on arrays.

use super::super::evaluate::{ELEMENT_BYTES, Evaluator};
use super::super::item::{Evaluated, Item, List, Marks};
use super::{arg, list};

pub(super) fn zip<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let length = args.iter().map(|item| match item {
        Item::Array(list) => list.len(),
        _ => 0,
    });
    let length = length.min().unwrap_or(0);
    evaluator.allocate(length * args.len() * ELEMENT_BYTES)?;
    let tuples = (0..length).map(|index| {
        Item::array(
            args.iter()
                .map(|item| match item {
                    Item::Array(list) => list.item(index),
                    _ => Item::Undefined,
                })
                .collect(),
        )
    });
    Item::array(tuples.collect::<Result<_, _>>()?)
}

pub(super) fn append<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (first, second) = (arg(args, 0), arg(args, 1));
    concat(evaluator, first, second)
}

/// The elements of both; something that is no array counts as one element.
pub(super) fn concat<'e>(
    evaluator: &mut Evaluator<'e>,
    first: Item<'e>,
    second: Item<'e>,
) -> Evaluated<'e> {
    if first.is_undefined() {
        return Ok(second);
    }
    if second.is_undefined() {
        return Ok(first);
    }
    let mut items = match first {
        Item::Array(list) => list.to_vec(),
        single => vec![single],
    };
    match second {
        Item::Array(list) => items.extend(list.iter()),
        single => items.push(single),
    }
    evaluator.allocate(items.len() * ELEMENT_BYTES)?;
    Item::array(items)
}

pub(super) fn reverse<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = list(args, 0)? else { return Ok(Item::Undefined) };
    if list.len() <= 1 {
        return Ok(Item::Array(list));
    }
    evaluator.spend(list.len() / 8)?;
    let mut items = list.to_vec();
    items.reverse();
    Item::array(items)
}

/// Fisher and Yates, inside out, drawing as the reference does.
pub(super) fn shuffle<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = list(args, 0)? else { return Ok(Item::Undefined) };
    if list.len() <= 1 {
        return Ok(Item::Array(list));
    }
    evaluator.spend(list.len() / 8)?;
    let mut items: Vec<Item<'e>> = Vec::with_capacity(list.len());
    for item in list.iter() {
        let place = (evaluator.entropy.next_f64() * (items.len() + 1) as f64) as usize;
        items.push(item);
        let last = items.len() - 1;
        items.swap(place, last);
    }
    Item::array(items)
}

pub(super) fn distinct<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let item = arg(args, 0);
    let Item::Array(list) = &item else { return Ok(item) };
    if list.len() <= 1 {
        return Ok(item);
    }
    let mut distinct: Vec<Item<'e>> = Vec::new();
    for item in list.iter() {
        evaluator.spend(1 + distinct.len() / 16)?;
        let mut is_known = false;
        for known in &distinct {
            is_known = evaluator.equal(&item, known)?;
            if is_known {
                break;
            }
        }
        if !is_known {
            distinct.push(item);
        }
    }
    let marks = if list.marks().sequence { Marks::SEQUENCE } else { Marks::default() };
    Ok(Item::Array(List::new(distinct, marks)?))
}
