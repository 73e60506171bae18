//! State machines, their revisions, and activities, as they are at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BrokenRow, Reader, Writer};
use crate::asl::{ExecutionType, accept_definition};
use crate::history::LogLevel;
use crate::limits::Limits;
use crate::service::activity::Activity;
use crate::service::execution::StateMachineRecord;
use crate::service::machine::Machine;
use crate::service::settings::{EncryptionConfiguration, LoggingConfiguration, Settings};
use crate::service::version::{Alias, Route, Version};
use crate::service::{FastMap, Service};
use crate::time::Timestamp;

type Tags = Vec<(Arc<str>, Arc<str>)>;

/// A state machine: its versions, aliases and tags, and the numbers of the revisions that they
/// are.
#[derive(Debug)]
pub struct MachineImage {
    current: u64,
    created_with: Option<Option<Arc<str>>>,
    deleting: bool,
    published: u64,
    /// Number, revision, date and description.
    versions: Vec<(u64, u64, Timestamp, Option<Arc<str>>)>,
    aliases: Vec<Alias>,
    tags: Tags,
}

/// An activity and its tags.
#[derive(Debug)]
pub struct ActivityImage {
    creation_date: Timestamp,
    encryption: EncryptionConfiguration,
    tags: Tags,
}

impl Service {
    pub(super) fn machine_image(&self, arn: &str) -> Option<MachineImage> {
        let machine = self.machines.get(arn)?;
        let version = |(number, version): (&u64, &Version)| {
            let description = version.description.clone();
            (*number, version.machine.number, version.creation_date, description)
        };
        Some(MachineImage {
            current: machine.current.number,
            created_with: machine.created_with.clone(),
            deleting: machine.deleting,
            published: machine.published,
            versions: machine.versions.iter().map(version).collect(),
            aliases: machine.aliases.values().cloned().collect(),
            tags: self.tags_of(arn),
        })
    }

    pub(super) fn activity_image(&self, arn: &str) -> Option<ActivityImage> {
        let Activity { creation_date, encryption, .. } = self.activities.get(arn)?;
        let (creation_date, encryption) = (*creation_date, encryption.clone());
        Some(ActivityImage { creation_date, encryption, tags: self.tags_of(arn) })
    }

    fn tags_of(&self, arn: &str) -> Tags {
        let tags = self.tags.get(arn).into_iter().flatten();
        tags.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn write_tags(row: &mut Writer, tags: &Tags) {
    row.list(tags.iter(), |row, (key, value)| {
        row.text(key).text(value);
    });
}

fn read_tags(row: &mut Reader<'_>) -> Result<Tags, BrokenRow> {
    row.list(|row| Ok((row.text()?, row.text()?)))
}

fn write_encryption(row: &mut Writer, encryption: &EncryptionConfiguration) {
    let key = match encryption {
        EncryptionConfiguration::AwsOwnedKey => None,
        EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds } => {
            Some((key_id, *reuse_seconds))
        }
    };
    row.optional(key, |row, (key_id, reuse_seconds)| {
        row.text(key_id).signed(reuse_seconds);
    });
}

fn read_encryption(row: &mut Reader<'_>) -> Result<EncryptionConfiguration, BrokenRow> {
    let key = row.optional(|row| Ok((row.text()?, row.signed()?)))?;
    Ok(key.map_or(EncryptionConfiguration::AwsOwnedKey, |(key_id, reuse_seconds)| {
        EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds }
    }))
}

impl MachineImage {
    /// As a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        row.number(self.current);
        row.optional(self.created_with.as_ref(), |row, description| {
            row.optional_text(description.as_ref());
        });
        row.flag(self.deleting).number(self.published);
        row.list(self.versions.iter(), |row, (number, revision, date, description)| {
            row.number(*number).number(*revision).time(*date).optional_text(description.as_ref());
        });
        row.list(self.aliases.iter(), |row, alias| {
            row.text(&alias.arn).text(&alias.name).optional_text(alias.description.as_ref());
            row.list(alias.routing.iter(), |row, route| {
                row.text(&route.version_arn).signed(route.weight);
            });
            row.time(alias.creation_date).time(alias.update_date);
        });
        write_tags(&mut row, &self.tags);
        row.end()
    }
}

impl ActivityImage {
    /// As a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        row.time(self.creation_date);
        write_encryption(&mut row, &self.encryption);
        write_tags(&mut row, &self.tags);
        row.end()
    }
}

/// A machine and its tags, from a row; its revisions are known by their numbers.
pub(in crate::service) fn read_machine(
    row: &[u8],
    revisions: &FastMap<u64, Arc<StateMachineRecord>>,
) -> Result<(Machine, Tags), BrokenRow> {
    let known = |number: u64| {
        revisions.get(&number).cloned().ok_or(BrokenRow::new("a revision is missing"))
    };
    let mut row = Reader::new(row);
    let current = known(row.number()?)?;
    let created_with = row.optional(Reader::optional_text)?;
    let mut machine = Machine::new(current.clone(), created_with);
    machine.deleting = row.flag()?;
    machine.published = row.number()?;
    let versions = row.list(|row| {
        let (number, machine) = (row.number()?, known(row.number()?)?);
        let (creation_date, description) = (row.time()?, row.optional_text()?);
        let arn = format!("{}:{number}", current.arn).into();
        Ok((number, Version { arn, description, creation_date, machine }))
    })?;
    machine.versions = BTreeMap::from_iter(versions);
    let aliases = row.list(|row| {
        let (arn, name, description) = (row.text()?, row.text()?, row.optional_text()?);
        let routing =
            row.list(|row| Ok(Route { version_arn: row.text()?, weight: row.signed()? }))?;
        let (creation_date, update_date) = (row.time()?, row.time()?);
        let alias = Alias { arn, name, description, routing, creation_date, update_date };
        Ok((alias.name.clone(), alias))
    })?;
    machine.aliases = aliases.into_iter().collect();
    let tags = read_tags(&mut row)?;
    row.end()?;
    Ok((machine, tags))
}

/// Date, encryption and tags of an activity, from a row.
pub(in crate::service) fn read_activity(
    row: &[u8],
) -> Result<(Timestamp, EncryptionConfiguration, Tags), BrokenRow> {
    let mut row = Reader::new(row);
    let read = (row.time()?, read_encryption(&mut row)?, read_tags(&mut row)?);
    row.end()?;
    Ok(read)
}

const LEVELS: [LogLevel; 4] = [LogLevel::Off, LogLevel::Fatal, LogLevel::Error, LogLevel::All];

impl StateMachineRecord {
    /// This revision as a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        row.text(&self.arn).text(&self.name).text(&self.role_arn);
        row.flag(self.execution_type == ExecutionType::Express).text(&self.machine.source);
        row.optional_text(self.revision_id.as_ref());
        row.time(self.creation_date).time(self.update_date);
        let Settings { logging, tracing, encryption } = &self.settings;
        let level = LEVELS.iter().position(|level| *level == logging.level).unwrap_or_default();
        row.number(level as u64).flag(logging.include_execution_data);
        row.optional_text(logging.log_group_arn.as_ref()).flag(logging.empty_destinations);
        row.flag(*tracing);
        write_encryption(&mut row, encryption);
        row.end()
    }
}

/// A revision of a state machine, from a row. The error is why it cannot be used.
pub(in crate::service) fn read_revision(
    number: u64,
    row: &[u8],
    limits: &Limits,
) -> Result<StateMachineRecord, String> {
    let broken = |error: BrokenRow| error.to_string();
    let mut row = Reader::new(row);
    let mut text = || row.text();
    let (arn, name, role_arn) =
        (text().map_err(broken)?, text().map_err(broken)?, text().map_err(broken)?);
    let (execution_type, source) = read_definition(&mut row).map_err(broken)?;
    let machine = accept_definition(&source, limits, execution_type).map_err(|message| {
        format!("the state machine `{arn}` is not accepted any more: {message}")
    })?;
    let rest = |row: &mut Reader<'_>| {
        let revision_id = row.optional_text()?;
        let dates = (row.time()?, row.time()?);
        let settings = read_settings(row)?;
        row.end()?;
        Ok((revision_id, dates, settings))
    };
    let (revision_id, (creation_date, update_date), settings) = rest(&mut row).map_err(broken)?;
    Ok(StateMachineRecord {
        number,
        arn,
        name,
        role_arn,
        execution_type,
        machine: Arc::new(machine),
        revision_id,
        settings,
        creation_date,
        update_date,
    })
}

fn read_definition(row: &mut Reader<'_>) -> Result<(ExecutionType, Arc<str>), BrokenRow> {
    let express = row.flag()?;
    let execution_type = if express { ExecutionType::Express } else { ExecutionType::Standard };
    Ok((execution_type, row.text()?))
}

fn read_settings(row: &mut Reader<'_>) -> Result<Settings, BrokenRow> {
    let level = LEVELS.get(row.number()? as usize);
    let logging = LoggingConfiguration {
        level: *level.ok_or(BrokenRow::new("a level is unknown"))?,
        include_execution_data: row.flag()?,
        log_group_arn: row.optional_text()?,
        empty_destinations: row.flag()?,
    };
    Ok(Settings { logging, tracing: row.flag()?, encryption: read_encryption(row)? })
}
