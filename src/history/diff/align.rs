//! Finds which events of two threads belong together.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::history::event::{EventDetails, EventType, HistoryEvent};

/// What an event is, without its data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key<'h> {
    event_type: EventType,
    name: Option<&'h str>,
}

/// A stretch of two threads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// As many events of the same kinds, from these positions on.
    Same { expected: usize, actual: usize, count: usize },
    /// Events without counterpart.
    Other { expected: Range<usize>, actual: Range<usize> },
}

impl<'h> Key<'h> {
    pub fn new(event: &'h HistoryEvent) -> Self {
        let name = match &event.details {
            EventDetails::StateEntered { name, .. } | EventDetails::StateExited { name, .. } => {
                Some(&**name)
            }
            _ => None,
        };
        Self { event_type: event.event_type, name }
    }
}

/// The steps from one thread to the other, in order.
pub(super) fn align(expected: &[Key<'_>], actual: &[Key<'_>]) -> Vec<Step> {
    let same = |pairs: &mut dyn Iterator<Item = (&Key<'_>, &Key<'_>)>| {
        pairs.take_while(|(a, b)| a == b).count()
    };
    let head = same(&mut expected.iter().zip(actual));
    let (expected_rest, actual_rest) = (&expected[head..], &actual[head..]);
    let tail = same(&mut expected_rest.iter().rev().zip(actual_rest.iter().rev()));
    let expected_middle = &expected_rest[..expected_rest.len() - tail];
    let actual_middle = &actual_rest[..actual_rest.len() - tail];
    let mut steps = Steps::default();
    steps.same(0, 0, head);
    middle(expected_middle, actual_middle, head, &mut steps);
    steps.same(expected.len() - tail, actual.len() - tail, tail);
    steps.0
}

/// Aligns what lies between the common beginning and the common end.
fn middle(expected: &[Key<'_>], actual: &[Key<'_>], at: usize, steps: &mut Steps) {
    // The cost grows with the product: what is far behind the first difference is not aligned.
    let window = |keys: &[Key<'_>]| keys.len().min(MAX_WINDOW);
    let (expected_end, actual_end) = (window(expected), window(actual));
    let (expected_part, actual_part) = (&expected[..expected_end], &actual[..actual_end]);
    for op in capture_diff_slices(Algorithm::Patience, expected_part, actual_part) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => {
                steps.same(at + old_index, at + new_index, len);
            }
            DiffOp::Delete { old_index, old_len, new_index } => {
                steps.other(at + old_index, old_len, at + new_index, 0);
            }
            DiffOp::Insert { old_index, new_index, new_len } => {
                steps.other(at + old_index, 0, at + new_index, new_len);
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                steps.other(at + old_index, old_len, at + new_index, new_len);
            }
        }
    }
    let rest = (expected.len() - expected_end, actual.len() - actual_end);
    steps.other(at + expected_end, rest.0, at + actual_end, rest.1);
}

/// How many events behind the first difference are aligned with one another.
const MAX_WINDOW: usize = 2_000;

/// Steps under construction: neighbours of one kind become one.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn same(&mut self, expected: usize, actual: usize, count: usize) {
        if count > 0 {
            self.0.push(Step::Same { expected, actual, count });
        }
    }

    fn other(&mut self, expected: usize, expected_len: usize, actual: usize, actual_len: usize) {
        if expected_len + actual_len == 0 {
            return;
        }
        let (expected_end, actual_end) = (expected + expected_len, actual + actual_len);
        if let Some(Step::Other { expected, actual }) = self.0.last_mut() {
            expected.end = expected_end;
            actual.end = actual_end;
        } else {
            self.0
                .push(Step::Other { expected: expected..expected_end, actual: actual..actual_end });
        }
    }
}
