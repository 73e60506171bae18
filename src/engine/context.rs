//! The Context Object: what `$$` and `$states.context` see.

use super::branch::Branch;
use super::execution::Execution;
use crate::asl::StateKind;
use crate::value::{Map, Value};

impl Execution {
    /// The Context Object of a branch, its members in AWS's order
    /// (`context_object.input_path`), its times without zeros at the end of the fraction (measured
    /// on AWS).
    pub(super) fn context(&self, branch: &Branch) -> Value {
        if let Some(context) = self.test.as_ref().and_then(|test| test.setup.context.as_ref()) {
            return context.clone();
        }
        let start = &self.start;
        let mut execution = Map::default();
        execution.insert("Id".into(), Value::String(start.arn.clone()));
        execution.insert("Input".into(), start.input.clone());
        execution.insert("StartTime".into(), Value::from(self.started_at.to_context_text()));
        execution.insert("Name".into(), Value::String(start.name.clone()));
        execution.insert("RoleArn".into(), Value::String(start.role_arn.clone()));
        if !start.synchronous {
            // Asynchronous Express executions have it too, always 0 (express_async.* and
            // express_sync.query_runtime_memory).
            execution.insert("RedriveCount".into(), Value::from(self.redrive_count));
            if let Some(time) = self.redriven_at {
                execution.insert("RedriveTime".into(), Value::from(time.to_context_text()));
            }
        }

        let mut machine = Map::default();
        machine.insert("Id".into(), Value::String(start.state_machine_arn.clone()));
        machine.insert("Name".into(), Value::String(start.state_machine_name.clone()));

        let current = branch.state();
        let mut state = Map::default();
        state.insert("Name".into(), Value::String(current.name.clone()));
        state.insert("EnteredTime".into(), Value::from(branch.entered_at.to_context_text()));
        let retryable =
            matches!(current.kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_));
        if retryable {
            // Only states that can be retried have it (lambda_service_invoke_with_retry against
            // context_object.input_path).
            state.insert("RetryCount".into(), Value::from(branch.retry_count));
        }

        let mut context = Map::default();
        context.insert("Execution".into(), Value::from(execution));
        context.insert("StateMachine".into(), Value::from(machine));
        context.insert("State".into(), Value::from(state));
        if let Some(token) = &branch.task_token {
            context.insert("Task".into(), Value::object([("Token", Value::String(token.clone()))]));
        }
        if let Some(item) = &branch.map_item {
            context.insert("Map".into(), Value::object([("Item", item.clone())]));
        }
        Value::from(context)
    }
}
