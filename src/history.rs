//! What happened, in the API's words: the events that GetExecutionHistory returns.
//!
//! This is the only module that knows how events look as JSON. It reads and writes them, takes a
//! history apart along its `previousEventId` links, and compares two histories. Nothing here runs.
//!
//! A history prints one line an event, which is what a snapshot test wants:
//!
//! ```
//! use stepproof::history::History;
//!
//! let (history, notes) = History::parse(
//!     r#"{"events": [
//!         {"id": 1, "previousEventId": 0, "type": "ExecutionStarted",
//!          "executionStartedEventDetails": {"input": "{\"order\": 7}"}},
//!         {"id": 2, "previousEventId": 0, "type": "PassStateEntered",
//!          "stateEnteredEventDetails": {"name": "Price", "input": "{\"order\": 7}"}}]}"#,
//! )?;
//! assert_eq!(
//!     history.to_string(),
//!     "  1 <-   0  ExecutionStarted {\"order\":7}\n\
//!      \x20 2 <-   0  PassStateEntered Price {\"order\":7}\n",
//! );
//! assert_eq!(
//!     notes[0].to_string(),
//!     "the history stops at event 2: the execution was running, or a page is missing",
//! );
//! # Ok::<(), stepproof::history::HistoryError>(())
//! ```

use std::fmt;

mod diff;
mod event;
mod log;
mod normalize;
mod payload;
mod raw;
mod read;
mod threads;
mod write;

pub use diff::{Diff, DiffOptions, Difference, DifferenceKind, Labels, MemberDifference, Style};
pub use event::{
    ActivityScheduled, AssignedVariables, EvaluationFailed, EventDetails, EventId, EventType,
    ExecutionStarted, Failure, HistoryEvent, LambdaFunctionScheduled, MapRunRedriven,
    TaskCredentials, TaskScheduled,
};
pub use log::{LogLevel, LogOptions, without_data};
pub use normalize::Rule;
pub(crate) use normalize::without_covered;
pub use payload::{Payload, Unread};
pub use read::{HistoryError, Note};
pub(crate) use threads::{GrowingThreads, index_of};
pub use threads::{Thread, ThreadKind, Threads, find};
pub use write::TimestampForm;

/// The events of one execution, in the order of their ids.
#[derive(Clone, Default, PartialEq)]
pub struct History {
    /// The events.
    pub events: Vec<HistoryEvent>,
}

/// One line an event: [`HistoryEvent`]'s text.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
pub(crate) mod tests;
