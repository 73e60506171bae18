//! Redrive: an execution that did not succeed goes on where it stopped (developer guide,
//! "Restarting state machine executions with redrive").
//!
//! States that succeeded are not run again. Of a Parallel or inline Map state only the branches
//! and iterations that failed or were stopped run again; a distributed Map goes on with the same
//! Map Run.
//!
//! No redriven history was recorded so far; what the documentation leaves open is inferred:
//!
//! - `ExecutionRedriven` links to the event that ended the execution.
//! - A state does its work again without being entered again, and its next event links to its last
//!   one, as after a retry. Only Fail states are entered again, as the guide says.
//! - Parallel and inline Map states do not start again, nor do their branches and iterations.
//! - A Wait state that counts seconds waits for all of them again.

use super::branch::{Branch, BranchId, Children, Phase};
use super::execution::{Execution, ExecutionStatus, TOP};
use super::io::{Output, TaskId};
use crate::asl::{ExecutionType, StateKind};
use crate::history::{EventDetails, EventId, EventType, MapRunRedriven};
use crate::time::Timestamp;
use std::sync::Arc;

/// Days after its end in which an execution may be redriven.
const REDRIVABLE_DAYS: i64 = 14;

/// Why an execution cannot be redriven: `redriveStatusReason` of DescribeExecution, in the words of
/// the API reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRedrivable {
    /// Only Standard executions can be. The API has no such reason: it refuses the ARN.
    #[error("Express executions cannot be redriven")]
    Express,
    /// It has not ended.
    #[error("Execution is RUNNING and cannot be redriven")]
    Running,
    /// It has nothing to do again.
    #[error("Execution is SUCCEEDED and cannot be redriven")]
    Succeeded,
    /// Its history has no place for `ExecutionRedriven` and one event more: 24,999 events.
    #[error("Execution history event limit exceeded")]
    HistoryFull,
    /// It started longer ago than an execution may be open: a year.
    #[error("Execution has exceeded the max execution time")]
    OpenTooLong,
    /// It ended more than 14 days ago.
    #[error("Execution redrivable period exceeded")]
    EndedTooLongAgo,
}

/// The Map Run of a distributed Map state that has not succeeded yet.
#[derive(Clone, Debug)]
pub(super) struct MapRunOfState {
    pub(super) task: TaskId,
    pub(super) arn: Arc<str>,
    pub(super) redrives: u32,
}

/// The branches or iterations of a state at the time when one of them failed.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) children: Box<Children>,
    /// By index: a branch that had not succeeded.
    pub(super) branches: Vec<(usize, Branch)>,
}

impl Execution {
    /// Whether the execution could be redriven at `now`.
    ///
    /// # Errors
    ///
    /// The reason why it could not.
    pub fn redrivable(&self, now: Timestamp) -> Result<(), NotRedrivable> {
        if self.start.execution_type == ExecutionType::Express {
            return Err(NotRedrivable::Express);
        }
        let Some(ended_at) = self.ended_at else { return Err(NotRedrivable::Running) };
        if self.status() == ExecutionStatus::Succeeded {
            return Err(NotRedrivable::Succeeded);
        }
        if self.history().len() as u64 + 1 >= self.start.limits.history_events {
            return Err(NotRedrivable::HistoryFull);
        }
        if now >= self.longest_life() {
            return Err(NotRedrivable::OpenTooLong);
        }
        if now > ended_at.plus_seconds(REDRIVABLE_DAYS * 86_400) {
            return Err(NotRedrivable::EndedTooLongAgo);
        }
        Ok(())
    }

    /// Goes on after a failure, a time-out or a stop, with the same definition and the same data.
    /// Its clock starts anew, and so do retries. Of Parallel and inline Map states only the
    /// branches that did not succeed run again, unless one failed with
    /// `States.DataLimitExceeded`: then all do.
    ///
    /// # Errors
    ///
    /// Where it cannot be redriven; nothing changes then.
    pub fn redrive(&mut self, now: Timestamp) -> Result<(), NotRedrivable> {
        self.redrivable(now)?;
        self.advance(now);
        self.result = None;
        self.ended_at = None;
        self.redrive_count += 1;
        self.redriven_at = Some(now);
        self.outbox.clear();
        self.ready.clear();
        self.timers.clear();
        self.set_lifetime();
        let last = self.history().len() as EventId;
        let details = EventDetails::ExecutionRedriven { redrive_count: self.redrive_count.into() };
        self.emit(last, EventType::ExecutionRedriven, details);
        // A redrive is billed as a transition (developer guide).
        self.count_transition();
        self.resume(TOP);
        Ok(())
    }

    /// How often it was redriven.
    pub fn redrive_count(&self) -> u32 {
        self.redrive_count
    }

    /// When it was last redriven.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.redriven_at
    }

    /// Lets a branch go on in the state in which it was cut short.
    fn resume(&mut self, id: BranchId) {
        let branch = &mut self.branches[id as usize];
        branch.earlier_attempts += match branch.phase {
            Phase::Enter | Phase::Backoff => branch.retry_count,
            _ => branch.retry_count + 1,
        };
        branch.retries.clear();
        branch.retry_count = 0;
        branch.task_token = None;
        branch.heartbeat_missed = false;
        if let Some(interrupted) = branch.interrupted.take() {
            return self.resume_interrupted(id, *interrupted);
        }
        if let Some(run) = branch.map_run.clone() {
            return self.redrive_map_run(id, *run);
        }
        if let Phase::Children(children) = &branch.phase {
            let running: Vec<BranchId> = children.running.iter().flatten().copied().collect();
            return running.into_iter().for_each(|child| self.resume(child));
        }
        let fails = matches!(branch.state().kind, StateKind::Fail(_));
        let enters = fails || matches!(branch.phase, Phase::Enter);
        branch.set_phase(if enters { Phase::Enter } else { Phase::Work });
        self.wake(id);
    }

    fn resume_interrupted(&mut self, id: BranchId, interrupted: Interrupted) {
        let Interrupted { mut children, branches } = interrupted;
        let mut resumed = Vec::with_capacity(branches.len());
        children.running.fill(None);
        for (index, branch) in branches {
            let child = self.add_branch(Branch { parent: Some(id), ..branch });
            children.running[index] = Some(child);
            resumed.push(child);
        }
        self.branches[id as usize].set_phase(Phase::Children(children));
        resumed.into_iter().for_each(|child| self.resume(child));
        // Iterations whose ItemSelector failed have not started.
        let level = self.branches[id as usize].level.clone();
        let state = &level[self.branches[id as usize].state];
        let StateKind::Map(map) = &state.kind else { return };
        if let Err(fault) = self.fill_up(id, state, map) {
            self.fault(id, state, fault);
        }
    }

    fn redrive_map_run(&mut self, id: BranchId, run: MapRunOfState) {
        let redrives = run.redrives + 1;
        let details = EventDetails::MapRunRedriven(Box::new(MapRunRedriven {
            map_run_arn: Some(run.arn.clone()),
            redrive_count: Some(redrives.into()),
        }));
        self.emit_on(id, EventType::MapRunRedriven, details);
        let branch = &mut self.branches[id as usize];
        let task = branch.last_event;
        branch.map_run = Some(Box::new(MapRunOfState { task, redrives, arn: run.arn }));
        branch.set_phase(Phase::MapRun(task));
        self.tasks.insert(task, id);
        self.outbox.push_back(Output::RedriveMapRun { task: run.task, redriven: task });
    }
}

#[cfg(test)]
mod tests;
