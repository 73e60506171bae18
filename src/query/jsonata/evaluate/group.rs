//! Object constructors, alone or grouping the results of a path.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::super::ast::Group;
use super::super::error::Fault;
use super::super::item::{Env, Evaluated, Frame, Item, Members, Record};
use super::{Evaluator, object};

/// What it costs to make an object, besides its members.
const OBJECT_STEPS: usize = 4;

/// The items of one key, and which pair of the constructor made it.
struct Entry<'e> {
    data: Appended<'e>,
    pair: usize,
}

/// What repeated use of the reference's `append` gives: a single item, then a flat array.
enum Appended<'e> {
    One(Item<'e>),
    Many(Vec<Item<'e>>),
}

impl<'e> Appended<'e> {
    fn append(&mut self, item: Item<'e>) {
        if item.is_undefined() {
            return;
        }
        if let Self::One(first) = self {
            *self = match std::mem::take(first) {
                Item::Undefined => {
                    *self = Self::One(item);
                    return;
                }
                Item::Array(list) => Self::Many(list.to_vec()),
                other => Self::Many(vec![other]),
            };
        }
        if let Self::Many(items) = self {
            match item {
                Item::Array(list) => items.extend(list.iter()),
                other => items.push(other),
            }
        }
    }

    fn into_item(self) -> Evaluated<'e> {
        match self {
            Self::One(item) => Ok(item),
            Self::Many(items) => Item::array(items),
        }
    }
}

impl<'e> Evaluator<'e> {
    pub(super) fn group(
        &mut self,
        group: &'e Group,
        input: Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let (items, tuples) = match input {
            Item::Array(list) => (list.to_vec(), list.marks().tuples),
            other => (vec![other], false),
        };
        if tuples && items.is_empty() {
            return Err(Fault::host("Cannot read properties of undefined (reading '@')"));
        }
        // An empty input still makes the object once.
        let items = if items.is_empty() { vec![Item::Undefined] } else { items };
        self.spend(OBJECT_STEPS)?;
        if let [item] = &*items
            && !tuples
        {
            return self.object_of_one(group, item, env);
        }
        let mut entries: IndexMap<Arc<str>, Entry<'e>, FxBuildHasher> = IndexMap::default();
        for item in &items {
            let scope = if tuples { Frame::of_tuple(env, item) } else { env.clone() };
            let context = if tuples { item.member("@") } else { item.clone() };
            for (pair, (key, _)) in group.pairs.iter().enumerate() {
                let key = match self.evaluate(key, &context, &scope)? {
                    Item::String(key) => key,
                    Item::Undefined => continue,
                    other => return Err(bad_key(group, &other)),
                };
                match entries.get_mut(&key) {
                    Some(entry) if entry.pair != pair => return Err(two_pairs(group, key)),
                    Some(entry) => entry.data.append(item.clone()),
                    None => {
                        entries.insert(key, Entry { data: Appended::One(item.clone()), pair });
                    }
                }
            }
        }
        let mut members = Members::default();
        for (key, entry) in in_order(entries) {
            let (mut context, mut scope) = (entry.data.into_item()?, env.clone());
            if tuples {
                let tuple = reduce(context)?;
                context = tuple.member("@");
                if let Item::Object(record) = &tuple {
                    record.remove("@");
                }
                scope = Frame::of_tuple(env, &tuple);
            }
            let value = self.evaluate(&group.pairs[entry.pair].1, &context, &scope)?;
            if !value.is_undefined() {
                members.insert(key, value);
            }
        }
        object(members)
    }

    /// The usual case, an object constructor for a single context: no groups to build.
    fn object_of_one(&mut self, group: &'e Group, item: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        let mut pairs: Vec<(Arc<str>, usize)> = Vec::with_capacity(group.pairs.len());
        let mut members = Members::default();
        members.reserve(group.pairs.len());
        for (pair, (key, _)) in group.pairs.iter().enumerate() {
            match self.evaluate(key, item, env)? {
                Item::String(key) => {
                    if members.insert(key.clone(), Item::Undefined).is_some() {
                        return Err(two_pairs(group, key));
                    }
                    pairs.push((key, pair));
                }
                Item::Undefined => {}
                other => return Err(bad_key(group, &other)),
            }
        }
        super::super::item::sort_keys(&mut pairs, |(key, _)| key);
        let mut missing = false;
        for (key, pair) in pairs {
            let value = self.evaluate(&group.pairs[pair].1, item, env)?;
            missing |= value.is_undefined();
            members.insert(key, value);
        }
        if missing {
            members.retain(|_, value| !value.is_undefined());
        }
        object(members)
    }
}

/// Entries in JavaScript's order of keys.
fn in_order<T>(entries: impl IntoIterator<Item = (Arc<str>, T)>) -> Vec<(Arc<str>, T)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    super::super::item::sort_keys(&mut entries, |(key, _)| key);
    entries
}

/// Merges tuples into one whose bindings hold all their values.
fn reduce(tuples: Item<'_>) -> Evaluated<'_> {
    let Item::Array(list) = tuples else {
        return match tuples {
            Item::Object(record) => record.copy().map(Item::Object),
            other => Ok(other),
        };
    };
    let mut merged: IndexMap<Arc<str>, Appended<'_>, FxBuildHasher> = IndexMap::default();
    for tuple in list.iter() {
        let Item::Object(record) = tuple else { continue };
        for (name, value) in record.entries() {
            match merged.get_mut(&name) {
                Some(values) => values.append(value),
                None => {
                    merged.insert(name, Appended::One(value));
                }
            }
        }
    }
    let mut members = Members::default();
    for (name, values) in merged {
        members.insert(name, values.into_item()?);
    }
    Ok(Item::Object(Record::new(members)?))
}

fn bad_key(group: &Group, key: &Item<'_>) -> Box<Fault> {
    Fault::new("T1003").at(group.position).value(key.shown())
}

fn two_pairs(group: &Group, key: Arc<str>) -> Box<Fault> {
    Fault::new("D1009").at(group.position).value(Some(key.into()))
}
