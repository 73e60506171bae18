//! How far the replay has come in the recording.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::Line;
use crate::history::{GrowingThreads, HistoryEvent, ThreadKind, Threads, find, index_of};

/// What the recording has next on a line of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This event.
    Event(usize),
    /// Nothing on the line itself, but this event of the line around it, to which it leads.
    Joins(usize),
    /// The same, but the event links elsewhere or nowhere.
    Outer(usize),
    /// Nothing: the line was stopped, or never started.
    Nothing,
    /// The line does something else, or the recording has lost the order of its events.
    Unknown,
}

/// Which recorded events have happened again, thread by thread.
pub(super) struct Progress<'r> {
    events: &'r [HistoryEvent],
    recorded: Threads,
    /// Recorded events that have happened, or never will because their thread took another course.
    done: Vec<bool>,
    frontier: usize,
    produced: GrowingThreads,
    /// For each produced thread the recorded one, while it does the same.
    pairs: Vec<Option<usize>>,
    /// For each recorded thread how many threads within it have been paired.
    started: Vec<usize>,
    seen: usize,
    /// States that may stand between the recorded ones without being a difference.
    inserted: BTreeSet<Arc<str>>,
    /// For each produced thread the positions of the events of such states.
    skipped: Vec<Vec<usize>>,
    /// For each produced thread the state of that kind that is under way.
    within: Vec<Option<Arc<str>>>,
    /// Whether each produced event belongs to such a state.
    is_inserted: Vec<bool>,
}

impl<'r> Progress<'r> {
    pub fn new(
        events: &'r [HistoryEvent],
        recorded: Threads,
        inserted: BTreeSet<Arc<str>>,
    ) -> Self {
        Self {
            done: vec![false; events.len()],
            started: vec![0; recorded.threads.len()],
            events,
            recorded,
            frontier: 0,
            produced: GrowingThreads::default(),
            pairs: vec![Some(0)],
            seen: 0,
            inserted,
            skipped: vec![Vec::new()],
            within: vec![None],
            is_inserted: Vec::new(),
        }
    }

    /// Takes in what was produced since the last call.
    pub fn advance(&mut self, produced: &[HistoryEvent]) {
        self.produced.grow(produced);
        for (index, event) in produced.iter().enumerate().skip(self.seen) {
            let (thread, position) = self.produced.place_of(index);
            if thread == self.pairs.len() {
                let pair = self.counterpart(thread);
                self.pairs.push(pair);
                self.skipped.push(Vec::new());
                self.within.push(None);
            }
            let inserted = self.inserts(thread, event);
            self.is_inserted.push(inserted);
            if inserted {
                self.skipped[thread].push(position);
            } else if let Some(pair) = self.pairs[thread] {
                self.happened(thread, pair, self.recorded_position(thread, position), event);
            }
        }
        self.seen = produced.len();
        while self.done.get(self.frontier) == Some(&true) {
            self.frontier += 1;
        }
    }

    /// Which of the produced events belong to states that were inserted.
    pub fn into_inserted(self) -> Vec<bool> {
        self.is_inserted
    }

    /// Whether an event belongs to an inserted state.
    fn inserts(&mut self, thread: usize, event: &HistoryEvent) -> bool {
        if event.event_type.is_terminal() {
            return false;
        }
        let name = event.state_name();
        if event.event_type.is_state_entered() {
            self.within[thread] = name.filter(|name| self.inserted.contains(*name)).cloned();
        }
        let within = self.within[thread].is_some();
        if event.event_type.is_state_exited() && name == self.within[thread].as_ref() {
            self.within[thread] = None;
        }
        within
    }

    /// The position in the recorded thread, which has no inserted states.
    fn recorded_position(&self, thread: usize, position: usize) -> usize {
        position - self.skipped[thread].partition_point(|skipped| *skipped < position)
    }

    /// Whether every recorded event has happened again, or never will.
    pub fn is_complete(&self) -> bool {
        self.frontier == self.done.len()
    }

    /// What the recording has next on a line.
    pub fn next_on(&self, line: &Line) -> Next {
        match line {
            Line::Of(event) => {
                let (thread, _) = self.produced.place_of(index_of(*event));
                self.next_of_thread(thread)
            }
            Line::Fresh { started, first } => {
                let (outer, position) = self.produced.place_of(index_of(*started));
                let Some(pair) = self.pairs[outer] else { return Next::Unknown };
                let mut unordered = false;
                let position = self.recorded_position(outer, position);
                let mut branches = self.recorded.children(pair, position);
                let own = branches.find(|child| match &self.recorded.threads[*child].kind {
                    ThreadKind::Branch { first: other, .. } => other == first,
                    kind => {
                        unordered |= matches!(kind, ThreadKind::Unordered { .. });
                        false
                    }
                });
                match own.and_then(|own| self.recorded.threads[own].events.first()) {
                    Some(at) => Next::Event(*at),
                    None if unordered => Next::Unknown,
                    None => Next::Nothing,
                }
            }
        }
    }

    fn next_of_thread(&self, own: usize) -> Next {
        let Some(own_pair) = self.pairs[own] else { return Next::Unknown };
        if let ThreadKind::Unordered { .. } = self.recorded.threads[own_pair].kind {
            return Next::Unknown;
        }
        let mut thread = own;
        loop {
            let Some(pair) = self.pairs[thread] else { return Next::Nothing };
            let position = self.produced.thread(thread).events.len();
            let position = self.recorded_position(thread, position);
            if let Some(at) = self.recorded.threads[pair].events.get(position) {
                let event = &self.events[*at];
                let from = find(self.events, event.previous_event_id);
                let is_own = from.is_some_and(|from| self.recorded.place(from).0 == own_pair);
                return match is_own {
                    // It was stopped by another line.
                    false if event.event_type.is_aborted() => Next::Nothing,
                    _ if thread == own => Next::Event(*at),
                    true => Next::Joins(*at),
                    false => Next::Outer(*at),
                };
            }
            let Some((outer, _)) = self.produced.thread(thread).parent else {
                return Next::Nothing;
            };
            thread = outer;
        }
    }

    /// The place of a produced event's thread, as [`Threads::path`] writes it.
    pub fn place(&self, produced: usize) -> String {
        let (mut thread, _) = self.produced.place_of(produced);
        let mut parts = Vec::new();
        while let Some((parent, _)) = self.produced.thread(thread).parent {
            parts.push(self.produced.thread(thread).kind.to_string());
            thread = parent;
        }
        parts.reverse();
        parts.join(" / ")
    }

    fn counterpart(&mut self, thread: usize) -> Option<usize> {
        let (parent, position) = self.produced.thread(thread).parent?;
        let outer = self.pairs[parent]?;
        let position = self.recorded_position(parent, position);
        let kind = &self.produced.thread(thread).kind;
        let fits = |child: &usize| {
            let other = &self.recorded.threads[*child].kind;
            *other == *kind || matches!(other, ThreadKind::Unordered { .. })
        };
        // Threads mostly start in the recorded order.
        let guess = self.recorded.threads[outer].children.get(self.started[outer]);
        self.started[outer] += 1;
        if let Some((at, child)) = guess
            && *at == position
            && fits(child)
        {
            return Some(*child);
        }
        self.recorded.children(outer, position).find(fits)
    }

    fn happened(&mut self, thread: usize, pair: usize, position: usize, event: &HistoryEvent) {
        let line = &self.recorded.threads[pair].events;
        if let ThreadKind::Unordered { .. } = self.recorded.threads[pair].kind {
            let mut open = line.iter().filter(|index| !self.done[**index]);
            if let Some(index) = open.find(|index| self.events[**index].same_step(event)) {
                self.done[*index] = true;
            }
            return;
        }
        match line.get(position) {
            Some(index) if self.events[*index].same_step(event) => self.done[*index] = true,
            _ => {
                self.pairs[thread] = None;
                self.give_up(pair);
            }
        }
    }

    /// The rest of a recorded thread will not happen.
    fn give_up(&mut self, thread: usize) {
        let mut threads = vec![thread];
        while let Some(thread) = threads.pop() {
            for index in &self.recorded.threads[thread].events {
                self.done[*index] = true;
            }
            threads.extend(self.recorded.threads[thread].children.iter().map(|(_, child)| child));
        }
    }
}
