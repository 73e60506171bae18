//! The visits that an execution paid to its states, told from its history.

use std::sync::Arc;

use super::Mark;
use crate::history::{EventType, HistoryEvent, Threads};

/// One stay of an execution in a state, from its `…StateEntered` event on.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The state.
    pub state: Arc<str>,
    /// What became of it.
    pub mark: Mark,
    /// The line of control it belongs to: an index into [`Threads::threads`].
    pub thread: usize,
    /// Its events, by their index in the history, beginning with `…StateEntered`. What happens
    /// inside of a Parallel or Map belongs to the visits there.
    pub events: Vec<usize>,
    /// Whether it has its `…StateExited` event, which is the last of `events` then.
    pub exited: bool,
}

/// The visits that a history shows, line of control by line of control.
pub fn visits(events: &[HistoryEvent], threads: &Threads) -> Vec<Visit> {
    let end = end(events);
    let alive = alive(threads);
    let mut visits = Vec::new();
    for (index, thread) in threads.threads.iter().enumerate() {
        let first = visits.len();
        for at in &thread.events {
            add(&mut visits, first, index, *at, &events[*at]);
        }
        for visit in &mut visits[first..] {
            visit.mark = mark(visit, events, end, alive[index], index == 0);
        }
    }
    visits
}

/// How the execution ended; a redrive takes its end back.
pub(super) fn end(events: &[HistoryEvent]) -> Option<EventType> {
    let kinds = events.iter().rev().map(|event| event.event_type);
    let mut kinds = kinds.skip_while(|kind| !is_of_execution(*kind));
    kinds.next().filter(|kind| kind.is_terminal())
}

fn add(visits: &mut Vec<Visit>, first: usize, thread: usize, at: usize, event: &HistoryEvent) {
    if event.event_type.is_state_entered()
        && let Some(state) = event.state_name()
    {
        let (state, mark) = (state.clone(), Mark::InProgress);
        visits.push(Visit { state, mark, thread, events: vec![at], exited: false });
        return;
    }
    if is_of_execution(event.event_type) {
        return;
    }
    let open = visits[first..].last_mut().filter(|visit| !visit.exited);
    if let Some(visit) = open {
        visit.events.push(at);
        visit.exited = event.event_type.is_state_exited();
    }
}

/// Which lines of control may still go on: those that nothing followed in the line around them.
fn alive(threads: &Threads) -> Vec<bool> {
    let mut alive: Vec<bool> = Vec::with_capacity(threads.threads.len());
    for thread in &threads.threads {
        alive.push(thread.parent.is_none_or(|(outer, position)| {
            // The line around a line was opened before it.
            alive.get(outer).copied().unwrap_or(false)
                && threads.threads[outer].events.len() == position + 1
        }));
    }
    alive
}

fn mark(
    visit: &Visit,
    events: &[HistoryEvent],
    end: Option<EventType>,
    alive: bool,
    main: bool,
) -> Mark {
    let kind = |at: usize| events[at].event_type;
    if let (true, [.., before, _]) = (visit.exited, &*visit.events) {
        return if is_failure(kind(*before)) { Mark::Caught } else { Mark::Succeeded };
    }
    let last = visit.events.last().map(|at| kind(*at));
    let failed = last.is_some_and(|kind| is_failure(kind) || kind == EventType::FailStateEntered);
    match end {
        None if alive => Mark::InProgress,
        Some(EventType::ExecutionAborted) if main => Mark::Aborted,
        _ if failed => Mark::Failed,
        Some(EventType::ExecutionFailed | EventType::ExecutionTimedOut) if main => Mark::Failed,
        _ => Mark::Aborted,
    }
}

/// Whether an event tells of the execution and of no state of it.
fn is_of_execution(event: EventType) -> bool {
    use EventType::{ExecutionRedriven, ExecutionStarted};
    event.is_terminal() || matches!(event, ExecutionStarted | ExecutionRedriven)
}

/// Whether a state that ends after this event ends because of a failure.
fn is_failure(event: EventType) -> bool {
    use EventType::{
        ActivityFailed, ActivityScheduleFailed, ActivityTimedOut, EvaluationFailed,
        LambdaFunctionFailed, LambdaFunctionScheduleFailed, LambdaFunctionStartFailed,
        LambdaFunctionTimedOut, MapRunFailed, MapStateFailed, ParallelStateFailed, TaskFailed,
        TaskStartFailed, TaskSubmitFailed, TaskTimedOut,
    };
    matches!(
        event,
        ActivityFailed
            | ActivityScheduleFailed
            | ActivityTimedOut
            | EvaluationFailed
            | LambdaFunctionFailed
            | LambdaFunctionScheduleFailed
            | LambdaFunctionStartFailed
            | LambdaFunctionTimedOut
            | MapRunFailed
            | MapStateFailed
            | ParallelStateFailed
            | TaskFailed
            | TaskStartFailed
            | TaskSubmitFailed
            | TaskTimedOut
    )
}
