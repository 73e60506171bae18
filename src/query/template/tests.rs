//! Templates by example, and every recorded intrinsic function as its definition writes it.

use super::*;
use crate::query::jsonpath::{Path, ReferencePath};
use crate::query::shared;

#[track_caller]
fn check(template: &str, expected: Result<&str, &str>) {
    let input = Value::parse(r#"{"a":{"b":[1,2]},"s":"x","n":null}"#).unwrap();
    let context = Value::parse(r#"{"Execution":{"Id":"e"}}"#).unwrap();
    let scope = Scope { input: &input, context: &context, variables: &() };
    let template = Value::parse(template).unwrap();
    let got = match PayloadTemplate::compile(&template) {
        Ok(template) => template
            .render(&scope, &mut Entropy::new(1))
            .map(|value| value.to_json())
            .map_err(|error| error.to_string()),
        Err(problems) => {
            Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    };
    assert_eq!(got.as_deref().map_err(String::as_str), expected);
}

#[test]
fn members_with_a_dollar_are_replaced() {
    check(
        r#"{"x.$":"$.a","y":1,"z":{"w.$":"$$.Execution.Id"}}"#,
        Ok(r#"{"y":1,"z":{"w":"e"},"x":{"b":[1,2]}}"#),
    );
    check(
        r#"{"list":[{"x.$":"$.s"},"$.s"],"n.$":"$.n"}"#,
        Ok(r#"{"list":[{"x":"x"},"$.s"],"n":null}"#),
    );
    check(r#"{"x.$":"States.Format('{}-{}', $.s, $.a.b[1])"}"#, Ok(r#"{"x":"x-2"}"#));
    check(
        r#"{"TaskToken.$":"$.s","w":0,"arg1.$":"$.n","arg2.$":"$.a.b[0]","v":1}"#,
        Ok(r#"{"w":0,"v":1,"arg2":1,"arg1":null,"TaskToken":"x"}"#),
    );
    check(r#"{".$":"$.s"}"#, Ok(r#"{"":"x"}"#));
    check(r#""$.s""#, Ok(r#""$.s""#));
}

#[test]
fn causes_are_those_of_aws() {
    check(
        r#"{"deep":{"value.$":"$.nope"}}"#,
        Err("States.Runtime: The JSONPath '$.nope' specified for the field 'value.$' could not \
             be found in the input '{\"a\":{\"b\":[1,2]},\"s\":\"x\",\"n\":null}'"),
    );
    check(
        r#"{"value.$":"States.ArrayLength($.s)"}"#,
        Err("States.IntrinsicFailure: The function 'States.ArrayLength($.s)' had the following \
             error: argument 1 must be an array, not string"),
    );
}

#[test]
fn every_problem_is_reported_with_its_place() {
    check(
        r#"{"a.$":1,"b":[{"c/d.$":"x"}],"e.$":"$[","f":1,"f.$":"$"}"#,
        Err("/a.$: a key that ends in `.$` needs a JSONPath or an intrinsic function in a \
             string, not number; for a literal drop the `.$`\n\
             /b/0/c~1d.$: `x` is not an intrinsic function: there is no function `x`, at \
             character 1\n\
             /e.$: `$[` is not a JSONPath: com.jayway.jsonpath.InvalidPathException: Could not \
             analyze path component: [\n\
             /f.$: `f` and `f.$` give the same field, keep one of them"),
    );
}

#[test]
fn literal_parts_are_shared() {
    let template = Value::parse(r#"{"big":{"x":[1,2,3]},"v.$":"$"}"#).unwrap();
    let compiled = PayloadTemplate::compile(&template).unwrap();
    let scope = Scope { input: &Value::Null, context: &Value::Null, variables: &() };
    let rendered = compiled.render(&scope, &mut Entropy::new(1)).unwrap();
    assert!(rendered.get("big").unwrap().same(template.get("big").unwrap()));
    assert!(!compiled.reads_context() && !compiled.is_literal());
    let context = Value::parse(r#"{"v.$":"States.Array($$.Map)"}"#).unwrap();
    assert!(PayloadTemplate::compile(&context).unwrap().reads_context());
}

#[test]
fn recorded_intrinsic_functions() {
    let Some(folder) = shared("aws-recorded/history/intrinsic_functions") else { return };
    let mut tried = 0;
    for case in std::fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let read = |name| Value::parse(&std::fs::read_to_string(case.join(name)).unwrap()).unwrap();
        let definition = read("definition.json");
        let states = definition.get("States").and_then(Value::as_object).unwrap();
        let [state] = &states.values().collect::<Vec<_>>()[..] else { continue };
        let Some(parameters) = state.get("Parameters") else { continue };
        tried += 1;
        let input = read("input.json");
        let context = Value::object([
            ("StateMachine", Value::object([("Name", Value::from("<ArnPart_0idx>"))])),
            ("Execution", Value::object([("Input", input.clone())])),
        ]);
        let scope = Scope { input: &input, context: &context, variables: &() };
        let template = PayloadTemplate::compile(parameters).unwrap();
        let mut got = template.render(&scope, &mut Entropy::new(1)).unwrap();
        if let Some(path) = state.get("ResultPath").and_then(Value::as_str) {
            got = ReferencePath::parse(path).unwrap().write(&input, got).unwrap();
        }
        if let Some(path) = state.get("OutputPath").and_then(Value::as_str) {
            got = Path::parse(path).unwrap().read(&got).unwrap();
        }
        let expected = read("expected.json");
        let expected =
            Value::parse(expected.get("output").and_then(Value::as_str).unwrap()).unwrap();
        if case.to_string_lossy().contains("math_random") {
            assert_eq!(got.to_json(), r#"{"FunctionResult":239}"#);
        } else {
            assert_eq!(got.to_json(), expected.to_json(), "{}", case.display());
        }
    }
    assert_eq!(tried, 77);
}

/// All functions at once, with the order of members.
#[test]
fn recorded_assign_from_intrinsic_functions() {
    let case = "aws-recorded/history/assign/assign_reference_variables.assign_from_value.\
                BASE_ASSIGN_FROM_INTRINSIC_FUNCTION";
    let Some(case) = shared(case) else { return };
    let read = |name| Value::parse(&std::fs::read_to_string(case.join(name)).unwrap()).unwrap();
    let definition = read("definition.json");
    let state = definition.get("States").and_then(|states| states.get("State0")).unwrap();
    let template = PayloadTemplate::compile(state.get("Assign").unwrap()).unwrap();
    let input = state.get("Result").unwrap();
    let scope = Scope { input, context: &Value::Null, variables: &() };
    let assigned = template.render(&scope, &mut Entropy::new(1)).unwrap();
    let history = read("history.json");
    let event = history.get("events").and_then(|events| events.at(2)).unwrap();
    let recorded = event.get("stateExitedEventDetails").unwrap().get("assignedVariables").unwrap();
    for (name, text) in recorded.as_object().unwrap().iter() {
        if name.as_ref() != "uuidOp" {
            assert_eq!(Some(assigned.get(name).unwrap().to_json().as_str()), text.as_str());
        }
    }
}

/// Nothing that people publish is refused.
#[test]
fn published_templates_compile() {
    let Some(folder) = shared("corpora/definitions/resolved") else { return };
    let mut tried = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut rest = vec![Value::parse(&text).unwrap()];
        while let Some(value) = rest.pop() {
            match value {
                Value::Array(items) => rest.extend(items.iter().cloned()),
                // The result of a Pass state is data, whatever its keys.
                Value::Object(members) => {
                    for (key, member) in members.iter().filter(|(key, _)| key.as_ref() != "Result")
                    {
                        rest.push(member.clone());
                        if key.ends_with(".$") {
                            tried += 1;
                            let template = Value::object([(key.clone(), member.clone())]);
                            let compiled = PayloadTemplate::compile(&template);
                            assert!(compiled.is_ok(), "{}: {compiled:?}", file.display());
                        }
                    }
                }
                _ => {}
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}
