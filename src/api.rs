//! The Step Functions API as JSON in, JSON out, over the sans-IO account.
//!
//! [`call`] takes the name of an operation and the body of a request, and answers the body of the
//! response. It performs no I/O and asks no clock: a server puts HTTP around it.

mod execution;
mod machine;
mod page;
mod request;
mod schema;
mod task;

use std::sync::Arc;

use request::Asked;

use crate::json;
use crate::service::{Account, ActivityTask, ExecutionId, PollId, Service};
use crate::time::Timestamp;
use crate::value::Value;

pub use crate::service::ApiError;

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

type Handler = fn(&mut Service, &Asked) -> Result<Answer, ApiError>;

/// The names of all operations, in order.
pub const OPERATIONS: [&str; 37] = {
    let mut names = [""; 37];
    let mut i = 0;
    while i < names.len() {
        names[i] = HANDLERS[i].0;
        i += 1;
    }
    names
};

/// Whether an operation leaves the account as it is: those that [only read](only_reads), and
/// TestState, whose access level is another.
pub fn changes_nothing(operation: &str) -> bool {
    operation == "TestState" || only_reads(operation)
}

/// By name, in order.
const HANDLERS: [(&str, Handler); 37] = [
    ("CreateActivity", task::create_activity),
    ("CreateStateMachine", machine::create),
    ("CreateStateMachineAlias", machine::create_alias),
    ("DeleteActivity", task::delete_activity),
    ("DeleteStateMachine", machine::delete),
    ("DeleteStateMachineAlias", machine::delete_alias),
    ("DeleteStateMachineVersion", machine::delete_version),
    ("DescribeActivity", task::describe_activity),
    ("DescribeExecution", execution::describe),
    ("DescribeMapRun", execution::describe_map_run),
    ("DescribeStateMachine", machine::describe),
    ("DescribeStateMachineAlias", machine::describe_alias),
    ("DescribeStateMachineForExecution", machine::describe_for_execution),
    ("GetActivityTask", task::poll),
    ("GetExecutionHistory", execution::history),
    ("ListActivities", task::list_activities),
    ("ListExecutions", execution::list),
    ("ListMapRuns", execution::list_map_runs),
    ("ListStateMachineAliases", machine::list_aliases),
    ("ListStateMachineVersions", machine::list_versions),
    ("ListStateMachines", machine::list),
    ("ListTagsForResource", task::list_tags),
    ("PublishStateMachineVersion", machine::publish),
    ("RedriveExecution", execution::redrive),
    ("SendTaskFailure", task::send_failure),
    ("SendTaskHeartbeat", task::send_heartbeat),
    ("SendTaskSuccess", task::send_success),
    ("StartExecution", execution::start),
    ("StartSyncExecution", execution::start_sync),
    ("StopExecution", execution::stop),
    ("TagResource", task::tag),
    ("TestState", task::test_state),
    ("UntagResource", task::untag),
    ("UpdateMapRun", execution::update_map_run),
    ("UpdateStateMachine", machine::update),
    ("UpdateStateMachineAlias", machine::update_alias),
    ("ValidateStateMachineDefinition", task::validate_definition),
];

/// A request that is read: it names an operation and is a JSON object.
#[derive(Debug)]
pub struct Request {
    operation: &'static str,
    handler: Handler,
    body: Value,
}

impl Request {
    /// Reads a request. `operation` is the name behind the dot of `X-Amz-Target`.
    ///
    /// # Errors
    ///
    /// `UnknownOperationException`, and `SerializationException` for a body that is no JSON object.
    pub fn parse(operation: &str, body: &[u8]) -> Result<Self, ApiError> {
        let found = HANDLERS.binary_search_by_key(&operation, |(name, _)| *name).ok();
        let Some((operation, handler)) = found.map(|index| HANDLERS[index]) else {
            let message = format!("Unknown operation: '{operation}'");
            return Err(ApiError::new("UnknownOperationException", message));
        };
        Ok(Self { operation, handler, body: read(body)? })
    }

    /// The name of the operation.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The request as CloudTrail records it: what the service model marks as sensitive is
    /// `HIDDEN_DUE_TO_SECURITY_REASONS`.
    pub fn recorded(&self) -> Value {
        schema::recorded(schema::members(self.operation), &self.body)
    }

    /// `stateMachineArn`, where the request has it as a string.
    pub fn state_machine_arn(&self) -> Option<Arc<str>> {
        request::text_in(&self.body, "stateMachineArn")
    }

    /// `executionArn`, where the request has it as a string.
    pub fn execution_arn(&self) -> Option<Arc<str>> {
        request::text_in(&self.body, "executionArn")
    }

    /// The test case that `stateMachineArn` of a start names behind a `#`, as Step Functions Local
    /// has it. The ARN is without it from then on.
    pub fn split_test_case(&mut self) -> Option<String> {
        if !matches!(self.operation, "StartExecution" | "StartSyncExecution") {
            return None;
        }
        let Value::Object(members) = &self.body else { return None };
        let arn = members.get("stateMachineArn")?.as_str()?;
        let (arn, case) = arn.split_once('#')?;
        let (arn, case) = (Value::string(arn), case.to_owned());
        self.body = Value::Object(members.with("stateMachineArn", arn));
        Some(case)
    }

    /// The answer, where it needs nothing of the account but its name: those operations may take
    /// their time, and nobody else has to wait for them.
    pub fn answer_alone(
        &self,
        now: impl FnOnce() -> Timestamp,
        account: &Account,
    ) -> Option<AnsweredAlone> {
        let answer = match self.operation {
            "TestState" => task::test_state_alone,
            "ValidateStateMachineDefinition" => task::validate_alone,
            _ => return None,
        };
        Some(self.checked(now()).and_then(|asked| answer(account, &asked)))
    }

    /// The request with its time, held against its members' types and constraints.
    fn checked(&self, now: Timestamp) -> Result<Asked, ApiError> {
        schema::check(schema::members(self.operation), &self.body)?;
        Ok(Asked { operation: self.operation, body: self.body.clone(), now })
    }
}

/// The body of the response of an operation that needs no account.
pub type AnsweredAlone = Result<String, ApiError>;

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
    (request.handler)(service, &request.checked(now)?)
}

fn read(body: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| schema::serialization(&format!("the body is not UTF-8: {error}")))?;
    match json::parse(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => {
            let kind = other.kind();
            Err(schema::serialization(&format!("the body must be a JSON object, not {kind}")))
        }
        Err(error) => {
            let place = error.locate(text);
            Err(schema::serialization(&format!("the body is not JSON: {place}")))
        }
    }
}

/// The answer of GetActivityTask: the task, or a null token where there was none for a minute
/// (API reference, GetActivityTask).
pub fn activity_task(task: Option<&ActivityTask>) -> String {
    match task {
        Some(task) => request::Members::new()
            .text("taskToken", &task.task_token)
            .text("input", &task.input.to_json())
            .end(),
        None => String::from(r#"{"taskToken":null}"#),
    }
}

/// The answer to an operation as CloudTrail records it: nothing of one that only reads or answers
/// nothing, and no secrets.
pub fn recorded_answer(operation: &str, answer: &str) -> Value {
    if only_reads(operation) {
        return Value::Null;
    }
    match Value::parse(answer) {
        Ok(Value::Object(members)) if !members.is_empty() => {
            let recorded = members.iter().map(|(key, value)| match &**key {
                _ if value.is_null() => (key.clone(), Value::Null),
                "input" | "output" | "error" | "cause" | "inspectionData" => {
                    (key.clone(), Value::string(schema::HIDDEN))
                }
                _ => (key.clone(), value.clone()),
            });
            Value::object(recorded)
        }
        _ => Value::Null,
    }
}

/// Whether an operation has the access level List or Read (Service Authorization Reference, AWS Step
/// Functions).
pub fn only_reads(operation: &str) -> bool {
    operation.starts_with("Describe")
        || operation.starts_with("List")
        || matches!(operation, "GetExecutionHistory" | "ValidateStateMachineDefinition")
}

/// The answer of StartSyncExecution, whose execution has ended.
pub fn sync_execution(service: &Service, execution: ExecutionId) -> String {
    execution::sync_answer(service, execution)
}

#[cfg(test)]
mod tests;
