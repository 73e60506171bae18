//! Functions as values: lambdas, built-in functions, regular expressions, partial applications.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::value::Value;

use super::ast::{Node, Transform};
use super::error::Fault;
use super::functions::Builtin;
use super::item::{Env, Evaluated, Item, MAX_DEPTH};
use super::regex::Regex;
use super::signature::Signature;

/// A function, and where it was last called from: the reference notes that on the function
/// itself, and errors take it from there.
pub(super) struct Function<'e> {
    pub kind: FunctionKind<'e>,
    pub call_position: Cell<Option<usize>>,
    pub call_token: RefCell<Option<Value>>,
    /// How deep functions and values nest in this one, apart from its scope.
    pub depth: u32,
}

pub(super) enum FunctionKind<'e> {
    Lambda(Procedure<'e>),
    Builtin(&'static Builtin),
    /// A function that was passed as an argument; the callee sees it through this closure.
    Wrapped {
        inner: Rc<Function<'e>>,
        arity: usize,
    },
    Regex(Matcher<'e>),
    /// The `next` of a match: goes on where its regular expression stopped.
    NextMatch {
        matcher: Rc<Function<'e>>,
        text: Arc<str>,
    },
    Transform {
        transform: &'e Transform,
        position: usize,
        env: Env<'e>,
    },
}

pub(super) struct Procedure<'e> {
    pub params: Cow<'e, [Arc<str>]>,
    pub signature: Option<&'e Signature>,
    pub body: Body<'e>,
    pub input: Item<'e>,
    pub env: Env<'e>,
    /// A call in tail position that waits for the caller's loop.
    pub thunk: bool,
    /// Made by a partial application; such functions have no `apply` of their own.
    pub partial: bool,
}

#[derive(Clone)]
pub(super) enum Body<'e> {
    Node(&'e Node),
    /// A partially applied function that is no lambda, called with these variables.
    Native {
        function: Rc<Function<'e>>,
        params: Rc<[Arc<str>]>,
    },
}

pub(super) struct Matcher<'e> {
    pub regex: &'e Arc<Regex>,
    pub position: usize,
    /// Where the next match is looked for, in UTF-16 code units.
    pub last_index: Cell<usize>,
}

impl<'e> Function<'e> {
    pub fn new(kind: FunctionKind<'e>) -> Result<Rc<Self>, Box<Fault>> {
        let depth = kind.depth();
        if depth > MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        let (call_position, call_token) = (Cell::new(None), RefCell::new(None));
        Ok(Rc::new(Self { kind, call_position, call_token, depth }))
    }

    pub fn item(kind: FunctionKind<'e>) -> Evaluated<'e> {
        Self::new(kind).map(Item::Function)
    }

    /// Whether JavaScript sees an object (a procedure or definition) and not a bare function.
    pub fn is_object(&self) -> bool {
        matches!(
            self.kind,
            FunctionKind::Lambda(_) | FunctionKind::Builtin(_) | FunctionKind::Transform { .. }
        )
    }

    /// Whether built-in functions can call it: definitions and partial applications that were
    /// not passed as arguments cannot be called that way.
    pub fn has_apply(&self) -> bool {
        match &self.kind {
            FunctionKind::Lambda(procedure) => !procedure.partial,
            FunctionKind::Builtin(_) | FunctionKind::Transform { .. } => false,
            _ => true,
        }
    }

    /// What an error shows of the function: definitions are objects with their signature.
    pub fn shown(&self) -> Option<Value> {
        match &self.kind {
            FunctionKind::Builtin(builtin) => Some(definition(&builtin.signature.text)),
            FunctionKind::Transform { .. } => Some(definition("<(oa):o>")),
            FunctionKind::Lambda(_) => Some(Value::object([("_jsonata_lambda", true.into())])),
            _ => None,
        }
    }

    /// How many arguments the function takes.
    pub fn arity(&self) -> usize {
        match &self.kind {
            FunctionKind::Lambda(procedure) => procedure.params.len(),
            FunctionKind::Builtin(builtin) => builtin.arity,
            FunctionKind::Wrapped { arity, .. } => *arity,
            FunctionKind::Regex(_) => 2,
            FunctionKind::NextMatch { .. } => 0,
            FunctionKind::Transform { .. } => 1,
        }
    }

    pub fn as_thunk(&self) -> Option<&Procedure<'e>> {
        match &self.kind {
            FunctionKind::Lambda(procedure) if procedure.thunk => Some(procedure),
            _ => None,
        }
    }

    /// The regular expression behind a function, through the closures of argument passing.
    pub fn regex(function: &Rc<Self>) -> Option<&Rc<Self>> {
        let mut function = function;
        loop {
            match &function.kind {
                FunctionKind::Wrapped { inner, .. } => function = inner,
                FunctionKind::Regex(_) => return Some(function),
                _ => return None,
            }
        }
    }
}

fn definition(signature: &str) -> Value {
    let signature = Value::object([("definition", signature.into())]);
    Value::object([("_jsonata_function", Value::Bool(true)), ("signature", signature)])
}

impl FunctionKind<'_> {
    fn depth(&self) -> u32 {
        match self {
            Self::Lambda(procedure) => {
                let body = match &procedure.body {
                    Body::Node(_) => 0,
                    Body::Native { function, .. } => function.depth,
                };
                1 + body.max(procedure.input.depth())
            }
            Self::Wrapped { inner, .. } => 1 + inner.depth,
            Self::NextMatch { matcher, .. } => 1 + matcher.depth,
            Self::Builtin(_) | Self::Regex(_) | Self::Transform { .. } => 0,
        }
    }
}
