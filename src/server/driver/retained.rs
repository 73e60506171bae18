//! Which ended executions are kept: `--retain`.

use std::time::Instant;

use super::Driver;
use crate::server::Retain;
use crate::time::Timestamp;

impl Driver {
    /// An execution that goes on does not count among those that have ended.
    pub(super) fn redriven(&mut self, arn: &str) {
        let Some(execution) = self.service.find_execution(arn) else { return };
        // A redrive that was asked for once more changes nothing: it may have ended meanwhile.
        let ended = self.service.execution(execution).execution.ended_at();
        self.kept.retain(|(at, kept)| *kept != execution || Some(*at) == ended);
    }

    /// Forgets the executions that `--retain` does not cover any more.
    pub(super) fn forget_old(&mut self, real: Instant) {
        let oldest = match self.retain {
            Retain::All => return,
            Retain::Count(_) => Timestamp::EPOCH,
            Retain::For(kept) => {
                let millis = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
                self.clock.now(real) + -millis
            }
        };
        while let Some(&(ended, execution)) = self.kept.front() {
            let goes = match self.retain {
                Retain::Count(count) => self.kept.len() > count,
                _ => ended < oldest,
            };
            if !goes {
                break;
            }
            self.kept.pop_front();
            // One that was redriven before its end was heard of runs, or stands further behind.
            let record = self.service.executions().find(execution);
            if record.is_some_and(|record| record.execution.ended_at() == Some(ended)) {
                self.forgotten.append(&mut self.service.forget(execution));
                self.integrations.forgotten(execution);
            }
        }
    }
}
