//! What a simulation came to.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::finding::MockFinding;
use super::path::{self, Step};
use crate::asl::{ExecutionType, Resource, StateMachine};
use crate::engine::{ExecutionResult, ExecutionStatus, Place, TaskRequest};
use crate::history::{EventType, Failure, History};
use crate::map_run::{self, Counts, MapRunStatus, Objects};
use crate::matcher::glob;
use crate::mock::{MockKey, UnusedMock};
use crate::service::{ExecutionId, MapRunChild, MapRunRecord, Metrics, Record, StatusChange};
use crate::time::Timestamp;
use crate::value::Value;

/// What a simulation came to: its execution, and those that it started.
///
/// The methods without a word about others are about the execution under test.
#[derive(Debug)]
pub struct Run {
    pub(super) executions: Vec<ExecutionRun>,
    pub(super) calls: Vec<Call>,
    pub(super) status_changes: Vec<StatusChange>,
    pub(super) metrics: Metrics,
    pub(super) objects: Objects,
    pub(super) map_runs: Vec<MapRunSummary>,
    pub(super) unused_mocks: Vec<UnusedMock>,
    pub(super) unused_actions: Vec<UnusedAction>,
    pub(super) mock_findings: Vec<MockFinding>,
}

/// One execution of a run.
#[derive(Clone, Debug)]
pub struct ExecutionRun {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The name of its state machine.
    pub machine_name: Arc<str>,
    /// Its state machine.
    pub machine: Arc<StateMachine>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// The execution whose task or Map Run started it.
    pub parent: Option<ExecutionId>,
    /// The Map Run that it is a child of; [`Run::map_runs`] has it.
    pub map_run: Option<MapRunChild>,
    /// What has become of it.
    pub status: ExecutionStatus,
    /// Its input; `null` where its history is gone.
    pub input: Value,
    /// Its output, where it succeeded and its history is not gone.
    pub output: Option<Value>,
    /// Error and cause, where it failed or was stopped.
    pub failure: Failure,
    /// Its history. Of a great many Express children of one Map Run only the first have one:
    /// [`Service::KEPT_CHILDREN`](crate::service::Service::KEPT_CHILDREN).
    pub history: History,
    /// When it started.
    pub start_time: Timestamp,
    /// When it ended; `None` where it was still running at the end of the simulation.
    pub stop_time: Option<Timestamp>,
    /// State transitions as AWS counts and bills them: states entered, and retries.
    pub transitions: u64,
}

/// A Map Run of a run.
#[derive(Clone, Debug)]
pub struct MapRunSummary {
    /// Its ARN.
    pub arn: Arc<str>,
    /// The execution that its Map state belongs to.
    pub execution: ExecutionId,
    /// The Map state.
    pub state: Arc<str>,
    /// The branches and iterations around it.
    pub place: Place,
    /// What has become of it.
    pub status: MapRunStatus,
    /// Its items by what has become of them.
    pub items: Counts,
    /// Its child executions by what has become of them.
    pub executions: Counts,
    /// Its child executions, by their index.
    pub children: Vec<ExecutionId>,
}

impl MapRunSummary {
    pub(super) fn of(record: &MapRunRecord) -> Self {
        let request = record.run.request();
        Self {
            arn: request.map_run_arn.clone(),
            execution: record.execution,
            state: request.state.clone(),
            place: request.place.clone(),
            status: record.run.status(),
            items: record.run.item_counts(),
            executions: record.run.execution_counts(),
            children: record.children.clone(),
        }
    }
}

/// A call that a Task made.
#[derive(Debug)]
pub struct Call {
    /// The execution that made it.
    pub execution: ExecutionId,
    /// The name of its state machine.
    pub machine: Arc<str>,
    /// When it was made.
    pub time: Timestamp,
    /// When it was answered, timed out or was given up; `None` where it was still open at the end.
    pub end_time: Option<Timestamp>,
    pub(crate) request: Box<TaskRequest>,
    /// The arguments, where the request has their text alone.
    arguments: OnceLock<Box<Value>>,
    packed: bool,
}

/// An action that came too late: everything was over before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedAction {
    /// Its place in the list of actions.
    pub index: usize,
    /// What it is: `stop at 2m`.
    pub action: String,
}

impl fmt::Display for UnusedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} came too late: everything was over", self.action)
    }
}

impl Run {
    /// What somebody else ran, as far as it shows from outside: the execution under test, then
    /// those that it started. Calls are what the histories say about them.
    #[cfg(feature = "aws")]
    pub(crate) fn observed(
        executions: Vec<ExecutionRun>,
        calls: Vec<Call>,
        map_runs: Vec<MapRunSummary>,
    ) -> Self {
        Self {
            executions,
            calls,
            status_changes: Vec::new(),
            metrics: Metrics::default(),
            objects: Objects::default(),
            map_runs,
            unused_mocks: Vec::new(),
            unused_actions: Vec::new(),
            mock_findings: Vec::new(),
        }
    }

    /// With what was seen beside the executions.
    #[cfg(all(feature = "aws", feature = "server"))]
    pub(crate) fn with_outputs(
        self,
        objects: Objects,
        status_changes: Vec<StatusChange>,
        metrics: Metrics,
    ) -> Self {
        Self { objects, status_changes, metrics, ..self }
    }

    /// The execution under test.
    pub fn execution(&self) -> &ExecutionRun {
        &self.executions[0]
    }

    /// What has become of it.
    pub fn status(&self) -> ExecutionStatus {
        self.execution().status
    }

    /// Its output, where it succeeded.
    pub fn output(&self) -> Option<&Value> {
        self.execution().output.as_ref()
    }

    /// The name of its error, where it has one.
    pub fn error(&self) -> Option<&str> {
        self.execution().failure.error.as_deref()
    }

    /// Its error's cause, where it has one.
    pub fn cause(&self) -> Option<&str> {
        self.execution().failure.cause.as_deref()
    }

    /// Its history.
    pub fn history(&self) -> &History {
        &self.execution().history
    }

    /// The states it entered, in order, each with its place: `Charge`, `Map[2]/Notify`.
    pub fn path(&self) -> Vec<String> {
        self.steps().iter().map(ToString::to_string).collect()
    }

    /// The states it entered at the top level, in order.
    pub fn top_level_path(&self) -> Vec<Arc<str>> {
        self.steps().into_iter().filter(|step| step.place.is_top()).map(|step| step.state).collect()
    }

    /// The states it entered, in order.
    pub fn steps(&self) -> Vec<Step> {
        self.execution().steps()
    }

    /// The calls of the tasks that `key` names, in order, whichever execution made them: a state,
    /// a path or a resource, as for mocks ([`MockKey`]).
    pub fn calls(&self, key: &str) -> Vec<&Call> {
        let is_state = |name: &str| self.calls.iter().any(|call| *call.request.state == *name);
        let Ok(key) = MockKey::parse(key, is_state) else { return Vec::new() };
        self.calls.iter().filter(|call| call.matches(&key)).collect()
    }

    /// All calls, in order, whichever execution made them.
    pub fn all_calls(&self) -> &[Call] {
        &self.calls
    }

    /// When it started.
    pub fn start_time(&self) -> Timestamp {
        self.execution().start_time
    }

    /// When it ended; `None` where it was still running at the end of the simulation.
    pub fn stop_time(&self) -> Option<Timestamp> {
        self.execution().stop_time
    }

    /// The virtual time from its start to its end.
    pub fn duration(&self) -> Duration {
        self.execution().duration()
    }

    /// State transitions as AWS counts and bills them: states entered, and retries.
    pub fn transitions(&self) -> u64 {
        self.execution().transitions
    }

    /// All executions in the order in which they started; the first is the one under test.
    pub fn executions(&self) -> &[ExecutionRun] {
        &self.executions
    }

    /// The second run of the execution under test, where its start was delivered twice
    /// ([`Simulation::duplicate_delivery`](super::Simulation::duplicate_delivery)).
    pub fn duplicate(&self) -> Option<&ExecutionRun> {
        // Nothing else gives two executions one ARN.
        self.executions[1..].iter().find(|other| other.arn == self.executions[0].arn)
    }

    /// All executions but the one under test: those that it started, and that those started.
    pub fn children(&self) -> &[ExecutionRun] {
        &self.executions[1..]
    }

    /// The status-change events of all executions, in order.
    pub fn status_changes(&self) -> &[StatusChange] {
        &self.status_changes
    }

    /// The `AWS/States` metrics of all executions.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The virtual S3 at the end: what it was filled with, and what was written.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The text of the object at `s3://bucket/key`, where there is one and it is UTF-8.
    pub fn object(&self, uri: &str) -> Option<&str> {
        let (bucket, key) = map_run::split_uri(uri)?;
        std::str::from_utf8(&self.objects.find(bucket, key).ok()?.body).ok()
    }

    /// What is in the first object whose URI is `pattern`, in which `*` stands for any text: JSON
    /// where it is JSON, else its text, or null where it is none.
    pub fn object_value(&self, pattern: &str) -> Option<Value> {
        let found = self
            .objects
            .iter()
            .find(|(bucket, key, _)| glob(pattern, &format!("s3://{bucket}/{key}")));
        let (_, _, object) = found?;
        let Ok(text) = std::str::from_utf8(&object.body) else { return Some(Value::Null) };
        Some(Value::parse(text).unwrap_or_else(|_| Value::from(text)))
    }

    /// The Map Runs of all executions, in the order in which they started.
    pub fn map_runs(&self) -> &[MapRunSummary] {
        &self.map_runs
    }

    /// The mocks that no call used.
    pub fn unused_mocks(&self) -> &[UnusedMock] {
        &self.unused_mocks
    }

    /// The actions that came too late.
    pub fn unused_actions(&self) -> &[UnusedAction] {
        &self.unused_actions
    }

    /// What AWS's service models say against the results of mocks, each finding once.
    pub fn mock_findings(&self) -> &[MockFinding] {
        &self.mock_findings
    }
}

impl ExecutionRun {
    pub(super) fn of(record: Record) -> Self {
        let (execution, released) = (record.execution, record.released);
        let (output, failure) = match execution.result() {
            Some(ExecutionResult::Succeeded(output)) => {
                ((!released).then(|| output.clone()), Failure::default())
            }
            Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)) => {
                (None, failure.clone())
            }
            Some(ExecutionResult::TimedOut) | None => (None, Failure::default()),
        };
        Self {
            arn: record.arn,
            name: record.name,
            machine_name: record.machine.name.clone(),
            machine: record.machine.machine.clone(),
            execution_type: record.machine.execution_type,
            parent: record.parent.map(|parent| parent.execution),
            map_run: record.map_run,
            status: execution.status(),
            input: execution.start_parameters().input.clone(),
            output,
            failure,
            start_time: execution.started_at(),
            stop_time: execution.ended_at(),
            transitions: execution.transitions(),
            history: History { events: execution.into_history() },
        }
    }

    /// The states it entered, in order.
    pub fn steps(&self) -> Vec<Step> {
        path::steps(&self.machine, &self.history.events)
    }

    /// The virtual time from its start to its end; zero while it runs.
    pub fn duration(&self) -> Duration {
        let millis = self.stop_time.map_or(0, |stop| stop - self.start_time);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// Reads from the histories when each call ended: at the first event along the links of its
/// `…Scheduled` event that is neither its start nor its submission.
pub(super) fn end_calls(executions: &[ExecutionRun], calls: &mut [Call]) {
    let mut ends: Vec<Vec<Option<Timestamp>>> = Vec::with_capacity(executions.len());
    for execution in executions {
        let events = &execution.history.events;
        if events.is_empty() {
            ends.push(Vec::new());
            continue;
        }
        let mut ended = vec![None; events.len() + 1];
        // The event that scheduled the task which an event belongs to; 0 for none.
        let mut task_of = vec![0; events.len() + 1];
        for event in events {
            let task = match event.event_type {
                EventType::TaskScheduled
                | EventType::LambdaFunctionScheduled
                | EventType::ActivityScheduled
                | EventType::MapRunStarted => event.id,
                _ => task_of[event.previous_event_id as usize],
            };
            task_of[event.id as usize] = match event.event_type {
                EventType::TaskStarted
                | EventType::LambdaFunctionStarted
                | EventType::ActivityStarted
                | EventType::TaskSubmitted => task,
                _ if task == event.id => task,
                _ => {
                    ended[task as usize] = event.timestamp;
                    0
                }
            };
        }
        ends.push(ended);
    }
    for call in calls {
        let ended = &ends[call.execution.0 as usize];
        // A task that its execution's end cut short ended with it, also where the execution was
        // redriven later.
        let events = &executions[call.execution.0 as usize].history.events;
        let after = events.get(call.request.task as usize..).unwrap_or_default();
        let stop = after.iter().find(|event| event.event_type.is_terminal());
        let stop = stop.and_then(|event| event.timestamp);
        call.end_time = ended.get(call.request.task as usize).copied().flatten().or(stop);
    }
}

impl Call {
    pub(crate) fn new(
        execution: ExecutionId,
        machine: Arc<str>,
        time: Timestamp,
        request: Box<TaskRequest>,
    ) -> Self {
        let (end_time, arguments, packed) = (None, OnceLock::new(), false);
        Self { execution, machine, time, end_time, request, arguments, packed }
    }

    /// Keeps the text of the arguments alone, until somebody asks for them: there may be a great
    /// many calls. `same` may be just this text.
    pub(super) fn pack(&mut self, same: Option<&Arc<str>>) {
        let arguments = &self.request.arguments;
        if self.packed || !matches!(arguments, Value::Array(_) | Value::Object(_)) {
            return;
        }
        let text = arguments.to_json();
        let shared = same.filter(|same| ***same == *text).cloned();
        self.request.arguments = Value::String(shared.unwrap_or_else(|| text.into()));
        self.packed = true;
    }

    /// The state.
    pub fn state(&self) -> &Arc<str> {
        &self.request.state
    }

    /// The branches and iterations around it.
    pub fn place(&self) -> &Place {
        &self.request.place
    }

    /// What it called.
    pub fn resource(&self) -> &Resource {
        &self.request.resource
    }

    /// What it called it with.
    pub fn arguments(&self) -> &Value {
        match (&self.request.arguments, self.packed) {
            // The text is our own.
            (Value::String(text), true) => {
                self.arguments.get_or_init(|| Box::new(Value::parse(text).unwrap_or_default()))
            }
            (arguments, _) => arguments,
        }
    }

    /// `Credentials`, evaluated.
    pub fn credentials(&self) -> Option<&Value> {
        self.request.credentials.as_ref()
    }

    /// How often this entry of the state had been tried before, redrives included: zero at the
    /// first attempt.
    pub fn attempt(&self) -> u32 {
        self.request.attempt
    }

    /// Whether `key` names this call. A key with a machine's name is only for the states of that
    /// machine; one without is for those of all.
    pub fn matches(&self, key: &MockKey) -> bool {
        key.machine().is_none_or(|machine| machine == &*self.machine)
            && key.concerns(&self.request.state, self.request.resource.text())
            && key.covers(&self.request.place)
    }
}
