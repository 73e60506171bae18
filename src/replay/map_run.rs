//! The result of a Map Run, whose child executions no history shows.
//!
//! Where a recording has them, their inputs are held against what the Map state makes now.
//! Children that ask nothing of the outside are run again. Otherwise the result is what the Map
//! state gave out in the recording, where the state gives out its result as it is.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::asl::{PathField, QueryLanguage, ResultPath, StateMachine};
use crate::engine::{
    self, Execution, ExecutionResult, ExecutionStatus, ItemSource, MapRunRequest, Start,
};
use crate::history::{Failure, Rule, without_covered};
use crate::map_run::{ChildEnd, ChildStart, MapRun, Objects, Output};
use crate::value::Value;

/// What a Map Run gave, if that can be known.
pub(super) struct Answer {
    pub outcome: Option<Result<Value, Failure>>,
    pub note: Option<String>,
}

/// The result of a Map Run that succeeded in the recording; `output` is what its state gave out
/// there, where that may be used.
pub(super) fn result(
    execution: &mut Execution,
    machine: &StateMachine,
    request: &MapRunRequest,
    objects: &Objects,
    output: Option<&Value>,
) -> Answer {
    let computed = run_children(execution, machine, request, objects);
    let recorded = output.and_then(|output| given_out(machine, &request.state, output));
    let certain = !UNKNOWN.iter().any(|text| machine.source.contains(text));
    match (computed, recorded) {
        (Some(outcome), _) if certain => Answer { outcome: Some(outcome), note: None },
        (_, Some(output)) => Answer {
            outcome: Some(Ok(output)),
            note: Some("its result was taken from the recorded output of the state".into()),
        },
        (Some(outcome), None) => Answer { outcome: Some(outcome), note: None },
        (None, None) => Answer {
            outcome: None,
            note: Some("its result is not in the recording, nor can it be computed".into()),
        },
    }
}

/// Runs the children one by one; `None` where one of them needs the outside, or the items or
/// results lie there.
fn run_children(
    execution: &mut Execution,
    machine: &StateMachine,
    request: &MapRunRequest,
    objects: &Objects,
) -> Option<Result<Value, Failure>> {
    if request.result_writer.is_some() {
        return None;
    }
    let (parent, now) = (execution.start_parameters().clone(), execution.now());
    let machine = Arc::new(machine.processor(request.processor.clone()));
    let outcome = run(execution, request, objects, |input| {
        let start = Start { input, execution_type: request.execution_type, ..parent.clone() };
        let mut child = Execution::start(now, machine.clone(), start);
        let (output, failure) = match finish(&mut child)? {
            ExecutionResult::Succeeded(output) => (output.clone(), None),
            ExecutionResult::Failed(failure) => (Value::Null, Some(failure.clone())),
            ExecutionResult::TimedOut | ExecutionResult::Aborted(_) => (Value::Null, None),
        };
        Some(ChildEnd { status: child.status(), output, failure })
    });
    outcome.ok()
}

/// A Map Run whose children end at once, as `child` says.
///
/// # Errors
///
/// Why it cannot be run: its items lie outside or cannot be read here, or `child` does not say it.
fn run(
    execution: &mut Execution,
    request: &MapRunRequest,
    objects: &Objects,
    mut child: impl FnMut(Value) -> Option<ChildEnd>,
) -> Result<Result<Value, Failure>, String> {
    let reads = matches!(request.items, ItemSource::Reader { .. });
    if reads && objects.iter().next().is_none() {
        return Err("its items lie in S3 (`--object` gives them)".into());
    }
    let parent = execution.start_parameters().clone();
    let (now, mut objects) = (execution.now(), objects.clone());
    let (arn, name, machine_arn) = (parent.arn, parent.name, parent.state_machine_arn);
    let mut run = MapRun::start(now, request.clone(), machine_arn, &objects, &parent.limits)?;
    loop {
        let mut select = |item| execution.map_item_input(request.task, item);
        match run.poll(now, &mut objects, &mut select)? {
            Output::Start { index, input } => {
                let start = ChildStart { arn: arn.clone(), name: name.clone(), at: now };
                run.child_started(index, start);
                let end = child(input).ok_or("its children ask something of the outside")?;
                run.child_ended(now, index, end);
            }
            Output::Ended(outcome) => return Ok(outcome),
            Output::Redrive { .. } | Output::Stop(_) | Output::Idle => {
                return Err("its run does not end by itself".into());
            }
        }
    }
}

/// What the children of a Map Run were started with.
#[derive(Clone, Debug, Default)]
pub struct MapRunInputs {
    /// The inputs, in any order.
    pub inputs: Vec<Value>,
    /// Whether these are all that there were.
    pub whole: bool,
}

/// Inputs that differ: one that was recorded and one that is new.
pub(super) type OtherInputs = (Option<Value>, Option<Value>);

/// Holds the inputs that a Map state now makes against the recorded ones; the first that differ.
///
/// # Errors
///
/// Why nobody knows which it makes.
pub(super) fn compare_inputs(
    execution: &mut Execution,
    request: &MapRunRequest,
    objects: &Objects,
    recorded: &MapRunInputs,
    rules: &[Rule],
) -> Result<Option<OtherInputs>, String> {
    let mut inputs = Vec::new();
    let ended = run(execution, request, objects, |input| {
        inputs.push(input);
        Some(ChildEnd { status: ExecutionStatus::Succeeded, output: Value::Null, failure: None })
    })?;
    if ended.is_err() {
        // The events of the Map state show that.
        return Ok(None);
    }
    let (gone, new) = apart(&recorded.inputs, &inputs, rules);
    let same = gone.is_empty() && (!recorded.whole || new.is_empty());
    let first = |values: &[&Value]| values.first().map(|value| (*value).clone());
    Ok((!same).then(|| (first(&gone), first(&new))))
}

/// What each side has alone, in the order of the texts without what the rules cover.
fn apart<'v>(
    before: &'v [Value],
    now: &'v [Value],
    rules: &[Rule],
) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let texts = |values: &'v [Value]| {
        let text = |value| without_covered(rules, &sorted(value).to_json());
        let mut all: Vec<_> = values.iter().map(|value| (text(value), value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().peekable()
    };
    let (mut before, mut now) = (texts(before), texts(now));
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    loop {
        let order = match (before.peek(), now.peek()) {
            (Some(before), Some(now)) => before.0.cmp(&now.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (gone, new),
        };
        let before = before.next_if(|_| order.is_le());
        let now = now.next_if(|_| order.is_ge());
        if order.is_ne() {
            gone.extend(before.map(|(_, value)| value));
            new.extend(now.map(|(_, value)| value));
        }
    }
}

/// The value with the members of its objects in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            Value::object(members.into_iter().map(|(name, value)| (&**name, sorted(value))))
        }
        Value::Array(items) => Value::array(items.iter().map(sorted)),
        other => other.clone(),
    }
}

/// What a child may only know from AWS: names, times and random numbers of its own.
const UNKNOWN: [&str; 11] = [
    "\"$$\"",
    "$$.Execution",
    "$$.State",
    "$states.context",
    "{% $states %}",
    "States.UUID",
    "States.MathRandom",
    "$uuid",
    "$random",
    "$now",
    "$millis",
];

/// Runs an execution that asks nothing of the outside; `None` where it does.
fn finish(execution: &mut Execution) -> Option<&ExecutionResult> {
    loop {
        match execution.poll() {
            engine::Output::Ended => return execution.result(),
            engine::Output::Idle(Some(timer)) => execution.handle_timeout(timer),
            _ => return None,
        }
    }
}

/// The result that a state gives out as `output`; `None` where what it does with its result cannot
/// be undone.
fn given_out(machine: &StateMachine, state: &str, output: &Value) -> Option<Value> {
    let state = machine.states.find_below(state)?;
    if state.query_language == QueryLanguage::Jsonata {
        return state.output.is_none().then(|| output.clone());
    }
    if state.result_selector.is_some() || !matches!(state.output_path, PathField::Whole) {
        return None;
    }
    match &state.result_path {
        ResultPath::Replace => Some(output.clone()),
        ResultPath::Discard => Some(Value::Null),
        ResultPath::Write(path) => path.read(output).ok(),
    }
}
