//! A first scenario for a definition: input, a mock for every Task, a case for every error that is
//! handled.

use std::sync::Arc;

use super::guess::Guess;
use super::write;
use crate::asl::{ErrorName, Pattern, Resource, StateKind, StateMachine, States};
use crate::document::{Document, Kind, Node};
use crate::mock;
use crate::service_model;
use crate::value::Value;

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
        let guess = Guess::new(&document.root);
        let mut scaffold = Self {
            input: guess.input.clone(),
            substitutions: Vec::new(),
            mocks: Vec::new(),
            activities: Vec::new(),
            cases: vec![ScaffoldCase { name: "every service answers".into(), mock: None }],
        };
        scaffold.level(&machine.states, &guess);
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

    fn level(&mut self, level: &States, guess: &Guess) {
        for state in level.iter() {
            if let StateKind::Task(task) = &state.kind {
                let typical = mock::typical(&task.resource);
                // What is read of a result, in the shape that its service gives it.
                let result = match guess.results.get(&state.name) {
                    Some(parts) => service_model::fit(&task.resource, &filled(&typical, parts)),
                    None => typical,
                };
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
            state.levels().into_iter().for_each(|inner| self.level(inner, guess));
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

    /// Leaves out the cases for which `keep`, asked in their order, says no.
    pub fn retain_cases(&mut self, mut keep: impl FnMut() -> bool) {
        self.cases.retain(|_| keep());
    }

    /// The cases' names, in order.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| case.name.as_str())
    }

    /// The scenario as YAML. `definition` is how the file names the definition; `expected` holds
    /// what each case is to expect, as far as it is known, and a remark about it.
    pub fn to_yaml(&self, definition: &Value, expected: &[(Value, Option<String>)]) -> String {
        let mut out = member("definition", definition, 0);
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
            if let Some((Value::Object(expected), remark)) = expected.get(i) {
                out.push_str("    expect:\n");
                if let Some(remark) = remark {
                    out.push_str(&format!("      # {}\n", remark.replace('\n', " ")));
                }
                for (key, value) in expected.iter() {
                    out.push_str(&member(key, value, 6));
                }
            }
        }
        out
    }
}

/// A typical result with the parts that are read; what is typical stays.
fn filled(result: &Value, parts: &Value) -> Value {
    match (result, parts) {
        (Value::Object(members), Value::Object(parts)) => {
            let mut members = (**members).clone();
            for (key, part) in parts.iter() {
                let inner = match members.get(key) {
                    Some(inner) => filled(inner, part),
                    None => part.clone(),
                };
                members.insert(key.clone(), inner);
            }
            Value::from(members)
        }
        _ => result.clone(),
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
                || key.starts_with("Max")
                || key == "BackoffRate"
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
