//! The data folder: what was there is there again.
//!
//! A server that is killed leaves the folder as it is at that moment. So does a copy of the folder,
//! taken while the server runs: the tests go on with such copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::*;
use crate::scenario::Scenario;
use crate::server::{ClockMode, Retain};
use crate::time::Timestamp;

/// A folder of a test's own, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stepproof-storage-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // What an earlier process of this number left behind, if it did.
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    /// The folder as a kill would leave it now.
    fn killed(&self) -> Self {
        let copy = Self::new();
        fs::create_dir_all(&copy.0).unwrap();
        for entry in fs::read_dir(&self.0).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
        }
        copy
    }

    fn options(&self) -> Options {
        Options { data_dir: Some(self.0.clone()), ..Options::default() }
    }

    fn virtual_options(&self) -> Options {
        let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
        Options { clock: ClockMode::Virtual { start }, ..self.options() }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Somebody else may have tidied up.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn ask(server: &Server, operation: &str, body: &serde_json::Value) -> Value {
    let (status, answer) = call(server, operation, &body.to_string());
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

#[track_caller]
fn create(server: &Server, name: &str, definition: &serde_json::Value) -> String {
    let body = json!({ "name": name, "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/r" });
    text(&ask(server, "CreateStateMachine", &body), "stateMachineArn").to_owned()
}

#[track_caller]
fn run(server: &Server, machine: &str, input: &serde_json::Value) -> String {
    let body = json!({ "stateMachineArn": machine, "input": input.to_string() });
    text(&ask(server, "StartExecution", &body), "executionArn").to_owned()
}

#[track_caller]
fn describe(server: &Server, execution: &str) -> Value {
    ask(server, "DescribeExecution", &json!({ "executionArn": execution }))
}

#[track_caller]
fn status(server: &Server, execution: &str) -> String {
    text(&describe(server, execution), "status").to_owned()
}

#[track_caller]
fn history(server: &Server, execution: &str) -> Value {
    ask(server, "GetExecutionHistory", &json!({ "executionArn": execution, "maxResults": 1000 }))
}

fn one(state: &serde_json::Value) -> serde_json::Value {
    let mut state = state.clone();
    state["End"] = true.into();
    json!({ "StartAt": "S", "States": { "S": state } })
}

/// Gives a server time to get on.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens in real time")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

#[test]
fn machines_and_what_belongs_to_them_are_kept() {
    let folder = Scratch::new();
    let server = start(folder.virtual_options());
    let pass = |result: u32| one(&json!({ "Type": "Pass", "Result": result }));
    let machine = create(&server, "m", &pass(1));
    let publish = json!({ "stateMachineArn": machine, "description": "first" });
    let version = ask(&server, "PublishStateMachineVersion", &publish);
    let version = text(&version, "stateMachineVersionArn").to_owned();
    let update = json!({ "stateMachineArn": machine, "definition": pass(2).to_string(),
        "tracingConfiguration": { "enabled": true } });
    ask(&server, "UpdateStateMachine", &update);
    let routing = json!([{ "stateMachineVersionArn": version, "weight": 100 }]);
    let alias = json!({ "name": "prod", "description": "d", "routingConfiguration": routing });
    ask(&server, "CreateStateMachineAlias", &alias);
    let tags = json!({ "resourceArn": machine, "tags": [{ "key": "k", "value": "v" }] });
    ask(&server, "TagResource", &tags);
    ask(&server, "CreateActivity", &json!({ "name": "a", "tags": [{ "key": "x", "value": "y" }] }));
    let gone = create(&server, "gone", &pass(3));
    ask(&server, "DeleteStateMachine", &json!({ "stateMachineArn": gone }));
    let first = run(&server, &format!("{machine}:prod"), &json!({}));
    let second = run(&server, &machine, &json!({}));
    let questions = [
        ("DescribeStateMachine", json!({ "stateMachineArn": machine })),
        ("DescribeStateMachine", json!({ "stateMachineArn": version })),
        ("DescribeStateMachineAlias", json!({ "stateMachineAliasArn": format!("{machine}:prod") })),
        ("DescribeStateMachineForExecution", json!({ "executionArn": first })),
        ("ListStateMachines", json!({})),
        ("ListStateMachineVersions", json!({ "stateMachineArn": machine })),
        ("ListStateMachineAliases", json!({ "stateMachineArn": machine })),
        ("ListTagsForResource", json!({ "resourceArn": machine })),
        ("ListActivities", json!({})),
        ("ListExecutions", json!({ "stateMachineArn": machine })),
        ("ListExecutions", json!({ "stateMachineArn": format!("{machine}:prod") })),
        ("DescribeExecution", json!({ "executionArn": first })),
        ("GetExecutionHistory", json!({ "executionArn": first })),
        ("GetExecutionHistory", json!({ "executionArn": second })),
    ];
    let all =
        |server: &Server| questions.clone().map(|(operation, body)| ask(server, operation, &body));
    let before = all(&server);
    let killed = folder.killed();
    let again = start(killed.virtual_options());
    assert_eq!(all(&again), before);
    // What is random goes on where it was, too.
    assert_eq!(run(&again, &machine, &json!({})), run(&server, &machine, &json!({})));
}

#[test]
fn a_task_is_answered_with_the_token_from_before() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let activity = ask(&server, "CreateActivity", &json!({ "name": "a" }));
    let activity = text(&activity, "activityArn").to_owned();
    let machine = create(&server, "m", &one(&json!({ "Type": "Task", "Resource": activity })));
    let taken = run(&server, &machine, &json!({ "n": 1 }));
    let poll = json!({ "activityArn": activity, "workerName": "w" });
    let task = ask(&server, "GetActivityTask", &poll);
    let waiting = run(&server, &machine, &json!({ "n": 2 }));
    let later = run(&server, &machine, &json!({ "n": 3 }));
    let folder = folder.killed();
    drop(server);
    let server = start(folder.options());
    let success = json!({ "taskToken": text(&task, "taskToken"), "output": "\"done\"" });
    ask(&server, "SendTaskSuccess", &success);
    assert_eq!(text(&describe(&server, &taken), "output"), "\"done\"");
    let (refused, error) = call(&server, "SendTaskSuccess", &success.to_string());
    assert_eq!((refused, text(&error, "__type").contains("TaskTimedOut")), (400, true), "{error}");
    // Those that nobody took are in the queue, in order, and once.
    for (execution, input) in [(&waiting, r#"{"n":2}"#), (&later, r#"{"n":3}"#)] {
        let task = ask(&server, "GetActivityTask", &poll);
        assert_eq!(text(&task, "input"), input);
        let token = text(&task, "taskToken");
        ask(&server, "SendTaskSuccess", &json!({ "taskToken": token, "output": "{}" }));
        assert_eq!(status(&server, execution), "SUCCEEDED");
    }
}

#[test]
fn waits_go_on_and_those_that_are_over_end() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let wait = |seconds: u32| one(&json!({ "Type": "Wait", "Seconds": seconds }));
    let short = create(&server, "short", &wait(1));
    let long = create(&server, "long", &wait(100_000));
    let (short, long) = (run(&server, &short, &json!({})), run(&server, &long, &json!({})));
    let folder = folder.killed();
    drop(server);
    pause(1_200);
    let server = start(folder.options());
    assert_eq!(status(&server, &short), "SUCCEEDED");
    assert_eq!(status(&server, &long), "RUNNING");
}

#[test]
fn the_virtual_clock_stands_where_it_stood() {
    let folder = Scratch::new();
    let server = start(folder.virtual_options());
    let machine = create(&server, "m", &one(&json!({ "Type": "Wait", "Seconds": 3600 })));
    let ended = run(&server, &machine, &json!({}));
    assert_eq!(status(&server, &ended), "SUCCEEDED");
    clock(&server, r#"{"freeze": true, "advance": 30}"#);
    let open = run(&server, &machine, &json!({}));
    let (_, before) = clock(&server, "{}");
    assert_eq!(text(&before, "time"), "2024-01-01T01:00:30.000Z");
    let folder = folder.killed();
    drop(server);
    let server = start(folder.virtual_options());
    assert_eq!(clock(&server, "{}").1, before);
    assert_eq!(status(&server, &open), "RUNNING");
    clock(&server, r#"{"advance": 3600}"#);
    assert_eq!(status(&server, &open), "SUCCEEDED");
    assert_eq!(history(&server, &open).get("events").unwrap().as_array().unwrap().len(), 4);
}

#[test]
fn a_map_run_in_progress_goes_on() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let activity = ask(&server, "CreateActivity", &json!({ "name": "a" }));
    let activity = text(&activity, "activityArn").to_owned();
    let map = json!({ "Type": "Map", "MaxConcurrency": 2, "ItemSelector": {
            "id.$": "States.UUID()", "n.$": "$$.Map.Item.Value" },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED",
            "ExecutionType": "STANDARD" }, "StartAt": "T", "States": {
            "T": { "Type": "Task", "Resource": activity, "End": true } } } });
    let machine = create(&server, "m", &one(&map));
    let execution = run(&server, &machine, &json!([1, 2, 3, 4, 5]));
    let work = |server: &Server, times: u32| {
        for _ in 0..times {
            let task = ask(server, "GetActivityTask", &json!({ "activityArn": activity }));
            let output = text(&task, "input");
            let success = json!({ "taskToken": text(&task, "taskToken"), "output": output });
            ask(server, "SendTaskSuccess", &success);
        }
    };
    work(&server, 3);
    let runs = ask(&server, "ListMapRuns", &json!({ "executionArn": execution }));
    let runs = runs.get("mapRuns").unwrap().as_array().unwrap();
    let map_run = json!({ "mapRunArn": text(runs.first().unwrap(), "mapRunArn") });
    let before = ask(&server, "DescribeMapRun", &map_run);
    let children = ask(&server, "ListExecutions", &map_run);
    let killed = folder.killed();
    let again = start(killed.options());
    assert_eq!(ask(&again, "DescribeMapRun", &map_run), before);
    assert_eq!(ask(&again, "ListExecutions", &map_run), children);
    // The rest goes the same way in both, what is random included.
    for server in [&server, &again] {
        work(server, 2);
        assert_eq!(status(server, &execution), "SUCCEEDED");
    }
    let output = |server: &Server| text(&describe(server, &execution), "output").to_owned();
    assert_eq!(output(&again), output(&server));
    let after = ask(&again, "DescribeMapRun", &map_run);
    let third = start(killed.killed().options());
    assert_eq!(ask(&third, "DescribeMapRun", &map_run), after);
    assert_eq!(history(&third, &execution), history(&again, &execution));
}

#[test]
fn nested_executions_and_redrives_go_on() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let activity = ask(&server, "CreateActivity", &json!({ "name": "a" }));
    let activity = text(&activity, "activityArn").to_owned();
    let inner = create(&server, "inner", &one(&json!({ "Type": "Task", "Resource": activity })));
    let outer = create(
        &server,
        "outer",
        &one(&json!({ "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": { "StateMachineArn": inner, "Input": { "k": 1 } } })),
    );
    let execution = run(&server, &outer, &json!({}));
    let fail = |server: &Server| {
        let task = ask(server, "GetActivityTask", &json!({ "activityArn": activity }));
        let failure = json!({ "taskToken": text(&task, "taskToken"), "error": "E" });
        ask(server, "SendTaskFailure", &failure);
    };
    fail(&server);
    assert_eq!(status(&server, &execution), "FAILED");
    let redrive = json!({ "executionArn": execution, "clientToken": "t" });
    let redriven = ask(&server, "RedriveExecution", &redrive);
    let folder = folder.killed();
    drop(server);
    let server = start(folder.options());
    assert_eq!(status(&server, &execution), "RUNNING");
    // The client token is known still.
    assert_eq!(ask(&server, "RedriveExecution", &redrive), redriven);
    let task = ask(&server, "GetActivityTask", &json!({ "activityArn": activity }));
    let success = json!({ "taskToken": text(&task, "taskToken"), "output": "7" });
    ask(&server, "SendTaskSuccess", &success);
    let described = describe(&server, &execution);
    assert_eq!(text(&described, "status"), "SUCCEEDED", "{described}");
    assert!(text(&described, "output").contains("\"Output\":7"), "{described}");
}

const MOCKED: &str = r#"
stateMachineName: pay
definition:
  StartAt: Charge
  States:
    Charge:
      Type: Task
      Resource: arn:aws:lambda:us-east-1:123456789012:function:charge
      Retry:
        - ErrorEquals: [Busy]
          IntervalSeconds: 3600
          MaxAttempts: 5
      End: true
cases:
  - name: patient
    mocks:
      Charge:
        - fail: { error: Busy }
        - fail: { error: Busy }
        - return: { receipt: r-3 }
    expect:
      status: SUCCEEDED
"#;

#[test]
fn mocks_have_given_as_many_answers_as_before() {
    let folder = Scratch::new();
    let scenario = Scenario::parse(Path::new("pay.scenario.yaml"), MOCKED).unwrap();
    let options = |folder: &Scratch| Options {
        scenarios: vec![scenario.clone()],
        ..folder.virtual_options()
    };
    let server = start(options(&folder));
    clock(&server, r#"{"freeze": true}"#);
    let definition = one(&json!({ "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge",
        "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 3600, "MaxAttempts": 5,
            "BackoffRate": 1 }] }));
    let definition = definition.to_string().replace("\"S\"", "\"Charge\"");
    let definition = serde_json::from_str(&definition).unwrap();
    let machine = create(&server, "pay", &definition);
    let execution = run(&server, &format!("{machine}#patient"), &json!({}));
    clock(&server, r#"{"advance": 3600}"#);
    let folder = folder.killed();
    drop(server);
    let server = start(options(&folder));
    assert_eq!(status(&server, &execution), "RUNNING");
    clock(&server, r#"{"advance": 3600}"#);
    let described = describe(&server, &execution);
    assert_eq!(text(&described, "status"), "SUCCEEDED", "{described}");
    assert_eq!(text(&described, "output"), r#"{"receipt":"r-3"}"#);
}

#[test]
fn what_is_not_retained_leaves_the_folder() {
    let folder = Scratch::new();
    let options = |folder: &Scratch| Options { retain: Retain::Count(3), ..folder.options() };
    let server = start(options(&folder));
    let machine = create(&server, "m", &one(&json!({ "Type": "Pass" })));
    let all: Vec<String> = (0..10).map(|n| run(&server, &machine, &json!(n))).collect();
    let list = json!({ "stateMachineArn": machine });
    // Those that have to go do so with whatever happens next.
    ask(&server, "ListExecutions", &list);
    let before = ask(&server, "ListExecutions", &list);
    let folder = folder.killed();
    drop(server);
    let server = start(options(&folder));
    let found = ask(&server, "ListExecutions", &list);
    assert_eq!(found, before);
    assert_eq!(found.get("executions").unwrap().as_array().unwrap().len(), 3);
    assert_eq!(status(&server, &all[9]), "SUCCEEDED");
    let (gone, _) =
        call(&server, "DescribeExecution", &json!({ "executionArn": all[0] }).to_string());
    assert_eq!(gone, 400);
}

#[test]
fn children_from_before_a_redrive_leave_with_their_map_run() {
    let folder = Scratch::new();
    let options = |folder: &Scratch| Options { retain: Retain::Count(1), ..folder.options() };
    let server = start(options(&folder));
    let map = json!({ "Type": "Map", "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" },
        "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "E" } } } });
    let mapped = create(&server, "mapped", &one(&map));
    let execution = run(&server, &mapped, &json!([1, 2]));
    assert_eq!(status(&server, &execution), "FAILED");
    ask(&server, "RedriveExecution", &json!({ "executionArn": execution }));
    assert_eq!(status(&server, &execution), "FAILED");
    let runs = ask(&server, "ListMapRuns", &json!({ "executionArn": execution }));
    let map_run = text(runs.get("mapRuns").unwrap().at(0).unwrap(), "mapRunArn").to_owned();
    let children = ask(&server, "ListExecutions", &json!({ "mapRunArn": map_run }));
    let children = children.get("executions").unwrap().as_array().unwrap();
    let children: Vec<_> = children.iter().map(|child| text(child, "executionArn")).collect();
    assert_eq!(children.len(), 4, "{children:?}");
    let pages = || {
        let page = |child: &&str| format!("GET /execution?arn={child}");
        let all = children.iter().map(page);
        all.map(|page| request(&server, &page, &[], "").0).collect::<Vec<u16>>()
    };
    assert_eq!(pages(), [200; 4]);
    let other = create(&server, "other", &one(&json!({ "Type": "Pass" })));
    run(&server, &other, &json!({}));
    ask(&server, "ListStateMachines", &json!({}));
    let gone = json!({ "executionArn": execution }).to_string();
    assert_eq!(call(&server, "DescribeExecution", &gone).0, 400);
    assert_eq!(pages(), [404; 4]);
    let folder = folder.killed();
    drop(server);
    let server = start(options(&folder));
    assert_eq!(status_of_all(&server, &other), ["SUCCEEDED"]);
    assert_eq!(status_of_all(&server, &mapped), Vec::<String>::new());
}

/// What an execution hears may nest deeper than it takes, and a child may begin with more than a
/// request may have: the rows are read all the same.
#[test]
fn what_nests_as_deep_as_may_be_is_read_again() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let deep = |levels: usize| {
        let input = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        serde_json::Value::from(input)
    };
    let start_with = |machine: &str, input: serde_json::Value| {
        let body = json!({ "stateMachineArn": machine, "input": input });
        text(&ask(&server, "StartExecution", &body), "executionArn").to_owned()
    };
    let wrap = json!({ "Type": "Pass", "Parameters": { "a.$": "$" } });
    let inner = create(&server, "inner", &one(&wrap));
    let outer = json!({ "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": { "StateMachineArn": inner, "Input.$": "$" } });
    let outer = create(&server, "outer", &one(&outer));
    let outer = start_with(&outer, deep(999));
    let mut selector = json!({ "v.$": "$$.Map.Item.Value" });
    for _ in 0..100 {
        selector = json!({ "a": selector });
    }
    let map = json!({ "Type": "Map", "ItemSelector": selector, "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } } });
    let mapped = create(&server, "mapped", &one(&map));
    let mapped = start_with(&mapped, deep(1_000));
    let executions = [outer, mapped];
    let all = |server: &Server| executions.clone().map(|one| describe(server, &one));
    let before = all(&server);
    for described in &before {
        assert_eq!(text(described, "error"), "States.DataLimitExceeded", "{described}");
    }
    let folder = folder.killed();
    drop(server);
    let server = start(folder.options());
    assert_eq!(all(&server), before);
}

#[test]
fn objects_are_kept() {
    let folder = Scratch::new();
    let options = |folder: &Scratch| Options { retain: Retain::Count(1), ..folder.options() };
    let server = start(options(&folder));
    put(&server, "in/a.json", "[1,2]");
    let mut map = reader();
    map["ResultWriter"] = json!({ "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "out", "Prefix": "results" } });
    let machine = create(&server, "m", &one(&map));
    let execution = run(&server, &machine, &json!({}));
    assert_eq!(status(&server, &execution), "SUCCEEDED");
    // Results outlive the execution that wrote them.
    run(&server, &machine, &json!({}));
    ask(&server, "ListStateMachines", &json!({}));
    let gone = json!({ "executionArn": execution }).to_string();
    assert_eq!(call(&server, "DescribeExecution", &gone).0, 400);
    let before = objects(&server);
    assert_eq!(before.matches("manifest.json").count(), 2, "{before}");
    let folder = folder.killed();
    drop(server);
    let server = start(options(&folder));
    assert_eq!(objects(&server), before);
    let found = request(&server, "GET /_stepproof/objects/in/a.json", &[], "");
    assert_eq!(found, (200, "[1,2]".to_owned()));
}

fn put(server: &Server, place: &str, body: &str) {
    let put = request(server, &format!("PUT /_stepproof/objects/{place}"), &[], body);
    assert_eq!(put.0, 204, "{put:?}");
}

fn objects(server: &Server) -> String {
    request(server, "GET /_stepproof/objects", &[], "").1
}

/// A distributed Map over `in/a.json`.
fn reader() -> serde_json::Value {
    json!({ "Type": "Map",
        "ItemReader": { "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "JSON" },
            "Parameters": { "Bucket": "in", "Key": "a.json" } },
        "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED",
            "ExecutionType": "EXPRESS" }, "StartAt": "P", "States": {
            "P": { "Type": "Pass", "End": true } } } })
}

#[test]
fn objects_that_are_gone_leave_the_folder() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let size = |folder: &Scratch| fs::metadata(folder.0.join("stepproof.redb")).unwrap().len();
    let large = |n: usize| format!("{n:03}{}", "x".repeat(1_000_000));
    for n in 0..5 {
        put(&server, "in/a.json", &large(n));
    }
    let before = size(&folder);
    for n in 0..40 {
        put(&server, "in/a.json", &large(n));
        put(&server, &format!("dropped/{n}"), &large(n));
        let dropped = request(&server, "DELETE /_stepproof/objects/dropped", &[], "");
        assert_eq!(dropped.0, 204, "{dropped:?}");
    }
    let after = size(&folder);
    assert!(after <= 2 * before, "the folder grew from {before} to {after} bytes");
    let all = objects(&server);
    let folder = folder.killed();
    drop(server);
    let server = start(folder.options());
    assert_eq!(objects(&server), all);
    let found = request(&server, "GET /_stepproof/objects/in/a.json", &[], "");
    assert_eq!(found, (200, large(39)));
    let gone = request(&server, "GET /_stepproof/objects/dropped/39", &[], "");
    assert!(gone.1.contains("bucket does not exist"), "{gone:?}");
}

#[test]
fn objects_that_map_runs_read_stay_as_long_as_these_do() {
    let folder = Scratch::new();
    let options = |folder: &Scratch| Options { retain: Retain::Count(1), ..folder.options() };
    let server = start(options(&folder));
    put(&server, "in/a.json", "[0,0]");
    put(&server, "in/a.json", "[1,2]");
    let machine = create(&server, "m", &one(&reader()));
    let first = run(&server, &machine, &json!({}));
    put(&server, "in/a.json", "[3,4]");
    put(&server, "in/a.json", "[5,6]");
    let killed = folder.killed();
    let again = start(options(&killed));
    for server in [&server, &again] {
        assert_eq!(text(&describe(server, &first), "output"), "[1,2]");
        let second = run(server, &machine, &json!({}));
        assert_eq!(text(&describe(server, &second), "output"), "[5,6]");
        // With the first execution goes what it read.
        ask(server, "ListStateMachines", &json!({}));
        put(server, "in/a.json", "[7,8]");
    }
    drop((server, again));
    for (folder, rows) in [(&folder, 2), (&killed, 2)] {
        assert_eq!(rows_of_objects(folder), rows);
        let server = start(options(folder));
        let found = request(&server, "GET /_stepproof/objects/in/a.json", &[], "");
        assert_eq!(found, (200, "[7,8]".to_owned()));
    }
}

fn rows_of_objects(folder: &Scratch) -> usize {
    use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
    let db = Database::open(folder.0.join("stepproof.redb")).unwrap();
    let log = TableDefinition::<u64, &[u8]>::new("log");
    let log = db.begin_read().unwrap().open_table(log).unwrap();
    log.iter()
        .unwrap()
        .filter(|row| row.as_ref().unwrap().1.value().starts_with(&[0xFF; 4]))
        .count()
}

#[track_caller]
fn refused(options: Options, expected: &str) {
    let before = contents(options.data_dir.as_deref().unwrap());
    let folder = options.data_dir.clone().unwrap();
    let error = Server::start(options).expect_err("the folder cannot be used").to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(contents(&folder), before, "nothing is overwritten");
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_folder_that_cannot_be_used_stays_as_it_is() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let machine = create(&server, "m", &one(&json!({ "Type": "Pass" })));
    run(&server, &machine, &json!({}));
    let locked = Server::start(folder.options()).expect_err("it is in use").to_string();
    assert!(locked.contains("another server uses the data folder"), "{locked}");
    let taken = Options { address: server.address(), ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let taken = runtime.block_on(async { Server::start(taken) }).expect_err("somebody listens");
    assert!(taken.to_string().starts_with("cannot listen on 127.0.0.1:"), "{taken}");
    server.shutdown();

    let newer = folder.killed();
    fs::write(newer.0.join("format"), "stepproof data folder, format 2\n").unwrap();
    refused(newer.options(), "has the format 2");

    let foreign = folder.killed();
    fs::write(foreign.0.join("format"), "something else").unwrap();
    refused(foreign.options(), "is no data folder");

    let account = crate::service::Account { region: "eu-west-1".into(), ..Default::default() };
    let other = folder.killed();
    let error = Server::start(Options { account, ..other.options() }).expect_err("another account");
    assert!(error.to_string().contains("of the account 123456789012 in us-east-1"), "{error}");

    let file = |folder: &Scratch| folder.0.join("stepproof.redb");
    let whole = fs::read(file(&folder)).unwrap();
    for length in [0, 1, 100, 4_096, whole.len() / 2, whole.len() - 1] {
        let truncated = folder.killed();
        fs::write(file(&truncated), &whole[..length]).unwrap();
        refused(truncated.options(), "is damaged");
    }
    let garbled = folder.killed();
    let mut bytes = whole.clone();
    bytes[4_096..].fill(0xA5);
    fs::write(file(&garbled), &bytes).unwrap();
    refused(garbled.options(), "is damaged");
    // The folder itself is as good as ever.
    assert_eq!(status_of_all(&start(folder.options()), &machine), ["SUCCEEDED"]);
}

#[test]
fn what_a_killed_start_leaves_is_in_nobodys_way() {
    let folder = Scratch::new();
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("format.new"), "stepp").unwrap();
    fs::write(folder.0.join("stepproof.redb.new"), "redb").unwrap();
    let server = start(folder.options());
    let machine = create(&server, "m", &one(&json!({ "Type": "Pass" })));
    let files = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["format", "stepproof.redb"]);
    let folder = folder.killed();
    drop(server);
    assert_eq!(status_of_all(&start(folder.options()), &machine), Vec::<String>::new());
}

fn status_of_all(server: &Server, machine: &str) -> Vec<String> {
    let list = ask(server, "ListExecutions", &json!({ "stateMachineArn": machine }));
    let all = list.get("executions").unwrap().as_array().unwrap();
    all.iter().map(|execution| text(execution, "status").to_owned()).collect()
}

#[test]
fn calls_that_were_under_way_are_made_again() {
    let folder = Scratch::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoints = crate::server::Endpoints::default();
    endpoints.set("lambda", &format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let options = |folder: &Scratch| Options { endpoints: endpoints.clone(), ..folder.options() };
    let server = start(options(&folder));
    let machine = create(
        &server,
        "m",
        &one(&json!({ "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f" })),
    );
    let execution = run(&server, &machine, &json!({ "n": 1 }));
    // The first call is never answered.
    let (first, _) = listener.accept().unwrap();
    let folder = folder.killed();
    drop(server);
    drop(first);
    let server = start(options(&folder));
    let (mut second, _) = listener.accept().unwrap();
    let mut asked = [0; 4_096];
    let length = second.read(&mut asked).unwrap();
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    assert!(asked.contains("/2015-03-31/functions/"), "{asked}");
    second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\"y\"").unwrap();
    for _ in 0..200 {
        if status(&server, &execution) != "RUNNING" {
            break;
        }
        pause(10);
    }
    assert_eq!(text(&describe(&server, &execution), "output"), "\"y\"");
    let events = history(&server, &execution);
    let events = events.get("events").unwrap().as_array().unwrap();
    let types: Vec<&str> = events.iter().map(|event| text(event, "type")).collect();
    // It is scheduled and started once: what is made again is only the call.
    let scheduled = types.iter().filter(|own| **own == "LambdaFunctionScheduled").count();
    let started = types.iter().filter(|own| **own == "LambdaFunctionStarted").count();
    assert_eq!((scheduled, started), (1, 1), "{types:?}");
}

/// Reads the next request and answers it with this body, if anybody still listens.
fn serve_once(listener: &std::net::TcpListener, body: &str) -> String {
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4_096];
        let length = stream.read(&mut asked).unwrap_or(0);
        if length == 0 {
            continue;
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = stream.write_all((head + body).as_bytes());
        return String::from_utf8_lossy(&asked[..length]).into_owned();
    }
}

#[test]
fn jobs_that_were_begun_are_waited_for_and_not_begun_again() {
    let folder = Scratch::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoints = crate::server::Endpoints::default();
    endpoints.set("glue", &format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let options = |folder: &Scratch| Options { endpoints: endpoints.clone(), ..folder.options() };
    let server = start(options(&folder));
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": { "JobName": "nightly" } });
    let execution = run(&server, &create(&server, "m", &one(&task)), &json!({}));
    assert!(serve_once(&listener, r#"{"JobRunId":"jr_1"}"#).contains("AWSGlue.StartJobRun"));
    let running = r#"{"JobRun":{"JobRunState":"RUNNING"}}"#;
    assert!(serve_once(&listener, running).contains("AWSGlue.GetJobRun"));
    let folder = folder.killed();
    server.shutdown();
    let server = start(options(&folder));
    // The first server may have asked once more before it stopped.
    let asked: Vec<String> = (0..2).map(|_| serve_once(&listener, running)).collect();
    assert!(asked.iter().all(|one| one.contains("AWSGlue.GetJobRun")), "{asked:?}");
    assert!(asked[1].contains(r#"{"JobName":"nightly","RunId":"jr_1"}"#), "{asked:?}");
    serve_once(&listener, r#"{"JobRun":{"Id":"jr_1","JobRunState":"SUCCEEDED"}}"#);
    for _ in 0..200 {
        if status(&server, &execution) != "RUNNING" {
            break;
        }
        pause(10);
    }
    let output = r#"{"Id":"jr_1","JobRunState":"SUCCEEDED"}"#;
    assert_eq!(text(&describe(&server, &execution), "output"), output);
    let events = history(&server, &execution);
    assert_eq!(events.to_json().matches("\"TaskSubmitted\"").count(), 1, "{events}");
}

#[test]
fn a_folder_with_any_byte_changed_is_refused_or_whole() {
    let folder = Scratch::new();
    let server = start(folder.options());
    let machine = create(&server, "m", &one(&json!({ "Type": "Pass" })));
    for n in 0..20 {
        run(&server, &machine, &json!(n));
    }
    let expected = history_of_all(&server, &machine);
    server.shutdown();
    let whole = fs::read(folder.0.join("stepproof.redb")).unwrap();
    let mut draw = crate::entropy::Entropy::new(7);
    for round in 0..60 {
        let mut bytes = whole.clone();
        // The head of the file is where most depends on a single byte.
        let end = if round % 2 == 0 { 512 } else { bytes.len() };
        let at = draw.next_int(i32::try_from(end).unwrap()) as usize;
        bytes[at] ^= 1 << draw.next_int(8);
        let changed = folder.killed();
        fs::write(changed.0.join("stepproof.redb"), &bytes).unwrap();
        match Server::start(changed.options()) {
            Ok(server) => assert_eq!(history_of_all(&server, &machine), expected, "byte {at}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("is damaged"), "byte {at}: {error}");
                let now = fs::read(changed.0.join("stepproof.redb")).unwrap();
                assert_eq!(now, bytes, "byte {at}: nothing is overwritten");
            }
        }
    }
}

fn history_of_all(server: &Server, machine: &str) -> Vec<Value> {
    let list = ask(server, "ListExecutions", &json!({ "stateMachineArn": machine }));
    let all = list.get("executions").unwrap().as_array().unwrap();
    all.iter().map(|execution| history(server, text(execution, "executionArn"))).collect()
}
