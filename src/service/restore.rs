//! An account from the rows that were kept of it ([`super::journal`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::execution::{Parent, Record, StateMachineRecord};
use super::journal::{
    BrokenRow, Counters, ObjectsOp, ObjectsOpKind, Op, OpKind, Started, read_activity,
    read_machine, read_revision,
};
use super::map_run::{MapRunId, MapRunRecord};
use super::{Account, ExecutionId, FastMap, Output, Service};
use crate::asl::{ExecutionType, Pattern, Resource};
use crate::engine::{
    self, Execution, Input, MapRunRequest, Place, Rejected, Start, TaskId, TaskRequest,
};
use crate::entropy::Entropy;
use crate::map_run::{self, MapRun};
use crate::time::Timestamp;
use crate::value::Value;

/// Builds an account from its rows: revisions first, then machines and activities, then what
/// happened to executions, in the order in which it did.
#[derive(Debug)]
pub struct Restoring {
    service: Service,
    revisions: FastMap<u64, Arc<StateMachineRecord>>,
    /// What executions asked for, and when.
    wanted: BTreeMap<(ExecutionId, TaskId), OpenTask>,
    asked: u64,
    /// Executions that may have more to say, by when they began to.
    awake: FastMap<ExecutionId, u64>,
    heard: u64,
    /// How many executions were started, those that are forgotten included.
    executions: u32,
    /// Keep what is answered as well.
    keep_answered: bool,
    unsupported: BTreeMap<MapRunId, String>,
}

/// An account as it was.
#[derive(Debug)]
pub struct Restored {
    /// The account.
    pub service: Service,
    /// What executions asked for and nobody has answered, in the order in which they did; with
    /// [`Restoring::keep_answered`] what is answered as well.
    pub tasks: Vec<OpenTask>,
    /// Revisions of state machines that nothing needs any more.
    pub unused_revisions: Vec<u64>,
}

/// Something that an execution asked for before the account was restored.
#[derive(Debug)]
pub struct OpenTask {
    /// The execution.
    pub execution: ExecutionId,
    /// What it asked for.
    pub wanted: Wanted,
    /// When.
    pub at: Timestamp,
    /// Whether a worker or a service has begun.
    pub started: bool,
    /// What the call was answered with, where it was; its end is still to come.
    pub submitted: Option<Value>,
    /// When the execution was woken that asked, and the number of the question: executions go on one
    /// after another in the order in which they were woken.
    order: (u64, u64),
}

/// What an execution asks for.
#[derive(Debug)]
pub enum Wanted {
    /// An answer to a Task.
    Task(Box<TaskRequest>),
    /// The run of a distributed Map.
    MapRun(Box<MapRunRequest>),
}

/// Why an account cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A row does not say what it should.
    #[error("{what} cannot be read: {why}")]
    Broken {
        /// The row.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// An execution does not do again what it did.
    #[error("the execution `{arn}` goes another way than it went: {how}")]
    Diverged {
        /// The execution.
        arn: Arc<str>,
        /// The first difference.
        how: String,
    },
}

impl OpenTask {
    /// The task.
    pub fn task(&self) -> TaskId {
        match &self.wanted {
            Wanted::Task(request) => request.task,
            Wanted::MapRun(request) => request.task,
        }
    }
}

fn broken(what: impl Into<String>) -> impl FnOnce(BrokenRow) -> RestoreError {
    let what = what.into();
    move |why| RestoreError::Broken { what, why: why.to_string() }
}

impl Restoring {
    /// Begins with an empty account.
    pub fn new(account: Account) -> Self {
        Self {
            service: Service::new(account),
            revisions: FastMap::default(),
            wanted: BTreeMap::new(),
            asked: 0,
            awake: FastMap::default(),
            heard: 0,
            executions: 0,
            keep_answered: false,
            unsupported: BTreeMap::new(),
        }
    }

    /// [`Restored::tasks`] will be all tasks, so that mocks can count them again.
    pub fn keep_answered(&mut self) {
        self.keep_answered = true;
    }

    /// What the account counts.
    ///
    /// # Errors
    ///
    /// Where the row is broken.
    pub fn counters(&mut self, row: &[u8]) -> Result<(), RestoreError> {
        let counters = Counters::from_bytes(row).map_err(broken("what the account counts"))?;
        let service = &mut self.service;
        service.entropy = Entropy::from_state(counters.entropy);
        service.map_runs_started = counters.map_runs;
        service.revisions = counters.revisions;
        self.executions = counters.executions;
        Ok(())
    }

    /// A revision of a state machine, by its number.
    ///
    /// # Errors
    ///
    /// Where the row is broken, or the definition is not accepted any more.
    pub fn revision(&mut self, number: u64, row: &[u8]) -> Result<(), RestoreError> {
        let read = read_revision(number, row, &self.service.account.limits);
        let what = || format!("revision {number} of a state machine");
        let revision = read.map_err(|why| RestoreError::Broken { what: what(), why })?;
        self.revisions.insert(number, Arc::new(revision));
        Ok(())
    }

    /// A state machine.
    ///
    /// # Errors
    ///
    /// Where the row is broken.
    pub fn machine(&mut self, arn: &str, row: &[u8]) -> Result<(), RestoreError> {
        let read = read_machine(row, &self.revisions);
        let (machine, tags) = read.map_err(broken(format!("the state machine `{arn}`")))?;
        let arn = machine.current.arn.clone();
        if !tags.is_empty() {
            self.service.tags.insert(arn.clone(), tags.into_iter().collect());
        }
        self.service.machines.insert(arn, machine);
        Ok(())
    }

    /// An activity.
    ///
    /// # Errors
    ///
    /// Where the row is broken.
    pub fn activity(&mut self, arn: &str, row: &[u8]) -> Result<(), RestoreError> {
        let read = read_activity(row).map_err(broken(format!("the activity `{arn}`")))?;
        let (creation_date, encryption, tags) = read;
        let arn: Arc<str> = arn.into();
        if !tags.is_empty() {
            self.service.tags.insert(arn.clone(), tags.into_iter().collect());
        }
        self.service.insert_activity(creation_date, arn, encryption);
        Ok(())
    }

    /// What happened next, to this execution.
    ///
    /// # Errors
    ///
    /// Where the row is broken, or the execution does something else than it did.
    pub fn execution(&mut self, id: ExecutionId, row: &[u8]) -> Result<(), RestoreError> {
        let name = || format!("a row of the execution {}", id.0);
        let missing = |why: &str| RestoreError::Broken { what: name(), why: why.to_owned() };
        let Op(kind) = Op::from_bytes(row).map_err(broken(name()))?;
        if let OpKind::Started(started) = kind {
            return self.started(id, *started).map_err(missing);
        }
        let Some(record) = self.service.records.find_mut(id) else {
            return Err(missing("its start is missing"));
        };
        match kind {
            OpKind::Polled(times) => {
                for _ in 0..times {
                    self.poll(id);
                }
                self.service.records[id].progress.split = true;
                return Ok(());
            }
            OpKind::Stepped(steps) => {
                let found = self.go(id, steps);
                return found.map_err(|how| RestoreError::Diverged {
                    arn: self.service.records[id].arn.clone(),
                    how,
                });
            }
            _ if record.progress.split => record.progress.split = false,
            _ => self.settle(id),
        }
        if kind.wakes() {
            self.wake(id);
        }
        self.hear(id, kind).map_err(missing)?.map_err(|how| RestoreError::Diverged {
            arn: self.service.records[id].arn.clone(),
            how,
        })
    }

    /// What happened next to the virtual S3.
    ///
    /// # Errors
    ///
    /// Where the row is broken.
    pub fn objects(&mut self, row: &[u8]) -> Result<(), RestoreError> {
        let ObjectsOp(kind) =
            ObjectsOp::from_bytes(row).map_err(broken("an object of the virtual S3"))?;
        let objects = &mut self.service.objects;
        match kind {
            ObjectsOpKind::Put(bucket, key, at, body) => {
                objects.create_bucket(&bucket);
                // A bucket that exists takes everything.
                let _ = objects.put(&bucket, &key, body, at);
            }
            ObjectsOpKind::Dropped(bucket) => objects.without_bucket(&bucket),
        }
        Ok(())
    }

    /// The inner error is how an execution differs, the outer what is wrong with the row.
    fn hear(&mut self, id: ExecutionId, kind: OpKind) -> Result<Result<(), String>, &'static str> {
        const NO_RUN: &str = "its Map Run is missing";
        let record = &mut self.service.records[id];
        match kind {
            OpKind::Started(_) | OpKind::Polled(_) | OpKind::Stepped(_) => {}
            OpKind::Settled => self.settle(id),
            OpKind::Told(at, input) => return Ok(self.told(id, at, input)),
            OpKind::Timeout(at) => {
                record.deadline = None;
                record.execution.handle_timeout(at);
            }
            OpKind::Redriven(at) => {
                if std::mem::replace(&mut record.over, false) {
                    self.service.over -= 1;
                }
                let redriven = record.execution.redrive(at);
                return Ok(redriven.map_err(|reason| reason.to_string()));
            }
            OpKind::RedriveToken(at, token) => self.service.keep_redrive_token(id, token, at),
            OpKind::Ended(status, events) => {
                let found = (record.execution.status(), record.execution.history().len() as u64);
                if found != (status, events) {
                    let (now, now_events) = (found.0.api_name(), found.1);
                    return Ok(Err(format!(
                        "it was {} after {events} events and is now {now} after {now_events}",
                        status.api_name()
                    )));
                }
                if !self.keep_answered {
                    let gone = (id, 0)..=(id, TaskId::MAX);
                    let gone: Vec<_> = self.wanted.range(gone).map(|(key, _)| *key).collect();
                    for key in gone {
                        self.wanted.remove(&key);
                    }
                }
            }
            OpKind::MapRunStarted(run, task, at) => return self.map_run_started(id, run, task, at),
            OpKind::MapRunPolled(run, at) => self.map_run_polled(run, at).ok_or(NO_RUN)?,
            OpKind::ChildStarted(run, index, child, start) => {
                let record = self.service.map_runs.get_mut(&run).ok_or(NO_RUN)?;
                record.run.child_started(index, start);
                record.keep_child(index, child);
            }
            OpKind::ChildEnded(run, index, at, end) => {
                let service = &mut self.service;
                let record = service.map_runs.get_mut(&run).ok_or(NO_RUN)?;
                record.run.child_ended(at, index, end);
                service.told = record.children.get(index as usize).copied();
                service.release_told();
            }
            OpKind::MapRunRedriven(run, task, at) => {
                let service = &mut self.service;
                let record = service.map_runs.get_mut(&run).ok_or(NO_RUN)?;
                service.map_run_tasks.remove(&(id, record.task));
                service.map_run_tasks.insert((id, task), run);
                record.task = task;
                if let Err(message) = record.run.redrive(at, &service.objects) {
                    self.unsupported.insert(run, message);
                }
            }
            OpKind::MapRunAborted(run, at) => {
                // Its children were told themselves.
                let _ = self.service.map_runs.get_mut(&run).ok_or(NO_RUN)?.run.abort(at);
                self.service.map_runs_paused.remove(&run);
            }
            OpKind::MapRunUpdated(run, update) => {
                self.service.map_runs.get_mut(&run).ok_or(NO_RUN)?.run.update(update);
            }
        }
        Ok(Ok(()))
    }

    fn started(&mut self, id: ExecutionId, started: Started) -> Result<(), &'static str> {
        let service = &mut self.service;
        if id < service.records.next_id() {
            return Err("it starts a second time");
        }
        service.records.leave_out(id);
        let (machine, place, listed_under) = match started.map_run {
            Some(child) => {
                let run = service.map_runs.get(&child.run).ok_or("its Map Run is missing")?;
                let request = run.run.request();
                let place = request.place.inner(request.state.clone(), child.index);
                (run.machine.clone(), place, run.listed_under.clone())
            }
            None => {
                let machine = self.revisions.get(&started.revision);
                let machine = machine.ok_or("its state machine is missing")?.clone();
                let mut listed_under = vec![started.state_machine_arn.clone()];
                listed_under.extend(started.version_arn.iter().chain(&started.alias_arn).cloned());
                (machine, Place::default(), listed_under.into())
            }
        };
        let start = Start {
            arn: started.arn.clone(),
            name: started.name.clone(),
            state_machine_arn: started.state_machine_arn,
            state_machine_name: machine.name.clone(),
            state_machine_version_arn: started.version_arn,
            state_machine_alias_arn: started.alias_arn,
            role_arn: machine.role_arn.clone(),
            region: service.account.region.clone(),
            execution_type: machine.execution_type,
            synchronous: started.synchronous,
            input: started.input,
            seed: started.seed,
            interleaving: started.interleaving,
            limits: service.limits.clone(),
        };
        let execution = Execution::start(started.at, machine.machine.clone(), start);
        let execution = execution.with_place(place);
        let (arn, name) = (started.arn, started.name);
        let mut record = Record::new(id, arn, name, machine, execution, started.parent);
        record.map_run = started.map_run;
        record.trace_header = started.trace_header;
        record.metadata_only = started.metadata_only;
        record.listed_under = listed_under;
        service.by_arn.entry(record.arn.clone()).or_insert(id);
        service.records.push(record);
        self.wake(id);
        Ok(())
    }

    fn told(&mut self, id: ExecutionId, at: Timestamp, input: Input) -> Result<(), String> {
        match &input {
            Input::TaskStarted { task, .. } => {
                if let Some(open) = self.wanted.get_mut(&(id, *task)) {
                    open.started = true;
                }
            }
            Input::TaskSubmitted { task, output } => {
                if let Some(open) = self.wanted.get_mut(&(id, *task)) {
                    open.submitted = Some(output.clone());
                }
            }
            Input::TaskSucceeded { task, .. }
            | Input::TaskFailed { task, .. }
            | Input::MapRunEnded { task, .. }
                if !self.keep_answered =>
            {
                self.wanted.remove(&(id, *task));
            }
            _ => {}
        }
        let told = self.service.records[id].execution.handle(at, input);
        told.map_err(|rejected: Rejected| rejected.to_string())
    }

    fn map_run_started(
        &mut self,
        id: ExecutionId,
        run: MapRunId,
        task: TaskId,
        at: Timestamp,
    ) -> Result<Result<(), String>, &'static str> {
        let Some(OpenTask { wanted: Wanted::MapRun(request), .. }) = self.wanted.get(&(id, task))
        else {
            return Ok(Err("it does not run a distributed Map where it did".to_owned()));
        };
        let service = &mut self.service;
        let machine = Arc::new(service.processor_record(id, request));
        let (arn, limits) = (machine.arn.clone(), service.account.limits);
        let begun = MapRun::start(at, (**request).clone(), arn, &service.objects, &limits);
        let begun = match begun {
            Ok(begun) => begun,
            Err(message) => return Ok(Err(message)),
        };
        service.map_runs_by_arn.insert(begun.request().map_run_arn.clone(), run);
        service.map_runs.insert(run, MapRunRecord::new(id, task, machine, begun));
        service.map_run_tasks.insert((id, task), run);
        Ok(Ok(()))
    }

    /// What it wanted stands in the rows that follow.
    fn map_run_polled(&mut self, id: MapRunId, at: Timestamp) -> Option<()> {
        let Service { map_runs, records, objects, .. } = &mut self.service;
        let record = map_runs.get_mut(&id)?;
        let (task, parent) = (record.task, &mut records[record.execution].execution);
        let wanted = record.run.poll(at, objects, &mut |item| parent.map_item_input(task, item));
        match wanted {
            // Unless it is asked again in what follows, more children may be to start.
            Ok(map_run::Output::Start { .. }) => {
                self.service.map_runs_paused.insert(id, at);
            }
            Ok(_) => {
                self.service.map_runs_paused.remove(&id);
            }
            Err(message) => {
                self.unsupported.insert(id, message);
            }
        }
        Some(())
    }

    /// Executions go on in the order in which they were woken.
    fn wake(&mut self, id: ExecutionId) {
        self.heard += 1;
        self.service.records[id].progress.unsettled = true;
        self.awake.entry(id).or_insert(self.heard);
    }

    fn settle(&mut self, id: ExecutionId) {
        while self.service.records[id].progress.unsettled {
            self.poll(id);
        }
        self.awake.remove(&id);
    }

    /// Asks an execution what it wants.
    fn poll(&mut self, id: ExecutionId) {
        let service = &mut self.service;
        let record = &mut service.records[id];
        let before = record.execution.transitions();
        let output = record.execution.poll();
        if record.machine.execution_type == ExecutionType::Standard {
            service.transitions += record.execution.transitions() - before;
        }
        let at = record.execution.now();
        match output {
            engine::Output::Task(request) => {
                self.service.keep_token(id, &request);
                self.want(id, Wanted::Task(request), at);
            }
            engine::Output::MapRun(request) => self.want(id, Wanted::MapRun(request), at),
            engine::Output::CancelTask(task) => {
                if !self.keep_answered {
                    self.wanted.remove(&(id, task));
                }
            }
            engine::Output::RedriveMapRun { .. } => {}
            engine::Output::Ended => {
                record.progress.unsettled = false;
                record.deadline = None;
                if !std::mem::replace(&mut record.over, true) {
                    service.over += 1;
                }
            }
            engine::Output::Idle(deadline) => {
                record.progress.unsettled = false;
                record.deadline = deadline;
            }
        }
    }

    /// Lets an execution make so many steps, after which it has more to do.
    fn go(&mut self, id: ExecutionId, mut steps: u32) -> Result<(), String> {
        let service = &mut self.service;
        let record = &mut service.records[id];
        let before = record.execution.transitions();
        while steps > 0 {
            let left = steps;
            if record.execution.poll_some(&mut steps).is_some() || steps == left {
                return Err(format!("it has nothing more to do {steps} steps sooner than it had"));
            }
        }
        if record.machine.execution_type == ExecutionType::Standard {
            service.transitions += record.execution.transitions() - before;
        }
        Ok(())
    }

    fn want(&mut self, execution: ExecutionId, wanted: Wanted, at: Timestamp) {
        self.asked += 1;
        let woken = self.awake.get(&execution).copied().unwrap_or(self.heard);
        let order = (woken, self.asked);
        let open = OpenTask { execution, wanted, at, started: false, submitted: None, order };
        self.wanted.insert((execution, open.task()), open);
    }

    /// The account, once all rows are heard.
    pub fn finish(mut self) -> Restored {
        let ids: Vec<ExecutionId> = self.service.records.iter().map(|record| record.id).collect();
        for id in ids {
            if !self.service.records[id].progress.split {
                self.settle(id);
            }
            self.service.take_place(id);
        }
        self.service.records.leave_out(ExecutionId(self.executions));
        let mut awake: Vec<(u64, ExecutionId)> =
            self.awake.iter().map(|(id, woken)| (*woken, *id)).collect();
        awake.sort_unstable();
        for (_, id) in awake {
            if self.service.records[id].progress.unsettled {
                self.service.wake(id);
            }
        }
        let Self { mut service, revisions, wanted, keep_answered, unsupported, .. } = self;
        for (run, message) in unsupported {
            if let Some(record) = service.map_runs.get(&run)
                && service.records[record.execution].execution.has_task(record.task)
            {
                service.outbox.push_back(Output::Unsupported(run, message));
            }
        }
        let is_open = |open: &OpenTask| {
            keep_answered || service.records[open.execution].execution.has_task(open.task())
        };
        let mut tasks: Vec<OpenTask> = wanted.into_values().filter(is_open).collect();
        tasks.sort_by_key(|open| open.order);
        let used = service.used_revisions();
        let numbers = revisions.into_keys().filter(|number| !used.contains(number));
        let mut unused_revisions: Vec<u64> = numbers.collect();
        unused_revisions.sort_unstable();
        Restored { service, tasks, unused_revisions }
    }
}

impl Service {
    /// What follows for the account from an execution that was restored.
    fn take_place(&mut self, id: ExecutionId) {
        let record = &mut self.records[id];
        let status = record.execution.status();
        record.listed = status;
        self.listing.add(id, &record.listed_under, status);
        if let Some(deadline) = record.deadline {
            self.deadlines.insert((deadline, id));
        }
        let is_deleting = |arn: &Arc<str>| self.machines.get(arn).is_some_and(|own| own.deleting);
        record.doomed = !record.over && record.listed_under.iter().any(is_deleting);
        let awaited = record.parent.filter(|parent| parent.form.awaits() && !record.over);
        if let Some(Parent { execution, task, .. }) = awaited {
            self.awaited.insert((execution, task), id);
        }
    }

    fn used_revisions(&self) -> BTreeSet<u64> {
        let machines = self.machines.values();
        let machines = machines.flat_map(|machine| {
            let versions = machine.versions.values().map(|version| version.machine.number);
            versions.chain([machine.current.number])
        });
        machines.chain(self.records.iter().map(|record| record.machine.number)).collect()
    }

    /// Goes on with what an execution asked for before the account was restored, where the account
    /// itself sees to it: a Map Run, a nested execution, a task that waits in an activity's queue
    /// or for another's. False where somebody else has to.
    pub fn resume(&mut self, now: Timestamp, open: &OpenTask) -> bool {
        let key = (open.execution, open.task());
        let Wanted::Task(request) = &open.wanted else {
            return self.map_run_tasks.contains_key(&key);
        };
        if self.awaited.contains_key(&key) {
            return true;
        }
        match &request.resource {
            Resource::Activity { arn } => {
                if !open.started {
                    // A task of a deleted activity waits for its time-out.
                    self.schedule_activity(now, open.execution, request, arn);
                }
                true
            }
            Resource::Service { service, action, pattern, .. } => match (&**service, &**action) {
                ("states", "startExecution") => {
                    open.submitted.is_some()
                        && *pattern == Pattern::WaitForTaskToken
                        && self.own_machine(request).is_some()
                }
                ("aws-sdk:sfn", "getActivityTask") => self.serve(now, open.execution, request),
                _ => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
