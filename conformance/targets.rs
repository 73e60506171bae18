//! The command on live endpoints: our own server, and fakes in front of it that do something wrong.

#![expect(clippy::disallowed_methods, reason = "what is waited for happens in real time")]

#[expect(dead_code, reason = "its account is for recordings")]
#[path = "../recordings/live/fake.rs"]
mod fake;
#[path = "targets/faults.rs"]
mod faults;
#[path = "targets/silence.rs"]
mod silence;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fake::{Act, Fake, Request};
use faults::faulty;
use serde_json::{Value, json};
use stepproof::mock::config_file::MockConfig;
use stepproof::server::{Endpoints, Options, SERVICES, Server};

/// A folder of one test, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stepproof-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepproof"));
    command.args(arguments).env("NO_COLOR", "1");
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SFN", "AWS_PROFILE", "AWS_REGION"] {
        command.env_remove(variable);
    }
    command
}

fn stepproof(arguments: &[&str]) -> (i32, String) {
    told(command(arguments).output().unwrap())
}

fn told(output: Output) -> (i32, String) {
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code().unwrap_or(-1), text.concat())
}

/// Calls an operation; status and answer.
fn call(url: &str, operation: &str, body: &Value) -> (u16, String) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: \
         application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The names of what is on the server: state machines, then activities.
fn what_is_there(url: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (operation, list) in
        [("ListStateMachines", "stateMachines"), ("ListActivities", "activities")]
    {
        let answer: Value = serde_json::from_str(&call(url, operation, &json!({})).1).unwrap();
        let list = answer[list].as_array().unwrap().clone();
        names.extend(list.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
    }
    names
}

/// Waits for something that another process does.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} never comes");
        pause(50);
    }
}

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn scenario(folder: &Folder, text: &str) -> String {
    folder.file("one.scenario.yaml", text).display().to_string()
}

const PASSES: &str = r#"
definition: { StartAt: A, States: { A: { Type: Pass, Result: { a: 1 }, End: true } } }
cases:
  - { name: passes, expect: { output: { a: 1 } } }
"#;

const MOCKED: &str = r#"
definition:
  StartAt: Charge
  States:
    Charge:
      Type: Task
      Resource: arn:aws:states:::lambda:invoke
      Parameters: { FunctionName: charge, Payload.$: $ }
      ResultSelector: { receipt.$: $.Payload.receipt }
      Retry: [{ ErrorEquals: [Lambda.TooManyRequestsException], IntervalSeconds: 1, MaxAttempts: 2 }]
      Catch: [{ ErrorEquals: [Declined], Next: Tell }]
      End: true
    Tell: { Type: Pass, Result: declined, End: true }
cases:
  - name: charged
    mocks: { Charge: { return: { Payload: { receipt: r-1 } } } }
    expect: { output: { receipt: r-1 }, path: [Charge] }
  - name: throttled, then charged
    mocks: { Charge: [{ fault: lambda.throttled }, { return: { Payload: { receipt: r-2 } } }] }
    expect: { output: { receipt: r-2 } }
  - name: declined
    mocks: { Charge: { fail: { error: Declined, cause: no money } } }
    expect: { output: declined, path: [Charge, Tell] }
"#;

#[test]
fn tasks_become_activities() {
    let (folder, server) = (Folder::new("activity"), Server::start(Options::default()).unwrap());
    let path = scenario(&folder, MOCKED);
    let (code, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3 passed (3 cases in 1 file"), "{text}");
    assert_eq!(what_is_there(&server.url()), [""; 0]);
}

#[test]
fn the_endpoint_reads_a_mock_file() {
    let folder = Folder::new("mock-file");
    let file = folder.file("mocks.json", r#"{ "StateMachines": {}, "MockedResponses": {} }"#);
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file).unwrap();
    let mock_config = MockConfig::parse(&name, &text).ok();
    let server = Server::start(Options { mock_config, watch: true, ..Options::default() }).unwrap();
    let path = scenario(&folder, MOCKED);
    let ways = ["--mocks", "mock-file", "--mock-file", &name];
    let url = server.url();
    let arguments = [&["run", &path, "--target", &url], &ways[..]].concat();
    let (code, text) = stepproof(&arguments);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3 passed"), "{text}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("TooManyRequestsException"), "{written}");
    // Where it is not read, the message says what to look at.
    let other = Server::start(Options::default()).unwrap();
    let url = other.url();
    let arguments = [&["run", &path, "--target", &url, "-k", "declined"], &ways[..]].concat();
    let (code, text) = stepproof(&arguments);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("needs a file that has it"), "{text}");
    let (code, text) = stepproof(&["run", &path, "--target", &url, "--mocks", "mock-file"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("`--mock-file FILE`"), "{text}");
}

const SERVICES_ASKED: &str = r#"
definition:
  StartAt: Which
  States:
    Which:
      Type: Choice
      Choices:
        - { Variable: $.ask, StringEquals: function, Next: Function }
        - { Variable: $.ask, StringEquals: queue, Next: Queue }
        - { Variable: $.ask, StringEquals: topic, Next: Topic }
        - { Variable: $.ask, StringEquals: table, Next: Table }
        - { Variable: $.ask, StringEquals: batch, Next: Batch }
        - { Variable: $.ask, StringEquals: container, Next: Container }
        - { Variable: $.ask, StringEquals: glue, Next: Glue }
        - { Variable: $.ask, StringEquals: train, Next: Train }
        - { Variable: $.ask, StringEquals: child, Next: Child }
    Function: { Type: Task, Resource: "arn:aws:lambda:us-east-1:123456789012:function:f", End: true }
    Queue:
      Type: Task
      Resource: arn:aws:states:::sqs:sendMessage.waitForTaskToken
      Parameters: { QueueUrl: q, MessageBody: { token.$: $$.Task.Token, text: hello } }
      End: true
    Topic:
      Type: Task
      Resource: arn:aws:states:::sns:publish
      Parameters: { TopicArn: t, Message: "a & b" }
      End: true
    Table:
      Type: Task
      Resource: arn:aws:states:::dynamodb:getItem
      Parameters: { TableName: t, Key: { id: { S: "1" } } }
      End: true
    Batch:
      Type: Task
      Resource: arn:aws:states:::batch:submitJob.sync
      Parameters: { JobName: j, JobQueue: q, JobDefinition: d }
      Catch: [{ ErrorEquals: [States.TaskFailed], ResultPath: $.problem, Next: Failed }]
      End: true
    Container:
      Type: Task
      Resource: arn:aws:states:::ecs:runTask.sync
      Parameters: { Cluster: c, TaskDefinition: d }
      End: true
    Glue: { Type: Task, Resource: "arn:aws:states:::glue:startJobRun.sync", Parameters: { JobName: j }, End: true }
    Train:
      Type: Task
      Resource: arn:aws:states:::sagemaker:createTrainingJob.sync
      Parameters: { TrainingJobName: j }
      End: true
    Child:
      Type: Task
      Resource: arn:aws:states:::states:startExecution.sync:2
      Parameters: { StateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:Elsewhere", Input: { a: 1 } }
      ResultSelector: { output.$: $.Output }
      End: true
    Failed: { Type: Pass, Result: failed, End: true }
cases:
  - { name: function, input: { ask: function }, mocks: { Function: { return: { b: 2 } } }, expect: { output: { b: 2 } } }
  - name: queue
    input: { ask: queue }
    mocks: { Queue: { return: approved, after: 1s } }
    expect: { output: approved }
  - name: a queue whose reader says no
    input: { ask: queue }
    mocks: { Queue: { fail: { error: Refused, cause: no } } }
    expect: { status: FAILED, error: Refused, cause: "no" }
  - { name: topic, input: { ask: topic }, mocks: { Topic: { return: { MessageId: m-1 } } }, expect: { output: { MessageId: m-1 } } }
  - name: table
    input: { ask: table }
    mocks: { Table: { return: { Item: { id: { S: "1" } } } } }
    expect: { output: { Item: { id: { S: "1" } } } }
  - name: no such table
    input: { ask: table }
    mocks: { Table: { fail: { error: DynamoDB.ResourceNotFoundException } } }
    expect: { status: FAILED, error: DynamoDB.ResourceNotFoundException }
  - name: batch
    input: { ask: batch }
    mocks: { Batch: { return: { JobId: "1", Status: SUCCEEDED }, submit: { JobId: "1", JobName: j }, after: 1s } }
    expect: { output: { JobId: "1", Status: SUCCEEDED } }
  - name: a job that fails
    input: { ask: batch }
    mocks: { Batch: { fail: { error: States.TaskFailed, cause: '{"JobId":"1","Status":"FAILED"}' } } }
    expect: { output: failed }
  - name: container
    input: { ask: container }
    mocks: { Container: { return: { LastStatus: STOPPED, Containers: [{ ExitCode: 0 }] } } }
    expect: { output: { LastStatus: STOPPED, Containers: [{ ExitCode: 0 }] } }
  - name: glue
    input: { ask: glue }
    mocks: { Glue: { return: { Id: jr_1, JobRunState: SUCCEEDED } } }
    expect: { output: { Id: jr_1, JobRunState: SUCCEEDED } }
  - name: train
    input: { ask: train }
    mocks: { Train: { return: { TrainingJobName: j, TrainingJobStatus: Completed } } }
    expect: { output: { TrainingJobName: j, TrainingJobStatus: Completed } }
  - name: child
    input: { ask: child }
    mocks: { Child: { return: { Output: { c: 3 }, Status: SUCCEEDED } } }
    expect: { output: { output: { c: 3 } } }
"#;

/// A server that calls every service at one address.
fn asking_server(address: SocketAddr) -> Server {
    let mut endpoints = Endpoints::default();
    for (service, ..) in SERVICES {
        endpoints.set(service, &format!("http://{address}")).unwrap();
    }
    Server::start(Options { endpoints, ..Options::default() }).unwrap()
}

const SERVICES_ASKED_BY_CHILDREN: &str = r#"
cases:
  - name: express children
    definition:
      StartAt: Each
      States:
        Each:
          Type: Map
          ItemProcessor:
            ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: EXPRESS }
            StartAt: Ask
            States: { Ask: { Type: Task, Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: f, Payload.$: $ }, OutputPath: $.Payload, End: true } }
          End: true
    input: [1, 2]
    mocks: { Ask: { return: { Payload: a } } }
    expect: { output: [a, a], calls: { Ask: { count: 2 } } }
"#;

#[test]
fn services_are_served_to_the_endpoint() {
    let (folder, address) = (Folder::new("endpoint"), free_address());
    let server = asking_server(address);
    let (url, listen) = (server.url(), address.to_string());
    let ways = ["--mocks", "endpoint", "--mocks-listen", &listen];
    for text in [MOCKED, SERVICES_ASKED, SERVICES_ASKED_BY_CHILDREN] {
        let path = scenario(&folder, text);
        let (code, told) = stepproof(&[&["run", &path, "--target", &url], &ways[..]].concat());
        assert_eq!(code, 0, "{told}");
        assert!(!told.contains("not run"), "{told}");
        let unseen = "calls of the Express child executions of `Each` (1), calls.Ask.count (1)";
        assert_eq!(told.contains(unseen), text == SERVICES_ASKED_BY_CHILDREN, "{told}");
    }
    assert_eq!(what_is_there(&url), [""; 0]);
}

/// What only some operations of the API show.
const SHOWN_OTHERWISE: &str = r#"
cases:
  - name: express
    type: EXPRESS
    definition: { StartAt: A, States: { A: { Type: Pass, Parameters: { b.$: $.a }, End: true } } }
    input: { a: 1 }
    expect: { output: { b: 1 } }
  - name: express that fails
    type: EXPRESS
    definition: { StartAt: A, States: { A: { Type: Fail, Error: E, Cause: c } } }
    expect: { status: FAILED, error: E, cause: c }
  - name: a map run
    definition:
      StartAt: Each
      States:
        Each:
          Type: Map
          ToleratedFailureCount: 1
          ItemProcessor:
            ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: STANDARD }
            StartAt: Ask
            States: { Ask: { Type: Task, Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: f, Payload.$: $ }, OutputPath: $.Payload, End: true } }
          End: true
    input: [1, 2, 3]
    mocks: { Ask: [{ when: { $subset: { Payload: 2 } }, fail: { error: E } }, { return: { Payload: { $input: $.Payload } } }] }
    expect:
      output: [1, { $subset: { Error: E, Input: "2" } }, 3]
      calls: { Ask: { count: 3 } }
      mapRuns: [{ state: Each, status: SUCCEEDED, itemCounts: { succeeded: 2, failed: 1, total: 3 } }]
  - name: a mock for every index
    definition:
      StartAt: Each
      States:
        Each:
          Type: Map
          ItemProcessor:
            ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: STANDARD }
            StartAt: Ask
            States: { Ask: { Type: Task, Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: f }, OutputPath: $.Payload, End: true } }
          End: true
    input: [1, 2]
    mocks: { "Each[*]/Ask": { return: { Payload: a } } }
    expect: { output: [a, a], calls: { "Each[*]/Ask": { count: 2 }, "Each[1]/Ask": { count: 1 } } }
  - name: one state
    definition: { StartAt: A, States: { A: { Type: Pass, Parameters: { b.$: $.a }, Next: B }, B: { Type: Succeed } } }
    input: { a: 1 }
    testState: { state: A }
    expectState: { status: SUCCEEDED, nextState: B, output: { b: 1 } }
"#;

#[test]
fn what_only_some_operations_show() {
    let (folder, server) = (Folder::new("shown"), Server::start(Options::default()).unwrap());
    let path = scenario(&folder, SHOWN_OTHERWISE);
    let (code, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("5 passed (5 cases in 1 file"), "{text}");
    let unseen = format!("not judged on {}: calls.Each[1]/Ask.count (1)\n", server.url());
    assert!(text.contains(&unseen), "{text}");
    assert_eq!(what_is_there(&server.url()), [""; 0]);
    // Expectations are judged, not only looked past.
    let wrong = SHOWN_OTHERWISE
        .replace("output: { b: 1 } }\n", "output: { b: 2 } }\n")
        .replace("cause: c }\n", "cause: d }\n")
        .replace("total: 3", "total: 4")
        .replace("\"Each[*]/Ask\": { count: 2 }", "\"Each[*]/Ask\": { count: 1 }");
    let (code, text) = stepproof(&["run", &scenario(&folder, &wrong), "--target", &server.url()]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("5 failed (5 cases in 1 file"), "{text}");
}

/// More child executions than are looked at, and than a page of ListExecutions names.
const MANY_CHILDREN: &str = r#"
cases:
  - name: more than are looked at
    definition:
      StartAt: Each
      States:
        Each:
          Type: Map
          ItemProcessor:
            ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: STANDARD }
            StartAt: Ask
            States: { Ask: { Type: Task, Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: f }, OutputPath: $.Payload, End: true } }
          ResultPath: null
          End: true
    input: [ITEMS]
    mocks: { Ask: { return: { Payload: 1 } } }
    expect:
      status: SUCCEEDED
      calls: { Ask: { count: 103 } }
      mapRuns: [{ state: Each, status: SUCCEEDED, executionCounts: { succeeded: 103 } }]
  - name: more than a page
    definition:
      StartAt: Each
      States:
        Each:
          Type: Map
          Items: "{% [1..1005] %}"
          QueryLanguage: JSONata
          ItemProcessor:
            ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: STANDARD }
            StartAt: One
            States: { One: { Type: Pass, QueryLanguage: JSONata, Output: 1, End: true } }
          Output: done
          End: true
    expect: { output: done }
"#;

#[test]
fn child_executions_that_nobody_looked_at_are_told() {
    let (folder, server) = (Folder::new("many"), Server::start(Options::default()).unwrap());
    let items = (1..=103).map(|item| item.to_string()).collect::<Vec<_>>().join(",");
    let path = scenario(&folder, &MANY_CHILDREN.replace("ITEMS", &items));
    let (code, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert_eq!(code, 0, "{text}");
    // A target that does it right is not blamed for the calls that were not looked at.
    assert!(text.contains("calls.Ask.count (1)"), "{text}");
    for left in ["3 child executions of `Each`", "905 child executions of `Each`"] {
        assert!(text.contains(left), "{text}");
    }
}

#[test]
fn what_an_express_execution_does_not_show() {
    let (folder, server) = (Folder::new("unseen"), Server::start(Options::default()).unwrap());
    let path = scenario(
        &folder,
        r#"
type: EXPRESS
cases:
  - name: path
    definition: { StartAt: A, States: { A: { Type: Pass, End: true } } }
    expect: { path: [A] }
  - name: task
    definition: { StartAt: A, States: { A: { Type: Task, Resource: "arn:aws:lambda:us-east-1:123456789012:function:f", End: true } } }
    mocks: { A: { return: 1 } }
    expect: { output: 1 }
"#,
    );
    let (_, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert!(text.contains("only the end shows; expects path"), "{text}");
    assert!(text.contains("an Express execution has no activities"), "{text}");
    assert!(text.contains("2 not run"), "{text}");
}

#[test]
fn real_services_answer_without_mocks() {
    let folder = Folder::new("none");
    let lambda = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = lambda.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in lambda.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 65_536]);
            let body = r#"{"receipt":"real"}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let server = asking_server(address);
    let path = scenario(
        &folder,
        &MOCKED.replace("receipt: r-1", "receipt: real").replace("receipt: r-2", "receipt: real"),
    );
    let arguments = ["run", &path, "--target", &server.url(), "--mocks", "none", "-k", "charged"];
    let (code, text) = stepproof(&arguments);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 passed"), "{text}");
}

const SLOW: &str = r#"
definition: { StartAt: W, States: { W: { Type: Wait, Seconds: 9, End: true } } }
cases: [{ name: one }, { name: two }, { name: three }]
"#;

/// Starts a run of slow cases, and waits until it has made its machines.
fn slow_run(folder: &Folder, url: &str) -> Child {
    let path = scenario(folder, SLOW);
    let run = command(&["run", &path, "--target", url, "--concurrency", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Two machines and two activities.
    until("the run", || what_is_there(url).len() == 4);
    run
}

#[cfg(unix)]
fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_behind() {
    for name in ["-INT", "-TERM"] {
        let folder = Folder::new(&format!("interrupt{name}"));
        let server = Server::start(Options::default()).unwrap();
        let run = slow_run(&folder, &server.url());
        let begun = Instant::now();
        signal(&run, name);
        let (code, text) = told(run.wait_with_output().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(6), "it waited for the cases");
        assert_eq!(code, 130, "{text}");
        assert!(text.contains("what the run had made is taken away"), "{text}");
        assert!(text.contains("3 not run (3 cases"), "{text}");
        assert_eq!(what_is_there(&server.url()), [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_tells_of_a_machine_that_is_still_being_deleted() {
    let folder = Folder::new("express-interrupt");
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, &SLOW.replace("definition:", "type: EXPRESS\ndefinition:"));
    let run = command(&["run", &path, "--target", &server.url(), "--concurrency", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the machine", || what_is_there(&server.url()).len() == 3);
    pause(500);
    signal(&run, "-INT");
    let (code, text) = told(run.wait_with_output().unwrap());
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("left behind: arn:aws:states:us-east-1:123456789012:state"), "{text}");
    assert!(text.contains("it is DELETING, and gone when its Express execution has"), "{text}");
    assert_eq!(what_is_there(&server.url()).len(), 1);
    // What is left goes by itself.
    until("the end", || what_is_there(&server.url()).is_empty());
}

#[cfg(unix)]
#[test]
fn what_a_killed_run_leaves_is_swept() {
    let folder = Folder::new("sweep");
    let server = Server::start(Options::default()).unwrap();
    let url = server.url();
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    let body = json!({ "name": "stepproof-of-somebody-else", "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/r" });
    assert_eq!(call(&url, "CreateStateMachine", &body).0, 200);
    let run = slow_run_beside(&folder, &url);
    signal(&run, "-KILL");
    let _ = run.wait_with_output();
    let (code, text) = stepproof(&["clean", "--target", &url]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("4 younger than 1h may belong to a run"), "{text}");
    let (code, text) = stepproof(&["clean", "--target", &url, "--older-than", "0s", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("4 would be taken away"), "{text}");
    assert_eq!(what_is_there(&url).len(), 5);
    let (code, text) = stepproof(&["clean", "--target", &url, "--older-than", "0s"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("4 of 4 taken away"), "{text}");
    assert_eq!(what_is_there(&url), ["stepproof-of-somebody-else"]);
    let (code, text) = stepproof(&["clean", "--target", "local"]);
    assert_eq!(code, 2, "{text}");
}

/// The same where somebody else's machine is there already.
#[cfg(unix)]
fn slow_run_beside(folder: &Folder, url: &str) -> Child {
    let path = scenario(folder, SLOW);
    let run = command(&["run", &path, "--target", url, "--concurrency", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the run", || what_is_there(url).len() == 5);
    run
}

#[test]
fn skipped_cases_are_counted_as_skipped() {
    let folder = Folder::new("skipped");
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, SLOW);
    let arguments = ["run", &path, "--target", &server.url(), "--max-real-time", "1s"];
    let (code, text) = stepproof(&[&arguments[..], &["--report", "json"]].concat());
    assert_eq!(code, 0, "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&report["summary"]["passed"], &report["summary"]["skipped"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(report["files"][0]["cases"][0]["outcome"], "skipped");
    let reason = report["files"][0]["cases"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "needs 9 s of real time; `--max-real-time` is 1 s");
    let (_, text) = stepproof(&[&arguments[..], &["--report", "junit"]].concat());
    assert!(text.contains("skipped=\"3\""), "{text}");
}

const STUCK: &str = r#"
definition:
  StartAt: W
  States:
    W: { Type: Wait, Seconds: 3, Next: T }
    T: { Type: Task, Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: f }, End: true }
cases: [{ name: one, mocks: { T: { never: true } }, expect: { status: RUNNING, path: [W, T] } }]
"#;

#[test]
fn an_execution_that_never_ends_is_waited_for_until_it_does_nothing_more() {
    let folder = Folder::new("stuck");
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, STUCK);
    let (code, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 passed"), "{text}");
    let few = ["run", &path, "--target", &server.url(), "--max-real-time", "1s"];
    let (_, text) = stepproof(&few);
    assert!(text.contains("needs 3 s of real time"), "{text}");
    // The time until the last thing that happens from outside is not waited for again.
    let acted = STUCK
        .replace("Seconds: 3", "Seconds: 0")
        .replace("lambda:invoke", "lambda:invoke.waitForTaskToken")
        .replace("expect:", "actions: [{ at: 4s, sendTaskHeartbeat: { state: T } }], expect:");
    let path = scenario(&folder, &acted);
    let begun = Instant::now();
    let (code, text) = stepproof(&["run", &path, "--target", &server.url()]);
    assert_eq!((code, text.contains("1 passed")), (0, true), "{text}");
    let took = begun.elapsed();
    assert!((4..9).contains(&took.as_secs()), "{took:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_before_the_endpoint_answers() {
    for silent in ["ListStateMachines", "CreateActivity"] {
        let folder = Folder::new(&format!("early-{silent}"));
        let server = Server::start(Options::default()).unwrap();
        let fake = faulty(&server, move |request| {
            if request.operation == silent && silent == "CreateActivity" {
                pause(2_000);
            }
            (request.operation == silent && silent != "CreateActivity").then_some(Act::Hang)
        });
        let path = scenario(&folder, MOCKED);
        let run = command(&["run", &path, "--target", &fake.url])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the first request", || !fake.asked(silent, "name").is_empty());
        let begun = Instant::now();
        signal(&run, "-INT");
        let (code, text) = told(run.wait_with_output().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(6), "{text}");
        assert_eq!(code, 130, "{text}");
        assert_eq!(what_is_there(&server.url()), [""; 0], "{text}");
    }
}

#[test]
fn what_somebody_else_swept_is_passed_over() {
    let server = Server::start(Options::default()).unwrap();
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    for name in ["stepproof-a", "stepproof-b"] {
        let body = json!({ "name": name, "definition": definition.to_string(),
            "roleArn": "arn:aws:iam::123456789012:role/r",
            "tags": [{ "key": "stepproof:run", "value": "r" }] });
        assert_eq!(call(&server.url(), "CreateStateMachine", &body).0, 200);
    }
    let fake = faulty(&server, |request| {
        let first = request.operation == "ListTagsForResource" && request.number == 1;
        first.then(|| Act::Error("ResourceNotFound", "gone".into()))
    });
    let (code, text) = stepproof(&["clean", "--target", &fake.url, "--older-than", "0s"]);
    assert_eq!((code, text.contains("1 of 1 taken away")), (0, true), "{text}");
    let fake = faulty(&server, |request| {
        let lists = request.operation == "ListExecutions";
        lists.then(|| Act::Error("StateMachineDoesNotExist", "gone".into()))
    });
    let (code, text) = stepproof(&["clean", "--target", &fake.url, "--older-than", "0s"]);
    assert_eq!((code, text.contains("1 of 1 taken away")), (0, true), "{text}");
}

#[test]
fn targets_are_compared() {
    let folder = Folder::new("compare");
    let server = Server::start(Options::default()).unwrap();
    let known = format!(
        "[reach]\nurl = \"{}\"\n[not_attempted]\n\"*/declined\" = \"no money there\"\n",
        server.url()
    );
    let file = folder.file("there.toml", &known).display().to_string();
    let path = scenario(&folder, MOCKED);
    let arguments = ["compare", &path, "--target", "local", "--target", &file];
    let (code, text) = stepproof(&arguments);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no money there"), "{text}");
    let (_, text) = stepproof(&[&arguments[..], &["--report", "json"]].concat());
    let table: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        table["targets"][1]["summary"],
        json!({ "cannot": 1, "differs": 0, "reference": 0, "same": 2 })
    );
    assert!(table["reproduce"].as_str().unwrap().starts_with("stepproof compare "), "{table}");
    // Without its mocks the server answers otherwise.
    let url = server.url();
    let arguments = ["compare", &path, "--target", "local", "--target", &url, "--mocks", "none"];
    let page = folder.0.join("page.html").display().to_string();
    let arguments = [&arguments[..], &["--report", "html", "--output", &page]].concat();
    let (code, text) = stepproof(&arguments);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("differs    SUCCEEDED / FAILED"), "{text}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<h2>Differs: 3</h2>"), "{page}");
    let (code, text) = stepproof(&["compare", &path, "--target", "local"]);
    assert_eq!((code, text.contains("two targets at least")), (2, true), "{text}");
    // Where no case ran on both, nothing was seen to be the same.
    let known = known.replace("*/declined", "*");
    let file = folder.file("nothing.toml", &known).display().to_string();
    let (code, text) = stepproof(&["compare", &path, "--target", "local", "--target", &file]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("nothing could be compared"), "{text}");
    assert!(text.contains("cannot: no money there"), "{text}");
}

#[test]
fn the_command_line_is_checked() {
    let folder = Folder::new("arguments");
    let path = scenario(&folder, PASSES);
    for (arguments, wanted) in [
        (&["--target", "moto"][..], "`moto` is no target: give `local`, `serve`, `aws`"),
        (&["--region", "eu-west-1"], "`--region` is for live endpoints"),
        (&["--target", "serve", "--mocks", "none"], "`server` is the mock way"),
        (&["--target", "serve", "--mocks", "nun"], "the ways are activity, endpoint"),
        (&["--target", "serve", "--timeout", "soon"], "expected a duration"),
        (&["--target", "x.toml"], "cannot read `x.toml`"),
        (&["--target", "serve", "--update"], "cannot be used with"),
    ] {
        let (code, text) = stepproof(&[&["run", &path], arguments].concat());
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
}

#[test]
fn the_environment_names_the_endpoint() {
    let folder = Folder::new("environment");
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, PASSES);
    let output = command(&["run", &path, "--target", "aws", "--region", "eu-central-1"])
        .env("AWS_ENDPOINT_URL_SFN", server.url())
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .output()
        .unwrap();
    let (code, text) = told(output);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
