//! Recordings of what our own server ran, and their replays.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use stepproof::server::{ClockMode, Options, Server};
use stepproof::time::Timestamp;

use super::{Temporary, record, until};

/// Asks an endpoint as the SDKs do, for what they would not say.
fn ask(url: &str, operation: &str, body: &Value) -> Value {
    use std::io::{Read, Write};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
    serde_json::from_str(body).unwrap()
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {answer}")).to_owned()
}

/// Creates a machine of a server; its ARN.
fn create(url: &str, name: &str, definition: &Value) -> String {
    let body = json!({
        "name": name, "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/R",
    });
    text(&ask(url, "CreateStateMachine", &body), "stateMachineArn")
}

/// Runs an execution of a machine to its end.
fn start(url: &str, machine: &str, name: &str, input: &Value) {
    let body = json!({ "stateMachineArn": machine, "name": name, "input": input.to_string() });
    let execution = text(&ask(url, "StartExecution", &body), "executionArn");
    let body = json!({ "executionArn": execution });
    until("the end", || text(&ask(url, "DescribeExecution", &body), "status") != "RUNNING");
}

/// A server on the virtual clock, where waits take no time.
fn server() -> Server {
    let start = Timestamp::parse("2024-05-01T00:00:00Z").unwrap();
    let clock = ClockMode::Virtual { start };
    Server::start(Options { clock, ..Options::default() }).unwrap()
}

/// Replays a recording against a definition; the exit code and what was printed.
fn replay(folder: &Temporary, recording: &str, definition: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(["replay", &format!("recordings/{recording}/history.json"), "--definition"])
        .arg(definition)
        .current_dir(&folder.0)
        .output()
        .unwrap();
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code().unwrap_or(-1), text.concat())
}

#[test]
fn what_our_own_server_ran_is_recorded_and_replays_the_same() {
    let server = server();
    let url = server.url();
    let machine = |result: i32| {
        json!({ "StartAt": "Wait", "States": {
            "Wait": { "Type": "Wait", "Seconds": 3600, "Next": "Answer" },
            "Answer": { "Type": "Pass", "Result": result, "ResultPath": "$.answer", "Next": "Big" },
            "Big": { "Type": "Choice", "Default": "End", "Choices": [
                { "Variable": "$.n", "NumericGreaterThan": 3, "Next": "Fail" } ] },
            "Fail": { "Type": "Fail", "Error": "TooBig" },
            "End": { "Type": "Succeed" } } })
    };
    let arn = create(&url, "Answers", &machine(1));
    for n in 0..3 {
        start(&url, &arn, &format!("first-{n}"), &json!({ "n": n }));
    }
    let definition = machine(2).to_string();
    let body = json!({ "stateMachineArn": arn, "definition": definition });
    ask(&url, "UpdateStateMachine", &body);
    for n in 0..6 {
        start(&url, &arn, &format!("second-{n}"), &json!({ "n": n }));
    }
    let folder = Temporary::new("serve");
    let arguments = ["--state-machine", "Answers", "--source", "stepproof"];
    let (code, printed) = record(&folder, &url, &arguments);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("9 recorded"), "{printed}");
    assert!(!printed.contains("does not replay"), "{printed}");
    assert!(printed.contains(&format!("waiting for {url}")), "{printed}");
    for (name, result) in [("first-0", 1), ("first-2", 1), ("second-0", 2), ("second-5", 2)] {
        let ran = folder.read(&format!("Answers/{name}/definition.asl.json"));
        assert_eq!(serde_json::from_str::<Value>(&ran).unwrap(), machine(result), "{name}");
        let recording = format!("Answers/{name}");
        let own = format!("recordings/{recording}/definition.asl.json");
        let (code, printed) = replay(&folder, &recording, &own);
        assert_eq!(code, 0, "{name}: {printed}");
    }
    // With another definition the first state that differs is named.
    let (code, printed) =
        replay(&folder, "Answers/first-0", "recordings/Answers/second-0/definition.asl.json");
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("Answer"), "{printed}");
}

#[test]
fn children_and_map_runs_are_recorded_with_the_execution() {
    let server = server();
    let url = server.url();
    let child = create(
        &url,
        "Child",
        &json!({ "StartAt": "C", "States": { "C": { "Type": "Pass", "End": true } } }),
    );
    let parent = create(
        &url,
        "Parent",
        &json!({ "StartAt": "Run", "States": {
            "Run": { "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": { "StateMachineArn": child, "Name": "kid", "Input": { "x": 1 } },
                "ResultPath": null, "Next": "Each" },
            "Each": { "Type": "Map", "ItemsPath": "$.items", "Label": "Each", "End": true,
                "ItemProcessor": { "StartAt": "P",
                    "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
                    "States": { "P": { "Type": "Pass", "End": true } } } } } }),
    );
    start(&url, &parent, "whole", &json!({ "items": [1, 2, 3] }));
    let folder = Temporary::new("children");
    let (code, printed) = record(&folder, &url, &["--state-machine", &parent]);
    assert_eq!(code, 0, "{printed}");
    assert!(!printed.contains("does not replay"), "{printed}");
    let history = folder.read("Parent/whole/children/kid/history.json");
    assert!(history.contains("\"ExecutionSucceeded\""), "{history}");
    let definition = folder.read("Parent/whole/children/kid/definition.asl.json");
    assert!(definition.contains("\"C\""), "{definition}");
    let runs: Vec<_> =
        folder.0.join("recordings/Parent/whole/map-runs").read_dir().unwrap().collect();
    assert_eq!(runs.len(), 1);
    let run = runs[0].as_ref().unwrap();
    assert!(run.file_name().to_string_lossy().starts_with("Each_"), "{run:?}");
    assert!(run.path().join("map-run.json").exists());
    let children: Vec<_> = run.path().join("children").read_dir().unwrap().collect();
    assert_eq!(children.len(), 3);
    for child in children {
        let history = fs::read_to_string(child.unwrap().path().join("history.json")).unwrap();
        assert!(history.contains("PassStateEntered"), "{history}");
    }
    let own = "recordings/Parent/whole/definition.asl.json";
    let (code, printed) = replay(&folder, "Parent/whole", own);
    assert_eq!(code, 0, "{printed}");
    let few = ["--state-machine", &parent, "--mode", "all", "--children", "2"];
    let (code, printed) = record(&folder, &url, &few);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("the last 2 children of 3 items are recorded"), "{printed}");
}

/// The definition of a machine that starts `child`, and has two distributed Maps.
fn with_children(child: &str, mode: &str, result: &Value, item: &str) -> Value {
    let processor = |execution_type: &str, mode: &str, result: &Value| {
        let config = match mode {
            "INLINE" => json!({ "Mode": "INLINE" }),
            mode => json!({ "Mode": mode, "ExecutionType": execution_type }),
        };
        let state = format!("P {execution_type}");
        json!({ "StartAt": state, "ProcessorConfig": config,
            "States": { &state: { "Type": "Pass", "Result": result, "End": true } } })
    };
    json!({ "StartAt": "Run", "States": {
        "Run": { "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": { "StateMachineArn": child, "Name": "kid", "Input": { "x": 1 } },
            "ResultPath": null, "Next": "Each" },
        "Each": { "Type": "Map", "ItemsPath": "$.items", "ItemSelector": { "n.$": item },
            "ItemProcessor": processor("STANDARD", mode, result),
            "ResultPath": null, "Next": "Quick" },
        "Quick": { "Type": "Map", "ItemsPath": "$.items", "ResultPath": null, "End": true,
            "ItemProcessor": processor("EXPRESS", "DISTRIBUTED", &json!(0)) } } })
}

/// Replays what lies in a folder; checks the exit code and what is said.
#[track_caller]
fn check_replay(folder: &Temporary, arguments: &[&str], code: i32, says: &[&str]) {
    let command = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .arg("replay")
        .args(arguments)
        .current_dir(&folder.0)
        .output()
        .unwrap();
    let text = [&command.stdout, &command.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let printed = text.concat();
    assert_eq!(command.status.code(), Some(code), "{arguments:?}\n{printed}");
    for text in says {
        assert!(printed.contains(text), "{arguments:?} does not say `{text}`:\n{printed}");
    }
}

#[test]
fn executions_within_a_recording_are_replayed() {
    let server = server();
    let url = server.url();
    let child = |result: i32| {
        json!({ "StartAt": "C", "States": {
            "C": { "Type": "Pass", "Result": result, "End": true } } })
    };
    let arn = create(&url, "Child", &child(1));
    let item = "$$.Map.Item.Value";
    let own = with_children(&arn, "DISTRIBUTED", &json!({ "v": 1 }), item);
    let parent = create(&url, "Parent", &own);
    start(&url, &parent, "whole", &json!({ "items": [1, 2, 3] }));
    let folder = Temporary::new("within");
    let (code, printed) = record(&folder, &url, &["--state-machine", &parent]);
    assert_eq!(code, 0, "{printed}");
    let write = |name: &str, definition: &Value| {
        fs::write(folder.0.join(name), definition.to_string()).unwrap();
    };
    let express = "note: not replayed: 3 executions within recordings: no history was recorded";
    let all = ["5 same (5 executions)\n", express];
    check_replay(&folder, &["recordings"], 0, &all);
    check_replay(&folder, &["recordings/Parent/whole"], 0, &all);

    write("processor.json", &with_children(&arn, "DISTRIBUTED", &json!({ "v": 2 }), item));
    let diverged = [
        "3 executions: in Each[*]: `P STANDARD` has another output: `$.v` has another value\n",
        "/map-runs/",
        "note: left out, since no definition was named: `Child` (1)\n",
        "3 diverged, 1 same (4 executions)\n",
    ];
    check_replay(&folder, &["recordings", "--definition", "processor.json"], 1, &diverged);
    check_replay(&folder, &["recordings", "--definition", "Parent=processor.json"], 1, &diverged);

    let text = "States.Format('{}', $$.Map.Item.Value)";
    write("items.json", &with_children(&arn, "DISTRIBUTED", &json!({ "v": 1 }), text));
    let says = [
        "1 execution: `Each` passes another input to its map run: `$.n` is now a string, was a number\n",
        "1 diverged, 3 same (4 executions)\n",
    ];
    check_replay(&folder, &["recordings", "--definition", "items.json"], 1, &says);

    write("inline.json", &with_children(&arn, "INLINE", &json!({ "v": 1 }), item));
    let says = [
        "3 executions undecided: `Each` has no Map Runs in the definition",
        "1 diverged, 3 undecided (4 executions)\n",
    ];
    check_replay(&folder, &["recordings", "--definition", "inline.json"], 1, &says);

    write("child.json", &child(2));
    let says =
        ["1 execution: `C` has another output", "`Parent` (4)", "1 diverged (1 execution)\n"];
    check_replay(&folder, &["recordings", "--definition", "Child=child.json"], 1, &says);

    let bundle = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(["bundle", "recordings", "--output", "all.tar.zst"])
        .current_dir(&folder.0)
        .status();
    assert!(bundle.unwrap().success());
    check_replay(&folder, &["all.tar.zst"], 0, &all);
    let part = ["all.tar.zst", "--definition", "processor.json", "--report", "json", "--output"];
    check_replay(&folder, &[&part[..], &["part.json"]].concat(), 1, &diverged[3..]);
    check_replay(&folder, &["--merge", "part.json"], 1, &[&diverged[..], &all[1..]].concat());

    // One that was cut off is unusable by itself.
    let kid = folder.0.join("recordings/Parent/whole/children/kid/history.json");
    let text = fs::read_to_string(&kid).unwrap();
    fs::write(&kid, &text[..text.len() / 2]).unwrap();
    let says =
        ["unusable: recordings/Parent/whole/children/kid/history.json:", "1 unusable, 4 same"];
    check_replay(&folder, &["recordings"], 2, &says);
}
