//! A whole definition, and the states of one level of it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::state::{QueryLanguage, State};
use crate::document::Placeholder;

/// A state machine: what the `definition` of CreateStateMachine says.
///
/// Built by [`super::parse`], never by hand; it is only built for definitions without errors, so
/// every transition leads to a state of its own level.
#[derive(Debug)]
pub struct StateMachine {
    /// `Comment`.
    pub comment: Option<Arc<str>>,
    /// `QueryLanguage` of the machine; states without their own use it.
    pub query_language: QueryLanguage,
    /// `TimeoutSeconds` of a whole execution.
    pub timeout_seconds: Option<u64>,
    /// The top level.
    pub states: Arc<States>,
    /// Each state that uses variables, with their names: the `variableReferences` that
    /// DescribeStateMachine answers.
    pub variable_references: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// The `${…}` of templates that nothing has filled in; they may stand in any field. Where one
    /// is [`Placeholder::needed`], the field holds something neutral, and the machine does not
    /// do what its author meant until it is filled in.
    pub placeholders: Vec<Placeholder>,
    /// The definition's text as it was given: what DescribeStateMachine answers.
    pub source: Arc<str>,
}

/// The states of one level: the machine's own, a Parallel branch, or a Map's ItemProcessor.
#[derive(Debug)]
pub struct States {
    /// `StartAt`.
    pub start_at: StateIndex,
    /// `Comment` of this level, for a branch or an ItemProcessor.
    pub comment: Option<Arc<str>>,
    pub(crate) states: Vec<State>,
    pub(crate) names: HashMap<Arc<str>, StateIndex, BuildHasherDefault<FxHasher>>,
}

/// The place of a state within its [`States`], in the order of the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateIndex(pub u32);

impl StateMachine {
    /// What the child executions of a distributed Map of this machine run.
    pub(crate) fn processor(&self, states: Arc<States>) -> Self {
        Self {
            comment: None,
            query_language: self.query_language,
            timeout_seconds: None,
            states,
            placeholders: Vec::new(),
            variable_references: Default::default(),
            source: self.source.clone(),
        }
    }
}

impl States {
    /// A level of states; `start_at` and every transition must lie within.
    pub(crate) fn new(start_at: StateIndex, comment: Option<Arc<str>>, states: Vec<State>) -> Self {
        let names = states.iter().enumerate();
        let names = names.map(|(i, state)| (state.name.clone(), StateIndex(i as u32))).collect();
        Self { start_at, comment, states, names }
    }

    /// The state called `name`, at this level only.
    pub fn find(&self, name: &str) -> Option<&State> {
        self.names.get(name).map(|index| &self[*index])
    }

    /// The state called `name`, at this level or one below.
    pub(crate) fn find_below(&self, name: &str) -> Option<&State> {
        let below = || self.iter().flat_map(State::levels);
        self.find(name).or_else(|| below().find_map(|level| level.find_below(name)))
    }

    /// The states in the order of the definition.
    pub fn iter(&self) -> std::slice::Iter<'_, State> {
        self.states.iter()
    }
}

impl std::ops::Index<StateIndex> for States {
    type Output = State;

    fn index(&self, index: StateIndex) -> &State {
        &self.states[index.0 as usize]
    }
}
