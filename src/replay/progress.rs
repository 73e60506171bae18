//! How far the replay has come in the recording.

use crate::history::{GrowingThreads, HistoryEvent, ThreadKind, Threads};

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
}

impl<'r> Progress<'r> {
    pub fn new(events: &'r [HistoryEvent], recorded: Threads) -> Self {
        Self {
            done: vec![false; events.len()],
            started: vec![0; recorded.threads.len()],
            events,
            recorded,
            frontier: 0,
            produced: GrowingThreads::default(),
            pairs: vec![Some(0)],
            seen: 0,
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
            }
            if let Some(pair) = self.pairs[thread] {
                self.happened(thread, pair, position, event);
            }
        }
        self.seen = produced.len();
        while self.done.get(self.frontier) == Some(&true) {
            self.frontier += 1;
        }
    }

    /// The index of the first recorded event that has not happened yet.
    pub fn frontier(&self) -> usize {
        self.frontier
    }

    /// That event, unless all have happened.
    pub fn next(&self) -> Option<&'r HistoryEvent> {
        self.events.get(self.frontier)
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
