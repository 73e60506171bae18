//! What an execution waits for in time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::branch::BranchId;
use crate::time::Timestamp;

/// Why a branch, or the execution, has to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A Wait state's time has come.
    WaitEnds(BranchId),
    /// The delay before a retry is over.
    BackoffEnds(BranchId),
    /// A task's `TimeoutSeconds` have passed.
    TaskTimesOut(BranchId),
    /// A task's `HeartbeatSeconds` have passed since its last sign of life.
    HeartbeatMissed(BranchId),
    /// `TimeoutSeconds` of the machine, or the service's own limit, has passed.
    ExecutionTimesOut,
}

/// The timers that are set; equal times fire in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    set: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Timestamp,
    order: u64,
    timer: Timer,
    /// The branch's generation when the timer was set: a branch that has moved on ignores it.
    generation: u32,
}

impl Timers {
    /// Forgets all timers.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    pub(super) fn set(&mut self, at: Timestamp, timer: Timer, generation: u32) {
        self.set += 1;
        self.heap.push(Reverse(Entry { at, order: self.set, timer, generation }));
    }

    /// The earliest time at which a timer fires that `is_live` still wants.
    pub(super) fn next(&mut self, is_live: impl Fn(Timer, u32) -> bool) -> Option<Timestamp> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(entry.timer, entry.generation) {
                return Some(entry.at);
            }
            self.heap.pop();
        }
        None
    }

    /// All timers that `is_live` still wants, in no order.
    pub(super) fn live(
        &mut self,
        is_live: impl Fn(Timer, u32) -> bool,
    ) -> impl Iterator<Item = (Timestamp, Timer, u32)> {
        self.heap.retain(|Reverse(entry)| is_live(entry.timer, entry.generation));
        self.heap.iter().map(|Reverse(entry)| (entry.at, entry.timer, entry.generation))
    }

    /// Takes the next timer that is due, live or not.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timer, u32)> {
        if self.heap.peek().is_none_or(|Reverse(entry)| entry.at > now) {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.timer, entry.generation))
    }
}
