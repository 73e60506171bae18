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

    /// Reads what [`Mock::parse`] reads, with `worker` and `poll` beside the answers.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        let mut own = Own::default();
        let answers = own.strip(value, "$")?;
        Ok(Self {
            mock: Mock::parse(&answers)?,
            poll: own.poll.unwrap_or_default(),
            name: own.worker,
        })
    }
}

/// What is said about the worker itself, on whichever answer it stands.
#[derive(Default)]
struct Own {
    worker: Option<Arc<str>>,
    poll: Option<Duration>,
}

impl Own {
    /// The answers without the members that are about the worker.
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
                    match &**key {
                        "worker" => self.worker(member, &path)?,
                        "poll" => self.poll = Some(parse_duration(member, &path)?),
                        "byInvocation" => {
                            rest.insert(key.clone(), self.strip(member, &path)?);
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

    fn worker(&mut self, value: &Value, path: &str) -> Result<(), MockError> {
        let Value::String(name) = value else {
            return fail(path, "the worker's name as a string is needed");
        };
        match &self.worker {
            Some(other) if other != name => {
                fail(path, format!("this worker is called `{other}` already"))
            }
            _ => {
                self.worker = Some(name.clone());
                Ok(())
            }
        }
    }
}
