//! What the API can be asked for, and its answers.

use std::sync::Arc;

use super::callback::{ActivityTask, PollId};
use super::execution::{ExecutionId, Parent, StateMachineRecord, execution_arn, starting};
use super::version::{Route, Through};
use super::{ApiError, Record, Service};
use crate::asl::{ExecutionType, StateMachine};
use crate::engine::{Execution, ExecutionStatus, FailureStage, Input, Start};
use crate::history::Failure;
use crate::map_run::MapRunUpdate;
use crate::time::Timestamp;
use crate::value::Value;

/// A request of the API. Texts that hold JSON come parsed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// CreateStateMachine
    CreateStateMachine {
        /// Its name.
        name: Arc<str>,
        /// The parsed definition.
        machine: Arc<StateMachine>,
        /// `type`
        execution_type: ExecutionType,
        /// `roleArn`
        role_arn: Arc<str>,
    },
    /// UpdateStateMachine
    UpdateStateMachine {
        /// Which machine.
        state_machine_arn: Arc<str>,
        /// The new definition, parsed.
        machine: Option<Arc<StateMachine>>,
        /// The new role.
        role_arn: Option<Arc<str>>,
    },
    /// PublishStateMachineVersion; also the `publish` of Create- and UpdateStateMachine, after
    /// them.
    PublishStateMachineVersion {
        /// Which machine.
        state_machine_arn: Arc<str>,
        /// The revision that must be the current one.
        revision_id: Option<Arc<str>>,
        /// The version's description.
        description: Option<Arc<str>>,
    },
    /// DeleteStateMachineVersion
    DeleteStateMachineVersion {
        /// Which version.
        version_arn: Arc<str>,
    },
    /// CreateStateMachineAlias
    CreateStateMachineAlias {
        /// Its name.
        name: Arc<str>,
        /// Its description.
        description: Option<Arc<str>>,
        /// Its versions, one or two.
        routing: Vec<Route>,
    },
    /// UpdateStateMachineAlias
    UpdateStateMachineAlias {
        /// Which alias.
        alias_arn: Arc<str>,
        /// The new description.
        description: Option<Arc<str>>,
        /// The new versions.
        routing: Option<Vec<Route>>,
    },
    /// DeleteStateMachineAlias
    DeleteStateMachineAlias {
        /// Which alias.
        alias_arn: Arc<str>,
    },
    /// StartExecution; also StartSyncExecution, whose answer is the execution's end.
    StartExecution {
        /// Which machine, version or alias.
        state_machine_arn: Arc<str>,
        /// The execution's name; a UUID where there is none.
        name: Option<Arc<str>>,
        /// The input.
        input: Value,
    },
    /// StopExecution
    StopExecution {
        /// Which execution.
        execution_arn: Arc<str>,
        /// Error and cause, both optional.
        failure: Failure,
    },
    /// SendTaskSuccess
    SendTaskSuccess {
        /// Of the task.
        task_token: Arc<str>,
        /// Its result.
        output: Value,
    },
    /// SendTaskFailure
    SendTaskFailure {
        /// Of the task.
        task_token: Arc<str>,
        /// Error and cause, both optional.
        failure: Failure,
    },
    /// SendTaskHeartbeat
    SendTaskHeartbeat {
        /// Of the task.
        task_token: Arc<str>,
    },
    /// RedriveExecution
    RedriveExecution {
        /// Which execution.
        execution_arn: Arc<str>,
        /// The same token within 15 minutes is the same redrive.
        client_token: Option<Arc<str>>,
    },
    /// UpdateMapRun
    UpdateMapRun {
        /// Which Map Run.
        map_run_arn: Arc<str>,
        /// The settings to change.
        update: MapRunUpdate,
    },
    /// CreateActivity
    CreateActivity {
        /// Its name.
        name: Arc<str>,
    },
    /// GetActivityTask
    GetActivityTask {
        /// Which activity.
        activity_arn: Arc<str>,
        /// What ActivityStarted calls the worker.
        worker_name: Option<Arc<str>>,
    },
}

/// An answer of the API.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Response {
    /// The ARN of what was created.
    Created(Arc<str>),
    /// The machine was updated: its revision, where it was ever changed.
    Updated {
        /// `revisionId`
        revision_id: Option<Arc<str>>,
    },
    /// The version that was published, or that was before.
    Published {
        /// Its ARN.
        version_arn: Arc<str>,
        /// When it was published.
        creation_date: Timestamp,
    },
    /// The alias that was created, or the same one from before.
    AliasCreated {
        /// Its ARN.
        alias_arn: Arc<str>,
        /// When it was created.
        creation_date: Timestamp,
    },
    /// When the alias was updated.
    AliasUpdated(Timestamp),
    /// The execution that was started, or the one of the same name and input that was running.
    Started(ExecutionId),
    /// When the execution stopped.
    Stopped(Timestamp),
    /// When the execution was redriven.
    Redriven(Timestamp),
    /// A task of the activity.
    ActivityTask(Box<ActivityTask>),
    /// No task yet: [`super::Output::ActivityTask`] answers this poll within a minute.
    Polling(PollId),
    /// Nothing to say.
    Empty,
}

pub(super) fn handle(
    service: &mut Service,
    now: Timestamp,
    operation: Operation,
) -> Result<Response, ApiError> {
    match operation {
        Operation::CreateStateMachine { name, machine, execution_type, role_arn } => {
            service.create_state_machine(name, machine, execution_type, role_arn)
        }
        Operation::UpdateStateMachine { state_machine_arn, machine, role_arn } => {
            service.update_state_machine(&state_machine_arn, machine, role_arn)
        }
        Operation::PublishStateMachineVersion { state_machine_arn, revision_id, description } => {
            service.publish_version(now, &state_machine_arn, revision_id.as_deref(), description)
        }
        Operation::DeleteStateMachineVersion { version_arn } => {
            service.delete_version(&version_arn)
        }
        Operation::CreateStateMachineAlias { name, description, routing } => {
            service.create_alias(now, name, description, routing)
        }
        Operation::UpdateStateMachineAlias { alias_arn, description, routing } => {
            service.update_alias(now, &alias_arn, description, routing)
        }
        Operation::DeleteStateMachineAlias { alias_arn } => service.delete_alias(&alias_arn),
        Operation::StartExecution { state_machine_arn, name, input } => {
            service.start_execution(now, &state_machine_arn, name, input, None)
        }
        Operation::StopExecution { execution_arn, failure } => {
            service.stop_execution(now, &execution_arn, failure)
        }
        Operation::SendTaskSuccess { task_token, output } => {
            service.send_task(now, &task_token, |task| Input::TaskSucceeded { task, output })
        }
        Operation::SendTaskFailure { task_token, failure } => {
            let stage = FailureStage::Run;
            service.send_task(now, &task_token, |task| Input::TaskFailed { task, stage, failure })
        }
        Operation::SendTaskHeartbeat { task_token } => {
            service.send_task(now, &task_token, |task| Input::TaskHeartbeat { task })
        }
        Operation::RedriveExecution { execution_arn, client_token } => {
            service.redrive_execution(now, &execution_arn, client_token)
        }
        Operation::UpdateMapRun { map_run_arn, update } => {
            service.update_map_run(now, &map_run_arn, update)
        }
        Operation::CreateActivity { name } => service.create_activity(&name),
        Operation::GetActivityTask { activity_arn, worker_name } => {
            service.activity_task(now, &activity_arn, worker_name)
        }
    }
}

impl Service {
    fn create_state_machine(
        &mut self,
        name: Arc<str>,
        machine: Arc<StateMachine>,
        execution_type: ExecutionType,
        role_arn: Arc<str>,
    ) -> Result<Response, ApiError> {
        if !is_valid_name(&name, self.account.limits.name_chars) {
            return Err(ApiError::invalid_name(&name));
        }
        let arn: Arc<str> = format!(
            "arn:aws:states:{}:{}:stateMachine:{name}",
            self.account.region, self.account.account_id
        )
        .into();
        if self.machines.contains_key(&arn) {
            return Err(ApiError::state_machine_already_exists(&arn));
        }
        let record = StateMachineRecord {
            arn: arn.clone(),
            name,
            role_arn,
            execution_type,
            machine,
            revision_id: None,
        };
        self.machines.insert(arn.clone(), Arc::new(record));
        Ok(Response::Created(arn))
    }

    /// Starts an execution. A Standard one with the name and input of a running one is that one;
    /// names are not given twice otherwise (API reference, StartExecution).
    pub(super) fn start_execution(
        &mut self,
        now: Timestamp,
        state_machine_arn: &Arc<str>,
        name: Option<Arc<str>>,
        input: Value,
        parent: Option<Parent>,
    ) -> Result<Response, ApiError> {
        let Some((machine, Through { version_arn, alias_arn })) = self.route(state_machine_arn)
        else {
            return Err(ApiError::state_machine_does_not_exist(state_machine_arn));
        };
        let state_machine_arn =
            if version_arn.is_some() { &machine.arn } else { state_machine_arn };
        if let Some(name) = &name
            && !is_valid_name(name, self.account.limits.name_chars)
        {
            return Err(ApiError::invalid_name(name));
        }
        if !self.account.limits.payload_fits(&input) {
            return Err(ApiError::invalid_input("Input too long."));
        }
        let name = name.unwrap_or_else(|| self.entropy.next_uuid().into());
        let arn =
            execution_arn(state_machine_arn, machine.execution_type, &name, &mut self.entropy);
        if let Some(existing) = self.by_arn.get(&arn) {
            let record = &self.records[existing.0 as usize];
            let running = record.execution.status() == ExecutionStatus::Running;
            return if running && record.execution.start_parameters().input == input {
                Ok(Response::Started(*existing))
            } else {
                Err(ApiError::execution_already_exists(&arn))
            };
        }
        let id = ExecutionId(self.records.len() as u32);
        if let Some(parent) = parent.filter(|parent| parent.form.awaits()) {
            self.awaited.insert((parent.execution, parent.task), id);
        }
        let start = starting(self, id, &machine, state_machine_arn, &arn, &name, input);
        let start = Start {
            state_machine_version_arn: version_arn,
            state_machine_alias_arn: alias_arn,
            ..start
        };
        let execution = Execution::start(now, machine.machine.clone(), start);
        self.records.push(Record::new(arn.clone(), name, machine, execution, parent));
        self.by_arn.insert(arn, id);
        self.announce(id);
        self.wake(id);
        Ok(Response::Started(id))
    }

    fn stop_execution(
        &mut self,
        now: Timestamp,
        arn: &str,
        failure: Failure,
    ) -> Result<Response, ApiError> {
        let Some(id) = self.find_execution(arn) else {
            return Err(ApiError::execution_does_not_exist(arn));
        };
        let record = &self.records[id.0 as usize];
        if record.machine.execution_type == ExecutionType::Express {
            return Err(ApiError::type_not_supported());
        }
        if let Some(ended) = record.execution.ended_at() {
            return Ok(Response::Stopped(ended));
        }
        // It is running, so it cannot refuse.
        let _ = self.tell(now, id, Input::Stop { failure });
        Ok(Response::Stopped(now))
    }
}

/// Whether the API takes this as a name of something new (API reference, CreateStateMachine).
fn is_valid_name(name: &str, most: usize) -> bool {
    !name.is_empty()
        && name.chars().count() <= most
        && !name.chars().any(|c| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '<' | '>' | '{' | '}' | '[' | ']' | '?' | '*' | '"' | '#' | '%')
                || matches!(c, '\\' | '^' | '|' | '~' | '`' | '$' | '&' | ',' | ';' | ':' | '/')
        })
}
