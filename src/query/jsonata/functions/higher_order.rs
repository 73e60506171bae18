//! Functions that take functions.

use std::cmp::Ordering;

use super::super::error::Fault;
use super::super::evaluate::{self, Evaluator, compare_strings, object};
use super::super::item::{Evaluated, Item, Members};
use super::{arg, elements};

/// How many arguments a function wants to be called with.
fn arity(func: &Item<'_>) -> Result<usize, Box<Fault>> {
    match func {
        Item::Function(function) => Ok(function.arity()),
        Item::Undefined => {
            Err(Fault::host("Cannot read properties of undefined (reading 'arity')"))
        }
        Item::String(text) => Ok(text.encode_utf16().count()),
        Item::Array(list) => Ok(list.len()),
        _ => Err(Fault::host("Cannot read properties of undefined (reading 'length')")),
    }
}

/// Calls `func` with a value, and with its place and the whole where it takes them.
fn call<'e>(
    evaluator: &mut Evaluator<'e>,
    func: &Item<'e>,
    value: Item<'e>,
    place: impl FnOnce() -> Item<'e>,
    whole: &Item<'e>,
) -> Evaluated<'e> {
    let arity = arity(func)?;
    let mut args = Vec::with_capacity(arity.clamp(1, 3));
    args.push(value);
    if arity >= 2 {
        args.push(place());
    }
    if arity >= 3 {
        args.push(whole.clone());
    }
    evaluator.call(func, args, "func")
}

pub(super) fn map<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = elements(args, 0)? else { return Ok(Item::Undefined) };
    let (func, whole) = (arg(args, 1), Item::Array(list.clone()));
    let mut results = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let result = call(evaluator, &func, item, || Item::int(index), &whole)?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    Item::sequence(results)
}

pub(super) fn filter<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = elements(args, 0)? else { return Ok(Item::Undefined) };
    let (func, whole) = (arg(args, 1), Item::Array(list.clone()));
    let mut results = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let result = call(evaluator, &func, item.clone(), || Item::int(index), &whole)?;
        if evaluator.holds(&result)? {
            results.push(item);
        }
    }
    Item::sequence(results)
}

pub(super) fn single<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = elements(args, 0)? else { return Ok(Item::Undefined) };
    let (func, whole) = (arg(args, 1), Item::Array(list.clone()));
    let mut found = None;
    for (index, item) in list.iter().enumerate() {
        evaluator.spend(1)?;
        let fits = func.is_undefined() || {
            let result = call(evaluator, &func, item.clone(), || Item::int(index), &whole)?;
            evaluator.holds(&result)?
        };
        if fits && found.replace(item).is_some() {
            return Err(Fault::new("D3138").index(index));
        }
    }
    found.ok_or_else(|| Fault::new("D3139"))
}

pub(super) fn reduce<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = elements(args, 0)? else { return Ok(Item::Undefined) };
    let (func, initial) = (arg(args, 1), arg(args, 2));
    let arity = arity(&func)?;
    if arity < 2 {
        return Err(Fault::new("D3050").index(1));
    }
    let from_first = initial.is_undefined() && list.len() > 0;
    let mut result = if from_first { list.item(0) } else { initial };
    for index in usize::from(from_first)..list.len() {
        let mut args = vec![result, list.item(index)];
        if arity >= 3 {
            args.push(Item::int(index));
        }
        if arity >= 4 {
            args.push(Item::Array(list.clone()));
        }
        result = evaluator.call(&func, args, "func")?;
    }
    Ok(result)
}

pub(super) fn sift<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (whole, func) = (arg(args, 0), arg(args, 1));
    let Item::Object(record) = &whole else { return Ok(Item::Undefined) };
    let mut kept = Members::default();
    for (key, member) in record.entries() {
        let place = || Item::String(key.clone());
        let result = call(evaluator, &func, member.clone(), place, &whole)?;
        if evaluator.holds(&result)? {
            kept.insert(key, member);
        }
    }
    if kept.is_empty() { Ok(Item::Undefined) } else { object(kept) }
}

pub(super) fn each<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (whole, func) = (arg(args, 0), arg(args, 1));
    let mut results = Vec::new();
    if let Item::Object(record) = &whole {
        for (key, member) in record.entries() {
            let result = call(evaluator, &func, member, || Item::String(key), &whole)?;
            if !result.is_undefined() {
                results.push(result);
            }
        }
    }
    Item::sequence(results)
}

pub(super) fn sort<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (list, comparator) = (arg(args, 0), arg(args, 1));
    let list = match list {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Array(list) => list,
        _ if comparator.is_undefined() => return Err(Fault::new("D3070").index(1)),
        other => return Ok(other),
    };
    if list.len() <= 1 {
        return Ok(Item::Array(list));
    }
    let sorted = if comparator.is_undefined() {
        check_sortable(&list)?;
        evaluator.merge_sort(list.to_vec(), &mut |evaluator, a, b| {
            evaluator.spend(1)?;
            Ok(natural_order(a, b) == Some(Ordering::Greater))
        })?
    } else {
        let callable = comparator.as_function().is_some_and(|function| !function.is_object());
        if !callable {
            return Err(Fault::host("comp is not a function"));
        }
        evaluator.merge_sort(list.to_vec(), &mut |evaluator, a, b| {
            let after = evaluator.call(&comparator, vec![a.clone(), b.clone()], "comp")?;
            Ok(is_truthy(&after))
        })?
    };
    Item::array(sorted)
}

fn check_sortable(list: &super::super::item::List<'_>) -> Result<(), Box<Fault>> {
    let mut numbers = true;
    for item in list.iter() {
        numbers &= evaluate::numeric(&item)?.is_some();
    }
    if numbers || list.iter().all(|item| matches!(item, Item::String(_))) {
        return Ok(());
    }
    Err(Fault::new("D3070").index(1))
}

fn natural_order(a: &Item<'_>, b: &Item<'_>) -> Option<Ordering> {
    match (a, b) {
        (Item::Number(a), Item::Number(b)) => a.partial_cmp(b),
        (Item::String(a), Item::String(b)) => Some(compare_strings(a, b)),
        _ => None,
    }
}

/// Truth as JavaScript sees it, where empty arrays and objects are true.
fn is_truthy(item: &Item<'_>) -> bool {
    match item {
        Item::Undefined | Item::Null => false,
        Item::Bool(value) => *value,
        Item::Number(value) => *value != 0.0 && !value.is_nan(),
        Item::String(text) => !text.is_empty(),
        Item::Array(_) | Item::Object(_) | Item::Function(_) => true,
    }
}
