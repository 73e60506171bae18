//! TestState as a function: one state run by itself, with a mocked result and a look inside.
//!
//! Nothing here calls a service: a Task needs a mock, where AWS would call it for real.

mod map_run;
mod request;
mod response;
mod rules;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::asl::{self, State, StateIndex, StateKind, StateMachine, States};
use crate::document::Document;
use crate::engine::{
    Execution, ExecutionResult, FailureStage, Input, Inspection, Output, Start, StateTest,
};
use crate::entropy::Entropy;
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::value::{Map, Value};

pub use crate::service_model::FieldValidationMode;
pub use request::{InspectionLevel, Mock, StateConfiguration, TestStateRequest};
pub use response::{TestStateResponse, TestStatus};

/// Why a state cannot be tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct TestStateError {
    /// The API's error: `ValidationException`, `InvalidDefinition`, `InvalidExecutionInput`.
    pub code: &'static str,
    /// AWS's words where they are recorded.
    pub message: String,
}

/// The name that AWS gives to a state which comes without one.
const NAMELESS: &str = "StateName";

/// Tests a state.
///
/// ```
/// use serde_json::json;
/// use stepproof::test_state::{TestStateRequest, TestStatus, test_state};
///
/// let request = TestStateRequest::from_json(&json!({
///     "definition": json!({
///         "Type": "Task",
///         "Resource": "arn:aws:states:::sqs:sendMessage",
///         "Parameters": { "QueueUrl": "q", "MessageBody.$": "$.text" },
///         "ResultPath": "$.sent",
///         "Next": "Done"
///     }).to_string(),
///     "input": r#"{"text": "hello"}"#,
///     "inspectionLevel": "DEBUG",
///     "mock": { "result": r#"{"MessageId": "m-1"}"# }
/// }).into())?;
/// let response = test_state(&request)?;
/// assert_eq!(response.status, TestStatus::Succeeded);
/// assert_eq!(response.next_state.as_deref(), Some("Done"));
/// assert_eq!(response.output, Some(json!({
///     "text": "hello", "sent": { "MessageId": "m-1" }
/// }).into()));
/// # Ok::<(), stepproof::test_state::TestStateError>(())
/// ```
///
/// # Errors
///
/// Where AWS refuses the request, in its words; and where a Task has no mock.
pub fn test_state(request: &TestStateRequest) -> Result<TestStateResponse, TestStateError> {
    test_state_of(&machine(request)?, request)
}

/// Tests a state of a machine that is read already; the request's definition is not looked at.
///
/// # Errors
///
/// As [`test_state`].
pub fn test_state_of(
    machine: &Arc<StateMachine>,
    request: &TestStateRequest,
) -> Result<TestStateResponse, TestStateError> {
    let (level, index) = find(machine, request)?;
    let state = &level[index];
    rules::check(request, state)?;
    let setup = StateTest {
        level: Some(level.clone()),
        state: Some(index),
        context: request.context.clone(),
        result: request.mock.as_ref().map(Mock::outcome),
        retry_count: request.configuration.retrier_retry_count,
        variables: request.variables.clone().unwrap_or_default(),
    };
    let (result, inspection) = run(request, machine, state, setup)?;
    Ok(response::build(request, state, &result, inspection))
}

fn machine(request: &TestStateRequest) -> Result<Arc<StateMachine>, TestStateError> {
    let refuse = |message: String| TestStateError { code: "InvalidDefinition", message };
    let limits = Limits::today();
    let document = Document::parse("definition.json", &request.definition).map_err(|problem| {
        let standard = asl::ExecutionType::Standard;
        let refused = asl::accept_definition(&request.definition, &limits, standard);
        refuse(refused.err().unwrap_or(problem.message))
    })?;
    let document = document.literal();
    let whole = document.root.get("States").is_some();
    let (machine, problems) = match whole {
        true => asl::parse(&document, &limits, asl::ExecutionType::Standard),
        false => asl::parse_state(&document, NAMELESS, &limits),
    };
    machine.map(Arc::new).ok_or_else(|| {
        let errors = problems.iter().filter(|problem| problem.is_error());
        let errors: Vec<String> = errors
            .map(|problem| format!("{}: {} at {}", problem.code, problem.message, problem.location))
            .collect();
        refuse(format!("Invalid State Machine Definition: '{}'", errors.join(", ")))
    })
}

/// The state that a request is about, where the machine has it.
pub(crate) fn tested_state(
    machine: &StateMachine,
    request: &TestStateRequest,
) -> Option<(Arc<States>, StateIndex)> {
    find(machine, request).ok()
}

/// The state to test, and the level it stands in.
fn find(
    machine: &StateMachine,
    request: &TestStateRequest,
) -> Result<(Arc<States>, StateIndex), TestStateError> {
    let Some(name) = &request.state_name else {
        return Ok((machine.states.clone(), machine.states.start_at));
    };
    find_in(&machine.states, name).ok_or_else(|| TestStateError {
        code: "ValidationException",
        message: format!("State not found: {name}"),
    })
}

fn find_in(level: &Arc<States>, name: &str) -> Option<(Arc<States>, StateIndex)> {
    for (index, state) in level.iter().enumerate() {
        if &*state.name == name {
            return Some((level.clone(), StateIndex(index as u32)));
        }
        let inner = match &state.kind {
            StateKind::Parallel(branches) => {
                branches.iter().find_map(|branch| find_in(branch, name))
            }
            StateKind::Map(map) => find_in(&map.processor, name),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
    }
    None
}

fn run(
    request: &TestStateRequest,
    machine: &Arc<StateMachine>,
    state: &State,
    setup: StateTest,
) -> Result<(ExecutionResult, Inspection), TestStateError> {
    let now = request.start_time.unwrap_or(Timestamp(1_704_067_200_000));
    let mut execution = Execution::start(now, machine.clone(), start(request)).test_state(setup);
    let mut now = now;
    loop {
        match execution.poll() {
            Output::Task(task) => {
                let Some(mock) = &request.mock else { return Err(no_mock(&task.state)) };
                let task = task.task;
                let input = match mock.outcome() {
                    Ok(output) => Input::TaskSucceeded { task, output },
                    Err(failure) => Input::TaskFailed { task, stage: FailureStage::Run, failure },
                };
                execution.handle(now, input).map_err(|error| internal(&error.to_string()))?;
            }
            Output::CancelTask(_) | Output::RedriveMapRun { .. } => {}
            Output::MapRun(run) => {
                let Some(mock) = &request.mock else { return Err(no_mock(&run.state)) };
                let task = run.task;
                let outcome = map_run::outcome(&mut execution, state, request, mock, *run)?;
                let ended = Input::MapRunEnded { task, outcome };
                execution.handle(now, ended).map_err(|error| internal(&error.to_string()))?;
            }
            Output::Idle(Some(deadline)) => {
                now = deadline;
                execution.handle_timeout(now);
            }
            Output::Idle(None) => return Err(internal("the state waits for nothing")),
            Output::Ended => break,
        }
    }
    let inspection = execution.inspection().cloned().unwrap_or_default();
    match execution.result() {
        Some(result) => Ok((result.clone(), inspection)),
        None => Err(internal("the state did not end")),
    }
}

fn start(request: &TestStateRequest) -> Start {
    let (region, account) = match &request.account {
        Some((region, account)) => (&**region, &**account),
        None => ("us-east-1", "123456789012"),
    };
    let role = format!("arn:aws:iam::{account}:role/stepproof");
    let machine = "TestState";
    let name = Entropy::new(request.seed).next_uuid();
    Start {
        // AWS runs a tested state as an Express execution (base_map_state_inspect.*).
        arn: format!("arn:aws:states:{region}:{account}:express:{machine}:{name}").into(),
        name: name.into(),
        state_machine_arn: format!("arn:aws:states:{region}:{account}:stateMachine:{machine}")
            .into(),
        state_machine_name: machine.into(),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        role_arn: request.role_arn.clone().unwrap_or_else(|| role.into()),
        region: region.into(),
        execution_type: asl::ExecutionType::Express,
        synchronous: true,
        input: request.input.clone().unwrap_or_else(|| Value::from(Map::default())),
        seed: request.seed,
        interleaving: None,
        limits: Limits::today().into(),
    }
}

fn no_mock(state: &str) -> TestStateError {
    TestStateError {
        code: "ValidationException",
        message: format!(
            "the state `{state}` would call a service, which a test here never does: give \
             `mock.result` or `mock.errorOutput`"
        ),
    }
}

fn internal(what: &str) -> TestStateError {
    TestStateError { code: "InternalFailure", message: what.to_owned() }
}

/// What kinds of state take a mock.
fn takes_mock(state: &State) -> bool {
    matches!(state.kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_))
}
