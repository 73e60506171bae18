//! Redrive: what did not succeed runs again, and nothing else.

use serde_json::json;

use super::*;
use crate::history::EventDetails;
use crate::map_run::MapRunStatus;
use crate::sim::{Run, Simulation};

const TASK: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn task(next: Option<&str>) -> serde_json::Value {
    match next {
        Some(next) => json!({"Type": "Task", "Resource": TASK, "Next": next}),
        None => json!({"Type": "Task", "Resource": TASK, "End": true}),
    }
}

fn failing_once() -> Mock {
    Mock::by_invocation([Answer::fails("Broken", "once"), Answer::returns("mended")])
}

fn types(run: &Run) -> Vec<&'static str> {
    run.history().events.iter().map(|event| event.event_type.name()).collect()
}

fn calls(run: &Run, key: &str) -> usize {
    run.calls(key).len()
}

#[test]
fn a_failed_task_runs_again_and_its_forerunner_does_not() {
    let machine = json!({"StartAt": "A", "States": {"A": task(Some("B")), "B": task(None)}});
    let run = simulation(&machine)
        .mock("A", Mock::returns(1))
        .mock("B", failing_once())
        .action(Action::redrive(seconds(60)))
        .run()
        .unwrap();
    assert_eq!(run.output().unwrap().to_json(), "\"mended\"");
    assert_eq!((calls(&run, "A"), calls(&run, "B")), (1, 2));
    let types = types(&run);
    let at = types.iter().position(|name| *name == "ExecutionRedriven").unwrap();
    assert_eq!(types[at - 1], "ExecutionFailed");
    assert_eq!(types[at + 1], "LambdaFunctionScheduled");
    assert_eq!(run.status_changes().len(), 4);
    assert_eq!(run.duration(), seconds(60));
}

#[test]
fn only_the_branches_that_failed_run_again() {
    let branch = |state: &str| json!({"StartAt": state, "States": {state: task(None)}});
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
        "Branches": [branch("L"), branch("R"), branch("S")]}}});
    let run = simulation(&machine)
        .mock("L", Mock::returns("left"))
        .mock("R", {
            Mock::by_invocation([
                Answer::fails("Broken", "once").after(seconds(1)),
                Answer::returns("mended"),
            ])
        })
        .mock("S", Mock::returns("slow").after(seconds(9)))
        .action(Action::redrive(seconds(60)))
        .run()
        .unwrap();
    assert_eq!(run.output().unwrap().to_json(), r#"["left","mended","slow"]"#);
    assert_eq!((calls(&run, "L"), calls(&run, "R"), calls(&run, "S")), (1, 2, 2));
}

#[test]
fn only_the_iterations_that_did_not_succeed_run_again() {
    let machine = json!({"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1,
        "ItemProcessor": {"StartAt": "T", "States": {"T": task(None)}}, "End": true}}});
    let run = simulation(&machine)
        .input(json!([1, 2, 3]))
        .mock("T", {
            Mock::by_invocation([
                Answer::returns("first"),
                Answer::fails("Broken", "once"),
                Answer::returns("later"),
            ])
        })
        .action(Action::redrive(seconds(60)))
        .run()
        .unwrap();
    assert_eq!(run.output().unwrap().to_json(), r#"["first","later","later"]"#);
    assert_eq!(calls(&run, "T"), 4);
}

#[test]
fn a_stopped_execution_goes_on_in_all_its_branches() {
    let branch = |state: &str| json!({"StartAt": state, "States": {state: task(None)}});
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
        "Branches": [branch("L"), branch("R")]}}});
    let run = simulation(&machine)
        .mock("L", Mock::returns("left"))
        .mock("R", Mock::returns("right").after(seconds(9)))
        .action(Action::stop(seconds(3), Failure::default()))
        .action(Action::redrive(seconds(60)))
        .run()
        .unwrap();
    assert_eq!(run.output().unwrap().to_json(), r#"["left","right"]"#);
    assert_eq!(run.duration(), seconds(69));
    assert_eq!((calls(&run, "L"), calls(&run, "R")), (1, 2));
}

fn distributed(execution_type: &str) -> Simulation {
    simulation(&json!({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
        "StartAt": "A", "States": {"A": task(Some("B")), "B": task(None)}}, "End": true}}}))
    .input(json!([1, 2]))
    .mock("A", Mock::returns(1))
    .mock("M[0]/B", Mock::returns("fine"))
    .mock("M[1]/B", {
        Mock::by_invocation([
            Answer::fails("Broken", "once").after(seconds(1)),
            Answer::returns("mended"),
        ])
    })
    .action(Action::redrive(seconds(60)))
}

#[rstest]
#[case("STANDARD", 2, 2)]
#[case("EXPRESS", 3, 3)]
fn a_map_run_is_redriven(#[case] kind: &str, #[case] first: usize, #[case] executions: usize) {
    let run = distributed(kind).run().unwrap();
    assert_eq!(run.output().unwrap().to_json(), r#"["fine","mended"]"#);
    // A Standard child goes on where it stopped, an Express one starts anew.
    assert_eq!((calls(&run, "A"), calls(&run, "B")), (first, 3));
    assert_eq!(run.children().len(), executions);
    assert_eq!((run.map_runs().len(), run.map_runs()[0].status), (1, MapRunStatus::Succeeded));
    let redriven = run.history().events.iter().find_map(|event| match &event.details {
        EventDetails::MapRunRedriven(details) => Some(details.redrive_count),
        _ => None,
    });
    assert_eq!(redriven, Some(Some(1)));
    assert_eq!(run.map_runs()[0].items.succeeded, 2);
}

#[test]
fn what_succeeded_cannot_be_redriven() {
    let machine = json!({"StartAt": "A", "States": {"A": task(None)}});
    let problem = problem(
        &simulation(&machine).mock("A", Mock::returns(1)).action(Action::redrive(seconds(5))),
    );
    assert!(problem.contains("Execution is SUCCEEDED and cannot be redriven"), "{problem}");
}
