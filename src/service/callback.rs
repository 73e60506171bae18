//! Task tokens and activities.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{ApiError, ExecutionId, Output, Response, Service, earlier};
use crate::engine::{Input, TaskId, TaskRequest};
use crate::time::Timestamp;
use crate::value::Value;

/// A task that a worker took.
#[derive(Clone, Debug)]
pub struct ActivityTask {
    /// What the worker answers with.
    pub task_token: Arc<str>,
    /// What it is to work on.
    pub input: Value,
    /// The execution it belongs to.
    pub execution: ExecutionId,
    /// The task there.
    pub task: TaskId,
}

/// A poll for an activity's task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollId(pub u64);

/// An activity: tasks that no worker has taken, or workers that no task has reached.
#[derive(Debug, Default)]
pub(super) struct Activity {
    tasks: VecDeque<ActivityTask>,
    polls: VecDeque<Poll>,
}

#[derive(Debug)]
struct Poll {
    who: Poller,
    worker_name: Option<Arc<str>>,
    expires: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Poller {
    /// Somebody outside.
    Outside(PollId),
    /// A task of another execution: `aws-sdk:sfn:getActivityTask`.
    Task(ExecutionId, TaskId),
}

/// How long GetActivityTask waits for a task (guide, "Activities").
const POLL_SECONDS: i64 = 60;

impl Activity {
    pub(super) fn forget(&mut self, execution: ExecutionId, task: TaskId) {
        self.tasks.retain(|waiting| (waiting.execution, waiting.task) != (execution, task));
        self.polls.retain(|poll| match poll.who {
            Poller::Task(at, own) => (at, own) != (execution, task),
            Poller::Outside(_) => true,
        });
    }
}

impl Service {
    /// The ARN of an activity of this account.
    pub fn activity_arn(&self, name: &str) -> Arc<str> {
        let account = self.account();
        format!("arn:aws:states:{}:{}:activity:{name}", account.region, account.account_id).into()
    }

    pub(super) fn create_activity(&mut self, name: &str) -> Result<Response, ApiError> {
        let arn = self.activity_arn(name);
        self.create_activity_at(arn.clone());
        Ok(Response::Created(arn))
    }

    /// Creates an activity under any ARN; nothing changes where it exists.
    pub fn create_activity_at(&mut self, arn: Arc<str>) {
        self.activities.entry(arn).or_default();
    }

    /// Gives an outcome to the task that a token stands for.
    pub(super) fn send_task(
        &mut self,
        now: Timestamp,
        task_token: &str,
        input: impl FnOnce(TaskId) -> Input,
    ) -> Result<Response, ApiError> {
        let Some(&(execution, task)) = self.tokens.get(task_token) else {
            return Err(ApiError::invalid_token());
        };
        match self.tell(now, execution, input(task)) {
            Ok(()) => Ok(Response::Empty),
            Err(_) => Err(ApiError::task_timed_out()),
        }
    }

    /// Puts a task into its activity's queue, or hands it to a worker that waits. False where the
    /// activity does not exist.
    pub(super) fn schedule_activity(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
        request: &TaskRequest,
        arn: &str,
    ) -> bool {
        let Some(activity) = self.activities.get_mut(arn) else { return false };
        let task_token = request.task_token.clone().unwrap_or_else(|| "".into());
        let input = request.arguments.clone();
        let task = ActivityTask { task_token, input, execution, task: request.task };
        match activity.polls.pop_front() {
            Some(poll) => self.hand_over(now, poll.who, poll.worker_name, task),
            None => activity.tasks.push_back(task),
        }
        true
    }

    pub(super) fn activity_task(
        &mut self,
        now: Timestamp,
        arn: &str,
        worker_name: Option<Arc<str>>,
    ) -> Result<Response, ApiError> {
        if let Some(task) = self.take_activity_task(now, arn, worker_name.clone())? {
            return Ok(Response::ActivityTask(Box::new(task)));
        }
        self.polls += 1;
        let id = PollId(self.polls);
        self.wait_for_task(now, arn, Poller::Outside(id), worker_name);
        Ok(Response::Polling(id))
    }

    /// The oldest task of an activity, now started. It does not wait for one.
    pub fn take_activity_task(
        &mut self,
        now: Timestamp,
        arn: &str,
        worker_name: Option<Arc<str>>,
    ) -> Result<Option<ActivityTask>, ApiError> {
        loop {
            let Some(activity) = self.activities.get_mut(arn) else {
                return Err(ApiError::activity_does_not_exist(arn));
            };
            let Some(task) = activity.tasks.pop_front() else { return Ok(None) };
            let worker_name = worker_name.clone();
            let started = Input::TaskStarted { task: task.task, worker_name };
            if self.tell(now, task.execution, started).is_ok() {
                return Ok(Some(task));
            }
        }
    }

    pub(super) fn wait_for_task(
        &mut self,
        now: Timestamp,
        arn: &str,
        who: Poller,
        worker_name: Option<Arc<str>>,
    ) {
        if let Some(activity) = self.activities.get_mut(arn) {
            let expires = now.plus_seconds(POLL_SECONDS);
            activity.polls.push_back(Poll { who, worker_name, expires });
        }
    }

    fn hand_over(
        &mut self,
        now: Timestamp,
        who: Poller,
        worker_name: Option<Arc<str>>,
        task: ActivityTask,
    ) {
        let started = Input::TaskStarted { task: task.task, worker_name };
        // The task was scheduled in this very moment, so it is still there.
        let _ = self.tell(now, task.execution, started);
        match who {
            Poller::Outside(id) => {
                self.outbox.push_back(Output::ActivityTask(id, Some(Box::new(task))));
            }
            Poller::Task(execution, poll) => {
                let output = task.to_result();
                let _ = self.tell(now, execution, Input::TaskSucceeded { task: poll, output });
            }
        }
    }

    /// Lets polls wait until somebody ends them ([`Service::end_poll`]): on a clock that jumps, a
    /// minute of the account is no minute of the worker that waits.
    pub fn leave_polls_open(&mut self) {
        self.polls_stay = true;
    }

    /// The poll waits no longer; nothing answers it.
    pub fn end_poll(&mut self, id: PollId) {
        for activity in self.activities.values_mut() {
            let own = |poll: &Poll| matches!(poll.who, Poller::Outside(own) if own == id);
            activity.polls.retain(|poll| !own(poll));
        }
    }

    pub(super) fn next_poll_expiry(&self) -> Option<Timestamp> {
        if self.polls_stay {
            return None;
        }
        let polls = self.activities.values().filter_map(|activity| activity.polls.front());
        polls.map(|poll| poll.expires).fold(None, |least, expires| earlier(least, Some(expires)))
    }

    /// Polls that waited a minute are answered with nothing.
    pub(super) fn expire_polls(&mut self, now: Timestamp) {
        if self.polls_stay {
            return;
        }
        let mut expired = Vec::new();
        for activity in self.activities.values_mut() {
            while activity.polls.front().is_some_and(|poll| poll.expires <= now) {
                expired.extend(activity.polls.pop_front());
            }
        }
        for poll in expired {
            match poll.who {
                Poller::Outside(id) => self.outbox.push_back(Output::ActivityTask(id, None)),
                Poller::Task(execution, task) => {
                    let output = Value::object::<&str>([]);
                    let _ = self.tell(now, execution, Input::TaskSucceeded { task, output });
                }
            }
        }
    }
}

impl ActivityTask {
    /// What `aws-sdk:sfn:getActivityTask` answers.
    pub(super) fn to_result(&self) -> Value {
        Value::object([
            ("Input", Value::from(self.input.to_json())),
            ("TaskToken", Value::String(self.task_token.clone())),
        ])
    }
}
