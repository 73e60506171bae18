//! `AWS/States` metrics, derived from what happened (guide, "Monitoring Step Functions Using
//! CloudWatch").

use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use rustc_hash::FxHashMap;

use super::{MapRunRecord, Record, Records};
use crate::engine::ExecutionStatus;
use crate::history::{EventDetails, EventType, HistoryEvent};
use crate::time::Timestamp;

/// The metrics of some executions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// By name and dimension, in the order in which they first got a datapoint.
    pub all: Vec<Metric>,
}

/// One metric of one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// `ExecutionsFailed`, `LambdaFunctionRunTime`, …
    pub name: &'static str,
    /// `StateMachineArn`, `LambdaFunctionArn`, `ActivityArn` or `ServiceIntegrationResourceArn`.
    pub dimension: &'static str,
    /// The ARN that the metric is about.
    pub resource: Arc<str>,
    /// Counts of one, or intervals in milliseconds, in order of time within an execution.
    pub datapoints: Vec<Datapoint>,
}

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datapoint {
    /// When it was reported.
    pub time: Timestamp,
    /// One for counts, milliseconds for intervals.
    pub value: i64,
}

impl Metric {
    /// The sum of all datapoints: what counts are read by.
    pub fn sum(&self) -> i64 {
        self.datapoints.iter().map(|point| point.value).sum()
    }

    /// Whether its values are milliseconds, not counts.
    pub fn is_interval(&self) -> bool {
        Self::has_intervals(self.name)
    }

    /// Whether the values of the metric of this name are milliseconds, not counts.
    pub fn has_intervals(name: &str) -> bool {
        name.ends_with("Time")
    }

    /// The average of all datapoints: what intervals are read by.
    pub fn average(&self) -> f64 {
        self.sum() as f64 / self.datapoints.len().max(1) as f64
    }
}

impl Metrics {
    /// The sum of a metric over all resources; zero where it has no datapoint.
    pub fn sum(&self, name: &str) -> i64 {
        self.all.iter().filter(|metric| metric.name == name).map(Metric::sum).sum()
    }

    /// The names of all metrics that an execution can cause. Those about throttling and API quotas
    /// are not among them: nothing is throttled here.
    pub const NAMES: &'static [&'static str] = &[
        "ExecutionTime",
        "ExecutionsAborted",
        "ExecutionsFailed",
        "ExecutionsStarted",
        "ExecutionsSucceeded",
        "ExecutionsTimedOut",
        "ExecutionsRedriven",
        "RedrivenExecutionsAborted",
        "RedrivenExecutionsFailed",
        "RedrivenExecutionsSucceeded",
        "RedrivenExecutionsTimedOut",
        "ActivityRunTime",
        "ActivityScheduleTime",
        "ActivityTime",
        "ActivitiesFailed",
        "ActivitiesHeartbeatTimedOut",
        "ActivitiesScheduled",
        "ActivitiesStarted",
        "ActivitiesSucceeded",
        "ActivitiesTimedOut",
        "LambdaFunctionRunTime",
        "LambdaFunctionScheduleTime",
        "LambdaFunctionTime",
        "LambdaFunctionsFailed",
        "LambdaFunctionsScheduled",
        "LambdaFunctionsStarted",
        "LambdaFunctionsSucceeded",
        "LambdaFunctionsTimedOut",
        "ServiceIntegrationRunTime",
        "ServiceIntegrationScheduleTime",
        "ServiceIntegrationTime",
        "ServiceIntegrationsFailed",
        "ServiceIntegrationsScheduled",
        "ServiceIntegrationsStarted",
        "ServiceIntegrationsSucceeded",
        "ServiceIntegrationsTimedOut",
    ];

    /// The metrics of these executions, and those found before the histories of others went.
    pub(super) fn of<'a>(
        map_runs: impl Iterator<Item = &'a mut MapRunRecord>,
        records: &Records,
    ) -> Self {
        let mut found = Found::default();
        for run in map_runs {
            found.merge(std::mem::take(&mut run.found));
        }
        for record in records.iter().filter(|record| !record.released) {
            found.execution(record);
        }
        Self::from(found)
    }

    /// What the end of an execution adds: all its metrics but `ExecutionsStarted`, since it last
    /// ended where it was redriven.
    pub fn at_end(record: &Record) -> Self {
        let mut found = Found::default();
        Self::tally_end(record, &mut found);
        Self::from(found)
    }

    /// As [`Metrics::at_end`], datapoint by datapoint.
    pub fn tally_end(record: &Record, to: &mut impl Tally) {
        let events = record.execution.history();
        let seen = match record.execution.redrive_count() {
            0 => 0,
            _ => {
                let redriven = |one: &HistoryEvent| one.event_type == EventType::ExecutionRedriven;
                events.iter().rposition(redriven).unwrap_or(0)
            }
        };
        events_and_end(record, seen, to);
    }
}

/// Where the datapoints of metrics go.
pub trait Tally {
    /// One more.
    fn add(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        point: Datapoint,
    );
}

impl From<Found> for Metrics {
    fn from(found: Found) -> Self {
        let all = found.0.into_iter().map(|((name, resource), (dimension, datapoints))| Metric {
            name,
            dimension,
            resource,
            datapoints,
        });
        Self { all: all.collect() }
    }
}

/// By name and resource: the dimension, and the datapoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Found(IndexMap<(&'static str, Arc<str>), Series>);

type Series = (&'static str, Vec<Datapoint>);

/// The names of the metrics of one kind of task.
struct Kind {
    dimension: &'static str,
    run_time: &'static str,
    schedule_time: &'static str,
    time: &'static str,
    failed: &'static str,
    scheduled: &'static str,
    started: &'static str,
    succeeded: &'static str,
    timed_out: &'static str,
}

const LAMBDA_FUNCTION: Kind = Kind {
    dimension: "LambdaFunctionArn",
    run_time: "LambdaFunctionRunTime",
    schedule_time: "LambdaFunctionScheduleTime",
    time: "LambdaFunctionTime",
    failed: "LambdaFunctionsFailed",
    scheduled: "LambdaFunctionsScheduled",
    started: "LambdaFunctionsStarted",
    succeeded: "LambdaFunctionsSucceeded",
    timed_out: "LambdaFunctionsTimedOut",
};

const ACTIVITY: Kind = Kind {
    dimension: "ActivityArn",
    run_time: "ActivityRunTime",
    schedule_time: "ActivityScheduleTime",
    time: "ActivityTime",
    failed: "ActivitiesFailed",
    scheduled: "ActivitiesScheduled",
    started: "ActivitiesStarted",
    succeeded: "ActivitiesSucceeded",
    timed_out: "ActivitiesTimedOut",
};

const SERVICE_INTEGRATION: Kind = Kind {
    dimension: "ServiceIntegrationResourceArn",
    run_time: "ServiceIntegrationRunTime",
    schedule_time: "ServiceIntegrationScheduleTime",
    time: "ServiceIntegrationTime",
    failed: "ServiceIntegrationsFailed",
    scheduled: "ServiceIntegrationsScheduled",
    started: "ServiceIntegrationsStarted",
    succeeded: "ServiceIntegrationsSucceeded",
    timed_out: "ServiceIntegrationsTimedOut",
};

/// A task whose events are being read.
struct Task {
    kind: &'static Kind,
    resource: Arc<str>,
    scheduled: Timestamp,
    started: Option<Timestamp>,
    timeout: Option<i64>,
    heartbeat: Option<i64>,
}

impl Tally for Found {
    fn add(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        point: Datapoint,
    ) {
        let entry = self.0.entry((name, resource.clone())).or_insert((dimension, Vec::new()));
        entry.1.push(point);
    }
}

impl Found {
    /// Takes the other's datapoints over: there may be a great many.
    fn merge(&mut self, other: Self) {
        for (key, (dimension, mut points)) in other.0 {
            match self.0.entry(key) {
                Entry::Occupied(mut entry) => entry.get_mut().1.append(&mut points),
                Entry::Vacant(entry) => {
                    entry.insert((dimension, points));
                }
            }
        }
    }

    pub(super) fn execution(&mut self, record: &Record) {
        let execution = &record.execution;
        let arn = &execution.start_parameters().state_machine_arn;
        let point = Datapoint { time: execution.started_at(), value: 1 };
        self.add("ExecutionsStarted", "StateMachineArn", arn, point);
        events_and_end(record, 0, self);
    }
}

/// What the events say after the first `seen` of them, and the end.
fn events_and_end(record: &Record, seen: usize, to: &mut impl Tally) {
    let execution = &record.execution;
    let arn = &execution.start_parameters().state_machine_arn;
    let started = execution.started_at();
    tasks(execution.history(), seen, started, to);
    let mut own = |name, time, value| {
        to.add(name, "StateMachineArn", arn, Datapoint { time, value });
    };
    let redriven = execution.history().iter().skip(seen);
    let redriven = redriven.filter(|one| one.event_type == EventType::ExecutionRedriven);
    for event in redriven {
        own("ExecutionsRedriven", event.timestamp.unwrap_or(started), 1);
    }
    let Some(ended) = execution.ended_at() else { return };
    let (count, redriven) = match execution.status() {
        ExecutionStatus::Succeeded => ("ExecutionsSucceeded", "RedrivenExecutionsSucceeded"),
        ExecutionStatus::Failed => ("ExecutionsFailed", "RedrivenExecutionsFailed"),
        ExecutionStatus::TimedOut => ("ExecutionsTimedOut", "RedrivenExecutionsTimedOut"),
        ExecutionStatus::Aborted => ("ExecutionsAborted", "RedrivenExecutionsAborted"),
        ExecutionStatus::Running => return,
    };
    if execution.redrive_count() > 0 {
        own(redriven, ended, 1);
    }
    own(count, ended, 1);
    own("ExecutionTime", ended, ended - started);
}

/// The events of a task follow one another along their links, from its `…Scheduled` on. Those of
/// the first `seen` events are read and not counted.
fn tasks(events: &[HistoryEvent], seen: usize, start: Timestamp, to: &mut impl Tally) {
    let mut tasks: Vec<Task> = Vec::new();
    let mut task_of: FxHashMap<u64, usize> = FxHashMap::default();
    for (index, event) in events.iter().enumerate() {
        let to = (index >= seen).then_some(&mut *to);
        let now = event.timestamp.unwrap_or(start);
        if let Some(task) = Task::scheduled(event, now) {
            task.add(to, &[(task.kind.scheduled, 1)], now);
            task_of.insert(event.id, tasks.len());
            tasks.push(task);
            continue;
        }
        let Some(at) = task_of.get(&event.previous_event_id).copied() else { continue };
        if tasks[at].event(event.event_type, now, to) {
            task_of.insert(event.id, at);
        }
    }
}

impl Task {
    fn scheduled(event: &HistoryEvent, now: Timestamp) -> Option<Self> {
        let (kind, resource, timeout, heartbeat) = match &event.details {
            EventDetails::LambdaFunctionScheduled(details) => {
                (&LAMBDA_FUNCTION, details.resource.clone(), details.timeout_in_seconds, None)
            }
            EventDetails::ActivityScheduled(details) => {
                let heartbeat = details.heartbeat_in_seconds;
                (&ACTIVITY, details.resource.clone(), details.timeout_in_seconds, heartbeat)
            }
            EventDetails::TaskScheduled(details) => {
                let arn =
                    format!("arn:aws:states:::{}:{}", details.resource_type, details.resource);
                (&SERVICE_INTEGRATION, arn.into(), details.timeout_in_seconds, None)
            }
            _ => return None,
        };
        Some(Self { kind, resource, scheduled: now, started: None, timeout, heartbeat })
    }

    fn add(&self, to: Option<&mut impl Tally>, all: &[(&'static str, i64)], time: Timestamp) {
        let Some(to) = to else { return };
        for (name, value) in all {
            to.add(name, self.kind.dimension, &self.resource, Datapoint { time, value: *value });
        }
    }

    /// Reads an event that follows one of the task; false where it is none of its own.
    fn event(&mut self, event: EventType, now: Timestamp, to: Option<&mut impl Tally>) -> bool {
        use EventType::*;
        let kind = self.kind;
        let count = match event {
            LambdaFunctionStarted | ActivityStarted | TaskStarted => {
                self.started = Some(now);
                let waited = now - self.scheduled;
                self.add(to, &[(kind.started, 1), (kind.schedule_time, waited)], now);
                return true;
            }
            TaskSubmitted => return true,
            LambdaFunctionSucceeded | ActivitySucceeded | TaskSucceeded => kind.succeeded,
            LambdaFunctionTimedOut | ActivityTimedOut | TaskTimedOut => kind.timed_out,
            LambdaFunctionFailed
            | LambdaFunctionStartFailed
            | ActivityFailed
            | TaskFailed
            | TaskStartFailed
            | TaskSubmitFailed => kind.failed,
            _ => return false,
        };
        let mut all = vec![(count, 1)];
        if event == ActivityTimedOut && self.missed_heartbeat(now) {
            all.push(("ActivitiesHeartbeatTimedOut", 1));
        }
        all.extend(self.started.map(|started| (kind.run_time, now - started)));
        all.push((kind.time, now - self.scheduled));
        self.add(to, &all, now);
        true
    }

    /// Whether a time-out came before `TimeoutSeconds` were over: the events name both
    /// `States.Timeout`.
    fn missed_heartbeat(&self, now: Timestamp) -> bool {
        let since = self.started.unwrap_or(self.scheduled);
        self.heartbeat.is_some()
            && self.timeout.is_none_or(|timeout| now < since.plus_seconds(timeout))
    }
}
