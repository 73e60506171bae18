//! Retry, then Catch: once, for every state that may have them.

use super::branch::{BranchId, Phase};
use super::causes;
use super::dataflow::Fault;
use super::execution::{Execution, ExecutionResult};
use super::timer::Timer;
use crate::asl::{Catcher, ErrorName, JitterStrategy, Retrier, State, StateKind, Transition};
use crate::history::{EvaluationFailed, EventDetails, EventType, Failure};
use crate::time::Timestamp;

/// What [`Execution::retry`] decided.
enum Retried {
    /// The state will be tried again.
    Yes,
    /// No Retrier matches, or the one that does is used up.
    No,
}

impl Execution {
    /// Something in a state's fields went wrong.
    pub(super) fn fault(&mut self, id: BranchId, state: &State, fault: Fault) {
        let (fatal, location) = match &fault {
            // No Retrier or Catcher of the state sees it (base_scenarios.catch_states_runtime).
            Fault::Runtime(_) => (true, None),
            Fault::Evaluation { location, .. } => (false, Some(location.clone())),
            Fault::Named { .. } | Fault::Failure(_) => (false, None),
        };
        let failure = self.failure_of(id, state, fault);
        if let Some(location) = location {
            self.evaluation_failed(id, state, &failure, location);
        }
        match fatal {
            true => self.fail_branch(id, failure),
            false => self.fail_state_with(id, state, failure),
        }
    }

    fn evaluation_failed(
        &mut self,
        id: BranchId,
        state: &State,
        failure: &Failure,
        location: Option<String>,
    ) {
        let branch = &self.branches[id as usize];
        // An expression that fails in the step that entered the state links to what came before
        // that step (undefined_reference.*, map_state_items_eval_jsonata_fail.*).
        let previous = match branch.last_event == branch.entered_event {
            true => branch.event_before_entry,
            false => branch.last_event,
        };
        let details = EventDetails::EvaluationFailed(Box::new(EvaluationFailed {
            failure: failure.clone(),
            location: location.map(Into::into),
            state: state.name.clone(),
        }));
        let event = self.emit(previous, EventType::EvaluationFailed, details);
        self.branches[id as usize].last_event = event;
    }

    /// The state has failed: try again, go where a Catcher says, or fail the branch.
    pub(super) fn fail_state_with(&mut self, id: BranchId, state: &State, failure: Failure) {
        self.see(|seen| seen.failure = Some(failure.clone()));
        if let Retried::Yes = self.retry(id, state, &failure) {
            return;
        }
        let failed = match &state.kind {
            StateKind::Map(_) => Some(EventType::MapStateFailed),
            StateKind::Parallel(_) => Some(EventType::ParallelStateFailed),
            _ => None,
        };
        if let Some(event_type) = failed {
            self.emit_on(id, event_type, EventDetails::None);
        }
        let heartbeat = self.branches[id as usize].heartbeat_missed;
        let catcher =
            state.catch.iter().find(|c| matches_any(&c.error_equals, state, &failure, heartbeat));
        match catcher {
            Some(catcher) => {
                let index = state.catch.iter().position(|other| std::ptr::eq(other, catcher));
                self.see(|seen| seen.catch_index = index);
                self.catch(id, state, catcher, &failure);
            }
            None => self.fail_branch(id, failure),
        }
    }

    fn catch(&mut self, id: BranchId, state: &State, catcher: &Catcher, failure: &Failure) {
        match self.caught_output(id, state, catcher, failure) {
            Ok((output, assigned)) => match self.check_size(&state.name, &output) {
                Ok(()) => {
                    let to = Some(Transition::Next(catcher.next));
                    self.leave(id, state, output, assigned, to);
                }
                Err(failure) => self.fail_branch(id, failure),
            },
            Err(fault) => {
                // The Catcher's own fields fail outside of its state's Retry and Catch.
                let location = match &fault {
                    Fault::Evaluation { location, .. } => Some(location.clone()),
                    _ => None,
                };
                let failure = self.failure_of(id, state, fault);
                if let Some(location) = location {
                    self.evaluation_failed(id, state, &failure, location);
                }
                self.fail_branch(id, failure);
            }
        }
    }

    /// Error and cause of a fault, in the words of the state it happened in.
    pub(super) fn failure_of(&self, id: BranchId, state: &State, fault: Fault) -> Failure {
        let entered = self.branches[id as usize].entered_event;
        let (error, what) = match fault {
            Fault::Failure(failure) => return failure,
            Fault::Runtime(what) => (causes::RUNTIME, what),
            Fault::Named { error, what } => (error, what),
            Fault::Evaluation { what, .. } => (causes::QUERY_EVALUATION, what),
        };
        causes::failure(error, causes::in_state(&state.name, entered, &what))
    }

    /// Whether the state is tried again after this failure.
    pub(super) fn retries(&self, id: BranchId, state: &State, failure: &Failure) -> bool {
        let used = &self.branches[id as usize].retries;
        self.retrier(id, state, failure).is_some_and(|index| {
            let used = used.get(index).copied().unwrap_or_default();
            u64::from(used) < state.retry[index].max_attempts
        })
    }

    fn retrier(&self, id: BranchId, state: &State, failure: &Failure) -> Option<usize> {
        let heartbeat = self.branches[id as usize].heartbeat_missed;
        state.retry.iter().position(|r| matches_any(&r.error_equals, state, failure, heartbeat))
    }

    fn retry(&mut self, id: BranchId, state: &State, failure: &Failure) -> Retried {
        let Some(index) = self.retrier(id, state, failure) else { return Retried::No };
        let retrier = &state.retry[index];
        let branch = &mut self.branches[id as usize];
        branch.retries.resize(state.retry.len(), 0);
        if let Some(test) = &mut self.test {
            test.seen.retry_index = Some(index);
            branch.retries[index] = test.setup.retry_count;
        }
        let used = branch.retries[index];
        if u64::from(used) >= retrier.max_attempts {
            return Retried::No;
        }
        branch.retries[index] += 1;
        branch.retry_count += 1;
        let delay = self.retry_delay(retrier, used);
        if let Some(test) = &mut self.test {
            test.seen.retry_backoff_seconds = Some(delay as f64 / 1_000.0);
            let last = self.branches[id as usize].last_event;
            self.end(last, ExecutionResult::Failed(failure.clone()));
            return Retried::Yes;
        }
        self.count_transition();
        let at = self.now + delay;
        let branch = &mut self.branches[id as usize];
        branch.set_phase(Phase::Backoff);
        self.timers.set(at, Timer::BackoffEnds(id), branch.generation);
        Retried::Yes
    }

    /// Milliseconds until the next attempt, after `used` retries by this Retrier.
    fn retry_delay(&mut self, retrier: &Retrier, used: u32) -> i64 {
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        let mut seconds = retrier.interval_seconds as f64 * retrier.backoff_rate.powi(exponent);
        if let Some(most) = retrier.max_delay_seconds {
            seconds = seconds.min(most as f64);
        }
        if retrier.jitter_strategy == JitterStrategy::Full {
            // The cap comes first, the jitter after it (measured on AWS).
            seconds *= self.entropy.next_f64();
        }
        // Beyond the end of time the execution's own time-out comes first.
        (seconds * 1_000.0).min(Timestamp(i64::MAX / 4).millis() as f64) as i64
    }
}

/// Whether one of the names stands for this failure.
///
/// The wildcards as documented: `States.ALL` is any error but `States.DataLimitExceeded` and
/// `States.Runtime`; `States.TaskFailed` any but those and `States.Timeout`. A missed heartbeat is
/// reported as `States.Timeout` and answers to `States.HeartbeatTimeout` too (measured on AWS).
fn matches_any(
    names: &[ErrorName],
    state: &State,
    failure: &Failure,
    heartbeat_missed: bool,
) -> bool {
    let error = failure.error.as_deref().unwrap_or("");
    if error == causes::RUNTIME {
        return false;
    }
    names.iter().any(|name| match &*name.0 {
        "States.ALL" => error != causes::DATA_LIMIT,
        "States.TaskFailed" => {
            error == "States.TaskFailed"
                || (matches!(state.kind, StateKind::Task(_))
                    && !matches!(
                        error,
                        causes::DATA_LIMIT | causes::TIMEOUT | "States.HeartbeatTimeout"
                    ))
        }
        "States.BranchFailed" => {
            matches!(state.kind, StateKind::Parallel(_)) || error == "States.BranchFailed"
        }
        "States.HeartbeatTimeout" if heartbeat_missed => true,
        name => name == error,
    })
}
