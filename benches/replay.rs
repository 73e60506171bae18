//! Executions per second of replay, on one core: a history of 100 events, read, replayed and
//! compared. The definition is parsed once.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
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

/// Events in the making, as the AWS command line prints them.
struct Events(Vec<Json>);

impl Events {
    fn add(&mut self, previous: usize, event_type: &str, member: &str, details: Json) {
        let mut event = json!({
            "timestamp": "2024-05-01T10:00:00.000000+02:00",
            "type": event_type, "id": self.0.len() + 1, "previousEventId": previous,
        });
        event[member] = details;
        self.0.push(event);
    }

    fn entered(&mut self, previous: usize, event_type: &str, name: &str, input: &Json) {
        let details = json!({"name": name, "input": input.to_string(), "inputDetails": whole()});
        self.add(previous, event_type, "stateEnteredEventDetails", details);
    }

    fn exited(&mut self, event_type: &str, name: &str, output: &Json) {
        let details = json!({"name": name, "output": output.to_string(), "outputDetails": whole()});
        self.add(self.0.len(), event_type, "stateExitedEventDetails", details);
    }

    /// A call of the function: scheduled, started, succeeded.
    fn call(&mut self, data: &Json, result: &Json) {
        let parameters = json!({"FunctionName": "f", "Payload": data}).to_string();
        let service = |mut details: Json| {
            details["resourceType"] = "lambda".into();
            details["resource"] = "invoke".into();
            details
        };
        let scheduled = service(json!({"region": "eu-west-1", "parameters": parameters}));
        self.add(self.0.len(), "TaskScheduled", "taskScheduledEventDetails", scheduled);
        let started = service(json!({}));
        self.add(self.0.len(), "TaskStarted", "taskStartedEventDetails", started);
        let succeeded = service(json!({"output": result.to_string(), "outputDetails": whole()}));
        self.add(self.0.len(), "TaskSucceeded", "taskSucceededEventDetails", succeeded);
    }
}

fn whole() -> Json {
    json!({"truncated": false})
}

/// The history of the chain.
fn recording(tasks: usize) -> String {
    let line = |line: usize| json!({"sku": line, "count": 2, "price": 9.75});
    let mut data = json!({
        "customer": {"name": "Ada", "street": "12 St James's Square", "city": "London"},
        "lines": (0..6).map(line).collect::<Vec<_>>(),
    });
    let mut events = Events(Vec::new());
    let started = json!({
        "input": data.to_string(), "inputDetails": whole(),
        "roleArn": "arn:aws:iam::123456789012:role/r",
    });
    events.add(0, "ExecutionStarted", "executionStartedEventDetails", started);
    for number in 0..tasks {
        let name = format!("Task{number}");
        let previous = if number == 0 { 0 } else { events.0.len() };
        events.entered(previous, "TaskStateEntered", &name, &data);
        let result = json!({"Payload": {"attempt": number}, "StatusCode": 200});
        events.call(&data, &result);
        data["result"] = result;
        events.exited("TaskStateExited", &name, &data);
    }
    let name = format!("Task{tasks}");
    events.entered(events.0.len(), "PassStateEntered", &name, &data);
    events.exited("PassStateExited", &name, &data);
    let output = json!({"output": data.to_string(), "outputDetails": whole()});
    events.add(events.0.len(), "ExecutionSucceeded", "executionSucceededEventDetails", output);
    serde_json::to_string_pretty(&json!({"events": events.0})).unwrap()
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
