//! The values of a running evaluation: JSON, `undefined`, functions, and sequences.
//!
//! Values of the engine are used as they are: an [`Item`] holds the shared array or object, and
//! only what an expression constructs is built anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::value::{Array, Map, Number, Object, Value};

use super::error::Fault;
use super::function::Function;
use super::number;

/// How deep constructed arrays, objects and functions may nest in one another.
pub(super) const MAX_DEPTH: u32 = 500;

/// How many nodes a constructed value may have, shared ones counted as often as they occur.
const MAX_NODES: u32 = 20_000_000;

pub(super) type Evaluated<'e> = Result<Item<'e>, Box<Fault>>;

pub(super) type Members<'e> = IndexMap<Arc<str>, Item<'e>, FxBuildHasher>;

#[derive(Clone, Default)]
pub(super) enum Item<'e> {
    #[default]
    Undefined,
    Null,
    Bool(bool),
    /// Any float, also those that JSON cannot write.
    Number(f64),
    String(Arc<str>),
    Array(List<'e>),
    Object(Record<'e>),
    Function(Rc<Function<'e>>),
}

/// An array: one of the engine, or one constructed during the evaluation.
#[derive(Clone)]
pub(super) enum List<'e> {
    Json(Array),
    Own(Rc<Sequence<'e>>),
}

/// A constructed array and the marks the reference hangs on it.
pub(super) struct Sequence<'e> {
    pub items: Vec<Item<'e>>,
    pub marks: Marks,
    extent: Extent,
}

/// How far a constructed value extends. Parts may be shared, so that a small value can be a huge
/// tree: what walks through it must know beforehand that it comes to an end.
#[derive(Clone, Copy, Default)]
pub(super) struct Extent {
    depth: u32,
    nodes: u32,
}

impl Extent {
    /// One level around these parts.
    fn around(parts: impl Iterator<Item = Self>) -> Result<Self, Box<Fault>> {
        let mut extent = Self { depth: 0, nodes: 1 };
        for part in parts {
            extent.depth = extent.depth.max(part.depth);
            extent.nodes = extent.nodes.saturating_add(part.nodes);
        }
        extent.depth += 1;
        extent.checked()
    }

    fn checked(self) -> Result<Self, Box<Fault>> {
        if self.depth > MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        if self.nodes > MAX_NODES {
            return Err(Fault::too_long());
        }
        Ok(self)
    }
}

#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Marks {
    /// A result sequence: a single element stands for itself.
    pub sequence: bool,
    /// A sequence that stays an array even with a single element.
    pub keep_singleton: bool,
    /// Made by an array constructor at an end of a path; not flattened.
    pub cons: bool,
    /// Wraps an input document that is itself an array.
    pub outer_wrapper: bool,
    /// The elements are objects of bindings, not values.
    pub tuples: bool,
}

impl Marks {
    pub const SEQUENCE: Self = Self {
        sequence: true,
        keep_singleton: false,
        cons: false,
        outer_wrapper: false,
        tuples: false,
    };
    pub const TUPLES: Self = Self { tuples: true, ..Self::SEQUENCE };
}

/// An object: one of the engine, or one constructed during the evaluation, which may still change.
#[derive(Clone)]
pub(super) enum Record<'e> {
    Json(Object),
    Own(Rc<OwnRecord<'e>>),
}

pub(super) struct OwnRecord<'e> {
    members: RefCell<Members<'e>>,
    extent: Cell<Extent>,
}

impl<'e> Item<'e> {
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    pub fn int(value: usize) -> Self {
        Self::Number(value as f64)
    }

    /// A plain array of these elements.
    pub fn array(items: Vec<Self>) -> Evaluated<'e> {
        Ok(Self::Array(List::new(items, Marks::default())?))
    }

    /// A result sequence of these elements.
    pub fn sequence(items: Vec<Self>) -> Evaluated<'e> {
        Ok(Self::Array(List::new(items, Marks::SEQUENCE)?))
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    pub fn as_function(&self) -> Option<&Rc<Function<'e>>> {
        match self {
            Self::Function(function) => Some(function),
            _ => None,
        }
    }

    /// The member `key` of an object; `undefined` for anything else.
    pub fn member(&self, key: &str) -> Self {
        match self {
            Self::Object(record) => record.lookup(key),
            _ => Self::Undefined,
        }
    }

    pub fn depth(&self) -> u32 {
        self.extent().depth
    }

    /// How many nodes a walk through the constructed part of the item visits.
    pub fn nodes(&self) -> usize {
        self.extent().nodes as usize
    }

    /// How far the constructed part of the item extends; JSON of the engine counts as one node.
    fn extent(&self) -> Extent {
        match self {
            Self::Array(List::Own(own)) => own.extent,
            Self::Object(Record::Own(own)) => own.extent.get(),
            Self::Function(function) => Extent { depth: function.depth, nodes: 1 },
            _ => Extent { depth: 0, nodes: 1 },
        }
    }

    /// The steps that looking once through the item takes.
    pub fn scan(&self) -> usize {
        match self {
            Self::String(text) => text.len() / 256,
            Self::Array(list) => list.len() / 32,
            Self::Object(record) => record.len() / 32,
            _ => 0,
        }
    }

    /// JavaScript's `===`.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(List::Json(a)), Self::Array(List::Json(b))) => {
                Value::Array(a.clone()).same(&Value::Array(b.clone()))
            }
            (Self::Array(List::Own(a)), Self::Array(List::Own(b))) => Rc::ptr_eq(a, b),
            (Self::Object(Record::Json(a)), Self::Object(Record::Json(b))) => {
                Value::Object(a.clone()).same(&Value::Object(b.clone()))
            }
            (Self::Object(Record::Own(a)), Self::Object(Record::Own(b))) => Rc::ptr_eq(a, b),
            (Self::Function(a), Self::Function(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The JSON value. Functions become empty strings, as `$string` has them; `undefined`
    /// elements become null and such members go; numbers JSON cannot write become the strings
    /// `"NaN"`, `"Infinity"` and `"-Infinity"`, as measured on AWS.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Undefined | Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => number::to_value(*value),
            Self::String(text) => Value::String(text.clone()),
            Self::Array(List::Json(array)) => Value::Array(array.clone()),
            Self::Array(List::Own(own)) => Value::array(own.items.iter().map(Self::to_value)),
            Self::Object(Record::Json(object)) => Value::Object(object.clone()),
            Self::Object(record @ Record::Own(_)) => {
                let mut members = Map::default();
                for (key, member) in record.entries() {
                    if !member.is_undefined() {
                        members.insert(key, member.to_value());
                    }
                }
                Value::Object(Object::new(members))
            }
            Self::Function(_) => Value::string(""),
        }
    }

    /// What an error shows of this item; `None` where JavaScript's JSON has nothing to show.
    pub fn shown(&self) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Function(function) => function.shown(),
            Self::Number(value) if !value.is_finite() => Some(Value::Null),
            Self::Array(List::Own(own)) => {
                let items = own.items.iter();
                Some(Value::array(items.map(|item| item.shown().unwrap_or_default())))
            }
            Self::Object(record @ Record::Own(_)) => {
                let entries = record.entries();
                Some(Value::object(entries.filter_map(|(key, item)| Some((key, item.shown()?)))))
            }
            _ => Some(self.to_value()),
        }
    }
}

impl From<&Value> for Item<'_> {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(Number::Int(int)) => Self::Number(*int as f64),
            Value::Number(number) => Self::Number(number.as_f64()),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(array) => Self::Array(List::Json(array.clone())),
            Value::Object(object) => Self::Object(Record::Json(object.clone())),
        }
    }
}

impl<'e> List<'e> {
    pub fn new(items: Vec<Item<'e>>, marks: Marks) -> Result<Self, Box<Fault>> {
        let extent = Extent::around(items.iter().map(Item::extent))?;
        Ok(Self::Own(Rc::new(Sequence { items, marks, extent })))
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Json(array) => array.len(),
            Self::Own(own) => own.items.len(),
        }
    }

    pub fn item(&self, index: usize) -> Item<'e> {
        match self {
            Self::Json(array) => array.get(index).map_or(Item::Undefined, Item::from),
            Self::Own(own) => own.items.get(index).cloned().unwrap_or_default(),
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Item<'e>> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }

    pub fn to_vec(&self) -> Vec<Item<'e>> {
        match self {
            Self::Json(array) => array.iter().map(Item::from).collect(),
            Self::Own(own) => own.items.clone(),
        }
    }

    pub fn marks(&self) -> Marks {
        match self {
            Self::Json(_) => Marks::default(),
            Self::Own(own) => own.marks,
        }
    }

    /// The same elements with other marks, without a copy where nobody else holds them.
    pub fn with_marks(self, marks: Marks) -> Self {
        match self {
            Self::Own(own) if own.marks == marks => Self::Own(own),
            Self::Own(own) => {
                let extent = own.extent;
                let items = match Rc::try_unwrap(own) {
                    Ok(own) => own.items,
                    Err(shared) => shared.items.clone(),
                };
                Self::Own(Rc::new(Sequence { items, marks, extent }))
            }
            Self::Json(array) => {
                let items: Vec<Item<'e>> = array.iter().map(Item::from).collect();
                let nodes = u32::try_from(items.len() + 1).unwrap_or(u32::MAX);
                Self::Own(Rc::new(Sequence { items, marks, extent: Extent { depth: 1, nodes } }))
            }
        }
    }
}

impl<'e> Record<'e> {
    pub fn new(members: Members<'e>) -> Result<Self, Box<Fault>> {
        let extent = Cell::new(Extent::around(members.values().map(Item::extent))?);
        Ok(Self::Own(Rc::new(OwnRecord { members: RefCell::new(members), extent })))
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Json(object) => object.len(),
            Self::Own(own) => own.members.borrow().len(),
        }
    }

    /// The member `key`, or `undefined`.
    pub fn lookup(&self, key: &str) -> Item<'e> {
        self.own_member(key).unwrap_or_default()
    }

    /// The member `key`, where there is one.
    pub fn own_member(&self, key: &str) -> Option<Item<'e>> {
        match self {
            Self::Json(object) => object.get(key).map(Item::from),
            Self::Own(own) => own.members.borrow().get(key).cloned(),
        }
    }

    /// The keys in JavaScript's order: array indices first, ascending, then the others as written.
    pub fn keys(&self) -> Vec<Arc<str>> {
        let mut keys: Vec<Arc<str>> = match self {
            Self::Json(object) => object.keys().cloned().collect(),
            Self::Own(own) => own.members.borrow().keys().cloned().collect(),
        };
        sort_keys(&mut keys, |key| key);
        keys
    }

    /// Keys and members in JavaScript's order.
    pub fn entries(&self) -> impl Iterator<Item = (Arc<str>, Item<'e>)> + use<'e> {
        let mut entries: Vec<(Arc<str>, Item<'e>)> = match self {
            Self::Json(object) => {
                object.iter().map(|(key, member)| (key.clone(), Item::from(member))).collect()
            }
            Self::Own(own) => {
                let members = own.members.borrow();
                members.iter().map(|(key, member)| (key.clone(), member.clone())).collect()
            }
        };
        sort_keys(&mut entries, |(key, _)| key);
        entries.into_iter()
    }

    /// Sets a member of a constructed object in place; objects of the engine never change.
    pub fn insert(&self, key: Arc<str>, member: Item<'e>) -> Result<(), Box<Fault>> {
        if let Self::Own(own) = self {
            let (known, added) = (own.extent.get(), member.extent());
            let extent = Extent {
                depth: known.depth.max(1 + added.depth),
                nodes: known.nodes.saturating_add(added.nodes),
            };
            own.extent.set(extent.checked()?);
            own.members.borrow_mut().insert(key, member);
        }
        Ok(())
    }

    /// Removes a member of a constructed object in place.
    pub fn remove(&self, key: &str) {
        if let Self::Own(own) = self {
            own.members.borrow_mut().shift_remove(key);
        }
    }

    /// A constructed object with the same members, to be changed.
    pub fn copy(&self) -> Result<Self, Box<Fault>> {
        Self::new(match self {
            Self::Json(object) => {
                object.iter().map(|(key, member)| (key.clone(), Item::from(member))).collect()
            }
            Self::Own(own) => own.members.borrow().clone(),
        })
    }
}

/// Brings array indices before all other keys, as JavaScript has them.
pub(super) fn sort_keys<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    if entries.iter().any(|entry| array_index(key(entry)).is_some()) {
        entries.sort_by_key(|entry| array_index(key(entry)).unwrap_or(u32::MAX));
    }
}

/// The array index that a key spells, which sorts it before all other keys.
fn array_index(key: &str) -> Option<u32> {
    let first = *key.as_bytes().first()?;
    if !first.is_ascii_digit() || (first == b'0' && key.len() > 1) || key.len() > 10 {
        return None;
    }
    if !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX)
}

/// The variables of one scope.
pub(super) struct Frame<'e> {
    scope: Scope<'e>,
    parent: Option<Env<'e>>,
    /// Whether the evaluation keeps this frame in mind, to break its cycles at the end.
    pub captured: Cell<bool>,
}

enum Scope<'e> {
    Names(RefCell<Vec<(Arc<str>, Item<'e>)>>),
    Tuple(Record<'e>),
}

pub(super) type Env<'e> = Rc<Frame<'e>>;

impl<'e> Frame<'e> {
    pub fn new(parent: Option<Env<'e>>) -> Env<'e> {
        Self::with_scope(Scope::Names(RefCell::default()), parent)
    }

    /// A scope in which the bindings of a tuple are variables.
    pub fn of_tuple(parent: &Env<'e>, tuple: &Item<'e>) -> Env<'e> {
        match tuple {
            Item::Object(record) => {
                Self::with_scope(Scope::Tuple(record.clone()), Some(parent.clone()))
            }
            _ => Self::new(Some(parent.clone())),
        }
    }

    fn with_scope(scope: Scope<'e>, parent: Option<Env<'e>>) -> Env<'e> {
        Rc::new(Self { scope, parent, captured: Cell::new(false) })
    }

    pub fn parent(&self) -> Option<&Env<'e>> {
        self.parent.as_ref()
    }

    pub fn bind(&self, name: &Arc<str>, item: Item<'e>) -> Result<(), Box<Fault>> {
        match &self.scope {
            Scope::Names(names) => {
                let mut names = names.borrow_mut();
                match names.iter_mut().find(|(known, _)| known == name) {
                    Some((_, place)) => *place = item,
                    None => names.push((name.clone(), item)),
                }
                Ok(())
            }
            Scope::Tuple(record) => record.insert(name.clone(), item),
        }
    }

    /// The variable `name` of this scope or the nearest one around it.
    pub fn lookup(&self, name: &str) -> Option<Item<'e>> {
        let mut frame = self;
        loop {
            let found = match &frame.scope {
                Scope::Names(names) => {
                    let names = names.borrow();
                    names.iter().find(|(known, _)| &**known == name).map(|(_, item)| item.clone())
                }
                Scope::Tuple(record) => record.own_member(name),
            };
            if found.is_some() {
                return found;
            }
            frame = frame.parent.as_deref()?;
        }
    }

    /// Takes all bindings out, so that functions bound here no longer hold their own scope.
    pub fn clear(&self) -> Vec<(Arc<str>, Item<'e>)> {
        match &self.scope {
            Scope::Names(names) => std::mem::take(&mut names.borrow_mut()),
            Scope::Tuple(_) => Vec::new(),
        }
    }
}

/// Long chains of scopes are dropped one after the other, not one inside the other.
impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(frame) = next {
            match Rc::into_inner(frame) {
                Some(mut frame) => next = frame.parent.take(),
                None => break,
            }
        }
    }
}
