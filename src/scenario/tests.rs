//! Reading scenario files: what comes out, and every way of getting one wrong.

use std::path::Path;

use super::*;

const MACHINE: &str = "definition: { StartAt: A, States: { A: { Type: Pass, End: true } } }\n";

#[track_caller]
fn read(text: &str) -> Scenario {
    let text = format!("{MACHINE}{text}");
    match Scenario::parse(Path::new("order.scenario.yaml"), &text) {
        Ok(scenario) => scenario,
        Err(problems) => panic!("{problems:#?}"),
    }
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let text = format!("{MACHINE}{text}");
    let problems = Scenario::parse(Path::new("a.scenario.yaml"), &text).unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, expected);
}

#[test]
fn a_file_without_cases_is_one_case() {
    let scenario = read("input: { a: 1 }\nexpect: { output: { a: 1 } }");
    let case = &scenario.cases[0];
    assert_eq!(&*case.name, "order");
    assert_eq!(&*case.state_machine_name, "order");
    assert_eq!(case.input.to_json(), r#"{"a":1}"#);
    let whats: Vec<_> = case.expect.checks.iter().map(|check| check.what.as_str()).collect();
    assert_eq!(whats, ["status", "output"]);
    assert!(!case.expect.checks[0].written);
}

#[test]
fn cases_take_what_they_lack_from_the_defaults() {
    let scenario = read(
        "defaults:
  input: { a: 1 }
  seed: 7
  expect: { status: FAILED, error: E }
cases:
  - name: one
  - name: two
    input: { b: 2 }
    expect: { error: F }
",
    );
    let [one, two] = &scenario.cases[..] else { panic!() };
    assert_eq!((one.input.to_json(), one.seed), (r#"{"a":1}"#.into(), 7));
    assert_eq!((two.input.to_json(), two.seed), (r#"{"b":2}"#.into(), 7));
    assert_eq!(two.expect.checks.len(), 2);
}

#[test]
fn tables_make_one_case_a_row() {
    let scenario = read(
        "cases:
  - name: ${n} items
    forEach: [{ n: 1, out: [1] }, { n: 2, out: { x: y } }]
    input: { count: '${n}', text: 'n=${n} ${other}' }
    expect: { output: '${out}' }
  - name: unnamed
    forEach: [{ n: 1 }, { n: 2 }]
",
    );
    let names: Vec<_> = scenario.cases.iter().map(|case| &*case.name).collect();
    assert_eq!(names, ["1 items", "2 items", "unnamed [1]", "unnamed [2]"]);
    assert_eq!(scenario.cases[1].input.to_json(), r#"{"count":2,"text":"n=2 ${other}"}"#);
    let CheckKind::Output(matcher) = &scenario.cases[1].expect.checks[1].kind else { panic!() };
    assert_eq!(matcher.plain().map(Value::to_json).as_deref(), Some(r#"{"x":"y"}"#));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    refused(
        "defaults:
  sead: 1
  limits: { payloadBytes: -1 }
cases:
  - name: a
    inptu: {}
    expect:
      status: SUCEEDED
      output: { a: { $regx: x } }
      duration: 5
      history: [PassStateEntred]
      states: { A: { inputs: 1 } }
  - name: a
    startTime: noon
    basis: observed
  - input: {}
",
        &[
            "a.scenario.yaml:3:3: unknown key `sead` at /defaults/sead (did you mean `seed`?)",
            "a.scenario.yaml:4:27: expected a number that is not negative \
             at /defaults/limits/payloadBytes",
            "a.scenario.yaml:7:5: unknown key `inptu` at /cases[0]/inptu (did you mean `input`?)",
            "a.scenario.yaml:9:15: `SUCEEDED` is not one of `SUCCEEDED`, `FAILED`, `TIMED_OUT`, \
             `ABORTED`, `RUNNING` at /cases[0]/expect/status (did you mean `SUCCEEDED`?)",
            "a.scenario.yaml:10:20: unknown matcher `$regx`, did you mean `$regex`?; data that \
             looks like a matcher goes into `$literal` at /cases[0]/expect/output/a",
            "a.scenario.yaml:11:17: expected a duration such as `500ms`, `90s`, `2m`, `1h30m` or `7d` \
             at /cases[0]/expect/duration",
            "a.scenario.yaml:12:17: `PassStateEntred` is not a type of history events \
             at /cases[0]/expect/history[0] (did you mean `PassStateEntered`?)",
            "a.scenario.yaml:13:22: unknown key `inputs` at /cases[0]/expect/states/A/inputs \
             (did you mean `input`?)",
            "a.scenario.yaml:14:11: a case called `a` stands on line 6 already at /cases[1]/name",
            "a.scenario.yaml:15:16: expected an RFC 3339 time at /cases[1]/startTime \
             (write it like 2024-01-01T00:00:00Z)",
            "a.scenario.yaml:16:12: what was observed on AWS names the recording that shows it \
             at /cases[1]/basis (add `recording: NAME`, or say `documented` or `inferred`)",
            "a.scenario.yaml:17:5: the case has no name at /cases[2]",
        ],
    );
}

#[test]
fn a_definition_is_no_scenario() {
    let text = r#"{"StartAt": "A", "States": {}}"#;
    let problems = Scenario::parse(Path::new("a.scenario.yaml"), text).unwrap_err();
    assert!(problems[0].message.contains("not a scenario"), "{problems:?}");
}

#[test]
fn keys_that_do_nothing_together_are_refused() {
    refused(
        "cases:
  - { name: a, testState: { state: A }, expect: { output: 1 }, mocks: { A: { return: 1 } } }
  - { name: b, expectInvalid: [], expect: { output: 3 }, expectState: {} }
",
        &[
            "a.scenario.yaml:3:41: `expect` does nothing beside `testState`: the case runs no \
             execution at /cases[0]/expect (say `expectState`, or remove one of them)",
            "a.scenario.yaml:3:64: `mocks` does nothing beside `testState`: the case runs no \
             execution at /cases[0]/mocks (say `testState: { state: NAME, mock: … }`)",
            "a.scenario.yaml:4:35: `expect` does nothing beside `expectInvalid`: the case runs \
             nothing at /cases[1]/expect (remove one of them, or put `expect` into a case of its \
             own)",
            "a.scenario.yaml:4:58: `expectState` does nothing beside `expectInvalid`: the case runs \
             nothing at /cases[1]/expectState (remove one of them, or put `expectState` into a case \
             of its own)",
            "a.scenario.yaml:4:71: `expectState` goes with `testState` at /cases[1]/expectState \
             (add `testState: { state: NAME }`)",
        ],
    );
    let inherited = "defaults: { mocks: { A: { return: 1 } }, expect: { output: 1 } }
cases: [{ name: a, testState: { state: A } }]";
    assert!(read(inherited).cases[0].state_test.is_some());
}

#[test]
fn a_state_test_says_what_its_state_has() {
    refused(
        "testState: { state: A, retrierRetryCount: 3, mapItemReaderData: [] }
expectState: { status: FAILD, nextstate: B, $any: true }
",
        &[
            "a.scenario.yaml:2:24: `retrierRetryCount` is for a state of type Task, Parallel or \
             Map: `A` is a Pass at /testState/retrierRetryCount",
            "a.scenario.yaml:2:46: `mapItemReaderData` is for a state of type Map: `A` is a Pass \
             at /testState/mapItemReaderData",
            "a.scenario.yaml:3:24: `FAILD` is not one of `SUCCEEDED`, `FAILED`, `RETRIABLE`, \
             `CAUGHT_ERROR` at /expectState/status (did you mean `FAILED`?)",
            "a.scenario.yaml:3:31: unknown key `nextstate` at /expectState/nextstate \
             (did you mean `nextState`?)",
        ],
    );
}

#[test]
fn expectations_name_states_that_there_are() {
    let machine = "definition:
  StartAt: Each
  States:
    Each:
      Type: Map
      ItemProcessor:
        ProcessorConfig: { Mode: DISTRIBUTED, ExecutionType: EXPRESS }
        StartAt: Charge
        States: { Charge: { Type: Task, Resource: 'arn:aws:states:::lambda:invoke', End: true } }
      Next: All
    All:
      Type: Map
      ItemProcessor: { StartAt: Get A/B, States: { Get A/B: { Type: Succeed } } }
      End: true
";
    let check = |expect: &str| {
        let text = format!("{machine}expect: {expect}\n");
        let problems = Scenario::parse(Path::new("a.scenario.yaml"), &text).err();
        problems.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let passing = "{ states: { Each: { entered: 1 }, 'All[0]/Get A/B': { entered: 1 } }, \
                   calls: { Charge: 0, 'Each[*]/Charge': 0, 'arn:aws:*': 0, 'Ch*': 0 } }";
    assert_eq!(check(passing), [""; 0]);
    assert_eq!(
        check("{ calls: { Chrage: 0 }, states: { Eahc: { entered: 0 } } }"),
        [
            "a.scenario.yaml:15:28: no state is called `Chrage` at /expect/calls/Chrage \
             (did you mean `Charge`?)",
            "a.scenario.yaml:15:60: no state is called `Eahc` at /expect/states/Eahc/entered \
             (did you mean `Each`?)",
        ]
    );
    assert_eq!(
        check("{ anyOf: [{ states: { Charge: { output: 1 } } }] }"),
        [
            "a.scenario.yaml:15:49: `Charge` runs in another execution, a child of a distributed Map \
          or a nested one, which `states` does not see at /expect/anyOf[0]/states/Charge/output \
          (ask with `calls: { Charge: … }`, or for the output of the state around)"
        ]
    );
}

#[test]
fn a_refusal_is_an_error_unless_a_warning_is_asked_for() {
    let text = "definition:
  StartAt: A
  States:
    A: { Type: Pass, Assign: { x: 1 }, Next: M }
    M: { Type: Map, ItemProcessor: { StartAt: P, States: { P: { Type: Pass, Assign: { x: 2 }, End: true } } }, End: true }
expectInvalid: [{ code: HIDDEN_VARIABLE }, { severity: WARNING, code: HIDDEN_VARIABLE }]
";
    let scenario = Scenario::parse(Path::new("a.scenario.yaml"), text).unwrap();
    let case = &scenario.cases[0];
    let came = &case.definition.diagnostics;
    let expected = case.expect_invalid.as_deref().unwrap();
    let found = |one: &ExpectedDiagnostic| came.iter().any(|problem| one.accepts(problem));
    assert_eq!(expected.iter().map(found).collect::<Vec<_>>(), [false, true]);
}

use crate::value::Value;

#[test]
fn a_second_delivery_is_for_express_executions() {
    let case = &read("type: EXPRESS\nduplicateDelivery: 1m30s").cases[0];
    assert_eq!(case.duplicate_delivery, Some(std::time::Duration::from_secs(90)));
    let text = format!("{MACHINE}duplicateDelivery: 2s");
    let problems = Scenario::parse(Path::new("a.scenario.yaml"), &text).unwrap_err();
    assert!(problems[0].message.contains("delivered exactly once"), "{problems:?}");
}
