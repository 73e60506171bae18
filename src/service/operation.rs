//! What the API can be asked for, and its answers.

use std::sync::Arc;

use super::activity::{ActivityTask, PollId};
use super::execution::{ExecutionId, Parent, execution_arn, starting};
use super::machine::{NewStateMachine, StateMachineUpdate, is_valid_name};
use super::settings::{EncryptionConfiguration, Settings};
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

/// What an execution is started with.
#[derive(Clone, Debug)]
pub(crate) struct NewExecution {
    /// Which machine, version or alias.
    pub(crate) state_machine_arn: Arc<str>,
    /// Its name; a UUID where there is none.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) input: Value,
    pub(crate) trace_header: Option<Arc<str>>,
    /// StartSyncExecution: for Express machines only.
    pub(crate) synchronous: bool,
    /// `includedData` of StartSyncExecution.
    pub(crate) metadata_only: bool,
    pub(crate) parent: Option<Parent>,
}

impl NewExecution {
    pub(crate) fn new(state_machine_arn: Arc<str>, input: Value) -> Self {
        Self {
            state_machine_arn,
            name: None,
            input,
            trace_header: None,
            synchronous: false,
            metadata_only: false,
            parent: None,
        }
    }
}

pub(super) fn handle(
    service: &mut Service,
    now: Timestamp,
    operation: Operation,
) -> Result<Response, ApiError> {
    match operation {
        Operation::CreateStateMachine { name, machine, execution_type, role_arn } => {
            let (settings, publish, tags) = (Settings::default(), None, Vec::new());
            let new = NewStateMachine {
                name,
                machine,
                execution_type,
                role_arn,
                settings,
                publish,
                tags,
            };
            let created = service.create_state_machine(now, new)?;
            Ok(Response::Created(created.arn.clone()))
        }
        Operation::UpdateStateMachine { state_machine_arn, machine, role_arn } => {
            let update = StateMachineUpdate { machine, role_arn, ..Default::default() };
            let updated = service.update_state_machine(now, &state_machine_arn, update)?;
            Ok(Response::Updated { revision_id: updated.revision_id.clone() })
        }
        Operation::PublishStateMachineVersion { state_machine_arn, revision_id, description } => {
            let revision_id = revision_id.as_deref();
            let version =
                service.publish_version(now, &state_machine_arn, revision_id, description)?;
            let (version_arn, creation_date) = (version.arn.clone(), version.creation_date);
            Ok(Response::Published { version_arn, creation_date })
        }
        Operation::DeleteStateMachineVersion { version_arn } => {
            service.delete_version(&version_arn).map(|()| Response::Empty)
        }
        Operation::CreateStateMachineAlias { name, description, routing } => {
            let alias = service.create_alias(now, name, description, routing)?;
            let (alias_arn, creation_date) = (alias.arn.clone(), alias.creation_date);
            Ok(Response::AliasCreated { alias_arn, creation_date })
        }
        Operation::UpdateStateMachineAlias { alias_arn, description, routing } => {
            service.update_alias(now, &alias_arn, description, routing)?;
            Ok(Response::AliasUpdated(now))
        }
        Operation::DeleteStateMachineAlias { alias_arn } => {
            service.delete_alias(&alias_arn).map(|()| Response::Empty)
        }
        Operation::StartExecution { state_machine_arn, name, input } => {
            let new = NewExecution { name, ..NewExecution::new(state_machine_arn, input) };
            service.start_execution(now, new).map(Response::Started)
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
        Operation::CreateActivity { name } => {
            let encryption = EncryptionConfiguration::default();
            let activity = service.create_activity(now, &name, encryption, Vec::new())?;
            Ok(Response::Created(activity.arn.clone()))
        }
        Operation::GetActivityTask { activity_arn, worker_name } => {
            service.activity_task(now, &activity_arn, worker_name)
        }
    }
}

impl Service {
    /// Starts an execution. A Standard one with the name and input of a running one is that one;
    /// names are not given twice otherwise (API reference, StartExecution).
    pub(crate) fn start_execution(
        &mut self,
        now: Timestamp,
        new: NewExecution,
    ) -> Result<ExecutionId, ApiError> {
        let (machine, through) = self.route(now, &new.state_machine_arn)?;
        if new.synchronous && machine.execution_type == ExecutionType::Standard {
            return Err(ApiError::type_not_supported());
        }
        self.surroundings.check_key(&machine.settings.encryption)?;
        let Through { version_arn, alias_arn } = through;
        let state_machine_arn =
            if version_arn.is_some() { &machine.arn } else { &new.state_machine_arn };
        if let Some(name) = &new.name
            && !is_valid_name(name, self.account.limits.name_chars)
        {
            return Err(ApiError::invalid_name(name));
        }
        if !self.account.limits.payload_fits(&new.input) {
            return Err(ApiError::invalid_input("Input too long."));
        }
        let name = new.name.unwrap_or_else(|| self.entropy.next_uuid().into());
        let arn =
            execution_arn(state_machine_arn, machine.execution_type, &name, &mut self.entropy);
        if let Some(existing) = self.by_arn.get(&arn) {
            let record = &self.records[*existing];
            let running = record.execution.status() == ExecutionStatus::Running;
            return if running && record.execution.start_parameters().input == new.input {
                Ok(*existing)
            } else {
                Err(ApiError::execution_already_exists(&arn))
            };
        }
        if machine.execution_type == ExecutionType::Standard
            && self.records.len() - self.over >= self.account.limits.open_executions
        {
            let message = "Execution Limit Exceeded: 'too many executions are running'";
            return Err(ApiError::new("ExecutionLimitExceeded", message.to_owned()));
        }
        let id = self.records.next_id();
        if let Some(parent) = new.parent.filter(|parent| parent.form.awaits()) {
            self.awaited.insert((parent.execution, parent.task), id);
        }
        let start = starting(self, id, &machine, state_machine_arn, &arn, &name, new.input);
        let mut listed_under = vec![start.state_machine_arn.clone()];
        listed_under.extend(version_arn.iter().chain(&alias_arn).cloned());
        let start = Start {
            state_machine_version_arn: version_arn,
            state_machine_alias_arn: alias_arn,
            synchronous: new.synchronous,
            ..start
        };
        let execution = Execution::start(now, machine.machine.clone(), start);
        let mut record = Record::new(id, arn, name, machine, execution, new.parent);
        record.trace_header = new.trace_header;
        record.metadata_only = new.metadata_only;
        record.listed_under = listed_under.into();
        Ok(self.insert(record))
    }

    fn stop_execution(
        &mut self,
        now: Timestamp,
        arn: &str,
        failure: Failure,
    ) -> Result<Response, ApiError> {
        let id = self.standard_execution(arn)?;
        let record = &self.records[id];
        self.surroundings.check_key(&record.machine.settings.encryption)?;
        if let Some(ended) = record.execution.ended_at() {
            return Ok(Response::Stopped(ended));
        }
        // It is running, so it cannot refuse.
        let _ = self.tell(now, id, Input::Stop { failure });
        Ok(Response::Stopped(now))
    }

    /// A Standard execution, to be stopped or redriven. The service model of neither operation lists
    /// StateMachineTypeNotSupported.
    pub(super) fn standard_execution(&self, arn: &str) -> Result<ExecutionId, ApiError> {
        let Some(id) = self.find_execution(arn) else {
            return Err(ApiError::execution_does_not_exist(arn));
        };
        match self.records[id].machine.execution_type {
            ExecutionType::Standard => Ok(id),
            ExecutionType::Express => Err(ApiError::express_arn()),
        }
    }
}
