//! An execution that makes its moves one by one, in an order that somebody else decides.
//!
//! By itself an execution runs each branch until it has to wait. On AWS branches overtake one
//! another between any two events, and which of them was first decides what is left undone when
//! one fails. A replay finds the order in its recording, and makes the moves in it.

use std::sync::Arc;

use super::branch::{BranchId, Phase};
use super::execution::{Execution, is_live};
use super::io::TaskId;
use super::timer::Timer;
use crate::asl::{JitterStrategy, StateKind};
use crate::history::EventId;
use crate::time::Timestamp;

/// Something that a guided execution may do next by itself.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub line: Line,
    pub kind: MoveKind,
    branch: BranchId,
    timer: Option<(Timer, u32)>,
}

/// A line of control, as a history shows it.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// The one that this event belongs to.
    Of(EventId),
    /// A branch that has no event yet, of the Parallel state that this event started; it begins
    /// with the state `first`.
    Fresh { started: EventId, first: Arc<str> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoveKind {
    /// A step of a branch that is ready. A silent one starts a clock and makes no event: its time
    /// has come at once.
    Step { silent: bool },
    /// The end of a wait, or of the delay before a retry, at its time or later. A delay with jitter
    /// is drawn, so that another execution of the machine has another.
    Resume { at: Timestamp, drawn: bool },
    /// `TimeoutSeconds` or `HeartbeatSeconds` of a task have passed.
    TaskTimesOut { at: Timestamp, task: TaskId, heartbeat: bool },
    /// `TimeoutSeconds` of the machine, or the service's own limit, has passed.
    ExecutionTimesOut { at: Timestamp },
}

impl Execution {
    /// Has every move wait for [`make`](Self::make).
    pub(crate) fn guided(mut self) -> Self {
        self.guided = true;
        self
    }

    /// What may be next. Branches that are ready come first, in the order in which the execution
    /// would run them by itself.
    pub(crate) fn moves(&mut self, moves: &mut Vec<Move>) {
        moves.clear();
        if self.result.is_some() {
            return;
        }
        for id in &self.ready {
            let kind = MoveKind::Step { silent: self.is_silent(*id) };
            moves.push(Move { line: self.line(*id), kind, branch: *id, timer: None });
        }
        let branches = &self.branches;
        let mut timers = std::mem::take(&mut self.timers);
        for (at, timer, generation) in
            timers.live(|timer, generation| is_live(branches, timer, generation))
        {
            let (branch, kind) = match timer {
                Timer::WaitEnds(id) => (id, MoveKind::Resume { at, drawn: false }),
                Timer::BackoffEnds(id) => {
                    let retry = &self.branches[id as usize].state().retry;
                    let drawn = retry.iter().any(|r| r.jitter_strategy == JitterStrategy::Full);
                    (id, MoveKind::Resume { at, drawn })
                }
                Timer::TaskTimesOut(id) | Timer::HeartbeatMissed(id) => {
                    let Phase::Task(task) = &self.branches[id as usize].phase else { continue };
                    let (task, heartbeat) = (task.id, matches!(timer, Timer::HeartbeatMissed(_)));
                    (id, MoveKind::TaskTimesOut { at, task, heartbeat })
                }
                Timer::ExecutionTimesOut => {
                    (super::execution::TOP, MoveKind::ExecutionTimesOut { at })
                }
            };
            let timer = Some((timer, generation));
            moves.push(Move { line: self.line(branch), kind, branch, timer });
        }
        self.timers = timers;
    }

    /// Does one of the [`moves`](Self::moves).
    pub(crate) fn make(&mut self, now: Timestamp, chosen: &Move) {
        self.advance(now);
        match chosen.timer {
            Some((timer, generation)) if is_live(&self.branches, timer, generation) => {
                self.fire(timer);
            }
            Some(_) => {}
            None => {
                self.step(chosen.branch);
                // It keeps its place before others as long as it need not wait.
                let branches = &self.branches;
                self.ready.retain(|id| branches[*id as usize].can_run());
            }
        }
    }

    /// A branch goes on where it entered its state, also when what follows links to a branch within
    /// the state.
    fn line(&self, id: BranchId) -> Line {
        let branch = &self.branches[id as usize];
        let Some(parent) = branch.parent else { return Line::Of(1) };
        match &self.branches[parent as usize].state().kind {
            _ if branch.entered_event > 0 => Line::Of(branch.entered_event),
            StateKind::Parallel(_) => {
                let first = branch.state().name.clone();
                Line::Fresh { started: branch.last_event, first }
            }
            _ => Line::Of(branch.last_event),
        }
    }

    fn is_silent(&self, id: BranchId) -> bool {
        let branch = &self.branches[id as usize];
        match (&branch.phase, branch.state()) {
            (Phase::Work, state) => matches!(state.kind, StateKind::Wait(_)),
            (Phase::Settle(Err(failure)), state) => self.retries(id, state, failure),
            _ => false,
        }
    }
}
