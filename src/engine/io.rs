//! What the world tells an execution, and what an execution asks of the world.

use std::fmt;
use std::sync::Arc;

use crate::asl::{ExecutionType, Resource, States};
use crate::history::{EventId, Failure};
use crate::time::Timestamp;
use crate::value::{Array, Object, Value};

/// A Task under way: the id of the event that scheduled it.
pub type TaskId = EventId;

/// What the world may tell an execution.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// A worker has taken the task: an activity's time-out counts from here.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// Who took it, where the worker said.
        worker_name: Option<Arc<str>>,
    },
    /// The call of a `.sync` or `.waitForTaskToken` task was answered; its end is still to come.
    TaskSubmitted {
        /// The task.
        task: TaskId,
        /// The answer to the call.
        output: Value,
    },
    /// The task's result.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// The result.
        output: Value,
    },
    /// The task failed at the stage given.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// How far it had come.
        stage: FailureStage,
        /// Error name and cause.
        failure: Failure,
    },
    /// A heartbeat of the task: no event, but its heartbeat clock starts anew.
    TaskHeartbeat {
        /// The task.
        task: TaskId,
    },
    /// A Map Run has ended.
    MapRunEnded {
        /// The task id of its Map state: the id of the MapRunStarted event.
        task: TaskId,
        /// The Map state's result, or why the run failed.
        outcome: Result<Value, Failure>,
    },
    /// StopExecution.
    Stop {
        /// Error and cause, both optional.
        failure: Failure,
    },
}

/// How far a task had come when it failed: AWS names the event after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureStage {
    /// It could not even be scheduled (`LambdaFunctionScheduleFailed`, `ActivityScheduleFailed`).
    Schedule,
    /// It could not be started (`LambdaFunctionStartFailed`, `TaskStartFailed`).
    Start,
    /// The call of a job or callback task was refused (`TaskSubmitFailed`).
    Submit,
    /// It failed while running (`…Failed`).
    Run,
    /// The service reported that time ran out (`…TimedOut`).
    TimedOut,
}

/// What an execution may ask of the world.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Call this resource, and tell the execution what becomes of it.
    Task(Box<TaskRequest>),
    /// The task timed out, or its branch was stopped: an answer would be refused.
    CancelTask(TaskId),
    /// Run a distributed Map.
    MapRun(Box<MapRunRequest>),
    /// Run a distributed Map that was asked for before again: what did not succeed.
    RedriveMapRun {
        /// What named the run until now.
        task: TaskId,
        /// What names it in [`Input::MapRunEnded`] from now on.
        redriven: TaskId,
    },
    /// The execution is over; [`super::Execution::result`] says how.
    Ended,
    /// Nothing more until an input, or until this time.
    Idle(Option<Timestamp>),
}

/// A call of a Task state.
#[derive(Clone, Debug)]
pub struct TaskRequest {
    /// Names the task in every later [`Input`].
    pub task: TaskId,
    /// Where in the execution the state stands.
    pub place: Place,
    /// The state.
    pub state: Arc<str>,
    /// What to call.
    pub resource: Resource,
    /// What to call it with: the payload of a Lambda ARN or activity, else the API parameters.
    pub arguments: Value,
    /// `Credentials`, evaluated.
    pub credentials: Option<Value>,
    /// `$$.Task.Token` of a callback task or an activity.
    pub task_token: Option<Arc<str>>,
    /// How often this state has been retried: zero at the first attempt.
    pub retry_count: u32,
    /// How often this entry of the state was attempted before: as `retry_count`, but a redrive does
    /// not begin anew.
    pub attempt: u32,
    /// Seconds until the task times out.
    pub timeout_seconds: Option<i64>,
    /// Seconds between two heartbeats.
    pub heartbeat_seconds: Option<i64>,
}

/// A distributed Map that the world is to run, its fields evaluated.
///
/// The inputs of its child executions are made one by one: [`super::Execution::map_item_input`].
#[derive(Clone, Debug)]
pub struct MapRunRequest {
    /// Names the run in [`Input::MapRunEnded`].
    pub task: TaskId,
    /// Where in the execution the state stands.
    pub place: Place,
    /// The Map state.
    pub state: Arc<str>,
    /// `mapRunArn` of its events.
    pub map_run_arn: Arc<str>,
    /// What each child execution runs.
    pub processor: Arc<States>,
    /// The type of the child executions.
    pub execution_type: ExecutionType,
    /// Where the items come from.
    pub items: ItemSource,
    /// How items are put together, where they are.
    pub batching: Option<Batching>,
    /// Where results go, where the state says so.
    pub result_writer: Option<ResultWriterRequest>,
    /// How many children run at once; zero or absent for as many as the service allows.
    pub max_concurrency: Option<i64>,
    /// `ToleratedFailureCount`
    pub tolerated_failure_count: Option<f64>,
    /// `ToleratedFailurePercentage`
    pub tolerated_failure_percentage: Option<f64>,
}

impl MapRunRequest {
    /// The whole run as if it were one call, which is how a mock of the Map state sees it: its
    /// arguments are the items, or those of the reader.
    pub(crate) fn as_task(&self) -> TaskRequest {
        TaskRequest {
            task: self.task,
            place: self.place.clone(),
            state: self.state.clone(),
            resource: Resource::Placeholder("".into()),
            arguments: match &self.items {
                ItemSource::Items(items) => Value::Array(items.clone()),
                ItemSource::Members(members) => Value::Object(members.clone()),
                ItemSource::Reader { arguments, .. } => arguments.clone(),
            },
            credentials: None,
            task_token: None,
            retry_count: 0,
            attempt: 0,
            timeout_seconds: None,
            heartbeat_seconds: None,
        }
    }
}

/// Where a Map Run's items come from.
#[derive(Clone, Debug)]
pub enum ItemSource {
    /// The elements of an array.
    Items(Array),
    /// The members of an object.
    Members(Object),
    /// A file or listing that the ItemReader names.
    Reader {
        /// `Resource`: `arn:aws:states:::s3:getObject` or `…:listObjectsV2`.
        resource: Arc<str>,
        /// `Parameters` or `Arguments`, evaluated.
        arguments: Value,
        /// `ReaderConfig`, evaluated, without `MaxItems`.
        config: Value,
        /// `MaxItems`
        max_items: Option<i64>,
    },
}

/// `ItemBatcher`, evaluated.
#[derive(Clone, Debug, Default)]
pub struct Batching {
    /// `BatchInput`
    pub batch_input: Option<Value>,
    /// `MaxItemsPerBatch`
    pub max_items_per_batch: Option<i64>,
    /// `MaxInputBytesPerBatch`
    pub max_input_bytes_per_batch: Option<i64>,
}

/// `ResultWriter`, evaluated.
#[derive(Clone, Debug)]
pub struct ResultWriterRequest {
    /// `Resource`: `arn:aws:states:::s3:putObject`; absent where only `WriterConfig` is given.
    pub resource: Option<Arc<str>>,
    /// `Parameters` or `Arguments`, evaluated.
    pub arguments: Value,
    /// `WriterConfig`
    pub config: Value,
}

/// The branches and iterations around a state, outermost first.
///
/// Written as `Parallel[0]/Map[12]`; the empty place is the top level.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Place(Option<Arc<PlaceNode>>);

#[derive(PartialEq, Eq, Hash)]
struct PlaceNode {
    outer: Place,
    state: Arc<str>,
    index: u32,
}

impl Place {
    /// The place of branch or iteration `index` of `state`, which itself stands here.
    pub fn inner(&self, state: Arc<str>, index: u32) -> Self {
        Self(Some(Arc::new(PlaceNode { outer: self.clone(), state, index })))
    }

    /// State and index of each level, outermost first.
    pub fn segments(&self) -> Vec<(&str, u32)> {
        let mut segments = Vec::new();
        let mut place = self;
        while let Some(node) = &place.0 {
            segments.push((&*node.state, node.index));
            place = &node.outer;
        }
        segments.reverse();
        segments
    }

    /// Whether this is the top level.
    pub fn is_top(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (state, index)) in self.segments().into_iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            write!(f, "{state}[{index}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an input was refused, in the API's words where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No task of this id was ever scheduled, or it has ended.
    #[error("the task does not exist or has ended")]
    TaskDoesNotExist,
    /// The execution has ended.
    #[error("the execution has ended")]
    ExecutionEnded,
}
