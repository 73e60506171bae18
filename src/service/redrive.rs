//! RedriveExecution.

use std::sync::Arc;

use super::journal::OpKind;
use super::{ApiError, ExecutionId, Record, Response, Service};
use crate::engine::ExecutionStatus;
use crate::time::Timestamp;

/// Client tokens of redrives that are remembered, and for how long after their first use
/// (API reference, RedriveExecution).
const TOKENS: usize = 10;
const TOKEN_SECONDS: i64 = 15 * 60;

impl Record {
    /// `redriveStatus` and `redriveStatusReason` of DescribeExecution (`timeouts.global_timeout`,
    /// `base.event_bridge_events_base`).
    ///
    /// A child of a Map Run goes on with its run alone: `REDRIVABLE_BY_MAP_RUN` (API reference,
    /// DescribeExecution).
    pub fn redrive_status(&self, now: Timestamp) -> (&'static str, Option<String>) {
        let status = self.execution.status();
        let unsuccessful = !matches!(status, ExecutionStatus::Running | ExecutionStatus::Succeeded);
        if self.map_run.is_some() && unsuccessful {
            return ("REDRIVABLE_BY_MAP_RUN", None);
        }
        match self.execution.redrivable(now) {
            Ok(()) => ("REDRIVABLE", None),
            Err(reason) => ("NOT_REDRIVABLE", Some(reason.to_string())),
        }
    }
}

impl Service {
    /// Lets an execution that did not succeed go on: [`crate::engine::Execution::redrive`].
    pub(super) fn redrive_execution(
        &mut self,
        now: Timestamp,
        arn: &str,
        client_token: Option<Arc<str>>,
    ) -> Result<Response, ApiError> {
        let id = self.standard_execution(arn)?;
        let record = &self.records[id];
        if record.map_run.is_some() {
            let reason = "Execution can only be redriven through its Map Run";
            return Err(ApiError::not_redrivable(reason));
        }
        let lives = |used: &Timestamp| now <= used.plus_seconds(TOKEN_SECONDS);
        let tokens = self.redrive_tokens.get(&id).map_or(&[][..], Vec::as_slice);
        let known = |token: &Arc<str>| tokens.iter().find(|(own, at)| own == token && lives(at));
        if let Some((_, redriven_at)) = client_token.as_ref().and_then(known) {
            return Ok(Response::Redriven(*redriven_at));
        }
        let checked = record.execution.redrivable(now);
        checked.map_err(|reason| ApiError::not_redrivable(&reason.to_string()))?;
        if let Some(token) = client_token {
            self.keep_redrive_token(id, token.clone(), now);
            self.note(id, OpKind::RedriveToken(now, token));
        }
        self.go_on(now, id);
        Ok(Response::Redriven(now))
    }

    pub(super) fn keep_redrive_token(&mut self, id: ExecutionId, token: Arc<str>, at: Timestamp) {
        let tokens = self.redrive_tokens.entry(id).or_default();
        if tokens.len() == TOKENS {
            tokens.remove(0);
        }
        tokens.push((token, at));
    }

    /// Redrives an execution. False where it cannot be redriven.
    pub(super) fn go_on(&mut self, now: Timestamp, id: ExecutionId) -> bool {
        let record = &mut self.records[id];
        if record.execution.redrive(now).is_err() {
            return false;
        }
        self.note(id, OpKind::Redriven(now));
        let record = &mut self.records[id];
        if std::mem::replace(&mut record.over, false) {
            self.over -= 1;
        }
        self.relist(id);
        self.announce(id);
        self.wake(id);
        true
    }
}
