//! The intrinsic functions of JSONPath states: `States.Format('{} of {}', $.a, $.b)`.
//!
//! There are 18. A call is compiled once into a tree; its arguments are paths, strings in
//! apostrophes, numbers, `true`, `false`, `null` and further calls. Results follow the recordings
//! `intrinsic_functions/*`; limits are those of the Developer Guide's page "Intrinsic functions".
//! No recording shows a function fail, so the reasons of failures are in our words; the frame
//! around them is that of published error reports.

mod array;
mod encoding;
mod hash;
mod json;
mod math;
mod parse;
mod string;
mod uuid;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::entropy::Entropy;
use crate::query::jsonpath::PathErrorKind;
use crate::query::scope::{ExpressionError, Scope, ScopedPath, Source};
use crate::value::Value;
use string::Template;

/// A compiled call of an intrinsic function.
#[derive(Clone, Debug)]
pub struct Intrinsic {
    call: Arc<Call>,
}

/// Why a text is no call of an intrinsic function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an intrinsic function: {message}, at character {}", offset + 1)]
pub struct IntrinsicSyntaxError {
    /// The text.
    pub text: String,
    /// How many characters stand before the trouble.
    pub offset: usize,
    /// What is wrong there, as a lowercase fragment.
    pub message: String,
}

#[derive(Debug)]
struct Call {
    function: Function,
    arguments: Vec<Argument>,
    /// The call as it was written, for causes.
    text: Box<str>,
}

#[derive(Debug)]
enum Argument {
    Literal(Value),
    /// A literal first argument of `States.Format`.
    Template(Template),
    Path(ScopedPath),
    Call(Call),
}

/// The intrinsic functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

/// Name, function, fewest and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 18] = [
    ("States.Array", Function::Array, 0, usize::MAX),
    ("States.ArrayContains", Function::ArrayContains, 2, 2),
    ("States.ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("States.ArrayLength", Function::ArrayLength, 1, 1),
    ("States.ArrayPartition", Function::ArrayPartition, 2, 2),
    ("States.ArrayRange", Function::ArrayRange, 3, 3),
    ("States.ArrayUnique", Function::ArrayUnique, 1, 1),
    ("States.Base64Decode", Function::Base64Decode, 1, 1),
    ("States.Base64Encode", Function::Base64Encode, 1, 1),
    ("States.Format", Function::Format, 1, usize::MAX),
    ("States.Hash", Function::Hash, 2, 2),
    ("States.JsonMerge", Function::JsonMerge, 3, 3),
    ("States.JsonToString", Function::JsonToString, 1, 1),
    ("States.MathAdd", Function::MathAdd, 2, 2),
    ("States.MathRandom", Function::MathRandom, 2, 3),
    ("States.StringSplit", Function::StringSplit, 2, 2),
    ("States.StringToJson", Function::StringToJson, 1, 1),
    ("States.UUID", Function::Uuid, 0, 0),
];

impl Intrinsic {
    /// Compiles a call.
    ///
    /// # Errors
    ///
    /// Where the text is not one whole call, the function unknown, the number of arguments wrong,
    /// or an argument not readable.
    pub fn parse(text: &str) -> Result<Self, IntrinsicSyntaxError> {
        parse::parse(text).map(|call| Self { call: Arc::new(call) })
    }

    /// The text it was compiled from, without spaces around it.
    pub fn text(&self) -> &str {
        &self.call.text
    }

    /// Whether an argument reads the Context Object.
    pub fn reads_context(&self) -> bool {
        self.call.reads_context()
    }

    /// The paths among the arguments, those of nested calls included, from left to right.
    pub fn paths(&self) -> Vec<&ScopedPath> {
        let mut paths = Vec::new();
        self.call.collect_paths(&mut paths);
        paths
    }

    /// Calls the function. `States.UUID` and `States.MathRandom` without a seed draw from
    /// `entropy`.
    ///
    /// # Errors
    ///
    /// `States.Runtime` where an argument's path leads nowhere, `States.IntrinsicFailure` where
    /// the function cannot take its arguments.
    pub fn evaluate(
        &self,
        scope: &Scope<'_>,
        entropy: &mut Entropy,
    ) -> Result<Value, ExpressionError> {
        self.call.evaluate(scope, entropy)
    }
}

/// The text it was compiled from.
impl fmt::Display for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Call {
    fn evaluate(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, ExpressionError> {
        let values = self
            .arguments
            .iter()
            .map(|argument| argument.evaluate(scope, entropy))
            .collect::<Result<Vec<_>, _>>()?;
        self.apply(&Arguments(&values), entropy).map_err(|reason| ExpressionError {
            error: "States.IntrinsicFailure",
            cause: format!("The function '{}' had the following error: {reason}", self.text),
        })
    }

    fn apply(&self, arguments: &Arguments<'_>, entropy: &mut Entropy) -> Result<Value, String> {
        match self.function {
            Function::Array => Ok(Value::from(arguments.0.to_vec())),
            Function::ArrayContains => array::contains(arguments),
            Function::ArrayGetItem => array::item(arguments),
            Function::ArrayLength => array::length(arguments),
            Function::ArrayPartition => array::partition(arguments),
            Function::ArrayRange => array::range(arguments),
            Function::ArrayUnique => array::unique(arguments),
            Function::Base64Decode => encoding::decode(arguments),
            Function::Base64Encode => encoding::encode(arguments),
            Function::Format => match self.arguments.first() {
                Some(Argument::Template(template)) => template.fill(&arguments.0[1..]),
                _ => string::format(arguments),
            },
            Function::Hash => hash::hash(arguments),
            Function::JsonMerge => json::merge(arguments),
            Function::JsonToString => json::to_string(arguments),
            Function::MathAdd => math::add(arguments),
            Function::MathRandom => math::random(arguments, entropy),
            Function::StringSplit => string::split(arguments),
            Function::StringToJson => json::from_string(arguments),
            Function::Uuid => Ok(uuid::uuid(entropy)),
        }
    }

    fn reads_context(&self) -> bool {
        self.arguments.iter().any(|argument| match argument {
            Argument::Literal(_) | Argument::Template(_) => false,
            Argument::Path(path) => *path.source() == Source::Context,
            Argument::Call(call) => call.reads_context(),
        })
    }

    fn collect_paths<'c>(&'c self, paths: &mut Vec<&'c ScopedPath>) {
        for argument in &self.arguments {
            match argument {
                Argument::Literal(_) | Argument::Template(_) => {}
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => call.collect_paths(paths),
            }
        }
    }
}

impl Argument {
    fn evaluate(&self, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, ExpressionError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Template(_) => Ok(Value::Null),
            Self::Path(path) => path.read(scope).map_err(|error| ExpressionError {
                error: "States.Runtime",
                cause: match error.kind {
                    PathErrorKind::Invalid => path.cause(&error),
                    PathErrorKind::NotFound => format!(
                        "The JsonPath argument for the field '{path}' could not be found in the \
                         input '{}'",
                        path.document_text(scope)
                    ),
                },
            }),
            Self::Call(call) => call.evaluate(scope, entropy),
        }
    }
}

/// The values a function was called with; there are as many as it takes.
struct Arguments<'a>(&'a [Value]);

impl Arguments<'_> {
    fn value(&self, at: usize) -> &Value {
        &self.0[at]
    }

    fn wrong(&self, at: usize, expected: &str) -> String {
        format!("argument {} must be {expected}, not {}", at + 1, self.value(at).kind())
    }

    fn string(&self, at: usize) -> Result<&str, String> {
        self.value(at).as_str().ok_or_else(|| self.wrong(at, "a string"))
    }

    /// A string of at most `limit` characters.
    fn short_string(&self, at: usize, limit: usize) -> Result<&str, String> {
        let text = self.string(at)?;
        if text.len() > limit && text.chars().count() > limit {
            return Err(format!("argument {} is longer than {limit} characters", at + 1));
        }
        Ok(text)
    }

    fn array(&self, at: usize) -> Result<&crate::value::Array, String> {
        self.value(at).as_array().ok_or_else(|| self.wrong(at, "an array"))
    }

    /// An integer; a fraction is rounded to the nearest one, halves upwards, as Java rounds.
    fn integer(&self, at: usize) -> Result<i64, String> {
        let Some(number) = self.value(at).as_number() else {
            return Err(self.wrong(at, "an integer"));
        };
        if let Some(integer) = number.as_i64() {
            return Ok(integer);
        }
        let rounded = (number.as_f64() + 0.5).floor();
        if rounded.abs() > 9_007_199_254_740_992.0 {
            return Err(format!("argument {} is out of range: {number}", at + 1));
        }
        Ok(rounded as i64)
    }
}
