//! Redrive: an execution that did not succeed goes on where it stopped (developer guide,
//! "Restarting state machine executions with redrive").
//!
//! States that succeeded are not run again. Of a Parallel or inline Map state only the branches
//! and iterations that failed or were stopped run again; a distributed Map goes on with the same
//! Map Run. What links to what after a redrive is not recorded anywhere: every line of control
//! goes on from `ExecutionRedriven`.

use super::branch::{Branch, BranchId, Children, Phase};
use super::execution::{Execution, ExecutionResult, TOP};
use super::io::{Output, Rejected, TaskId};
use crate::history::{EventDetails, EventId, EventType, MapRunRedriven};
use crate::time::Timestamp;
use std::sync::Arc;

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
    /// Goes on after a failure, a time-out or a stop. Its clock starts anew, and so do retries.
    ///
    /// # Errors
    ///
    /// Where it is still running, or has succeeded.
    pub fn redrive(&mut self, now: Timestamp) -> Result<(), Rejected> {
        match &self.result {
            None => return Err(Rejected::NotRedrivable),
            Some(ExecutionResult::Succeeded(_)) => return Err(Rejected::NotRedrivable),
            Some(_) => {}
        }
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
        let event = self.emit(last, EventType::ExecutionRedriven, details);
        self.resume(TOP, event);
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

    fn resume(&mut self, id: BranchId, event: EventId) {
        let branch = &mut self.branches[id as usize];
        branch.last_event = event;
        branch.retries.clear();
        branch.retry_count = 0;
        branch.heartbeat_missed = false;
        if let Some(interrupted) = branch.interrupted.take() {
            return self.resume_interrupted(id, *interrupted, event);
        }
        if let Some(run) = branch.map_run.clone() {
            return self.redrive_map_run(id, *run);
        }
        if let Phase::Children(children) = &branch.phase {
            let running: Vec<BranchId> = children.running.iter().flatten().copied().collect();
            return running.into_iter().for_each(|child| self.resume(child, event));
        }
        let enters = matches!(branch.phase, Phase::Enter);
        branch.set_phase(if enters { Phase::Enter } else { Phase::Work });
        self.wake(id);
    }

    fn resume_interrupted(&mut self, id: BranchId, interrupted: Interrupted, event: EventId) {
        let Interrupted { mut children, branches } = interrupted;
        let mut resumed = Vec::with_capacity(branches.len());
        children.running.fill(None);
        for (index, branch) in branches {
            let child = self.add_branch(Branch { parent: Some(id), ..branch });
            children.running[index] = Some(child);
            resumed.push(child);
        }
        self.branches[id as usize].set_phase(Phase::Children(children));
        resumed.into_iter().for_each(|child| self.resume(child, event));
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
