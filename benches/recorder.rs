//! Recording from a live endpoint: how much of the time is the endpoint's and how much is ours.
//!
//! First our own server, which answers at once: the same requests by bare clients beside the
//! recorder, which also redacts, writes to the disk and replays. Then an endpoint that takes 20 ms
//! an answer, as AWS does: there the requests are all that counts.

#[expect(dead_code, reason = "the tests' fake can do more")]
#[path = "../recordings/live/fake.rs"]
mod fake;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fake::{Account, Fake};
use serde_json::{Value, json};
use stepproof::server::{Options, Server};

/// How many requests are under way at once, with and without the recorder.
const CONCURRENCY: usize = 8;
const EXECUTIONS: usize = 2_000;
/// Executions of the endpoint that takes its time, and how long it takes.
const SLOW_EXECUTIONS: usize = 400;
const LATENCY: Duration = Duration::from_millis(20);

fn main() {
    let server = Server::start(Options::default()).expect("a free port");
    let machine = chain(&server.url());
    let executions = run(&server.url(), &machine);
    row("local", &server.url(), "Chain", &executions);

    let account = Account::of(SLOW_EXECUTIONS);
    let slow = Fake::start(move |request| {
        pause(LATENCY);
        account.answer(request)
    });
    let executions: Vec<String> =
        (1..=SLOW_EXECUTIONS).map(|number| fake::arn(&format!("o-{number}"))).collect();
    row("20_ms", &slow.url, "Orders", &executions);
}

#[expect(clippy::disallowed_methods, reason = "the endpoint takes its time")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Asks for everything by bare clients, and records it; prints both.
#[expect(clippy::disallowed_methods, reason = "a bench asks the real clock")]
fn row(name: &str, url: &str, machine: &str, executions: &[String]) {
    let begun = Instant::now();
    fetch(url, executions);
    let bare = begun.elapsed().as_secs_f64();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorder-{name}"));
    // What an earlier run left there.
    drop(fs::remove_dir_all(&folder));
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(["record", "--state-machine", machine, "--endpoint-url", url, "--concurrency"])
        .arg(CONCURRENCY.to_string())
        .arg("--into")
        .arg(&folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let whole = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let note = text.lines().find(|line| line.contains("executions a second")).unwrap_or_default();
    let count = executions.len();
    println!(
        "recorder/{name:<6} {count} executions: bare requests {bare:>6.2} s, recorder {whole:>6.2} s \
         ({:.2} times)\n  {note}",
        whole / bare
    );
    drop(fs::remove_dir_all(&folder));
}

/// The requests that a recorder makes for these executions, as many at once, and nothing else.
fn fetch(url: &str, executions: &[String]) {
    thread::scope(|scope| {
        for part in executions.chunks(executions.len().div_ceil(CONCURRENCY)) {
            scope.spawn(move || {
                let mut client = Client::new(url);
                for execution in part {
                    let execution = json!({ "executionArn": execution });
                    client.ask("DescribeExecution", &execution);
                    let mut page = execution;
                    page["maxResults"] = json!(1_000);
                    loop {
                        let answer = client.ask("GetExecutionHistory", &page);
                        match answer["nextToken"].as_str() {
                            Some(token) => page["nextToken"] = json!(token),
                            None => break,
                        }
                    }
                }
            });
        }
    });
}

/// A machine of 30 Pass states: 62 events.
fn chain(url: &str) -> String {
    let states: serde_json::Map<String, Value> = (0..30)
        .map(|number| {
            let state = match number {
                29 => json!({ "Type": "Pass", "End": true }),
                _ => json!({ "Type": "Pass", "Next": format!("State{}", number + 1) }),
            };
            (format!("State{number}"), state)
        })
        .collect();
    let definition = json!({ "StartAt": "State0", "States": states }).to_string();
    let body = json!({
        "name": "Chain", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/R",
    });
    text(&Client::new(url).ask("CreateStateMachine", &body), "stateMachineArn")
}

/// Runs the executions to their ends; their ARNs.
fn run(url: &str, machine: &str) -> Vec<String> {
    let mut client = Client::new(url);
    let note = "the parcel goes to the neighbour, who knows about it. ".repeat(8);
    let arns: Vec<String> = (0..EXECUTIONS)
        .map(|number| {
            let input = json!({
                "orderId": number, "mail": format!("person{number}@acme.com"), "note": note,
            });
            let body = json!({ "stateMachineArn": machine, "input": input.to_string() });
            text(&client.ask("StartExecution", &body), "executionArn")
        })
        .collect();
    for arn in &arns {
        while client.ask("DescribeExecution", &json!({ "executionArn": arn }))["status"]
            == "RUNNING"
        {
            pause(Duration::from_millis(2));
        }
    }
    arns
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {answer}")).to_owned()
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    fn new(url: &str) -> Self {
        let host = url.strip_prefix("http://").expect("it is a local endpoint").to_owned();
        let stream = TcpStream::connect(&host).expect("somebody listens");
        stream.set_nodelay(true).expect("it is a socket");
        Self { stream: BufReader::new(stream), host }
    }

    fn ask(&mut self, operation: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
             content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("the connection holds");
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the connection holds");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("it is a number");
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("the connection holds");
        serde_json::from_slice(&answer).expect("it is JSON")
    }
}
