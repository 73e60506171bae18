//! Requests and their answers.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{TestStateRequest, test_state};

/// The answer in the API's form; an error under `Error`.
fn ask(definition: &Json, rest: Json) -> Json {
    let Json::Object(mut request) = rest else { panic!("a request is an object") };
    request.insert("definition".into(), definition.to_string().into());
    let request = Json::Object(request);
    let answer = TestStateRequest::from_json(&request.into()).and_then(|r| test_state(&r));
    match answer {
        Ok(response) => Json::from(&response.to_json()),
        Err(error) => json!({ "Error": error.to_string() }),
    }
}

fn call() -> Json {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": { "QueueUrl": "q", "MessageBody.$": "$.text" },
        "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2 }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Mend" }],
        "ResultSelector": { "id.$": "$.MessageId" },
        "ResultPath": "$.sent",
        "Next": "Done"
    })
}

#[test]
fn debug_shows_the_data_between_the_steps() {
    let answer = ask(
        &call(),
        json!({
            "input": r#"{"text":"hi"}"#,
            "inspectionLevel": "DEBUG",
            "mock": { "result": r#"{"MessageId":"m"}"#, "fieldValidationMode": "NONE" }
        }),
    );
    insta::assert_snapshot!(crate::value::Value::from(answer).to_json_pretty());
}

#[rstest]
#[case::first(0, json!({"error": "Busy", "cause": "c", "status": "RETRIABLE", "inspectionData": {
    "retryIndex": 0, "retryBackoffIntervalSeconds": 3}}))]
#[case::second(1, json!({"error": "Busy", "cause": "c", "status": "RETRIABLE", "inspectionData": {
    "retryIndex": 0, "retryBackoffIntervalSeconds": 6}}))]
#[case::used_up(2, json!({"error": "Busy", "cause": "c", "status": "CAUGHT_ERROR",
    "nextState": "Mend", "output": r#"{"text":"hi","error":{"Error":"Busy","Cause":"c"}}"#,
    "inspectionData": {"retryIndex": 0, "catchIndex": 0}}))]
fn failures_meet_retriers_and_catchers(#[case] used: u32, #[case] expected: Json) {
    let mut answer = ask(
        &call(),
        json!({
            "input": r#"{"text":"hi"}"#,
            "inspectionLevel": "DEBUG",
            "stateConfiguration": { "retrierRetryCount": used },
            "mock": { "errorOutput": { "error": "Busy", "cause": "c" } }
        }),
    );
    answer["inspectionData"] = answer["inspectionData"]["errorDetails"].take();
    assert_eq!(answer, expected);
}

#[rstest]
#[case::choice(
    json!({"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}],
        "Default": "Other"}),
    json!({"input": r#"{"n":1}"#}),
    json!({"nextState": "One", "output": r#"{"n":1}"#, "status": "SUCCEEDED"})
)]
#[case::wait(
    json!({"Type": "Wait", "Seconds": 60, "End": true}), json!({}),
    json!({"output": "{}", "status": "SUCCEEDED"})
)]
#[case::fail(
    json!({"Type": "Fail", "Error": "E", "Cause": "c"}), json!({}),
    json!({"error": "E", "cause": "c", "status": "FAILED"})
)]
#[case::variables(
    json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $count + 1 %}", "End": true}),
    json!({"variables": r#"{"count":41}"#}),
    json!({"output": "42", "status": "SUCCEEDED"})
)]
#[case::inside_a_map(
    json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {
        "StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}}}}}),
    json!({"stateName": "In", "input": "7"}),
    json!({"output": "7", "status": "SUCCEEDED"})
)]
#[case::parallel(
    json!({"Type": "Parallel", "ResultPath": "$.r", "End": true, "Branches": [
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]}),
    json!({"mock": {"result": "[1]"}}),
    json!({"output": r#"{"r":[1]}"#, "status": "SUCCEEDED"})
)]
#[case::no_mock(
    call(), json!({"input": r#"{"text":"hi"}"#}),
    json!({"Error": "ValidationException: the state `StateName` would call a service, which a test \
        here never does: give `mock.result` or `mock.errorOutput`"})
)]
#[case::bad_input(
    json!({"Type": "Succeed"}), json!({"input": "x"}),
    json!({"Error": "InvalidExecutionInput: Invalid State Machine Execution Input: 'Unrecognized \
        token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
        'false')'"})
)]
#[case::no_such_state(
    json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}), json!({"stateName": "B"}),
    json!({"Error": "ValidationException: State not found: B"})
)]
#[case::bad_context(
    call(), json!({"mock": {"result": "1"}, "context": r#"{"State":{"RetryCount":"1"}}"#}),
    json!({"Error": "ValidationException: Invalid Context object provided: State.RetryCount must \
        be a number"})
)]
#[case::error_without_a_name(
    call(), json!({"mock": {"errorOutput": {"cause": "c"}}}),
    json!({"Error": "ValidationException: `mock.errorOutput.error` is required"})
)]
#[case::result_that_is_no_json(
    call(), json!({"mock": {"result": "{"}}),
    json!({"Error": "ValidationException: `mock.result` is not JSON: expected a key in double \
        quotes, found the end of the text at line 1 column 2"})
)]
#[case::parallel_without_a_mock(
    json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}]}),
    json!({}),
    json!({"Error": "ValidationException: State type 'Parallel' is only supported when a mock is \
        specified"})
)]
#[case::manifest_as_reader_data(
    json!({"Type": "Map", "End": true, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "MANIFEST"}, "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}}),
    json!({"mock": {"result": "[]"}, "stateConfiguration": {"mapItemReaderData": "[]"}}),
    json!({"Error": "ValidationException: mapItemReaderData can take the place of CSV, JSON and \
        JSON Lines, not of a manifest or a Parquet file"})
)]
fn states_and_refusals(#[case] definition: Json, #[case] rest: Json, #[case] expected: Json) {
    assert_eq!(ask(&definition, rest), expected);
}
