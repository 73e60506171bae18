//! One level of states: `StartAt`, `States`, and the ways between them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fields, MISSING_END, MISSING_TARGET, Parser, SCHEMA, did_you_mean};
use crate::asl::state::{QueryLanguage, State, StateKind, Transition};
use crate::asl::state_machine::{StateIndex, States};
use crate::document::{Member, Node, TOO_DEEPLY_NESTED};

/// What the states of a level need to know of it while they are read.
pub(super) struct Level<'n> {
    names: BTreeMap<&'n str, StateIndex>,
    edges: RefCell<Vec<(StateIndex, StateIndex)>>,
    /// Whether some transition is unknown, so that nothing can be said about what is reachable.
    incomplete: Cell<bool>,
    /// The targets that are not there, where a state is read without its machine.
    outside: Option<RefCell<Vec<Arc<str>>>>,
}

impl<'n> Level<'n> {
    fn new(names: BTreeMap<&'n str, StateIndex>) -> Self {
        Self { names, edges: RefCell::default(), incomplete: Cell::new(false), outside: None }
    }

    /// The index that a target outside gets, where those are allowed.
    fn outside(&self, name: &Arc<str>) -> Option<StateIndex> {
        let mut outside = self.outside.as_ref()?.borrow_mut();
        let known = outside.iter().position(|other| other == name);
        let place = known.unwrap_or_else(|| {
            outside.push(name.clone());
            outside.len() - 1
        });
        Some(StateIndex((self.names.len() + place) as u32))
    }

    /// Says that a transition of this level cannot be known.
    pub(super) fn unknown_ways(&self) {
        self.incomplete.set(true);
    }
}

impl Parser<'_> {
    /// The states of the machine, of a branch, or of an ItemProcessor.
    pub(super) fn level(&mut self, fields: &mut Fields<'_>) -> Option<States> {
        // AWS names the missing fields in this order (`EMPTY_DICT`).
        let missing: Vec<&str> =
            ["States", "StartAt"].into_iter().filter(|key| !fields.has(key)).collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.error_in(fields.node, message, None);
        }
        let start_at = fields.any("StartAt");
        let node = fields.any("States")?;
        if self.depth >= self.limits.nested_levels {
            let message = format!("States are nested deeper than {} levels", self.depth);
            self.push(self.document.error_in(node, TOO_DEEPLY_NESTED, message));
            return None;
        }
        if self.open(node) {
            let help = "the states themselves must stand in the definition to be checked";
            self.error_in(node, "States is a placeholder", Some(help.to_owned()));
            return None;
        }
        let entries = self.decoder.entries(node)?;
        if entries.is_empty() {
            self.error_in(node, "States must have at least one state", None);
        }
        let mut names = BTreeMap::new();
        for (index, member) in entries.iter().enumerate() {
            self.state_name(member);
            names.insert(&*member.key, StateIndex(index as u32));
        }
        let level = Level::new(names);
        let start = start_at.and_then(|node| self.target(&level, node, "StartAt", None));
        self.depth += 1;
        let mut states = Vec::with_capacity(entries.len());
        for (index, member) in entries.iter().enumerate() {
            let before = self.errors();
            let state = self.state(&level, StateIndex(index as u32), member);
            if state.as_ref().is_none_or(|state| !has_way(state)) {
                level.incomplete.set(true);
            }
            states.extend(state.filter(|_| self.errors() == before));
        }
        self.depth -= 1;
        if !level.incomplete.get() {
            self.check_ways(&level, start, node, &entries, &states);
        }
        let whole = states.len() == entries.len();
        let start = start.filter(|_| whole)?;
        Some(States::new(start, None, states))
    }

    /// A single state as a level of its own: each state that it leads to is a Succeed state.
    pub(super) fn lone_state(&mut self, name: &Arc<str>, node: &Node) -> Option<States> {
        let span = node.span.start..node.span.start;
        let member = Member { key: name.clone(), key_span: span, value: node.clone() };
        self.names.insert(name.clone(), node.span.clone());
        let mut level = Level::new(BTreeMap::from([(&**name, StateIndex(0))]));
        level.outside = Some(RefCell::default());
        self.depth += 1;
        let state = self.state(&level, StateIndex(0), &member);
        self.depth -= 1;
        let mut states = vec![state?];
        let outside = level.outside.take().map(RefCell::into_inner).unwrap_or_default();
        let language = self.default_language;
        states.extend(outside.into_iter().map(|name| State::new(name, language)));
        Some(States::new(StateIndex(0), None, states))
    }

    fn state_name(&mut self, member: &Member) {
        let name = &member.key;
        let chars = name.chars().count();
        if chars == 0 || chars > self.limits.name_chars {
            let limit = self.limits.name_chars;
            let message = format!("State names must have 1 to {limit} characters, not {chars}");
            let span = member.key_span.clone();
            self.push(self.document.error(span, "INVALID_STATE_NAME", message));
        }
        if let Some(first) = self.names.get(name) {
            let (line, _) = self.document.source.line_column(first.start);
            let message = format!("Duplicate State name: {name}");
            let help = format!(
                "names are unique in the whole state machine; the other one is on line {line}"
            );
            let span = member.key_span.clone();
            let problem = self.document.error(span, "DUPLICATE_STATE_NAME", message);
            self.push(problem.with_help(help));
        } else {
            self.names.insert(name.clone(), member.key_span.clone());
        }
    }

    /// The state that `node` names; `from` is the state it stands in.
    pub(super) fn target(
        &mut self,
        level: &Level<'_>,
        node: &Node,
        field: &str,
        from: Option<StateIndex>,
    ) -> Option<StateIndex> {
        let Some(name) = self.decoder.string(node).cloned() else {
            level.incomplete.set(true);
            return None;
        };
        if let Some(index) = level.names.get(&*name) {
            if let Some(from) = from {
                level.edges.borrow_mut().push((from, *index));
            }
            return Some(*index);
        }
        level.incomplete.set(true);
        if self.open(node) {
            return Some(StateIndex(0));
        }
        if let Some(index) = level.outside(&name) {
            return Some(index);
        }
        let message = format!("Missing '{field}' target: {name}");
        let problem = self.document.error(node.span.clone(), MISSING_TARGET, message);
        let help = match self.names.contains_key(&name) {
            true => Some(format!(
                "`{name}` is on another level; a transition stays within its own `States`"
            )),
            false => did_you_mean(&name, level.names.keys().copied()),
        };
        self.push(match help {
            Some(help) => problem.with_help(help),
            None => problem,
        });
        None
    }

    /// `Next` or `End`, exactly one of them.
    pub(super) fn transition(
        &mut self,
        level: &Level<'_>,
        fields: &mut Fields<'_>,
        from: StateIndex,
    ) -> Option<Transition> {
        let (next, end) = (fields.any("Next"), fields.any("End"));
        match (next, end) {
            (Some(_), Some(end)) => {
                let message = "Exactly one of \"Next\" or \"End\" is allowed";
                self.conflict(fields.node, &end.span, message, "remove one of them");
                None
            }
            (Some(next), None) => {
                self.target(level, next, "Next", Some(from)).map(Transition::Next)
            }
            (None, Some(end)) if self.open(end) => Some(Transition::End),
            (None, Some(end)) => {
                if !self.decoder.boolean(end)? {
                    let help = "remove it, and give the state a \"Next\"";
                    self.error_help(&end.span, "\"End\" can only be true", help);
                    return None;
                }
                Some(Transition::End)
            }
            (None, None) => {
                let message = "Exactly one of \"Next\" or \"End\" is required";
                // The likely cause is a misspelled field, which is reported with its mend.
                self.error_in(fields.node, message, None);
                None
            }
        }
    }

    /// Every state is reached from the first one, and some state ends the level.
    fn check_ways(
        &mut self,
        level: &Level<'_>,
        start: Option<StateIndex>,
        node: &Node,
        entries: &[&Member],
        states: &[State],
    ) {
        let whole = states.len() == entries.len();
        if whole && !states.is_empty() && !states.iter().any(is_terminal) {
            let message = "Missing End State: no state ends the workflow";
            let help = "give a state \"End\": true, or add a Succeed or Fail state";
            let problem = self.document.error_in(node, MISSING_END, message);
            self.push(problem.with_help(help));
        }
        let Some(start) = start else { return };
        let mut reached = vec![false; entries.len()];
        let mut open = vec![start];
        let edges = level.edges.borrow();
        let mut ways: Vec<Vec<StateIndex>> = vec![Vec::new(); entries.len()];
        for (from, to) in edges.iter() {
            ways[from.0 as usize].push(*to);
        }
        while let Some(index) = open.pop() {
            let index = index.0 as usize;
            if !std::mem::replace(&mut reached[index], true) {
                open.extend(&ways[index]);
            }
        }
        drop(edges);
        for (member, _) in entries.iter().zip(&reached).filter(|(_, reached)| !**reached) {
            let message = format!("State \"{}\" is not reachable.", member.key);
            let span = member.key_span.clone();
            let problem = self.document.error(span, MISSING_TARGET, message);
            self.push(problem.with_help("let a \"Next\", \"Default\" or \"StartAt\" name it"));
        }
    }

    /// A branch or an ItemProcessor: an object with a level of states in it. `read` takes its other
    /// fields, and answers whether its states see the variables around it.
    pub(super) fn inner_level(
        &mut self,
        node: &Node,
        what: &'static str,
        read: impl FnOnce(&mut Self, &mut Fields<'_>) -> bool,
    ) -> Option<States> {
        let members = self.decoder.object(node)?;
        let mut fields = Fields::new(members, QueryLanguage::JsonPath, what);
        let comment = self.comment(&mut fields);
        let sees_outer = read(self, &mut fields);
        let outer = self.begin_scope(sees_outer);
        let states = self.level(&mut fields);
        self.end_scope(outer);
        if let Some(member) = fields.member("QueryLanguage") {
            let span = member.key_span.clone();
            let help = "set it on the states themselves";
            let message = "The field \"QueryLanguage\" is not supported by Step Functions";
            self.push(self.document.error(span, SCHEMA, message).with_help(help));
        }
        self.finish(fields);
        let mut states = states?;
        states.comment = comment;
        Some(states)
    }
}

fn has_way(state: &State) -> bool {
    match state.kind {
        StateKind::Choice(_) | StateKind::Succeed | StateKind::Fail(_) => true,
        _ => state.transition.is_some(),
    }
}

fn is_terminal(state: &State) -> bool {
    match state.kind {
        StateKind::Succeed | StateKind::Fail(_) => true,
        _ => state.transition == Some(Transition::End),
    }
}
