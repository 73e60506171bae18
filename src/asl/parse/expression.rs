//! `{% %}` expressions: what they may refer to where they stand.

use std::ops::Range;

use super::{Parser, did_you_mean};
use crate::document::Node;
use crate::json::line_column;
use crate::query::jsonata::{Expression, Reference, References};
use crate::query::jsonata_template::expression_text;

/// What exists besides `$states.input` and `$states.context` where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// `$states.result`: in Output and Assign of Task, Parallel and Map states.
    pub result: bool,
    /// `$states.errorOutput`: in Output and Assign of a Catcher.
    pub error_output: bool,
}

impl Scope {
    /// A field that is evaluated before there is a result.
    pub const FIELD: Self = Self { result: false, error_output: false };
    /// Output and Assign after a result.
    pub const RESULT: Self = Self { result: true, error_output: false };
    /// Output and Assign of a Catcher.
    pub const CATCH: Self = Self { result: false, error_output: true };
}

/// The code of an expression that is no JSONata.
const INVALID: &str = "INVALID_JSONATA_EXPRESSION";
/// The code of an expression that is JSONata, but not for Step Functions.
const UNSUPPORTED: &str = "UNSUPPORTED_JSONATA_EXPRESSION";

impl Parser<'_> {
    /// The expression that `node` is: `None` where it is a literal, `Some(None)` where it is an
    /// expression with a problem, which is reported.
    pub(super) fn expression_of(
        &mut self,
        node: &Node,
        scope: Scope,
    ) -> Option<Option<Expression>> {
        let text = node.as_str()?.clone();
        let Some(body) = expression_text(&text) else {
            if text.starts_with("{%") {
                let help = "end it with `%}`, without anything behind";
                let message = "The string begins with `{%` but is not an expression";
                self.warn(&node.span, "UNCLOSED_EXPRESSION", message, help);
            }
            return None;
        };
        match Expression::parse(body) {
            Ok(expression) => {
                self.check_references(node, &expression, scope);
                Some(Some(expression))
            }
            // What a placeholder becomes may well make it an expression.
            Err(_) if self.open(node) => None,
            Err(problem) => {
                // The reference's positions lie behind the token they are about.
                let last = problem.position.map(|position| position.saturating_sub(1));
                let at = last.and_then(|position| self.places(node).get(position).copied());
                let span = at.map_or(node.span.clone(), |at| self.character_at(at));
                let mut message = problem.message.clone();
                if let (None, Some(position)) = (at, last) {
                    let (line, column) = line_column(body, byte_of(body, position));
                    message
                        .push_str(&format!(", on line {line} column {column} of the expression"));
                }
                let mut diagnostic = self.document.error(node.span.clone(), INVALID, message);
                diagnostic.span = span;
                self.push(diagnostic);
                Some(None)
            }
        }
    }

    /// The bytes of the text where the UTF-16 units of the expression in `node` stand, then that of
    /// its end; fewer where something in it was filled in.
    fn places(&self, node: &Node) -> Vec<usize> {
        let mut places = self.document.places_of(node);
        let text = node.as_str().map_or("", |text| &**text);
        let body = text.strip_prefix("{%").unwrap_or(text).trim_start();
        let begin = text[..text.len() - body.len()].encode_utf16().count();
        places.drain(..begin.min(places.len()));
        places
    }

    /// The bytes of the character of the text that begins at a byte.
    fn character_at(&self, at: usize) -> Range<usize> {
        let rest = self.document.source.text.get(at..).unwrap_or_default();
        at..at + rest.chars().next().map_or(0, char::len_utf8)
    }

    /// What AWS refuses before anything runs: names without `$`, `$$`, `$eval`, and members of
    /// `$states` that do not exist where the expression stands.
    fn check_references(&mut self, node: &Node, expression: &Expression, scope: Scope) {
        let found = expression.references();
        if *found == References::default() {
            return;
        }
        let places = self.places(node);
        for variable in &found.variables {
            let span = self.reference_span(node, &places, variable);
            self.uses(&variable.name, &span);
        }
        for name in &found.names {
            let message = format!("The name '{}' refers to an input document", name.name);
            let help = match &*name.name {
                "*" | "**" => "there is none; begin with $states.input or a variable".to_owned(),
                name => format!("there is none; use $states.input.{name} or a variable ${name}"),
            };
            self.unsupported(node, &places, name, message, help);
        }
        for root in &found.roots {
            let message = "'$$' refers to an input document".to_owned();
            let help = "there is none; use $states.input".to_owned();
            self.unsupported(node, &places, root, message, help);
        }
        for eval in &found.evals {
            let message = "The function '$eval' is not supported".to_owned();
            self.unsupported(node, &places, eval, message, "use $parse to read JSON".to_owned());
        }
        for member in &found.states {
            let problem = match &*member.name {
                "result" if !scope.result => {
                    "'$states.result' exists in Output and Assign of Task, Parallel and Map states"
                }
                "errorOutput" if !scope.error_output => {
                    "'$states.errorOutput' exists in Output and Assign of a Catcher"
                }
                "" | "input" | "context" | "result" | "errorOutput" => continue,
                name => {
                    let known = ["input", "context", "result", "errorOutput"];
                    let help = did_you_mean(name, known).unwrap_or_else(|| {
                        format!("the members of $states are {}", known.join(", "))
                    });
                    let span = self.reference_span(node, &places, member);
                    let message = format!("'$states.{name}' does not exist");
                    self.warn(&span, "UNKNOWN_STATES_FIELD", message, help);
                    continue;
                }
            };
            let message = format!("'$states.{}' is not available here", member.name);
            self.unsupported(node, &places, member, message, problem.to_owned());
        }
    }

    fn unsupported(
        &mut self,
        node: &Node,
        places: &[usize],
        reference: &Reference,
        message: String,
        help: String,
    ) {
        let mut problem = self.document.error(node.span.clone(), UNSUPPORTED, message);
        problem.span = self.reference_span(node, places, reference);
        self.push(problem.with_help(help));
    }

    /// The bytes of a name in an expression, which is known by its end; the whole string where its
    /// text is spelled otherwise.
    fn reference_span(&self, node: &Node, places: &[usize], reference: &Reference) -> Range<usize> {
        let units: usize = match &*reference.name {
            "$" => "$$".len(),
            name => name.chars().map(char::len_utf16).sum(),
        };
        let start = places.get(reference.position.saturating_sub(units));
        // The last character has a place even where the string ends behind it.
        let last = places.get(reference.position.saturating_sub(1));
        match (start, last) {
            (Some(&start), Some(&last)) if start <= last => start..self.character_at(last).end,
            _ => node.span.clone(),
        }
    }
}

/// The byte where the UTF-16 unit `position` of the text stands; its end where it has fewer.
fn byte_of(text: &str, position: usize) -> usize {
    let mut units = 0;
    for (at, char) in text.char_indices() {
        if units >= position {
            return at;
        }
        units += char.len_utf16();
    }
    text.len()
}
