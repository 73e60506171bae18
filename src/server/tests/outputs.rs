//! What is written beside the answers: events, trail, metrics and logs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::*;
use crate::server::{Bucket, ClockMode, Destination, Outputs, Quotas};
use crate::time::Timestamp;

const HELLO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},
    "B":{"Type":"Pass","Result":"Hello","End":true}}}"#;

const FAILING: &str = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Oh"}}}"#;

/// A file that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stepproof-output-{}-{count}.jsonl", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn destination(&self) -> Option<Destination> {
        Some(Destination::File(self.0.clone()))
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.0).expect("it was written");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn options(outputs: Outputs) -> Options {
    let start = Timestamp::parse("2024-05-01T01:23:45.678Z").expect("a time");
    Options { clock: ClockMode::Virtual { start }, outputs, ..Options::default() }
}

/// Creates a machine with these members besides the necessary ones; its ARN.
fn machine(server: &Server, name: &str, definition: &str, more: serde_json::Value) -> String {
    let mut body = json!({ "name": name, "definition": definition,
        "roleArn": "arn:aws:iam::123456789012:role/r" });
    for (key, value) in more.as_object().expect("members") {
        body[key] = value.clone();
    }
    let (status, answer) = call(server, "CreateStateMachine", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "stateMachineArn").to_owned()
}

fn run(server: &Server, machine: &str) -> String {
    let body = json!({ "stateMachineArn": machine, "input": "{\"secret\":1}" });
    let (status, answer) = call(server, "StartExecution", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "executionArn").to_owned()
}

fn logging(level: &str, data: bool) -> serde_json::Value {
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
    json!({ "type": "EXPRESS", "loggingConfiguration": {
        "level": level, "includeExecutionData": data,
        "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": group } }] } })
}

#[test]
fn status_changes_are_written_as_eventbridge_delivers_them() {
    let file = Scratch::new();
    let events = file.destination();
    let server = start(options(Outputs { events, ..Outputs::default() }));
    let execution = run(&server, &machine(&server, "hello", HELLO, json!({})));
    run(&server, &machine(&server, "fast", HELLO, json!({ "type": "EXPRESS" })));
    server.shutdown();
    let lines = file.lines();
    let found: Vec<_> = lines.iter().map(|line| &line["detail"]["status"]).collect();
    assert_eq!(found, ["RUNNING", "SUCCEEDED"], "Express executions have none");
    assert_eq!(lines[1]["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(lines[1]["time"], "2024-05-01T01:23:45Z");
    assert_eq!(lines[1]["resources"], json!([execution]));
    assert_eq!(lines[1]["detail"]["output"], "\"Hello\"");
    assert_eq!(lines[1]["detail"]["stopDate"], 1_714_526_625_678_i64);
}

#[test]
fn calls_are_recorded_without_their_secrets() {
    let file = Scratch::new();
    let trail = file.destination();
    let server = start(options(Outputs { trail, ..Outputs::default() }));
    let arn = machine(&server, "hello", HELLO, json!({}));
    let execution = run(&server, &arn);
    call(&server, "DescribeExecution", &json!({ "executionArn": execution }).to_string());
    call(&server, "DeleteStateMachine", r#"{"stateMachineArn":"arn:none"}"#);
    call(&server, "Fly", "{}");
    let target = ("x-amz-target", "AWSStepFunctions.StartSyncExecution");
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        target,
        ("user-agent", "ours/1"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240501/us-east-1/states/aws4_request, SignedHeaders=host, Signature=00",
        ),
    ];
    let arn = machine(&server, "fast", HELLO, json!({ "type": "EXPRESS" }));
    let body = json!({ "stateMachineArn": arn, "input": "{\"secret\":2}" }).to_string();
    assert_eq!(request(&server, "POST /", &headers, &body).0, 200);
    server.shutdown();
    let lines = file.lines();
    let found: Vec<_> = lines.iter().filter_map(|line| line["eventName"].as_str()).collect();
    let expected = [
        "CreateStateMachine",
        "StartExecution",
        "DescribeExecution",
        "DeleteStateMachine",
        "CreateStateMachine",
        "StartSyncExecution",
    ];
    assert_eq!(found, expected);
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    let [create, begin, read, wrong, _, sync] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(create["requestParameters"]["definition"], hidden);
    assert_eq!(create["responseElements"]["creationDate"], "May 1, 2024 1:23:45 AM");
    assert_eq!(create["userIdentity"], json!({ "type": "Unknown" }));
    assert_eq!(begin["requestParameters"]["input"], hidden);
    assert_eq!(begin["responseElements"]["executionArn"], execution);
    assert_eq!(
        (&begin["eventTime"], &begin["readOnly"]),
        (&json!("2024-05-01T01:23:45Z"), &json!(false))
    );
    assert_eq!((&read["readOnly"], &read["responseElements"]), (&json!(true), &json!(null)));
    assert_eq!(wrong["errorCode"], "InvalidArn");
    assert!(wrong["errorMessage"].as_str().is_some_and(|text| text.contains("arn:none")));
    assert_eq!((&sync["userAgent"], &sync["eventCategory"]), (&json!("ours/1"), &json!("Data")));
    assert_eq!(sync["userIdentity"]["accessKeyId"], "AKIDEXAMPLE");
    assert_eq!(sync["resources"][0]["ARN"], *arn);
    assert_eq!(sync["responseElements"]["output"], hidden);
    assert!(!std::fs::read_to_string(&file.0).expect("text").contains("secret"));
}

#[test]
fn requests_of_http_tasks_are_data_events_of_the_service() {
    let file = Scratch::new();
    let trail = file.destination();
    let server = start(options(Outputs { trail, ..Outputs::default() }));
    // Nobody listens there, which the trail does not show.
    let task = json!({ "StartAt": "H", "States": { "H": { "Type": "Task", "End": true,
        "Resource": "arn:aws:states:::http:invoke", "Parameters": {
            "ApiEndpoint": "http://127.0.0.1:9/orders", "Method": "POST",
            "RequestBody": { "secret": 1 } } } } });
    let arn = machine(&server, "http", &task.to_string(), json!({ "type": "EXPRESS" }));
    let body = json!({ "stateMachineArn": arn }).to_string();
    let (_, ended) = call(&server, "StartSyncExecution", &body);
    assert_eq!(text(&ended, "error"), "States.Http.Socket", "{ended}");
    server.shutdown();
    let lines = file.lines();
    let [event] = &lines
        .iter()
        .filter(|one| one["eventName"] == "InvokeHTTPEndpoint")
        .collect::<Vec<_>>()[..]
    else {
        panic!("{lines:?}")
    };
    let details = json!({ "httpMethod": "POST", "httpEndpoint": "http://127.0.0.1:9/orders" });
    assert_eq!(event["serviceEventDetails"], details);
    assert_eq!(
        (&event["eventType"], &event["eventCategory"], &event["managementEvent"]),
        (&json!("AwsServiceEvent"), &json!("Data"), &json!(false))
    );
    assert_eq!(event["resources"][0]["ARN"], *arn);
    assert_eq!(event["userIdentity"]["invokedBy"], "states.amazonaws.com");
    assert_eq!(event["eventTime"], "2024-05-01T01:23:45Z");
}

#[test]
fn metrics_are_written_and_summed_up() {
    let file = Scratch::new();
    let metrics = file.destination();
    let mut quotas = Quotas::default();
    quotas.set("StateTransition", Bucket::parse("2/1").expect("a bucket"));
    quotas.set("ListActivities", Bucket::parse("1/0").expect("a bucket"));
    let outputs = Outputs { metrics, ..Outputs::default() };
    let server = start(Options { quotas, ..options(outputs) });
    let hello = machine(&server, "hello", HELLO, json!({}));
    let failing = machine(&server, "failing", FAILING, json!({ "type": "EXPRESS" }));
    clock(&server, "{\"freeze\": true}");
    run(&server, &hello);
    run(&server, &hello);
    run(&server, &failing);
    call(&server, "ListActivities", "{}");
    call(&server, "ListActivities", "{}");
    clock(&server, "{\"advance\": 60}");
    let (status, page) = request(&server, "GET /metrics", &[], "");
    assert_eq!(status, 200);
    for line in [
        &*format!("stepproof_executions_started_total{{state_machine_arn=\"{hello}\"}} 2"),
        &format!("stepproof_executions_succeeded_total{{state_machine_arn=\"{hello}\"}} 2"),
        &format!("stepproof_executions_failed_total{{state_machine_arn=\"{failing}\"}} 1"),
        &format!("stepproof_execution_time_seconds_count{{state_machine_arn=\"{hello}\"}} 2"),
        "# TYPE stepproof_execution_time_seconds summary",
        "stepproof_open_executions 0",
        "stepproof_api_requests_total{operation=\"StartExecution\",status=\"200\",error=\"\"} 3",
        "stepproof_api_requests_total{operation=\"ListActivities\",status=\"400\",error=\"ThrottlingException\"} 1",
    ] {
        assert!(page.lines().any(|own| own == line), "no `{line}` in\n{page}");
    }
    server.shutdown();
    let lines = file.lines();
    let count = |name: &str| lines.iter().filter(|line| line["metric_name"] == name).count();
    assert_eq!((count("ExecutionsStarted"), count("ExecutionsSucceeded")), (3, 2));
    // The second execution waits before each of its two states.
    assert_eq!(count("ExecutionThrottled"), 2, "{lines:?}");
    let of = |name: &str| lines.iter().find(|line| line["metric_name"] == name).expect(name);
    assert_eq!(of("ExecutionsFailed")["dimensions"]["StateMachineArn"], *failing);
    assert_eq!(of("ExecutionTime")["unit"], "Milliseconds");
    assert_eq!(of("ExecutionTime")["namespace"], "AWS/States");
    assert!(lines.iter().any(|line| line["dimensions"] == json!({ "APIName": "ListActivities" })));
}

#[test]
fn a_redriven_execution_is_reported_from_there_on() {
    let file = Scratch::new();
    let (metrics, log) = (file.destination(), file.destination());
    let server = start(options(Outputs { metrics, log, ..Outputs::default() }));
    let mut logs = logging("ALL", true);
    logs["type"] = "STANDARD".into();
    let execution = run(&server, &machine(&server, "failing", FAILING, logs));
    let body = json!({ "executionArn": execution }).to_string();
    assert_eq!(call(&server, "RedriveExecution", &body).0, 200);
    server.shutdown();
    let lines = file.lines();
    let all = |key: &str| -> Vec<String> {
        lines.iter().filter_map(|line| line[key].as_str().map(str::to_owned)).collect()
    };
    let expected = [
        "ExecutionsStarted",
        "ExecutionsFailed",
        "ExecutionTime",
        "ExecutionsRedriven",
        "RedrivenExecutionsFailed",
        "ExecutionsFailed",
        "ExecutionTime",
    ];
    assert_eq!(all("metric_name"), expected);
    let expected = [
        "ExecutionStarted",
        "FailStateEntered",
        "ExecutionFailed",
        "ExecutionRedriven",
        "FailStateEntered",
        "ExecutionFailed",
    ];
    assert_eq!(all("type"), expected);
    assert_eq!(all("redrive_count"), ["0", "0", "0", "1", "1", "1"]);
}

#[test]
fn executions_log_as_their_machine_says() {
    let file = Scratch::new();
    let log = file.destination();
    let server = start(options(Outputs { log, ..Outputs::default() }));
    let all = run(&server, &machine(&server, "all", HELLO, logging("ALL", true)));
    let fatal = run(&server, &machine(&server, "fatal", FAILING, logging("FATAL", false)));
    run(&server, &machine(&server, "silent", HELLO, json!({ "type": "EXPRESS" })));
    server.shutdown();
    let lines = file.lines();
    let types: Vec<_> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    let expected = [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
        "ExecutionFailed",
    ];
    assert_eq!(types, expected);
    assert_eq!(
        (&lines[0]["execution_arn"], &lines[6]["execution_arn"]),
        (&json!(all), &json!(fatal))
    );
    assert_eq!(lines[0]["details"]["input"], "{\"secret\":1}");
    assert_eq!(lines[0]["event_timestamp"], "1714526625678");
    assert_eq!(lines[6]["details"], json!({ "error": "Oh" }));
}

#[test]
fn outputs_of_one_file_share_it_line_by_line() {
    let file = Scratch::new();
    std::fs::write(&file.0, "{\"earlier\":true}\n").expect("it is written");
    let to = || file.destination();
    let outputs = Outputs { events: to(), trail: to(), metrics: to(), log: to() };
    let server = start(options(outputs));
    let arn = machine(&server, "hello", HELLO, json!({}));
    for _ in 0..50 {
        run(&server, &arn);
    }
    server.shutdown();
    let lines = file.lines();
    assert_eq!(lines[0], json!({ "earlier": true }), "files are appended to");
    let count = |key: &str| lines.iter().filter(|line| line.get(key).is_some()).count();
    assert_eq!((count("detail-type"), count("eventName"), count("metric_name")), (100, 51, 150));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_the_server_stays_up() {
    let events = Some(Destination::parse("/dev/full"));
    let server = start(options(Outputs { events, ..Outputs::default() }));
    let arn = machine(&server, "hello", HELLO, json!({}));
    let lost = || {
        let (_, page) = request(&server, "GET /metrics", &[], "");
        let name = "stepproof_output_lost_total{destination=\"/dev/full\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|count| count.parse::<u64>().ok()).expect("a count")
    };
    for _ in 0..500 {
        run(&server, &arn);
        if lost() > 0 {
            return;
        }
    }
    panic!("nothing is lost on a full disk");
}

#[test]
fn outputs_that_cannot_be_opened_are_told_at_the_start() {
    let events = Some(Destination::parse("/nowhere/at/all"));
    let error = Server::start(options(Outputs { events, ..Outputs::default() })).unwrap_err();
    assert!(error.to_string().starts_with("cannot write to `/nowhere/at/all`: "), "{error}");
}
