//! What came of a case on a server of our own, read back over HTTP and held against our own
//! simulation.

use std::sync::Arc;

use super::Own;
use crate::asl::{ExecutionType, StateMachine};
use crate::history::{Diff, DiffOptions, History, Labels, Style, TimestampForm};
use crate::map_run::{Counts, MapRunStatus, Objects};
use crate::runner::{self, Detail, FailedCheck};
use crate::scenario::{CheckKind, Expectation};
use crate::sim::{self, ExecutionRun, MapRunSummary};
use crate::target::endpoint::Answer;
use crate::target::live::{LiveReport, failed};
use crate::target::observed;
use crate::target::session::describe;
use crate::target::throttle::Operation;
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

impl Own<'_> {
    /// Reads back everything that the simulation did too, and judges it.
    pub(super) async fn judge_standard(
        &self,
        local: &sim::Run,
        main: &str,
    ) -> Result<LiveReport, String> {
        let mut executions = Vec::new();
        let mut differences = Vec::new();
        for own in local.executions() {
            // The API shows nothing of Express executions.
            if own.execution_type == ExecutionType::Express {
                continue;
            }
            let arn = if executions.is_empty() { main } else { &own.arn };
            match self.execution_like(own, arn).await {
                Ok(seen) => {
                    differences.extend(self.difference(own, &seen));
                    executions.push(seen);
                }
                Err(problem) => {
                    differences.push(self.failed("executions", &own.arn, &problem));
                }
            }
        }
        if executions.is_empty() {
            return Err("nothing is known of the execution".to_owned());
        }
        let map_runs = self.map_runs(local).await?;
        let mut calls = observed::calls(&executions);
        calls.sort_by_key(|call| call.time);
        let run =
            sim::Run::observed(executions, calls, map_runs).with_objects(self.objects().await?);
        Ok(self.verdict(&run, &shows_standard, differences))
    }

    /// Judges what StartSyncExecution answered.
    pub(super) fn judge_synchronous(&self, local: &sim::Run, answer: &Answer) -> LiveReport {
        let own = local.execution();
        let seen = execution(
            answer,
            History::default(),
            own.machine_name.clone(),
            own.machine.clone(),
            own.execution_type,
        );
        let differences = self.end_difference(own, &seen).into_iter().collect();
        let run = sim::Run::observed(vec![seen], Vec::new(), Vec::new());
        self.verdict(&run, &shows_synchronous, differences)
    }

    /// The expectations of the case, and what differs from the simulation. What cannot be seen
    /// fails: nothing passes unjudged.
    fn verdict(
        &self,
        run: &sim::Run,
        shows: &dyn Fn(&CheckKind) -> bool,
        differences: Vec<FailedCheck>,
    ) -> LiveReport {
        let (mut report, unseen) = runner::judge_observed(self.scenario, self.case, run, shows);
        let unseen =
            unseen.iter().map(|what| self.failed(what, "as expected", "not shown by the API"));
        let failures: Vec<FailedCheck> = unseen.chain(differences).collect();
        report.outcome = match (report.outcome, failures.is_empty()) {
            (outcome, true) => outcome,
            (runner::CaseOutcome::Failed(mut checks), false) => {
                checks.extend(failures);
                runner::CaseOutcome::Failed(checks)
            }
            (_, false) => runner::CaseOutcome::Failed(failures),
        };
        LiveReport { report, unjudged: Vec::new() }
    }

    fn failed(&self, what: &str, expected: &str, actual: &str) -> FailedCheck {
        failed(self.case, what, expected, actual)
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

    /// The Map Runs of the simulation, as DescribeMapRun has them here.
    async fn map_runs(&self, local: &sim::Run) -> Result<Vec<MapRunSummary>, String> {
        let mut runs = Vec::new();
        for own in local.map_runs() {
            let request = self.endpoint.client().describe_map_run().map_run_arn(&*own.arn);
            let answer = self.endpoint.call(Operation::DescribeMapRun, |capture| async move {
                request.customize().interceptor(capture).send().await
            });
            let answer = answer.await.map_err(|error| error.to_string())?;
            let counts = |key: &str| counts(answer.value.get(key).unwrap_or(&Value::Null));
            runs.push(MapRunSummary {
                status: match answer.text("status") {
                    Some("SUCCEEDED") => MapRunStatus::Succeeded,
                    Some("FAILED") => MapRunStatus::Failed,
                    Some("ABORTED") => MapRunStatus::Aborted,
                    _ => MapRunStatus::Running,
                },
                items: counts("itemCounts"),
                executions: counts("executionCounts"),
                ..own.clone()
            });
        }
        Ok(runs)
    }

    async fn objects(&self) -> Result<Objects, String> {
        let mut objects = Objects::default();
        let looks = |expectation: &Expectation| {
            expectation.checks.iter().any(|check| matches!(check.kind, CheckKind::Object { .. }))
        };
        if looks(&self.case.expect) {
            for (bucket, key, body) in self.control.objects().await? {
                objects.put(&bucket, &key, body.to_vec(), Timestamp::EPOCH)?;
            }
        }
        Ok(objects)
    }
}

fn counts(value: &Value) -> Counts {
    let count = |key: &str| {
        let count = value.get(key).and_then(Value::as_i64).unwrap_or_default();
        u64::try_from(count).unwrap_or_default()
    };
    Counts {
        pending: count("pending"),
        running: count("running"),
        succeeded: count("succeeded"),
        failed: count("failed"),
        timed_out: count("timedOut"),
        aborted: count("aborted"),
        total: count("total"),
        results_written: count("resultsWritten"),
        failures_not_redrivable: count("failuresNotRedrivable"),
        pending_redrive: count("pendingRedrive"),
    }
}

/// What the API shows of Standard executions.
fn shows_standard(kind: &CheckKind) -> bool {
    !matches!(kind, CheckKind::StatusChanges(_) | CheckKind::Metric { .. })
}

/// What the answer of StartSyncExecution shows.
fn shows_synchronous(kind: &CheckKind) -> bool {
    matches!(
        kind,
        CheckKind::Status(_)
            | CheckKind::Output(_)
            | CheckKind::Error(_)
            | CheckKind::Cause(_)
            | CheckKind::Duration(_)
    )
}
