//! The virtual clock over the account: answers come from mocks, and time jumps to what is next.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHasher;

use super::action::{Action, ActionKind};
use super::error::{OpenTask, Problem, SimulationError};
use super::finding::Findings;
use super::queue::Queue;
use super::run::{Call, ExecutionRun, MapRunSummary, Run, UnusedAction};
use super::{Machine, Simulation};
use crate::asl::{ExecutionType, Resource, StateMachine};
use crate::engine::{ExecutionStatus, Input, MapRunRequest, TaskRequest};
use crate::entropy::Entropy;
use crate::map_run::MapRunStatus;
use crate::mock::{self, BoundMocks, Course, End, Heartbeats, MockKey, Plan, Resolved, Unresolved};
use crate::service::{
    ExecutionId, MapRunId, MapRunRecord, Operation, Output, Record, Service, StatusChange,
};
use crate::time::Timestamp;

/// Executions of one run; more start one another without an end.
const MOST_EXECUTIONS: usize = 10_000;

/// The execution under test.
const MAIN: ExecutionId = ExecutionId(0);

struct Driver<'a> {
    simulation: &'a Simulation,
    service: Service,
    /// The one under test, then the others; then the versions of all of them.
    machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    /// By execution: its machine.
    machine_of: Vec<usize>,
    mocks: BoundMocks,
    action_keys: Vec<Option<MockKey>>,
    /// By worker: when it asks next.
    next_poll: Vec<Timestamp>,
    now: Timestamp,
    queue: Queue<Wake>,
    calls: Vec<Call>,
    /// The calls of Map Runs' children that still run.
    calls_of_children: HashMap<ExecutionId, Vec<usize>, BuildHasherDefault<FxHasher>>,
    /// The execution whose end was heard of last.
    told: Option<ExecutionId>,
    status_changes: Vec<StatusChange>,
    actions_left: usize,
    /// The start of the execution under test will be delivered once more.
    awaits_delivery: bool,
    findings: Findings,
    /// Actions that bring an execution back to life.
    redrives_left: usize,
}

/// Something that happens at its time.
#[derive(Debug)]
enum Wake {
    /// What becomes of a call.
    Tell(usize, Input),
    /// A heartbeat of a call, and those after it; the time of the answer, if there is one.
    Heartbeat(usize, Heartbeats, Option<Timestamp>),
    /// A worker asks for its next task, which is this call.
    Poll(usize, usize, Box<Plan>),
    /// An action.
    Action(usize),
    /// The start of the execution under test is delivered again.
    Delivery,
}

pub(super) fn run(simulation: &Simulation) -> Result<Run, SimulationError> {
    let mut driver = Driver::new(simulation)?;
    match driver.drive() {
        Ok(()) => Ok(driver.finish()),
        Err(problem) => {
            let run = driver.finish();
            // Where the execution was refused, there is nothing to look at.
            let run = (!run.executions.is_empty()).then(|| Box::new(run));
            Err(SimulationError { problem: Box::new(problem), run })
        }
    }
}

impl<'a> Driver<'a> {
    fn new(simulation: &'a Simulation) -> Result<Self, SimulationError> {
        let current = simulation.machines().map(|machine| (&machine.name, &machine.machine));
        let versions = simulation.machines().flat_map(|machine| {
            machine.versions.published().iter().map(|version| (&machine.name, version))
        });
        let machines: Vec<(Arc<str>, Arc<StateMachine>)> = current
            .chain(versions)
            .map(|(name, machine)| (name.clone(), machine.clone()))
            .collect();
        let mut mocks = simulation.mocks.clone();
        for (i, (activity, worker)) in simulation.workers.iter().enumerate() {
            mocks.add_worker(i, activity, worker.mock.clone());
        }
        let mocks = mocks.bind(&machines)?;
        let action_keys = simulation.actions.iter().map(|action| {
            let Some(state) = action.state() else { return Ok(None) };
            MockKey::parse(state, |name| mocks.is_state(name))
                .map(Some)
                .map_err(|message| Problem::Action { action: action.to_string(), message })
        });
        let action_keys = action_keys.collect::<Result<Vec<_>, _>>()?;
        let account = simulation.account.clone();
        let mut service = Service::new(account.clone());
        *service.objects_mut() = simulation.objects.clone();
        service.objects_mut().written_at(simulation.start_time);
        let shuffle = account.interleaving.map(|seed| Entropy::new(seed).fork("answers"));
        Ok(Self {
            simulation,
            service,
            machines,
            machine_of: Vec::new(),
            mocks,
            action_keys,
            next_poll: vec![simulation.start_time; simulation.workers.len()],
            now: simulation.start_time,
            queue: Queue::new(shuffle),
            calls: Vec::new(),
            calls_of_children: HashMap::default(),
            told: None,
            status_changes: Vec::new(),
            actions_left: simulation.actions.len(),
            awaits_delivery: simulation.duplicate_delivery.is_some(),
            findings: Findings::default(),
            redrives_left: simulation.actions.iter().filter(|action| action.redrives()).count(),
        })
    }

    fn drive(&mut self) -> Result<(), Problem> {
        self.start()?;
        loop {
            self.drain()?;
            if let Some(wake) = self.queue.pop_ready() {
                self.happen(wake)?;
                continue;
            }
            let deadline = self.service.next_deadline();
            // What is heard at a deadline is heard before the timer fires.
            let next = match (self.queue.next_time(), deadline) {
                (Some(at), Some((deadline, _))) => at.min(deadline),
                (Some(at), None) => at,
                (None, Some((deadline, id))) => {
                    if let Some(tasks) = self.stuck(deadline, id) {
                        if self.service.is_running(MAIN) {
                            let at = millis(self.now - self.simulation.start_time);
                            return Err(Problem::Stuck { tasks, at });
                        }
                        return Ok(());
                    }
                    deadline
                }
                (None, None) => return Ok(()),
            };
            let more_to_come = self.awaits_delivery || self.redrives_left > 0;
            if !self.service.any_running() && !more_to_come {
                return Ok(());
            }
            self.now = self.now.max(next);
            if self.queue.next_time().is_some_and(|at| at <= next) {
                self.queue.advance(next);
            } else {
                self.service.handle_timeout(self.now);
            }
        }
    }

    /// Sets the account up, and starts the execution under test.
    fn start(&mut self) -> Result<(), Problem> {
        let simulation = self.simulation;
        let refused = |error: crate::service::ApiError| Problem::NotStarted(error.to_string());
        let mut state_machine_arn = None;
        for machine in simulation.machines() {
            let role_arn = simulation.role_arn.clone().unwrap_or_else(|| {
                let (id, name) = (&simulation.account.account_id, &machine.name);
                format!("arn:aws:iam::{id}:role/StepFunctions-{name}").into()
            });
            let arn = machine.create(&mut self.service, self.now, role_arn).map_err(refused)?;
            state_machine_arn.get_or_insert(arn);
        }
        let Some(mut state_machine_arn) = state_machine_arn else { return Ok(()) };
        if let Some(qualifier) = &simulation.start_through {
            state_machine_arn = format!("{state_machine_arn}:{qualifier}").into();
        }
        if let Some(after) = simulation.duplicate_delivery {
            if simulation.machine.execution_type == ExecutionType::Standard {
                return Err(Problem::DuplicateDelivery);
            }
            self.queue.plan(self.now, later(self.now, after), Wake::Delivery);
        }
        let name = Some(simulation.execution_name.clone());
        let input = simulation.input.clone();
        self.service
            .handle(self.now, Operation::StartExecution { state_machine_arn, name, input })
            .map_err(refused)?;
        for (i, action) in simulation.actions.iter().enumerate() {
            self.queue.plan(self.now, later(self.now, action.at), Wake::Action(i));
        }
        Ok(())
    }

    /// Hears everything that the account has to say.
    fn drain(&mut self) -> Result<(), Problem> {
        loop {
            let output = self.service.poll();
            if let Some(id) = self.told.take() {
                self.pack_calls(id);
            }
            match output {
                Output::Task(id, request) => self.task(id, request)?,
                Output::MapRun(id, request) => self.map_run(id, request)?,
                Output::Unsupported(id, message) => return Err(self.unsupported(id, message)),
                Output::StatusChange(change) => self.status_changes.push(*change),
                Output::Ended(id) => self.told = Some(id),
                Output::Started(_) | Output::CancelTask(..) | Output::ActivityTask(..) => {}
                Output::Idle(_) => return Ok(()),
            }
        }
    }

    /// Makes the calls of a child small whose history the service has just let go.
    fn pack_calls(&mut self, id: ExecutionId) {
        let Some(calls) = self.calls_of_children.remove(&id) else { return };
        let record = self.service.execution(id);
        let Some(child) = record.map_run.filter(|_| record.released) else { return };
        let input = self.service.map_run(child.run).run.child_input_text(child.index);
        for call in calls {
            self.calls[call].pack(input);
        }
    }

    /// Finds an answer to a task: its mock, a worker, the account itself, or an action to come.
    fn task(&mut self, id: ExecutionId, request: Box<TaskRequest>) -> Result<(), Problem> {
        let machine = self.machine_of(id);
        let name = &self.machines[machine].0;
        let resolved = self.mocks.resolve(machine, name, &request);
        let call = self.calls.len();
        let plan = match resolved {
            Ok(Resolved { answer, worker, key }) => {
                let plan = Plan::of(&answer, &request)
                    .map_err(|message| Problem::BadAnswer { state: place_of(&request), message })?;
                if let End::Succeed(result) = &plan.end {
                    let mode = self.simulation.field_validation_mode;
                    self.findings.look(mode, key, &request, result).map_err(|findings| {
                        Problem::MockMismatch { state: place_of(&request), findings }
                    })?;
                }
                Some((plan, worker))
            }
            Err(Unresolved::NoMock) => None,
            Err(Unresolved::NoAnswer { key }) => {
                let arguments = request.arguments.to_json();
                return Err(Problem::NoAnswer { state: place_of(&request), key, arguments });
            }
            Err(Unresolved::UnknownFault { fault, .. }) => {
                let message = mock::unknown_fault(&fault);
                return Err(Problem::BadAnswer { state: place_of(&request), message });
            }
        };
        let machine = name.clone();
        let time = self.now;
        self.calls.push(Call::new(id, machine, time, request));
        let record = self.service.execution(id);
        if record.map_run.is_some() && record.machine.execution_type == ExecutionType::Express {
            self.calls_of_children.entry(id).or_default().push(call);
        }
        match plan {
            Some((plan, None)) => self.begin(call, plan),
            Some((plan, Some(worker))) => self.give_to_worker(call, worker, plan),
            None => return self.serve(call),
        }
        Ok(())
    }

    /// Starts giving an answer.
    fn begin(&mut self, call: usize, plan: Plan) {
        let made = &self.calls[call];
        let id = made.execution;
        let Course { first, heartbeats, delay, end } = plan.course(&made.request);
        if let Some(first) = first {
            // The task was requested in this very moment: nothing can have ended it.
            let _ = self.service.tell(self.now, id, first);
        }
        let at = later(self.now, delay);
        if let Some(heartbeats) = heartbeats {
            let end_time = end.is_some().then_some(at);
            let first = later(self.now, heartbeats.every);
            self.queue.plan(self.now, first, Wake::Heartbeat(call, heartbeats, end_time));
        }
        if let Some(end) = end {
            self.queue.plan(self.now, at, Wake::Tell(call, end));
        }
    }

    fn give_to_worker(&mut self, call: usize, worker: usize, plan: Plan) {
        let made = &self.calls[call];
        self.service.create_activity_at(made.request.resource.text().clone());
        self.service.serve(self.now, made.execution, &made.request);
        let every = self.simulation.workers[worker].1.poll;
        let next = &mut self.next_poll[worker];
        if every.is_zero() {
            *next = self.now;
        }
        while *next < self.now {
            let steps = (self.now - *next) / every_millis(every);
            *next = *next + every_millis(every) * steps.max(1);
        }
        let at = *next;
        *next = *next + every_millis(every);
        self.queue.plan(self.now, at, Wake::Poll(worker, call, Box::new(plan)));
    }

    /// A task without a mock.
    fn serve(&mut self, call: usize) -> Result<(), Problem> {
        let made = &self.calls[call];
        let request = &made.request;
        self.service.adopt(request);
        if let Resource::Activity { arn } = &request.resource {
            let name = arn.rsplit(':').next().unwrap_or_default();
            if self.simulation.workers.iter().any(|(activity, _)| **activity == *name) {
                self.service.create_activity_at(arn.clone());
            }
        }
        if self.service.serve(self.now, made.execution, request) {
            return self.check_count();
        }
        let called_back = request.task_token.is_some()
            && self.action_keys.iter().flatten().any(|key| made.matches(key));
        if called_back {
            let plan = Plan::never();
            self.begin(call, plan);
            return Ok(());
        }
        let machine = self.nested_name(made.execution);
        Err(Problem::Unmocked {
            state: place_of(request),
            resource: request.resource.text().to_string(),
            stub: mock::stub(machine.as_deref(), request),
            machine,
        })
    }

    /// A distributed Map: its children run, unless a mock of the state gives the result of the whole
    /// run.
    fn map_run(&mut self, id: ExecutionId, request: Box<MapRunRequest>) -> Result<(), Problem> {
        let machine = self.machine_of(id);
        let as_task = request.as_task();
        let state = || place_of(&as_task);
        let Ok(Resolved { answer, .. }) =
            self.mocks.resolve(machine, &self.machines[machine].0, &as_task)
        else {
            return match self.service.run_map(self.now, id, request) {
                Ok(_) => Ok(()),
                Err(message) => Err(Problem::MapRun { state: state(), message }),
            };
        };
        let plan = Plan::of(&answer, &as_task)
            .map_err(|message| Problem::BadAnswer { state: state(), message })?;
        let outcome = match plan.end {
            End::Succeed(output) => Ok(output),
            End::Fail(_, failure) => Err(failure),
            End::Never => return Ok(()),
        };
        let call = self.calls.len();
        let (machine, time) = (self.machines[machine].0.clone(), self.now);
        let request = Box::new(as_task);
        self.calls.push(Call::new(id, machine, time, request));
        let input = Input::MapRunEnded { task: self.calls[call].request.task, outcome };
        self.queue.plan(self.now, later(self.now, plan.delay), Wake::Tell(call, input));
        Ok(())
    }

    fn unsupported(&self, id: MapRunId, message: String) -> Problem {
        let state = self.service.map_run(id).run.request().state.to_string();
        Problem::MapRun { state, message }
    }

    fn happen(&mut self, wake: Wake) -> Result<(), Problem> {
        match wake {
            Wake::Tell(call, input) => {
                // Refused where the task timed out or was given up before.
                let _ = self.service.tell(self.now, self.calls[call].execution, input);
            }
            Wake::Heartbeat(call, heartbeats, end) => self.heartbeat(call, heartbeats, end),
            Wake::Poll(worker, call, plan) => {
                let arn = self.calls[call].request.resource.text().clone();
                let own = &self.simulation.workers[worker].1.name;
                let name = plan.worker.clone().or_else(|| own.clone());
                // Nothing to take where the task was given up while it waited.
                if let Ok(Some(task)) = self.service.take_activity_task(self.now, &arn, name) {
                    debug_assert_eq!(task.task, self.calls[call].request.task);
                    self.begin(call, *plan);
                }
            }
            Wake::Delivery => {
                self.awaits_delivery = false;
                self.service
                    .deliver_again(self.now, MAIN)
                    .map_err(|error| Problem::NotStarted(error.to_string()))?;
            }
            Wake::Action(i) => {
                self.actions_left -= 1;
                let action = &self.simulation.actions[i];
                self.act(i, action)
                    .map_err(|message| Problem::Action { action: action.to_string(), message })?;
            }
        }
        Ok(())
    }

    fn heartbeat(&mut self, call: usize, mut heartbeats: Heartbeats, end: Option<Timestamp>) {
        let made = &self.calls[call];
        let input = Input::TaskHeartbeat { task: made.request.task };
        if self.service.tell(self.now, made.execution, input).is_err() {
            return;
        }
        let beats = heartbeats.skip(made.request.heartbeat_seconds);
        let next = later(self.now, heartbeats.every.saturating_mul(beats));
        if heartbeats.count != Some(0) && end.is_none_or(|end| next < end) {
            self.queue.plan(self.now, next, Wake::Heartbeat(call, heartbeats, end));
        }
    }

    fn act(&mut self, index: usize, action: &Action) -> Result<(), String> {
        let operation = match &action.kind {
            ActionKind::Stop(failure) => {
                if !self.service.is_running(MAIN) {
                    return Err("the execution is over already".to_owned());
                }
                let execution_arn = self.service.execution(MAIN).arn.clone();
                Operation::StopExecution { execution_arn, failure: failure.clone() }
            }
            ActionKind::Redrive => {
                self.redrives_left -= 1;
                let execution_arn = self.service.execution(MAIN).arn.clone();
                Operation::RedriveExecution { execution_arn, client_token: None }
            }
            ActionKind::UpdateMapRun { state, update } => {
                let running = |(_, record): &(MapRunId, &MapRunRecord)| {
                    *record.run.request().state == **state
                        && record.run.status() == MapRunStatus::Running
                };
                let run = self.service.map_runs().rev().find(running);
                let (_, record) =
                    run.ok_or_else(|| "no Map Run of this state runs at that time".to_owned())?;
                let map_run_arn = record.run.request().map_run_arn.clone();
                Operation::UpdateMapRun { map_run_arn, update: *update }
            }
            ActionKind::SendTaskSuccess { output, .. } => {
                let (task_token, output) = (self.open_token(index)?, output.clone());
                Operation::SendTaskSuccess { task_token, output }
            }
            ActionKind::SendTaskFailure { failure, .. } => {
                let (task_token, failure) = (self.open_token(index)?, failure.clone());
                Operation::SendTaskFailure { task_token, failure }
            }
            ActionKind::SendTaskHeartbeat { .. } => {
                Operation::SendTaskHeartbeat { task_token: self.open_token(index)? }
            }
        };
        self.service.handle(self.now, operation).map(|_| ()).map_err(|error| error.to_string())
    }

    /// The token of the latest task that an action means and that still runs.
    fn open_token(&self, action: usize) -> Result<Arc<str>, String> {
        let Some(key) = &self.action_keys[action] else { return Err("no state is named".into()) };
        let meant = self.calls.iter().rev().filter(|call| call.matches(key));
        let open = meant.filter(|call| self.is_open(call));
        open.filter_map(|call| call.request.task_token.clone())
            .next()
            .ok_or_else(|| "no task of this state waits for a callback at that time".to_owned())
    }

    fn is_open(&self, call: &Call) -> bool {
        self.service.execution(call.execution).execution.has_task(call.request.task)
    }

    /// The tasks that keep everything waiting, where the next thing to happen is that a Standard
    /// execution reaches the longest time that any may run.
    fn stuck(&self, deadline: Timestamp, id: ExecutionId) -> Option<Vec<OpenTask>> {
        let runs_to_limit = |record: &Record| {
            let standard = ExecutionType::Standard;
            let most = self.simulation.account.limits.execution_seconds(standard);
            let most_millis = i64::try_from(most).unwrap_or(i64::MAX).saturating_mul(1_000);
            record.machine.execution_type == standard
                && record.machine.machine.timeout_seconds.is_none_or(|own| own >= most)
                && deadline >= record.execution.started_at() + most_millis
        };
        if !runs_to_limit(self.service.execution(id)) {
            return None;
        }
        let is_nested = |call: &Call| {
            self.service.executions().iter().any(|record| {
                record.execution.status() == ExecutionStatus::Running
                    && record.parent.is_some_and(|parent| {
                        (parent.execution, parent.task) == (call.execution, call.request.task)
                    })
            })
        };
        let open = self.calls.iter().filter(|call| self.is_open(call) && !is_nested(call));
        let tasks: Vec<OpenTask> = open
            .map(|call| OpenTask {
                state: place_of(&call.request),
                machine: self.nested_name(call.execution),
                resource: call.request.resource.text().to_string(),
                has_token: call.request.task_token.is_some(),
            })
            .collect();
        (!tasks.is_empty()).then_some(tasks)
    }

    fn check_count(&self) -> Result<(), Problem> {
        let executions = self.service.executions().iter();
        let nested = executions.filter(|record| record.map_run.is_none()).count();
        if nested > MOST_EXECUTIONS {
            return Err(Problem::TooManyExecutions { limit: MOST_EXECUTIONS });
        }
        Ok(())
    }

    /// The machine of an execution, as an index; that of a Map Run's child is its parent's.
    fn machine_of(&mut self, id: ExecutionId) -> usize {
        while self.machine_of.len() <= id.0 as usize {
            let record = self.service.execution(ExecutionId(self.machine_of.len() as u32));
            let index = match record.map_run {
                // The states of a Map's processor are those of the machine around it.
                Some(child) => {
                    let run = self.service.map_run(child.run);
                    self.machine_of[run.execution.0 as usize]
                }
                None => {
                    let own = &record.machine;
                    let runs = |(name, machine): &(Arc<str>, Arc<StateMachine>)| {
                        *name == own.name && Arc::ptr_eq(machine, &own.machine)
                    };
                    self.machines.iter().position(runs).unwrap_or_default()
                }
            };
            self.machine_of.push(index);
        }
        self.machine_of[id.0 as usize]
    }

    /// The name of an execution's machine, unless it is the one under test.
    fn nested_name(&self, id: ExecutionId) -> Option<String> {
        let mut id = id;
        while let Some(child) = self.service.execution(id).map_run {
            id = self.service.map_run(child.run).execution;
        }
        let name = &self.service.execution(id).machine.name;
        (*name != self.machines[0].0).then(|| name.to_string())
    }

    fn finish(mut self) -> Run {
        let unused_actions = self.unused_actions();
        let unused_mocks = self.mocks.unused(&self.machines);
        let metrics = self.service.take_metrics();
        let objects = self.service.objects().clone();
        let map_runs: Vec<MapRunSummary> =
            self.service.map_runs().map(|(_, run)| MapRunSummary::of(run)).collect();
        // One by one: there may be a great many, and each lets go of what only running needs.
        let mut executions = Vec::with_capacity(self.service.executions().len());
        executions.extend(self.service.into_executions().map(ExecutionRun::of));
        for execution in &mut executions {
            if let Some(child) = execution.map_run {
                execution.parent = Some(map_runs[child.run.0 as usize].execution);
            }
        }
        let mut calls = self.calls;
        super::run::end_calls(&executions, &mut calls);
        let status_changes = self.status_changes;
        Run {
            executions,
            calls,
            status_changes,
            metrics,
            objects,
            map_runs,
            unused_mocks,
            unused_actions,
            mock_findings: self.findings.into_list(),
        }
    }

    fn unused_actions(&self) -> Vec<UnusedAction> {
        if self.actions_left == 0 {
            return Vec::new();
        }
        let start = self.simulation.start_time;
        let actions = self.simulation.actions.iter().enumerate();
        actions
            .filter(|(_, action)| later(start, action.at) > self.now)
            .map(|(index, action)| UnusedAction { index, action: action.to_string() })
            .collect()
    }
}

impl Simulation {
    fn machines(&self) -> impl Iterator<Item = &Machine> {
        std::iter::once(&self.machine).chain(&self.others)
    }
}

fn place_of(request: &TaskRequest) -> String {
    if request.place.is_top() {
        request.state.to_string()
    } else {
        format!("{}/{}", request.place, request.state)
    }
}

fn later(time: Timestamp, delay: Duration) -> Timestamp {
    time + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}

fn every_millis(every: Duration) -> i64 {
    i64::try_from(every.as_millis()).unwrap_or(i64::MAX)
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
