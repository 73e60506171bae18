//! Map Runs on an endpoint: DescribeMapRun, and the child executions that ListExecutions names.

use std::sync::Arc;

use super::endpoint::{Answer, Endpoint};
use super::error::EndpointError;
use super::express::has_task;
use super::live::{Machine, Started};
use super::observed::step_of;
use super::pages::{FetchedHistory, Of, executions};
use super::session::{self, Session};
use super::throttle::Operation;
use crate::asl::{ExecutionType, MapState, ProcessorMode, StateKind, States};
use crate::engine::Place;
use crate::history::{EventDetails, History};
use crate::map_run::{Counts, MapRunStatus, MapRunUpdate};
use crate::scenario::Case;
use crate::service::ExecutionId;
use crate::sim::{ExecutionRun, MapRunSummary, Step};
use crate::value::Value;

/// How many child executions of one Map Run are fetched.
const MOST_CHILDREN: usize = 100;

/// An execution that was seen on the endpoint.
pub(super) struct Seen {
    /// In the words of the case.
    pub(super) run: ExecutionRun,
    /// As it came, with the ARNs of the endpoint.
    pub(super) raw: History,
    /// What it is an execution of.
    pub(super) machine: Machine,
}

/// Map Runs, and what of them nobody looked at.
pub(super) type Followed = (Vec<MapRunSummary>, Vec<String>);

impl Session {
    /// Finds the Map Runs of the executions; their child executions join the others.
    pub(super) async fn follow_map_runs(
        &self,
        seen: &mut Vec<Seen>,
        started: &Started,
    ) -> Result<Followed, EndpointError> {
        let (mut runs, mut left) = (Vec::new(), Vec::new());
        let mut next = 0;
        while next < seen.len() {
            let parent = ExecutionId(u32::try_from(next).unwrap_or(u32::MAX));
            for (arn, step) in of_execution(&seen[next].raw, &seen[next].run) {
                let answer = describe(&self.endpoint, &arn).await?;
                let machine = &seen[next].machine;
                let map = find(&machine.machine.states, &step.state);
                let child = map.map(|map| child_of(machine, map, &step, (&arn, parent)));
                if map.is_some_and(|map| is_express(map) && has_task(&map.processor)) {
                    left.push(format!("calls of the Express child executions of `{}`", step.state));
                }
                let mut children = Vec::new();
                if let Some(child) = child {
                    let all = self.child_executions(&arn).await?;
                    // Not all are listed: how many there are, the Map Run knows.
                    let total = counts(&answer.value, "executionCounts").total as usize;
                    let more = total.max(all.len()).saturating_sub(MOST_CHILDREN);
                    if more > 0 {
                        left.push(format!("{more} child executions of `{}`", step.state));
                    }
                    for execution in all.iter().take(MOST_CHILDREN) {
                        let index = u32::try_from(seen.len()).unwrap_or(u32::MAX);
                        children.push(ExecutionId(index));
                        seen.push(self.child(execution, &child, started).await?);
                    }
                }
                runs.push(MapRunSummary {
                    arn: self.own_words(&arn, started).into(),
                    execution: parent,
                    state: step.state,
                    place: step.place,
                    children,
                    ..summary(&answer.value)
                });
            }
            next += 1;
        }
        Ok((runs, left))
    }

    async fn child(
        &self,
        arn: &str,
        machine: &Machine,
        started: &Started,
    ) -> Result<Seen, EndpointError> {
        let description = session::describe(&self.endpoint, arn).await?;
        let fetched = match machine.execution_type {
            ExecutionType::Standard => self.endpoint.history(arn, false).await?,
            // The API shows how it ended, and no events.
            ExecutionType::Express => {
                FetchedHistory { pages: Vec::new(), history: History { events: Vec::new() } }
            }
        };
        let run = self.observe(machine, &description, &fetched, started);
        Ok(Seen { run, raw: fetched.history, machine: machine.clone() })
    }

    /// The newest child executions of a Map Run, oldest first: those of the pages that are needed to
    /// know [`MOST_CHILDREN`], and whether there are more.
    async fn child_executions(&self, map_run: &str) -> Result<Vec<String>, EndpointError> {
        let listed = self
            .endpoint
            .list(Operation::ListExecutions, "executions", MOST_CHILDREN + 1, |token| {
                executions(&self.endpoint, Of::MapRun(map_run), None, token)
            })
            .await?;
        let mut children: Vec<(f64, String)> = listed
            .iter()
            .rev()
            .filter_map(|one| {
                let start = one.get("startDate").and_then(Value::as_f64).unwrap_or_default();
                Some((start, one.get("executionArn")?.as_str()?.to_owned()))
            })
            .collect();
        children.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Ok(children.into_iter().map(|(_, arn)| arn).collect())
    }
}

/// What the children of a Map Run are executions of.
fn child_of(
    machine: &Machine,
    map: &MapState,
    step: &Step,
    (map_run, parent): (&str, ExecutionId),
) -> Machine {
    let label = map_run.rsplit('/').next().unwrap_or_default();
    let label = label.split(':').next().unwrap_or_default();
    Machine {
        own: format!("{}/{label}", machine.own).into(),
        machine: Arc::new(machine.machine.processor(map.processor.clone())),
        execution_type: match map.mode {
            ProcessorMode::Distributed(execution_type) => execution_type,
            ProcessorMode::Inline => ExecutionType::Standard,
        },
        parent: Some(parent),
        place: within(&machine.place, &step.place).inner(step.state.clone(), 0),
        ..machine.clone()
    }
}

/// A place in an execution that itself stands somewhere.
pub(super) fn within(around: &Place, place: &Place) -> Place {
    let segments = place.segments().into_iter();
    segments.fold(around.clone(), |around, (state, index)| around.inner(state.into(), index))
}

/// Whether the key of mocks or calls names the item of one index; `[*]` is every index.
pub(super) fn is_by_index(key: &str) -> bool {
    key.replace("[*]", "").contains('[')
}

fn is_express(map: &MapState) -> bool {
    map.mode == ProcessorMode::Distributed(ExecutionType::Express)
}

fn find<'a>(level: &'a States, name: &str) -> Option<&'a MapState> {
    level.iter().find_map(|state| match &state.kind {
        StateKind::Map(map) if *state.name == *name => Some(&**map),
        _ => state.levels().into_iter().find_map(|inner| find(inner, name)),
    })
}

/// The Map Runs that an execution started, with the Map states; `run` is the same in other words.
fn of_execution(raw: &History, run: &ExecutionRun) -> Vec<(Arc<str>, Step)> {
    let steps = run.steps();
    let events = &run.history.events;
    let own = events.iter().filter(|e| matches!(e.details, EventDetails::MapRunStarted { .. }));
    let arns = raw.events.iter().filter_map(|event| match &event.details {
        EventDetails::MapRunStarted { map_run_arn } => Some(map_run_arn.clone()),
        _ => None,
    });
    let found = arns.zip(own).filter_map(|(arn, event)| {
        let (step, _) = step_of(events, &steps, event.previous_event_id)?;
        Some((arn, step.clone()))
    });
    found.collect()
}

/// The latest Map Run that a state started in an execution; `run` is the same in other words.
pub(super) fn latest(raw: &History, run: &ExecutionRun, state: &str) -> Option<Arc<str>> {
    let latest = of_execution(raw, run).into_iter().rev().find(|(_, step)| *step.state == *state);
    latest.map(|(arn, _)| arn)
}

/// DescribeMapRun.
pub(super) async fn describe(endpoint: &Endpoint, arn: &str) -> Result<Answer, EndpointError> {
    let request = endpoint.client().describe_map_run().map_run_arn(arn);
    endpoint
        .call(Operation::DescribeMapRun, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
}

/// UpdateMapRun.
pub(super) async fn update(
    endpoint: &Endpoint,
    arn: &str,
    update: MapRunUpdate,
) -> Result<(), EndpointError> {
    let request = endpoint
        .client()
        .update_map_run()
        .map_run_arn(arn)
        .set_max_concurrency(update.max_concurrency.and_then(|most| i32::try_from(most).ok()))
        .set_tolerated_failure_count(update.tolerated_failure_count.map(|count| count as i64))
        .set_tolerated_failure_percentage(
            update.tolerated_failure_percentage.map(|percentage| percentage as f32),
        );
    let sent = endpoint.call(Operation::UpdateMapRun, |capture| async move {
        request.customize().interceptor(capture).send().await
    });
    sent.await.map(drop)
}

/// What DescribeMapRun says; where the run belongs is for others to say.
fn summary(answer: &Value) -> MapRunSummary {
    MapRunSummary {
        arn: "".into(),
        execution: ExecutionId(0),
        state: "".into(),
        place: Default::default(),
        status: status(answer),
        items: counts(answer, "itemCounts"),
        executions: counts(answer, "executionCounts"),
        children: Vec::new(),
    }
}

/// The status of a Map Run in an answer of DescribeMapRun.
pub(super) fn status(answer: &Value) -> MapRunStatus {
    match answer.get("status").and_then(Value::as_str) {
        Some("SUCCEEDED") => MapRunStatus::Succeeded,
        Some("FAILED") => MapRunStatus::Failed,
        Some("ABORTED") => MapRunStatus::Aborted,
        _ => MapRunStatus::Running,
    }
}

/// `itemCounts` or `executionCounts` of an answer of DescribeMapRun.
pub(super) fn counts(answer: &Value, key: &str) -> Counts {
    let count = |name: &str| {
        let count = answer.get(key).and_then(|counts| counts.get(name)?.as_i64());
        u64::try_from(count.unwrap_or_default()).unwrap_or_default()
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

/// Why the Map Runs of a case cannot run on somebody else's endpoint, where they cannot.
pub(super) fn obstacle(case: &Case, by_activities: bool) -> Option<&'static str> {
    let mut found = Vec::new();
    distributed(&case.definition.machine.as_ref()?.states, &mut found);
    let maps: Vec<&MapState> = found.iter().map(|(_, map)| *map).collect();
    let last = |key: &str| key.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    let whole = || {
        let mut keys = case.world.mocks.iter().map(|mock| last(&mock.key));
        keys.any(|key| found.iter().any(|(name, _)| **name == *key))
    };
    let by_index = || case.world.mocks.iter().any(|mock| is_by_index(&mock.key));
    match () {
        () if maps.iter().any(|map| map.item_reader.is_some()) => Some("reads objects of S3"),
        () if maps.iter().any(|map| map.result_writer.is_some()) => Some("writes objects to S3"),
        () if whole() => Some("mocks a Map Run as a whole"),
        () if by_activities
            && maps.iter().any(|map| is_express(map) && has_task(&map.processor)) =>
        {
            Some("Express child executions have no activities, which would stand for their Tasks")
        }
        () if by_activities && !maps.is_empty() && by_index() => {
            Some("mocks a Task by the index of its item, which a child execution does not know")
        }
        () => None,
    }
}

fn distributed<'a>(level: &'a States, found: &mut Vec<(&'a str, &'a MapState)>) {
    for state in level.iter() {
        if let StateKind::Map(map) = &state.kind
            && map.mode != ProcessorMode::Inline
        {
            found.push((&state.name, map));
        }
        for inner in state.levels() {
            distributed(inner, found);
        }
    }
}
