//! Reading: what each step selects, and the exact failure where it selects nothing.
//!
//! Values are borrowed until the end, so a read costs the walk and one reference count per match.

use std::borrow::Cow;
use std::fmt;

use super::{Compiled, PathError, Step};
use crate::value::{Map, Value};

/// The value of a definite path, or the array of matches of another.
pub(super) fn read(path: &Compiled, root: &Value) -> Result<Value, PathError> {
    if path.definite {
        return definite(&path.steps, root, Report::Full).map(Cow::into_owned);
    }
    let mut search = Search { steps: &path.steps, root, found: Vec::new(), caught: 0 };
    search.apply(0, root, &Place::Root)?;
    Ok(Value::from(search.found))
}

/// Whether anybody will read the message of a path that leads nowhere.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Report {
    Full,
    KindOnly,
}

/// Follows steps each of which selects one value.
pub(super) fn definite<'v>(
    steps: &[Step],
    root: &'v Value,
    report: Report,
) -> Result<Cow<'v, Value>, PathError> {
    let mut current = root;
    for (at, step) in steps.iter().enumerate() {
        let next = match step {
            Step::Member(name) => current.get(name),
            Step::Index(index) => element(current, i64::from(*index)),
            Step::FromLength(offset) => from_length(current, *offset),
            Step::Members(names) if current.as_object().is_some() && at + 1 == steps.len() => {
                return Ok(Cow::Owned(merged(current, names)));
            }
            _ => None,
        };
        match next {
            Some(value) => current = value,
            None if report == Report::KindOnly => return Err(failure(steps, at, current, true)),
            None => return Err(failure(steps, at, current, false)),
        }
    }
    Ok(Cow::Borrowed(current))
}

/// Why step `at` of a definite path selects nothing in `current`.
#[cold]
fn failure(steps: &[Step], at: usize, current: &Value, quiet: bool) -> PathError {
    let trace = |to: usize| {
        let mut text = String::from("$");
        steps[..to].iter().for_each(|step| text.push_str(&step.to_string()));
        text
    };
    let not_found = |message: &dyn Fn() -> String| {
        PathError::not_found(if quiet { String::new() } else { message() })
    };
    let rest = &steps[at + 1..];
    let after_member = at > 0 && matches!(steps[at - 1], Step::Member(_));
    match &steps[at] {
        step @ (Step::Member(_) | Step::Members(_)) if current.as_object().is_none() => {
            not_found(&|| format!("Property {step} not found in path {}", trace(at)))
        }
        Step::Member(_) if rest.is_empty() => {
            not_found(&|| format!("No results for path: {}", trace(at + 1)))
        }
        Step::Member(_) => not_found(&|| format!("Missing property in path {}", trace(at + 1))),
        Step::Members(_) => multiple_in_the_middle(&trace(at + 1)),
        _ if current.as_array().is_none() => {
            if current.is_null() && after_member {
                return not_found(&|| format!("The path {} is null", trace(at)));
            }
            no_array(&steps[at..], current, after_member)
        }
        // Beyond the end of an array the original goes on with a null.
        _ => not_found(&|| match rest.first() {
            None => format!("No results for path: {}", trace(at + 1)),
            Some(step @ (Step::Member(_) | Step::Members(_))) => {
                format!("Property {step} not found in path {}", trace(at + 1))
            }
            Some(_) => format!("The path {} is null", trace(at + 1)),
        }),
    }
}

fn multiple_in_the_middle(place: &str) -> PathError {
    PathError::invalid(format!("Multi properties can only be used as path leafs: {place}"))
}

/// The complaint names the remaining steps, not only the one that failed.
fn no_array(remaining: &[Step], current: &Value, after_member: bool) -> PathError {
    let filter: String = remaining.iter().map(Step::to_string).collect();
    let context = context_text(current, after_member);
    PathError::invalid(format!(
        "Filter: {filter} can only be applied to arrays. Current context is: {context}"
    ))
}

/// A string that was reached by name is printed without quotes.
fn context_text(current: &Value, after_member: bool) -> String {
    match current {
        Value::String(text) if after_member => text.to_string(),
        _ => current.to_json(),
    }
}

fn element(value: &Value, index: i64) -> Option<&Value> {
    value.at(usize::try_from(index).ok()?)
}

fn from_length(value: &Value, offset: i32) -> Option<&Value> {
    let length = value.as_array()?.len();
    element(value, i64::try_from(length).ok()? + i64::from(offset))
}

fn merged(object: &Value, names: &[std::sync::Arc<str>]) -> Value {
    let members = names.iter().filter_map(|name| Some((name.clone(), object.get(name)?.clone())));
    Value::from(members.collect::<Map>())
}

/// A search with many results.
struct Search<'v> {
    steps: &'v [Step],
    root: &'v Value,
    found: Vec<Value>,
    /// How many array wildcards around will swallow a "not found".
    caught: usize,
}

impl<'v> Search<'v> {
    /// Applies the step `at` to `value`, which lies at `place`.
    fn apply(&mut self, at: usize, value: &'v Value, place: &Place<'_>) -> Result<(), PathError> {
        let Some(step) = self.steps.get(at) else {
            self.found.push(value.clone());
            return Ok(());
        };
        match step {
            Step::Member(name) => self.member(at, name, value, place),
            Step::Members(names) => self.members(at, names, value, place),
            Step::Wildcard => self.wildcard(at, value, place),
            Step::Scan => self.scan(at, value, place),
            Step::Filter(_) => self.filter(at, value, place),
            _ => self.elements(at, value, place),
        }
    }

    fn not_found(&self, message: impl FnOnce() -> String) -> PathError {
        PathError::not_found(if self.caught > 0 { String::new() } else { message() })
    }

    fn member(
        &mut self,
        at: usize,
        name: &'v str,
        value: &'v Value,
        place: &Place<'_>,
    ) -> Result<(), PathError> {
        let Some(object) = value.as_object() else {
            let step = &self.steps[at];
            return Err(self.not_found(|| format!("Property {step} not found in path {place}")));
        };
        let here = Place::Name(place, name);
        if let Some(member) = object.get(name) {
            return self.apply(at + 1, member, &here);
        }
        if at + 1 == self.steps.len() {
            return Err(self.not_found(|| format!("No results for path: {here}")));
        }
        // A missing parent only matters where the step before it and all after are definite.
        if self.steps[at.saturating_sub(1)..].iter().all(Step::is_definite) {
            return Err(self.not_found(|| format!("Missing property in path {here}")));
        }
        Ok(())
    }

    fn members(
        &mut self,
        at: usize,
        names: &'v [std::sync::Arc<str>],
        value: &'v Value,
        place: &Place<'_>,
    ) -> Result<(), PathError> {
        let step = &self.steps[at];
        if value.as_object().is_none() {
            return Err(self.not_found(|| format!("Property {step} not found in path {place}")));
        }
        if at + 1 < self.steps.len() {
            return Err(multiple_in_the_middle(&format!("{place}{step}")));
        }
        self.found.push(merged(value, names));
        Ok(())
    }

    fn elements(
        &mut self,
        at: usize,
        value: &'v Value,
        place: &Place<'_>,
    ) -> Result<(), PathError> {
        let Some(array) = value.as_array() else {
            let after_member = matches!(place, Place::Name(..));
            if value.is_null() && after_member {
                return Err(self.not_found(|| format!("The path {place} is null")));
            }
            return Err(no_array(&self.steps[at..], value, after_member));
        };
        let length = i64::try_from(array.len()).unwrap_or(i64::MAX);
        let range = match &self.steps[at] {
            Step::Index(index) => return self.element(at, i64::from(*index), value, place),
            Step::FromLength(offset) => {
                return self.element(at, length + i64::from(*offset), value, place);
            }
            Step::Indexes(indexes) => {
                for index in indexes {
                    self.element(at, i64::from(*index), value, place)?;
                }
                return Ok(());
            }
            Step::SliceFrom(from) if *from < 0 => length + i64::from(*from)..length,
            Step::SliceFrom(from) => i64::from(*from)..length,
            Step::SliceTo(to) if *to < 0 => 0..length + i64::from(*to),
            Step::SliceTo(to) => 0..i64::from(*to),
            Step::Slice(from, to) => i64::from(*from)..i64::from(*to),
            _ => return Ok(()),
        };
        for index in range.start.max(0)..range.end.min(length) {
            self.element(at, index, value, place)?;
        }
        Ok(())
    }

    fn element(
        &mut self,
        at: usize,
        index: i64,
        array: &'v Value,
        place: &Place<'_>,
    ) -> Result<(), PathError> {
        let here = Place::Index(place, index);
        match (element(array, index), self.steps.get(at + 1)) {
            (Some(value), _) => self.apply(at + 1, value, &here),
            (None, None) => Ok(()),
            (None, Some(step @ (Step::Member(_) | Step::Members(_)))) => {
                Err(self.not_found(|| format!("Property {step} not found in path {here}")))
            }
            (None, Some(_)) => Err(self.not_found(|| format!("The path {here} is null"))),
        }
    }

    /// Over arrays an element that lacks what follows is skipped; over objects it is a failure.
    fn wildcard(
        &mut self,
        at: usize,
        value: &'v Value,
        place: &Place<'_>,
    ) -> Result<(), PathError> {
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter() {
                    self.apply(at + 1, member, &Place::Name(place, name))?;
                }
            }
            Value::Array(items) => {
                for (index, item) in (0..).zip(items.iter()) {
                    self.caught += 1;
                    let outcome = self.apply(at + 1, item, &Place::Index(place, index));
                    self.caught -= 1;
                    match outcome {
                        Err(error) if error.kind == super::PathErrorKind::NotFound => {}
                        outcome => outcome?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn filter(&mut self, at: usize, value: &'v Value, place: &Place<'_>) -> Result<(), PathError> {
        let Step::Filter(filter) = &self.steps[at] else { return Ok(()) };
        match value {
            Value::Object(_) => {
                if filter.accepts(value, self.root)? {
                    self.apply(at + 1, value, place)?;
                }
            }
            Value::Array(items) => {
                for (index, item) in (0..).zip(items.iter()) {
                    if filter.accepts(item, self.root)? {
                        self.apply(at + 1, item, &Place::Index(place, index))?;
                    }
                }
            }
            _ => {
                let steps: String = self.steps[at..].iter().map(Step::to_string).collect();
                let context = context_text(value, matches!(place, Place::Name(..)));
                return Err(PathError::invalid(format!(
                    "Filter: {steps} can not be applied to primitives. \
                     Current context is: {context}"
                )));
            }
        }
        Ok(())
    }

    /// Visits every object and array below `value`, itself first, parents before children. It
    /// keeps its own stack: documents nest deeper than the program's should.
    fn scan(&mut self, at: usize, value: &'v Value, place: &Place<'_>) -> Result<(), PathError> {
        let Some(target) = self.steps.get(at + 1) else { return Ok(()) };
        let mut visits = vec![Visit { parent: 0, key: Key::Start, value }];
        let mut stack = vec![0];
        while let Some(current) = stack.pop() {
            let value = visits[current].value;
            if self.is_target(target, value)? {
                let here = Place::Below(place, &visits, current);
                match value {
                    // After `..` a step on an array that is not the last one is passed over: the
                    // next is applied to every element.
                    Value::Array(items) if at + 2 < self.steps.len() => {
                        for (index, item) in (0..).zip(items.iter()) {
                            self.apply(at + 2, item, &Place::Index(&here, index))?;
                        }
                    }
                    _ => self.apply(at + 1, value, &here)?,
                }
            }
            let first = visits.len();
            let mut visit = |key, value: &'v Value| {
                if matches!(value, Value::Array(_) | Value::Object(_)) {
                    visits.push(Visit { parent: current, key, value });
                }
            };
            match value {
                Value::Object(members) => {
                    members.iter().for_each(|(name, member)| visit(Key::Name(name), member));
                }
                Value::Array(items) => {
                    items.iter().enumerate().for_each(|(at, item)| visit(Key::Index(at), item));
                }
                _ => {}
            }
            stack.extend((first..visits.len()).rev());
        }
        Ok(())
    }

    /// Whether a scan applies the step after it to `value`.
    fn is_target(&self, step: &Step, value: &Value) -> Result<bool, PathError> {
        Ok(match step {
            Step::Member(name) => value.get(name).is_some(),
            Step::Members(names) => {
                value.as_object().is_some_and(|o| names.iter().all(|name| o.contains_key(name)))
            }
            Step::Wildcard => true,
            Step::Scan => false,
            Step::Filter(filter) => {
                matches!(value, Value::Array(_) | Value::Object(_))
                    && filter.accepts(value, self.root)?
            }
            _ => value.as_array().is_some(),
        })
    }
}

/// Where a value lies, for messages; a chain of stack frames, so that it costs nothing until asked.
enum Place<'a> {
    Root,
    Name(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, i64),
    Below(&'a Place<'a>, &'a [Visit<'a>], usize),
}

struct Visit<'v> {
    /// The index of the visit to the value around this one.
    parent: usize,
    key: Key<'v>,
    value: &'v Value,
}

enum Key<'v> {
    Start,
    Name(&'v str),
    Index(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Name(parent, name) => write!(f, "{parent}['{name}']"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Below(parent, visits, at) => {
                write!(f, "{parent}")?;
                let mut keys = Vec::new();
                let mut at = *at;
                while !matches!(visits[at].key, Key::Start) {
                    keys.push(&visits[at].key);
                    at = visits[at].parent;
                }
                keys.iter().rev().try_for_each(|key| match key {
                    Key::Start => Ok(()),
                    Key::Name(name) => write!(f, "['{name}']"),
                    Key::Index(index) => write!(f, "[{index}]"),
                })
            }
        }
    }
}
