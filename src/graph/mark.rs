//! What an execution did, told from its history and put on the graph.

use std::collections::HashMap;

use super::{EdgeKind, Graph, Node, NodeKind};
use crate::history::{EventType, History, HistoryEvent, Threads};

/// What became of a state. Of several visits the one that needs attention most counts: the order of
/// the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It was left in the ordinary way.
    Succeeded,
    /// It failed, and a Catcher took the error.
    Caught,
    /// It was stopped from outside: another branch failed, or the execution was stopped.
    Aborted,
    /// It failed, or ran out of time, and nothing caught that.
    Failed,
    /// It has not ended.
    InProgress,
}

impl Mark {
    /// The word for it, in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Caught => "caught",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::InProgress => "in progress",
        }
    }
}

impl Graph {
    /// Marks what the history shows: the states that were entered, how they ended, and the
    /// transitions between them. States that the graph does not know are passed over.
    pub fn mark(&mut self, history: &History) {
        let events = &history.events;
        let end = events.iter().rev().find(|event| event.event_type.is_terminal());
        let end = end.map(|event| event.event_type);
        let names = self.nodes.iter().enumerate();
        let names: HashMap<String, usize> =
            names.filter_map(|(index, node)| Some((node.name()?.to_owned(), index))).collect();
        let threads = Threads::new(events);
        for thread in &threads.threads {
            let line: Vec<&HistoryEvent> = thread.events.iter().map(|at| &events[*at]).collect();
            self.mark_line(&line, end, &names);
        }
        self.mark_ends(end);
    }

    /// Marks one line of control.
    fn mark_line(
        &mut self,
        line: &[&HistoryEvent],
        end: Option<EventType>,
        names: &HashMap<String, usize>,
    ) {
        let mut left: Option<(usize, bool)> = None;
        let mut open: Vec<usize> = Vec::new();
        let mut before = EventType::ExecutionStarted;
        for event in line {
            let state = event.state_name().and_then(|name| names.get(&**name).copied());
            match state {
                Some(state) if event.event_type.is_state_entered() => {
                    self.nodes[state].entered += 1;
                    match left.take() {
                        Some((from, caught)) => self.take(from, state, caught),
                        None => self.take_into(state),
                    }
                    open.push(state);
                }
                Some(state) if event.event_type.is_state_exited() => {
                    let caught = is_failure(before);
                    open.retain(|other| *other != state);
                    self.set(state, if caught { Mark::Caught } else { Mark::Succeeded });
                    left = Some((state, caught));
                }
                _ => {}
            }
            before = event.event_type;
        }
        for state in open {
            let failed = is_failure(before) || before == EventType::FailStateEntered;
            let mark = match end {
                Some(EventType::ExecutionSucceeded) | None if !failed => match end {
                    None => Mark::InProgress,
                    Some(_) => Mark::Aborted,
                },
                Some(EventType::ExecutionAborted) => Mark::Aborted,
                _ if failed || before.is_terminal() => Mark::Failed,
                _ => Mark::Aborted,
            };
            self.set(state, mark);
        }
        if let Some((state, _)) = left {
            self.take_out(state);
        }
    }

    fn set(&mut self, node: usize, mark: Mark) {
        let node = &mut self.nodes[node];
        node.mark = node.mark.max(Some(mark));
    }

    /// Takes the transition between two states of one level.
    fn take(&mut self, from: usize, to: usize, caught: bool) {
        let join = self.join_of(from);
        let from_exit = if caught { from } else { join.unwrap_or(from) };
        let fits = |kind: &EdgeKind| matches!(kind, EdgeKind::Catch(_)) == caught;
        let edges = self.edges.iter_mut();
        // Of two Choice rules with the same target the history does not say which one matched.
        edges
            .filter(|edge| edge.from == from_exit && edge.to == to && fits(&edge.kind))
            .for_each(|edge| edge.taken = true);
        if let (Some(join), false) = (join, caught) {
            self.set(join, Mark::Succeeded);
        }
    }

    /// Takes the transition into the first state of a level.
    fn take_into(&mut self, state: usize) {
        let within = self.nodes[state].within;
        let is_door = |node: &Node| node.kind == NodeKind::Start;
        let door = within.or_else(|| self.nodes.iter().position(is_door));
        let edges = self.edges.iter_mut();
        edges
            .filter(|edge| Some(edge.from) == door && edge.to == state)
            .for_each(|edge| edge.taken = true);
    }

    /// Takes the transition out of the last state of a level.
    fn take_out(&mut self, state: usize) {
        let exit = self.join_of(state).unwrap_or(state);
        let nodes = &self.nodes;
        let leads_out = |to: usize| matches!(nodes[to].kind, NodeKind::End | NodeKind::Join);
        let edges = self.edges.iter_mut();
        edges
            .filter(|edge| edge.from == exit && leads_out(edge.to))
            .for_each(|edge| edge.taken = true);
        if exit != state {
            self.set(exit, Mark::Succeeded);
        }
    }

    fn mark_ends(&mut self, end: Option<EventType>) {
        let Some(end) = end else { return };
        let mark = match end {
            EventType::ExecutionSucceeded => Mark::Succeeded,
            EventType::ExecutionAborted => Mark::Aborted,
            _ => Mark::Failed,
        };
        for node in &mut self.nodes {
            match node.kind {
                NodeKind::Start => node.mark = Some(Mark::Succeeded),
                NodeKind::End => node.mark = Some(mark),
                _ => {}
            }
        }
    }
}

/// Whether a state that ends after this event ends because of a failure.
fn is_failure(event: EventType) -> bool {
    use EventType::{
        ActivityFailed, ActivityScheduleFailed, ActivityTimedOut, EvaluationFailed,
        LambdaFunctionFailed, LambdaFunctionScheduleFailed, LambdaFunctionStartFailed,
        LambdaFunctionTimedOut, MapRunFailed, MapStateFailed, ParallelStateFailed, TaskFailed,
        TaskStartFailed, TaskSubmitFailed, TaskTimedOut,
    };
    matches!(
        event,
        ActivityFailed
            | ActivityScheduleFailed
            | ActivityTimedOut
            | EvaluationFailed
            | LambdaFunctionFailed
            | LambdaFunctionScheduleFailed
            | LambdaFunctionStartFailed
            | LambdaFunctionTimedOut
            | MapRunFailed
            | MapStateFailed
            | ParallelStateFailed
            | TaskFailed
            | TaskStartFailed
            | TaskSubmitFailed
            | TaskTimedOut
    )
}
