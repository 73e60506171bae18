//! Definitions that must be refused: what ValidateStateMachineDefinition says on an endpoint.

use aws_sdk_sfn::types::{StateMachineType, ValidateStateMachineDefinitionSeverity as Severity};

use super::endpoint::{Answer, Endpoint};
use super::error::EndpointError;
use super::live::{LiveReport, failed};
use super::session::Session;
use super::throttle::Operation;
use crate::asl::ExecutionType;
use crate::runner::{self, CaseOutcome, FailedCheck};
use crate::scenario::{Case, Scenario};
use crate::value::Value;

impl Session {
    /// A definition that must be refused.
    pub(super) async fn refused(
        &self,
        scenario: &Scenario,
        case: &Case,
    ) -> Result<LiveReport, EndpointError> {
        let answer = validate(&self.endpoint, case).await;
        let outcome = match answer {
            Ok(answer) => judge_diagnostics(case, &answer.value),
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) => CaseOutcome::Skipped(error.to_string()),
        };
        Ok(LiveReport::verdict(runner::report_of(scenario, case, outcome)))
    }
}

/// ValidateStateMachineDefinition of the definition of a case.
pub(super) async fn validate(endpoint: &Endpoint, case: &Case) -> Result<Answer, EndpointError> {
    let request = endpoint
        .client()
        .validate_state_machine_definition()
        .definition(case.definition.value.to_json())
        // Some of what must be said of a definition is no error on AWS.
        .severity(Severity::Warning)
        .r#type(match case.execution_type {
            ExecutionType::Standard => StateMachineType::Standard,
            ExecutionType::Express => StateMachineType::Express,
        });
    endpoint
        .call(Operation::ValidateStateMachineDefinition, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
}

/// Holds the diagnostics of an answer against those that the case expects.
pub(super) fn judge_diagnostics(case: &Case, answer: &Value) -> CaseOutcome {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let came: Vec<[String; 4]> = answer
        .get("diagnostics")
        .and_then(Value::as_array)
        .map(|list| {
            list.iter()
                .map(|one| ["severity", "code", "location", "message"].map(|key| text(one, key)))
                .collect()
        })
        .unwrap_or_default();
    let expected = case.expect_invalid.as_deref().unwrap_or_default();
    let missing = expected.iter().filter(|wanted| {
        !came.iter().any(|[severity, code, location, message]| {
            wanted.accepts_parts(severity == "WARNING", code, location, message)
        })
    });
    let shown = came.iter().map(|one| one.join(" ")).collect::<Vec<_>>().join("; ");
    let mut failures: Vec<FailedCheck> =
        missing.map(|wanted| failed(case, "expectInvalid", &wanted.to_string(), &shown)).collect();
    if expected.is_empty() && text(answer, "result") != "FAIL" {
        failures.push(failed(case, "expectInvalid", "any refusal", "the definition is accepted"));
    }
    match failures.is_empty() {
        true => CaseOutcome::Passed,
        false => CaseOutcome::Failed(failures),
    }
}
