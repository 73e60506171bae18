//! Workflow variables and their scopes.

use std::sync::Arc;

use crate::query::scope::Variables as VariableLookup;
use crate::value::{Map, Value};

/// The variables that a branch sees: its own, and those of the branches around it.
///
/// An inner scope is made when its Parallel or Map state starts. The outer branch stands still
/// until then, so inner scopes can share what it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(Arc<Scope>);

#[derive(Clone, Debug, Default)]
struct Scope {
    own: Map,
    outer: Option<Variables>,
}

impl Variables {
    /// Variables that a caller brings along, such as those of TestState.
    pub(super) fn new(own: Map) -> Self {
        Self(Arc::new(Scope { own, outer: None }))
    }

    /// The scope of a branch or iteration within this one.
    pub(super) fn inner(&self) -> Self {
        let empty = self.0.own.is_empty() && self.0.outer.is_none();
        let outer = (!empty).then(|| self.clone());
        Self(Arc::new(Scope { own: Map::default(), outer }))
    }

    /// Sets variables of this scope.
    pub(super) fn assign(&mut self, values: &Map) {
        let scope = Arc::make_mut(&mut self.0);
        for (name, value) in values {
            scope.own.insert(name.clone(), value.clone());
        }
    }

    /// Calls `each` with every variable in sight, outer ones first.
    pub(super) fn for_each(&self, each: &mut impl FnMut(&Arc<str>, &Value)) {
        if let Some(outer) = &self.0.outer {
            outer.for_each(each);
        }
        self.0.own.iter().for_each(|(name, value)| each(name, value));
    }

    /// Bytes of all variables of this scope and the ones around it.
    pub(super) fn size(&self) -> usize {
        let own: usize = self.0.own.iter().map(|(name, value)| name.len() + value.size()).sum();
        own + self.0.outer.as_ref().map_or(0, Self::size)
    }
}

impl VariableLookup for Variables {
    fn variable(&self, name: &str) -> Option<&Value> {
        let mut scope = &self.0;
        loop {
            if let Some(value) = scope.own.get(name) {
                return Some(value);
            }
            scope = &scope.outer.as_ref()?.0;
        }
    }
}
