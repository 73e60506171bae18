//! `{% %}` expressions: what they may refer to where they stand.

use super::Parser;
use crate::document::Node;
use crate::query::jsonata::Expression;
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
                let at = problem.position.and_then(|position| self.place_in(node, body, position));
                let span = at.map_or(node.span.clone(), |at| at..node.span.end.min(at + 1));
                let mut diagnostic =
                    self.document.error(node.span.clone(), INVALID, problem.message.clone());
                diagnostic.span = span;
                self.push(diagnostic);
                Some(None)
            }
        }
    }

    /// The byte of the text where the expression's UTF-16 unit `position` stands; `None` where the
    /// string is escaped or folded, so that the text spells it otherwise.
    fn place_in(&self, node: &Node, body: &str, position: usize) -> Option<usize> {
        let spelled = self.document.text_of(node);
        let begin = spelled.find(body)?;
        let mut units = 0;
        for (at, char) in body.char_indices() {
            if units >= position {
                return Some(node.span.start + begin + at);
            }
            units += char.len_utf16();
        }
        Some(node.span.start + begin + body.len())
    }

    fn check_references(&mut self, _node: &Node, _expression: &Expression, _scope: Scope) {}
}
