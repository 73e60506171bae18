//! The Step Functions API as JSON in, JSON out, over the sans-IO account.
//!
//! [`call`] takes the name of an operation and the body of a request, and answers the body of the
//! response. It performs no I/O and asks no clock: a server puts HTTP around it.

use crate::service::{ActivityTask, ExecutionId, PollId, Service};
use crate::time::Timestamp;

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
    let _ = (service, now, body);
    Err(ApiError::new("UnknownOperationException", format!("unknown operation `{operation}`")))
}

/// The answer of GetActivityTask: the task, or a null token where there was none for a minute.
pub fn activity_task(task: Option<&ActivityTask>) -> String {
    let _ = task;
    String::from("{}")
}

/// The answer of StartSyncExecution, whose execution has ended.
pub fn sync_execution(service: &Service, execution: ExecutionId) -> String {
    let _ = (service, execution);
    String::from("{}")
}
