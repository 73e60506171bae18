//! The account, sans-IO: what the Step Functions API does, over many executions and one clock.
//!
//! [`Service`] is to [`Execution`](crate::engine::Execution) what an endpoint is to its
//! connections. Tell it what is asked of it ([`Service::handle`]), what became of a task
//! ([`Service::tell`]) and the time ([`Service::handle_timeout`]), and after each of them call
//! [`Service::poll`] until it answers [`Output::Idle`]. It touches no network and asks no clock; a
//! driver above it decides what a task's service answers, or lets the account do it itself where
//! the service is Step Functions ([`Service::serve`]).

mod callback;
mod delivery;
mod error;
mod execution;
mod map_run;
mod metrics;
mod nested;
mod notify;
mod operation;
mod redrive;
mod version;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHasher;

pub use callback::{ActivityTask, PollId};
pub use error::ApiError;
pub use execution::{ExecutionId, Parent, Record, StateMachineRecord};
pub use map_run::{MapRunChild, MapRunId, MapRunRecord};
pub use metrics::{Datapoint, Metric, Metrics};
pub use notify::StatusChange;
pub use operation::{Operation, Response};
pub use version::{Alias, Route, Version};

use crate::asl::ExecutionType;
use crate::engine::{self, Input, MapRunRequest, Rejected, TaskId, TaskRequest};
use crate::entropy::Entropy;
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
}

impl Default for Account {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            account_id: "123456789012".into(),
            seed: 0,
            interleaving: None,
            limits: Limits::today(),
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
    /// The items of a Map Run of this execution cannot be read here although AWS might: what to do
    /// instead. The run goes no further.
    Unsupported(ExecutionId, String),
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
    entropy: Entropy,
    machines: IndexMap<Arc<str>, Arc<StateMachineRecord>, BuildHasherDefault<FxHasher>>,
    versions: IndexMap<Arc<str>, Version, BuildHasherDefault<FxHasher>>,
    aliases: IndexMap<Arc<str>, Alias, BuildHasherDefault<FxHasher>>,
    /// By machine: the number of its latest version.
    published: FastMap<Arc<str>, u64>,
    records: Vec<Record>,
    by_arn: FastMap<Arc<str>, ExecutionId>,
    tokens: FastMap<Arc<str>, (ExecutionId, TaskId)>,
    /// Nested executions by the task that waits for their end.
    awaited: FastMap<(ExecutionId, TaskId), ExecutionId>,
    activities: IndexMap<Arc<str>, callback::Activity, BuildHasherDefault<FxHasher>>,
    map_runs: Vec<MapRunRecord>,
    map_run_tasks: FastMap<(ExecutionId, TaskId), MapRunId>,
    objects: Objects,
    /// The metrics of executions whose history is gone.
    found: metrics::Found,
    polls: u64,
    /// Polls do not expire by themselves.
    polls_stay: bool,
    /// The client tokens of the last redrives, the latest last.
    redrive_tokens: FastMap<ExecutionId, Vec<(Arc<str>, Timestamp)>>,
    /// Executions that have something to say.
    talking: VecDeque<ExecutionId>,
    deadlines: BTreeSet<(Timestamp, ExecutionId)>,
    outbox: VecDeque<Output>,
    /// Executions that have ended.
    over: usize,
}

impl Service {
    /// An empty account.
    pub fn new(account: Account) -> Self {
        Self {
            entropy: Entropy::new(account.seed).fork("account"),
            account,
            machines: IndexMap::default(),
            versions: IndexMap::default(),
            aliases: IndexMap::default(),
            published: FastMap::default(),
            records: Vec::new(),
            by_arn: FastMap::default(),
            tokens: FastMap::default(),
            awaited: FastMap::default(),
            activities: IndexMap::default(),
            map_runs: Vec::new(),
            map_run_tasks: FastMap::default(),
            objects: Objects::default(),
            found: metrics::Found::default(),
            polls: 0,
            polls_stay: false,
            redrive_tokens: FastMap::default(),
            talking: VecDeque::new(),
            deadlines: BTreeSet::new(),
            outbox: VecDeque::new(),
            over: 0,
        }
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
    /// Where the task or the execution has ended already; nothing changes then.
    pub fn tell(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
        input: Input,
    ) -> Result<(), Rejected> {
        let record = &mut self.records[execution.0 as usize];
        record.execution.handle(now, input)?;
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
            let record = &mut self.records[execution.0 as usize];
            record.deadline = None;
            record.execution.handle_timeout(now);
            self.wake(execution);
        }
        self.expire_polls(now);
    }

    /// What the account wants next. Call until it is idle.
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.outbox.pop_front() {
                return output;
            }
            let Some(&id) = self.talking.front() else {
                let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
                return Output::Idle(earlier(deadline, self.next_poll_expiry()));
            };
            match self.records[id.0 as usize].execution.poll() {
                engine::Output::Task(request) => {
                    if let Some(token) = &request.task_token {
                        self.tokens.insert(token.clone(), (id, request.task));
                    }
                    return Output::Task(id, request);
                }
                engine::Output::CancelTask(task) => {
                    self.task_cancelled(id, task);
                    return Output::CancelTask(id, task);
                }
                engine::Output::MapRun(request) => return Output::MapRun(id, request),
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
        &self.records[id.0 as usize]
    }

    /// The `AWS/States` metrics of all executions.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.found, &self.records)
    }

    /// All executions, in the order in which they started.
    pub fn executions(&self) -> &[Record] {
        &self.records
    }

    /// All executions, taken out.
    pub fn into_executions(self) -> Vec<Record> {
        self.records
    }

    /// The execution with this ARN.
    pub fn find_execution(&self, arn: &str) -> Option<ExecutionId> {
        self.by_arn.get(arn).copied()
    }

    /// The state machine with this ARN, which may be that of a version, or of an alias: its first
    /// version then.
    pub fn find_state_machine(&self, arn: &str) -> Option<&Arc<StateMachineRecord>> {
        let version = match self.aliases.get(arn) {
            Some(alias) => self.versions.get(&alias.routing.first()?.version_arn),
            None => self.versions.get(arn),
        };
        version.map(|version| &version.machine).or_else(|| self.machines.get(arn))
    }

    /// All state machines, in the order in which they were created.
    pub fn state_machines(&self) -> impl Iterator<Item = &Arc<StateMachineRecord>> {
        self.machines.values()
    }

    /// Makes `machine` known under another ARN as well, as in a definition that was written for
    /// another account.
    pub fn alias_state_machine(&mut self, arn: Arc<str>, machine: Arc<StateMachineRecord>) {
        self.machines.insert(arn, machine);
    }

    /// When the next timer fires, and whose it is.
    pub fn next_deadline(&self) -> Option<(Timestamp, ExecutionId)> {
        let first = self.deadlines.first().copied();
        let poll = self.next_poll_expiry().map(|expiry| (expiry, ExecutionId(u32::MAX)));
        match (first, poll) {
            (Some(first), Some(poll)) => Some(first.min(poll)),
            (first, poll) => first.or(poll),
        }
    }

    /// Whether any execution is still running.
    pub fn any_running(&self) -> bool {
        self.over < self.records.len()
    }

    /// The account it was set up with.
    pub fn account(&self) -> &Account {
        &self.account
    }

    fn wake(&mut self, id: ExecutionId) {
        let record = &mut self.records[id.0 as usize];
        if !std::mem::replace(&mut record.talking, true) {
            self.talking.push_back(id);
        }
    }

    /// The execution in front has nothing more to say until `deadline`.
    fn silence(&mut self, id: ExecutionId, deadline: Option<Timestamp>) {
        self.talking.pop_front();
        let record = &mut self.records[id.0 as usize];
        record.talking = false;
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
        if std::mem::replace(&mut self.records[id.0 as usize].over, true) {
            return;
        }
        self.over += 1;
        self.announce(id);
        self.outbox.push_back(Output::Ended(id));
        self.tell_parent(id);
        self.map_run_child_ended(id);
    }

    /// Puts a status-change event out. Express executions have none (EventBridge reference); those
    /// of a Map Run, of which there may be thousands, are told of by their parent alone.
    fn announce(&mut self, id: ExecutionId) {
        let record = &self.records[id.0 as usize];
        let is_item = record.map_run.is_some();
        if record.machine.execution_type == ExecutionType::Standard && !is_item {
            let change = StatusChange::of(record, &self.account, self.entropy.next_uuid());
            self.outbox.push_back(Output::StatusChange(Box::new(change)));
        }
    }

    /// A task that was cancelled leaves the queue of its activity, and stops its own child
    /// execution (guide, "Run a Job": a task that is aborted cancels its job).
    fn task_cancelled(&mut self, id: ExecutionId, task: TaskId) {
        for activity in self.activities.values_mut() {
            activity.forget(id, task);
        }
        let now = self.records[id.0 as usize].execution.now();
        if let Some(child) = self.awaited.remove(&(id, task)) {
            let failure = crate::history::Failure::default();
            // A child that has ended needs no stop.
            let _ = self.tell(now, child, Input::Stop { failure });
        }
        self.map_run_cancelled(now, id, task);
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
