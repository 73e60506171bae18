//! Simulations: state machines run in virtual time, against mocks.
//!
//! A [`Simulation`] is an account of its own with a clock that jumps from one thing to happen to
//! the next: a year-long wait takes no time. Nothing in it touches the network, and equal
//! simulations give equal [`Run`]s, byte for byte.
//!
//! ```
//! use serde_json::json;
//! use stepproof::mock::Mock;
//! use stepproof::sim::Simulation;
//!
//! let definition = r#"{
//!   "StartAt": "Charge",
//!   "States": {
//!     "Charge": {
//!       "Type": "Task",
//!       "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge",
//!       "Retry": [{ "ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 3 }],
//!       "End": true
//!     }
//!   }
//! }"#;
//! let run = Simulation::parse(definition)?
//!     .input(json!({ "orderId": 17 }))
//!     .mock("Charge", Mock::fault("lambda.throttled").then(Mock::returns(json!({ "receipt": "r-1" }))))
//!     .run()?;
//!
//! assert_eq!(run.output(), Some(&json!({ "receipt": "r-1" }).into()));
//! assert_eq!(run.path(), ["Charge"]);
//! assert_eq!(run.calls("Charge").len(), 2);
//! assert_eq!(run.duration().as_secs(), 3);
//! # Ok::<(), stepproof::sim::SimulationError>(())
//! ```

mod action;
mod driver;
mod error;
mod finding;
mod path;
mod queue;
mod run;
mod versions;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use action::{Action, ActionKind};
pub use error::{OpenTask, Problem, SimulationError};
pub use finding::MockFinding;
pub use path::Step;
pub use run::{Call, ExecutionRun, MapRunSummary, Run, UnusedAction};
pub use versions::{Routing, Versions};
pub use worker::Worker;

use crate::asl::{self, ExecutionType, StateMachine};
use crate::limits::Limits;
use crate::map_run::{Body, Objects};
use crate::mock::{Mock, Mocks};
use crate::service::Account;
use crate::service_model::FieldValidationMode;
use crate::time::Timestamp;
use crate::value::Value;

/// When simulations start where nothing else is said: 2024-01-01T00:00:00Z.
pub const START_TIME: Timestamp = Timestamp(1_704_067_200_000);

/// A state machine, its input, and the world around it.
#[derive(Clone, Debug)]
pub struct Simulation {
    machine: Machine,
    others: Vec<Machine>,
    start_through: Option<Arc<str>>,
    execution_name: Arc<str>,
    role_arn: Option<Arc<str>>,
    input: Value,
    start_time: Timestamp,
    account: Account,
    mocks: Mocks,
    workers: Vec<(Box<str>, Worker)>,
    actions: Vec<Action>,
    objects: Objects,
    field_validation_mode: Option<FieldValidationMode>,
    duplicate_delivery: Option<Duration>,
}

/// A state machine of the simulated account.
#[derive(Clone, Debug)]
struct Machine {
    name: Arc<str>,
    machine: Arc<StateMachine>,
    execution_type: ExecutionType,
    versions: Versions,
}

impl Simulation {
    /// A simulation of this state machine, with an empty object as input and no mocks.
    pub fn new(machine: impl Into<Arc<StateMachine>>) -> Self {
        Self {
            machine: Machine {
                name: "StateMachine".into(),
                machine: machine.into(),
                execution_type: ExecutionType::Standard,
                versions: Versions::default(),
            },
            others: Vec::new(),
            start_through: None,
            execution_name: "execution".into(),
            role_arn: None,
            input: Value::object::<&str>([]),
            start_time: START_TIME,
            account: Account::default(),
            mocks: Mocks::default(),
            workers: Vec::new(),
            actions: Vec::new(),
            objects: Objects::default(),
            field_validation_mode: None,
            duplicate_delivery: None,
        }
    }

    /// A simulation of the state machine that this definition describes.
    ///
    /// # Errors
    ///
    /// [`Problem::InvalidDefinition`] with everything that is wrong in it.
    pub fn parse(definition: &str) -> Result<Self, SimulationError> {
        match asl::parse_text("definition", definition) {
            (Some(machine), _) => Ok(Self::new(machine)),
            (None, diagnostics) => Err(Problem::InvalidDefinition(diagnostics).into()),
        }
    }

    /// The execution's input.
    #[must_use]
    pub fn input(self, input: impl Into<Value>) -> Self {
        Self { input: input.into(), ..self }
    }

    /// Answers for the tasks that `key` names: see [`MockKey`](crate::mock::MockKey).
    #[must_use]
    pub fn mock(mut self, key: impl AsRef<str>, mock: impl Into<Mock>) -> Self {
        self.mocks.add(None, key.as_ref(), mock.into());
        self
    }

    /// Answers for a task of the nested state machine `machine`.
    #[must_use]
    pub fn nested_mock(mut self, machine: &str, key: &str, mock: impl Into<Mock>) -> Self {
        self.mocks.add(Some(machine), key, mock.into());
        self
    }

    /// Another state machine of the account, which nested executions really run. Its name is what
    /// counts: region and account in the ARNs of the definition may be any.
    #[must_use]
    pub fn machine(
        mut self,
        name: impl Into<Arc<str>>,
        machine: impl Into<Arc<StateMachine>>,
        execution_type: ExecutionType,
    ) -> Self {
        let (name, machine, versions) = (name.into(), machine.into(), Versions::default());
        self.others.push(Machine { name, machine, execution_type, versions });
        self
    }

    /// The versions and aliases of the state machine under test.
    #[must_use]
    pub fn versions(mut self, versions: Versions) -> Self {
        self.machine.versions = versions;
        self
    }

    /// The versions and aliases of another state machine, which [`Simulation::machine`] has added.
    #[must_use]
    pub fn nested_versions(mut self, name: &str, versions: Versions) -> Self {
        if let Some(machine) = self.others.iter_mut().find(|machine| *machine.name == *name) {
            machine.versions = versions;
        }
        self
    }

    /// Starts the execution through an alias, or a version by its number. Which version an alias
    /// with two of them leads to, the seed decides.
    #[must_use]
    pub fn start_through(self, qualifier: impl Into<Arc<str>>) -> Self {
        Self { start_through: Some(qualifier.into()), ..self }
    }

    /// A scripted worker of the activity called `activity`.
    #[must_use]
    pub fn worker(mut self, activity: impl Into<Box<str>>, worker: Worker) -> Self {
        self.workers.push((activity.into(), worker));
        self
    }

    /// An object of the virtual S3, which ItemReader reads. It was written when the simulation
    /// starts.
    #[must_use]
    pub fn object(mut self, bucket: &str, key: &str, body: impl Into<Body>) -> Self {
        // The bucket may have been declared missing; it is missing no more.
        self.objects.create_bucket(bucket);
        let _ = self.objects.put(bucket, key, body, Timestamp::EPOCH);
        self
    }

    /// A bucket that does not exist: to read from it or to write to it fails. Any other exists.
    #[must_use]
    pub fn missing_bucket(mut self, bucket: &str) -> Self {
        self.objects.without_bucket(bucket);
        self
    }

    /// Holds the results of mocks against the models of AWS's services: a result that is not as
    /// the API says ends the simulation with [`Problem::MockMismatch`]. Where nothing is said,
    /// the members that a result has are looked at and [`Run::mock_findings`] tells of them.
    #[must_use]
    pub fn field_validation_mode(self, mode: FieldValidationMode) -> Self {
        Self { field_validation_mode: Some(mode), ..self }
    }

    /// Delivers the start of the execution once more, this long after the first: asynchronous
    /// Express workflows run at least once, so that each call may be made twice. The second run
    /// has name, ARN and input of the first, and [`Run::duplicate`] tells of it.
    ///
    /// Only for Express executions: the starts of Standard ones are delivered exactly once, and
    /// [`Simulation::run`] refuses to pretend otherwise.
    #[must_use]
    pub fn duplicate_delivery(self, after: Duration) -> Self {
        Self { duplicate_delivery: Some(after), ..self }
    }

    /// Something that happens from outside.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// The state machine's name: `$$.StateMachine.Name`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.machine.name = name.into();
        self
    }

    /// Standard or Express.
    #[must_use]
    pub fn execution_type(mut self, execution_type: ExecutionType) -> Self {
        self.machine.execution_type = execution_type;
        self
    }

    /// The execution's name: `$$.Execution.Name`.
    #[must_use]
    pub fn execution_name(self, name: impl Into<Arc<str>>) -> Self {
        Self { execution_name: name.into(), ..self }
    }

    /// The role the execution runs as.
    #[must_use]
    pub fn role_arn(self, role_arn: impl Into<Arc<str>>) -> Self {
        Self { role_arn: Some(role_arn.into()), ..self }
    }

    /// When it starts; [`START_TIME`] where nothing is said.
    #[must_use]
    pub fn start_time(self, start_time: Timestamp) -> Self {
        Self { start_time, ..self }
    }

    /// The seed of jitter, UUIDs, random numbers and made-up names; 0 where nothing is said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.account.seed = seed.cast_signed();
        self
    }

    /// A seed that shuffles which branch goes first among equals. Without one, order is fixed.
    #[must_use]
    pub fn interleaving(mut self, seed: Option<u64>) -> Self {
        self.account.interleaving = seed.map(u64::cast_signed);
        self
    }

    /// The service's limits; today's where nothing is said.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.account.limits = limits;
        self
    }

    /// The region and the twelve digits of the account in ARNs.
    #[must_use]
    pub fn account(mut self, region: impl Into<Arc<str>>, account_id: impl Into<Arc<str>>) -> Self {
        self.account.region = region.into();
        self.account.account_id = account_id.into();
        self
    }

    /// Runs the execution to its end, and those that it started.
    ///
    /// # Errors
    ///
    /// Where a task has no answer, where the execution waits for something that nothing in the
    /// simulation will ever do, and where the simulation contradicts itself. An execution that
    /// fails is no error: its [`Run::status`] says so.
    pub fn run(&self) -> Result<Run, SimulationError> {
        driver::run(self)
    }
}

#[cfg(test)]
mod tests;
