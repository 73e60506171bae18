//! Mocked results that their services never answer.

use super::*;
use crate::mock;
use crate::service_model::{self, FieldValidationMode, Verdict};

const GET_OBJECT: &str = "arn:aws:states:::aws-sdk:s3:getObject";
const START: &str = "arn:aws:states:::states:startExecution.sync:2";

fn returns(resource: &str, result: serde_json::Value) -> Simulation {
    charge(resource, &json!({})).mock("Charge", Mock::returns(result))
}

fn findings(simulation: &Simulation) -> Vec<String> {
    run(simulation).mock_findings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_wrong_member_is_found_where_nothing_is_said() {
    let wrong = returns(GET_OBJECT, json!({ "ContentLength": "9000", "Body": "x" }));
    let found = "mock `Charge` returns what `aws-sdk:s3:getObject` never does: Field \
                 'ContentLength' must be a number, at `$.ContentLength`";
    assert_eq!(findings(&wrong), [found]);
    assert_eq!(run(&wrong).status(), ExecutionStatus::Succeeded);
    assert!(findings(&wrong.field_validation_mode(FieldValidationMode::None)).is_empty());
}

#[test]
fn a_wrong_member_ends_a_simulation_that_validates() {
    let wrong = returns(GET_OBJECT, json!({ "ContentLength": "9000" }));
    let expected = "`Charge` is answered with what its service never answers:\n  mock `Charge` \
                    returns what `aws-sdk:s3:getObject` never does: Field 'ContentLength' must be \
                    a number, at `$.ContentLength`";
    for mode in [FieldValidationMode::Present, FieldValidationMode::Strict] {
        assert_eq!(problem(&wrong.clone().field_validation_mode(mode)), expected);
    }
}

#[test]
fn a_missing_member_is_wrong_in_strict_alone() {
    let partial = returns(START, json!({ "Status": "SUCCEEDED", "Output": { "a": 1 } }));
    assert!(
        findings(&partial.clone().field_validation_mode(FieldValidationMode::Present)).is_empty()
    );
    let problem = problem(&partial.field_validation_mode(FieldValidationMode::Strict));
    assert!(problem.contains("Field 'ExecutionArn' is required, at `$.ExecutionArn`"), "{problem}");
}

#[test]
fn a_missing_model_is_told_once_where_somebody_asked() {
    let resource = "arn:aws:states:::aws-sdk:nosuchservice:doIt";
    let unknown = simulation(&json!({
        "StartAt": "Map",
        "States": { "Map": {
            "Type": "Map", "End": true,
            "ItemProcessor": { "StartAt": "T", "States": {
                "T": { "Type": "Task", "Resource": resource, "End": true },
            } },
        } },
    }));
    let unknown = unknown.input(json!([1, 2])).mock("T", Mock::returns(json!([])));
    assert!(findings(&unknown).is_empty());
    let told = "no model of `aws-sdk:nosuchservice:doIt` is known: its mocks are not validated";
    assert_eq!(findings(&unknown.field_validation_mode(FieldValidationMode::Present)), [told]);
}

#[test]
fn functions_and_callbacks_answer_as_they_like() {
    for resource in [LAMBDA, "arn:aws:states:::sqs:sendMessage.waitForTaskToken"] {
        let mut free = returns(resource, json!("anything"));
        if resource != LAMBDA {
            let parameters =
                json!({ "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" } });
            free = charge(resource, &parameters).mock("Charge", Mock::returns(json!("anything")));
        }
        assert!(findings(&free.field_validation_mode(FieldValidationMode::Strict)).is_empty());
    }
}

/// What stubs start from is nothing that a warning follows.
#[rstest]
fn typical_results_pass(
    #[values(
        "states:startExecution",
        "states:startExecution.sync",
        "states:startExecution.sync:2",
        "ecs:runTask",
        "ecs:runTask.sync",
        "batch:submitJob",
        "batch:submitJob.sync",
        "glue:startJobRun.sync",
        "sagemaker:createTrainingJob.sync",
        "sagemaker:createTransformJob.sync",
        "athena:startQueryExecution.sync",
        "codebuild:startBuild.sync",
        "lambda:invoke",
        "dynamodb:getItem",
        "aws-sdk:dynamodb:query",
        "sqs:sendMessage",
        "sns:publish",
        "events:putEvents",
        "apigateway:invoke"
    )]
    resource: &str,
) {
    let machine = charge(&format!("arn:aws:states:::{resource}"), &json!({}));
    let run = machine.mock("Charge", Mock::never()).run();
    let run = run.unwrap_err().run.unwrap();
    let resource = run.calls("Charge")[0].resource();
    let verdict =
        service_model::check(resource, &mock::typical(resource), FieldValidationMode::Present);
    assert_eq!(verdict, Verdict::Checked(Vec::new()));
}
