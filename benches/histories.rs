//! Generated histories: a chain of Task states, as the AWS command line prints it.

use serde_json::{Value as Json, json};

/// A chain of Task states over about half a kilobyte, and a Pass state.
pub fn definition(tasks: usize) -> String {
    let task = |number: usize| {
        format!(
            r#""Task{number}": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {{"FunctionName": "f", "Payload.$": "$"}},
            "ResultPath": "$.result", "Next": "Task{}"}}"#,
            number + 1
        )
    };
    let states: Vec<String> = (0..tasks).map(task).collect();
    format!(
        r#"{{"StartAt": "Task0", "States": {{{}, "Task{tasks}": {{"Type": "Pass", "End": true}}}}}}"#,
        states.join(",")
    )
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
pub fn recording(tasks: usize) -> String {
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
