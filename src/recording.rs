//! Recordings: executions that happened, each in a folder that can be read in review.
//!
//! | file of a recording | what |
//! |---|---|
//! | `recording.toml` | the [`Manifest`]: format, where it comes from, hashes, what was redacted |
//! | `definition.asl.json` | the definition that the execution ran |
//! | `execution.json` | DescribeExecution, as the service answered it |
//! | `history.json` | GetExecutionHistory, its pages joined; every event is the service's own bytes |
//! | `map-runs/LABEL/map-run.json` | DescribeMapRun, of each run of a distributed Map |
//! | `map-runs/LABEL/children/NAME/` | the children of that run: `execution.json`, `history.json` |
//! | `children/NAME/` | executions that the execution started, in the same form |
//!
//! [`Writer`] writes many of them below one folder, and can be stopped and started again;
//! [`Recording`] reads one, from a folder or from the files of a bundle. Nothing here asks a
//! service: [`Recorded`] is what somebody else fetched.

mod bundle;
mod index;
mod manifest;
mod pages;
mod read;
mod scenario;
mod sources;
mod storage;
mod write;

use std::fmt;
use std::path::PathBuf;

use crate::time::Timestamp;
use crate::value::Value;

pub use bundle::{BUNDLE_ENDINGS, Bundled, Packer, Packing, is_bundle, read_bundle};
pub use index::{Identity, Index};
pub use manifest::{FORMAT, MANIFEST, Manifest, Origin, Provenance};
pub use pages::{Joined, join_pages};
#[cfg(feature = "cli")]
pub(crate) use read::text;
pub use read::{Files, Hashes, ReadOptions, Recording, find};
#[cfg(test)]
pub(crate) use scenario::tests::problem as scenario_problem;
pub use scenario::{Draft, Drafted};
pub use sources::{Found, from_files};
pub use storage::{Disk, Storage};
pub use write::{About, Mode, Outcome, Wanted, Writer};

/// One execution as the service told it: answers as they came, unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The execution's name; the name of its folder is made from it.
    pub name: String,
    /// The definition that it ran (DescribeStateMachineForExecution): its text, not the answer.
    pub definition: Option<String>,
    /// What DescribeExecution answered.
    pub execution: Option<String>,
    /// What GetExecutionHistory answered, joined by [`join_pages`]; empty for a child whose
    /// history was not fetched.
    pub history: String,
    /// The runs of its distributed Maps.
    pub map_runs: Vec<RecordedMapRun>,
    /// Executions that it started, where they were followed.
    pub children: Vec<Recorded>,
}

/// The run of a distributed Map as the service told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedMapRun {
    /// The last part of its ARN, `LABEL:UUID`; the name of its folder is made from it.
    pub name: String,
    /// What DescribeMapRun answered.
    pub map_run: Option<String>,
    /// Its child executions.
    pub children: Vec<Recorded>,
}

/// What DescribeExecution says of an execution, as far as a recording names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `executionArn`.
    pub arn: Option<String>,
    /// `stateMachineArn`.
    pub state_machine_arn: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `status`.
    pub status: Option<String>,
    /// `startDate`.
    pub start: Option<Timestamp>,
}

impl Description {
    /// Reads an answer of DescribeExecution.
    pub fn read(execution: &Value) -> Self {
        let text = |key: &str| execution.get(key).and_then(Value::as_str).map(str::to_owned);
        let start = execution.get("startDate").and_then(api_time);
        Self {
            arn: text("executionArn"),
            state_machine_arn: text("stateMachineArn"),
            name: text("name"),
            status: text("status"),
            start,
        }
    }

    /// The name of the state machine, from the ARNs.
    pub fn state_machine(&self) -> Option<&str> {
        let arn = self.state_machine_arn.as_deref().or(self.arn.as_deref())?;
        arn.split(':').nth(6)
    }

    /// The region, from the ARNs.
    pub fn region(&self) -> Option<&str> {
        let arn = self.arn.as_deref().or(self.state_machine_arn.as_deref())?;
        arn.split(':').nth(3).filter(|region| !region.is_empty())
    }
}

/// A time in an answer: seconds since the epoch with a fraction, as the service itself answers, or
/// the text that the CLI makes of it.
pub fn api_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse_lenient(text),
        number @ Value::Number(_) => {
            number.as_f64().map(|seconds| Timestamp((seconds * 1000.0).round() as i64))
        }
        _ => None,
    }
}

/// Why a recording cannot be read or written. What was written before stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The folder or a file of it cannot be read or written.
    #[error("cannot {what} `{path}`: {error}{}", advice(error))]
    File {
        /// What was tried: `read`, `write`, …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another recorder works on the folder.
    #[error(
        "another recorder works on `{path}`{holder}: wait for it, or record into another folder"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Which process, where its lock file says so.
        holder: String,
    },
    /// A newer stepproof wrote it.
    #[error(
        "{place}: the recording has format {found}, this stepproof reads formats up to {FORMAT}: \
         update stepproof"
    )]
    Newer {
        /// The manifest.
        place: String,
        /// Its format.
        found: i64,
    },
    /// A file does not hold what it should.
    #[error("{place}: {message}")]
    Unreadable {
        /// The file, with line and column where known.
        place: String,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// What to do about an error of the system, where that is plain.
fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "; the recordings written before are complete: make room and run the command again"
        }
        _ => "",
    }
}

impl RecordingError {
    fn file(what: &'static str, path: impl Into<PathBuf>, error: std::io::Error) -> Self {
        Self::File { what, path: path.into(), error }
    }

    fn unreadable(place: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Unreadable { place: place.to_string(), message: message.into() }
    }
}

#[cfg(test)]
mod tests;
