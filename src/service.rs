//! The account, sans-IO: what the Step Functions API does, over many executions and one clock.
//!
//! [`Service`] is to [`Execution`](crate::engine::Execution) what an endpoint is to its
//! connections. Tell it what is asked of it ([`Service::handle`]), what became of a task
//! ([`Service::tell`]) and the time ([`Service::handle_timeout`]), and after each of them call
//! [`Service::poll`] until it answers [`Output::Idle`]. It touches no network and asks no clock; a
//! driver above it decides what a task's service answers, or lets the account do it itself where
//! the service is Step Functions ([`Service::serve`]).

mod activity;
mod callback;
mod delivery;
mod error;
mod execution;
pub mod journal;
mod listing;
mod machine;
mod map_run;
mod metrics;
mod nested;
mod notify;
mod operation;
mod records;
mod redrive;
mod restore;
mod settings;
mod tags;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Bound;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHasher;

pub use activity::{Activity, ActivityTask, PollId};
pub use error::ApiError;
pub(crate) use execution::Description;
pub use execution::{ExecutionId, Parent, Record, StateMachineRecord};
pub use machine::{NewStateMachine, StateMachineUpdate};
pub use map_run::{MapRunChild, MapRunId, MapRunRecord};
pub use metrics::{Datapoint, Metric, Metrics, Tally};
pub use notify::StatusChange;
pub(crate) use operation::NewExecution;
pub use operation::{Operation, Response};
pub use records::{Forgotten, Records};
pub use restore::{OpenTask, RestoreError, Restored, Restoring, Wanted};
pub use settings::{
    EncryptionConfiguration, KmsTrouble, LoggingConfiguration, Settings, Surroundings,
};
pub use version::{Alias, Route, Version};

use activity::Polls;
use callback::Token;
use journal::{Journal, OpKind};
use listing::Listing;
use machine::Machine;

use crate::asl::{ExecutionType, Resource};
use crate::engine::{self, Input, MapRunRequest, Rejected, TaskId, TaskRequest};
use crate::entropy::Entropy;
use crate::history::Failure;
use crate::limits::Limits;
use crate::map_run::Objects;
use crate::time::Timestamp;

type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FxHasher>>;

/// What an account is set up with.
#[derive(Clone, Debug)]
pub struct Account {
    /// The region in its ARNs.
    pub region: Arc<str>,
    /// The twelve digits of its ARNs.
    pub account_id: Arc<str>,
    /// The seed of everything random in it and in its executions.
    pub seed: i64,
    /// `None`: of several ready branches the first goes first. A seed shuffles them.
    pub interleaving: Option<i64>,
    /// The service's limits.
    pub limits: Limits,
    /// For so many milliseconds after UpdateStateMachine executions may still start with what was
    /// before, as AWS warns of; which do is drawn. Zero: none does.
    pub update_lag_millis: i64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            account_id: "123456789012".into(),
            seed: 0,
            interleaving: None,
            limits: Limits::today(),
            update_lag_millis: 0,
        }
    }
}

/// What the account wants next.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Output {
    /// An execution calls a service: say what becomes of it with [`Service::tell`], or let
    /// [`Service::serve`] do it.
    Task(ExecutionId, Box<TaskRequest>),
    /// An answer to this task would be refused from now on.
    CancelTask(ExecutionId, TaskId),
    /// An execution reached a distributed Map: run it with [`Service::run_map`], or tell the
    /// execution what comes of it.
    MapRun(ExecutionId, Box<MapRunRequest>),
    /// This Map Run cannot go on here although it might on AWS: what to do instead. It is aborted;
    /// tell its execution what comes of it.
    Unsupported(MapRunId, String),
    /// An execution has started, of whatever type and however.
    Started(ExecutionId),
    /// The status of an execution changed.
    StatusChange(Box<StatusChange>),
    /// An execution has ended, of whatever type and however it was started; comes after its
    /// [`Output::StatusChange`].
    Ended(ExecutionId),
    /// A poll that [`Operation::GetActivityTask`] left open has its answer: a task, or nothing
    /// after a minute.
    ActivityTask(PollId, Option<Box<ActivityTask>>),
    /// Nothing more until something is told, or until this time.
    Idle(Option<Timestamp>),
}

/// State machines, executions, activities and task tokens of one account in one region.
#[derive(Debug)]
pub struct Service {
    account: Account,
    /// Those of the account, for each of its executions.
    limits: Arc<Limits>,
    entropy: Entropy,
    surroundings: Surroundings,
    machines: BTreeMap<Arc<str>, Machine>,
    tags: FastMap<Arc<str>, IndexMap<Arc<str>, Arc<str>>>,
    records: Records,
    by_arn: FastMap<Arc<str>, ExecutionId>,
    listing: Listing,
    tokens: FastMap<Arc<str>, Token>,
    /// Nested executions by the task that waits for their end.
    awaited: FastMap<(ExecutionId, TaskId), ExecutionId>,
    activities: BTreeMap<Arc<str>, Activity>,
    polls: Polls,
    map_runs: BTreeMap<MapRunId, MapRunRecord>,
    map_runs_by_arn: FastMap<Arc<str>, MapRunId>,
    map_runs_started: u32,
    map_run_tasks: BTreeMap<(ExecutionId, TaskId), MapRunId>,
    /// Map Runs with more children to start, once those that have started were heard; since when.
    map_runs_paused: BTreeMap<MapRunId, Timestamp>,
    objects: Objects,
    /// The client tokens of the last redrives, the latest last.
    redrive_tokens: FastMap<ExecutionId, Vec<(Arc<str>, Timestamp)>>,
    /// Executions that have something to say.
    talking: VecDeque<ExecutionId>,
    deadlines: BTreeSet<(Timestamp, ExecutionId)>,
    outbox: VecDeque<Output>,
    /// An execution of a Map Run whose end was told last, and whose history is not kept.
    told: Option<ExecutionId>,
    /// Executions that have ended.
    over: usize,
    /// State transitions of Standard executions.
    transitions: u64,
    /// Standard executions go no further for now.
    standard_waits: bool,
    /// How many revisions of state machines were made.
    revisions: u64,
    /// Nobody reads status-change events.
    unannounced: bool,
    journal: Option<Box<Journal>>,
}

impl Service {
    /// An empty account.
    pub fn new(account: Account) -> Self {
        Self {
            entropy: Entropy::new(account.seed).fork("account"),
            limits: account.limits.into(),
            account,
            surroundings: Surroundings::default(),
            machines: BTreeMap::new(),
            tags: FastMap::default(),
            records: Records::default(),
            by_arn: FastMap::default(),
            listing: Listing::default(),
            tokens: FastMap::default(),
            awaited: FastMap::default(),
            activities: BTreeMap::new(),
            polls: Polls::default(),
            map_runs: BTreeMap::new(),
            map_runs_by_arn: FastMap::default(),
            map_runs_started: 0,
            map_run_tasks: BTreeMap::new(),
            map_runs_paused: BTreeMap::new(),
            objects: Objects::default(),
            redrive_tokens: FastMap::default(),
            talking: VecDeque::new(),
            deadlines: BTreeSet::new(),
            outbox: VecDeque::new(),
            told: None,
            over: 0,
            transitions: 0,
            standard_waits: false,
            revisions: 0,
            unannounced: false,
            journal: None,
        }
    }

    /// Makes no [`Output::StatusChange`] from now on. All else stays as it is, the names of
    /// executions too.
    pub fn leave_out_status_changes(&mut self) {
        self.unannounced = true;
    }

    /// Does what the API is asked for.
    ///
    /// # Errors
    ///
    /// The API's own, by their names.
    pub fn handle(&mut self, now: Timestamp, operation: Operation) -> Result<Response, ApiError> {
        operation::handle(self, now, operation)
    }

    /// Tells an execution what became of one of its tasks.
    ///
    /// # Errors
    ///
    /// Where the task or the execution has ended already, or is forgotten; nothing changes then.
    pub fn tell(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
        input: Input,
    ) -> Result<(), Rejected> {
        let record = self.records.find_mut(execution).ok_or(Rejected::ExecutionEnded)?;
        let goes_on = matches!(
            input,
            Input::TaskSucceeded { .. } | Input::TaskFailed { .. } | Input::MapRunEnded { .. }
        );
        let noted = self.journal.is_some().then(|| OpKind::Told(now, input.clone()));
        record.execution.handle(now, input)?;
        if let Some(noted) = noted {
            self.note(execution, noted);
        }
        if goes_on {
            self.stop_if_doomed(execution, now);
        }
        self.wake(execution);
        Ok(())
    }

    /// Tells the time: every timer that is due fires.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(&(deadline, execution)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            let record = &mut self.records[execution];
            record.deadline = None;
            record.execution.handle_timeout(now);
            self.note(execution, OpKind::Timeout(now));
            self.stop_if_doomed(execution, now);
            self.wake(execution);
        }
        self.expire_polls(now);
        self.resume_map_runs(now);
    }

    /// Whether the next Standard execution to go on makes a state transition then.
    pub fn transits_next(&self) -> bool {
        let mut talking = self.talking.iter().map(|id| &self.records[*id]);
        let next = talking.find(|own| own.machine.execution_type == ExecutionType::Standard);
        next.is_some_and(|record| record.execution.enters_next())
    }

    /// Tells the execution that goes on next the time, where it was held up: it goes on then, not
    /// when it was woken.
    pub fn tell_time(&mut self, now: Timestamp) {
        let Some(&id) = self.talking.front() else { return };
        let record = &mut self.records[id];
        let standard = record.machine.execution_type == ExecutionType::Standard;
        let running = record.execution.result().is_none();
        if standard && running && record.execution.now() < now {
            record.execution.handle_timeout(now);
            self.note(id, OpKind::Timeout(now));
        }
    }

    /// What the account wants next. Call until it is idle.
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.poll_some(&mut { u32::MAX }) {
                return output;
            }
        }
    }

    /// As [`Service::poll`], for a driver with others to serve: `None` where its executions have
    /// made so many steps, or one that may have taken long, and have more to do. What they made is
    /// taken off. Where it stops changes nothing of what happens.
    pub fn poll_some(&mut self, steps: &mut u32) -> Option<Output> {
        self.release_told();
        loop {
            if let Some(output) = self.outbox.pop_front() {
                if let Output::Ended(execution) = output {
                    self.told = Some(execution);
                }
                return Some(output);
            }
            let next = match self.standard_waits {
                false => self.talking.front().copied(),
                true => self.first_express(),
            };
            let Some(id) = next else {
                return Some(Output::Idle(self.next_deadline().map(|(deadline, _)| deadline)));
            };
            let record = &mut self.records[id];
            let (before, left) = (record.execution.transitions(), *steps);
            let output = record.execution.poll_some(steps);
            if record.machine.execution_type == ExecutionType::Standard {
                self.transitions += record.execution.transitions() - before;
            }
            let Some(output) = output else {
                record.progress.steps += left - *steps;
                return None;
            };
            record.progress.polls += 1;
            record.progress.steps = 0;
            match output {
                engine::Output::Task(request) => {
                    self.keep_token(id, &request);
                    return Some(Output::Task(id, request));
                }
                engine::Output::CancelTask(task) => {
                    self.task_cancelled(id, task);
                    return Some(Output::CancelTask(id, task));
                }
                engine::Output::MapRun(request) => return Some(Output::MapRun(id, request)),
                engine::Output::RedriveMapRun { task, redriven } => {
                    self.map_run_redriven(id, task, redriven);
                }
                engine::Output::Ended => {
                    self.silence(id, None);
                    self.ended(id);
                }
                engine::Output::Idle(deadline) => self.silence(id, deadline),
            }
        }
    }

    /// One execution.
    pub fn execution(&self, id: ExecutionId) -> &Record {
        &self.records[id]
    }

    /// The `AWS/States` metrics of all executions; those of executions whose history is gone are
    /// taken out.
    pub fn take_metrics(&mut self) -> Metrics {
        Metrics::of(self.map_runs.values_mut(), &self.records)
    }

    /// All executions that are not forgotten, in the order in which they started.
    pub fn executions(&self) -> &Records {
        &self.records
    }

    /// All executions, taken out.
    pub fn into_executions(self) -> impl Iterator<Item = Record> {
        self.records.into_records()
    }

    /// The execution with this ARN.
    pub fn find_execution(&self, arn: &str) -> Option<ExecutionId> {
        self.by_arn.get(arn).copied()
    }

    /// The state machine with this ARN, which may be that of a version, or of an alias: its first
    /// version then.
    pub fn find_state_machine(&self, arn: &str) -> Option<&Arc<StateMachineRecord>> {
        if let Some(machine) = self.machines.get(arn) {
            return Some(&machine.current);
        }
        let version = match self.find_alias(arn) {
            Some(alias) => self.find_version(&alias.routing.first()?.version_arn),
            None => self.find_version(arn),
        };
        version.map(|version| &version.machine)
    }

    /// Makes `machine` known under another ARN as well, as in a definition that was written for
    /// another account.
    pub fn alias_state_machine(&mut self, arn: Arc<str>, machine: Arc<StateMachineRecord>) {
        self.machines.insert(arn, Machine::new(machine, None));
    }

    /// When the next timer fires, and whose it is.
    pub fn next_deadline(&self) -> Option<(Timestamp, ExecutionId)> {
        let first = self.deadlines.first().copied();
        let poll = self.next_poll_expiry().map(|expiry| (expiry, ExecutionId(u32::MAX)));
        let paused = self.map_runs_paused.iter();
        let paused = paused.map(|(run, since)| (*since, self.map_runs[run].execution)).min();
        [first, poll, paused].into_iter().flatten().min()
    }

    /// Whether any execution is still running.
    pub fn any_running(&self) -> bool {
        self.open_executions() > 0
    }

    /// How many executions are running.
    pub fn open_executions(&self) -> usize {
        self.records.len() - self.over
    }

    /// The executions that go on with the next calls of [`Service::poll`], in that order.
    pub fn talking(&self) -> impl Iterator<Item = ExecutionId> {
        self.talking.iter().copied()
    }

    /// The state transitions of all Standard executions so far, those that are forgotten included:
    /// what the quota of state transitions counts.
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Whether Standard executions wait, with everything that they have to say, until they are let
    /// go on: the quota of state transitions is used up, which Express executions do not share
    /// (service quotas, "Quotas related to state throttling").
    pub fn hold_standard(&mut self, wait: bool) {
        self.standard_waits = wait;
    }

    /// Puts the first Express execution that has something to say before the others.
    fn first_express(&mut self) -> Option<ExecutionId> {
        let is_express =
            |id: &ExecutionId| self.records[*id].machine.execution_type == ExecutionType::Express;
        let at = self.talking.iter().position(is_express)?;
        let id = self.talking.remove(at)?;
        self.talking.push_front(id);
        Some(id)
    }

    /// The account it was set up with.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What stands around the account.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// What stands around the account, to be changed.
    pub fn surroundings_mut(&mut self) -> &mut Surroundings {
        &mut self.surroundings
    }

    /// Forgets an execution that has ended: its ARN and its task tokens are unknown from then on,
    /// and its id is not given again. Its Map Runs and their executions go with it; an execution
    /// of a Map Run goes no other way. What is forgotten is handed out; nothing where it has not
    /// ended, is forgotten already, or belongs to a Map Run.
    pub fn forget(&mut self, id: ExecutionId) -> Forgotten {
        let mut forgotten = Forgotten::new();
        if let Some(record) = self.records.find(id)
            && record.over
            && !record.talking
            && record.map_run.is_none()
        {
            self.drop_record(id, &mut forgotten);
        }
        forgotten
    }

    fn drop_record(&mut self, id: ExecutionId, forgotten: &mut Forgotten) {
        let Some(record) = self.records.remove(id) else { return };
        // Children of a Map Run that was stopped may still have something to say.
        if record.talking {
            self.talking.retain(|own| *own != id);
        }
        self.note_forgotten(id);
        self.unlist(&record);
        // A second delivery has the ARN of the first.
        if self.by_arn.get(&record.arn) == Some(&id) {
            self.by_arn.remove(&record.arn);
        }
        for token in &record.tokens {
            self.tokens.remove(token);
        }
        self.redrive_tokens.remove(&id);
        if let Some(deadline) = record.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        if record.over {
            self.over -= 1;
        }
        forgotten.push(record);
        for child in self.drop_map_runs(id) {
            self.drop_record(child, forgotten);
        }
    }

    /// Takes in an execution that has just started.
    fn insert(&mut self, record: Box<Record>) -> ExecutionId {
        let id = record.id;
        self.by_arn.entry(record.arn.clone()).or_insert(id);
        self.listing.add(id, &record.listed_under, record.listed);
        self.records.push(record);
        self.note_started(id);
        self.outbox.push_back(Output::Started(id));
        self.announce(id);
        self.wake(id);
        id
    }

    /// Stops an execution of a deleted machine, which is about to make a state transition.
    fn stop_if_doomed(&mut self, id: ExecutionId, now: Timestamp) {
        let record = &mut self.records[id];
        if std::mem::take(&mut record.doomed) {
            let stop = Input::Stop { failure: Failure::default() };
            // It has ended where it refuses.
            if record.execution.handle(now, stop.clone()).is_ok() {
                self.note(id, OpKind::Told(now, stop));
            }
        }
    }

    fn keep_token(&mut self, execution: ExecutionId, request: &TaskRequest) {
        let Some(token) = &request.task_token else { return };
        let activity = match &request.resource {
            Resource::Activity { arn } => Some(arn.clone()),
            _ => None,
        };
        self.records[execution].tokens.push(token.clone());
        self.tokens.insert(token.clone(), Token { execution, task: request.task, activity });
    }

    fn wake(&mut self, id: ExecutionId) {
        let record = &mut self.records[id];
        if !std::mem::replace(&mut record.talking, true) {
            self.talking.push_back(id);
        }
    }

    /// The execution in front has nothing more to say until `deadline`.
    fn silence(&mut self, id: ExecutionId, deadline: Option<Timestamp>) {
        self.talking.pop_front();
        let record = &mut self.records[id];
        record.talking = false;
        if std::mem::take(&mut record.progress.unsettled) && record.progress.split {
            self.note(id, OpKind::Settled);
        }
        let record = &mut self.records[id];
        if record.deadline != deadline {
            if let Some(old) = std::mem::replace(&mut record.deadline, deadline) {
                self.deadlines.remove(&(old, id));
            }
            if let Some(new) = deadline {
                self.deadlines.insert((new, id));
            }
        }
    }

    fn ended(&mut self, id: ExecutionId) {
        if std::mem::replace(&mut self.records[id].over, true) {
            return;
        }
        self.over += 1;
        let execution = &self.records[id].execution;
        let ended = OpKind::Ended(execution.status(), execution.history().len() as u64);
        self.note(id, ended);
        self.relist(id);
        self.announce(id);
        self.outbox.push_back(Output::Ended(id));
        self.tell_parent(id);
        self.map_run_child_ended(id);
        let arn = self.records[id].machine.arn.clone();
        self.bury(&arn);
    }

    /// Puts a status-change event out. Express executions have none (EventBridge reference); those
    /// of a Map Run, of which there may be thousands, are told of by their parent alone.
    fn announce(&mut self, id: ExecutionId) {
        let record = &self.records[id];
        let is_item = record.map_run.is_some();
        if record.machine.execution_type == ExecutionType::Standard && !is_item {
            if self.unannounced {
                self.entropy.skip_uuid();
                return;
            }
            let change = StatusChange::of(record, &self.account, self.entropy.next_uuid());
            self.outbox.push_back(Output::StatusChange(Box::new(change)));
        }
    }

    /// A task that was cancelled leaves the queue of its activity, and stops its own child
    /// execution (guide, "Run a Job": a task that is aborted cancels its job).
    fn task_cancelled(&mut self, id: ExecutionId, task: TaskId) {
        self.activity_task_cancelled(id, task);
        let now = self.records[id].execution.now();
        if let Some(child) = self.awaited.remove(&(id, task)) {
            let failure = Failure::default();
            // A child that has ended needs no stop.
            let _ = self.tell(now, child, Input::Stop { failure });
        }
        self.map_run_cancelled(now, id, task);
    }
}

/// The range of keys behind this one.
fn behind(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

#[cfg(test)]
mod tests;
