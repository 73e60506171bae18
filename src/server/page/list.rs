//! Lists of executions.

use std::sync::Arc;

use maud::{Markup, html};

use super::frame::{self, STATUSES, count, span, status, time};
use super::link::{Query, address};
use crate::engine::ExecutionStatus;
use crate::service::{ExecutionId, Record, Service};
use crate::time::Timestamp;

/// Executions on one page.
pub(super) const PAGE: usize = 100;

/// What a list shows of an execution.
pub(super) struct Row {
    id: ExecutionId,
    arn: Arc<str>,
    name: Arc<str>,
    machine: (Arc<str>, Arc<str>),
    status: ExecutionStatus,
    started: Timestamp,
    ended: Option<Timestamp>,
    redrives: u32,
}

impl Row {
    pub(super) fn of(record: &Record) -> Self {
        let execution = &record.execution;
        Self {
            id: record.id,
            arn: record.arn.clone(),
            name: record.name.clone(),
            machine: (record.machine.name.clone(), record.machine.arn.clone()),
            status: execution.status(),
            started: execution.started_at(),
            ended: execution.ended_at(),
            redrives: execution.redrive_count(),
        }
    }
}

/// A page of executions: those of a machine, version, alias or Map Run, the newest first.
pub(super) struct Executions {
    rows: Vec<Row>,
    /// How many there are: all, and by status.
    all: usize,
    by_status: Vec<(ExecutionStatus, usize)>,
    chosen: Option<ExecutionStatus>,
    more: bool,
    later: bool,
}

impl Executions {
    /// Copies the page that the query asks for with `status` and `before`.
    pub(super) fn of(service: &Service, arn: &str, query: &Query) -> Self {
        let chosen = query.text("status");
        let chosen = STATUSES.into_iter().find(|own| Some(own.api_name()) == chosen);
        let before = query.text("before").and_then(|id| id.parse().ok()).map(ExecutionId);
        let listed = service.executions_of(arn, chosen, before);
        let mut rows: Vec<Row> = listed.take(PAGE + 1).map(Row::of).collect();
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let number = |status| service.execution_count(arn, status);
        Self {
            rows,
            all: number(None),
            by_status: STATUSES.map(|status| (status, number(Some(status)))).into(),
            chosen,
            more,
            later: before.is_some(),
        }
    }

    /// Whether any of them is still running.
    pub(super) fn any_running(&self) -> bool {
        self.by_status.iter().any(|(own, n)| *own == ExecutionStatus::Running && *n > 0)
    }

    /// The list with its filter; `path` and `arn` are those of the page it stands on.
    pub(super) fn show(&self, path: &str, arn: &str) -> Markup {
        let chosen = self.chosen.map_or("", ExecutionStatus::api_name);
        let filter =
            |status: &str| address(path, &[("arn", arn), ("status", status)]) + "#executions";
        let choices = self.by_status.iter().filter(|(own, n)| *n > 0 || Some(*own) == self.chosen);
        html! {
            section #executions aria-labelledby="executions-title" {
                h2 #executions-title { "Executions" }
                @if self.all == 0 {
                    p.soft { "None yet." }
                } @else {
                    nav.filter aria-label="Status" {
                        a href=(filter("")) data-swap
                            aria-current=[self.chosen.is_none().then_some("true")] {
                            "All " span.soft { (count(self.all)) }
                        }
                        @for (own, number) in choices {
                            a href=(filter(own.api_name())) data-swap
                                aria-current=[(Some(*own) == self.chosen).then_some("true")] {
                                (status(own.api_name())) " " span.soft { (count(*number)) }
                            }
                        }
                    }
                    (table(&self.rows, false))
                    (pager(
                        self.later.then(|| filter(chosen)),
                        self.rows.last().filter(|_| self.more).map(|last| {
                            let before = last.id.0.to_string();
                            let mut parameters = vec![("arn", arn), ("status", chosen)];
                            parameters.push(("before", &*before));
                            address(path, &parameters) + "#executions"
                        }),
                    ))
                }
            }
        }
    }
}

/// The way to the newest executions and to older ones.
pub(super) fn pager(newest: Option<String>, older: Option<String>) -> Markup {
    html! {
        @if newest.is_some() || older.is_some() {
            nav.pager aria-label="More executions" {
                @if let Some(newest) = newest { a href=(newest) data-swap rel="first" { "Newest" } }
                @if let Some(older) = older { a href=(older) data-swap rel="next" { "Older" } }
            }
        }
    }
}

/// Executions as a table, of one machine or of several.
pub(super) fn table(rows: &[Row], with_machine: bool) -> Markup {
    let mut heads = vec!["Name", "Status", "Started (UTC)", "Took"];
    if with_machine {
        heads.insert(1, "State machine");
    }
    let body = html! {
        @for row in rows {
            tr {
                th scope="row" {
                    a.wrap href=(address("/execution", &[("arn", &row.arn)])) { (row.name) }
                }
                @if with_machine {
                    @let (name, arn) = &row.machine;
                    td { a.wrap href=(address("/machine", &[("arn", arn)])) { (name) } }
                }
                td.nowrap {
                    (status(row.status.api_name()))
                    @if row.redrives > 0 { " " span.soft { "redriven" } }
                }
                td.nowrap { (time(row.started)) }
                td.nowrap { @if let Some(ended) = row.ended { (span(row.started, ended)) } }
            }
        }
    };
    frame::table("Executions", &heads, &body)
}
