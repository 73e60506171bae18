//! The runs of distributed Maps, seen from the outside.

use super::*;

fn map(fields: serde_json::Value) -> Simulation {
    let mut state = json!({
        "Type": "Map", "End": true, "Label": "l",
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "T",
            "States": { "T": { "Type": "Task", "Resource": LAMBDA, "End": true } },
        },
    });
    for (key, value) in fields.as_object().unwrap() {
        state[key] = value.clone();
    }
    simulation(&json!({ "StartAt": "Map", "States": { "Map": state } }))
}

fn double() -> Mock {
    Mock::from_fn(|call| Answer::returns(call.arguments.as_i64().unwrap_or(0) * 2))
}

#[test]
fn children_are_executions_of_their_own() {
    let mock = Mock::from_fn(|call| Answer::returns(call.place.to_string()).after(seconds(5)));
    let simulation =
        map(json!({ "MaxConcurrency": 2 })).name("M").input(json!([1, 2, 3])).mock("T", mock);
    let run = run(&simulation);
    assert_eq!(run.output().unwrap().to_json(), r#"["Map[0]","Map[1]","Map[2]"]"#);
    assert_eq!(run.duration(), seconds(10), "two at once, then the third");
    assert_eq!(run.children().len(), 3);
    let arn = &run.children()[0].arn;
    assert!(arn.starts_with("arn:aws:states:us-east-1:123456789012:execution:M/l:"), "{arn}");
    assert_eq!(run.calls("Map[1]/T").len(), 1);
    assert_eq!(run.status_changes().len(), 2);
}

#[rstest]
#[case(json!({}), false)]
#[case(json!({ "ToleratedFailureCount": 1 }), true)]
#[case(json!({ "ToleratedFailurePercentage": 20 }), false)]
#[case(json!({ "ToleratedFailurePercentage": 25 }), true)]
#[case(json!({ "ToleratedFailureCount": 9, "ToleratedFailurePercentage": 20 }), false)]
fn failures_are_tolerated_up_to_a_threshold(
    #[case] fields: serde_json::Value,
    #[case] succeeds: bool,
) {
    let simulation = map(fields)
        .input(json!([1, 2, 3, 4]))
        .mock("T", Mock::returns(1).after(seconds(9)))
        .mock("Map[1]/T", Mock::fails("E", ""));
    let run = run(&simulation);
    if succeeds {
        let output = run.output().and_then(Value::as_array).unwrap();
        assert_eq!((output.len(), &output[3]), (4, &Value::from(1)));
        // The one that failed shows itself whole (documentation of ResultWriter).
        assert_eq!(output[1].get("Status"), Some(&Value::from("FAILED")));
    } else {
        assert_eq!(run.error(), Some("States.ExceedToleratedFailureThreshold"));
        assert_eq!(run.duration(), seconds(0));
        assert_eq!(run.children()[3].status, ExecutionStatus::Aborted);
    }
}

#[test]
fn items_come_in_batches() {
    let batcher = json!({ "MaxItemsPerBatch": 2, "BatchInput": { "f": 1 } });
    let simulation = map(json!({ "ItemBatcher": batcher }))
        .input(json!([1, 2, 3]))
        .mock("T", Mock::parse(&parse(r#"{"return": {"$input": "$"}}"#)).unwrap());
    assert_eq!(
        run(&simulation).output().unwrap().to_json(),
        r#"[{"BatchInput":{"f":1},"Items":[1,2]},{"BatchInput":{"f":1},"Items":[3]}]"#
    );
}

#[test]
fn a_mock_of_the_state_stands_for_the_whole_run() {
    let simulation = map(json!({})).input(json!([1])).mock("T", double());
    assert_eq!(run(&simulation).output().unwrap().to_json(), "[2]");
    let mocked = run(&simulation.mock("Map", Mock::returns("all")));
    assert_eq!(mocked.output(), Some(&"all".into()));
    assert!(mocked.children().is_empty());
}

#[test]
fn stopping_the_parent_stops_the_children() {
    let simulation = map(json!({}))
        .input(json!([1, 2]))
        .mock("T", Mock::never())
        .action(Action::stop(seconds(3), Failure::default()));
    let run = run(&simulation);
    assert!(run.executions().iter().all(|one| one.status == ExecutionStatus::Aborted));
}
