//! What the services answer during one case.
//!
//! A call is held against those of the case's run on our own interpreter: the next one of its
//! service and operation with the same arguments, else the next one without. What the run does not
//! have is answered where a single state can have asked.

use std::sync::{Arc, Mutex};

use tokio::time::{Instant, sleep};

use super::wire::{Call, Wire};
use crate::asl::{Pattern, Resource, StateKind, StateMachine, States};
use crate::engine::{FailureStage, TaskRequest};
use crate::history::Failure;
use crate::mock::{self, BoundMocks, End, Mocks, Plan, Unresolved};
use crate::scenario::Case;
use crate::service_model::spelling::pascal;
use crate::sim;
use crate::target::endpoint::Endpoint;
use crate::target::worker::{self, lock, place_of};
use crate::value::Value;

/// The answers of one case.
pub(in super::super) struct Script {
    machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    mocks: Mutex<BoundMocks>,
    /// The calls of our own run that nobody has made here yet.
    expected: Mutex<Vec<Asked>>,
    jobs: Mutex<Vec<Job>>,
    tokens: Mutex<Vec<(TaskRequest, Arc<str>)>>,
    problems: Mutex<Vec<String>>,
    /// Why a mock cannot be what a service answers.
    unsayable: Mutex<Option<String>>,
}

/// A call, and the machine that makes it.
#[derive(Clone)]
struct Asked {
    machine: usize,
    request: TaskRequest,
}

/// A job under way.
struct Job {
    service: &'static str,
    id: Value,
    resource: Resource,
    ready: Instant,
    end: End,
}

impl Script {
    /// The answers of a case, of which `run` is our own run.
    pub(in super::super) fn new(
        case: &Case,
        machines: Vec<(Arc<str>, Arc<StateMachine>)>,
        run: &sim::Run,
    ) -> Result<Self, String> {
        let mut mocks = Mocks::default();
        for mock in &case.world.mocks {
            mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
        }
        let mocks = mocks.bind(&machines).map_err(|error| error.to_string())?;
        let expected = run.all_calls().iter().filter_map(|call| {
            let machine = machines.iter().position(|(name, _)| *name == call.machine)?;
            Some(Asked { machine, request: (*call.request).clone() })
        });
        Ok(Self {
            expected: Mutex::new(expected.collect()),
            machines,
            mocks: Mutex::new(mocks),
            jobs: Mutex::default(),
            tokens: Mutex::default(),
            problems: Mutex::default(),
            unsayable: Mutex::default(),
        })
    }

    pub(in super::super) fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    /// Why a mock that was used cannot be what a service answers.
    pub(in super::super) fn unsayable(&self) -> Option<String> {
        lock(&self.unsayable).clone()
    }

    /// What is asked of a service that nobody serves is not the endpoint's fault.
    pub(super) fn not_served(&self, problem: String) {
        *lock(&self.unsayable) = Some(problem);
    }

    pub(super) fn problem(&self, problem: String) {
        lock(&self.problems).push(problem);
    }

    /// The token of the latest task that the state waits for.
    pub(in super::super) fn token(&self, state: &str) -> Option<Arc<str>> {
        let tokens = lock(&self.tokens);
        let found = tokens.iter().rev().find(|(request, _)| {
            let place = format!("{}", request.place);
            *request.state == *state || state.ends_with(&*request.state) && !place.is_empty()
        });
        found.map(|(_, token)| token.clone())
    }

    /// The answer to a call; `None` drops the connection.
    pub(super) async fn answer(&self, call: Call, endpoint: Endpoint) -> Option<Wire> {
        if let Some(state) = self.asked_for_job(&call) {
            return Some(call.succeeded(&state));
        }
        let refuse = |problem: String| {
            self.problem(problem.clone());
            call.failed(&Failure::new("Stepproof.NoAnswer", problem))
        };
        let asked = match self.who_asks(&call) {
            Ok(asked) => asked,
            Err(problem) => return refuse(problem),
        };
        let plan = match self.plan(&asked) {
            Ok(plan) => plan,
            Err(problem) => return refuse(problem),
        };
        self.play(&call, &asked, plan, endpoint).await
    }

    async fn play(
        &self,
        call: &Call,
        asked: &Asked,
        plan: Plan,
        endpoint: Endpoint,
    ) -> Option<Wire> {
        let resource = &asked.request.resource;
        let submitted =
            |plan: &Plan| plan.submit.clone().unwrap_or_else(|| mock::submitted(resource));
        match resource.pattern() {
            _ if matches!(plan.end, End::Fail(stage, _) if stage != FailureStage::Run) => {
                sleep(plan.delay).await;
                self.end(call, resource, &plan.end).await
            }
            Pattern::RequestResponse => {
                sleep(plan.delay).await;
                self.end(call, resource, &plan.end).await
            }
            Pattern::WaitForTaskToken => {
                let token = asked.request.task_token.clone();
                let told =
                    token.and_then(|own| token_at(&asked.request.arguments, &call.arguments, &own));
                let Some(token) = told else {
                    self.problem(format!("`{}` told no task token", asked.request.state));
                    return Some(call.succeeded(&submitted(&plan)));
                };
                let token: Arc<str> = token.into();
                lock(&self.tokens).push((asked.request.clone(), token.clone()));
                let answer = call.succeeded(&submitted(&plan));
                tokio::spawn(async move {
                    // The answer to the call itself comes first.
                    sleep(SUBMITTED_BEFORE).await;
                    worker::play(&endpoint, plan, &token).await
                });
                Some(answer)
            }
            Pattern::Sync | Pattern::Sync2 => {
                let answer = submitted(&plan);
                let id = job_id(call.service, &answer, &asked.request.arguments);
                let ready = Instant::now() + plan.delay;
                let (service, resource, end) = (call.service, resource.clone(), plan.end);
                lock(&self.jobs).push(Job { service, id, resource, ready, end });
                Some(call.succeeded(&answer))
            }
        }
    }

    async fn end(&self, call: &Call, resource: &Resource, end: &End) -> Option<Wire> {
        match end {
            End::Succeed(result) if matches!(resource, Resource::LambdaFunction { .. }) => {
                // The answer of a function that is called by its ARN.
                Some(call.succeeded(&Value::object([("Payload", result.clone())])))
            }
            End::Succeed(result) => Some(call.succeeded(result)),
            End::Fail(_, failure) => {
                let error = failure.error.as_deref().unwrap_or_default();
                let cause = failure.cause.as_deref().and_then(|own| Value::parse(own).ok());
                let is_object = cause.is_some_and(|cause| cause.as_object().is_some());
                if call.service == "lambda" && !error.starts_with("Lambda.") && !is_object {
                    *lock(&self.unsayable) = Some(format!(
                        "the cause of a failed function is what it answers, a JSON object; the \
                         mock's is {}",
                        failure.cause.as_deref().unwrap_or("none")
                    ));
                }
                if error.starts_with("States.") && error != "States.TaskFailed" {
                    *lock(&self.unsayable) =
                        Some(format!("no service answers so that a Task fails with `{error}`"));
                }
                call.failed(failure)
            }
            End::Never => {
                sleep(LONGEST_SILENCE).await;
                None
            }
        }
    }

    fn plan(&self, asked: &Asked) -> Result<Plan, String> {
        let (machine, request) = (asked.machine, &asked.request);
        let name = self.machines[machine].0.clone();
        let mut mocks = lock(&self.mocks);
        match mocks.resolve(machine, &name, request) {
            Ok(resolved) => Plan::of(&resolved.answer, request),
            // Somebody ends it from outside.
            Err(Unresolved::NoMock) if request.task_token.is_some() => Ok(Plan::never()),
            Err(Unresolved::NoMock) => {
                Err(format!("`{}` has no mock, and its service was asked", request.state))
            }
            Err(Unresolved::NoAnswer { key }) => {
                Err(format!("no answer of `{key}` is for {}", request.arguments))
            }
            Err(Unresolved::UnknownFault { fault, .. }) => Err(mock::unknown_fault(&fault)),
        }
    }

    /// Which state makes a call.
    fn who_asks(&self, call: &Call) -> Result<Asked, String> {
        let mut expected = lock(&self.expected);
        let mine = |asked: &Asked| calls(&asked.request.resource, call);
        let same = |asked: &Asked| {
            mine(asked) && alike(&arguments(&asked.request), &call.arguments, &asked.request)
        };
        let found = expected.iter().position(same).or_else(|| expected.iter().position(mine));
        if let Some(found) = found {
            return Ok(expected.remove(found));
        }
        let mut states = Vec::new();
        for (i, (_, machine)) in self.machines.iter().enumerate() {
            tasks(&machine.states, &mut |state, resource| {
                if calls(resource, call) {
                    states.push((i, state.clone(), resource.clone()));
                }
            });
        }
        match &states[..] {
            [(machine, state, resource)] => Ok(Asked {
                machine: *machine,
                request: TaskRequest {
                    task: 0,
                    place: place_of(&self.machines[*machine].1, state, None),
                    state: state.clone(),
                    resource: resource.clone(),
                    arguments: call.arguments.clone(),
                    credentials: None,
                    task_token: None,
                    retry_count: 0,
                    attempt: 0,
                    timeout_seconds: None,
                    heartbeat_seconds: None,
                },
            }),
            [] => Err(format!("no state calls {} of {}", call.operation, call.service)),
            _ => Err(format!(
                "{} of {} was called more often than in our own run, by one of {}",
                call.operation,
                call.service,
                states
                    .iter()
                    .map(|(_, state, _)| format!("`{state}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    /// What is said about a job, where a call asks for one.
    fn asked_for_job(&self, call: &Call) -> Option<Value> {
        let id = asked_id(call)?;
        let mut jobs = lock(&self.jobs);
        let at = jobs.iter().position(|job| job.service == call.service && job.id == id)?;
        let over = Instant::now() >= jobs[at].ready && !matches!(jobs[at].end, End::Never);
        let state = match over {
            true => ended(&jobs.remove(at)),
            false => running(&call.operation, &id),
        };
        Some(enveloped(&call.operation, state))
    }
}

/// How long a call may stay without an answer.
const LONGEST_SILENCE: std::time::Duration = std::time::Duration::from_secs(3_600);
/// How long after the answer to a call its callback comes at the earliest.
const SUBMITTED_BEFORE: std::time::Duration = std::time::Duration::from_millis(30);

/// Calls `take` with every Task's state and resource.
fn tasks(level: &States, take: &mut impl FnMut(&Arc<str>, &Resource)) {
    for state in level.iter() {
        if let StateKind::Task(task) = &state.kind {
            take(&state.name, &task.resource);
        }
        for inner in state.levels() {
            tasks(inner, take);
        }
    }
}

/// Whether a Task with this resource makes such calls.
fn calls(resource: &Resource, call: &Call) -> bool {
    match resource {
        Resource::LambdaFunction { .. } => {
            let called = call.arguments.get("FunctionName").and_then(Value::as_str);
            call.service == "lambda" && called.is_none_or(|called| names(resource.text(), called))
        }
        Resource::Service { service, action, .. } => {
            let own = match service.trim_start_matches("aws-sdk:") {
                "states" | "sfn" => "step-functions",
                service => service,
            };
            own == call.service && pascal(action) == call.operation
        }
        _ => false,
    }
}

/// The arguments as they travel.
fn arguments(request: &TaskRequest) -> Value {
    match &request.resource {
        Resource::LambdaFunction { .. } => Value::object([("Payload", request.arguments.clone())]),
        _ => request.arguments.clone(),
    }
}

/// Whether a call has these arguments: what is JSON may travel as text, and a token is another one.
fn alike(own: &Value, came: &Value, request: &TaskRequest) -> bool {
    match (own, came) {
        (Value::Object(own), Value::Object(came)) => own.iter().all(|(key, own)| {
            match (came.get(key), own.as_str()) {
                // Some members travel in headers.
                (None, _) => true,
                (Some(Value::String(came)), Some(own)) if &**key == "FunctionName" => {
                    names(own, came)
                }
                (Some(came), _) => alike(own, came, request),
            }
        }),
        (Value::Array(own), Value::Array(came)) => {
            own.len() == came.len()
                && own.iter().zip(came.iter()).all(|(own, came)| alike(own, came, request))
        }
        (Value::String(own), Value::String(came)) => {
            own == came
                || request
                    .task_token
                    .as_deref()
                    .and_then(|token| own.split_once(token))
                    .is_some_and(|(before, after)| {
                        came.starts_with(before) && came.ends_with(after)
                    })
        }
        (own, Value::String(text)) => {
            Value::parse(text).is_ok_and(|came| alike(own, &came, request))
        }
        (own, came) => own == came,
    }
}

/// Whether a function's ARN or name means the function that was called.
fn names(own: &str, called: &str) -> bool {
    let name = own.rsplit_once(":function:").map_or(own, |(_, rest)| rest);
    let called = called.rsplit_once(":function:").map_or(called, |(_, rest)| rest);
    name.split(':').next() == called.split(':').next()
}

/// The token in the arguments of a call: what stands where our own run has its token.
fn token_at(own: &Value, came: &Value, token: &str) -> Option<String> {
    match (own, came) {
        (own @ (Value::Object(_) | Value::Array(_)), Value::String(text)) => {
            token_at(own, &Value::parse(text).ok()?, token)
        }
        (Value::Object(own), Value::Object(came)) => {
            own.iter().find_map(|(key, own)| token_at(own, came.get(key)?, token))
        }
        (Value::Array(own), Value::Array(came)) => {
            own.iter().zip(came.iter()).find_map(|(own, came)| token_at(own, came, token))
        }
        (Value::String(own), Value::String(came)) => {
            let (before, after) = own.split_once(token)?;
            let rest = came.strip_prefix(before)?;
            Some(rest.strip_suffix(after)?.to_owned())
        }
        _ => None,
    }
}

/// What names the job that a call began.
fn job_id(service: &str, answer: &Value, arguments: &Value) -> Value {
    let of = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    match service {
        "batch" => of(answer, "JobId"),
        "ecs" => {
            let tasks = answer.get("Tasks").and_then(Value::as_array);
            tasks
                .and_then(|tasks| tasks.first())
                .map(|task| of(task, "TaskArn"))
                .unwrap_or_default()
        }
        "glue" => of(answer, "JobRunId"),
        "sagemaker" => {
            let name = ["TrainingJobName", "TransformJobName"];
            name.iter().find_map(|name| arguments.get(name)).cloned().unwrap_or_default()
        }
        _ => of(answer, "ExecutionArn"),
    }
}

/// What names the job that a call asks for, where it asks for one.
fn asked_id(call: &Call) -> Option<Value> {
    let first = |key: &str| call.arguments.get(key).and_then(Value::as_array)?.first().cloned();
    let own = |key: &str| call.arguments.get(key).cloned();
    match (call.service, &*call.operation) {
        ("batch", "DescribeJobs") => first("Jobs"),
        ("ecs", "DescribeTasks") => first("Tasks"),
        ("glue", "GetJobRun") => own("RunId"),
        ("sagemaker", "DescribeTrainingJob") => own("TrainingJobName"),
        ("sagemaker", "DescribeTransformJob") => own("TransformJobName"),
        ("step-functions", "DescribeExecution") => own("ExecutionArn"),
        _ => None,
    }
}

/// A job that has not ended.
fn running(operation: &str, id: &Value) -> Value {
    let (name, state, word) = match operation {
        "DescribeJobs" => ("JobId", "Status", "RUNNING"),
        "DescribeTasks" => ("TaskArn", "LastStatus", "RUNNING"),
        "GetJobRun" => ("Id", "JobRunState", "RUNNING"),
        "DescribeTrainingJob" => ("TrainingJobName", "TrainingJobStatus", "InProgress"),
        "DescribeTransformJob" => ("TransformJobName", "TransformJobStatus", "InProgress"),
        _ => ("ExecutionArn", "Status", "RUNNING"),
    };
    Value::object([(name, id.clone()), (state, Value::from(word))])
}

/// What the operation answers about a job.
fn enveloped(operation: &str, job: Value) -> Value {
    match operation {
        "DescribeJobs" => Value::object([("Jobs", Value::array([job]))]),
        "DescribeTasks" => Value::object([("Tasks", Value::array([job]))]),
        "GetJobRun" => Value::object([("JobRun", job)]),
        _ => job,
    }
}

/// A job that has ended, as its service describes it.
fn ended(job: &Job) -> Value {
    let (state, good, bad) = match job.service {
        "batch" => ("Status", "SUCCEEDED", "FAILED"),
        "ecs" => ("LastStatus", "STOPPED", "STOPPED"),
        "glue" => ("JobRunState", "SUCCEEDED", "FAILED"),
        "sagemaker" if job.resource.text().contains("Transform") => {
            ("TransformJobStatus", "Completed", "Failed")
        }
        "sagemaker" => ("TrainingJobStatus", "Completed", "Failed"),
        _ => ("Status", "SUCCEEDED", "FAILED"),
    };
    let (described, word) = match &job.end {
        End::Succeed(result) => (result.clone(), good),
        End::Fail(_, failure) => {
            let cause = failure.cause.as_deref().unwrap_or_default();
            let described = Value::parse(cause).ok().filter(|own| own.as_object().is_some());
            let told = || {
                let exit = Value::array([Value::object([("ExitCode", Value::from(1))])]);
                match job.service {
                    "ecs" => Value::object([("Containers", exit), ("StoppedReason", cause.into())]),
                    _ => Value::object([("StatusReason", Value::from(cause))]),
                }
            };
            (described.unwrap_or_else(told), bad)
        }
        End::Never => (Value::object::<&str>([]), good),
    };
    match described {
        // Without its state nobody would see that it has ended.
        Value::Object(members) if members.get(state).is_none() => {
            Value::Object(members.with(state, Value::from(word)))
        }
        described => described,
    }
}
