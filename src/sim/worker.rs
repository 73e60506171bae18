//! Scripted activity workers.

use std::sync::Arc;
use std::time::Duration;

use crate::mock::{Mock, MockError, fail, parse_duration};
use crate::value::{Array, Map, Value};

/// A worker that polls an activity and answers its tasks.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(crate) mock: Mock,
    pub(crate) poll: Duration,
    pub(crate) name: Option<Arc<str>>,
}

impl Worker {
    /// A worker that takes every task at once and gives these answers.
    pub fn new(mock: impl Into<Mock>) -> Self {
        Self { mock: mock.into(), poll: Duration::ZERO, name: None }
    }

    /// Whether it has no answers: an activity that nobody ever polls.
    #[cfg(feature = "aws")]
    pub(crate) fn never_asks(&self) -> bool {
        self.mock.is_silent()
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
    /// same for all of them. Answers without a `worker` are those of the first one named. An empty
    /// list is an activity that nobody ever polls.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        if value.as_array().is_some_and(|answers| answers.is_empty()) {
            return Ok(Self::new(Mock::answers([])));
        }
        let mut own = Own::default();
        let answers = own.strip(value, "$")?;
        let (poll, name) = (own.poll.unwrap_or_default(), own.name);
        Ok(Self { mock: Mock::parse(&answers)?, poll, name })
    }
}

/// What is said about the worker itself, on whichever answer it stands.
#[derive(Default)]
struct Own {
    poll: Option<Duration>,
    name: Option<Arc<str>>,
}

impl Own {
    /// The answers without `poll`.
    fn strip(&mut self, value: &Value, path: &str) -> Result<Value, MockError> {
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(i, item)| self.strip(item, &format!("{path}[{i}]")));
                Ok(Value::Array(Array::new(items.collect::<Result<_, _>>()?)))
            }
            Value::Object(members) => {
                let mut rest = Map::default();
                for (key, member) in members.iter() {
                    let path = format!("{path}.{key}");
                    match (&**key, member) {
                        ("poll", _) => {
                            self.poll(member, &path)?;
                            continue;
                        }
                        ("worker", Value::String(name)) => {
                            self.name.get_or_insert_with(|| name.clone());
                        }
                        ("byInvocation", _) => {
                            rest.insert(key.clone(), self.strip(member, &path)?);
                            continue;
                        }
                        _ => {}
                    }
                    rest.insert(key.clone(), member.clone());
                }
                Ok(Value::from(rest))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn poll(&mut self, value: &Value, path: &str) -> Result<(), MockError> {
        let every = parse_duration(value, path)?;
        if self.poll.is_some_and(|other| other != every) {
            return fail(path, "one worker polls at one rate: give `poll` once");
        }
        self.poll = Some(every);
        Ok(())
    }
}
