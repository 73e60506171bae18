//! How a server begins and ends, and what would bring it down in between.

use std::net::TcpListener;

use super::*;
use crate::asl::nested;
use crate::server::{ClockMode, Destination, Outputs, Retain};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn create(server: &Server, name: &str, machine_type: &str, definition: &str) -> (u16, Value) {
    let body = Value::object([
        ("name", Value::from(name)),
        ("type", Value::from(machine_type)),
        ("definition", Value::from(definition)),
        ("roleArn", Value::from(ROLE)),
    ]);
    call(server, "CreateStateMachine", &body.to_json())
}

/// A wait of so many seconds, for synchronous executions.
fn start_sync(server: &Server, seconds: u32) -> String {
    let definition = format!(
        r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"End":true}}}}}}"#
    );
    let (_, machine) = create(server, "wait", "EXPRESS", &definition);
    let body = Value::object([("stateMachineArn", Value::from(text(&machine, "stateMachineArn")))]);
    let body = body.to_json();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
         application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.StartSyncExecution\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn deep_definitions_leave_the_server_as_it_is() {
    let start_time = crate::sim::START_TIME;
    let clock = ClockMode::Virtual { start: start_time };
    let server = start(Options { clock, ..Options::default() });
    for (name, definition, taken) in nested::definitions() {
        let body = Value::object([("definition", Value::from(&*definition))]).to_json();
        assert_eq!(call(&server, "ValidateStateMachineDefinition", &body).0, 200, "{name}");
        let (status, answer) = create(&server, &name, "STANDARD", &definition);
        assert_eq!(status == 200, taken, "{name}: {answer}");
        if !taken {
            assert!(text(&answer, "message").contains("TOO_DEEPLY_NESTED"), "{name}: {answer}");
        }
        let states = Value::parse(&definition).unwrap();
        let states = states.get("States").and_then(Value::as_object).unwrap();
        let state = states.values().next().unwrap().to_json();
        let body = [("definition", Value::from(&*state)), ("roleArn", Value::from(ROLE))];
        call(&server, "TestState", &Value::object(body).to_json());
        if taken {
            let machine = Value::from(text(&answer, "stateMachineArn"));
            // Each Map has one item for the next.
            let input = Value::from([&*"[".repeat(100), &"]".repeat(100)].concat());
            let body = Value::object([("stateMachineArn", machine), ("input", input)]).to_json();
            let (status, started) = call(&server, "StartExecution", &body);
            assert_eq!(status, 200, "{name}: {started}");
            let body =
                Value::object([("executionArn", Value::from(text(&started, "executionArn")))]);
            let (_, ended) = call(&server, "DescribeExecution", &body.to_json());
            assert_eq!(text(&ended, "status"), "SUCCEEDED", "{name}: {ended}");
        }
    }
}

/// As `#[tokio::main]` would call it: a runtime cannot be dropped there.
#[test]
fn a_server_that_cannot_start_says_why_within_a_runtime_too() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = std::env::temp_dir().join(format!("stepproof-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("file");
    std::fs::write(&file, "x").unwrap();
    let used = folder.join("used");
    let first = start(Options { data_dir: Some(used.clone()), ..Options::default() });
    let events = Some(Destination::File(folder.join("no/such/folder")));
    let outputs = Outputs { events, ..Outputs::default() };
    let elsewhere = "192.0.2.1:0".parse().unwrap();
    let cases = [
        (Options { address: occupied.local_addr().unwrap(), ..Options::default() }, "listen on"),
        (Options { address: elsewhere, ..Options::default() }, "cannot listen on 192.0.2.1:0"),
        (Options { data_dir: Some(file), ..Options::default() }, "file"),
        (Options { data_dir: Some(used), ..Options::default() }, "used"),
        (Options { outputs, ..Options::default() }, "cannot write to"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (options, why) in cases {
        let error = runtime.block_on(async { Server::start(options) }).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    runtime.block_on(async { start(Options::default()).shutdown() });
    drop(first);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_says_no_protocol_is_given_up() {
    let server = start(Options { read_timeout: Duration::from_millis(300), ..Options::default() });
    for bytes in ["P", "PR", "PRI", "PO", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let began = crate::server::shared::now();
        raw(&server, bytes.as_bytes());
        let waited = crate::server::shared::now() - began;
        assert!(waited < Duration::from_secs(5), "{bytes:?}: {waited:?}");
    }
}

#[test]
fn synchronous_executions_end_before_the_server_does() {
    let server = start(Options::default());
    let request = start_sync(&server, 1);
    let mut stream = connect(&server);
    stream.write_all(request.as_bytes()).unwrap();
    wait(300);
    server.shutdown();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (status, body) = parse(&answer);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""status":"SUCCEEDED""#), "{body}");
}

#[test]
fn synchronous_executions_that_take_too_long_are_refused_at_last() {
    let drain_timeout = Duration::from_millis(200);
    let server = start(Options { drain_timeout, ..Options::default() });
    let request = start_sync(&server, 100);
    let mut stream = connect(&server);
    stream.write_all(request.as_bytes()).unwrap();
    wait(300);
    server.shutdown();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(parse(&answer).0, 503, "{answer}");
}

/// Nobody asked for longer than they are kept.
#[test]
fn what_is_kept_long_enough_is_gone_with_the_first_answer() {
    let clock = ClockMode::Real { wait_time_scale: 0.001 };
    let retain = Retain::For(Duration::from_secs(60));
    let server = start(Options { clock, retain, ..Options::default() });
    let pass = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    let (_, machine) = create(&server, "pass", "STANDARD", pass);
    let machine = Value::from(text(&machine, "stateMachineArn"));
    let body = Value::object([("stateMachineArn", machine)]).to_json();
    assert_eq!(call(&server, "StartExecution", &body).0, 200);
    wait(200);
    let (_, list) = call(&server, "ListExecutions", &body);
    assert_eq!(list.get("executions").and_then(Value::as_array).map(|all| all.len()), Some(0));
}

#[expect(clippy::disallowed_methods, reason = "somebody waits meanwhile")]
fn wait(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
