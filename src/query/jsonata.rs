//! JSONata as Step Functions has it: version 2.0.6 of the reference implementation, and the
//! functions that Step Functions adds.
//!
//! An [`Expression`] is compiled once and evaluated many times, on the engine's own values. The
//! semantics, error codes, texts and positions are those of the reference, which is published
//! under the MIT licence (<https://github.com/jsonata-js/jsonata>). Evaluation is deterministic:
//! time and randomness come from the [`Environment`], and what ends an expression that would
//! not end is a budget of steps, not a clock.
//!
//! The elements of an array and the members of an object are evaluated in their order. The
//! reference begins them all before it awaits any, so that of two errors it may tell the later
//! one; nothing shows which of them AWS tells.

mod ast;
mod datetime;
mod error;
mod evaluate;
mod function;
mod functions;
mod integer;
mod item;
mod lexer;
mod number;
mod parser;
mod process;
mod references;
mod regex;
mod signature;
#[cfg(test)]
mod tests;
mod text;

pub use error::JsonataError;
pub use references::{Reference, References};

use std::fmt;
use std::sync::Arc;

use crate::entropy::Entropy;
use crate::value::{Map, Value};

use ast::Node;
use evaluate::Evaluator;
use item::Item;

/// A compiled expression.
pub struct Expression {
    text: Arc<str>,
    root: Node,
    /// The names under which parent operators find the values they refer to.
    labels: Vec<Arc<str>>,
    references: References,
}

/// What an evaluation gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing: `undefined` in JSONata.
    Undefined,
    /// A JSON value. Functions inside it are empty strings, and numbers that JSON cannot write
    /// are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, as measured on AWS.
    Value(Value),
    /// A function or regular expression, which is no JSON.
    Function,
}

/// The variables an expression sees besides the built-in functions, without their `$`.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    values: Map,
}

/// Where an evaluation takes time and randomness from, and how far it may go.
#[derive(Clone, Debug)]
pub struct Environment {
    /// What `$millis()` and `$now()` answer, in milliseconds since the epoch.
    pub now_millis: i64,
    /// What `$random()`, `$shuffle` and `$uuid()` draw from.
    pub entropy: Entropy,
    /// How far an evaluation may go.
    pub limits: Limits,
}

/// How far an evaluation may go before it fails with the code `U1001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many nodes of the expression may be evaluated; work inside functions counts as well.
    pub steps: u64,
    /// How deep evaluations may nest, counted as the reference's test suite counts.
    pub depth: usize,
    /// How deep calls of lambdas may nest; calls in tail position do not count.
    pub calls: usize,
    /// How many bytes a single constructed value may take.
    pub value_bytes: usize,
}

impl Default for Limits {
    /// The limits of AWS as far as they are measured: 100 nested calls, 6,990,256 bytes. Its
    /// second of time is stood for by five million steps.
    fn default() -> Self {
        Self { steps: 5_000_000, depth: 1_500, calls: 100, value_bytes: 6_990_256 }
    }
}

impl Expression {
    /// Compiles an expression, given without `{%` and `%}`.
    pub fn parse(text: &str) -> Result<Self, JsonataError> {
        let raw = parser::parse(text)?;
        let (root, labels) = process::process(raw)?;
        let references = references::find(&root);
        Ok(Self { text: text.into(), root, labels, references })
    }

    /// The text that was compiled.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the expression refers to, for the checks that AWS makes before anything runs.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// Evaluates without an input document, as Step Functions does.
    pub fn evaluate(
        &self,
        bindings: &Bindings,
        environment: &mut Environment,
    ) -> Result<Outcome, JsonataError> {
        self.run(None, bindings, environment)
    }

    /// Evaluates with an input document, `$$`.
    pub fn evaluate_with_input(
        &self,
        input: &Value,
        bindings: &Bindings,
        environment: &mut Environment,
    ) -> Result<Outcome, JsonataError> {
        self.run(Some(input), bindings, environment)
    }

    fn run(
        &self,
        input: Option<&Value>,
        bindings: &Bindings,
        environment: &mut Environment,
    ) -> Result<Outcome, JsonataError> {
        let mut evaluator = Evaluator::new(&self.labels, bindings, input, environment);
        let result = evaluator.run(&self.root).and_then(|item| match item {
            Item::Undefined => Ok(Outcome::Undefined),
            Item::Function(_) => Ok(Outcome::Function),
            item => {
                evaluator.allocate((item.nodes() - 1) * evaluate::ELEMENT_BYTES)?;
                Ok(Outcome::Value(item.to_value()))
            }
        });
        environment.entropy = evaluator.finish();
        Ok(result?)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Bindings {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the variable `$name`.
    pub fn bind(&mut self, name: impl Into<Arc<str>>, value: Value) {
        self.values.insert(name.into(), value);
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }
}

impl From<Map> for Bindings {
    fn from(values: Map) -> Self {
        Self { values }
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Bindings {
    fn from_iter<T: IntoIterator<Item = (K, Value)>>(values: T) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

impl Environment {
    /// An environment at a moment, with its own sequence of random numbers.
    pub fn new(now_millis: i64, entropy: Entropy) -> Self {
        Self { now_millis, entropy, limits: Limits::default() }
    }
}
