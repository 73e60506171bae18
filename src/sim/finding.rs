//! Mocked results held against the models of the services that they stand for.

use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::engine::TaskRequest;
use crate::mock::MockKey;
use crate::service_model::{self, FieldError, FieldValidationMode, Verdict};
use crate::value::Value;

/// Findings beyond these are the same mistake again.
const MOST_FINDINGS: usize = 100;

/// Something about a mocked result that its service's API speaks against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MockFinding {
    /// The service never answers like this.
    Mismatch {
        /// The mock's key.
        key: String,
        /// What was called: `aws-sdk:s3:getObject`.
        resource: Arc<str>,
        /// The member.
        error: FieldError,
    },
    /// Validation was asked for, and no model of the service or the action is known.
    NoModel {
        /// What was called.
        resource: Arc<str>,
    },
}

impl fmt::Display for MockFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { key, resource, error } => {
                let (path, what) = (&error.path, error);
                write!(f, "mock `{key}` returns what `{resource}` never does: {what}, at `{path}`")
            }
            Self::NoModel { resource } => {
                write!(f, "no model of `{resource}` is known: its mocks are not validated")
            }
        }
    }
}

/// The findings of a run, each once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<MockFinding>,
    known: HashSet<MockFinding, BuildHasherDefault<FxHasher>>,
}

impl Findings {
    /// Looks at a result. Without a mode, what is present is looked at and nothing is said of
    /// missing models.
    ///
    /// # Errors
    ///
    /// The mismatches, where a mode was asked for.
    pub(super) fn look(
        &mut self,
        mode: Option<FieldValidationMode>,
        key: &MockKey,
        request: &TaskRequest,
        result: &Value,
    ) -> Result<(), Vec<MockFinding>> {
        let asked = mode.is_some();
        let mode = mode.unwrap_or(FieldValidationMode::Present);
        if mode == FieldValidationMode::None {
            return Ok(());
        }
        let resource = || {
            let text = request.resource.text();
            Arc::from(text.rsplit(":::").next().unwrap_or(text))
        };
        match service_model::check(&request.resource, result, mode) {
            Verdict::Free => {}
            Verdict::Unknown if asked => self.add(MockFinding::NoModel { resource: resource() }),
            Verdict::Unknown => {}
            Verdict::Checked(errors) => {
                let mismatches = errors.into_iter().map(|error| MockFinding::Mismatch {
                    key: key.to_string(),
                    resource: resource(),
                    error,
                });
                let mismatches: Vec<MockFinding> = mismatches.collect();
                if asked && !mismatches.is_empty() {
                    return Err(mismatches);
                }
                mismatches.into_iter().for_each(|mismatch| self.add(mismatch));
            }
        }
        Ok(())
    }

    pub(super) fn into_list(self) -> Vec<MockFinding> {
        self.list
    }

    fn add(&mut self, finding: MockFinding) {
        if self.list.len() < MOST_FINDINGS && self.known.insert(finding.clone()) {
            self.list.push(finding);
        }
    }
}
