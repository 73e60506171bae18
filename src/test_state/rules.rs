//! What AWS refuses to test, in its words.

use super::{TestStateError, TestStateRequest, takes_mock};
use crate::asl::{State, StateKind};
use crate::service_model::{self, Verdict};
use crate::value::Value;

/// Refuses requests that contradict themselves or the state.
pub(super) fn check(request: &TestStateRequest, state: &State) -> Result<(), TestStateError> {
    if let Some(mock) = &request.mock {
        if !takes_mock(state) {
            // Recorded in state_type_does_not_accept_mock.*.
            let kind = state.kind.type_name();
            return refuse(format!(
                "State type '{kind}' is not supported when a mock is specified"
            ));
        }
        let many = matches!(state.kind, StateKind::Parallel(_) | StateKind::Map(_));
        if let Ok(result) = &mock.result
            && many
            && result.as_array().is_none()
        {
            // Recorded in mock_result_is_not_array_on_parallel_state.
            return refuse("Mocked result must be an array.".into());
        }
        check_failures(request, state)?;
    } else if matches!(state.kind, StateKind::Parallel(_) | StateKind::Map(_)) {
        // Documented: such a state needs a mock. The words are inferred.
        let kind = state.kind.type_name();
        return refuse(format!("State type '{kind}' is only supported when a mock is specified"));
    }
    match &request.context {
        Some(_) if request.mock.is_none() => {
            // Documented: a context needs a mock.
            refuse("A mock must be specified when a Context object is specified".into())
        }
        Some(context) => check_context(context),
        None => Ok(()),
    }?;
    check_fields(request, state)
}

/// Recorded in field_validation_mode*: the first member of the result that is not as the
/// service's API has it. What no model describes passes.
fn check_fields(request: &TestStateRequest, state: &State) -> Result<(), TestStateError> {
    let (Some(mock), StateKind::Task(task)) = (&request.mock, &state.kind) else { return Ok(()) };
    let Ok(result) = &mock.result else { return Ok(()) };
    match service_model::check(&task.resource, result, mock.field_validation_mode) {
        Verdict::Checked(errors) if !errors.is_empty() => {
            refuse(format!("Mock result schema validation error: {}", errors[0]))
        }
        _ => Ok(()),
    }
}

/// Recorded in map_iteration_failure_count_exceeds_mock_result_items.
fn check_failures(request: &TestStateRequest, state: &State) -> Result<(), TestStateError> {
    let Some(count) = request.configuration.map_iteration_failure_count else { return Ok(()) };
    if !matches!(state.kind, StateKind::Map(_)) {
        return Ok(());
    }
    let mocked = request.mock.as_ref().and_then(|mock| mock.result.as_ref().ok());
    let data = request.configuration.map_item_reader_data.as_deref();
    let data = data.and_then(|data| Value::parse(data).ok());
    match mocked.or(data.as_ref()).and_then(Value::as_array) {
        Some(items) if count > items.len() as u64 => refuse(
            "Map iteration failure count must be less than or equal to the number of Map \
             iterations"
                .into(),
        ),
        _ => Ok(()),
    }
}

/// The members of a Context Object that may be given, with their types.
const CONTEXT: [(&str, &[(&str, &str)]); 4] = [
    (
        "Execution",
        &[
            ("Id", "string"),
            ("Input", "any"),
            ("Name", "string"),
            ("RoleArn", "string"),
            ("StartTime", "string"),
            ("RedriveCount", "number"),
            ("RedriveTime", "string"),
        ],
    ),
    ("State", &[("EnteredTime", "string"), ("Name", "string"), ("RetryCount", "number")]),
    ("StateMachine", &[("Id", "string"), ("Name", "string")]),
    ("Task", &[("Token", "string")]),
];

/// Recorded in state_context_object_validation_failures.*.
fn check_context(context: &Value) -> Result<(), TestStateError> {
    let invalid = |what: String| refuse(format!("Invalid Context object provided: {what}"));
    let Some(sections) = context.as_object() else {
        return invalid("it must be a JSON object".into());
    };
    for (section, members) in sections.iter() {
        if &**section == "Map" {
            return invalid("'Map' field is not supported when mocking a Context object".into());
        }
        let Some((_, known)) = CONTEXT.iter().find(|(name, _)| *name == &**section) else {
            return invalid(format!("Field '{section}' is not allowed"));
        };
        let Some(members) = members.as_object() else {
            return invalid(format!("{section} must be an object"));
        };
        for (name, value) in members.iter() {
            let Some((_, kind)) = known.iter().find(|(known, _)| *known == &**name) else {
                return invalid(format!("Field '{name}' is not allowed"));
            };
            if *kind != "any" && value.kind() != *kind {
                return invalid(format!("{section}.{name} must be a {kind}"));
            }
        }
    }
    Ok(())
}

fn refuse(message: String) -> Result<(), TestStateError> {
    Err(TestStateError { code: "ValidationException", message })
}
