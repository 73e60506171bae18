//! A distributed Map under test: its items are read and put together as its Map Run would, and the
//! mock says what comes of them.

use super::{Mock, TestStateError, TestStateRequest};
use crate::asl::{State, StateKind};
use crate::engine::{Execution, ItemSource, MapRunRequest};
use crate::history::Failure;
use crate::limits::Limits;
use crate::map_run::{MapRun, Objects, Output, exceeds, threshold_exceeded};
use crate::value::Value;

/// Where the data of the request stand for the reader.
const PLACE: (&str, &str) = ("mapItemReaderData", "data");

/// What the Map Run comes to: the mocked outcome, unless the items cannot be read, or more
/// iterations failed than the state tolerates.
pub(super) fn outcome(
    execution: &mut Execution,
    state: &State,
    request: &TestStateRequest,
    mock: &Mock,
    mut run: MapRunRequest,
) -> Result<Result<Value, Failure>, TestStateError> {
    let tolerated = (run.tolerated_failure_count, run.tolerated_failure_percentage);
    let mut objects = Objects::default();
    let data = request.configuration.map_item_reader_data.as_deref();
    let seen = match (&mut run.items, data) {
        (ItemSource::Reader { .. }, None) => None,
        (ItemSource::Reader { resource, arguments, config, .. }, Some(data)) => {
            let kind = config.get("InputType").and_then(Value::as_str);
            if config.get("ManifestType").is_some() || matches!(kind, Some("MANIFEST" | "PARQUET"))
            {
                return Err(refuse(
                    "mapItemReaderData can take the place of CSV, JSON and JSON Lines, not of a \
                     manifest or a Parquet file",
                ));
            }
            if resource.ends_with("s3:listObjectsV2") && kind.is_none() {
                // A listing: its objects as JSON.
                *config = Value::object([("InputType", Value::from("JSON"))]);
            }
            *resource = "arn:aws:states:::s3:getObject".into();
            let (bucket, key) = PLACE;
            *arguments =
                Value::object([("Bucket", Value::from(bucket)), ("Key", Value::from(key))]);
            objects
                .put(bucket, key, data.as_bytes(), execution.now())
                .map_err(|message| refuse(&message))?;
            Some(read(execution, run, objects)?)
        }
        _ => Some(read(execution, run, objects)?),
    };
    let total = match seen {
        Some(seen) => {
            let (items, failure) = (seen.items.len() as u64, seen.failure.clone());
            show(execution, state, seen);
            if let Some(failure) = failure {
                return Ok(Err(failure));
            }
            Some(items)
        }
        // All that is known of what would be read is what the mock says came of it.
        None => mock.result.as_ref().ok().and_then(Value::as_array).map(|all| all.len() as u64),
    };
    // That a test looks at what is tolerated is inferred from
    // `map_iteration_failure_count_exceeds_mock_result_items`.
    let failed = request.configuration.map_iteration_failure_count.unwrap_or(0);
    Ok(match mock.outcome() {
        Ok(_) if exceeds(failed, total, tolerated) => Err(threshold_exceeded()),
        outcome => outcome,
    })
}

/// What a Map Run would start its children with.
#[derive(Default)]
struct Seen {
    /// Whether ItemsPointer leads to the items.
    pointer: bool,
    items: Vec<Value>,
    selected: Vec<Value>,
    batches: Option<Vec<Value>>,
    failure: Option<Failure>,
}

/// Starts every child of the Map Run, and runs none.
fn read(
    execution: &mut Execution,
    mut run: MapRunRequest,
    mut objects: Objects,
) -> Result<Seen, TestStateError> {
    let (now, task) = (execution.now(), run.task);
    let batched = run.batching.is_some();
    let mut seen = Seen {
        pointer: matches!(&run.items, ItemSource::Reader { config, .. }
            if config.get("ItemsPointer").is_some()),
        ..Seen::default()
    };
    run.max_concurrency = None;
    run.result_writer = None;
    let limits = Limits { distributed_map_concurrency: usize::MAX, ..Limits::today() };
    let arn = execution.start_parameters().state_machine_arn.clone();
    let mut inputs = Vec::new();
    let mut run = MapRun::start(now, run, arn, &objects, &limits).map_err(|why| refuse(&why))?;
    loop {
        let mut select = |item: Value| {
            seen.items.push(item.get("Value").cloned().unwrap_or_default());
            let input = execution.map_item_input(task, item)?;
            seen.selected.push(input.clone());
            Ok(input)
        };
        match run.poll(now, &mut objects, &mut select).map_err(|why| refuse(&why))? {
            Output::Start { input, .. } => inputs.push(input),
            Output::Ended(Err(failure)) => {
                seen.failure = Some(failure);
                break;
            }
            Output::Stop(_) => {}
            Output::Idle | Output::Redrive { .. } | Output::Ended(Ok(_)) => break,
        }
    }
    seen.batches = batched.then_some(inputs);
    Ok(seen)
}

fn show(execution: &mut Execution, state: &State, seen: Seen) {
    let selects = matches!(&state.kind, StateKind::Map(map) if map.item_selector.is_some());
    execution.see(|shown| {
        shown.after_items_pointer = seen.pointer.then(|| Value::from(seen.items));
        shown.after_item_selector = selects.then(|| Value::from(seen.selected));
        shown.after_item_batcher = seen.batches.map(Value::from);
    });
}

fn refuse(message: &str) -> TestStateError {
    TestStateError { code: "ValidationException", message: message.to_owned() }
}
