//! The execution: its arena of branches, its clock, its history, and the loop over what is ready.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::branch::{Branch, BranchId, Phase};
use super::causes;
use super::inspection::Test;
use super::io::{Input, Output, Place, Rejected, TaskId};
use super::timer::{Timer, Timers};
use super::variables::Variables;
use crate::asl::{ExecutionType, StateMachine};
use crate::entropy::Entropy;
use crate::history::{
    EventDetails, EventId, EventType, ExecutionStarted, Failure, HistoryEvent, Payload,
};
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::value::Value;

/// What an execution starts from.
#[derive(Clone, Debug)]
pub struct Start {
    /// The execution's ARN: `$$.Execution.Id`.
    pub arn: Arc<str>,
    /// The execution's name.
    pub name: Arc<str>,
    /// The state machine's ARN: `$$.StateMachine.Id`.
    pub state_machine_arn: Arc<str>,
    /// The state machine's name.
    pub state_machine_name: Arc<str>,
    /// The version that was started, where one was named.
    pub state_machine_version_arn: Option<Arc<str>>,
    /// The alias that was started, where one was named.
    pub state_machine_alias_arn: Option<Arc<str>>,
    /// The role it runs as.
    pub role_arn: Arc<str>,
    /// The region that TaskScheduled events name.
    pub region: Arc<str>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// Whether somebody waits for the answer: StartSyncExecution, TestState.
    pub synchronous: bool,
    /// The input.
    pub input: Value,
    /// The seed of jitter, UUIDs and random numbers.
    pub seed: i64,
    /// `None`: of several ready branches the first goes first. A seed shuffles them.
    pub interleaving: Option<i64>,
    /// The service's limits, which all of its executions share.
    pub limits: Arc<Limits>,
}

/// The API's words for what has become of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the API's")]
pub enum ExecutionStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl ExecutionStatus {
    /// The status as the API writes it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecutionResult {
    /// With this output.
    Succeeded(Value),
    /// With this error and cause.
    Failed(Failure),
    /// Its time ran out.
    TimedOut,
    /// StopExecution, with this error and cause.
    Aborted(Failure),
}

/// One execution of a state machine.
///
/// Tell it things with [`handle`](Self::handle), tell it the time with
/// [`handle_timeout`](Self::handle_timeout), and after either call [`poll`](Self::poll) until it
/// answers [`Output::Idle`] or [`Output::Ended`]. Equal calls give equal histories.
#[derive(Debug)]
pub struct Execution {
    pub(super) machine: Arc<StateMachine>,
    pub(super) start: Start,
    pub(super) started_at: Timestamp,
    pub(super) now: Timestamp,
    pub(super) entropy: Entropy,
    pub(super) branches: Vec<Branch>,
    free: Vec<BranchId>,
    pub(super) ready: VecDeque<BranchId>,
    interleaving: Option<Entropy>,
    /// Whether [`Execution::make`] says what is next, see [`super::guided`].
    pub(super) guided: bool,
    pub(super) timers: Timers,
    pub(super) tasks: HashMap<TaskId, BranchId, BuildHasherDefault<FxHasher>>,
    pub(super) outbox: VecDeque<Output>,
    history: Vec<HistoryEvent>,
    pub(super) result: Option<ExecutionResult>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) redrive_count: u32,
    pub(super) redriven_at: Option<Timestamp>,
    /// Transitions since the clock last moved: what bounds a loop that takes no time.
    transitions_at_now: u64,
    transitions: u64,
    /// The step just made may have taken long: it evaluated JSONata.
    pub(super) long_step: bool,
    /// Set while a single state is tested.
    pub(super) test: Option<Box<Test>>,
}

/// The top level's place in the arena.
pub(super) const TOP: BranchId = 0;

impl Execution {
    /// Starts an execution at `now`. The caller has checked the size of the input.
    pub fn start(now: Timestamp, machine: Arc<StateMachine>, start: Start) -> Self {
        let top = Branch::new(None, 0, Place::default(), machine.states.clone());
        let mut execution = Self {
            started_at: now,
            now,
            entropy: Entropy::new(start.seed),
            branches: vec![Branch { input: start.input.clone(), ..top }],
            free: Vec::new(),
            ready: VecDeque::from([TOP]),
            interleaving: start.interleaving.map(Entropy::new),
            guided: false,
            timers: Timers::default(),
            tasks: HashMap::default(),
            outbox: VecDeque::new(),
            history: Vec::new(),
            result: None,
            ended_at: None,
            redrive_count: 0,
            redriven_at: None,
            transitions_at_now: 0,
            transitions: 0,
            long_step: false,
            test: None,
            machine,
            start,
        };
        execution.set_lifetime();
        execution.emit(0, EventType::ExecutionStarted, execution.started_details());
        execution
    }

    /// Starts an execution whose top level already has variables, as TestState's may.
    pub fn with_variables(mut self, variables: crate::value::Map) -> Self {
        self.branches[TOP as usize].variables = Variables::new(variables);
        self
    }

    /// Puts the execution at a place of another one: a child of a Map Run stands at its item, so
    /// that its tasks can be told apart as those of an inline Map can.
    pub fn with_place(mut self, place: Place) -> Self {
        self.branches[TOP as usize].place = place;
        self
    }

    fn started_details(&self) -> EventDetails {
        EventDetails::ExecutionStarted(Box::new(ExecutionStarted {
            input: Payload::Value(self.start.input.clone()),
            role_arn: Some(self.start.role_arn.clone()),
            state_machine_alias_arn: self.start.state_machine_alias_arn.clone(),
            state_machine_version_arn: self.start.state_machine_version_arn.clone(),
        }))
    }

    /// Sets the time at which the execution times out: `TimeoutSeconds` from now, but not beyond
    /// the longest time that the service lets it be open.
    pub(super) fn set_lifetime(&mut self) {
        let limit = self.longest_life();
        let own = self.machine.timeout_seconds.map(|own| i64::try_from(own).unwrap_or(i64::MAX));
        let at = own.map_or(limit, |own| self.now.plus_seconds(own).min(limit));
        self.timers.set(at, Timer::ExecutionTimesOut, 0);
    }

    /// When the service ends it at the latest.
    pub(super) fn longest_life(&self) -> Timestamp {
        let seconds = self.start.limits.execution_seconds(self.start.execution_type);
        self.started_at.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// Tells the execution something. An input for a task that is not under way changes nothing.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<(), Rejected> {
        if self.result.is_some() {
            return Err(Rejected::ExecutionEnded);
        }
        self.advance(now);
        match input {
            Input::TaskStarted { task, worker_name } => self.task_started(task, worker_name),
            Input::TaskSubmitted { task, output } => self.task_submitted(task, output),
            Input::TaskSucceeded { task, output } => self.task_succeeded(task, output),
            Input::TaskFailed { task, stage, failure } => self.task_failed(task, stage, failure),
            Input::TaskHeartbeat { task } => self.task_heartbeat(task),
            Input::MapRunEnded { task, outcome } => self.map_run_ended(task, outcome),
            Input::Stop { failure } => {
                self.end(0, ExecutionResult::Aborted(failure));
                Ok(())
            }
        }
    }

    /// Tells the execution the time, and fires the timers that are due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        while self.result.is_none() {
            let Some((timer, generation)) = self.timers.pop_due(self.now) else { return };
            if is_live(&self.branches, timer, generation) {
                self.fire(timer);
            }
        }
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::ExecutionTimesOut => self.end(0, ExecutionResult::TimedOut),
            Timer::WaitEnds(id) => {
                self.branches[id as usize].set_phase(Phase::Settle(Ok(Value::Null)));
                self.wake(id);
            }
            Timer::BackoffEnds(id) => {
                self.branches[id as usize].set_phase(Phase::Work);
                self.wake(id);
            }
            Timer::TaskTimesOut(id) => self.task_timed_out(id),
            Timer::HeartbeatMissed(id) => self.heartbeat_due(id),
        }
    }

    /// What the execution wants next. Call until it is idle or has ended.
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.poll_some(&mut { u32::MAX }) {
                return output;
            }
        }
    }

    /// As [`poll`](Self::poll), for a driver with others to serve: `None` after so many steps, and
    /// after one that may have taken long, where there is more to do. The steps made are taken off.
    /// A state makes two or three. Where it stops changes nothing of what happens.
    pub fn poll_some(&mut self, steps: &mut u32) -> Option<Output> {
        self.long_step = false;
        while self.result.is_none() && !self.guided {
            if (*steps == 0 || self.long_step) && !self.ready.is_empty() {
                return None;
            }
            let Some(id) = self.next_ready() else { break };
            self.run(id, steps);
        }
        if let Some(output) = self.outbox.pop_front() {
            return Some(output);
        }
        if let Some(result) = &self.result {
            // One that succeeded is never redriven, and nobody looks at a state of it again.
            if matches!(result, ExecutionResult::Succeeded(_)) && self.test.is_none() {
                self.release_workings();
            }
            return Some(Output::Ended);
        }
        let branches = &self.branches;
        let next = self.timers.next(|timer, generation| is_live(branches, timer, generation));
        Some(Output::Idle(next))
    }

    /// Everything that has happened so far.
    pub fn history(&self) -> &[HistoryEvent] {
        &self.history
    }

    /// The history, taken out.
    pub fn into_history(self) -> Vec<HistoryEvent> {
        self.history
    }

    /// Gives back what only a running execution needs, its history, its input and its output.
    /// When it started and how it ended stays. A running execution is left alone.
    pub fn release(&mut self) {
        match &mut self.result {
            None => return,
            Some(ExecutionResult::Succeeded(output)) => *output = Value::Null,
            Some(_) => {}
        }
        self.start.input = Value::Null;
        self.history = Vec::new();
        self.release_workings();
    }

    fn release_workings(&mut self) {
        self.branches = Vec::new();
        self.free = Vec::new();
        self.ready = VecDeque::new();
        self.timers = Timers::default();
        self.tasks = HashMap::default();
        self.outbox = VecDeque::new();
    }

    /// How it ended, once it has.
    pub fn result(&self) -> Option<&ExecutionResult> {
        self.result.as_ref()
    }

    /// What has become of it.
    pub fn status(&self) -> ExecutionStatus {
        match &self.result {
            None => ExecutionStatus::Running,
            Some(ExecutionResult::Succeeded(_)) => ExecutionStatus::Succeeded,
            Some(ExecutionResult::Failed(_)) => ExecutionStatus::Failed,
            Some(ExecutionResult::TimedOut) => ExecutionStatus::TimedOut,
            Some(ExecutionResult::Aborted(_)) => ExecutionStatus::Aborted,
        }
    }

    /// Whether this task is under way: an answer to it would be heard.
    pub fn has_task(&self, task: TaskId) -> bool {
        self.result.is_none() && self.tasks.contains_key(&task)
    }

    /// What it was started with.
    pub fn start_parameters(&self) -> &Start {
        &self.start
    }

    /// When it started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When it ended, once it has.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// The time it was last told.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// State transitions so far, retries included, as AWS counts and bills them.
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Whether it enters a state when it goes on.
    pub fn enters_next(&self) -> bool {
        let next = self.ready.front().filter(|_| self.result.is_none());
        next.is_some_and(|id| matches!(self.branches[*id as usize].phase, Phase::Enter))
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        if now > self.now {
            self.now = now;
            self.transitions_at_now = 0;
        }
    }

    pub(super) fn wake(&mut self, id: BranchId) {
        self.ready.push_back(id);
    }

    /// Wakes a branch before all others: a state goes on as soon as its last branch has ended.
    pub(super) fn wake_first(&mut self, id: BranchId) {
        self.ready.push_front(id);
    }

    fn next_ready(&mut self) -> Option<BranchId> {
        match &mut self.interleaving {
            Some(entropy) if self.ready.len() > 1 => {
                let bound = i32::try_from(self.ready.len()).unwrap_or(i32::MAX);
                self.ready.remove(entropy.next_int(bound) as usize)
            }
            _ => self.ready.pop_front(),
        }
    }

    /// Runs a branch until it has to wait for something, or has made these steps.
    fn run(&mut self, id: BranchId, steps: &mut u32) {
        while self.result.is_none() {
            if *steps == 0 || self.long_step {
                // It goes on before all others.
                if self.branches[id as usize].can_run() {
                    self.wake_first(id);
                }
                return;
            }
            if !self.step(id) {
                return;
            }
            *steps -= 1;
            if self.interleaving.is_some() && !self.ready.is_empty() {
                // Other branches may overtake this one between any two steps.
                if self.branches[id as usize].can_run() {
                    self.wake(id);
                }
                return;
            }
        }
    }

    /// Runs a branch a step further, unless it has to wait for something.
    pub(super) fn step(&mut self, id: BranchId) -> bool {
        let branch = &mut self.branches[id as usize];
        match &branch.phase {
            Phase::Enter => self.enter(id),
            Phase::Work => self.work(id),
            Phase::Settle(_) => {
                let settling = std::mem::replace(&mut branch.phase, Phase::Work);
                let Phase::Settle(result) = settling else {
                    unreachable!("the phase was just matched")
                };
                self.settle(id, result);
            }
            _ => return false,
        }
        true
    }

    /// Counts a transition; a loop that takes no time ends here.
    pub(super) fn count_transition(&mut self) {
        self.transitions += 1;
        self.transitions_at_now += 1;
        let express = self.start.execution_type == ExecutionType::Express;
        if express && self.transitions_at_now > self.start.limits.express_transitions_at_once {
            // Nothing here takes time, but on AWS it does: five minutes of it.
            self.end(0, ExecutionResult::TimedOut);
        }
    }

    /// Appends an event and returns its id.
    pub(super) fn emit(
        &mut self,
        previous: EventId,
        event_type: EventType,
        details: EventDetails,
    ) -> EventId {
        let id = self.history.len() as EventId + 1;
        let full = self.start.execution_type == ExecutionType::Standard
            && id >= self.start.limits.history_events
            && !event_type.is_terminal();
        if full {
            if self.result.is_none() {
                let cause = causes::history_full(self.start.limits.history_events);
                self.end(previous, ExecutionResult::Failed(causes::runtime(cause)));
            }
            return id;
        }
        if self.result.is_some() && !event_type.is_terminal() {
            return id;
        }
        self.history.push(HistoryEvent {
            id,
            previous_event_id: previous,
            timestamp: Some(self.now),
            event_type,
            details,
        });
        id
    }

    /// Appends an event to a branch's line.
    pub(super) fn emit_on(&mut self, id: BranchId, event_type: EventType, details: EventDetails) {
        let previous = self.branches[id as usize].last_event;
        let event = self.emit(previous, event_type, details);
        self.branches[id as usize].last_event = event;
    }

    /// Ends the execution with its terminal event.
    pub(super) fn end(&mut self, previous: EventId, result: ExecutionResult) {
        let (event_type, details) = match &result {
            ExecutionResult::Succeeded(output) => (
                EventType::ExecutionSucceeded,
                EventDetails::Output { output: Payload::Value(output.clone()) },
            ),
            ExecutionResult::Failed(failure) => {
                (EventType::ExecutionFailed, EventDetails::Failure(failure.clone()))
            }
            ExecutionResult::TimedOut => {
                (EventType::ExecutionTimedOut, EventDetails::Failure(Failure::default()))
            }
            ExecutionResult::Aborted(failure) => {
                (EventType::ExecutionAborted, EventDetails::Failure(failure.clone()))
            }
        };
        self.result = Some(result);
        self.ended_at = Some(self.now);
        let mut open: Vec<TaskId> = self.tasks.drain().map(|(task, _)| task).collect();
        open.sort_unstable();
        self.outbox.retain(|output| {
            !matches!(output, Output::Task(_) | Output::MapRun(_) | Output::RedriveMapRun { .. })
        });
        self.outbox.extend(open.into_iter().map(Output::CancelTask));
        self.emit(previous, event_type, details);
    }

    /// A new branch in the arena.
    pub(super) fn add_branch(&mut self, branch: Branch) -> BranchId {
        match self.free.pop() {
            Some(id) => {
                let generation = self.branches[id as usize].generation.wrapping_add(1);
                self.branches[id as usize] = Branch { generation, ..branch };
                id
            }
            None => {
                self.branches.push(branch);
                self.branches.len() as BranchId - 1
            }
        }
    }

    /// Takes a branch out, and gives its place back.
    pub(super) fn take_branch(&mut self, id: BranchId) -> Branch {
        let branch = &mut self.branches[id as usize];
        let vacant = Branch::new(None, 0, Place::default(), branch.level.clone());
        let vacant = Branch { generation: branch.generation, ..vacant };
        let taken = std::mem::replace(branch, vacant);
        self.remove_branch(id);
        taken
    }

    /// Gives a branch's place back.
    pub(super) fn remove_branch(&mut self, id: BranchId) {
        let branch = &mut self.branches[id as usize];
        branch.set_phase(Phase::Done);
        branch.input = Value::Null;
        branch.map_item = None;
        self.ready.retain(|ready| *ready != id);
        self.free.push(id);
    }
}

pub(super) fn is_live(branches: &[Branch], timer: Timer, generation: u32) -> bool {
    match timer {
        Timer::ExecutionTimesOut => true,
        Timer::WaitEnds(id)
        | Timer::BackoffEnds(id)
        | Timer::TaskTimesOut(id)
        | Timer::HeartbeatMissed(id) => branches[id as usize].generation == generation,
    }
}
