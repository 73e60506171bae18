//! Mocks: what answers the tasks of a state machine in a simulation.
//!
//! A [`Mock`] answers for one key: a state, a place, or a resource. `scenarios/README.md` is the
//! reference for keys and answers; this module builds them from Rust and from JSON, and decides
//! which answer an attempt gets. It does not keep time: [`crate::sim`] delivers the answers.

mod answer;
mod build;
pub mod config_file;
mod faults;
mod key;
mod parse;
mod plan;
mod resolve;
mod results;
mod stub;

use std::fmt;
use std::sync::Arc;

pub use answer::{Answer, Body, Heartbeats, Outcome};
pub use faults::{Evidence, Fault, api_failure, client_failure};
pub use key::MockKey;
pub use parse::MockError;
pub(crate) use parse::{fail, object, only, parse_duration};
pub(crate) use plan::{Course, End, Plan};
pub(crate) use resolve::{BoundMocks, unknown_fault};
pub use resolve::{Mocks, Resolved, Unresolved, UnusedMock};
pub use results::{failed_by_service, submitted, typical};
pub use stub::stub;

use crate::asl::Resource;
use crate::engine::Place;
use crate::value::Value;

/// Answers for the tasks of one key.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use stepproof::mock::Mock;
///
/// // Throttled twice, then a receipt that takes its time.
/// let mock = Mock::fault("lambda.throttled")
///     .repeat(2)
///     .then(Mock::returns(json!({ "receipt": "r-1" })).after(Duration::from_secs(90)));
/// ```
#[derive(Clone, Debug)]
pub struct Mock {
    source: Source,
    counting: Counting,
}

#[derive(Clone)]
enum Source {
    Answers(Vec<Answer>),
    Function(Arc<dyn Fn(&TaskCall<'_>) -> Answer + Send + Sync>),
}

/// What moves on from one answer of a list to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Retries; another entry of the state begins anew.
    Attempts,
    /// Every call of the state in the whole run.
    Invocations,
}

/// A call that a mock is to answer.
#[derive(Clone, Debug)]
pub struct TaskCall<'a> {
    /// The name of the state machine.
    pub machine: &'a str,
    /// The state.
    pub state: &'a str,
    /// The branches and iterations around it.
    pub place: &'a Place,
    /// What it calls.
    pub resource: &'a Resource,
    /// What it calls it with.
    pub arguments: &'a Value,
    /// `Credentials`, evaluated.
    pub credentials: Option<&'a Value>,
    /// The token of a callback task.
    pub task_token: Option<&'a str>,
    /// How often this entry of the state was retried: zero at first.
    pub attempt: u32,
    /// How many calls of the state the mock has had before, in the whole run.
    pub invocation: u32,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(answers) => fmt::Debug::fmt(answers, f),
            Self::Function(_) => f.write_str("fn"),
        }
    }
}

#[cfg(test)]
mod tests;
