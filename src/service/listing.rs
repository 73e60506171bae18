//! Which executions belong to a state machine, a version, an alias or a Map Run, in order.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::{ExecutionId, FastMap, Record, Service};
use crate::engine::ExecutionStatus;

/// Executions by the ARNs that ListExecutions takes, so that a page costs what is on it.
#[derive(Debug, Default)]
pub(super) struct Listing(FastMap<Arc<str>, Statuses>);

#[derive(Debug, Default)]
struct Statuses {
    all: BTreeSet<ExecutionId>,
    /// In the order of the statuses' own numbers.
    by_status: [BTreeSet<ExecutionId>; 5],
}

impl Statuses {
    fn of(&mut self, status: ExecutionStatus) -> &mut BTreeSet<ExecutionId> {
        &mut self.by_status[status as usize]
    }
}

impl Listing {
    pub(super) fn add(&mut self, id: ExecutionId, arns: &[Arc<str>], status: ExecutionStatus) {
        for arn in arns {
            let own = self.0.entry(arn.clone()).or_default();
            own.all.insert(id);
            own.of(status).insert(id);
        }
    }

    fn change(
        &mut self,
        id: ExecutionId,
        arns: &[Arc<str>],
        from: ExecutionStatus,
        to: ExecutionStatus,
    ) {
        for arn in arns {
            if let Some(own) = self.0.get_mut(arn) {
                own.of(from).remove(&id);
                own.of(to).insert(id);
            }
        }
    }

    fn remove(&mut self, id: ExecutionId, arns: &[Arc<str>], status: ExecutionStatus) {
        for arn in arns {
            let Some(own) = self.0.get_mut(arn) else { continue };
            own.all.remove(&id);
            own.of(status).remove(&id);
            if own.all.is_empty() {
                self.0.remove(arn);
            }
        }
    }

    fn ids(&self, arn: &str, status: Option<ExecutionStatus>) -> Option<&BTreeSet<ExecutionId>> {
        let own = self.0.get(arn)?;
        match status {
            Some(status) => Some(&own.by_status[status as usize]),
            None => Some(&own.all),
        }
    }
}

impl Service {
    /// The executions of a state machine, version, alias or Map Run, the newest first; with
    /// `before`, those that started before this one.
    pub fn executions_of<'a>(
        &'a self,
        arn: &str,
        status: Option<ExecutionStatus>,
        before: Option<ExecutionId>,
    ) -> impl Iterator<Item = &'a Record> + use<'a> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.listing.ids(arn, status);
        let ids = ids.map(|ids| ids.range((Bound::Unbounded, end)).rev());
        ids.into_iter().flatten().filter_map(|id| self.records.find(*id))
    }

    /// How many executions of a state machine, version, alias or Map Run there are.
    pub fn execution_count(&self, arn: &str, status: Option<ExecutionStatus>) -> usize {
        self.listing.ids(arn, status).map_or(0, BTreeSet::len)
    }

    /// How many executions of a state machine, version, alias or Map Run are running.
    pub fn running(&self, arn: &str) -> usize {
        self.execution_count(arn, Some(ExecutionStatus::Running))
    }

    /// Lists an execution under the status that it has now.
    pub(super) fn relist(&mut self, id: ExecutionId) {
        let record = &mut self.records[id];
        let status = record.execution.status();
        let before = std::mem::replace(&mut record.listed, status);
        if before != status {
            self.listing.change(id, &record.listed_under, before, status);
        }
    }

    pub(super) fn unlist(&mut self, record: &Record) {
        self.listing.remove(record.id, &record.listed_under, record.listed);
    }
}
