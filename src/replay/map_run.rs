//! The result of a Map Run, whose child executions no history shows.
//!
//! Children that ask nothing of the outside are run again. Otherwise the result is what the Map
//! state gave out in the recording, where the state gives out its result as it is.

use std::sync::Arc;

use crate::asl::{PathField, QueryLanguage, ResultPath, State, StateMachine, States};
use crate::engine::{Execution, ExecutionResult, ItemSource, MapRunRequest, Output, Start};
use crate::history::Failure;
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
    output: Option<&Value>,
) -> Answer {
    match run_children(execution, request) {
        Some(outcome) => Answer { outcome: Some(outcome), note: None },
        None => match output.and_then(|output| given_out(machine, &request.state, output)) {
            Some(output) => Answer {
                outcome: Some(Ok(output)),
                note: Some("its result was taken from the recorded output of the state".into()),
            },
            None => Answer {
                outcome: None,
                note: Some("its result is not in the recording, nor can it be computed".into()),
            },
        },
    }
}

/// Runs the children one by one; `None` where one of them needs the outside.
fn run_children(
    execution: &mut Execution,
    request: &MapRunRequest,
) -> Option<Result<Value, Failure>> {
    let ItemSource::Items(items) = &request.items else { return None };
    if request.batching.is_some() || request.result_writer.is_some() {
        return None;
    }
    let mut outputs = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item = Value::object([("Index", Value::from(index)), ("Value", item.clone())]);
        let input = match execution.map_item_input(request.task, item) {
            Ok(input) => input,
            Err(failure) => return Some(Err(failure)),
        };
        match run_child(execution, request, input)? {
            ExecutionResult::Succeeded(output) => outputs.push(output),
            _ => return None,
        }
    }
    Some(Ok(Value::array(outputs)))
}

fn run_child(
    execution: &Execution,
    request: &MapRunRequest,
    input: Value,
) -> Option<ExecutionResult> {
    let parent = execution.start_parameters();
    let machine = StateMachine {
        comment: None,
        query_language: QueryLanguage::JsonPath,
        timeout_seconds: None,
        states: request.processor.clone(),
        variable_references: Vec::new(),
        placeholders: Vec::new(),
        source: "".into(),
    };
    let start = Start { input, execution_type: request.execution_type, ..parent.clone() };
    let mut child = Execution::start(execution.now(), Arc::new(machine), start);
    loop {
        match child.poll() {
            Output::Ended => return child.result().cloned(),
            Output::Idle(Some(timer)) => child.handle_timeout(timer),
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
