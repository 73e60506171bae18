//! What will happen, in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::entropy::Entropy;
use crate::time::Timestamp;

/// Things that will happen. Those of one moment come in the order in which they were planned, or
/// shuffled where a seed is given.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Of this moment.
    ready: VecDeque<T>,
    later: BinaryHeap<Reverse<Planned<T>>>,
    planned: u64,
    shuffle: Option<Entropy>,
}

#[derive(Debug)]
struct Planned<T> {
    at: Timestamp,
    order: u64,
    what: T,
}

impl<T> Queue<T> {
    pub(super) fn new(shuffle: Option<Entropy>) -> Self {
        Self { ready: VecDeque::new(), later: BinaryHeap::new(), planned: 0, shuffle }
    }

    /// Plans something for `at`; `now` is the present.
    pub(super) fn plan(&mut self, now: Timestamp, at: Timestamp, what: T) {
        if at <= now {
            self.ready.push_back(what);
            return;
        }
        self.planned += 1;
        self.later.push(Reverse(Planned { at, order: self.planned, what }));
    }

    /// What happens now, one at a time.
    pub(super) fn pop_ready(&mut self) -> Option<T> {
        match &mut self.shuffle {
            Some(entropy) if self.ready.len() > 1 => {
                let bound = i32::try_from(self.ready.len()).unwrap_or(i32::MAX);
                self.ready.remove(entropy.next_int(bound) as usize)
            }
            _ => self.ready.pop_front(),
        }
    }

    /// When the next thing happens.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.later.peek().map(|Reverse(planned)| planned.at)
    }

    /// Makes everything up to `now` ready.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.next_time().is_some_and(|at| at <= now) {
            let planned = self.later.pop();
            self.ready.extend(planned.map(|Reverse(planned)| planned.what));
        }
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<T> Eq for Planned<T> {}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Planned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
