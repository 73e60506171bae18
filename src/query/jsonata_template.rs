//! JSONata templates: values in which strings between `{%` and `%}` are expressions.
//!
//! The template only knows where the expressions stand; what they see, and how a failure is told,
//! is the business of the caller.

use std::sync::Arc;

use super::jsonata::{Expression, JsonataError};
use crate::value::{Map, Value};

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
    Expression(Arc<Placed>),
}

/// An expression of a template.
#[derive(Debug)]
pub struct Placed {
    /// The expression.
    pub expression: Expression,
    /// Where it stands in the template, to be put behind the field's name: empty for the whole,
    /// else `/result`, `/list[0]/name`.
    pub location: Box<str>,
}

/// An expression of a template that is no JSONata.
#[derive(Clone, Debug)]
pub struct TemplateProblem {
    /// Where it stands, as in [`Placed::location`].
    pub location: String,
    /// What is wrong with it.
    pub error: JsonataError,
}

/// What stands between `{%` and `%}`, which must begin and end the string exactly.
pub fn expression_text(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}

impl JsonataTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// Every expression that is no JSONata.
    pub fn compile(value: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let root = compile(value, "", &mut problems);
        if problems.is_empty() { Ok(Self { root }) } else { Err(problems) }
    }

    /// The value of a template without expressions.
    pub fn literal(&self) -> Option<&Value> {
        match &self.root {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The value of the template, where `evaluate` gives the value of each expression in the
    /// order of the text. Parts without expressions are shared, not copied.
    ///
    /// # Errors
    ///
    /// The first that `evaluate` gives; nothing is evaluated after it.
    pub fn evaluate<E>(
        &self,
        mut evaluate: impl FnMut(&Placed) -> Result<Value, E>,
    ) -> Result<Value, E> {
        self.root.evaluate(&mut evaluate)
    }

    /// The expressions in the order of the text.
    pub fn expressions(&self) -> Vec<&Placed> {
        let mut out = Vec::new();
        self.root.collect(&mut out);
        out
    }
}

impl Node {
    fn evaluate<E>(
        &self,
        evaluate: &mut impl FnMut(&Placed) -> Result<Value, E>,
    ) -> Result<Value, E> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(placed) => evaluate(placed),
            Self::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    out.push(item.evaluate(evaluate)?);
                }
                Ok(Value::from(out))
            }
            Self::Object(members) => {
                let mut out = Map::with_capacity_and_hasher(members.len(), Default::default());
                for (key, member) in members.iter() {
                    out.insert(key.clone(), member.evaluate(evaluate)?);
                }
                Ok(Value::from(out))
            }
        }
    }

    fn collect<'a>(&'a self, out: &mut Vec<&'a Placed>) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(placed) => out.push(placed),
            Self::Array(items) => items.iter().for_each(|item| item.collect(out)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.collect(out)),
        }
    }
}

fn compile(value: &Value, location: &str, problems: &mut Vec<TemplateProblem>) -> Node {
    match value {
        Value::String(text) => match expression_text(text).map(Expression::parse) {
            None => Node::Literal(value.clone()),
            Some(Ok(expression)) => {
                Node::Expression(Arc::new(Placed { expression, location: location.into() }))
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> JsonataTemplate {
        JsonataTemplate::compile(&Value::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn expressions_stand_where_their_strings_stood() {
        let template =
            compiled(r#"{"a": [1, {"b": "{% $x %}"}], "c": "{% $y %}", "d": " {% $z %}"}"#);
        let mut seen = Vec::new();
        let value = template.evaluate(|placed| {
            seen.push(format!("{} {}", placed.location, placed.expression.text()));
            Ok::<_, ()>(Value::from(seen.len()))
        });
        assert_eq!(seen, ["/a[1]/b $x", "/c $y"]);
        assert_eq!(value.unwrap().to_json(), r#"{"a":[1,{"b":1}],"c":2,"d":" {% $z %}"}"#);
        assert_eq!(template.expressions().len(), 2);
    }

    #[test]
    fn the_whole_may_be_an_expression_and_failures_stop() {
        let template = compiled(r#""{% 1 %}""#);
        assert_eq!(&*template.expressions()[0].location, "");
        let mut calls = 0;
        let template = compiled(r#"["{% 1 %}", "{% 2 %}"]"#);
        let failed = template.evaluate(|placed| {
            calls += 1;
            Err::<Value, _>(placed.location.to_string())
        });
        assert_eq!((failed, calls), (Err("[0]".to_owned()), 1));
    }

    #[test]
    fn literals_are_shared() {
        let value = Value::parse(r#"{"a": [1, "x"]}"#).unwrap();
        let template = JsonataTemplate::compile(&value).unwrap();
        assert!(template.literal().unwrap().same(&value));
    }
}
