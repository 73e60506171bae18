//! A first scenario for a definition: input, a mock for every Task, a case for every error that is
//! handled.

use std::sync::Arc;

use super::write;
use crate::asl::{ErrorName, Pattern, Resource, StateKind, StateMachine, States};
use crate::document::{Document, Kind, Member, Node};
use crate::mock;
use crate::value::{Map, Value};

/// What a scenario for a definition starts from.
#[derive(Clone, Debug)]
pub struct Scaffold {
    input: Value,
    substitutions: Vec<(Arc<str>, Value)>,
    mocks: Vec<(Arc<str>, Value)>,
    activities: Vec<(Arc<str>, Value)>,
    /// The cases: a name, and the mock that it has in place of the default.
    cases: Vec<ScaffoldCase>,
}

#[derive(Clone, Debug)]
struct ScaffoldCase {
    name: String,
    /// A state, and what answers it here.
    mock: Option<(Arc<str>, Value)>,
}

/// The most cases of failing tasks.
const FAILURES: usize = 3;

impl Scaffold {
    /// A scaffold for this definition.
    pub fn new(document: &Document, machine: &StateMachine) -> Self {
        let mut scaffold = Self {
            input: input(document),
            substitutions: Vec::new(),
            mocks: Vec::new(),
            activities: Vec::new(),
            cases: vec![ScaffoldCase { name: "every service answers".into(), mock: None }],
        };
        scaffold.level(&machine.states);
        scaffold.fill_results(document);
        scaffold.cases.truncate(1 + FAILURES);
        for placeholder in &document.placeholders {
            let name = &placeholder.name;
            if !scaffold.substitutions.iter().any(|(known, _)| known == name) {
                let value =
                    made_up_value(&document.root, name, "").unwrap_or_else(|| name_of(name));
                scaffold.substitutions.push((name.clone(), value));
            }
        }
        scaffold
    }

    /// The scaffold without made-up values for placeholders: where those make no valid definition.
    #[must_use]
    pub fn without_substitutions(self) -> Self {
        Self { substitutions: Vec::new(), ..self }
    }

    fn level(&mut self, level: &States) {
        for state in level.iter() {
            if let StateKind::Task(task) = &state.kind {
                let result = mock::typical(&task.resource);
                let mut answer = vec![("return", result)];
                if task.resource.pattern() != Pattern::RequestResponse {
                    answer.push(("after", "1m".into()));
                }
                let answer = Value::object(answer);
                match &task.resource {
                    Resource::Activity { arn } => {
                        let name = arn.rsplit(':').next().unwrap_or(arn);
                        let known = self.activities.iter().any(|(known, _)| **known == *name);
                        if !known {
                            self.activities.push((name.into(), Value::array([answer])));
                        }
                    }
                    _ => self.mocks.push((state.name.clone(), answer)),
                }
                self.failure(&state.name, state);
            }
            state.levels().into_iter().for_each(|inner| self.level(inner));
        }
    }

    /// Gives each result what the definition reads below the path that the result is written to.
    fn fill_results(&mut self, document: &Document) {
        let mut reads = Vec::new();
        survey(&document.root, &mut reads, &mut Vec::new());
        for (state, answer) in &mut self.mocks {
            let node = find(&document.root, state).and_then(|node| node.get("ResultPath"));
            let path = node.and_then(Node::as_str).and_then(|text| paths(text).into_iter().next());
            let (Some(path), Some(result)) = (path, answer.get("return").cloned()) else {
                continue;
            };
            let below = reads
                .iter()
                .filter(|(read, _)| read.len() > path.len() && read[..path.len()] == path[..]);
            let result = below.fold(result, |result, (read, value)| {
                with(&result, &read[path.len()..], value.clone())
            });
            if let Value::Object(members) = &*answer {
                *answer = Value::Object(members.with("return", result));
            }
        }
    }

    /// A case in which the task fails with the first error that the state handles.
    fn failure(&mut self, name: &Arc<str>, state: &crate::asl::State) {
        let caught = state.catch.iter().flat_map(|catcher| catcher.error_equals.iter());
        let retried = state.retry.iter().flat_map(|retrier| retrier.error_equals.iter());
        let Some(error) = caught.chain(retried).next() else { return };
        if !self.mocks.iter().any(|(known, _)| known == name) {
            return;
        }
        let fail = Value::object([
            ("error", Value::from(made_up_error(error))),
            ("cause", "made up".into()),
        ]);
        let mock = Value::object([("fail", fail)]);
        let mock = Some((name.clone(), mock));
        self.cases.push(ScaffoldCase { name: format!("{name} fails"), mock });
    }

    /// The cases' names, in order.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| case.name.as_str())
    }

    /// The scenario as YAML. `definition` is how the file names the definition; `expected` holds
    /// what each case is to expect, as far as it is known.
    pub fn to_yaml(&self, definition: &str, expected: &[Value]) -> String {
        let mut out = format!("definition: {}\n", write::string(definition));
        if !self.substitutions.is_empty() {
            out.push_str("# What fills in the ${placeholders} of the definition.\n");
            out.push_str(&member("substitutions", &object(&self.substitutions), 0));
        }
        out.push_str(
            "\n# What every case starts from; a case can replace single inputs and mocks.\n",
        );
        out.push_str("defaults:\n");
        out.push_str(&member("input", &self.input, 2));
        for (key, entries) in [("mocks", &self.mocks), ("activities", &self.activities)] {
            if !entries.is_empty() {
                out.push_str(&format!("  {key}:\n"));
                entries.iter().for_each(|(name, answer)| out.push_str(&member(name, answer, 4)));
            }
        }
        out.push_str(
            "\n# What the interpreter answers today: change it to what you mean.\ncases:\n",
        );
        for (i, ScaffoldCase { name, mock }) in self.cases.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            out.push_str(&format!("  - name: {}\n", write::string(name)));
            if let Some((state, answer)) = mock {
                let mocks = Value::object([(state.clone(), answer.clone())]);
                out.push_str(&member("mocks", &mocks, 4));
            }
            if let Some(Value::Object(expected)) = expected.get(i) {
                out.push_str("    expect:\n");
                for (key, value) in expected.iter() {
                    out.push_str(&member(key, value, 6));
                }
            }
        }
        out
    }
}

/// The definition of the state called `name`, on any level.
fn find<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.kind {
        Kind::Object(members) => {
            let own = node.get("States").and_then(|states| states.get(name));
            own.or_else(|| members.iter().find_map(|member| find(&member.value, name)))
        }
        Kind::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

fn member(key: &str, value: &Value, indent: usize) -> String {
    let key = write::string(key);
    let used = indent + key.chars().count() + 1;
    format!("{}{key}:{}\n", " ".repeat(indent), write::member(value, indent, used))
}

fn object(members: &[(Arc<str>, Value)]) -> Value {
    Value::object(members.iter().map(|(key, value)| (key.clone(), value.clone())))
}

/// An error that the handler takes: its own name, where that is one a service can answer.
fn made_up_error(error: &ErrorName) -> String {
    match &*error.0 {
        "States.ALL" | "States.Timeout" | "States.HeartbeatTimeout" => "States.TaskFailed".into(),
        name => name.to_owned(),
    }
}

/// A value for the placeholder `name` that fits the field it stands in; `key` is that of `node`.
fn made_up_value(node: &Node, name: &str, key: &str) -> Option<Value> {
    match &node.kind {
        Kind::String(text) => {
            let placeholder = format!("${{{name}}}");
            let whole = **text == placeholder;
            let number = key.ends_with("Seconds")
                || matches!(key, "MaxConcurrency" | "MaxAttempts" | "BackoffRate" | "MaxItems")
                || key.starts_with("Numeric")
                || key.starts_with("Tolerated");
            if !text.contains(&placeholder) {
                None
            } else if key == "Resource" && whole {
                let short: String =
                    name.chars().filter(|c| c.is_ascii_alphanumeric()).take(60).collect();
                Some(format!("arn:aws:lambda:us-east-1:123456789012:function:{short}").into())
            } else if (whole && number) || text.trim_start().starts_with("{%") {
                // In an expression a number is valid with and without quotes around it.
                Some(Value::from(1))
            } else if whole && key.starts_with("Boolean") {
                Some(Value::Bool(true))
            } else {
                None
            }
        }
        Kind::Array(items) => items.iter().find_map(|item| made_up_value(item, name, key)),
        Kind::Object(members) => {
            members.iter().find_map(|member| made_up_value(&member.value, name, &member.key))
        }
        _ => None,
    }
}

fn name_of(placeholder: &str) -> Value {
    match placeholder {
        "AWS::Region" => "us-east-1".into(),
        "AWS::AccountId" => "123456789012".into(),
        "AWS::Partition" => "aws".into(),
        name => format!("example-{name}").into(),
    }
}

/// An input with a made-up value for every path into it that the definition reads, as far as no
/// state writes there.
fn input(document: &Document) -> Value {
    let mut reads = Vec::new();
    let mut writes = Vec::new();
    survey(&document.root, &mut reads, &mut writes);
    let mut input = Value::object::<Arc<str>>([]);
    for (path, value) in reads {
        if !writes.contains(&path[0]) {
            input = with(&input, &path, value);
        }
    }
    input
}

type Read = (Vec<String>, Value);

fn survey(node: &Node, reads: &mut Vec<Read>, writes: &mut Vec<String>) {
    let Kind::Object(members) = &node.kind else {
        if let Kind::Array(items) = &node.kind {
            items.iter().for_each(|item| survey(item, reads, writes));
        }
        if let Some(text) = node.as_str() {
            reads.extend(paths(text).into_iter().map(|path| (path, Value::from("example"))));
        }
        return;
    };
    let variable = members.iter().find(|member| &*member.key == "Variable");
    if let (Some(variable), Some(value)) = (variable, compared(members)) {
        let paths = variable.value.as_str().map(|text| paths(text)).unwrap_or_default();
        reads.extend(paths.into_iter().map(|path| (path, value.clone())));
    }
    for member in members {
        match (&*member.key, member.value.as_str()) {
            ("ResultPath", Some(text)) => {
                writes.extend(paths(text).into_iter().filter_map(|path| path.into_iter().next()));
            }
            ("ItemsPath" | "Items", Some(text)) => {
                let one = Value::array([Value::object::<Arc<str>>([])]);
                reads.extend(paths(text).into_iter().map(|path| (path, one.clone())));
            }
            ("SecondsPath" | "TimeoutSecondsPath" | "HeartbeatSecondsPath", Some(text)) => {
                reads.extend(paths(text).into_iter().map(|path| (path, Value::from(60))));
            }
            ("TimestampPath", Some(text)) => {
                let time = Value::from("2024-01-01T00:01:00Z");
                reads.extend(paths(text).into_iter().map(|path| (path, time.clone())));
            }
            // Names of things, and text that is for people.
            ("Comment" | "Resource" | "Variable", _) => {}
            _ => survey(&member.value, reads, writes),
        }
    }
}

/// What a rule compares its variable with.
fn compared(members: &[Member]) -> Option<Value> {
    let operator = |key: &str| {
        ["String", "Numeric", "Boolean", "Timestamp"].iter().any(|kind| key.starts_with(kind))
            && !key.ends_with("Path")
    };
    members.iter().find(|member| operator(&member.key)).map(|member| member.value.to_value())
}

/// The paths into the input that a text reads: `$.a.b`, or `$states.input.a.b`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let context = rest[..at].ends_with('$');
        rest = &rest[at + 1..];
        let Some(steps) = rest.strip_prefix('.').or_else(|| rest.strip_prefix("states.input."))
        else {
            continue;
        };
        let end = steps.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let steps = &steps[..end.unwrap_or(steps.len())];
        let path: Vec<String> =
            steps.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        if !path.is_empty() && !context {
            found.push(path);
        }
    }
    found
}

/// The value with a made-up one at `path`, where nothing better stands there.
fn with(value: &Value, path: &[String], new: Value) -> Value {
    let Some((first, rest)) = path.split_first() else {
        let vague = |value: &Value| value.as_str() == Some("example");
        let keep = !vague(value) && (vague(&new) || value.depth() > 0 || value.as_str().is_some());
        return if keep { value.clone() } else { new };
    };
    let mut members = match value {
        Value::Object(members) => (**members).clone(),
        // What is read whole and in parts is an object; a list stays one.
        Value::Array(_) => return value.clone(),
        _ => Map::default(),
    };
    let inner = match members.get(&**first) {
        Some(inner) => with(inner, rest, new),
        None if rest.is_empty() => new,
        None => with(&Value::object::<Arc<str>>([]), rest, new),
    };
    members.insert(Arc::from(first.as_str()), inner);
    Value::from(members)
}
