//! What differs between two histories.
//!
//! They are aligned line of control by line of control, along the links: another interleaving of
//! branches or iterations is no difference, another order within one is. Ids and, unless asked
//! for, timestamps do not count.
//!
//! ```
//! use stepproof::history::{Diff, DiffOptions, History, Labels, Style};
//!
//! let history = |output: &str| {
//!     let text = format!(
//!         r#"{{"events": [
//!             {{"id": 1, "previousEventId": 0, "type": "ExecutionStarted",
//!               "executionStartedEventDetails": {{"input": "{{}}"}}}},
//!             {{"id": 2, "previousEventId": 0, "type": "PassStateEntered",
//!               "stateEnteredEventDetails": {{"name": "Price", "input": "{{}}"}}}},
//!             {{"id": 3, "previousEventId": 2, "type": "PassStateExited",
//!               "stateExitedEventDetails": {{"name": "Price", "output": "{output}"}}}}]}}"#
//!     );
//!     History::parse(&text).map(|(history, _)| history)
//! };
//! let (expected, actual) = (history("5")?, history("7")?);
//! let diff = Diff::new(&expected, &actual, &DiffOptions::default());
//! let labels = Labels::default();
//! assert_eq!(
//!     diff.differences[0].sentence(&expected, &actual, &labels),
//!     "`Price` has another output: expected 5, actual 7",
//! );
//! println!("{}", diff.render(&expected, &actual, &labels, Style::Plain));
//! # Ok::<(), stepproof::history::HistoryError>(())
//! ```

mod align;
mod members;
mod text;
mod value;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{EventId, EventType, HistoryEvent};
use super::normalize::{Fixed, Pairing, Rule};
use super::threads::{ThreadKind, Threads, find};
use super::{History, TimestampForm};
use crate::value::Value;

use align::{Step, align};
pub use text::{Labels, Style};

/// What counts as a difference.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// Whether the wording of causes counts. Error names always do.
    pub causes: bool,
    /// Whether timestamps count.
    pub timestamps: bool,
    /// Whether `previousEventId` must point to the same event of the other history.
    pub links: bool,
    /// Rules for texts that may differ.
    pub rules: Vec<Rule>,
    /// Whether no rule applies to texts that the expected history has somewhere in its data: where
    /// they stand in another place of the actual one, that is a difference.
    pub fixed: bool,
    /// Texts made up by what wrote the actual history, such as its execution's name: each may stand
    /// for some text of the expected one, the same throughout.
    pub generated: Vec<Arc<str>>,
}

/// The differences between an expected history and an actual one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// In the order of the expected history; empty where both say the same.
    pub differences: Vec<Difference>,
}

/// One place where the histories differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The branches and iterations around it, outermost first; empty for the main line.
    pub place: String,
    /// The state that was under way, where one was.
    pub state: Option<Arc<str>>,
    /// The expected event, as an index into its history.
    pub expected: Option<usize>,
    /// The actual event, as an index into its history.
    pub actual: Option<usize>,
    /// What differs.
    pub kind: DifferenceKind,
}

/// How two histories differ in one place.
#[derive(Clone, Debug, PartialEq)]
pub enum DifferenceKind {
    /// The same event with other details.
    Details(Vec<MemberDifference>),
    /// Other events: these came instead of those.
    Replaced {
        /// How many events were expected.
        expected: usize,
        /// How many came in their place.
        actual: usize,
    },
    /// Expected events that did not come.
    Missing {
        /// How many.
        count: usize,
        /// The state that was entered at once, where the first of them enters another one.
        instead: Option<Arc<str>>,
    },
    /// Events that nobody expected.
    Unexpected {
        /// How many.
        count: usize,
        /// The state that was to be entered at once, where the first of them enters another one.
        instead: Option<Arc<str>>,
    },
    /// The same event, linked to another one.
    Link {
        /// The id that the expected event links to.
        expected: EventId,
        /// The id that the actual event links to.
        actual: EventId,
    },
}

/// A member of an event's details that differs, or a part of its data.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberDifference {
    /// The member's name in the API, such as `input`.
    pub member: &'static str,
    /// Where in the member's data, as a path from `$`; `$` for all of it.
    pub path: String,
    /// What was expected there; `None` for nothing.
    pub expected: Option<Value>,
    /// What was there; `None` for nothing.
    pub actual: Option<Value>,
}

impl Default for DiffOptions {
    /// Everything counts but timestamps.
    fn default() -> Self {
        Self {
            causes: true,
            timestamps: false,
            links: true,
            rules: Vec::new(),
            fixed: false,
            generated: Vec::new(),
        }
    }
}

impl Diff {
    /// Compares two histories.
    pub fn new(expected: &History, actual: &History, options: &DiffOptions) -> Self {
        let fixed = if options.fixed { Fixed::of(&expected.events) } else { Fixed::default() };
        let (expected, actual) = (Side::new(&expected.events), Side::new(&actual.events));
        let mut differ = Differ {
            pairs: vec![None; expected.events.len()],
            concurrent: expected.threads.is_concurrent() || actual.threads.is_concurrent(),
            expected,
            actual,
            options,
            pairing: Pairing::new(&options.rules, fixed, &options.generated),
            found: Vec::new(),
        };
        differ.thread(0, 0);
        differ.found.sort_by_key(|(at, _)| *at);
        Self { differences: differ.found.into_iter().map(|(_, found)| found).collect() }
    }

    /// Whether the histories say the same.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// As JSON, for other programs: `same`, and the differences with their events.
    pub fn to_value(&self, expected: &History, actual: &History) -> Value {
        let differences = self.differences.iter().map(|found| found.to_value(expected, actual));
        Value::object([
            ("same", Value::from(self.is_same())),
            ("differences", Value::array(differences)),
        ])
    }
}

impl Difference {
    fn to_value(&self, expected: &History, actual: &History) -> Value {
        let event = |side: &History, index: Option<usize>| {
            index.map_or(Value::Null, |index| side.events[index].to_value(TimestampForm::Text))
        };
        let mut members = vec![
            ("place", Value::from(&*self.place)),
            ("state", self.state.clone().map_or(Value::Null, Value::String)),
            ("kind", Value::from(self.kind.name())),
            ("message", Value::from(self.sentence(expected, actual, &Labels::default()))),
            ("expected", event(expected, self.expected)),
            ("actual", event(actual, self.actual)),
        ];
        if let DifferenceKind::Details(details) = &self.kind {
            let details = details.iter().map(|member| {
                let mut members =
                    vec![("member", Value::from(member.member)), ("path", (&*member.path).into())];
                let sides = [("expected", &member.expected), ("actual", &member.actual)];
                members.extend(
                    sides.into_iter().filter_map(|(name, side)| Some((name, side.clone()?))),
                );
                Value::object(members)
            });
            members.push(("members", Value::array(details)));
        }
        Value::object(members)
    }
}

impl DifferenceKind {
    /// The kind's name in JSON reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Details(_) => "details",
            Self::Replaced { .. } => "replaced",
            Self::Missing { .. } => "missing",
            Self::Unexpected { .. } => "unexpected",
            Self::Link { .. } => "link",
        }
    }
}

struct Side<'h> {
    events: &'h [HistoryEvent],
    threads: Threads,
}

impl<'h> Side<'h> {
    fn new(events: &'h [HistoryEvent]) -> Self {
        Self { events, threads: Threads::new(events) }
    }

    fn event(&self, thread: usize, position: usize) -> (usize, &'h HistoryEvent) {
        let index = self.threads.threads[thread].events[position];
        (index, &self.events[index])
    }

    fn keys(&self, thread: usize) -> Vec<align::Key<'h>> {
        let events = self.threads.threads[thread].events.iter();
        events.map(|index| align::Key::new(&self.events[*index])).collect()
    }

    /// The state that is under way at a position of a thread: the one entered last, there or in
    /// the threads around.
    fn state(&self, thread: usize, position: usize) -> Option<Arc<str>> {
        let (mut thread, mut position) = (thread, position);
        loop {
            for at in (0..=position).rev() {
                let Some(index) = self.threads.threads[thread].events.get(at) else { continue };
                let event = &self.events[*index];
                if event.event_type.is_state_entered() {
                    return event.state_name().cloned();
                }
                if event.event_type.is_state_exited() && at < position {
                    return None;
                }
            }
            (thread, position) = self.threads.threads[thread].parent?;
        }
    }

    /// How many events are missing from the history before a position of a thread and behind the
    /// event before it: ids that no event has, in that stretch.
    fn lost(&self, thread: usize, position: usize) -> usize {
        let line = &self.threads.threads[thread].events;
        let before = position.checked_sub(1).and_then(|at| line.get(at));
        let (Some(before), Some(behind)) = (before, line.get(position)) else { return 0 };
        let (first, last) = (self.events[*before].id, self.events[*behind].id);
        let span = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX);
        // Events between the two in the file take up an id each, those without one as well.
        span.saturating_sub(behind.saturating_sub(*before))
    }

    /// A thread and all threads within it.
    fn within(&self, thread: usize, events: &mut Vec<usize>) {
        let thread = &self.threads.threads[thread];
        events.extend(&thread.events);
        for (_, child) in &thread.children {
            self.within(*child, events);
        }
    }
}

/// The state that one side enters where the other enters one that it has alone.
fn entered(
    alone: &Side<'_>,
    (thread, range): &(usize, std::ops::Range<usize>),
    other: &Side<'_>,
    (there, position): &(usize, std::ops::Range<usize>),
) -> Option<Arc<str>> {
    let (_, first) = alone.event(*thread, range.start);
    let at = other.threads.threads[*there].events.get(position.start)?;
    let both = [first, &other.events[*at]];
    let enter = both.iter().all(|event| event.event_type.is_state_entered());
    other.events[*at].state_name().filter(|_| enter).cloned()
}

struct Differ<'h> {
    expected: Side<'h>,
    actual: Side<'h>,
    options: &'h DiffOptions,
    pairing: Pairing<'h>,
    concurrent: bool,
    /// For each expected event the actual one that it was aligned with.
    pairs: Vec<Option<usize>>,
    /// With the index in the expected history that each follows, for the order.
    found: Vec<(usize, Difference)>,
}

impl Differ<'_> {
    /// Compares two threads, and the threads within them.
    fn thread(&mut self, expected: usize, actual: usize) {
        let cut_short = self.cut_short(expected);
        let steps = align(&self.expected.keys(expected), &self.actual.keys(actual));
        let last = steps.len().saturating_sub(1);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Same { expected: from, actual: to, count } => {
                    for offset in 0..count {
                        self.pair((expected, from + offset), (actual, to + offset));
                    }
                }
                Step::Other { .. } if cut_short && number == last => {}
                Step::Other { expected: from, actual: to } => {
                    let lost = match (from.len(), to.len()) {
                        (0, count) => self.expected.lost(expected, from.start) >= count,
                        (count, 0) => self.actual.lost(actual, to.start) >= count,
                        _ => false,
                    };
                    if !lost {
                        self.other((expected, from), (actual, to));
                    }
                }
            }
        }
    }

    /// Whether another thread's failure ended this one: how far it got is a matter of timing.
    fn cut_short(&self, thread: usize) -> bool {
        use EventType as T;
        let threads = &self.expected.threads.threads;
        let Some((outer, position)) = threads[thread].parent else { return false };
        let last = threads[thread].events.last().map(|at| self.expected.events[*at].event_type);
        let open = last.is_some_and(|last| {
            let name = last.name();
            !["Exited", "Failed", "Succeeded", "TimedOut"].iter().any(|end| name.ends_with(end))
        });
        let behind = threads[outer].events.get(position + 1..).unwrap_or_default();
        let failed = behind.iter().map(|at| self.expected.events[*at].event_type).find(|event| {
            matches!(
                event,
                T::MapStateFailed
                    | T::MapStateAborted
                    | T::MapStateSucceeded
                    | T::ParallelStateFailed
                    | T::ParallelStateAborted
                    | T::ParallelStateSucceeded
            ) || event.is_terminal()
        });
        open && failed.is_some_and(|end| {
            let ok = [T::MapStateSucceeded, T::ParallelStateSucceeded, T::ExecutionSucceeded];
            !ok.contains(&end)
        })
    }

    /// Compares two events that stand in the same place.
    fn pair(&mut self, expected: (usize, usize), actual: (usize, usize)) {
        let (expected_index, expected_event) = self.expected.event(expected.0, expected.1);
        let (actual_index, actual_event) = self.actual.event(actual.0, actual.1);
        self.pairs[expected_index] = Some(actual_index);
        let members = self.compare(expected_event, actual_event);
        let kind = if members.is_empty() {
            self.link(expected_index, actual_index)
        } else {
            Some(DifferenceKind::Details(members))
        };
        if let Some(kind) = kind {
            self.report(expected_index, Some(expected), Some(actual), kind);
        }
        let opens = [EventType::MapStateStarted, EventType::ParallelStateStarted];
        if opens.contains(&expected_event.event_type) {
            self.children(expected, actual);
        }
    }

    fn compare(&mut self, expected: &HistoryEvent, actual: &HistoryEvent) -> Vec<MemberDifference> {
        let mut comparison = members::Comparison {
            pairing: &mut self.pairing,
            causes: self.options.causes,
            event_numbers: !self.concurrent,
            found: Vec::new(),
        };
        if expected.details != actual.details {
            comparison.details(&expected.details, &actual.details);
        }
        if self.options.timestamps && expected.timestamp != actual.timestamp {
            let time = |event: &HistoryEvent| {
                event.timestamp.map(|time| Value::from(time.to_rfc3339_millis()))
            };
            comparison.differs("timestamp", "$".into(), time(expected), time(actual));
        }
        comparison.found
    }

    /// Where the events link to, seen from their threads.
    fn link(&self, expected: usize, actual: usize) -> Option<DifferenceKind> {
        let (from, to) = (&self.expected.events[expected], &self.actual.events[actual]);
        if !self.options.links || from.id == 0 || to.id == 0 {
            return None;
        }
        let target =
            |side: &Side<'_>, event: &HistoryEvent| find(side.events, event.previous_event_id);
        let (before, now) = (target(&self.expected, from), target(&self.actual, to));
        let same = match (before, now) {
            (Some(before), now) => match self.pairs[before] {
                Some(paired) => {
                    now == Some(paired)
                        || (joins(from.event_type) && self.elsewhere(expected, before))
                }
                // The event that it follows has no counterpart: that is the difference.
                None => true,
            },
            (None, Some(_)) => from.previous_event_id != 0,
            (None, None) => true,
        };
        let (expected, actual) = (from.previous_event_id, to.previous_event_id);
        (!same).then_some(DifferenceKind::Link { expected, actual })
    }

    /// Whether an event links into another thread than its own: into whichever ended last.
    fn elsewhere(&self, event: usize, target: usize) -> bool {
        let place = |index| self.expected.threads.place(index).0;
        place(event) != place(target)
    }

    /// Pairs the iterations or branches that two events opened.
    fn children(&mut self, expected: (usize, usize), actual: (usize, usize)) {
        let children = |side: &Side<'_>, (thread, position)| {
            side.threads.children(thread, position).collect::<Vec<_>>()
        };
        let before = children(&self.expected, expected);
        let mut now = children(&self.actual, actual);
        let unordered = |side: &Side<'_>, children: &[usize]| {
            let kinds = children.iter().map(|child| &side.threads.threads[*child].kind);
            kinds.into_iter().any(|kind| matches!(kind, ThreadKind::Unordered { .. }))
        };
        if unordered(&self.expected, &before) || unordered(&self.actual, &now) {
            self.unordered(expected, actual, &before, &now);
            return;
        }
        let (opener, _) = self.expected.event(expected.0, expected.1);
        for (number, child) in before.iter().enumerate() {
            let kind = &self.expected.threads.threads[*child].kind;
            // Threads that were taken are marked with usize::MAX.
            let threads = &self.actual.threads.threads;
            let fits = |other: &usize| threads.get(*other).is_some_and(|t| t.kind == *kind);
            // Iterations and branches mostly start in the same order.
            let at = match now.get(number).is_some_and(fits) {
                true => Some(number),
                false => now.iter().position(fits),
            };
            match at {
                Some(at) => {
                    let other = now[at];
                    now[at] = usize::MAX;
                    self.thread(*child, other);
                }
                None if self.cut_short(*child) => {}
                None => {
                    let count = self.expected.threads.threads[*child].events.len();
                    let first = self.expected.event(*child, 0).0;
                    let kind = DifferenceKind::Missing { count, instead: None };
                    self.report(first, Some((*child, 0)), None, kind);
                }
            }
        }
        for child in now.into_iter().filter(|child| *child != usize::MAX) {
            let count = self.actual.threads.threads[child].events.len();
            let kind = DifferenceKind::Unexpected { count, instead: None };
            self.report(opener, None, Some((child, 0)), kind);
        }
    }

    /// Compares what one side has only as a bag of events.
    fn unordered(
        &mut self,
        expected: (usize, usize),
        actual: (usize, usize),
        before: &[usize],
        now: &[usize],
    ) {
        let flat = |side: &Side<'_>, children: &[usize]| {
            let mut events = Vec::new();
            children.iter().for_each(|child| side.within(*child, &mut events));
            events
        };
        let (before, now) = (flat(&self.expected, before), flat(&self.actual, now));
        let mut left: BTreeSet<usize> = now.iter().copied().collect();
        let mut open = Vec::new();
        for index in before {
            let event = &self.expected.events[index];
            let now = self.actual.events;
            let alike = |other: &usize| now[*other].event_type == event.event_type;
            // The very same event comes before one that is the same but for what rules cover.
            let equal = |other: &usize| alike(other) && now[*other].details == event.details;
            let found = left.iter().copied().find(equal).or_else(|| {
                let mut similar = left.iter().copied().filter(alike);
                similar.find(|other| self.compare_quietly(event, &now[*other]))
            });
            match found {
                Some(other) => {
                    left.remove(&other);
                    self.pairs[index] = Some(other);
                }
                None => open.push(index),
            }
        }
        // What such recordings have lost besides the ids.
        left.retain(|other| {
            let event = self.actual.events[*other].event_type;
            !matches!(event, EventType::ParallelStateSucceeded | EventType::ParallelStateExited)
        });
        let mut left: Vec<usize> = left.into_iter().collect();
        for index in open {
            let event = &self.expected.events[index];
            let key = align::Key::new(event);
            let other =
                left.iter().position(|other| align::Key::new(&self.actual.events[*other]) == key);
            let place = self.expected.threads.place(index);
            match other.map(|at| left.remove(at)) {
                Some(other) => {
                    let members = self.compare(event, &self.actual.events[other]);
                    let kind = DifferenceKind::Details(members);
                    self.report(index, Some(place), Some(self.actual.threads.place(other)), kind);
                }
                None => {
                    let kind = DifferenceKind::Missing { count: 1, instead: None };
                    self.report(index, Some(place), None, kind);
                }
            }
        }
        let (opener, _) = self.expected.event(expected.0, expected.1);
        debug_assert!(self.pairs[opener] == Some(self.actual.event(actual.0, actual.1).0));
        for other in left {
            let place = self.actual.threads.place(other);
            let kind = DifferenceKind::Unexpected { count: 1, instead: None };
            self.report(opener, None, Some(place), kind);
        }
    }

    /// Whether two events have equal details; pairs texts only where they have.
    fn compare_quietly(&mut self, expected: &HistoryEvent, actual: &HistoryEvent) -> bool {
        let before = self.pairing.clone();
        let same = self.compare(expected, actual).is_empty();
        if !same {
            self.pairing = before;
        }
        same
    }

    /// Reports events that have no counterpart: the given ranges of two threads.
    fn other(
        &mut self,
        expected: (usize, std::ops::Range<usize>),
        actual: (usize, std::ops::Range<usize>),
    ) {
        let kind = match (expected.1.len(), actual.1.len()) {
            (count, 0) => {
                let instead = entered(&self.expected, &expected, &self.actual, &actual);
                DifferenceKind::Missing { count, instead }
            }
            (0, count) => {
                let instead = entered(&self.actual, &actual, &self.expected, &expected);
                DifferenceKind::Unexpected { count, instead }
            }
            (expected, actual) => DifferenceKind::Replaced { expected, actual },
        };
        let before = expected.1.start.saturating_sub(usize::from(expected.1.is_empty()));
        let after = match self.expected.threads.threads[expected.0].events.get(before) {
            Some(index) => *index,
            None => 0,
        };
        let first = |(thread, range): (usize, std::ops::Range<usize>)| {
            (!range.is_empty()).then_some((thread, range.start))
        };
        self.report(after, first(expected), first(actual), kind);
    }

    fn report(
        &mut self,
        after: usize,
        expected: Option<(usize, usize)>,
        actual: Option<(usize, usize)>,
        kind: DifferenceKind,
    ) {
        let state = |side: &Side<'_>, at: Option<(usize, usize)>| {
            at.and_then(|(thread, position)| side.state(thread, position))
        };
        let place = match (expected, actual) {
            (Some((thread, _)), _) => self.expected.threads.path(thread),
            (None, Some((thread, _))) => self.actual.threads.path(thread),
            (None, None) => String::new(),
        };
        let difference = Difference {
            place,
            state: state(&self.expected, expected).or_else(|| state(&self.actual, actual)),
            expected: expected.map(|(thread, at)| self.expected.event(thread, at).0),
            actual: actual.map(|(thread, at)| self.actual.event(thread, at).0),
            kind,
        };
        self.found.push((after, difference));
    }
}

/// Events whose link points to whichever iteration or branch ended last.
fn joins(event_type: EventType) -> bool {
    use EventType as T;
    matches!(
        event_type,
        T::MapStateSucceeded
            | T::MapStateExited
            | T::MapStateFailed
            | T::ParallelStateSucceeded
            | T::ParallelStateExited
            | T::ParallelStateFailed
            | T::MapIterationStarted
    )
}

#[cfg(test)]
mod tests;
