//! Tasks that nothing answers, and the stub to paste.

use super::*;

#[rstest]
#[case(LAMBDA, "mocks:\n  Charge:\n    return: {}\n")]
#[case(
    "arn:aws:states:::lambda:invoke",
    "mocks:\n  Charge:\n    return: {\"ExecutedVersion\": \"$LATEST\", \"Payload\": {}, \
         \"StatusCode\": 200}\n"
)]
#[case(
    "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "mocks:\n  Charge:\n    return: {}  # what the callback sends\n    after: 1m\n"
)]
#[case(
    "arn:aws:states:us-east-1:123456789012:activity:approve it",
    "activities:\n  approve it:\n    - return: {}\n"
)]
fn a_stub_is_offered(#[case] resource: &str, #[case] stub: &str) {
    let expected =
        format!("`Charge` calls `{resource}`, and nothing answers; paste and adapt:\n\n{stub}");
    assert_eq!(problem(&charge(resource, &json!({}))), expected);
}

#[test]
fn nested_machines_are_offered_both_ways() {
    let resource = "arn:aws:states:::states:startExecution.sync:2";
    let arguments = json!({ "Parameters": {
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Bake",
        } });
    insta::assert_snapshot!(problem(&charge(resource, &arguments)), @r#"
        `Charge` calls `arn:aws:states:::states:startExecution.sync:2`, and nothing answers; paste and adapt:

        mocks:
          Charge:
            return: {"Status": "SUCCEEDED", "Output": {}}
        # or run the nested machine:
        machines:
          Bake:
            definition: child.asl.json
        "#);
}

#[test]
fn the_history_so_far_is_kept() {
    let error = charge(LAMBDA, &json!({})).run().unwrap_err();
    let run = error.run.unwrap();
    assert_eq!(run.status(), ExecutionStatus::Running);
    assert_eq!(run.path(), ["Charge"]);
}
