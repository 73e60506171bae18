//! The texts of causes, in AWS's words. Each names the evidence it rests on.

use std::sync::Arc;

use super::dataflow::Fault;
use crate::asl::{MapState, QueryLanguage, State, Template};
use crate::history::{EventId, Failure};
use crate::json::MAX_DEPTH;
use crate::query::jsonata::JsonataError;
use crate::query::jsonpath::PathError;
use crate::query::scope::ScopedPath;
use crate::value::Value;

/// The error of what no Retrier or Catcher can mend.
pub(super) const RUNTIME: &str = "States.Runtime";
/// A `{% %}` expression failed.
pub(super) const QUERY_EVALUATION: &str = "States.QueryEvaluationError";
/// Data is larger than the service takes.
pub(super) const DATA_LIMIT: &str = "States.DataLimitExceeded";
/// Time ran out.
pub(super) const TIMEOUT: &str = "States.Timeout";
/// No Choice rule matched and there is no Default.
pub(super) const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";

/// A failure with this name and cause.
pub(super) fn failure(error: &str, cause: String) -> Failure {
    Failure { error: Some(Arc::from(error)), cause: Some(Arc::from(cause)) }
}

/// `States.Runtime` with this cause.
pub(super) fn runtime(cause: String) -> Failure {
    failure(RUNTIME, cause)
}

/// A missed deadline has a name and no cause (`timeouts.fixed_timeout_service_lambda`).
pub(super) fn timeout() -> Failure {
    Failure { error: Some(Arc::from(TIMEOUT)), cause: None }
}

/// What stands before the cause of everything that goes wrong inside a state (all recorded
/// `States.Runtime` and `States.QueryEvaluationError` causes).
pub(super) fn in_state(state: &str, entered: EventId, what: &str) -> String {
    format!(
        "An error occurred while executing the state '{state}' (entered at the event id \
         #{entered}). {what}"
    )
}

/// Measured on AWS (measured on AWS).
pub(super) fn history_full(limit: u64) -> String {
    format!("The execution reached the maximum number of history events ({limit}).")
}

/// `subject` is a Lambda ARN, an integration's resource type (both recorded in
/// `states_errors.*_data_limit_exceeded_on_large_utf8_response`), or a state's name (users'
/// reports of Map states).
pub(crate) fn too_large(subject: &str) -> Failure {
    failure(
        DATA_LIMIT,
        format!(
            "The state/task '{subject}' returned a result with a size exceeding the maximum number \
             of bytes service limit."
        ),
    )
}

/// Data that nests deeper than AWS's JSON library reads. The error and its words are inferred.
pub(super) fn too_deep(subject: &str) -> Failure {
    failure(
        DATA_LIMIT,
        format!(
            "The state/task '{subject}' returned a result that nests deeper than {MAX_DEPTH} levels."
        ),
    )
}

/// Recorded in `wait.timestamp_too_far_in_future_boundary`.
pub(super) const WAIT_TOO_LONG: &str = "Wait state delay is too long.";

/// Inferred: users' reports of Choice states without a Default.
pub(super) const NO_TRANSITION: &str =
    "Failed to transition out of the state. The state does not point to a next state.";

/// A Map state whose items are no array.
///
/// JSONata: recorded in `base_scenarios.map_state_items_input_types.*` and
/// `…map_state_items_eval_jsonata_fail.*`. JSONPath: inferred from users' reports.
pub(super) fn not_an_array(state: &State, map: &MapState, found: &Value) -> Fault {
    if let Some(Template::Jsonata(items)) = &map.items
        && let [placed] = items.expressions()[..]
        && placed.location.is_empty()
    {
        return unexpected_result(placed.expression.text(), "Items", "array", found);
    }
    match state.query_language {
        QueryLanguage::Jsonata => Fault::Evaluation {
            what: format!("Map state input must be an array but was: {found}"),
            location: None,
        },
        QueryLanguage::JsonPath => {
            let path = map.items_path.as_ref().map_or("$", ScopedPath::text);
            Fault::Runtime(format!("Reference path \"{path}\" must point to array."))
        }
    }
}

/// An integer field whose path leads to something else. Recorded for MaxItemsPath in
/// `base_scenarios.map_item_reader_csv_max_items_paths.1.5`; the other fields are inferred.
pub(super) fn not_an_integer(field: &str, path: &str, found: &Value) -> String {
    let found = match found {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    };
    format!(
        "The {field}Path field refers to value \"{found}\" which is not a valid integer: {path}"
    )
}

/// SecondsPath leads nowhere. Recorded in `base_scenarios.wait_seconds_path`.
pub(super) fn no_seconds(path: &str) -> String {
    format!("The SecondsPath parameter does not reference an input value: {path}")
}

/// SecondsPath leads to something that is no whole number. Inferred from its neighbours.
pub(super) fn not_seconds(path: &str, found: &Value) -> String {
    format!("The SecondsPath parameter does not reference an integer value: {path} == {found}")
}

/// TimestampPath leads to something that is no timestamp. Inferred from users' reports.
pub(super) fn not_a_timestamp(path: &str, found: &Value) -> String {
    let found = found.as_str().map_or_else(|| found.to_json(), str::to_owned);
    format!(
        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
         format string: {path} == {found}"
    )
}

/// ErrorPath or CausePath leads to something that is no string. Inferred.
pub(super) fn not_a_string(state: &str, field: &str, found: &Value) -> String {
    format!(
        "The {field}Path field of the state '{state}' must resolve to a string, but found: {found}"
    )
}

/// The role of Credentials is no string. Inferred.
pub(super) fn not_a_role(found: &Value) -> String {
    format!("The field 'RoleArn' of Credentials must resolve to a string, but found: {found}")
}

/// ResultPath cannot be written. The specification's error; the words are inferred.
pub(super) fn result_path(error: &PathError) -> String {
    error.message.clone()
}

/// An expression gave a number that the field may not have. The words are inferred.
pub(super) fn out_of_range(expression: &str, field: &str, found: &Value) -> String {
    specified(expression, field, &format!("returned a number out of range: {found}"))
}

/// An expression gave nothing. Recorded in `undefined_reference.*`.
pub(super) fn undefined(expression: &str, field: &str) -> String {
    specified(expression, field, "returned nothing (undefined).")
}

/// An expression gave a function. Recorded in
/// `base_scenarios.map_state_items_eval_jsonata_fail.function`.
pub(super) fn unsupported_result(expression: &str, field: &str) -> String {
    specified(expression, field, "returned an unsupported result type.")
}

/// An expression failed. Recorded, with the code before the text, in
/// `math_operations_jsonata.math_random_seeded`.
pub(super) fn threw(expression: &str, field: &str, error: &JsonataError) -> String {
    specified(expression, field, &format!("threw an error during evaluation. {error}"))
}

fn specified(expression: &str, field: &str, what: &str) -> String {
    format!("The JSONata expression '{expression}' specified for the field '{field}' {what}")
}

/// An expression's result is of the wrong type. Recorded in
/// `base_scenarios.map_state_items_eval_jsonata_fail.*`.
pub(super) fn unexpected_result(
    expression: &str,
    field: &str,
    expected: &str,
    found: &Value,
) -> Fault {
    Fault::Evaluation {
        what: specified(
            expression,
            field,
            &format!(
                "returned an unexpected result type. Expected '{expected}', but was '{}' for \
                 value: {found}",
                found.kind()
            ),
        ),
        location: Some(field.to_owned()),
    }
}
