//! What came from outside, taken out of a recording: call by call, state by state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::FailureStage;
use crate::history::{
    EventDetails, EventType, Failure, HistoryEvent, Payload, ThreadKind, Threads,
};
use crate::value::Value;

/// The recorded calls, to be taken in the order in which each state made them.
pub(super) struct Answers {
    calls: Vec<Call>,
    /// By the place of the thread and the name of the state.
    by_place: BTreeMap<(String, Arc<str>), VecDeque<usize>>,
    /// By the name of the state alone, for definitions that moved it.
    by_state: BTreeMap<Arc<str>, VecDeque<usize>>,
    /// Calls of branches whose order the recording has lost, by service.
    unordered: BTreeMap<Arc<str>, VecDeque<usize>>,
    taken: Vec<bool>,
    /// How many answers the recording has without their data.
    pub without_data: usize,
    /// The first of them.
    pub first_without_data: Option<usize>,
}

/// What became of one call. Numbers are indices of recorded events.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// The event with which it was asked for.
    pub asked: usize,
    /// It was started, by this activity worker.
    pub started: Option<(usize, Option<Arc<str>>)>,
    /// A job or callback task was accepted with this answer.
    pub submitted: Option<(usize, Value)>,
    /// How it ended.
    pub end: Option<(usize, CallEnd)>,
    /// For a Map Run: what its state gave out.
    pub state_output: Option<Value>,
}

#[derive(Clone, Debug)]
pub(super) enum CallEnd {
    Succeeded(Value),
    Failed(FailureStage, Failure),
}

impl Answers {
    pub fn new(events: &[HistoryEvent], threads: &Threads) -> Self {
        let mut answers = Self {
            calls: Vec::new(),
            by_place: BTreeMap::new(),
            by_state: BTreeMap::new(),
            unordered: BTreeMap::new(),
            taken: Vec::new(),
            without_data: events.iter().filter(|event| is_without_data(event)).count(),
            first_without_data: events.iter().position(is_without_data),
        };
        for (number, thread) in threads.threads.iter().enumerate() {
            if let ThreadKind::Unordered { .. } = thread.kind {
                answers.read_unordered(events, &thread.events);
            } else {
                answers.read(events, &thread.events, &threads.path(number));
            }
        }
        answers.taken = vec![false; answers.calls.len()];
        answers
    }

    /// The next call of a state in a place; `service` is what it calls.
    pub fn take(&mut self, place: &str, state: &Arc<str>, service: &str) -> Option<Call> {
        let queues = [
            self.by_place.get_mut(&(place.to_owned(), state.clone())),
            self.unordered.get_mut(service),
            self.by_state.get_mut(state),
        ];
        for queue in queues.into_iter().flatten() {
            while let Some(call) = queue.pop_front() {
                if !std::mem::replace(&mut self.taken[call], true) {
                    return Some(self.calls[call].clone());
                }
            }
        }
        None
    }

    fn read(&mut self, events: &[HistoryEvent], thread: &[usize], place: &str) {
        let mut state: Arc<str> = "".into();
        let mut current: Option<usize> = None;
        for index in thread {
            let event = &events[*index];
            if event.event_type.is_state_entered() {
                state = event.state_name().cloned().unwrap_or_default();
                current = None;
            } else if opens(event.event_type) {
                let call = self.calls.len();
                self.calls.push(Call { asked: *index, ..Call::default() });
                let key = (place.to_owned(), state.clone());
                self.by_place.entry(key).or_default().push_back(call);
                self.by_state.entry(state.clone()).or_default().push_back(call);
                current = Some(call);
            } else if let Some(call) = current {
                self.calls[call].read(*index, event);
            }
        }
    }

    /// Without links, the events of a kind belong to the calls of a service in their order.
    fn read_unordered(&mut self, events: &[HistoryEvent], thread: &[usize]) {
        let mut open: BTreeMap<Arc<str>, VecDeque<usize>> = BTreeMap::new();
        let mut early: Vec<usize> = Vec::new();
        for index in thread {
            let event = &events[*index];
            let service: Arc<str> = service(event).into();
            if opens(event.event_type) {
                let call = self.calls.len();
                self.calls.push(Call { asked: *index, ..Call::default() });
                self.unordered.entry(service.clone()).or_default().push_back(call);
                open.entry(service).or_default().push_back(call);
            } else if ends(event.event_type) {
                early.push(*index);
            }
        }
        for index in early {
            let event = &events[index];
            if let Some(call) = open.get_mut(service(event).as_str()).and_then(VecDeque::pop_front)
            {
                self.calls[call].read(index, event);
            }
        }
    }
}

impl Call {
    /// The recorded event that comes next of it.
    pub fn next(&self) -> Option<usize> {
        let started = self.started.as_ref().map(|(at, _)| *at);
        let submitted = self.submitted.as_ref().map(|(at, _)| *at);
        started.or(submitted).or_else(|| self.end.as_ref().map(|(at, _)| *at))
    }

    fn read(&mut self, index: usize, event: &HistoryEvent) {
        use EventType as T;
        let stage = match event.event_type {
            T::LambdaFunctionScheduleFailed | T::ActivityScheduleFailed => FailureStage::Schedule,
            T::LambdaFunctionStartFailed | T::TaskStartFailed => FailureStage::Start,
            T::TaskSubmitFailed => FailureStage::Submit,
            T::LambdaFunctionTimedOut | T::ActivityTimedOut | T::TaskTimedOut => {
                FailureStage::TimedOut
            }
            _ => FailureStage::Run,
        };
        match (event.event_type, &event.details) {
            (T::ActivityStarted, EventDetails::ActivityStarted { worker_name }) => {
                self.started = Some((index, worker_name.clone()));
            }
            (T::TaskStarted | T::LambdaFunctionStarted | T::ActivityStarted, _) => {
                self.started = Some((index, None));
            }
            (T::TaskSubmitted, details) => {
                self.submitted = Some((index, output(details)));
            }
            (
                T::TaskSucceeded
                | T::LambdaFunctionSucceeded
                | T::ActivitySucceeded
                | T::MapRunSucceeded,
                details,
            ) => self.end = Some((index, CallEnd::Succeeded(output(details)))),
            (T::MapStateExited, EventDetails::StateExited { output, .. }) => {
                self.state_output = output.value().cloned();
            }
            (end, _) if ends(end) => {
                let failure = event.failure().cloned().unwrap_or_default();
                self.end = Some((index, CallEnd::Failed(stage, failure)));
            }
            _ => {}
        }
    }
}

fn is_without_data(event: &HistoryEvent) -> bool {
    let output = match &event.details {
        EventDetails::Output { output } if !event.event_type.is_terminal() => output,
        EventDetails::TaskOutput { output: None, .. } => return true,
        EventDetails::TaskOutput { output: Some(output), .. } => output,
        _ => return false,
    };
    matches!(output, Payload::Omitted)
}

fn output(details: &EventDetails) -> Value {
    let payload = match details {
        EventDetails::Output { output } => Some(output),
        EventDetails::TaskOutput { output, .. } => output.as_ref(),
        _ => None,
    };
    payload.and_then(Payload::to_value).unwrap_or_default()
}

/// Whether something is asked of the outside with this event.
pub(super) fn opens(event: EventType) -> bool {
    use EventType as T;
    matches!(
        event,
        T::TaskScheduled | T::LambdaFunctionScheduled | T::ActivityScheduled | T::MapRunStarted
    )
}

fn ends(event: EventType) -> bool {
    use EventType as T;
    matches!(
        event,
        T::TaskSucceeded
            | T::TaskFailed
            | T::TaskTimedOut
            | T::TaskStartFailed
            | T::TaskSubmitFailed
            | T::LambdaFunctionSucceeded
            | T::LambdaFunctionFailed
            | T::LambdaFunctionTimedOut
            | T::LambdaFunctionScheduleFailed
            | T::LambdaFunctionStartFailed
            | T::ActivitySucceeded
            | T::ActivityFailed
            | T::ActivityTimedOut
            | T::ActivityScheduleFailed
            | T::MapRunSucceeded
            | T::MapRunFailed
            | T::MapRunAborted
    )
}

/// What a call's events have in common: the service and its action.
pub(super) fn service(event: &HistoryEvent) -> String {
    event.service().unwrap_or_else(|| {
        let name = event.event_type.name();
        let kinds = [("Lambda", "lambda"), ("Activity", "activity")];
        let kind = kinds.iter().find(|(begin, _)| name.starts_with(begin));
        kind.map_or("map run", |(_, kind)| kind).to_owned()
    })
}
