//! Payload templates: `Parameters`, `ResultSelector`, `ItemSelector`, `Assign` and the like.
//!
//! A member whose key ends in `.$` holds a path or an intrinsic function; its value takes the
//! place of the member, without the `.$`. The rest is literal. Templates are compiled once;
//! rendering makes new nodes only around what was read, and shares the literal parts.
//!
//! Members come out as AWS writes them: the literal ones first, as they stand, then the computed
//! ones in the order of a Java hash map (`callback.sns_publish_wait_for_task_token`; all recorded
//! templates agree).

use std::fmt;
use std::sync::Arc;

use crate::entropy::Entropy;
use crate::query::intrinsic::Intrinsic;
use crate::query::java::hash_map_order;
use crate::query::scope::{ExpressionError, Scope, ScopedPath, Source};
use crate::value::{Map, Value};

/// A compiled payload template.
#[derive(Clone, Debug)]
pub struct PayloadTemplate {
    root: Node,
    reads_context: bool,
}

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    Array(Arc<[Node]>),
    Object(Arc<[(Arc<str>, Node)]>),
    Path { field: Arc<str>, path: ScopedPath },
    Intrinsic(Intrinsic),
}

/// A part of a template that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct TemplateProblem {
    /// Where in the template, as a JSON pointer: `/a/0/b.$`.
    pub pointer: String,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
}

impl PayloadTemplate {
    /// Compiles a template, reporting every problem in it.
    ///
    /// # Errors
    ///
    /// Where a `.$` member is no path and no intrinsic function, or two members would get the
    /// same key.
    pub fn compile(value: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut compiler =
            Compiler { pointer: String::new(), problems: Vec::new(), context: false };
        let root = compiler.node(value, 0);
        match compiler.problems.is_empty() {
            true => Ok(Self { root, reads_context: compiler.context }),
            false => Err(compiler.problems),
        }
    }

    /// Whether any part reads the Context Object; where none does, rendering needs none.
    pub fn reads_context(&self) -> bool {
        self.reads_context
    }

    /// Whether the template is the same for every input.
    pub fn is_literal(&self) -> bool {
        matches!(self.root, Node::Literal(_))
    }

    /// The template with its paths and functions replaced by what they give.
    ///
    /// # Errors
    ///
    /// Where a path leads nowhere or a function fails.
    pub fn render(
        &self,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
    ) -> Result<Value, ExpressionError> {
        self.root.render(scope, entropy)
    }
}

impl Node {
    fn render(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, ExpressionError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Array(items) => {
                let items = items.iter().map(|item| item.render(scope, entropy));
                Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
            }
            Self::Object(members) => {
                let mut object = Map::with_capacity_and_hasher(members.len(), Default::default());
                for (key, node) in members.iter() {
                    object.insert(key.clone(), node.render(scope, entropy)?);
                }
                Ok(Value::from(object))
            }
            Self::Path { field, path } => path.read(scope).map_err(|error| ExpressionError {
                error: "States.Runtime",
                cause: path.field_cause(field, &error, scope),
            }),
            Self::Intrinsic(intrinsic) => intrinsic.evaluate(scope, entropy),
        }
    }
}

/// How deep templates may nest.
const MAX_DEPTH: usize = crate::json::MAX_DEPTH;

struct Compiler {
    pointer: String,
    problems: Vec<TemplateProblem>,
    context: bool,
}

impl Compiler {
    fn node(&mut self, value: &Value, depth: usize) -> Node {
        match value {
            _ if depth > MAX_DEPTH => {
                self.problem(format!("the template nests deeper than {MAX_DEPTH} levels"));
                Node::Literal(Value::Null)
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let nodes: Vec<Node> = items
                    .map(|(at, item)| self.within(&at, |own| own.node(item, depth + 1)))
                    .collect();
                match nodes.iter().all(Node::is_literal) {
                    true => Node::Literal(value.clone()),
                    false => Node::Array(nodes.into()),
                }
            }
            Value::Object(members) => self.object(value, members, depth),
            scalar => Node::Literal(scalar.clone()),
        }
    }

    /// What was computed comes after what was written, in the order of a Java hash map.
    fn object(&mut self, value: &Value, members: &Map, depth: usize) -> Node {
        let (mut written, mut computed) = (Vec::new(), Vec::new());
        for (key, member) in members {
            self.within(key, |own| match key.strip_suffix(".$") {
                None => written.push((key.clone(), own.node(member, depth + 1))),
                Some(name) => {
                    if members.contains_key(name) {
                        own.problem(format!(
                            "`{name}` and `{key}` give the same field, keep one of them"
                        ));
                    }
                    computed.push((name.into(), own.expression(key, member)));
                }
            });
        }
        if computed.is_empty() && written.iter().all(|(_, node): &(_, Node)| node.is_literal()) {
            return Node::Literal(value.clone());
        }
        hash_map_order(&mut computed, |(name, _): &(Arc<str>, _)| name);
        written.append(&mut computed);
        Node::Object(written.into())
    }

    fn expression(&mut self, key: &Arc<str>, value: &Value) -> Node {
        let failed = Node::Path { field: key.clone(), path: ScopedPath::root() };
        let Some(text) = value.as_str() else {
            let kind = value.kind();
            self.problem(format!(
                "a key that ends in `.$` needs a JSONPath or an intrinsic function in a string, \
                 not {kind}; for a literal drop the `.$`"
            ));
            return failed;
        };
        if text.trim_start().starts_with('$') {
            match ScopedPath::parse(text) {
                Ok(path) => {
                    self.context |= *path.source() == Source::Context;
                    return Node::Path { field: key.clone(), path };
                }
                Err(error) => self.problem(error.to_string()),
            }
        } else {
            match Intrinsic::parse(text) {
                Ok(intrinsic) => {
                    self.context |= intrinsic.reads_context();
                    return Node::Intrinsic(intrinsic);
                }
                Err(error) => self.problem(error.to_string()),
            }
        }
        failed
    }

    fn within<T>(&mut self, step: &dyn fmt::Display, inner: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        self.pointer.push('/');
        self.pointer.push_str(&step);
        let result = inner(self);
        self.pointer.truncate(length);
        result
    }

    fn problem(&mut self, message: String) {
        self.problems.push(TemplateProblem { pointer: self.pointer.clone(), message });
    }
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

#[cfg(test)]
mod tests;
