//! One event: ids, type and details, as typed data that is cheap to make.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHasher;

use super::payload::Payload;
use crate::time::Timestamp;

/// The number of an event: 1, 2, 3, … within its execution; 0 where a link points to nothing.
pub type EventId = u64;

/// One event of an execution's history.
#[derive(Clone, PartialEq)]
pub struct HistoryEvent {
    /// Counts 1, 2, 3, … in the order in which things happened.
    pub id: EventId,
    /// The event of the same line of control that came before, or 0.
    pub previous_event_id: EventId,
    /// When it happened; recordings may lack it.
    pub timestamp: Option<Timestamp>,
    /// What happened.
    pub event_type: EventType,
    /// The member `…EventDetails` of the API.
    pub details: EventDetails,
}

/// An error of the States Language: data, never a Rust error.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The error's name, such as `States.Timeout`.
    pub error: Option<Arc<str>>,
    /// What a person should know about it; often a JSON text.
    pub cause: Option<Arc<str>>,
}

/// What a state's `Assign` set: variables and their values, in the order of the API.
pub type AssignedVariables = IndexMap<Arc<str>, Payload, BuildHasherDefault<FxHasher>>;

/// What an event says beyond its type: the shapes of the API's `…EventDetails` members.
///
/// Which shape belongs to which type: [`EventType::details_member`].
#[derive(Clone, PartialEq)]
pub enum EventDetails {
    /// The type says it all, or the recording lacks the member.
    None,
    /// `ExecutionStarted`
    ExecutionStarted(Box<ExecutionStarted>),
    /// `ExecutionSucceeded`, `LambdaFunctionSucceeded`, `ActivitySucceeded`
    Output {
        /// The result.
        output: Payload,
    },
    /// `Execution{Failed,Aborted,TimedOut}`, `LambdaFunction{Failed,TimedOut,ScheduleFailed,
    /// StartFailed}`, `Activity{Failed,TimedOut,ScheduleFailed}`, `MapRunFailed`
    Failure(Failure),
    /// `{Pass,Choice,Wait,Succeed,Fail,Task,Map,Parallel}StateEntered`
    StateEntered {
        /// The state.
        name: Arc<str>,
        /// Its raw input.
        input: Payload,
    },
    /// `{Pass,Choice,Wait,Succeed,Task,Map,Parallel}StateExited`
    StateExited {
        /// The state.
        name: Arc<str>,
        /// Its output.
        output: Payload,
        /// What it assigned; `None` without `Assign`.
        assigned_variables: Option<Arc<AssignedVariables>>,
    },
    /// `LambdaFunctionScheduled`
    LambdaFunctionScheduled(Box<LambdaFunctionScheduled>),
    /// `ActivityScheduled`
    ActivityScheduled(Box<ActivityScheduled>),
    /// `ActivityStarted`
    ActivityStarted {
        /// The name that the worker gave to GetActivityTask.
        worker_name: Option<Arc<str>>,
    },
    /// `TaskScheduled`
    TaskScheduled(Box<TaskScheduled>),
    /// `TaskStarted`
    TaskStarted {
        /// The service, such as `lambda`.
        resource_type: Arc<str>,
        /// The action, such as `invoke.waitForTaskToken`.
        resource: Arc<str>,
    },
    /// `TaskSubmitted`, `TaskSucceeded`
    TaskOutput {
        /// The service.
        resource_type: Arc<str>,
        /// The action.
        resource: Arc<str>,
        /// What the service answered.
        output: Option<Payload>,
    },
    /// `TaskFailed`, `TaskTimedOut`, `TaskStartFailed`, `TaskSubmitFailed`
    TaskFailure {
        /// The service.
        resource_type: Arc<str>,
        /// The action.
        resource: Arc<str>,
        /// What went wrong.
        failure: Box<Failure>,
    },
    /// `MapStateStarted`
    MapStateStarted {
        /// How many items there are.
        length: u64,
    },
    /// `MapIteration{Started,Succeeded,Failed,Aborted}`
    MapIteration {
        /// The Map state.
        name: Arc<str>,
        /// The item's place in the array.
        index: u64,
    },
    /// `MapRunStarted`
    MapRunStarted {
        /// The Map Run.
        map_run_arn: Arc<str>,
    },
    /// `MapRunRedriven`
    MapRunRedriven(Box<MapRunRedriven>),
    /// `ExecutionRedriven`
    ExecutionRedriven {
        /// How often the execution was redriven, this time included.
        redrive_count: u64,
    },
    /// `EvaluationFailed`
    EvaluationFailed(Box<EvaluationFailed>),
}

/// Details of `ExecutionStarted`.
#[derive(Clone, PartialEq)]
pub struct ExecutionStarted {
    /// The execution's input.
    pub input: Payload,
    /// The role it runs as.
    pub role_arn: Option<Arc<str>>,
    /// The alias it was started through.
    pub state_machine_alias_arn: Option<Arc<str>>,
    /// The version it runs.
    pub state_machine_version_arn: Option<Arc<str>>,
}

/// Details of `LambdaFunctionScheduled`.
#[derive(Clone, PartialEq)]
pub struct LambdaFunctionScheduled {
    /// The function's ARN.
    pub resource: Arc<str>,
    /// The event it is called with.
    pub input: Payload,
    /// `TimeoutSeconds` of the state.
    pub timeout_in_seconds: Option<i64>,
    /// `Credentials` of the state.
    pub task_credentials: Option<TaskCredentials>,
}

/// Details of `ActivityScheduled`.
#[derive(Clone, PartialEq)]
pub struct ActivityScheduled {
    /// The activity's ARN.
    pub resource: Arc<str>,
    /// What a worker gets.
    pub input: Payload,
    /// `TimeoutSeconds` of the state.
    pub timeout_in_seconds: Option<i64>,
    /// `HeartbeatSeconds` of the state.
    pub heartbeat_in_seconds: Option<i64>,
}

/// Details of `TaskScheduled`.
#[derive(Clone, PartialEq)]
pub struct TaskScheduled {
    /// The service, such as `lambda`.
    pub resource_type: Arc<str>,
    /// The action, such as `invoke` or `startExecution.sync:2`.
    pub resource: Arc<str>,
    /// The region of the call.
    pub region: Arc<str>,
    /// What the service is asked.
    pub parameters: Payload,
    /// `TimeoutSeconds` of the state.
    pub timeout_in_seconds: Option<i64>,
    /// `HeartbeatSeconds` of the state.
    pub heartbeat_in_seconds: Option<i64>,
    /// `Credentials` of the state.
    pub task_credentials: Option<TaskCredentials>,
}

/// The credentials that a task runs with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TaskCredentials {
    /// The role to assume.
    pub role_arn: Option<Arc<str>>,
}

/// Details of `MapRunRedriven`.
#[derive(Clone, PartialEq)]
pub struct MapRunRedriven {
    /// The Map Run.
    pub map_run_arn: Option<Arc<str>>,
    /// How often it was redriven, this time included.
    pub redrive_count: Option<u64>,
}

/// Details of `EvaluationFailed`.
#[derive(Clone, PartialEq)]
pub struct EvaluationFailed {
    /// Error name and cause.
    pub failure: Failure,
    /// The field whose expression failed, such as `Output` or `Items`.
    pub location: Option<Arc<str>>,
    /// The state.
    pub state: Arc<str>,
}

/// Which of the API's `…EventDetails` structures an event type carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Nothing,
    ExecutionStarted,
    Output,
    Failure,
    StateEntered,
    StateExited,
    LambdaFunctionScheduled,
    ActivityScheduled,
    ActivityStarted,
    TaskScheduled,
    TaskStarted,
    TaskOutput,
    TaskFailure,
    MapStateStarted,
    MapIteration,
    MapRunStarted,
    MapRunRedriven,
    ExecutionRedriven,
    EvaluationFailed,
}

macro_rules! event_types {
    ($($name:ident $shape:ident $member:literal;)*) => {
        /// What happened: the API's `HistoryEventType`, all of its values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl EventType {
            /// Every event type, in the order of the API's service model.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the API.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The type with this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name of the event's details member in the API; `None` for types without details.
            pub fn details_member(self) -> Option<&'static str> {
                let member = match self { $(Self::$name => $member,)* };
                (!member.is_empty()).then_some(member)
            }

            pub(crate) fn shape(self) -> Shape {
                match self { $(Self::$name => Shape::$shape,)* }
            }
        }
    };
}

event_types! {
    ActivityFailed Failure "activityFailedEventDetails";
    ActivityScheduled ActivityScheduled "activityScheduledEventDetails";
    ActivityScheduleFailed Failure "activityScheduleFailedEventDetails";
    ActivityStarted ActivityStarted "activityStartedEventDetails";
    ActivitySucceeded Output "activitySucceededEventDetails";
    ActivityTimedOut Failure "activityTimedOutEventDetails";
    ChoiceStateEntered StateEntered "stateEnteredEventDetails";
    ChoiceStateExited StateExited "stateExitedEventDetails";
    ExecutionAborted Failure "executionAbortedEventDetails";
    ExecutionFailed Failure "executionFailedEventDetails";
    ExecutionStarted ExecutionStarted "executionStartedEventDetails";
    ExecutionSucceeded Output "executionSucceededEventDetails";
    ExecutionTimedOut Failure "executionTimedOutEventDetails";
    FailStateEntered StateEntered "stateEnteredEventDetails";
    LambdaFunctionFailed Failure "lambdaFunctionFailedEventDetails";
    LambdaFunctionScheduled LambdaFunctionScheduled "lambdaFunctionScheduledEventDetails";
    LambdaFunctionScheduleFailed Failure "lambdaFunctionScheduleFailedEventDetails";
    LambdaFunctionStarted Nothing "";
    LambdaFunctionStartFailed Failure "lambdaFunctionStartFailedEventDetails";
    LambdaFunctionSucceeded Output "lambdaFunctionSucceededEventDetails";
    LambdaFunctionTimedOut Failure "lambdaFunctionTimedOutEventDetails";
    MapIterationAborted MapIteration "mapIterationAbortedEventDetails";
    MapIterationFailed MapIteration "mapIterationFailedEventDetails";
    MapIterationStarted MapIteration "mapIterationStartedEventDetails";
    MapIterationSucceeded MapIteration "mapIterationSucceededEventDetails";
    MapStateAborted Nothing "";
    MapStateEntered StateEntered "stateEnteredEventDetails";
    MapStateExited StateExited "stateExitedEventDetails";
    MapStateFailed Nothing "";
    MapStateStarted MapStateStarted "mapStateStartedEventDetails";
    MapStateSucceeded Nothing "";
    ParallelStateAborted Nothing "";
    ParallelStateEntered StateEntered "stateEnteredEventDetails";
    ParallelStateExited StateExited "stateExitedEventDetails";
    ParallelStateFailed Nothing "";
    ParallelStateStarted Nothing "";
    ParallelStateSucceeded Nothing "";
    PassStateEntered StateEntered "stateEnteredEventDetails";
    PassStateExited StateExited "stateExitedEventDetails";
    SucceedStateEntered StateEntered "stateEnteredEventDetails";
    SucceedStateExited StateExited "stateExitedEventDetails";
    TaskFailed TaskFailure "taskFailedEventDetails";
    TaskScheduled TaskScheduled "taskScheduledEventDetails";
    TaskStarted TaskStarted "taskStartedEventDetails";
    TaskStartFailed TaskFailure "taskStartFailedEventDetails";
    TaskStateAborted Nothing "";
    TaskStateEntered StateEntered "stateEnteredEventDetails";
    TaskStateExited StateExited "stateExitedEventDetails";
    TaskSubmitFailed TaskFailure "taskSubmitFailedEventDetails";
    TaskSubmitted TaskOutput "taskSubmittedEventDetails";
    TaskSucceeded TaskOutput "taskSucceededEventDetails";
    TaskTimedOut TaskFailure "taskTimedOutEventDetails";
    WaitStateAborted Nothing "";
    WaitStateEntered StateEntered "stateEnteredEventDetails";
    WaitStateExited StateExited "stateExitedEventDetails";
    MapRunAborted Nothing "";
    MapRunFailed Failure "mapRunFailedEventDetails";
    MapRunStarted MapRunStarted "mapRunStartedEventDetails";
    MapRunSucceeded Nothing "";
    ExecutionRedriven ExecutionRedriven "executionRedrivenEventDetails";
    MapRunRedriven MapRunRedriven "mapRunRedrivenEventDetails";
    EvaluationFailed EvaluationFailed "evaluationFailedEventDetails";
}

impl EventType {
    /// Whether an execution's history ends with this event, unless it is redriven.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded
                | Self::ExecutionFailed
                | Self::ExecutionAborted
                | Self::ExecutionTimedOut
        )
    }

    /// Whether this is one of the `…Aborted` types: something else ended it.
    pub fn is_aborted(self) -> bool {
        self.name().ends_with("Aborted")
    }

    /// Whether this is one of the `…StateEntered` types.
    pub fn is_state_entered(self) -> bool {
        self.shape() == Shape::StateEntered
    }

    /// Whether this is one of the `…StateExited` types.
    pub fn is_state_exited(self) -> bool {
        self.shape() == Shape::StateExited
    }
}

impl HistoryEvent {
    /// The state or Map state that the event names, where it names one.
    pub fn state_name(&self) -> Option<&Arc<str>> {
        match &self.details {
            EventDetails::StateEntered { name, .. }
            | EventDetails::StateExited { name, .. }
            | EventDetails::MapIteration { name, .. } => Some(name),
            EventDetails::EvaluationFailed(details) => Some(&details.state),
            _ => None,
        }
    }

    /// Whether both are the same step of a state machine, whatever data they carry.
    pub fn same_step(&self, other: &Self) -> bool {
        let named = self.event_type.is_state_entered() || self.event_type.is_state_exited();
        self.event_type == other.event_type && (!named || self.state_name() == other.state_name())
    }

    /// The input, parameters or output that the event carries, where it carries one.
    pub fn payload(&self) -> Option<&Payload> {
        match &self.details {
            EventDetails::ExecutionStarted(details) => Some(&details.input),
            EventDetails::Output { output } => Some(output),
            EventDetails::StateEntered { input, .. } => Some(input),
            EventDetails::StateExited { output, .. } => Some(output),
            EventDetails::LambdaFunctionScheduled(details) => Some(&details.input),
            EventDetails::ActivityScheduled(details) => Some(&details.input),
            EventDetails::TaskScheduled(details) => Some(&details.parameters),
            EventDetails::TaskOutput { output, .. } => output.as_ref(),
            _ => None,
        }
    }

    /// The service integration of a Task's event, as `resourceType:resource`.
    pub fn service(&self) -> Option<String> {
        let (resource_type, resource) = match &self.details {
            EventDetails::TaskScheduled(details) => (&details.resource_type, &details.resource),
            EventDetails::TaskStarted { resource_type, resource }
            | EventDetails::TaskOutput { resource_type, resource, .. }
            | EventDetails::TaskFailure { resource_type, resource, .. } => {
                (resource_type, resource)
            }
            _ => return None,
        };
        Some(format!("{resource_type}:{resource}"))
    }

    /// Error and cause, where the event carries them.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.details {
            EventDetails::Failure(failure) => Some(failure),
            EventDetails::TaskFailure { failure, .. } => Some(failure),
            EventDetails::EvaluationFailed(details) => Some(&details.failure),
            _ => None,
        }
    }
}

impl Failure {
    /// A failure with error name and cause.
    pub fn new(error: impl AsRef<str>, cause: impl AsRef<str>) -> Self {
        Self { error: Some(error.as_ref().into()), cause: Some(cause.as_ref().into()) }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `error: cause`, with what there is.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, &self.cause) {
            (Some(error), Some(cause)) => write!(f, "{error}: {cause}"),
            (Some(error), None) => f.write_str(error),
            (None, Some(cause)) => write!(f, "(no error name): {cause}"),
            (None, None) => f.write_str("(no error, no cause)"),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line: id, link, type, and what the details say, data in full.
impl fmt::Display for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3} <- {:>3}  {}", self.id, self.previous_event_id, self.event_type)?;
        fmt::Display::fmt(&self.details, f)
    }
}

impl fmt::Debug for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the details say, on one line, each part after a space.
impl fmt::Display for EventDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::ExecutionStarted(details) => write!(f, " {}", details.input),
            Self::Output { output } => write!(f, " {output}"),
            Self::Failure(failure) => write!(f, " {failure}"),
            Self::StateEntered { name, input } => write!(f, " {name} {input}"),
            Self::StateExited { name, output, assigned_variables } => {
                write!(f, " {name} {output}")?;
                let variables = assigned_variables.iter().flat_map(|variables| variables.iter());
                variables.into_iter().try_for_each(|(name, value)| write!(f, " ${name}={value}"))
            }
            Self::LambdaFunctionScheduled(details) => {
                write!(f, " {} {}", details.resource, details.input)?;
                write_seconds(f, details.timeout_in_seconds, None)
            }
            Self::ActivityScheduled(details) => {
                write!(f, " {} {}", details.resource, details.input)?;
                write_seconds(f, details.timeout_in_seconds, details.heartbeat_in_seconds)
            }
            Self::ActivityStarted { worker_name } => match worker_name {
                Some(name) => write!(f, " {name}"),
                None => Ok(()),
            },
            Self::TaskScheduled(details) => {
                write!(f, " {}:{} ", details.resource_type, details.resource)?;
                write!(f, "{}", details.parameters)?;
                write_seconds(f, details.timeout_in_seconds, details.heartbeat_in_seconds)
            }
            Self::TaskStarted { resource_type, resource } => {
                write!(f, " {resource_type}:{resource}")
            }
            Self::TaskOutput { resource_type, resource, output } => {
                write!(f, " {resource_type}:{resource}")?;
                output.iter().try_for_each(|output| write!(f, " {output}"))
            }
            Self::TaskFailure { resource_type, resource, failure } => {
                write!(f, " {resource_type}:{resource} {failure}")
            }
            Self::MapStateStarted { length } => write!(f, " length={length}"),
            Self::MapIteration { name, index } => write!(f, " {name}[{index}]"),
            Self::MapRunStarted { map_run_arn } => write!(f, " {map_run_arn}"),
            Self::MapRunRedriven(details) => {
                details.map_run_arn.iter().try_for_each(|arn| write!(f, " {arn}"))?;
                details.redrive_count.iter().try_for_each(|n| write!(f, " redriveCount={n}"))
            }
            Self::ExecutionRedriven { redrive_count } => {
                write!(f, " redriveCount={redrive_count}")
            }
            Self::EvaluationFailed(details) => {
                write!(f, " {}", details.state)?;
                details.location.iter().try_for_each(|location| write!(f, "/{location}"))?;
                write!(f, " {}", details.failure)
            }
        }
    }
}

impl fmt::Debug for EventDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_seconds(
    f: &mut fmt::Formatter<'_>,
    timeout: Option<i64>,
    heartbeat: Option<i64>,
) -> fmt::Result {
    timeout.iter().try_for_each(|seconds| write!(f, " timeout={seconds}s"))?;
    heartbeat.iter().try_for_each(|seconds| write!(f, " heartbeat={seconds}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_small() {
        // A history of 25,000 events is kept whole, and the engine writes millions a second.
        assert!(size_of::<HistoryEvent>() <= 104, "{}", size_of::<HistoryEvent>());
    }

    #[test]
    fn every_type_has_its_name() {
        assert_eq!(EventType::ALL.len(), 62);
        for event_type in EventType::ALL {
            assert_eq!(EventType::parse(event_type.name()), Some(*event_type));
            assert_eq!(event_type.details_member().is_none(), event_type.shape() == Shape::Nothing);
        }
        assert_eq!(EventType::parse("NoSuchEvent"), None);
    }
}
