//! Executions told step by step what happens.

use std::sync::Arc;

use insta::assert_snapshot;

use super::*;
use crate::asl::{ExecutionType, StateMachine, parse_text};
use crate::history::{Failure, History};
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::value::Value;

const START: Timestamp = Timestamp(1_700_000_000_000);

/// A machine from JSON.
#[track_caller]
fn machine(definition: serde_json::Value) -> Arc<StateMachine> {
    let (machine, problems) = parse_text("test.json", &definition.to_string());
    Arc::new(machine.unwrap_or_else(|| panic!("{problems:#?}")))
}

pub(super) fn start(input: serde_json::Value) -> Start {
    Start {
        arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
        name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
        state_machine_name: "m".into(),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        region: "us-east-1".into(),
        execution_type: ExecutionType::Standard,
        synchronous: false,
        input: input.into(),
        seed: 0,
        interleaving: None,
        limits: Limits::today().into(),
    }
}

/// Runs to the end: each task is answered at once by `answer`, time jumps to the next timer.
fn run(
    machine: Arc<StateMachine>,
    start: Start,
    mut answer: impl FnMut(&TaskRequest) -> Option<Result<Value, Failure>>,
) -> Execution {
    let mut execution = Execution::start(START, machine, start);
    let mut now = START;
    let mut answers = Vec::new();
    loop {
        match execution.poll() {
            Output::Task(request) => {
                let task = request.task;
                execution.handle(now, Input::TaskStarted { task, worker_name: None }).unwrap();
                answers.extend(answer(&request).map(|answer| (task, answer)));
            }
            Output::CancelTask(_) | Output::RedriveMapRun { .. } => {}
            Output::MapRun(_) => unreachable!("these tests have no distributed Map"),
            Output::Ended => return execution,
            Output::Idle(deadline) => {
                let waiting = std::mem::take(&mut answers);
                if waiting.is_empty() {
                    now = deadline.expect("nothing to wait for");
                    execution.handle_timeout(now);
                }
                for (task, answer) in waiting {
                    let input = match answer {
                        Ok(output) => Input::TaskSucceeded { task, output },
                        Err(failure) => {
                            Input::TaskFailed { task, stage: FailureStage::Run, failure }
                        }
                    };
                    // A sibling's failure may have stopped the task meanwhile.
                    let _ = execution.handle(now, input);
                }
            }
        }
    }
}

fn history(execution: Execution) -> String {
    let mut history = History { events: execution.into_history() };
    for event in &mut history.events {
        event.timestamp = event.timestamp.map(|time| Timestamp(time - START));
    }
    history.to_string()
}

fn error(name: &str) -> Failure {
    Failure { error: Some(name.into()), cause: None }
}

const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

#[test]
fn a_map_whose_iterations_time_out_together() {
    let machine = machine(serde_json::json!({
        "StartAt": "M",
        "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {
            "StartAt": "T",
            "States": {"T": {
                "Type": "Task", "Resource": LAMBDA, "TimeoutSeconds": 5, "End": true
            }}
        }}}
    }));
    let execution = run(machine, start(serde_json::json!([1, 2])), |_| None);
    assert_snapshot!(history(execution));
}

#[test]
fn retriers_count_apart_as_in_the_guide() {
    let machine = machine(serde_json::json!({
        "StartAt": "X",
        "States": {
            "X": {
                "Type": "Task", "Resource": LAMBDA, "Next": "Y",
                "Retry": [
                    {"ErrorEquals": ["ErrorA", "ErrorB"], "IntervalSeconds": 1, "BackoffRate": 2.0,
                     "MaxAttempts": 2},
                    {"ErrorEquals": ["ErrorC"], "IntervalSeconds": 5}
                ],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
            },
            "Y": {"Type": "Succeed"},
            "Z": {"Type": "Pass", "End": true}
        }
    }));
    let mut errors = ["ErrorA", "ErrorB", "ErrorC", "ErrorB"].into_iter();
    let execution =
        run(machine, start(serde_json::json!({})), |_| errors.next().map(error).map(Err));
    assert_eq!(errors.next(), None);
    assert_eq!(execution.now() - START, 1_000 + 2_000 + 5_000);
    assert_eq!(execution.status(), ExecutionStatus::Succeeded);
    assert_snapshot!(history(execution));
}

#[test]
fn a_failing_branch_stops_its_siblings() {
    let machine = machine(serde_json::json!({
        "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "Next": "After",
            "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "After"}],
            "Branches": [
                {"StartAt": "Slow", "States": {"Slow": {"Type": "Wait", "Seconds": 9, "End": true}}},
                {"StartAt": "In", "States": {"In": {"Type": "Map", "ItemsPath": "$.list", "End": true,
                    "ItemProcessor": {"StartAt": "Call", "States": {"Call": {
                        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true
                    }}}}}},
                {"StartAt": "Bad", "States": {"Bad": {
                    "Type": "Task", "Resource": LAMBDA, "End": true
                }}}
            ]},
            "After": {"Type": "Pass", "End": true}
        }
    }));
    let input = serde_json::json!({"list": [1]});
    let execution =
        run(machine, start(input), |request| (&*request.state == "Bad").then(|| Err(error("E"))));
    assert_snapshot!(history(execution));
}

#[test]
fn a_loop_ends_with_the_history() {
    let machine = machine(serde_json::json!({
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Choice", "Choices": [
                {"Variable": "$.x", "IsPresent": true, "Next": "End"}
            ], "Default": "A"},
            "End": {"Type": "Succeed"}
        }
    }));
    let execution = run(machine.clone(), start(serde_json::json!({})), |_| None);
    let last = execution.history().last().unwrap();
    assert_eq!((last.id, last.event_type.name()), (25_000, "ExecutionFailed"));
    assert_eq!(execution.history().len(), 25_000);

    let express = Start { execution_type: ExecutionType::Express, ..start(serde_json::json!({})) };
    assert_eq!(run(machine, express, |_| None).status(), ExecutionStatus::TimedOut);
}

#[test]
fn heartbeats_put_the_deadline_off() {
    let machine = machine(serde_json::json!({
        "StartAt": "T",
        "States": {"T": {"Type": "Task", "Resource": LAMBDA, "HeartbeatSeconds": 10,
            "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}], "End": true},
            "Late": {"Type": "Pass", "End": true}}
    }));
    let mut execution = Execution::start(START, machine, start(serde_json::json!({})));
    let Output::Task(request) = execution.poll() else { panic!() };
    let task = request.task;
    execution.handle(START + 9_000, Input::TaskHeartbeat { task }).unwrap();
    execution.handle_timeout(START + 10_000);
    assert!(matches!(execution.poll(), Output::Idle(Some(at)) if at == START + 19_000));
    execution.handle_timeout(START + 19_000);
    assert!(matches!(execution.poll(), Output::CancelTask(_)));
    assert!(matches!(execution.poll(), Output::Ended));
    let refused = execution.handle(START + 20_000, Input::TaskHeartbeat { task });
    assert_eq!(refused, Err(Rejected::ExecutionEnded));
    assert_snapshot!(history(execution));
}

#[test]
fn a_stop_and_a_time_out_leave_states_open() {
    let definition = serde_json::json!({
        "StartAt": "W", "TimeoutSeconds": 30,
        "States": {"W": {"Type": "Wait", "Seconds": 60, "End": true}}
    });
    let timed_out = run(machine(definition.clone()), start(serde_json::json!({})), |_| None);
    assert_eq!(timed_out.status(), ExecutionStatus::TimedOut);
    let last = timed_out.history().last().unwrap();
    assert_eq!((last.id, last.previous_event_id), (3, 0));

    let mut stopped = Execution::start(START, machine(definition), start(serde_json::json!({})));
    assert!(matches!(stopped.poll(), Output::Idle(Some(_))));
    stopped.handle(START, Input::Stop { failure: error("E") }).unwrap();
    assert_eq!(stopped.status(), ExecutionStatus::Aborted);
    assert_eq!(stopped.history().len(), 3);
}

#[test]
fn seeded_interleavings_differ_and_repeat() {
    let machine = machine(serde_json::json!({
        "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "A1", "States": {
                "A1": {"Type": "Pass", "Next": "A2"}, "A2": {"Type": "Pass", "End": true}}},
            {"StartAt": "B1", "States": {
                "B1": {"Type": "Pass", "Next": "B2"}, "B2": {"Type": "Pass", "End": true}}}
        ]}}
    }));
    let with = |interleaving| {
        let start = Start { interleaving, ..start(serde_json::json!({})) };
        let execution = run(machine.clone(), start, |_| None);
        assert_eq!(execution.status(), ExecutionStatus::Succeeded);
        history(execution)
    };
    assert_eq!(with(Some(1)), with(Some(1)));
    assert!((1..20).any(|seed| with(Some(seed)) != with(None)));
}

#[test]
fn data_that_grows_deeper_each_round_ends_the_execution() {
    let machine = machine(serde_json::json!({
        "StartAt": "Wrap",
        "States": {
            "Wrap": {"Type": "Pass", "Parameters": {"a.$": "$"}, "Next": "Again"},
            "Again": {"Type": "Choice", "Choices": [
                {"Variable": "$.stop", "IsPresent": true, "Next": "End"}
            ], "Default": "Wrap"},
            "End": {"Type": "Succeed"}
        }
    }));
    let execution = run(machine, start(serde_json::json!({})), |_| None);
    let Some(ExecutionResult::Failed(failure)) = execution.result() else { panic!() };
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"), "{failure:?}");
}

/// The history of an execution without tasks that makes so many steps at once, and how often it
/// stopped for others.
#[track_caller]
fn run_in_steps(machine: &Arc<StateMachine>, start: Start, steps: u32) -> (String, usize) {
    let (mut execution, mut stops) = (Execution::start(START, machine.clone(), start), 0);
    loop {
        match execution.poll_some(&mut { steps }) {
            None => stops += 1,
            Some(Output::Idle(Some(at))) => execution.handle_timeout(at),
            Some(Output::Ended) => return (history(execution), stops),
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn where_an_execution_stops_for_others_changes_nothing() {
    let machine = machine(serde_json::json!({
        "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "Each", "States": {"Each": {
                "Type": "Map", "ItemsPath": "$", "MaxConcurrency": 2, "End": true,
                "ItemProcessor": {"StartAt": "In", "States": {
                    "In": {"Type": "Wait", "Seconds": 1, "Next": "Out"},
                    "Out": {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": true}}}
            }}},
            {"StartAt": "A", "States": {
                "A": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $uuid() %}",
                    "Next": "B"},
                "B": {"Type": "Fail", "Error": "E"}}}
        ], "Catch": [{"ErrorEquals": ["E"], "Next": "Then"}]},
        "Then": {"Type": "Succeed"}}
    }));
    for interleaving in [None, Some(1), Some(2), Some(3)] {
        let start = || Start { interleaving, ..start(serde_json::json!([1, 2, 3, 4, 5])) };
        let whole = history(run(machine.clone(), start(), |_| None));
        for steps in [1, 2, 3, 7, u32::MAX] {
            let (history, stops) = run_in_steps(&machine, start(), steps);
            assert_eq!(history, whole, "{interleaving:?} {steps}");
            assert!(stops > 0, "JSONata stops at once");
        }
    }
}
