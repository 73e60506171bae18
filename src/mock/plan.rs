//! What an answer means for the task that it is given to: what is said when, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Heartbeats, Outcome, failed_by_service, submitted};
use crate::asl::Pattern;
use crate::engine::{FailureStage, Input, TaskRequest};
use crate::history::Failure;
use crate::value::Value;

/// An answer, ready to be given.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) submit: Option<Value>,
    pub(crate) delay: Duration,
    pub(crate) heartbeats: Option<Heartbeats>,
    pub(crate) worker: Option<Arc<str>>,
    pub(crate) end: End,
}

/// How a planned answer ends its task.
#[derive(Debug)]
pub(crate) enum End {
    Succeed(Value),
    Fail(FailureStage, Failure),
    Never,
}

/// A plan in the engine's words.
#[derive(Debug)]
pub(crate) struct Course {
    /// What the execution hears at once.
    pub(crate) first: Option<Input>,
    /// The heartbeats from then on, where the task listens to them.
    pub(crate) heartbeats: Option<Heartbeats>,
    /// The time until the end.
    pub(crate) delay: Duration,
    /// The end; `None` where there is none.
    pub(crate) end: Option<Input>,
}

impl Plan {
    /// What `answer` does to a task.
    ///
    /// # Errors
    ///
    /// The message, where a copy from the arguments leads nowhere.
    pub(crate) fn of(answer: &Answer, request: &TaskRequest) -> Result<Self, String> {
        let end = match answer.outcome() {
            Outcome::Return(body) => {
                let result = body.fill(&request.arguments)?;
                match failed_by_service(&request.resource, &result) {
                    Some(failure) => End::Fail(FailureStage::Run, failure),
                    None => End::Succeed(result),
                }
            }
            outcome => match outcome.failure(&request.resource) {
                Some((stage, failure)) => End::Fail(stage, failure),
                None => End::Never,
            },
        };
        let submit = answer.submitted().map(|body| body.fill(&request.arguments)).transpose()?;
        Ok(Self {
            submit,
            delay: answer.delay(),
            heartbeats: answer.heartbeats_before(),
            worker: answer.worker_name().cloned(),
            end,
        })
    }

    /// The task starts, and is not heard of again.
    pub(crate) fn never() -> Self {
        Self {
            submit: None,
            delay: Duration::ZERO,
            heartbeats: None,
            worker: None,
            end: End::Never,
        }
    }

    /// What is told to the execution of `request`, and when.
    pub(crate) fn course(self, request: &TaskRequest) -> Course {
        let Self { submit, delay, heartbeats, worker, end } = self;
        let task = request.task;
        let never_ran = matches!(end, End::Fail(FailureStage::Schedule | FailureStage::Start, _));
        let refused = matches!(end, End::Fail(FailureStage::Submit, _));
        let waits = request.resource.pattern() != Pattern::RequestResponse;
        let first = if waits && !never_ran && !refused {
            let output = submit.unwrap_or_else(|| submitted(&request.resource));
            Some(Input::TaskSubmitted { task, output })
        } else if !never_ran && (!delay.is_zero() || matches!(end, End::Never) || worker.is_some())
        {
            // It runs from now on, not only from when its answer is heard.
            Some(Input::TaskStarted { task, worker_name: worker })
        } else {
            None
        };
        let end = match end {
            End::Succeed(output) => Some(Input::TaskSucceeded { task, output }),
            End::Fail(stage, failure) => Some(Input::TaskFailed { task, stage, failure }),
            End::Never => None,
        };
        // A task without `HeartbeatSeconds` does not listen to them.
        let heartbeats = heartbeats.filter(|_| request.heartbeat_seconds.is_some());
        Course { first, heartbeats, delay, end }
    }
}

impl Heartbeats {
    /// How many intervals there are until the next heartbeat that matters, once one was given: of
    /// those before the task's patience ends only the last one does. Counts them.
    pub(crate) fn skip(&mut self, heartbeat_seconds: Option<i64>) -> u32 {
        let patience = heartbeat_seconds.unwrap_or(0).saturating_mul(1_000);
        let every = i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX);
        let beats = (patience / every.max(1)).max(1);
        let mut beats = u32::try_from(beats).unwrap_or(u32::MAX);
        if let Some(count) = &mut self.count {
            *count = count.saturating_sub(1);
            beats = beats.min(*count).max(1);
            // The last of these is counted when it comes.
            *count = count.saturating_sub(beats - 1);
        }
        beats
    }
}
