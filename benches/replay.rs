//! Executions per second of replay, on one core: a history of 100 events, read, replayed and
//! compared. The definition is parsed once.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stepproof::asl::{self, StateMachine};
use stepproof::history::{Diff, DiffOptions, History, TimestampForm};
use stepproof::replay::{ReplayOptions, replay};

/// A chain of Task states over about half a kilobyte, and a Pass state.
fn definition(tasks: usize) -> Arc<StateMachine> {
    let task = |number: usize| {
        format!(
            r#""Task{number}": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {{"FunctionName": "f", "Payload.$": "$"}},
            "ResultPath": "$.result", "Next": "Task{}"}}"#,
            number + 1
        )
    };
    let states: Vec<String> = (0..tasks).map(task).collect();
    let text = format!(
        r#"{{"StartAt": "Task0", "States": {{{}, "Task{tasks}": {{"Type": "Pass", "End": true}}}}}}"#,
        states.join(",")
    );
    let (machine, problems) = asl::parse_text("chain.json", &text);
    Arc::new(machine.unwrap_or_else(|| panic!("{problems:?}")))
}

/// The history of the chain, as the AWS command line prints it.
fn recording(tasks: usize) -> String {
    let order = serde_json::json!({
        "customer": {"name": "Ada", "street": "12 St James's Square", "city": "London"},
        "lines": (0..6).map(|line| serde_json::json!({"sku": line, "count": 2, "price": 9.75}))
            .collect::<Vec<_>>(),
    });
    let mut events = Vec::new();
    let mut add = |previous: usize, event_type: &str, name: &str, details: serde_json::Value| {
        let id = events.len() + 1;
        let mut event = serde_json::json!({
            "timestamp": "2024-05-01T10:00:00.000000+02:00",
            "type": event_type, "id": id, "previousEventId": previous,
        });
        event[name] = details;
        events.push(event);
    };
    let text = |value: &serde_json::Value| value.to_string();
    let whole = serde_json::json!({"truncated": false});
    add(
        0,
        "ExecutionStarted",
        "executionStartedEventDetails",
        serde_json::json!({
            "input": text(&order), "inputDetails": whole, "roleArn": "arn:aws:iam::123456789012:role/r",
        }),
    );
    let mut data = order;
    let service = |mut details: serde_json::Value| {
        details["resourceType"] = "lambda".into();
        details["resource"] = "invoke".into();
        details
    };
    for number in 0..tasks {
        let (first, name) = (number * 5 + 2, format!("Task{number}"));
        let before = if number == 0 { 0 } else { first - 1 };
        add(
            before,
            "TaskStateEntered",
            "stateEnteredEventDetails",
            serde_json::json!({
                "name": name, "input": text(&data), "inputDetails": whole,
            }),
        );
        let parameters = serde_json::json!({"FunctionName": "f", "Payload": data});
        add(
            first,
            "TaskScheduled",
            "taskScheduledEventDetails",
            service(serde_json::json!({
                "region": "eu-west-1", "parameters": text(&parameters),
            })),
        );
        add(first + 1, "TaskStarted", "taskStartedEventDetails", service(serde_json::json!({})));
        let result = serde_json::json!({"Payload": {"attempt": number}, "StatusCode": 200});
        add(
            first + 2,
            "TaskSucceeded",
            "taskSucceededEventDetails",
            service(serde_json::json!({
                "output": text(&result), "outputDetails": whole,
            })),
        );
        data["result"] = result;
        add(
            first + 3,
            "TaskStateExited",
            "stateExitedEventDetails",
            serde_json::json!({
                "name": name, "output": text(&data), "outputDetails": whole,
            }),
        );
    }
    let (first, name) = (tasks * 5 + 2, format!("Task{tasks}"));
    add(
        first - 1,
        "PassStateEntered",
        "stateEnteredEventDetails",
        serde_json::json!({
            "name": name, "input": text(&data), "inputDetails": whole,
        }),
    );
    add(
        first,
        "PassStateExited",
        "stateExitedEventDetails",
        serde_json::json!({
            "name": name, "output": text(&data), "outputDetails": whole,
        }),
    );
    add(
        first + 1,
        "ExecutionSucceeded",
        "executionSucceededEventDetails",
        serde_json::json!({
            "output": text(&data), "outputDetails": whole,
        }),
    );
    serde_json::to_string_pretty(&serde_json::json!({"events": events})).unwrap()
}

fn figures(c: &mut Criterion) {
    let (machine, text) = (definition(19), recording(19));
    let (recorded, _) = History::parse(&text).unwrap();
    eprintln!("{} events, {} bytes", recorded.events.len(), text.len());
    let options = ReplayOptions::default();
    let outcome = replay(&machine, &recorded, &options).unwrap();
    assert!(outcome.is_same(), "{outcome:?}");

    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(1));
    group.bench_function("same", |b| {
        b.iter(|| {
            let (recorded, _) = History::parse(black_box(&text)).unwrap();
            replay(&machine, &recorded, &options).unwrap().is_same()
        });
    });
    group.bench_function("read", |b| b.iter(|| History::parse(black_box(&text)).unwrap()));
    let (again, _) = History::parse(&text).unwrap();
    let compared = DiffOptions::default();
    group.bench_function("diff", |b| b.iter(|| Diff::new(&recorded, &again, &compared).is_same()));
    group.bench_function("write", |b| b.iter(|| recorded.to_json(TimestampForm::Text)));

    let (machine, text) = (definition(4_999), recording(4_999));
    group.bench_function("of_25000_events", |b| {
        b.iter(|| {
            let (recorded, _) = History::parse(black_box(&text)).unwrap();
            replay(&machine, &recorded, &options).unwrap().is_same()
        });
    });
    group.finish();
}

criterion_group!(benches, figures);
criterion_main!(benches);
