//! Task tokens.

use std::sync::Arc;

use super::{ApiError, ExecutionId, Response, Service};
use crate::engine::{Input, TaskId};
use crate::time::Timestamp;

/// The task that a token stands for.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) execution: ExecutionId,
    pub(super) task: TaskId,
    /// The activity that the task is of.
    pub(super) activity: Option<Arc<str>>,
}

impl Service {
    /// Gives an outcome to the task that a token stands for.
    pub(super) fn send_task(
        &mut self,
        now: Timestamp,
        task_token: &str,
        input: impl FnOnce(TaskId) -> Input,
    ) -> Result<Response, ApiError> {
        let Some(Token { execution, task, activity }) = self.tokens.get(task_token) else {
            return Err(ApiError::invalid_token());
        };
        if activity.as_ref().is_some_and(|arn| !self.activities.contains_key(arn)) {
            return Err(ApiError::task_does_not_exist());
        }
        let (execution, task) = (*execution, *task);
        let encryption = &self.records[execution].machine.settings.encryption;
        self.surroundings.check_key(encryption)?;
        match self.tell(now, execution, input(task)) {
            Ok(()) => Ok(Response::Empty),
            Err(_) => Err(ApiError::task_timed_out()),
        }
    }
}
