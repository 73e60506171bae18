//! What changes in the account, as rows to be kept: enough to build it anew ([`Restoring`]).
//!
//! [`Restoring`]: super::Restoring
//!
//! An execution is a deterministic machine. What is kept of it is therefore what it started with
//! and what it heard, in the order in which it did, and no state of its own; of Map Runs the same,
//! among the rows of the execution that they belong to. State machines, activities and tags are
//! kept as they are.
//!
//! An execution goes on when it is asked what it wants next. As a rule that happens right after it
//! heard something, until it is idle, and needs no row: `OpKind::Polled` and `OpKind::Stepped` tell
//! where it was otherwise.

mod fields;
mod images;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use fields::BrokenRow;
pub use images::{ActivityImage, MachineImage};
pub(super) use images::{read_activity, read_machine, read_revision};

use fields::{Reader, Writer};

use super::execution::{ExecutionId, Parent, StateMachineRecord};
use super::map_run::{MapRunChild, MapRunId};
use super::nested::NestedForm;
use super::{Record, Service};
use crate::engine::{ExecutionStatus, Input, TaskId};
use crate::map_run::{Body, ChildEnd, ChildStart, MapRunUpdate};
use crate::time::Timestamp;
use crate::value::Value;

/// What has changed since it was asked last.
#[derive(Debug, Default)]
pub(super) struct Journal {
    changes: Vec<Change>,
    /// The ARNs of state machines and activities that are not what they were.
    altered: BTreeSet<Arc<str>>,
    counters: Counters,
}

/// A change of the account.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// A revision of a state machine was made. They never change.
    Revision(Arc<StateMachineRecord>),
    /// A state machine is this now, or is gone.
    Machine(Arc<str>, Option<Box<MachineImage>>),
    /// An activity is this now, or is gone.
    Activity(Arc<str>, Option<Box<ActivityImage>>),
    /// An execution started, or heard something: the row goes behind all others.
    Execution(ExecutionId, Op),
    /// An execution is forgotten: its rows may go.
    Forgotten(ExecutionId),
    /// The virtual S3 was changed from outside: the row goes behind those of executions.
    Objects(ObjectsOp),
    /// What the account counts is this now.
    Counters(Counters),
}

/// Where the account's randomness and its numbers have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub(super) entropy: u64,
    pub(super) executions: u32,
    pub(super) map_runs: u32,
    pub(super) revisions: u64,
}

/// What happened to an execution.
#[derive(Debug)]
pub struct Op(pub(super) OpKind);

#[derive(Debug)]
pub(super) enum OpKind {
    Started(Box<Started>),
    Told(Timestamp, Input),
    Timeout(Timestamp),
    Redriven(Timestamp),
    /// The client token of a redrive.
    RedriveToken(Timestamp, Arc<str>),
    /// It was asked so often what it wants, and no further, before it heard the next.
    Polled(u32),
    /// After [`OpKind::Polled`]: it made so many steps further, and had more to do.
    Stepped(u32),
    /// After [`OpKind::Polled`]: it was asked further, until it was idle.
    Settled,
    /// It ended, with a history of so many events: by this it is seen whether a later version of
    /// the program goes another way.
    Ended(ExecutionStatus, u64),
    MapRunStarted(MapRunId, TaskId, Timestamp),
    MapRunPolled(MapRunId, Timestamp),
    ChildStarted(MapRunId, u32, ExecutionId, ChildStart),
    ChildEnded(MapRunId, u32, Timestamp, ChildEnd),
    MapRunRedriven(MapRunId, TaskId, Timestamp),
    MapRunAborted(MapRunId, Timestamp),
    MapRunUpdated(MapRunId, MapRunUpdate),
}

/// What happened to the virtual S3.
#[derive(Debug)]
pub struct ObjectsOp(pub(super) ObjectsOpKind);

#[derive(Debug)]
pub(super) enum ObjectsOpKind {
    /// Bucket, key, time and content.
    Put(Arc<str>, Arc<str>, Timestamp, Body),
    /// There is no such bucket any more.
    Dropped(Arc<str>),
}

/// What an execution was started with.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) arn: Arc<str>,
    pub(super) name: Arc<str>,
    /// The number of its machine's revision.
    pub(super) revision: u64,
    pub(super) map_run: Option<MapRunChild>,
    pub(super) parent: Option<Parent>,
    pub(super) at: Timestamp,
    pub(super) state_machine_arn: Arc<str>,
    pub(super) version_arn: Option<Arc<str>>,
    pub(super) alias_arn: Option<Arc<str>>,
    pub(super) synchronous: bool,
    pub(super) input: Value,
    pub(super) seed: i64,
    pub(super) interleaving: Option<i64>,
    pub(super) trace_header: Option<Arc<str>>,
    pub(super) metadata_only: bool,
}

impl Started {
    fn of(record: &Record) -> Self {
        let start = record.execution.start_parameters();
        Self {
            arn: record.arn.clone(),
            name: record.name.clone(),
            revision: record.machine.number,
            map_run: record.map_run,
            parent: record.parent,
            at: record.execution.started_at(),
            state_machine_arn: start.state_machine_arn.clone(),
            version_arn: start.state_machine_version_arn.clone(),
            alias_arn: start.state_machine_alias_arn.clone(),
            synchronous: start.synchronous,
            input: start.input.clone(),
            seed: start.seed,
            interleaving: start.interleaving,
            trace_header: record.trace_header.clone(),
            metadata_only: record.metadata_only,
        }
    }
}

impl Journal {
    /// A state machine or an activity is not what it was.
    pub(super) fn alter(&mut self, arn: &Arc<str>) {
        self.altered.insert(arn.clone());
    }
}

impl Service {
    /// From now on [`Service::take_changes`] tells what changes. The account is new, or was just
    /// restored.
    pub fn keep_journal(&mut self) {
        self.journal = Some(Box::new(Journal { counters: self.counters(), ..Journal::default() }));
    }

    /// Whether [`Service::take_changes`] tells what changes.
    pub fn keeps_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// What has changed since it was asked last, in order; nothing without
    /// [`Service::keep_journal`]. Together these changes lead from one state of the account that
    /// can be restored to the next: they are kept as a whole, or not at all.
    pub fn take_changes(&mut self) -> Vec<Change> {
        if self.journal.is_none() {
            return Vec::new();
        }
        // Those that are not idle yet go on later from just here.
        for id in self.talking.iter().copied().collect::<Vec<_>>() {
            self.note_polls(id);
        }
        let counters = self.counters();
        let Some(journal) = &mut self.journal else { return Vec::new() };
        let altered = std::mem::take(&mut journal.altered);
        let mut changes = std::mem::take(&mut journal.changes);
        if std::mem::replace(&mut journal.counters, counters) != counters {
            changes.push(Change::Counters(counters));
        }
        for arn in altered {
            changes.push(match arn.contains(":activity:") {
                true => Change::Activity(arn.clone(), self.activity_image(&arn).map(Box::new)),
                false => Change::Machine(arn.clone(), self.machine_image(&arn).map(Box::new)),
            });
        }
        changes
    }

    fn counters(&self) -> Counters {
        Counters {
            entropy: self.entropy.state(),
            executions: self.records.next_id().0,
            map_runs: self.map_runs_started,
            revisions: self.revisions,
        }
    }

    /// A state machine or an activity is not what it was.
    pub(super) fn note_altered(&mut self, arn: &Arc<str>) {
        if let Some(journal) = &mut self.journal {
            journal.alter(arn);
        }
    }

    pub(super) fn note_revision(&mut self, record: &Arc<StateMachineRecord>) {
        if let Some(journal) = &mut self.journal {
            journal.changes.push(Change::Revision(record.clone()));
        }
    }

    pub(super) fn note_objects(&mut self, kind: ObjectsOpKind) {
        if let Some(journal) = &mut self.journal {
            journal.changes.push(Change::Objects(ObjectsOp(kind)));
        }
    }

    pub(super) fn note_forgotten(&mut self, id: ExecutionId) {
        if let Some(journal) = &mut self.journal {
            journal.changes.push(Change::Forgotten(id));
        }
    }

    /// An execution has started; it is in the records already.
    pub(super) fn note_started(&mut self, id: ExecutionId) {
        let Some(journal) = &mut self.journal else { return };
        let started = OpKind::Started(Box::new(Started::of(&self.records[id])));
        journal.changes.push(Change::Execution(id, Op(started)));
        self.records[id].progress = Progress { unsettled: true, ..Progress::default() };
    }

    /// Something happened to an execution, or to a Map Run of it.
    pub(super) fn note(&mut self, id: ExecutionId, kind: OpKind) {
        if self.journal.is_none() {
            return;
        }
        self.note_polls(id);
        let Some(journal) = &mut self.journal else { return };
        let progress = &mut self.records[id].progress;
        progress.split = false;
        progress.polls = 0;
        progress.steps = 0;
        progress.unsettled |= kind.wakes();
        journal.changes.push(Change::Execution(id, Op(kind)));
    }

    /// How far an execution has come that is not idle yet.
    fn note_polls(&mut self, id: ExecutionId) {
        let Some(journal) = &mut self.journal else { return };
        let progress = &mut self.records[id].progress;
        if !progress.unsettled {
            return;
        }
        if !progress.split || progress.polls > 0 {
            journal.changes.push(Change::Execution(id, Op(OpKind::Polled(progress.polls))));
        }
        if progress.steps > 0 {
            journal.changes.push(Change::Execution(id, Op(OpKind::Stepped(progress.steps))));
        }
        *progress = Progress { unsettled: true, split: true, polls: 0, steps: 0 };
    }
}

/// How far an execution has come since the last row of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// It has more to say.
    pub(super) unsettled: bool,
    /// How often it was asked.
    pub(super) polls: u32,
    /// How many steps it made since, without an answer yet.
    pub(super) steps: u32,
    /// The last row is [`OpKind::Polled`] or [`OpKind::Stepped`].
    pub(super) split: bool,
}

impl OpKind {
    /// Whether the execution has something to say afterwards.
    pub(super) fn wakes(&self) -> bool {
        matches!(self, Self::Started(_) | Self::Told(..) | Self::Timeout(_) | Self::Redriven(_))
    }
}

impl Counters {
    /// As a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        row.number(self.entropy).number(self.executions.into());
        row.number(self.map_runs.into()).number(self.revisions);
        row.end()
    }

    pub(super) fn from_bytes(row: &[u8]) -> Result<Self, BrokenRow> {
        let mut row = Reader::new(row);
        let counters = Self {
            entropy: row.number()?,
            executions: row.number32()?,
            map_runs: row.number32()?,
            revisions: row.number()?,
        };
        row.end()?;
        Ok(counters)
    }
}

impl Op {
    /// As a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        match &self.0 {
            OpKind::Started(started) => started.write(row.number(0)),
            OpKind::Told(at, input) => row.number(1).time(*at).input(input),
            OpKind::Timeout(at) => row.number(2).time(*at),
            OpKind::Redriven(at) => row.number(3).time(*at),
            OpKind::RedriveToken(at, token) => row.number(4).time(*at).text(token),
            OpKind::Polled(times) => row.number(5).number((*times).into()),
            OpKind::Stepped(steps) => row.number(15).number((*steps).into()),
            OpKind::Settled => row.number(6),
            OpKind::Ended(status, events) => row.number(7).status(*status).number(*events),
            OpKind::MapRunStarted(run, task, at) => {
                row.number(8).number(run.0.into()).number(*task).time(*at)
            }
            OpKind::MapRunPolled(run, at) => row.number(9).number(run.0.into()).time(*at),
            OpKind::ChildStarted(run, index, id, ChildStart { arn, name, at }) => {
                row.number(10).number(run.0.into()).number((*index).into()).number(id.0.into());
                row.text(arn).text(name).time(*at)
            }
            OpKind::ChildEnded(run, index, at, end) => {
                row.number(11).number(run.0.into()).number((*index).into()).time(*at).child_end(end)
            }
            OpKind::MapRunRedriven(run, task, at) => {
                row.number(12).number(run.0.into()).number(*task).time(*at)
            }
            OpKind::MapRunAborted(run, at) => row.number(13).number(run.0.into()).time(*at),
            OpKind::MapRunUpdated(run, update) => {
                let float = |row: &mut Writer, number| {
                    row.float(number);
                };
                row.number(14).number(run.0.into());
                row.optional(update.max_concurrency, |row, number| {
                    row.signed(number);
                });
                row.optional(update.tolerated_failure_count, float);
                row.optional(update.tolerated_failure_percentage, float)
            }
        };
        row.end()
    }

    /// Whether a row tells of a Map Run that looked at the virtual S3 then, and will again when the
    /// account is restored.
    pub fn looks_at_objects(row: &[u8]) -> bool {
        matches!(row.first(), Some(8 | 9 | 12))
    }

    pub(super) fn from_bytes(row: &[u8]) -> Result<Self, BrokenRow> {
        let mut row = Reader::new(row);
        let kind = match row.number()? {
            0 => OpKind::Started(Box::new(Started::read(&mut row)?)),
            1 => OpKind::Told(row.time()?, row.input()?),
            2 => OpKind::Timeout(row.time()?),
            3 => OpKind::Redriven(row.time()?),
            4 => OpKind::RedriveToken(row.time()?, row.text()?),
            5 => OpKind::Polled(row.number32()?),
            6 => OpKind::Settled,
            7 => OpKind::Ended(row.status()?, row.number()?),
            15 => OpKind::Stepped(row.number32()?),
            kind @ 8..=14 => Self::map_run_op(kind, MapRunId(row.number32()?), &mut row)?,
            _ => return Err(BrokenRow::new("what happened is unknown")),
        };
        row.end()?;
        Ok(Self(kind))
    }

    fn map_run_op(kind: u64, run: MapRunId, row: &mut Reader<'_>) -> Result<OpKind, BrokenRow> {
        Ok(match kind {
            8 => OpKind::MapRunStarted(run, row.number()?, row.time()?),
            9 => OpKind::MapRunPolled(run, row.time()?),
            10 => {
                let (index, id) = (row.number32()?, ExecutionId(row.number32()?));
                let (arn, name, at) = (row.text()?, row.text()?, row.time()?);
                OpKind::ChildStarted(run, index, id, ChildStart { arn, name, at })
            }
            11 => OpKind::ChildEnded(run, row.number32()?, row.time()?, row.child_end()?),
            12 => OpKind::MapRunRedriven(run, row.number()?, row.time()?),
            13 => OpKind::MapRunAborted(run, row.time()?),
            _ => OpKind::MapRunUpdated(
                run,
                MapRunUpdate {
                    max_concurrency: row.optional(Reader::signed)?,
                    tolerated_failure_count: row.optional(Reader::float)?,
                    tolerated_failure_percentage: row.optional(Reader::float)?,
                },
            ),
        })
    }
}

impl ObjectsOp {
    /// As a row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut row = Writer::default();
        match &self.0 {
            ObjectsOpKind::Put(bucket, key, at, body) => {
                row.number(0).text(bucket).text(key).time(*at).bytes(body)
            }
            ObjectsOpKind::Dropped(bucket) => row.number(1).text(bucket),
        };
        row.end()
    }

    /// The bucket that a row tells of, and the key where it tells of an object.
    pub fn place(row: &[u8]) -> Option<(Arc<str>, Option<Arc<str>>)> {
        let mut row = Reader::new(row);
        let is_object = row.number().ok()? == 0;
        let bucket = row.text().ok()?;
        Some((bucket, if is_object { Some(row.text().ok()?) } else { None }))
    }

    pub(super) fn from_bytes(row: &[u8]) -> Result<Self, BrokenRow> {
        let mut row = Reader::new(row);
        let kind = match row.number()? {
            0 => {
                let (bucket, key, at) = (row.text()?, row.text()?, row.time()?);
                ObjectsOpKind::Put(bucket, key, at, row.bytes()?.into())
            }
            1 => ObjectsOpKind::Dropped(row.text()?),
            _ => return Err(BrokenRow::new("what happened is unknown")),
        };
        row.end()?;
        Ok(Self(kind))
    }
}

const FORMS: [NestedForm; 4] =
    [NestedForm::Detached, NestedForm::Text, NestedForm::Json, NestedForm::Sync];

impl Started {
    fn write<'a>(&self, row: &'a mut Writer) -> &'a mut Writer {
        row.text(&self.arn).text(&self.name).number(self.revision);
        row.optional(self.map_run, |row, child| {
            row.number(child.run.0.into()).number(child.index.into());
        });
        row.optional(self.parent, |row, parent| {
            let form = FORMS.iter().position(|form| *form == parent.form).unwrap_or_default();
            row.number(parent.execution.0.into()).number(parent.task).number(form as u64);
        });
        row.time(self.at).text(&self.state_machine_arn);
        row.optional_text(self.version_arn.as_ref()).optional_text(self.alias_arn.as_ref());
        row.flag(self.synchronous).value(&self.input).signed(self.seed);
        row.optional(self.interleaving, |row, seed| {
            row.signed(seed);
        });
        row.optional_text(self.trace_header.as_ref()).flag(self.metadata_only)
    }

    fn read(row: &mut Reader<'_>) -> Result<Self, BrokenRow> {
        Ok(Self {
            arn: row.text()?,
            name: row.text()?,
            revision: row.number()?,
            map_run: row.optional(|row| {
                Ok(MapRunChild { run: MapRunId(row.number32()?), index: row.number32()? })
            })?,
            parent: row.optional(|row| {
                let (execution, task) = (ExecutionId(row.number32()?), row.number()?);
                let form = FORMS.get(row.number()? as usize);
                let form = *form.ok_or(BrokenRow::new("a form is unknown"))?;
                Ok(Parent { execution, task, form })
            })?,
            at: row.time()?,
            state_machine_arn: row.text()?,
            version_arn: row.optional_text()?,
            alias_arn: row.optional_text()?,
            synchronous: row.flag()?,
            input: row.value()?,
            seed: row.signed()?,
            interleaving: row.optional(Reader::signed)?,
            trace_header: row.optional_text()?,
            metadata_only: row.flag()?,
        })
    }
}
