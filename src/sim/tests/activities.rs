//! Activities and their scripted workers.

use super::*;

const ACTIVITY: &str = "arn:aws:states:eu-west-1:999999999999:activity:approve";

fn worker(json: &str) -> Worker {
    Worker::parse(&parse(json)).unwrap()
}

#[test]
fn a_worker_takes_the_task_when_it_asks() {
    let simulation = charge(ACTIVITY, &json!({})).input(json!({ "a": 1 })).worker(
        "approve",
        worker(r#"[{"worker": "w1", "poll": "5s", "after": "2s", "return": {"$input": "$.a"}}]"#),
    );
    let run = run(&simulation);
    assert_eq!(run.output(), Some(&1.into()));
    let text = run.history().to_string();
    assert!(text.contains("ActivityStarted w1"), "{text}");
    // It asks for the first time at the start, when the task is there already.
    assert_eq!(run.duration(), seconds(2));
}

#[test]
fn one_worker_takes_one_task_at_each_poll() {
    let task = |name: &str| {
        json!({ "StartAt": name, "States": { name: {
                "Type": "Task", "Resource": ACTIVITY, "End": true,
            } } })
    };
    let definition = json!({
        "StartAt": "Wait",
        "States": {
            "Wait": { "Type": "Wait", "Seconds": 1, "Next": "Both" },
            "Both": { "Type": "Parallel", "End": true, "Branches": [task("A"), task("B")] },
        },
    });
    let simulation =
        simulation(&definition).worker("approve", worker(r#"{"poll": "5s", "return": 1}"#));
    let run = run(&simulation);
    let ends: Vec<i64> =
        run.all_calls().iter().map(|call| call.end_time.unwrap() - run.start_time()).collect();
    assert_eq!(ends, [5_000, 10_000]);
}

#[test]
fn a_task_that_no_worker_takes_in_time_times_out_only_once_taken() {
    // An activity's clock runs from its start, so this one waits for the poll.
    let simulation = charge(ACTIVITY, &json!({ "TimeoutSeconds": 3 }))
        .worker("approve", worker(r#"{"never": true}"#));
    let run = run(&simulation);
    assert_eq!((run.error(), run.duration()), (Some("States.Timeout"), seconds(3)));
    assert_eq!(run.metrics().sum("ActivitiesTimedOut"), 1);
    assert_eq!(run.metrics().sum("ActivitiesHeartbeatTimedOut"), 0);
}

#[test]
fn a_mock_of_the_state_needs_no_worker() {
    let simulation = charge(ACTIVITY, &json!({})).mock("Charge", Mock::returns(1));
    let run = run(&simulation);
    assert_eq!(
        types(&run)[2..5],
        [EventType::ActivityScheduled, EventType::ActivityStarted, EventType::ActivitySucceeded]
    );
}
