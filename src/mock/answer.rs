//! One answer: when it applies, what it says, and how long it takes.

use std::sync::Arc;
use std::time::Duration;

use super::Fault;
use crate::asl::Resource;
use crate::engine::FailureStage;
use crate::history::Failure;
use crate::matcher::Matcher;
use crate::query::jsonpath::Path;
use crate::value::{Map, Value};

/// What one attempt is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) when: Option<Matcher>,
    pub(super) repeat: Option<u32>,
    pub(super) after: Option<Duration>,
    pub(super) heartbeats: Option<Heartbeats>,
    pub(super) submit: Option<Body>,
    pub(super) worker: Option<Arc<str>>,
    pub(super) outcome: Outcome,
}

/// What becomes of the task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeds with this result.
    Return(Body),
    /// It fails.
    Fail {
        /// How far it comes.
        stage: FailureStage,
        /// Error and cause.
        failure: Failure,
    },
    /// It fails in a named way; the stage is the fault's own unless given.
    Fault(&'static Fault, Option<FailureStage>),
    /// A fault of a name that does not exist.
    UnknownFault(String),
    /// Nothing: a time-out, a heartbeat, a stop, or a callback from outside ends it.
    Never,
}

/// Heartbeats before an answer, or before silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeats {
    /// The time between two, and before the first.
    pub every: Duration,
    /// How many; `None` for as many as come before the answer.
    pub count: Option<u32>,
}

/// Data that an answer carries: a value, with copies from the call's arguments where it asks for
/// them (`{ "$input": "$.path" }`).
#[derive(Clone, Debug)]
pub struct Body(Node);

#[derive(Clone, Debug)]
enum Node {
    Value(Value),
    Input(Path),
    Array(Vec<Node>),
    Object(Vec<(Arc<str>, Node)>),
}

impl Answer {
    fn new(outcome: Outcome) -> Self {
        Self {
            when: None,
            repeat: None,
            after: None,
            heartbeats: None,
            submit: None,
            worker: None,
            outcome,
        }
    }

    pub(super) fn of(outcome: Outcome) -> Self {
        Self::new(outcome)
    }

    /// The task succeeds with this result.
    pub fn returns(result: impl Into<Value>) -> Self {
        Self::new(Outcome::Return(Body::value(result.into())))
    }

    /// The task fails with this error and cause.
    pub fn fails(error: impl AsRef<str>, cause: impl AsRef<str>) -> Self {
        let failure = Failure::new(error, cause);
        Self::new(Outcome::Fail { stage: FailureStage::Run, failure })
    }

    /// The task fails as [`Fault`]s of this name do.
    pub fn fault(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self::new(match Fault::find(name) {
            Some(fault) => Outcome::Fault(fault, None),
            None => Outcome::UnknownFault(name.to_owned()),
        })
    }

    /// The task is never answered.
    pub fn never() -> Self {
        Self::new(Outcome::Never)
    }

    /// The answer takes this long, in virtual time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { after: Some(delay), ..self }
    }

    /// Only for calls whose arguments match.
    #[must_use]
    pub fn when(self, condition: Matcher) -> Self {
        Self { when: Some(condition), ..self }
    }

    /// The answer serves this many attempts.
    #[must_use]
    pub fn repeat(self, attempts: u32) -> Self {
        Self { repeat: Some(attempts), ..self }
    }

    /// How far the task comes before it fails.
    #[must_use]
    pub fn at_stage(mut self, at: FailureStage) -> Self {
        match &mut self.outcome {
            Outcome::Fail { stage, .. } => *stage = at,
            Outcome::Fault(_, stage) => *stage = Some(at),
            _ => {}
        }
        self
    }

    /// What the call itself of a `.sync` or callback task is answered with.
    #[must_use]
    pub fn submit(self, output: impl Into<Value>) -> Self {
        Self { submit: Some(Body::value(output.into())), ..self }
    }

    /// The answer is preceded by this many heartbeats.
    #[must_use]
    pub fn heartbeats(self, every: Duration, count: u32) -> Self {
        Self { heartbeats: Some(Heartbeats { every, count: Some(count) }), ..self }
    }

    /// The name of the worker that takes the task, where it is an activity's.
    #[must_use]
    pub fn worker(self, name: impl Into<Arc<str>>) -> Self {
        Self { worker: Some(name.into()), ..self }
    }

    /// The name of the worker that takes the task.
    pub fn worker_name(&self) -> Option<&Arc<str>> {
        self.worker.as_ref()
    }

    /// The virtual time from the call to the answer. Without `after`, the answer follows the last
    /// heartbeat at once.
    pub fn delay(&self) -> Duration {
        match (self.after, self.heartbeats) {
            (Some(delay), _) => delay,
            (None, Some(Heartbeats { every, count: Some(count) })) => every.saturating_mul(count),
            (None, _) => Duration::ZERO,
        }
    }

    /// The heartbeats before the answer.
    pub fn heartbeats_before(&self) -> Option<Heartbeats> {
        self.heartbeats
    }

    /// What becomes of the task.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What the call itself is answered with, where it was given.
    pub fn submitted(&self) -> Option<&Body> {
        self.submit.as_ref()
    }
}

impl Outcome {
    /// Stage and failure, where the task fails.
    pub fn failure(&self, resource: &Resource) -> Option<(FailureStage, Failure)> {
        match self {
            Self::Fail { stage, failure } => Some((*stage, failure.clone())),
            Self::Fault(fault, stage) => {
                Some((stage.unwrap_or_else(|| fault.stage(resource)), fault.failure(resource)))
            }
            Self::Return(_) | Self::UnknownFault(_) | Self::Never => None,
        }
    }
}

impl Body {
    /// Data without copies.
    pub fn value(value: Value) -> Self {
        Self(Node::Value(value))
    }

    /// Data in which an object of the single key `$input` stands for a copy from the arguments.
    ///
    /// # Errors
    ///
    /// Where a `$input` is not a path: its text, and why.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Node::parse(value).map(Self)
    }

    /// The data, its copies filled in.
    ///
    /// # Errors
    ///
    /// Where a path leads nowhere: the message.
    pub fn fill(&self, arguments: &Value) -> Result<Value, String> {
        self.0.fill(arguments)
    }
}

/// How deep a result with copies in it may be nested.
const DEEPEST: usize = 100;

fn has_copies(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_copies),
        Value::Object(members) => {
            members.iter().any(|(key, member)| &**key == "$input" || has_copies(member))
        }
        _ => false,
    }
}

impl Node {
    fn parse(value: &Value) -> Result<Self, String> {
        if !has_copies(value) {
            return Ok(Self::Value(value.clone()));
        }
        if value.depth() > DEEPEST {
            return Err(format!("a result with `$input` may be nested {DEEPEST} levels deep"));
        }
        match value {
            Value::Array(items) => {
                let nodes: Vec<Self> = items.iter().map(Self::parse).collect::<Result<_, _>>()?;
                let plain = nodes.iter().all(Self::is_plain);
                Ok(if plain { Self::Value(value.clone()) } else { Self::Array(nodes) })
            }
            Value::Object(members) => {
                if let (1, Some(path)) = (members.len(), members.get("$input")) {
                    let text = path.as_str().ok_or_else(|| {
                        format!("`$input` takes a path such as `$.name`, not {path}")
                    })?;
                    return Path::parse(text).map(Self::Input).map_err(|error| error.to_string());
                }
                let nodes: Vec<_> = members
                    .iter()
                    .map(|(key, member)| Ok((key.clone(), Self::parse(member)?)))
                    .collect::<Result<_, String>>()?;
                let plain = nodes.iter().all(|(_, node)| node.is_plain());
                Ok(if plain { Self::Value(value.clone()) } else { Self::Object(nodes) })
            }
            scalar => Ok(Self::Value(scalar.clone())),
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    fn fill(&self, arguments: &Value) -> Result<Value, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Input(path) => path.read(arguments).map_err(|error| {
                format!("`$input: {}` found nothing in the arguments: {error}", path.text())
            }),
            Self::Array(nodes) => {
                let items = nodes.iter().map(|node| node.fill(arguments));
                items.collect::<Result<Vec<_>, _>>().map(Value::array)
            }
            Self::Object(nodes) => {
                let mut members = Map::default();
                for (key, node) in nodes {
                    members.insert(key.clone(), node.fill(arguments)?);
                }
                Ok(Value::from(members))
            }
        }
    }
}
