//! Conversations that were recorded on AWS, held again.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::history::tests::shared;

/// Recordings that cannot come out the same, and why. One that does is an error.
const DIFFERENT: &[(&str, &str)] = &[
    ("base_scenarios.lambda_service_invoke_sync_execution", CALLS_A_FUNCTION),
    ("test_state_scenarios.base_lambda_task_state.DEBUG", CALLS_A_FUNCTION),
    ("test_state_scenarios.base_lambda_task_state.INFO", CALLS_A_FUNCTION),
    ("test_state_scenarios.base_lambda_task_state.TRACE", CALLS_A_FUNCTION),
];
const CALLS_A_FUNCTION: &str =
    "calls a Lambda function, which an account without integrations does not have";

/// AWS answers `encryptionConfiguration` since customer-managed keys came in July 2024.
const ENCRYPTION_SINCE: &str = "2024-11";

/// Names that stand for one value each, and what they stood for so far.
#[derive(Default)]
struct Bindings {
    kinds: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
}

impl Bindings {
    fn of(case: &Value) -> Self {
        let mut bindings = Self::default();
        let given = case.get("placeholders").and_then(Value::as_object);
        for (name, kind) in given.into_iter().flat_map(|all| all.iter()) {
            let kind = kind.as_str().unwrap_or_default();
            bindings.kinds.insert(name.to_string(), kind.to_owned());
        }
        // Masks of execution names that the lists leave out.
        for i in 0..8 {
            let name = format!("ExecArnPart_{i}idx");
            if !bindings.kinds.contains_key(&format!("<{name}>")) {
                bindings.kinds.entry(name).or_insert_with(|| "bind".to_owned());
            }
        }
        bindings.kinds.remove("<ArnPart_0idx>");
        bindings
    }

    /// A request with what the names stand for in their places.
    fn fill(&self, request: &Value) -> String {
        let mut text = request.to_json();
        for (mask, own) in [
            ("<partition>", "aws"),
            ("<region>", "us-east-1"),
            ("<ArnPart_0idx>", "ArnPart_0idx"),
            // The tool that recovered the requests did not know this execution's machine.
            (":execution:unknown:", ":execution:ArnPart_0idx:"),
        ] {
            text = text.replace(mask, own);
        }
        for (name, value) in &self.values {
            text = text.replace(name.as_str(), value);
        }
        text
    }

    fn matches(&mut self, expected: &Value, actual: &Value) -> Result<(), String> {
        let differ =
            || Err(format!("expected {}, actual {}", expected.to_json(), actual.to_json()));
        match (expected, actual) {
            // A wild name stands for a value of any type.
            (Value::String(name), _) if self.is_wild(name) => Ok(()),
            (Value::String(expected), Value::String(actual)) => self.text(expected, actual),
            // Texts of JSON are recorded as what they hold.
            (Value::Object(_) | Value::Array(_), Value::String(text)) => match Value::parse(text) {
                Ok(inner) => self.matches(expected, &inner),
                Err(_) => differ(),
            },
            (Value::Object(all), Value::Object(own)) => {
                if let Some((key, _)) = own.iter().find(|(key, _)| all.get(&**key).is_none()) {
                    return Err(format!("`{key}` is too much in {}", actual.to_json()));
                }
                for (key, value) in all.iter() {
                    let Some(own) = own.get(&**key) else {
                        return Err(format!("`{key}` is missing in {}", actual.to_json()));
                    };
                    self.matches(value, own).map_err(|why| format!("{key}: {why}"))?;
                }
                Ok(())
            }
            (Value::Array(all), Value::Array(own)) if all.iter().count() == own.iter().count() => {
                all.iter().zip(own.iter()).try_for_each(|(all, own)| self.matches(all, own))
            }
            (expected, actual) if expected == actual => Ok(()),
            _ => differ(),
        }
    }

    fn is_wild(&self, name: &str) -> bool {
        self.kinds.get(name).is_some_and(|kind| kind == "wild")
    }

    /// Compares texts from left to right: the first name in the expected one takes what stands
    /// before the next fixed text.
    fn text(&mut self, expected: &str, actual: &str) -> Result<(), String> {
        let differ = || format!("expected {expected:?}, actual {actual:?}");
        if expected == actual {
            return Ok(());
        }
        if let (Ok(expected), Ok(actual)) = (Value::parse(expected), Value::parse(actual))
            && (expected.as_object().is_some() || expected.as_array().is_some())
        {
            return self.matches(&expected, &actual);
        }
        let first = |text: &str| {
            let found =
                self.kinds.keys().filter_map(|name| Some((text.find(name.as_str())?, name)));
            let first = found.min_by_key(|(at, name)| (*at, std::cmp::Reverse(name.len())));
            first.map(|(at, name)| (at, name.clone()))
        };
        let Some((at, name)) = first(expected) else { return Err(differ()) };
        let rest = actual.strip_prefix(&expected[..at]).ok_or_else(differ)?;
        let after = &expected[at + name.len()..];
        let fixed = &after[..first(after).map_or(after.len(), |(at, _)| at)];
        let end = match fixed.is_empty() {
            true => rest.len(),
            false => rest.find(fixed).ok_or_else(differ)?,
        };
        if !self.is_wild(&name) {
            let bound = self.values.entry(name).or_insert_with(|| rest[..end].to_owned());
            if *bound != rest[..end] {
                return Err(format!("{}: bound to {bound:?}", differ()));
            }
        }
        self.text(after, &rest[end..])
    }
}

fn read(path: &Path) -> Value {
    Value::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The answer in the shapes that the recordings have for it.
fn seen(answer: &Result<Value, ApiError>, operation: &str, expected: &Value) -> Value {
    let error = match answer {
        Ok(value) => return value.clone(),
        Err(error) => error,
    };
    let (code, message) = (Value::from(error.code), Value::from(error.message.as_str()));
    let text = Value::from(format!(
        "An error occurred ({}) when calling the {operation} operation: {}",
        error.code, error.message
    ));
    if expected.as_str().is_some() {
        text
    } else if expected.get("exception_typename").is_some() {
        Value::object([("exception_typename", code), ("exception_value", text)])
    } else {
        let error = Value::object([("Code", code), ("Message", message.clone())]);
        let mut members = vec![("Error", error), ("message", message)];
        // Some recordings kept the error alone.
        members.retain(|(key, _)| expected.get(key).is_some() || *key == "Error");
        Value::object(members)
    }
}

fn without_encryption(answer: Value) -> Value {
    match answer {
        Value::Object(members) => {
            let mut members = members.into_map();
            members.shift_remove("encryptionConfiguration");
            Value::from(members)
        }
        other => other,
    }
}

fn recorded_account() -> Service {
    Service::new(Account { account_id: "111111111111".into(), ..Account::default() })
}

/// Holds one conversation: how many answers were compared, or the first difference.
fn hold(folder: &Path, case: &Value) -> Result<usize, String> {
    let mut service = recorded_account();
    if folder.ends_with("sfn_api_logs.deleted_log_group") {
        service.surroundings_mut().log_groups = Some(Default::default());
    }
    if folder.ends_with("sfn_api_map_run.list_map_runs_and_describe_map_run") {
        // The recording did not keep the file; its counts say that it had two rows.
        let rows = b"Number\n1\n2\n".to_vec();
        service.objects_mut().put("bucket_name", "file.csv", rows, START).unwrap();
    }
    let mut bindings = Bindings::of(case);
    let recorded = case.get("recorded").and_then(Value::as_str).unwrap_or_default();
    let (mut now, mut compared) = (START, 0);
    for one in read(&folder.join("calls.json")).as_array().unwrap().iter() {
        let operation = one.get("api").and_then(Value::as_str).unwrap();
        let body = bindings.fill(one.get("request").unwrap());
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        // The recorders waited for the executions' ends before they looked at them.
        if operation.starts_with("Describe") || operation.starts_with("List") {
            while let Some((deadline, _)) = service.next_deadline() {
                now = deadline;
                service.handle_timeout(now);
                settle(&mut service, now);
            }
        }
        let answer = ask_at(&mut service, now, operation, body);
        let expected = one.get("recorded").and_then(Value::as_object);
        // A start without a recorded answer still says which execution is meant.
        if expected.is_none()
            && let Ok(answer) = &answer
            && let Some(arn) = answer.get("executionArn").and_then(Value::as_str)
        {
            let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
            bindings.values.entry("ExecArnPart_0idx".to_owned()).or_insert(name);
        }
        for (name, expected) in expected.into_iter().flat_map(|all| all.iter()) {
            let actual = seen(&answer, operation, expected);
            let old = recorded < ENCRYPTION_SINCE;
            let actual = if old { without_encryption(actual) } else { actual };
            let matched = bindings.matches(expected, &actual);
            matched.map_err(|why| format!("{operation} ({name}): {why}"))?;
            compared += 1;
        }
    }
    Ok(compared)
}

#[test]
fn conversations() {
    let Some(root) = shared("aws-recorded/api") else { return };
    let (mut held, mut compared, mut wrong) = (0, 0, Vec::new());
    for area in std::fs::read_dir(root).unwrap() {
        for folder in std::fs::read_dir(area.unwrap().path()).unwrap() {
            let folder = folder.unwrap().path();
            let case = folder.file_name().unwrap().to_string_lossy().into_owned();
            let result = hold(&folder, &read(&folder.join("case.json")));
            let reason = DIFFERENT.iter().find(|(name, _)| *name == case);
            match (result, reason) {
                (Ok(answers), None) => (held, compared) = (held + 1, compared + answers),
                (Err(_), Some(_)) => {}
                (Ok(_), Some(_)) => wrong.push(format!("{case}: now comes out the same")),
                (Err(why), None) => wrong.push(format!("{case}: {why}")),
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{held} held, {} not:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{held} conversations, {compared} answers");
    assert!(held > 80 && compared > 90, "{held} conversations, {compared} answers");
}

#[test]
fn states_and_definitions() {
    let (mut held, mut wrong) = (0, Vec::new());
    for group in ["aws-recorded/teststate", "aws-recorded/validation"] {
        let Some(root) = shared(group) else { return };
        for area in std::fs::read_dir(root).unwrap() {
            for folder in std::fs::read_dir(area.unwrap().path()).unwrap() {
                let folder = folder.unwrap().path();
                if !folder.join("request.json").exists() {
                    continue;
                }
                let request = read(&folder.join("request.json"));
                let mut bindings = Bindings::of(&read(&folder.join("case.json")));
                let operation = request.get("api").and_then(Value::as_str).unwrap();
                let body = request.get("params").unwrap().to_json();
                let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
                if operation == "CreateStateMachine" {
                    // The recordings keep of these requests what matters.
                    body["name"] = "M".into();
                    body["roleArn"] = ROLE.into();
                }
                let answer = ask(&mut recorded_account(), operation, body);
                let expected = read(&folder.join("response.json"));
                let actual = seen(&answer, operation, &expected);
                let case = folder.file_name().unwrap().to_string_lossy().into_owned();
                let differs = DIFFERENT.iter().any(|(name, _)| *name == case);
                match bindings.matches(&expected, &actual) {
                    Ok(()) if differs => wrong.push(format!("{case}: now comes out the same")),
                    Ok(()) => held += 1,
                    Err(_) if differs => {}
                    Err(why) => wrong.push(format!("{case}: {why}")),
                }
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{held} held, {} not:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{held} answers");
}
