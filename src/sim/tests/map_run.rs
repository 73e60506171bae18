//! Distributed Map: child executions under the clock of the simulation.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::asl::ExecutionType;
use crate::map_run::MapRunStatus;
use crate::sim::Run;

/// A distributed Map with one Task; `fields` go into the Map state, as YAML.
fn distributed(fields: &str) -> String {
    format!(
        r#"{{"StartAt":"Orders","States":{{"Orders":{{"Type":"Map","Label":"Orders",
            "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"}},
              "StartAt":"Charge","States":{{"Charge":{{"Type":"Task",
                "Resource":"arn:aws:states:::lambda:invoke",
                "Parameters":{{"FunctionName":"charge","Payload.$":"$"}},"End":true}}}}}},
            {fields} "End":true}}}}}}"#
    )
}

fn payload(value: serde_json::Value) -> Mock {
    Mock::returns(json!({"Payload": value}))
}

fn orders(fields: &str) -> Simulation {
    Simulation::parse(&distributed(fields)).unwrap()
}

fn types(run: &Run) -> Vec<&'static str> {
    run.history().events.iter().map(|event| event.event_type.name()).collect()
}

#[test]
fn children_are_executions_of_their_own() {
    let run = orders("")
        .input(json!([1, 2, 3]))
        .mock("Orders[1]/Charge", payload(json!("second")))
        .mock("Charge", payload(json!("other")))
        .run()
        .unwrap();
    assert_eq!(
        run.output().unwrap().to_json(),
        r#"[{"Payload":"other"},{"Payload":"second"},{"Payload":"other"}]"#
    );
    assert_eq!(
        types(&run),
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(run.children().len(), 3);
    let child = &run.children()[1];
    assert!(
        child.arn.starts_with("arn:aws:states:us-east-1:123456789012:express:"),
        "{}",
        child.arn
    );
    assert_eq!(&*child.machine_name, "StateMachine/Orders");
    assert_eq!(child.execution_type, ExecutionType::Express);
    assert_eq!(child.input, json!(2).into());
    assert_eq!(run.calls("Orders[1]/Charge").len(), 1);
    assert_eq!(run.calls("Orders[*]/Charge").len(), 3);
    assert!(run.unused_mocks().is_empty());
    let map_run = &run.map_runs()[0];
    assert_eq!((map_run.status, map_run.items.succeeded), (MapRunStatus::Succeeded, 3));
}

#[test]
fn rows_of_a_file_one_after_the_other() {
    let reader = r#""MaxConcurrency":1,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
        "ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"},
        "Parameters":{"Bucket":"b","Key.$":"$.key"}},
        "ItemSelector":{"id.$":"$$.Map.Item.Value.id","i.$":"$$.Map.Item.Index"},"#;
    let simulation = orders(reader).input(json!({"key": "k.csv"})).mock(
        "Charge",
        Mock::returns(json!({"Payload": {"$input": "$.Payload"}})).after(Duration::from_secs(2)),
    );
    let run = simulation.clone().object("b", "k.csv", *b"id\na\nb\n").run().unwrap();
    let payloads: Vec<String> = run
        .calls("Charge")
        .iter()
        .map(|call| call.arguments().get("Payload").unwrap().to_json())
        .collect();
    assert_eq!(payloads, [r#"{"i":0,"id":"a"}"#, r#"{"i":1,"id":"b"}"#]);
    assert_eq!(run.duration(), Duration::from_secs(4));

    let run = simulation.run().unwrap();
    assert_eq!(run.error(), Some("States.ItemReaderFailed"));
    assert_eq!(run.cause(), Some("The specified key does not exist."));
    assert_eq!(types(&run)[4..], ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
}

#[test]
fn many_large_items_start_in_one_moment() {
    let row = "x".repeat(200_000);
    let body: String = (0..100).map(|id| format!("{{\"id\":{id},\"x\":\"{row}\"}}\n")).collect();
    let reader = r#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
        "ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket":"b","Key":"k"}},
        "ResultSelector":{"ids.$":"$[*].Payload"},"#;
    let run = orders(reader)
        .object("b", "k", body.into_bytes())
        .mock("Charge", payload(json!(1)).after(Duration::from_secs(2)))
        .run()
        .unwrap();
    assert_eq!(run.output().unwrap().get("ids").unwrap().as_array().unwrap().len(), 100);
    assert_eq!(run.duration(), Duration::from_secs(2));
    assert!(run.children().iter().all(|child| child.start_time == run.start_time()));
    let kept = run.children().iter().filter(|child| !child.history.events.is_empty()).count();
    assert!((10..50).contains(&kept), "{kept} of 100 histories are kept");
    let ids = run.calls("Charge").into_iter().map(|call| {
        let item = call.arguments().get("Payload").unwrap();
        assert!(item.size() > 200_000);
        item.get("id").unwrap().as_i64().unwrap()
    });
    assert!(ids.eq(0..100));
}

#[test]
fn failures_beyond_what_is_tolerated_stop_the_others() {
    let run = orders("")
        .input(json!([1, 2]))
        .mock("Orders[0]/Charge", Mock::fails("Broken", "cause").after(Duration::from_secs(1)))
        .mock("Orders[1]/Charge", payload(json!(1)).after(Duration::from_secs(9)))
        .run()
        .unwrap();
    assert_eq!(run.error(), Some("States.ExceedToleratedFailureThreshold"));
    assert_eq!(run.duration(), Duration::from_secs(1));
    let statuses: Vec<ExecutionStatus> = run.children().iter().map(|child| child.status).collect();
    assert_eq!(statuses, [ExecutionStatus::Failed, ExecutionStatus::Aborted]);
}

#[test]
fn a_map_state_takes_its_run_down() {
    let run = orders("")
        .input(json!([1]))
        .mock("Charge", payload(json!(1)).after(Duration::from_secs(9)))
        .action(Action::stop(Duration::from_secs(3), Failure::default()))
        .run()
        .unwrap();
    assert_eq!(run.status(), ExecutionStatus::Aborted);
    assert_eq!(run.children()[0].status, ExecutionStatus::Aborted);
    assert_eq!(run.map_runs()[0].status, MapRunStatus::Aborted);
}

#[test]
fn results_are_written_to_the_virtual_bucket() {
    let writer = r#""ResultWriter":{"Resource":"arn:aws:states:::s3:putObject",
        "Parameters":{"Bucket":"out","Prefix":"p"},"WriterConfig":{"Transformation":"COMPACT",
        "OutputType":"JSON"}},"#;
    let simulation = orders(writer).input(json!([1])).mock("Charge", payload(json!(1)));
    let run = simulation.clone().run().unwrap();
    let key = run.output().unwrap().get("ResultWriterDetails").unwrap().get("Key").unwrap();
    let manifest = run.object(&format!("s3://out/{}", key.as_str().unwrap())).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
    let file = manifest["ResultFiles"]["SUCCEEDED"][0]["Key"].as_str().unwrap();
    assert_eq!(run.object(&format!("s3://out/{file}")), Some(r#"[{"Payload":1}]"#));
    let refused = simulation.missing_bucket("out").run().unwrap();
    assert_eq!(refused.error(), Some("States.ResultWriterFailed"));
}

#[test]
fn equal_simulations_give_equal_map_runs() {
    let simulation = orders("").input(json!([1, 2])).mock("Charge", payload(json!(1)));
    let runs = [simulation.clone().run().unwrap(), simulation.run().unwrap()];
    assert_eq!(runs[0].map_runs()[0].arn, runs[1].map_runs()[0].arn);
    let arns = |run: &Run| run.children().iter().map(|child| child.arn.clone()).collect::<Vec<_>>();
    assert_eq!(arns(&runs[0]), arns(&runs[1]));
}
