//! One execution: its graph with the way it took, its states, its events.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{Markup, PreEscaped, html};

use super::Shown;
use super::data::{block, indented, indented_text};
use super::event::Events;
use super::frame::{self, arn, count, facts, span, status, time};
use super::link::{Query, address};
use super::machine::{state_definition, too_large};
use super::map_run;
use super::state::Chosen;
use crate::engine::{ExecutionResult, ExecutionStatus};
use crate::graph::{Graph, Mark, NodeKind, Visit, visits};
use crate::history::{Failure, HistoryEvent, Threads};
use crate::server::shared::Shared;
use crate::service::{Service, StateMachineRecord};
use crate::time::Timestamp;
use crate::value::Value;

/// Bytes of the execution's input and output that are shown at once.
const SHOWN: usize = 10_000;

/// States in the list of states; a definition may have many thousands.
const STATES: usize = 1_000;

/// What is copied of an execution.
struct Copied {
    arn: Arc<str>,
    name: Arc<str>,
    machine: Arc<StateMachineRecord>,
    status: ExecutionStatus,
    started: Timestamp,
    ended: Option<Timestamp>,
    now: Timestamp,
    redriven: Option<(u32, Timestamp)>,
    redrive_status: (&'static str, Option<String>),
    trace_header: Option<Arc<str>>,
    version_arn: Option<Arc<str>>,
    alias_arn: Option<Arc<str>>,
    parent: Option<Arc<str>>,
    map_run: Option<Arc<str>>,
    map_runs: Vec<map_run::Row>,
    input: Value,
    output: Option<Value>,
    failure: Option<Failure>,
    events: Vec<HistoryEvent>,
}

fn copy(service: &Service, now: Timestamp, asked: &str) -> Option<Copied> {
    let id = service.find_execution(asked)?;
    let record = service.execution(id);
    let execution = &record.execution;
    let start = execution.start_parameters();
    let (output, failure) = match execution.result() {
        Some(ExecutionResult::Succeeded(output)) => (Some(output.clone()), None),
        Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)) => {
            (None, Some(failure.clone()))
        }
        Some(ExecutionResult::TimedOut) | None => (None, None),
    };
    let parent = record.parent.and_then(|parent| service.executions().find(parent.execution));
    let map_run = record.map_run.map(|child| service.map_run(child.run));
    Some(Copied {
        arn: record.arn.clone(),
        name: record.name.clone(),
        machine: record.machine.clone(),
        status: execution.status(),
        started: execution.started_at(),
        ended: execution.ended_at(),
        now,
        redriven: execution.redriven_at().map(|at| (execution.redrive_count(), at)),
        redrive_status: record.redrive_status(now),
        trace_header: record.trace_header.clone(),
        version_arn: start.state_machine_version_arn.clone(),
        alias_arn: start.state_machine_alias_arn.clone(),
        parent: parent.map(|parent| parent.arn.clone()),
        map_run: map_run.map(|run| run.run.request().map_run_arn.clone()),
        map_runs: service.map_runs_of(id).map(|(_, run)| map_run::Row::of(run)).collect(),
        input: start.input.clone(),
        output,
        failure,
        events: execution.history().to_vec(),
    })
}

/// `/execution`: `arn`; `state` and `visit` choose a state, `from` a page of events.
pub(super) fn show(shared: &Arc<Shared>, query: &Query) -> Shown {
    let asked = query.text("arn").unwrap_or_default();
    let copied = shared.look(|driver, real| {
        let now = driver.now(real);
        copy(driver.service(), now, asked)
    });
    let Some(copied) = copied else { return Shown::Missing(asked.to_owned()) };
    let threads = Threads::new(&copied.events);
    let visits = visits(&copied.events, &threads);
    let mut graph = Graph::of(&copied.machine.machine);
    graph.mark_visits(&copied.events, &visits);
    let chosen = chosen(&copied, &threads, &visits, &graph, query);
    let states = states_of_events(&copied, &visits);
    let from = query.text("from").unwrap_or_default();
    let kept = kept(query);
    let kept: Vec<(&str, &str)> = kept.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let events = Events {
        arn: &copied.arn,
        events: &copied.events,
        threads: &threads,
        states: &states,
        started: copied.started,
        kept: &kept,
        from,
    };
    let body = html! {
        p.trail {
            a href="/" { "State machines" } " / "
            @let machine = address("/machine", &[("arn", &machine_arn(&copied))]);
            a.wrap href=(machine) { (copied.machine.name) }
        }
        h1.wrap { (copied.name) " " (status(copied.status.api_name())) }
        (about(&copied))
        div.split {
            section aria-labelledby="graph-title" {
                h2 #graph-title { "Graph" }
                (drawing(&copied, &graph, chosen.as_ref().map(|chosen| chosen.name), from))
            }
            section.panel #state aria-labelledby="state-title" {
                @match &chosen {
                    Some(chosen) => (chosen.show()),
                    None => {
                        h2 #state-title { "State" }
                        p.soft { "Choose a state in the graph or in the list below it to see what "
                            "went into it and what came out." }
                    }
                }
            }
        }
        (data(&copied))
        @if !copied.map_runs.is_empty() {
            h2 { "Map Runs" }
            (map_run::table(&copied.map_runs))
        }
        (events.show(from.parse().unwrap_or(1)))
    };
    let title = format!("{} {}", copied.name, copied.status.api_name());
    Shown::Page { title, body, live: copied.status == ExecutionStatus::Running }
}

/// The machine's page; that of the states of a distributed Map is the machine around them.
fn machine_arn(copied: &Copied) -> String {
    let arn = copied.version_arn.as_ref().unwrap_or(&copied.machine.arn);
    arn.split('/').next().unwrap_or_default().to_owned()
}

/// What stays in the address when another page of events is shown.
fn kept(query: &Query) -> Vec<(&'static str, String)> {
    ["state", "visit"]
        .into_iter()
        .filter_map(|key| Some((key, query.text(key)?.to_owned())))
        .collect()
}

fn about(copied: &Copied) -> Markup {
    let (redrive_status, reason) = &copied.redrive_status;
    let succeeds = [ExecutionStatus::Running, ExecutionStatus::Succeeded].contains(&copied.status);
    let redrivable = (!succeeds).then(|| {
        html! {
            (redrive_status.replace('_', " ").to_lowercase())
            @if let Some(reason) = reason { ": " (reason) }
        }
    });
    let took = match copied.ended {
        Some(ended) => html! { (span(copied.started, ended)) },
        None => html! { (span(copied.started, copied.now)) " so far" },
    };
    facts(&[
        ("ARN", Some(html! { span.arn { (copied.arn) } })),
        ("Version", copied.version_arn.as_deref().map(arn)),
        ("Alias", copied.alias_arn.as_deref().map(arn)),
        ("Started by", copied.parent.as_deref().map(arn)),
        ("Map Run", copied.map_run.as_deref().map(arn)),
        ("Started", Some(html! { (time(copied.started)) " UTC" })),
        ("Ended", copied.ended.map(|at| html! { (time(at)) " UTC" })),
        ("Took", Some(took)),
        ("Redriven", copied.redriven.map(frame::redriven)),
        ("Redrive", redrivable),
        ("Trace", copied.trace_header.as_deref().map(|text| html! { (text) })),
    ])
}

/// Input and output of the execution.
fn data(copied: &Copied) -> Markup {
    let event = |id: usize| address("/event", &[("arn", &copied.arn), ("id", &id.to_string())]);
    let whole = event(copied.events.len());
    html! {
        div.pair {
            section {
                h2 { "Execution input" }
                (block("Input of the execution", &indented(&copied.input), SHOWN, &event(1)))
            }
            section {
                @if let Some(output) = &copied.output {
                    h2 { "Execution output" }
                    (block("Output of the execution", &indented(output), SHOWN, &whole))
                } @else if let Some(failure) = &copied.failure {
                    h2 { "Failure" }
                    @if let Some(error) = &failure.error { p.wrap { strong { (error) } } }
                    @if let Some(cause) = &failure.cause {
                        (block("Cause", &indented_text(cause), SHOWN, &whole))
                    }
                    @if failure.error.is_none() && failure.cause.is_none() {
                        p.soft { "Neither error nor cause." }
                    }
                } @else {
                    h2 { "Execution output" }
                    p.soft {
                        @if copied.ended.is_some() { "None." } @else { "None yet." }
                    }
                }
            }
        }
    }
}

/// The graph, and the states as a list: for those who cannot see it, and where it is too large.
fn drawing(copied: &Copied, graph: &Graph, selected: Option<&str>, from: &str) -> Markup {
    let link = |state: &str| {
        let parameters = [("arn", &*copied.arn), ("state", state), ("from", from)];
        address("/execution", &parameters) + "#state"
    };
    let drawable = graph.is_drawable();
    let states: Vec<_> = graph.nodes.iter().filter(|node| node.name().is_some()).collect();
    let rows = html! {
        @for node in states.iter().take(STATES) {
            @if let NodeKind::State { name, type_name, .. } = &node.kind {
                tr {
                    th scope="row" {
                        a.wrap href=(link(name)) data-swap
                            aria-current=[(selected == Some(&**name)).then_some("true")] { (name) }
                    }
                    td { (type_name) }
                    td {
                        @if let Some(mark) = node.mark {
                            span.badge.(mark.class()) { (mark.word()) }
                        }
                    }
                    td.number { @if node.entered > 0 { (count(node.entered)) } }
                }
            }
        }
    };
    html! {
        @if drawable {
            div.graph #graph role="region" aria-label="Graph of the state machine" tabindex="0" {
                (PreEscaped(graph.to_linked_svg(selected, link)))
            }
        } @else {
            (too_large(states.len()))
        }
        details #states open[!drawable] {
            summary { "States as a list" }
            (frame::table("States", &["State", "Type", "Outcome", "Visits"], &rows))
            @if states.len() > STATES {
                p.soft { "And " (count(states.len() - STATES)) " more." }
            }
        }
    }
}

/// For each event its state, and which visit of that state it belongs to.
fn states_of_events<'a>(copied: &Copied, visits: &'a [Visit]) -> Vec<Option<(&'a str, usize)>> {
    let mut states = vec![None; copied.events.len()];
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for visit in in_order(visits) {
        let number = seen.entry(&visit.state).or_default();
        *number += 1;
        for event in &visit.events {
            states[*event] = Some((&*visit.state, *number));
        }
    }
    states
}

/// Visits in the order in which they began.
fn in_order(visits: &[Visit]) -> Vec<&Visit> {
    let mut visits: Vec<&Visit> = visits.iter().collect();
    visits.sort_by_key(|visit| visit.events.first().copied());
    visits
}

/// The state that the query names; without one that which a person would look at first: where the
/// execution failed, else where it is, else where it began.
fn chosen<'a>(
    copied: &'a Copied,
    threads: &'a Threads,
    visits: &'a [Visit],
    graph: &'a Graph,
    query: &Query,
) -> Option<Chosen<'a>> {
    let first = || {
        let visits = in_order(visits);
        // The innermost is what failed; those around it only failed with it.
        let last = |mark: Mark| visits.iter().rev().find(|visit| visit.mark == mark);
        let first = last(Mark::Failed).or_else(|| last(Mark::InProgress)).or(visits.first());
        first.and_then(|visit| graph.state(&visit.state))
    };
    let node = match query.text("state") {
        Some(name) => graph.state(name),
        None => first(),
    }?;
    let name = graph.nodes[node].name()?;
    let visits: Vec<&Visit> =
        in_order(visits).into_iter().filter(|visit| *visit.state == *name).collect();
    let unsuccessful = visits.iter().rposition(|visit| visit.mark == Mark::Failed);
    let visit = query.number("visit").or(unsuccessful.map(|at| at + 1)).unwrap_or(1);
    Some(Chosen {
        arn: &copied.arn,
        name,
        visits,
        visit,
        from: query.text("from").unwrap_or_default().to_owned(),
        events: &copied.events,
        threads,
        definition: state_definition(&copied.machine.machine.source, name),
    })
}
