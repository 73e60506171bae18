//! Reading mocks from the JSON that a scenario's YAML stands for.

use std::time::Duration;

use super::{Answer, Body, Counting, Fault, Heartbeats, Mock, Outcome, Source, resolve};
use crate::duration;
use crate::engine::FailureStage;
use crate::history::Failure;
use crate::matcher::Matcher;
use crate::value::{Map, Value};

/// A mock that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct MockError {
    /// Where in the mock: `$[1].heartbeats.every`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

const ANSWER_KEYS: [&str; 11] = [
    "worker",
    "return",
    "fail",
    "fault",
    "never",
    "submit",
    "after",
    "heartbeats",
    "when",
    "repeat",
    "stage",
];

impl Mock {
    /// Reads one answer, a list of answers, or `{ byInvocation: […] }`.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        match value {
            Value::Array(_) => {
                let source = Source::Answers(parse_list(value, "$")?);
                Ok(Self { source, counting: Counting::Attempts })
            }
            Value::Object(members) if members.contains_key("byInvocation") => {
                only(members, &["byInvocation"], "$")?;
                let source =
                    Source::Answers(parse_list(&members["byInvocation"], "$.byInvocation")?);
                Ok(Self { source, counting: Counting::Invocations })
            }
            _ => Ok(Answer::parse_at(value, "$")?.into()),
        }
    }
}

impl Answer {
    /// Reads one answer.
    ///
    /// # Errors
    ///
    /// Where a key is unknown or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MockError> {
        Self::parse_at(value, "$")
    }

    fn parse_at(value: &Value, path: &str) -> Result<Self, MockError> {
        let members = object(value, path, "an answer, such as `{ return: … }`")?;
        only(members, &ANSWER_KEYS, path)?;
        let mut answer = Self::of(parse_outcome(members, path)?);
        if let Some(stage) = members.get("stage") {
            answer = answer.at_stage(parse_stage(stage, &format!("{path}.stage"))?);
        }
        for (key, member) in members {
            let path = format!("{path}.{key}");
            match &**key {
                "after" => answer.after = Some(parse_duration(member, &path)?),
                "submit" => answer.submit = Some(parse_body(member, &path)?),
                "repeat" => answer.repeat = Some(parse_count(member, &path)?),
                "heartbeats" => answer.heartbeats = Some(parse_heartbeats(member, &path)?),
                "worker" => match member {
                    Value::String(name) => answer.worker = Some(name.clone()),
                    _ => return fail(&path, "the worker's name as a string is needed"),
                },
                "when" => {
                    let matcher = Matcher::parse(member).map_err(|error| MockError {
                        path: format!("{path}{}", error.path.trim_start_matches('$')),
                        message: error.message,
                    })?;
                    answer.when = Some(matcher);
                }
                _ => {}
            }
        }
        let endless = answer.heartbeats.is_some_and(|beats| beats.count.is_none());
        if endless && answer.after.is_none() {
            let message = "heartbeats without an end: give a `count`, or `after` for the answer";
            return fail(&format!("{path}.heartbeats"), message);
        }
        if answer.heartbeats.is_some_and(|beats| beats.every.is_zero()) {
            return fail(&format!("{path}.heartbeats.every"), "heartbeats need time between them");
        }
        Ok(answer)
    }
}

fn parse_list(value: &Value, path: &str) -> Result<Vec<Answer>, MockError> {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        return fail(path, "a list of at least one answer is needed");
    };
    let items = items.iter().enumerate();
    items.map(|(i, item)| Answer::parse_at(item, &format!("{path}[{i}]"))).collect()
}

fn parse_outcome(members: &Map, path: &str) -> Result<Outcome, MockError> {
    let given: Vec<&str> = ["return", "fail", "fault", "never"]
        .into_iter()
        .filter(|key| members.contains_key(*key))
        .collect();
    let at = |key: &str| format!("{path}.{key}");
    match given[..] {
        ["return"] => Ok(Outcome::Return(parse_body(&members["return"], &at("return"))?)),
        ["fail"] => parse_failure(&members["fail"], &at("fail")),
        ["fault"] => match members["fault"].as_str() {
            Some(name) => match Fault::find(name) {
                Some(fault) => Ok(Outcome::Fault(fault, None)),
                None => fail(&at("fault"), resolve::unknown_fault(name)),
            },
            None => fail(&at("fault"), "the name of a fault is needed, such as `lambda.throttled`"),
        },
        [_] if members["never"].as_bool() == Some(true) => Ok(Outcome::Never),
        [_] => fail(&at("never"), "`never` takes `true`"),
        // The callback or the end of the job comes from outside, or not at all.
        [] if members.contains_key("submit") || members.contains_key("heartbeats") => {
            Ok(Outcome::Never)
        }
        [] => fail(path, "an answer needs `return`, `fail`, `fault`, `never` or `submit`"),
        [first, second, ..] => {
            fail(path, format!("an answer has either `{first}` or `{second}`, not both"))
        }
    }
}

fn parse_failure(value: &Value, path: &str) -> Result<Outcome, MockError> {
    let members = object(value, path, "`{ error: …, cause: … }`")?;
    only(members, &["error", "cause", "stage"], path)?;
    let text = |key: &str| match members.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        // A cause is often JSON text; writing the JSON itself is easier to read.
        Some(value) if key == "cause" => Ok(Some(value.to_json().into())),
        Some(_) => fail(&format!("{path}.{key}"), "a string is needed"),
    };
    let failure = Failure { error: text("error")?, cause: text("cause")? };
    let stage = match members.get("stage") {
        Some(stage) => parse_stage(stage, &format!("{path}.stage"))?,
        None => FailureStage::Run,
    };
    Ok(Outcome::Fail { stage, failure })
}

fn parse_stage(value: &Value, path: &str) -> Result<FailureStage, MockError> {
    Ok(match value.as_str() {
        Some("schedule") => FailureStage::Schedule,
        Some("start") => FailureStage::Start,
        Some("submit") => FailureStage::Submit,
        Some("run") => FailureStage::Run,
        Some("timeout") => FailureStage::TimedOut,
        _ => return fail(path, "a stage is one of schedule, start, submit, run, timeout"),
    })
}

fn parse_heartbeats(value: &Value, path: &str) -> Result<Heartbeats, MockError> {
    let members = object(value, path, "`{ every: 10s, count: 3 }`")?;
    only(members, &["every", "count"], path)?;
    let Some(every) = members.get("every") else {
        return fail(path, "`every` is missing: the time between two heartbeats");
    };
    let every = parse_duration(every, &format!("{path}.every"))?;
    let count = members.get("count");
    let count = count.map(|count| parse_count(count, &format!("{path}.count"))).transpose()?;
    Ok(Heartbeats { every, count })
}

fn parse_body(value: &Value, path: &str) -> Result<Body, MockError> {
    Body::parse(value).map_err(|message| MockError { path: path.to_owned(), message })
}

/// Reads a duration of a scenario.
pub(crate) fn parse_duration(value: &Value, path: &str) -> Result<Duration, MockError> {
    let parsed = match value {
        Value::String(text) => duration::parse(text),
        Value::Number(number) if number.as_i64() == Some(0) => Some(Duration::ZERO),
        _ => None,
    };
    parsed.ok_or_else(|| MockError {
        path: path.to_owned(),
        message: format!("{value} is not {}", duration::FORM),
    })
}

fn parse_count(value: &Value, path: &str) -> Result<u32, MockError> {
    let count = value.as_i64().and_then(|count| u32::try_from(count).ok());
    match count {
        Some(count) if count > 0 => Ok(count),
        _ => fail(path, format!("{value} is not a positive number")),
    }
}

/// The members of an object.
pub(crate) fn object<'a>(value: &'a Value, path: &str, wants: &str) -> Result<&'a Map, MockError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => fail(path, format!("{wants} is needed here, not {}", value.kind())),
    }
}

/// Refuses keys that are not `known`, with a suggestion.
pub(crate) fn only(members: &Map, known: &[&str], path: &str) -> Result<(), MockError> {
    let Some(key) = members.keys().find(|key| !known.contains(&&***key)) else { return Ok(()) };
    let close = known
        .iter()
        .map(|name| (strsim::jaro_winkler(name, key), *name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75);
    let hint = match close {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    fail(&format!("{path}.{key}"), format!("unknown key `{key}`, {hint}"))
}

/// A refusal.
pub(crate) fn fail<T>(path: &str, message: impl Into<String>) -> Result<T, MockError> {
    Err(MockError { path: path.to_owned(), message: message.into() })
}
