//! Cases on servers of our own: each on one of its own in this process, on the virtual clock, with
//! the case's start time, seed, limits and mocks.
//!
//! The server answers the mocked Tasks. Everything else goes through HTTP: machines, executions,
//! workers, what happens from outside, the clock, and what is read back. What the API shows to nobody
//! comes from what the server writes for EventBridge and CloudWatch. Nothing is renamed and nothing
//! left to chance, so that all of it has to be as in our own simulation, to the letter.

mod control;
mod course;
mod machines;
mod seen;
mod written;

use aws_sdk_sfn::types::StateMachineType;
use tokio::task::JoinSet;

use super::batch::{Batch, CaseOf};
use super::endpoint::Endpoint;
use super::error::{EndpointError, EndpointErrorKind};
use super::live::{LiveReport, failed};
use super::refused;
use super::settings::Settings;
use super::state_test;
use super::throttle::Operation;
use crate::asl::ExecutionType;
use crate::runner::{self, CaseOutcome};
use crate::scenario::{Case, Scenario, StateTestCase};
use crate::server::{self, ClockMode, Destination, Options, Server};
use crate::service::Account;
use crate::sim;
use control::Control;
use course::Course;
use written::{Outputs, Written};

/// Runs the cases, each on a server of its own; `report` hears of each as it is done.
///
/// # Errors
///
/// Where this computer gives no threads.
pub(super) fn run_batch(
    settings: &Settings,
    cases: Vec<CaseOf>,
    mut report: impl FnMut(usize, LiveReport),
) -> Result<Batch, EndpointError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| EndpointError {
        endpoint: "our own server".to_owned(),
        operation: Operation::CreateStateMachine,
        kind: EndpointErrorKind::Unreachable(error.to_string()),
    })?;
    runtime.block_on(async {
        let mut batch = Batch::default();
        let mut running = JoinSet::new();
        let mut waiting = cases.into_iter().enumerate();
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            while running.len() < settings.concurrency.max(1)
                && let Some((number, (scenario, index))) = waiting.next()
            {
                running.spawn(async move {
                    (number, run_case(&scenario, &scenario.cases[index]).await)
                });
            }
            let done = tokio::select! {
                done = running.join_next() => done,
                _ = &mut interrupt => {
                    batch.interrupted = true;
                    break;
                }
            };
            match done {
                None => break,
                Some(Ok((number, live))) => report(number, live),
                // A panic is reported by its hook.
                Some(Err(_)) => {}
            }
        }
        Ok(batch)
    })
}

/// Runs one case on a server that it has to itself.
async fn run_case(scenario: &Scenario, case: &Case) -> LiveReport {
    let verdict = |outcome| LiveReport::verdict(runner::report_of(scenario, case, outcome));
    let own = match Own::start(scenario, case) {
        Ok(own) => own,
        Err(error) => {
            return verdict(CaseOutcome::Skipped(format!("the server does not start: {error}")));
        }
    };
    let done = match &case.state_test {
        _ if case.expect_invalid.is_some() => own.refused().await.map(verdict),
        Some(test) => own.state_test(test).await.map(verdict),
        None => own.execution().await,
    };
    done.unwrap_or_else(|problem| {
        let check = failed(case, "execution", "runs on the server", &problem);
        verdict(CaseOutcome::Failed(vec![check]))
    })
}

/// A case and the server that it runs on, which stops with it.
struct Own<'a> {
    scenario: &'a Scenario,
    case: &'a Case,
    endpoint: Endpoint,
    control: Control,
    server: Server,
    /// Where the server writes its events, metrics and logs.
    outputs: Outputs,
}

impl<'a> Own<'a> {
    fn start(scenario: &'a Scenario, case: &'a Case) -> std::io::Result<Self> {
        let account = Account {
            seed: case.seed.cast_signed(),
            interleaving: case.interleaving.map(u64::cast_signed),
            limits: case.limits,
            ..Account::default()
        };
        let outputs = Outputs::new();
        let file = Some(Destination::File(outputs.path.clone()));
        let options = Options {
            account,
            outputs: server::Outputs {
                events: file.clone(),
                metrics: file.clone(),
                log: file,
                ..server::Outputs::default()
            },
            clock: ClockMode::Virtual { start: case.start_time },
            scenarios: vec![Scenario { cases: vec![case.clone()], ..scenario.clone() }],
            ..Options::default()
        };
        let server = Server::start(options)?;
        let endpoint = Endpoint::of_server(&server.url());
        let control = Control::new(&server.url());
        Ok(Self { scenario, case, endpoint, control, server, outputs })
    }

    /// A definition that must be refused, by both operations that look at it.
    async fn refused(&self) -> Result<CaseOutcome, String> {
        let case = self.case;
        let validation = refused::validate(&self.endpoint, case).await;
        let validation = validation.map_err(|error| error.to_string())?;
        let definition = case.definition.value.to_json();
        let created = self.create(&case.state_machine_name, &definition, case.execution_type);
        let said = match created.await {
            Ok(_) => "OK",
            Err(error) if error.code() == Some("InvalidDefinition") => "FAIL",
            Err(error) => return Err(error.to_string()),
        };
        Ok(match refused::judge_diagnostics(case, &validation.value) {
            CaseOutcome::Passed if validation.text("result") != Some(said) => {
                let actual = format!("CreateStateMachine says {said}");
                let expected = validation.text("result").unwrap_or_default();
                CaseOutcome::Failed(vec![failed(case, "expectInvalid", expected, &actual)])
            }
            outcome => outcome,
        })
    }

    /// A test of one state.
    async fn state_test(&self, test: &StateTestCase) -> Result<CaseOutcome, String> {
        let case = self.case;
        let answer = state_test::answer(&self.endpoint, case, test, case.role_arn.as_deref());
        let answer = answer.await.map_err(|error| error.to_string())?;
        Ok(runner::judge_state_test(self.scenario, case, &answer).outcome)
    }

    /// An execution, from its machines to the verdict.
    async fn execution(self) -> Result<LiveReport, String> {
        let case = self.case;
        let whole = |report| Ok(LiveReport::verdict(report));
        let Ok(simulation) = runner::simulation(case, None) else {
            return whole(runner::run_case(self.scenario, case, None));
        };
        let local = match simulation.run() {
            Ok(run) => run,
            Err(error) => match (error.run, *error.problem) {
                (Some(run), sim::Problem::Stuck { .. }) => *run,
                // What cannot be run here has nothing to be compared with.
                _ => return whole(runner::run_case(self.scenario, case, None)),
            },
        };
        self.fill().await?;
        let mut arn = self
            .make(&case.state_machine_name, &case.definition, case.execution_type, &case.versions)
            .await?;
        for nested in &case.world.machines {
            let (name, definition) = (&nested.name, &nested.definition);
            self.make(name, definition, nested.execution_type, &nested.versions).await?;
        }
        if let Some(qualifier) = &case.start_through {
            arn = format!("{arn}:{qualifier}");
        }
        let ends = local.stop_time().is_some();
        let main = Course::new(&self, ends).run(&arn).await?;
        let shown = self.shown(&local, &main).await?;
        // What it wrote is complete once it has stopped.
        self.server.shutdown();
        let written = Written::read(&self.outputs)?;
        Ok(seen::judge(self.scenario, case, &local, shown, &written))
    }

    /// Puts what the case needs where it will be looked for.
    async fn fill(&self) -> Result<(), String> {
        let world = &self.case.world;
        for object in &world.objects {
            self.control.put(&object.bucket, &object.key, &object.body).await?;
        }
        for bucket in &world.missing_buckets {
            self.control.delete_bucket(bucket).await?;
        }
        for (activity, _) in &world.workers {
            let request = self.endpoint.client().create_activity().name(&**activity);
            self.endpoint
                .call(Operation::CreateActivity, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn type_of(execution_type: ExecutionType) -> StateMachineType {
    match execution_type {
        ExecutionType::Standard => StateMachineType::Standard,
        ExecutionType::Express => StateMachineType::Express,
    }
}
