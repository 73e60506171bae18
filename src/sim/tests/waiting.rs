//! Time: waits, callbacks, time-outs, and runs that never end.

use super::*;

const CALLBACK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

#[test]
fn a_year_takes_no_time() {
    let wait = json!({ "Type": "Wait", "Seconds": 31_000_000, "End": true });
    let run = run(&simulation(&json!({ "StartAt": "W", "States": { "W": wait } })));
    assert_eq!(run.status(), ExecutionStatus::Succeeded);
    assert_eq!(run.duration(), seconds(31_000_000));
}

#[test]
fn actions_call_back_in_time() {
    let output = json!({ "approved": true });
    let simulation = charge(CALLBACK, &json!({ "HeartbeatSeconds": 60 }))
        .action(Action::send_task_heartbeat(seconds(50), "Charge"))
        .action(Action::send_task_success(seconds(100), "Charge", output.clone()));
    let run = run(&simulation);
    assert_eq!(run.output(), Some(&output.into()));
    assert_eq!(run.duration(), seconds(100));
    assert!(types(&run).contains(&EventType::TaskSubmitted));
}

#[test]
fn failures_and_stops_come_from_outside() {
    let failure = Failure::new("Denied", "by hand");
    let failed = charge(CALLBACK, &json!({})).action(Action::send_task_failure(
        seconds(5),
        "Charge",
        failure.clone(),
    ));
    let failed = run(&failed);
    assert_eq!((failed.error(), failed.cause()), (Some("Denied"), Some("by hand")));
    let stopped = charge(LAMBDA, &json!({}))
        .mock("Charge", Mock::never())
        .action(Action::stop(seconds(7), failure));
    let stopped = run(&stopped);
    assert_eq!(stopped.status(), ExecutionStatus::Aborted);
    assert_eq!((stopped.error(), stopped.duration()), (Some("Denied"), seconds(7)));
}

#[test]
fn actions_that_cannot_be_done_are_errors_and_late_ones_are_reported() {
    let simulation = charge(LAMBDA, &json!({}))
        .mock("Charge", Mock::returns(1).after(seconds(10)))
        .action(Action::send_task_success(seconds(5), "Charge", 1));
    assert_eq!(
        problem(&simulation),
        "sendTaskSuccess of `Charge` at 5s: no task of this state waits for a callback at \
             that time"
    );
    let simulation = charge(LAMBDA, &json!({}))
        .mock("Charge", Mock::returns(1))
        .action(Action::stop(seconds(5), Failure::default()));
    let run = run(&simulation);
    assert_eq!(run.status(), ExecutionStatus::Succeeded);
    let unused = run.unused_actions()[0].to_string();
    assert_eq!(unused, "stop at 5s came too late: everything was over");
}

#[test]
fn a_callback_that_never_comes_is_an_error() {
    let simulation = charge(CALLBACK, &json!({})).mock("Charge", Mock::never());
    insta::assert_snapshot!(problem(&simulation), @"
        nothing will ever happen again after 0s:
          `Charge` waits for a callback from `arn:aws:states:::sqs:sendMessage.waitForTaskToken`
        answer the task with a mock, call back with an action, or give the state `TimeoutSeconds`
        ");
    let timed = charge(CALLBACK, &json!({ "TimeoutSeconds": 5 })).mock("Charge", Mock::never());
    assert_eq!(run(&timed).error(), Some("States.Timeout"));
}

#[test]
fn an_endless_loop_ends_at_the_history_limit() {
    let states = json!({
        "A": { "Type": "Choice", "Default": "B", "Choices": [
            { "Variable": "$.stop", "IsPresent": true, "Next": "C" },
        ] },
        "B": { "Type": "Pass", "Next": "A" },
        "C": { "Type": "Succeed" },
    });
    let run = run(&simulation(&json!({ "StartAt": "A", "States": states })));
    assert_eq!(run.error(), Some("States.Runtime"));
    assert_eq!(run.history().events.len(), 25_000);
}
