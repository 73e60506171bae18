//! Activities, their tasks, and the workers that poll for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::machine::is_valid_name;
use super::{ApiError, EncryptionConfiguration, ExecutionId, FastMap, Output, Response, Service};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollId(pub u64);

/// An activity: tasks that no worker has taken, or workers that no task has reached.
#[derive(Debug)]
pub struct Activity {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it was created.
    pub creation_date: Timestamp,
    /// `encryptionConfiguration`
    pub encryption: EncryptionConfiguration,
    tasks: VecDeque<ActivityTask>,
    /// By their numbers, so in the order in which they came.
    polls: BTreeMap<PollId, Poll>,
}

impl Activity {
    /// How many of its tasks no worker has taken.
    pub fn waiting_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many workers wait for a task of it.
    pub fn waiting_workers(&self) -> usize {
        self.polls.len()
    }
}

#[derive(Debug)]
struct Poll {
    who: Poller,
    worker_name: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Poller {
    /// Somebody outside.
    Outside(PollId),
    /// A task of another execution: `aws-sdk:sfn:getActivityTask`.
    Task(ExecutionId, TaskId),
}

/// All polls that wait. Each waits a minute, so they expire in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Polls {
    given: u64,
    waiting: FastMap<PollId, Arc<str>>,
    /// Those that are answered stay until they are in front.
    expiring: VecDeque<(Timestamp, PollId)>,
    /// Those of workers wait until they are answered or cancelled.
    stay: bool,
}

/// How long GetActivityTask waits for a task (guide, "Activities").
const POLL_SECONDS: i64 = 60;

impl Polls {
    fn drop_answered(&mut self) {
        while self.expiring.front().is_some_and(|(_, poll)| !self.waiting.contains_key(poll)) {
            self.expiring.pop_front();
        }
    }
}

impl Service {
    /// The ARN of an activity of this account.
    pub fn activity_arn(&self, name: &str) -> Arc<str> {
        let account = self.account();
        format!("arn:aws:states:{}:{}:activity:{name}", account.region, account.account_id).into()
    }

    /// CreateActivity. The same name once more is the same activity; only another encryption is
    /// refused, and tags do not count (API reference).
    pub(crate) fn create_activity(
        &mut self,
        now: Timestamp,
        name: &str,
        encryption: EncryptionConfiguration,
        tags: Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<&Activity, ApiError> {
        if !is_valid_name(name, self.account.limits.name_chars) {
            return Err(ApiError::invalid_name(name));
        }
        let arn = self.activity_arn(name);
        match self.activities.get(&arn) {
            Some(known) if known.encryption != encryption => {
                let message = format!("Activity Already Exists: '{arn}'");
                return Err(ApiError::new("ActivityAlreadyExists", message));
            }
            Some(_) => {}
            None => {
                self.surroundings.check_new_key(&encryption)?;
                let most = self.account.limits.activities;
                if self.activities.len() >= most {
                    let message = format!("Activity Limit Exceeded: '{most}'");
                    return Err(ApiError::new("ActivityLimitExceeded", message));
                }
                self.set_tags(&arn, tags)?;
                self.insert_activity(now, arn.clone(), encryption);
            }
        }
        Ok(&self.activities[&arn])
    }

    /// Creates an activity under any ARN; nothing changes where it exists.
    pub fn create_activity_at(&mut self, arn: Arc<str>) {
        if !self.activities.contains_key(&arn) {
            self.insert_activity(Timestamp::EPOCH, arn, EncryptionConfiguration::default());
        }
    }

    pub(super) fn insert_activity(
        &mut self,
        creation_date: Timestamp,
        arn: Arc<str>,
        encryption: EncryptionConfiguration,
    ) {
        let name = arn.rsplit(':').next().unwrap_or_default().into();
        let (tasks, polls) = (VecDeque::new(), BTreeMap::new());
        let key = arn.clone();
        self.note_altered(&arn);
        let activity = Activity { arn, name, creation_date, encryption, tasks, polls };
        self.activities.insert(key, activity);
    }

    /// DeleteActivity; one that does not exist is no error (service model). Its tasks wait for
    /// their time-outs, and workers that wait hear of no task.
    pub(crate) fn delete_activity(&mut self, now: Timestamp, arn: &str) {
        let Some(activity) = self.activities.remove(arn) else { return };
        self.tags.remove(arn);
        self.note_altered(&activity.arn);
        for (id, poll) in activity.polls {
            self.polls.waiting.remove(&id);
            self.answer_nothing(now, poll.who);
        }
    }

    /// The activity with this ARN.
    pub fn find_activity(&self, arn: &str) -> Option<&Activity> {
        self.activities.get(arn)
    }

    /// The activities in the order of their names, beginning behind `after`, an ARN.
    pub fn activities<'a>(
        &'a self,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Activity> + use<'a> {
        self.activities.range::<str, _>(super::behind(after)).map(|(_, activity)| activity)
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
        match activity.polls.pop_first() {
            Some((id, poll)) => {
                self.polls.waiting.remove(&id);
                self.polls.drop_answered();
                self.hand_over(now, poll.who, poll.worker_name, task);
            }
            None => activity.tasks.push_back(task),
        }
        true
    }

    pub(crate) fn activity_task(
        &mut self,
        now: Timestamp,
        arn: &str,
        worker_name: Option<Arc<str>>,
    ) -> Result<Response, ApiError> {
        if let Some(activity) = self.activities.get(arn) {
            self.surroundings.check_key(&activity.encryption)?;
        }
        if let Some(task) = self.take_activity_task(now, arn, worker_name.clone())? {
            return Ok(Response::ActivityTask(Box::new(task)));
        }
        let most = self.account.limits.activity_pollers;
        if self.activities.get(arn).is_some_and(|activity| activity.polls.len() >= most) {
            let message = format!("Activity Worker Limit Exceeded: '{arn}'");
            return Err(ApiError::new("ActivityWorkerLimitExceeded", message));
        }
        let id = self.wait_for_task(now, arn, Poller::Outside, worker_name);
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
        who: impl FnOnce(PollId) -> Poller,
        worker_name: Option<Arc<str>>,
    ) -> PollId {
        self.polls.given += 1;
        let id = PollId(self.polls.given);
        if let Some(activity) = self.activities.get_mut(arn) {
            let who = who(id);
            activity.polls.insert(id, Poll { who, worker_name });
            self.polls.waiting.insert(id, activity.arn.clone());
            if !self.polls.stay || matches!(who, Poller::Task(..)) {
                self.polls.expiring.push_back((now.plus_seconds(POLL_SECONDS), id));
            }
        }
        id
    }

    /// Lets polls of workers wait until [`Service::cancel_poll`] ends them: on a clock that jumps, a
    /// minute of the account is no minute of the worker that waits. Tasks that poll, by
    /// `aws-sdk:sfn:getActivityTask`, wait a minute of the account all the same.
    pub fn leave_polls_open(&mut self) {
        self.polls.stay = true;
    }

    /// Forgets a poll whose worker has gone: no task is given to it. False where it was answered.
    pub fn cancel_poll(&mut self, id: PollId) -> bool {
        let Some(arn) = self.polls.waiting.remove(&id) else { return false };
        self.polls.drop_answered();
        let activity = self.activities.get_mut(&arn);
        activity.is_some_and(|activity| activity.polls.remove(&id).is_some())
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

    /// A task that was cancelled leaves the queue of its activity; one that polls for another no
    /// longer does.
    pub(super) fn activity_task_cancelled(&mut self, execution: ExecutionId, task: TaskId) {
        for activity in self.activities.values_mut() {
            activity.tasks.retain(|waiting| (waiting.execution, waiting.task) != (execution, task));
            let is_it = |who| matches!(who, Poller::Task(e, t) if (e, t) == (execution, task));
            let polls = activity.polls.extract_if(.., |_, poll| is_it(poll.who));
            for (id, _) in polls {
                self.polls.waiting.remove(&id);
            }
        }
    }

    pub(super) fn next_poll_expiry(&self) -> Option<Timestamp> {
        let mut waiting = self.polls.expiring.iter();
        let next = waiting.find(|(_, poll)| self.polls.waiting.contains_key(poll));
        next.map(|(expires, _)| *expires)
    }

    /// Polls that waited a minute are answered with nothing.
    pub(super) fn expire_polls(&mut self, now: Timestamp) {
        loop {
            self.polls.drop_answered();
            let due = self.polls.expiring.front().filter(|(expires, _)| *expires <= now);
            let Some(&(_, id)) = due else { return };
            let Some(arn) = self.polls.waiting.remove(&id) else { return };
            let activity = self.activities.get_mut(&arn);
            if let Some(poll) = activity.and_then(|activity| activity.polls.remove(&id)) {
                self.answer_nothing(now, poll.who);
            }
        }
    }

    fn answer_nothing(&mut self, now: Timestamp, who: Poller) {
        match who {
            Poller::Outside(id) => self.outbox.push_back(Output::ActivityTask(id, None)),
            Poller::Task(execution, task) => {
                let output = Value::object::<&str>([]);
                let _ = self.tell(now, execution, Input::TaskSucceeded { task, output });
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
