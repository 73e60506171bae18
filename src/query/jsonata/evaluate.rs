//! The evaluator: walks the syntax tree and gives items.
//!
//! It follows the reference step by step, also in what a result is marked with, because later
//! steps look at the marks. Every node costs a step, and nesting is bounded.

mod apply;
mod group;
mod operators;
mod path;
mod sort;
mod transform;

pub(super) use sort::compare_strings;

use std::rc::Rc;
use std::sync::Arc;

use crate::entropy::Entropy;
use crate::value::Value;

use super::ast::{Kind, Node, Stage};
use super::error::Fault;
use super::function::{Function, FunctionKind, Matcher};
use super::functions::{self, Builtin};
use super::item::{Env, Evaluated, Frame, Item, List, Marks, Members, Record};
use super::regex::{Match, Regex, Subject};
use super::{Bindings, Environment, Limits};

/// How much of the native stack one evaluation may use: a net below the limits on depth, for
/// builds with large frames.
const STACK_BYTES: usize = 1_000_000;

/// What an element counts for in the size of an array: `[1..873782]` is the longest range that
/// was measured on AWS, which fits the limit of 6,990,256 bytes.
pub(super) const ELEMENT_BYTES: usize = 8;

/// How many operations of a regular expression count as one step.
const REGEX_OPS: u64 = 16;

pub(super) struct Evaluator<'e> {
    labels: &'e [Arc<str>],
    bindings: &'e Bindings,
    /// The input document, `$$`.
    root: Item<'e>,
    pub now_millis: i64,
    pub entropy: Entropy,
    pub limits: Limits,
    steps: u64,
    depth: usize,
    calls: usize,
    stack_start: usize,
    /// The function value of each built-in function, made when first used.
    builtins: Vec<Option<Rc<Function<'e>>>>,
    /// Scopes that functions hold; they are cleared in the end, or they would hold one another.
    captured: Vec<Env<'e>>,
    /// How many scopes may be captured before unused ones are looked for.
    capture_check: usize,
}

impl<'e> Evaluator<'e> {
    pub fn new(
        labels: &'e [Arc<str>],
        bindings: &'e Bindings,
        input: Option<&'e Value>,
        environment: &Environment,
    ) -> Self {
        Self {
            labels,
            bindings,
            root: input.map_or(Item::Undefined, Item::from),
            now_millis: environment.now_millis,
            entropy: environment.entropy.clone(),
            limits: environment.limits,
            steps: 0,
            depth: 0,
            calls: 0,
            stack_start: stack_address(),
            builtins: vec![None; functions::count()],
            captured: Vec::new(),
            capture_check: 1_024,
        }
    }

    /// Evaluates the whole expression.
    pub fn run(&mut self, node: &'e Node) -> Evaluated<'e> {
        let env = Frame::new(None);
        let input = match &self.root {
            // An array as input is one input, not a sequence of them.
            array @ Item::Array(_) => {
                let marks = Marks { outer_wrapper: true, ..Marks::SEQUENCE };
                Item::Array(List::new(vec![array.clone()], marks)?)
            }
            other => other.clone(),
        };
        self.evaluate(node, &input, &env)
    }

    /// Lets go of all scopes; must be called when the result is no longer needed.
    pub fn finish(self) -> Entropy {
        let cleared: Vec<_> = self.captured.iter().flat_map(|frame| frame.clear()).collect();
        drop(cleared);
        self.entropy
    }

    pub fn evaluate(&mut self, node: &'e Node, input: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        self.spend(1)?;
        self.depth += 1;
        if self.depth > self.limits.depth || self.stack_is_deep() {
            return Err(Fault::too_deep());
        }
        let mut result = self.dispatch(node, input, env)?;
        if !node.predicates.is_empty() {
            result = self.predicates(&node.predicates, result, env)?;
        }
        if let Some(group) = &node.group
            && !matches!(node.kind, Kind::Path { .. })
        {
            result = self.group(group, result, env)?;
        }
        self.depth -= 1;
        let result = normalize(result, node.keep_array);
        // Whatever is done with a large value next may walk through all of it.
        self.spend(result.nodes() / 64)?;
        Ok(result)
    }

    /// Counts work; the budget is what ends expressions that would never end.
    pub fn spend(&mut self, steps: usize) -> Result<(), Box<Fault>> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.limits.steps { Err(Fault::too_long()) } else { Ok(()) }
    }

    /// Searches with what is left of the budget.
    pub fn search(
        &mut self,
        regex: &Regex,
        subject: &Subject<'_>,
        from: usize,
    ) -> Result<Option<Match>, Box<Fault>> {
        let fuel = self.limits.steps.saturating_sub(self.steps).saturating_mul(REGEX_OPS);
        let mut left = fuel;
        let found = regex.find(subject, from, &mut left)?;
        self.spend(1 + ((fuel - left) / REGEX_OPS) as usize)?;
        Ok(found)
    }

    /// Refuses a value that would take more memory than allowed, before it is made.
    pub fn allocate(&mut self, bytes: usize) -> Result<(), Box<Fault>> {
        self.fit(bytes)?;
        self.spend(bytes / 64)
    }

    /// Refuses a value that takes more memory than allowed, while it grows.
    pub fn fit(&self, bytes: usize) -> Result<(), Box<Fault>> {
        if bytes > self.limits.value_bytes {
            return Err(Fault::too_large(bytes, self.limits.value_bytes));
        }
        Ok(())
    }

    /// Counts the work of making another text, character by character, of one with so many bytes.
    pub fn rewrite(&mut self, bytes: usize) -> Result<(), Box<Fault>> {
        self.spend(bytes / 32)
    }

    fn stack_is_deep(&self) -> bool {
        self.stack_start.abs_diff(stack_address()) > STACK_BYTES
    }

    fn dispatch(&mut self, node: &'e Node, input: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        match &node.kind {
            Kind::Path { steps, keep_singleton } => {
                self.path(node, steps, *keep_singleton, input, env)
            }
            Kind::Name(name) => self.lookup(input, name),
            Kind::String(text) => Ok(Item::String(text.clone())),
            Kind::Number(value) => Ok(Item::Number(*value)),
            Kind::Bool(value) => Ok(Item::Bool(*value)),
            Kind::Null => Ok(Item::Null),
            Kind::Variable(name, builtin) => self.variable(name, *builtin, input, env),
            Kind::Binary { .. } => self.binary(node, input, env),
            Kind::Function { procedure, arguments } => {
                self.function(node, procedure, arguments, input, env, None)
            }
            Kind::Condition { condition, then, otherwise } => {
                self.condition(condition, then, otherwise.as_deref(), input, env)
            }
            Kind::Block(expressions) => self.block(expressions, input, env),
            Kind::Lambda(lambda) => self.lambda(lambda, input, env),
            _ => self.dispatch_rare(node, input, env),
        }
    }

    fn dispatch_rare(&mut self, node: &'e Node, input: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        match &node.kind {
            Kind::Bind { name, value } => self.bind(name, value, input, env),
            Kind::Array(items) => self.array(items, node.cons_array, input, env),
            Kind::Object(group) => self.group(group, input.clone(), env),
            Kind::Negate(operand) => self.negate(node, operand, input, env),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendant => self.descendants(input),
            Kind::Parent(slot) => Ok(env.lookup(&self.labels[*slot]).unwrap_or_default()),
            Kind::Partial { procedure, arguments } => {
                self.partial(node, procedure, arguments, input, env)
            }
            Kind::Apply { lhs, rhs } => self.apply_operator(node, lhs, rhs, input, env),
            Kind::Regex(regex) => Function::item(FunctionKind::Regex(Matcher {
                regex,
                position: node.position,
                last_index: Default::default(),
            })),
            Kind::Transform(transform) => {
                self.capture(env);
                let (position, env) = (node.position, env.clone());
                Function::item(FunctionKind::Transform { transform, position, env })
            }
            _ => Ok(Item::Undefined),
        }
    }

    fn predicates(
        &mut self,
        predicates: &'e [Stage],
        item: Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let mut result = item;
        for stage in predicates {
            if let Stage::Filter(predicate) = stage {
                result = self.filter(predicate, result, env)?;
            }
        }
        Ok(result)
    }

    fn variable(
        &mut self,
        name: &Arc<str>,
        builtin: Option<&'static Builtin>,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        if name.is_empty() {
            return Ok(match input {
                Item::Array(list) if list.marks().outer_wrapper => list.item(0),
                other => other.clone(),
            });
        }
        self.find(name, builtin, env)
    }

    /// A variable of the scopes, the bindings, or a built-in function.
    pub fn find(
        &mut self,
        name: &str,
        builtin: Option<&'static Builtin>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        if let Some(item) = env.lookup(name) {
            return Ok(item);
        }
        if name == "$" {
            return Ok(self.root.clone());
        }
        if let Some(value) = self.bindings.find(name) {
            return Ok(Item::from(value));
        }
        match builtin {
            Some(builtin) => self.builtin(builtin).map(Item::Function),
            None => Ok(Item::Undefined),
        }
    }

    fn builtin(&mut self, builtin: &'static Builtin) -> Result<Rc<Function<'e>>, Box<Fault>> {
        if let Some(known) = &self.builtins[builtin.id] {
            return Ok(known.clone());
        }
        let function = Function::new(FunctionKind::Builtin(builtin))?;
        self.builtins[builtin.id] = Some(function.clone());
        Ok(function)
    }

    fn condition(
        &mut self,
        condition: &'e Node,
        then: &'e Node,
        otherwise: Option<&'e Node>,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let condition = self.evaluate(condition, input, env)?;
        if self.holds(&condition)? {
            self.evaluate(then, input, env)
        } else {
            otherwise.map_or(Ok(Item::Undefined), |node| self.evaluate(node, input, env))
        }
    }

    fn block(&mut self, expressions: &'e [Node], input: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        let scope = Frame::new(Some(env.clone()));
        let mut result = Item::Undefined;
        for expression in expressions {
            result = self.evaluate(expression, input, &scope)?;
        }
        Ok(result)
    }

    fn bind(
        &mut self,
        name: &Arc<str>,
        value: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let item = self.evaluate(value, input, env)?;
        env.bind(name, item.clone())?;
        Ok(item)
    }

    fn array(
        &mut self,
        items: &'e [Node],
        cons: bool,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let mut result: Vec<Item<'e>> = Vec::with_capacity(items.len());
        for node in items {
            match self.evaluate(node, input, env)? {
                Item::Undefined => {}
                Item::Array(list) if !matches!(node.kind, Kind::Array(_)) => {
                    self.allocate((result.len() + list.len()) * ELEMENT_BYTES)?;
                    result.extend(list.iter());
                }
                other => result.push(other),
            }
        }
        Ok(Item::Array(List::new(result, Marks { cons, ..Marks::default() })?))
    }

    fn wildcard(&mut self, input: &Item<'e>) -> Evaluated<'e> {
        let input = match input {
            Item::Array(list) if list.marks().outer_wrapper && list.len() > 0 => list.item(0),
            other => other.clone(),
        };
        let mut results = Vec::new();
        let mut add = |member: Item<'e>| match member {
            Item::Array(list) => flatten(&list, &mut results),
            other => results.push(other),
        };
        match &input {
            Item::Array(list) => list.iter().for_each(&mut add),
            Item::Object(record) => record.entries().for_each(|(_, member)| add(member)),
            _ => {}
        }
        self.spend(results.len())?;
        Item::sequence(results)
    }

    fn descendants(&mut self, input: &Item<'e>) -> Evaluated<'e> {
        if input.is_undefined() {
            return Ok(Item::Undefined);
        }
        let mut results = Vec::new();
        self.collect_descendants(input, &mut results)?;
        match results.len() {
            1 => Ok(results.pop().unwrap_or_default()),
            _ => Item::sequence(results),
        }
    }

    fn collect_descendants(
        &mut self,
        item: &Item<'e>,
        results: &mut Vec<Item<'e>>,
    ) -> Result<(), Box<Fault>> {
        self.spend(1)?;
        match item {
            Item::Array(list) => {
                for item in list.iter() {
                    self.collect_descendants(&item, results)?;
                }
            }
            Item::Object(record) => {
                results.push(item.clone());
                for (_, member) in record.entries() {
                    self.collect_descendants(&member, results)?;
                }
            }
            other => results.push(other.clone()),
        }
        Ok(())
    }

    /// The member `name` of an object, or of all objects of an array.
    pub fn lookup(&mut self, input: &Item<'e>, name: &str) -> Evaluated<'e> {
        match input {
            Item::Object(record) => Ok(record.lookup(name)),
            Item::Array(list) => {
                let mut results = Vec::new();
                self.lookup_all(list, name, &mut results)?;
                Item::sequence(results)
            }
            _ => Ok(Item::Undefined),
        }
    }

    fn lookup_all(
        &mut self,
        list: &List<'e>,
        name: &str,
        results: &mut Vec<Item<'e>>,
    ) -> Result<(), Box<Fault>> {
        self.spend(list.len() / 8)?;
        for item in list.iter() {
            match item {
                Item::Object(record) => match record.lookup(name) {
                    Item::Undefined => {}
                    Item::Array(found) => {
                        self.spend(found.len() / 8)?;
                        results.extend(found.iter());
                    }
                    other => results.push(other),
                },
                Item::Array(inner) => self.lookup_all(&inner, name, results)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What `$boolean` makes of an item; `None` for `undefined`.
    pub fn boolean(&mut self, item: &Item<'_>) -> Result<Option<bool>, Box<Fault>> {
        Ok(Some(match item {
            Item::Undefined => return Ok(None),
            Item::Null => false,
            // JavaScript sees an object in a lambda or definition, but not in a bare function.
            Item::Function(function) => function.is_object(),
            Item::Bool(value) => *value,
            Item::Number(_) => numeric(item)?.is_some_and(|value| value != 0.0),
            Item::String(text) => !text.is_empty(),
            Item::Object(record) => record.len() > 0,
            Item::Array(list) if list.len() == 1 => return self.boolean(&list.item(0)),
            Item::Array(list) => {
                self.spend(list.len() / 16)?;
                let mut any = false;
                for item in list.iter() {
                    any |= self.boolean(&item)?.unwrap_or(false);
                }
                any
            }
        }))
    }

    /// Whether an item is true, as conditions have it.
    pub fn holds(&mut self, item: &Item<'_>) -> Result<bool, Box<Fault>> {
        Ok(self.boolean(item)?.unwrap_or(false))
    }

    /// Equality of content, as the `=` operator has it.
    pub fn equal(&mut self, left: &Item<'e>, right: &Item<'e>) -> Result<bool, Box<Fault>> {
        match (left, right) {
            // What is the very same is not looked into.
            (Item::Array(_), Item::Array(_)) | (Item::Object(_), Item::Object(_))
                if left.same(right) =>
            {
                Ok(true)
            }
            (Item::Array(List::Json(a)), Item::Array(List::Json(b))) => {
                self.spend(a.size().min(b.size()) / 128)?;
                Ok(a == b)
            }
            (Item::Array(a), Item::Array(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (index, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                    self.spend(usize::from(index % 8 == 7))?;
                    if !self.equal(&a, &b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Item::Object(Record::Json(a)), Item::Object(Record::Json(b))) => {
                self.spend(a.size().min(b.size()) / 128)?;
                Ok(a == b)
            }
            (Item::Object(a), Item::Object(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (index, (key, member)) in a.entries().enumerate() {
                    self.spend(usize::from(index % 8 == 7))?;
                    match b.own_member(&key) {
                        Some(other) if self.equal(&member, &other)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            _ => Ok(left.same(right)),
        }
    }

    /// Remembers that a function holds this scope and those around it.
    fn capture(&mut self, env: &Env<'e>) {
        let mut next = Some(env);
        while let Some(frame) = next
            && !frame.captured.replace(true)
        {
            self.captured.push(frame.clone());
            next = frame.parent();
        }
        if self.captured.len() > self.capture_check {
            self.release();
            self.capture_check = 1_024 + 2 * self.captured.len();
        }
    }

    /// Drops the scopes that nothing but this evaluator holds any more.
    fn release(&mut self) {
        let mut bindings = Vec::new();
        self.captured.retain(|frame| {
            let used = Rc::strong_count(frame) > 1;
            if !used {
                bindings.extend(frame.clear());
            }
            used
        });
    }
}

/// Where the native stack is now.
fn stack_address() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}

/// Lets a sequence of no element vanish and one of a single element stand for that element.
fn normalize(item: Item<'_>, keep_array: bool) -> Item<'_> {
    let Item::Array(list) = item else { return item };
    let mut marks = list.marks();
    if !marks.sequence || marks.tuples {
        return Item::Array(list);
    }
    marks.keep_singleton |= keep_array;
    match list.len() {
        0 => Item::Undefined,
        1 if !marks.keep_singleton => list.item(0),
        _ => Item::Array(list.with_marks(marks)),
    }
}

fn flatten<'e>(list: &List<'e>, results: &mut Vec<Item<'e>>) {
    for item in list.iter() {
        match item {
            Item::Array(inner) => flatten(&inner, results),
            other => results.push(other),
        }
    }
}

/// The number, where the item is one that JSON can write; an infinity is an error.
pub(super) fn numeric(item: &Item<'_>) -> Result<Option<f64>, Box<Fault>> {
    match item {
        Item::Number(value) if value.is_infinite() => Err(Fault::new("D1001").value(item.shown())),
        Item::Number(value) if !value.is_nan() => Ok(Some(*value)),
        _ => Ok(None),
    }
}

/// An object from its members, in JavaScript's order of keys.
pub(super) fn object<'e>(members: Members<'e>) -> Evaluated<'e> {
    Ok(Item::Object(Record::new(members)?))
}
