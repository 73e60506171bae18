//! What TestState answers.

use std::sync::Arc;

use super::request::{InspectionLevel, TestStateRequest};
use crate::asl::{QueryLanguage, State, StateKind};
use crate::engine::{ExecutionResult, Inspection};
use crate::history::Failure;
use crate::value::{Map, Number, Value};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TestStateResponse {
    /// What became of the state.
    pub status: TestStatus,
    /// The state's output.
    pub output: Option<Value>,
    /// The error the state met.
    pub error: Option<Arc<str>>,
    /// Its cause.
    pub cause: Option<Arc<str>>,
    /// The state that would be next.
    pub next_state: Option<Arc<str>>,
    /// `inspectionData`, at the levels DEBUG and TRACE; its data are JSON texts, as in the API.
    pub inspection_data: Option<Value>,
}

/// What became of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatus {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It failed, and a Retrier would try it again.
    Retriable,
    /// It failed, and a Catcher caught that.
    CaughtError,
}

impl TestStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Retriable, Self::CaughtError];

    /// The API's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Retriable => "RETRIABLE",
            Self::CaughtError => "CAUGHT_ERROR",
        }
    }
}

impl TestStateResponse {
    /// The answer in the API's JSON form.
    pub fn to_json(&self) -> Value {
        let mut answer = Map::default();
        let texts = [("cause", &self.cause), ("error", &self.error)];
        for (key, text) in texts {
            if let Some(text) = text {
                answer.insert(key.into(), Value::String(text.clone()));
            }
        }
        if let Some(data) = &self.inspection_data {
            answer.insert("inspectionData".into(), data.clone());
        }
        if let Some(next) = &self.next_state {
            answer.insert("nextState".into(), Value::String(next.clone()));
        }
        if let Some(output) = &self.output {
            answer.insert("output".into(), Value::from(output.to_json()));
        }
        answer.insert("status".into(), Value::from(self.status.name()));
        Value::from(answer)
    }
}

pub(super) fn build(
    request: &TestStateRequest,
    state: &State,
    result: &ExecutionResult,
    seen: Inspection,
) -> TestStateResponse {
    let (status, failure) = match result {
        ExecutionResult::Succeeded(_) if seen.catch_index.is_some() => {
            (TestStatus::CaughtError, seen.failure.clone())
        }
        ExecutionResult::Succeeded(_) => (TestStatus::Succeeded, None),
        ExecutionResult::Failed(failure) if seen.retry_backoff_seconds.is_some() => {
            (TestStatus::Retriable, Some(failure.clone()))
        }
        ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure) => {
            (TestStatus::Failed, Some(failure.clone()))
        }
        // A test may take five minutes (TestState's reference).
        ExecutionResult::TimedOut => (
            TestStatus::Failed,
            Some(Failure { error: Some("States.Timeout".into()), cause: None }),
        ),
    };
    let failure = failure.unwrap_or_default();
    let inspection_data = match request.inspection_level {
        InspectionLevel::Info => None,
        InspectionLevel::Debug | InspectionLevel::Trace => {
            Some(inspection_data(request, state, status, &seen))
        }
    };
    TestStateResponse {
        status,
        output: seen.left.as_ref().map(|left| left.output.clone()),
        error: failure.error,
        cause: failure.cause,
        next_state: seen.left.and_then(|left| left.next),
        inspection_data,
    }
}

/// Which members there are depends on the state's type and language, as the recordings show
/// (`base_lambda_task_state.*`, `base_state_name.*`, `base_parallel_state_mock_success.*`,
/// `base_map_state_inspect.*`, `state_task_catch_error.*`).
fn inspection_data(
    request: &TestStateRequest,
    state: &State,
    status: TestStatus,
    seen: &Inspection,
) -> Value {
    let mut data = Map::default();
    let mut put = |key: &str, value: Option<&Value>| {
        if let Some(value) = value {
            data.insert(key.into(), Value::from(value.to_json()));
        }
    };
    let task = matches!(state.kind, StateKind::Task(_));
    let pass = matches!(state.kind, StateKind::Pass(_));
    let map = matches!(state.kind, StateKind::Map(_));
    match state.query_language {
        QueryLanguage::Jsonata => put("afterArguments", seen.after_arguments.as_ref()),
        QueryLanguage::JsonPath => {
            if task || pass || map {
                put("afterInputPath", seen.after_input_path.as_ref());
            }
            if task || pass {
                put("afterParameters", seen.after_parameters.as_ref());
            }
            put("afterResultSelector", seen.after_result_selector.as_ref());
            put("afterResultPath", seen.after_result_path.as_ref());
            put("afterItemsPath", seen.after_items_path.as_ref());
        }
    }
    put("afterItemsPointer", seen.after_items_pointer.as_ref());
    put("afterItemSelector", seen.after_item_selector.as_ref());
    put("afterItemBatcher", seen.after_item_batcher.as_ref());
    let empty = Value::from(Map::default());
    put("input", Some(request.input.as_ref().unwrap_or(&empty)));
    if task && status == TestStatus::Succeeded {
        put("result", request.mock.as_ref().and_then(|mock| mock.result.as_ref().ok()));
    }
    // All that there are afterwards (the API's reference): those of the request as well.
    let variables = match (request.variables.clone(), seen.assigned.clone()) {
        (None, None) => None,
        (before, assigned) => {
            let mut variables = before.unwrap_or_default();
            variables.extend(assigned.unwrap_or_default());
            Some(Value::from(variables))
        }
    };
    put("variables", variables.as_ref());
    let number = |value: f64| Value::Number(Number::from_f64(value).unwrap_or(Number::Int(0)));
    let mut member = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(key.into(), value);
        }
    };
    member("maxConcurrency", seen.max_concurrency.map(Value::from));
    member("toleratedFailureCount", seen.tolerated_failure_count.map(number));
    member("toleratedFailurePercentage", seen.tolerated_failure_percentage.map(number));
    let mut details = Map::default();
    for (key, index) in [("catchIndex", seen.catch_index), ("retryIndex", seen.retry_index)] {
        if let Some(index) = index {
            details.insert(key.into(), Value::from(index));
        }
    }
    if let Some(seconds) = seen.retry_backoff_seconds {
        details.insert("retryBackoffIntervalSeconds".into(), number(seconds));
    }
    if !details.is_empty() {
        member("errorDetails", Some(Value::from(details)));
    }
    Value::from(data)
}
