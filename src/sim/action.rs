//! What happens to an execution from outside, at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::duration;
use crate::history::Failure;
use crate::map_run::MapRunUpdate;
use crate::mock::{MockError, fail, object, only, parse_duration};
use crate::value::{Map, Value};

/// Something that happens from outside.
#[derive(Clone, Debug)]
pub struct Action {
    /// How long after the start of the execution.
    pub at: Duration,
    /// What happens.
    pub kind: ActionKind,
}

/// What may happen from outside. States are named as in [`MockKey`](crate::mock::MockKey)s.
#[derive(Clone, Debug)]
pub enum ActionKind {
    /// StopExecution of the execution under test.
    Stop(Failure),
    /// RedriveExecution of the execution under test, which has not succeeded.
    Redrive,
    /// UpdateMapRun of the run of a distributed Map state.
    UpdateMapRun {
        /// The state.
        state: Arc<str>,
        /// The new settings.
        update: MapRunUpdate,
    },
    /// SendTaskSuccess for the task that the state waits for.
    SendTaskSuccess {
        /// The state.
        state: Arc<str>,
        /// The task's result.
        output: Value,
    },
    /// SendTaskFailure for the task that the state waits for.
    SendTaskFailure {
        /// The state.
        state: Arc<str>,
        /// Error and cause.
        failure: Failure,
    },
    /// SendTaskHeartbeat for the task that the state waits for.
    SendTaskHeartbeat {
        /// The state.
        state: Arc<str>,
    },
}

const KINDS: [&str; 7] = [
    "at",
    "stop",
    "redrive",
    "updateMapRun",
    "sendTaskSuccess",
    "sendTaskFailure",
    "sendTaskHeartbeat",
];

impl Action {
    /// StopExecution after this time.
    pub fn stop(at: Duration, failure: Failure) -> Self {
        Self { at, kind: ActionKind::Stop(failure) }
    }

    /// RedriveExecution after this time.
    pub fn redrive(at: Duration) -> Self {
        Self { at, kind: ActionKind::Redrive }
    }

    /// UpdateMapRun after this time.
    pub fn update_map_run(at: Duration, state: &str, update: MapRunUpdate) -> Self {
        Self { at, kind: ActionKind::UpdateMapRun { state: state.into(), update } }
    }

    /// SendTaskSuccess after this time.
    pub fn send_task_success(at: Duration, state: &str, output: impl Into<Value>) -> Self {
        Self {
            at,
            kind: ActionKind::SendTaskSuccess { state: state.into(), output: output.into() },
        }
    }

    /// SendTaskFailure after this time.
    pub fn send_task_failure(at: Duration, state: &str, failure: Failure) -> Self {
        Self { at, kind: ActionKind::SendTaskFailure { state: state.into(), failure } }
    }

    /// SendTaskHeartbeat after this time.
    pub fn send_task_heartbeat(at: Duration, state: &str) -> Self {
        Self { at, kind: ActionKind::SendTaskHeartbeat { state: state.into() } }
    }

    /// Reads `{ at: 5s, sendTaskSuccess: { state: Approve, output: … } }` and its like.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or missing, or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        let members = object(value, "$", "an action, such as `{ at: 10s, stop: {} }`,")?;
        only(members, &KINDS, "$")?;
        let Some(at) = members.get("at") else {
            return fail("$", "`at` is missing: the time since the start of the execution");
        };
        let at = parse_duration(at, "$.at")?;
        let mut kinds = members.iter().filter(|(key, _)| &***key != "at");
        let (Some((kind, operand)), None) = (kinds.next(), kinds.next()) else {
            return fail("$", format!("one of {} is needed", KINDS[1..].join(", ")));
        };
        let path = format!("$.{kind}");
        let operand = object(operand, &path, "an object")?;
        let failure = || {
            Ok(Failure {
                error: text(operand, &path, "error")?,
                cause: text(operand, &path, "cause")?,
            })
        };
        let state = || match text(operand, &path, "state")? {
            Some(state) => Ok(state),
            None => fail(&path, "`state` is missing: whose task is meant"),
        };
        let kind = match &**kind {
            "stop" => {
                only(operand, &["error", "cause"], &path)?;
                ActionKind::Stop(failure()?)
            }
            "redrive" => {
                only(operand, &[], &path)?;
                ActionKind::Redrive
            }
            "updateMapRun" => {
                let known = [
                    "state",
                    "maxConcurrency",
                    "toleratedFailureCount",
                    "toleratedFailurePercentage",
                ];
                only(operand, &known, &path)?;
                let most = whole(operand, &path, known[1])?;
                let failures = whole(operand, &path, known[2])?;
                let share = percentage(operand, &path, known[3])?;
                if most.is_none() && failures.is_none() && share.is_none() {
                    return fail(&path, format!("one of {} is needed", known[1..].join(", ")));
                }
                let update = MapRunUpdate {
                    max_concurrency: most,
                    tolerated_failure_count: failures.map(|most| most as f64),
                    tolerated_failure_percentage: share,
                };
                ActionKind::UpdateMapRun { state: state()?, update }
            }
            "sendTaskSuccess" => {
                only(operand, &["state", "output"], &path)?;
                let output = operand.get("output").cloned().unwrap_or_default();
                ActionKind::SendTaskSuccess { state: state()?, output }
            }
            "sendTaskFailure" => {
                only(operand, &["state", "error", "cause"], &path)?;
                ActionKind::SendTaskFailure { state: state()?, failure: failure()? }
            }
            _ => {
                only(operand, &["state"], &path)?;
                ActionKind::SendTaskHeartbeat { state: state()? }
            }
        };
        Ok(Self { at, kind })
    }

    pub(super) fn redrives(&self) -> bool {
        matches!(self.kind, ActionKind::Redrive)
    }

    /// The state whose task is meant.
    pub fn state(&self) -> Option<&Arc<str>> {
        match &self.kind {
            ActionKind::Stop(_) | ActionKind::Redrive => None,
            ActionKind::UpdateMapRun { state, .. }
            | ActionKind::SendTaskSuccess { state, .. }
            | ActionKind::SendTaskFailure { state, .. }
            | ActionKind::SendTaskHeartbeat { state } => Some(state),
        }
    }
}

fn text(members: &Map, path: &str, key: &str) -> Result<Option<Arc<str>>, MockError> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => fail(&format!("{path}.{key}"), "a string is needed"),
    }
}

/// A whole number that is not negative, as the API has it.
fn whole(members: &Map, path: &str, key: &str) -> Result<Option<i64>, MockError> {
    let Some(value) = members.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_i64().filter(|number| *number >= 0) {
        Some(number) => Ok(Some(number)),
        None => fail(&format!("{path}.{key}"), "a whole number is needed that is not negative"),
    }
}

/// A number from 0 to 100, as the API has it.
fn percentage(members: &Map, path: &str, key: &str) -> Result<Option<f64>, MockError> {
    let Some(value) = members.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    match value.as_f64().filter(|number| (0.0..=100.0).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => fail(&format!("{path}.{key}"), "a number from 0 to 100 is needed"),
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.kind {
            ActionKind::Stop(_) => "stop",
            ActionKind::Redrive => "redrive",
            ActionKind::UpdateMapRun { .. } => "updateMapRun",
            ActionKind::SendTaskSuccess { .. } => "sendTaskSuccess",
            ActionKind::SendTaskFailure { .. } => "sendTaskFailure",
            ActionKind::SendTaskHeartbeat { .. } => "sendTaskHeartbeat",
        };
        write!(f, "{name}")?;
        self.state().iter().try_for_each(|state| write!(f, " of `{state}`"))?;
        write!(f, " at {}", duration::text(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_run_is_changed_within_the_ranges_of_the_api() {
        let update = |fields: &str| {
            format!(r#"{{"at": "5s", "updateMapRun": {{"state": "Each"{fields}}}}}"#)
        };
        let largest = r#", "maxConcurrency": 0, "toleratedFailurePercentage": 100"#;
        assert!(Action::parse(&Value::parse(&update(largest)).unwrap()).is_ok());
        let path = "$.updateMapRun";
        let number = "a whole number is needed that is not negative";
        for (fields, why) in [
            (r#", "maxConcurrency": 1.5"#, format!("{path}.maxConcurrency: {number}")),
            (r#", "maxConcurrency": 1e300"#, format!("{path}.maxConcurrency: {number}")),
            (r#", "toleratedFailureCount": -1"#, format!("{path}.toleratedFailureCount: {number}")),
            (
                r#", "toleratedFailurePercentage": 500"#,
                format!("{path}.toleratedFailurePercentage: a number from 0 to 100 is needed"),
            ),
            (
                r#", "maxConcurrency": null"#,
                format!(
                    "{path}: one of maxConcurrency, toleratedFailureCount, \
                     toleratedFailurePercentage is needed"
                ),
            ),
        ] {
            let action = Value::parse(&update(fields)).unwrap();
            assert_eq!(Action::parse(&action).unwrap_err().to_string(), why);
        }
    }
}
