//! The published definitions and the recorded verdicts beside the project, where they are there.

use super::*;
use crate::query::shared;
use crate::value::Value;

fn read(path: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    Value::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn refusals(name: &str, text: &str, execution_type: ExecutionType) -> Vec<String> {
    match Document::parse(name, text) {
        Ok(document) => {
            let (machine, problems) = parse(&document, &Limits::today(), execution_type);
            let errors: Vec<String> = problems
                .iter()
                .filter(|p| p.is_error())
                .map(|p| format!("{}: {p}", p.code))
                .collect();
            assert_eq!(machine.is_some(), errors.is_empty(), "{name}: {errors:?}");
            errors
        }
        Err(problem) => vec![format!("{}: {problem}", problem.code)],
    }
}

/// Whether a file is a state machine itself, not a template with one in it.
fn is_definition(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap();
    let top = |key: &str| {
        text.lines().any(|line| line.trim_start().starts_with(key) && !line.starts_with("       "))
    };
    let yaml = text.lines().any(|line| line.starts_with("StartAt:"));
    yaml || (text.trim_start().starts_with('{') && top("\"StartAt\"") && !top("\"Resources\""))
}

/// Published definitions that are decided otherwise, with the reason.
const REFUSED: [(&str, &str); 3] = [
    (
        "service-icav2-wes-manager.app-step-functions-templates-get-usage-sfn-template.4f196b",
        "a comma before the `}` of an object in an expression; the reference parser of JSONata \
         2.0.6 refuses it (S0211)",
    ),
    (
        "service-analysis-glue.app-step-functions-templates-run-nata-preflight-checks-sfn-t.e87713",
        "two state names have 81 and 87 characters; the service model (StateName) allows 80",
    ),
    (
        "aws-toolkit-vscode.commands-resources-templatejsontester-template.\
         refandfnstatemachine2e01a3a5.eccc50",
        "known to be refused for a Resource that is no ARN, but that is a placeholder here",
    ),
];

#[test]
fn published_definitions_are_accepted() {
    let Some(folder) = shared("corpora/definitions") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in read(&folder.join("index.json")).as_array().unwrap().iter() {
        let id = row.get("id").and_then(Value::as_str).unwrap();
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut files = vec![text("resolved")];
        let raw = row.get("files").and_then(Value::as_array).unwrap().iter();
        files.extend(raw.filter_map(Value::as_str).map(str::to_owned));
        for file in files {
            let path = [folder.join(&file), folder.join("files").join(&file)];
            let path = path.iter().find(|path| path.exists()).unwrap();
            let bytes = std::fs::read(path).unwrap();
            // Beside definitions there are the templates that point to them.
            if !is_definition(&bytes) {
                continue;
            }
            let errors =
                refusals(&file, &String::from_utf8(bytes).unwrap(), ExecutionType::Standard);
            count += 1;
            let valid = row.get("valid").and_then(Value::as_bool) != Some(false);
            let listed = REFUSED.iter().any(|(listed, _)| *listed == id);
            if (errors.is_empty() == valid) == listed {
                wrong.push(format!("{id} ({file}): valid {valid}, {errors:#?}"));
            }
        }
    }
    eprintln!("{count} definitions read");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rows of the corpus that are decided otherwise, with the reason.
const UNDECIDED: [(&str, &str); 2] = [
    (
        "asl-validator-valid-assign-asl-json-f53c2384",
        "assigns to `top-level`; the guide (workflow-variables) wants identifiers of UAX #31, \
         which have no hyphen, and the claiming tool checks no names",
    ),
    (
        "asl-validator-valid-task-timeout-jsonata-json-223734c1",
        "its Resource is an ARN of Amazon SWF, an example of the specification that Step \
         Functions cannot call",
    ),
];

#[test]
fn verdicts_on_definitions_are_those_of_aws() {
    let Some(folder) = shared("corpora/lint") else { return };
    let mut wrong = Vec::new();
    let (mut recorded, mut claimed) = (0, 0);
    for row in read(&folder.join("index.json")).as_array().unwrap().iter() {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let disputed = row.get("disputed").and_then(Value::as_bool) == Some(true);
        let verdict = match row.get("judged").and_then(Value::as_str) {
            Some(judged) => judged,
            None if disputed && text("strength") == "tool" => continue,
            None => text("expect"),
        };
        match text("strength") {
            "aws-recorded" => recorded += 1,
            _ => claimed += 1,
        }
        let definition = match row.get("definition") {
            Some(definition) => definition.to_json(),
            None => text("text").to_owned(),
        };
        let execution_type = match text("type") {
            "EXPRESS" => ExecutionType::Express,
            _ => ExecutionType::Standard,
        };
        let errors = refusals("definition.json", &definition, execution_type);
        let listed = UNDECIDED.iter().any(|(listed, _)| *listed == text("id"));
        if (errors.is_empty() == (verdict == "valid")) == listed {
            wrong.push(format!("{} ({}): {verdict}, {errors:#?}", text("id"), text("strength")));
        }
    }
    eprintln!("{recorded} recorded verdicts and {claimed} claimed ones compared");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recorded_machines_are_accepted() {
    let Some(folder) = shared("aws-recorded") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for group in ["history", "express", "outcome"] {
        for area in std::fs::read_dir(folder.join(group)).unwrap() {
            for case in std::fs::read_dir(area.unwrap().path()).unwrap() {
                let case = case.unwrap().path();
                let meta = read(&case.join("case.json"));
                let execution_type = match meta.get("type").and_then(Value::as_str) {
                    Some("EXPRESS") => ExecutionType::Express,
                    _ => ExecutionType::Standard,
                };
                let mut definitions = Vec::new();
                if let Ok(text) = std::fs::read_to_string(case.join("definition.json")) {
                    definitions.push(text);
                } else if let Ok(text) = std::fs::read_to_string(case.join("cases.json")) {
                    let cases = Value::parse(&text).unwrap();
                    for case in cases.as_array().into_iter().flat_map(|cases| cases.iter()) {
                        definitions.extend(case.get("definition").map(Value::to_json));
                    }
                }
                for definition in definitions {
                    count += 1;
                    let errors = refusals("definition.json", &definition, execution_type);
                    if !errors.is_empty() {
                        wrong.push(format!("{}: {errors:#?}", case.display()));
                    }
                }
            }
        }
    }
    eprintln!("{count} recorded definitions read");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recorded_test_states_are_accepted() {
    let Some(folder) = shared("aws-recorded/teststate") else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for area in std::fs::read_dir(folder).unwrap() {
        for case in std::fs::read_dir(area.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            let request = read(&case.join("request.json"));
            let definition = request.get("params").and_then(|params| params.get("definition"));
            let Some(definition) = definition.and_then(Value::as_str) else { continue };
            let document = Document::parse("definition.json", definition).unwrap();
            let (machine, problems) = match document.root.get("States") {
                Some(_) => parse(&document, &Limits::today(), ExecutionType::Standard),
                None => parse_state(&document, "State", &Limits::today()),
            };
            count += 1;
            if machine.is_none() {
                wrong.push(format!("{}: {problems:#?}", case.display()));
            }
        }
    }
    eprintln!("{count} definitions of TestState read");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
