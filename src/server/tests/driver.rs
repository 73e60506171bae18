//! Mocks, clocks, quotas and retention, through the API.

use std::path::Path;

use super::*;
use crate::scenario::Scenario;
use crate::server::{Bucket, ClockMode, Quotas, Retain};
use crate::time::Timestamp;

const SCENARIO: &str = r#"
stateMachineName: pay
definition:
  StartAt: Charge
  States:
    Charge:
      Type: Task
      Resource: arn:aws:lambda:us-east-1:123456789012:function:charge
      End: true
cases:
  - name: paid
    mocks: { Charge: { return: { receipt: r-1 } } }
    expect: { status: SUCCEEDED }
  - name: declined
    mocks: { Charge: { fail: { error: Declined } } }
    expect: { status: FAILED }
  - name: slow
    mocks: { Charge: { return: 1, after: 30d } }
    expect: { status: SUCCEEDED }
"#;

fn virtual_options() -> Options {
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    Options { clock: ClockMode::Virtual { start }, ..Options::default() }
}

fn create(server: &Server, name: &str, definition: &str) -> String {
    let body = Value::object([
        ("name", Value::from(name)),
        ("definition", Value::from(definition)),
        ("roleArn", Value::from("arn:aws:iam::123456789012:role/any")),
    ]);
    let (status, answer) = call(server, "CreateStateMachine", &body.to_json());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "stateMachineArn").to_owned()
}

fn run(server: &Server, machine: &str) -> String {
    let body = Value::object([("stateMachineArn", Value::from(machine))]);
    let (status, answer) = call(server, "StartExecution", &body.to_json());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "executionArn").to_owned()
}

fn describe(server: &Server, execution: &str) -> (u16, Value) {
    let body = Value::object([("executionArn", Value::from(execution))]);
    call(server, "DescribeExecution", &body.to_json())
}

fn pay(server: &Server) -> String {
    let definition = r#"{"StartAt":"Charge","States":{"Charge":{"Type":"Task",
        "Resource":"arn:aws:lambda:us-east-1:123456789012:function:charge","End":true}}}"#;
    create(server, "pay", definition)
}

fn waiting(seconds: u32) -> String {
    format!(
        r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"End":true}}}}}}"#
    )
}

#[test]
fn test_cases_choose_the_mocks() {
    let scenario = Scenario::parse(Path::new("pay.scenario.yaml"), SCENARIO).unwrap();
    let server = start(Options { scenarios: vec![scenario], ..virtual_options() });
    let machine = pay(&server);
    let status = |case: &str| {
        let (_, run) = describe(&server, &run(&server, &format!("{machine}#{case}")));
        text(&run, "status").to_owned()
    };
    assert_eq!(status("paid"), "SUCCEEDED");
    assert_eq!(status("declined"), "FAILED");
    assert_eq!(status("slow"), "SUCCEEDED");
    let (_, state) = clock(&server, "{}");
    assert_eq!(text(&state, "time"), "2024-01-31T00:00:00.000Z");
}

#[test]
fn a_task_without_an_answer_fails_at_once_and_says_what_to_give() {
    let server = start(virtual_options());
    let (_, run) = describe(&server, &run(&server, &pay(&server)));
    assert_eq!(text(&run, "status"), "FAILED");
    let cause = text(&run, "cause");
    assert!(cause.contains("mock") && cause.contains("endpoint"), "{cause}");
}

#[test]
fn time_stands_still_and_goes_on() {
    let server = start(virtual_options());
    assert_eq!(clock(&server, "{\"freeze\": true}").0, 200);
    let execution = run(&server, &create(&server, "w", &waiting(3_600)));
    let status = || text(&describe(&server, &execution).1, "status").to_owned();
    assert_eq!(status(), "RUNNING");
    clock(&server, "{\"advance\": 3599}");
    assert_eq!(status(), "RUNNING");
    clock(&server, "{\"advance\": 1}");
    assert_eq!(status(), "SUCCEEDED");
}

#[test]
fn a_scaled_clock_waits_a_part_of_the_time() {
    let clock = ClockMode::Real { wait_time_scale: 0.001 };
    let server = start(Options { clock, ..Options::default() });
    let execution = run(&server, &create(&server, "w", &waiting(60)));
    for _ in 0..500 {
        let (_, run) = describe(&server, &execution);
        if text(&run, "status") == "SUCCEEDED" {
            let date = |key| run.get(key).and_then(Value::as_f64).unwrap();
            assert!((60.0..120.0).contains(&(date("stopDate") - date("startDate"))), "{run}");
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("a minute takes longer than its thousandth");
}

#[test]
fn calls_above_the_quota_are_refused() {
    let mut quotas = Quotas::default();
    quotas.set("ListActivities", Bucket::parse("2/0").unwrap());
    let server = start(Options { quotas, ..Options::default() });
    let code = || {
        let (_, answer) = call(&server, "ListActivities", "{}");
        answer.get("__type").and_then(Value::as_str).map(str::to_owned)
    };
    assert_eq!((code(), code()), (None, None));
    assert_eq!(code().as_deref(), Some("ThrottlingException"));
    assert_eq!(call(&server, "ListStateMachines", "{}").0, 200);
}

#[test]
fn state_transitions_above_the_quota_come_later() {
    let mut quotas = Quotas::default();
    quotas.set("StateTransition", Bucket::parse("2/0.01").unwrap());
    let server = start(Options { quotas, ..virtual_options() });
    let machine =
        create(&server, "w", r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#);
    for _ in 0..6 {
        run(&server, &machine);
    }
    let (_, state) = clock(&server, "{}");
    assert!(text(&state, "time") > "2024-01-01T00:05:00.000Z", "{state}");
}

#[test]
fn express_executions_do_not_wait_for_the_quota_of_state_transitions() {
    let mut quotas = Quotas::default();
    quotas.set("StateTransition", Bucket::parse("2/0").unwrap());
    let server = start(Options { quotas, ..Options::default() });
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    let standard = create(&server, "standard", definition);
    let all: Vec<String> = (0..4).map(|_| run(&server, &standard)).collect();
    let states = || -> Vec<String> {
        let described = all.iter().map(|one| describe(&server, one).1);
        described.map(|one| text(&one, "status").to_owned()).collect()
    };
    let before = states();
    assert_eq!(before.last().map(String::as_str), Some("RUNNING"), "{before:?}");
    let body = Value::object([
        ("name", Value::from("express")),
        ("type", Value::from("EXPRESS")),
        ("definition", Value::from(definition)),
        ("roleArn", Value::from("arn:aws:iam::123456789012:role/any")),
    ]);
    let (_, express) = call(&server, "CreateStateMachine", &body.to_json());
    let body = Value::object([("stateMachineArn", Value::from(text(&express, "stateMachineArn")))]);
    for _ in 0..5 {
        let (code, ended) = call(&server, "StartSyncExecution", &body.to_json());
        assert_eq!((code, text(&ended, "status")), (200, "SUCCEEDED"), "{ended}");
    }
    assert_eq!(states(), before);
}

#[test]
fn starts_of_express_executions_have_a_quota_of_their_own() {
    let throttled = |quotas: Quotas| {
        let server = start(Options { quotas, ..virtual_options() });
        ["STANDARD", "EXPRESS"].map(|kind| {
            let body = Value::object([
                ("name", Value::from(kind)),
                ("type", Value::from(kind)),
                ("definition", Value::from(waiting(1))),
                ("roleArn", Value::from("arn:aws:iam::123456789012:role/any")),
            ]);
            let (_, created) = call(&server, "CreateStateMachine", &body.to_json());
            let arn = Value::from(text(&created, "stateMachineArn"));
            let body = Value::object([("stateMachineArn", arn)]).to_json();
            (0..4).filter(|_| call(&server, "StartExecution", &body).0 == 400).count()
        })
    };
    let mut quotas = Quotas::of_region("us-east-1");
    quotas.operations.retain(|(name, _)| name.starts_with("StartExecution"));
    assert_eq!(throttled(quotas.clone()), [0, 0]);
    quotas.operations[0].1 = Bucket::parse("1/0").unwrap();
    assert_eq!(throttled(quotas.clone()), [3, 0]);
    quotas.set("StartExecution", Bucket::parse("5/0").unwrap());
    assert_eq!(throttled(quotas), [0, 3]);
}

#[test]
fn ended_executions_are_forgotten_when_they_are_too_many() {
    let server = start(Options { retain: Retain::Count(2), ..virtual_options() });
    let machine = create(&server, "w", &waiting(1));
    let executions: Vec<String> = (0..4).map(|_| run(&server, &machine)).collect();
    let known: Vec<u16> = executions.iter().map(|one| describe(&server, one).0).collect();
    assert_eq!(known, [400, 400, 200, 200]);
}

/// Those that go on, or ended a second time, count once.
#[test]
fn redriven_executions_count_as_they_are() {
    let server = start(Options { retain: Retain::Count(2), ..virtual_options() });
    let machine =
        create(&server, "f", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#);
    let executions = [run(&server, &machine), run(&server, &machine)];
    for _ in 0..3 {
        let body = Value::object([("executionArn", Value::from(executions[1].as_str()))]);
        let (status, answer) = call(&server, "RedriveExecution", &body.to_json());
        assert_eq!(status, 200, "{answer}");
    }
    let known = || executions.clone().map(|one| describe(&server, &one).0);
    assert_eq!(known(), [200, 200]);
    assert_eq!(known(), [200, 200]);
    run(&server, &machine);
    assert_eq!(describe(&server, &executions[1]).0, 200);
    assert_eq!(known(), [400, 200]);
}

/// A minute of the account: Tasks are no workers, for whom nobody knows how long they wait.
#[test]
fn a_task_that_polls_an_activity_waits_a_minute() {
    let server = start(virtual_options());
    call(&server, "CreateActivity", r#"{"name": "desk"}"#);
    let definition = r#"{"StartAt":"Poll","States":{"Poll":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::aws-sdk:sfn:getActivityTask","Parameters":{
        "ActivityArn":"arn:aws:states:us-east-1:123456789012:activity:desk"}}}}"#;
    let execution = run(&server, &create(&server, "poll", definition));
    let (_, run) = describe(&server, &execution);
    assert_eq!(text(&run, "status"), "SUCCEEDED", "{run}");
    assert_eq!(text(&run, "output"), "{}");
    assert_eq!(text(&clock(&server, "{}").1, "time"), "2024-01-01T00:01:00.000Z");
}

#[test]
fn a_loop_without_an_end_keeps_nobody_waiting() {
    let server = start(virtual_options());
    let endless = r#"{"StartAt":"A","States":{
        "A":{"Type":"Wait","Seconds":1,"Next":"B"},
        "B":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"C"}],
             "Default":"A"},
        "C":{"Type":"Succeed"}}}"#;
    let execution = run(&server, &create(&server, "endless", endless));
    assert_eq!(request(&server, "GET /_stepproof/health", &[], "").0, 200);
    for _ in 0..500 {
        if text(&describe(&server, &execution).1, "status") == "FAILED" {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("the loop does not reach the limit of the history");
}

/// A machine that loops until its history is full, and takes its time in each round.
fn looping() -> String {
    let work = "{% $sum($map([1..200], function($n) { $n * $n })) %}";
    let states = format!(
        r#"{{"A":{{"Type":"Pass","Output":"{work}","Next":"B"}},"C":{{"Type":"Succeed"}},
        "B":{{"Type":"Choice","Choices":[{{"Condition":false,"Next":"C"}}],"Default":"A"}}}}"#
    );
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"A","States":{states}}}"#)
}

#[test]
fn an_execution_that_takes_long_keeps_nobody_waiting() {
    let server = start(virtual_options());
    let long = run(&server, &create(&server, "long", &looping()));
    let short = run(&server, &create(&server, "short", &waiting(1)));
    let status = |arn: &str| text(&describe(&server, arn).1, "status").to_owned();
    // Executions still run one after another.
    assert_eq!((&*status(&short), &*status(&long)), ("RUNNING", "RUNNING"));
    let stop = Value::object([("executionArn", Value::from(long.as_str()))]);
    assert_eq!(call(&server, "StopExecution", &stop.to_json()).0, 200);
    assert_eq!(status(&long), "ABORTED");
    // Nothing else is to happen any more when the clock answers.
    clock(&server, "{\"advance\": 1}");
    assert_eq!(status(&short), "SUCCEEDED");
}

#[test]
fn the_quota_of_state_transitions_holds_within_an_execution() {
    let mut quotas = Quotas::default();
    quotas.set("StateTransition", Bucket::parse("2/1").unwrap());
    let server = start(Options { quotas, ..virtual_options() });
    let pass = |name: &str, next: &str| format!(r#""{name}":{{"Type":"Pass",{next}}}"#);
    let states: Vec<String> =
        (0..5).map(|n| pass(&n.to_string(), &format!(r#""Next":"{}""#, n + 1))).collect();
    let states = format!("{},{}", states.join(","), pass("5", r#""End":true"#));
    let machine = create(&server, "m", &format!(r#"{{"StartAt":"0","States":{{{states}}}}}"#));
    let (_, run) = describe(&server, &run(&server, &machine));
    // Two at once, and four that wait a second each.
    let date = |key| run.get(key).and_then(Value::as_f64).unwrap();
    assert_eq!(date("stopDate") - date("startDate"), 4.0, "{run}");
}

#[test]
fn a_start_without_a_test_case_is_told_of_those_there_are() {
    let scenario = Scenario::parse(Path::new("pay.scenario.yaml"), SCENARIO).unwrap();
    let server = start(Options { scenarios: vec![scenario], ..virtual_options() });
    let (_, run) = describe(&server, &run(&server, &pay(&server)));
    let cause = text(&run, "cause");
    assert!(cause.contains("pay#paid") && cause.contains("`paid`, `declined`, `slow`"), "{cause}");
}

#[test]
fn a_task_of_an_activity_that_is_missing_is_not_scheduled() {
    let server = start(virtual_options());
    let definition = r#"{"StartAt":"A","States":{"A":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:us-east-1:123456789012:activity:missing"}}}"#;
    let execution = run(&server, &create(&server, "m", definition));
    let (_, run) = describe(&server, &execution);
    assert!(text(&run, "cause").contains("CreateActivity"), "{run}");
    let body = Value::object([("executionArn", Value::from(execution))]);
    let (_, history) = call(&server, "GetExecutionHistory", &body.to_json());
    let events = history.get("events").and_then(Value::as_array).unwrap();
    let types: Vec<&str> = events.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types[2..4], ["ActivityScheduled", "ActivityScheduleFailed"], "{types:?}");
}
