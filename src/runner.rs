//! Running cases and judging what came of them.
//!
//! A [`FileReport`] is plain data in the order of the file; `report` turns it into text, JSON or
//! JUnit XML. Nothing here prints.

mod export;
mod judge;
mod observed;
mod rewrite;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::asl::StateMachine;
use crate::diagnostic::{Diagnostic, Source};
use crate::scenario::{
    self, Case, CaseMock, CaseVersions, Check, CheckKind, Definition, Expectation, Scenario,
    StateTestCase, Status,
};
use crate::sim::{self, Simulation, Versions};
use crate::test_state::{TestStateRequest, test_state_of};
use crate::value::Value;

pub use export::export_mocks;
use observed::Observed;
pub use rewrite::rewrite;

/// What came of one scenario file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its cases in their order; or why the file cannot be used.
    pub cases: Result<Vec<CaseReport>, Vec<Diagnostic>>,
    /// What a person should look at, such as a default mock that no case used.
    pub warnings: Vec<String>,
    /// The live endpoint on whose real clock the cases ran; `None` where the clock was virtual.
    pub endpoint: Option<String>,
}

impl FileReport {
    /// The report of a file that cannot be used.
    pub(crate) fn unusable(path: PathBuf, problems: Vec<Diagnostic>) -> Self {
        Self { path, cases: Err(problems), warnings: Vec::new(), endpoint: None }
    }
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The case.
    pub name: Arc<str>,
    /// The scenario file.
    pub source: Arc<Source>,
    /// The bytes of it that spell the case.
    pub span: Range<usize>,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// What a person should look at although nothing failed, such as a mock that nothing used.
    pub warnings: Vec<String>,
    /// The run itself; `None` where it could not begin.
    pub run: Option<Run>,
    /// The mocks that no call used: machine and key.
    unused: Vec<(Option<String>, String)>,
}

impl CaseReport {
    /// Whether no call used the mock with this key, of the machine under test.
    pub fn leaves_unused(&self, key: &str) -> bool {
        self.unused.iter().any(|(machine, unused)| machine.is_none() && unused == key)
    }
}

/// How a case ended.
#[derive(Clone, Debug)]
pub enum CaseOutcome {
    /// Every expectation held.
    Passed,
    /// These did not.
    Failed(Vec<FailedCheck>),
    /// It could not be run: the definition has errors, or a mock is missing.
    Unusable(Vec<Problem>),
    /// It was not run, which proves nothing: why. Only targets other than `local` skip.
    Skipped(String),
}

impl CaseOutcome {
    /// The outcome of a case that was judged.
    fn of(failed: Vec<FailedCheck>) -> Self {
        if failed.is_empty() { Self::Passed } else { Self::Failed(failed) }
    }
}

/// Why a case could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Something is wrong with a file.
    Diagnostic(Diagnostic),
    /// Something is missing in the case; with what to put there.
    Missing {
        /// What is missing.
        message: String,
        /// YAML to paste into the case.
        stub: Option<String>,
    },
}

/// An expectation that did not hold.
#[derive(Clone, Debug)]
pub struct FailedCheck {
    /// The key: `output`, `states.Charge.input`.
    pub what: String,
    /// The bytes of the scenario file that spell the expectation.
    pub span: Range<usize>,
    /// Whether the file says it, or it is the default.
    pub written: bool,
    /// What was expected, on one line.
    pub expected: String,
    /// What came instead, on one line.
    pub actual: String,
    /// What the two look like beside each other.
    pub detail: Detail,
    /// What `--update` writes in place of the expectation.
    pub update: Vec<Update>,
}

/// How expectation and result are shown beside each other.
#[derive(Clone, Debug)]
pub enum Detail {
    /// The two lines say it all.
    None,
    /// Both as lines, to be compared line by line.
    Lines {
        /// The lines expected.
        expected: Vec<String>,
        /// The lines that came.
        actual: Vec<String>,
    },
    /// A row of things that fitted up to a point.
    Row {
        /// The items that came.
        items: Vec<String>,
        /// How many of them fitted.
        fitted: usize,
        /// What could have come next; empty where the row should have ended.
        wanted: Vec<String>,
    },
    /// Places inside a value that differ, each as one line.
    Places(Vec<String>),
    /// Lines that begin with `-` where something was expected, and with `+` where something came.
    Text(Vec<String>),
    /// The failures of each alternative of `anyOf`.
    Alternatives(Vec<Vec<FailedCheck>>),
}

/// A new value for a part of an expectation.
#[derive(Clone, Debug)]
pub struct Update {
    /// The place in the expectation: `$` for the whole, `$.lines[2]` for a part.
    pub path: String,
    /// The new value.
    pub value: Value,
}

/// What an execution did, for reports.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// `SUCCEEDED`, `FAILED`, …
    pub status: String,
    /// The states entered, inner ones with their place.
    pub path: Vec<String>,
    /// The output of a success.
    pub output: Option<Value>,
    /// The error name.
    pub error: Option<Arc<str>>,
    /// The cause.
    pub cause: Option<Arc<str>>,
    /// Milliseconds from start to end, by the clock that it ran on.
    pub duration_ms: i64,
    /// State transitions.
    pub transitions: u64,
    /// History events.
    pub events: u64,
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that passed.
    pub passed: usize,
    /// Cases with an expectation that did not hold.
    pub failed: usize,
    /// Cases that could not be run.
    pub unusable: usize,
    /// Cases that were not run.
    pub skipped: usize,
    /// Files that could not be read.
    pub unusable_files: usize,
    /// Milliseconds of all runs together, by the clock that they ran on.
    pub duration_ms: i64,
}

impl Tally {
    /// Adds the cases of a file.
    pub fn add(&mut self, file: &FileReport) {
        let cases = match &file.cases {
            Ok(cases) => cases,
            Err(_) => {
                self.unusable_files += 1;
                return;
            }
        };
        for case in cases {
            match &case.outcome {
                CaseOutcome::Passed => self.passed += 1,
                CaseOutcome::Failed(_) => self.failed += 1,
                CaseOutcome::Unusable(_) => self.unusable += 1,
                CaseOutcome::Skipped(_) => self.skipped += 1,
            }
            let duration_ms = case.run.as_ref().map_or(0, |run| run.duration_ms);
            self.duration_ms = self.duration_ms.saturating_add(duration_ms);
        }
    }

    /// How many cases there are.
    pub fn cases(self) -> usize {
        self.passed + self.failed + self.unusable + self.skipped
    }
}

/// Runs the selected cases of a scenario file and judges them.
pub fn run_file(path: &Path, selection: &Selection) -> FileReport {
    let path = path.to_path_buf();
    let scenario = match Scenario::load(&path) {
        Ok(scenario) => scenario,
        Err(problems) => return FileReport::unusable(path, problems),
    };
    let selected: Vec<&Case> =
        scenario.cases.iter().filter(|case| selection.takes(&path, case)).collect();
    let cases: Vec<CaseReport> =
        selected.iter().map(|case| run_case(&scenario, case, selection.seed)).collect();
    let whole = cases.len() == scenario.cases.len();
    let warnings = if whole { unused_defaults(&selected, &cases) } else { Vec::new() };
    FileReport { path, cases: Ok(cases), warnings, endpoint: None }
}

/// The default mocks that no case used. Where a case could not be run, none is blamed.
fn unused_defaults(cases: &[&Case], reports: &[CaseReport]) -> Vec<String> {
    let ran = |report: &CaseReport| !matches!(report.outcome, CaseOutcome::Unusable(_));
    if !reports.iter().all(ran) {
        return Vec::new();
    }
    let mut unused: Vec<&CaseMock> = Vec::new();
    let mocks = cases.iter().flat_map(|case| &case.world.mocks).filter(|mock| mock.inherited);
    for mock in mocks {
        let same = |key: &str, machine: Option<&str>| {
            *mock.key == *key && mock.machine.as_deref() == machine
        };
        let known = unused.iter().any(|one| same(&one.key, one.machine.as_deref()));
        let used = cases.iter().zip(reports).any(|(case, report)| {
            case.world.mocks.iter().any(|own| same(&own.key, own.machine.as_deref()))
                && case.expect_invalid.is_none()
                && !report.unused.iter().any(|(machine, key)| same(key, machine.as_deref()))
        });
        // A case with an unused mock of its own under this key has been warned of it.
        let warned = cases.iter().any(|case| {
            let mut own = case.world.mocks.iter().filter(|own| !own.inherited);
            own.any(|own| same(&own.key, own.machine.as_deref()))
        });
        if !known && !used && !warned {
            unused.push(mock);
        }
    }
    unused.iter().map(|mock| format!("no case used the default mock `{}`", mock.key)).collect()
}

/// Runs one case and judges it. `seed` takes the place of the case's own.
pub fn run_case(scenario: &Scenario, case: &Case, seed: Option<u64>) -> CaseReport {
    let mut report = report_of(scenario, case, CaseOutcome::Passed);
    if let Some(expected) = &case.expect_invalid {
        let failed = judge::judge_refusal(expected, case);
        if !failed.is_empty() {
            report.outcome = CaseOutcome::Failed(failed);
        }
        return report;
    }
    if let Some(test) = &case.state_test {
        report.outcome = test_state_case(case, test);
        return report;
    }
    let simulation = match simulation(case, seed) {
        Ok(simulation) => simulation,
        Err(problems) => {
            report.outcome = CaseOutcome::Unusable(problems);
            return report;
        }
    };
    match simulation.run() {
        Ok(run) => judge_run(case, &run, &mut report),
        Err(error) => {
            let stuck = matches!(*error.problem, sim::Problem::Stuck { .. });
            match error.run.as_deref() {
                // Who expects an execution to wait for ever has what was expected.
                Some(run) if stuck && expects_running(&case.expect) => {
                    judge_run(case, run, &mut report);
                }
                run => {
                    report.run = run.map(|run| summary(&Observed::new(run)));
                    report.outcome = CaseOutcome::Unusable(vec![problem(*error.problem)]);
                }
            }
        }
    }
    report
}

/// Judges an execution that somebody else ran: the expectations that are `observable` from there.
/// The second answer is what could not be judged, by the keys of the expectations.
pub fn judge_observed(
    scenario: &Scenario,
    case: &Case,
    run: &sim::Run,
    observable: &dyn Fn(&CheckKind) -> bool,
) -> (CaseReport, Vec<String>) {
    let judged = |check: &Check| match &check.kind {
        CheckKind::AnyOf(alternatives) => {
            alternatives.iter().all(|one| one.checks.iter().all(|check| observable(&check.kind)))
        }
        kind => observable(kind),
    };
    let (checks, left): (Vec<_>, Vec<_>) =
        case.expect.checks.iter().cloned().partition(|check| judged(check));
    let observed = Observed::new(run);
    let failed = judge::judge(&Expectation { checks }, &observed);
    let report = CaseReport {
        name: case.name.clone(),
        source: scenario.source.clone(),
        span: case.span.clone(),
        outcome: CaseOutcome::of(failed),
        warnings: Vec::new(),
        run: Some(summary(&observed)),
        unused: Vec::new(),
    };
    (report, left.into_iter().map(|check| check.what).collect())
}

/// Judges the diagnostics that somebody else refused the definition of a case with.
pub fn judge_refused(scenario: &Scenario, case: &Case, came: &[Diagnostic]) -> CaseReport {
    let expected = case.expect_invalid.as_deref().unwrap_or_default();
    let failed = judge::judge_diagnostics(expected, case, came);
    report_of(scenario, case, CaseOutcome::of(failed))
}

/// Judges what somebody else answered to a test of one state.
pub fn judge_state_test(scenario: &Scenario, case: &Case, answer: &Value) -> CaseReport {
    let failed = case.state_test.iter().flat_map(|test| judge::judge_state_test(test, answer));
    let failed: Vec<FailedCheck> = failed.collect();
    report_of(scenario, case, CaseOutcome::of(failed))
}

/// A report without a run.
pub fn report_of(scenario: &Scenario, case: &Case, outcome: CaseOutcome) -> CaseReport {
    CaseReport {
        name: case.name.clone(),
        source: scenario.source.clone(),
        span: case.span.clone(),
        outcome,
        warnings: Vec::new(),
        run: None,
        unused: Vec::new(),
    }
}

/// Tests one state by itself, and judges the answer.
fn test_state_case(case: &Case, test: &StateTestCase) -> CaseOutcome {
    let machine = match machine(&case.definition) {
        Ok(machine) => machine,
        Err(problems) => return CaseOutcome::Unusable(problems),
    };
    let request = TestStateRequest {
        input: Some(case.input.clone()),
        start_time: Some(case.start_time),
        seed: i64::from_ne_bytes(case.seed.to_ne_bytes()),
        role_arn: case.role_arn.clone(),
        ..test.request.clone()
    };
    let answer = match test_state_of(&machine, &request) {
        Ok(response) => response.to_json(),
        Err(refusal) if test.expects_refusal => {
            let members = [("Code", refusal.code), ("Message", &*refusal.message)];
            let members = members.map(|(name, text)| (name, Value::from(text)));
            Value::object([("Error", Value::object(members))])
        }
        Err(refusal) => {
            let message = refusal.to_string();
            return CaseOutcome::Unusable(vec![Problem::Missing { message, stub: None }]);
        }
    };
    let failed = judge::judge_state_test(test, &answer);
    CaseOutcome::of(failed)
}

fn judge_run(case: &Case, run: &sim::Run, report: &mut CaseReport) {
    let observed = Observed::new(run);
    let failed = judge::judge(&case.expect, &observed);
    for unused in run.unused_mocks() {
        let is_own = |mock: &&CaseMock| {
            *mock.key == *unused.key && mock.machine.as_deref() == unused.machine.as_deref()
        };
        if !case.world.mocks.iter().find(is_own).is_some_and(|mock| mock.inherited) {
            report.warnings.push(unused.to_string());
        }
        report.unused.push((unused.machine.clone(), unused.key.clone()));
    }
    for nested in case.world.machines.iter().filter(|nested| !nested.inherited) {
        if !run.executions().iter().any(|execution| execution.machine_name == nested.name) {
            report.warnings.push(format!("the machine `{}` was never started", nested.name));
        }
    }
    report.warnings.extend(run.unused_actions().iter().map(ToString::to_string));
    report.warnings.extend(run.mock_findings().iter().map(ToString::to_string));
    report.run = Some(summary(&observed));
    if !failed.is_empty() {
        report.outcome = CaseOutcome::Failed(failed);
    }
}

/// The machine of a definition that can be run.
fn machine(definition: &Definition) -> Result<Arc<StateMachine>, Vec<Problem>> {
    let Some(machine) = &definition.machine else {
        let errors = definition.diagnostics.iter().filter(|problem| problem.is_error());
        return Err(errors.cloned().map(Problem::Diagnostic).collect());
    };
    match definition.unfilled() {
        unfilled if unfilled.is_empty() => Ok(machine.clone()),
        unfilled => {
            let names: Vec<String> = unfilled.iter().map(|name| format!("`${{{name}}}`")).collect();
            let message = format!(
                "{} of `{}` must be filled in before it can run",
                names.join(", "),
                definition.source.name
            );
            let lines: String = unfilled
                .iter()
                .map(|name| format!("  {}: VALUE\n", scenario::write::string(name)))
                .collect();
            Err(vec![Problem::Missing { message, stub: Some(format!("substitutions:\n{lines}")) }])
        }
    }
}

/// The simulation that a case describes. `seed` takes the place of the case's own.
///
/// # Errors
///
/// Why there can be none: the errors of its definitions.
pub fn simulation(case: &Case, seed: Option<u64>) -> Result<Simulation, Vec<Problem>> {
    let own = machine(&case.definition)?;
    let mut simulation = Simulation::new(own.clone())
        .versions(versions(&case.versions, &own)?)
        .name(case.state_machine_name.clone())
        .execution_type(case.execution_type)
        .execution_name(case.execution_name.clone())
        .input(case.input.clone())
        .start_time(case.start_time)
        .seed(seed.unwrap_or(case.seed))
        .interleaving(case.interleaving)
        .limits(case.limits);
    if let Some(mode) = case.field_validation_mode {
        simulation = simulation.field_validation_mode(mode);
    }
    if let Some(after) = case.duplicate_delivery {
        simulation = simulation.duplicate_delivery(after);
    }
    if let Some(role_arn) = &case.role_arn {
        simulation = simulation.role_arn(role_arn.clone());
    }
    for CaseMock { machine, key, mock, .. } in &case.world.mocks {
        simulation = match machine {
            Some(machine) => simulation.nested_mock(machine, key, mock.clone()),
            None => simulation.mock(key, mock.clone()),
        };
    }
    for nested in &case.world.machines {
        let own = machine(&nested.definition)?;
        let versions = versions(&nested.versions, &own)?;
        simulation = simulation
            .machine(nested.name.clone(), own, nested.execution_type)
            .nested_versions(&nested.name, versions);
    }
    if let Some(qualifier) = &case.start_through {
        simulation = simulation.start_through(qualifier.clone());
    }
    for (activity, worker) in &case.world.workers {
        simulation = simulation.worker(&**activity, worker.clone());
    }
    for object in &case.world.objects {
        simulation = simulation.object(&object.bucket, &object.key, object.body.clone());
    }
    for bucket in &case.world.missing_buckets {
        simulation = simulation.missing_bucket(bucket);
    }
    for action in &case.world.actions {
        simulation = simulation.action(action.clone());
    }
    Ok(simulation)
}

/// The versions of a machine whose definition in the end is `own`.
fn versions(case: &CaseVersions, own: &Arc<StateMachine>) -> Result<Versions, Vec<Problem>> {
    let mut versions = Versions::new();
    for definition in &case.published {
        versions = versions.publish(match definition {
            Some(definition) => machine(definition)?,
            None => own.clone(),
        });
    }
    for (name, routing) in &case.aliases {
        versions = versions.alias(name.clone(), routing.iter().copied());
    }
    Ok(versions)
}

fn expects_running(expectation: &Expectation) -> bool {
    expectation.checks.iter().any(|check| match &check.kind {
        CheckKind::Status(status) => *status == Status::Running,
        CheckKind::AnyOf(alternatives) => alternatives.iter().any(expects_running),
        _ => false,
    })
}

fn problem(problem: sim::Problem) -> Problem {
    match problem {
        sim::Problem::Unmocked { state, machine, resource, stub } => {
            let of = machine.map(|machine| format!(" of `{machine}`")).unwrap_or_default();
            let message = format!("`{state}`{of} calls `{resource}`, and no mock answers");
            Problem::Missing { message, stub: Some(stub) }
        }
        other => Problem::Missing { message: other.to_string(), stub: None },
    }
}

fn summary(observed: &Observed<'_>) -> Run {
    let run = observed.run;
    Run {
        status: observed.status.name().to_owned(),
        path: observed.visits.iter().map(|visit| visit.place.clone()).collect(),
        output: run.output().cloned(),
        error: run.error().map(Arc::from),
        cause: run.cause().map(Arc::from),
        duration_ms: observed.duration_ms(),
        transitions: run.transitions(),
        events: run.history().events.len() as u64,
    }
}

/// Which cases are run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Lower-case text that the file's path, the case's name or one of its tags contains.
    pub filter: Option<String>,
    /// The part of all cases: `(2, 4)` is the second of four.
    pub shard: Option<(u64, u64)>,
    /// A seed in place of each case's own.
    pub seed: Option<u64>,
}

impl Selection {
    /// Whether the case is one of those.
    pub fn takes(&self, file: &Path, case: &Case) -> bool {
        let file = file.to_string_lossy();
        let named = self.filter.as_deref().is_none_or(|filter| {
            let tags = case.tags.iter().map(|tag| &**tag);
            let mut texts = [&*file, &*case.name].into_iter().chain(tags);
            texts.any(|text| text.to_lowercase().contains(filter))
        });
        named
            && self.shard.is_none_or(|(part, parts)| {
                // The last name of the path, so that a shard is the same from every folder.
                let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
                stable_hash(&format!("{name}\n{}", case.name)) % parts == part - 1
            })
    }
}

/// FNV-1a: the same on every machine and in every version.
fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
