//! Express executions on an endpoint: StartSyncExecution is the only operation that tells how one
//! ended. Nobody sees its history, so that its end is what is judged.

use std::sync::Arc;
use std::time::Duration;

use super::compare::{is_stable, outcomes};
use super::endpoint::Answer;
use super::error::EndpointError;
use super::live::{LiveReport, Started, failed};
use super::pages::FetchedHistory;
use super::session::Session;
use super::settings::{Compare, Strictness};
use super::throttle::Operation;
use crate::asl::{ExecutionType, StateKind, States};
use crate::history::History;
use crate::runner::{self, CaseOutcome};
use crate::scenario::{Case, CheckKind, Expectation, Scenario};
use crate::sim;

/// An Express execution takes five minutes at most; the answer may come a little later.
pub(super) const LONGEST: Duration = Duration::from_secs(310);

impl Session {
    /// Runs the machine, and waits for the end, at most so long.
    pub(super) async fn start_synchronously(
        &self,
        number: usize,
        machine_arn: &str,
        name: &str,
        input: &str,
        longest: Duration,
    ) -> Result<Answer, EndpointError> {
        let arn = match &self.mock_file {
            Some(file) => format!("{machine_arn}#{}", file.case(number).unwrap_or_default()),
            None => machine_arn.to_owned(),
        };
        let request = self
            .endpoint
            .client()
            .start_sync_execution()
            .state_machine_arn(arn)
            .name(name)
            .input(input);
        let patience = super::endpoint::patience(longest);
        self.express_begins(machine_arn);
        let answer = self
            .endpoint
            .call(Operation::StartSyncExecution, |capture| async move {
                request.customize().config_override(patience).interceptor(capture).send().await
            })
            .await;
        if !answer.as_ref().is_err_and(EndpointError::is_silence) {
            self.express_ended(machine_arn);
        }
        answer
    }

    /// Judges how the execution ended.
    pub(super) fn judge_end(
        &self,
        scenario: &Scenario,
        case: &Case,
        local: Option<&sim::Run>,
        answer: &Answer,
        started: &Started,
    ) -> LiveReport {
        let nothing = FetchedHistory { pages: Vec::new(), history: History { events: Vec::new() } };
        let seen = self.observe(&started.machines[0], answer, &nothing, started);
        let run = sim::Run::observed(vec![seen], Vec::new(), Vec::new());
        let how = Compare { history: Strictness::Outcome, ..self.settings.compare };
        let shows = |kind: &CheckKind| is_end(kind) && (how.causes || !is_cause(kind));
        let (mut report, unjudged) = runner::judge_observed(scenario, case, &run, &shows);
        let mut failures = match report.outcome {
            CaseOutcome::Failed(failures) => failures,
            _ => Vec::new(),
        };
        for problem in started.answers.problems() {
            failures.push(failed(case, "mocks", "an answer that the target takes", &problem));
        }
        if let Some(local) = local
            && let Some(sentence) = outcomes(local, &run, how, is_stable(case, how.causes))
        {
            failures.push(failed(case, "end", "as stepproof's own", &sentence));
        }
        report.outcome = match failures.is_empty() {
            true => CaseOutcome::Passed,
            false => CaseOutcome::Failed(failures),
        };
        LiveReport { report, unjudged, run: Some(Arc::new(run)) }
    }
}

/// What a case expects of an Express execution that its end does not show.
pub(super) fn unseen(expectation: &Expectation) -> Vec<&str> {
    let unseen = expectation.checks.iter().filter(|check| !is_end(&check.kind));
    unseen.map(|check| &*check.what).collect()
}

fn is_end(kind: &CheckKind) -> bool {
    match kind {
        CheckKind::Status(_)
        | CheckKind::Output(_)
        | CheckKind::Error(_)
        | CheckKind::Cause(_)
        // Nobody asks how long it takes on a real clock.
        | CheckKind::Duration(_) => true,
        CheckKind::AnyOf(alternatives) => {
            alternatives.iter().all(|one| one.checks.iter().all(|check| is_end(&check.kind)))
        }
        _ => false,
    }
}

fn is_cause(kind: &CheckKind) -> bool {
    matches!(kind, CheckKind::Cause(_))
}

/// Whether a Task is among the states.
pub(super) fn has_task(level: &States) -> bool {
    level.iter().any(|state| {
        matches!(state.kind, StateKind::Task(_)) || state.levels().into_iter().any(has_task)
    })
}

/// Whether a case runs an Express execution itself.
pub(super) fn is_express(case: &Case) -> bool {
    case.execution_type == ExecutionType::Express
}
