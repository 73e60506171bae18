//! Takes a history apart into its lines of control.
//!
//! Within one line (the main line, an iteration of a Map, a branch of a Parallel) events have an
//! order; between lines they have none, and AWS interleaves them differently from run to run. Only
//! the links tell which line an event belongs to, and the links have their own ways: the first
//! state links to 0, `…Succeeded` events are skipped by what follows, an iteration may link to the
//! end of another one, and a retried Map starts behind the iteration that failed.

use std::fmt;
use std::sync::Arc;

use super::event::{EventDetails, EventId, EventType, HistoryEvent};

/// A history as threads. Events are named by their index in the history.
#[derive(Clone, Debug)]
pub struct Threads {
    /// The threads; the first is the main line, others come in the order of their first events.
    pub threads: Vec<Thread>,
    /// For each event its thread, and its position there.
    places: Vec<(usize, usize)>,
}

/// One line of control.
#[derive(Clone, Debug)]
pub struct Thread {
    /// What it is.
    pub kind: ThreadKind,
    /// The thread around it, and the position there of the event that opened it; `None` for the
    /// main line.
    pub parent: Option<(usize, usize)>,
    /// Its events in order.
    pub events: Vec<usize>,
    /// The threads that opened within it: position of the `…StateStarted` event, and thread.
    pub children: Vec<(usize, usize)>,
}

/// What a thread is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadKind {
    /// The execution itself.
    Main,
    /// An iteration of an inline Map.
    Iteration {
        /// The Map state.
        state: Arc<str>,
        /// The item's index.
        index: u64,
    },
    /// A branch of a Parallel.
    Branch {
        /// The Parallel state.
        state: Arc<str>,
        /// The state that the branch starts with.
        first: Arc<str>,
    },
    /// Events inside of a Parallel whose ids the recording has lost: all of its branches, in no
    /// order.
    Unordered {
        /// The Parallel state.
        state: Arc<str>,
    },
}

impl Threads {
    /// Takes the events apart.
    pub fn new(events: &[HistoryEvent]) -> Self {
        let mut growing = GrowingThreads::default();
        growing.places.reserve(events.len());
        growing.grow(events);
        let threads = growing.threads.into_iter().map(|open| open.thread).collect();
        Self { threads, places: growing.places }
    }

    /// The thread and position of the event with this index.
    pub fn place(&self, event: usize) -> (usize, usize) {
        self.places[event]
    }

    /// Whether there is more than one line, so that events may interleave.
    pub fn is_concurrent(&self) -> bool {
        self.threads.len() > 1
    }

    /// The threads opened by the event at this position of this thread.
    pub fn children(&self, thread: usize, position: usize) -> impl Iterator<Item = usize> {
        let children = &self.threads[thread].children;
        let start = children.partition_point(|(at, _)| *at < position);
        let own = children[start..].iter().take_while(move |(at, _)| *at == position);
        own.map(|(_, child)| *child)
    }

    /// Where a thread stands, outermost first: `Map[2] / Parallel.FirstState`; empty for the main
    /// line.
    pub fn path(&self, thread: usize) -> String {
        let mut parts = Vec::new();
        let mut at = thread;
        while let Some((parent, _)) = self.threads[at].parent {
            parts.push(self.threads[at].kind.to_string());
            at = parent;
        }
        parts.reverse();
        parts.join(" / ")
    }
}

/// The index of the event with this id: ids mostly count from 1, but events may be missing or
/// without an id.
pub fn find(events: &[HistoryEvent], id: EventId) -> Option<usize> {
    if id == 0 {
        return None;
    }
    // An event stands in its place, or as far before it as events are missing.
    let last = usize::try_from(id - 1).ok()?.min(events.len().checked_sub(1)?);
    let mut before = events[..=last].iter().enumerate().rev();
    let (index, event) = before.find(|(_, event)| event.id > 0 && event.id <= id)?;
    (event.id == id).then_some(index)
}

/// The index of an event of a complete history, whose ids count from 1.
pub(crate) fn index_of(id: EventId) -> usize {
    usize::try_from(id).map_or(0, |id| id.saturating_sub(1))
}

impl fmt::Display for ThreadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("main line"),
            Self::Iteration { state, index } => write!(f, "{state}[{index}]"),
            Self::Branch { state, first } => write!(f, "{state}.{first}"),
            Self::Unordered { state } => write!(f, "{state}.*"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RegionKind {
    Map,
    Parallel,
}

impl RegionKind {
    fn entered(self) -> EventType {
        match self {
            Self::Map => EventType::MapStateEntered,
            Self::Parallel => EventType::ParallelStateEntered,
        }
    }
}

/// A Map or Parallel under way: what its `…StateStarted` event opened.
struct Region {
    kind: RegionKind,
    state: Arc<str>,
    /// The thread that the Map or Parallel state stands in.
    outer: usize,
    /// The position of the opening event there.
    position: usize,
    /// The index of the opening event.
    event: usize,
}

struct OpenThread {
    thread: Thread,
    /// The region that the thread belongs to.
    inside: Option<usize>,
    /// The region that was last opened in the thread, and whether it still runs.
    latest: Option<(usize, bool)>,
}

/// The threads of a history that still grows.
pub(crate) struct GrowingThreads {
    threads: Vec<OpenThread>,
    places: Vec<(usize, usize)>,
    regions: Vec<Region>,
    /// Where events without an id go: an unordered thread, and the region it stands for.
    bag: Option<(usize, usize)>,
}

impl Default for GrowingThreads {
    fn default() -> Self {
        let (threads, places, regions) = (Vec::new(), Vec::new(), Vec::new());
        let mut growing = Self { threads, places, regions, bag: None };
        growing.open(ThreadKind::Main, None);
        growing
    }
}

impl GrowingThreads {
    /// Takes in the events behind those of the last call.
    pub fn grow(&mut self, events: &[HistoryEvent]) {
        for (index, event) in events.iter().enumerate().skip(self.places.len()) {
            let thread = self.place(events, index, event);
            self.push(thread, index);
        }
    }

    /// The thread and position of an event that was taken in.
    pub fn place_of(&self, event: usize) -> (usize, usize) {
        self.places[event]
    }

    /// A thread so far.
    pub fn thread(&self, thread: usize) -> &Thread {
        &self.threads[thread].thread
    }

    fn open(&mut self, kind: ThreadKind, inside: Option<usize>) -> usize {
        let id = self.threads.len();
        let parent =
            inside.map(|region| (self.regions[region].outer, self.regions[region].position));
        if let Some((outer, position)) = parent {
            self.threads[outer].thread.children.push((position, id));
        }
        let thread = Thread { kind, parent, events: Vec::new(), children: Vec::new() };
        self.threads.push(OpenThread { thread, inside, latest: None });
        id
    }

    fn push(&mut self, thread: usize, event: usize) {
        let events = &mut self.threads[thread].thread.events;
        self.places.push((thread, events.len()));
        events.push(event);
    }

    /// The thread that an event belongs to; opens regions and threads on the way.
    fn place(&mut self, events: &[HistoryEvent], index: usize, event: &HistoryEvent) -> usize {
        use EventType as T;
        if matches!(
            event.event_type,
            T::ExecutionStarted
                | T::ExecutionSucceeded
                | T::ExecutionFailed
                | T::ExecutionAborted
                | T::ExecutionTimedOut
                | T::ExecutionRedriven
        ) {
            return 0;
        }
        if let Some(thread) = self.bagged(events, index, event) {
            return thread;
        }
        let previous = find(events, event.previous_event_id).filter(|at| *at < index);
        let thread = previous.map_or(0, |at| self.places[at].0);
        match event.event_type {
            T::MapStateStarted => self.start(events, RegionKind::Map, thread, previous, index),
            T::ParallelStateStarted => {
                self.start(events, RegionKind::Parallel, thread, previous, index)
            }
            T::MapIterationStarted
            | T::MapIterationSucceeded
            | T::MapIterationFailed
            | T::MapIterationAborted => self.iteration(thread, event),
            T::MapStateSucceeded | T::MapStateFailed | T::MapStateAborted => {
                self.end(events, RegionKind::Map, thread, previous)
            }
            T::ParallelStateSucceeded | T::ParallelStateFailed | T::ParallelStateAborted => {
                self.end(events, RegionKind::Parallel, thread, previous)
            }
            T::MapStateExited | T::ParallelStateExited => self.exit(thread, event),
            _ => self.inner(events, thread, previous, event),
        }
    }

    /// An event without an id, or linked to one, goes into the bag of the Parallel around it.
    fn bagged(
        &mut self,
        events: &[HistoryEvent],
        index: usize,
        event: &HistoryEvent,
    ) -> Option<usize> {
        if let Some((thread, region)) = self.bag {
            let ends = event.event_type == EventType::ParallelStateExited
                && event.state_name() == Some(&self.regions[region].state);
            let known = event.id > 0 && find(events, event.previous_event_id).is_some();
            if ends || known {
                self.bag = None;
                return ends.then_some(self.regions[region].outer);
            }
            return Some(thread);
        }
        if event.id > 0 {
            return None;
        }
        let before = index.checked_sub(1).map_or(0, |at| self.places[at].0);
        let (region, running) = self.threads[before].latest?;
        if !running {
            return None;
        }
        let state = self.regions[region].state.clone();
        let thread = self.open(ThreadKind::Unordered { state }, Some(region));
        self.bag = Some((thread, region));
        Some(thread)
    }

    /// `…StateStarted`: behind `…StateEntered` the state's first attempt, else a retry, whose link
    /// points into the attempt before.
    fn start(
        &mut self,
        events: &[HistoryEvent],
        kind: RegionKind,
        thread: usize,
        previous: Option<usize>,
        index: usize,
    ) -> usize {
        let entered = previous.map(|at| &events[at]);
        let first = entered.filter(|event| event.event_type == kind.entered());
        let (outer, state) = match first.and_then(HistoryEvent::state_name) {
            Some(state) => (thread, state.clone()),
            None => match self.region_around(kind, thread, None) {
                Some(region) => (self.regions[region].outer, self.regions[region].state.clone()),
                None => (thread, "".into()),
            },
        };
        let position = self.threads[outer].thread.events.len();
        self.threads[outer].latest = Some((self.regions.len(), true));
        self.regions.push(Region { kind, state, outer, position, event: index });
        outer
    }

    fn iteration(&mut self, thread: usize, event: &HistoryEvent) -> usize {
        let EventDetails::MapIteration { name, index } = &event.details else { return thread };
        let Some(region) = self.region_around(RegionKind::Map, thread, Some(name)) else {
            return thread;
        };
        let Region { outer, position, .. } = self.regions[region];
        let kind = ThreadKind::Iteration { state: name.clone(), index: *index };
        if event.event_type == EventType::MapIterationStarted {
            return self.open(kind, Some(region));
        }
        // An iteration's own events mostly link into it.
        if self.threads[thread].thread.kind == kind {
            return thread;
        }
        let children = self.threads[outer].thread.children.iter().rev();
        let mut own = children.take_while(|(at, _)| *at == position);
        match own.find(|(_, child)| self.threads[*child].thread.kind == kind) {
            Some((_, child)) => *child,
            None => self.open(kind, Some(region)),
        }
    }

    /// The end of a Map or Parallel: in the thread where its state stands.
    fn end(
        &mut self,
        events: &[HistoryEvent],
        kind: RegionKind,
        thread: usize,
        previous: Option<usize>,
    ) -> usize {
        let unstarted = previous.is_some_and(|at| events[at].event_type == kind.entered());
        let outer = if unstarted { thread } else { self.outer(kind, thread) };
        if let Some((_, running)) = &mut self.threads[outer].latest {
            *running = false;
        }
        outer
    }

    fn exit(&mut self, thread: usize, event: &HistoryEvent) -> usize {
        let kind = match event.event_type {
            EventType::MapStateExited => RegionKind::Map,
            _ => RegionKind::Parallel,
        };
        let region = self.region_around(kind, thread, event.state_name());
        region.map_or(thread, |region| self.regions[region].outer)
    }

    /// Everything else stays in the thread of its link, but for the first event of a branch.
    fn inner(
        &mut self,
        events: &[HistoryEvent],
        thread: usize,
        previous: Option<usize>,
        event: &HistoryEvent,
    ) -> usize {
        let Some((region, true)) = self.threads[thread].latest else { return thread };
        let opened = &self.regions[region];
        if opened.kind != RegionKind::Parallel || previous != Some(opened.event) {
            return thread;
        }
        let Some(state) = event.state_name() else { return thread };
        let position = opened.position;
        let parallel = opened.state.clone();
        if event.event_type == EventType::EvaluationFailed {
            // Its link skips the StateEntered event of the state that failed.
            let children = self.threads[thread].thread.children.iter();
            let mut own = children.filter(|(at, _)| *at == position).map(|(_, child)| *child);
            let fits = |child: &usize| {
                let named = self.threads[*child].thread.events.iter().rev();
                named.filter_map(|at| events[*at].state_name()).next() == Some(state)
            };
            return own.find(fits).unwrap_or(thread);
        }
        let first = state.clone();
        self.open(ThreadKind::Branch { state: parallel, first }, Some(region))
    }

    fn outer(&self, kind: RegionKind, thread: usize) -> usize {
        match self.latest(thread, kind) {
            Some(_) => thread,
            None => {
                let region = self.region_around(kind, thread, None);
                region.map_or(thread, |region| self.regions[region].outer)
            }
        }
    }

    /// The region of this kind that runs in the thread.
    fn latest(&self, thread: usize, kind: RegionKind) -> Option<usize> {
        let (region, running) = self.threads[thread].latest?;
        (running && self.regions[region].kind == kind).then_some(region)
    }

    /// The nearest region of this kind and name: last opened in the thread, or around it.
    fn region_around(
        &self,
        kind: RegionKind,
        thread: usize,
        name: Option<&Arc<str>>,
    ) -> Option<usize> {
        let fits = |region: usize| {
            let region = &self.regions[region];
            region.kind == kind && name.is_none_or(|name| *name == region.state)
        };
        let mut at = thread;
        loop {
            let open = &self.threads[at];
            if let Some((region, running)) = open.latest
                && (running || name.is_some())
                && fits(region)
            {
                return Some(region);
            }
            let region = open.inside?;
            if fits(region) {
                return Some(region);
            }
            at = self.regions[region].outer;
        }
    }
}

#[cfg(test)]
mod tests;
