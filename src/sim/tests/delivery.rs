//! Starts that are delivered twice.

use super::*;

fn sending() -> Simulation {
    let arguments = json!({ "Parameters": {
        "QueueUrl": "q", "MessageBody.$": "$$.Execution.Id", "Key.$": "States.UUID()",
    } });
    charge("arn:aws:states:::aws-sdk:sqs:sendMessage", &arguments)
        .mock("Charge", Mock::returns(json!({ "MessageId": "m" })))
        .duplicate_delivery(seconds(2))
}

#[test]
fn an_express_execution_runs_again_with_its_name_and_input() {
    let run = run(&sending().execution_type(ExecutionType::Express).input(json!({ "a": 1 })));
    let (first, second) = (run.execution(), run.duplicate().unwrap());
    assert_eq!((&first.arn, &first.name, &first.input), (&second.arn, &second.name, &second.input));
    assert_eq!(second.status, ExecutionStatus::Succeeded);
    assert_eq!(second.start_time - first.start_time, 2_000);
    let calls = run.calls("Charge");
    let argument = |call: usize, key: &str| calls[call].arguments().get(key).unwrap().clone();
    assert_eq!(calls.len(), 2);
    assert_eq!(argument(0, "MessageBody"), argument(1, "MessageBody"));
    assert_ne!(argument(0, "Key"), argument(1, "Key"), "what is random is random again");
    assert_eq!(run.metrics().sum("ExecutionsStarted"), 2);
}

#[test]
fn a_single_delivery_has_no_duplicate() {
    let lambda = charge(LAMBDA, &json!({})).execution_type(ExecutionType::Express);
    assert!(run(&lambda.mock("Charge", Mock::returns(1))).duplicate().is_none());
}

#[test]
fn a_standard_execution_is_delivered_once() {
    let said = problem(&sending());
    assert!(said.contains("delivered exactly once"), "{said}");
}
