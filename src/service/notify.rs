//! Execution status-change events, as EventBridge delivers them.

use std::sync::Arc;

use super::Account;
use super::execution::{Record, status_name};
use crate::engine::{ExecutionResult, ExecutionStatus};
use crate::history::Failure;
use crate::time::Timestamp;
use crate::value::Value;

/// "Step Functions Execution Status Change": an execution started, or ended.
///
/// Standard executions only (EventBridge reference of Step Functions). The JSON is that of
/// `base.event_bridge_events_base`, which has more members than the guide of 2019 shows.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// When it happened.
    pub time: Timestamp,
    /// The new status.
    pub status: ExecutionStatus,
    /// The execution.
    pub execution_arn: Arc<str>,
    /// Its state machine.
    pub state_machine_arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it started.
    pub start_date: Timestamp,
    /// When it ended.
    pub stop_date: Option<Timestamp>,
    /// The version that was started, where one was.
    pub state_machine_version_arn: Option<Arc<str>>,
    /// The alias that was started, where one was.
    pub state_machine_alias_arn: Option<Arc<str>>,
    /// `redriveStatus`, and `redriveStatusReason` where there is one.
    pub redrive_status: (&'static str, Option<String>),
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was last redriven.
    pub redrive_date: Option<Timestamp>,
    /// Its input.
    pub input: Value,
    /// Its output.
    pub output: Option<Value>,
    /// Error and cause.
    pub failure: Failure,
    id: String,
    account_id: Arc<str>,
    region: Arc<str>,
}

/// Inputs and outputs of more bytes than this are left out (`included: false`): 248 KiB, so that
/// the event stays below EventBridge's 256 KiB.
const LARGEST_DATA: usize = 248 * 1024;

impl StatusChange {
    pub(super) fn of(record: &Record, account: &Account, id: String) -> Self {
        let execution = &record.execution;
        let start = execution.start_parameters();
        let (output, failure) = match execution.result() {
            Some(ExecutionResult::Succeeded(output)) => (Some(output.clone()), Failure::default()),
            Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)) => {
                (None, failure.clone())
            }
            Some(ExecutionResult::TimedOut) | None => (None, Failure::default()),
        };
        Self {
            time: execution
                .ended_at()
                .or_else(|| execution.redriven_at())
                .unwrap_or_else(|| execution.started_at()),
            status: execution.status(),
            execution_arn: record.arn.clone(),
            state_machine_arn: start.state_machine_arn.clone(),
            name: record.name.clone(),
            start_date: execution.started_at(),
            stop_date: execution.ended_at(),
            state_machine_version_arn: start.state_machine_version_arn.clone(),
            state_machine_alias_arn: start.state_machine_alias_arn.clone(),
            redrive_status: record.redrive_status(execution.now()),
            redrive_count: execution.redrive_count(),
            redrive_date: execution.redriven_at(),
            input: start.input.clone(),
            output,
            failure,
            id,
            account_id: account.account_id.clone(),
            region: account.region.clone(),
        }
    }

    /// The event as EventBridge delivers it.
    pub fn to_value(&self) -> Value {
        let text = |text: &Option<Arc<str>>| text.clone().map_or(Value::Null, Value::String);
        let date = |time: Timestamp| Value::from(time.millis());
        let fits = |value: &Value| value.size() <= LARGEST_DATA;
        let data = |value: Option<&Value>| match value {
            Some(value) if fits(value) => Value::from(value.to_json()),
            _ => Value::Null,
        };
        let details = |value: Option<&Value>| match value {
            Some(value) => Value::object([("included", Value::Bool(fits(value)))]),
            None => Value::Null,
        };
        let (redrive_status, reason) = self.redrive_status.clone();
        let detail = Value::object([
            ("executionArn", Value::String(self.execution_arn.clone())),
            ("stateMachineArn", Value::String(self.state_machine_arn.clone())),
            ("name", Value::String(self.name.clone())),
            ("status", Value::string(status_name(self.status))),
            ("startDate", date(self.start_date)),
            ("stopDate", self.stop_date.map_or(Value::Null, date)),
            ("input", data(Some(&self.input))),
            ("output", data(self.output.as_ref())),
            ("stateMachineVersionArn", text(&self.state_machine_version_arn)),
            ("stateMachineAliasArn", text(&self.state_machine_alias_arn)),
            ("redriveCount", Value::from(self.redrive_count)),
            ("redriveDate", self.redrive_date.map_or(Value::Null, date)),
            ("redriveStatus", Value::string(redrive_status)),
            ("redriveStatusReason", reason.map_or(Value::Null, Value::from)),
            ("inputDetails", details(Some(&self.input))),
            ("outputDetails", details(self.output.as_ref())),
            ("error", text(&self.failure.error)),
            ("cause", text(&self.failure.cause)),
        ]);
        let seconds = Timestamp(self.time.millis().div_euclid(1_000) * 1_000);
        Value::object([
            ("version", Value::string("0")),
            ("id", Value::string(&self.id)),
            ("detail-type", Value::string("Step Functions Execution Status Change")),
            ("source", Value::string("aws.states")),
            ("account", Value::String(self.account_id.clone())),
            ("time", Value::from(seconds.to_context_text())),
            ("region", Value::String(self.region.clone())),
            ("resources", Value::array([Value::String(self.execution_arn.clone())])),
            ("detail", detail),
        ])
    }
}
