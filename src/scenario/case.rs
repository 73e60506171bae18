//! One case of a scenario file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::definition::Definition;
use super::expect::Expectation;
use super::state_test::StateTestCase;
use crate::asl::ExecutionType;
use crate::diagnostic::{Diagnostic, Severity};
use crate::limits::Limits;
use crate::mock::Mock;
use crate::service_model::FieldValidationMode;
use crate::sim::{Action, Routing, Worker};
use crate::time::Timestamp;
use crate::value::Value;

/// One execution, the world around it, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name, unique in its file.
    pub name: Arc<str>,
    /// What it shows.
    pub description: Option<Arc<str>>,
    /// Words to select it by.
    pub tags: Vec<Arc<str>>,
    /// The versions and aliases of the state machine.
    pub versions: CaseVersions,
    /// The alias, or the number of the version, through which the execution starts.
    pub start_through: Option<Arc<str>>,
    /// The bytes of the scenario file that spell the case.
    pub span: Range<usize>,
    /// Whether other cases are made from the same bytes: a row of `forEach`.
    pub shared: bool,
    /// What is run.
    pub definition: Arc<Definition>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// The execution's input.
    pub input: Value,
    /// `$$.Execution.Name`.
    pub execution_name: Arc<str>,
    /// `$$.StateMachine.Name`.
    pub state_machine_name: Arc<str>,
    /// `$$.Execution.RoleArn`, where one is given.
    pub role_arn: Option<Arc<str>>,
    /// When it starts.
    pub start_time: Timestamp,
    /// The seed of jitter, UUIDs and random numbers.
    pub seed: u64,
    /// A seed that shuffles which branch goes first among equals; `None` keeps their order.
    pub interleaving: Option<u64>,
    /// Which limits hold.
    pub limits: Limits,
    /// How mocked results are held against service models, where that is asked for.
    pub field_validation_mode: Option<FieldValidationMode>,
    /// How long after the first delivery its start is delivered once more, where it is.
    pub duplicate_delivery: Option<Duration>,
    /// What is around the execution.
    pub world: World,
    /// What must hold afterwards.
    pub expect: Expectation,
    /// The definition must be refused with these diagnostics, in place of being run.
    pub expect_invalid: Option<Vec<ExpectedDiagnostic>>,
    /// One state is tested by itself, in place of an execution.
    pub state_test: Option<StateTestCase>,
    /// What the case proves.
    pub proof: Proof,
}

/// The versions and aliases that a state machine of a case has.
#[derive(Clone, Debug, Default)]
pub struct CaseVersions {
    /// The versions, from the first on; `None` publishes the definition that the machine has in the
    /// end.
    pub published: Vec<Option<Arc<Definition>>>,
    /// The aliases.
    pub aliases: Vec<(Arc<str>, Routing)>,
}

/// What answers an execution, and what else happens to it.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What answers the tasks, those of nested machines included.
    pub mocks: Vec<CaseMock>,
    /// State machines that nested executions really run.
    pub machines: Vec<NestedMachine>,
    /// Scripted workers, by the name of their activity.
    pub workers: Vec<(Arc<str>, Worker)>,
    /// What happens from outside.
    pub actions: Vec<Action>,
    /// The objects of the virtual S3.
    pub objects: Vec<CaseObject>,
    /// Buckets that do not exist; any other does.
    pub missing_buckets: Vec<Arc<str>>,
}

/// An object of the virtual S3.
#[derive(Clone, Debug)]
pub struct CaseObject {
    /// Its bucket.
    pub bucket: Arc<str>,
    /// Its key.
    pub key: Arc<str>,
    /// Its bytes.
    pub body: Arc<[u8]>,
}

/// A mock of a case.
#[derive(Clone, Debug)]
pub struct CaseMock {
    /// The nested machine whose states the key names; `None` for the one under test.
    pub machine: Option<Arc<str>>,
    /// What it answers: a state, a place or a resource.
    pub key: Arc<str>,
    /// The answers.
    pub mock: Mock,
    /// Whether the case has it from the defaults: then it need not be used by every case.
    pub inherited: bool,
}

/// A state machine of the account beside the one under test.
#[derive(Clone, Debug)]
pub struct NestedMachine {
    /// Its name.
    pub name: Arc<str>,
    /// What it runs.
    pub definition: Arc<Definition>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// Its versions and aliases.
    pub versions: CaseVersions,
    /// Whether the case has it from the defaults or a template: then it need not be started.
    pub inherited: bool,
}

/// What a refusal of a definition must say; absent members may be anything.
#[derive(Clone, Debug)]
pub struct ExpectedDiagnostic {
    /// How bad it is: an error, unless the scenario asks for a warning, which refuses nothing.
    pub severity: Severity,
    /// The code, such as `MISSING_TRANSITION_TARGET`.
    pub code: Option<Arc<str>>,
    /// The location, such as `/States/A/Next`.
    pub location: Option<Arc<str>>,
    /// A part of the message.
    pub message: Option<Arc<str>>,
    /// Its place in the scenario file.
    pub span: Range<usize>,
}

/// Why a conformance case expects what it expects.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Ids of the feature list.
    pub features: Vec<Arc<str>>,
    /// The sections it proves: kind (`guide`, `spec`, `documentation`) and name.
    pub proves: Vec<(&'static str, Arc<str>)>,
    /// Where the expectation comes from.
    pub basis: Option<Basis>,
    /// The recording that shows it.
    pub recording: Option<Arc<str>>,
}

/// Where an expectation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Seen on AWS.
    Observed,
    /// Written in AWS's documentation.
    Documented,
    /// Concluded from other cases.
    Inferred,
}

impl ExpectedDiagnostic {
    /// Whether the diagnostic is what is expected.
    pub fn accepts(&self, diagnostic: &Diagnostic) -> bool {
        let Diagnostic { code, location, message, .. } = diagnostic;
        self.accepts_parts(!diagnostic.is_error(), code, location, message)
    }

    /// Whether a diagnostic of these parts, a warning or an error, is what is expected.
    pub fn accepts_parts(&self, warning: bool, code: &str, location: &str, message: &str) -> bool {
        let same = |wanted: &Option<Arc<str>>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        warning == (self.severity == Severity::Warning)
            && same(&self.code, code)
            && same(&self.location, location)
            && self.message.as_deref().is_none_or(|part| message.contains(part))
    }
}

impl fmt::Display for ExpectedDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("the warning ")?;
        }
        f.write_str(self.code.as_deref().unwrap_or("any code"))?;
        self.location.iter().try_for_each(|location| write!(f, " at {location}"))?;
        self.message.iter().try_for_each(|message| write!(f, ": … {message} …"))
    }
}
