//! TestState on an endpoint: what a case asks of it, and what came of it.

use aws_sdk_sfn::types::{
    InspectionLevel as Level, MockErrorOutput, MockInput, MockResponseValidationMode,
    TestStateConfiguration,
};

use super::endpoint::Endpoint;
use super::error::{EndpointError, EndpointErrorKind};
use super::live::{LiveReport, failed};
use super::session::Session;
use super::throttle::Operation;
use crate::runner::{self, CaseOutcome};
use crate::scenario::{Case, Scenario, StateTestCase};
use crate::test_state::{FieldValidationMode, InspectionLevel, Mock, StateConfiguration};
use crate::value::Value;

impl Session {
    /// A test of one state.
    pub(super) async fn state_test(
        &self,
        scenario: &Scenario,
        case: &Case,
        test: &StateTestCase,
    ) -> Result<LiveReport, EndpointError> {
        let role = self.settings.role_arn.as_deref().or(case.role_arn.as_deref());
        let outcome = match answer(&self.endpoint, case, test, role).await {
            Ok(answer) => runner::judge_state_test(scenario, case, &answer).outcome,
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) if error.is_of_missing_operation() => {
                CaseOutcome::Skipped(error.to_string())
            }
            Err(error) => {
                let check = failed(case, "expectState", "an answer", &error.to_string());
                CaseOutcome::Failed(vec![check])
            }
        };
        Ok(LiveReport::verdict(runner::report_of(scenario, case, outcome)))
    }
}

/// Why the state of a case cannot be tested on somebody else's endpoint, where it cannot.
pub(super) fn obstacle(case: &Case, test: &StateTestCase) -> Option<&'static str> {
    let of_type = |state: Option<&Value>, name: &str| {
        state.and_then(|state| state.get("Type")?.as_str()) == Some(name)
    };
    let definition = &case.definition.value;
    let state = match (&test.request.state_name, definition.get("States")) {
        (Some(name), Some(states)) => find(states, name),
        _ => Some(definition),
    };
    (test.request.mock.is_none() && of_type(state, "Task"))
        .then_some("without a mock TestState calls the service itself")
}

/// The state with this name, however deep.
fn find<'a>(states: &'a Value, name: &str) -> Option<&'a Value> {
    let level = states.as_object()?;
    level.get(name).or_else(|| {
        level.iter().find_map(|(_, state)| {
            let processors = ["ItemProcessor", "Iterator"].into_iter();
            let processors = processors.filter_map(|key| state.get(key));
            let branches = state.get("Branches").and_then(Value::as_array);
            let mut inner = processors.chain(branches.into_iter().flat_map(|list| list.iter()));
            inner.find_map(|level| find(level.get("States")?, name))
        })
    })
}

/// What TestState answers; a refusal that the case expects is an answer, too, in the shape
/// `{ Error: { Code, Message } }`.
///
/// # Errors
///
/// Where the endpoint cannot be reached or refuses.
pub(super) async fn answer(
    endpoint: &Endpoint,
    case: &Case,
    test: &StateTestCase,
    role_arn: Option<&str>,
) -> Result<Value, EndpointError> {
    let asked = &test.request;
    let variables = asked.variables.clone().map(|variables| Value::from(variables).to_json());
    let request = endpoint
        .client()
        .test_state()
        .definition(case.definition.value.to_json())
        .input(case.input.to_json())
        .inspection_level(match asked.inspection_level {
            InspectionLevel::Info => Level::Info,
            InspectionLevel::Debug => Level::Debug,
            InspectionLevel::Trace => Level::Trace,
        })
        .set_role_arn(role_arn.map(str::to_owned))
        .set_state_name(asked.state_name.as_deref().map(str::to_owned))
        .set_variables(variables)
        .set_context(asked.context.as_ref().map(Value::to_json))
        .set_mock(asked.mock.as_ref().map(mock))
        .set_state_configuration(configuration(&asked.configuration));
    let answered = endpoint
        .call(Operation::TestState, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await;
    match answered {
        Ok(answer) => Ok(answer.value),
        Err(EndpointError { kind: EndpointErrorKind::Refused { code, message }, .. })
            if test.expects_refusal =>
        {
            let members = [("Code", code), ("Message", message)];
            let members = members.map(|(name, text)| (name, Value::from(text)));
            Ok(Value::object([("Error", Value::object(members))]))
        }
        Err(error) => Err(error),
    }
}

fn mock(mock: &Mock) -> MockInput {
    let builder = match &mock.result {
        Ok(result) => MockInput::builder().result(result.to_json()),
        Err(failure) => MockInput::builder().error_output(
            MockErrorOutput::builder()
                .set_error(failure.error.as_deref().map(str::to_owned))
                .set_cause(failure.cause.as_deref().map(str::to_owned))
                .build(),
        ),
    };
    let mode = match mock.field_validation_mode {
        FieldValidationMode::Strict => MockResponseValidationMode::Strict,
        FieldValidationMode::Present => MockResponseValidationMode::Present,
        FieldValidationMode::None => MockResponseValidationMode::None,
    };
    builder.field_validation_mode(mode).build()
}

/// Where nothing came before the state, nothing is said of it.
fn configuration(own: &StateConfiguration) -> Option<TestStateConfiguration> {
    let count = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let said = own.retrier_retry_count > 0
        || own.error_caused_by_state.is_some()
        || own.map_iteration_failure_count.is_some()
        || own.map_item_reader_data.is_some();
    said.then(|| {
        let retries = u64::from(own.retrier_retry_count);
        TestStateConfiguration::builder()
            .set_retrier_retry_count((retries > 0).then(|| count(retries)))
            .set_error_caused_by_state(own.error_caused_by_state.as_deref().map(str::to_owned))
            .set_map_iteration_failure_count(own.map_iteration_failure_count.map(count))
            .set_map_item_reader_data(own.map_item_reader_data.as_deref().map(str::to_owned))
            .build()
    })
}
