//! One Map Run and its child executions.

use std::sync::Arc;

use maud::{Markup, html};

use super::Shown;
use super::frame::{arn, count, facts, redriven, span, status, table as frame_table, time};
use super::link::{Query, address};
use super::list::Executions;
use crate::history::Failure;
use crate::map_run::{Counts, MapRunStatus};
use crate::server::shared::Shared;
use crate::service::{MapRunRecord, Service};
use crate::time::Timestamp;

/// What a list shows of a Map Run.
pub(super) struct Row {
    arn: Arc<str>,
    state: Arc<str>,
    status: MapRunStatus,
    started: Timestamp,
    stopped: Option<Timestamp>,
    items: Counts,
}

impl Row {
    pub(super) fn of(record: &MapRunRecord) -> Self {
        let run = &record.run;
        Self {
            arn: run.request().map_run_arn.clone(),
            state: run.request().state.clone(),
            status: run.status(),
            started: run.started_at(),
            stopped: run.stopped_at(),
            items: run.item_counts(),
        }
    }
}

/// Map Runs as a table.
pub(super) fn table(rows: &[Row]) -> Markup {
    let body = html! {
        @for row in rows {
            tr {
                th scope="row" {
                    a.wrap href=(address("/map-run", &[("arn", &row.arn)])) { (row.state) }
                }
                td { (status(row.status.api_name())) }
                td.nowrap { (time(row.started)) }
                td.nowrap { @if let Some(stopped) = row.stopped { (span(row.started, stopped)) } }
                td.number { (number(row.items.total)) }
                td.number { (number(row.items.succeeded)) }
                td.number { (number(row.items.failed)) }
            }
        }
    };
    let heads = ["State", "Status", "Started (UTC)", "Took", "Items", "Succeeded", "Failed"];
    frame_table("Map Runs", &heads, &body)
}

fn number(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

struct Run {
    row: Row,
    execution: Arc<str>,
    executions: Counts,
    children: Executions,
    concurrency: Option<i64>,
    tolerated: (Option<f64>, Option<f64>),
    redriven: Option<(u32, Timestamp)>,
    failure: Option<Failure>,
}

fn copy(service: &Service, asked: &str, query: &Query) -> Option<Run> {
    let record = service.map_run(service.find_map_run(asked)?);
    let (run, request) = (&record.run, record.run.request());
    Some(Run {
        row: Row::of(record),
        execution: service.executions().find(record.execution)?.arn.clone(),
        executions: run.execution_counts(),
        children: Executions::of(service, asked, query),
        concurrency: request.max_concurrency.filter(|most| *most > 0),
        tolerated: (request.tolerated_failure_count, request.tolerated_failure_percentage),
        redriven: run.redriven_at().map(|at| (run.redrive_count(), at)),
        failure: run.failure().cloned(),
    })
}

/// `/map-run`: `arn`, and the filter and page of its executions.
pub(super) fn show(shared: &Arc<Shared>, query: &Query) -> Shown {
    let asked = query.text("arn").unwrap_or_default();
    let found = shared.look(|driver, _| copy(driver.service(), asked, query));
    let Some(run) = found else { return Shown::Missing(asked.to_owned()) };
    let row = &run.row;
    let parent = address("/execution", &[("arn", &run.execution), ("state", &row.state)]);
    let body = html! {
        p.trail { a href=(parent) { "Execution" } }
        h1.wrap { "Map Run of " (row.state) " " (status(row.status.api_name())) }
        (facts(&[
            ("ARN", Some(html! { span.arn { (row.arn) } })),
            ("Execution", Some(arn(&run.execution))),
            ("Started", Some(html! { (time(row.started)) " UTC" })),
            ("Ended", row.stopped.map(|at| html! { (time(at)) " UTC" })),
            ("Took", row.stopped.map(|at| html! { (span(row.started, at)) })),
            ("Concurrency", run.concurrency.map(|most| html! { "at most " (most) })),
            ("Tolerated", tolerated(run.tolerated)),
            ("Redriven", run.redriven.map(redriven)),
            ("Failure", run.failure.as_ref().map(|failure| html! { (failure.to_string()) })),
        ]))
        h2 { "Counts" }
        (counts(&[("Items", row.items), ("Executions", run.executions)]))
        (run.children.show("/map-run", asked))
    };
    let live = row.status == MapRunStatus::Running;
    Shown::Page { title: format!("Map Run of {}", row.state), body, live }
}

fn tolerated((count, percentage): (Option<f64>, Option<f64>)) -> Option<Markup> {
    let count = count.filter(|count| *count > 0.0).map(|count| format!("{count} failures"));
    let percentage = percentage.filter(|share| *share > 0.0).map(|share| format!("{share} %"));
    let both: Vec<String> = count.into_iter().chain(percentage).collect();
    (!both.is_empty()).then(|| html! { (both.join(" or ")) })
}

fn counts(rows: &[(&str, Counts)]) -> Markup {
    let body = html! {
        @for (name, counts) in rows {
            tr {
                th scope="row" { (name) }
                @for value in [
                    counts.total, counts.pending, counts.running, counts.succeeded, counts.failed,
                    counts.timed_out, counts.aborted, counts.results_written,
                ] { td.number { (number(value)) } }
            }
        }
    };
    let heads = [
        "",
        "Total",
        "Pending",
        "Running",
        "Succeeded",
        "Failed",
        "Timed out",
        "Aborted",
        "Results written",
    ];
    frame_table("Counts", &heads, &body)
}
