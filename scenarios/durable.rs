//! `stepproof serve --data-dir` is killed at any moment, and its disk fills up: what was answered
//! is there afterwards.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// A server in a process of its own; dropped, it is killed.
struct Process {
    child: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(folder: &Path) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_stepproof")).args(arguments(folder)))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("the first line");
        let address = line.trim_end().trim_start_matches("listening on http://").to_owned();
        assert!(!address.is_empty(), "the server did not start");
        Self { child, address, _stdout: stdout }
    }

    /// Status and answer; `None` where there was none.
    fn try_call(&self, operation: &str, body: &Value) -> Option<(u16, Value)> {
        let body = body.to_string();
        self.request(&format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
             application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Whether it is ready, and what it says of that.
    fn health(&self) -> (u16, Value) {
        let get = "GET /_stepproof/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        self.request(get).expect("an answer")
    }

    fn request(&self, request: &str) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).ok()?))
    }

    #[track_caller]
    fn call(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.try_call(operation, body).expect("an answer");
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    fn create(&self, name: &str, state: &Value) -> String {
        let mut state = state.clone();
        state["End"] = true.into();
        let definition = json!({ "StartAt": "S", "States": { "S": state } }).to_string();
        let role = "arn:aws:iam::123456789012:role/r";
        let body = json!({ "name": name, "definition": definition, "roleArn": role });
        self.call("CreateStateMachine", &body)["stateMachineArn"].as_str().unwrap().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL where there are signals.
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn arguments(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("a path of text");
    ["serve", "--port", "0", "--log-level", "off", "--data-dir", folder].map(Into::into).to_vec()
}

fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

#[expect(clippy::disallowed_methods, reason = "a server of its own goes on meanwhile")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// What a client was answered with.
#[derive(Default)]
struct Answered {
    /// Executions that it started, by ARN: what they must have become.
    executions: Vec<(String, &'static [&'static str])>,
}

/// Starts executions, and answers tasks, until there are no answers any more.
fn work(server: &Process, client: usize, machines: &[String; 3], stop: &AtomicBool) -> Answered {
    let mut answered = Answered::default();
    let activity = json!({ "activityArn": "arn:aws:states:us-east-1:123456789012:activity:a" });
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let machine = &machines[count % 3];
        let body =
            json!({ "stateMachineArn": machine, "input": json!([client, count]).to_string() });
        let Some((200, started)) = server.try_call("StartExecution", &body) else { break };
        let arn = started["executionArn"].as_str().unwrap().to_owned();
        let expected: &[&str] = match count % 3 {
            0 => &["SUCCEEDED"],
            1 => &["RUNNING"],
            _ => &["RUNNING", "SUCCEEDED"],
        };
        answered.executions.push((arn, expected));
        if count % 3 == 2 {
            // Somebody's task: there are as many as there are workers.
            let Some((200, task)) = server.try_call("GetActivityTask", &activity) else { break };
            let body = json!({ "taskToken": task["taskToken"], "output": task["input"] });
            let Some((200, _)) = server.try_call("SendTaskSuccess", &body) else { break };
        }
    }
    answered
}

#[test]
fn nothing_that_was_answered_is_lost_by_a_kill() {
    let folder = fresh_folder("killed");
    let mut all: Vec<(String, &[&str])> = Vec::new();
    let server = Process::start(&folder);
    server.call("CreateActivity", &json!({ "name": "a" }));
    let machines = [
        server.create("pass", &json!({ "Type": "Pass" })),
        server.create("wait", &json!({ "Type": "Wait", "Seconds": 100_000 })),
        server.create(
            "task",
            &json!({ "Type": "Task",
            "Resource": "arn:aws:states:us-east-1:123456789012:activity:a" }),
        ),
    ];
    drop(server);
    for round in 0..6 {
        let mut server = Process::start(&folder);
        let stop = AtomicBool::new(false);
        let moment = 40 + 67 * round;
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let (server, machines, stop) = (&server, &machines, &stop);
                    scope.spawn(move || work(server, client, machines, stop))
                })
                .collect();
            pause(moment);
            kill(&server);
            stop.store(true, Ordering::Relaxed);
            all.extend(clients.into_iter().flat_map(|client| client.join().unwrap().executions));
        });
        server.child.wait().unwrap();
        let server = Process::start(&folder);
        for (arn, expected) in &all {
            let found = server.call("DescribeExecution", &json!({ "executionArn": arn }));
            let status = found["status"].as_str().unwrap();
            assert!(expected.contains(&status), "round {round}: {found}");
        }
    }
    assert!(all.len() > 100, "only {} executions were started", all.len());
}

/// Kills the server that others use.
fn kill(server: &Process) {
    let killed = Command::new("kill").args(["-9", &server.child.id().to_string()]).status();
    assert!(killed.expect("`kill` is there").success());
}

/// A limit of the process stands for a full disk: files cannot grow beyond it.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_no_end() {
    let folder = fresh_folder("full");
    let limited = "trap '' XFSZ; ulimit -S -f 3000; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_stepproof")]).args(arguments(&folder));
    let server = Process::spawn(&mut command);
    assert_eq!(server.health().0, 200);
    let machine = server.create("pass", &json!({ "Type": "Pass" }));
    let input = json!("x".repeat(100_000)).to_string();
    let body = json!({ "stateMachineArn": machine, "input": input });
    let mut started = Vec::new();
    let refused = loop {
        let (status, answer) = server.try_call("StartExecution", &body).expect("an answer");
        if status != 200 {
            break (status, answer);
        }
        started.push(answer["executionArn"].as_str().unwrap().to_owned());
        assert!(started.len() < 100, "the disk does not fill up");
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    let why = refused.1["message"].as_str().unwrap();
    assert!(why.contains("cannot be written") && why.contains("large"), "{why}");
    // One can look at what there is, and what is to be changed is refused.
    let last = json!({ "executionArn": started.last().unwrap() });
    assert_eq!(server.call("DescribeExecution", &last)["status"], "SUCCEEDED");
    let create = json!({ "name": "a" });
    assert_eq!(server.try_call("CreateActivity", &create).expect("an answer").0, 503);
    let (status, health) = server.health();
    assert_eq!((status, &health["message"]), (503, &refused.1["message"]), "{health}");
    let raised = Command::new("prlimit")
        .args(["--pid", &server.child.id().to_string(), "--fsize=unlimited"])
        .status();
    if !raised.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no `prlimit` to make room again");
        return;
    }
    pause(2_500);
    server.call("CreateActivity", &create);
    assert_eq!(server.health().0, 200);
    drop(server);
    let server = Process::start(&folder);
    for arn in &started {
        server.call("DescribeExecution", &json!({ "executionArn": arn }));
    }
}

/// Exit code and standard error of a server that cannot start.
fn refused(options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepproof"));
    let output = command.args(["serve", "--port", "0"]).args(options).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let folder = fresh_folder("refused");
    let open = Process::start(&folder);
    let port = open.address.rsplit_once(':').expect("a port").1.to_owned();
    let used = folder.to_str().unwrap();
    let check = |options: &[&str], why: &str| {
        let (code, text) = refused(options);
        assert_eq!(code, Some(2), "{options:?}: {text}");
        assert!(text.contains(why) && !text.contains("This is a bug"), "{options:?}: {text}");
    };
    check(&["--data-dir", used], "another server uses");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepproof"));
    let output = command.args(["serve", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot listen on"));
    drop(open);
    check(&["--host", "192.0.2.1"], "cannot listen on 192.0.2.1");
    check(&["--data-dir", used, "--aws-account", "111122223333"], "account");
    check(&["--data-dir", used, "--aws-region", "eu-west-1"], "in eu-west-1");
    let file = folder.join("file");
    fs::write(&file, "x").unwrap();
    check(&["--data-dir", file.to_str().unwrap()], "file");
    check(&["--events-out", file.join("x").to_str().unwrap()], "cannot write to");
    // Options that contradict each other, or say nothing.
    for (options, why) in [
        (&["--auth=:x"][..], "KEY_ID:SECRET"),
        (&["--auth=a:"], "KEY_ID:SECRET"),
        (&["--aws-region", "a b"], "a region has"),
        (&["--quota", "StartExecutions=1/1"], "did you mean `StartExecution`"),
        (&["--clock", "virtual", "--wait-time-scale", "0.5"], "--wait-time-scale"),
        (&["--cors", "http://a\nb"], "an origin such as"),
        (&["--lambda-endpoint", "http://localhost:99999"], "no port"),
    ] {
        check(options, why);
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path != file && path.is_file() {
            fs::write(&path, "nonsense").unwrap();
        }
    }
    check(&["--data-dir", used], "");
}

/// Standard output is for the lines alone.
#[test]
fn an_output_has_standard_output_for_itself() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(["serve", "--port", "0", "--log-level", "off", "--events-out", "-"])
        .env("AWS_DEFAULT_REGION", "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listening on http://127.0.0.1:"), "{line}");
    child.kill().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    assert_eq!(text, "");
}
