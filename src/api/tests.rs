//! The API against its recordings and its service model.

mod errors;
mod recorded;

use super::*;
use crate::asl::ExecutionType;
use crate::service::{Account, Output};

const START: Timestamp = Timestamp(1_700_000_000_000);
const ROLE: &str = "arn:aws:iam::123456789012:role/r";
const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const WAIT: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":60,"Next":"B"},"B":{"Type":"Pass","End":true}}}"#;

fn account() -> Service {
    Service::new(Account::default())
}

fn ask(service: &mut Service, operation: &str, body: serde_json::Value) -> Result<Value, ApiError> {
    ask_at(service, START, operation, body)
}

/// Calls, lets happen what can happen at once, and reads the answer.
fn ask_at(
    service: &mut Service,
    now: Timestamp,
    operation: &str,
    body: serde_json::Value,
) -> Result<Value, ApiError> {
    let answer = call(service, now, operation, body.to_string().as_bytes());
    settle(service, now);
    let text = match answer? {
        Answer::Ready(text) => text,
        Answer::SyncExecution(id) => sync_execution(service, id),
        Answer::ActivityTask(_) => activity_task(None),
    };
    Ok(Value::parse(&text).unwrap())
}

/// Lets happen what can happen at once; Step Functions' own tasks are served.
fn settle(service: &mut Service, now: Timestamp) {
    loop {
        match service.poll() {
            Output::Idle(_) => return,
            Output::Task(id, request) => {
                service.serve(now, id, &request);
            }
            Output::MapRun(id, request) => {
                service.run_map(now, id, request).unwrap();
            }
            _ => {}
        }
    }
}

/// Creates a machine; its ARN.
fn create(service: &mut Service, name: &str, definition: &str, kind: ExecutionType) -> String {
    let kind = if kind == ExecutionType::Express { "EXPRESS" } else { "STANDARD" };
    let body = serde_json::json!({
        "name": name, "definition": definition, "roleArn": ROLE, "type": kind
    });
    let created = ask(service, "CreateStateMachine", body).unwrap();
    created.get("stateMachineArn").unwrap().as_str().unwrap().to_owned()
}

fn start(service: &mut Service, machine: &str) -> String {
    let body = serde_json::json!({ "stateMachineArn": machine });
    let started = ask(service, "StartExecution", body).unwrap();
    started.get("executionArn").unwrap().as_str().unwrap().to_owned()
}

fn texts(answer: &Value, list: &str, key: &str) -> Vec<String> {
    let items = answer.get(list).unwrap().as_array().unwrap().iter();
    items.map(|item| item.get(key).unwrap().as_str().unwrap().to_owned()).collect()
}

#[test]
fn operations_are_found_by_binary_search() {
    assert!(OPERATIONS.is_sorted());
    let error = call(&mut account(), START, "ListPonies", b"{}").unwrap_err();
    assert_eq!((error.code, error.status()), ("UnknownOperationException", 400));
}

/// The members, bounds and names of the schema are those of the service model.
#[test]
fn the_schema_is_that_of_the_service_model() {
    let Some(path) = crate::history::tests::shared("facts/stepfunctions-2016-11-23.json") else {
        return;
    };
    let model = Value::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (operations, shapes) = (model.get("operations").unwrap(), model.get("shapes").unwrap());
    let names: Vec<&str> =
        operations.as_object().unwrap().iter().map(|(name, _)| &**name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, OPERATIONS);
    for name in OPERATIONS {
        let input = operations.get(name).unwrap().get("input").unwrap().get("shape").unwrap();
        let shape = shapes.get(input.as_str().unwrap()).unwrap();
        let required = shape.get("required").and_then(Value::as_array);
        let required: Vec<&str> =
            required.into_iter().flat_map(|all| all.iter()).filter_map(Value::as_str).collect();
        let mut own: Vec<(&str, bool)> =
            schema::members(name).iter().map(|member| (member.name, member.required)).collect();
        let members = shape.get("members").unwrap().as_object().unwrap();
        let mut model: Vec<(&str, bool)> =
            members.iter().map(|(key, _)| (&**key, required.contains(&&**key))).collect();
        own.sort_unstable();
        model.sort_unstable();
        assert_eq!(own, model, "{name}");
    }
}

#[test]
fn every_page_size_shows_every_execution_once() {
    let mut service = account();
    let machine = create(&mut service, "M", PASS, ExecutionType::Standard);
    let mut started: Vec<String> = (0..23).map(|_| start(&mut service, &machine)).collect();
    started.reverse();
    for size in [0, 1, 2, 7, 22, 23, 24, 1_000] {
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let body = serde_json::json!({
                "stateMachineArn": machine, "maxResults": size, "nextToken": token
            });
            let page = ask(&mut service, "ListExecutions", body).unwrap();
            seen.extend(texts(&page, "executions", "executionArn"));
            token = page.get("nextToken").map(|token| token.as_str().unwrap().to_owned());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, started, "maxResults {size}");
    }
}

#[test]
fn histories_are_read_in_pages_from_both_ends() {
    let mut service = account();
    let machine = create(&mut service, "M", PASS, ExecutionType::Standard);
    let execution = start(&mut service, &machine);
    for reverse in [false, true] {
        for size in 1..6 {
            let (mut ids, mut token) = (Vec::new(), None);
            loop {
                let body = serde_json::json!({
                    "executionArn": execution, "maxResults": size, "nextToken": token,
                    "reverseOrder": reverse, "includeExecutionData": false
                });
                let page = ask(&mut service, "GetExecutionHistory", body).unwrap();
                assert!(!page.to_json().contains("\"input\""));
                let events = page.get("events").unwrap().as_array().unwrap();
                ids.extend(events.iter().map(|event| event.get("id").unwrap().as_i64().unwrap()));
                token = page.get("nextToken").map(|token| token.as_str().unwrap().to_owned());
                if token.is_none() {
                    break;
                }
            }
            let expected = if reverse { vec![4, 3, 2, 1] } else { vec![1, 2, 3, 4] };
            assert_eq!(ids, expected, "{size} {reverse}");
        }
    }
}

#[test]
fn a_deleted_machine_goes_with_the_next_transition_of_its_last_execution() {
    let mut service = account();
    let arn = create(&mut service, "M", WAIT, ExecutionType::Standard);
    let execution = start(&mut service, &arn);
    let body = || serde_json::json!({ "stateMachineArn": arn });
    ask(&mut service, "DeleteStateMachine", body()).unwrap();
    let described = ask(&mut service, "DescribeStateMachine", body()).unwrap();
    assert_eq!(described.get("status").unwrap().as_str(), Some("DELETING"));
    let error = ask(&mut service, "StartExecution", body()).unwrap_err();
    assert_eq!(error.code, "StateMachineDeleting");
    let later = START.plus_seconds(60);
    service.handle_timeout(later);
    settle(&mut service, later);
    let body_of = serde_json::json!({ "executionArn": execution });
    let ended = ask_at(&mut service, later, "DescribeExecution", body_of).unwrap();
    assert_eq!(ended.get("status").unwrap().as_str(), Some("ABORTED"));
    let error = ask(&mut service, "DescribeStateMachine", body()).unwrap_err();
    assert_eq!(error.code, "StateMachineDoesNotExist");
}

#[test]
fn a_forgotten_execution_leaves_nothing_behind() {
    let mut service = account();
    let arn = create(&mut service, "M", PASS, ExecutionType::Standard);
    for _ in 0..600 {
        start(&mut service, &arn);
    }
    let all: Vec<ExecutionId> = service.executions().iter().map(|record| record.id).collect();
    for id in &all[..599] {
        assert!(!service.forget(*id).is_empty());
        assert!(service.forget(*id).is_empty());
    }
    assert_eq!(service.executions().len(), 1);
    let body = serde_json::json!({ "stateMachineArn": arn });
    let listed = ask(&mut service, "ListExecutions", body).unwrap();
    assert_eq!(texts(&listed, "executions", "executionArn").len(), 1);
    let next = start(&mut service, &arn);
    assert_eq!(service.find_execution(&next), Some(ExecutionId(600)));
    assert!(!service.any_running());
}

#[test]
fn updates_may_take_a_while() {
    let mut service = Service::new(Account { update_lag_millis: 5_000, ..Account::default() });
    let arn = create(&mut service, "M", PASS, ExecutionType::Standard);
    let body = serde_json::json!({ "stateMachineArn": arn, "definition": WAIT });
    ask(&mut service, "UpdateStateMachine", body).unwrap();
    let mut started = |now| {
        let body = serde_json::json!({ "stateMachineArn": arn });
        let answer = ask_at(&mut service, now, "StartExecution", body).unwrap();
        let arn = answer.get("executionArn").unwrap().as_str().unwrap().to_owned();
        let id = service.find_execution(&arn).unwrap();
        service.execution(id).machine.machine.source.contains("Wait")
    };
    let soon: Vec<bool> = (0..20).map(|_| started(START)).collect();
    assert!(soon.contains(&true) && soon.contains(&false));
    assert!((0..20).all(|_| started(START.plus_seconds(5))));
}

#[test]
fn bodies_of_any_kind_are_answered_and_never_panic() {
    let values = serde_json::json!([
        null, true, 0, -1, 1.5, 1e300, "", "x", "arn:", "arn:aws:states:::", "é\u{0}",
        "arn:aws:states:us-east-1:123456789012:stateMachine:M",
        "arn:aws:states:us-east-1:123456789012:stateMachine:M:1",
        "arn:aws:states:us-east-1:123456789012:stateMachine:M/L",
        "arn:aws:states:us-east-1:123456789012:mapRun:M/L:1",
        "arn:aws:states:us-east-1:123456789012:execution:M:x", PASS,
        [], [null], [{}], [{ "key": 1 }], {}, { "type": "x" }, { "level": "ALL" },
        "a".repeat(3_000),
    ]);
    let values: Vec<_> = values.as_array().unwrap().clone();
    let mut service = account();
    create(&mut service, "M", PASS, ExecutionType::Standard);
    for operation in OPERATIONS {
        for (at, value) in values.iter().enumerate() {
            let members = schema::members(operation).iter().enumerate();
            let body: serde_json::Map<_, _> = members
                .map(|(i, member)| {
                    (member.name.to_owned(), values[(at + i * 7) % values.len()].clone())
                })
                .chain([("other".to_owned(), value.clone())])
                .collect();
            let _ = ask(&mut service, operation, body.into());
            for member in schema::members(operation) {
                let _ = ask(&mut service, operation, serde_json::json!({ member.name: value }));
            }
        }
        for body in [&b"{"[..], b"[]", b"\xff", b"", b"null", b"{\"a\":"] {
            let _ = call(&mut service, START, operation, body);
            settle(&mut service, START);
        }
    }
}

#[test]
fn an_update_that_cannot_be_published_is_none() {
    let mut limits = crate::limits::Limits::today();
    limits.versions = 1;
    let mut service = Service::new(Account { limits, ..Account::default() });
    let arn = create(&mut service, "M", PASS, ExecutionType::Standard);
    let other = PASS.replacen('{', r#"{"Comment":"other","#, 1);
    let update = |text: &str| serde_json::json!({ "stateMachineArn": &*arn, "definition": text, "publish": true });
    // The same once more is the same version.
    for _ in 0..2 {
        ask(&mut service, "UpdateStateMachine", update(PASS)).unwrap();
    }
    let refused = ask(&mut service, "UpdateStateMachine", update(&other)).unwrap_err();
    assert_eq!(refused.code, "ServiceQuotaExceededException");
    let machine =
        ask(&mut service, "DescribeStateMachine", serde_json::json!({ "stateMachineArn": &*arn }));
    assert_eq!(machine.unwrap().get("definition").and_then(Value::as_str), Some(PASS));
}

#[test]
fn a_log_group_is_named_with_its_star() {
    let mut service = Service::new(Account::default());
    let mut body = serde_json::json!({ "name": "M", "definition": PASS, "roleArn": ROLE });
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let logging = |arn: &str| {
        serde_json::json!({ "level": "ALL",
            "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": arn } }] })
    };
    body["loggingConfiguration"] = logging(group);
    let refused = ask(&mut service, "CreateStateMachine", body.clone()).unwrap_err();
    assert_eq!(refused.code, "InvalidLoggingConfiguration");
    body["loggingConfiguration"] = logging(&format!("{group}:*"));
    ask(&mut service, "CreateStateMachine", body).unwrap();
}
