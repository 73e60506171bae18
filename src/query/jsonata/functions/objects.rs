//! Functions on objects, and on values of any kind.

use super::super::error::Fault;
use super::super::evaluate::{self, Evaluator, object};
use super::super::item::{Evaluated, Item, Members};
use super::{arg, text};

pub(super) fn boolean<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(evaluator.boolean(&arg(args, 0))?.map_or(Item::Undefined, Item::Bool))
}

pub(super) fn not<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(evaluator.boolean(&arg(args, 0))?.map_or(Item::Undefined, |value| Item::Bool(!value)))
}

pub(super) fn exists<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(Item::Bool(!arg(args, 0).is_undefined()))
}

pub(super) fn type_of<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let item = arg(args, 0);
    evaluate::numeric(&item)?;
    Ok(Item::string(match item {
        Item::Undefined => return Ok(Item::Undefined),
        Item::Null => "null",
        Item::Number(value) if value.is_nan() => "object",
        Item::Number(_) => "number",
        Item::String(_) => "string",
        Item::Bool(_) => "boolean",
        Item::Array(_) => "array",
        Item::Function(_) => "function",
        Item::Object(_) => "object",
    }))
}

pub(super) fn keys<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let mut merged = Members::default();
    collect_keys(evaluator, &arg(args, 0), &mut merged)?;
    // The keys of several objects are merged into one, which orders them anew.
    let merged = object(merged)?;
    match &merged {
        Item::Object(record) => {
            Item::sequence(record.keys().into_iter().map(Item::String).collect())
        }
        _ => Item::sequence(Vec::new()),
    }
}

fn collect_keys<'e>(
    evaluator: &mut Evaluator<'e>,
    item: &Item<'e>,
    merged: &mut Members<'e>,
) -> Result<(), Box<Fault>> {
    evaluator.spend(1)?;
    match item {
        Item::Array(list) => {
            for item in list.iter() {
                collect_keys(evaluator, &item, merged)?;
            }
        }
        Item::Object(record) => {
            evaluator.spend(record.len() / 4)?;
            for key in record.keys() {
                merged.entry(key).or_insert(Item::Bool(true));
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn lookup<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    match text(args, 1)? {
        Some(key) => evaluator.lookup(&arg(args, 0), &key),
        None => evaluator.lookup(&arg(args, 0), "undefined"),
    }
}

pub(super) fn spread<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let item = arg(args, 0);
    spread_item(evaluator, item)
}

fn spread_item<'e>(evaluator: &mut Evaluator<'e>, item: Item<'e>) -> Evaluated<'e> {
    match item {
        Item::Array(list) => {
            let mut result = Item::sequence(Vec::new())?;
            let mut items: Vec<Item<'e>> = Vec::new();
            for item in list.iter() {
                match spread_item(evaluator, item)? {
                    Item::Undefined => continue,
                    Item::Array(list) => items.extend(list.iter()),
                    single => items.push(single),
                }
            }
            // The reference appends to a sequence, which makes a plain array of it.
            if list.len() > 0 {
                result = Item::array(items)?;
            }
            Ok(result)
        }
        Item::Object(record) => {
            let mut items = Vec::with_capacity(record.len());
            for (key, member) in record.entries() {
                evaluator.spend(1)?;
                items.push(object(Members::from_iter([(key, member)]))?);
            }
            Item::sequence(items)
        }
        other => Ok(other),
    }
}

pub(super) fn merge<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = super::list(args, 0)? else { return Ok(Item::Undefined) };
    let mut merged = Members::default();
    for item in list.iter() {
        if let Item::Object(record) = item {
            evaluator.spend(1 + record.len() / 8)?;
            merged.extend(record.entries());
        }
    }
    object(merged)
}

pub(super) fn clone<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let item = arg(args, 0);
    match item {
        Item::Undefined => Ok(item),
        Item::Array(list) if list.marks().outer_wrapper => evaluator.clone_deep(&list.item(0)),
        item => evaluator.clone_deep(&item),
    }
}

pub(super) fn error<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Err(failure("D3137", args, 0, "$error() function evaluated")?)
}

pub(super) fn assert<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    match arg(args, 0) {
        Item::Bool(true) => Ok(Item::Undefined),
        _ => Err(failure("D3141", args, 1, "$assert() statement failed")?),
    }
}

fn failure(
    code: &'static str,
    args: &[Item<'_>],
    index: usize,
    default: &str,
) -> Result<Box<Fault>, Box<Fault>> {
    let message = text(args, index)?.filter(|message| !message.is_empty());
    let mut fault = Fault::new(code);
    fault.message = Some(message.map_or_else(|| default.to_owned(), |text| text.to_string()));
    Ok(fault)
}
