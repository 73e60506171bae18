//! Which executions a folder holds: a journal that is only ever appended to.
//!
//! It can be lost or cut off at any byte: the recordings themselves say what they are, and the
//! journal is made again from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{MANIFEST, Manifest, RecordingError, find};
use crate::value::Value;

/// An execution's ARN without the account, which redaction replaces: with what is left a recorder
/// knows an execution again whose recording shows a pseudonym. Hashed, since names of executions
/// may hold what must not be kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

impl Identity {
    /// The identity of the execution with this ARN.
    pub fn of_arn(arn: &str) -> Self {
        let fields = arn.split(':').enumerate();
        let kept: Vec<&str> = fields.map(|(i, field)| if i == 4 { "" } else { field }).collect();
        let hash = Sha256::digest(kept.join(":"));
        Self(hash[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The folders of the recordings, relative to the root.
    pub recordings: BTreeMap<Identity, PathBuf>,
    /// Whether the last recorder came to its end.
    pub complete: bool,
}

impl Index {
    /// What the folder holds, by its journal and, where that is missing or broke off, by the
    /// manifests below the folder.
    pub(super) fn read(root: &Path, journal: &Path) -> Result<Self, RecordingError> {
        let mut index = Self::default();
        let told = match fs::read_to_string(journal) {
            Ok(text) => text.lines().all(|line| index.take(line)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(RecordingError::file("read", journal, error)),
        };
        if told && index.complete {
            index.recordings.retain(|_, folder| root.join(folder).join(MANIFEST).exists());
            // Who found nothing is not done: what is selected may come later.
            index.complete = !index.recordings.is_empty();
            return Ok(index);
        }
        // Without a journal at all, what lies there was put there whole, by hand or by git.
        let complete = !journal.exists();
        let mut scanned = Self::scan(root)?;
        scanned.complete = complete && !scanned.recordings.is_empty();
        Ok(scanned)
    }

    fn scan(root: &Path) -> Result<Self, RecordingError> {
        let mut index = Self::default();
        for folder in find(root)? {
            let path = folder.join(MANIFEST);
            let text = fs::read_to_string(&path)
                .map_err(|error| RecordingError::file("read", &path, error))?;
            let manifest = Manifest::parse(&path.display().to_string(), &text)?;
            if let Some(arn) = &manifest.provenance.execution {
                let folder = folder.strip_prefix(root).unwrap_or(&folder).to_path_buf();
                index.recordings.insert(Identity::of_arn(arn), folder);
            }
        }
        Ok(index)
    }

    /// Takes in a line; `false` where it is none of ours, as the last one after a crash.
    fn take(&mut self, line: &str) -> bool {
        let Ok(line) = Value::parse(line) else { return false };
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        match (text("session"), text("execution"), text("folder")) {
            (Some("begin"), _, _) => self.complete = false,
            (Some("end"), _, _) => self.complete = true,
            (None, Some(execution), Some(folder)) => {
                self.recordings.insert(Identity(execution.to_owned()), PathBuf::from(folder));
            }
            _ => return false,
        }
        true
    }
}

/// The journal's line for the beginning or the end of a recorder's work.
pub(super) fn session(what: &str) -> String {
    format!("{}\n", Value::object([("session", Value::from(what))]))
}

/// The journal's line for a recording.
pub(super) fn entry(identity: &Identity, folder: &Path) -> String {
    let folder = folder.to_string_lossy().replace('\\', "/");
    let members = [("execution", Value::from(identity.as_str())), ("folder", Value::from(folder))];
    format!("{}\n", Value::object(members))
}
