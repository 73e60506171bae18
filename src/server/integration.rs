//! What a Task of an execution on the server is answered with: a mock, a call of a real endpoint,
//! or a failure that says which of the two to give.

use std::sync::Arc;

use super::FastMap;
use super::endpoint::EndpointCall;
use crate::asl::StateMachine;
use crate::engine::{FailureStage, TaskRequest};
use crate::history::Failure;
use crate::mock::{self, BoundMocks, MockError, Mocks, Plan, Resolved, Unresolved};
use crate::scenario::{Case, Scenario};
use crate::service::{ExecutionId, Service};

/// What becomes of a Task.
#[derive(Debug)]
pub(super) enum TaskAnswer {
    /// A mock answers, at its time.
    Mock(Plan),
    /// A real service is called.
    #[expect(dead_code, reason = "there are no endpoints yet")]
    Call(EndpointCall),
    /// The Task fails at once.
    Fail(FailureStage, Failure),
}

/// Where answers to Tasks come from.
#[derive(Debug, Default)]
pub(super) struct Integrations {
    scenarios: Vec<Arc<Scenario>>,
    /// The test cases that executions were started with: `stateMachineArn#Case`.
    cases: FastMap<ExecutionId, Arc<str>>,
    /// By the execution that nobody started from a state machine: its mocks and those of all that
    /// it started.
    bound: FastMap<ExecutionId, Bound>,
}

/// The mocks of an execution and of those that it starts, with what they have served.
#[derive(Debug)]
struct Bound {
    machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    mocks: BoundMocks,
}

impl Integrations {
    pub(super) fn new(scenarios: Vec<Scenario>) -> Self {
        let scenarios = scenarios.into_iter().map(Arc::new).collect();
        Self { scenarios, ..Self::default() }
    }

    /// The execution was started with this test case.
    pub(super) fn select_case(&mut self, execution: ExecutionId, case: &str) {
        self.cases.insert(execution, case.into());
    }

    /// The execution has ended: its mocks are asked no more.
    pub(super) fn ended(&mut self, execution: ExecutionId) {
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
        if self.scenarios.is_empty() {
            return None;
        }
        let root = root_of(service, execution);
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
    pub(super) fn called(&mut self, request: &TaskRequest) -> TaskAnswer {
        let resource = request.resource.text();
        refused(
            request,
            &format!(
                "`{resource}` has neither a mock nor an endpoint; give it a mock in a scenario \
                 file (`--mocks FILE`)"
            ),
        )
    }

    fn bind(&self, service: &Service, root: ExecutionId) -> Result<Bound, String> {
        let record = service.execution(root);
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
        for mock in chosen.iter().flat_map(|chosen| &chosen.world.mocks) {
            if !only_defaults || mock.inherited {
                mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
            }
        }
        mocks
    }
}

/// A failure that no Retrier and no Catcher of `States.ALL` hides: the server lacks an answer, the
/// state machine does nothing wrong.
fn refused(request: &TaskRequest, message: &str) -> TaskAnswer {
    let cause = format!("stepproof has no answer for the state `{}`: {message}", request.state);
    TaskAnswer::Fail(FailureStage::Run, Failure::new("States.Runtime", cause))
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
