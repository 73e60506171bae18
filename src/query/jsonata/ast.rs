//! The syntax tree of a compiled expression, after the post-parse stage of the reference: paths
//! are lists of steps, and parent operators know the step they refer to.

use std::sync::Arc;

use crate::value::Value;

use super::functions::Builtin;
use super::regex::Regex;
use super::signature::Signature;

/// One node; paths, steps and all other expressions are nodes.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// Where the reference says the node is, in UTF-16 code units.
    pub position: usize,
    /// `[]` was written: a single result stays an array.
    pub keep_array: bool,
    /// An array constructor at an end of a path.
    pub cons_array: bool,
    /// The step, or the path inside it, works on streams of bindings.
    pub tuple: bool,
    /// Filters of a node that is no step.
    pub predicates: Vec<Stage>,
    /// Filters and index bindings of a step.
    pub stages: Vec<Stage>,
    /// The object constructor that groups the results.
    pub group: Option<Box<Group>>,
    /// The variable of `@`.
    pub focus: Option<Arc<str>>,
    /// The variable of `#`.
    pub index: Option<Arc<str>>,
    /// The slot of the parent operators that refer to this step's input.
    pub ancestor: Option<usize>,
    /// Slots of parent operators inside that no step was found for yet.
    pub seeking: Option<Vec<usize>>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Name(Arc<str>),
    String(Arc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
    Variable(Arc<str>, Option<&'static Builtin>),
    Wildcard,
    Descendant,
    /// The parent operator and its slot.
    Parent(usize),
    Binary {
        operator: Operator,
        lhs: Box<Node>,
        rhs: Box<Node>,
    },
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Group),
    Condition {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Block(Vec<Node>),
    Bind {
        name: Arc<str>,
        value: Box<Node>,
    },
    Function {
        procedure: Box<Node>,
        arguments: Vec<Node>,
    },
    Partial {
        procedure: Box<Node>,
        arguments: Vec<Node>,
    },
    /// `?` among the arguments of a partial application.
    Placeholder,
    Lambda(Box<Lambda>),
    Apply {
        lhs: Box<Node>,
        rhs: Box<Node>,
    },
    Transform(Box<Transform>),
    Sort(Vec<SortTerm>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concat,
    And,
    Or,
    In,
    Range,
}

#[derive(Debug)]
pub(super) enum Stage {
    Filter(Node),
    Index(Arc<str>),
}

#[derive(Debug)]
pub(super) struct Group {
    pub pairs: Vec<(Node, Node)>,
    pub position: usize,
}

#[derive(Debug)]
pub(super) struct Lambda {
    pub params: Vec<Arc<str>>,
    pub signature: Option<Signature>,
    pub body: Node,
    /// A call in tail position, made by the compiler; the caller's loop runs it.
    pub thunk: bool,
}

#[derive(Debug)]
pub(super) struct Transform {
    pub pattern: Node,
    pub update: Node,
    pub delete: Option<Node>,
}

#[derive(Debug)]
pub(super) struct SortTerm {
    pub descending: bool,
    pub expression: Node,
}

impl Node {
    pub fn new(kind: Kind, position: usize) -> Self {
        Self {
            kind,
            position,
            keep_array: false,
            cons_array: false,
            tuple: false,
            predicates: Vec::new(),
            stages: Vec::new(),
            group: None,
            focus: None,
            index: None,
            ancestor: None,
            seeking: None,
        }
    }

    pub fn path(steps: Vec<Self>, position: usize) -> Self {
        Self::new(Kind::Path { steps, keep_singleton: false }, position)
    }

    /// What the reference calls this kind of node.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Path { .. } => "path",
            Kind::Name(_) => "name",
            Kind::String(_) => "string",
            Kind::Number(_) => "number",
            Kind::Bool(_) | Kind::Null => "value",
            Kind::Regex(_) => "regex",
            Kind::Variable(..) => "variable",
            Kind::Wildcard => "wildcard",
            Kind::Descendant => "descendant",
            Kind::Parent(_) => "parent",
            Kind::Binary { .. } => "binary",
            Kind::Negate(_) | Kind::Array(_) | Kind::Object(_) => "unary",
            Kind::Condition { .. } => "condition",
            Kind::Block(_) => "block",
            Kind::Bind { .. } => "bind",
            Kind::Function { .. } => "function",
            Kind::Partial { .. } => "partial",
            Kind::Placeholder => "operator",
            Kind::Lambda(_) => "lambda",
            Kind::Apply { .. } => "apply",
            Kind::Transform(_) => "transform",
            Kind::Sort(_) => "sort",
        }
    }

    /// The `value` field of the reference's node, which names a called function in errors.
    pub fn token(&self) -> Option<Value> {
        Some(match &self.kind {
            Kind::Name(text) | Kind::String(text) | Kind::Variable(text, _) => {
                Value::String(text.clone())
            }
            Kind::Number(value) => super::number::to_value(*value),
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Null => Value::Null,
            Kind::Regex(_) => Value::object::<&str>([]),
            Kind::Wildcard => "*".into(),
            Kind::Descendant => "**".into(),
            Kind::Binary { operator, .. } => operator.text().into(),
            Kind::Negate(_) => "-".into(),
            Kind::Array(_) => "[".into(),
            Kind::Object(_) => "{".into(),
            Kind::Bind { .. } => ":=".into(),
            Kind::Function { .. } | Kind::Partial { .. } => "(".into(),
            Kind::Placeholder => "?".into(),
            Kind::Apply { .. } => "~>".into(),
            Kind::Path { .. }
            | Kind::Parent(_)
            | Kind::Condition { .. }
            | Kind::Block(_)
            | Kind::Lambda(_)
            | Kind::Transform(_)
            | Kind::Sort(_) => return None,
        })
    }

    /// How errors name the function that this node evaluates to.
    pub fn procedure_name(&self) -> Option<Value> {
        match &self.kind {
            Kind::Path { steps, .. } => steps.first()?.token(),
            _ => self.token(),
        }
    }
}

impl Operator {
    pub fn of(text: &str) -> Option<Self> {
        ALL.into_iter().find(|operator| operator.text() == text)
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Concat => "&",
            Self::And => "and",
            Self::Or => "or",
            Self::In => "in",
            Self::Range => "..",
        }
    }
}

const ALL: [Operator; 16] = [
    Operator::Add,
    Operator::Subtract,
    Operator::Multiply,
    Operator::Divide,
    Operator::Modulo,
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
    Operator::Concat,
    Operator::And,
    Operator::Or,
    Operator::In,
    Operator::Range,
];
