//! What all states share, and the eight types.

use std::sync::Arc;

use super::choice::ChoiceRule;
use super::map::MapState;
use super::retry::{Catcher, Retrier};
use super::state_machine::{StateIndex, States};
use super::task::TaskState;
use crate::query::intrinsic::Intrinsic;
use crate::query::jsonata::Expression;
use crate::query::jsonata_template::JsonataTemplate;
use crate::query::jsonpath::ReferencePath;
use crate::query::scope::ScopedPath;
use crate::query::template::PayloadTemplate;
use crate::value::Value;

/// The language of a state's paths and templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    /// Paths, payload templates and intrinsic functions.
    #[default]
    JsonPath,
    /// `{% %}` expressions.
    Jsonata,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// The name, unique in the whole machine.
    pub name: Arc<str>,
    /// `Comment`.
    pub comment: Option<Arc<str>>,
    /// The language in force: the state's own, or the machine's.
    pub query_language: QueryLanguage,
    /// `InputPath` (JSONPath).
    pub input_path: PathField,
    /// `OutputPath` (JSONPath).
    pub output_path: PathField,
    /// `Parameters` (JSONPath) or `Arguments` (JSONata) of Task, Parallel and Pass states.
    /// A Map's `ItemSelector` is in [`MapState`].
    pub arguments: Option<Template>,
    /// `ResultSelector` (JSONPath).
    pub result_selector: Option<PayloadTemplate>,
    /// `ResultPath` (JSONPath).
    pub result_path: ResultPath,
    /// `Output` (JSONata).
    pub output: Option<JsonataTemplate>,
    /// `Assign`; for a Choice state the one used when no rule matches.
    pub assign: Option<Template>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
    /// `Next` or `End`; for Choice the `Default`, absent where there is none; absent for Succeed
    /// and Fail.
    pub transition: Option<Transition>,
    /// What is particular to the type.
    pub kind: StateKind,
}

/// The eight types, each with the fields that only it has.
#[derive(Debug)]
pub enum StateKind {
    /// `Task`
    Task(Box<TaskState>),
    /// `Pass`, with its `Result`
    Pass(Option<Value>),
    /// `Choice`, with its rules in order
    Choice(Vec<ChoiceRule>),
    /// `Wait`
    Wait(WaitState),
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail(Box<FailState>),
    /// `Parallel`, with its branches in order
    Parallel(Vec<Arc<States>>),
    /// `Map`
    Map(Box<MapState>),
}

/// Where a state leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `Next`
    Next(StateIndex),
    /// `"End": true`
    End,
}

/// `InputPath` or `OutputPath`.
#[derive(Clone, Debug)]
pub enum PathField {
    /// Absent or `$`: everything.
    Whole,
    /// `null`: an empty object.
    Discard,
    /// Any other path.
    Path(ScopedPath),
}

/// `ResultPath`.
#[derive(Clone, Debug)]
pub enum ResultPath {
    /// Absent or `$`: the result replaces the input.
    Replace,
    /// `null`: the result is dropped.
    Discard,
    /// Where the result is written into the input.
    Write(ReferencePath),
}

/// A template of either language: `Parameters`, `ItemSelector`, `BatchInput`, `Credentials`,
/// `Assign` or `Arguments`.
#[derive(Clone, Debug)]
pub enum Template {
    /// Keys ending in `.$` are paths or intrinsic functions.
    Payload(PayloadTemplate),
    /// Strings between `{%` and `%}` are expressions.
    Jsonata(JsonataTemplate),
}

/// A field that holds a value, or says where to find one.
#[derive(Clone, Debug)]
pub enum Field<T> {
    /// A literal.
    Literal(T),
    /// The `…Path` form of the field.
    Path(ScopedPath),
    /// The `…Path` form with an intrinsic function (`ErrorPath`, `CausePath`).
    Intrinsic(Box<Intrinsic>),
    /// A `{% %}` expression.
    Jsonata(Arc<Expression>),
}

/// The fields of a Wait state: exactly one of the two kinds.
#[derive(Clone, Debug)]
pub enum WaitState {
    /// `Seconds` or `SecondsPath`: how long.
    Seconds(Field<i64>),
    /// `Timestamp` or `TimestampPath`: until when. The literal is RFC 3339 text.
    Timestamp(Field<Arc<str>>),
}

/// The fields of a Fail state.
#[derive(Clone, Debug)]
pub struct FailState {
    /// `Error` or `ErrorPath`.
    pub error: Option<Field<Arc<str>>>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Field<Arc<str>>>,
}

impl State {
    /// A Succeed state without any other field.
    pub(super) fn new(name: Arc<str>, query_language: QueryLanguage) -> Self {
        Self {
            name,
            comment: None,
            query_language,
            input_path: PathField::Whole,
            output_path: PathField::Whole,
            arguments: None,
            result_selector: None,
            result_path: ResultPath::Replace,
            output: None,
            assign: None,
            retry: Vec::new(),
            catch: Vec::new(),
            transition: None,
            kind: StateKind::Succeed,
        }
    }

    /// The levels below this state: a Parallel's branches, or a Map's ItemProcessor.
    pub fn levels(&self) -> Vec<&States> {
        match &self.kind {
            StateKind::Parallel(branches) => branches.iter().map(|branch| &**branch).collect(),
            StateKind::Map(map) => vec![&map.processor],
            _ => Vec::new(),
        }
    }
}

impl StateKind {
    /// Whether the state's work has a result of its own: what ResultSelector and ResultPath are
    /// about, and `$states.result`.
    pub fn has_result(&self) -> bool {
        matches!(self, Self::Task(_) | Self::Pass(_) | Self::Parallel(_) | Self::Map(_))
    }

    /// The `Type` as a definition spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Pass(_) => "Pass",
            Self::Choice(_) => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail(_) => "Fail",
            Self::Parallel(_) => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}
