//! One state run by itself: what a test of it sets, and what it sees on the way.

use std::sync::Arc;

use super::branch::BranchId;
use super::dataflow::Fault;
use super::execution::{Execution, ExecutionResult, TOP};
use super::io::{ItemSource, MapRunRequest};
use super::states::Step;
use crate::asl::{MapState, State, StateIndex, StateKind, States, Transition};
use crate::history::Failure;
use crate::value::{Array, Map, Value};

/// What a test of a single state sets.
#[derive(Clone, Debug, Default)]
pub struct StateTest {
    /// The level the state stands in, where that is not the top level.
    pub level: Option<Arc<States>>,
    /// The state, where it is not the first of its level.
    pub state: Option<StateIndex>,
    /// Takes the place of the Context Object.
    pub context: Option<Value>,
    /// What the branches of a Parallel or the iterations of a Map come to; a Task is answered like
    /// any other.
    pub result: Option<Result<Value, Failure>>,
    /// How often the Retrier that matches was used before.
    pub retry_count: u32,
    /// Workflow variables.
    pub variables: Map,
}

/// What was seen of the state, under the names of TestState's `inspectionData`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names are the API's")]
pub struct Inspection {
    pub after_input_path: Option<Value>,
    pub after_parameters: Option<Value>,
    pub after_arguments: Option<Value>,
    pub after_result_selector: Option<Value>,
    pub after_result_path: Option<Value>,
    pub after_items_path: Option<Value>,
    pub after_item_selector: Option<Value>,
    pub after_items_pointer: Option<Value>,
    pub after_item_batcher: Option<Value>,
    pub max_concurrency: Option<i64>,
    pub tolerated_failure_count: Option<f64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub catch_index: Option<usize>,
    pub retry_index: Option<usize>,
    pub retry_backoff_seconds: Option<f64>,
    /// How the state was left, where it was.
    pub left: Option<Left>,
    /// The variables that the state assigned.
    pub assigned: Option<Map>,
    /// The error that the state met, caught or not.
    pub failure: Option<Failure>,
}

/// How a state was left.
#[derive(Clone, Debug)]
pub struct Left {
    /// Its output.
    pub output: Value,
    /// The state it leads to.
    pub next: Option<Arc<str>>,
}

/// A test under way.
#[derive(Debug, Default)]
pub(super) struct Test {
    pub(super) setup: StateTest,
    pub(super) seen: Inspection,
}

impl Inspection {
    /// What is seen of a distributed Map before its items are read.
    pub(super) fn map_run(&mut self, map: &MapState, input: Value, request: &MapRunRequest) {
        self.after_input_path = Some(input);
        self.after_items_path = match &request.items {
            ItemSource::Items(items) if map.items_path.is_some() => {
                Some(Value::Array(items.clone()))
            }
            ItemSource::Members(members) if map.items_path.is_some() => {
                Some(Value::Object(members.clone()))
            }
            _ => None,
        };
        self.max_concurrency = Some(request.max_concurrency.unwrap_or(0));
        self.tolerated_failure_count = request.tolerated_failure_count;
        self.tolerated_failure_percentage = request.tolerated_failure_percentage;
    }
}

impl Execution {
    /// Makes this a test of a single state. It ends as soon as the state is left, fails, or would
    /// be tried again; call before the first [`poll`](Self::poll).
    pub fn test_state(mut self, setup: StateTest) -> Self {
        let top = &mut self.branches[TOP as usize];
        if let Some(level) = &setup.level {
            top.level = level.clone();
        }
        top.state = setup.state.unwrap_or(top.level.start_at);
        let mut test = self.with_variables(setup.variables.clone());
        test.test = Some(Box::new(Test { setup, seen: Inspection::default() }));
        test
    }

    /// What a test has seen so far.
    pub fn inspection(&self) -> Option<&Inspection> {
        self.test.as_ref().map(|test| &test.seen)
    }

    /// Lets a test see something.
    pub fn see(&mut self, look: impl FnOnce(&mut Inspection)) {
        if let Some(test) = &mut self.test {
            look(&mut test.seen);
        }
    }

    /// Ends a test where its state is left. Answers whether this is one.
    pub(super) fn test_left(
        &mut self,
        id: BranchId,
        output: &Value,
        assigned: Option<&Map>,
        to: Option<Transition>,
    ) -> bool {
        if self.test.is_none() || id != TOP {
            return false;
        }
        let top = &self.branches[TOP as usize];
        let next = match to {
            Some(Transition::Next(next)) => Some(top.level[next].name.clone()),
            Some(Transition::End) | None => None,
        };
        let left = Left { output: output.clone(), next };
        let last = top.last_event;
        let assigned = assigned.cloned();
        self.see(|seen| {
            seen.left = Some(left);
            seen.assigned = assigned;
        });
        self.end(last, ExecutionResult::Succeeded(output.clone()));
        true
    }

    /// An inline Map state under test: its fields are evaluated, its iterations mocked.
    pub(super) fn mocked_map(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<Step, Fault> {
        let input = self.effective_input(id, state)?;
        let items = Array::new(self.items(id, state, map, &input)?);
        let concurrency = self.max_concurrency(id, state, map)?;
        let (count, percentage) = self.tolerated_failures(id, state, map)?;
        let selected = match &map.item_selector {
            Some(selector) => {
                let mut selected = Vec::with_capacity(items.len());
                for (index, value) in items.iter().enumerate() {
                    let item =
                        Value::object([("Index", Value::from(index)), ("Value", value.clone())]);
                    selected.push(self.select_item(id, state, selector, &input, &item)?);
                }
                Some(Value::from(selected))
            }
            None => None,
        };
        let by_path = map.items_path.is_some();
        self.see(|seen| {
            seen.after_input_path = Some(input);
            seen.after_items_path = by_path.then_some(Value::Array(items));
            seen.after_item_selector = selected;
            seen.max_concurrency = Some(concurrency.unwrap_or(0));
            seen.tolerated_failure_count = count;
            seen.tolerated_failure_percentage = percentage;
        });
        match self.mocked_result(state) {
            Some(result) => result.map(Step::Done).map_err(Fault::Failure),
            None => Ok(Step::Blocked),
        }
    }

    /// The mocked outcome of a Parallel or Map state under test.
    pub(super) fn mocked_result(&self, state: &State) -> Option<Result<Value, Failure>> {
        match state.kind {
            StateKind::Parallel(_) | StateKind::Map(_) => self.test.as_ref()?.setup.result.clone(),
            _ => None,
        }
    }
}
