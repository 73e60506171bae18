//! Our own workers: they poll the activity of a run and answer as the mocks of the cases say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::activity::{Asked, Given, resource_of};
use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::throttle::Operation;
use crate::asl::{StateKind, StateMachine, States};
use crate::engine::{Place, TaskRequest};
use crate::mock::{BoundMocks, End, Heartbeats, MockKey, Mocks, Plan, Unresolved};
use crate::scenario::Case;
use crate::value::Value;

/// What answers the tasks of one case.
pub(super) struct World {
    /// The machine under test, then the nested ones.
    machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    mocks: Mutex<BoundMocks>,
    /// By worker: how often it asks.
    polls: Vec<Duration>,
    given: Mutex<BTreeMap<String, Given>>,
    tokens: Mutex<Vec<Token>>,
    problems: Mutex<Vec<String>>,
    /// States whose task somebody ends from outside.
    awaited: Vec<MockKey>,
    start: Instant,
}

/// A task that was taken, and may be ended from outside.
#[derive(Clone)]
struct Token {
    state: Arc<str>,
    place: Place,
    token: Arc<str>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// What the case says about its tasks.
    pub(super) fn new(
        case: &Case,
        machines: Vec<(Arc<str>, Arc<StateMachine>)>,
    ) -> Result<Self, String> {
        let mut mocks = Mocks::default();
        for mock in &case.world.mocks {
            mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
        }
        for (i, (activity, worker)) in case.world.workers.iter().enumerate() {
            mocks.add_worker(i, activity, worker.mock.clone());
        }
        let mocks = mocks.bind(&machines).map_err(|error| error.to_string())?;
        let awaited =
            case.world.actions.iter().filter_map(|action| {
                MockKey::parse(action.state()?, |name| mocks.is_state(name)).ok()
            });
        Ok(Self {
            awaited: awaited.collect(),
            machines,
            mocks: Mutex::new(mocks),
            polls: case.world.workers.iter().map(|(_, worker)| worker.poll).collect(),
            given: Mutex::default(),
            tokens: Mutex::default(),
            problems: Mutex::default(),
            start: Instant::now(),
        })
    }

    /// How a call was answered, by the key of its envelope; `own` puts the keys that workers saw
    /// into the words of the history.
    pub(super) fn given(&self, key: &str, own: &dyn Fn(&str) -> String) -> Option<Given> {
        let given = lock(&self.given);
        given.iter().find(|(known, _)| own(known) == key).map(|(_, given)| given.clone())
    }

    /// What went wrong with the answers.
    pub(super) fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    /// The token of the latest task that the state waits for.
    pub(super) fn token(&self, state: &str) -> Option<Arc<str>> {
        let key = MockKey::parse(state, |name| lock(&self.mocks).is_state(name)).ok()?;
        let tokens = lock(&self.tokens);
        let found = tokens
            .iter()
            .rev()
            .find(|token| key.state() == Some(&token.state) && key.covers(&token.place));
        found.map(|token| token.token.clone())
    }

    /// The answer to a call.
    fn plan(&self, asked: &Asked, token: &str) -> Result<Plan, String> {
        let (name, machine) =
            self.machines.get(asked.machine).ok_or("the envelope names an unknown machine")?;
        let resource = resource_of(machine, &asked.state)
            .ok_or_else(|| format!("`{name}` has no Task `{}`", asked.state))?;
        let place = place_of(machine, &asked.state, asked.index);
        let request = TaskRequest {
            task: 0,
            place: place.clone(),
            state: asked.state.clone(),
            resource,
            arguments: asked.arguments.clone(),
            credentials: asked.credentials.clone(),
            task_token: Some(token.into()),
            retry_count: asked.attempt,
            attempt: asked.attempt,
            timeout_seconds: None,
            heartbeat_seconds: None,
        };
        lock(&self.tokens).push(Token { state: asked.state.clone(), place, token: token.into() });
        let mut mocks = lock(&self.mocks);
        let resolved = match mocks.resolve(asked.machine, name, &request) {
            Ok(resolved) => resolved,
            Err(Unresolved::NoMock) if self.is_awaited(&request) => {
                return Ok(Plan::never());
            }
            Err(Unresolved::NoMock) => {
                return Err(format!("`{}` has no mock, and its task was asked for", asked.state));
            }
            Err(Unresolved::NoAnswer { key }) => {
                return Err(format!("no answer of `{key}` is for {}", request.arguments));
            }
            Err(Unresolved::UnknownFault { fault, .. }) => {
                return Err(crate::mock::unknown_fault(&fault));
            }
        };
        let mut plan = Plan::of(&resolved.answer, &request)?;
        if let Some(every) = resolved.worker.and_then(|worker| self.polls.get(worker))
            && !every.is_zero()
        {
            // It would have asked for the task only at its next poll.
            let since = self.start.elapsed().as_secs_f64() % every.as_secs_f64();
            plan.delay += every.saturating_sub(Duration::from_secs_f64(since));
        }
        Ok(plan)
    }

    fn is_awaited(&self, request: &TaskRequest) -> bool {
        self.awaited
            .iter()
            .any(|key| key.state() == Some(&request.state) && key.covers(&request.place))
    }
}

/// The place of a state: branches from the definition, and the iteration of the innermost Map.
/// Which iteration of an outer Map it is, an activity cannot know.
pub(super) fn place_of(machine: &StateMachine, state: &str, index: Option<u32>) -> Place {
    let around = around(&machine.states, state).unwrap_or_default();
    let innermost = around.iter().rposition(|(_, branch)| branch.is_none());
    let mut place = Place::default();
    for (i, (outer, branch)) in around.into_iter().enumerate() {
        let iteration = index.filter(|_| innermost == Some(i)).unwrap_or_default();
        place = place.inner(outer, branch.unwrap_or(iteration));
    }
    place
}

/// What stands around a state, outermost first: a Parallel with its branch, or a Map.
pub(super) fn around(level: &States, name: &str) -> Option<Vec<(Arc<str>, Option<u32>)>> {
    for state in level.iter() {
        if *state.name == *name {
            return Some(Vec::new());
        }
        for (i, inner) in state.levels().into_iter().enumerate() {
            if let Some(mut found) = around(inner, name) {
                let branch = matches!(state.kind, StateKind::Parallel(_)).then_some(i as u32);
                found.insert(0, (state.name.clone(), branch));
                return Some(found);
            }
        }
    }
    None
}

/// The worlds of the cases under way, by the number of the case.
pub(super) type Worlds = Arc<Mutex<BTreeMap<usize, Arc<World>>>>;

/// Why workers are given no tasks, as long as they are given none.
pub(super) type Trouble = Arc<Mutex<Option<EndpointError>>>;

/// Polls the activity until it is dropped, or has failed too often; each task is answered beside the
/// polling.
pub(super) async fn serve(
    endpoint: Endpoint,
    activity: Arc<str>,
    worlds: Worlds,
    trouble: Trouble,
) {
    let mut failures = 0;
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        match endpoint.activity_task(&activity, "stepproof").await {
            Ok(answer) => {
                failures = 0;
                lock(&trouble).take();
                let (Some(token), Some(input)) = (answer.text("taskToken"), answer.text("input"))
                else {
                    // An endpoint that does not hold a poll is not to be asked all the time.
                    sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let input = Value::parse(input).unwrap_or_default();
                let asked = Asked::read(&input);
                let world =
                    asked.as_ref().and_then(|asked| lock(&worlds).get(&asked.case).cloned());
                if let (Some(asked), Some(world)) = (asked, world) {
                    tasks.spawn(answer_task(endpoint.clone(), world, asked, token.into()));
                }
            }
            // Nothing to do for a minute looks like this on endpoints that hold polls longer.
            Err(error) if error.is_silence() => {}
            Err(error) => {
                failures += 1;
                *lock(&trouble) = Some(error);
                if failures >= 3 {
                    return;
                }
                sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

async fn answer_task(endpoint: Endpoint, world: Arc<World>, asked: Asked, token: Arc<str>) {
    let plan = match world.plan(&asked, &token) {
        Ok(plan) => plan,
        Err(problem) => {
            lock(&world.problems).push(problem.clone());
            let _ = fail(&endpoint, &token, Some("Stepproof.NoAnswer"), Some(&problem)).await;
            return;
        }
    };
    let given = Given {
        submit: plan.submit.clone(),
        stage: match &plan.end {
            End::Fail(stage, _) => Some(*stage),
            _ => None,
        },
        worker: plan.worker.clone(),
    };
    lock(&world.given).insert(asked.key.clone(), given);
    if let Err(error) = play(&endpoint, plan, &token).await {
        lock(&world.problems).push(format!("the answer to `{}`: {error}", asked.state));
    }
}

/// Gives a planned answer to whoever waits with this token, at its time.
pub(super) async fn play(
    endpoint: &Endpoint,
    plan: Plan,
    token: &str,
) -> Result<(), EndpointError> {
    let started = Instant::now();
    if let Some(Heartbeats { every, count }) = plan.heartbeats {
        let ends = !matches!(plan.end, End::Never);
        let mut sent = 0;
        while count.is_none_or(|count| sent < count) && !every.is_zero() {
            let next = every * (sent + 1);
            if ends && next > plan.delay {
                break;
            }
            sleep_until(started + next).await;
            if beat(endpoint, token).await.is_err() {
                return Ok(());
            }
            sent += 1;
        }
    }
    sleep_until(started + plan.delay).await;
    let done = match plan.end {
        End::Never => return Ok(()),
        End::Succeed(output) => succeed(endpoint, token, &output).await,
        End::Fail(_, failure) => {
            fail(endpoint, token, failure.error.as_deref(), failure.cause.as_deref()).await
        }
    };
    match done {
        // The state may have timed out or been stopped meanwhile: that is what the history shows.
        Err(error) if error.is_of_ended_task() => Ok(()),
        done => done,
    }
}

/// SendTaskHeartbeat.
pub(super) async fn beat(endpoint: &Endpoint, token: &str) -> Result<(), EndpointError> {
    let request = endpoint.client().send_task_heartbeat().task_token(token);
    let sent = endpoint.call(Operation::SendTaskHeartbeat, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    sent.await.map(drop)
}

/// SendTaskSuccess.
pub(super) async fn succeed(
    endpoint: &Endpoint,
    token: &str,
    output: &Value,
) -> Result<(), EndpointError> {
    let request = endpoint.client().send_task_success().task_token(token).output(output.to_json());
    let sent = endpoint.call(Operation::SendTaskSuccess, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    sent.await.map(drop)
}

/// SendTaskFailure.
pub(super) async fn fail(
    endpoint: &Endpoint,
    token: &str,
    error: Option<&str>,
    cause: Option<&str>,
) -> Result<(), EndpointError> {
    let request = endpoint
        .client()
        .send_task_failure()
        .task_token(token)
        .set_error(error.map(str::to_owned))
        .set_cause(cause.map(str::to_owned));
    let sent = endpoint.call(Operation::SendTaskFailure, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    sent.await.map(drop)
}
