//! Map Runs, sans-IO: the run of one distributed Map.
//!
//! A [`MapRun`] reads the items, makes the input of each child execution, says when to start one
//! ([`MapRun::poll`]), is told how it ended ([`MapRun::child_ended`]), and in the end has the
//! result of the Map state and the files of its ResultWriter. Who runs the children, and where
//! the time comes from, is not its business: [`crate::service`] does both.

mod counts;
mod csv;
mod failure;
mod item;
mod json;
mod kept;
mod listing;
mod manifest;
mod objects;
mod parquet;
mod reader;
mod writer;
mod zstd;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub use counts::Counts;
pub use failure::ReadError;
pub(crate) use failure::{exceeds, threshold_exceeded};
pub use item::Item;
pub use objects::{Body, Object, Objects, split_uri};

use crate::engine::{Batching, ExecutionStatus, MapRunRequest};
use crate::history::Failure;
use crate::limits::Limits;
use crate::time::Timestamp;
use crate::value::Value;
use failure::{failure, input_too_large, not_positive};
use kept::Kept;
use reader::Dataset;
use writer::WriterConfig;

/// What a Map Run wants next.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// Start the child execution `index` with this input, and say so with
    /// [`MapRun::child_started`].
    Start {
        /// Which child: they count from zero.
        index: u32,
        /// Its input.
        input: Value,
    },
    /// Redrive the child execution `index`.
    Redrive {
        /// Which child.
        index: u32,
    },
    /// Stop these children; what becomes of them is of no interest any more.
    Stop(Vec<u32>),
    /// The run is over: the result of the Map state, or why it failed.
    Ended(Result<Value, Failure>),
    /// Nothing until a child ends.
    Idle,
}

/// The API's words for what has become of a Map Run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the API's")]
pub enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

impl MapRunStatus {
    /// The status as the API writes it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// How a child execution ended.
#[derive(Clone, Debug)]
pub struct ChildEnd {
    /// Its status.
    pub status: ExecutionStatus,
    /// Its output, where it succeeded.
    pub output: Value,
    /// Error and cause, where it failed.
    pub failure: Option<Failure>,
}

/// Settings that UpdateMapRun changes; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapRunUpdate {
    /// `maxConcurrency`
    pub max_concurrency: Option<i64>,
    /// `toleratedFailureCount`
    pub tolerated_failure_count: Option<f64>,
    /// `toleratedFailurePercentage`
    pub tolerated_failure_percentage: Option<f64>,
}

/// Makes the input of an item: its `$$.Map.Item` goes in, what ItemSelector makes of it comes out.
pub type SelectItem<'a> = dyn FnMut(Value) -> Result<Value, Failure> + 'a;

/// The run of one distributed Map.
#[derive(Debug)]
pub struct MapRun {
    request: MapRunRequest,
    /// The ARN of the children's state machine: `…:stateMachine:NAME/LABEL`.
    state_machine_arn: Arc<str>,
    /// `None` where opening it failed, or once every item was read.
    dataset: Option<Dataset>,
    /// Whether no item is left to read.
    exhausted: bool,
    /// How many items were read.
    read: u64,
    /// The input of an item that did not fit into the batch before.
    held: Option<Value>,
    children: Vec<Child>,
    /// Children to start or redrive before new ones, after a redrive.
    again: VecDeque<u32>,
    concurrency: usize,
    limits: Limits,
    items: Counts,
    executions: Counts,
    status: MapRunStatus,
    failure: Option<Failure>,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
    redrive_count: u32,
    redriven_at: Option<Timestamp>,
}

/// A child execution, as far as results are concerned.
#[derive(Debug)]
struct Child {
    /// `None` before it starts.
    status: Option<ExecutionStatus>,
    items: u32,
    redrive_count: u32,
    input: Kept,
    output: Kept,
    failure: Option<Box<Failure>>,
    started: Option<ChildStart>,
    stopped: Option<Timestamp>,
}

/// What is known of a child execution once it has started.
#[derive(Clone, Debug)]
pub struct ChildStart {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it started.
    pub at: Timestamp,
}

impl MapRun {
    /// How many child executions a run may have. AWS has no such limit; each takes a kilobyte or
    /// two here, after its end as well.
    pub const MOST_CHILDREN: u32 = 1_000_000;

    /// Begins a run. `state_machine_arn` is that of its child executions.
    ///
    /// # Errors
    ///
    /// Where this crate cannot read the dataset although AWS might: what to do instead. What AWS
    /// could not read either makes the run fail, not this call.
    pub fn start(
        now: Timestamp,
        request: MapRunRequest,
        state_machine_arn: Arc<str>,
        objects: &Objects,
        limits: &Limits,
    ) -> Result<Self, String> {
        let mut run = Self {
            concurrency: concurrency(request.max_concurrency, limits),
            limits: *limits,
            request,
            state_machine_arn,
            dataset: None,
            exhausted: false,
            read: 0,
            held: None,
            children: Vec::new(),
            again: VecDeque::new(),
            items: Counts::default(),
            executions: Counts::default(),
            status: MapRunStatus::Running,
            failure: None,
            started_at: now,
            stopped_at: None,
            redrive_count: 0,
            redriven_at: None,
        };
        run.open(objects)?;
        Ok(run)
    }

    fn open(&mut self, objects: &Objects) -> Result<(), String> {
        let batching = self.request.batching.as_ref();
        if let Some(field) = batching.and_then(Batching::not_positive) {
            self.failure = Some(failure("States.Runtime", not_positive(field)));
            return Ok(());
        }
        match Dataset::open(&self.request.items, objects) {
            Ok(dataset) => {
                if let Some(items) = dataset.len() {
                    self.items.total = items;
                    self.items.pending = items;
                }
                self.dataset = Some(dataset);
            }
            Err(ReadError::Failed(failure)) => self.failure = Some(failure),
            Err(ReadError::Unsupported(what)) => return Err(what),
        }
        Ok(())
    }

    /// What the run wants next. Call until it is idle or has ended.
    ///
    /// # Errors
    ///
    /// As for [`MapRun::start`], and where a child would be one more than
    /// [`MapRun::MOST_CHILDREN`].
    pub fn poll(
        &mut self,
        now: Timestamp,
        objects: &mut Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<Output, String> {
        if self.status != MapRunStatus::Running {
            return Ok(Output::Idle);
        }
        if self.failure.is_none() && self.threshold_exceeded() {
            self.failure = Some(threshold_exceeded());
        }
        if self.failure.is_some() {
            return match self.abort_running(now) {
                stopped if stopped.is_empty() => self.end(now, objects, select),
                stopped => Ok(Output::Stop(stopped)),
            };
        }
        if self.executions.running >= self.concurrency as u64 {
            return Ok(Output::Idle);
        }
        if let Some(index) = self.again.pop_front() {
            return Ok(self.start_again(index));
        }
        match self.next_input(objects, select) {
            Ok(Some(_)) if self.children.len() >= Self::MOST_CHILDREN as usize => Err(format!(
                "the Map Run has more than {} child executions, more than fit into memory: put \
                 items together with ItemBatcher, or read fewer with MaxItems",
                Self::MOST_CHILDREN
            )),
            Ok(Some((input, items))) => Ok(self.start_child(input, items)),
            Ok(None) if self.executions.running > 0 => Ok(Output::Idle),
            Ok(None) => {
                // The percentage is known only now, where nobody knew how many items there are.
                match self.threshold_exceeded() {
                    true => self.poll(now, objects, select),
                    false => self.end(now, objects, select),
                }
            }
            Err(ReadError::Failed(failure)) => {
                self.failure = Some(failure);
                self.poll(now, objects, select)
            }
            Err(ReadError::Unsupported(what)) => Err(what),
        }
    }

    fn start_child(&mut self, input: Value, items: u32) -> Output {
        let index = self.add_child(input.clone(), items);
        self.shift(index, Some(ExecutionStatus::Running));
        Output::Start { index, input }
    }

    fn add_child(&mut self, input: Value, items: u32) -> u32 {
        let known = self.dataset.as_ref().is_some_and(|dataset| dataset.len().is_some());
        if !known {
            self.items.total += u64::from(items);
            self.items.pending += u64::from(items);
        }
        self.executions.total += 1;
        self.executions.pending += 1;
        self.children.push(Child {
            status: None,
            items,
            redrive_count: 0,
            input: Kept::Value(input),
            output: Kept::Value(Value::Null),
            failure: None,
            started: None,
            stopped: None,
        });
        self.children.len() as u32 - 1
    }

    fn start_again(&mut self, index: u32) -> Output {
        self.shift(index, Some(ExecutionStatus::Running));
        let child = &mut self.children[index as usize];
        child.stopped = None;
        child.failure = None;
        match &child.started {
            Some(_) => {
                child.redrive_count += 1;
                Output::Redrive { index }
            }
            None => Output::Start { index, input: child.input.to_value() },
        }
    }

    /// Moves a child to another status, and counts.
    fn shift(&mut self, index: u32, to: Option<ExecutionStatus>) {
        let child = &mut self.children[index as usize];
        let from = std::mem::replace(&mut child.status, to);
        self.executions.shift(1, from, to);
        self.items.shift(u64::from(child.items), from, to);
    }

    /// A child that was to be started has started.
    pub fn child_started(&mut self, index: u32, start: ChildStart) {
        self.children[index as usize].started = Some(start);
    }

    /// A child has ended. Nothing changes where the run gave it up before.
    pub fn child_ended(&mut self, now: Timestamp, index: u32, end: ChildEnd) {
        let child = &mut self.children[index as usize];
        if child.status != Some(ExecutionStatus::Running) {
            return;
        }
        child.stopped = Some(now);
        child.output = Kept::Value(end.output);
        child.failure = end.failure.map(Box::new);
        self.shift(index, Some(end.status));
    }

    /// Nobody looks at a child any more that has ended: its input and output take little room from
    /// now on, and an input none that neither the results show nor a redrive needs.
    pub fn child_released(&mut self, index: u32) {
        let shown = WriterConfig::of(self.request.result_writer.as_ref()).shows_input();
        let child = &mut self.children[index as usize];
        match child.status {
            Some(ExecutionStatus::Succeeded) if !shown => child.input = Kept::Value(Value::Null),
            _ => child.input.shrink(),
        }
        child.output.shrink();
    }

    /// The input of a child.
    pub fn child_input(&self, index: u32) -> Value {
        self.children[index as usize].input.to_value()
    }

    /// The JSON text of the input of a child that was released, where it is kept.
    pub fn child_input_text(&self, index: u32) -> Option<&Arc<str>> {
        match &self.children[index as usize].input {
            Kept::Text(text) => Some(text),
            Kept::Value(_) => None,
        }
    }

    /// The Map state has ended without this run: it timed out, or its execution was stopped. Gives
    /// the children to stop.
    pub fn abort(&mut self, now: Timestamp) -> Vec<u32> {
        if self.status != MapRunStatus::Running {
            return Vec::new();
        }
        self.status = MapRunStatus::Aborted;
        self.stopped_at = Some(now);
        self.abort_running(now)
    }

    fn abort_running(&mut self, now: Timestamp) -> Vec<u32> {
        let running = Some(ExecutionStatus::Running);
        let indexes = 0..self.children.len() as u32;
        let running: Vec<u32> =
            indexes.filter(|index| self.children[*index as usize].status == running).collect();
        for index in &running {
            self.shift(*index, Some(ExecutionStatus::Aborted));
            self.children[*index as usize].stopped = Some(now);
        }
        running
    }

    fn end(
        &mut self,
        now: Timestamp,
        objects: &mut Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<Output, String> {
        let exported =
            self.request.result_writer.clone().filter(|writer| writer.resource.is_some());
        if self.failure.is_some() && exported.is_some() && self.dataset.is_some() {
            self.read_pending(objects, select)?;
        }
        self.items.results_written = self.items.total - self.items.pending;
        self.executions.results_written = self.executions.total - self.executions.pending;
        let written = match &exported {
            Some(writer) => writer::export(self, writer, objects, now),
            None if self.failure.is_none() => writer::state_output(self),
            None => Ok(Value::Null),
        };
        self.stopped_at = Some(now);
        let outcome = match (self.failure.clone(), written) {
            (Some(failure), _) => Err(failure),
            (None, written) => written,
        };
        self.status = match &outcome {
            Ok(_) => MapRunStatus::Succeeded,
            Err(failure) => {
                self.failure = Some(failure.clone());
                MapRunStatus::Failed
            }
        };
        Ok(Output::Ended(outcome))
    }

    /// Reads what is left as children that never started, for the file of them.
    fn read_pending(
        &mut self,
        objects: &Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<(), String> {
        loop {
            match self.next_input(objects, select) {
                Ok(Some((input, items))) => {
                    self.add_child(input, items);
                }
                Ok(None) | Err(ReadError::Failed(_)) => return Ok(()),
                Err(ReadError::Unsupported(what)) => return Err(what),
            }
        }
    }

    /// The input of the next child execution, and how many items it holds.
    fn next_input(
        &mut self,
        objects: &Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<Option<(Value, u32)>, ReadError> {
        match self.request.batching.clone() {
            Some(batching) => self.next_batch(&batching, objects, select),
            None => {
                let index = self.read;
                let input = self.next_item(objects, select)?;
                match input {
                    Some(input) if !self.limits.payload_fits(&input) => {
                        Err(ReadError::Failed(input_too_large(index)))
                    }
                    input => Ok(input.map(|input| (input, 1))),
                }
            }
        }
    }

    /// The next item after ItemSelector.
    fn next_item(
        &mut self,
        objects: &Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<Option<Value>, ReadError> {
        if self.exhausted {
            return Ok(None);
        }
        let Some(dataset) = &mut self.dataset else { return Ok(None) };
        let Some(item) = dataset.next(objects)? else {
            self.exhausted = true;
            return Ok(None);
        };
        let context = item.context(self.read);
        self.read += 1;
        select(context).map(Some).map_err(ReadError::Failed)
    }

    /// Items up to the batch's limits: by number, and by the bytes of the child's whole input
    /// (developer guide, "ItemBatcher").
    fn next_batch(
        &mut self,
        batching: &Batching,
        objects: &Objects,
        select: &mut SelectItem<'_>,
    ) -> Result<Option<(Value, u32)>, ReadError> {
        let most_items = batching
            .max_items_per_batch
            .map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
        let payload = self.limits.payload_bytes();
        let most_bytes = batching
            .max_input_bytes_per_batch
            .map_or(payload, |most| usize::try_from(most).unwrap_or(payload).min(payload));
        let mut items = Vec::new();
        let mut bytes = batch(batching, Vec::new()).size();
        while (items.len() as u64) < u64::from(most_items) {
            let index = self.read;
            let held = self.held.take();
            let next = match held {
                Some(held) => Some(held),
                None => self.next_item(objects, select)?,
            };
            let Some(input) = next else { break };
            let more = input.size() + usize::from(!items.is_empty());
            if bytes + more > most_bytes {
                if items.is_empty() {
                    return Err(ReadError::Failed(input_too_large(index)));
                }
                self.held = Some(input);
                break;
            }
            bytes += more;
            items.push(input);
        }
        let count = items.len() as u32;
        Ok((count > 0).then(|| (batch(batching, items), count)))
    }

    /// More failed than the state tolerates.
    fn threshold_exceeded(&self) -> bool {
        let total = match self.dataset.as_ref().and_then(Dataset::len) {
            None if self.exhausted => Some(self.items.total),
            total => total,
        };
        let request = &self.request;
        let tolerated = (request.tolerated_failure_count, request.tolerated_failure_percentage);
        exceeds(self.items.unsuccessful(), total, tolerated)
    }

    /// UpdateMapRun: new limits for the rest of the run.
    pub fn update(&mut self, update: MapRunUpdate) {
        if let Some(most) = update.max_concurrency {
            self.request.max_concurrency = Some(most);
            self.concurrency = concurrency(Some(most), &self.limits);
        }
        if let Some(count) = update.tolerated_failure_count {
            self.request.tolerated_failure_count = Some(count);
        }
        if let Some(percentage) = update.tolerated_failure_percentage {
            self.request.tolerated_failure_percentage = Some(percentage);
        }
    }

    /// Starts the run again: children that did not succeed are redriven, and what was never
    /// started starts.
    ///
    /// # Errors
    ///
    /// As for [`MapRun::start`].
    pub fn redrive(&mut self, now: Timestamp, objects: &Objects) -> Result<(), String> {
        self.status = MapRunStatus::Running;
        self.failure = None;
        self.stopped_at = None;
        self.redrive_count += 1;
        self.redriven_at = Some(now);
        for index in 0..self.children.len() as u32 {
            if self.children[index as usize].status != Some(ExecutionStatus::Succeeded) {
                self.shift(index, None);
                self.again.push_back(index);
            }
        }
        match self.dataset {
            Some(_) => Ok(()),
            None => self.open(objects),
        }
    }

    /// What was asked for.
    pub fn request(&self) -> &MapRunRequest {
        &self.request
    }

    /// The ARN of the children's state machine.
    pub fn state_machine_arn(&self) -> &Arc<str> {
        &self.state_machine_arn
    }

    /// What has become of it.
    pub fn status(&self) -> MapRunStatus {
        self.status
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Its items by what has become of them.
    pub fn item_counts(&self) -> Counts {
        self.items
    }

    /// Its child executions by what has become of them.
    pub fn execution_counts(&self) -> Counts {
        self.executions
    }

    /// When it started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When it ended, once it has.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.stopped_at
    }

    /// How often it was redriven.
    pub fn redrive_count(&self) -> u32 {
        self.redrive_count
    }

    /// When it was last redriven.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.redriven_at
    }
}

/// `{"BatchInput": …, "Items": […]}`
/// (`base_scenarios.map_item_batching_base_json_max_per_batch_jsonata`).
fn batch(batching: &Batching, items: Vec<Value>) -> Value {
    let input = batching.batch_input.clone().map(|input| ("BatchInput", input));
    Value::object(input.into_iter().chain([("Items", Value::from(items))]))
}

fn concurrency(most: Option<i64>, limits: &Limits) -> usize {
    let limit = limits.distributed_map_concurrency;
    match most.and_then(|most| usize::try_from(most).ok()) {
        None | Some(0) => limit,
        Some(most) => most.min(limit),
    }
}

impl Batching {
    /// The field that was evaluated to zero or less.
    fn not_positive(&self) -> Option<&'static str> {
        let fields = [
            ("MaxItemsPerBatch", self.max_items_per_batch),
            ("MaxInputBytesPerBatch", self.max_input_bytes_per_batch),
        ];
        fields.into_iter().find(|(_, value)| value.is_some_and(|n| n <= 0)).map(|(name, _)| name)
    }
}
