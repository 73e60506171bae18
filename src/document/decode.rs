//! From nodes to typed data, with every problem on the way collected.

use std::ops::Range;
use std::sync::Arc;

use super::{Document, Kind, Member, Node};
use crate::diagnostic::{Diagnostic, closest};

/// Reads the nodes of one document and keeps what is wrong with them.
///
/// Each method answers `None` after it has reported the problem, so a reader goes on with the next
/// field and the user sees everything at once.
#[derive(Debug)]
pub struct Decoder<'d> {
    /// The document.
    pub document: &'d Document,
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    code: &'static str,
}

/// How many problems of one document are kept; nobody reads more.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// The members of an object, handed out by key.
///
/// The keys that were asked for are the known ones: [`Members::finish`] reports all others.
#[derive(Debug)]
pub struct Members<'n> {
    /// The object.
    pub node: &'n Node,
    members: Vec<(&'n Member, bool)>,
    known: Vec<&'static str>,
}

impl<'d> Decoder<'d> {
    /// A decoder whose diagnostics carry `code`.
    pub fn new(document: &'d Document, code: &'static str) -> Self {
        let warn = |comma: &Range<usize>| {
            let message = "JSON has no comma before a closing bracket";
            document
                .error(comma.clone(), "TRAILING_COMMA", message)
                .with_help("remove it; the service's own API refuses the text")
                .as_warning()
        };
        let diagnostics = document.trailing_commas.iter().map(warn).collect();
        Self { document, diagnostics, errors: 0, code }
    }

    /// Keeps a diagnostic; beyond `MAX_DIAGNOSTICS` it is only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        // Warnings must not crowd out the errors that make the document unusable.
        let room = MAX_DIAGNOSTICS + if diagnostic.is_error() { MAX_DIAGNOSTICS } else { 0 };
        if self.diagnostics.len() < room {
            self.diagnostics.push(diagnostic);
        }
    }

    /// What was wrong, in the order in which it was found.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// What was wrong so far.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many errors were reported.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Reports an error at `span`.
    pub fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        let diagnostic = self.document.error(span, self.code, message);
        self.push(diagnostic);
    }

    /// Reports an error at `span`, with what to do about it.
    pub fn error_with_help(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = self.document.error(span, self.code, message).with_help(help);
        self.push(diagnostic);
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str) {
        let found = match node.kind_name() {
            "null" => "null".to_owned(),
            kind @ ("array" | "object") => format!("an {kind}"),
            kind => format!("a {kind}"),
        };
        let message = format!("expected {wanted}, found {found}");
        let diagnostic = match node.kind {
            Kind::Array(_) | Kind::Object(_) => self.document.error_in(node, self.code, message),
            _ => self.document.error(node.span.clone(), self.code, message),
        };
        self.push(diagnostic);
    }

    /// The members of an object; duplicate keys are reported and the first one stands.
    pub fn object<'n>(&mut self, node: &'n Node) -> Option<Members<'n>> {
        let Kind::Object(all) = &node.kind else {
            self.wrong_type(node, "an object");
            return None;
        };
        let mut members: Vec<(&Member, bool)> = Vec::with_capacity(all.len());
        for member in self.distinct(all) {
            members.push((member, false));
        }
        Some(Members { node, members, known: Vec::new() })
    }

    /// The members of an object whose keys are free, duplicates reported and left out.
    pub fn entries<'n>(&mut self, node: &'n Node) -> Option<Vec<&'n Member>> {
        match &node.kind {
            Kind::Object(all) => Some(self.distinct(all)),
            _ => {
                self.wrong_type(node, "an object");
                None
            }
        }
    }

    fn distinct<'n>(&mut self, all: &'n [Member]) -> Vec<&'n Member> {
        let mut seen = std::collections::BTreeMap::new();
        let mut out = Vec::with_capacity(all.len());
        for member in all {
            match seen.get(&*member.key) {
                Some(first) => {
                    let (line, _) = self.document.source.line_column(*first);
                    let message = format!("key `{}` occurs twice", member.key);
                    let help = format!("the first one is on line {line}; remove one of them");
                    self.error_with_help(member.key_span.clone(), message, help);
                }
                None => {
                    seen.insert(&*member.key, member.key_span.start);
                    out.push(member);
                }
            }
        }
        out
    }

    /// The elements of an array.
    pub fn array<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        let items = node.as_array();
        if items.is_none() {
            self.wrong_type(node, "an array");
        }
        items
    }

    /// The text of a string.
    pub fn string<'n>(&mut self, node: &'n Node) -> Option<&'n Arc<str>> {
        let text = node.as_str();
        if text.is_none() {
            self.wrong_type(node, "a string");
        }
        text
    }

    /// A boolean.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            _ => {
                self.wrong_type(node, "true or false");
                None
            }
        }
    }

    /// A number.
    pub fn number(&mut self, node: &Node) -> Option<f64> {
        match &node.kind {
            Kind::Number(number) => Some(number.as_f64()),
            _ => {
                self.wrong_type(node, "a number");
                None
            }
        }
    }

    /// A whole number.
    pub fn integer(&mut self, node: &Node) -> Option<i64> {
        let integer = match &node.kind {
            Kind::Number(number) => number.as_i64(),
            _ => None,
        };
        if integer.is_none() {
            self.wrong_type(node, "a whole number");
        }
        integer
    }

    /// A whole number that is at least zero.
    pub fn unsigned(&mut self, node: &Node) -> Option<u64> {
        let integer = self.integer(node)?;
        let unsigned = u64::try_from(integer).ok();
        if unsigned.is_none() {
            self.error(node.span.clone(), "expected a number that is not negative");
        }
        unsigned
    }

    /// One of the given words, answered as what stands beside it.
    pub fn choice<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == &**text) {
            return Some(*value);
        }
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let message = format!("`{text}` is not one of {}", all.join(", "));
        match closest(text, words.iter().map(|(word, _)| *word)) {
            Some(word) => {
                self.error_with_help(node.span.clone(), message, format!("did you mean `{word}`?"));
            }
            None => self.error(node.span.clone(), message),
        }
        None
    }
}

impl<'n> Members<'n> {
    /// The value of `key`, which is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.member(key).map(|member| &member.value)
    }

    /// The member `key`, which is known from now on.
    pub fn member(&mut self, key: &'static str) -> Option<&'n Member> {
        self.known.push(key);
        let (member, taken) = self.members.iter_mut().find(|(member, _)| &*member.key == key)?;
        *taken = true;
        Some(member)
    }

    /// The value of `key`; its absence is reported.
    pub fn require(&mut self, decoder: &mut Decoder<'_>, key: &'static str) -> Option<&'n Node> {
        let node = self.take(key);
        if node.is_none() {
            let message = format!("key `{key}` is missing");
            decoder.push(decoder.document.error_in(self.node, decoder.code, message));
        }
        node
    }

    /// Whether `key` is there, without making it known.
    pub fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(member, _)| &*member.key == key)
    }

    /// The members that nobody has asked for.
    pub fn rest(&self) -> impl Iterator<Item = &'n Member> {
        self.members.iter().filter(|(_, taken)| !taken).map(|(member, _)| *member)
    }

    /// The keys that were asked for.
    pub fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Reports every key that nobody has asked for, with the known one it resembles.
    pub fn finish(self, decoder: &mut Decoder<'_>) {
        for member in self.rest() {
            let message = format!("unknown key `{}`", member.key);
            let span = member.key_span.clone();
            let unused = self.known.iter().copied().filter(|known| !self.has(known));
            let help = match closest(&member.key, unused) {
                Some(known) => format!("did you mean `{known}`?"),
                None => {
                    let mut known = self.known.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("known keys: {}", known.join(", "))
                }
            };
            decoder.error_with_help(span, message, help);
        }
    }
}
