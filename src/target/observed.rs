//! What an execution on a live endpoint did, in the shape of a simulated one, so that the same
//! expectations judge both.

use std::sync::Arc;

use super::activity::resource_of;
use crate::asl::{ExecutionType, StateMachine};
use crate::engine::{ExecutionStatus, TaskRequest};
use crate::history::{
    EventDetails, EventId, EventType, Failure, History, HistoryEvent, TimestampForm,
};
use crate::service::ExecutionId;
use crate::sim::{Call, ExecutionRun, Step};
use crate::time::Timestamp;
use crate::value::Value;

/// An execution from what DescribeExecution and GetExecutionHistory say about it.
pub(super) fn execution(
    description: &Value,
    history: History,
    machine_name: Arc<str>,
    machine: Arc<StateMachine>,
    execution_type: ExecutionType,
    parent: Option<ExecutionId>,
) -> ExecutionRun {
    let text = |key: &str| description.get(key).and_then(Value::as_str);
    let json = |key: &str| text(key).map(|own| Value::parse(own).unwrap_or_else(|_| own.into()));
    let status = match text("status") {
        Some("SUCCEEDED") => ExecutionStatus::Succeeded,
        Some("FAILED") => ExecutionStatus::Failed,
        Some("TIMED_OUT") => ExecutionStatus::TimedOut,
        Some("ABORTED") => ExecutionStatus::Aborted,
        _ => ExecutionStatus::Running,
    };
    let time = |event: Option<&crate::history::HistoryEvent>| {
        event.and_then(|event| event.timestamp).unwrap_or(Timestamp::EPOCH)
    };
    let ended = status != ExecutionStatus::Running;
    ExecutionRun {
        arn: text("executionArn").unwrap_or_default().into(),
        name: text("name").unwrap_or_default().into(),
        machine_name,
        machine,
        execution_type,
        parent,
        map_run: None,
        status,
        input: json("input").unwrap_or_default(),
        output: json("output"),
        failure: Failure {
            error: text("error").map(Arc::from),
            cause: text("cause").map(Arc::from),
        },
        start_time: time(history.events.first()),
        stop_time: ended.then(|| time(history.events.last())),
        transitions: transitions(&history),
        history,
    }
}

/// The history of a machine that was deployed as it is: the region is ours, and with `plain` nothing
/// shows of how services were asked.
pub(super) fn deployed(mut history: History, region: &str, plain: bool) -> History {
    for event in &mut history.events {
        if let EventDetails::TaskScheduled(scheduled) = &mut event.details {
            scheduled.region = region.into();
        }
    }
    if plain { without_metadata(&history) } else { history }
}

/// The history without what optimized integrations add to the answers of services.
pub(super) fn without_metadata(history: &History) -> History {
    rewritten(history, &|data| super::services::without_metadata(data))
}

/// The history without its data: what happened, and what led to what.
pub(super) fn without_data(history: &History) -> History {
    rewritten(history, &|_| Value::object::<&str>([]))
}

fn rewritten(history: &History, data: &dyn Fn(&Value) -> Value) -> History {
    let value = with_data(&history.to_value(TimestampForm::Text), data);
    History::parse(&value.to_json()).map_or_else(|_| history.clone(), |(history, _)| history)
}

fn with_data(value: &Value, data: &dyn Fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(|item| with_data(item, data))),
        Value::Object(members) => Value::object(members.iter().map(|(key, member)| {
            let text = member.as_str().filter(|_| DATA.contains(&&**key));
            let own = text.and_then(|text| Value::parse(text).ok());
            let member = match own {
                Some(own) => Value::from(data(&own).to_json()),
                None => with_data(member, data),
            };
            (key.clone(), member)
        })),
        scalar => scalar.clone(),
    }
}

/// The members of events that hold data.
const DATA: [&str; 3] = ["input", "output", "parameters"];

/// States entered, and retries.
fn transitions(history: &History) -> u64 {
    let events = &history.events;
    let begins = |event_type| {
        matches!(
            event_type,
            EventType::TaskScheduled
                | EventType::LambdaFunctionScheduled
                | EventType::ActivityScheduled
                | EventType::ParallelStateStarted
                | EventType::MapStateStarted
        )
    };
    let counted = events.iter().filter(|event| {
        let before = crate::history::find(events, event.previous_event_id);
        let retried = begins(event.event_type)
            && !before.is_some_and(|before| events[before].event_type.is_state_entered());
        event.event_type.is_state_entered() || retried
    });
    counted.count() as u64
}

/// The calls that histories show, in their order.
pub(super) fn calls(executions: &[ExecutionRun]) -> Vec<Call> {
    let mut calls = Vec::new();
    for (i, execution) in executions.iter().enumerate() {
        let events = &execution.history.events;
        let steps = execution.steps();
        for event in events {
            let arguments = match &event.details {
                EventDetails::TaskScheduled(scheduled) => &scheduled.parameters,
                EventDetails::LambdaFunctionScheduled(scheduled) => &scheduled.input,
                EventDetails::ActivityScheduled(scheduled) => &scheduled.input,
                _ => continue,
            };
            let Some((step, retries)) = step_of(events, &steps, event.previous_event_id) else {
                continue;
            };
            let Some(resource) = resource_of(&execution.machine, &step.state) else { continue };
            let request = TaskRequest {
                task: event.id,
                place: step.place.clone(),
                state: step.state.clone(),
                resource,
                arguments: arguments.to_value().unwrap_or_default(),
                credentials: None,
                task_token: None,
                retry_count: retries,
                attempt: retries,
                timeout_seconds: None,
                heartbeat_seconds: None,
            };
            let time = event.timestamp.unwrap_or(Timestamp::EPOCH);
            let (id, machine) = (ExecutionId(i as u32), execution.machine_name.clone());
            calls.push(Call::new(id, machine, time, Box::new(request)));
        }
    }
    calls
}

/// The state that was entered along the links that lead back from event `at`, and how many tasks
/// were scheduled between.
pub(super) fn step_of<'s>(
    events: &[HistoryEvent],
    steps: &'s [Step],
    mut at: EventId,
) -> Option<(&'s Step, u32)> {
    let mut scheduled = 0;
    while at > 0 {
        if let Some(step) = steps.iter().find(|step| step.event == at) {
            return Some((step, scheduled));
        }
        let Some(before) = crate::history::find(events, at) else { break };
        let is_scheduled = matches!(
            events[before].details,
            EventDetails::TaskScheduled(_)
                | EventDetails::LambdaFunctionScheduled(_)
                | EventDetails::ActivityScheduled(_)
        );
        scheduled += u32::from(is_scheduled);
        at = events[before].previous_event_id;
    }
    steps.first().map(|step| (step, scheduled))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint may leave out what AWS never does.
    #[test]
    fn a_history_without_entered_states_has_no_calls() {
        let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;
        let (machine, _) = crate::asl::parse_text("definition.json", definition);
        let history =
            crate::history::tests::history("1 0 ExecutionStarted = {}\n2 1 TaskScheduled x = {}");
        let machine = Arc::new(machine.expect("the definition is valid"));
        let standard = ExecutionType::Standard;
        let run = execution(&Value::Null, history, "m".into(), machine, standard, None);
        assert!(calls(&[run]).is_empty());
    }
}
