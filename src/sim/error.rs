//! Why a simulation came to no end.

use std::fmt;
use std::time::Duration;

use super::finding::MockFinding;
use super::run::Run;
use crate::diagnostic::Diagnostic;
use crate::duration;
use crate::mock::MockError;

/// A simulation that came to no end, with what happened until then.
#[derive(Debug)]
pub struct SimulationError {
    /// What is the matter.
    pub problem: Box<Problem>,
    /// What happened until then; `None` where nothing had started.
    pub run: Option<Box<Run>>,
}

/// What is the matter with a simulation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The definition has errors.
    InvalidDefinition(Vec<Diagnostic>),
    /// A mock cannot be understood.
    InvalidMock(MockError),
    /// The names or the input that the simulation is to start with are refused by the API.
    NotStarted(String),
    /// The start of a Standard execution is to be delivered twice.
    DuplicateDelivery,
    /// A Task has no mock.
    Unmocked {
        /// The state, with its place: `Map[2]/Charge`.
        state: String,
        /// The nested state machine that it belongs to.
        machine: Option<String>,
        /// What it calls.
        resource: String,
        /// The YAML to paste into a scenario.
        stub: String,
    },
    /// A Task has a mock, but none of its answers is for these arguments.
    NoAnswer {
        /// The state, with its place.
        state: String,
        /// The mock.
        key: String,
        /// What the call's arguments were.
        arguments: String,
    },
    /// An answer could not be given.
    BadAnswer {
        /// The state, with its place.
        state: String,
        /// Why.
        message: String,
    },
    /// A mocked result is not as its service's API says, and that was to be validated.
    MockMismatch {
        /// The state, with its place.
        state: String,
        /// What is wrong with it.
        findings: Vec<MockFinding>,
    },
    /// The items of a distributed Map cannot be read here, although AWS might.
    MapRun {
        /// The state, with its place.
        state: String,
        /// What to do instead.
        message: String,
    },
    /// Executions wait for something that nothing in the simulation will ever do.
    Stuck {
        /// What they wait for.
        tasks: Vec<OpenTask>,
        /// The virtual time since the start.
        at: Duration,
    },
    /// An action could not be done.
    Action {
        /// The action: `sendTaskSuccess of `Approve` at 5s`.
        action: String,
        /// Why.
        message: String,
    },
    /// Executions start one another without an end.
    TooManyExecutions {
        /// How many there were.
        limit: usize,
    },
}

/// A task that nothing will ever end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTask {
    /// The state, with its place.
    pub state: String,
    /// The nested state machine that it belongs to.
    pub machine: Option<String>,
    /// What it calls.
    pub resource: String,
    /// Whether a callback could end it.
    pub has_token: bool,
}

impl From<Problem> for SimulationError {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), run: None }
    }
}

impl From<MockError> for SimulationError {
    fn from(error: MockError) -> Self {
        Problem::InvalidMock(error).into()
    }
}

impl fmt::Display for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, f)
    }
}

impl std::error::Error for SimulationError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidDefinition(diagnostics) => {
                f.write_str("the definition has errors:")?;
                diagnostics.iter().try_for_each(|diagnostic| write!(f, "\n{diagnostic}"))
            }
            Self::InvalidMock(error) => write!(f, "a mock cannot be understood: {error}"),
            Self::NotStarted(why) => write!(f, "the execution could not start: {why}"),
            Self::DuplicateDelivery => f.write_str(
                "the start of a Standard execution is delivered exactly once; only asynchronous \
                 Express executions may run twice: make it one, or drop the duplicate delivery",
            ),
            Self::Unmocked { state, machine, resource, stub } => {
                write!(f, "`{state}`")?;
                machine.iter().try_for_each(|machine| write!(f, " of `{machine}`"))?;
                write!(f, " calls `{resource}`, and nothing answers; paste and adapt:\n\n{stub}")
            }
            Self::NoAnswer { state, key, arguments } => write!(
                f,
                "no `when` of mock `{key}` holds for this call of `{state}`: {arguments}\n\
                 add an answer without `when` for all other calls"
            ),
            Self::BadAnswer { state, message } => {
                write!(f, "`{state}` could not be answered: {message}")
            }
            Self::MockMismatch { state, findings } => {
                write!(f, "`{state}` is answered with what its service never answers:")?;
                findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
            }
            Self::MapRun { state, message } => write!(
                f,
                "the items of `{state}` cannot be read: {message}, or give the state itself a mock \
                 with the result of the whole run"
            ),
            Self::Stuck { tasks, at } => {
                write!(f, "nothing will ever happen again after {}:", duration::text(*at))?;
                tasks.iter().try_for_each(|task| write!(f, "\n  {task}"))?;
                f.write_str(
                    "\nanswer the task with a mock, call back with an action, or give the state \
                     `TimeoutSeconds`",
                )
            }
            Self::Action { action, message } => write!(f, "{action}: {message}"),
            Self::TooManyExecutions { limit } => {
                write!(f, "executions start one another without an end: {limit} so far")
            }
        }
    }
}

impl fmt::Display for OpenTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.state)?;
        self.machine.iter().try_for_each(|machine| write!(f, " of `{machine}`"))?;
        let what = if self.has_token { "a callback" } else { "an answer" };
        write!(f, " waits for {what} from `{}`", self.resource)
    }
}
