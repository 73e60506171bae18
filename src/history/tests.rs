//! Reading and writing, over histories of our own and over the recordings where they lie beside.

use std::fs;
use std::path::PathBuf;

use super::event::Shape;
use super::*;
use crate::value::Value;

/// The reference material beside the project, or `None` with a word about it.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into();
    let root = std::env::var("STEPPROOF_SHARED").map_or(beside, PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Every `history.json` of the recordings.
pub(crate) fn recorded_histories() -> Vec<PathBuf> {
    let Some(root) = shared("aws-recorded/history") else { return Vec::new() };
    let folders = |path: &PathBuf| {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let cases = folders(&root).into_iter().flat_map(|area| folders(&area));
    let mut files: Vec<_> = cases.map(|case| case.join("history.json")).collect();
    files.retain(|file| file.exists());
    files.sort();
    files
}

/// A history from lines of id, link and type, with name, index or length, and `= data`, where the
/// type has them.
pub(crate) fn history(lines: &str) -> History {
    let events = lines.lines().map(|line| {
        let (head, data) = line.split_once(" = ").unwrap_or((line, "{}"));
        let mut words = head.split_whitespace();
        let id = words.next().unwrap().parse().unwrap();
        let previous_event_id = words.next().unwrap().parse().unwrap();
        let event_type = EventType::parse(words.next().unwrap()).unwrap();
        let words: Vec<&str> = words.collect();
        let details = details(event_type.shape(), &words, data);
        HistoryEvent { id, previous_event_id, timestamp: None, event_type, details }
    });
    History { events: events.collect() }
}

fn details(shape: Shape, words: &[&str], data: &str) -> EventDetails {
    let name = || words[0].into();
    let payload = || Payload::from(Value::parse(data).unwrap());
    let failure =
        || Failure { error: Some(words[0].into()), cause: words.get(1).map(|c| (*c).into()) };
    let service = || (words.first().copied().unwrap_or("lambda").into(), "invoke".into());
    match shape {
        Shape::ExecutionStarted => EventDetails::ExecutionStarted(Box::new(ExecutionStarted {
            input: payload(),
            role_arn: None,
            state_machine_alias_arn: None,
            state_machine_version_arn: None,
        })),
        Shape::Output => EventDetails::Output { output: payload() },
        Shape::StateEntered => EventDetails::StateEntered { name: name(), input: payload() },
        Shape::StateExited => {
            EventDetails::StateExited { name: name(), output: payload(), assigned_variables: None }
        }
        Shape::TaskScheduled => {
            let (resource_type, resource) = service();
            EventDetails::TaskScheduled(Box::new(TaskScheduled {
                resource_type,
                resource,
                region: "us-east-1".into(),
                parameters: payload(),
                timeout_in_seconds: None,
                heartbeat_in_seconds: None,
                task_credentials: None,
            }))
        }
        Shape::TaskStarted => {
            let (resource_type, resource) = service();
            EventDetails::TaskStarted { resource_type, resource }
        }
        Shape::TaskOutput => {
            let (resource_type, resource) = service();
            EventDetails::TaskOutput { resource_type, resource, output: Some(payload()) }
        }
        Shape::TaskFailure => {
            let (resource_type, resource) = ("lambda".into(), "invoke".into());
            EventDetails::TaskFailure { resource_type, resource, failure: Box::new(failure()) }
        }
        Shape::Failure if !words.is_empty() => EventDetails::Failure(failure()),
        Shape::MapStateStarted => {
            EventDetails::MapStateStarted { length: words[0].parse().unwrap() }
        }
        Shape::MapIteration => {
            EventDetails::MapIteration { name: name(), index: words[1].parse().unwrap() }
        }
        Shape::MapRunStarted => EventDetails::MapRunStarted { map_run_arn: "arn".into() },
        Shape::EvaluationFailed => EventDetails::EvaluationFailed(Box::new(EvaluationFailed {
            failure: Failure::default(),
            location: None,
            state: name(),
        })),
        _ => EventDetails::None,
    }
}

pub(super) const TASK: &str = r#"{"events": [
  {"timestamp": "2024-05-01T10:00:00.000000+02:00", "type": "ExecutionStarted", "id": 1, "previousEventId": 0, "executionStartedEventDetails": {"input": "{\"order\": 7}", "inputDetails": {"truncated": false}, "roleArn": "arn:aws:iam::123456789012:role/flow"}},
  {"timestamp": 1714550400.25, "type": "TaskStateEntered", "id": 2, "previousEventId": 0, "stateEnteredEventDetails": {"name": "Charge", "input": "{\"order\": 7}", "inputDetails": {"truncated": false}}},
  {"type": "TaskScheduled", "id": 3, "previousEventId": 2, "taskScheduledEventDetails": {"resourceType": "lambda", "resource": "invoke", "region": "eu-west-1", "parameters": "{\"FunctionName\":\"charge\",\"Payload\":1.50}", "timeoutInSeconds": 30, "taskCredentials": {"roleArn": "arn:aws:iam::210987654321:role/other"}}},
  {"type": "TaskStarted", "id": 4, "previousEventId": 3, "taskStartedEventDetails": {"resourceType": "lambda", "resource": "invoke"}},
  {"type": "TaskFailed", "id": 5, "previousEventId": 4, "taskFailedEventDetails": {"resourceType": "lambda", "resource": "invoke", "error": "Declined", "cause": "no funds"}},
  {"type": "TaskScheduled", "id": 6, "previousEventId": 5, "taskScheduledEventDetails": {"resourceType": "lambda", "resource": "invoke", "region": "eu-west-1", "parameters": "{\"FunctionName\":\"charge\",\"Payload\":1.50}"}},
  {"type": "TaskSucceeded", "id": 7, "previousEventId": 6, "taskSucceededEventDetails": {"resourceType": "lambda", "resource": "invoke", "output": "\"paid\"", "outputDetails": {"truncated": false}}},
  {"type": "TaskStateExited", "id": 8, "previousEventId": 7, "stateExitedEventDetails": {"name": "Charge", "output": "\"paid\"", "outputDetails": {"truncated": false}, "assignedVariables": {"receipt": "\"paid\""}, "assignedVariablesDetails": {"truncated": false}}},
  {"type": "ExecutionSucceeded", "id": 9, "previousEventId": 8, "executionSucceededEventDetails": {"output": "\"paid\"", "outputDetails": {"truncated": false}}}
]}"#;

#[test]
fn a_history_prints_one_line_an_event() {
    let (history, notes) = History::parse(TASK).unwrap();
    assert_eq!(notes, []);
    insta::assert_snapshot!(history, @r#"
    1 <-   0  ExecutionStarted {"order":7}
    2 <-   0  TaskStateEntered Charge {"order":7}
    3 <-   2  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":1.50} timeout=30s
    4 <-   3  TaskStarted lambda:invoke
    5 <-   4  TaskFailed lambda:invoke Declined: no funds
    6 <-   5  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":1.50}
    7 <-   6  TaskSucceeded lambda:invoke "paid"
    8 <-   7  TaskStateExited Charge "paid" $receipt="paid"
    9 <-   8  ExecutionSucceeded "paid"
    "#);
    assert_eq!(history.events[0].timestamp.unwrap().to_string(), "2024-05-01T08:00:00.000Z");
    assert_eq!(history.events[1].timestamp.unwrap().to_string(), "2024-05-01T08:00:00.250Z");
}

#[test]
fn equal_payloads_are_shared() {
    let (history, _) = History::parse(TASK).unwrap();
    let payload = |index: usize| history.events[index].payload().unwrap().value().unwrap();
    assert!(payload(0).same(payload(1)) && payload(2).same(payload(5)));
}

/// Members whose strings hold JSON, as values: AWS writes the text of some as it came in.
fn with_payloads_as_json(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(['{', '[', '"']) => {
            Value::parse(&text).unwrap_or(Value::String(text))
        }
        Value::Array(items) => {
            Value::array(items.into_vec().into_iter().map(with_payloads_as_json))
        }
        Value::Object(members) => Value::object(
            members.into_map().into_iter().map(|(key, value)| (key, with_payloads_as_json(value))),
        ),
        other => other,
    }
}

#[test]
fn what_is_read_is_written_again() {
    let (history, _) = History::parse(TASK).unwrap();
    let (again, _) = History::parse(&history.to_json(TimestampForm::EpochSeconds)).unwrap();
    assert_eq!(history, again);
    let written = history.to_value(TimestampForm::Omitted);
    let mut original = serde_json::from_str::<serde_json::Value>(TASK).unwrap();
    for event in original["events"].as_array_mut().unwrap() {
        event.as_object_mut().unwrap().remove("timestamp");
    }
    assert_eq!(with_payloads_as_json(written), with_payloads_as_json(original.into()));
}

#[test]
fn recordings_survive_reading_and_writing() {
    for file in recorded_histories() {
        let text = fs::read_to_string(&file).unwrap();
        let (history, notes) = History::parse(&text).unwrap_or_else(|error| {
            panic!("{}: {error}", file.display());
        });
        let unknown = notes.iter().find(|note| matches!(note, Note::UnknownMember { .. }));
        assert_eq!(unknown, None, "{}", file.display());
        let written = with_payloads_as_json(history.to_value(TimestampForm::Text));
        let original = with_payloads_as_json(Value::parse(&text).unwrap());
        assert!(written == original, "{}\n{written:#}\n{original:#}", file.display());
    }
}

fn event(id: u64, previous: u64, rest: &str) -> String {
    format!(r#"{{"id": {id}, "previousEventId": {previous}, {rest}}}"#)
}

fn small() -> [String; 4] {
    let details = r#""stateEnteredEventDetails": {"name": "A", "input": "1"}"#;
    [
        event(
            1,
            0,
            r#""type": "ExecutionStarted", "executionStartedEventDetails": {"input": "1"}"#,
        ),
        event(2, 0, &format!(r#""type": "PassStateEntered", {details}"#)),
        event(
            3,
            2,
            r#""type": "PassStateExited", "stateExitedEventDetails": {"name": "A", "output": "1"}"#,
        ),
        event(
            4,
            3,
            r#""type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": "1"}"#,
        ),
    ]
}

#[test]
fn pages_join_in_every_form() {
    let [a, b, c, d] = small();
    let (whole, _) = History::parse(&format!("[{a}, {b}, {c}, {d}]")).unwrap();
    for text in [
        format!(r#"{{"events": [{a}, {b}], "NextToken": "x"}} {{"events": [{c}, {d}]}}"#),
        format!(r#"[{{"events": [{c}, {d}]}}, {{"events": [{a}, {b}]}}]"#),
        format!(r#"{{"events": [{d}, {c}]}} {{"events": [{b}, {a}]}}"#),
        format!("{a}\n{b}\n{c}\n{d}\n"),
        format!("\u{feff}{{\"events\": [{d}, {c}, {b}, {a}]}}"),
    ] {
        let (history, notes) = History::parse(&text).unwrap();
        assert_eq!((history, notes), (whole.clone(), Vec::new()), "{text}");
    }
}

#[test]
fn what_is_missing_is_noted() {
    let [a, b, _, d] = small();
    let note = |text: String| {
        let (_, notes) = History::parse(&text).unwrap();
        notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(note(format!("[{a}, {b}, {d}]")), "event 3 is missing");
    assert_eq!(
        note(format!("[{a}, {b}]")),
        "the history stops at event 2: the execution was running, or a page is missing"
    );
    let zero = event(0, 0, r#""type": "LambdaFunctionStarted""#);
    assert_eq!(
        note(format!("[{a}, {b}, {zero}, {d}]")),
        "1 events have the id 0; they are taken in the order of the file"
    );
    let odd = event(3, 2, r#""type": "LambdaFunctionStarted", "colour": 1"#);
    assert_eq!(
        note(format!("[{a}, {b}, {odd}, {d}]")),
        "event 3: the member `colour` is unknown and was left out"
    );
}

#[test]
fn bad_files_say_where_and_why() {
    let [a, b, c, d] = small();
    let refuse = |text: &str| History::parse(text).unwrap_err().to_string();
    let mut out = String::new();
    for (name, text) in [
        ("empty", String::new()),
        ("no events", r#"{"events": []}"#.into()),
        ("not JSON", "timestamp: 2024".into()),
        ("a table", "-------\n| Get |".into()),
        ("cut off", format!("{{\"events\": [{a},\n{{\"id\": 2, \"previ")),
        ("syntax", format!("{{\"events\": [{a}\n{b}]}}")),
        ("another document", r#"{"name": "x", "status": "RUNNING"}"#.into()),
        ("a definition", r#"{"StartAt": "A", "States": {}}"#.into()),
        ("a number", r#"{"events": [1]}"#.into()),
        ("wrong type", r#"{"events": [{"id": true}]}"#.into()),
        ("no id", r#"{"events": [{"type": "ExecutionStarted"}]}"#.into()),
        ("no type", r#"{"events": [{"id": 3}]}"#.into()),
        ("unknown type", format!("[{a},\n {}]", event(2, 0, r#""type": "NoSuchThing""#))),
        ("twice", format!("[{a},\n{b},\n{b}]")),
        ("shuffled", format!("[{a},\n{c},\n{b},\n{d}]")),
        ("no beginning", format!("[{c}, {d}]")),
        ("mixed", format!("[{a},\n{b}]\n[{a},\n{c}]")),
        ("two whole ones", format!("[{a}, {d},\n{}]", a.replace("\"id\": 1", "\"id\": 5"))),
        (
            "behind the end",
            format!("[{a}, {d},\n{}]", event(5, 4, r#""type": "TaskStateAborted""#)),
        ),
        ("forward link", format!("[{a}, {}]", event(2, 3, r#""type": "MapStateAborted""#))),
        ("details of another type", b.replace("PassStateEntered", "ExecutionFailed")),
        ("missing member", b.replace("\"name\": \"A\", ", "")),
        ("member twice", b.replace("\"id\": 2", "\"id\": 2, \"id\": 2")),
        ("deep", "[".repeat(100_000)),
        ("bad time", format!("[{}]", a.replace("\"id\"", "\"timestamp\": \"noon\", \"id\""))),
    ] {
        out += &format!("{name}: {}\n", refuse(&text));
    }
    out += &format!("UTF-16: {}\n", History::parse_bytes(b"\xff\xfe{\0").unwrap_err());
    out += &format!("not UTF-8: {}\n", History::parse_bytes(b"{\n \"\xe9").unwrap_err());
    insta::assert_snapshot!(out, @r#"
    empty: the history has no events
    no events: the history has no events
    not JSON: line 1 column 2: expected JSON: save the answer of `aws stepfunctions get-execution-history --output json`
    a table: line 1 column 2: expected JSON: save the answer of `aws stepfunctions get-execution-history --output json`
    cut off: line 2 column 16: the file ends in the middle: it was cut off
    syntax: line 2 column 1: expected `,` or `]`
    another document: line 1 column 34: expected a history with `events`, or an event: an event has no `type`
    a definition: line 1 column 30: expected a history with `events`, or an event: an event has no `type`
    a number: line 1 column 13: invalid type: integer `1`, expected an event
    wrong type: line 1 column 23: invalid type: boolean `true`, expected an integer
    no id: line 1 column 40: an event of type `ExecutionStarted` has no `id`
    no type: line 1 column 21: expected a history with `events`, or an event: event 3 has no `type`
    unknown type: line 2 column 43: event 2: `NoSuchThing` is not an event type
    twice: line 3 column 42: event 2 occurs twice: give each page of one execution once
    shuffled: line 3 column 42: event 2 stands behind event 3: the history was shuffled
    no beginning: line 1 column 43: the history starts with event 3 of type PassStateExited, not with ExecutionStarted: the pages before it are missing
    mixed: line 3 column 43: a second ExecutionStarted: histories of several executions are mixed; give each its own file
    two whole ones: line 2 column 42: a second ExecutionStarted: histories of several executions are mixed; give each its own file
    behind the end: line 2 column 42: event 5 follows ExecutionSucceeded, which ends an execution
    forward link: line 1 column 152: event 2 links to event 3, which does not come before
    details of another type: line 1 column 42: event 2 of type ExecutionFailed has `stateEnteredEventDetails`, expected executionFailedEventDetails
    missing member: line 1 column 42: event 2 of type PassStateEntered has no `name`
    member twice: line 1 column 17: duplicate field `id`
    deep: line 1 column 128: recursion limit exceeded
    bad time: line 1 column 21: `noon` is not a timestamp
    UTF-16: the file is UTF-16 (`>` of older PowerShells writes that); save it as UTF-8
    not UTF-8: line 2 column 3: the file is not UTF-8
    "#);
}

#[test]
fn data_that_is_not_included_stays_away() {
    let text = r#"[{"id": 1, "type": "ExecutionStarted", "executionStartedEventDetails": {}},
        {"id": 2, "type": "ExecutionFailed", "executionFailedEventDetails": {}}]"#;
    let (history, _) = History::parse(text).unwrap();
    assert_eq!(history.events[0].payload(), Some(&Payload::Omitted));
    let written = history.to_value(TimestampForm::Text).to_json();
    assert!(written.contains(r#""executionStartedEventDetails":{}"#), "{written}");
    assert!(written.contains(r#""executionFailedEventDetails":{}"#), "{written}");
}
