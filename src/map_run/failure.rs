//! The errors of Map Runs, with AWS's causes where they were recorded.

use std::sync::Arc;

use crate::history::Failure;

/// Why items could not be read.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadError {
    /// The Map Run fails with this.
    Failed(Failure),
    /// AWS might read it, but this crate does not: what to do instead.
    Unsupported(String),
}

/// `States.ItemReaderFailed`
pub(super) fn reader_failed(cause: impl Into<String>) -> ReadError {
    ReadError::Failed(failure("States.ItemReaderFailed", cause))
}

/// `States.ResultWriterFailed`
pub(super) fn writer_failed(cause: impl Into<String>) -> Failure {
    failure("States.ResultWriterFailed", cause)
}

/// More items failed than were tolerated (the cause is from users' reports).
pub(crate) fn threshold_exceeded() -> Failure {
    failure(
        "States.ExceedToleratedFailureThreshold",
        "The specified tolerated failure threshold was exceeded",
    )
}

/// An item, or what ItemSelector makes of it, is no input for an execution. Inferred.
pub(super) fn input_too_large(index: u64) -> Failure {
    failure(
        "States.DataLimitExceeded",
        format!(
            "The input of the child workflow execution with index {index} exceeds the maximum \
             number of bytes service limit."
        ),
    )
}

/// A count or size that was evaluated at run time is zero or less. The words follow those
/// recorded for MaxItems (`base_scenarios.map_item_reader_csv_max_items_paths.-1`).
pub(super) fn not_positive(field: &str) -> String {
    format!("field {field} must be positive")
}

pub(super) fn failure(error: &str, cause: impl Into<String>) -> Failure {
    Failure { error: Some(Arc::from(error)), cause: Some(Arc::from(cause.into())) }
}
