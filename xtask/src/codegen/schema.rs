//! The JSON schema of scenario files, for editors: names of events and faults come from the library.

use serde_json::{Map, Value, json};
use stepproof::history::EventType;
use stepproof::mock::Fault;

/// The schema as it is written.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a value has a text");
    text.push('\n');
    text
}

fn schema() -> Value {
    let mut file = case_members();
    file.insert("description".into(), described("string", "what the file is about"));
    file.insert(
        "defaults".into(),
        described("object", "what every case starts from; a case replaces single keys"),
    );
    file.insert(
        "cases".into(),
        json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/case" } }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stepproof scenario",
        "description": "What goes into a state machine, how the world answers, what must come out.",
        "type": "object",
        "additionalProperties": false,
        "properties": file,
        "$defs": {
            "case": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name"],
                "properties": case_members(),
            },
            "duration": {
                "description": "milliseconds, seconds, minutes, hours, days: 500ms, 90s, 1h30m, 7d",
                "type": "string",
                "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$",
            },
            "answer": answer(),
            "answers": answers(),
            "expectation": expectation(),
            "bounds": bounds(&json!({ "type": "integer" })),
            "durationBounds": bounds(&json!({ "$ref": "#/$defs/duration" })),
            "event": event(),
        },
    })
}

fn described(kind: &str, text: &str) -> Value {
    json!({ "type": kind, "description": text })
}

fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The keys of a case; a file without `cases` has them at its top.
fn case_members() -> Map<String, Value> {
    let mocks = json!({
        "description": "answers by path, state name or resource",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/answers" },
    });
    object(json!({
        "name": described("string", "unique in the file"),
        "description": described("string", "for people"),
        "tags": { "type": ["array", "string"], "items": { "type": "string" } },
        "definition": {
            "description": "a path beside this file, or the definition itself",
            "type": ["string", "object"],
        },
        "type": { "enum": ["STANDARD", "EXPRESS"] },
        "substitutions": described("object", "values of the definition's ${placeholders}"),
        "input": { "description": "the execution's input; {} where none is given" },
        "inputFile": described("string", "a JSON or YAML file beside this one"),
        "executionName": described("string", "$$.Execution.Name"),
        "stateMachineName": described("string", "$$.StateMachine.Name"),
        "roleArn": described("string", "$$.Execution.RoleArn"),
        "startTime": described("string", "RFC 3339; 2024-01-01T00:00:00Z where none is given"),
        "seed": described("integer", "of jitter, UUIDs and random numbers"),
        "interleaving": {
            "description": "`fixed`, or a seed that shuffles which branch goes first among equals",
            "type": ["string", "integer"],
        },
        "profile": { "enum": ["today", "guide-2019"] },
        "limits": described("object", "single limits in place of the profile's"),
        "fieldValidationMode": {
            "description": "hold mocked results against AWS's service models; what is wrong fails",
            "enum": ["STRICT", "PRESENT", "NONE"],
        },
        "duplicateDelivery": {
            "description": "EXPRESS only: the start is delivered again this much later, and runs again",
            "$ref": "#/$defs/duration",
        },
        "versions": versions(),
        "aliases": aliases(),
        "startThrough": {
            "description": "the alias, or the number of the version, that is started",
            "type": ["string", "integer"],
        },
        "mocks": mocks,
        "machines": described("object", "other state machines, which nested executions really run"),
        "activities": {
            "description": "scripted workers by activity name; [] is one that nobody polls",
            "type": "object",
            "additionalProperties": {
                "oneOf": [{ "$ref": "#/$defs/answers" }, { "type": "array", "maxItems": 0 }],
            },
        },
        "objects": described("object", "the virtual S3: s3://bucket/key, and text, JSON or a file"),
        "actions": { "type": "array", "items": { "type": "object", "required": ["at"] } },
        "forEach": { "type": "array", "items": { "type": "object" } },
        "expect": { "$ref": "#/$defs/expectation" },
        "expectInvalid": { "type": "array", "items": { "type": "object" } },
        "testState": { "type": "object" },
        "expectState": { "type": "object" },
        "features": { "type": "array", "items": { "type": "string" } },
        "proves": { "type": "array", "items": { "type": "object" } },
        "basis": { "enum": ["observed", "documented", "inferred"] },
        "recording": described("string", "the recording that shows it"),
    }))
}

fn versions() -> Value {
    json!({
        "description": "published in this order, as 1, 2, …; null is the definition itself",
        "type": "array",
        "items": { "type": ["string", "object", "null"] },
    })
}

fn aliases() -> Value {
    json!({
        "description": "by name: a version's number, or the weight of each",
        "type": "object",
        "additionalProperties": {
            "oneOf": [
                { "type": "integer" },
                { "type": "object", "additionalProperties": { "type": "integer" } },
            ],
        },
    })
}

fn answers() -> Value {
    json!({
        "oneOf": [
            { "$ref": "#/$defs/answer" },
            { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/answer" } },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["byInvocation"],
                "properties": {
                    "byInvocation": { "type": "array", "items": { "$ref": "#/$defs/answer" } },
                },
            },
        ],
    })
}

fn answer() -> Value {
    let faults: Vec<&str> = Fault::all().iter().map(|fault| fault.name).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "return": { "description": "the task's result" },
            "fail": {
                "type": "object",
                "properties": {
                    "error": { "type": "string" },
                    "cause": { "description": "text, or JSON that becomes text" },
                },
            },
            "stage": described("string", "beside `fail` or `fault`: how far the task comes"),
            "fault": { "enum": faults },
            "never": described("boolean", "no answer ever"),
            "submit": { "description": "the answer of the call itself, of .sync and callback tasks" },
            "after": { "$ref": "#/$defs/duration" },
            "heartbeats": {
                "type": "object",
                "additionalProperties": false,
                "required": ["every"],
                "properties": {
                    "every": { "$ref": "#/$defs/duration" },
                    "count": { "type": "integer" },
                },
            },
            "when": { "description": "only if the call's arguments match" },
            "repeat": described("integer", "this answer serves that many attempts"),
            "worker": described("string", "the name of an activity's worker"),
            "poll": { "$ref": "#/$defs/duration" },
        },
    })
}

fn expectation() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "status": { "enum": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING"] },
            "output": { "description": "a value, or a matcher" },
            "error": { "description": "a string, or a matcher" },
            "cause": { "description": "a string, or a matcher" },
            "path": { "type": "array", "items": { "type": ["string", "object"] } },
            "states": described("object", "by state or path: input, output, entered, assigned, each"),
            "calls": described("object", "by state, path or resource: a count, arguments, or a list"),
            "history": {
                "oneOf": [
                    { "type": "array", "items": { "$ref": "#/$defs/event" } },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["file"],
                        "properties": {
                            "file": described("string", "what GetExecutionHistory answers"),
                            "ignore": { "type": "array", "items": { "type": "string" } },
                        },
                    },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["events"],
                        "properties": {
                            "excerpt": { "type": "boolean" },
                            "events": { "type": "array", "items": { "$ref": "#/$defs/event" } },
                        },
                    },
                ],
            },
            "log": {
                "description": "the lines that CloudWatch Logs gets at a level, as `history`",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "ALL": log_lines(),
                    "ERROR": log_lines(),
                    "FATAL": log_lines(),
                    "OFF": log_lines(),
                    "includeExecutionData": { "type": "boolean" },
                },
            },
            "duration": { "$ref": "#/$defs/durationBounds" },
            "transitions": { "$ref": "#/$defs/bounds" },
            "events": { "$ref": "#/$defs/bounds" },
            "statusChanges": { "type": "array" },
            "metrics": described("object", "AWS/States metrics by name"),
            "mapRuns": { "type": "array", "items": { "type": "object" } },
            "objects": described("object", "objects of the virtual S3 afterwards, by s3://bucket/key"),
            "anyOf": { "type": "array", "items": { "$ref": "#/$defs/expectation" } },
        },
    })
}

fn log_lines() -> Value {
    json!({ "type": "array", "items": { "type": ["string", "object"] } })
}

fn bounds(number: &Value) -> Value {
    json!({
        "oneOf": [
            number,
            {
                "type": "object",
                "additionalProperties": false,
                "properties": { "atLeast": number, "atMost": number },
            },
        ],
    })
}

fn event() -> Value {
    let types: Vec<&str> = EventType::ALL.iter().map(|event| event.name()).collect();
    let types_or_wildcards: Vec<&str> = types.iter().copied().chain(["*", "**"]).collect();
    json!({
        "oneOf": [
            { "enum": types_or_wildcards },
            {
                "type": "object",
                "properties": {
                    "type": { "enum": types },
                    "state": { "type": "string" },
                    "details": { "description": "these members at least" },
                    "anyOrder": { "type": "array" },
                },
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{read, root};

    /// The names in the first column of the table below a heading of `scenarios/README.md`.
    fn documented(heading: &str) -> Vec<String> {
        let text = read(&root().join("scenarios/README.md")).unwrap();
        let (_, section) = text.split_once(&format!("## {heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let cells = rows.map(|row| row.split(" | ").next().unwrap_or_default());
        let names = cells.flat_map(|cell| cell.split("`, `"));
        let word =
            |name: &str| name.chars().take_while(char::is_ascii_alphabetic).collect::<String>();
        names.map(word).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn every_key_of_the_reference_is_in_the_schema() {
        let schema = schema();
        for (heading, members) in [
            ("A case", &schema["$defs"]["case"]["properties"]),
            ("Mocks", &schema["$defs"]["answer"]["properties"]),
            ("Expectations", &schema["$defs"]["expectation"]["properties"]),
        ] {
            let names = documented(heading);
            assert!(names.len() > 5, "{heading}: {names:?}");
            for name in names {
                assert!(
                    members.get(&name).is_some(),
                    "`{name}` of `{heading}` is not in the schema"
                );
            }
        }
    }
}
