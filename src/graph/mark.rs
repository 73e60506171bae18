//! What an execution did, told from its history and put on the graph.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{Edge, EdgeKind, Graph, Node, NodeKind, Visit, visits};
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
        let visits = visits(&history.events, &Threads::new(&history.events));
        self.mark_visits(&history.events, &visits);
    }

    /// [`Graph::mark`] for one who has the visits already.
    pub fn mark_visits(&mut self, events: &[HistoryEvent], visits: &[Visit]) {
        let nodes = self.nodes_of(visits);
        // Loops take the same transition many times.
        let mut steps: BTreeSet<Step> = BTreeSet::new();
        for (at, visit) in visits.iter().enumerate() {
            let Some(node) = nodes[at] else { continue };
            self.nodes[node].entered += 1;
            self.set(node, visit.mark);
            let before = at.checked_sub(1).map(|at| (&visits[at], nodes[at]));
            match before.filter(|(before, _)| before.thread == visit.thread && before.exited) {
                Some((before, Some(from))) => {
                    let caught = before.mark == Mark::Caught;
                    steps.insert(Step::Between { from, to: node, caught });
                }
                Some((_, None)) => {}
                None => {
                    steps.insert(Step::Into(node));
                }
            }
            let last = visits.get(at + 1).is_none_or(|next| next.thread != visit.thread);
            if last && visit.exited && visit.mark == Mark::Succeeded {
                steps.insert(Step::OutOf(node));
            }
        }
        self.take_steps(&steps);
        self.mark_ends(super::visit::end(events));
    }

    /// The node of each visit's state.
    fn nodes_of(&self, visits: &[Visit]) -> Vec<Option<usize>> {
        let nodes = self.nodes.iter().enumerate();
        let names: FxHashMap<&str, usize> =
            nodes.filter_map(|(index, node)| Some((node.name()?, index))).collect();
        visits.iter().map(|visit| names.get(&*visit.state).copied()).collect()
    }

    fn set(&mut self, node: usize, mark: Mark) {
        let node = &mut self.nodes[node];
        node.mark = node.mark.max(Some(mark));
    }

    fn take_steps(&mut self, steps: &BTreeSet<Step>) {
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (index, edge) in self.edges.iter().enumerate() {
            leaving[edge.from].push(index);
        }
        let start = self.nodes.iter().position(|node| node.kind == NodeKind::Start);
        for step in steps {
            match *step {
                // Of two Choice rules with the same target the history does not say which one
                // matched.
                Step::Between { from, to, caught } => {
                    let join = self.nodes[from].join.filter(|_| !caught);
                    let exit = join.unwrap_or(from);
                    let fits = |kind: &EdgeKind| matches!(kind, EdgeKind::Catch(_)) == caught;
                    self.take(&leaving[exit], |edge, _| edge.to == to && fits(&edge.kind));
                    join.into_iter().for_each(|join| self.set(join, Mark::Succeeded));
                }
                Step::Into(state) => {
                    let Some(door) = self.nodes[state].within.or(start) else { continue };
                    self.take(&leaving[door], |edge, _| edge.to == state);
                }
                Step::OutOf(state) => {
                    let exit = self.nodes[state].join.unwrap_or(state);
                    let ends = |node: &Node| matches!(node.kind, NodeKind::End | NodeKind::Join);
                    self.take(&leaving[exit], |edge, nodes| ends(&nodes[edge.to]));
                    if exit != state {
                        self.set(exit, Mark::Succeeded);
                    }
                }
            }
        }
    }

    fn take(&mut self, edges: &[usize], taken: impl Fn(&Edge, &[Node]) -> bool) {
        for index in edges {
            let edge = &mut self.edges[*index];
            edge.taken |= taken(edge, &self.nodes);
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

/// A transition that was taken.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Between { from: usize, to: usize, caught: bool },
    Into(usize),
    OutOf(usize),
}
