//! The result of a Map Run, whose child executions no history shows.
//!
//! Children that ask nothing of the outside are run again. Otherwise the result is what the Map
//! state gave out in the recording, where the state gives out its result as it is.

use std::sync::Arc;

use crate::asl::{PathField, QueryLanguage, ResultPath, State, StateMachine, States};
use crate::engine::{self, Execution, ExecutionResult, ItemSource, MapRunRequest, Start};
use crate::history::Failure;
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
    let reads = matches!(request.items, ItemSource::Reader { .. });
    if (reads && objects.iter().next().is_none()) || request.result_writer.is_some() {
        return None;
    }
    let parent = execution.start_parameters().clone();
    let (now, mut objects) = (execution.now(), objects.clone());
    let arn = parent.state_machine_arn.clone();
    let mut run = MapRun::start(now, request.clone(), arn, &objects, &parent.limits).ok()?;
    let machine = Arc::new(machine.processor(request.processor.clone()));
    loop {
        let mut select = |item| execution.map_item_input(request.task, item);
        match run.poll(now, &mut objects, &mut select).ok()? {
            Output::Start { index, input } => {
                let (arn, name) = (parent.arn.clone(), parent.name.clone());
                run.child_started(index, ChildStart { arn, name, at: now });
                let start =
                    Start { input, execution_type: request.execution_type, ..parent.clone() };
                let mut child = Execution::start(now, machine.clone(), start);
                let (output, failure) = match finish(&mut child)? {
                    ExecutionResult::Succeeded(output) => (output.clone(), None),
                    ExecutionResult::Failed(failure) => (Value::Null, Some(failure.clone())),
                    ExecutionResult::TimedOut | ExecutionResult::Aborted(_) => (Value::Null, None),
                };
                run.child_ended(now, index, ChildEnd { status: child.status(), output, failure });
            }
            Output::Ended(outcome) => return Some(outcome),
            Output::Redrive { .. } | Output::Stop(_) | Output::Idle => return None,
        }
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
    let state = find_state(&machine.states, state)?;
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

fn find_state<'s>(states: &'s States, name: &str) -> Option<&'s State> {
    let within = || states.iter().flat_map(State::levels);
    states.find(name).or_else(|| within().find_map(|level| find_state(level, name)))
}
