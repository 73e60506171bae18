//! State machines: creating, updating and deleting them.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::execution::StateMachineRecord;
use super::settings::{LoggingConfiguration, Settings};
use super::{Alias, ApiError, EncryptionConfiguration, Service, Version};
use crate::asl::{ExecutionType, StateMachine};
use crate::engine::ExecutionStatus;
use crate::time::Timestamp;

/// What CreateStateMachine is given.
#[derive(Clone, Debug)]
pub struct NewStateMachine {
    /// `name`
    pub name: Arc<str>,
    /// The parsed definition.
    pub machine: Arc<StateMachine>,
    /// `type`
    pub execution_type: ExecutionType,
    /// `roleArn`
    pub role_arn: Arc<str>,
    /// How it logs, traces and encrypts.
    pub settings: Settings,
    /// `publish`, with `versionDescription`.
    pub publish: Option<Option<Arc<str>>>,
    /// `tags`
    pub tags: Vec<(Arc<str>, Arc<str>)>,
}

/// What UpdateStateMachine is given.
#[derive(Clone, Debug, Default)]
pub struct StateMachineUpdate {
    /// The new definition, parsed.
    pub machine: Option<Arc<StateMachine>>,
    /// `roleArn`
    pub role_arn: Option<Arc<str>>,
    /// `loggingConfiguration`
    pub logging: Option<LoggingConfiguration>,
    /// `tracingConfiguration.enabled`
    pub tracing: Option<bool>,
    /// `encryptionConfiguration`
    pub encryption: Option<EncryptionConfiguration>,
    /// `publish`: what is updated becomes a version at once, or nothing is updated.
    pub publishes: bool,
}

/// A state machine of the account: its current revision, and what does not change with it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) current: Arc<StateMachineRecord>,
    /// What it was created with, which a second creation is compared with.
    pub(super) created_with: Option<Option<Arc<str>>>,
    /// DeleteStateMachine was called; it goes with its last execution.
    pub(super) deleting: bool,
    /// The revision before, which executions may still start with until then.
    pub(super) previous: Option<(Arc<StateMachineRecord>, Timestamp)>,
    /// By their numbers.
    pub(super) versions: BTreeMap<u64, Version>,
    /// The number of its latest version.
    pub(super) published: u64,
    /// By their names.
    pub(super) aliases: IndexMap<Arc<str>, Alias>,
}

impl Machine {
    pub(super) fn new(
        current: Arc<StateMachineRecord>,
        created_with: Option<Option<Arc<str>>>,
    ) -> Self {
        Self {
            current,
            created_with,
            deleting: false,
            previous: None,
            versions: BTreeMap::new(),
            published: 0,
            aliases: IndexMap::new(),
        }
    }
}

impl Service {
    /// The ARN of a state machine of this account.
    pub fn state_machine_arn(&self, name: &str) -> Arc<str> {
        let account = self.account();
        let (region, id) = (&account.region, &account.account_id);
        format!("arn:aws:states:{region}:{id}:stateMachine:{name}").into()
    }

    /// CreateStateMachine. The same request once more is the same machine; role and tags do not
    /// count (API reference).
    pub(crate) fn create_state_machine(
        &mut self,
        now: Timestamp,
        new: NewStateMachine,
    ) -> Result<Arc<StateMachineRecord>, ApiError> {
        if !is_valid_name(&new.name, self.account.limits.name_chars) {
            return Err(ApiError::invalid_name(&new.name));
        }
        let arn = self.state_machine_arn(&new.name);
        if let Some(known) = self.machines.get(&arn) {
            if known.deleting {
                return Err(ApiError::state_machine_deleting(&arn));
            }
            let current = &known.current;
            let same = current.machine.source == new.machine.source
                && current.execution_type == new.execution_type
                && current.settings == new.settings
                && known.created_with == new.publish;
            return match same {
                true => Ok(current.clone()),
                false => Err(ApiError::state_machine_already_exists(&arn)),
            };
        }
        self.surroundings.check_log_group(&new.settings.logging)?;
        self.surroundings.check_new_key(&new.settings.encryption)?;
        if self.machines.len() >= self.account.limits.state_machines {
            let most = self.account.limits.state_machines;
            let message = format!("State Machine Limit Exceeded: '{most}'");
            return Err(ApiError::new("StateMachineLimitExceeded", message));
        }
        self.set_tags(&arn, new.tags)?;
        let record = Arc::new(StateMachineRecord {
            number: self.revisions,
            arn: arn.clone(),
            name: new.name,
            role_arn: new.role_arn,
            execution_type: new.execution_type,
            machine: new.machine,
            revision_id: None,
            settings: new.settings,
            creation_date: now,
            update_date: now,
        });
        self.keep_revision(&record);
        self.machines.insert(arn, Machine::new(record.clone(), new.publish));
        Ok(record)
    }

    fn keep_revision(&mut self, record: &Arc<StateMachineRecord>) {
        self.revisions += 1;
        self.note_revision(record);
        self.note_altered(&record.arn);
    }

    /// The machine with this ARN, which UpdateStateMachine and the like may change.
    pub(super) fn changeable_mut(&mut self, arn: &str) -> Result<&mut Machine, ApiError> {
        match self.machines.get_mut(arn) {
            None => Err(ApiError::state_machine_does_not_exist(arn)),
            Some(machine) if machine.deleting => Err(ApiError::state_machine_deleting(arn)),
            Some(machine) => {
                if let Some(journal) = &mut self.journal {
                    journal.alter(&machine.current.arn);
                }
                Ok(machine)
            }
        }
    }

    /// Replaces what is given. Running executions keep what they started with, and so do
    /// versions; without a change the revision stays the same
    /// (`empty_revision_with_publish_and_no_publish_on_creation`).
    pub(crate) fn update_state_machine(
        &mut self,
        now: Timestamp,
        arn: &str,
        update: StateMachineUpdate,
    ) -> Result<Arc<StateMachineRecord>, ApiError> {
        let old = self.changeable_mut(arn)?.current.clone();
        let machine = update.machine.unwrap_or_else(|| old.machine.clone());
        let role_arn = update.role_arn.unwrap_or_else(|| old.role_arn.clone());
        let settings = Settings {
            logging: update.logging.unwrap_or_else(|| old.settings.logging.clone()),
            tracing: update.tracing.unwrap_or(old.settings.tracing),
            encryption: update.encryption.unwrap_or_else(|| old.settings.encryption.clone()),
        };
        self.surroundings.check_log_group(&settings.logging)?;
        self.surroundings.check_new_key(&settings.encryption)?;
        let same = machine.source == old.machine.source
            && role_arn == old.role_arn
            && settings == old.settings;
        if same {
            return Ok(old);
        }
        if update.publishes {
            self.check_version_count(&old.arn)?;
        }
        let record = Arc::new(StateMachineRecord {
            number: self.revisions,
            arn: old.arn.clone(),
            name: old.name.clone(),
            role_arn,
            execution_type: old.execution_type,
            machine,
            revision_id: Some(self.entropy.next_uuid().into()),
            settings,
            creation_date: old.creation_date,
            update_date: now,
        });
        self.keep_revision(&record);
        let until = now + self.account.update_lag_millis;
        if let Some(machine) = self.machines.get_mut(&old.arn) {
            machine.current = record.clone();
            machine.previous = (until > now).then_some((old, until));
        }
        Ok(record)
    }

    /// DeleteStateMachine: the machine is `DELETING` until its last execution has ended, and its
    /// executions end with their next state transition (service model). One that does not exist
    /// is no error: the operation has no such error in the service model.
    pub(crate) fn delete_state_machine(&mut self, arn: &str) {
        let Some(machine) = self.machines.get_mut(arn) else { return };
        machine.deleting = true;
        let arn = machine.current.arn.clone();
        self.note_altered(&arn);
        let running = Some(ExecutionStatus::Running);
        let running: Vec<_> = self.executions_of(&arn, running, None).map(|one| one.id).collect();
        for id in running {
            self.records[id].doomed = true;
        }
        self.bury(&arn);
    }

    /// Lets a deleted machine go once nothing of it runs.
    pub(super) fn bury(&mut self, arn: &Arc<str>) {
        let deleting = self.machines.get(arn).is_some_and(|machine| machine.deleting);
        if !deleting || self.running(arn) > 0 {
            return;
        }
        self.machines.remove(arn);
        self.tags.remove(arn);
        self.note_altered(arn);
    }

    /// The machine with this very ARN, not that of a version or an alias.
    pub(crate) fn find_own_machine(&self, arn: &str) -> Option<&Arc<StateMachineRecord>> {
        self.machines.get(arn).map(|machine| &machine.current)
    }

    /// Whether DeleteStateMachine was called for a machine that is still there.
    pub fn is_deleting(&self, arn: &str) -> bool {
        self.machines.get(arn).is_some_and(|machine| machine.deleting)
    }

    /// The state machines in the order of their names, beginning behind `after`, an ARN.
    pub fn state_machines<'a>(
        &'a self,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<StateMachineRecord>> + use<'a> {
        let machines = self.machines.range::<str, _>(super::behind(after));
        // Machines that go by a second ARN are listed by their own alone.
        machines
            .filter(|(arn, machine)| **arn == machine.current.arn)
            .map(|(_, machine)| &machine.current)
    }
}

/// Whether the API takes this as a name of something new (API reference, CreateStateMachine;
/// `sfn_api_activities.create_activity_invalid_name.*`).
pub(crate) fn is_valid_name(name: &str, most: usize) -> bool {
    !name.is_empty()
        && name.chars().count() <= most
        && !name.chars().any(|c| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '<' | '>' | '{' | '}' | '[' | ']' | '?' | '*' | '"' | '#' | '%')
                || matches!(c, '\\' | '^' | '|' | '~' | '`' | '$' | '&' | ',' | ';' | ':' | '/')
                || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
        })
}
