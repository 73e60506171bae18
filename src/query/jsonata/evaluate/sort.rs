//! Sorting: the order-by clause, and the merge sort behind it and `$sort`.

use std::cmp::Ordering;

use super::super::ast::SortTerm;
use super::super::error::Fault;
use super::super::item::{Env, Evaluated, Frame, Item};
use super::Evaluator;

/// Whether the first of two items belongs behind the second.
type After<'a, 'e, T> = dyn FnMut(&mut Evaluator<'e>, &T, &T) -> Result<bool, Box<Fault>> + 'a;

impl<'e> Evaluator<'e> {
    /// Sorts the input by the terms of an order-by clause.
    pub(super) fn sort_terms(
        &mut self,
        terms: &'e [SortTerm],
        position: usize,
        input: Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let Item::Array(list) = &input else { return Ok(input) };
        if list.len() <= 1 {
            return Ok(input);
        }
        let tuples = list.marks().tuples;
        let items = list.to_vec();
        // Every term is evaluated once per item, when it is first needed.
        let mut keys: Vec<Option<Item<'e>>> = vec![None; items.len() * terms.len()];
        let places: Vec<usize> = (0..items.len()).collect();
        let sorted = self.merge_sort(places, &mut |evaluator, a, b| {
            evaluator.spend(1)?;
            for (index, term) in terms.iter().enumerate() {
                let mut key = |place: usize| {
                    let known = &mut keys[place * terms.len() + index];
                    if let Some(known) = known {
                        return Ok(known.clone());
                    }
                    let item = &items[place];
                    let found = if tuples {
                        let scope = Frame::of_tuple(env, item);
                        evaluator.evaluate(&term.expression, &item.member("@"), &scope)?
                    } else {
                        evaluator.evaluate(&term.expression, item, env)?
                    };
                    Ok::<_, Box<Fault>>(known.insert(found).clone())
                };
                let (first, second) = (key(*a)?, key(*b)?);
                match compare_keys(&first, &second).map_err(|fault| fault.at(position))? {
                    Ordering::Equal => {}
                    order if is_missing(&first, &second) => return Ok(order == Ordering::Greater),
                    order => {
                        let order = if term.descending { order.reverse() } else { order };
                        return Ok(order == Ordering::Greater);
                    }
                }
            }
            Ok(false)
        })?;
        Item::array(sorted.into_iter().map(|place| items[place].clone()).collect())
    }

    /// The stable merge sort of the reference: `after` says whether its first argument belongs
    /// behind its second. The same pairs are compared in the same order.
    pub fn merge_sort<T>(
        &mut self,
        items: Vec<T>,
        after: &mut After<'_, 'e, T>,
    ) -> Result<Vec<T>, Box<Fault>> {
        if items.len() <= 1 {
            return Ok(items);
        }
        self.spend(items.len() / 8)?;
        let mut left = items;
        let right = left.split_off(left.len() / 2);
        let left = self.merge_sort(left, after)?;
        let right = self.merge_sort(right, after)?;
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
            let next = if after(self, first, second)? { right.next() } else { left.next() };
            merged.extend(next);
        }
        merged.extend(left);
        merged.extend(right);
        Ok(merged)
    }
}

fn is_missing(first: &Item<'_>, second: &Item<'_>) -> bool {
    first.is_undefined() || second.is_undefined()
}

/// The order of two sort keys; missing ones come last, whatever the direction.
fn compare_keys<'e>(first: &Item<'e>, second: &Item<'e>) -> Result<Ordering, Box<Fault>> {
    let sortable = |item: &Item<'_>| matches!(item, Item::String(_) | Item::Number(_));
    match (first, second) {
        (Item::Undefined, Item::Undefined) => Ok(Ordering::Equal),
        (Item::Undefined, _) => Ok(Ordering::Greater),
        (_, Item::Undefined) => Ok(Ordering::Less),
        (Item::String(a), Item::String(b)) => Ok(compare_strings(a, b)),
        // Neither equal nor less is greater: so NaN comes out.
        (Item::Number(a), Item::Number(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Greater)),
        _ if !sortable(first) || !sortable(second) => {
            let bad = if sortable(first) { second } else { first };
            Err(Fault::new("T2008").value(bad.shown()))
        }
        _ => Err(Fault::new("T2007").value(first.shown()).with("value2", second.shown())),
    }
}

/// The order of two strings by UTF-16 code units.
pub(in super::super) fn compare_strings(a: &str, b: &str) -> Ordering {
    // Code units order like bytes except between surrogates and what lies above them.
    let astral = |text: &str| text.bytes().any(|byte| byte >= 0xee);
    if astral(a) || astral(b) { a.encode_utf16().cmp(b.encode_utf16()) } else { a.cmp(b) }
}
