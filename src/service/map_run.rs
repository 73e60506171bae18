//! Map Runs of the account: their child executions, and what the API says of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::execution::{ExecutionId, Record, StateMachineRecord, execution_arn, starting};
use super::journal::{ObjectsOpKind, OpKind};
use super::metrics::Found;
use super::{ApiError, Output, Response, Service};
use crate::asl::ExecutionType;
use crate::engine::{Execution, ExecutionResult, Input, MapRunRequest, TaskId};
use crate::history::{Failure, Payload};
use crate::map_run::{self, ChildEnd, ChildStart, MapRun, MapRunStatus, MapRunUpdate, Objects};
use crate::time::Timestamp;
use crate::value::Value;

/// A Map Run of the account: they count 0, 1, 2, … in the order in which they started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapRunId(pub u32);

/// A Map Run of the account.
#[derive(Debug)]
pub struct MapRunRecord {
    /// The execution that its Map state belongs to.
    pub execution: ExecutionId,
    /// The Map state's task there.
    pub task: TaskId,
    /// The state machine of its child executions: `NAME/LABEL`.
    pub machine: Arc<StateMachineRecord>,
    /// The run itself.
    pub run: MapRun,
    /// Its child executions, by their index.
    pub children: Vec<ExecutionId>,
    /// What ListExecutions finds them by.
    pub(super) listed_under: Arc<[Arc<str>]>,
    /// Bytes of the histories that its Express children keep.
    pub(super) kept_bytes: usize,
    /// The metrics of children whose history is gone.
    pub(super) found: Found,
}

/// The Map Run that an execution is a child of, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRunChild {
    /// The Map Run.
    pub run: MapRunId,
    /// Its index there.
    pub index: u32,
}

impl Service {
    /// How many Express children of a Map Run keep their history. AWS keeps none of any Express
    /// execution; the first are kept to be looked at, all of a hundred thousand would only fill
    /// the memory.
    pub const KEPT_CHILDREN: u32 = 1_000;
    /// How many bytes of JSON the histories kept may have, counting what each event shows.
    const KEPT_BYTES: usize = 16 * 1024 * 1024;
    /// How many bytes of JSON the inputs of children may have that start before the first of them
    /// is heard. The others start in the same moment, after all that happens without a delay: a
    /// Map Run over a large file holds what its children hold, not the file.
    const STARTED_BYTES: usize = 4 * 1024 * 1024;

    /// Runs a distributed Map that [`Output::MapRun`] asked for.
    ///
    /// # Errors
    ///
    /// Where this crate cannot read the items although AWS might: what to do instead.
    pub fn run_map(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
        request: Box<MapRunRequest>,
    ) -> Result<MapRunId, String> {
        let machine = Arc::new(self.processor_record(execution, &request));
        let task = request.task;
        let limits = self.account.limits;
        let arn = machine.arn.clone();
        let run = MapRun::start(now, *request, arn, &self.objects, &limits)?;
        let id = MapRunId(self.map_runs_started);
        self.map_runs_started += 1;
        self.map_runs_by_arn.insert(run.request().map_run_arn.clone(), id);
        self.map_runs.insert(id, MapRunRecord::new(execution, task, machine, run));
        self.map_run_tasks.insert((execution, task), id);
        self.note(execution, OpKind::MapRunStarted(id, task, now));
        self.advance_map_run(now, id)?;
        Ok(id)
    }

    /// What the children run: the Map's processor as a state machine, whose name is the label of
    /// the Map Run's ARN behind the parent's
    /// (`sfn_api_map_run.list_map_runs_and_describe_map_run`).
    pub(super) fn processor_record(
        &self,
        execution: ExecutionId,
        request: &MapRunRequest,
    ) -> StateMachineRecord {
        let parent = &self.records[execution].machine;
        let label = request.map_run_arn.rsplit('/').next().unwrap_or_default();
        let label = label.split(':').next().unwrap_or_default();
        StateMachineRecord {
            number: parent.number,
            arn: format!("{}/{label}", parent.arn).into(),
            name: format!("{}/{label}", parent.name).into(),
            role_arn: parent.role_arn.clone(),
            execution_type: request.execution_type,
            machine: Arc::new(parent.machine.processor(request.processor.clone())),
            revision_id: parent.revision_id.clone(),
            settings: parent.settings.clone(),
            creation_date: parent.creation_date,
            update_date: parent.update_date,
        }
    }

    /// Does what a Map Run wants until it waits for a child, or pauses. It goes no further where it
    /// cannot.
    fn advance_map_run(&mut self, now: Timestamp, id: MapRunId) -> Result<(), String> {
        let advanced = self.try_advance(now, id);
        if advanced.is_err() {
            self.abort_map_run(now, id);
        }
        advanced
    }

    fn try_advance(&mut self, now: Timestamp, id: MapRunId) -> Result<(), String> {
        if self.map_runs_paused.contains_key(&id) {
            return Ok(());
        }
        let mut started_bytes = 0;
        loop {
            if started_bytes > Self::STARTED_BYTES {
                self.map_runs_paused.insert(id, now);
                return Ok(());
            }
            let Self { map_runs, records, objects, .. } = self;
            let Some(record) = map_runs.get_mut(&id) else { return Ok(()) };
            let task = record.task;
            let owner = record.execution;
            let parent = &mut records[owner].execution;
            let wanted =
                record.run.poll(now, objects, &mut |item| parent.map_item_input(task, item));
            self.note(owner, OpKind::MapRunPolled(id, now));
            match wanted? {
                map_run::Output::Start { index, input } => {
                    started_bytes += input.size();
                    self.start_child(now, id, index, input);
                }
                map_run::Output::Redrive { index } => self.redrive_child(now, id, index),
                map_run::Output::Stop(children) => self.stop_children(now, id, &children),
                map_run::Output::Ended(outcome) => {
                    self.note_results(id);
                    let record = &self.map_runs[&id];
                    let (execution, task) = (record.execution, record.task);
                    // A Map state that has given up no longer listens.
                    let _ = self.tell(now, execution, Input::MapRunEnded { task, outcome });
                    return Ok(());
                }
                map_run::Output::Idle => return Ok(()),
            }
        }
    }

    /// Map Runs go on that had more children to start.
    pub(super) fn resume_map_runs(&mut self, now: Timestamp) {
        for (id, since) in std::mem::take(&mut self.map_runs_paused) {
            if since > now {
                self.map_runs_paused.insert(id, since);
            } else if let Err(message) = self.advance_map_run(now, id) {
                self.outbox.push_back(Output::Unsupported(id, message));
            }
        }
    }

    fn start_child(&mut self, now: Timestamp, run: MapRunId, index: u32, input: Value) {
        let record = &self.map_runs[&run];
        let machine = record.machine.clone();
        let request = record.run.request();
        let place = request.place.inner(request.state.clone(), index);
        let name: Arc<str> = self.entropy.next_uuid().into();
        let arn = execution_arn(&machine.arn, machine.execution_type, &name, &mut self.entropy);
        let id = self.records.next_id();
        let listed_under = record.listed_under.clone();
        let start = starting(self, id, &machine, &machine.arn, &arn, &name, input);
        let execution = Execution::start(now, machine.machine.clone(), start).with_place(place);
        let mut child = Record::new(id, arn.clone(), name.clone(), machine, execution, None);
        child.map_run = Some(MapRunChild { run, index });
        child.listed_under = listed_under;
        self.insert(child);
        let Some(record) = self.map_runs.get_mut(&run) else { return };
        let owner = record.execution;
        let start = ChildStart { arn, name, at: now };
        record.run.child_started(index, start.clone());
        record.keep_child(index, id);
        self.note(owner, OpKind::ChildStarted(run, index, id, start));
    }

    /// Standard children are redriven; Express ones, which have no history to go on with, start
    /// anew (guide, "Redriving Map Runs").
    fn redrive_child(&mut self, now: Timestamp, run: MapRunId, index: u32) {
        let child = self.map_runs[&run].children[index as usize];
        let record = &self.records[child];
        if record.machine.execution_type == ExecutionType::Standard {
            if !self.go_on(now, child) {
                // It counts as it ended.
                self.map_run_child_ended(child);
            }
        } else {
            let input = self.map_runs[&run].run.child_input(index);
            self.start_child(now, run, index, input);
        }
    }

    /// A redriven execution goes on with its Map Run.
    pub(super) fn map_run_redriven(&mut self, id: ExecutionId, task: TaskId, redriven: TaskId) {
        let Some(run) = self.map_run_tasks.remove(&(id, task)) else { return };
        let now = self.records[id].execution.now();
        self.map_run_tasks.insert((id, redriven), run);
        let Some(record) = self.map_runs.get_mut(&run) else { return };
        record.task = redriven;
        let begun = record.run.redrive(now, &self.objects);
        self.note(id, OpKind::MapRunRedriven(run, redriven, now));
        if begun.is_err() {
            self.abort_map_run(now, run);
        }
        if let Err(message) = begun.and_then(|()| self.advance_map_run(now, run)) {
            self.outbox.push_back(Output::Unsupported(run, message));
        }
    }

    fn stop_children(&mut self, now: Timestamp, run: MapRunId, children: &[u32]) {
        for index in children {
            let child = self.map_runs[&run].children[*index as usize];
            // One that ended in this very moment needs no stop.
            let _ = self.tell(now, child, Input::Stop { failure: Failure::default() });
        }
    }

    /// Lets the history of the execution go whose end the driver has just heard of, where it is one
    /// of the many of a Map Run.
    pub(super) fn release_told(&mut self) {
        let Some(id) = self.told.take() else { return };
        let Some(record) = self.records.find_mut(id) else { return };
        let express = record.machine.execution_type == ExecutionType::Express;
        let Some(child) = record.map_run else { return };
        if !express || record.released {
            return;
        }
        if let Some(run) = self.map_runs.get_mut(&child.run) {
            if child.index < Self::KEPT_CHILDREN && run.kept_bytes < Self::KEPT_BYTES {
                let events = record.execution.history().iter();
                let shown = events.filter_map(|event| event.payload().and_then(Payload::value));
                run.kept_bytes += shown.map(Value::size).sum::<usize>();
                return;
            }
            run.found.execution(record);
            run.run.child_released(child.index);
        }
        record.execution.release();
        record.released = true;
    }

    /// Tells its Map Run that a child execution has ended.
    pub(super) fn map_run_child_ended(&mut self, id: ExecutionId) {
        let record = &self.records[id];
        let (Some(child), Some(now)) = (record.map_run, record.execution.ended_at()) else {
            return;
        };
        let (output, failure) = match record.execution.result() {
            Some(ExecutionResult::Succeeded(output)) => (output.clone(), None),
            Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)) => {
                (Value::Null, Some(failure.clone()))
            }
            Some(ExecutionResult::TimedOut) | None => (Value::Null, None),
        };
        let end = ChildEnd { status: record.execution.status(), output, failure };
        let Some(run) = self.map_runs.get_mut(&child.run) else { return };
        let owner = run.execution;
        run.run.child_ended(now, child.index, end.clone());
        self.note(owner, OpKind::ChildEnded(child.run, child.index, now, end));
        if let Err(message) = self.advance_map_run(now, child.run) {
            self.outbox.push_back(Output::Unsupported(child.run, message));
        }
    }

    /// The Map state of a run timed out or was stopped: so is the run.
    pub(super) fn map_run_cancelled(&mut self, now: Timestamp, id: ExecutionId, task: TaskId) {
        if let Some(run) = self.map_run_tasks.get(&(id, task)).copied() {
            self.abort_map_run(now, run);
        }
    }

    fn abort_map_run(&mut self, now: Timestamp, id: MapRunId) {
        let Some(record) = self.map_runs.get_mut(&id) else { return };
        let owner = record.execution;
        self.map_runs_paused.remove(&id);
        let children = record.run.abort(now);
        self.note(owner, OpKind::MapRunAborted(id, now));
        self.stop_children(now, id, &children);
    }

    /// UpdateMapRun
    pub(super) fn update_map_run(
        &mut self,
        now: Timestamp,
        arn: &str,
        update: MapRunUpdate,
    ) -> Result<Response, ApiError> {
        let Some(id) = self.find_map_run(arn) else {
            return Err(ApiError::resource_not_found(arn));
        };
        let Some(record) = self.map_runs.get_mut(&id) else {
            return Err(ApiError::resource_not_found(arn));
        };
        let run = &mut record.run;
        if run.status() != MapRunStatus::Running {
            return Err(ApiError::completed_map_run());
        }
        run.update(update);
        let owner = record.execution;
        self.note(owner, OpKind::MapRunUpdated(id, update));
        if let Err(message) = self.advance_map_run(now, id) {
            self.outbox.push_back(Output::Unsupported(id, message));
        }
        Ok(Response::Empty)
    }

    /// The Map Run with this ARN.
    pub fn find_map_run(&self, arn: &str) -> Option<MapRunId> {
        self.map_runs_by_arn.get(arn).copied()
    }

    /// One Map Run.
    pub fn map_run(&self, id: MapRunId) -> &MapRunRecord {
        &self.map_runs[&id]
    }

    /// All Map Runs that are not forgotten, in the order in which they started.
    pub fn map_runs(&self) -> impl DoubleEndedIterator<Item = (MapRunId, &MapRunRecord)> {
        self.map_runs.iter().map(|(id, record)| (*id, record))
    }

    /// The Map Runs of an execution, in the order in which they started.
    pub fn map_runs_of(
        &self,
        execution: ExecutionId,
    ) -> impl DoubleEndedIterator<Item = (MapRunId, &MapRunRecord)> {
        let tasks = (execution, 0)..=(execution, TaskId::MAX);
        let own: BTreeSet<MapRunId> = self.map_run_tasks.range(tasks).map(|(_, id)| *id).collect();
        own.into_iter().filter_map(|id| Some((id, self.map_runs.get(&id)?)))
    }

    /// Forgets the Map Runs of an execution. Their executions are left to be forgotten.
    pub(super) fn drop_map_runs(&mut self, execution: ExecutionId) -> Vec<ExecutionId> {
        let own: Vec<MapRunId> = self.map_runs_of(execution).map(|(id, _)| id).collect();
        if own.is_empty() {
            return Vec::new();
        }
        self.map_run_tasks.retain(|_, id| !own.contains(id));
        let mut children = Vec::new();
        for id in own {
            if let Some(record) = self.map_runs.remove(&id) {
                let arn = &record.run.request().map_run_arn;
                self.map_runs_by_arn.remove(arn);
                self.map_runs_paused.remove(&id);
                // The record knows the latest child of each index; a redriven Express Map has more.
                children.extend(self.executions_of(arn, None, None).map(|child| child.id));
            }
        }
        children
    }

    /// The virtual S3 that ItemReader reads and ResultWriter writes.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Puts an object into the virtual S3. The bucket exists from then on.
    ///
    /// # Errors
    ///
    /// S3's words.
    pub fn put_object(
        &mut self,
        now: Timestamp,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<(), String> {
        self.objects.create_bucket(bucket);
        self.objects.put(bucket, key, body, now)?;
        let object = self.objects.find(bucket, key)?;
        let put = ObjectsOpKind::Put(bucket.into(), key.into(), now, object.body.clone());
        self.note_objects(put);
        Ok(())
    }

    /// What a Map Run wrote outlives its execution, and others may read it.
    fn note_results(&mut self, id: MapRunId) {
        let request = self.map_runs[&id].run.request();
        if self.journal.is_none() || request.result_writer.is_none() {
            return;
        }
        let own = request.map_run_arn.rsplit(':').next().unwrap_or_default();
        let written =
            self.objects.iter().filter(|(_, key, _)| key.split('/').any(|part| part == own));
        let puts = written.map(|(bucket, key, object)| {
            let (at, body) = (object.last_modified, object.body.clone());
            ObjectsOpKind::Put(bucket.clone(), key.clone(), at, body)
        });
        for put in puts.collect::<Vec<_>>() {
            self.note_objects(put);
        }
    }

    /// Says that a bucket of the virtual S3 does not exist.
    pub fn drop_bucket(&mut self, bucket: &str) {
        self.objects.without_bucket(bucket);
        self.note_objects(ObjectsOpKind::Dropped(bucket.into()));
    }

    /// The virtual S3, to be filled.
    pub fn objects_mut(&mut self) -> &mut Objects {
        &mut self.objects
    }
}

impl MapRunRecord {
    pub(super) fn new(
        execution: ExecutionId,
        task: TaskId,
        machine: Arc<StateMachineRecord>,
        run: MapRun,
    ) -> Self {
        let listed_under = [run.request().map_run_arn.clone()].into();
        let (children, kept_bytes, found) = (Vec::new(), 0, Found::default());
        Self { execution, task, machine, run, children, listed_under, kept_bytes, found }
    }

    pub(super) fn keep_child(&mut self, index: u32, id: ExecutionId) {
        if self.children.len() <= index as usize {
            self.children.resize(index as usize + 1, id);
        }
        self.children[index as usize] = id;
    }

    /// What DescribeMapRun answers (`sfn_api_map_run.list_map_runs_and_describe_map_run`); dates
    /// come from `date`.
    pub fn describe(&self, service: &Service, date: impl Fn(Timestamp) -> Value) -> Value {
        let run = &self.run;
        let request = run.request();
        let mut members = vec![
            ("executionArn", Value::String(service.execution(self.execution).arn.clone())),
            ("executionCounts", run.execution_counts().to_value()),
            ("itemCounts", run.item_counts().to_value()),
            ("mapRunArn", Value::String(request.map_run_arn.clone())),
            ("maxConcurrency", Value::from(request.max_concurrency.unwrap_or(0))),
        ];
        if let Some(redriven) = run.redriven_at() {
            members.push(("redriveCount", Value::from(run.redrive_count())));
            members.push(("redriveDate", date(redriven)));
        }
        members.push(("startDate", date(run.started_at())));
        members.push(("status", Value::from(run.status().api_name())));
        members.extend(run.stopped_at().map(|stopped| ("stopDate", date(stopped))));
        let count = request.tolerated_failure_count.unwrap_or(0.0);
        members.push(("toleratedFailureCount", Value::from(count as i64)));
        let percentage = request.tolerated_failure_percentage.unwrap_or(0.0);
        let percentage = crate::value::Number::from_f64(percentage).map(Value::Number);
        members.push(("toleratedFailurePercentage", percentage.unwrap_or_default()));
        Value::object(members)
    }

    /// Its entry in what ListMapRuns answers.
    pub fn listed(&self, service: &Service, date: impl Fn(Timestamp) -> Value) -> Value {
        let run = &self.run;
        let mut members = vec![
            ("executionArn", Value::String(service.execution(self.execution).arn.clone())),
            ("mapRunArn", Value::String(run.request().map_run_arn.clone())),
            ("startDate", date(run.started_at())),
            ("stateMachineArn", Value::String(run.state_machine_arn().clone())),
        ];
        members.extend(run.stopped_at().map(|stopped| ("stopDate", date(stopped))));
        Value::object(members)
    }
}
