//! Parallel and Map: branches and iterations, how they start, join, and pull each other down.

use std::sync::Arc;

use super::branch::{Branch, BranchId, Children, Phase};
use super::causes;
use super::dataflow::Fault;
use super::execution::Execution;
use super::io::{ItemSource, Output, TaskId};
use super::redrive::Interrupted;
use super::states::Step;
use crate::asl::{ExecutionType, MapState, ProcessorMode, State, StateKind, States};
use crate::history::{EventDetails, EventId, EventType, Failure};
use crate::value::{Array, Value};

impl Execution {
    /// Starts the branches of a Parallel state.
    pub(super) fn start_branches(
        &mut self,
        id: BranchId,
        state: &State,
        branches: &[Arc<States>],
    ) -> Result<Step, Fault> {
        let input = self.arguments(id, state)?;
        if let Some(result) = self.mocked_result(state) {
            return result.map(Step::Done).map_err(Fault::Failure);
        }
        self.emit_on(id, EventType::ParallelStateStarted, EventDetails::None);
        let outputs = vec![Value::Null; branches.len()];
        let mut running = Vec::with_capacity(branches.len());
        for (index, level) in branches.iter().enumerate() {
            let child = self.add_child(id, state, index, level, input.clone(), None);
            running.push(Some(child));
        }
        self.set_children(id, running, outputs, Vec::new(), Value::Null, 0);
        Ok(Step::Blocked)
    }

    /// Starts the iterations of an inline Map, or asks for the Map Run of a distributed one.
    pub(super) fn start_map(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<Step, Fault> {
        if let ProcessorMode::Distributed(_) = map.mode {
            return self.start_map_run(id, state, map);
        }
        if self.mocked_result(state).is_some() {
            return self.mocked_map(id, state, map);
        }
        let input = self.effective_input(id, state)?;
        let items = self.items(id, state, map, &input)?;
        let concurrency = self.max_concurrency(id, state, map)?;
        let limit = self.start.limits.inline_map_concurrency;
        let concurrency = match concurrency.and_then(|n| usize::try_from(n).ok()) {
            None | Some(0) => limit,
            Some(most) => most.min(limit),
        };
        let details = EventDetails::MapStateStarted { length: items.len() as u64 };
        self.emit_on(id, EventType::MapStateStarted, details);
        let count = items.len();
        if count == 0 {
            return Ok(Step::Done(Value::Array(Array::default())));
        }
        let children = vec![None; count];
        self.set_children(id, children, vec![Value::Null; count], items, input, concurrency);
        self.fill_up(id, state, map)?;
        Ok(Step::Blocked)
    }

    /// Starts iterations until as many run as may. Where an ItemSelector fails, those that run are
    /// stopped.
    pub(super) fn fill_up(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<(), Fault> {
        let previous = self.branches[id as usize].last_event;
        let children = self.children(id);
        let free = children.concurrency.saturating_sub(children.running.iter().flatten().count());
        for _ in 0..free.min(children.items.len() - children.next) {
            if let Err(fault) = self.start_iteration(id, state, map, previous) {
                self.abort_children(id, previous, None);
                return Err(fault);
            }
        }
        Ok(())
    }

    fn set_children(
        &mut self,
        id: BranchId,
        running: Vec<Option<BranchId>>,
        outputs: Vec<Value>,
        items: Vec<Value>,
        selector_input: Value,
        concurrency: usize,
    ) {
        let (next, finished) = (0, 0);
        let children =
            Children { running, outputs, items, selector_input, next, finished, concurrency };
        let branch = &mut self.branches[id as usize];
        branch.interrupted = None;
        branch.set_phase(Phase::Children(Box::new(children)));
    }

    fn children(&mut self, id: BranchId) -> &mut Children {
        match &mut self.branches[id as usize].phase {
            Phase::Children(children) => children,
            _ => unreachable!("the state has running branches"),
        }
    }

    fn add_child(
        &mut self,
        parent: BranchId,
        state: &State,
        index: usize,
        level: &Arc<States>,
        input: Value,
        item: Option<Value>,
    ) -> BranchId {
        let outer = &self.branches[parent as usize];
        let index = index as u32;
        let place = outer.place.inner(state.name.clone(), index);
        let mut child = Branch::new(Some(parent), index, place, level.clone());
        child.last_event = outer.last_event;
        child.variables = outer.variables.inner();
        child.map_item = item.or_else(|| outer.map_item.clone());
        child.input = input;
        let id = self.add_branch(child);
        self.wake(id);
        id
    }

    /// Starts the next iteration; its first event links to `previous`.
    fn start_iteration(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
        previous: EventId,
    ) -> Result<(), Fault> {
        let children = self.children(id);
        let index = children.next;
        children.next += 1;
        let value = std::mem::take(&mut children.items[index]);
        let input = children.selector_input.clone();
        let item = Value::object([("Index", Value::from(index)), ("Value", value.clone())]);
        let input = match &map.item_selector {
            Some(selector) => match self.select_item(id, state, selector, &input, &item) {
                Ok(input) => input,
                Err(fault) => {
                    // A redrive tries this iteration again.
                    let children = self.children(id);
                    children.next = index;
                    children.items[index] = value;
                    return Err(fault);
                }
            },
            None => value,
        };
        let child = self.add_child(id, state, index, &map.processor, input, Some(item));
        let details = EventDetails::MapIteration { name: state.name.clone(), index: index as u64 };
        let event = self.emit(previous, EventType::MapIterationStarted, details);
        self.branches[child as usize].last_event = event;
        self.children(id).running[index] = Some(child);
        Ok(())
    }

    /// A branch or iteration has come to its end with this output.
    pub(super) fn child_finished(&mut self, child: BranchId, output: Value) {
        let branch = &self.branches[child as usize];
        let (index, last) = (branch.index as usize, branch.last_event);
        let Some(id) = branch.parent else { return };
        let level = self.branches[id as usize].level.clone();
        let state = &level[self.branches[id as usize].state];
        self.remove_branch(child);
        let children = self.children(id);
        children.running[index] = None;
        children.outputs[index] = output;
        children.finished += 1;
        let all = children.finished == children.outputs.len();
        let more = children.next < children.items.len();
        let mut joined = last;
        if let StateKind::Map(map) = &state.kind {
            let details =
                EventDetails::MapIteration { name: state.name.clone(), index: index as u64 };
            joined = self.emit(last, EventType::MapIterationSucceeded, details);
            if more && let Err(fault) = self.start_iteration(id, state, map, last) {
                self.abort_children(id, last, None);
                self.branches[id as usize].last_event = last;
                return self.fault(id, state, fault);
            }
        }
        if all {
            let outputs = std::mem::take(&mut self.children(id).outputs);
            let branch = &mut self.branches[id as usize];
            branch.last_event = joined;
            branch.set_phase(Phase::Settle(Ok(Value::from(outputs))));
            self.wake_first(id);
        }
    }

    /// A branch or iteration has failed: the others are stopped, and its Parallel or Map state
    /// fails with the same error.
    pub(super) fn child_failed(&mut self, child: BranchId, failure: Failure) {
        let branch = &self.branches[child as usize];
        let (index, last) = (branch.index as usize, branch.last_event);
        let Some(id) = branch.parent else { return };
        self.abort_children(id, last, Some(index));
        let branch = &mut self.branches[id as usize];
        branch.last_event = last;
        if failure.error.as_deref() == Some(causes::DATA_LIMIT) {
            // A redrive runs all of the state again then, what succeeded in it included
            // (developer guide, "Restarting state machine executions with redrive").
            branch.interrupted = None;
        }
        branch.set_phase(Phase::Settle(Err(failure)));
        self.wake_first(id);
    }

    /// Stops the branches below a state. All events of the stop link to the event that caused it
    /// (`timeouts.service_lambda_map_timeout`).
    fn abort_children(&mut self, id: BranchId, cause: EventId, failed: Option<usize>) {
        let branch = &mut self.branches[id as usize];
        let is_map = matches!(branch.state().kind, StateKind::Map(_));
        let name = branch.state().name.clone();
        match std::mem::replace(&mut branch.phase, Phase::Work) {
            Phase::Children(children) => {
                let mut branches = Vec::new();
                for (index, child) in children.running.iter().enumerate() {
                    let Some(child) = *child else { continue };
                    if is_map {
                        let event_type = match failed == Some(index) {
                            true => EventType::MapIterationFailed,
                            false => EventType::MapIterationAborted,
                        };
                        let index = index as u64;
                        let details = EventDetails::MapIteration { name: name.clone(), index };
                        self.emit(cause, event_type, details);
                    }
                    branches.push((index, self.abort_branch(child, cause)));
                }
                if self.start.execution_type == ExecutionType::Standard {
                    let interrupted = Box::new(Interrupted { children, branches });
                    self.branches[id as usize].interrupted = Some(interrupted);
                }
            }
            other => self.branches[id as usize].phase = other,
        }
    }

    /// Stops a branch and takes it out of the arena.
    fn abort_branch(&mut self, id: BranchId, cause: EventId) -> Branch {
        let branch = &self.branches[id as usize];
        if !matches!(branch.phase, Phase::Enter | Phase::Done) {
            if let Some(event_type) = EventType::aborted(&branch.state().kind) {
                self.emit(cause, event_type, EventDetails::None);
            }
            match &self.branches[id as usize].phase {
                Phase::Task(task) => {
                    let task = task.id;
                    self.cancel(task);
                }
                Phase::MapRun(task) => {
                    let task = *task;
                    self.emit(cause, EventType::MapRunAborted, EventDetails::None);
                    self.cancel(task);
                }
                _ => self.abort_children(id, cause, None),
            }
        }
        self.take_branch(id)
    }

    fn cancel(&mut self, task: TaskId) {
        self.tasks.remove(&task);
        let before = self.outbox.len();
        self.outbox.retain(|output| match output {
            Output::Task(request) => request.task != task,
            Output::MapRun(request) => request.task != task,
            _ => true,
        });
        if self.outbox.len() == before {
            self.outbox.push_back(Output::CancelTask(task));
        }
    }

    /// Emits `MapStateSucceeded` or `ParallelStateSucceeded`, to which nothing links.
    pub(super) fn finish_children(&mut self, id: BranchId, state: &State) {
        let previous = self.branches[id as usize].last_event;
        match &state.kind {
            StateKind::Parallel(_) => {
                self.emit(previous, EventType::ParallelStateSucceeded, EventDetails::None);
            }
            StateKind::Map(map) => {
                self.emit(previous, EventType::MapStateSucceeded, EventDetails::None);
                if let ProcessorMode::Distributed(_) = map.mode {
                    // The exit of a distributed Map links to MapRunStarted (all recordings since
                    // November 2024), not to the success of the run.
                    let started = self.history()[previous as usize - 1].previous_event_id;
                    self.branches[id as usize].last_event = started;
                }
            }
            _ => {}
        }
    }

    /// The items of a Map state.
    pub(super) fn items(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
        input: &Value,
    ) -> Result<Vec<Value>, Fault> {
        match self.found_items(id, state, map, input)? {
            Value::Array(items) => Ok(items.into_vec()),
            other => Err(causes::not_an_array(state, map, &other)),
        }
    }

    /// The items of a distributed Map without a reader: an object's members are items too
    /// (developer guide, "Map state input and output fields").
    pub(super) fn distributed_items(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
        input: &Value,
    ) -> Result<ItemSource, Fault> {
        match self.found_items(id, state, map, input)? {
            Value::Array(items) => Ok(ItemSource::Items(items)),
            Value::Object(members) => Ok(ItemSource::Members(members)),
            other => Err(causes::not_an_array(state, map, &other)),
        }
    }

    fn found_items(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
        input: &Value,
    ) -> Result<Value, Fault> {
        match (&map.items, &map.items_path) {
            (Some(items), _) => self.template(id, state, items, "Items"),
            (None, Some(path)) => self.read(id, state, input, path),
            (None, None) => Ok(input.clone()),
        }
    }
}
