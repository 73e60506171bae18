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

/// Whether more items failed than a state tolerates, by their number or by their percentage, of
/// which nothing is tolerated unless the state says so (developer guide, "Setting failure
/// thresholds"). The percentage counts once it is known how many items there are.
pub(crate) fn exceeds(
    failed: u64,
    total: Option<u64>,
    tolerated: (Option<f64>, Option<f64>),
) -> bool {
    let failed = failed as f64;
    match tolerated {
        (None, None) => failed > 0.0,
        (count, percentage) => {
            let total = total.filter(|total| *total > 0);
            let share = total.map(|total| failed * 100.0 / total as f64);
            count.is_some_and(|count| failed > count)
                || percentage.zip(share).is_some_and(|(most, share)| share > most)
        }
    }
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
