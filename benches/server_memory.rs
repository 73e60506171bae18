//! What the server needs: milliseconds until its first answer, and memory for a million executions
//! and for thousands of clients that only wait.
//!
//! `cargo bench --bench server_memory` starts the real binary each time. The goals: 30 ms; memory
//! that stays flat once `--retain` is reached; 300 MB for 10,000 idle connections and 5,000 long
//! polls. Silent connections have sent nothing yet; idle ones have had an answer, and give the buffers
//! back that hyper keeps for each once half a second has passed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEFINITION: &str = r#"{"StartAt":"HelloWorld","States":{"HelloWorld":{"Type":"Pass","Result":"Hello World!","End":true}}}"#;

const EXECUTIONS: usize = 1_000_000;

fn main() {
    first_answer();
    a_million_executions();
    idle_clients();
}

/// A server in a process of its own.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepproof"))
            .args(["serve", "--port", "0", "--log-level", "error"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the first line");
        let address = line.trim_end().trim_start_matches("listening on http://").to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
    }

    /// The memory it holds now.
    fn megabytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.map_or(f64::NAN, |kib| kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_answer() {
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let began = now();
            let process = Process::start(&[]);
            call(&mut process.connect(), "ListStateMachines", "{}");
            now() - began
        })
        .collect();
    times.sort_unstable();
    println!("server/first_answer             {:>10.2?} (slowest {:.2?})", times[10], times[19]);
}

fn a_million_executions() {
    let process = Process::start(&["--retain", "1000"]);
    let machine =
        member(&call(&mut process.connect(), "CreateStateMachine", &machine()), "stateMachineArn");
    let start = serde_json::json!({ "stateMachineArn": machine, "input": "{}" }).to_string();
    let began = now();
    const CLIENTS: usize = 4;
    const PARTS: usize = 10;
    for part in 1..=PARTS {
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut stream = process.connect();
                    let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
                    // Eight at a time: what is measured is memory.
                    let batch = request("StartExecution", &start).repeat(8);
                    for _ in 0..EXECUTIONS / PARTS / CLIENTS / 8 {
                        stream.write_all(batch.as_bytes()).expect("the server reads");
                        for _ in 0..8 {
                            answer(&mut answers);
                        }
                    }
                });
            }
        });
        let done = EXECUTIONS / PARTS * part;
        println!("server/memory/{done:<17} {:>10.1} MB", process.megabytes());
    }
    let rate = EXECUTIONS as f64 / (now() - began).as_secs_f64();
    println!("server/memory/executions         {rate:>10.0} a second");
}

fn idle_clients() {
    let process = Process::start(&[]);
    println!("server/clients/none             {:>10.1} MB", process.megabytes());
    let silent: Vec<TcpStream> = (0..10_000).map(|_| process.connect()).collect();
    call(&mut process.connect(), "ListActivities", "{}");
    println!("server/clients/10000_silent     {:>10.1} MB", process.megabytes());
    drop(silent);
    let idle: Vec<TcpStream> = (0..10_000)
        .map(|_| {
            let mut stream = process.connect();
            call(&mut stream, "ListActivities", "{}");
            stream
        })
        .collect();
    pause();
    println!("server/clients/10000_idle       {:>10.1} MB", process.megabytes());
    let mut polls = Vec::new();
    for i in 0..5 {
        let name = format!("{{\"name\": \"desk-{i}\"}}");
        let arn = member(&call(&mut process.connect(), "CreateActivity", &name), "activityArn");
        let poll = request("GetActivityTask", &format!("{{\"activityArn\": \"{arn}\"}}"));
        for _ in 0..1_000 {
            let mut stream = process.connect();
            stream.write_all(poll.as_bytes()).expect("the server reads");
            polls.push(stream);
        }
    }
    // All of them have arrived when a request behind them is answered.
    call(&mut process.connect(), "ListActivities", "{}");
    pause();
    println!("server/clients/and_5000_polls   {:>10.1} MB", process.megabytes());
    drop((idle, polls));
}

fn machine() -> String {
    serde_json::json!({
        "name": "HelloWorld",
        "definition": DEFINITION,
        "roleArn": "arn:aws:iam::012345678901:role/DummyRole",
    })
    .to_string()
}

fn request(operation: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost:8083\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn call(stream: &mut TcpStream, operation: &str, body: &str) -> serde_json::Value {
    stream.write_all(request(operation, body).as_bytes()).expect("the server reads");
    serde_json::from_slice(&answer(stream)).expect("JSON")
}

/// Reads one answer, its head byte by byte, so that the next one stays untouched.
fn answer(stream: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut buffer = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut buffer).expect("an answer");
        head.push(buffer[0]);
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    body
}

fn member(answer: &serde_json::Value, key: &str) -> String {
    answer[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {answer}")).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a bench may wait")]
fn pause() {
    std::thread::sleep(Duration::from_secs(1));
}

#[expect(clippy::disallowed_methods, reason = "a bench may ask the clock")]
fn now() -> Instant {
    Instant::now()
}
