//! Nested executions, mocked and really run.

use super::*;

/// A machine that starts `Child` with these arguments beside its ARN.
fn parent(resource: &str, more: &serde_json::Value) -> Simulation {
    let mut arguments = json!({
        "StateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:Child",
    });
    for (key, value) in more.as_object().unwrap() {
        arguments[key] = value.clone();
    }
    charge(&format!("arn:aws:states:::{resource}"), &json!({ "Parameters": arguments }))
}

fn child(states: serde_json::Value) -> Arc<StateMachine> {
    let (start, _) = states.as_object().unwrap().iter().next().unwrap();
    let text = json!({ "StartAt": start, "States": states.clone() }).to_string();
    Arc::new(asl::parse_text("child", &text).0.unwrap())
}

fn passing() -> Arc<StateMachine> {
    child(json!({ "State_1": { "Type": "Pass", "Result": { "Arg1": "argument1" }, "End": true } }))
}

/// `callback.start_execution_sync` and `callback.start_execution_sync2`, with the members of
/// redrive as in `base_callbacks.sfn_start_execution_sync`.
#[rstest]
#[case("", r#""{}""#, r#""{\"Arg1\":\"argument1\"}""#)]
#[case(":2", "{}", r#"{"Arg1":"argument1"}"#)]
fn sync_tells_the_description(#[case] suffix: &str, #[case] input: &str, #[case] output: &str) {
    let more = json!({ "Input": null, "Name": "TestStartTarget" });
    let simulation = parent(&format!("states:startExecution.sync{suffix}"), &more).machine(
        "Child",
        passing(),
        ExecutionType::Standard,
    );
    let run = run(&simulation);
    assert_eq!(
        run.output().unwrap().to_json(),
        format!(
            r#"{{"ExecutionArn":"arn:aws:states:us-east-1:111111111111:execution:Child:TestStartTarget","Input":{input},"InputDetails":{{"Included":true}},"Name":"TestStartTarget","Output":{output},"OutputDetails":{{"Included":true}},"RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE","RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven","StartDate":1704067200000,"StateMachineArn":"arn:aws:states:us-east-1:111111111111:stateMachine:Child","Status":"SUCCEEDED","StopDate":1704067200000}}"#
        )
    );
    assert_eq!(
        types(&run)[2..6],
        [
            EventType::TaskScheduled,
            EventType::TaskStarted,
            EventType::TaskSubmitted,
            EventType::TaskSucceeded
        ]
    );
    assert_eq!(run.children()[0].history.events.len(), 4);
}

/// `callback.start_execution_sync_delegate_timeout`
#[test]
fn a_failing_child_fails_its_parent() {
    let failing = child(json!({ "F": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
    let simulation =
        parent("states:startExecution.sync", &json!({ "Name": "n", "Input": { "Payload": null } }))
            .machine("Child", failing, ExecutionType::Standard);
    let run = run(&simulation);
    assert_eq!(run.error(), Some("States.TaskFailed"));
    let cause = parse(run.cause().unwrap());
    let keys: Vec<&str> = cause.as_object().unwrap().keys().map(|key| &**key).collect();
    assert_eq!(keys[..3], ["Cause", "Error", "ExecutionArn"]);
    assert_eq!(cause.get("Status"), Some(&"FAILED".into()));
    assert_eq!(cause.get("Input"), Some(&r#"{"Payload":null}"#.into()));
}

#[test]
fn children_share_the_clock_and_have_mocks_of_their_own() {
    let machine = child(json!({ "Bake": { "Type": "Task", "Resource": LAMBDA, "End": true } }));
    let simulation = parent("states:startExecution.sync:2", &json!({ "Input": { "n": 1 } }))
        .machine("Child", machine, ExecutionType::Standard)
        .nested_mock("Child", "Bake", Mock::returns("done").after(seconds(50)));
    let first = run(&simulation);
    assert_eq!(first.output().unwrap().get("Output"), Some(&"done".into()));
    assert_eq!(first.duration(), seconds(50));
    assert_eq!(first.calls("Child:Bake").len(), 1);
    assert_eq!(&*first.calls("Bake")[0].machine, "Child");
    let again = run(&simulation);
    assert_eq!(first.history(), again.history());
    assert_eq!(first.children()[0].arn, again.children()[0].arn);
}

#[test]
fn a_name_is_given_only_once() {
    let start = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
            "Name": "same",
        },
    });
    let (mut first, mut second) = (start.clone(), start);
    first["Next"] = "Second".into();
    second["End"] = true.into();
    let twice = json!({ "StartAt": "First", "States": { "First": first, "Second": second } });
    let twice = simulation(&twice).machine("Child", passing(), ExecutionType::Standard);
    assert_eq!(run(&twice).children().len(), 1, "the same input is the same execution");
    second["Parameters"]["Input"] = json!({ "n": 2 });
    let definition = json!({ "StartAt": "First", "States": { "First": first, "Second": second } });
    let simulation = simulation(&definition).machine("Child", passing(), ExecutionType::Standard);
    let run = run(&simulation);
    assert_eq!(run.error(), Some("StepFunctions.ExecutionAlreadyExistsException"));
    assert!(run.cause().unwrap().starts_with(
            "Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:Child:same'\
             \u{20}(Service: AWSStepFunctions; Status Code: 400; Error Code: ExecutionAlreadyExists;"
        ));
}

/// `aws_sdk_task_service.sfn_start_execution`
#[test]
fn the_sdk_starts_and_does_not_wait() {
    let wait = child(json!({ "W": { "Type": "Wait", "Seconds": 60, "End": true } }));
    let simulation = parent("aws-sdk:sfn:startExecution", &json!({ "Name": "n", "Input": "{}" }))
        .machine("Child", wait, ExecutionType::Standard);
    let run = run(&simulation);
    assert_eq!(
        run.output().unwrap().to_json(),
        r#"{"ExecutionArn":"arn:aws:states:us-east-1:111111111111:execution:Child:n","StartDate":"2024-01-01T00:00:00Z"}"#
    );
    assert_eq!(run.duration(), seconds(0));
    assert_eq!(run.children()[0].duration(), seconds(60));
}

#[test]
fn express_children_answer_synchronously() {
    let failing = child(json!({ "F": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
    let simulation = parent("aws-sdk:sfn:startSyncExecution", &json!({ "Name": "n" })).machine(
        "Child",
        failing,
        ExecutionType::Express,
    );
    let run = run(&simulation);
    let output = run.output().unwrap();
    assert_eq!(output.get("Status"), Some(&"FAILED".into()));
    assert_eq!(output.get("Error"), Some(&"E".into()));
    assert!(output.get("BillingDetails").unwrap().get("BilledDurationInMilliseconds").is_some());
    assert!(output.get("ExecutionArn").unwrap().as_str().unwrap().contains(":express:Child:n:"));
}

#[test]
fn a_child_calls_its_parent_back() {
    let answer = child(json!({ "Answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            "Parameters": { "TaskToken.$": "$.token", "Output.$": "States.JsonToString($.answer)" },
            "End": true,
        } }));
    let input = json!({ "token.$": "$$.Task.Token", "answer": { "ok": true } });
    let simulation = parent("states:startExecution.waitForTaskToken", &json!({ "Input": input }))
        .machine("Child", answer, ExecutionType::Standard);
    let run = run(&simulation);
    assert_eq!(run.output().unwrap().to_json(), r#"{"ok":true}"#);
    assert_eq!(run.children()[0].output.as_ref().unwrap().to_json(), "{}");
}

/// `aws_sdk_task_service.sfn_send_task_outcome_with_no_such_token`
#[test]
fn unknown_tokens_are_refused() {
    let arguments = json!({ "Parameters": { "TaskToken": "x", "Output": "1" } });
    let simulation = charge("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", &arguments);
    let run = run(&simulation);
    assert_eq!(run.error(), Some("Sfn.InvalidTokenException"));
    assert!(run.cause().unwrap().starts_with(
        "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: "
    ));
}

#[test]
fn stopping_the_parent_stops_the_child_it_waits_for() {
    let wait = child(json!({ "W": { "Type": "Wait", "Seconds": 60, "End": true } }));
    let simulation = parent("states:startExecution.sync", &json!({}))
        .machine("Child", wait, ExecutionType::Standard)
        .action(Action::stop(seconds(10), Failure::default()));
    let run = run(&simulation);
    assert_eq!(run.status(), ExecutionStatus::Aborted);
    assert_eq!(run.children()[0].status, ExecutionStatus::Aborted);
    assert_eq!(run.children()[0].duration(), seconds(10));
}

#[test]
fn a_stuck_child_is_named() {
    let machine = child(json!({ "Bake": { "Type": "Task", "Resource": LAMBDA, "End": true } }));
    let simulation = parent("states:startExecution.sync:2", &json!({}))
        .machine("Child", machine, ExecutionType::Standard)
        .mock("Child:Bake", Mock::never());
    assert!(problem(&simulation).contains("\n  `Bake` of `Child` waits for an answer from"));
}

#[test]
fn executions_that_start_one_another_for_ever_end() {
    let again = child(json!({ "Again": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
            },
            "End": true,
        } }));
    let simulation = parent("states:startExecution", &json!({})).machine(
        "Child",
        again,
        ExecutionType::Standard,
    );
    assert_eq!(problem(&simulation), "executions start one another without an end: 10000 so far");
}
