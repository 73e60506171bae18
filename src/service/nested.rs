//! Tasks whose service is Step Functions itself: nested executions, callbacks and activities.

use std::sync::Arc;

use super::activity::Poller;
use super::execution::{Parent, pascal_case};
use super::{ApiError, ExecutionId, NewExecution, Operation, Response, Service};
use crate::asl::{ExecutionType, Pattern, Resource};
use crate::engine::{ExecutionResult, ExecutionStatus, FailureStage, Input, TaskRequest};
use crate::history::Failure;
use crate::time::Timestamp;
use crate::value::Value;

/// The request id of every call.
const REQUEST_ID: &str = "11111111-2222-4333-8444-555555555555";

/// What the parent of a nested execution hears of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NestedForm {
    /// Nothing: it only started it.
    Detached,
    /// `startExecution.sync`: the description, with input and output as texts.
    Text,
    /// `startExecution.sync:2`: the description, with input and output as JSON.
    Json,
    /// `aws-sdk:sfn:startSyncExecution`: the answer of that call, whatever the status.
    Sync,
}

impl NestedForm {
    /// Whether a task waits for the end of this very execution.
    pub(super) fn awaits(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Sync)
    }
}

impl Service {
    /// Does a task whose service is Step Functions: activities, `states:startExecution` in all its
    /// patterns, and the `aws-sdk:sfn` calls that concern executions and tasks. False where the
    /// task is none of these, or the machine or activity is not of this account.
    pub fn serve(&mut self, now: Timestamp, id: ExecutionId, request: &TaskRequest) -> bool {
        match &request.resource {
            Resource::Activity { arn } => self.schedule_activity(now, id, request, arn),
            Resource::Service { service, action, pattern, .. } => match &**service {
                "states" if &**action == "startExecution" => {
                    self.start_nested(now, id, request, *pattern)
                }
                "aws-sdk:sfn" => self.call_sfn(now, id, request, action),
                _ => false,
            },
            _ => false,
        }
    }

    /// Makes the machine that a nested execution names known under the ARN it uses, where only
    /// region, account or qualifier differ: definitions are written for many accounts.
    pub fn adopt(&mut self, request: &TaskRequest) {
        let Resource::Service { service, .. } = &request.resource else { return };
        if !matches!(&**service, "states" | "aws-sdk:sfn") {
            return;
        }
        let Some(Value::String(arn)) = request.arguments.get("StateMachineArn") else { return };
        if self.find_state_machine(arn).is_some() {
            return;
        }
        let name = arn.split(':').nth(6).unwrap_or(arn);
        let mut all = self.machines.values().map(|machine| &machine.current);
        let own = all.find(|machine| *machine.name == *name).cloned();
        if let Some(machine) = own {
            self.alias_state_machine(arn.clone(), machine);
        }
    }

    /// `states:startExecution` (recorded: `callback.start_execution_sync*`,
    /// `sfn_task_service.start_execution_input_json`).
    fn start_nested(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        request: &TaskRequest,
        pattern: Pattern,
    ) -> bool {
        let Some(arn) = self.own_machine(request) else { return false };
        let form = match pattern {
            Pattern::Sync => NestedForm::Text,
            Pattern::Sync2 => NestedForm::Json,
            Pattern::RequestResponse | Pattern::WaitForTaskToken => NestedForm::Detached,
        };
        let waits = pattern != Pattern::RequestResponse;
        let parent = Parent { execution: id, task: request.task, form };
        let started = nested_input(request.arguments.get("Input"), true).and_then(|input| {
            let new = NewExecution::new(arn, input);
            let (name, parent) = (name_of(request), Some(parent));
            self.start_execution(now, NewExecution { name, parent, ..new })
        });
        let answer = match started {
            Ok(child) => {
                let record = self.execution(child);
                let date = record.execution.started_at().millis();
                let output = Value::object([
                    ("ExecutionArn", Value::String(record.arn.clone())),
                    ("SdkHttpMetadata", Value::object([("HttpStatusCode", Value::from(200))])),
                    ("SdkResponseMetadata", Value::object([("RequestId", REQUEST_ID.into())])),
                    ("StartDate", Value::from(date)),
                ]);
                if waits {
                    Input::TaskSubmitted { task: request.task, output }
                } else {
                    Input::TaskSucceeded { task: request.task, output }
                }
            }
            Err(error) => {
                let stage = if waits { FailureStage::Submit } else { FailureStage::Run };
                let failure = optimized_failure(&error);
                Input::TaskFailed { task: request.task, stage, failure }
            }
        };
        // The task was requested in this very moment, so it is still there.
        let _ = self.tell(now, id, answer);
        true
    }

    /// The calls of `aws-sdk:sfn` that the account knows how to do.
    fn call_sfn(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        request: &TaskRequest,
        action: &str,
    ) -> bool {
        let text = |key: &str| match request.arguments.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let token = || text("TaskToken").unwrap_or_else(|| "".into());
        let failure = || Failure { error: text("Error"), cause: text("Cause") };
        let result = match action {
            "startExecution" | "startSyncExecution" => {
                let Some(arn) = self.own_machine(request) else { return false };
                let sync = action == "startSyncExecution";
                match self.start_by_sdk(now, id, request, &arn, sync) {
                    Ok(Some(result)) => Ok(result),
                    // The child's end is the answer.
                    Ok(None) => return true,
                    Err(error) => Err(error),
                }
            }
            "sendTaskSuccess" => {
                let output = text("Output").unwrap_or_else(|| "".into());
                match Value::parse(&output) {
                    Ok(output) => {
                        self.sfn(now, Operation::SendTaskSuccess { task_token: token(), output })
                    }
                    Err(error) => Err(ApiError::invalid_output(&error.to_string())),
                }
            }
            "sendTaskFailure" => {
                let (task_token, failure) = (token(), failure());
                self.sfn(now, Operation::SendTaskFailure { task_token, failure })
            }
            "sendTaskHeartbeat" => {
                self.sfn(now, Operation::SendTaskHeartbeat { task_token: token() })
            }
            "stopExecution" => {
                let execution_arn = text("ExecutionArn").unwrap_or_else(|| "".into());
                self.sfn(now, Operation::StopExecution { execution_arn, failure: failure() })
            }
            "describeExecution" => {
                let arn = text("ExecutionArn").unwrap_or_else(|| "".into());
                match self.find_execution(&arn) {
                    Some(found) => Ok(pascal_case(self.execution(found).describe(now, iso_date))),
                    None => Err(ApiError::execution_does_not_exist(&arn)),
                }
            }
            "getActivityTask" => {
                let arn = text("ActivityArn").unwrap_or_else(|| "".into());
                match self.take_activity_task(now, &arn, text("WorkerName")) {
                    Ok(Some(task)) => Ok(task.to_result()),
                    Ok(None) => {
                        let poller = |_| Poller::Task(id, request.task);
                        self.wait_for_task(now, &arn, poller, text("WorkerName"));
                        return true;
                    }
                    Err(error) => Err(error),
                }
            }
            _ => match self.call_versions(now, action, &request.arguments) {
                Some(result) => result,
                None => return false,
            },
        };
        let task = request.task;
        let answer = match result {
            Ok(output) => Input::TaskSucceeded { task, output },
            Err(error) => {
                let failure = sdk_failure(&error);
                Input::TaskFailed { task, stage: FailureStage::Run, failure }
            }
        };
        // Sending the outcome of its own task may have ended it: then nobody hears this answer.
        let _ = self.tell(now, id, answer);
        true
    }

    fn start_by_sdk(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        request: &TaskRequest,
        arn: &Arc<str>,
        sync: bool,
    ) -> Result<Option<Value>, ApiError> {
        let express = self
            .find_state_machine(arn)
            .is_some_and(|machine| machine.execution_type == ExecutionType::Express);
        if sync && !express {
            return Err(ApiError::type_not_supported());
        }
        let input = nested_input(request.arguments.get("Input"), false)?;
        let form = if sync { NestedForm::Sync } else { NestedForm::Detached };
        let parent = Parent { execution: id, task: request.task, form };
        let new = NewExecution::new(arn.clone(), input);
        let (name, parent) = (name_of(request), Some(parent));
        let new = NewExecution { name, parent, synchronous: sync, ..new };
        let child = self.start_execution(now, new)?;
        if sync {
            return Ok(None);
        }
        let record = self.execution(child);
        Ok(Some(Value::object([
            ("ExecutionArn", Value::String(record.arn.clone())),
            ("StartDate", iso_date(record.execution.started_at())),
        ])))
    }

    /// A call and its answer as `aws-sdk:sfn` shows it.
    fn sfn(&mut self, now: Timestamp, operation: Operation) -> Result<Value, ApiError> {
        Ok(match self.handle(now, operation)? {
            Response::Stopped(at) => Value::object([("StopDate", iso_date(at))]),
            _ => Value::object::<&str>([]),
        })
    }

    /// The ARN that the task names, where it is a state machine of this account.
    pub(super) fn own_machine(&self, request: &TaskRequest) -> Option<Arc<str>> {
        match request.arguments.get("StateMachineArn") {
            Some(Value::String(arn)) => self.find_state_machine(arn).map(|_| arn.clone()),
            _ => None,
        }
    }

    /// Tells the task that waits for a nested execution how it ended.
    pub(super) fn tell_parent(&mut self, child: ExecutionId) {
        let record = self.execution(child);
        let Some(parent) = record.parent else { return };
        let Some(now) = record.execution.ended_at() else { return };
        let Some(result) = record.execution.result() else { return };
        let succeeded = matches!(result, ExecutionResult::Succeeded(_));
        let task = parent.task;
        let answer = match parent.form {
            NestedForm::Detached => return,
            NestedForm::Sync => Input::TaskSucceeded { task, output: self.sync_answer(child) },
            NestedForm::Text | NestedForm::Json => {
                let output = description(record.describe(now, milliseconds), parent.form);
                if succeeded {
                    Input::TaskSucceeded { task, output }
                } else {
                    // `callback.start_execution_sync_delegate_timeout`
                    let failure = Failure::new("States.TaskFailed", output.to_json());
                    Input::TaskFailed { task, stage: FailureStage::Run, failure }
                }
            }
        };
        self.awaited.remove(&(parent.execution, task));
        // A parent that has ended or given up no longer listens.
        let _ = self.tell(now, parent.execution, answer);
    }

    /// StartSyncExecution's answer as `aws-sdk:sfn` shows it.
    fn sync_answer(&self, child: ExecutionId) -> Value {
        pascal_case(self.sync_description(child, iso_date))
    }

    /// StartSyncExecution's answer (`base_scenarios.lambda_service_invoke_sync_execution`); billed
    /// are whole tenths of a second and 64 MB.
    pub(crate) fn sync_description(
        &self,
        child: ExecutionId,
        date: impl Fn(Timestamp) -> Value,
    ) -> Vec<(&'static str, Value)> {
        let record = self.execution(child);
        let ended = record.execution.ended_at().unwrap_or_else(|| record.execution.started_at());
        let millis = (ended - record.execution.started_at()).max(1);
        let billing = Value::object([
            ("billedDurationInMilliseconds", Value::from((millis + 99) / 100 * 100)),
            ("billedMemoryUsedInMB", Value::from(64)),
        ]);
        let mut members = record.describe(ended, date);
        members.retain(|(key, _)| !key.starts_with("redrive"));
        members.insert(0, ("billingDetails", billing));
        members
    }
}

/// A description as `.sync` or `.sync:2` shows it.
fn description(members: Vec<(&'static str, Value)>, form: NestedForm) -> Value {
    let parsed = |(key, value): (&'static str, Value)| match (form, key, value.as_str()) {
        (NestedForm::Json, "input" | "output", Some(text)) => {
            (key, Value::parse(text).unwrap_or(value))
        }
        _ => (key, value),
    };
    pascal_case_shallow(members.into_iter().map(parsed).collect())
}

/// Capitals for the members and for those of `…Details`, none for those of inputs and outputs.
fn pascal_case_shallow(members: Vec<(&'static str, Value)>) -> Value {
    let (data, rest): (Vec<_>, Vec<_>) =
        members.iter().cloned().partition(|(key, _)| matches!(*key, "input" | "output"));
    let capitals = pascal_case(rest);
    let mut object = crate::value::Map::default();
    for (key, _) in &members {
        match *key {
            "input" => object.insert("Input".into(), find(&data, "input")),
            "output" => object.insert("Output".into(), find(&data, "output")),
            key => {
                let key = super::execution::capitalized(key);
                let value = capitals.get(&key).cloned().unwrap_or_default();
                object.insert(key, value)
            }
        };
    }
    Value::from(object)
}

fn find(members: &[(&'static str, Value)], key: &str) -> Value {
    members.iter().find(|(own, _)| *own == key).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The input of a nested execution. Optimized integrations take JSON (`null` is an empty object,
/// `callback.start_execution_sync`; a string is JSON text, `credentials_base.*`); the SDK takes
/// text.
fn nested_input(input: Option<&Value>, optimized: bool) -> Result<Value, ApiError> {
    match input {
        None | Some(Value::Null) => Ok(Value::object::<&str>([])),
        Some(Value::String(text)) => {
            Value::parse(text).map_err(|error| ApiError::invalid_input(&error.to_string()))
        }
        Some(value) if optimized => Ok(value.clone()),
        Some(_) => Err(ApiError::invalid_input("a string of JSON is needed")),
    }
}

fn name_of(request: &TaskRequest) -> Option<Arc<str>> {
    match request.arguments.get("Name") {
        Some(Value::String(name)) => Some(name.clone()),
        _ => None,
    }
}

/// Dates of optimized integrations: milliseconds since the epoch.
fn milliseconds(time: Timestamp) -> Value {
    Value::from(time.millis())
}

/// Dates of `aws-sdk:` integrations.
pub(super) fn iso_date(time: Timestamp) -> Value {
    Value::from(time.to_context_text())
}

fn optimized_failure(error: &ApiError) -> Failure {
    let ApiError { code, message, .. } = error;
    Failure::new(
        format!("StepFunctions.{code}Exception"),
        format!(
            "{message} (Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; \
             Request ID: {}; Proxy: null)",
            REQUEST_ID
        ),
    )
}

fn sdk_failure(error: &ApiError) -> Failure {
    let ApiError { code, message, .. } = error;
    Failure::new(
        format!("Sfn.{}Exception", code.trim_end_matches("Exception")),
        format!(
            "{message} (Service: Sfn, Status Code: 400, Request ID: {}) (SDK Attempt Count: 1)",
            REQUEST_ID
        ),
    )
}

impl Service {
    /// Whether an execution is still running.
    pub fn is_running(&self, id: ExecutionId) -> bool {
        self.execution(id).execution.status() == ExecutionStatus::Running
    }
}
