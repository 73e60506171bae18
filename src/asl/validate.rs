//! ValidateStateMachineDefinition as a function, and the refusal of CreateStateMachine.

mod jackson;
#[cfg(test)]
mod tests;

use super::map::ExecutionType;
use super::parse::parse;
use super::state_machine::StateMachine;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{Document, Format, INVALID_JSON};
use crate::json;
use crate::limits::Limits;
use crate::value::{Map, Value};

/// The most diagnostics of one answer, and the default.
pub const MAX_RESULTS: usize = 100;

/// What ValidateStateMachineDefinition is asked.
#[derive(Clone, Copy, Debug)]
pub struct ValidationRequest<'a> {
    /// `definition`: JSON.
    pub definition: &'a str,
    /// `type`
    pub execution_type: ExecutionType,
    /// `severity`: with `Error` warnings are left out.
    pub severity: Severity,
    /// `maxResults`; zero means [`MAX_RESULTS`].
    pub max_results: usize,
}

/// What ValidateStateMachineDefinition answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// `result`: whether CreateStateMachine would take the definition.
    pub ok: bool,
    /// `diagnostics`
    pub diagnostics: Vec<ValidationDiagnostic>,
    /// `truncated`: whether there were more than `maxResults`.
    pub truncated: bool,
}

/// One element of `diagnostics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationDiagnostic {
    /// `severity`
    pub severity: Severity,
    /// `code`
    pub code: &'static str,
    /// `message`
    pub message: String,
    /// `location`, where there is one.
    pub location: Option<String>,
}

impl<'a> ValidationRequest<'a> {
    /// The request with the defaults of the API: a Standard machine, errors only.
    pub fn new(definition: &'a str) -> Self {
        Self {
            definition,
            execution_type: ExecutionType::Standard,
            severity: Severity::Error,
            max_results: MAX_RESULTS,
        }
    }
}

/// Answers ValidateStateMachineDefinition.
pub fn validate_definition(request: &ValidationRequest<'_>) -> Validation {
    let (_, mut diagnostics) =
        examine(request.definition, &Limits::today(), request.execution_type);
    let ok = !diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    diagnostics.retain(|problem| problem.severity <= request.severity);
    let most = match request.max_results {
        0 => MAX_RESULTS,
        given => given.min(MAX_RESULTS),
    };
    let truncated = diagnostics.len() > most;
    diagnostics.truncate(most);
    Validation { ok, diagnostics, truncated }
}

/// Reads the definition that CreateStateMachine or UpdateStateMachine was given.
///
/// # Errors
///
/// The message of the API's `InvalidDefinition` error.
pub fn accept_definition(
    definition: &str,
    limits: &Limits,
    execution_type: ExecutionType,
) -> Result<StateMachine, String> {
    let (machine, problems) = examine(definition, limits, execution_type);
    machine.ok_or_else(|| {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ValidationDiagnostic::line).collect();
        format!("Invalid State Machine Definition: '{}'", errors.join(", "))
    })
}

/// What is wrong with a text that should be JSON, in the words that AWS has for it
/// (`sfn_api.invalid_start_execution_input`).
pub fn syntax_complaint(text: &str, error: &json::JsonError) -> String {
    jackson::complaint_of(text, error)
}

fn examine(
    definition: &str,
    limits: &Limits,
    execution_type: ExecutionType,
) -> (Option<StateMachine>, Vec<ValidationDiagnostic>) {
    if definition.trim().is_empty() {
        // AWS gives this one no location (`EMPTY_STRING`).
        let message = "Definition must be a valid JSON object".to_owned();
        let (severity, code) = (Severity::Error, super::parse::SCHEMA);
        return (None, vec![ValidationDiagnostic { severity, code, message, location: None }]);
    }
    // AWS knows no placeholders, so what stands outside quotes is no JSON there.
    if let Err(error) = json::parse_spanned(definition) {
        return (None, vec![jackson::diagnostic(definition, &error)]);
    }
    match Document::parse_as("definition", definition, Format::Json) {
        Ok(document) => {
            let document = document.literal();
            let (machine, problems) = parse(&document, limits, execution_type);
            (machine, problems.into_iter().map(ValidationDiagnostic::from).collect())
        }
        Err(problem) => (None, vec![ValidationDiagnostic::from(*problem)]),
    }
}

impl From<Diagnostic> for ValidationDiagnostic {
    fn from(problem: Diagnostic) -> Self {
        Self {
            severity: problem.severity,
            code: problem.code,
            message: problem.message,
            location: (!problem.location.is_empty()).then_some(problem.location),
        }
    }
}

impl ValidationDiagnostic {
    /// `CODE: message at location`, as CreateStateMachine's refusal lists it.
    fn line(&self) -> String {
        match &self.location {
            // A syntax error has its place in the message already.
            Some(location) if self.code != INVALID_JSON => {
                format!("{}: {} at {location}", self.code, self.message)
            }
            _ => format!("{}: {}", self.code, self.message),
        }
    }

    /// The API's JSON for it.
    pub fn to_value(&self) -> Value {
        let mut members = Map::default();
        members.insert("severity".into(), self.severity.name().into());
        members.insert("code".into(), self.code.into());
        members.insert("message".into(), self.message.as_str().into());
        if let Some(location) = &self.location {
            members.insert("location".into(), location.as_str().into());
        }
        Value::from(members)
    }
}

impl Validation {
    /// The API's JSON for it.
    pub fn to_value(&self) -> Value {
        Value::object([
            ("result", Value::from(if self.ok { "OK" } else { "FAIL" })),
            (
                "diagnostics",
                Value::array(self.diagnostics.iter().map(ValidationDiagnostic::to_value)),
            ),
            ("truncated", Value::from(self.truncated)),
        ])
    }
}
