//! The answers of the API: recorded ones where they are there, and the shape of our own.

use super::*;
use crate::query::shared;

fn read(path: &std::path::Path) -> Option<Value> {
    Some(Value::parse(&std::fs::read_to_string(path).ok()?).unwrap())
}

/// The answer to a recorded request, in the form of `response.json`.
fn answer(request: &Value) -> Value {
    let params = request.get("params").unwrap();
    let text = |key: &str| params.get(key).and_then(Value::as_str);
    let definition = text("definition").unwrap();
    let execution_type = match text("type") {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    };
    if request.get("api").and_then(Value::as_str) == Some("ValidateStateMachineDefinition") {
        let request = ValidationRequest { execution_type, ..ValidationRequest::new(definition) };
        return validate_definition(&request).to_value();
    }
    match accept_definition(definition, &Limits::today(), execution_type) {
        Ok(_) => Value::Null,
        Err(message) => Value::object([(
            "Error",
            Value::object([
                ("Code", Value::from("InvalidDefinition")),
                ("Message", Value::from(message)),
            ]),
        )]),
    }
}

#[test]
fn recorded_answers_are_repeated() {
    let Some(folder) = shared("aws-recorded/validation") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for area in std::fs::read_dir(folder).unwrap() {
        for case in std::fs::read_dir(area.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            let Some(request) = read(&case.join("request.json")) else { continue };
            let expected = read(&case.join("response.json")).unwrap();
            let found = answer(&request);
            count += 1;
            if found != expected {
                wrong.push(format!("{}:\n  AWS  {expected}\n  ours {found}", case.display()));
            }
        }
    }
    eprintln!("{count} recorded answers compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn check(definition: &str, expected: &str) {
    let found = validate_definition(&ValidationRequest::new(definition)).to_value();
    assert_eq!(found, Value::parse(expected).unwrap(), "{found}");
}

#[test]
fn answers_have_the_shape_of_the_api() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#,
        r#"{"result": "OK", "diagnostics": [], "truncated": false}"#,
    );
    check(
        "{}",
        r#"{"result": "FAIL", "diagnostics": [{"severity": "ERROR",
            "code": "SCHEMA_VALIDATION_FAILED", "location": "/",
            "message": "These fields are required: [States, StartAt]"}], "truncated": false}"#,
    );
    check(
        "{'a': 1}",
        r#"{"result": "FAIL", "diagnostics": [{"severity": "ERROR",
            "code": "INVALID_JSON_DESCRIPTION",
            "location": "[Source: (String)\"{'a': 1}\"; line: 1, column: 3]",
            "message": "Unexpected character (''' (code 39)): was expecting double-quote to start field name\n at [Source: (String)\"{'a': 1}\"; line: 1, column: 3]"}],
            "truncated": false}"#,
    );
}

#[test]
fn many_problems_are_truncated_and_warnings_asked_for() {
    let states: Vec<String> =
        (0..150).map(|n| format!(r#""S{n}": {{"Type": "Pass", "Next": "Gone"}}"#)).collect();
    let definition = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(","));
    let found = validate_definition(&ValidationRequest::new(&definition));
    assert_eq!((found.diagnostics.len(), found.truncated, found.ok), (100, true, false));
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,
        "Parameters": {"a": "$.b"}}}}"#;
    let request = ValidationRequest::new(definition);
    assert_eq!(validate_definition(&request).diagnostics, []);
    let request = ValidationRequest { severity: Severity::Warning, ..request };
    let found = validate_definition(&request);
    assert!(found.ok);
    assert_eq!(found.diagnostics[0].code, "NO_DOLLAR");
}

#[test]
fn refusals_are_listed_in_one_message() {
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#;
    let message = accept_definition(definition, &Limits::today(), ExecutionType::Standard);
    assert_eq!(
        message.unwrap_err(),
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B \
         at /States/A/Next'"
    );
}

/// What a template would fill in is text like any other to the API, but open in a file.
#[test]
fn placeholders_are_text() {
    for (state, refused) in [
        (r#"{"Type": "Task", "Resource": "${FunctionArn}", "End": true}"#, "valid resource ARN"),
        (
            r#"{"Type": "Task", "Resource": "arn:aws:states:::${Call}", "End": true}"#,
            "resource ARN",
        ),
        (r#"{"Type": "Wait", "Seconds": "${Delay}", "End": true}"#, "Seconds"),
        (r#"{"Type": "Pass", "InputPath": "${Path}", "End": true}"#, "InputPath"),
        (
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% ${X} %}", "End": true}"#,
            "JSONATA",
        ),
        (r#"{"Type": "Pass", "Result": "${Anything}", "End": true}"#, ""),
    ] {
        let definition = format!(r#"{{"StartAt": "A", "States": {{"A": {state}}}}}"#);
        let answer = validate_definition(&ValidationRequest::new(&definition));
        let text = answer.to_value().to_json();
        assert_eq!(answer.ok, refused.is_empty(), "{state}: {text}");
        assert!(text.contains(refused), "{state}: {text}");
        let (machine, problems) = super::super::parse_text("definition.json", &definition);
        assert!(machine.is_some(), "{state}: {problems:?}");
    }
}

/// On a thread with as little stack as any: that of this test.
#[test]
fn what_nests_deep_is_taken_or_refused_on_any_thread() {
    for (name, definition, taken) in crate::asl::nested::definitions() {
        let accepted = accept_definition(&definition, &Limits::today(), ExecutionType::Standard);
        assert_eq!(accepted.is_ok(), taken, "{name}: {:?}", accepted.err());
        let answer = validate_definition(&ValidationRequest::new(&definition));
        let codes: Vec<&str> = answer.diagnostics.iter().map(|problem| problem.code).collect();
        let expected: &[&str] = if taken { &[] } else { &["TOO_DEEPLY_NESTED"] };
        assert_eq!(codes, expected, "{name}");
    }
}
