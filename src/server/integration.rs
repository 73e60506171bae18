//! What a Task of an execution on the server is answered with: a mock, a call of a real endpoint,
//! or a failure that says which of the two to give.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::warn;

use super::endpoint::{EndpointCall, Endpoints};
use super::{FastMap, Options};
use crate::asl::{Resource, StateMachine};
use crate::engine::{FailureStage, TaskRequest};
use crate::history::Failure;
use crate::mock::config_file::MockConfig;
use crate::mock::{self, BoundMocks, Counting, MockError, Mocks, Plan, Resolved, Unresolved};
use crate::scenario::{Case, Scenario};
use crate::service::{ExecutionId, Service};
use crate::value::Value;

/// What becomes of a Task.
#[derive(Debug)]
pub(super) enum TaskAnswer {
    /// A mock answers, at its time.
    Mock(Plan),
    /// A real service is called.
    Call(EndpointCall),
    /// The Task fails at once.
    Fail(FailureStage, Failure),
}

/// Where answers to Tasks come from.
#[derive(Debug)]
pub(super) struct Integrations {
    scenarios: Vec<Arc<Scenario>>,
    config: Option<MockConfig>,
    counting: Counting,
    endpoints: Endpoints,
    region: Arc<str>,
    /// The test cases that executions were started with: `stateMachineArn#Case`.
    cases: FastMap<ExecutionId, Arc<str>>,
    /// By the execution that nobody started from a state machine: its mocks and those of all that
    /// it started. They outlive its end: it may be redriven, or delivered once more.
    bound: FastMap<ExecutionId, Bound>,
    /// The first run of each whose start was delivered once more: both have the same mocks.
    first_runs: FastMap<ExecutionId, ExecutionId>,
    /// The revisions of state machines that the mock file was held against.
    checked: BTreeSet<u64>,
}

/// How many test cases a message names.
const MOST_NAMED: usize = 8;

/// The mocks of an execution and of those that it starts, with what they have served.
#[derive(Debug)]
struct Bound {
    machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    mocks: BoundMocks,
}

impl Integrations {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            scenarios: options.scenarios.iter().cloned().map(Arc::new).collect(),
            config: options.mock_config.clone(),
            counting: options.mock_counting,
            endpoints: options.endpoints.clone(),
            region: options.account.region.clone(),
            cases: FastMap::default(),
            bound: FastMap::default(),
            first_runs: FastMap::default(),
            checked: BTreeSet::new(),
        }
    }

    /// A mock file says something else now. Executions that have begun keep their mocks.
    pub(super) fn replace_config(&mut self, config: MockConfig) {
        self.config = Some(config);
        self.checked.clear();
    }

    /// A scenario file says something else now. Executions that have begun keep their mocks.
    pub(super) fn replace_scenario(&mut self, scenario: Scenario) {
        if let Some(own) = self.scenarios.iter_mut().find(|own| own.path == scenario.path) {
            *own = Arc::new(scenario);
        }
    }

    /// Whether a start names a test case that there is.
    ///
    /// # Errors
    ///
    /// What there is in its place.
    pub(super) fn check_case(&self, arn: &str, case: &str) -> Result<(), String> {
        // `arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME`, a version perhaps behind it.
        let machine = arn.split(':').nth(6).unwrap_or_default();
        let is_own = |own: &Case| *own.state_machine_name == *machine && *own.name == *case;
        let in_scenarios = self.scenarios.iter().flat_map(|one| &one.cases).any(is_own);
        match &self.config {
            _ if in_scenarios => Ok(()),
            Some(config) => config.case(machine, case).map(drop).map_err(|error| error.to_string()),
            None if self.scenarios.is_empty() => Err(format!(
                "the test case `{case}` needs a file that has it: start the server with \
                 `--mock-config FILE` or `--mocks FILE`"
            )),
            None => Err(format!(
                "no scenario has a test case `{case}` for the state machine `{machine}`"
            )),
        }
    }

    /// The execution was started with this test case.
    pub(super) fn select_case(&mut self, execution: ExecutionId, case: &str) {
        self.cases.insert(execution, case.into());
    }

    /// Whether there are any mocks.
    pub(super) fn are_mocked(options: &Options) -> bool {
        !options.scenarios.is_empty() || options.mock_config.is_some()
    }

    /// The start of `first` was delivered once more, which began `second`.
    pub(super) fn redelivered(&mut self, first: ExecutionId, second: ExecutionId) {
        self.first_runs.insert(second, first);
    }

    /// The execution is forgotten, and with it what it was answered.
    pub(super) fn forgotten(&mut self, execution: ExecutionId) {
        self.first_runs.remove(&execution);
        self.cases.remove(&execution);
        self.bound.remove(&execution);
    }

    /// The answer of a mock, where one is meant for the Task. Mocks come before everything else,
    /// before the nested executions and activities of the account itself too.
    pub(super) fn mocked(
        &mut self,
        service: &Service,
        execution: ExecutionId,
        request: &TaskRequest,
    ) -> Option<TaskAnswer> {
        if self.scenarios.is_empty() && self.config.is_none() {
            return None;
        }
        let root = root_of(service, execution);
        let first = self.first_runs.get(&root).filter(|first| self.bound.contains_key(first));
        let root = first.copied().unwrap_or(root);
        if !self.bound.contains_key(&root) {
            let bound = match self.bind(service, root) {
                Ok(bound) => bound,
                Err(message) => return Some(refused(request, &message)),
            };
            self.bound.insert(root, bound);
        }
        let bound = self.bound.get_mut(&root)?;
        let name = &service.execution(machine_owner(service, execution)).machine.name;
        let machine = bound.machines.iter().position(|(own, _)| own == name)?;
        match bound.mocks.resolve(machine, name, request) {
            Ok(Resolved { answer, .. }) => Some(match Plan::of(&answer, request) {
                Ok(plan) => TaskAnswer::Mock(plan),
                Err(message) => refused(request, &message),
            }),
            Err(Unresolved::NoMock) => None,
            Err(Unresolved::NoAnswer { key }) => {
                let arguments = request.arguments.to_json();
                let message = format!("no answer of the mock `{key}` is for {arguments}");
                Some(refused(request, &message))
            }
            Err(Unresolved::UnknownFault { fault, .. }) => {
                Some(refused(request, &mock::unknown_fault(&fault)))
            }
        }
    }

    /// The call of the endpoint that is meant for a Task without a mock; a failure where there is
    /// none.
    pub(super) fn called(
        &self,
        service: &Service,
        execution: ExecutionId,
        request: &TaskRequest,
    ) -> TaskAnswer {
        let (stage, message) = match &request.resource {
            Resource::Activity { arn } => {
                let message = format!(
                    "the activity `{arn}` does not exist; create it with CreateActivity, or give \
                     the state a mock (`--mocks FILE`)"
                );
                (FailureStage::Schedule, message)
            }
            _ => match self.endpoints.call(&self.region, request) {
                Ok(call) => return TaskAnswer::Call(call),
                Err(message) => (FailureStage::Run, message),
            },
        };
        let chosen = self.unchosen(service, execution).unwrap_or_default();
        TaskAnswer::Fail(stage, no_answer(request, &(message + &chosen)))
    }

    /// The test cases that there are for an execution that was started without one.
    fn unchosen(&self, service: &Service, execution: ExecutionId) -> Option<String> {
        let root = root_of(service, execution);
        let machine = &service.execution(root).machine;
        let all = self.scenarios.iter().flat_map(|scenario| &scenario.cases);
        let own = all.filter(|case| *case.state_machine_name == *machine.name);
        let mut names: Vec<&str> = own.map(|case| &*case.name).collect();
        if names.len() == 1 {
            // It is taken without its name.
            names.clear();
        }
        let listed = self.config.as_ref().and_then(|config| config.machine(&machine.name));
        names.extend(listed.iter().flat_map(|own| &own.cases).map(|case| &*case.name));
        if names.is_empty() || self.cases.contains_key(&root) {
            return None;
        }
        let first = names[0];
        let more = if names.len() > MOST_NAMED { ", …" } else { "" };
        names.truncate(MOST_NAMED);
        Some(format!(
            "; there are mocks for `{}#{first}`: start the execution with one of the test cases \
             `{}`{more}",
            machine.arn,
            names.join("`, `")
        ))
    }

    /// The wait for the end of a job that was begun before the server stopped, which the call was
    /// answered with.
    pub(super) fn awaited(
        &self,
        service: &Service,
        execution: ExecutionId,
        request: &TaskRequest,
        begun: &Value,
    ) -> TaskAnswer {
        match self.called(service, execution, request) {
            TaskAnswer::Call(call) => TaskAnswer::Call(call.after(begun.clone())),
            refused => refused,
        }
    }

    fn bind(&mut self, service: &Service, root: ExecutionId) -> Result<Bound, String> {
        let record = service.execution(root);
        if let Some(config) = &self.config
            && let Some(machine) = config.machine(&record.machine.name)
            && self.checked.insert(record.machine.number)
        {
            for odd in config.check(machine, &record.machine.machine) {
                warn!("{odd}");
            }
        }
        let mut machines = vec![(record.machine.name.clone(), record.machine.machine.clone())];
        for machine in service.state_machines(None) {
            if machine.name != record.machine.name {
                machines.push((machine.name.clone(), machine.machine.clone()));
            }
        }
        let mocks = self.mocks_of(&record.machine.name, self.cases.get(&root).map(|case| &**case));
        let mocks = mocks.bind(&machines).map_err(|MockError { path, message }| {
            format!("the mocks of `{}` cannot be used: {path}: {message}", record.machine.name)
        })?;
        Ok(Bound { machines, mocks })
    }

    /// The mocks of a test case; without one those of the machine's only case, or those that all
    /// of its cases have from their defaults.
    fn mocks_of(&self, machine: &str, case: Option<&str>) -> Mocks {
        let all = || self.scenarios.iter().flat_map(|scenario| &scenario.cases);
        let own: Vec<&Case> = all().filter(|own| *own.state_machine_name == *machine).collect();
        let chosen = match case {
            Some(case) => own.iter().copied().find(|own| *own.name == *case),
            None => own.first().copied(),
        };
        let only_defaults = case.is_none() && own.len() > 1;
        let mut mocks = Mocks::default();
        let listed = case.and_then(|case| {
            let config = self.config.as_ref()?;
            Some(config.mocks(config.case(machine, case).ok()?, self.counting))
        });
        for (state, mock) in listed.into_iter().flatten() {
            mocks.add(None, &state, mock);
        }
        for mock in chosen.iter().flat_map(|chosen| &chosen.world.mocks) {
            if !only_defaults || mock.inherited {
                mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
            }
        }
        mocks
    }
}

fn refused(request: &TaskRequest, message: &str) -> TaskAnswer {
    TaskAnswer::Fail(FailureStage::Run, no_answer(request, message))
}

/// A failure that no Retrier and no Catcher of `States.ALL` hides: the server lacks an answer, the
/// state machine does nothing wrong.
fn no_answer(request: &TaskRequest, message: &str) -> Failure {
    let cause = format!("stepproof has no answer for the state `{}`: {message}", request.state);
    Failure::new("States.Runtime", cause)
}

/// The execution at whose start the one given has its origin.
fn root_of(service: &Service, mut execution: ExecutionId) -> ExecutionId {
    loop {
        let record = service.execution(execution);
        let origin = match (record.parent, record.map_run) {
            (_, Some(child)) => service.map_run(child.run).execution,
            (Some(parent), None) => parent.execution,
            (None, None) => return execution,
        };
        // One that is forgotten already has no mocks left.
        if service.executions().find(origin).is_none() {
            return execution;
        }
        execution = origin;
    }
}

/// The execution whose machine the states of this one stand in: those of a Map Run's children
/// stand in the machine around the Map.
fn machine_owner(service: &Service, mut execution: ExecutionId) -> ExecutionId {
    while let Some(child) = service.execution(execution).map_run {
        execution = service.map_run(child.run).execution;
    }
    execution
}
