//! The definition that an execution ran, asked for as rarely as it can be known.
//!
//! DescribeStateMachineForExecution has the smallest of the quotas, one a second. But it says when
//! the machine was updated last before the execution started: whatever else started between these
//! two times ran the same definition. So did every execution of one published version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::Timestamp;

/// For how long after an update executions may still run the definition before it: the reference
/// of UpdateStateMachine says "a few seconds".
const UNSETTLED_MILLIS: i64 = 60_000;

/// What an execution is known by.
#[derive(Clone, Debug, Default)]
pub(super) struct Ran {
    pub machine_arn: String,
    pub version_arn: Option<String>,
    pub start: Option<Timestamp>,
}

/// A definition, and when executions ran it that say no version.
#[derive(Debug)]
struct Span {
    from: Timestamp,
    to: Timestamp,
    definition: Arc<str>,
}

/// The definitions that are known.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    versions: BTreeMap<String, Arc<str>>,
    spans: BTreeMap<String, Vec<Span>>,
}

impl Definitions {
    /// The definition that an execution ran, where that is certain.
    pub(super) fn find(&self, ran: &Ran) -> Option<Arc<str>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = &ran.version_arn {
            return known.versions.get(version).cloned();
        }
        let start = ran.start?;
        let spans = known.spans.get(&ran.machine_arn)?;
        let span = spans.iter().find(|span| span.from <= start && start <= span.to)?;
        Some(span.definition.clone())
    }

    /// An execution ran this definition; `updated` is the `updateDate` beside it.
    pub(super) fn learn(&self, ran: &Ran, updated: Option<Timestamp>, definition: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = &ran.version_arn {
            known.versions.insert(version.clone(), definition.into());
            return;
        }
        let (Some(updated), Some(start)) = (updated, ran.start) else { return };
        let (from, to) = (updated + UNSETTLED_MILLIS, start + -UNSETTLED_MILLIS);
        let spans = known.spans.entry(ran.machine_arn.clone()).or_default();
        match spans.iter_mut().find(|span| span.from == from && *span.definition == *definition) {
            Some(span) => span.to = span.to.max(to),
            None if from <= to => spans.push(Span { from, to, definition: definition.into() }),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: Option<&str>, second: i64, expected: Option<&str>) {
        let at = |second: i64| Timestamp(second * 1_000);
        let ran = |version: Option<&str>, second| Ran {
            machine_arn: "m".into(),
            version_arn: version.map(str::to_owned),
            start: Some(at(second)),
        };
        let definitions = Definitions::default();
        definitions.learn(&ran(None, 10_000), Some(at(5_000)), "new");
        definitions.learn(&ran(None, 20_000), Some(at(5_000)), "new");
        definitions.learn(&ran(None, 4_000), Some(at(1_000)), "old");
        definitions.learn(&ran(Some("m:7"), 4_000), Some(at(1_000)), "seven");
        let found = definitions.find(&ran(version, second));
        assert_eq!(found.as_deref(), expected, "{version:?} at {second}");
    }

    #[test]
    fn what_started_between_an_update_and_a_known_execution_ran_the_same() {
        check(None, 15_000, Some("new"));
        check(None, 5_060, Some("new"));
        check(None, 5_059, None);
        check(None, 19_941, None);
        check(None, 4_500, None);
        check(None, 3_000, Some("old"));
        check(Some("m:7"), 15_000, Some("seven"));
        check(Some("m:8"), 15_000, None);
    }
}
