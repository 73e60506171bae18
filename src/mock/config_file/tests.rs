//! Reading and writing mock configuration files, and what is said about mistakes in them.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::sim::Simulation;

const RETRIES: &str = r#"{
  "StateMachines": {
    "Orders": { "TestCases": {
      "Happy": { "Charge": "Charged" },
      "Retry": { "Charge": "Throttled" }
    } }
  },
  "MockedResponses": {
    "Charged": { "0": { "Return": { "receipt": "r-1" } } },
    "Throttled": {
      "0": { "Throw": { "Error": "E.First", "Cause": "first" } },
      "1-2": { "Throw": { "Error": "E.Later", "Cause": "later" } },
      "3": { "Return": { "receipt": "r-4" } }
    }
  }
}"#;

fn parse(text: &str) -> MockConfig {
    MockConfig::parse("MockConfigFile.json", text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A file with one response, called `R`, that one state takes.
fn with_response(response: &str) -> String {
    format!(
        r#"{{"StateMachines": {{"M": {{"TestCases": {{"C": {{"S": "R"}}}}}}}},
"MockedResponses": {{"R": {response}}}}}"#
    )
}

#[track_caller]
fn first_problem(text: &str) -> String {
    let problems = MockConfig::parse("mocks.json", text).unwrap_err();
    problems.iter().find(|problem| problem.is_error()).unwrap().to_string()
}

#[track_caller]
fn warnings(text: &str) -> Vec<String> {
    parse(text).warnings.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case("", "mocks.json:1:1: expected a value, found the end of the text")]
#[case("[]", "mocks.json:1:1: expected an object, found an array at /")]
#[case("{}", "mocks.json:1:1: field `StateMachines` is missing at /")]
#[case(
    r#"{"StateMachines": {"M": {}}, "MockedResponses": {}}"#,
    "mocks.json:1:25: key `TestCases` is missing at /StateMachines/M"
)]
#[case(
    r#"{"StateMachines": {"M": {"TestCases": {"C": {"S": 1}}}}, "MockedResponses": {}}"#,
    "mocks.json:1:51: expected a string, found a number at /StateMachines/M/TestCases/C/S"
)]
fn files_that_cannot_be_used(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(first_problem(text), expected);
}

#[rstest]
#[case(r#"{"one": {"Return": 1}}"#, "`one` is no number of a call")]
#[case(r#"{"-1": {"Return": 1}}"#, "`-1` is no number of a call")]
#[case(r#"{"1-": {"Return": 1}}"#, "`1-` is no number of a call")]
#[case(r#"{"0-1-2": {"Return": 1}}"#, "`0-1-2` is no number of a call")]
#[case(r#"{"99999999999": {"Return": 1}}"#, "`99999999999` is no number of a call")]
#[case(r#"{"3-1": {"Return": 1}}"#, "`3-1` ends before it begins")]
#[case(r#"{"0-2": {"Return": 1}, "2": {"Return": 2}}"#, "the answer \"2\" of `R` stands twice")]
#[case(r#"{"0": {"Return": 1}, "0": {"Return": 2}}"#, "key `0` occurs twice")]
#[case(r#"{"0": {}}"#, "an answer needs `Return` or `Throw`")]
#[case(
    r#"{"0": {"Return": 1, "Throw": {"Error": "E", "Cause": "c"}}}"#,
    "an answer has either `Return` or `Throw`, not both"
)]
#[case(r#"{"0": {"Retrun": 1}}"#, "unknown key `Retrun`")]
#[case(r#"{"0": {"Throw": {"Cause": "c"}}}"#, "key `Error` is missing")]
#[case(r#"{"0": {"Throw": {"Error": 1, "Cause": "c"}}}"#, "expected a string, found a number")]
#[case(r#"{"0": {"Throw": "E"}}"#, "expected an object, found a string")]
fn responses_that_cannot_be_used(#[case] response: &str, #[case] expected: &str) {
    let problem = first_problem(&with_response(response));
    assert!(problem.contains(expected), "{problem}");
    assert!(problem.starts_with("mocks.json:2:"), "{problem}");
}

#[test]
fn names_that_lead_nowhere_are_told() {
    let text = r#"{
  "Comment": "ours",
  "StateMachines": { "M": { "TestCases": { "C": { "S": "Chargd", "T": "Gap", "U": "None" } } } },
  "MockedResponses": {
    "Charged": { "0": { "Return": 1 } },
    "Gap": { "1": { "Return": 1 }, "4": { "Throw": { "Error": "E" } } },
    "None": {}
  }
}"#;
    insta::assert_snapshot!(warnings(text).join("\n"), @r#"
    MockConfigFile.json:2:3: unknown field `Comment`, which is not read at /Comment (a mock configuration has StateMachines and MockedResponses)
    MockConfigFile.json:3:51: there is no mocked response `Chargd` at /StateMachines/M/TestCases/C/S (did you mean `Charged`?)
    MockConfigFile.json:5:5: no test case takes the response `Charged` at /MockedResponses/Charged (remove it, or name it in a case)
    MockConfigFile.json:6:14: `Gap` has no answer "0" at /MockedResponses/Gap/1 (a call with that number fails with States.Runtime)
    MockConfigFile.json:6:36: `Gap` has no answer "2-3" at /MockedResponses/Gap/4 (a call with that number fails with States.Runtime)
    MockConfigFile.json:6:52: field `Cause` is missing at /MockedResponses/Gap/4/Throw (Step Functions Local wants both `Error` and `Cause`)
    MockConfigFile.json:7:5: the response `None` has no answers at /MockedResponses/None (a state that asks for it fails with States.Runtime)
    "#);
}

#[test]
fn cases_that_are_not_there_are_told() {
    let config = parse(RETRIES);
    let happy = config.case("Orders", "Happy").unwrap();
    let states = happy.states.iter().map(|state| format!("{}: {}", state.state, state.response));
    assert_eq!(states.collect::<Vec<_>>(), ["Charge: Charged"]);
    let message = |machine, case| config.case(machine, case).unwrap_err().to_string();
    assert_eq!(
        message("Orders", "happy"),
        "`MockConfigFile.json` has no test case `happy` for the state machine `Orders`; \
         did you mean `Happy`?"
    );
    assert_eq!(
        message("Refunds", "Happy"),
        "`MockConfigFile.json` has no state machine `Refunds`; it has Orders"
    );
}

/// Runs a machine of one Task with the mocks of a case.
#[track_caller]
fn run(
    config: &MockConfig,
    case: &str,
    counting: Counting,
    definition: &serde_json::Value,
    input: serde_json::Value,
) -> crate::sim::Run {
    let case = config.case("Orders", case).unwrap();
    let mut simulation = Simulation::parse(&definition.to_string()).unwrap().input(input);
    for (state, mock) in config.mocks(case, counting) {
        simulation = simulation.mock(state, mock);
    }
    simulation.run().unwrap()
}

fn task() -> serde_json::Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "charge" },
        "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 5, "IntervalSeconds": 1 }],
        "End": true,
    })
}

#[test]
fn answers_are_taken_by_number() {
    let definition = json!({ "StartAt": "Charge", "States": { "Charge": task() } });
    for counting in [Counting::Attempts, Counting::Invocations] {
        let run = run(&parse(RETRIES), "Retry", counting, &definition, json!({}));
        assert_eq!(run.output(), Some(&Value::from(json!({ "receipt": "r-4" }))));
        assert_eq!(run.calls("Charge").len(), 4);
    }
}

/// A Map over three items: what each rule makes of `"0"` and `"1-3"`.
#[rstest]
#[case(Counting::Invocations, 1, r#"["first","later","later"]"#)]
#[case(Counting::Attempts, 1, r#"["first","first","first"]"#)]
fn what_the_numbers_count(
    #[case] counting: Counting,
    #[case] concurrency: u32,
    #[case] output: &str,
) {
    let text = RETRIES.replace(
        r#"{ "0": { "Return": { "receipt": "r-1" } } }"#,
        r#"{ "0": { "Return": "first" }, "1-3": { "Return": "later" } }"#,
    );
    let definition = json!({
        "StartAt": "Each",
        "States": { "Each": {
            "Type": "Map",
            "MaxConcurrency": concurrency,
            "ItemProcessor": { "StartAt": "Charge", "States": { "Charge": task() } },
            "End": true,
        } },
    });
    let run = run(&parse(&text), "Happy", counting, &definition, json!([1, 2, 3]));
    assert_eq!(run.output().unwrap().to_json(), output);
}

#[test]
fn a_call_without_an_answer_fails() {
    let definition = json!({
        "StartAt": "Charge",
        "States": {
            "Charge": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": "charge" }, "Next": "Again" },
            "Again": { "Type": "Choice", "Default": "Charge",
                "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "End" }] },
            "End": { "Type": "Succeed" },
        },
    });
    let run = run(&parse(RETRIES), "Happy", Counting::Invocations, &definition, json!({}));
    assert_eq!(run.error(), Some("States.Runtime"));
    assert_eq!(
        run.cause(),
        Some(
            "the mocked response `Charged` of `MockConfigFile.json` has no answer \"1\" or later \
             for this call of the state `Charge`"
        )
    );
}

#[test]
fn what_is_written_reads_back() {
    let thrown = |error: &str| MockedOutcome::Throw(Failure::new(error, "c"));
    let result = |value: i64| MockedOutcome::Return(Value::from(value));
    let answer =
        |state: &str, outcomes: Vec<MockedOutcome>| MockedAnswer { state: state.into(), outcomes };
    let mut writer = MockConfigWriter::default();
    let retried = vec![thrown("A"), thrown("B"), thrown("B"), result(1)];
    assert_eq!(writer.case("M", "one, twice", &[answer("S", retried.clone())]), "one-twice");
    assert_eq!(writer.case("M", "one twice", &[answer("S", vec![result(1)])]), "one-twice-2");
    assert_eq!(writer.case("N", "…", &[answer("S", retried), answer("T", vec![])]), "case");
    let text = writer.to_value().to_json();
    insta::assert_snapshot!(text, @r#"{"StateMachines":{"M":{"TestCases":{"one-twice":{"S":"S"},"one-twice-2":{"S":"S 2"}}},"N":{"TestCases":{"case":{"S":"S"}}}},"MockedResponses":{"S":{"0":{"Throw":{"Error":"A","Cause":"c"}},"1-2":{"Throw":{"Error":"B","Cause":"c"}},"3":{"Return":1}},"S 2":{"0":{"Return":1}}}}"#);
    let config = parse(&text);
    assert!(config.warnings.is_empty());
    let case = config.case("M", "one-twice").unwrap();
    let (mock, remarks) = config.scenario_mock(&case.states[0], Counting::Invocations);
    assert!(remarks.is_empty());
    insta::assert_snapshot!(mock.unwrap().to_json(), @r#"{"byInvocation":[{"fail":{"error":"A","cause":"c"}},{"fail":{"error":"B","cause":"c"},"repeat":2},{"return":1}]}"#);
}

#[test]
fn deep_and_long_files_do_no_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(MockConfig::parse("m.json", &with_response(&deep)).is_err());
    let huge = parse(&with_response(r#"{"0-1000000": {"Return": 1}}"#));
    let case = huge.case("M", "C").unwrap();
    assert!(huge.scenario_mock(&case.states[0], Counting::Attempts).0.is_some());
}

/// The mock files that tests on AWS were written with.
#[test]
fn recorded_files_are_read() {
    let folder = match std::env::var_os("STEPPROOF_SHARED") {
        Some(shared) => Path::new(&shared).join("aws-recorded"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/aws-recorded"),
    };
    let mut files = Vec::new();
    for group in ["history/local_mocking", "express/local_mocking"] {
        let cases = fs::read_dir(folder.join(group)).into_iter().flatten();
        let cases = cases.map(|case| case.unwrap().path().join("mock-config.json"));
        files.extend(cases.filter(|file| file.exists()));
    }
    if files.is_empty() {
        eprintln!("skipped: no recordings at `{}`", folder.display());
        return;
    }
    for file in files {
        let config = parse(&fs::read_to_string(&file).unwrap());
        assert!(config.warnings.is_empty(), "{file:?} {:?}", config.warnings);
        let case: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(file.with_file_name("case.json")).unwrap())
                .unwrap();
        let name = |key: &str| case["mock"][key].as_str().unwrap().to_owned();
        let own = config.case(&name("stateMachine"), &name("testCase")).unwrap();
        // Each state that the case mocks has answers to give.
        let mocks = config.mocks(own, Counting::Invocations);
        let states = own.states.iter().map(|state| &state.state);
        assert!(states.eq(mocks.iter().map(|(state, _)| state)), "{file:?}: {mocks:?}");
    }
}
