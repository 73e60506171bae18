//! What happens to an execution from outside, at its times on the virtual clock: workers that poll
//! and answer, and the actions of the case.
//!
//! The clock is frozen while there is something to do, and moved on from one thing to the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Own;
use super::seen;
use crate::asl::{ExecutionType, Resource};
use crate::engine::TaskRequest;
use crate::history::{EventDetails, EventId, History};
use crate::map_run::MapRunUpdate;
use crate::mock::{BoundMocks, End, Heartbeats, MockKey, Mocks, Plan, Resolved, Unresolved};
use crate::sim::{ActionKind, Call, ExecutionRun};
use crate::target::error::EndpointError;
use crate::target::map_runs;
use crate::target::observed;
use crate::target::session::{describe, stop_with};
use crate::target::throttle::Operation;
use crate::target::worker;
use crate::time::Timestamp;
use crate::value::Value;

/// The course of one execution.
pub(super) struct Course<'a> {
    own: &'a Own<'a>,
    /// Whether the execution ends some time, also where nobody answers what it waits for.
    ends: bool,
    now: Timestamp,
    /// In the order of time; equal times in the order of planning.
    plans: VecDeque<(Timestamp, Wake)>,
    /// What workers answer; only where there are any.
    mocks: Option<BoundMocks>,
    /// By worker: when it asks next.
    next_poll: Vec<Timestamp>,
    /// The last event that was looked at.
    seen: EventId,
}

/// Something to be done at its time.
enum Wake {
    Action(usize),
    /// The start is delivered once more.
    Redelivery,
    /// A worker asks for its next task, which will be this one.
    Poll(usize, Box<Taken>),
    Heartbeat(Arc<str>, Beats),
    Answer(Arc<str>, End),
}

/// A task that a worker will take, and how it will answer.
struct Taken {
    request: Box<TaskRequest>,
    plan: Plan,
}

struct Beats {
    heartbeats: Heartbeats,
    patience_seconds: Option<i64>,
    /// The time of the answer, where there is one.
    end: Option<Timestamp>,
}

impl<'a> Course<'a> {
    pub(super) fn new(own: &'a Own<'a>, ends: bool) -> Self {
        let start = own.case.start_time;
        let next_poll = vec![start; own.case.world.workers.len()];
        Self { own, ends, now: start, plans: VecDeque::new(), mocks: None, next_poll, seen: 0 }
    }

    /// Starts the execution and sees it through; its ARN.
    pub(super) async fn run(mut self, machine_arn: &str) -> Result<Arc<str>, String> {
        let case = self.own.case;
        for (i, action) in case.world.actions.iter().enumerate() {
            self.plan(action.at, Wake::Action(i));
        }
        if !self.plans.is_empty() || !case.world.workers.is_empty() {
            self.own.control.freeze(true).await?;
        }
        if !case.world.workers.is_empty() {
            self.mocks = Some(bind(self.own)?);
        }
        if let Some(after) = case.duplicate_delivery {
            self.plan(after, Wake::Redelivery);
            self.own.control.freeze(true).await?;
        }
        let arn = self.start(machine_arn).await?;
        while self.step(&arn).await? {}
        Ok(arn)
    }

    async fn start(&self, machine_arn: &str) -> Result<Arc<str>, String> {
        let endpoint = &self.own.endpoint;
        let request = endpoint
            .client()
            .start_execution()
            .state_machine_arn(machine_arn)
            .name(&*self.own.case.execution_name)
            .input(self.own.case.input.to_json());
        let answer = endpoint.call(Operation::StartExecution, |capture| async move {
            request.customize().interceptor(capture).send().await
        });
        let answer = answer.await.map_err(told)?;
        Ok(answer.text("executionArn").unwrap_or_default().into())
    }

    fn plan(&mut self, after: Duration, wake: Wake) {
        let at = self.now + i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let behind = self.plans.partition_point(|(time, _)| *time <= at);
        self.plans.insert(behind, (at, wake));
    }

    /// Lets the next thing happen; false where nothing more will.
    async fn step(&mut self, arn: &str) -> Result<bool, String> {
        self.look_for_tasks(arn).await?;
        let Some((at, _)) = self.plans.front() else {
            return self.go_on_alone(arn).await;
        };
        let at = *at;
        self.own.control.go_on().await?;
        let clock = self.own.control.clock().await?;
        let redrives = |wake: &Wake| match wake {
            Wake::Action(i) => {
                matches!(self.own.case.world.actions[*i].kind, ActionKind::Redrive)
            }
            Wake::Redelivery => true,
            _ => false,
        };
        let comes_back = self.plans.iter().any(|(_, wake)| redrives(wake));
        if !comes_back && !self.is_running(arn).await? {
            return Ok(false);
        }
        match clock.next_timer.filter(|timer| *timer < at) {
            Some(timer) => self.advance(timer, false).await?,
            None => {
                self.advance(at, true).await?;
                if let Some((_, wake)) = self.plans.pop_front() {
                    self.happen(arn, wake).await?;
                }
            }
        }
        Ok(true)
    }

    /// Nothing is to be done: the clock goes on by itself, until a task is open that somebody might
    /// answer. Where that is no worker of the case, time passes all the same.
    async fn go_on_alone(&mut self, arn: &str) -> Result<bool, String> {
        let control = &self.own.control;
        control.freeze(false).await?;
        if !self.is_running(arn).await? {
            return Ok(false);
        }
        control.freeze(true).await?;
        let clock = control.clock().await?;
        self.now = clock.now;
        self.look_for_tasks(arn).await?;
        match clock.next_timer {
            _ if !self.plans.is_empty() => Ok(true),
            Some(timer) if self.ends => {
                self.advance(timer, false).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether it still runs. Nothing holds up an Express execution, which the API does not show.
    async fn is_running(&self, arn: &str) -> Result<bool, String> {
        if self.own.case.execution_type == ExecutionType::Express {
            return Ok(false);
        }
        let description = describe(&self.own.endpoint, arn).await.map_err(told)?;
        Ok(description.text("status") == Some("RUNNING"))
    }

    async fn advance(&mut self, to: Timestamp, before: bool) -> Result<(), String> {
        let millis = u64::try_from(to - self.now).unwrap_or(0);
        self.now = self.now.max(to);
        self.own.control.advance(Duration::from_millis(millis), before).await
    }

    async fn happen(&mut self, arn: &str, wake: Wake) -> Result<(), String> {
        let endpoint = &self.own.endpoint;
        let heard = match wake {
            Wake::Action(i) => return self.act(arn, i).await,
            Wake::Redelivery => return self.own.control.redeliver(arn).await,
            Wake::Poll(worker, taken) => return self.poll(worker, *taken).await,
            Wake::Heartbeat(token, beats) => {
                if worker::beat(endpoint, &token).await.is_ok() {
                    self.beat_again(token, beats);
                }
                return Ok(());
            }
            Wake::Answer(token, End::Succeed(output)) => {
                worker::succeed(endpoint, &token, &output).await
            }
            Wake::Answer(token, End::Fail(_, failure)) => {
                let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
                worker::fail(endpoint, &token, error, cause).await
            }
            Wake::Answer(_, End::Never) => Ok(()),
        };
        late(heard)
    }

    /// Does what the case says that happens.
    async fn act(&self, arn: &str, index: usize) -> Result<(), String> {
        let endpoint = &self.own.endpoint;
        let done = match &self.own.case.world.actions[index].kind {
            ActionKind::Stop(failure) => {
                let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
                stop_with(endpoint, arn, error, cause).await
            }
            ActionKind::Redrive => {
                let request = endpoint.client().redrive_execution().execution_arn(arn);
                let sent = endpoint.call(Operation::RedriveExecution, |capture| async move {
                    request.customize().interceptor(capture).send().await
                });
                sent.await.map(drop)
            }
            ActionKind::UpdateMapRun { state, update } => {
                self.update_map_run(arn, state, *update).await?
            }
            ActionKind::SendTaskSuccess { state, output } => {
                let token = self.token(arn, state).await?;
                worker::succeed(endpoint, &token, output).await
            }
            ActionKind::SendTaskFailure { state, failure } => {
                let token = self.token(arn, state).await?;
                let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
                worker::fail(endpoint, &token, error, cause).await
            }
            ActionKind::SendTaskHeartbeat { state } => {
                let token = self.token(arn, state).await?;
                worker::beat(endpoint, &token).await
            }
        };
        done.map_err(told)
    }

    /// UpdateMapRun of the latest run of a state.
    async fn update_map_run(
        &self,
        arn: &str,
        state: &str,
        update: MapRunUpdate,
    ) -> Result<Result<(), EndpointError>, String> {
        let run = self.look(arn).await?;
        let latest = map_runs::latest(&run.history, &run, state);
        let arn = latest.ok_or_else(|| format!("`{state}` has no Map Run at that time"))?;
        Ok(map_runs::update(&self.own.endpoint, &arn, update).await)
    }

    /// The token of the latest task of a state, as the service that was called has been sent it.
    async fn token(&self, arn: &str, state: &str) -> Result<Arc<str>, String> {
        let run = self.look(arn).await?;
        let calls = observed::calls(std::slice::from_ref(&run));
        let key = MockKey::parse(state, |name| calls.iter().any(|call| **call.state() == *name))?;
        let meant = calls.iter().rev().filter(|call| call.matches(&key));
        let found = meant.filter_map(|call| token_in(call.arguments(), &run.name)).next();
        found.ok_or_else(|| format!("no call of `{state}` was sent a task token"))
    }

    async fn look(&self, arn: &str) -> Result<ExecutionRun, String> {
        let description = describe(&self.own.endpoint, arn).await.map_err(told)?;
        let fetched = self.own.endpoint.history(arn, false).await.map_err(told)?;
        let case = self.own.case;
        let machine = case.definition.machine.clone().ok_or("the definition has errors")?;
        Ok(seen::execution(
            &description,
            fetched.history,
            case.state_machine_name.clone(),
            machine,
            case.execution_type,
        ))
    }

    /// Finds the tasks that were scheduled since for workers of the case.
    async fn look_for_tasks(&mut self, arn: &str) -> Result<(), String> {
        if self.mocks.is_none() {
            return Ok(());
        }
        let run = self.look(arn).await?;
        let calls = observed::calls(std::slice::from_ref(&run));
        let last = run.history.events.last().map_or(0, |event| event.id);
        for call in calls {
            if call.request.task > self.seen
                && matches!(call.request.resource, Resource::Activity { .. })
            {
                self.give_to_worker(call, &run.history)?;
            }
        }
        self.seen = last;
        Ok(())
    }

    fn give_to_worker(&mut self, call: Call, history: &History) -> Result<(), String> {
        let mut request = call.request;
        let scheduled = crate::history::find(&history.events, request.task);
        let scheduled = scheduled.map(|index| &history.events[index].details);
        if let Some(EventDetails::ActivityScheduled(scheduled)) = scheduled {
            request.heartbeat_seconds = scheduled.heartbeat_in_seconds;
        }
        let Some(mocks) = &mut self.mocks else { return Ok(()) };
        let (plan, worker) = match mocks.resolve(0, &call.machine, &request) {
            Ok(Resolved { answer, worker: Some(worker), .. }) => {
                (Plan::of(&answer, &request)?, worker)
            }
            // The server has the mocks that stand for the activity itself.
            Ok(Resolved { worker: None, .. }) | Err(Unresolved::NoMock) => return Ok(()),
            Err(Unresolved::NoAnswer { key }) => {
                return Err(format!("no answer of `{key}` is for {}", request.arguments));
            }
            Err(Unresolved::UnknownFault { fault, .. }) => {
                return Err(crate::mock::unknown_fault(&fault));
            }
        };
        let every = self.own.case.world.workers[worker].1.poll;
        let next = &mut self.next_poll[worker];
        let every_millis = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        if every.is_zero() {
            *next = self.now;
        }
        while *next < self.now {
            *next = *next + every_millis * ((self.now - *next) / every_millis).max(1);
        }
        let wait = u64::try_from(*next - self.now).unwrap_or(0);
        *next = *next + every_millis;
        let taken = Box::new(Taken { request, plan });
        self.plan(Duration::from_millis(wait), Wake::Poll(worker, taken));
        Ok(())
    }

    async fn poll(&mut self, index: usize, taken: Taken) -> Result<(), String> {
        let Taken { request, plan } = taken;
        let waiting = self.own.control.clock().await?.waiting_for;
        if !waiting.iter().any(|state| **state == *request.state) {
            // It was given up while it waited.
            return Ok(());
        }
        let own = &self.own.case.world.workers[index].1.name;
        let name = plan.worker.as_deref().or(own.as_deref()).map(str::to_owned);
        let endpoint = &self.own.endpoint;
        let poll = endpoint
            .client()
            .get_activity_task()
            .activity_arn(&**request.resource.text())
            .set_worker_name(name);
        let task = endpoint.call(Operation::GetActivityTask, |capture| async move {
            poll.customize().interceptor(capture).send().await
        });
        let task = task.await.map_err(told)?;
        let token: Arc<str> = task.text("taskToken").unwrap_or_default().into();
        let Plan { delay, heartbeats, end, .. } = plan;
        let patience_seconds = request.heartbeat_seconds;
        if let Some(heartbeats) = heartbeats.filter(|_| patience_seconds.is_some()) {
            let answers = !matches!(end, End::Never);
            let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let end = answers.then(|| self.now + millis);
            let beats = Beats { heartbeats, patience_seconds, end };
            self.plan(heartbeats.every, Wake::Heartbeat(token.clone(), beats));
        }
        if !matches!(end, End::Never) {
            self.plan(delay, Wake::Answer(token, end));
        }
        Ok(())
    }

    fn beat_again(&mut self, token: Arc<str>, mut beats: Beats) {
        let count = beats.heartbeats.skip(beats.patience_seconds);
        let wait = beats.heartbeats.every.saturating_mul(count);
        let next = self.now + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        if beats.heartbeats.count != Some(0) && beats.end.is_none_or(|end| next < end) {
            self.plan(wait, Wake::Heartbeat(token, beats));
        }
    }
}

/// What the workers of the case answer.
fn bind(own: &Own<'_>) -> Result<BoundMocks, String> {
    let case = own.case;
    let mut mocks = Mocks::default();
    for mock in &case.world.mocks {
        mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
    }
    for (i, (activity, worker)) in case.world.workers.iter().enumerate() {
        mocks.add_worker(i, activity, worker.mock.clone());
    }
    let machine = case.definition.machine.clone().ok_or("the definition has errors")?;
    let machines = [(case.state_machine_name.clone(), machine)];
    mocks.bind(&machines).map_err(|error| error.to_string())
}

/// The task token somewhere in what a service was sent: the execution's name and a UUID.
fn token_in(arguments: &Value, execution: &str) -> Option<Arc<str>> {
    match arguments {
        Value::String(text) => {
            let start = text.find(&format!("{execution}."))?;
            let length = execution.len() + 1 + 36;
            text.get(start..start + length).map(Arc::from)
        }
        Value::Array(items) => items.iter().find_map(|item| token_in(item, execution)),
        Value::Object(members) => members.iter().find_map(|(_, one)| token_in(one, execution)),
        _ => None,
    }
}

/// An answer to a task that is over comes too late, as in a simulation.
fn late(heard: Result<(), EndpointError>) -> Result<(), String> {
    match heard {
        Err(error) if error.is_of_ended_task() => Ok(()),
        other => other.map_err(told),
    }
}

fn told(error: EndpointError) -> String {
    error.to_string()
}
