//! The picture of a state machine: its states and transitions, and the way an execution took.
//!
//! [`Graph::of`] reads the definition, [`Graph::mark`] colours what a history shows, and the graph
//! becomes Mermaid ([`Graph::to_mermaid`]), DOT ([`Graph::to_dot`]) or a drawing by itself
//! ([`Graph::to_svg`]).

mod layout;
mod mark;
mod svg;
mod text;
mod visit;

use std::sync::Arc;

pub use mark::Mark;
pub use svg::STYLE;
pub use visit::{Visit, visits};

use crate::asl::{
    Condition, Operand, ProcessorMode, Resource, State, StateKind, StateMachine, States, Transition,
};

/// A state machine as nodes and edges.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The nodes, in the order of the definition, Start first and End last.
    pub nodes: Vec<Node>,
    /// The edges, in the order of the definition.
    pub edges: Vec<Edge>,
}

/// What stands in the picture.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// The Parallel or Map state that it stands inside of: the index of that state's node.
    pub within: Option<usize>,
    /// Of a Parallel or Map state: the node where its inside comes together.
    pub join: Option<usize>,
    /// What became of it; `None` until [`Graph::mark`] and where nothing came to it.
    pub mark: Option<Mark>,
    /// How often an execution entered it.
    pub entered: usize,
}

/// The kinds of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Where executions begin.
    Start,
    /// Where executions end.
    End,
    /// A state.
    State {
        /// Its name, unique in the state machine.
        name: Arc<str>,
        /// Its type.
        type_name: &'static str,
        /// What the type does not say: the service a Task calls, the mode of a Map.
        note: Option<String>,
        /// Whether it has Retriers.
        retries: bool,
    },
    /// Where the branches of the Parallel, or the iterations of the Map, around it end.
    Join,
}

/// A transition.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Index of the node that it leaves.
    pub from: usize,
    /// Index of the node that it leads to.
    pub to: usize,
    /// Why it is taken.
    pub kind: EdgeKind,
    /// Whether an execution took it.
    pub taken: bool,
}

/// The kinds of edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// `Next`, `StartAt` or `End`.
    Next,
    /// A rule of a Choice: its condition.
    Rule(String),
    /// `Default` of a Choice.
    Default,
    /// A Catcher: the errors it takes.
    Catch(String),
}

impl Edge {
    /// What is written beside it.
    pub fn label(&self) -> &str {
        match &self.kind {
            EdgeKind::Next => "",
            EdgeKind::Rule(condition) => condition,
            EdgeKind::Default => "default",
            EdgeKind::Catch(errors) => errors,
        }
    }
}

impl Graph {
    /// The graph of a state machine.
    pub fn of(machine: &StateMachine) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new() };
        let start = graph.node(NodeKind::Start, None);
        let mut ends = Vec::new();
        let first = graph.level(&machine.states, None, &mut ends);
        graph.edge(start, first, EdgeKind::Next);
        let end = graph.node(NodeKind::End, None);
        ends.into_iter().for_each(|from| graph.edge(from, end, EdgeKind::Next));
        graph
    }

    /// The index of the node of the state called `name`.
    pub fn state(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name() == Some(name))
    }

    /// Whether a drawing of it can be read, and made in a moment.
    pub fn is_drawable(&self) -> bool {
        self.nodes.len() <= 300 && self.edges.len() <= 900
    }

    fn node(&mut self, kind: NodeKind, within: Option<usize>) -> usize {
        self.nodes.push(Node { kind, within, join: None, mark: None, entered: 0 });
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize, kind: EdgeKind) {
        self.edges.push(Edge { from, to, kind, taken: false });
    }

    /// Adds a level; answers the node that it starts with, and puts those that end it in `ends`.
    fn level(&mut self, states: &States, within: Option<usize>, ends: &mut Vec<usize>) -> usize {
        // The parser bounds how deeply levels are nested (`Limits::nested_levels`).
        let nodes: Vec<(usize, usize)> =
            states.iter().map(|state| self.add_state(state, within)).collect();
        for (state, (entry, exit)) in states.iter().zip(&nodes) {
            for catcher in &state.catch {
                let errors: Vec<&str> = catcher.error_equals.iter().map(|name| &*name.0).collect();
                let to = nodes[catcher.next.0 as usize].0;
                self.edge(*entry, to, EdgeKind::Catch(errors.join(", ")));
            }
            if let StateKind::Choice(rules) = &state.kind {
                for rule in rules {
                    let to = nodes[rule.next.0 as usize].0;
                    self.edge(*entry, to, EdgeKind::Rule(condition(&rule.condition)));
                }
            }
            match (state.transition, &state.kind) {
                (Some(Transition::Next(next)), kind) => {
                    let kind = match kind {
                        StateKind::Choice(_) => EdgeKind::Default,
                        _ => EdgeKind::Next,
                    };
                    self.edge(*exit, nodes[next.0 as usize].0, kind);
                }
                (Some(Transition::End), _) | (None, StateKind::Succeed | StateKind::Fail(_)) => {
                    ends.push(*exit);
                }
                (None, _) => {}
            }
        }
        nodes[states.start_at.0 as usize].0
    }

    /// Adds a state with what is inside it; answers the nodes that lead into it and out of it.
    fn add_state(&mut self, state: &State, within: Option<usize>) -> (usize, usize) {
        let kind = NodeKind::State {
            name: state.name.clone(),
            type_name: state.kind.type_name(),
            note: note(&state.kind),
            retries: !state.retry.is_empty(),
        };
        let entry = self.node(kind, within);
        let levels = state.levels();
        if levels.is_empty() {
            return (entry, entry);
        }
        let mut ends = Vec::new();
        for level in levels {
            let first = self.level(level, Some(entry), &mut ends);
            self.edge(entry, first, EdgeKind::Next);
        }
        let join = self.node(NodeKind::Join, Some(entry));
        self.nodes[entry].join = Some(join);
        ends.into_iter().for_each(|from| self.edge(from, join, EdgeKind::Next));
        (entry, join)
    }
}

impl Node {
    /// The name of the state, where it is one.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::State { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// What the type of a state does not say.
fn note(kind: &StateKind) -> Option<String> {
    match kind {
        StateKind::Task(task) => Some(match &task.resource {
            Resource::LambdaFunction { arn } => {
                format!("lambda {}", arn.rsplit("function:").next().unwrap_or(arn))
            }
            Resource::Activity { arn } => {
                format!("activity {}", arn.rsplit(':').next().unwrap_or(arn))
            }
            Resource::Service { service, action, pattern, .. } => {
                format!("{service}:{action}{}", pattern.suffix())
            }
            Resource::Placeholder(text) => text.to_string(),
        }),
        StateKind::Map(map) if matches!(map.mode, ProcessorMode::Distributed(_)) => {
            Some("distributed".to_owned())
        }
        _ => None,
    }
}

/// A condition on one line.
fn condition(condition: &Condition) -> String {
    let all = |conditions: &[Condition], word: &str| {
        let texts: Vec<String> = conditions.iter().map(operand).collect();
        texts.join(word)
    };
    match condition {
        Condition::And(conditions) => all(conditions, " and "),
        Condition::Or(conditions) => all(conditions, " or "),
        Condition::Not(inner) => format!("not {}", operand(inner)),
        Condition::Literal(value) => value.to_string(),
        Condition::Jsonata(expression) => expression.text().trim().to_owned(),
        Condition::Compare(comparison) => {
            let value = match &comparison.operand {
                Operand::Literal(value) => value.to_string(),
                Operand::Path(path) => path.to_string(),
            };
            let name = comparison.operator.name();
            let variable = &comparison.variable;
            let sign = ["LessThanEquals", "GreaterThanEquals", "LessThan", "GreaterThan", "Equals"]
                .into_iter()
                .zip(["<=", ">=", "<", ">", "=="])
                .find(|(suffix, _)| name.ends_with(suffix));
            match sign {
                Some((_, sign)) => format!("{variable} {sign} {value}"),
                None => format!("{variable} {name} {value}"),
            }
        }
    }
}

/// A condition inside of another one.
fn operand(inner: &Condition) -> String {
    match inner {
        Condition::And(_) | Condition::Or(_) | Condition::Not(_) => {
            format!("({})", condition(inner))
        }
        _ => condition(inner),
    }
}

#[cfg(test)]
mod tests;
