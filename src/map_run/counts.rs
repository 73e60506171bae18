//! The counters of a Map Run.

use crate::engine::ExecutionStatus;
use crate::value::Value;

/// Items or child executions by what has become of them (API reference, MapRunItemCounts and
/// MapRunExecutionCounts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the API's")]
pub struct Counts {
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub aborted: u64,
    pub total: u64,
    pub results_written: u64,
    pub failures_not_redrivable: u64,
    pub pending_redrive: u64,
}

impl Counts {
    pub(super) fn place(&mut self, status: Option<ExecutionStatus>) -> &mut u64 {
        match status {
            None => &mut self.pending,
            Some(ExecutionStatus::Running) => &mut self.running,
            Some(ExecutionStatus::Succeeded) => &mut self.succeeded,
            Some(ExecutionStatus::Failed) => &mut self.failed,
            Some(ExecutionStatus::TimedOut) => &mut self.timed_out,
            Some(ExecutionStatus::Aborted) => &mut self.aborted,
        }
    }

    /// Moves `items` from one place to another; from nowhere where they are new.
    pub(super) fn shift(
        &mut self,
        items: u64,
        from: Option<ExecutionStatus>,
        to: Option<ExecutionStatus>,
    ) {
        let place = self.place(from);
        *place = place.saturating_sub(items);
        *self.place(to) += items;
    }

    /// What counts towards the tolerated failures: what failed or timed out.
    pub fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out
    }

    /// The counters as DescribeMapRun writes them
    /// (`sfn_api_map_run.list_map_runs_and_describe_map_run`).
    pub fn to_value(&self) -> Value {
        let number = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let mut members = vec![
            ("aborted", number(self.aborted)),
            ("failed", number(self.failed)),
            ("pending", number(self.pending)),
            ("resultsWritten", number(self.results_written)),
            ("running", number(self.running)),
            ("succeeded", number(self.succeeded)),
            ("timedOut", number(self.timed_out)),
            ("total", number(self.total)),
        ];
        if self.failures_not_redrivable > 0 {
            members.push(("failuresNotRedrivable", number(self.failures_not_redrivable)));
        }
        if self.pending_redrive > 0 {
            members.push(("pendingRedrive", number(self.pending_redrive)));
        }
        Value::object(members)
    }
}
