//! A task's life.
//!
//! | phase | told | becomes | event |
//! |---|---|---|---|
//! | scheduled | started | started | `…Started` |
//! | scheduled, started | submitted | started | `TaskSubmitted` |
//! | scheduled, started | succeeded | settled | `…Succeeded`, or `…Failed` if too large |
//! | scheduled, started | failed | settled | `…Failed`, `…TimedOut`, or an earlier stage's |
//! | scheduled, started | heartbeat | the same | |
//! | scheduled, started | out of time | settled | `…TimedOut` |

use std::sync::Arc;

use super::branch::{BranchId, Phase, Task};
use super::causes;
use super::dataflow::Fault;
use super::execution::Execution;
use super::io::{FailureStage, Output, Rejected, TaskId, TaskRequest};
use super::states::Step;
use super::timer::Timer;
use crate::asl::{Pattern, Resource, State, StateKind, TaskState, Template};
use crate::history::{
    ActivityScheduled, EventDetails, EventType, Failure, LambdaFunctionScheduled, Payload,
    TaskCredentials, TaskScheduled,
};
use crate::value::Value;

/// The role of Credentials, which must be a string. Inferred from other fields of strings.
fn check_role(template: &Template, credentials: &Value) -> Result<(), Fault> {
    let role = credentials.get("RoleArn").unwrap_or(&Value::Null);
    if role.as_str().is_some() {
        return Ok(());
    }
    let Template::Jsonata(template) = template else {
        return Err(Fault::Runtime(causes::not_a_role(role)));
    };
    let expressions = template.expressions();
    let of_role = expressions.iter().find(|placed| &*placed.location == "/RoleArn");
    let text = of_role.or(expressions.first()).map_or("", |placed| placed.expression.text());
    Err(match credentials {
        Value::Object(_) => causes::unexpected_result(text, "Credentials/RoleArn", "string", role),
        _ => causes::unexpected_result(text, "Credentials", "object", credentials),
    })
}

impl Execution {
    /// Schedules the task of a Task state.
    pub(super) fn call(
        &mut self,
        id: BranchId,
        state: &State,
        task: &TaskState,
    ) -> Result<Step, Fault> {
        self.branches[id as usize].heartbeat_missed = false;
        if needs_token(&task.resource) {
            let token = self.new_task_token();
            self.branches[id as usize].task_token = Some(token);
        }
        let timeout_seconds = self.task_seconds(id, state, "TimeoutSeconds", task)?;
        let heartbeat_seconds = self.task_seconds(id, state, "HeartbeatSeconds", task)?;
        let arguments = self.arguments(id, state)?;
        let credentials = match &task.credentials {
            Some(template) => {
                let credentials = self.template(id, state, template, "Credentials")?;
                check_role(template, &credentials)?;
                Some(credentials)
            }
            None => None,
        };
        self.check_size(&subject(&task.resource), &arguments).map_err(Fault::Failure)?;
        let asked = Asked {
            arguments: arguments.clone(),
            region: &self.start.region,
            timeout_seconds,
            heartbeat_seconds,
            credentials: credentials.as_ref(),
        };
        let (event_type, details) = scheduled_event(&task.resource, asked);
        self.emit_on(id, event_type, details);
        let heartbeat_deadline = self.now.plus_seconds(heartbeat_seconds.unwrap_or(0));
        let branch = &mut self.branches[id as usize];
        let task_id = branch.last_event;
        branch.set_phase(Phase::Task(Task {
            id: task_id,
            started: false,
            timeout_seconds,
            heartbeat_seconds,
            heartbeat_deadline,
        }));
        let request = TaskRequest {
            task: task_id,
            place: branch.place.clone(),
            state: state.name.clone(),
            resource: task.resource.clone(),
            arguments,
            credentials,
            task_token: branch.task_token.clone(),
            retry_count: branch.retry_count,
            attempt: branch.earlier_attempts + branch.retry_count,
            timeout_seconds,
            heartbeat_seconds,
        };
        if !matches!(task.resource, Resource::Activity { .. }) {
            self.set_task_timers(id);
        }
        self.tasks.insert(task_id, id);
        self.outbox.push_back(Output::Task(Box::new(request)));
        Ok(Step::Blocked)
    }

    /// A token that nobody guesses: unique within the account by the execution's ARN.
    fn new_task_token(&mut self) -> Arc<str> {
        let uuid = self.entropy.next_uuid();
        Arc::from(format!("{}.{uuid}", self.start.name))
    }

    fn set_task_timers(&mut self, id: BranchId) {
        let now = self.now;
        let branch = &mut self.branches[id as usize];
        let generation = branch.generation;
        let Phase::Task(task) = &mut branch.phase else { return };
        if let Some(seconds) = task.timeout_seconds {
            self.timers.set(now.plus_seconds(seconds), Timer::TaskTimesOut(id), generation);
        }
        if let Some(seconds) = task.heartbeat_seconds {
            task.heartbeat_deadline = now.plus_seconds(seconds);
            self.timers.set(task.heartbeat_deadline, Timer::HeartbeatMissed(id), generation);
        }
    }

    fn find_task(&self, task: TaskId) -> Result<BranchId, Rejected> {
        self.tasks.get(&task).copied().ok_or(Rejected::TaskDoesNotExist)
    }

    fn resource(&self, id: BranchId) -> Resource {
        match &self.branches[id as usize].state().kind {
            StateKind::Task(task) => task.resource.clone(),
            _ => unreachable!("only Task states have tasks"),
        }
    }

    pub(super) fn task_started(
        &mut self,
        task: TaskId,
        worker_name: Option<Arc<str>>,
    ) -> Result<(), Rejected> {
        let id = self.find_task(task)?;
        self.start_task(id, worker_name);
        Ok(())
    }

    /// Marks the task as started, unless it is already: no outcome comes before its start.
    fn start_task(&mut self, id: BranchId, worker_name: Option<Arc<str>>) {
        let Phase::Task(task) = &mut self.branches[id as usize].phase else { return };
        if std::mem::replace(&mut task.started, true) {
            return;
        }
        let resource = self.resource(id);
        let (event_type, details) = match &resource {
            Resource::Activity { .. } => {
                (EventType::ActivityStarted, EventDetails::ActivityStarted { worker_name })
            }
            Resource::LambdaFunction { .. } | Resource::Placeholder(_) => {
                (EventType::LambdaFunctionStarted, EventDetails::None)
            }
            Resource::Service { .. } => {
                let (resource_type, resource) = service_names(&resource);
                (EventType::TaskStarted, EventDetails::TaskStarted { resource_type, resource })
            }
        };
        self.emit_on(id, event_type, details);
        if matches!(resource, Resource::Activity { .. }) {
            // An activity's clocks run from the moment a worker has it (measured on AWS).
            self.set_task_timers(id);
        }
    }

    pub(super) fn task_submitted(&mut self, task: TaskId, output: Value) -> Result<(), Rejected> {
        let id = self.find_task(task)?;
        self.start_task(id, None);
        let (resource_type, resource) = service_names(&self.resource(id));
        let output = Some(Payload::Value(output));
        let details = EventDetails::TaskOutput { resource_type, resource, output };
        self.emit_on(id, EventType::TaskSubmitted, details);
        Ok(())
    }

    pub(super) fn task_succeeded(&mut self, task: TaskId, output: Value) -> Result<(), Rejected> {
        let id = self.find_task(task)?;
        let resource = self.resource(id);
        if let Err(failure) = self.check_size(&subject(&resource), &output) {
            return self.task_failed(task, FailureStage::Run, failure);
        }
        self.start_task(id, None);
        let payload = Payload::Value(output.clone());
        let (event_type, details) = match &resource {
            Resource::Activity { .. } => {
                (EventType::ActivitySucceeded, EventDetails::Output { output: payload })
            }
            Resource::LambdaFunction { .. } | Resource::Placeholder(_) => {
                (EventType::LambdaFunctionSucceeded, EventDetails::Output { output: payload })
            }
            Resource::Service { .. } => {
                let (resource_type, resource) = service_names(&resource);
                let output = Some(payload);
                let details = EventDetails::TaskOutput { resource_type, resource, output };
                (EventType::TaskSucceeded, details)
            }
        };
        self.emit_on(id, event_type, details);
        self.task_over(id, task, Ok(output));
        Ok(())
    }

    pub(super) fn task_failed(
        &mut self,
        task: TaskId,
        stage: FailureStage,
        failure: Failure,
    ) -> Result<(), Rejected> {
        let id = self.find_task(task)?;
        if matches!(stage, FailureStage::Submit | FailureStage::Run | FailureStage::TimedOut) {
            self.start_task(id, None);
        }
        let resource = self.resource(id);
        let details = match &resource {
            Resource::Service { .. } => {
                let (resource_type, resource) = service_names(&resource);
                let failure = Box::new(failure.clone());
                EventDetails::TaskFailure { resource_type, resource, failure }
            }
            _ => EventDetails::Failure(failure.clone()),
        };
        self.emit_on(id, failed_event(&resource, stage), details);
        self.task_over(id, task, Err(failure));
        Ok(())
    }

    pub(super) fn task_heartbeat(&mut self, task: TaskId) -> Result<(), Rejected> {
        let id = self.find_task(task)?;
        let now = self.now;
        if let Phase::Task(task) = &mut self.branches[id as usize].phase
            && let Some(seconds) = task.heartbeat_seconds
        {
            task.heartbeat_deadline = now.plus_seconds(seconds);
        }
        Ok(())
    }

    pub(super) fn heartbeat_due(&mut self, id: BranchId) {
        let branch = &self.branches[id as usize];
        let Phase::Task(task) = &branch.phase else { return };
        if task.heartbeat_deadline > self.now {
            let at = task.heartbeat_deadline;
            self.timers.set(at, Timer::HeartbeatMissed(id), branch.generation);
            return;
        }
        self.branches[id as usize].heartbeat_missed = true;
        self.task_timed_out(id);
    }

    /// The task's own time-out or heartbeat has passed: both are reported as `States.Timeout`
    /// (`heartbeats.heartbeat_path_timeout`).
    pub(super) fn task_timed_out(&mut self, id: BranchId) {
        let Phase::Task(task) = &self.branches[id as usize].phase else { return };
        let task = task.id;
        let known = self.task_failed(task, FailureStage::TimedOut, causes::timeout());
        debug_assert!(known.is_ok(), "a branch in its Task phase has a task");
        self.outbox.push_back(Output::CancelTask(task));
    }

    fn task_over(&mut self, id: BranchId, task: TaskId, result: Result<Value, Failure>) {
        self.tasks.remove(&task);
        self.branches[id as usize].set_phase(Phase::Settle(result));
        self.wake(id);
    }
}

fn needs_token(resource: &Resource) -> bool {
    matches!(resource, Resource::Activity { .. }) || resource.pattern() == Pattern::WaitForTaskToken
}

/// `resourceType` and `resource` of an integration's events.
pub(crate) fn service_names(resource: &Resource) -> (Arc<str>, Arc<str>) {
    match resource {
        Resource::Service { service, action, pattern, .. } => match pattern {
            Pattern::RequestResponse => (service.clone(), action.clone()),
            _ => (service.clone(), Arc::from(format!("{action}{}", pattern.suffix()))),
        },
        other => (Arc::from(""), other.text().clone()),
    }
}

/// How a resource is called in the cause of `States.DataLimitExceeded`.
fn subject(resource: &Resource) -> Arc<str> {
    match resource {
        Resource::Service { service, .. } => service.clone(),
        other => other.text().clone(),
    }
}

/// The event of a task that failed at this stage.
pub(crate) fn failed_event(resource: &Resource, stage: FailureStage) -> EventType {
    use FailureStage::{Run, Schedule, Start, Submit, TimedOut};
    match (resource, stage) {
        (Resource::Activity { .. }, Schedule | Start | Submit) => EventType::ActivityScheduleFailed,
        (Resource::Activity { .. }, Run) => EventType::ActivityFailed,
        (Resource::Activity { .. }, TimedOut) => EventType::ActivityTimedOut,
        (Resource::LambdaFunction { .. } | Resource::Placeholder(_), stage) => match stage {
            Schedule => EventType::LambdaFunctionScheduleFailed,
            Start | Submit => EventType::LambdaFunctionStartFailed,
            Run => EventType::LambdaFunctionFailed,
            TimedOut => EventType::LambdaFunctionTimedOut,
        },
        (Resource::Service { .. }, Schedule | Start) => EventType::TaskStartFailed,
        (Resource::Service { .. }, Submit) => EventType::TaskSubmitFailed,
        (Resource::Service { .. }, Run) => EventType::TaskFailed,
        (Resource::Service { .. }, TimedOut) => EventType::TaskTimedOut,
    }
}

/// What a task's first event says beside its resource.
pub(crate) struct Asked<'a> {
    pub(crate) arguments: Value,
    pub(crate) region: &'a Arc<str>,
    pub(crate) timeout_seconds: Option<i64>,
    pub(crate) heartbeat_seconds: Option<i64>,
    pub(crate) credentials: Option<&'a Value>,
}

/// The event of a task that is scheduled.
pub(crate) fn scheduled_event(resource: &Resource, asked: Asked<'_>) -> (EventType, EventDetails) {
    let task_credentials = asked.credentials.map(|credentials| TaskCredentials {
        role_arn: credentials.get("RoleArn").and_then(Value::as_str).map(Into::into),
    });
    let input = Payload::Value(asked.arguments);
    let timeout_in_seconds = asked.timeout_seconds;
    let heartbeat_in_seconds = asked.heartbeat_seconds;
    match resource {
        Resource::Activity { arn } => (
            EventType::ActivityScheduled,
            EventDetails::ActivityScheduled(Box::new(ActivityScheduled {
                resource: arn.clone(),
                input,
                timeout_in_seconds,
                heartbeat_in_seconds,
            })),
        ),
        Resource::LambdaFunction { arn } | Resource::Placeholder(arn) => (
            EventType::LambdaFunctionScheduled,
            EventDetails::LambdaFunctionScheduled(Box::new(LambdaFunctionScheduled {
                resource: arn.clone(),
                input,
                timeout_in_seconds,
                task_credentials,
            })),
        ),
        Resource::Service { .. } => {
            let (resource_type, resource) = service_names(resource);
            let scheduled = TaskScheduled {
                resource_type,
                resource,
                region: asked.region.clone(),
                parameters: input,
                timeout_in_seconds,
                heartbeat_in_seconds,
                task_credentials,
            };
            (EventType::TaskScheduled, EventDetails::TaskScheduled(Box::new(scheduled)))
        }
    }
}
