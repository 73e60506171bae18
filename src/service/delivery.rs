//! Duplicate delivery: the start of an asynchronous Express execution that arrives once more.

use super::{ApiError, ExecutionId, Record, Service};
use crate::asl::ExecutionType;
use crate::engine::Execution;
use crate::entropy::Entropy;
use crate::time::Timestamp;

impl Service {
    /// Runs an execution once more, as though its start had been delivered again: asynchronous
    /// Express workflows run at least once, Standard ones exactly once (documentation, "Choosing
    /// workflow type"). Name, ARN and input are those of the first run; what is random or tells
    /// the time is the new run's own. [`Service::find_execution`] still finds the first.
    ///
    /// # Errors
    ///
    /// `StateMachineTypeNotSupported` for a Standard execution, and for one that a task waits
    /// for: StartSyncExecution runs at most once.
    pub fn deliver_again(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
    ) -> Result<ExecutionId, ApiError> {
        let record = self.execution(execution);
        let machine = record.machine.clone();
        let awaited = record.parent.is_some_and(|parent| parent.form.awaits());
        if machine.execution_type == ExecutionType::Standard || awaited {
            return Err(ApiError::type_not_supported());
        }
        let (arn, name) = (record.arn.clone(), record.name.clone());
        let mut start = record.execution.start_parameters().clone();
        start.seed = Entropy::new(start.seed).fork("delivered again").next_i64();
        let started = Execution::start(now, machine.machine.clone(), start);
        let listed_under = record.listed_under.clone();
        let id = self.records.next_id();
        let mut record = Record::new(id, arn, name, machine, started, None);
        record.listed_under = listed_under;
        Ok(self.insert(record))
    }
}
