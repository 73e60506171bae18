//! Recordings from files: what the AWS CLI printed, what the console or CloudWatch Logs exported.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Description, Joined, Origin, Recorded, RecordingError, join_pages};
use crate::history::EventType;
use crate::time::Timestamp;
use crate::value::Value;

/// An execution found in files.
#[derive(Clone, Debug)]
pub struct Found {
    /// The execution.
    pub recorded: Recorded,
    /// Its ARN, where a file says it.
    pub arn: Option<String>,
    /// Where it was found.
    pub origin: Origin,
    /// `STANDARD` or `EXPRESS`.
    pub machine_type: &'static str,
    /// How many events there are.
    pub events: usize,
    /// What should be known about it.
    pub notes: Vec<String>,
}

/// What files hold, sorted out.
#[derive(Default)]
struct Sorted<'a> {
    pages: Vec<(&'a str, &'a str)>,
    execution: Option<(Description, &'a str)>,
    /// The machine's ARN, where known, and the text.
    definitions: Vec<(Option<String>, String)>,
    /// By the ARN of the execution.
    logged: BTreeMap<String, Vec<Line<'a>>>,
}

/// A line of an execution's log.
struct Line<'a> {
    name: &'a str,
    id: u64,
    event: String,
}

/// The members of a log's line; `message` is the line in what CloudWatch Logs exports.
#[derive(Deserialize)]
struct LogLine<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
    #[serde(default)]
    previous_event_id: Option<String>,
    #[serde(default)]
    event_timestamp: Option<String>,
    execution_arn: String,
}

/// The executions in these files, which are texts with their names: the pages of one history with
/// its descriptions, or the logs of any number of executions, or both.
///
/// Known are the answers of GetExecutionHistory, DescribeExecution,
/// DescribeStateMachineForExecution and DescribeStateMachine, definitions, the console's export
/// (an array of events), and of CloudWatch Logs filter-log-events, get-log-events, the results of
/// an Insights query, and plain lines.
///
/// # Errors
///
/// When a file is none of these, or a history is not whole.
pub fn from_files(files: &[(String, String)]) -> Result<Vec<Found>, RecordingError> {
    let mut sorted = Sorted::default();
    for (name, text) in files {
        sorted.take(name, text)?;
    }
    sorted.found()
}

impl<'a> Sorted<'a> {
    fn take(&mut self, name: &'a str, text: &'a str) -> Result<(), RecordingError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut values = Vec::new();
        let stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        for value in stream {
            let value = value.map_err(|error| {
                let place = format!("{name}:{}:{}", error.line(), error.column());
                let message = match error.is_eof() {
                    true => "the JSON ends too early: the file is cut off".to_owned(),
                    false => format!("no JSON: {error}"),
                };
                RecordingError::unreadable(place, message)
            })?;
            values.push(value.get());
        }
        if values.is_empty() {
            return Err(RecordingError::unreadable(name, "the file is empty"));
        }
        let mut is_history = false;
        for value in values {
            is_history |= self.value(name, value)?;
        }
        if is_history {
            self.pages.push((name, text));
        }
        Ok(())
    }

    /// Sorts out one JSON text; `true` where it is of a history.
    fn value(&mut self, name: &'a str, text: &'a str) -> Result<bool, RecordingError> {
        let value = Value::parse(text).map_err(|error| {
            RecordingError::unreadable(name, format!("no JSON: {}", error.message))
        })?;
        let has = |key: &str| value.get(key).is_some();
        let string = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(events) = value.get("events").and_then(Value::as_array) {
            if events.iter().any(|event| event.get("message").is_some()) {
                let messages = events.iter().filter_map(|event| event.get("message"));
                self.messages(name, messages)?;
                return Ok(false);
            }
            return Ok(true);
        }
        if let Some(results) = value.get("results").and_then(Value::as_array) {
            let is_message =
                |field: &&Value| field.get("field").and_then(Value::as_str) == Some("@message");
            let rows = results.iter().filter_map(Value::as_array);
            let messages =
                rows.filter_map(|row| row.iter().find(is_message).and_then(|m| m.get("value")));
            self.messages(name, messages)?;
            return Ok(false);
        }
        if has("execution_arn") && has("type") {
            self.line(name, text)?;
            return Ok(false);
        }
        if value.as_array().is_some() {
            return Ok(true);
        }
        if has("executionArn") && has("status") {
            self.execution = Some((Description::read(&value), text));
        } else if let Some(definition) = string("definition") {
            self.definitions.push((string("stateMachineArn"), definition));
        } else if has("StartAt") && has("States") {
            self.definitions.push((None, text.to_owned()));
        } else {
            let message = "no history, execution, state machine, definition or log: give what `aws \
                stepfunctions get-execution-history`, `describe-execution` and \
                `describe-state-machine-for-execution`, or `aws logs filter-log-events` print";
            return Err(RecordingError::unreadable(name, message));
        }
        Ok(false)
    }

    fn messages<'v>(
        &mut self,
        name: &'a str,
        messages: impl Iterator<Item = &'v Value>,
    ) -> Result<(), RecordingError> {
        for message in messages.filter_map(Value::as_str) {
            self.line(name, message)?;
        }
        Ok(())
    }

    /// A log's line as the event that it tells of.
    fn line(&mut self, name: &'a str, text: &str) -> Result<(), RecordingError> {
        let line: LogLine<'_> = serde_json::from_str(text).map_err(|error| {
            let message = format!("no line of a state machine's log: {error}");
            RecordingError::unreadable(name, message)
        })?;
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| {
                RecordingError::unreadable(name, format!("`{text}` is no id of an event"))
            })
        };
        let id = number(&line.id)?;
        let previous = line.previous_event_id.as_deref().map(number).transpose()?.unwrap_or(0);
        let mut event = String::from("{");
        let millis = line.event_timestamp.as_deref().and_then(|text| text.parse().ok());
        if let Some(millis) = millis {
            event
                .push_str(&format!("\"timestamp\":\"{}\",", Timestamp(millis).to_rfc3339_millis()));
        }
        let kind = Value::from(line.event_type.as_str());
        event.push_str(&format!("\"type\":{kind},\"id\":{id},\"previousEventId\":{previous}"));
        let details = line.details.map(RawValue::get).filter(|raw| raw.trim() != "{}");
        let member = match EventType::parse(&line.event_type) {
            Some(known) => known.details_member().map(str::to_owned),
            None => Some(unknown_member(&line.event_type)),
        };
        if let (Some(member), Some(details)) = (member, details) {
            event.push_str(&format!(",\"{member}\":{details}"));
        }
        event.push('}');
        let line_of = Line { name, id, event };
        self.logged.entry(line.execution_arn).or_default().push(line_of);
        Ok(())
    }

    fn found(mut self) -> Result<Vec<Found>, RecordingError> {
        let mut found = Vec::new();
        if !self.pages.is_empty() {
            let joined = join_pages(self.pages.iter().copied())?;
            let (description, text) = match self.execution.take() {
                Some((description, text)) => (description, Some(text.to_owned())),
                None => (Description::default(), None),
            };
            let arn = description.arn.clone();
            found.push(self.one(arn, description.name.clone(), text, joined, Origin::Files));
        }
        for (arn, mut lines) in std::mem::take(&mut self.logged) {
            // CloudWatch Logs promises no order.
            lines.sort_by_key(|line| line.id);
            let name = lines.first().map_or("", |line| line.name);
            let events: Vec<&str> = lines.iter().map(|line| &*line.event).collect();
            let page = format!("[{}]", events.join(","));
            let joined = join_pages([(name, &*page)]).map_err(|error| {
                let message = format!("{arn}: {error}; the log must have the level ALL");
                RecordingError::unreadable(name, message)
            })?;
            let own = arn.split(':').nth(7).map(str::to_owned);
            found.push(self.one(Some(arn), own, None, joined, Origin::Logs));
        }
        if found.is_empty() {
            let message = "no history among them: add what `aws stepfunctions \
                           get-execution-history` prints";
            return Err(RecordingError::unreadable("the files", message));
        }
        Ok(found)
    }

    fn one(
        &self,
        arn: Option<String>,
        name: Option<String>,
        execution: Option<String>,
        joined: Joined,
        origin: Origin,
    ) -> Found {
        let machine = |arn: &str| arn.split(':').nth(6).map(str::to_owned);
        let wanted = arn.as_deref().and_then(machine);
        let fits = |own: &Option<String>| match (own, &wanted) {
            (Some(own), Some(wanted)) => machine(own).as_ref() == Some(wanted),
            _ => true,
        };
        let definition = self.definitions.iter().find(|(own, _)| fits(own));
        let mut notes = joined.notes;
        if definition.is_none() {
            notes.push(
                "no definition was given: add what describe-state-machine-for-execution prints"
                    .into(),
            );
        }
        if !joined.ended {
            notes.push("the history does not come to the end of the execution".into());
        }
        let express = arn.as_deref().is_some_and(|arn| arn.split(':').nth(5) == Some("express"));
        let recorded = Recorded {
            name: name.unwrap_or_else(|| "execution".into()),
            definition: definition.map(|(_, text)| text.clone()),
            execution,
            history: joined.text,
            ..Recorded::default()
        };
        let machine_type = if express { "EXPRESS" } else { "STANDARD" };
        Found { recorded, arn, origin, machine_type, events: joined.events, notes }
    }
}

/// The details' member of an event type that is newer than this stepproof.
fn unknown_member(event_type: &str) -> String {
    let mut chars = event_type.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).chain("EventDetails".chars()).collect()
}
