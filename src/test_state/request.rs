//! What TestState is asked.

use std::sync::Arc;

use super::TestStateError;
use crate::asl::validate::syntax_complaint;
use crate::history::Failure;
use crate::service_model::FieldValidationMode;
use crate::time::Timestamp;
use crate::value::{Map, Value};

/// A request, its JSON texts parsed.
#[derive(Clone, Debug, Default)]
pub struct TestStateRequest {
    /// A state, or a whole definition.
    pub definition: Arc<str>,
    /// The state of a whole definition; by default its first.
    pub state_name: Option<Arc<str>>,
    /// The role that the Context Object shows.
    pub role_arn: Option<Arc<str>>,
    /// The state's input; `{}` by default.
    pub input: Option<Value>,
    /// How much the answer tells.
    pub inspection_level: InspectionLevel,
    /// Workflow variables.
    pub variables: Option<Map>,
    /// What the service, the branches or the iterations answer.
    pub mock: Option<Mock>,
    /// Takes the place of the Context Object.
    pub context: Option<Value>,
    /// What came before.
    pub configuration: StateConfiguration,
    /// When the test begins; not part of the API.
    pub start_time: Option<Timestamp>,
    /// The seed of random numbers; not part of the API.
    pub seed: i64,
    /// Region and account in the ARNs of the Context Object; not part of the API.
    pub account: Option<(Arc<str>, Arc<str>)>,
}

/// How much an answer tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum InspectionLevel {
    /// Status, output, error and next state.
    #[default]
    Info,
    /// The data between the steps of the state as well.
    Debug,
    /// The HTTP request and response as well.
    Trace,
}

/// A mocked outcome.
#[derive(Clone, Debug)]
pub struct Mock {
    /// The result, or error and cause.
    pub result: Result<Value, Failure>,
    /// How strictly a result must match the service's API.
    pub field_validation_mode: FieldValidationMode,
}

/// What came before the state that is tested.
#[derive(Clone, Debug, Default)]
pub struct StateConfiguration {
    /// How often the Retrier that matches was used.
    pub retrier_retry_count: u32,
    /// The state of a Map's processor or of a Parallel's branch that the mocked error comes from.
    pub error_caused_by_state: Option<Arc<str>>,
    /// How many iterations of the Map have failed.
    pub map_iteration_failure_count: Option<u64>,
    /// What the Map's ItemReader reads, as it stands in the file: CSV, JSON, JSON Lines.
    pub map_item_reader_data: Option<Arc<str>>,
}

impl Mock {
    pub(super) fn outcome(&self) -> Result<Value, Failure> {
        self.result.clone()
    }
}

impl TestStateRequest {
    /// Reads a request in the API's JSON form.
    ///
    /// # Errors
    ///
    /// A member of the wrong type, or text that is no JSON where JSON is asked for.
    pub fn from_json(request: &Value) -> Result<Self, TestStateError> {
        let reader = Reader { object: request, path: String::new() };
        let definition = reader.text("definition")?.ok_or_else(|| {
            invalid("1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must not be null")
        })?;
        let configuration = match reader.inner("stateConfiguration") {
            Some(inner) => StateConfiguration {
                retrier_retry_count: u32::try_from(inner.count("retrierRetryCount")?.unwrap_or(0))
                    .unwrap_or(u32::MAX),
                error_caused_by_state: inner.text("errorCausedByState")?,
                map_iteration_failure_count: inner.count("mapIterationFailureCount")?,
                map_item_reader_data: inner.text("mapItemReaderData")?,
            },
            None => StateConfiguration::default(),
        };
        let variables = match reader.json("variables")? {
            None => None,
            Some(Value::Object(variables)) => Some(variables.into_map()),
            Some(_) => return Err(invalid("Variables must be a JSON object")),
        };
        Ok(Self {
            definition,
            state_name: reader.text("stateName")?,
            role_arn: reader.text("roleArn")?,
            input: reader.json("input")?,
            inspection_level: match reader.text("inspectionLevel")?.as_deref() {
                None | Some("INFO") => InspectionLevel::Info,
                Some("DEBUG") => InspectionLevel::Debug,
                Some("TRACE") => InspectionLevel::Trace,
                Some(other) => {
                    return Err(one_of("inspectionLevel", other, "[INFO, DEBUG, TRACE]"));
                }
            },
            variables,
            mock: reader.inner("mock").map(|inner| read_mock(&inner)).transpose()?,
            context: reader.json("context")?,
            configuration,
            start_time: None,
            seed: 0,
            account: None,
        })
    }
}

fn read_mock(mock: &Reader<'_>) -> Result<Mock, TestStateError> {
    let failure = mock.inner("errorOutput");
    let result = match (mock.json("result")?, failure) {
        (Some(result), None) => Ok(result),
        (None, Some(failure)) => {
            let error = failure.text("error")?;
            // Documented: the member is required.
            let error = error.ok_or_else(|| invalid("`mock.errorOutput.error` is required"))?;
            Err(Failure { error: Some(error), cause: failure.text("cause")? })
        }
        _ => return Err(invalid("A mock must specify either result or errorOutput")),
    };
    let field_validation_mode = match mock.text("fieldValidationMode")?.as_deref() {
        None => FieldValidationMode::Strict,
        Some(name) => FieldValidationMode::from_name(name)
            .ok_or_else(|| one_of("mock.fieldValidationMode", name, "[STRICT, PRESENT, NONE]"))?,
    };
    Ok(Mock { result, field_validation_mode })
}

struct Reader<'a> {
    object: &'a Value,
    /// What stands before the names of its members.
    path: String,
}

impl<'a> Reader<'a> {
    fn text(&self, key: &str) -> Result<Option<Arc<str>>, TestStateError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                let (path, kind) = (&self.path, other.kind());
                Err(invalid(&format!("`{path}{key}` must be a string, not {kind}")))
            }
        }
    }

    fn json(&self, key: &str) -> Result<Option<Value>, TestStateError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        Value::parse(&text).map(Some).map_err(|error| {
            if key == "input" {
                let why = syntax_complaint(&text, &error);
                let message = format!("Invalid State Machine Execution Input: '{why}'");
                return TestStateError { code: "InvalidExecutionInput", message };
            }
            invalid(&format!("`{}{key}` is not JSON: {}", self.path, error.locate(&text)))
        })
    }

    fn count(&self, key: &str) -> Result<Option<u64>, TestStateError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let count = value.as_i64().and_then(|count| u64::try_from(count).ok());
                let path = &self.path;
                let refuse =
                    || invalid(&format!("`{path}{key}` must be a whole number, at least 0"));
                count.map(Some).ok_or_else(refuse)
            }
        }
    }

    fn inner(&self, key: &str) -> Option<Reader<'a>> {
        match self.object.get(key) {
            None | Some(Value::Null) => None,
            Some(object) => Some(Reader { object, path: format!("{}{key}.", self.path) }),
        }
    }
}

fn invalid(message: &str) -> TestStateError {
    TestStateError { code: "ValidationException", message: message.to_owned() }
}

fn one_of(key: &str, found: &str, allowed: &str) -> TestStateError {
    invalid(&format!(
        "1 validation error detected: Value '{found}' at '{key}' failed to satisfy constraint: \
         Member must satisfy enum value set: {allowed}"
    ))
}
