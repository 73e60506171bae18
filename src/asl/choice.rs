//! Choice rules.

use super::state::Template;
use super::state_machine::StateIndex;
use crate::query::jsonata::Expression;
use crate::query::jsonata_template::JsonataTemplate;
use crate::query::scope::ScopedPath;
use crate::value::Value;

/// One element of `Choices`.
#[derive(Debug)]
pub struct ChoiceRule {
    /// When the rule matches.
    pub condition: Condition,
    /// `Next`
    pub next: StateIndex,
    /// `Assign`
    pub assign: Option<Template>,
    /// `Output` (JSONata)
    pub output: Option<JsonataTemplate>,
}

/// A test of a Choice rule.
#[derive(Debug)]
pub enum Condition {
    /// `And`
    And(Vec<Self>),
    /// `Or`
    Or(Vec<Self>),
    /// `Not`
    Not(Box<Self>),
    /// A variable compared with something.
    Compare(Box<Comparison>),
    /// `Condition` (JSONata); a literal boolean is its own value.
    Jsonata(Box<Expression>),
    /// `"Condition": true` or `false` (JSONata)
    Literal(bool),
}

/// `Variable` and one comparison operator.
#[derive(Debug)]
pub struct Comparison {
    /// `Variable`
    pub variable: ScopedPath,
    /// The operator, without a `Path` at its end.
    pub operator: Operator,
    /// What the variable is compared with.
    pub operand: Operand,
}

/// The right side of a [`Comparison`].
#[derive(Debug)]
pub enum Operand {
    /// A literal of the definition.
    Literal(Value),
    /// The `…Path` form of the operator.
    Path(ScopedPath),
}

/// The comparison operators of the language; each exists with a literal, most with a path too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Operator {
    StringEquals,
    StringLessThan,
    StringGreaterThan,
    StringLessThanEquals,
    StringGreaterThanEquals,
    StringMatches,
    NumericEquals,
    NumericLessThan,
    NumericGreaterThan,
    NumericLessThanEquals,
    NumericGreaterThanEquals,
    BooleanEquals,
    TimestampEquals,
    TimestampLessThan,
    TimestampGreaterThan,
    TimestampLessThanEquals,
    TimestampGreaterThanEquals,
    IsNull,
    IsPresent,
    IsNumeric,
    IsString,
    IsBoolean,
    IsTimestamp,
}

impl Operator {
    /// All operators with their names, in the order of the specification.
    pub const ALL: [(&'static str, Self); 23] = [
        ("StringEquals", Self::StringEquals),
        ("StringLessThan", Self::StringLessThan),
        ("StringGreaterThan", Self::StringGreaterThan),
        ("StringLessThanEquals", Self::StringLessThanEquals),
        ("StringGreaterThanEquals", Self::StringGreaterThanEquals),
        ("StringMatches", Self::StringMatches),
        ("NumericEquals", Self::NumericEquals),
        ("NumericLessThan", Self::NumericLessThan),
        ("NumericGreaterThan", Self::NumericGreaterThan),
        ("NumericLessThanEquals", Self::NumericLessThanEquals),
        ("NumericGreaterThanEquals", Self::NumericGreaterThanEquals),
        ("BooleanEquals", Self::BooleanEquals),
        ("TimestampEquals", Self::TimestampEquals),
        ("TimestampLessThan", Self::TimestampLessThan),
        ("TimestampGreaterThan", Self::TimestampGreaterThan),
        ("TimestampLessThanEquals", Self::TimestampLessThanEquals),
        ("TimestampGreaterThanEquals", Self::TimestampGreaterThanEquals),
        ("IsNull", Self::IsNull),
        ("IsPresent", Self::IsPresent),
        ("IsNumeric", Self::IsNumeric),
        ("IsString", Self::IsString),
        ("IsBoolean", Self::IsBoolean),
        ("IsTimestamp", Self::IsTimestamp),
    ];

    /// The name of the operator.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The name of the operator's `…Path` form, where it has one.
    pub fn path_name(self) -> Option<&'static str> {
        Some(match self {
            Self::StringEquals => "StringEqualsPath",
            Self::StringLessThan => "StringLessThanPath",
            Self::StringGreaterThan => "StringGreaterThanPath",
            Self::StringLessThanEquals => "StringLessThanEqualsPath",
            Self::StringGreaterThanEquals => "StringGreaterThanEqualsPath",
            Self::NumericEquals => "NumericEqualsPath",
            Self::NumericLessThan => "NumericLessThanPath",
            Self::NumericGreaterThan => "NumericGreaterThanPath",
            Self::NumericLessThanEquals => "NumericLessThanEqualsPath",
            Self::NumericGreaterThanEquals => "NumericGreaterThanEqualsPath",
            Self::BooleanEquals => "BooleanEqualsPath",
            Self::TimestampEquals => "TimestampEqualsPath",
            Self::TimestampLessThan => "TimestampLessThanPath",
            Self::TimestampGreaterThan => "TimestampGreaterThanPath",
            Self::TimestampLessThanEquals => "TimestampLessThanEqualsPath",
            Self::TimestampGreaterThanEquals => "TimestampGreaterThanEqualsPath",
            _ => return None,
        })
    }

    /// Whether the operator also exists with `Path` at its end: all comparisons of two values but
    /// `StringMatches`.
    pub fn has_path_form(self) -> bool {
        self.path_name().is_some()
    }
}
