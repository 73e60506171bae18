//! One state of an execution: what went into it, what it did, what came out.

use maud::{Markup, html};

use super::data::{block, indented};
use super::event::{parts, subject};
use super::frame::{count, facts, span, time};
use super::link::address;
use crate::graph::Visit;
use crate::history::{HistoryEvent, Threads};
use crate::value::Value;

/// Bytes of a piece of data that are shown here.
const SHOWN: usize = 10_000;

/// Events of one visit that are shown here; the table of events has all.
const EVENTS: usize = 40;

/// A state of an execution, as it was chosen in the graph.
pub(super) struct Chosen<'a> {
    pub(super) arn: &'a str,
    pub(super) name: &'a str,
    /// All visits of this state.
    pub(super) visits: Vec<&'a Visit>,
    /// Which of them is shown, a number from 1.
    pub(super) visit: usize,
    /// The page of events that is shown with it.
    pub(super) from: String,
    pub(super) events: &'a [HistoryEvent],
    pub(super) threads: &'a Threads,
    pub(super) definition: Option<Value>,
}

impl Chosen<'_> {
    pub(super) fn show(&self) -> Markup {
        let at = self.visit.clamp(1, self.visits.len().max(1));
        html! {
            h2 #state-title .wrap { (self.name) }
            @match self.visits.get(at - 1) {
                None => p.soft { "The execution did not come here." },
                Some(visit) => {
                    (self.pager(at))
                    (self.visit(visit))
                }
            }
            @if let Some(definition) = &self.definition {
                details #definition {
                    summary { "Definition" }
                    @let whole = address("/execution", &[("arn", self.arn)]);
                    (block("Definition", &indented(definition), SHOWN, &whole))
                }
            }
        }
    }

    fn pager(&self, at: usize) -> Markup {
        let link = |visit: usize| {
            let visit = visit.to_string();
            let state = [("arn", self.arn), ("state", self.name), ("visit", &*visit)];
            let parameters = [state.as_slice(), &[("from", &self.from)]].concat();
            address("/execution", &parameters) + "#state"
        };
        html! {
            @if self.visits.len() > 1 {
                nav.pager aria-label="Visits of this state" {
                    span { "Visit " (count(at)) " of " (count(self.visits.len())) }
                    @if at > 1 { a href=(link(at - 1)) data-swap rel="prev" { "Earlier" } }
                    @if at < self.visits.len() {
                        a href=(link(at + 1)) data-swap rel="next" { "Later" }
                    }
                }
            }
        }
    }

    fn visit(&self, visit: &Visit) -> Markup {
        let event = |at: &usize| &self.events[*at];
        let entered = visit.events.first().map(event);
        let last = visit.events.last().map(event);
        let place = self.threads.path(visit.thread);
        let from = entered.and_then(|event| event.timestamp);
        let to = last.and_then(|event| event.timestamp).filter(|_| visit.exited);
        let took = from.zip(to).map(|(from, to)| html! { (span(from, to)) });
        let left = visit.events.len().saturating_sub(EVENTS);
        html! {
            (facts(&[
                ("Outcome", Some(html! {
                    span.badge.(visit.mark.class()) { (visit.mark.word()) }
                })),
                ("Inside", (!place.is_empty()).then(|| html! { (place) })),
                ("Entered", from.map(|at| html! { (time(at)) " UTC" })),
                ("Took", took),
            ]))
            @for at in visit.events.iter().take(EVENTS) {
                (self.step(&self.events[*at]))
            }
            @if left > 0 {
                p.soft { "And " (count(left)) " more events, in the table below." }
            }
        }
    }

    /// What one event of the visit says.
    fn step(&self, event: &HistoryEvent) -> Markup {
        let id = event.id.to_string();
        let whole = address("/event", &[("arn", self.arn), ("id", &id)]);
        let (parts, about) = (parts(event), subject(event));
        let kind = event.event_type;
        let is_frame = kind.is_state_entered() || kind.is_state_exited();
        html! {
            @if !parts.is_empty() || !about.is_empty() {
                section.step .failure[event.failure().is_some()] {
                    @if !is_frame {
                        h3 { a href=(whole) { (kind.name()) } " " span.soft.wrap { (about) } }
                    }
                    @for (label, text) in &parts {
                        @if is_frame { h3 { (label) } } @else { h4 { (label) } }
                        (block(label, text, SHOWN, &whole))
                    }
                }
            }
        }
    }
}
