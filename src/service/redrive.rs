//! RedriveExecution.

use super::execution::redrive_status;
use super::{ApiError, ExecutionId, Response, Service};
use crate::asl::ExecutionType;
use crate::time::Timestamp;

/// How long after its end an execution can be redriven (guide, "Redrive eligibility").
const REDRIVABLE_MILLIS: i64 = 14 * 24 * 60 * 60 * 1_000;

impl Service {
    /// Lets an execution that did not succeed go on where it stopped, with the definition it
    /// started with.
    pub(super) fn redrive_execution(
        &mut self,
        now: Timestamp,
        arn: &str,
    ) -> Result<Response, ApiError> {
        let Some(id) = self.find_execution(arn) else {
            return Err(ApiError::execution_does_not_exist(arn));
        };
        let record = self.execution(id);
        if record.machine.execution_type == ExecutionType::Express {
            return Err(ApiError::type_not_supported());
        }
        if let (_, Some(reason)) = redrive_status(record.execution.status()) {
            return Err(ApiError::not_redrivable(&reason));
        }
        if record.map_run.is_some() {
            let reason = "Execution can only be redriven through its Map Run";
            return Err(ApiError::not_redrivable(reason));
        }
        if record.execution.ended_at().is_some_and(|ended| now - ended > REDRIVABLE_MILLIS) {
            let reason = "Execution has exceeded the redrivable period";
            return Err(ApiError::not_redrivable(reason));
        }
        let events = record.execution.history().len() as u64 + 1;
        if events >= self.account().limits.history_events {
            let reason = "Execution has reached the maximum number of history events";
            return Err(ApiError::not_redrivable(reason));
        }
        self.go_on(now, id);
        Ok(Response::Redriven(now))
    }

    pub(super) fn go_on(&mut self, now: Timestamp, id: ExecutionId) {
        let record = &mut self.records[id.0 as usize];
        // The caller knows that it did not succeed; a running one goes on anyway.
        if record.execution.redrive(now).is_err() {
            return;
        }
        if std::mem::replace(&mut record.over, false) {
            self.over -= 1;
        }
        self.announce(id);
        self.wake(id);
    }
}
