//! What the account tells of its executions: status changes, metrics, paths.

use super::*;

/// The members and their order are those of `base.event_bridge_events_base`.
#[test]
fn status_changes() {
    let definition = json!({
        "StartAt": "W",
        "States": {
            "W": { "Type": "Wait", "Seconds": 60, "Next": "P" },
            "P": { "Type": "Pass", "Result": { "Arg1": "argument1" }, "End": true },
        },
    });
    let run = run(&simulation(&definition).name("M"));
    let changes: Vec<Value> =
        run.status_changes().iter().map(crate::service::StatusChange::to_value).collect();
    assert_eq!(changes.len(), 2);
    insta::assert_snapshot!(changes[1].to_json_pretty());
    assert_eq!(changes[0].get("detail").unwrap().get("stopDate"), Some(&Value::Null));
}

#[test]
fn express_executions_have_no_status_changes() {
    let states = json!({ "P": { "Type": "Pass", "End": true } });
    let simulation = simulation(&json!({ "StartAt": "P", "States": states }))
        .execution_type(ExecutionType::Express);
    let run = run(&simulation);
    assert!(run.status_changes().is_empty());
    assert!(
        run.execution()
            .arn
            .starts_with("arn:aws:states:us-east-1:123456789012:express:StateMachine:execution:")
    );
}

#[test]
fn metrics_of_a_task() {
    let mock = Mock::fails("E", "").after(seconds(2)).then(Mock::returns(1).after(seconds(3)));
    let retry = json!({ "Retry": [{ "ErrorEquals": ["E"] }] });
    let run = run(&charge(LAMBDA, &retry).mock("Charge", mock));
    let sum = |name| run.metrics().sum(name);
    assert_eq!(sum("ExecutionsStarted"), 1);
    assert_eq!(sum("ExecutionsSucceeded"), 1);
    assert_eq!(sum("ExecutionTime"), 6_000);
    assert_eq!(sum("LambdaFunctionsScheduled"), 2);
    assert_eq!(sum("LambdaFunctionsFailed"), 1);
    assert_eq!(sum("LambdaFunctionsSucceeded"), 1);
    assert_eq!(sum("LambdaFunctionRunTime"), 5_000);
    assert!(run.metrics().all.iter().all(|metric| Metrics::NAMES.contains(&metric.name)));
}

use crate::service::Metrics;

#[test]
fn a_seed_fixes_everything_and_another_changes_it() {
    let states = json!({ "P": {
            "Type": "Pass", "End": true, "Parameters": { "id.$": "States.UUID()" },
        } });
    let definition = json!({ "StartAt": "P", "States": states });
    let text = |seed| run(&simulation(&definition).seed(seed)).history().to_string();
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

#[test]
fn a_shuffle_changes_the_order_of_branches_only() {
    let items: Vec<u32> = (0..10).collect();
    let definition = json!({
        "StartAt": "Map",
        "States": { "Map": {
            "Type": "Map", "End": true,
            "ItemProcessor": { "StartAt": "T", "States": {
                "T": { "Type": "Task", "Resource": LAMBDA, "End": true },
            } },
        } },
    });
    let mock = Mock::parse(&parse(r#"{"return": {"$input": "$"}}"#)).unwrap();
    let simulation = simulation(&definition).input(json!(items)).mock("T", mock);
    let fixed = run(&simulation);
    let shuffled = run(&simulation.clone().interleaving(Some(3)));
    assert_eq!(fixed.output(), shuffled.output());
    assert_ne!(fixed.history(), shuffled.history());
    assert_eq!(shuffled.history(), run(&simulation.interleaving(Some(3))).history());
    assert_eq!(fixed.path()[..3], ["Map", "Map[0]/T", "Map[1]/T"]);
}

#[test]
fn paths_name_branches_and_iterations() {
    let leaf = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    let definition = json!({
        "StartAt": "Both",
        "States": {
            "Both": { "Type": "Parallel", "Next": "Map", "Branches": [leaf("L"), leaf("R")] },
            "Map": { "Type": "Map", "Next": "End", "MaxConcurrency": 1, "ItemProcessor": {
                "StartAt": "In", "States": {
                    "In": { "Type": "Map", "Next": "Out", "ItemProcessor": leaf("X") },
                    "Out": { "Type": "Pass", "End": true },
                },
            } },
            "End": { "Type": "Succeed" },
        },
    });
    let definition = simulation(&definition).input(json!([7]));
    let run = run(&definition);
    let path = run.path();
    let path: Vec<&str> = path.iter().map(|step| &**step).collect();
    assert_eq!(path[..3], ["Both", "Both[0]/L", "Both[1]/R"]);
    assert_eq!(path[3..7], ["Map", "Map[0]/In", "Map[0]/In[0]/X", "Map[0]/Out"]);
    assert_eq!(path[7..], ["Map[1]/In", "Map[1]/In[0]/X", "Map[1]/Out", "End"]);
    assert_eq!(run.top_level_path().join(" "), "Both Map End");
}
