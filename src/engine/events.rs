//! The names of the events that a state's life causes.

use crate::asl::StateKind;
use crate::history::EventType;

impl EventType {
    /// The event of entering a state.
    pub(super) fn entered(kind: &StateKind) -> Self {
        match kind {
            StateKind::Task(_) => Self::TaskStateEntered,
            StateKind::Pass(_) => Self::PassStateEntered,
            StateKind::Choice(_) => Self::ChoiceStateEntered,
            StateKind::Wait(_) => Self::WaitStateEntered,
            StateKind::Succeed => Self::SucceedStateEntered,
            StateKind::Fail(_) => Self::FailStateEntered,
            StateKind::Parallel(_) => Self::ParallelStateEntered,
            StateKind::Map(_) => Self::MapStateEntered,
        }
    }

    /// The event of leaving a state; a Fail state is never left.
    pub(super) fn exited(kind: &StateKind) -> Option<Self> {
        match kind {
            StateKind::Task(_) => Some(Self::TaskStateExited),
            StateKind::Pass(_) => Some(Self::PassStateExited),
            StateKind::Choice(_) => Some(Self::ChoiceStateExited),
            StateKind::Wait(_) => Some(Self::WaitStateExited),
            StateKind::Succeed => Some(Self::SucceedStateExited),
            StateKind::Fail(_) => None,
            StateKind::Parallel(_) => Some(Self::ParallelStateExited),
            StateKind::Map(_) => Some(Self::MapStateExited),
        }
    }

    /// The event of a state that another branch's failure stops; states that take no time have
    /// none.
    pub(super) fn aborted(kind: &StateKind) -> Option<Self> {
        match kind {
            StateKind::Task(_) => Some(Self::TaskStateAborted),
            StateKind::Wait(_) => Some(Self::WaitStateAborted),
            StateKind::Parallel(_) => Some(Self::ParallelStateAborted),
            StateKind::Map(_) => Some(Self::MapStateAborted),
            StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => {
                None
            }
        }
    }
}
