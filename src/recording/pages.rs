//! Joins the pages of a history without touching what is in them.
//!
//! Every event stays the bytes that the service answered: numbers keep their digits, unknown
//! members and event types stay. Only what pages can do wrong is looked at: the ids.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::RecordingError;

/// The pages of a history as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// `{"events": […]}`, an event a line.
    pub text: String,
    /// How many events there are.
    pub events: usize,
    /// Whether the last event ends the execution.
    pub ended: bool,
    /// What should be said about the pages.
    pub notes: Vec<String>,
}

/// The members of an event that paging is about.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    id: u64,
    #[serde(borrow, rename = "type", default)]
    event_type: std::borrow::Cow<'a, str>,
}

/// A page, and `events` alone where that is all there is.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Joins the pages of one history, in the order in which they were asked for.
///
/// A page is an answer of GetExecutionHistory, or an array of them or of events; a text may hold
/// several, one after the other. Events that came twice are kept once, and a reversed history is
/// turned round.
///
/// # Errors
///
/// When a page is no JSON or no page, two different events have one id, or events are missing.
pub fn join_pages<'a>(
    pages: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Joined, RecordingError> {
    let mut events: Vec<(u64, &str, bool)> = Vec::new();
    let mut notes = Vec::new();
    for (name, text) in pages {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut found = Vec::new();
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        for value in &mut stream {
            collect(value.map_err(|error| broken(name, &error))?.get(), name, &mut found)?;
        }
        if found.is_empty() {
            notes.push(format!("{name}: the page has no events"));
        }
        for raw in found {
            let head: Head<'_> = serde_json::from_str(raw).map_err(|error| broken(name, &error))?;
            if head.event_type.is_empty() {
                return Err(RecordingError::unreadable(
                    name,
                    format!("event {} has no `type`: this is no history", head.id),
                ));
            }
            let ends = matches!(
                &*head.event_type,
                "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut"
            );
            events.push((head.id, raw, ends));
        }
    }
    if events.is_empty() {
        return Err(RecordingError::unreadable("the history", "there are no events in it"));
    }
    let events = order(events, &mut notes)?;
    let ended = events.last().is_some_and(|(_, _, ends)| *ends);
    let mut text = String::with_capacity(32 + events.iter().map(|e| e.1.len() + 2).sum::<usize>());
    text.push_str("{\"events\": [\n");
    for (i, (_, raw, _)) in events.iter().enumerate() {
        text.push_str(raw);
        text.push_str(if i + 1 == events.len() { "\n" } else { ",\n" });
    }
    text.push_str("]}\n");
    Ok(Joined { text, events: events.len(), ended, notes })
}

/// The events of a page, of an array of pages, or of an array of events.
fn collect<'a>(text: &'a str, name: &str, found: &mut Vec<&'a str>) -> Result<(), RecordingError> {
    if text.starts_with('[') {
        let items: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| broken(name, &error))?;
        for item in items {
            match serde_json::from_str::<Page<'_>>(item.get()) {
                Ok(page) => found.extend(page.events.into_iter().map(RawValue::get)),
                Err(_) => found.push(item.get()),
            }
        }
        return Ok(());
    }
    let page: Page<'_> = serde_json::from_str(text).map_err(|error| {
        let message = format!("no answer of GetExecutionHistory, which has `events`: {error}");
        RecordingError::unreadable(name, message)
    })?;
    found.extend(page.events.into_iter().map(RawValue::get));
    Ok(())
}

/// Puts events in the order of their ids; those of recordings without ids stay where they are.
fn order<'a>(
    mut events: Vec<(u64, &'a str, bool)>,
    notes: &mut Vec<String>,
) -> Result<Vec<(u64, &'a str, bool)>, RecordingError> {
    if events.iter().any(|(id, _, _)| *id == 0) {
        notes.push("events without an id: they are kept in the order in which they came".into());
        return Ok(events);
    }
    let mut seen: BTreeMap<u64, &str> = BTreeMap::new();
    let mut twice = 0;
    let mut kept = Vec::with_capacity(events.len());
    for (id, raw, ends) in events.drain(..) {
        match seen.insert(id, raw) {
            None => kept.push((id, raw, ends)),
            Some(first) if first == raw => twice += 1,
            Some(_) => {
                let message = format!(
                    "there are two different events {id}: the pages are of several executions"
                );
                return Err(RecordingError::unreadable("the history", message));
            }
        }
    }
    if twice > 0 {
        notes.push(format!("{twice} events came twice, as of a page that was repeated"));
    }
    kept.sort_by_key(|(id, _, _)| *id);
    for (expected, (id, _, _)) in (1..).zip(&kept) {
        if *id != expected {
            let missing = match *id - expected {
                1 => format!("event {expected} is missing"),
                _ => format!("events {expected} to {} are missing", id - 1),
            };
            let message = format!("{missing}: a page was left out; fetch the history again");
            return Err(RecordingError::unreadable("the history", message));
        }
    }
    Ok(kept)
}

fn broken(name: &str, error: &serde_json::Error) -> RecordingError {
    let (line, column) = (error.line(), error.column());
    let place = format!("{name}:{line}:{column}");
    let message = match error.classify() {
        serde_json::error::Category::Eof => "the JSON ends too early: the file is cut off".into(),
        _ => format!("not JSON as GetExecutionHistory answers it: {error}"),
    };
    RecordingError::unreadable(place, message)
}
