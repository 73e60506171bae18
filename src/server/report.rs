//! What a call of a real service tells of its Task, while it runs and at its end.

use std::sync::Arc;

use super::shared::Shared;
use crate::engine::{FailureStage, Input, TaskId};
use crate::history::Failure;
use crate::service::ExecutionId;
use crate::value::Value;

/// Tells an execution what becomes of one of its Tasks.
#[derive(Clone, Debug)]
pub(super) struct Report {
    shared: Arc<Shared>,
    execution: ExecutionId,
    task: TaskId,
}

impl Report {
    pub(super) fn new(shared: Arc<Shared>, execution: ExecutionId, task: TaskId) -> Self {
        Self { shared, execution, task }
    }

    /// The call is under way.
    pub(super) fn started(&self) {
        self.tell(Input::TaskStarted { task: self.task, worker_name: None });
    }

    /// The call of a `.sync` or `.waitForTaskToken` Task was answered; its end is still to come.
    pub(super) fn submitted(&self, output: Value) {
        self.tell(Input::TaskSubmitted { task: self.task, output });
    }

    /// The Task's result.
    pub(super) fn succeeded(self, output: Value) {
        self.tell(Input::TaskSucceeded { task: self.task, output });
    }

    /// The Task failed, having come so far.
    pub(super) fn failed(self, stage: FailureStage, failure: Failure) {
        self.tell(Input::TaskFailed { task: self.task, stage, failure });
    }

    fn tell(&self, input: Input) {
        self.shared.with(|driver, real| driver.report(self.execution, input, real));
    }
}
