//! From a document to a state machine, with everything that is wrong on the way.
//!
//! The rules are those of CreateStateMachine: the States Language specification, and what AWS was
//! seen to refuse or accept. Messages are AWS's own where they are recorded. The parser never stops
//! at the first problem; a machine is only built where there is no error.

mod choice;
#[cfg(test)]
mod corpora;
mod expression;
mod field;
mod fields;
mod level;
mod map;
mod resource;
mod retry;
mod state;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod variables;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::map::ExecutionType;
use super::state::QueryLanguage;
use super::state_machine::StateMachine;
use crate::diagnostic::{Diagnostic, closest};
use crate::document::{Decoder, Document, Kind, Node, Placeholder};
use crate::limits::Limits;

use fields::Fields;
use variables::Variables;

/// The code of most refusals: a field that is missing, unknown, or has a value it cannot have.
pub(super) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";
/// The code of a transition that leads nowhere, and of a state that nothing leads to.
pub(super) const MISSING_TARGET: &str = "MISSING_TRANSITION_TARGET";
/// The code of a level whose states all lead on.
pub(super) const MISSING_END: &str = "MISSING_END_STATE";

/// Reads a definition that is to run as an execution of `execution_type`.
///
/// The diagnostics come in the order of the text. The machine is `None` exactly where one of them
/// is an error. A `${Placeholder}` that nothing
/// has filled in satisfies any field; the machine lists them all.
pub fn parse(
    document: &Document,
    limits: &Limits,
    execution_type: ExecutionType,
) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let mut parser = Parser::new(document, limits, execution_type);
    let machine = parser.machine();
    parser.answer(machine)
}

/// Reads a single state, as TestState takes it, as a machine that begins with it.
///
/// The states that it leads to need not exist: each becomes a Succeed state of that name, so that
/// what the state decides can be seen. Variables need not be assigned.
pub fn parse_state(
    document: &Document,
    name: &str,
    limits: &Limits,
) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let mut parser = Parser::new(document, limits, ExecutionType::Standard);
    let states = parser.lone_state(&Arc::from(name), &document.root);
    let machine = states.map(|states| StateMachine {
        comment: None,
        query_language: parser.default_language,
        timeout_seconds: None,
        states: Arc::new(states),
        variable_references: std::mem::take(&mut parser.variables.references),
        placeholders: parser.placeholders(),
        source: document.json(),
    });
    parser.answer(machine)
}

/// Reads a definition's text with today's limits, for a Standard execution. `name` is what
/// diagnostics call the text; its ending decides between JSON and YAML (see [`Document::parse`]).
///
/// # Examples
///
/// ```
/// let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Nxet": "B"}}}"#;
/// let (machine, problems) = stepproof::asl::parse_text("definition.json", text);
/// assert!(machine.is_none());
/// assert!(problems.iter().any(|p| p.help.as_deref() == Some("did you mean `Next`?")));
/// ```
pub fn parse_text(name: &str, text: &str) -> (Option<StateMachine>, Vec<Diagnostic>) {
    match Document::parse(name, text) {
        Ok(document) => parse(&document, &Limits::today(), ExecutionType::Standard),
        Err(problem) => (None, vec![*problem]),
    }
}

struct Parser<'d> {
    document: &'d Document,
    decoder: Decoder<'d>,
    limits: Limits,
    /// The type of the execution that the states around are part of: that of the machine, or of
    /// the child executions of a distributed Map.
    execution_type: ExecutionType,
    /// The `QueryLanguage` of the machine.
    default_language: QueryLanguage,
    /// The names of all states so far, and where they stand.
    names: BTreeMap<Arc<str>, Range<usize>>,
    labels: BTreeMap<Arc<str>, Range<usize>>,
    /// How many levels of states are around.
    depth: usize,
    /// Where placeholders stand in whose place something was assumed.
    unfilled: RefCell<BTreeSet<usize>>,
    variables: Variables,
}

impl<'d> Parser<'d> {
    fn new(document: &'d Document, limits: &Limits, execution_type: ExecutionType) -> Self {
        Self {
            document,
            decoder: Decoder::new(document, SCHEMA),
            limits: *limits,
            execution_type,
            default_language: QueryLanguage::JsonPath,
            names: BTreeMap::new(),
            labels: BTreeMap::new(),
            depth: 0,
            unfilled: RefCell::default(),
            variables: Variables::default(),
        }
    }

    fn answer(self, machine: Option<StateMachine>) -> (Option<StateMachine>, Vec<Diagnostic>) {
        let refused = self.decoder.errors() > 0;
        let mut diagnostics = self.decoder.into_diagnostics();
        diagnostics.sort_by_key(|problem| problem.span.start);
        (machine.filter(|_| !refused), diagnostics)
    }

    fn machine(&mut self) -> Option<StateMachine> {
        let document = self.document;
        let root = &document.root;
        if !matches!(root.kind, Kind::Object(_)) {
            let message = "Definition must be a valid JSON object";
            let mut diagnostic = document.error_in(root, SCHEMA, message);
            diagnostic.location.clear();
            self.push(diagnostic);
            return None;
        }
        let text = document.json();
        if text.len() > self.limits.definition_bytes {
            let limit = self.limits.definition_bytes;
            let message =
                format!("Definition has {} bytes, but at most {limit} are allowed", text.len());
            self.push(document.error_in(root, SCHEMA, message));
            return None;
        }
        let members = self.decoder.object(root)?;
        let mut fields = Fields::new(members, QueryLanguage::JsonPath, "the top level");
        let comment = self.comment(&mut fields);
        let version = fields.any("Version");
        if let Some(version) = version {
            self.decoder.string(version);
        }
        self.default_language = self.query_language(&mut fields).unwrap_or_default();
        let timeout_seconds = fields.any("TimeoutSeconds").and_then(|node| {
            let seconds = self.integer(node, 1..=self.limits.seconds)?;
            u64::try_from(seconds).ok()
        });
        let states = self.level(&mut fields);
        self.finish(fields);
        self.check_variables();
        Some(StateMachine {
            comment,
            query_language: self.default_language,
            timeout_seconds,
            states: Arc::new(states?),
            variable_references: std::mem::take(&mut self.variables.references),
            placeholders: self.placeholders(),
            source: text,
        })
    }

    /// Whether `node` is a placeholder, in whose place the caller now assumes something.
    fn open(&self, node: &Node) -> bool {
        let open = self.is_open(node);
        if open {
            self.unfilled.borrow_mut().insert(node.span.start);
        }
        open
    }

    /// Whether `node` is a string with a `${Placeholder}`, which may become anything.
    fn is_open(&self, node: &Node) -> bool {
        node.as_str().is_some_and(|text| self.document.has_placeholder(text))
    }

    fn placeholders(&self) -> Vec<Placeholder> {
        let unfilled = self.unfilled.borrow();
        let mut placeholders = self.document.placeholders.clone();
        for placeholder in &mut placeholders {
            placeholder.needed = !placeholder.quoted || unfilled.contains(&placeholder.span.start);
        }
        placeholders
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.decoder.push(diagnostic);
    }

    /// Reports an error at `span`.
    fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.push(self.document.error(span.clone(), SCHEMA, message));
    }

    /// Reports an error at `span`, with what to do about it.
    fn error_help(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(self.document.error(span.clone(), SCHEMA, message).with_help(help));
    }

    /// Reports an error about `node` as a whole.
    fn error_in(&mut self, node: &Node, message: impl Into<String>, help: Option<String>) {
        let mut diagnostic = self.document.error_in(node, SCHEMA, message);
        diagnostic.help = help;
        self.push(diagnostic);
    }

    /// Reports two fields of `owner` that exclude each other; `span` is the second one's.
    fn conflict(
        &mut self,
        owner: &Node,
        span: &Range<usize>,
        message: impl Into<String>,
        help: &str,
    ) {
        let mut diagnostic = self.document.error_in(owner, SCHEMA, message).with_help(help);
        diagnostic.span = span.clone();
        self.push(diagnostic);
    }

    /// Reports a warning.
    fn warn(
        &mut self,
        span: &Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = self.document.error(span.clone(), code, message);
        self.push(diagnostic.with_help(help).as_warning());
    }

    /// How many errors there are so far; used to see whether reading something went well.
    fn errors(&self) -> usize {
        self.decoder.errors()
    }

    fn comment(&mut self, fields: &mut Fields<'_>) -> Option<Arc<str>> {
        let node = fields.any("Comment")?;
        self.decoder.string(node).cloned()
    }

    fn query_language(&mut self, fields: &mut Fields<'_>) -> Option<QueryLanguage> {
        let node = fields.any("QueryLanguage")?;
        let words = [("JSONPath", QueryLanguage::JsonPath), ("JSONata", QueryLanguage::Jsonata)];
        if self.open(node) {
            return None;
        }
        self.decoder.choice(node, &words)
    }

    /// Reports the fields that nobody has asked for.
    fn finish(&mut self, fields: Fields<'_>) {
        for (member, problem) in fields.leftovers() {
            let field = &member.key;
            let span = member.key_span.clone();
            let message = format!("The field \"{field}\" is not supported by Step Functions");
            self.error_help(&span, message, problem);
        }
    }
}

/// A did-you-mean for `text`, where one of `known` is near.
fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(text, known).map(|known| format!("did you mean `{known}`?"))
}
