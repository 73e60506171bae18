//! Map Runs: the child executions of a distributed Map.

use std::collections::VecDeque;
use std::sync::Arc;

use super::execution::{MapItem, Parent, StateMachineRecord};
use super::nested::NestedForm;
use super::{ExecutionId, Response, Service};
use crate::engine::{
    Batching, ExecutionResult, ExecutionStatus, Input, ItemSource, MapRunRequest, Place, TaskId,
};
use crate::history::Failure;
use crate::time::Timestamp;
use crate::value::Value;

/// A Map Run under way.
#[derive(Debug)]
pub(super) struct MapRun {
    parent: ExecutionId,
    task: TaskId,
    place: Place,
    state: Arc<str>,
    machine: Arc<StateMachineRecord>,
    /// Inputs of children that have not started, in order.
    waiting: VecDeque<Value>,
    running: usize,
    most_running: usize,
    /// By child: its output, once it has succeeded.
    outputs: Vec<Option<Value>>,
    started: usize,
    failed: usize,
    tolerated_count: Option<f64>,
    tolerated_percentage: Option<f64>,
    over: bool,
}

impl Service {
    /// Runs a distributed Map: each item, or batch of items, is an execution of its own. False
    /// where its items come from a reader or its results go to a writer: there is no S3 here.
    pub fn serve_map_run(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        request: &MapRunRequest,
    ) -> bool {
        let ItemSource::Items(items) = &request.items else { return false };
        let writes = request.result_writer.as_ref().is_some_and(|writer| writer.resource.is_some());
        if writes {
            return false;
        }
        let mut inputs = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let item = Value::object([("Index", Value::from(index)), ("Value", value.clone())]);
            let record = &mut self.records[id.0 as usize];
            match record.execution.map_item_input(request.task, item) {
                Ok(input) => inputs.push(input),
                Err(failure) => {
                    self.end_map_run(now, id, request.task, Err(failure));
                    return true;
                }
            }
        }
        if let Some(batching) = &request.batching {
            inputs = batches(inputs, batching);
        }
        let most = self.account.limits.distributed_map_concurrency;
        let asked = request.max_concurrency.and_then(|most| usize::try_from(most).ok());
        let run = MapRun {
            parent: id,
            task: request.task,
            place: request.place.clone(),
            state: request.state.clone(),
            machine: self.child_machine(id, request),
            running: 0,
            most_running: asked.filter(|asked| *asked > 0).unwrap_or(most).min(most),
            outputs: vec![None; inputs.len()],
            waiting: inputs.into(),
            started: 0,
            failed: 0,
            tolerated_count: request.tolerated_failure_count,
            tolerated_percentage: request.tolerated_failure_percentage,
            over: false,
        };
        self.map_runs.push(run);
        self.go_on(now, self.map_runs.len() - 1);
        true
    }

    /// The state machine of the children: `…:stateMachine:MACHINE/LABEL` (`api_map_run`).
    fn child_machine(&self, id: ExecutionId, request: &MapRunRequest) -> Arc<StateMachineRecord> {
        let own = &self.records[id.0 as usize].machine;
        let arn = request.map_run_arn.replacen(":mapRun:", ":stateMachine:", 1);
        let arn = arn.rsplit_once(':').map_or(&*arn, |(arn, _)| arn);
        let name = arn.rsplit(':').next().unwrap_or_default();
        Arc::new(StateMachineRecord {
            arn: arn.into(),
            name: name.into(),
            role_arn: own.role_arn.clone(),
            execution_type: request.execution_type,
            machine: Arc::new(own.machine.processor(request.processor.clone())),
        })
    }

    /// Starts as many children as may run, and ends the run after the last.
    fn go_on(&mut self, now: Timestamp, index: usize) {
        loop {
            let run = &mut self.map_runs[index];
            if run.over || run.running >= run.most_running {
                return;
            }
            let Some(input) = run.waiting.pop_front() else { break };
            let item = run.started;
            run.started += 1;
            let place = run.place.inner(run.state.clone(), item as u32);
            let parent = Parent {
                execution: run.parent,
                task: run.task,
                form: NestedForm::MapItem { run: index, item },
            };
            let machine = run.machine.clone();
            let started =
                self.start_machine(now, &machine, &machine.arn.clone(), None, input, Some(parent));
            if let Ok(Response::Started(child)) = started {
                self.records[child.0 as usize].item = Some(MapItem { place });
                self.map_runs[index].running += 1;
            } else {
                // Its input is too large, as AWS would find out too.
                self.map_runs[index].failed += 1;
            }
        }
        let run = &mut self.map_runs[index];
        if run.running == 0 {
            run.over = true;
            let (parent, task) = (run.parent, run.task);
            let outcome = if run.tolerates() {
                Ok(Value::array(std::mem::take(&mut run.outputs).into_iter().flatten()))
            } else {
                Err(exceeded())
            };
            self.end_map_run(now, parent, task, outcome);
        }
    }

    /// A child has ended.
    pub(super) fn map_item_ended(&mut self, index: usize, item: usize, child: ExecutionId) {
        let record = &self.records[child.0 as usize];
        let Some(now) = record.execution.ended_at() else { return };
        let run = &mut self.map_runs[index];
        run.running -= 1;
        match record.execution.result() {
            Some(ExecutionResult::Succeeded(output)) => {
                if let Some(slot) = run.outputs.get_mut(item) {
                    *slot = Some(output.clone());
                }
            }
            _ => run.failed += 1,
        }
        if run.over {
            return;
        }
        if run.tolerates() {
            self.go_on(now, index);
            return;
        }
        let (parent, task) = (run.parent, run.task);
        self.stop_map_run(now, index);
        self.end_map_run(now, parent, task, Err(exceeded()));
    }

    /// Stops the children of a run; those that have not started never will.
    fn stop_map_run(&mut self, now: Timestamp, index: usize) {
        let run = &mut self.map_runs[index];
        run.over = true;
        run.waiting.clear();
        let running = self.records.iter().enumerate().filter(|(_, record)| {
            let form = record.parent.map(|parent| parent.form);
            record.execution.status() == ExecutionStatus::Running
                && matches!(form, Some(NestedForm::MapItem { run, .. }) if run == index)
        });
        let running: Vec<ExecutionId> = running.map(|(i, _)| ExecutionId(i as u32)).collect();
        for child in running {
            let failure = Failure::default();
            // One that has just ended needs no stop.
            let _ = self.tell(now, child, Input::Stop { failure });
        }
    }

    /// Stops the run of a Map state that was given up.
    pub(super) fn cancel_map_run(&mut self, now: Timestamp, id: ExecutionId, task: TaskId) {
        let own = |run: &MapRun| (run.parent, run.task, run.over) == (id, task, false);
        if let Some(index) = self.map_runs.iter().position(own) {
            self.stop_map_run(now, index);
        }
    }

    fn end_map_run(
        &mut self,
        now: Timestamp,
        parent: ExecutionId,
        task: TaskId,
        outcome: Result<Value, Failure>,
    ) {
        // A parent that has ended no longer listens.
        let _ = self.tell(now, parent, Input::MapRunEnded { task, outcome });
    }
}

impl MapRun {
    /// Whether no threshold is exceeded; without any, no failure is tolerated (documentation of
    /// Map state in Distributed mode).
    fn tolerates(&self) -> bool {
        let failed = self.failed as f64;
        let percentage = failed * 100.0 / self.outputs.len().max(1) as f64;
        match (self.tolerated_count, self.tolerated_percentage) {
            (None, None) => self.failed == 0,
            (count, most) => {
                count.is_none_or(|count| failed <= count)
                    && most.is_none_or(|most| percentage <= most)
            }
        }
    }
}

fn exceeded() -> Failure {
    Failure::new(
        "States.ExceedToleratedFailureThreshold",
        "The specified tolerated failure threshold was exceeded",
    )
}

/// Puts items together: `{ BatchInput, Items }`
/// (`base_scenarios.map_item_batching_base_json_max_per_batch_jsonata`).
fn batches(items: Vec<Value>, batching: &Batching) -> Vec<Value> {
    let limit = |limit: Option<i64>| {
        limit.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0)
    };
    let most_items = limit(batching.max_items_per_batch).unwrap_or(usize::MAX);
    let most_bytes = limit(batching.max_input_bytes_per_batch).unwrap_or(usize::MAX);
    let batch_of = |items: Vec<Value>| {
        let input = batching.batch_input.clone().map(|input| ("BatchInput", input));
        Value::object(input.into_iter().chain([("Items", Value::from(items))]))
    };
    let empty = batch_of(Vec::new()).size();
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), empty);
    for item in items {
        let size = item.size() + usize::from(!batch.is_empty());
        if !batch.is_empty() && (batch.len() >= most_items || bytes + size > most_bytes) {
            batches.push(batch_of(std::mem::take(&mut batch)));
            bytes = empty;
        }
        bytes += size;
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push(batch_of(batch));
    }
    batches
}
