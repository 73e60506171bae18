//! What came of a case on a server of our own, read back over HTTP and held against our own
//! simulation.

use std::sync::Arc;

use super::Own;
use super::written::{Datapoint, Written};
use crate::asl::{ExecutionType, StateMachine};
use crate::history::{
    Diff, DiffOptions, History, Labels, LogLevel, LogOptions, Style, TimestampForm,
};
use crate::map_run::Objects;
use crate::runner::{self, CaseOutcome, Detail, FailedCheck};
use crate::scenario::{Case, CheckKind, Expectation, Scenario};
use crate::service::StatusChange;
use crate::sim::{self, ExecutionRun, MapRunSummary};
use crate::target::endpoint::Answer;
use crate::target::live::{LiveReport, failed};
use crate::target::map_runs;
use crate::target::observed;
use crate::target::session::describe;
use crate::time::Timestamp;
use crate::value::Value;

/// An execution as the API shows it.
pub(super) fn execution(
    description: &Answer,
    history: History,
    machine_name: Arc<str>,
    machine: Arc<StateMachine>,
    execution_type: ExecutionType,
) -> ExecutionRun {
    let value = &description.value;
    let run = observed::execution(value, history, machine_name, machine, execution_type, None);
    ExecutionRun {
        start_time: date(value, "startDate").unwrap_or(run.start_time),
        stop_time: date(value, "stopDate"),
        ..run
    }
}

/// A date of the API: seconds since 1970.
fn date(value: &Value, key: &str) -> Option<Timestamp> {
    let seconds = value.get(key)?.as_f64()?;
    Some(Timestamp((seconds * 1_000.0).round() as i64))
}

/// What the API showed of a case.
pub(super) struct Shown {
    /// The Standard executions of the simulation, as they are here.
    executions: Vec<Result<ExecutionRun, String>>,
    map_runs: Vec<MapRunSummary>,
    objects: Objects,
}

impl Own<'_> {
    /// Reads back everything of what the simulation did that the API shows.
    pub(super) async fn shown(&self, local: &sim::Run, main: &str) -> Result<Shown, String> {
        let mut executions = Vec::new();
        for (i, own) in local.executions().iter().enumerate() {
            if own.execution_type == ExecutionType::Standard {
                let arn = if i == 0 { main } else { &own.arn };
                executions.push(self.execution_like(own, arn).await);
            }
        }
        let (map_runs, objects) = (self.map_runs(local).await?, self.objects().await?);
        Ok(Shown { executions, map_runs, objects })
    }

    /// The execution of the server that is this one of the simulation.
    async fn execution_like(&self, own: &ExecutionRun, arn: &str) -> Result<ExecutionRun, String> {
        let told = |error: crate::target::EndpointError| error.to_string();
        let description = describe(&self.endpoint, arn).await.map_err(told)?;
        let fetched = self.endpoint.history(arn, false).await.map_err(told)?;
        let (name, machine) = (own.machine_name.clone(), own.machine.clone());
        let seen = execution(&description, fetched.history, name, machine, own.execution_type);
        Ok(ExecutionRun { parent: own.parent, map_run: own.map_run, ..seen })
    }

    /// The Map Runs of the simulation, as DescribeMapRun has them here.
    async fn map_runs(&self, local: &sim::Run) -> Result<Vec<MapRunSummary>, String> {
        let mut runs = Vec::new();
        for own in local.map_runs() {
            let answer = map_runs::describe(&self.endpoint, &own.arn).await;
            let answer = answer.map_err(|error| error.to_string())?;
            runs.push(MapRunSummary {
                status: map_runs::status(&answer.value),
                items: map_runs::counts(&answer.value, "itemCounts"),
                executions: map_runs::counts(&answer.value, "executionCounts"),
                ..own.clone()
            });
        }
        Ok(runs)
    }

    async fn objects(&self) -> Result<Objects, String> {
        let mut objects = Objects::default();
        if expects(&self.case.expect, &|kind| matches!(kind, CheckKind::Object { .. })) {
            for (bucket, key, body) in self.control.objects().await? {
                objects.put(&bucket, &key, body.to_vec(), Timestamp::EPOCH)?;
            }
        }
        Ok(objects)
    }
}

/// Judges what was shown and written: by the expectations of the case, and against the simulation.
pub(super) fn judge(
    scenario: &Scenario,
    case: &Case,
    local: &sim::Run,
    shown: Shown,
    written: &Written,
) -> LiveReport {
    let differ = Differ { case };
    let mut failures = Vec::new();
    let mut executions = Vec::new();
    let mut standard = shown.executions.into_iter();
    for own in local.executions() {
        let seen = match own.execution_type {
            ExecutionType::Standard => match standard.next() {
                Some(seen) => seen,
                None => Err("nothing is known of it".to_owned()),
            },
            ExecutionType::Express => differ.logged(own, written),
        };
        match seen {
            Ok(seen) => {
                failures.extend(differ.difference(own, &seen));
                executions.push(seen);
            }
            Err(problem) => failures.push(differ.failed("executions", &own.arn, &problem)),
        }
    }
    failures.extend(differ.status_changes(local, written));
    let measured = expects(&case.expect, &|kind| matches!(kind, CheckKind::Metric { .. }));
    failures.extend(measured.then(|| differ.metrics(local, written)).flatten());
    if executions.len() < local.executions().len() {
        let report = runner::report_of(scenario, case, CaseOutcome::Failed(failures));
        return LiveReport::verdict(report);
    }
    let mut calls = observed::calls(&executions);
    calls.sort_by_key(|call| call.time);
    // Both are known to be the same here and there.
    let (status_changes, metrics) = (local.status_changes().to_vec(), local.metrics().clone());
    let run = sim::Run::observed(executions, calls, shown.map_runs);
    let run = run.with_outputs(shown.objects, status_changes, metrics);
    let (mut report, unjudged) = runner::judge_observed(scenario, case, &run, &|_| true);
    report.outcome = match (report.outcome, failures.is_empty()) {
        (outcome, true) => outcome,
        (CaseOutcome::Failed(checks), false) => {
            failures.splice(0..0, checks);
            CaseOutcome::Failed(failures)
        }
        (_, false) => CaseOutcome::Failed(failures),
    };
    LiveReport { report, unjudged, run: Some(Arc::new(run)) }
}

/// Finds what is not as in the simulation.
struct Differ<'a> {
    case: &'a Case,
}

impl Differ<'_> {
    fn failed(&self, what: &str, expected: &str, actual: &str) -> FailedCheck {
        failed(self.case, what, expected, actual)
    }

    /// The Express execution whose log says, line by line, what one of the simulation did.
    fn logged(&self, own: &ExecutionRun, written: &Written) -> Result<ExecutionRun, String> {
        let options = LogOptions {
            level: LogLevel::All,
            include_execution_data: true,
            execution_arn: own.arn.clone(),
        };
        let expected = own.history.to_log(&options);
        let logs = written.logs_of(&own.arn);
        if logs.iter().any(|log| log.iter().copied().eq(&expected)) {
            return Ok(own.clone());
        }
        let Some(log) = logs.first() else { return Err("nothing of it was logged".to_owned()) };
        let place = log.iter().zip(&expected).position(|(came, wanted)| *came != wanted);
        let place = place.unwrap_or_else(|| log.len().min(expected.len()));
        let line = |line: Option<&Value>| line.map_or_else(|| "nothing".to_owned(), Value::to_json);
        let (came, wanted) = (log.get(place).copied(), expected.get(place));
        Err(format!("line {} of its log is {}, not {}", place + 1, line(came), line(wanted)))
    }

    /// Where an execution is not as in the simulation.
    fn difference(&self, own: &ExecutionRun, seen: &ExecutionRun) -> Option<FailedCheck> {
        let value = |run: &ExecutionRun| run.history.to_value(TimestampForm::Text);
        if value(own) == value(seen) {
            return self.end_difference(own, seen);
        }
        let labels = Labels::default();
        let (expected, actual) = (&own.history, &seen.history);
        let options = DiffOptions { timestamps: true, ..DiffOptions::default() };
        let diff = Diff::new(expected, actual, &options);
        let (sentence, text) = match diff.differences.first() {
            Some(first) => (
                first.sentence(expected, actual, &labels),
                diff.render(expected, actual, &labels, Style::Plain),
            ),
            None => {
                let lines = |history: &History| history.to_string();
                let both = format!("{}instead of\n{}", lines(actual), lines(expected));
                ("the same events in another order".to_owned(), both)
            }
        };
        let mut check = self.failed("history", &format!("of {} as simulated", own.arn), &sentence);
        check.detail = Detail::Text(text.lines().map(str::to_owned).collect());
        Some(check)
    }

    /// Where an execution does not end as in the simulation.
    fn end_difference(&self, own: &ExecutionRun, seen: &ExecutionRun) -> Option<FailedCheck> {
        let end = |run: &ExecutionRun| {
            let text = |text: &Option<Arc<str>>| text.clone().map(Value::String);
            let members = [
                ("status", Some(Value::from(run.status.api_name()))),
                ("output", run.output.clone()),
                ("error", text(&run.failure.error)),
                ("cause", text(&run.failure.cause)),
                ("startDate", Some(run.start_time.to_rfc3339_millis().into())),
                ("stopDate", run.stop_time.map(|time| time.to_rfc3339_millis().into())),
            ];
            Value::object(members.into_iter().filter_map(|(key, value)| Some((key, value?))))
        };
        let (expected, actual) = (end(own), end(seen));
        (expected != actual)
            .then(|| self.failed("DescribeExecution", &expected.to_json(), &actual.to_json()))
    }

    fn status_changes(&self, local: &sim::Run, written: &Written) -> Option<FailedCheck> {
        let own: Vec<Value> = local.status_changes().iter().map(StatusChange::to_value).collect();
        let text = |changes: Vec<Value>| Value::array(changes).to_json();
        (own != written.status_changes).then(|| {
            self.failed("status changes", &text(own), &text(written.status_changes.clone()))
        })
    }

    fn metrics(&self, local: &sim::Run, written: &Written) -> Option<FailedCheck> {
        let own = local.metrics().all.iter().flat_map(|metric| {
            metric.datapoints.iter().map(|point| {
                let (name, resource) = (metric.name.to_owned(), metric.resource.to_string());
                (name, resource, point.time.millis(), point.value)
            })
        });
        let mut own: Vec<Datapoint> = own.collect();
        own.sort();
        (own != written.datapoints).then(|| {
            let text = |points: &[Datapoint]| format!("{points:?}");
            self.failed("metrics", &text(&own), &text(&written.datapoints))
        })
    }
}

/// Whether an expectation of this kind is among them.
fn expects(expectation: &Expectation, is_it: &dyn Fn(&CheckKind) -> bool) -> bool {
    expectation.checks.iter().any(|check| match &check.kind {
        CheckKind::AnyOf(alternatives) => alternatives.iter().any(|one| expects(one, is_it)),
        kind => is_it(kind),
    })
}
