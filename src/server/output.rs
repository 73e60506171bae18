//! What the server tells beside its answers: status-change events, entries of a trail, metrics and
//! the logs of executions.
//!
//! The account's owner hands everything to a [`Queue`] and never waits; a thread of the queue's own
//! makes lines of it (`output/queue.rs`). CloudTrail's form is in `output/trail.rs`, Prometheus' in
//! `output/prometheus.rs`.

mod prometheus;
mod queue;
mod trail;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;

use crate::asl::{ExecutionType, Resource};
use crate::engine::TaskRequest;
use crate::history::{EventType, HistoryEvent, LogLevel, LogOptions};
use crate::service::{
    Account, Datapoint, ExecutionId, Metric, Metrics, Record, Service, StatusChange,
};
use crate::time::Timestamp;
use crate::value::Value;

pub(super) use prometheus::{Figures, Requests, Totals, page};
pub(super) use trail::Call;

use queue::{Entry, Logged, Queue};
use trail::HttpInvocation;

/// How long the rest may take to be written once the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the server writes what it tells beside its answers, a JSON object a line. Files are
/// appended to. What has no destination is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The status changes of Standard executions, as EventBridge delivers them.
    pub events: Option<Destination>,
    /// Calls of the API, as CloudTrail records them.
    pub trail: Option<Destination>,
    /// The datapoints of `AWS/States` metrics, as a CloudWatch metric stream delivers them.
    pub metrics: Option<Destination>,
    /// The logs of executions whose state machine has a logging level, as CloudWatch Logs has them.
    pub log: Option<Destination>,
}

/// Where lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The standard output of the process.
    StandardOutput,
    /// The end of a file, which is made where there is none.
    File(PathBuf),
}

impl Destination {
    /// Reads an option's value: `-` is standard output.
    pub fn parse(text: &str) -> Self {
        if text == "-" { Self::StandardOutput } else { Self::File(text.into()) }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// The outputs of a running server.
#[derive(Clone, Debug, Default)]
pub(super) struct Sinks {
    events: Option<Arc<Queue>>,
    trail: Option<Arc<Queue>>,
    metrics: Option<Arc<Queue>>,
    log: Option<Arc<Queue>>,
    /// Each of them once.
    queues: Vec<(Destination, Arc<Queue>)>,
}

impl Sinks {
    /// Opens what is to be written to. Outputs of one destination share a queue, so that lines
    /// never mix.
    pub(super) fn open(outputs: &Outputs, account: &Account) -> io::Result<Self> {
        let mut sinks = Self::default();
        sinks.events = sinks.sink(outputs.events.as_ref(), account)?;
        sinks.trail = sinks.sink(outputs.trail.as_ref(), account)?;
        sinks.metrics = sinks.sink(outputs.metrics.as_ref(), account)?;
        sinks.log = sinks.sink(outputs.log.as_ref(), account)?;
        Ok(sinks)
    }

    fn sink(
        &mut self,
        destination: Option<&Destination>,
        account: &Account,
    ) -> io::Result<Option<Arc<Queue>>> {
        let Some(destination) = destination else { return Ok(None) };
        if let Some((_, queue)) = self.queues.iter().find(|(own, _)| own == destination) {
            return Ok(Some(queue.clone()));
        }
        let queue = Queue::open(destination, account).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write to {destination}: {error}"))
        })?;
        self.queues.push((destination.clone(), queue.clone()));
        Ok(Some(queue))
    }

    /// Writes the rest, for as long as there is patience. Nothing is taken from then on.
    pub(super) fn close(&self) {
        for (_, queue) in &self.queues {
            queue.close(PATIENCE);
        }
    }

    /// Whether status-change events are told.
    pub(super) fn has_events(&self) -> bool {
        self.events.is_some()
    }

    /// Whether calls of the API are recorded.
    pub(super) fn has_trail(&self) -> bool {
        self.trail.is_some()
    }

    /// A call of the API was answered.
    pub(super) fn called(&self, call: Box<Call>) {
        if let Some(trail) = &self.trail {
            trail.put(Entry::Call(call));
        }
    }

    /// A call of the API was refused for its quota (guide, "API Metrics").
    pub(super) fn call_throttled(&self, operation: &str, time: Timestamp) {
        self.count("ThrottledEvents", "APIName", &operation.into(), time);
    }

    fn count(
        &self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        time: Timestamp,
    ) {
        let Some(metrics) = &self.metrics else { return };
        let datapoints = vec![Datapoint { time, value: 1 }];
        let metric = Metric { name, dimension, resource: resource.clone(), datapoints };
        metrics.put(Entry::Metrics(Metrics { all: vec![metric] }));
    }

    /// How much was lost on the way to each destination.
    pub(super) fn lost(&self) -> impl Iterator<Item = (&Destination, u64)> {
        self.queues.iter().map(|(destination, queue)| (destination, queue.lost()))
    }
}

/// Tells what becomes of executions, and counts it.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    sinks: Sinks,
    totals: Totals,
    /// Executions whose next step waits for the quota of state transitions.
    throttled: FxHashSet<ExecutionId>,
    /// How many requests HTTP Tasks have made.
    http_invocations: u64,
}

impl Reporter {
    pub(super) fn new(sinks: Sinks) -> Self {
        Self { sinks, ..Self::default() }
    }

    /// An execution started.
    pub(super) fn started(&mut self, record: &Record) {
        let arn = &record.execution.start_parameters().state_machine_arn;
        self.count("ExecutionsStarted", "StateMachineArn", arn, record.execution.started_at());
    }

    /// A status-change event was sent.
    pub(super) fn status_changed(&mut self, change: Box<StatusChange>) {
        if let Some(events) = &self.sinks.events {
            events.put(Entry::StatusChange(change));
        }
    }

    /// An execution has ended.
    pub(super) fn ended(&mut self, record: &Record) {
        Metrics::tally_end(record, &mut self.totals);
        if let Some(sink) = &self.sinks.metrics {
            sink.put(Entry::Metrics(Metrics::at_end(record)));
        }
        let logging = &record.machine.settings.logging;
        if let Some(log) = &self.sinks.log
            && logging.level > LogLevel::Off
        {
            let options = LogOptions {
                level: logging.level,
                include_execution_data: logging.include_execution_data,
                execution_arn: record.arn.clone(),
            };
            let events = since_redrive(record).to_vec();
            log.put(Entry::Log(Box::new(Logged { options, events })));
        }
    }

    /// A Task is answered by its service, or by a mock of it. The trail shows the requests of HTTP
    /// Tasks.
    pub(super) fn invoked(&mut self, record: &Record, request: &TaskRequest, time: Timestamp) {
        let is_http = |resource: &Resource| {
            matches!(resource, Resource::Service { service, action, .. }
                if &**service == "http" && &**action == "invoke")
        };
        let Some(trail) = &self.sinks.trail else { return };
        if !is_http(&request.resource) {
            return;
        }
        let text = |key: &str| request.arguments.get(key).and_then(Value::as_str);
        trail.put(Entry::Http(Box::new(HttpInvocation {
            time,
            method: text("Method").unwrap_or("GET").to_owned(),
            endpoint: text("ApiEndpoint").unwrap_or_default().to_owned(),
            state_machine_arn: record.execution.start_parameters().state_machine_arn.clone(),
            count: self.http_invocations,
        })));
        self.http_invocations += 1;
    }

    /// The quota of state transitions is used up: what is about to happen has to wait (guide,
    /// "Execution Metrics" and "Service Metrics"). Each step that waits is counted once.
    pub(super) fn throttled(&mut self, service: &Service, now: Timestamp) {
        for id in service.talking() {
            let Some(record) = service.executions().find(id) else { continue };
            let standard = record.machine.execution_type == ExecutionType::Standard;
            if !standard || !self.throttled.insert(id) {
                continue;
            }
            let arn = record.execution.start_parameters().state_machine_arn.clone();
            self.count("ExecutionThrottled", "StateMachineArn", &arn, now);
            self.count("ThrottledEvents", "ServiceMetric", &"StateTransition".into(), now);
        }
    }

    /// The next execution goes on.
    pub(super) fn goes_on(&mut self, service: &Service) {
        if !self.throttled.is_empty()
            && let Some(id) = service.talking().next()
        {
            self.throttled.remove(&id);
        }
    }

    /// What was counted so far.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    fn count(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        time: Timestamp,
    ) {
        self.totals.count(name, dimension, resource);
        self.sinks.count(name, dimension, resource, time);
    }
}

/// The events of an execution since it last ended.
fn since_redrive(record: &Record) -> &[HistoryEvent] {
    let events = record.execution.history();
    if record.execution.redrive_count() == 0 {
        return events;
    }
    let redriven = |event: &HistoryEvent| event.event_type == EventType::ExecutionRedriven;
    &events[events.iter().rposition(redriven).unwrap_or(0)..]
}
