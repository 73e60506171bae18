//! `stepproof record` from live endpoints: fakes that do everything wrong that can go wrong, and
//! our own server.

#[path = "live/fake.rs"]
mod fake;
#[path = "live/own.rs"]
mod own;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use fake::{Account, Act, Fake, Request, arn, number_of};
use serde_json::json;

/// A folder of the system's own for temporary files, removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("stepproof-live-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The names of the recordings.
    fn recorded(&self) -> BTreeSet<String> {
        let Ok(folder) = self.0.join("recordings/Orders").read_dir() else {
            return BTreeSet::new();
        };
        let entries = folder.map(|entry| entry.unwrap());
        entries
            .inspect(|entry| assert!(entry.path().join("recording.toml").exists(), "{entry:?}"))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join("recordings").join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The command in a folder, apart from whatever AWS configuration there is.
fn command(folder: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepproof"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .arg("record")
        .args(arguments)
        .args(["--endpoint-url", url])
        .env("AWS_CONFIG_FILE", folder.join("no-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("no-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("STEPPROOF_REDACTION_KEY")
        .current_dir(folder);
    command
}

/// Runs the command; answers the exit code and everything printed.
fn record(folder: &Temporary, url: &str, arguments: &[&str]) -> (i32, String) {
    let output = command(&folder.0, url, arguments).output().expect("the command starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code().unwrap_or(-1), text.concat())
}

/// A healthy account of so many executions.
fn account(executions: usize) -> Fake {
    let account = Account::of(executions);
    Fake::start(move |request| account.answer(request))
}

/// An account of so many executions where some requests meet with something else.
fn faulty(
    executions: usize,
    fault: impl Fn(&Request) -> Option<Act> + Send + Sync + 'static,
) -> Fake {
    let account = Account::of(executions);
    Fake::start(move |request| fault(request).unwrap_or_else(|| account.answer(request)))
}

fn names(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("o-{number}")).collect()
}

const ALL: [&str; 2] = ["--state-machine", "Orders"];

#[expect(clippy::disallowed_methods, reason = "processes take real time")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Waits until something holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if holds() {
            return;
        }
        pause(5);
    }
    panic!("{what} did not come");
}

/// Every file below a folder.
fn everything(folder: &Path) -> String {
    let mut text = String::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        text.push_str(&path.to_string_lossy());
        text.push_str(&match path.is_dir() {
            true => everything(&path),
            false => String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
        });
    }
    text
}

#[test]
fn a_recording_holds_what_the_service_answered() {
    let future = r#"{"events":[{"timestamp":1714637760.250,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"n\":1.50}"}},{"timestamp":1714637760.3,"id":2,"type":"QuantumLeap","previousEventId":1,"quantumLeapEventDetails":{"to":1.0e+2}}],"nextToken":"second"}"#;
    let fake = faulty(1, move |request| {
        let first =
            request.operation == "GetExecutionHistory" && request.text("nextToken").is_empty();
        first.then(|| Act::Text(future.to_owned()))
    });
    let folder = Temporary::new("raw");
    let (code, printed) = record(&folder, &fake.url, &[&arn("o-1"), "--no-redact"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("recorded recordings/Orders/o-1\n"), "{printed}");
    let history = folder.read("Orders/o-1/history.json");
    for event in [r#""quantumLeapEventDetails":{"to":1.0e+2}}"#, r#"{"timestamp":1714637760.250,"#]
    {
        assert!(history.contains(event), "{event} is not in {history}");
    }
    assert!(folder.read("Orders/o-1/execution.json").contains("member of tomorrow"));
    assert_eq!(folder.read("Orders/o-1/definition.asl.json"), fake::DEFINITION);
    let manifest = folder.read("Orders/o-1/recording.toml");
    for line in
        ["origin = \"api\"", "source = \"emulator\"", "status = \"SUCCEEDED\"", "events = 4"]
    {
        assert!(manifest.contains(line), "{line}: {manifest}");
    }
    assert!(manifest.contains(&format!("endpoint = \"{}\"", fake.url)), "{manifest}");
}

#[test]
fn executions_are_selected() {
    let fake = account(30);
    #[track_caller]
    fn check(fake: &Fake, arguments: &[&str], expected: BTreeSet<String>) {
        let folder = Temporary::new(&arguments.join("").replace(['/', ':'], "-"));
        let (code, printed) = record(&folder, &fake.url, &[&ALL, arguments].concat());
        assert_eq!(code, 0, "{printed}");
        assert_eq!(folder.recorded(), expected, "{printed}");
    }
    check(&fake, &[], names(1..=30));
    check(&fake, &["--max", "8"], names(23..=30));
    check(&fake, &["--status", "FAILED"], names([5, 10, 15, 20, 25, 30]));
    check(&fake, &["--status", "failed,TIMED_OUT", "--max", "2"], names([25, 30]));
    check(&fake, &["--status", "failed,succeeded", "--max", "7"], names(24..=30));
    // The twentieth started 20 minutes after the quarter of an hour.
    check(&fake, &["--since", "2024-05-02T08:35:00Z"], names(20..=30));
    check(&fake, &["--until", "2024-05-02T08:18:00Z"], names(1..=2));
    check(&fake, &["--since", "2024-05-02", "--until", "2024-05-03"], names(1..=30));
    check(&fake, &["--since", "1d"], BTreeSet::new());
    check(&fake, &["--sample", "0%"], BTreeSet::new());
    check(&fake, &["--sample", "1"], names(1..=30));
    let asked: BTreeSet<_> =
        fake.asked("GetExecutionHistory", "executionArn").into_iter().collect();
    assert!(asked.len() <= 30);

    let folder = Temporary::new("sample");
    let sample = [&ALL[..], &["--sample", "40%"]].concat();
    record(&folder, &fake.url, &sample);
    let drawn = folder.recorded();
    assert!((3..=22).contains(&drawn.len()), "{drawn:?}");
    let again = Temporary::new("sample-again");
    record(&again, &fake.url, &sample);
    assert_eq!(again.recorded(), drawn);
    // One definition served for all of a recorder's executions but the first ones.
    let definitions = fake.asked("DescribeStateMachineForExecution", "executionArn").len();
    assert!(definitions <= 9 * 11, "{definitions} definitions");
}

#[test]
fn cloud_trail_says_who_started_what() {
    let fake = account(12);
    let folder = Temporary::new("trail");
    let (code, printed) =
        record(&folder, &fake.url, &["--from-cloudtrail", "--status", "SUCCEEDED"]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names((1..=12).filter(|n| n % 5 != 0)));
    assert_eq!(fake.asked("ListExecutions", "stateMachineArn").len(), 0);
    assert_eq!(fake.asked("LookupEvents", "NextToken"), ["", "7"]);
    let manifest = folder.read("Orders/o-3/recording.toml");
    let by = manifest.lines().find(|line| line.starts_with("startedBy")).unwrap_or_default();
    assert!(by.ends_with(":assumed-role/Shop/web\"") && !by.contains("210987654321"), "{manifest}");
}

/// What a fault does to a recorder of twenty executions, and that it goes on once it is over.
#[track_caller]
fn check_fault(
    name: &str,
    fault: impl Fn(&Request) -> Option<Act> + Send + Sync + 'static,
    exit: i32,
    least: usize,
    expected: &[&str],
) {
    let fake = faulty(20, fault);
    let folder = Temporary::new(name);
    let arguments = [&ALL[..], &["--request-timeout", "300ms", "--concurrency", "2"]].concat();
    let (code, printed) = record(&folder, &fake.url, &arguments);
    assert_eq!(code, exit, "{printed}");
    for text in expected {
        assert!(printed.contains(text), "{text}: {printed}");
    }
    assert!(!printed.contains("210987654321"), "{printed}");
    let recorded = folder.recorded();
    assert!(recorded.len() >= least, "{recorded:?}");
    for name in &recorded {
        let history = folder.read(&format!("Orders/{name}/history.json"));
        assert!(history.contains("ExecutionSucceeded") || history.contains("ExecutionFailed"));
    }
    let healthy = account(20);
    let (code, printed) = record(&folder, &healthy.url, &[&ALL[..], &["--mode", "new"]].concat());
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names(1..=20));
    let again = healthy.asked("GetExecutionHistory", "executionArn");
    let twice = again.iter().filter_map(|arn| number_of(arn)).map(|n| format!("o-{n}"));
    assert!(twice.into_iter().all(|name| !recorded.contains(&name)), "fetched again: {again:?}");
}

/// The requests that came before.
#[derive(Default)]
struct Seen(Mutex<BTreeSet<String>>);

impl Seen {
    fn for_the_first_time(&self, request: &Request) -> bool {
        // The first request asks whether anybody is there, and has no patience.
        let probe = request.operation == "ListStateMachines";
        !probe && self.0.lock().unwrap().insert(format!("{}{}", request.operation, request.body))
    }
}

/// A fault of the histories from a number of requests on.
fn histories(from: usize, act: fn() -> Act) -> impl Fn(&Request) -> Option<Act> {
    move |request| (request.operation == "GetExecutionHistory" && request.number > from).then(act)
}

#[test]
fn nobody_listens() {
    let folder = Temporary::new("nobody");
    for arguments in [&ALL[..], &[&arn("o-1")], &["--from-cloudtrail"]] {
        let (code, printed) = record(&folder, "http://127.0.0.1:1", arguments);
        assert_eq!(code, 3, "{printed}");
        assert!(printed.contains("cannot reach http://127.0.0.1:1"), "{printed}");
    }
    assert!(folder.recorded().is_empty());
}

#[test]
fn an_endpoint_that_hangs() {
    let expected = ["did not answer GetExecutionHistory within", "the same command goes on"];
    check_fault("hangs", histories(10, || Act::Hang), 3, 3, &expected);
}

#[test]
fn an_endpoint_that_throttles_now_and_then() {
    let seen = Seen::default();
    let throttled = move |request: &Request| {
        let first = seen.for_the_first_time(request);
        first.then(|| Act::Error("ThrottlingException", "Rate exceeded".into()))
    };
    check_fault("throttles", throttled, 0, 20, &["20 recorded"]);
}

#[test]
fn an_endpoint_that_throttles_for_ever() {
    let act = || Act::Error("ThrottlingException", "Rate exceeded".into());
    check_fault("throttled", histories(10, act), 3, 3, &["throttled GetExecutionHistory again"]);
}

#[test]
fn a_page_for_people() {
    let expected = ["does not answer GetExecutionHistory as Step Functions does: status 200"];
    check_fault("html", histories(10, || Act::Html(200)), 3, 3, &expected);
    let folder = Temporary::new("html-all");
    let fake = Fake::start(|_| Act::Html(404));
    let (code, printed) = record(&folder, &fake.url, &ALL);
    assert_eq!(code, 3, "{printed}");
    assert!(printed.contains("status 404, `<html><h1>Log in</h1>`"), "{printed}");
}

#[test]
fn connections_that_drop_in_the_middle_of_a_page() {
    let seen = Seen::default();
    let now_and_then = move |request: &Request| {
        let history = request.operation == "GetExecutionHistory";
        (history && seen.for_the_first_time(request)).then_some(Act::BreakOff)
    };
    check_fault("drops", now_and_then, 0, 20, &["20 recorded"]);
    check_fault(
        "dropped",
        histories(10, || Act::BreakOff),
        3,
        3,
        &["what is recorded is complete"],
    );
}

#[test]
fn pages_that_repeat_or_skip() {
    let of_three = |request: &Request| number_of(request.text("executionArn")) == Some(3);
    let repeated = move |request: &Request| {
        let second = request.text("nextToken") == "second";
        let body = json!({ "executionArn": arn("o-3") });
        let first = Request { operation: request.operation.clone(), body, number: 1 };
        (of_three(request) && second).then(|| Account::of(20).answer(&first))
    };
    check_fault(
        "repeats",
        repeated,
        1,
        19,
        &["`Orders/o-3` is not recorded", "starts with event 1"],
    );
    let skipped = move |request: &Request| {
        let gap = r#"{"events":[{"timestamp":1.5,"type":"ExecutionSucceeded","id":9,"previousEventId":8,"executionSucceededEventDetails":{"output":"{}"}}]}"#;
        let second = request.text("nextToken") == "second";
        (of_three(request) && second).then(|| Act::Text(gap.into()))
    };
    check_fault("skips", skipped, 1, 19, &["events 3 to 8 are missing"]);
    let within = move |request: &Request| {
        let gap = r#"{"events":[{"timestamp":1.5,"type":"PassStateExited","id":3,"previousEventId":2},{"timestamp":1.5,"type":"ExecutionSucceeded","id":5,"previousEventId":3}]}"#;
        let second = request.text("nextToken") == "second";
        (of_three(request) && second).then(|| Act::Text(gap.into()))
    };
    check_fault("within", within, 1, 19, &["event 4 is missing"]);
    let circle = |request: &Request| {
        let list = request.operation == "ListExecutions";
        list.then(|| Act::Text(r#"{"executions":[],"nextToken":"same"}"#.into()))
    };
    check_fault("circle", circle, 1, 0, &["leads back to the same page"]);
    let endless = |request: &Request| {
        let page = json!({ "executions": [], "nextToken": format!("t-{}", request.number) });
        (request.operation == "ListExecutions").then(|| Act::Text(page.to_string()))
    };
    check_fault("endless", endless, 1, 0, &["100 pages in a row have nothing on them"]);
    let huge = move |request: &Request| {
        let page = r#"{"events":[{"timestamp":1.5,"type":"ExecutionStarted","id":1},{"timestamp":1.5,"type":"ExecutionSucceeded","id":900000000}]}"#;
        (of_three(request) && request.operation == "GetExecutionHistory")
            .then(|| Act::Text(page.into()))
    };
    check_fault("huge", huge, 1, 19, &["events 2 to 899999999 are missing"]);
    // Empty pages among others are none of an end.
    let gaps = |request: &Request| {
        let first = request.operation == "ListExecutions" && request.number == 1;
        first.then(|| Act::Text(r#"{"executions":[],"nextToken":"0"}"#.into()))
    };
    check_fault("gaps", gaps, 0, 20, &["20 recorded"]);
    let folder = Temporary::new("gaps-since");
    let since = ["--since", "2024-05-02T08:35:00Z"];
    let fake = faulty(30, gaps);
    let (code, printed) = record(&folder, &fake.url, &[&ALL[..], &since].concat());
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names(20..=30), "{printed}");
}

#[test]
fn an_execution_that_vanishes_in_the_middle() {
    let vanished = |request: &Request| {
        let three = number_of(request.text("executionArn")) == Some(3);
        (three && request.operation == "GetExecutionHistory").then(|| {
            Act::Error(
                "ExecutionDoesNotExist",
                format!("Execution Does Not Exist: '{}'", arn("o-3")),
            )
        })
    };
    let expected = ["19 recorded, 1 could not be recorded", "`Orders/o-3` is not recorded: "];
    check_fault("vanishes", vanished, 1, 19, &expected);
}

#[test]
fn what_was_refused_is_asked_for_again_by_the_same_command() {
    let refused = |request: &Request| {
        let three = number_of(request.text("executionArn")) == Some(3);
        (three && request.operation == "GetExecutionHistory")
            .then(|| Act::Error("InvalidExecutionType", "not now".into()))
    };
    let folder = Temporary::new("again");
    let (code, printed) = record(&folder, &faulty(4, refused).url, &ALL);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("the same command asks for what was refused once more"), "{printed}");
    let (code, printed) = record(&folder, &account(4).url, &ALL);
    assert_eq!((code, &*printed), (0, "1 recorded, 3 there already\n"));
    // A folder that a recorder left empty is open, too.
    let folder = Temporary::new("again-empty");
    let (code, printed) = record(&folder, &account(0).url, &ALL);
    assert_eq!((code, &*printed), (0, "no executions were selected\n"));
    let (code, printed) = record(&folder, &account(1).url, &ALL);
    assert_eq!((code, &*printed), (0, "1 recorded\n"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_recorder_with_its_own_code() {
    let fake = faulty(3, histories(1, || Act::Hang));
    let folder = Temporary::new("interrupted");
    let child = command(&folder.0, &fake.url, &ALL)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a history", || fake.asked("GetExecutionHistory", "executionArn").len() > 1);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{printed}");
    assert!(printed.contains("interrupted: what is recorded is complete"), "{printed}");
}

/// A parent with two children of the same name, on an endpoint that hides what `hidden` says.
fn family(hidden: fn(&Request) -> bool) -> Fake {
    let child =
        |machine: &str| format!("arn:aws:states:eu-west-1:210987654321:execution:{machine}:kid");
    let map_run = "arn:aws:states:eu-west-1:210987654321:mapRun:Orders/Each:0b6f";
    let started = |id: usize, machine: &str| {
        let output = json!({ "ExecutionArn": child(machine) }).to_string();
        json!({ "timestamp": 1.5, "type": "TaskSucceeded", "id": id, "previousEventId": id - 1,
            "taskSucceededEventDetails": { "resourceType": "states",
                "resource": "startExecution.sync:2", "output": output } })
    };
    let events = json!({ "events": [
        { "timestamp": 1.5, "type": "ExecutionStarted", "id": 1, "previousEventId": 0,
            "executionStartedEventDetails": { "input": "{}" } },
        started(2, "One"), started(3, "Two"),
        { "timestamp": 1.5, "type": "MapRunStarted", "id": 4, "previousEventId": 3,
            "mapRunStartedEventDetails": { "mapRunArn": map_run } },
        { "timestamp": 1.5, "type": "ExecutionSucceeded", "id": 5, "previousEventId": 4,
            "executionSucceededEventDetails": { "output": "{}" } },
    ] });
    Fake::start(move |request| {
        if hidden(request) {
            return Act::Error("AccessDeniedException", "not you".into());
        }
        let arn = request.text("executionArn");
        let of_child = arn.ends_with(":kid");
        match &*request.operation {
            "DescribeMapRun" => Act::Text(json!({ "mapRunArn": map_run }).to_string()),
            "ListExecutions" if !request.text("mapRunArn").is_empty() => {
                Act::Text(r#"{"executions":[]}"#.into())
            }
            "DescribeExecution" if of_child => Act::Text(
                json!({ "executionArn": arn, "name": "kid", "status": "SUCCEEDED", "startDate": 1.5,
                    "stateMachineArn": fake::MACHINE })
                .to_string(),
            ),
            "DescribeStateMachineForExecution" if of_child => {
                Act::Text(json!({ "definition": fake::DEFINITION, "updateDate": 1.0 }).to_string())
            }
            "GetExecutionHistory" if of_child => Act::Text(
                r#"{"events":[{"timestamp":1.5,"type":"ExecutionStarted","id":1},{"timestamp":1.5,"type":"ExecutionSucceeded","id":2}]}"#.into(),
            ),
            "GetExecutionHistory" => Act::Text(events.to_string()),
            _ => Account::of(2).answer(request),
        }
    })
}

#[test]
fn children_that_nobody_may_see_are_told_and_the_parent_is_recorded() {
    let check = |name: &str, hidden: fn(&Request) -> bool, says: &[&str], children: &[&str]| {
        let folder = Temporary::new(name);
        let (code, printed) = record(&folder, &family(hidden).url, &ALL);
        assert_eq!(code, 0, "{printed}");
        for text in says {
            assert!(printed.contains(text), "{text}: {printed}");
        }
        assert_eq!(folder.recorded(), names([1, 2]), "{printed}");
        let path = folder.0.join("recordings/Orders/o-1/children");
        let mut found: Vec<String> = path
            .read_dir()
            .map(|folder| {
                folder.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect()
            })
            .unwrap_or_default();
        found.sort();
        assert_eq!(found, children, "{printed}");
    };
    // Children of two machines may have one name.
    check("family", |_| false, &["2 recorded"], &["kid", "kid-2"]);
    let kids = |request: &Request| request.text("executionArn").ends_with("Two:kid");
    check(
        "hidden-child",
        kids,
        &["child kid: not recorded: DescribeExecution was refused"],
        &["kid"],
    );
    let runs = |request: &Request| request.operation == "DescribeMapRun";
    let says = ["Map Run Each:0b6f: not recorded: DescribeMapRun was refused"];
    check("hidden-map-run", runs, &says, &["kid", "kid-2"]);
}

#[test]
fn credentials_that_expire_in_the_middle() {
    let act = || Act::Error("ExpiredTokenException", "The security token is expired".into());
    let expected = ["does not accept the credentials", "aws sso login", "the same command goes on"];
    check_fault("expired", histories(10, act), 3, 3, &expected);
}

#[test]
fn a_machine_that_is_not_there() {
    let folder = Temporary::new("misspelt");
    let fake = account(2);
    let (code, printed) = record(&folder, &fake.url, &["--state-machine", "Oders"]);
    assert_eq!(code, 2, "{printed}");
    assert!(printed.contains("is called `Oders`; did you mean `Orders`?"), "{printed}");
    for (arguments, expected) in [
        (&["history.json"][..], "is no execution's ARN"),
        (&["--state-machine", "Orders", "--since", "yesterday"], "is no time"),
        (&["--state-machine", "Orders", "--sample", "150%"], "write a percentage"),
        (&["--state-machine", "Orders", "--wait", "soon"], "--wait: `soon` is not a duration"),
        (&["--state-machine", "Orders", "--from", "x.json"], "cannot be used with"),
    ] {
        let (code, printed) = record(&folder, &fake.url, arguments);
        assert_eq!(code, 2, "{printed}");
        assert!(printed.contains(expected), "{arguments:?}: {printed}");
    }
    let express = "arn:aws:states:eu-west-1:210987654321:express:Orders:e:0b6f";
    let (code, printed) = record(&folder, &fake.url, &[express]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("`aws logs filter-log-events`"), "{printed}");
}

#[test]
fn executions_that_run_are_left_out_or_waited_for() {
    let running = |until: usize| {
        move |request: &Request| {
            let two = number_of(request.text("executionArn")) == Some(2);
            let describes = request.operation == "DescribeExecution" && request.number <= until;
            (two && describes).then(|| {
                let Act::Text(text) = Account::of(2).answer(request) else { unreachable!() };
                Act::Text(text.replace("SUCCEEDED", "RUNNING"))
            })
        }
    };
    let folder = Temporary::new("running");
    let fake = faulty(2, running(100));
    let (code, printed) = record(&folder, &fake.url, &ALL);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("1 recorded, 1 still running"), "{printed}");
    assert!(printed.contains("--wait 10m"), "{printed}");
    let (code, printed) = record(&folder, &fake.url, &[&arn("o-2"), "--mode", "new"]);
    assert_eq!(code, 1, "{printed}");
    let fake = faulty(2, running(3));
    let wait = ["--mode", "new", "--wait", "20s"];
    let (code, printed) = record(&folder, &fake.url, &[&ALL[..], &wait].concat());
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names([1, 2]));
}

#[test]
fn a_recorder_that_was_killed_goes_on_where_it_was() {
    let slow = |request: &Request| {
        if request.operation == "GetExecutionHistory" {
            pause(25);
        }
        None
    };
    let folder = Temporary::new("killed");
    let few = ["--concurrency", "3"];
    let mut complete = BTreeSet::new();
    for round in 1..=3 {
        let fake = faulty(60, slow);
        let mut running = command(&folder.0, &fake.url, &[&ALL[..], &few].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = folder.0.join("recordings/.stepproof/journal.jsonl");
        let entries = || {
            let text = fs::read_to_string(&journal).unwrap_or_default();
            text.matches("\"execution\"").count()
        };
        until("so many recordings", || entries() >= 12 * round);
        running.kill().unwrap();
        running.wait().unwrap();
        let asked = fake.asked("GetExecutionHistory", "executionArn");
        for arn in asked {
            let name = format!("o-{}", number_of(&arn).unwrap());
            assert!(!complete.contains(&name), "{name} was complete and is fetched again");
        }
        complete = folder.recorded();
        assert!((12 * round..60).contains(&complete.len()), "{complete:?}");
    }
    let fake = account(60);
    let (code, printed) = record(&folder, &fake.url, &ALL);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names(1..=60));
    let fetched: Vec<_> = fake.asked("DescribeExecution", "executionArn");
    assert_eq!(fetched.len(), 60 - complete.len(), "{printed}");
    // Now it is done, and asks nobody any more.
    let (code, printed) = record(&folder, "http://127.0.0.1:1", &ALL);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("holds 60 recordings"), "{printed}");
    let (code, printed) = record(&folder, "http://127.0.0.1:1", &[&arn("o-7"), &arn("o-61")]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("1 there already, 1 left out"), "{printed}");
}

#[test]
fn two_recorders_do_not_share_a_folder() {
    let hanging = faulty(3, histories(0, || Act::Hang));
    let folder = Temporary::new("two");
    let mut first = command(&folder.0, &hanging.url, &ALL).stderr(Stdio::null()).spawn().unwrap();
    until("the first recorder's request", || {
        !hanging.asked("GetExecutionHistory", "executionArn").is_empty()
    });
    let (code, printed) = record(&folder, &account(3).url, &ALL);
    let id = first.id();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(code, 2, "{printed}");
    let expected = format!("another recorder works on `recordings` (process {id})");
    assert!(printed.contains(&expected), "{printed}");
    // The lock goes with the process.
    let (code, printed) = record(&folder, &account(3).url, &ALL);
    assert_eq!(code, 0, "{printed}");
}

#[test]
#[cfg(unix)]
fn a_disk_that_takes_no_more() {
    // A limit of the system on the size of files: the journal grows until it meets it.
    let fake = account(40);
    let folder = Temporary::new("disk");
    let own = command(&folder.0, &fake.url, &[&ALL[..], &["--concurrency", "1"]].concat());
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""]).arg(own.get_program());
    limited.args(own.get_args()).current_dir(&folder.0);
    let output = limited.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(printed.contains("cannot write `recordings/.stepproof/journal.jsonl`"), "{printed}");
    assert!(printed.contains("recorded before it are complete"), "{printed}");
    let before = folder.recorded();
    assert!((5..40).contains(&before.len()), "{before:?}");
    let (code, printed) = record(&folder, &fake.url, &ALL);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(folder.recorded(), names(1..=40));
}

#[test]
fn no_planted_secret_survives_a_live_recording() {
    let secrets = [
        "210987654321",
        "anna@acme.com",
        "hunter2",
        "AKIAIOSFODNN7EXAMPLF",
        "eyJzdWIiOiJhbm5hIn0",
        "MIIEvQIBADANBgkqhkiG9w0B",
        "16C7e42F292c6912E7710c838347Ae178B4a",
        "dbPassw0rd",
        "bob@acme.com",
        "s3ssion-5566",
        "deepSecret88",
    ];
    let input = r#"{"by":"anna@acme.com","password":"hunter2","note":"hunter2 AKIAIOSFODNN7EXAMPLF",
        "jwt":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl",
        "pem":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n",
        "plain":"ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "db":"postgres://svc:dbPassw0rd@db.internal/orders","byMail":{"bob@acme.com":1},
        "headers":{"Cookie":"session=s3ssion-5566"},
        "inner":"{\"deep\":\"{\\\"client_secret\\\":\\\"deepSecret88\\\"}\"}"}"#;
    let secret = Account { executions: 6, input: input.into() };
    let fake = Fake::start(move |request| match number_of(request.text("executionArn")) {
        // What the service says in its errors, and what it says of an execution that breaks off.
        Some(2) => Act::Error(
            "ExecutionDoesNotExist",
            format!("{} of anna@acme.com has password: hunter2xyz1", arn("anna@acme.com")),
        ),
        Some(3) if request.text("nextToken") == "second" => {
            Act::Text(r#"{"events":[{"id":9,"type":"anna@acme.com"}]}"#.into())
        }
        _ => secret.answer(request),
    });
    let folder = Temporary::new("secrets");
    let (code, mut printed) = record(&folder, &fake.url, &ALL);
    assert_eq!(code, 1, "{printed}");
    let lost = arn("mail-anna@acme.com");
    printed += &record(&folder, &fake.url, &[&lost, "--mode", "new"]).1;
    let report = |arguments: &[&str]| {
        let own = Command::new(env!("CARGO_BIN_EXE_stepproof"))
            .args(arguments)
            .current_dir(&folder.0)
            .output()
            .unwrap();
        format!("{}{}", String::from_utf8_lossy(&own.stdout), String::from_utf8_lossy(&own.stderr))
    };
    fs::write(
        folder.0.join("other.asl.json"),
        fake::DEFINITION.replace("\"Pass\"", "\"Pass\", \"Result\": 1"),
    )
    .unwrap();
    let history = "recordings/Orders/o-1/history.json";
    printed += &report(&["replay", history, "--definition", "other.asl.json"]);
    printed += &report(&["scenario", "from", "recordings/Orders/o-1"]);
    assert_eq!(folder.recorded(), names([1, 4, 5, 6]));
    let all = format!("{printed}{}", everything(&folder.0.join("recordings")));
    for secret in secrets {
        assert!(!all.contains(secret), "`{secret}` survives: {all}");
    }
}
