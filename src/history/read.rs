//! Reads what `aws stepfunctions get-execution-history` prints.
//!
//! One page or several, joined in an array or one after the other, in either order
//! (`--reverse-order`); timestamps as texts, as epoch seconds, or missing. Equal payload texts are
//! read once and shared: data flows through a state machine mostly unchanged, and reading it is
//! most of the cost of a replay.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::event::{
    ActivityScheduled, AssignedVariables, EvaluationFailed, EventDetails, EventId, EventType,
    ExecutionStarted, Failure, HistoryEvent, LambdaFunctionScheduled, MapRunRedriven, Shape,
    TaskCredentials, TaskScheduled,
};
use super::payload::Payload;
use super::{History, raw};
use crate::json;

/// Why a text is not a readable history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// What is wrong, and what to do about it.
    pub message: String,
    /// Line and column, both from 1, where known.
    pub position: Option<(usize, usize)>,
}

/// Something about a readable history that its reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Ids jump from one to the other: the events between are missing.
    MissingEvents {
        /// The last id before the gap.
        after: EventId,
        /// The first id behind the gap.
        before: EventId,
    },
    /// Events whose id is 0: they keep their place in the file.
    EventsWithoutId {
        /// How many there are.
        count: usize,
    },
    /// The last event does not end the execution: it was still running, or events are missing.
    Unfinished {
        /// The last event.
        last: EventId,
    },
    /// A member that the API's service model does not have; it was left out.
    UnknownMember {
        /// The event that has it.
        event: EventId,
        /// The member's name.
        member: String,
    },
}

impl History {
    /// Reads a history from the text of a file, and what should be said about it.
    ///
    /// # Errors
    /// When the text is not JSON, not a history, or a history whose events cannot be put in order:
    /// mixed with another execution's, occurring twice, shuffled, or without a beginning.
    pub fn parse(text: &str) -> Result<(Self, Vec<Note>), HistoryError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let pages = raw::read(text)?;
        let mut reader = Reader {
            text,
            payloads: FxHashMap::default(),
            texts: FxHashMap::default(),
            notes: Vec::new(),
        };
        let pages = pages
            .into_iter()
            .map(|page| page.into_iter().map(|event| reader.event(event)).collect())
            .collect::<Result<Vec<Vec<Placed>>, HistoryError>>()?;
        let events = reader.order(pages)?;
        reader.check(&events)?;
        let events = events.into_iter().map(|placed| placed.event).collect();
        Ok((Self { events }, reader.notes))
    }

    /// Reads a history from the bytes of a file.
    ///
    /// # Errors
    /// As [`History::parse`], and when the bytes are not UTF-8.
    pub fn parse_bytes(bytes: &[u8]) -> Result<(Self, Vec<Note>), HistoryError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(_) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => {
                Err(HistoryError::new(
                    "the file is UTF-16 (`>` of older PowerShells writes that); save it as UTF-8",
                ))
            }
            Err(error) => {
                let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
                let position = Some(json::line_column(valid, valid.len()));
                Err(HistoryError { message: "the file is not UTF-8".into(), position })
            }
        }
    }
}

impl HistoryError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), position: None }
    }
}

impl std::error::Error for HistoryError {}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position {
            write!(f, "line {line} column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingEvents { after, before } if after + 2 == *before => {
                write!(f, "event {} is missing", after + 1)
            }
            Self::MissingEvents { after, before } => {
                write!(f, "events {} to {} are missing", after + 1, before - 1)
            }
            Self::EventsWithoutId { count } => {
                write!(f, "{count} events have the id 0; they are taken in the order of the file")
            }
            Self::Unfinished { last } => write!(
                f,
                "the history stops at event {last}: the execution was running, or a page is missing"
            ),
            Self::UnknownMember { event, member } => {
                write!(f, "event {event}: the member `{member}` is unknown and was left out")
            }
        }
    }
}

/// An event and where its type stands in the text.
struct Placed {
    event: HistoryEvent,
    offset: Option<usize>,
}

struct Reader<'a> {
    text: &'a str,
    /// By the string as it stands in the file, escapes included.
    payloads: FxHashMap<&'a str, Payload>,
    texts: FxHashMap<Cow<'a, str>, Arc<str>>,
    notes: Vec<Note>,
}

impl<'a> Reader<'a> {
    fn event(&mut self, raw: raw::Event<'a>) -> Result<Placed, HistoryError> {
        let offset = self.offset(&raw.event_type);
        let fail = |reader: &Self, message: String| reader.fail(offset, message);
        let Some(event_type) = EventType::parse(&raw.event_type) else {
            let message = format!("event {}: `{}` is not an event type", raw.id, raw.event_type);
            return Err(fail(self, message));
        };
        let details = match raw.details {
            None => EventDetails::None,
            Some((member, _)) if Some(&*member) != event_type.details_member() => {
                let wanted = event_type.details_member().unwrap_or("none");
                return Err(fail(
                    self,
                    format!(
                        "event {} of type {event_type} has `{member}`, expected {wanted}",
                        raw.id
                    ),
                ));
            }
            Some((_, mut details)) => {
                let built = self.details(event_type.shape(), &mut details).map_err(|member| {
                    fail(self, format!("event {} of type {event_type} has no `{member}`", raw.id))
                })?;
                self.unknown(raw.id, details.left_over());
                self.unknown(raw.id, details.unknown);
                built
            }
        };
        self.unknown(raw.id, raw.unknown);
        let event = HistoryEvent {
            id: raw.id,
            previous_event_id: raw.previous_event_id,
            timestamp: raw.timestamp,
            event_type,
            details,
        };
        Ok(Placed { event, offset })
    }

    /// Takes what the shape has out of the raw members; the error is a missing member's name.
    fn details(
        &mut self,
        shape: Shape,
        raw: &mut raw::Details<'a>,
    ) -> Result<EventDetails, &'static str> {
        let required = |text: Option<Arc<str>>, member| text.ok_or(member);
        Ok(match shape {
            Shape::Nothing => EventDetails::None,
            Shape::ExecutionStarted => EventDetails::ExecutionStarted(Box::new(ExecutionStarted {
                input: self.input(raw),
                role_arn: self.text(raw.role_arn.take()),
                state_machine_alias_arn: self.text(raw.state_machine_alias_arn.take()),
                state_machine_version_arn: self.text(raw.state_machine_version_arn.take()),
            })),
            Shape::Output => EventDetails::Output { output: self.output(raw) },
            Shape::Failure => EventDetails::Failure(self.failure(raw)),
            Shape::StateEntered => EventDetails::StateEntered {
                name: required(self.text(raw.name.take()), "name")?,
                input: self.input(raw),
            },
            Shape::StateExited => EventDetails::StateExited {
                name: required(self.text(raw.name.take()), "name")?,
                output: self.output(raw),
                assigned_variables: self.variables(raw),
            },
            Shape::LambdaFunctionScheduled => {
                EventDetails::LambdaFunctionScheduled(Box::new(LambdaFunctionScheduled {
                    resource: required(self.text(raw.resource.take()), "resource")?,
                    input: self.input(raw),
                    timeout_in_seconds: raw.timeout_in_seconds.take(),
                    task_credentials: self.credentials(raw),
                }))
            }
            Shape::ActivityScheduled => {
                EventDetails::ActivityScheduled(Box::new(ActivityScheduled {
                    resource: required(self.text(raw.resource.take()), "resource")?,
                    input: self.input(raw),
                    timeout_in_seconds: raw.timeout_in_seconds.take(),
                    heartbeat_in_seconds: raw.heartbeat_in_seconds.take(),
                }))
            }
            Shape::ActivityStarted => {
                EventDetails::ActivityStarted { worker_name: self.text(raw.worker_name.take()) }
            }
            Shape::TaskScheduled | Shape::TaskStarted | Shape::TaskOutput | Shape::TaskFailure => {
                let resource_type = required(self.text(raw.resource_type.take()), "resourceType")?;
                let resource = required(self.text(raw.resource.take()), "resource")?;
                self.task(shape, resource_type, resource, raw)
            }
            Shape::MapStateStarted => {
                EventDetails::MapStateStarted { length: raw.length.take().ok_or("length")? }
            }
            Shape::MapIteration => EventDetails::MapIteration {
                name: required(self.text(raw.name.take()), "name")?,
                index: raw.index.take().ok_or("index")?,
            },
            Shape::MapRunStarted => EventDetails::MapRunStarted {
                map_run_arn: required(self.text(raw.map_run_arn.take()), "mapRunArn")?,
            },
            Shape::MapRunRedriven => EventDetails::MapRunRedriven(Box::new(MapRunRedriven {
                map_run_arn: self.text(raw.map_run_arn.take()),
                redrive_count: raw.redrive_count.take(),
            })),
            Shape::ExecutionRedriven => EventDetails::ExecutionRedriven {
                redrive_count: raw.redrive_count.take().ok_or("redriveCount")?,
            },
            Shape::EvaluationFailed => EventDetails::EvaluationFailed(Box::new(EvaluationFailed {
                failure: self.failure(raw),
                location: self.text(raw.location.take()),
                state: required(self.text(raw.state.take()), "state")?,
            })),
        })
    }

    fn task(
        &mut self,
        shape: Shape,
        resource_type: Arc<str>,
        resource: Arc<str>,
        raw: &mut raw::Details<'a>,
    ) -> EventDetails {
        match shape {
            Shape::TaskScheduled => EventDetails::TaskScheduled(Box::new(TaskScheduled {
                resource_type,
                resource,
                region: self.text(raw.region.take()).unwrap_or_default(),
                parameters: self.payload(raw.parameters.take(), None),
                timeout_in_seconds: raw.timeout_in_seconds.take(),
                heartbeat_in_seconds: raw.heartbeat_in_seconds.take(),
                task_credentials: self.credentials(raw),
            })),
            Shape::TaskOutput => {
                let included = raw.output.is_some();
                let output = Some(self.output(raw)).filter(|_| included);
                EventDetails::TaskOutput { resource_type, resource, output }
            }
            Shape::TaskFailure => {
                let failure = Box::new(self.failure(raw));
                EventDetails::TaskFailure { resource_type, resource, failure }
            }
            _ => EventDetails::TaskStarted { resource_type, resource },
        }
    }

    fn input(&mut self, raw: &mut raw::Details<'a>) -> Payload {
        self.payload(raw.input.take(), raw.input_details.take())
    }

    fn output(&mut self, raw: &mut raw::Details<'a>) -> Payload {
        self.payload(raw.output.take(), raw.output_details.take())
    }

    fn failure(&mut self, raw: &mut raw::Details<'a>) -> Failure {
        Failure { error: self.text(raw.error.take()), cause: self.text(raw.cause.take()) }
    }

    fn credentials(&mut self, raw: &mut raw::Details<'a>) -> Option<TaskCredentials> {
        let raw = raw.task_credentials.take()?;
        Some(TaskCredentials { role_arn: self.text(raw.role_arn) })
    }

    fn variables(&mut self, raw: &mut raw::Details<'a>) -> Option<Arc<AssignedVariables>> {
        let details = raw.assigned_variables_details.take();
        let variables = raw.assigned_variables.take()?;
        let variables = variables.into_iter().filter_map(|(name, value)| {
            Some((self.text(Some(name))?, self.payload(Some(value), details)))
        });
        Some(Arc::new(variables.collect()))
    }

    fn payload(&mut self, raw: Option<raw::Text<'a>>, details: Option<raw::Truncated>) -> Payload {
        let Some(raw) = raw else { return Payload::Omitted };
        if let Some(known) = self.payloads.get(raw.source()) {
            return known.clone();
        }
        let text = raw.unescape();
        let payload = match details.is_some_and(|details| details.truncated) {
            false => Payload::unread(&text),
            true => Payload::Text(text.into()),
        };
        self.payloads.insert(raw.source(), payload.clone());
        payload
    }

    fn text(&mut self, text: Option<Cow<'a, str>>) -> Option<Arc<str>> {
        let text = text?;
        if let Some(known) = self.texts.get(&text) {
            return Some(known.clone());
        }
        let shared: Arc<str> = Arc::from(&*text);
        self.texts.insert(text, shared.clone());
        Some(shared)
    }

    fn unknown(&mut self, event: EventId, members: Vec<String>) {
        let notes = members.into_iter().map(|member| Note::UnknownMember { event, member });
        self.notes.extend(notes);
    }

    /// Puts pages and their events in ascending order.
    fn order(&self, mut pages: Vec<Vec<Placed>>) -> Result<Vec<Placed>, HistoryError> {
        let id = |placed: &Placed| placed.event.id;
        pages.retain(|page| !page.is_empty());
        for page in &mut pages {
            let mut ids = page.iter().filter(|placed| id(placed) > 0);
            if let (Some(first), Some(second)) = (ids.next(), ids.next())
                && id(first) > id(second)
            {
                page.reverse();
            }
        }
        if pages.iter().flatten().all(|placed| id(placed) > 0) {
            pages.sort_by_key(|page| page.first().map(id));
        }
        let events: Vec<Placed> = pages.into_iter().flatten().collect();
        let mut last: Option<&Placed> = None;
        for placed in events.iter().filter(|placed| id(placed) > 0) {
            if let Some(last) = last
                && id(last) >= id(placed)
            {
                return Err(self.disorder(&events, last, placed));
            }
            last = Some(placed);
        }
        Ok(events)
    }

    fn disorder(&self, events: &[Placed], last: &Placed, placed: &Placed) -> HistoryError {
        let is_start = |placed: &&Placed| placed.event.event_type == EventType::ExecutionStarted;
        if let Some(second) = events.iter().filter(is_start).nth(1) {
            return self.mixed(second);
        }
        let id = placed.event.id;
        let twice = events.iter().filter(|placed| placed.event.id == id).count() > 1;
        let message = if twice {
            format!("event {id} occurs twice: give each page of one execution once")
        } else {
            format!("event {id} stands behind event {}: the history was shuffled", last.event.id)
        };
        self.fail(placed.offset, message)
    }

    fn mixed(&self, second: &Placed) -> HistoryError {
        let message = "a second ExecutionStarted: histories of several executions are mixed; \
            give each its own file";
        self.fail(second.offset, message.into())
    }

    /// Checks what must hold of every history, and notes what holds of most.
    fn check(&mut self, events: &[Placed]) -> Result<(), HistoryError> {
        let (Some(first), Some(end)) = (events.first(), events.last()) else {
            return Err(HistoryError::new("the history has no events"));
        };
        if first.event.event_type != EventType::ExecutionStarted {
            let message = format!(
                "the history starts with event {} of type {}, not with ExecutionStarted: \
                the pages before it are missing",
                first.event.id, first.event.event_type
            );
            return Err(self.fail(first.offset, message));
        }
        let (mut last, mut without_id, mut ended) = (0, 0, None);
        // Events without an id fill the gap in which they stand.
        let mut filled = 0;
        for placed in events {
            let HistoryEvent { id, previous_event_id, event_type, .. } = placed.event;
            if id == 0 {
                without_id += 1;
                filled += 1;
            } else {
                if id > last + 1 + filled {
                    self.notes.push(Note::MissingEvents { after: last + filled, before: id });
                }
                filled = 0;
                if previous_event_id >= id {
                    let message = format!(
                        "event {id} links to event {previous_event_id}, which does not come before"
                    );
                    return Err(self.fail(placed.offset, message));
                }
                last = id;
            }
            if last > 1 && event_type == EventType::ExecutionStarted {
                return Err(self.mixed(placed));
            }
            if let Some(ended) = ended
                && event_type != EventType::ExecutionRedriven
            {
                let message = format!("event {id} follows {ended}, which ends an execution");
                return Err(self.fail(placed.offset, message));
            }
            ended = event_type.is_terminal().then_some(event_type);
        }
        if without_id > 0 {
            self.notes.push(Note::EventsWithoutId { count: without_id });
        }
        if ended.is_none() {
            self.notes.push(Note::Unfinished { last: end.event.id });
        }
        Ok(())
    }

    /// Where a text borrowed from the file stands in it.
    fn offset(&self, part: &str) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset < self.text.len()).then_some(offset)
    }

    fn fail(&self, offset: Option<usize>, message: String) -> HistoryError {
        let position = offset.map(|offset| json::line_column(self.text, offset));
        HistoryError { message, position }
    }
}
