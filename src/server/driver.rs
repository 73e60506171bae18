//! The owner of the account: what is asked, what services answer, and time, one after another.
//!
//! Everything that changes the account goes through [`Driver::hear`]; [`Driver::settle`] then lets
//! happen what follows from it. Nothing here waits: whoever calls looks at the clock, sleeps until
//! [`Driver::next_wakeup`] and makes the calls that [`Driver::take_effects`] asks for.

mod restored;
mod retained;
mod turn;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use turn::Turn;

use super::clock::Clock;
use super::endpoint::EndpointCall;
use super::integration::{Integrations, TaskAnswer};
use super::output::{Figures, Reporter, Sinks};
use super::quota::Tokens;
use super::storage::Batch;
use super::{FastMap, Options, Retain};
use crate::api::{self, Answer, ApiError};
use crate::asl::Resource;
use crate::engine::{Input, MapRunRequest, TaskId, TaskRequest};
use crate::history::Failure;
use crate::map_run::Objects;
use crate::mock::{Course, Heartbeats, Plan};
use crate::service::{ExecutionId, Forgotten, MapRunId, Output, PollId, Service};
use crate::time::Timestamp;
use crate::value::Value;

/// How many steps an execution makes before the turn is looked at; JSONata ends them sooner.
const STEPS: u32 = 64;

/// The account with its clock, its mocks and those who wait for it.
#[derive(Debug)]
pub(super) struct Driver {
    service: Service,
    clock: Clock,
    integrations: Integrations,
    /// Answers of mocks that are still to be given; equal times in the order of planning.
    plans: BTreeMap<(Timestamp, u64), (ExecutionId, Planned)>,
    planned: u64,
    polls: FastMap<PollId, oneshot::Sender<String>>,
    synchronous: FastMap<ExecutionId, oneshot::Sender<String>>,
    /// Tasks that somebody outside is to answer: callbacks, and those of activities.
    open: Vec<OpenTask>,
    /// Calls of real services under way.
    calls: FastMap<(ExecutionId, TaskId), Arc<str>>,
    effects: Vec<Effect>,
    reporter: Reporter,
    /// The quota of state transitions, and until when it is used up.
    transitions: Option<Tokens>,
    throttled_until: Option<Timestamp>,
    retain: Retain,
    /// Executions that have ended and are kept, with the time of their end.
    kept: VecDeque<(Timestamp, ExecutionId)>,
    /// Executions that were forgotten, to be freed.
    forgotten: Forgotten,
    /// More is to happen at this very time.
    unsettled: bool,
    /// The time at which the one who sleeps wakes up.
    armed: Option<Timestamp>,
    /// Test cases of executions, to be kept.
    cases: Vec<(ExecutionId, Arc<str>)>,
    /// The clock was set since it was kept.
    clock_set: bool,
}

/// What may change the account.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    /// A request of the API.
    Request {
        /// What it asks for.
        request: &'a api::Request,
        /// The test case that an execution is started with.
        case: Option<&'a str>,
    },
    /// What became of a Task.
    Told(ExecutionId, Input),
    /// Nobody waits any longer for the answer to this poll.
    PollEnded(PollId),
    /// The start of this execution is delivered once more.
    Redelivery(ExecutionId),
    /// Timers are due.
    Timeout,
}

/// What a request is answered with.
#[derive(Debug)]
pub(super) enum Reply {
    /// This.
    Ready(Result<String, ApiError>),
    /// A task of an activity, when there is one.
    Poll(PollId, oneshot::Receiver<String>),
    /// How a synchronous execution ends, when it does.
    Synchronous(oneshot::Receiver<String>),
}

/// What is to be done outside.
#[derive(Debug)]
pub(super) enum Effect {
    /// Make this call.
    Call(ExecutionId, TaskId, Box<EndpointCall>),
    /// Nobody waits for this call any more.
    CancelCall(ExecutionId, TaskId),
    /// Give a request that waits its answer, now that what it tells of is on its way to be kept.
    Answer(oneshot::Sender<String>, String),
}

/// A part of a mock's answer.
#[derive(Debug)]
enum Planned {
    Tell(Input),
    Heartbeat(Beats),
}

/// A Task that is answered from outside.
#[derive(Debug)]
struct OpenTask {
    execution: ExecutionId,
    task: TaskId,
    state: Arc<str>,
}

#[derive(Debug)]
struct Beats {
    task: TaskId,
    heartbeats: Heartbeats,
    patience_seconds: Option<i64>,
    /// The time of the answer, where there is one.
    end: Option<Timestamp>,
}

/// What the clock shows, and what holds it.
#[derive(Debug)]
pub(super) struct ClockState {
    pub(super) now: Timestamp,
    pub(super) frozen: bool,
    pub(super) next_timer: Option<Timestamp>,
    /// State and execution ARN of each Task that is answered from outside.
    pub(super) waiting_for: Vec<(String, String)>,
}

impl Driver {
    /// `wall` and `real` are the present, by the calendar and by the monotonic clock.
    pub(super) fn new(options: &Options, wall: Timestamp, real: Instant) -> Self {
        let mut service = Service::new(options.account.clone());
        service.leave_polls_open();
        *service.surroundings_mut() = options.surroundings.clone();
        let clock = Clock::new(options.clock, wall, real);
        let now = clock.now(real);
        let transitions = options.quotas.transitions.map(|bucket| Tokens::new(bucket, now));
        Self {
            service,
            clock,
            integrations: Integrations::new(options),
            plans: BTreeMap::new(),
            planned: 0,
            polls: FastMap::default(),
            synchronous: FastMap::default(),
            open: Vec::new(),
            calls: FastMap::default(),
            effects: Vec::new(),
            reporter: Reporter::default(),
            transitions,
            throttled_until: None,
            retain: options.retain,
            kept: VecDeque::new(),
            forgotten: Forgotten::new(),
            unsettled: false,
            armed: None,
            cases: Vec::new(),
            clock_set: false,
        }
    }

    /// Tells what becomes of executions from now on.
    pub(super) fn report_to(&mut self, sinks: Sinks) {
        if !sinks.has_events() {
            self.service.leave_out_status_changes();
        }
        self.reporter = Reporter::new(sinks);
    }

    /// What was counted so far.
    pub(super) fn figures(&self) -> Figures {
        Figures {
            totals: self.reporter.totals().clone(),
            open: self.service.open_executions(),
            kept: self.service.executions().len(),
            transitions: self.service.transitions(),
            polls: self.polls.len(),
            calls: self.calls.len(),
        }
    }

    /// The account's time.
    pub(super) fn now(&self, real: Instant) -> Timestamp {
        self.clock.now(real)
    }

    /// Does what a request asks for. An execution that it starts gets the mocks of this test case.
    pub(super) fn request(
        &mut self,
        request: &api::Request,
        case: Option<&str>,
        real: Instant,
    ) -> Reply {
        self.hear(Heard::Request { request, case }, real)
            .unwrap_or_else(|| Reply::Ready(Ok(String::from("{}"))))
    }

    /// Changes the account: the only place that does so from outside. Requests get a reply.
    pub(super) fn hear(&mut self, heard: Heard<'_>, real: Instant) -> Option<Reply> {
        let now = self.clock.now(real);
        if matches!(heard, Heard::Request { .. }) {
            // What was kept long enough by now, however long nobody asked.
            self.forget_old(real);
        }
        match heard {
            Heard::Request { request, case } => return Some(self.call(now, request, case)),
            Heard::Told(execution, input) => {
                // Refused where the Task timed out or was given up before.
                let _ = self.service.tell(now, execution, input);
            }
            Heard::PollEnded(poll) => {
                self.polls.remove(&poll);
                self.service.cancel_poll(poll);
            }
            Heard::Redelivery(first) => {
                return Some(Reply::Ready(match self.service.deliver_again(now, first) {
                    Ok(second) => {
                        self.integrations.redelivered(first, second);
                        Ok(String::from("{}"))
                    }
                    Err(error) => Err(error),
                }));
            }
            Heard::Timeout => self.service.handle_timeout(now),
        }
        None
    }

    fn call(&mut self, now: Timestamp, request: &api::Request, case: Option<&str>) -> Reply {
        if let Some(case) = case {
            let arn = request.state_machine_arn().unwrap_or_default();
            if let Err(message) = self.integrations.check_case(&arn, case) {
                return Reply::Ready(Err(ApiError::new("ValidationException", message)));
            }
        }
        let answer = api::answer(&mut self.service, now, request);
        if answer.is_ok() && request.operation() == "RedriveExecution" {
            self.redriven(&request.execution_arn().unwrap_or_default());
        }
        let started = match &answer {
            Ok(Answer::Ready(text)) if case.is_some() => self.started(text),
            Ok(Answer::SyncExecution(execution)) => Some(*execution),
            _ => None,
        };
        if let (Some(execution), Some(case)) = (started, case) {
            self.integrations.select_case(execution, case);
            if self.service.keeps_journal() {
                self.cases.push((execution, case.into()));
            }
        }
        match answer {
            Ok(Answer::Ready(text)) => Reply::Ready(Ok(text)),
            Ok(Answer::ActivityTask(poll)) => {
                let (sender, receiver) = oneshot::channel();
                self.polls.insert(poll, sender);
                Reply::Poll(poll, receiver)
            }
            Ok(Answer::SyncExecution(execution)) => {
                let (sender, receiver) = oneshot::channel();
                self.synchronous.insert(execution, sender);
                Reply::Synchronous(receiver)
            }
            Err(error) => Reply::Ready(Err(error)),
        }
    }

    /// Where answers to Tasks come from.
    pub(super) fn integrations_mut(&mut self) -> &mut Integrations {
        &mut self.integrations
    }

    /// Delivers the start of an asynchronous Express execution once more.
    pub(super) fn redeliver(&mut self, arn: &str, real: Instant) -> Result<(), ApiError> {
        let Some(execution) = self.service.find_execution(arn) else {
            return Err(ApiError::new("ExecutionDoesNotExist", format!("there is no `{arn}`")));
        };
        match self.hear(Heard::Redelivery(execution), real) {
            Some(Reply::Ready(Err(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// The execution that StartExecution answered with.
    fn started(&self, answer: &str) -> Option<ExecutionId> {
        let answer = Value::parse(answer).ok()?;
        self.service.find_execution(answer.get("executionArn")?.as_str()?)
    }

    /// Lets happen what can happen now, and on a clock that jumps what comes after it.
    pub(super) fn settle(&mut self, real: Instant) {
        self.unsettled = false;
        self.forget_old(real);
        let mut turn = Turn::begins();
        loop {
            if !self.drain(&mut turn, real) {
                self.unsettled = true;
                return;
            }
            if self.clock.holds() {
                return;
            }
            let now = self.clock.now(real);
            let (plan, timer) = (self.next_plan(), self.next_timer());
            // What is heard at a deadline is heard before the timer fires.
            if plan.is_some_and(|at| at <= now && timer.is_none_or(|timer| at <= timer)) {
                self.happen(real);
            } else if timer.is_some_and(|timer| timer <= now) {
                self.hear(Heard::Timeout, real);
            } else if !self.pass_time(real) {
                return;
            }
        }
    }

    /// Moves a clock that may jump, or was told to, on to what comes next; false where there is
    /// nothing to move to.
    fn pass_time(&mut self, real: Instant) -> bool {
        let next = self.next_event();
        match next {
            Some(next) if self.clock.passes_by(next) => self.clock.set(next, real),
            _ if self.clock.is_sent() => {
                self.clock.arrive(real);
                self.clock_set = true;
            }
            Some(next) if self.clock.jumps() => {
                // What the service itself holds up goes on, whoever else is waited for.
                if Some(next) != self.throttled_until && self.held() {
                    return false;
                }
                self.clock.set(next, real);
            }
            _ => return false,
        }
        true
    }

    /// Hears what the account has to say; false where there is more than this turn has room for.
    fn drain(&mut self, turn: &mut Turn, real: Instant) -> bool {
        let mut stopped = false;
        loop {
            if !turn.goes_on(stopped) {
                return false;
            }
            let throttled = self.is_throttled(real);
            self.service.hold_standard(throttled);
            if !throttled {
                self.reporter.goes_on(&self.service);
            }
            let transitions = self.service.transitions();
            let mut steps = STEPS;
            if let Some(tokens) = self.transitions.as_ref().filter(|_| !throttled) {
                // A step is at most one transition.
                steps = tokens.left(STEPS);
                self.service.tell_time(self.clock.now(real));
            }
            let output = self.service.poll_some(&mut steps);
            if let Some(tokens) = &mut self.transitions {
                tokens.owe(self.service.transitions() - transitions);
            }
            stopped = output.is_none();
            let Some(output) = output else { continue };
            match output {
                Output::Task(execution, request) => self.task(execution, &request, real),
                Output::MapRun(execution, request) => self.map_run(execution, request, real),
                Output::Unsupported(run, message) => self.unsupported(run, &message, real),
                Output::CancelTask(execution, task) => {
                    if self.calls.remove(&(execution, task)).is_some() {
                        self.effects.push(Effect::CancelCall(execution, task));
                    }
                }
                Output::Started(execution) => {
                    if let Some(record) = self.service.executions().find(execution) {
                        self.reporter.started(record);
                    }
                }
                Output::StatusChange(change) => self.reporter.status_changed(change),
                Output::Ended(execution) => self.ended(execution),
                Output::ActivityTask(poll, task) => {
                    if let Some(sender) = self.polls.remove(&poll) {
                        let answer = api::activity_task(task.as_deref());
                        self.effects.push(Effect::Answer(sender, answer));
                    }
                }
                Output::Idle(_) => {
                    if throttled {
                        self.reporter.throttled(&self.service, self.clock.now(real));
                    }
                    return true;
                }
            }
        }
    }

    /// Finds an answer to a Task: a mock, the account itself, a real service.
    fn task(&mut self, execution: ExecutionId, request: &TaskRequest, real: Instant) {
        let answer = self.integrations.mocked(&self.service, execution, request);
        let answer = match answer {
            Some(answer) => answer,
            None => {
                let now = self.clock.now(real);
                if self.service.serve(now, execution, request) {
                    if matches!(request.resource, Resource::Activity { .. }) {
                        self.wait_for(execution, request.task, &request.state);
                    }
                    return;
                }
                self.integrations.called(&self.service, execution, request)
            }
        };
        self.answer(execution, request, answer, real);
    }

    /// Answers a Task, or begins to.
    fn answer(
        &mut self,
        execution: ExecutionId,
        request: &TaskRequest,
        answer: TaskAnswer,
        real: Instant,
    ) {
        let task = request.task;
        if !matches!(answer, TaskAnswer::Fail(..)) {
            let record = self.service.execution(execution);
            self.reporter.invoked(record, request, self.clock.now(real));
        }
        match answer {
            TaskAnswer::Mock(plan) => self.plan(execution, request, plan, real),
            TaskAnswer::Call(call) => {
                self.calls.insert((execution, task), request.state.clone());
                self.effects.push(Effect::Call(execution, task, Box::new(call)));
            }
            TaskAnswer::Fail(stage, failure) => {
                self.hear(Heard::Told(execution, Input::TaskFailed { task, stage, failure }), real);
            }
        }
    }

    /// Starts giving a mock's answer.
    fn plan(&mut self, execution: ExecutionId, request: &TaskRequest, plan: Plan, real: Instant) {
        let now = self.clock.now(real);
        let mut course = plan.course(request);
        if let Some(first) = course.first.take() {
            self.hear(Heard::Told(execution, first), real);
        }
        self.plan_course(execution, request, course, now);
    }

    /// Plans what a mock says of a Task that was asked for at `asked`.
    fn plan_course(
        &mut self,
        execution: ExecutionId,
        request: &TaskRequest,
        course: Course,
        asked: Timestamp,
    ) {
        let Course { first: _, heartbeats, delay, end } = course;
        let at = later(asked, delay);
        if end.is_none() && request.task_token.is_some() {
            self.wait_for(execution, request.task, &request.state);
        }
        if let Some(heartbeats) = heartbeats {
            let beats = Beats {
                task: request.task,
                heartbeats,
                patience_seconds: request.heartbeat_seconds,
                end: end.is_some().then_some(at),
            };
            self.schedule(later(asked, heartbeats.every), execution, Planned::Heartbeat(beats));
        }
        if let Some(end) = end {
            self.schedule(at, execution, Planned::Tell(end));
        }
    }

    fn schedule(&mut self, at: Timestamp, execution: ExecutionId, planned: Planned) {
        self.planned += 1;
        self.plans.insert((at, self.planned), (execution, planned));
    }

    /// Does what is planned first.
    fn happen(&mut self, real: Instant) {
        let Some((_, (execution, planned))) = self.plans.pop_first() else { return };
        match planned {
            Planned::Tell(input) => {
                self.hear(Heard::Told(execution, input), real);
            }
            Planned::Heartbeat(mut beats) => {
                if !self.is_open(execution, beats.task) {
                    return;
                }
                let heartbeat = Input::TaskHeartbeat { task: beats.task };
                self.hear(Heard::Told(execution, heartbeat), real);
                let count = beats.heartbeats.skip(beats.patience_seconds);
                let wait = beats.heartbeats.every.saturating_mul(count);
                let next = later(self.clock.now(real), wait);
                if beats.heartbeats.count != Some(0) && beats.end.is_none_or(|end| next < end) {
                    self.schedule(next, execution, Planned::Heartbeat(beats));
                }
            }
        }
    }

    /// A distributed Map: its children run, unless a mock of the state gives the result of the
    /// whole run.
    fn map_run(&mut self, execution: ExecutionId, request: Box<MapRunRequest>, real: Instant) {
        let as_task = request.as_task();
        let answer = self.integrations.mocked(&self.service, execution, &as_task);
        self.run_map(execution, request, answer, self.clock.now(real), real);
    }

    /// Runs a distributed Map that was asked for at `asked`, unless it is answered already.
    fn run_map(
        &mut self,
        execution: ExecutionId,
        request: Box<MapRunRequest>,
        answer: Option<TaskAnswer>,
        asked: Timestamp,
        real: Instant,
    ) {
        let as_task = request.as_task();
        let task = request.task;
        let (delay, outcome) = match answer {
            Some(TaskAnswer::Mock(plan)) => match plan.course(&as_task) {
                Course { delay, end: Some(Input::TaskSucceeded { output, .. }), .. } => {
                    (delay, Ok(output))
                }
                Course { delay, end: Some(Input::TaskFailed { failure, .. }), .. } => {
                    (delay, Err(failure))
                }
                _ => return,
            },
            Some(TaskAnswer::Fail(_, failure)) => (Duration::ZERO, Err(failure)),
            Some(TaskAnswer::Call(_)) | None => {
                match self.service.run_map(self.clock.now(real), execution, request) {
                    Ok(_) => return,
                    Err(message) => (Duration::ZERO, Err(map_failure(&message))),
                }
            }
        };
        let input = Input::MapRunEnded { task, outcome };
        self.schedule(later(asked, delay), execution, Planned::Tell(input));
    }

    /// A Map Run cannot go on here: its state fails, and says what to do.
    fn unsupported(&mut self, run: MapRunId, message: &str, real: Instant) {
        let run = self.service.map_run(run);
        let (execution, task) = (run.execution, run.task);
        let input = Input::MapRunEnded { task, outcome: Err(map_failure(message)) };
        self.hear(Heard::Told(execution, input), real);
    }

    fn ended(&mut self, execution: ExecutionId) {
        if let Some(sender) = self.synchronous.remove(&execution) {
            let answer = api::sync_execution(&self.service, execution);
            self.effects.push(Effect::Answer(sender, answer));
        }
        // The executions of a Map Run go with the one that it belongs to.
        let Some(record) = self.service.executions().find(execution) else { return };
        self.reporter.ended(record);
        if self.retain != Retain::All && record.map_run.is_none() {
            let ended = record.execution.ended_at().unwrap_or_else(|| record.execution.now());
            self.kept.push_back((ended, execution));
        }
    }

    /// Whether Standard executions go no further until the quota of state transitions is filled
    /// again.
    fn is_throttled(&mut self, real: Instant) -> bool {
        let now = self.clock.now(real);
        let empty_until = self.transitions.as_mut().and_then(|tokens| tokens.empty_until(now));
        self.throttled_until = empty_until.filter(|_| self.service.transits_next());
        self.throttled_until.is_some()
    }

    /// Nobody waits any longer for the answer to a poll.
    pub(super) fn poll_ended(&mut self, poll: PollId, real: Instant) {
        self.hear(Heard::PollEnded(poll), real);
    }

    /// Those who wait for a task of an activity hear that there is none.
    pub(super) fn end_polls(&mut self) {
        for (_, sender) in self.polls.drain() {
            self.effects.push(Effect::Answer(sender, api::activity_task(None)));
        }
    }

    /// Those who wait for an end or a task are let go: the server stops.
    pub(super) fn let_go(&mut self) {
        self.end_polls();
        self.synchronous.clear();
    }

    /// What became of a call of a real service.
    pub(super) fn report(&mut self, execution: ExecutionId, input: Input, real: Instant) {
        self.hear(Heard::Told(execution, input), real);
    }

    /// A call of a real service is over. A Task that goes on after it waits for its callback.
    pub(super) fn call_ended(&mut self, execution: ExecutionId, task: TaskId) {
        let Some(state) = self.calls.remove(&(execution, task)) else { return };
        if self.is_open(execution, task) {
            self.wait_for(execution, task, &state);
        }
    }

    fn wait_for(&mut self, execution: ExecutionId, task: TaskId, state: &Arc<str>) {
        // Those that are over go before room is made for twice as many.
        if self.open.len() == self.open.capacity() {
            let service = &self.service;
            self.open.retain(|open| is_open(service, open.execution, open.task));
            self.open.reserve(self.open.len().max(64));
        }
        self.open.push(OpenTask { execution, task, state: state.clone() });
    }

    /// Whether a Task may still be answered.
    pub(super) fn is_open(&self, execution: ExecutionId, task: TaskId) -> bool {
        is_open(&self.service, execution, task)
    }

    /// Whether somebody outside has something to answer, for which the clock waits.
    fn held(&mut self) -> bool {
        while let Some(open) = self.open.last() {
            if self.is_open(open.execution, open.task) {
                return true;
            }
            self.open.pop();
        }
        !self.calls.is_empty()
    }

    /// What has changed and is to be kept; nothing unless the account keeps a journal.
    pub(super) fn take_batch(&mut self, wall: Timestamp, real: Instant) -> Option<Batch> {
        let changes = self.service.take_changes();
        let set = std::mem::take(&mut self.clock_set);
        if changes.is_empty() && self.cases.is_empty() && !set {
            return None;
        }
        let cases = std::mem::take(&mut self.cases);
        Some(Batch { changes, cases, clock: self.clock.saved(wall, real) })
    }

    /// What is to be done outside.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What is left of forgotten executions: to free it takes time that others need not wait for.
    pub(super) fn take_forgotten(&mut self) -> Forgotten {
        std::mem::take(&mut self.forgotten)
    }

    /// How long to sleep; `None` for as long as nothing is asked.
    pub(super) fn next_wakeup(&mut self, real: Instant) -> Option<Duration> {
        self.armed = self.next_event();
        if self.unsettled {
            return Some(Duration::ZERO);
        }
        self.clock.until(self.armed?, real)
    }

    /// Whether the one who sleeps has to look again, since something comes sooner than he thinks.
    pub(super) fn must_wake(&self) -> bool {
        match (self.next_event(), self.armed) {
            _ if self.unsettled => true,
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Whether more is to happen at this very time.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    fn next_event(&self) -> Option<Timestamp> {
        let events = [self.next_plan(), self.next_timer(), self.throttled_until];
        events.into_iter().flatten().min()
    }

    fn next_plan(&self) -> Option<Timestamp> {
        self.plans.first_key_value().map(|((at, _), _)| *at)
    }

    fn next_timer(&self) -> Option<Timestamp> {
        self.service.next_deadline().map(|(deadline, _)| deadline)
    }

    /// The clock, to be looked at.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clock, to stop it or move it on; look at it again afterwards. What it held goes on.
    pub(super) fn clock_mut(&mut self) -> &mut Clock {
        self.armed = None;
        self.clock.go_on();
        self.clock_set = true;
        &mut self.clock
    }

    /// The virtual S3.
    pub(super) fn objects(&self) -> &Objects {
        self.service.objects()
    }

    /// Puts an object into the virtual S3. The bucket exists from then on.
    pub(super) fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        real: Instant,
    ) -> Result<(), String> {
        self.service.put_object(self.clock.now(real), bucket, key, body)
    }

    /// Says that a bucket of the virtual S3 does not exist.
    pub(super) fn drop_bucket(&mut self, bucket: &str) {
        self.service.drop_bucket(bucket);
    }

    /// The account, to be looked at.
    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// What the clock shows.
    pub(super) fn clock_state(&mut self, real: Instant) -> ClockState {
        self.open.retain(|open| is_open(&self.service, open.execution, open.task));
        let open = self.open.iter().map(|open| (&open.state, open.execution));
        let calls = self.calls.iter().map(|((execution, _), state)| (state, *execution));
        // A call may outlast its execution, where a callback came before its answer.
        let mut waiting_for: Vec<(String, String)> = open
            .chain(calls)
            .filter_map(|(state, execution)| {
                let record = self.service.executions().find(execution)?;
                Some((state.to_string(), record.arn.to_string()))
            })
            .collect();
        waiting_for.sort_unstable();
        ClockState {
            now: self.clock.now(real),
            frozen: self.clock.is_frozen(),
            next_timer: self.next_event(),
            waiting_for,
        }
    }
}

fn is_open(service: &Service, execution: ExecutionId, task: TaskId) -> bool {
    let record = service.executions().find(execution);
    record.is_some_and(|record| record.execution.has_task(task))
}

fn map_failure(message: &str) -> Failure {
    Failure::new("States.Runtime", format!("stepproof cannot run this Map: {message}"))
}

fn later(time: Timestamp, delay: Duration) -> Timestamp {
    time + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}
