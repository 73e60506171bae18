//! The Step Functions API as JSON in, JSON out, over the sans-IO account.
//!
//! [`call`] takes the name of an operation and the body of a request, and answers the body of the
//! response. It performs no I/O and asks no clock: a server puts HTTP around it.

mod activity;
mod body;
mod execution;
mod machine;
mod map_run;
mod version;
mod write;

pub use crate::service::ApiError;
use std::sync::Arc;

use crate::service::{ActivityTask, ExecutionId, PollId, Service};
use crate::test_state::TestStateRequest;
use crate::time::Timestamp;

use body::Body;

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The body of the response, JSON.
    Ready(String),
    /// GetActivityTask waits: [`Output::ActivityTask`](crate::service::Output::ActivityTask) has
    /// the answer within a minute, which [`activity_task`] writes.
    ActivityTask(PollId),
    /// StartSyncExecution waits for the end of its execution
    /// ([`Output::Ended`](crate::service::Output::Ended)); [`sync_execution`] writes the answer.
    SyncExecution(ExecutionId),
}

/// The operations of the service model.
pub const OPERATIONS: [&str; 37] = [
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeMapRun",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// A request that is read: it names an operation and is JSON.
#[derive(Debug)]
pub struct Request {
    operation: &'static str,
    body: Body,
}

impl Request {
    /// Reads a request. `operation` is the name behind the dot of `X-Amz-Target`.
    ///
    /// # Errors
    ///
    /// `UnknownOperationException`, and `SerializationException` for a body that is no JSON object.
    pub fn parse(operation: &str, body: &[u8]) -> Result<Self, ApiError> {
        let Some(operation) = OPERATIONS.iter().find(|known| **known == operation) else {
            let message = format!("unknown operation `{operation}`");
            return Err(ApiError::new("UnknownOperationException", message));
        };
        Ok(Self { operation, body: Body::parse(body)? })
    }

    /// The name of the operation.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The test case that `stateMachineArn` of a start names behind a `#`, as Step Functions Local
    /// has it. The ARN is without it from then on.
    pub fn split_test_case(&mut self) -> Option<String> {
        match self.operation {
            "StartExecution" | "StartSyncExecution" => self.body.split("stateMachineArn", '#'),
            _ => None,
        }
    }

    /// `stateMachineArn`, where the request has it as a string.
    pub fn state_machine_arn(&self) -> Option<Arc<str>> {
        self.body.text("stateMachineArn").ok().flatten()
    }

    /// The answer, where it needs nothing of the account: those operations may take their time, and
    /// nobody else has to wait for them.
    pub fn answer_alone(&self) -> Option<Result<String, ApiError>> {
        match self.operation {
            "TestState" => Some(test_state(&self.body)),
            "ValidateStateMachineDefinition" => Some(machine::validate(&self.body)),
            _ => None,
        }
    }
}

/// Does what one request asks for. `operation` is the name behind the dot of `X-Amz-Target`.
///
/// Afterwards [`Service::poll`] has to be called until it is idle, as after every other input.
///
/// # Errors
///
/// The errors of the service model, by name and with AWS's words where they are known;
/// `UnknownOperationException`; `SerializationException` for a body that is not JSON or has a
/// member of the wrong type.
pub fn call(
    service: &mut Service,
    now: Timestamp,
    operation: &str,
    body: &[u8],
) -> Result<Answer, ApiError> {
    answer(service, now, &Request::parse(operation, body)?)
}

/// Does what a request asks for, as [`call`].
///
/// # Errors
///
/// As of [`call`].
pub fn answer(
    service: &mut Service,
    now: Timestamp,
    request: &Request,
) -> Result<Answer, ApiError> {
    if let Some(answer) = request.answer_alone() {
        return answer.map(Answer::Ready);
    }
    let Request { operation, body } = request;
    let text = match *operation {
        "GetActivityTask" => return activity::task(service, now, body),
        "StartSyncExecution" => return execution::start_sync(service, now, body),
        "CreateActivity" => activity::create(service, now, body),
        "DeleteActivity" => activity::delete(service, now, body),
        "DescribeActivity" => activity::describe(service, body),
        "ListActivities" => activity::list(service, body),
        "SendTaskFailure" => activity::fail(service, now, body),
        "SendTaskHeartbeat" => activity::heartbeat(service, now, body),
        "SendTaskSuccess" => activity::succeed(service, now, body),
        "CreateStateMachine" => machine::create(service, now, body),
        "DeleteStateMachine" => machine::delete(service, body),
        "DescribeStateMachine" => machine::describe(service, body),
        "DescribeStateMachineForExecution" => machine::describe_for_execution(service, body),
        "ListStateMachines" => machine::list(service, body),
        "ListTagsForResource" => machine::tags(service, body),
        "TagResource" => machine::tag(service, body),
        "UntagResource" => machine::untag(service, body),
        "UpdateStateMachine" => machine::update(service, now, body),
        "CreateStateMachineAlias" => version::create_alias(service, now, body),
        "DeleteStateMachineAlias" => version::delete_alias(service, body),
        "DeleteStateMachineVersion" => version::delete(service, body),
        "DescribeStateMachineAlias" => version::describe_alias(service, body),
        "ListStateMachineAliases" => version::list_aliases(service, body),
        "ListStateMachineVersions" => version::list(service, body),
        "PublishStateMachineVersion" => version::publish(service, now, body),
        "UpdateStateMachineAlias" => version::update_alias(service, now, body),
        "DescribeMapRun" => map_run::describe(service, body),
        "ListMapRuns" => map_run::list(service, body),
        "UpdateMapRun" => map_run::update(service, now, body),
        "DescribeExecution" => execution::describe(service, now, body),
        "GetExecutionHistory" => execution::history(service, body),
        "ListExecutions" => execution::list(service, body),
        "RedriveExecution" => execution::redrive(service, now, body),
        "StartExecution" => execution::start(service, now, body),
        _ => execution::stop(service, now, body),
    };
    text.map(Answer::Ready)
}

/// The answer of GetActivityTask: the task, or a null token where there was none for a minute.
pub fn activity_task(task: Option<&ActivityTask>) -> String {
    activity::answer(task)
}

/// The answer of StartSyncExecution, whose execution has ended.
pub fn sync_execution(service: &Service, execution: ExecutionId) -> String {
    execution::sync_answer(service, execution)
}

fn test_state(body: &Body) -> Result<String, ApiError> {
    let tested = TestStateRequest::from_json(&body.value())
        .and_then(|request| crate::test_state::test_state(&request));
    match tested {
        Ok(response) => Ok(response.to_json().to_json()),
        Err(error) => Err(ApiError::new(error.code, error.message)),
    }
}

/// What an operation without an answer answers.
fn nothing() -> String {
    String::from("{}")
}
