//! What the account has: state machines, executions, activities; and the search.

use std::sync::Arc;

use maud::{Markup, html};

use super::Shown;
use super::frame::{self, STATUSES, arn, count, status, time};
use super::link::{Query, address, of_arn};
use super::list::{self, PAGE, Row};
use crate::asl::ExecutionType;
use crate::engine::ExecutionStatus;
use crate::server::driver::ClockState;
use crate::server::shared::Shared;
use crate::service::{ExecutionId, Service, StateMachineRecord};
use crate::time::Timestamp;

/// How many executions the first page shows.
const LATEST: usize = 10;

/// How many records are looked at for a list of them: children of Map Runs, which are not listed,
/// may be many.
const LOOKED_AT: usize = 10_000;

/// How many executions have which status.
type Counts = Vec<(ExecutionStatus, usize)>;

struct Machines {
    machines: Vec<(Arc<StateMachineRecord>, Counts)>,
    more: bool,
    latest: Vec<Row>,
    running: bool,
    account: (Arc<str>, Arc<str>),
    clock: ClockState,
}

/// `/`
pub(super) fn machines(shared: &Arc<Shared>, query: &Query) -> Shown {
    let shown = shared.look(|driver, real| {
        let clock = driver.clock_state(real);
        let service = driver.service();
        let mut machines: Vec<_> = service
            .state_machines(query.text("after"))
            .take(PAGE + 1)
            .map(|machine| (machine.clone(), counts(service, &machine.arn)))
            .collect();
        let more = machines.len() > PAGE;
        machines.truncate(PAGE);
        let account = service.account();
        Machines {
            machines,
            more,
            latest: latest(service, None, LATEST).0,
            running: service.any_running(),
            account: (account.account_id.clone(), account.region.clone()),
            clock,
        }
    });
    let body = html! {
        h1 { "State machines" }
        p.soft { "Account " (shown.account.0) " in " (shown.account.1) ". " (clock(&shown.clock)) }
        @if shown.machines.is_empty() {
            p { "None yet. Create one with any AWS SDK or the AWS CLI:" }
            pre.data tabindex="0" { (EXAMPLE) }
        } @else {
            (machine_table(&shown))
            @if let Some((last, _)) = shown.machines.last().filter(|_| shown.more) {
                nav.pager aria-label="More state machines" {
                    @let further = address("/", &[("after", &last.arn)]);
                    a href=(further) rel="next" { "Further state machines" }
                }
            }
        }
        @if !shown.clock.waiting_for.is_empty() { (waiting(&shown.clock.waiting_for)) }
        @if !shown.latest.is_empty() {
            h2 { "Latest executions" }
            (list::table(&shown.latest, true))
            p { a href="/executions" { "All executions" } }
        }
    };
    Shown::Page { title: "State machines".to_owned(), body, live: shown.running }
}

const EXAMPLE: &str = "aws stepfunctions --endpoint-url URL create-state-machine --name hello \\
  --role-arn arn:aws:iam::123456789012:role/any \\
  --definition '{\"StartAt\": \"Hi\", \"States\": {\"Hi\": {\"Type\": \"Pass\", \"End\": true}}}'";

fn machine_table(shown: &Machines) -> Markup {
    let rows = html! {
        @for (machine, counts) in &shown.machines {
            tr {
                th scope="row" {
                    a.wrap href=(address("/machine", &[("arn", &machine.arn)])) { (machine.name) }
                }
                td { (type_name(machine.execution_type)) }
                td.nowrap { (time(machine.creation_date)) }
                td {
                    @for (own, number) in counts.iter().filter(|(_, number)| *number > 0) {
                        a.count href=(address(
                            "/machine",
                            &[("arn", &machine.arn), ("status", own.api_name())],
                        )) { (status(own.api_name())) " " (count(*number)) }
                        " "
                    }
                }
            }
        }
    };
    frame::table("State machines", &["Name", "Type", "Created (UTC)", "Executions"], &rows)
}

/// What the clock shows, and whether it stands.
fn clock(clock: &ClockState) -> Markup {
    html! {
        "Its clock shows " (time(clock.now)) " UTC"
        @if clock.frozen { ", frozen" }
        "."
    }
}

/// Tasks that somebody outside is to answer.
fn waiting(tasks: &[(String, String)]) -> Markup {
    let rows = html! {
        @for (state, execution) in tasks.iter().take(PAGE) {
            tr {
                th scope="row" {
                    @let parameters = [("arn", &**execution), ("state", state)];
                    a.wrap href=(address("/execution", &parameters)) { (state) }
                }
                td { (arn(execution)) }
            }
        }
    };
    html! {
        h2 { "Waiting for an answer" }
        (frame::table("Tasks that wait for an answer", &["State", "Execution"], &rows))
        @if tasks.len() > PAGE { p.soft { "And " (count(tasks.len() - PAGE)) " more." } }
    }
}

fn counts(service: &Service, arn: &str) -> Counts {
    STATUSES.map(|status| (status, service.execution_count(arn, Some(status)))).into()
}

pub(super) fn type_name(execution_type: ExecutionType) -> &'static str {
    match execution_type {
        ExecutionType::Standard => "Standard",
        ExecutionType::Express => "Express",
    }
}

/// The newest executions before this one, those of Map Runs left out; and where to go on.
fn latest(
    service: &Service,
    before: Option<ExecutionId>,
    most: usize,
) -> (Vec<Row>, Option<ExecutionId>) {
    let mut rows = Vec::new();
    let mut last = None;
    for record in service.executions().before(before).take(LOOKED_AT) {
        if rows.len() == most {
            return (rows, last);
        }
        last = Some(record.id);
        if record.map_run.is_none() {
            rows.push(Row::of(record));
        }
    }
    let further = last.filter(|last| service.executions().before(Some(*last)).next().is_some());
    (rows, further)
}

/// `/executions`
pub(super) fn executions(shared: &Arc<Shared>, query: &Query) -> Shown {
    let before = query.text("before").and_then(|id| id.parse().ok()).map(ExecutionId);
    let (rows, further, all, running) = shared.look(|driver, _| {
        let service = driver.service();
        let (rows, further) = latest(service, before, PAGE);
        (rows, further, service.executions().len(), service.any_running())
    });
    let body = html! {
        h1 { "Executions" }
        p.soft { "The newest first; " (count(all)) " with those of Map Runs." }
        @if rows.is_empty() { p.soft { "None here." } } @else { (list::table(&rows, true)) }
        (list::pager(
            before.map(|_| "/executions".to_owned()),
            further.map(|id| address("/executions", &[("before", &id.0.to_string())])),
        ))
    };
    Shown::Page { title: "Executions".to_owned(), body, live: running }
}

struct ActivityRow {
    arn: Arc<str>,
    name: Arc<str>,
    creation_date: Timestamp,
    tasks: usize,
    workers: usize,
}

/// `/activities`
pub(super) fn activities(shared: &Arc<Shared>, query: &Query) -> Shown {
    let mut rows: Vec<ActivityRow> = shared.look(|driver, _| {
        let activities = driver.service().activities(query.text("after")).take(PAGE + 1);
        let row = |activity: &crate::service::Activity| ActivityRow {
            arn: activity.arn.clone(),
            name: activity.name.clone(),
            creation_date: activity.creation_date,
            tasks: activity.waiting_tasks(),
            workers: activity.waiting_workers(),
        };
        activities.map(row).collect()
    });
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let body = html! {
        h1 { "Activities" }
        @if rows.is_empty() {
            p.soft { "None." }
        } @else {
            (frame::table(
                "Activities",
                &["Name", "ARN", "Created (UTC)", "Tasks that wait", "Workers that wait"],
                &html! {
                    @for row in &rows {
                        tr {
                            th.wrap scope="row" { (row.name) }
                            td.arn { (row.arn) }
                            td.nowrap { (time(row.creation_date)) }
                            td.number { (count(row.tasks)) }
                            td.number { (count(row.workers)) }
                        }
                    }
                },
            ))
            @if let Some(last) = rows.last().filter(|_| more) {
                nav.pager aria-label="More activities" {
                    @let further = address("/activities", &[("after", &last.arn)]);
                    a href=(further) rel="next" { "Further activities" }
                }
            }
        }
    };
    let live = rows.iter().any(|row| row.tasks + row.workers > 0);
    Shown::Page { title: "Activities".to_owned(), body, live }
}

/// `/find`: goes to what has this ARN, or to the machine or Standard execution of this name.
pub(super) fn find(shared: &Arc<Shared>, query: &Query) -> Shown {
    let Some(what) = query.text("what").map(str::trim) else {
        return Shown::Elsewhere("/".to_owned());
    };
    if let Some(page) = of_arn(what) {
        return Shown::Elsewhere(page);
    }
    let found = shared.look(|driver, _| {
        let service = driver.service();
        let machine = service.state_machine_arn(what);
        if service.find_state_machine(&machine).is_some() {
            return Some(machine.to_string());
        }
        let executions = service.state_machines(None).map(|machine| {
            let arn = machine.arn.replacen(":stateMachine:", ":execution:", 1);
            format!("{arn}:{what}")
        });
        executions.into_iter().find(|arn| service.find_execution(arn).is_some())
    });
    match found.and_then(|arn| of_arn(&arn)) {
        Some(page) => Shown::Elsewhere(page),
        None => Shown::Missing(what.to_owned()),
    }
}
