//! Made-up data for a definition: an input and results that hold what its states read.
//!
//! States are followed from the start, and with them where their data comes from: the input, or
//! the result of a task. What a state reads is then put there. This is a guess that gets a first
//! scenario running, not an analysis.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::{Kind, Member, Node};
use crate::value::{Map, Value};

/// Made-up data.
#[derive(Debug)]
pub(super) struct Guess {
    /// The input of the execution.
    pub(super) input: Value,
    /// Of each task whose result is read: the parts that are.
    pub(super) results: BTreeMap<Arc<str>, Value>,
}

type Path = [String];

/// Where the data below a path comes from.
#[derive(Clone, Debug)]
struct Source {
    at: Vec<String>,
    from: Origin,
    /// The path within the input or the result.
    base: Vec<String>,
}

#[derive(Clone, Debug)]
enum Origin {
    Input,
    Result(Arc<str>),
    Unknown,
}

/// A path that a text reads.
#[derive(Debug, PartialEq)]
enum Read {
    /// `$.a.b`, or `$states.input.a.b`.
    Data(Vec<String>),
    /// `$states.result.a.b`.
    Result(Vec<String>),
}

impl Guess {
    /// Guesses the data of a definition.
    pub(super) fn new(root: &Node) -> Self {
        let mut guess = Self { input: empty(), results: BTreeMap::new() };
        let input = Source { at: Vec::new(), from: Origin::Input, base: Vec::new() };
        guess.level(root, &[input]);
        guess
    }

    fn level(&mut self, level: &Node, sources: &[Source]) {
        let Some(states) = level.get("States") else { return };
        let mut due: Vec<(Arc<str>, Vec<Source>)> = Vec::new();
        let start = level.get("StartAt").and_then(Node::as_str);
        due.extend(start.map(|start| (start.clone(), sources.to_vec())));
        let mut seen = BTreeSet::new();
        while let Some((name, sources)) = due.pop() {
            let Some(state) = states.get(&name) else { continue };
            if !seen.insert(name.clone()) {
                continue;
            }
            let text = |key: &str| state.get(key).and_then(Node::as_str);
            let effective = match text("InputPath").and_then(|path| first_path(path)) {
                Some(path) => rebased(&sources, &path),
                None => sources.clone(),
            };
            self.reads(&name, state, &effective);
            for key in ["ItemProcessor", "Iterator"] {
                let inner = state.get(key);
                inner.iter().for_each(|inner| self.level(inner, &[]));
            }
            let branches = state.get("Branches").and_then(Node::as_array);
            branches.unwrap_or_default().iter().for_each(|one| self.level(one, &effective));
            // The last one pushed is followed first: the way without errors.
            for catcher in state.get("Catch").and_then(Node::as_array).unwrap_or_default() {
                let next = catcher.get("Next").and_then(Node::as_str);
                let error = written(&sources, catcher.get("ResultPath"), Origin::Unknown);
                due.extend(next.map(|next| (next.clone(), error.clone())));
            }
            let after = after(&name, state, &sources);
            let choices = state.get("Choices").and_then(Node::as_array).unwrap_or_default();
            let choices = choices.iter().rev().filter_map(|choice| choice.get("Next"));
            let nexts = [state.get("Default"), state.get("Next")].into_iter().flatten();
            for next in nexts.chain(choices).filter_map(Node::as_str) {
                due.push((next.clone(), after.clone()));
            }
        }
    }

    /// Notes what the fields of a state read.
    fn reads(&mut self, name: &Arc<str>, state: &Node, sources: &[Source]) {
        let own = Source { at: Vec::new(), from: Origin::Result(name.clone()), base: Vec::new() };
        let own = [own];
        for member in members_of(state) {
            let sources = match &*member.key {
                "Next" | "Default" | "Type" | "Resource" | "Comment" | "Retry" | "Catch"
                | "InputPath" | "OutputPath" | "ResultPath" | "Result" | "ItemProcessor"
                | "Iterator" | "Branches" => continue,
                "ResultSelector" => &own,
                _ => sources,
            };
            self.survey(&member.value, &member.key, sources, &own);
        }
    }

    fn survey(&mut self, node: &Node, key: &str, data: &[Source], result: &[Source]) {
        match &node.kind {
            Kind::Array(items) => {
                items.iter().for_each(|item| self.survey(item, key, data, result));
            }
            Kind::Object(members) => {
                let compared = compared(members);
                for member in members {
                    match (&*member.key, &compared) {
                        ("Next" | "Comment", _) => {}
                        ("Variable", Some(value)) => {
                            self.text(&member.value, value, data, result);
                        }
                        _ => self.survey(&member.value, &member.key, data, result),
                    }
                }
            }
            _ => self.text(node, &made_up(key), data, result),
        }
    }

    fn text(&mut self, node: &Node, value: &Value, data: &[Source], result: &[Source]) {
        let Some(text) = node.as_str() else { return };
        for read in reads(text) {
            match read {
                Read::Data(path) => self.note(data, &path, value),
                Read::Result(path) => self.note(result, &path, value),
            }
        }
    }

    /// Puts a value where the data at `path` comes from.
    fn note(&mut self, sources: &[Source], path: &Path, value: &Value) {
        let around = sources.iter().filter(|source| path.starts_with(&source.at));
        // Of equally long paths the one that was written last counts.
        let Some(source) = around.max_by_key(|source| source.at.len()) else { return };
        let mut target = source.base.clone();
        target.extend_from_slice(&path[source.at.len()..]);
        match &source.from {
            Origin::Input => self.input = with(&self.input, &target, value),
            Origin::Result(task) => {
                let result = self.results.entry(task.clone()).or_insert_with(empty);
                *result = with(result, &target, value);
            }
            Origin::Unknown => {}
        }
    }
}

fn empty() -> Value {
    Value::object::<Arc<str>>([])
}

fn members_of(node: &Node) -> &[Member] {
    node.as_object().unwrap_or_default()
}

/// Where the data behind a state comes from.
fn after(name: &Arc<str>, state: &Node, sources: &[Source]) -> Vec<Source> {
    let has = |key: &str| state.get(key).is_some();
    let result = match state.get("Type").and_then(Node::as_str).map(|text| &**text) {
        Some("Task") if !has("ResultSelector") && !has("Output") => {
            Some(Origin::Result(name.clone()))
        }
        Some("Task" | "Map" | "Parallel") => Some(Origin::Unknown),
        Some("Pass") if has("Result") || has("Parameters") || has("Output") => {
            Some(Origin::Unknown)
        }
        _ if has("Output") => Some(Origin::Unknown),
        _ => None,
    };
    let written = match result {
        Some(origin) => written(sources, state.get("ResultPath"), origin),
        None => sources.to_vec(),
    };
    match state.get("OutputPath").map(|node| node.as_str().and_then(|text| first_path(text))) {
        Some(Some(path)) => rebased(&written, &path),
        // `$` changes nothing; `null` leaves nothing.
        Some(None) if state.get("OutputPath").is_some_and(|node| node.as_str().is_none()) => {
            Vec::new()
        }
        _ => written,
    }
}

/// The sources after something was written to a `ResultPath`.
fn written(sources: &[Source], result_path: Option<&Node>, from: Origin) -> Vec<Source> {
    let source = |at| Source { at, from, base: Vec::new() };
    match result_path.map(|node| &node.kind) {
        Some(Kind::Null) => sources.to_vec(),
        Some(Kind::String(text)) => match first_path(text) {
            Some(path) => {
                let mut sources = sources.to_vec();
                sources.retain(|known| !known.at.starts_with(&path));
                sources.push(source(path));
                sources
            }
            None => vec![source(Vec::new())],
        },
        _ => vec![source(Vec::new())],
    }
}

/// The sources as they look from `path`.
fn rebased(sources: &[Source], path: &Path) -> Vec<Source> {
    let seen = sources.iter().filter_map(|source| {
        if let Some(at) = source.at.strip_prefix(path) {
            return Some(Source { at: at.to_vec(), ..source.clone() });
        }
        let below = path.strip_prefix(&source.at[..])?;
        let mut base = source.base.clone();
        base.extend_from_slice(below);
        Some(Source { at: Vec::new(), from: source.from.clone(), base })
    });
    seen.collect()
}

/// A value for the field `key`, which reads it.
fn made_up(key: &str) -> Value {
    match key {
        "ItemsPath" | "Items" => Value::array([empty()]),
        _ if key.ends_with("SecondsPath") || key == "Seconds" => 60.into(),
        _ if key.starts_with("Timestamp") => "2024-01-01T00:01:00Z".into(),
        _ if key.starts_with("Numeric") || key == "MaxConcurrencyPath" => 1.into(),
        _ => "example".into(),
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

fn first_path(text: &str) -> Option<Vec<String>> {
    reads(text).into_iter().find_map(|read| match read {
        Read::Data(path) => Some(path),
        Read::Result(_) => None,
    })
}

/// The paths that a text reads. The Context Object (`$$.`) and variables (`$name`) are not among
/// them.
fn reads(text: &str) -> Vec<Read> {
    let jsonata = text.trim_start().starts_with("{%");
    let mut found = Vec::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(at) = rest.find('$') {
        before = rest[..at].chars().next_back().unwrap_or(before);
        rest = &rest[at + 1..];
        let (steps, result) = match jsonata {
            false if before != '$' => (rest.strip_prefix('.'), false),
            false => (None, false),
            true => match rest.strip_prefix("states.input.") {
                Some(steps) => (Some(steps), false),
                None => (rest.strip_prefix("states.result."), true),
            },
        };
        before = '$';
        let Some(steps) = steps else { continue };
        let end = steps.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let steps = &steps[..end.unwrap_or(steps.len())];
        let path: Vec<String> =
            steps.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect();
        if !path.is_empty() {
            found.push(if result { Read::Result(path) } else { Read::Data(path) });
        }
    }
    found
}

/// The value with a made-up one at `path`, where nothing better stands there.
pub(super) fn with(value: &Value, path: &Path, new: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else {
        let vague = |value: &Value| value.as_str() == Some("example") || *value == empty();
        return if vague(value) { new.clone() } else { value.clone() };
    };
    let mut members = match value {
        Value::Object(members) => (**members).clone(),
        // What is read whole and in parts is an object; a list stays one.
        Value::Array(_) => return value.clone(),
        _ => Map::default(),
    };
    let inner = match members.get(&**first) {
        Some(inner) => with(inner, rest, new),
        None if rest.is_empty() => new.clone(),
        None => with(&empty(), rest, new),
    };
    members.insert(Arc::from(first.as_str()), inner);
    Value::from(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[track_caller]
    fn check(states: &str, input: &str, results: &[(&str, &str)]) {
        let text = format!("{{\"StartAt\": \"A\", \"States\": {states}}}");
        let document = Document::parse("a.json", &text).unwrap();
        let guess = Guess::new(&document.root);
        let found: Vec<_> = guess.results.iter().map(|(k, v)| (&**k, v.to_json())).collect();
        let found: Vec<_> = found.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!((guess.input.to_json().as_str(), &found[..]), (input, results));
    }

    #[test]
    fn what_is_read_is_put_where_it_comes_from() {
        check(
            r#"{
              "A": {"Type": "Task", "Parameters": {"x.$": "$.a.b", "t.$": "$$.Task.Token"}, "Next": "B"},
              "B": {"Type": "Choice", "Default": "C", "Choices": [
                {"Variable": "$.kind", "StringEquals": "card", "Next": "C"}]},
              "C": {"Type": "Task", "Parameters": {"y.$": "$.n"}, "ResultPath": "$.c", "Next": "D"},
              "D": {"Type": "Pass", "Parameters": {"z.$": "$.c.d", "w.$": "$.m"}, "End": true}
            }"#,
            r#"{"a":{"b":"example"}}"#,
            &[("A", r#"{"kind":"card","n":"example","m":"example"}"#), ("C", r#"{"d":"example"}"#)],
        );
    }

    #[test]
    fn paths_around_states_count() {
        check(
            r#"{
              "A": {"Type": "Task", "InputPath": "$.in", "Parameters": {"x.$": "$.p"},
                "OutputPath": "$.Payload", "Next": "B"},
              "B": {"Type": "Map", "ItemsPath": "$.lines", "End": true}
            }"#,
            r#"{"in":{"p":"example"}}"#,
            &[("A", r#"{"Payload":{"lines":[{}]}}"#)],
        );
    }

    #[test]
    fn expressions_are_read_too() {
        check(
            r#"{
              "A": {"Type": "Task", "Arguments": "{% $states.input.order.id & $x.y %}",
                "Output": "{% $states.result.Payload.total %}", "End": true}
            }"#,
            r#"{"order":{"id":"example"}}"#,
            &[("A", r#"{"Payload":{"total":"example"}}"#)],
        );
    }
}
