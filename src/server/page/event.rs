//! Events: a page of them as a table, and one of them in full.

use std::sync::Arc;

use maud::{Markup, html};

use super::Shown;
use super::data::{block, indented, indented_text, preview};
use super::frame::{self, count, facts, time};
use super::link::{Query, address};
use crate::history::{EventDetails, HistoryEvent, Payload, Threads, TimestampForm};
use crate::server::shared::Shared;
use crate::service::ExecutionId;
use crate::time::Timestamp;
use crate::value::Value;

/// Events on one page.
const PAGE: usize = 100;

/// Bytes of an event's data that open in the table; the page of the event has all.
const OPENED: usize = 4_000;

/// Bytes of an event on its own page; beyond that there is the text by itself.
const SHOWN: usize = 256 * 1024;

/// The event with this id of the execution that the query names.
fn find(shared: &Arc<Shared>, query: &Query) -> Option<(Arc<str>, HistoryEvent)> {
    let (arn, id) = (query.text("arn")?, query.number("id")?);
    shared.look(|driver, _| {
        let service = driver.service();
        let execution: ExecutionId = service.find_execution(arn)?;
        let record = service.execution(execution);
        let event = record.execution.history().get(id.checked_sub(1)?)?;
        Some((record.arn.clone(), event.clone()))
    })
}

/// What was not found.
fn missing(query: &Query) -> Shown {
    let part = |key: &str| query.text(key).unwrap_or_default();
    Shown::Missing(format!("event {} of {}", part("id"), part("arn")))
}

/// `/event`: `arn` and `id`.
pub(super) fn show(shared: &Arc<Shared>, query: &Query) -> Shown {
    let Some((arn, event)) = find(shared, query) else { return missing(query) };
    let id = event.id.to_string();
    let title = format!("{} {}", event.event_type.name(), event.id);
    let whole = address("/event.json", &[("arn", &arn), ("id", &id)]);
    let body = html! {
        p.trail { a href=(address("/execution", &[("arn", &arn)])) { "Execution" } }
        h1 { (event.event_type.name()) }
        (facts(&[
            ("Event", Some(html! { (event.id) })),
            ("Execution", Some(frame::arn(&arn))),
            ("Time", event.timestamp.map(|at| html! { (time(at)) " UTC" })),
        ]))
        @for (label, text) in parts(&event) {
            h2 { (label) }
            (block(&label, &text, SHOWN, &whole))
        }
        h2 { "As the API shows it" }
        @let api = indented(&event.to_value(TimestampForm::Text));
        (block("As the API shows it", &api, SHOWN, &whole))
        p { a href=(whole) { "As plain text" } }
    };
    Shown::Page { title, body, live: false }
}

/// `/event.json`: `arn` and `id`.
pub(super) fn json(shared: &Arc<Shared>, query: &Query) -> Shown {
    match find(shared, query) {
        Some((_, event)) => Shown::Text(event.to_value(TimestampForm::Text).to_json_pretty()),
        None => missing(query),
    }
}

/// The data that an event carries, each with what it is.
pub(super) fn parts(event: &HistoryEvent) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    let label = match &event.details {
        EventDetails::ExecutionStarted(_)
        | EventDetails::StateEntered { .. }
        | EventDetails::LambdaFunctionScheduled(_)
        | EventDetails::ActivityScheduled(_) => "Input",
        EventDetails::TaskScheduled(_) => "Parameters",
        _ => "Output",
    };
    if let Some(payload) = event.payload() {
        parts.push((label.to_owned(), payload_text(payload)));
    }
    if let Some(failure) = event.failure() {
        parts.extend(failure.error.iter().map(|text| ("Error".to_owned(), text.to_string())));
        parts.extend(failure.cause.iter().map(|text| ("Cause".to_owned(), indented_text(text))));
    }
    if let EventDetails::StateExited { assigned_variables: Some(variables), .. } = &event.details {
        let variables = variables.iter();
        let value = |payload: &Payload| payload.to_value().unwrap_or_default();
        let variables: Vec<_> =
            variables.map(|(name, payload)| (name.clone(), value(payload))).collect();
        if !variables.is_empty() {
            parts.push(("Variables".to_owned(), indented(&Value::object(variables))));
        }
    }
    parts
}

fn payload_text(payload: &Payload) -> String {
    match payload.value() {
        Some(value) => indented(value),
        None => payload.text().map_or_else(String::new, |text| text.into_owned()),
    }
}

/// What an event is about, beside its type, on one line.
pub(super) fn subject(event: &HistoryEvent) -> String {
    match &event.details {
        EventDetails::LambdaFunctionScheduled(details) => details.resource.to_string(),
        EventDetails::ActivityScheduled(details) => details.resource.to_string(),
        EventDetails::ActivityStarted { worker_name: Some(name) } => format!("worker {name}"),
        EventDetails::MapStateStarted { length } => format!("{length} items"),
        EventDetails::MapIteration { index, .. } => format!("item {index}"),
        EventDetails::MapRunStarted { map_run_arn } => map_run_arn.to_string(),
        EventDetails::ExecutionRedriven { redrive_count } => format!("redrive {redrive_count}"),
        EventDetails::EvaluationFailed(details) => {
            details.location.as_deref().unwrap_or_default().to_owned()
        }
        _ => event.service().unwrap_or_default(),
    }
}

/// A history whose events are shown a page at a time.
pub(super) struct Events<'a> {
    pub(super) arn: &'a str,
    pub(super) events: &'a [HistoryEvent],
    pub(super) threads: &'a Threads,
    /// For each event the state it belongs to, and which visit of that state it is.
    pub(super) states: &'a [Option<(&'a str, usize)>],
    pub(super) started: Timestamp,
    /// What else the address of the page says.
    pub(super) kept: &'a [(&'a str, &'a str)],
    /// The page that the address asks for.
    pub(super) from: &'a str,
}

impl Events<'_> {
    /// The page that begins with the event `from`, a number from 1.
    pub(super) fn show(&self, from: usize) -> Markup {
        let first = from.clamp(1, self.events.len().max(1)) - 1;
        let first = first - first % PAGE;
        let end = (first + PAGE).min(self.events.len());
        let rows = html! {
            @for (index, event) in self.events.iter().enumerate().take(end).skip(first) {
                (self.row(index, event))
            }
        };
        html! {
            section #events aria-labelledby="events-title" {
                h2 #events-title { "Events" }
                @if self.events.is_empty() {
                    p.soft { "None are kept of this execution." }
                } @else {
                    (frame::table("Events", &["#", "Time", "Type", "State", "Data"], &rows))
                    (self.pager(first, end))
                }
            }
        }
    }

    fn row(&self, index: usize, event: &HistoryEvent) -> Markup {
        let place = self.threads.path(self.threads.place(index).0);
        let about = subject(event);
        let kind = event.event_type.name();
        let failed = event.failure().is_some();
        let id = event.id.to_string();
        html! {
            tr #{ "event-" (event.id) } .failure[failed] {
                th.number scope="row" {
                    a href=(address("/event", &[("arn", self.arn), ("id", &id)])) { (event.id) }
                }
                td.nowrap.number {
                    @if let Some(at) = event.timestamp {
                        time datetime=(at.to_rfc3339_millis()) title=(at.to_rfc3339_millis()) {
                            "+" (frame::span(self.started, at))
                        }
                    }
                }
                td.nowrap { (kind) }
                td.state {
                    @if let Some((state, visit)) = self.states[index] {
                        a.wrap href=(self.state_link(state, visit)) data-swap { (state) }
                    }
                    @if !place.is_empty() { " " span.soft.wrap { (place) } }
                }
                td.grow { (self.data(event, &about)) }
            }
        }
    }

    fn state_link(&self, state: &str, visit: usize) -> String {
        let visit = visit.to_string();
        let state = [("arn", self.arn), ("state", state), ("visit", &*visit), ("from", self.from)];
        address("/execution", &state) + "#state"
    }

    fn data(&self, event: &HistoryEvent, about: &str) -> Markup {
        let parts = parts(event);
        let id = event.id.to_string();
        let whole = address("/event", &[("arn", self.arn), ("id", &id)]);
        let texts: Vec<String> = event
            .failure()
            .map(ToString::to_string)
            .into_iter()
            .chain(event.payload().and_then(|payload| Some(payload.text()?.into_owned())))
            .collect();
        html! {
            @if !about.is_empty() {
                @match super::link::of_arn(about) {
                    Some(page) => a.wrap href=(page) { (about) },
                    None => span.wrap { (about) },
                }
                " "
            }
            @if let Some(text) = texts.first() {
                details #{ "data-" (event.id) } {
                    summary { code.preview { (preview(text, 120)) } }
                    @for (label, text) in &parts {
                        h4 { (label) }
                        (block(label, text, OPENED, &whole))
                    }
                }
            }
        }
    }

    fn pager(&self, first: usize, end: usize) -> Markup {
        let page = |from: usize| {
            let from = from.to_string();
            let mut parameters = vec![("arn", self.arn)];
            parameters.extend_from_slice(self.kept);
            parameters.push(("from", &from));
            address("/execution", &parameters) + "#events"
        };
        let last = (self.events.len() - 1) / PAGE * PAGE;
        html! {
            nav.pager aria-label="More events" {
                @let all = count(self.events.len());
                span.soft { (count(first + 1)) " to " (count(end)) " of " (all) }
                @if first > 0 {
                    a href=(page(1)) data-swap rel="first" { "First" }
                    a href=(page(first + 1 - PAGE)) data-swap rel="prev" { "Earlier" }
                }
                @if end < self.events.len() {
                    a href=(page(end + 1)) data-swap rel="next" { "Later" }
                    a href=(page(last + 1)) data-swap rel="last" { "Last" }
                }
            }
        }
    }
}
