//! One case on a live endpoint: made, started, waited for, judged, and taken away.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::activity::{Restoring, Rewriting, Way, resource_of};
use super::compare::{Data, difference};
use super::endpoint::Answer;
use super::error::EndpointError;
use super::express;
use super::map_runs::{self, Seen};
use super::observed;
use super::obstacle::{calls_services, obstacle};
use super::pages::FetchedHistory;
use super::services::{Script, without_metadata};
use super::session::{Session, account_of, now_seconds, stop_with};
use super::settings::{Compare, MockWay, Strictness};
use super::state_test;
use super::throttle::Operation;
use super::worker::{self, World};
use crate::asl::{ExecutionType, Resource, StateMachine};
use crate::engine::Place;
use crate::history::History;
use crate::runner::{self, CaseOutcome, CaseReport, Detail, FailedCheck};
use crate::scenario::{Case, CheckKind, Scenario};
use crate::service::ExecutionId;
use crate::sim::{self, ActionKind};
use crate::time::Timestamp;
use crate::value::Value;

/// What came of a case on a live endpoint.
#[derive(Clone, Debug)]
pub struct LiveReport {
    /// The verdict.
    pub report: CaseReport,
    /// Expectations that nobody can see from outside, and that were not judged.
    pub unjudged: Vec<String>,
    /// What the target did, in the words of our own runs; `None` where it ran nothing.
    pub run: Option<Arc<sim::Run>>,
}

impl LiveReport {
    pub(super) fn verdict(report: CaseReport) -> Self {
        Self { report, unjudged: Vec::new(), run: None }
    }
}

/// How long the endpoint may take to read the mock file again.
const MOCK_FILE_PATIENCE: Duration = Duration::from_secs(3);

/// Region and account in what our own interpreter writes.
const OWN: (&str, &str) = ("us-east-1", "123456789012");

/// What was made for a case.
pub(super) struct Started {
    /// The machines, in the order of the case; each with its name there and here.
    pub(super) machines: Vec<Machine>,
    pub(super) answers: Answers,
    role_arn: String,
    /// The input of the execution.
    input: String,
}

/// Who answers the mocked Tasks of a case.
#[derive(Clone, Default)]
pub(super) enum Answers {
    /// Nobody of us.
    #[default]
    Elsewhere,
    /// Our workers.
    Workers(Arc<World>),
    /// Our services.
    Services(Arc<Script>),
}

impl Answers {
    fn workers(&self) -> Option<&Arc<World>> {
        match self {
            Self::Workers(world) => Some(world),
            _ => None,
        }
    }

    fn token(&self, state: &str) -> Option<Arc<str>> {
        match self {
            Self::Elsewhere => None,
            Self::Workers(world) => world.token(state),
            Self::Services(script) => script.token(state),
        }
    }

    /// Why what a mock says cannot be said there.
    fn unsayable(&self) -> Option<String> {
        match self {
            Self::Services(script) => script.unsayable(),
            _ => None,
        }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        match self {
            Self::Elsewhere => Vec::new(),
            Self::Workers(world) => world.problems(),
            Self::Services(script) => script.problems(),
        }
    }
}

/// A state machine on the endpoint.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) arn: Arc<str>,
    /// The name on the endpoint, which occurs nowhere else.
    pub(super) name: String,
    /// The name in the case.
    pub(super) own: Arc<str>,
    pub(super) machine: Arc<StateMachine>,
    pub(super) execution_type: ExecutionType,
    /// The execution whose Task or Map Run starts its executions.
    pub(super) parent: Option<ExecutionId>,
    /// The distributed Maps around it. Which item an execution has does not show: the indexes say
    /// nothing.
    pub(super) place: Place,
}

impl Session {
    /// Runs the case; `number` tells it from the other cases of the session.
    ///
    /// # Errors
    ///
    /// Where the endpoint cannot be reached any more. What the endpoint refuses is a verdict, and so
    /// is one answer that never comes.
    pub async fn run_case(
        &self,
        number: usize,
        scenario: &Scenario,
        case: &Case,
    ) -> Result<LiveReport, EndpointError> {
        let verdict = |outcome| Ok(LiveReport::verdict(runner::report_of(scenario, case, outcome)));
        if case.expect_invalid.is_some() {
            let refused = self.refused(scenario, case).await;
            return self.judge_silence(scenario, case, refused).await;
        }
        if let Some(test) = &case.state_test {
            return match state_test::obstacle(case, test) {
                Some(obstacle) => verdict(CaseOutcome::Skipped(obstacle.to_owned())),
                None => {
                    let tested = self.state_test(scenario, case, test).await;
                    self.judge_silence(scenario, case, tested).await
                }
            };
        }
        if let Some(Err(reason)) = self.mock_file.as_ref().map(|file| file.case(number)) {
            return verdict(CaseOutcome::Skipped(reason.to_owned()));
        }
        let local = match self.prepare(scenario, case) {
            Ok(local) => local,
            Err(outcome) => return verdict(outcome),
        };
        // Of a call that a service hears nobody can tell which case it belongs to.
        let alone = self.services.is_some() && calls_services(case);
        let _alone = if alone { Some(self.calling.lock().await) } else { None };
        match self.run_prepared(number, scenario, case, local.as_ref()).await {
            Ok(report) => Ok(report),
            Err(error) if error.is_unreachable() => Err(error),
            Err(error) if error.is_of_missing_operation() => {
                verdict(CaseOutcome::Skipped(error.to_string()))
            }
            Err(error) => {
                let check = failed(case, "execution", "runs on the target", &error.to_string());
                verdict(CaseOutcome::Failed(vec![check]))
            }
        }
    }

    /// The verdict on a case in which something was not answered, where the endpoint is still there.
    async fn judge_silence(
        &self,
        scenario: &Scenario,
        case: &Case,
        came: Result<LiveReport, EndpointError>,
    ) -> Result<LiveReport, EndpointError> {
        match came {
            Err(silence) if silence.is_silence() => {
                self.outlive(&silence).await?;
                let check = failed(case, "execution", "answers in time", &silence.to_string());
                let outcome = CaseOutcome::Failed(vec![check]);
                Ok(LiveReport::verdict(runner::report_of(scenario, case, outcome)))
            }
            came => came,
        }
    }

    /// Our own run of the case, where it can be run on the endpoint; `None` where it need not be one.
    fn prepare(&self, scenario: &Scenario, case: &Case) -> Result<Option<sim::Run>, CaseOutcome> {
        if let Some(obstacle) = obstacle(case, self.settings.mocks) {
            return Err(CaseOutcome::Skipped(obstacle));
        }
        let simulated = |case: &Case| match runner::simulation(case, None) {
            Ok(simulation) => match simulation.run() {
                Ok(run) => Ok(run),
                Err(error) => match (error.run, *error.problem) {
                    (Some(run), sim::Problem::Stuck { .. }) => Ok(*run),
                    (_, problem) => Err(problem.to_string()),
                },
            },
            Err(_) => Err("its definition cannot be used".to_owned()),
        };
        let local = match simulated(case) {
            Ok(local) => local,
            // Without mocks of its own it is the real services that answer.
            Err(_) if self.settings.mocks == MockWay::None => return Ok(None),
            Err(problem) => {
                return Err(match runner::run_case(scenario, case, None).outcome {
                    CaseOutcome::Passed => CaseOutcome::Skipped(problem),
                    outcome => outcome,
                });
            }
        };
        let needed = needed(case, &local);
        if needed > self.settings.max_real_time {
            let (needed, most) = (needed.as_secs_f64(), self.settings.max_real_time.as_secs_f64());
            let reason = format!("needs {needed} s of real time; `--max-real-time` is {most} s");
            return Err(CaseOutcome::Skipped(reason));
        }
        // On a real clock, neither time nor chance are ours.
        let mut other = case.clone();
        other.start_time =
            Timestamp(i64::try_from(now_seconds()).unwrap_or_default() * 1_000 + 234);
        other.seed = other.seed.wrapping_add(7);
        let report = runner::run_case(scenario, &other, None);
        let own = runner::run_case(scenario, case, None);
        if matches!(own.outcome, CaseOutcome::Passed)
            && !matches!(report.outcome, CaseOutcome::Passed)
        {
            let reason = "expects what only its own start time or seed gives".to_owned();
            return Err(CaseOutcome::Skipped(reason));
        }
        Ok(Some(local))
    }

    async fn run_prepared(
        &self,
        number: usize,
        scenario: &Scenario,
        case: &Case,
        local: Option<&sim::Run>,
    ) -> Result<LiveReport, EndpointError> {
        let mut machines = Vec::new();
        let mut executions = Vec::new();
        let judged = match self.create(number, case, local, &mut machines).await {
            Ok((answers, role_arn, input)) => {
                let machines = machines.clone();
                let started = Started { machines, answers, role_arn, input };
                self.start_and_judge(number, scenario, case, local, &started, &mut executions).await
            }
            Err(error) => Err(error),
        };
        let judged = self.judge_silence(scenario, case, judged).await;
        let arns: Vec<Arc<str>> = machines.iter().map(|machine| machine.arn.clone()).collect();
        // On an endpoint that is gone, all that was made is tried at once, when the session ends.
        if !self.is_gone() {
            self.take_away(&executions, &arns).await;
        }
        self.worlds.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some(services) = self.services.as_ref().filter(|_| calls_services(case)) {
            services.play(None);
        }
        judged
    }

    async fn start_and_judge(
        &self,
        number: usize,
        scenario: &Scenario,
        case: &Case,
        local: Option<&sim::Run>,
        started: &Started,
        executions: &mut Vec<Arc<str>>,
    ) -> Result<LiveReport, EndpointError> {
        let (arn, name, input) = (&started.machines[0].arn, &case.execution_name, &started.input);
        if express::is_express(case) {
            let longest = self.longest(case, local, Duration::ZERO).min(express::LONGEST);
            let answer = self.start_synchronously(number, arn, name, input, longest).await?;
            return Ok(self.judge_end(scenario, case, local, &answer, started));
        }
        let arn = self.start_case(number, arn, name, input).await?;
        executions.push(arn.clone());
        let live = self.follow(scenario, case, local, &arn, started).await?;
        match self.trouble().filter(EndpointError::is_unreachable) {
            Some(error) if !matches!(live.report.outcome, CaseOutcome::Passed) => Err(error),
            _ => Ok(live),
        }
    }

    /// Makes the machines of a case: who answers their Tasks, the role of executions, their input.
    async fn create(
        &self,
        number: usize,
        case: &Case,
        local: Option<&sim::Run>,
        made: &mut Vec<Machine>,
    ) -> Result<(Answers, String, String), EndpointError> {
        let mut wanted =
            vec![(case.state_machine_name.clone(), case.definition.clone(), case.execution_type)];
        wanted.extend(
            case.world.machines.iter().map(|nested| {
                (nested.name.clone(), nested.definition.clone(), nested.execution_type)
            }),
        );
        let names: Vec<(Arc<str>, String)> = wanted
            .iter()
            .enumerate()
            .map(|(i, (own, ..))| (own.clone(), self.machine_name(number, i)))
            .collect();
        let parsed: Vec<(Arc<str>, Arc<StateMachine>)> = wanted
            .iter()
            .filter_map(|(own, definition, _)| Some((own.clone(), definition.machine.clone()?)))
            .collect();
        let answers = self.answers(number, case, local, &parsed).map_err(|problem| {
            let kind = super::EndpointErrorKind::Mocks(problem);
            self.endpoint.error(Operation::CreateStateMachine, kind)
        })?;
        let mut role_arn = String::new();
        // The machine under test last: it names the others.
        for (i, (own, definition, execution_type)) in wanted.iter().enumerate().rev() {
            let name = &names[i].1;
            let value = match &self.activities {
                Some(activities) => {
                    let way =
                        |state: &str, resource: &str| way(case, &parsed[i].1, state, resource);
                    let rewriting = Rewriting {
                        case: number,
                        machine: i,
                        served: &activities.served,
                        silent: &activities.silent,
                        way: &way,
                    };
                    rewriting.rewrite(&definition.value)
                }
                None => definition.value.clone(),
            };
            let text = self.rename(&value.to_json(), &names);
            role_arn = self.settings.role_arn.clone().unwrap_or_else(|| {
                let account = &self.account_id;
                case.role_arn.as_ref().map_or_else(
                    || format!("arn:aws:iam::{account}:role/StepFunctions-{name}"),
                    |role| role.to_string(),
                )
            });
            let arn = self.create_machine(name, &text, *execution_type, &role_arn).await?;
            let (own, execution_type) = (own.clone(), *execution_type);
            let (name, machine) = (name.clone(), parsed[i].1.clone());
            let parent = (i > 0).then_some(ExecutionId(0));
            let place = Place::default();
            made.insert(0, Machine { arn, name, own, machine, execution_type, parent, place });
        }
        Ok((answers, role_arn, self.rename(&case.input.to_json(), &names)))
    }

    /// Sets up what answers the mocked Tasks of a case.
    fn answers(
        &self,
        number: usize,
        case: &Case,
        local: Option<&sim::Run>,
        machines: &[(Arc<str>, Arc<StateMachine>)],
    ) -> Result<Answers, String> {
        if self.activities.is_some() {
            let world = Arc::new(World::new(case, machines.to_vec())?);
            let mut worlds = self.worlds.lock().unwrap_or_else(PoisonError::into_inner);
            worlds.insert(number, world.clone());
            return Ok(Answers::Workers(world));
        }
        if let (Some(services), Some(local), true) = (&self.services, local, calls_services(case)) {
            let script = Arc::new(Script::new(case, machines.to_vec(), local)?);
            services.play(Some(script.clone()));
            return Ok(Answers::Services(script));
        }
        Ok(Answers::Elsewhere)
    }

    /// StartExecution, of the case of the mock file where there is one.
    async fn start_case(
        &self,
        number: usize,
        machine_arn: &str,
        name: &str,
        input: &str,
    ) -> Result<Arc<str>, EndpointError> {
        let Some(file) = &self.mock_file else { return self.start(machine_arn, name, input).await };
        let arn = format!("{machine_arn}#{}", file.case(number).unwrap_or_default());
        let begun = Instant::now();
        loop {
            // The file was written a moment ago: the endpoint may not have seen it yet.
            match self.start(&arn, name, input).await {
                Err(error) if error.code().is_some() && begun.elapsed() < MOCK_FILE_PATIENCE => {
                    sleep(Duration::from_millis(100)).await;
                }
                Err(mut error) => {
                    if let super::EndpointErrorKind::Refused { message, .. } = &mut error.kind {
                        message.push_str(&format!(
                            " (does the endpoint read `{}`, and again when it changes?)",
                            file.path().display()
                        ));
                    }
                    return Err(error);
                }
                started => return started,
            }
        }
    }

    /// The text with the ARNs of the case's machines replaced by those of the endpoint.
    fn rename(&self, text: &str, names: &[(Arc<str>, String)]) -> String {
        let mut text = text.to_owned();
        for (own, new) in names {
            let wanted = format!(":stateMachine:{own}");
            let mut out = String::with_capacity(text.len());
            let mut rest = &text[..];
            while let Some(found) = rest.find(&wanted) {
                let (before, after) = (&rest[..found], &rest[found + wanted.len()..]);
                let whole = !after.starts_with(|c: char| c.is_alphanumeric() || "-_".contains(c));
                match before.rfind("arn:aws:states:") {
                    Some(arn) if whole && before[arn..].matches(':').count() == 4 => {
                        let (region, account) = (self.endpoint.region(), &self.account_id);
                        out.push_str(&before[..arn]);
                        out.push_str(&format!(
                            "arn:aws:states:{region}:{account}:stateMachine:{new}"
                        ));
                    }
                    _ => {
                        out.push_str(before);
                        out.push_str(&wanted);
                    }
                }
                rest = after;
            }
            out.push_str(rest);
            text = out;
        }
        text
    }

    /// How long an execution is waited for that began so long ago.
    fn longest(&self, case: &Case, local: Option<&sim::Run>, since: Duration) -> Duration {
        match local {
            None => self.settings.timeout,
            // What our own run never ends is looked at once all that happens has happened.
            Some(local) if local.stop_time().is_none() => {
                needed(case, local).saturating_sub(since) + Duration::from_secs(2)
            }
            Some(local) => local.duration() + self.settings.timeout,
        }
    }

    /// Waits for the end of the execution, and judges it.
    async fn follow(
        &self,
        scenario: &Scenario,
        case: &Case,
        local: Option<&sim::Run>,
        arn: &Arc<str>,
        started: &Started,
    ) -> Result<LiveReport, EndpointError> {
        let begun = Instant::now();
        // What happens from outside comes first: a redrive brings an execution back that had ended.
        self.act(case, arn, started).await?;
        let longest = self.longest(case, local, begun.elapsed());
        let description = self.wait(arn, longest).await?;
        let ended = description.text("status") != Some("RUNNING");
        let fetched = self.endpoint.history(arn, ended).await?;
        let children = children(&fetched, started);
        let mut seen = vec![self.seen(&started.machines[0], &description, fetched, started)];
        for (machine, arn) in children {
            let description = super::session::describe(&self.endpoint, &arn).await?;
            let fetched = self.endpoint.history(&arn, false).await?;
            seen.push(self.seen(&started.machines[machine], &description, fetched, started));
        }
        let (map_runs, left) = self.follow_map_runs(&mut seen, started).await?;
        let (executions, places): (Vec<_>, Vec<_>) =
            seen.into_iter().map(|seen| (seen.run, seen.machine.place)).unzip();
        let mut calls = observed::calls(&executions);
        for call in &mut calls {
            let around = &places[call.execution.0 as usize];
            call.request.place = map_runs::within(around, &call.request.place);
        }
        if !map_runs.is_empty() {
            calls.sort_by_key(|call| call.time);
        }
        let run = sim::Run::observed(executions, calls, map_runs);
        let mut live = self.judge(scenario, case, local, (&run, left.is_empty()), started);
        live.unjudged.extend(left);
        live.run = Some(Arc::new(run));
        Ok(live)
    }

    fn seen(
        &self,
        machine: &Machine,
        description: &Answer,
        fetched: FetchedHistory,
        started: &Started,
    ) -> Seen {
        let run = self.observe(machine, description, &fetched, started);
        Seen { run, raw: fetched.history, machine: machine.clone() }
    }

    /// What happens from outside, at its times.
    async fn act(&self, case: &Case, arn: &str, started: &Started) -> Result<(), EndpointError> {
        let start = Instant::now();
        let mut actions: Vec<_> = case.world.actions.iter().collect();
        actions.sort_by_key(|action| action.at);
        for action in actions {
            sleep_until(start + action.at).await;
            let done = match &action.kind {
                ActionKind::Stop(failure) => {
                    let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
                    stop_with(&self.endpoint, arn, error, cause).await
                }
                ActionKind::Redrive => {
                    let request = self.endpoint.client().redrive_execution().execution_arn(arn);
                    let sent = self.endpoint.call(Operation::RedriveExecution, |capture| async {
                        request.customize().interceptor(capture).send().await
                    });
                    sent.await.map(drop)
                }
                ActionKind::UpdateMapRun { state, update } => {
                    let description = super::session::describe(&self.endpoint, arn).await?;
                    let fetched = self.endpoint.history(arn, false).await?;
                    let seen = self.seen(&started.machines[0], &description, fetched, started);
                    match map_runs::latest(&seen.raw, &seen.run, state) {
                        Some(arn) => map_runs::update(&self.endpoint, &arn, *update).await,
                        None => Ok(()),
                    }
                }
                ActionKind::SendTaskSuccess { state, output } => {
                    match self.token(started, state).await {
                        Some(token) => worker::succeed(&self.endpoint, &token, output).await,
                        None => Ok(()),
                    }
                }
                ActionKind::SendTaskFailure { state, failure } => {
                    let (error, cause) = (failure.error.as_deref(), failure.cause.as_deref());
                    match self.token(started, state).await {
                        Some(token) => worker::fail(&self.endpoint, &token, error, cause).await,
                        None => Ok(()),
                    }
                }
                ActionKind::SendTaskHeartbeat { state } => match self.token(started, state).await {
                    Some(token) => worker::beat(&self.endpoint, &token).await,
                    None => Ok(()),
                },
            };
            // What is refused shows in the history, or in what does not happen.
            match done {
                Err(error) if error.is_unreachable() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The token of the task that a state waits for; a worker may not have taken it yet.
    async fn token(&self, started: &Started, state: &str) -> Option<Arc<str>> {
        if matches!(started.answers, Answers::Elsewhere) {
            return None;
        }
        for _ in 0..100 {
            if let Some(token) = started.answers.token(state) {
                return Some(token);
            }
            sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// An execution in the words of our own: names, ARNs, and Tasks in the place of activities.
    pub(super) fn observe(
        &self,
        machine: &Machine,
        description: &Answer,
        fetched: &FetchedHistory,
        started: &Started,
    ) -> sim::ExecutionRun {
        let own = |text: &str| self.own_words(text, started);
        let history = History::parse(&own(&fetched.text()))
            .map_or_else(|_| fetched.history.clone(), |(history, _)| history);
        let history = match started.answers.workers() {
            Some(world) => {
                let given = |key: &str| world.given(key, &own);
                let region = OWN.0.into();
                Restoring { machine: &machine.machine, region, given: &given }.restore(&history)
            }
            None => {
                let plain = matches!(started.answers, Answers::Services(_));
                observed::deployed(history, OWN.0, plain)
            }
        };
        let text = String::from_utf8_lossy(&description.bytes);
        let mut description = Value::parse(&own(&text)).unwrap_or_default();
        if let (Answers::Services(_), Some(output)) = (&started.answers, description.get("output"))
        {
            // Services answer over HTTP here, which shows in what optimized integrations add.
            let output = output.as_str().and_then(|text| Value::parse(text).ok());
            if let (Some(output), Value::Object(members)) = (output, &description) {
                let output = without_metadata(&output).to_json();
                description = Value::Object(members.with("output", Value::from(output)));
            }
        }
        observed::execution(
            &description,
            history,
            machine.own.clone(),
            machine.machine.clone(),
            machine.execution_type,
            machine.parent,
        )
    }

    pub(super) fn own_words(&self, text: &str, started: &Started) -> String {
        let machine = &started.machines[0].name;
        let default = format!("arn:aws:iam::{}:role/StepFunctions-{machine}", OWN.1);
        // A role that the case names stands there as it stands here.
        let mut text = match &self.settings.role_arn {
            Some(_) => text.replace(&started.role_arn, &default),
            None => text.to_owned(),
        };
        // Arguments travel in an envelope, and paths into them lead through it.
        text = text.replace("Arguments/arguments", "Arguments");
        for machine in &started.machines {
            text = text.replace(&machine.name, &machine.own);
        }
        match account_of(&started.machines[0].arn) {
            Some((region, account)) => {
                let text = text
                    .replace(&format!(":{region}:{account}:"), &format!(":{}:{}:", OWN.0, OWN.1));
                text.replace(&format!(":iam::{account}:"), &format!(":iam::{}:", OWN.1))
            }
            None => text,
        }
    }

    /// Judges what was seen, and whether that is all there was of it.
    fn judge(
        &self,
        scenario: &Scenario,
        case: &Case,
        local: Option<&sim::Run>,
        (run, whole): (&sim::Run, bool),
        started: &Started,
    ) -> LiveReport {
        let compare = self.settings.compare;
        // Child executions that were left out have made calls, too.
        let calls_show =
            |key: &str| whole && (run.map_runs().is_empty() || !map_runs::is_by_index(key));
        let observable = |kind: &CheckKind| match kind {
            CheckKind::Calls(check) if !calls_show(&check.key) => false,
            kind => observable(kind, compare),
        };
        let (mut report, mut unjudged) = runner::judge_observed(scenario, case, run, &observable);
        let mut failures = match report.outcome {
            CaseOutcome::Failed(failures) => failures,
            _ => Vec::new(),
        };
        for problem in started.answers.problems() {
            failures.push(failed(case, "mocks", "an answer that the target takes", &problem));
        }
        // What real services answer, our own run cannot know.
        let by_services = self.settings.mocks == MockWay::None && !run.all_calls().is_empty();
        if compare.history > Strictness::Outcome
            && !by_services
            && let Some(local) = local
        {
            let data = match started.answers {
                Answers::Services(_) => Data::None,
                _ => Data::Whole,
            };
            match difference(case, local, run, compare, data) {
                Ok(difference) => failures.extend(difference),
                Err(reason) => unjudged.push(reason),
            }
        }
        let trouble = self.trouble().filter(|_| !failures.is_empty() && calls_services(case));
        if let (Some(_), Some(error)) = (started.answers.workers(), trouble) {
            failures.push(failed(case, "mocks", "tasks for our workers", &error.to_string()));
        }
        report.outcome = match (failures.is_empty(), started.answers.unsayable()) {
            (true, _) => CaseOutcome::Passed,
            (false, Some(reason)) => CaseOutcome::Skipped(reason),
            (false, None) => CaseOutcome::Failed(failures),
        };
        LiveReport { report, unjudged, run: None }
    }
}

/// What becomes of a Task where activities serve the mocks.
fn way(case: &Case, machine: &StateMachine, state: &str, resource: &str) -> Way {
    let mocked = case.world.mocks.iter().any(|mock| {
        mock.key.rsplit(['/', ':']).next() == Some(state)
            || crate::matcher::glob(&mock.key, resource)
    });
    match resource_of(machine, state) {
        _ if mocked => Way::Served,
        Some(Resource::Activity { arn }) => {
            let name = arn.rsplit(':').next().unwrap_or_default();
            let mut workers = case.world.workers.iter();
            match workers.find(|(activity, _)| **activity == *name) {
                Some((_, worker)) if worker.never_asks() => Way::Silent,
                Some(_) => Way::Served,
                None => Way::Silent,
            }
        }
        Some(Resource::Service { service, action, .. })
            if (&*service, &*action) == ("states", "startExecution")
                && !case.world.machines.is_empty() =>
        {
            Way::Real
        }
        _ => Way::Served,
    }
}

/// How much real time a case takes, by our own run of it: until its end or, where it has none, until
/// its last event and the last thing that happens from outside.
fn needed(case: &Case, local: &sim::Run) -> Duration {
    let last = local.history().events.last().and_then(|event| event.timestamp);
    let shown = last.map_or(0, |last| last - local.start_time());
    let shown = Duration::from_millis(u64::try_from(shown).unwrap_or_default());
    let outside = case.world.actions.iter().map(|action| action.at).max().unwrap_or_default();
    local.duration().max(shown).max(outside)
}

/// The executions of the case's own machines that a history names: machine and ARN.
fn children(fetched: &FetchedHistory, started: &Started) -> Vec<(usize, String)> {
    let text = fetched.text();
    let mut found: Vec<(usize, String)> = Vec::new();
    for (i, machine) in started.machines.iter().enumerate().skip(1) {
        let wanted = format!(":execution:{}:", machine.name);
        for (at, _) in text.match_indices(&wanted) {
            let Some(start) = text[..at].rfind("arn:") else { continue };
            let rest = &text[at + wanted.len()..];
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || "-_.".contains(*c)).collect();
            let arn = format!("{}{wanted}{name}", &text[start..at]);
            if !found.iter().any(|(_, own)| *own == arn) {
                found.push((i, arn));
            }
        }
    }
    found
}

/// Whether an expectation can be judged from outside.
fn observable(kind: &CheckKind, compare: Compare) -> bool {
    match kind {
        CheckKind::Status(_) | CheckKind::Output(_) | CheckKind::Error(_) => true,
        CheckKind::Cause(_) => compare.causes,
        CheckKind::Path(_)
        | CheckKind::State(_)
        | CheckKind::Calls(_)
        | CheckKind::History(_)
        | CheckKind::HistoryFile(_)
        | CheckKind::Log(_)
        | CheckKind::Transitions(_)
        | CheckKind::MapRuns(_)
        | CheckKind::Events(_) => compare.history > Strictness::Outcome,
        CheckKind::Duration(_)
        | CheckKind::StatusChanges(_)
        | CheckKind::Metric { .. }
        | CheckKind::Object { .. } => false,
        CheckKind::AnyOf(_) => false,
    }
}

pub(super) fn failed(case: &Case, what: &str, expected: &str, actual: &str) -> FailedCheck {
    FailedCheck {
        what: what.to_owned(),
        span: case.span.clone(),
        written: false,
        expected: expected.to_owned(),
        actual: actual.to_owned(),
        detail: Detail::None,
        update: Vec::new(),
    }
}
