//! Scripted activity workers.

use std::sync::Arc;
use std::time::Duration;

use crate::mock::{Mock, MockError, fail, parse_duration};
use crate::value::{Array, Map, Value};

/// A worker that polls an activity and answers its tasks.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(super) mock: Mock,
    pub(super) poll: Duration,
    pub(super) name: Option<Arc<str>>,
}

impl Worker {
    /// A worker that takes every task at once and gives these answers.
    pub fn new(mock: impl Into<Mock>) -> Self {
        Self { mock: mock.into(), poll: Duration::ZERO, name: None }
    }

    /// It asks for a task every so often, for the first time at the start of the execution.
    #[must_use]
    pub fn poll(self, every: Duration) -> Self {
        Self { poll: every, ..self }
    }

    /// What ActivityStarted calls it.
    #[must_use]
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Reads what [`Mock::parse`] reads, with `poll` beside the answers: how often it asks, the
    /// same for all of them. An empty list is an activity that no worker ever polls.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        if value.as_array().is_some_and(|answers| answers.is_empty()) {
            return Ok(Self::new(Mock::answers([])));
        }
        let mut poll = None;
        let answers = strip_poll(value, "$", &mut poll)?;
        Ok(Self { mock: Mock::parse(&answers)?, poll: poll.unwrap_or_default(), name: None })
    }
}

/// The answers without `poll`.
fn strip_poll(value: &Value, path: &str, poll: &mut Option<Duration>) -> Result<Value, MockError> {
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(i, item)| strip_poll(item, &format!("{path}[{i}]"), poll));
            Ok(Value::Array(Array::new(items.collect::<Result<_, _>>()?)))
        }
        Value::Object(members) => {
            let mut rest = Map::default();
            for (key, member) in members.iter() {
                let path = format!("{path}.{key}");
                match &**key {
                    "poll" => {
                        let every = parse_duration(member, &path)?;
                        if poll.is_some_and(|other| other != every) {
                            return fail(&path, "one worker polls at one rate: give `poll` once");
                        }
                        *poll = Some(every);
                    }
                    "byInvocation" => {
                        rest.insert(key.clone(), strip_poll(member, &path, poll)?);
                    }
                    _ => {
                        rest.insert(key.clone(), member.clone());
                    }
                }
            }
            Ok(Value::from(rest))
        }
        scalar => Ok(scalar.clone()),
    }
}
