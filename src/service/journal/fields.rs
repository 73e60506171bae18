//! Rows of bytes: numbers and texts one after another.

use std::sync::Arc;

use crate::engine::{ExecutionStatus, FailureStage, Input};
use crate::history::Failure;
use crate::json;
use crate::map_run::ChildEnd;
use crate::time::Timestamp;
use crate::value::Value;

/// The deepest nesting of a value in a row. What an execution hears is noted before it refuses what
/// nests too deep, and the account wraps what nests as deep as may be: an output of a child into the
/// answer to its parent's Task, outputs into that of a Map, items into a batch.
const DEEPEST: usize = json::MAX_DEPTH + 8;

/// Writes a row.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

/// Reads a row in the order in which it was written.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenRow(&'static str);

impl BrokenRow {
    pub(super) fn new(why: &'static str) -> Self {
        Self(why)
    }
}

impl Writer {
    pub(super) fn end(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn number(&mut self, mut number: u64) -> &mut Self {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    /// A number that may be below zero.
    pub(super) fn signed(&mut self, number: i64) -> &mut Self {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned())
    }

    pub(super) fn float(&mut self, number: f64) -> &mut Self {
        self.number(number.to_bits())
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(u64::from(flag))
    }

    pub(super) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.signed(time.millis())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn value(&mut self, value: &Value) -> &mut Self {
        self.text(&value.to_json())
    }

    /// What may be missing, written by `write` where it is not.
    pub(super) fn optional<T>(
        &mut self,
        what: Option<T>,
        write: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        self.flag(what.is_some());
        if let Some(what) = what {
            write(self, what);
        }
        self
    }

    pub(super) fn optional_text(&mut self, text: Option<&Arc<str>>) -> &mut Self {
        self.optional(text, |row, text| {
            row.text(text);
        })
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
        self
    }

    pub(super) fn failure(&mut self, failure: &Failure) -> &mut Self {
        self.optional_text(failure.error.as_ref()).optional_text(failure.cause.as_ref())
    }

    pub(super) fn input(&mut self, input: &Input) -> &mut Self {
        match input {
            Input::TaskStarted { task, worker_name } => {
                self.number(0).number(*task).optional_text(worker_name.as_ref())
            }
            Input::TaskSubmitted { task, output } => self.number(1).number(*task).value(output),
            Input::TaskSucceeded { task, output } => self.number(2).number(*task).value(output),
            Input::TaskFailed { task, stage, failure } => {
                self.number(3).number(*task).number(stage_number(*stage)).failure(failure)
            }
            Input::TaskHeartbeat { task } => self.number(4).number(*task),
            Input::MapRunEnded { task, outcome: Ok(output) } => {
                self.number(5).number(*task).value(output)
            }
            Input::MapRunEnded { task, outcome: Err(failure) } => {
                self.number(6).number(*task).failure(failure)
            }
            Input::Stop { failure } => self.number(7).failure(failure),
        }
    }

    pub(super) fn child_end(&mut self, end: &ChildEnd) -> &mut Self {
        self.status(end.status).value(&end.output).optional(end.failure.as_ref(), |row, failure| {
            row.failure(failure);
        })
    }

    pub(super) fn status(&mut self, status: ExecutionStatus) -> &mut Self {
        let number = STATUSES.iter().position(|own| *own == status).unwrap_or_default();
        self.number(number as u64)
    }
}

const STATUSES: [ExecutionStatus; 5] = [
    ExecutionStatus::Running,
    ExecutionStatus::Succeeded,
    ExecutionStatus::Failed,
    ExecutionStatus::TimedOut,
    ExecutionStatus::Aborted,
];

const STAGES: [FailureStage; 5] = [
    FailureStage::Schedule,
    FailureStage::Start,
    FailureStage::Submit,
    FailureStage::Run,
    FailureStage::TimedOut,
];

fn stage_number(stage: FailureStage) -> u64 {
    STAGES.iter().position(|own| *own == stage).unwrap_or_default() as u64
}

impl<'a> Reader<'a> {
    pub(super) fn new(row: &'a [u8]) -> Self {
        Self(row)
    }

    pub(super) fn number(&mut self) -> Result<u64, BrokenRow> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first().ok_or(BrokenRow("it ends too early"))?;
            self.0 = rest;
            number |= u64::from(first & 0x7F) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BrokenRow("a number has no end"))
    }

    pub(super) fn number32(&mut self) -> Result<u32, BrokenRow> {
        u32::try_from(self.number()?).map_err(|_| BrokenRow("a number is too large"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, BrokenRow> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn float(&mut self) -> Result<f64, BrokenRow> {
        self.number().map(f64::from_bits)
    }

    pub(super) fn flag(&mut self) -> Result<bool, BrokenRow> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BrokenRow("something is neither true nor false")),
        }
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, BrokenRow> {
        self.signed().map(Timestamp)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BrokenRow> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let (bytes, rest) =
            self.0.split_at_checked(length).ok_or(BrokenRow("a text has no end"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<Arc<str>, BrokenRow> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map(Arc::from).map_err(|_| BrokenRow("a text is not UTF-8"))
    }

    pub(super) fn value(&mut self) -> Result<Value, BrokenRow> {
        let text = self.text()?;
        json::parse_to(DEEPEST, &text).map_err(|_| BrokenRow("a value is not JSON"))
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BrokenRow>,
    ) -> Result<Option<T>, BrokenRow> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<Arc<str>>, BrokenRow> {
        self.optional(Self::text)
    }

    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, BrokenRow>,
    ) -> Result<Vec<T>, BrokenRow> {
        let length = self.number()?;
        (0..length).map(|_| read(self)).collect()
    }

    pub(super) fn failure(&mut self) -> Result<Failure, BrokenRow> {
        Ok(Failure { error: self.optional_text()?, cause: self.optional_text()? })
    }

    pub(super) fn input(&mut self) -> Result<Input, BrokenRow> {
        let kind = self.number()?;
        if kind == 7 {
            return Ok(Input::Stop { failure: self.failure()? });
        }
        let task = self.number()?;
        Ok(match kind {
            0 => Input::TaskStarted { task, worker_name: self.optional_text()? },
            1 => Input::TaskSubmitted { task, output: self.value()? },
            2 => Input::TaskSucceeded { task, output: self.value()? },
            3 => {
                let stage = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                let stage = *STAGES.get(stage).ok_or(BrokenRow("a stage is unknown"))?;
                Input::TaskFailed { task, stage, failure: self.failure()? }
            }
            4 => Input::TaskHeartbeat { task },
            5 => Input::MapRunEnded { task, outcome: Ok(self.value()?) },
            6 => Input::MapRunEnded { task, outcome: Err(self.failure()?) },
            _ => return Err(BrokenRow("an input is unknown")),
        })
    }

    pub(super) fn child_end(&mut self) -> Result<ChildEnd, BrokenRow> {
        let (status, output) = (self.status()?, self.value()?);
        Ok(ChildEnd { status, output, failure: self.optional(Self::failure)? })
    }

    pub(super) fn status(&mut self) -> Result<ExecutionStatus, BrokenRow> {
        let number = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        STATUSES.get(number).copied().ok_or(BrokenRow("a status is unknown"))
    }

    /// Nothing is left to read.
    pub(super) fn end(&self) -> Result<(), BrokenRow> {
        if self.0.is_empty() { Ok(()) } else { Err(BrokenRow("it is longer than it should be")) }
    }
}
