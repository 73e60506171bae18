//! The rows of the virtual S3 in the log, and those among them that nothing needs any more.
//!
//! A later row makes one void: the object is put again, or its bucket goes. The void row may go too,
//! unless a Map Run looked at the virtual S3 between the two. It looks again when the account is
//! restored, and has to find what it found, for as long as its execution is not forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::{Database, ReadableDatabase};

use super::{LOG, log_row};
use crate::server::FastMap;
use crate::service::ExecutionId;
use crate::service::journal::{ObjectsOp, Op};

/// Which rows of the virtual S3 there are.
#[derive(Debug, Default)]
pub(super) struct ObjectRows {
    buckets: FastMap<Arc<str>, Bucket>,
    /// The latest of them all.
    latest: u64,
    /// The looks of Map Runs: the latest row before, and the execution.
    looks: BTreeSet<(u64, ExecutionId)>,
    looks_of: FastMap<ExecutionId, Vec<u64>>,
    /// Rows that are void, each with the one that made it so, and that a Map Run needs.
    held: Vec<(u64, u64)>,
    /// Rows that nothing needs.
    gone: Vec<u64>,
}

/// The rows that tell what is in a bucket.
#[derive(Debug, Default)]
struct Bucket {
    /// The row that says that it is no more.
    dropped: Option<u64>,
    /// By key.
    objects: FastMap<Arc<str>, u64>,
}

impl ObjectRows {
    /// Those of a database, up to the row `end`.
    pub(super) fn read(db: &Database, end: u64) -> Result<Self, redb::Error> {
        let mut rows = Self::default();
        let log = db.begin_read()?.open_table(LOG)?;
        for row in log.range(..end)? {
            let (number, row) = row?;
            let (execution, row) = log_row(row.value());
            rows.add(number.value(), execution, row);
        }
        Ok(rows)
    }

    /// A row was added to the log; `None` stands for the virtual S3.
    pub(super) fn add(&mut self, number: u64, execution: Option<ExecutionId>, row: &[u8]) {
        let Some(execution) = execution else {
            // One that is broken was refused before, or is our own.
            let Some((bucket, key)) = ObjectsOp::place(row) else { return };
            self.latest = number;
            let bucket = self.buckets.entry(bucket).or_default();
            let void: Vec<u64> = match key {
                Some(key) => bucket.objects.insert(key, number).into_iter().collect(),
                None => {
                    let objects = bucket.objects.drain().map(|(_, row)| row);
                    objects.chain(bucket.dropped.replace(number)).collect()
                }
            };
            for void in void {
                self.let_go(void, number);
            }
            return;
        };
        if !self.buckets.is_empty()
            && Op::looks_at_objects(row)
            && self.looks.insert((self.latest, execution))
        {
            self.looks_of.entry(execution).or_default().push(self.latest);
        }
    }

    /// An execution is forgotten, and nobody looks in its place again.
    pub(super) fn forget(&mut self, execution: ExecutionId) {
        let Some(looks) = self.looks_of.remove(&execution) else { return };
        for before in looks {
            self.looks.remove(&(before, execution));
        }
        for (void, by) in std::mem::take(&mut self.held) {
            self.let_go(void, by);
        }
    }

    /// The rows that nothing has needed since this was asked last.
    pub(super) fn take_gone(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.gone)
    }

    /// The row `void` goes, unless somebody looked before `by` made it void.
    fn let_go(&mut self, void: u64, by: u64) {
        let between = (void, ExecutionId(0))..(by, ExecutionId(0));
        if self.looks.range(between).next().is_some() {
            self.held.push((void, by));
        } else {
            self.gone.push(void);
        }
    }
}
