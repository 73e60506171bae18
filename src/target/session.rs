//! What a run of cases makes on an endpoint, and takes away again whatever happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sfn::types::{StateMachineType, Tag};
use tokio::sync::RwLock;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::batch::CaseOf;
use super::endpoint::{Answer, Endpoint};
use super::error::{EndpointError, EndpointErrorKind};
use super::mock_file::MockFile;
use super::services::Services;
use super::settings::{MockWay, Settings};
use super::throttle::Operation;
use super::worker::{Trouble, Worlds, serve};
use crate::asl::ExecutionType;

/// The tag of everything that stepproof makes: the run that made it.
pub const TAG_RUN: &str = "stepproof:run";
/// The tag that says when, in seconds since 1970.
pub const TAG_TIME: &str = "stepproof:time";
/// How the names begin of everything that stepproof makes.
pub const NAME_PREFIX: &str = "stepproof-";

/// How many polls of the activity are under way at once.
const POLLERS: usize = 4;

/// One run of cases on an endpoint.
pub struct Session {
    pub(super) endpoint: Endpoint,
    pub(super) settings: Settings,
    /// Names the run, in the names of what it makes.
    pub(super) run: String,
    pub(super) account_id: Arc<str>,
    pub(super) activities: Option<Activities>,
    pub(super) worlds: Worlds,
    /// The services that Tasks call, where we serve them.
    pub(super) services: Option<Services>,
    /// Held by the one case whose Tasks the services answer.
    pub(super) calling: tokio::sync::Mutex<()>,
    /// The mock file, where the endpoint reads one.
    pub(super) mock_file: Option<MockFile>,
    made: Arc<Mutex<Made>>,
    /// Held while something is being made: nothing is taken away before it is known.
    making: Arc<RwLock<()>>,
    pollers: Mutex<Vec<JoinHandle<()>>>,
    /// Why our workers are given no tasks, where they are not.
    trouble: Trouble,
    /// Whether the endpoint fell silent, so that nothing more is worth a long wait.
    is_gone: AtomicBool,
}

/// The two activities of a run.
pub(super) struct Activities {
    /// Our workers poll it.
    pub(super) served: Arc<str>,
    /// Nobody polls it.
    pub(super) silent: Arc<str>,
}

/// What is still there.
#[derive(Default)]
struct Made {
    machines: Vec<Arc<str>>,
    activities: Vec<Arc<str>>,
    running: Vec<Arc<str>>,
    /// Express machines whose execution is not known to have ended: there is no StopExecution for it.
    express: Vec<Arc<str>>,
}

/// What could not be taken away: names, with the reason.
pub type Leftovers = Vec<(String, EndpointError)>;

impl Session {
    /// A run that has made nothing yet.
    pub fn new(endpoint: Endpoint, settings: Settings) -> Self {
        Self {
            run: run_name(),
            account_id: "123456789012".into(),
            activities: None,
            worlds: Arc::default(),
            services: None,
            calling: tokio::sync::Mutex::default(),
            mock_file: None,
            made: Arc::default(),
            making: Arc::default(),
            pollers: Mutex::default(),
            trouble: Trouble::default(),
            is_gone: AtomicBool::new(false),
            endpoint,
            settings,
        }
    }

    /// Makes what all cases share: the activities, where mocks are served by them, the services,
    /// where those answer, or the mock file. Whatever comes of it, and also where it is dropped,
    /// [`close`](Self::close) takes it away.
    ///
    /// # Errors
    ///
    /// Where the endpoint cannot be reached or refuses, or the way of mocks cannot be gone.
    pub async fn open(&mut self, cases: &[CaseOf]) -> Result<(), EndpointError> {
        self.endpoint.probe().await?;
        let unusable = |session: &Self, problem| {
            let kind = EndpointErrorKind::Mocks(problem);
            session.endpoint.error(Operation::CreateStateMachine, kind)
        };
        match self.settings.mocks {
            MockWay::Activity => self.start_workers().await?,
            MockWay::Endpoint => {
                let services = Services::listen(self.settings.listen, self.endpoint.clone()).await;
                self.services = Some(services.map_err(|problem| unusable(self, problem))?);
            }
            MockWay::MockFile => {
                let path = self.settings.mock_file.clone();
                let file = MockFile::write(path, cases, &|number| self.machine_name(number, 0));
                self.mock_file = Some(file.map_err(|problem| unusable(self, problem))?);
            }
            MockWay::Server | MockWay::None => {}
        }
        Ok(())
    }

    /// How many cases run at once.
    pub(super) fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1)
    }

    async fn start_workers(&mut self) -> Result<(), EndpointError> {
        let served = self.create_activity("tasks").await?;
        let silent = self.create_activity("silence").await?;
        if let Some(account) = served.split(':').nth(4) {
            self.account_id = account.into();
        }
        let pollers = POLLERS.max(self.settings.concurrency);
        for _ in 0..pollers {
            let worlds = self.worlds.clone();
            let trouble = self.trouble.clone();
            let worker = serve(self.endpoint.clone(), served.clone(), worlds, trouble);
            let poller = tokio::spawn(worker);
            self.pollers.lock().unwrap_or_else(PoisonError::into_inner).push(poller);
        }
        self.activities = Some(Activities { served, silent });
        Ok(())
    }

    /// Why our workers are given no tasks, where they are not.
    pub(super) fn trouble(&self) -> Option<EndpointError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the endpoint is still there, one of whose answers never came: it is asked what it was
    /// asked at the beginning.
    ///
    /// # Errors
    ///
    /// Where it does not answer this either, or has not answered the same operation to more cases
    /// than were under way at once.
    pub(super) async fn outlive(&self, silence: &EndpointError) -> Result<(), EndpointError> {
        if let Err(error) = self.endpoint.probe().await
            && (error.is_silence() || matches!(error.kind, EndpointErrorKind::Unreachable(_)))
        {
            self.is_gone.store(true, Ordering::Relaxed);
            return Err(error);
        }
        match self.endpoint.silences(silence.operation) > self.concurrency() + 1 {
            true => Err(silence.clone()),
            false => Ok(()),
        }
    }

    /// Whether the endpoint answers nothing any more.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tags(&self) -> Vec<Tag> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        vec![tag(TAG_RUN, &self.run), tag(TAG_TIME, &now_seconds().to_string())]
    }

    async fn create_activity(&self, purpose: &str) -> Result<Arc<str>, EndpointError> {
        let name = format!("{NAME_PREFIX}{}-{purpose}", self.run);
        let (endpoint, tags) = (self.endpoint.clone(), self.tags());
        let making = async move {
            let request = endpoint.client().create_activity().name(name).set_tags(Some(tags));
            endpoint
                .call(Operation::CreateActivity, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
                .await
        };
        self.make(Operation::CreateActivity, making, "activityArn", |made| &mut made.activities)
            .await
    }

    /// Makes something, and knows its ARN whatever happens meanwhile: who waits for it may be
    /// dropped.
    async fn make(
        &self,
        operation: Operation,
        making: impl Future<Output = Result<Answer, EndpointError>> + Send + 'static,
        member: &'static str,
        list: impl FnOnce(&mut Made) -> &mut Vec<Arc<str>> + Send + 'static,
    ) -> Result<Arc<str>, EndpointError> {
        let open = self.making.clone().read_owned().await;
        let endpoint = self.endpoint.clone();
        let made = self.made.clone();
        let task = tokio::spawn(async move {
            let answer = making.await?;
            let Some(arn) = answer.text(member).filter(|arn| !arn.is_empty()) else {
                let excerpt = String::from_utf8_lossy(&answer.bytes).chars().take(80).collect();
                let kind = EndpointErrorKind::NotTheApi { status: 200, excerpt };
                return Err(endpoint.error(operation, kind));
            };
            let arn: Arc<str> = arn.into();
            list(&mut made.lock().unwrap_or_else(PoisonError::into_inner)).push(arn.clone());
            drop(open);
            Ok(arn)
        });
        match task.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// The name of a machine of this run.
    pub(super) fn machine_name(&self, case: usize, machine: usize) -> String {
        format!("{NAME_PREFIX}{}-{case}-{machine}", self.run)
    }

    /// CreateStateMachine; its ARN.
    pub(super) async fn create_machine(
        &self,
        name: &str,
        definition: &str,
        execution_type: ExecutionType,
        role_arn: &str,
    ) -> Result<Arc<str>, EndpointError> {
        let machine_type = match execution_type {
            ExecutionType::Standard => StateMachineType::Standard,
            ExecutionType::Express => StateMachineType::Express,
        };
        let (endpoint, tags) = (self.endpoint.clone(), self.tags());
        let request = endpoint
            .client()
            .create_state_machine()
            .name(name)
            .definition(definition)
            .role_arn(role_arn)
            .r#type(machine_type)
            .set_tags(Some(tags));
        let making = async move {
            endpoint
                .call(Operation::CreateStateMachine, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
                .await
        };
        self.make(Operation::CreateStateMachine, making, "stateMachineArn", |made| {
            &mut made.machines
        })
        .await
    }

    /// StartExecution; its ARN.
    pub(super) async fn start(
        &self,
        machine_arn: &str,
        name: &str,
        input: &str,
    ) -> Result<Arc<str>, EndpointError> {
        let endpoint = self.endpoint.clone();
        let request = endpoint
            .client()
            .start_execution()
            .state_machine_arn(machine_arn)
            .name(name)
            .input(input);
        let making = async move {
            endpoint
                .call(Operation::StartExecution, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
                .await
        };
        self.make(Operation::StartExecution, making, "executionArn", |made| &mut made.running).await
    }

    /// Stops what still runs of these executions and deletes these machines.
    pub(super) async fn take_away(&self, executions: &[Arc<str>], machines: &[Arc<str>]) {
        for arn in executions {
            let running = self.made().running.iter().any(|own| own == arn);
            if running && stop(&self.endpoint, arn).await.is_ok() {
                self.ended(arn);
            }
        }
        for arn in machines {
            if delete_machine(&self.endpoint, arn).await.is_ok() {
                self.made().machines.retain(|own| own != arn);
            }
        }
    }

    /// An Express execution of the machine begins.
    pub(super) fn express_begins(&self, machine_arn: &str) {
        self.made().express.push(machine_arn.into());
    }

    /// The Express execution of the machine is known to be over.
    pub(super) fn express_ended(&self, machine_arn: &str) {
        self.made().express.retain(|own| **own != *machine_arn);
    }

    /// The execution is known to be over.
    pub(super) fn ended(&self, execution_arn: &str) {
        self.made().running.retain(|own| **own != *execution_arn);
    }

    /// Takes everything away that the run has made; answers what could not be.
    pub async fn close(&self) -> Leftovers {
        let pollers: Vec<_> = {
            let mut pollers = self.pollers.lock().unwrap_or_else(PoisonError::into_inner);
            pollers.drain(..).collect()
        };
        for poller in pollers {
            poller.abort();
        }
        let _nothing_is_made = self.making.write().await;
        let made = std::mem::take(&mut *self.made());
        let patience = if self.is_gone() { LAST_PATIENCE } else { Duration::MAX };
        let begun = Instant::now();
        let mut left = Vec::new();
        // Executions first: a machine whose executions run is not gone when it is deleted.
        for (arns, take) in [
            (made.running, Take::Execution),
            (made.machines, Take::Machine),
            (made.activities, Take::Activity),
        ] {
            let mut taken = JoinSet::new();
            for arn in arns {
                let endpoint = self.endpoint.clone();
                let patience = patience.saturating_sub(begun.elapsed());
                taken.spawn(async move {
                    let away = timeout(patience, take.away(&endpoint, &arn)).await;
                    let waited = begun.elapsed();
                    let silence =
                        || endpoint.error(take.by(), EndpointErrorKind::TimedOut { waited });
                    (away.unwrap_or_else(|_| Err(silence())), arn)
                });
                if taken.len() >= TAKEN_AT_ONCE {
                    left.extend(taken.join_next().await.and_then(not_taken));
                }
            }
            while let Some(done) = taken.join_next().await {
                left.extend(not_taken(done));
            }
        }
        if !self.is_gone() {
            for arn in made.express {
                if is_deleting(&self.endpoint, &arn).await {
                    let kind = EndpointErrorKind::Deleting;
                    left.push((arn.to_string(), self.endpoint.error(Take::Machine.by(), kind)));
                }
            }
        }
        left
    }

    /// Waits until the execution has ended, or until this much time is over; the last answer of
    /// DescribeExecution.
    pub(super) async fn wait(
        &self,
        execution_arn: &str,
        longest: Duration,
    ) -> Result<Answer, EndpointError> {
        let aws = self.endpoint.is_aws();
        let mut pause = Duration::from_millis(if aws { 250 } else { 10 });
        let most = Duration::from_millis(if aws { 5_000 } else { 500 });
        let start = Instant::now();
        loop {
            let answer = describe(&self.endpoint, execution_arn).await?;
            if answer.text("status") != Some("RUNNING") {
                self.ended(execution_arn);
                return Ok(answer);
            }
            let left = longest.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(answer);
            }
            sleep(pause.min(left)).await;
            pause = pause.mul_f64(1.5).min(most);
        }
    }
}

/// How long it may take to take away what is on an endpoint that fell silent.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// How many things are taken away at once.
const TAKEN_AT_ONCE: usize = 8;

/// What a run has made.
#[derive(Clone, Copy)]
enum Take {
    Execution,
    Machine,
    Activity,
}

impl Take {
    fn by(self) -> Operation {
        match self {
            Self::Execution => Operation::StopExecution,
            Self::Machine => Operation::DeleteStateMachine,
            Self::Activity => Operation::DeleteActivity,
        }
    }

    async fn away(self, endpoint: &Endpoint, arn: &str) -> Result<(), EndpointError> {
        match self {
            Self::Execution => stop(endpoint, arn).await,
            Self::Machine => delete_machine(endpoint, arn).await,
            Self::Activity => delete_activity(endpoint, arn).await,
        }
    }
}

type Taken = Result<(Result<(), EndpointError>, Arc<str>), tokio::task::JoinError>;

fn not_taken(done: Taken) -> Option<(String, EndpointError)> {
    match done {
        Ok((Err(error), arn)) => Some((arn.to_string(), error)),
        // A panic is reported by its hook.
        _ => None,
    }
}

/// A name that no other run has: the time and the process.
fn run_name() -> String {
    #[expect(clippy::disallowed_methods, reason = "runs must not share names")]
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut number = nanos ^ (u128::from(std::process::id()) << 64);
    let mut name = String::new();
    for _ in 0..12 {
        name.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]));
        number /= 36;
    }
    name
}

pub(super) fn now_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "leftovers are told by their age")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// DescribeExecution.
pub(super) async fn describe(endpoint: &Endpoint, arn: &str) -> Result<Answer, EndpointError> {
    let request = endpoint.client().describe_execution().execution_arn(arn);
    endpoint
        .call(Operation::DescribeExecution, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
}

/// StopExecution; one that is over or gone is stopped.
pub(super) async fn stop(endpoint: &Endpoint, arn: &str) -> Result<(), EndpointError> {
    stop_with(endpoint, arn, Some("Stepproof.CleanUp"), None).await
}

/// StopExecution with error and cause.
pub(super) async fn stop_with(
    endpoint: &Endpoint,
    arn: &str,
    error: Option<&str>,
    cause: Option<&str>,
) -> Result<(), EndpointError> {
    let request = endpoint
        .client()
        .stop_execution()
        .execution_arn(arn)
        .set_error(error.map(str::to_owned))
        .set_cause(cause.map(str::to_owned));
    let stopped = endpoint.call(Operation::StopExecution, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    gone(stopped.await)
}

pub(super) async fn delete_machine(endpoint: &Endpoint, arn: &str) -> Result<(), EndpointError> {
    let request = endpoint.client().delete_state_machine().state_machine_arn(arn);
    let deleted = endpoint.call(Operation::DeleteStateMachine, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    gone(deleted.await)
}

/// Whether DescribeStateMachine says that the machine is not gone yet.
async fn is_deleting(endpoint: &Endpoint, arn: &str) -> bool {
    let request = endpoint.client().describe_state_machine().state_machine_arn(arn);
    let described = endpoint.call(Operation::DescribeStateMachine, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    described.await.is_ok_and(|machine| machine.text("status") == Some("DELETING"))
}

pub(super) async fn delete_activity(endpoint: &Endpoint, arn: &str) -> Result<(), EndpointError> {
    let request = endpoint.client().delete_activity().activity_arn(arn);
    let deleted = endpoint.call(Operation::DeleteActivity, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    gone(deleted.await)
}

/// What does not exist need not be taken away.
fn gone(result: Result<Answer, EndpointError>) -> Result<(), EndpointError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether what was asked about does not exist.
pub(super) fn is_gone(error: &EndpointError) -> bool {
    let gone = |code: &str| code == "ResourceNotFound" || code.ends_with("DoesNotExist");
    error.code().is_some_and(gone)
}

/// The account and the region of an ARN.
pub(super) fn account_of(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':');
    let region = parts.nth(3)?;
    Some((region, parts.next()?))
}
