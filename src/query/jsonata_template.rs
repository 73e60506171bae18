//! JSONata templates: values whose strings between `{%` and `%}` are expressions.

use std::sync::Arc;

use super::jsonata::{Expression, JsonataError};
use crate::value::Value;

/// A compiled template: `Arguments`, `Output`, `Assign`, `Items` and the like.
#[derive(Clone, Debug)]
pub struct JsonataTemplate {
    root: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    Array(Arc<[Node]>),
    Object(Arc<[(Arc<str>, Node)]>),
    Expression { expression: Expression, location: Arc<str> },
}

/// An expression of a template that is no JSONata.
#[derive(Clone, Debug)]
pub struct TemplateProblem {
    /// Where it stands, as AWS writes it: `Output/result`.
    pub location: String,
    /// What is wrong with it.
    pub error: JsonataError,
}

impl JsonataTemplate {
    /// Compiles a template; `field` is what errors call the place of the whole (`Output`).
    ///
    /// # Errors
    ///
    /// Every expression that is no JSONata.
    pub fn compile(value: &Value, field: &str) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let root = compile(value, field, &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }
}

/// What stands between `{%` and `%}`, which must begin and end the string exactly.
pub fn expression_text(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}

fn compile(value: &Value, location: &str, problems: &mut Vec<TemplateProblem>) -> Node {
    match value {
        Value::String(text) => match expression_text(text).map(Expression::parse) {
            None => Node::Literal(value.clone()),
            Some(Ok(expression)) => Node::Expression { expression, location: location.into() },
            Some(Err(error)) => {
                problems.push(TemplateProblem { location: location.to_owned(), error });
                Node::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            let items: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(index, item)| compile(item, &format!("{location}[{index}]"), problems))
                .collect();
            literal_or(items.iter(), value).unwrap_or_else(|| Node::Array(items.into()))
        }
        Value::Object(members) => {
            let members: Vec<(Arc<str>, Node)> = members
                .iter()
                .map(|(key, member)| {
                    (key.clone(), compile(member, &format!("{location}/{key}"), problems))
                })
                .collect();
            literal_or(members.iter().map(|(_, node)| node), value)
                .unwrap_or_else(|| Node::Object(members.into()))
        }
        _ => Node::Literal(value.clone()),
    }
}

/// The value itself where none of its parts is dynamic.
fn literal_or<'a>(mut parts: impl Iterator<Item = &'a Node>, value: &Value) -> Option<Node> {
    let literal = parts.all(|part| matches!(part, Node::Literal(_)));
    literal.then(|| Node::Literal(value.clone()))
}
