//! The life of a state: entering, its own work, and what becomes of its result.

use super::branch::{Branch, BranchId, Phase};
use super::causes;
use super::dataflow::Fault;
use super::execution::{Execution, ExecutionResult, TOP};
use super::io::Place;
use super::timer::Timer;
use super::variables::Variables;
use crate::asl::{State, StateIndex, StateKind, States, Transition, WaitState};
use crate::history::{AssignedVariables, EventDetails, EventType, Failure, Payload};
use crate::json::MAX_DEPTH;
use crate::time::Timestamp;
use crate::value::{Map, Value};
use std::sync::Arc;

/// What a state's own work comes to.
pub(super) enum Step {
    /// Its result; the shared data flow makes the output of it.
    Done(Value),
    /// The whole output is known, and where the state leads.
    Left { output: Value, assigned: Option<Map>, to: Option<Transition> },
    /// A Fail state.
    Fail(Failure),
    /// It has to wait for something.
    Blocked,
}

impl Branch {
    pub(super) fn new(
        parent: Option<BranchId>,
        index: u32,
        place: Place,
        level: Arc<States>,
    ) -> Self {
        Self {
            parent,
            index,
            place,
            state: level.start_at,
            level,
            phase: Phase::Enter,
            generation: 0,
            last_event: 0,
            event_before_entry: 0,
            entered_event: 0,
            entered_at: Timestamp::EPOCH,
            input: Value::Null,
            retries: Vec::new(),
            retry_count: 0,
            earlier_attempts: 0,
            task_token: None,
            heartbeat_missed: false,
            variables: Variables::default(),
            map_run: None,
            interrupted: None,
            map_item: None,
        }
    }

    /// Whether [`Execution::run`] has something to do for it.
    pub(super) fn can_run(&self) -> bool {
        matches!(self.phase, Phase::Enter | Phase::Work | Phase::Settle(_))
    }

    fn go_to(&mut self, state: StateIndex, input: Value) {
        self.state = state;
        self.input = input;
        self.set_phase(Phase::Enter);
    }
}

impl Execution {
    /// Enters the branch's state.
    pub(super) fn enter(&mut self, id: BranchId) {
        self.count_transition();
        let now = self.now;
        let branch = &mut self.branches[id as usize];
        branch.event_before_entry = branch.last_event;
        branch.entered_at = now;
        branch.retries.clear();
        branch.retry_count = 0;
        branch.earlier_attempts = 0;
        branch.task_token = None;
        branch.map_run = None;
        branch.interrupted = None;
        let level = branch.level.clone();
        let state = &level[branch.state];
        let details = EventDetails::StateEntered {
            name: state.name.clone(),
            input: Payload::Value(branch.input.clone()),
        };
        branch.phase = Phase::Work;
        self.emit_on(id, EventType::entered(&state.kind), details);
        let branch = &mut self.branches[id as usize];
        branch.entered_event = branch.last_event;
    }

    /// Does the state's own work.
    pub(super) fn work(&mut self, id: BranchId) {
        let level = self.branches[id as usize].level.clone();
        let state = &level[self.branches[id as usize].state];
        let step = match &state.kind {
            StateKind::Pass(result) => self.pass(id, state, result.as_ref()),
            StateKind::Choice(rules) => self.choose(id, state, rules),
            StateKind::Wait(wait) => self.wait(id, state, wait),
            StateKind::Succeed => Ok(Step::Done(Value::Null)),
            StateKind::Fail(fail) => self.fail_state(id, state, fail),
            StateKind::Task(task) => self.call(id, state, task),
            StateKind::Parallel(branches) => self.start_branches(id, state, branches),
            StateKind::Map(map) => self.start_map(id, state, map),
        };
        self.take_step(id, state, step);
    }

    fn take_step(&mut self, id: BranchId, state: &State, step: Result<Step, Fault>) {
        match step {
            Ok(Step::Blocked) => {}
            Ok(Step::Done(result)) => self.leave_with(id, state, result),
            Ok(Step::Left { output, assigned, to }) => {
                match self.check_size(&state.name, &output) {
                    Ok(()) => self.leave(id, state, output, assigned, to),
                    Err(failure) => self.fail_state_with(id, state, failure),
                }
            }
            Ok(Step::Fail(failure)) => self.fail_branch(id, failure),
            Err(fault) => self.fault(id, state, fault),
        }
    }

    /// Takes up the result of a state that had to wait for it.
    pub(super) fn settle(&mut self, id: BranchId, result: Result<Value, Failure>) {
        let level = self.branches[id as usize].level.clone();
        let state = &level[self.branches[id as usize].state];
        match result {
            Ok(result) => self.leave_with(id, state, result),
            Err(failure) => self.fail_state_with(id, state, failure),
        }
    }

    fn pass(&mut self, id: BranchId, state: &State, result: Option<&Value>) -> Result<Step, Fault> {
        let arguments = self.arguments(id, state)?;
        Ok(Step::Done(result.cloned().unwrap_or(arguments)))
    }

    fn wait(&mut self, id: BranchId, state: &State, wait: &WaitState) -> Result<Step, Fault> {
        let until = self.wait_until(id, state, wait)?;
        if until <= self.now {
            return Ok(Step::Done(Value::Null));
        }
        let branch = &mut self.branches[id as usize];
        branch.set_phase(Phase::Waiting);
        self.timers.set(until, Timer::WaitEnds(id), branch.generation);
        Ok(Step::Blocked)
    }

    /// Leaves a state whose work came to `result`.
    fn leave_with(&mut self, id: BranchId, state: &State, result: Value) {
        match self.state_output(id, state, result) {
            Ok((output, assigned)) => match self.check_size(&state.name, &output) {
                Ok(()) => {
                    self.finish_children(id, state);
                    self.leave(id, state, output, assigned, state.transition);
                }
                Err(failure) => self.fail_state_with(id, state, failure),
            },
            Err(fault) => self.fault(id, state, fault),
        }
    }

    /// Emits the state's Exited event and goes on.
    pub(super) fn leave(
        &mut self,
        id: BranchId,
        state: &State,
        output: Value,
        assigned: Option<Map>,
        to: Option<Transition>,
    ) {
        let details = EventDetails::StateExited {
            name: state.name.clone(),
            output: Payload::Value(output.clone()),
            assigned_variables: assigned.as_ref().map(|values| {
                let values = values.iter().map(|(k, v)| (k.clone(), Payload::Value(v.clone())));
                Arc::new(values.collect::<AssignedVariables>())
            }),
        };
        if let Some(event_type) = EventType::exited(&state.kind) {
            self.emit_on(id, event_type, details);
        }
        let branch = &mut self.branches[id as usize];
        if let Some(values) = &assigned {
            branch.variables.assign(values);
        }
        if self.test_left(id, &output, assigned.as_ref(), to) {
            return;
        }
        let branch = &mut self.branches[id as usize];
        match to {
            Some(Transition::Next(next)) => branch.go_to(next, output),
            Some(Transition::End) | None => self.finish_branch(id, output),
        }
    }

    /// A branch has come to its end.
    fn finish_branch(&mut self, id: BranchId, output: Value) {
        if id == TOP {
            let last = self.branches[TOP as usize].last_event;
            self.branches[TOP as usize].set_phase(Phase::Done);
            return self.end(last, ExecutionResult::Succeeded(output));
        }
        self.child_finished(id, output);
    }

    /// A branch has failed, and nothing in it catches that.
    pub(super) fn fail_branch(&mut self, id: BranchId, failure: Failure) {
        if id == TOP {
            let last = self.branches[TOP as usize].last_event;
            self.branches[TOP as usize].set_phase(Phase::Done);
            return self.end(last, ExecutionResult::Failed(failure));
        }
        self.child_failed(id, failure);
    }

    /// The failure of data that is larger than the service takes.
    pub(super) fn check_size(&self, subject: &str, value: &Value) -> Result<(), Failure> {
        check_depth(subject, value)?;
        match self.start.limits.payload_fits(value) {
            true => Ok(()),
            false => Err(causes::too_large(subject)),
        }
    }
}

/// The failure of data that nests deeper than the service reads.
pub(super) fn check_depth(subject: &str, value: &Value) -> Result<(), Failure> {
    if value.depth() > MAX_DEPTH { Err(causes::too_deep(subject)) } else { Ok(()) }
}
