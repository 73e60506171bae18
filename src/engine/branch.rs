//! A line of control: the top level, a Parallel branch, or a Map iteration.

use std::sync::Arc;

use super::io::{Place, TaskId};
use super::redrive::{Interrupted, MapRunOfState};
use super::variables::Variables;
use crate::asl::{State, StateIndex, States};
use crate::history::{EventId, Failure};
use crate::time::Timestamp;
use crate::value::Value;

/// The place of a branch in the execution's arena.
pub(super) type BranchId = u32;

#[derive(Debug)]
pub(super) struct Branch {
    /// The branch whose Parallel or Map state this one belongs to.
    pub(super) parent: Option<BranchId>,
    /// Which branch or iteration of that state this is.
    pub(super) index: u32,
    pub(super) place: Place,
    pub(super) level: Arc<States>,
    pub(super) state: StateIndex,
    pub(super) phase: Phase,
    /// Counts moves, so that timers set before one are ignored after it.
    pub(super) generation: u32,
    /// The last event of this line of control: what the next one links to.
    pub(super) last_event: EventId,
    /// The last event before the state was entered: what EvaluationFailed links to.
    pub(super) event_before_entry: EventId,
    pub(super) entered_event: EventId,
    pub(super) entered_at: Timestamp,
    /// The state's raw input.
    pub(super) input: Value,
    /// How often each Retrier of the state was used, and their sum.
    pub(super) retries: Vec<u32>,
    pub(super) retry_count: u32,
    /// Attempts of this entry of the state before the last redrive.
    pub(super) earlier_attempts: u32,
    pub(super) task_token: Option<Arc<str>>,
    /// Whether the last attempt ended by a missed heartbeat.
    pub(super) heartbeat_missed: bool,
    pub(super) variables: Variables,
    /// The Map Run of the state, until it succeeds: what a redrive goes on with.
    pub(super) map_run: Option<Box<MapRunOfState>>,
    /// The branches or iterations of the state when one failed: what a redrive goes on with.
    pub(super) interrupted: Option<Box<Interrupted>>,
    /// `$$.Map.Item`, in a Map iteration and all below it.
    pub(super) map_item: Option<Value>,
}

/// What a branch is doing.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// About to enter its state.
    #[default]
    Enter,
    /// About to do the state's work, for the first time or again.
    Work,
    /// The state's work has ended in this result.
    Settle(Result<Value, Failure>),
    /// In a Wait state.
    Waiting,
    /// Between two attempts.
    Backoff,
    /// A task is under way.
    Task(Task),
    /// The branches or iterations of this state are running.
    Children(Box<Children>),
    /// A Map Run is under way.
    MapRun(TaskId),
    /// The branch is over.
    Done,
}

/// A task under way.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) started: bool,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) heartbeat_seconds: Option<i64>,
    /// When the heartbeat is missed, unless one comes before.
    pub(super) heartbeat_deadline: Timestamp,
}

/// The branches or iterations of a Parallel or Map state.
#[derive(Debug)]
pub(super) struct Children {
    /// Who is running, by index; a Map fills its places as it goes.
    pub(super) running: Vec<Option<BranchId>>,
    pub(super) outputs: Vec<Value>,
    /// What is still to start: the inputs of Map iterations, from `next` on.
    pub(super) items: Vec<Value>,
    /// The Map state's effective input: what `$` of its ItemSelector is.
    pub(super) selector_input: Value,
    pub(super) next: usize,
    pub(super) finished: usize,
    /// How many iterations run at once.
    pub(super) concurrency: usize,
}

impl Branch {
    pub(super) fn state(&self) -> &State {
        &self.level[self.state]
    }

    /// Moves on: timers set so far mean nothing any more.
    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.generation = self.generation.wrapping_add(1);
        self.phase = phase;
    }
}
