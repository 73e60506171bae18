//! Distributed Map, as far as the parent execution sees it: the request for a Map Run and its end.

use std::sync::Arc;

use super::branch::{BranchId, Phase};
use super::dataflow::Fault;
use super::execution::Execution;
use super::io::{
    Batching, ItemSource, MapRunRequest, Output, Rejected, ResultWriterRequest, TaskId,
};
use super::redrive::MapRunOfState;
use super::states::{Step, check_depth};
use crate::asl::{ItemBatcher, ItemReader, MapState, ProcessorMode, ResultWriter, State};
use crate::asl::{StateKind, Template};
use crate::history::{EventDetails, EventType, Failure};
use crate::value::Value;

impl Execution {
    /// Asks for the Map Run of a distributed Map state.
    pub(super) fn start_map_run(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<Step, Fault> {
        let input = self.effective_input(id, state)?;
        let items = match &map.item_reader {
            Some(_) => None,
            None => Some(self.distributed_items(id, state, map, &input)?),
        };
        // With a reader nobody knows the length yet (base_scenarios.map_item_reader_*).
        let length = match &items {
            Some(ItemSource::Items(items)) => items.len() as u64,
            Some(ItemSource::Members(members)) => members.len() as u64,
            _ => 0,
        };
        self.emit_on(id, EventType::MapStateStarted, EventDetails::MapStateStarted { length });
        let items = match (items, &map.item_reader) {
            (Some(items), _) => items,
            (None, Some(reader)) => self.item_reader(id, state, reader)?,
            (None, None) => unreachable!("one of the two was just chosen"),
        };
        let batching = match &map.item_batcher {
            Some(batcher) => Some(self.batching(id, state, batcher)?),
            None => None,
        };
        let result_writer = match &map.result_writer {
            Some(writer) => Some(self.result_writer(id, state, writer)?),
            None => None,
        };
        let max_concurrency = self.max_concurrency(id, state, map)?;
        let (tolerated_failure_count, tolerated_failure_percentage) =
            self.tolerated_failures(id, state, map)?;
        let map_run_arn = self.map_run_arn(map);
        let details = EventDetails::MapRunStarted { map_run_arn: map_run_arn.clone() };
        self.emit_on(id, EventType::MapRunStarted, details);
        let branch = &mut self.branches[id as usize];
        let task = branch.last_event;
        branch.set_phase(Phase::MapRun(task));
        branch.map_run =
            Some(Box::new(MapRunOfState { task, arn: map_run_arn.clone(), redrives: 0 }));
        let request = MapRunRequest {
            task,
            place: branch.place.clone(),
            state: state.name.clone(),
            map_run_arn,
            processor: map.processor.clone(),
            execution_type: match map.mode {
                ProcessorMode::Distributed(execution_type) => execution_type,
                ProcessorMode::Inline => unreachable!("an inline Map has no Map Run"),
            },
            items,
            batching,
            result_writer,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
        };
        self.see(|seen| seen.map_run(map, input, &request));
        self.tasks.insert(task, id);
        self.outbox.push_back(Output::MapRun(Box::new(request)));
        Ok(Step::Blocked)
    }

    fn item_reader(
        &mut self,
        id: BranchId,
        state: &State,
        reader: &ItemReader,
    ) -> Result<ItemSource, Fault> {
        let max_items =
            self.integer(id, state, "ItemReader/ReaderConfig/MaxItems", reader.max_items.as_ref())?;
        let arguments =
            self.optional_template(id, state, reader.arguments.as_ref(), "ItemReader/Arguments")?;
        let config = match &reader.reader_config_template {
            Some(template) => self.template(id, state, template, "ItemReader/ReaderConfig")?,
            None => reader.reader_config.clone(),
        };
        Ok(ItemSource::Reader { resource: reader.resource.clone(), arguments, config, max_items })
    }

    fn batching(
        &mut self,
        id: BranchId,
        state: &State,
        batcher: &ItemBatcher,
    ) -> Result<Batching, Fault> {
        let batch_input = match &batcher.batch_input {
            Some(template) => Some(self.template(id, state, template, "ItemBatcher/BatchInput")?),
            None => None,
        };
        if let Some(input) = &batch_input {
            check_depth(&state.name, input).map_err(Fault::Failure)?;
        }
        let items = batcher.max_items_per_batch.as_ref();
        let bytes = batcher.max_input_bytes_per_batch.as_ref();
        Ok(Batching {
            batch_input,
            max_items_per_batch: self.integer(id, state, "ItemBatcher/MaxItemsPerBatch", items)?,
            max_input_bytes_per_batch: self.integer(
                id,
                state,
                "ItemBatcher/MaxInputBytesPerBatch",
                bytes,
            )?,
        })
    }

    fn result_writer(
        &mut self,
        id: BranchId,
        state: &State,
        writer: &ResultWriter,
    ) -> Result<ResultWriterRequest, Fault> {
        let arguments =
            self.optional_template(id, state, writer.arguments.as_ref(), "ResultWriter/Arguments")?;
        Ok(ResultWriterRequest {
            resource: writer.resource.clone(),
            arguments,
            config: writer.writer_config.clone(),
        })
    }

    fn optional_template(
        &mut self,
        id: BranchId,
        state: &State,
        template: Option<&Template>,
        field: &str,
    ) -> Result<Value, Fault> {
        match template {
            Some(template) => self.template(id, state, template, field),
            None => Ok(Value::Null),
        }
    }

    /// The input of one child execution of a Map Run, or one item of its batch: the item after the
    /// Map state's ItemSelector. `item` is what `$$.Map.Item` shows: `Index`, `Value` and, for
    /// readers that know them, `Key` and `Source`.
    ///
    /// Without a selector a member of an object is `{"Key": …, "Value": …}`, and any other item
    /// its value.
    ///
    /// # Errors
    ///
    /// The failure of the Map Run where the selector fails, or nests what it selects too deep.
    pub fn map_item_input(&mut self, task: TaskId, item: Value) -> Result<Value, Failure> {
        let value = item.get("Value").cloned().unwrap_or_default();
        let value = match item.get("Key") {
            Some(key) => Value::object([("Key", key.clone()), ("Value", value)]),
            None => value,
        };
        let Some(&id) = self.tasks.get(&task) else { return Ok(value) };
        let level = self.branches[id as usize].level.clone();
        let state = &level[self.branches[id as usize].state];
        let StateKind::Map(map) = &state.kind else { return Ok(value) };
        let Some(selector) = &map.item_selector else { return Ok(value) };
        let selected = self
            .effective_input(id, state)
            .and_then(|input| self.select_item(id, state, selector, &input, &item));
        let selected = selected.map_err(|fault| self.failure_of(id, state, fault))?;
        check_depth(&state.name, &selected)?;
        Ok(selected)
    }

    fn map_run_arn(&mut self, map: &MapState) -> Arc<str> {
        let start = &self.start;
        let mut fields = start.state_machine_arn.split(':');
        let account = fields.nth(4).unwrap_or("123456789012");
        let (region, machine) = (&start.region, &start.state_machine_name);
        let prefix = format!("arn:aws:states:{region}:{account}:mapRun:{machine}");
        let label = match &map.label {
            Some(label) => label.to_string(),
            None => self.entropy.next_uuid(),
        };
        let run = self.entropy.next_uuid();
        Arc::from(format!("{prefix}/{label}:{run}"))
    }

    pub(super) fn map_run_ended(
        &mut self,
        task: TaskId,
        outcome: Result<Value, Failure>,
    ) -> Result<(), Rejected> {
        let id = self.tasks.remove(&task).ok_or(Rejected::TaskDoesNotExist)?;
        let (event_type, details) = match &outcome {
            Ok(_) => (EventType::MapRunSucceeded, EventDetails::None),
            Err(failure) => (EventType::MapRunFailed, EventDetails::Failure(failure.clone())),
        };
        self.emit_on(id, event_type, details);
        let branch = &mut self.branches[id as usize];
        if outcome.is_ok() {
            branch.map_run = None;
        }
        branch.set_phase(Phase::Settle(outcome));
        self.wake(id);
        Ok(())
    }
}
