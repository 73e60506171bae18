//! Runs the interpreter on recorded answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReplayOptions;
use super::answers::{Answers, Call, CallEnd, service};
use super::progress::Progress;
use crate::asl::StateMachine;
use crate::engine::{Execution, FailureStage, Input, Output, TaskId, TaskRequest};
use crate::history::{EventType, Failure, History, HistoryEvent, Threads};
use crate::time::Timestamp;

/// Why a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The execution is over.
    Ended,
    /// The recording tells no more: it was taken while the execution ran, or this call was never
    /// answered in it.
    OutOfAnswers,
    /// A state calls something that the recording does not have.
    NotRecorded { task: TaskId },
}

pub(super) struct Driver<'r> {
    execution: Execution,
    recorded: &'r History,
    machine: &'r StateMachine,
    options: &'r ReplayOptions,
    answers: Answers,
    progress: Progress<'r>,
    open: BTreeMap<TaskId, OpenCall>,
    /// When the execution's own time-out is due.
    deadline: Timestamp,
    /// Texts that were made up for this replay.
    generated: Vec<Arc<str>>,
    notes: Vec<String>,
    /// How many heartbeats were made up.
    heartbeats: usize,
}

/// More than these, and the recorded end of what is kept alive never comes.
const MOST_HEARTBEATS: usize = 100_000;

/// A call under way.
struct OpenCall {
    /// What the recording knows of it; `None` where it does not have the call.
    call: Option<Call>,
    /// Whether the interpreter itself ends it when its time is up.
    timed: bool,
    /// Seconds between two heartbeats, of which a history shows nothing.
    heartbeat_seconds: Option<i64>,
    /// When it was asked for, and when its `TimeoutSeconds` have passed since.
    asked: Timestamp,
    deadline: Option<Timestamp>,
}

impl OpenCall {
    /// Whether the recording has it time out when only a heartbeat can have been missing. The
    /// history shows no heartbeats, so that this one thing about time comes from the recording.
    fn missed_heartbeat(&self, recorded: &History) -> bool {
        let (Some(seconds), Some(call)) = (self.heartbeat_seconds, &self.call) else {
            return false;
        };
        let end = call.end.as_ref().and_then(|(at, _)| recorded.events[*at].timestamp);
        let may_be = |end| {
            self.asked.plus_seconds(seconds) <= end
                && self.deadline.is_none_or(|deadline| end < deadline)
        };
        times_out(call) && end.is_some_and(may_be)
    }
}

/// The next thing that the recording tells of a call.
enum Step {
    Started,
    Submitted,
    End,
}

impl<'r> Driver<'r> {
    pub fn new(
        execution: Execution,
        recorded: &'r History,
        machine: &'r StateMachine,
        options: &'r ReplayOptions,
    ) -> Self {
        let threads = Threads::new(&recorded.events);
        let start = execution.start_parameters();
        let limit = options.limits.execution_seconds(start.execution_type);
        let seconds = machine.timeout_seconds.map_or(limit, |own| own.min(limit));
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let answers = Answers::new(&recorded.events, &threads);
        let mut notes = Vec::new();
        if answers.without_data > 0 {
            notes.push(format!(
                "{} answers were recorded without data: `null` was given in their place",
                answers.without_data
            ));
        }
        Self {
            deadline: execution.started_at().plus_seconds(seconds),
            answers,
            progress: Progress::new(&recorded.events, threads),
            execution,
            recorded,
            machine,
            options,
            open: BTreeMap::new(),
            generated: Vec::new(),
            notes,
            heartbeats: 0,
        }
    }

    /// What was produced, the texts made up for it, and what should be said.
    pub fn finish(self) -> (History, Vec<Arc<str>>, Vec<String>) {
        (History { events: self.execution.into_history() }, self.generated, self.notes)
    }

    pub fn run(&mut self) -> End {
        self.stop_at_once();
        loop {
            match self.execution.poll() {
                Output::Task(request) => self.called(&request),
                Output::MapRun(request) => self.map_run(request),
                // Nothing redrives a replay.
                Output::RedriveMapRun { .. } => {}
                Output::CancelTask(task) => drop(self.open.remove(&task)),
                Output::Ended => return End::Ended,
                Output::Idle(timer) => {
                    self.progress.advance(self.execution.history());
                    if let Some(end) = self.go_on(timer) {
                        return end;
                    }
                }
            }
        }
    }

    /// An execution may be stopped before it enters its first state.
    fn stop_at_once(&mut self) {
        let [_, second, ..] = &self.recorded.events[..] else { return };
        if second.event_type == EventType::ExecutionAborted {
            let failure = second.failure().cloned().unwrap_or_default();
            let now = self.execution.now();
            // It has only just started, so nothing refuses the stop.
            let _ = self.execution.handle(now, Input::Stop { failure });
        }
    }

    fn called(&mut self, request: &TaskRequest) {
        self.progress.advance(self.execution.history());
        let index = event_index(request.task);
        let place = self.progress.place(index);
        let service = service(&self.execution.history()[index]);
        self.generated.extend(request.task_token.clone());
        let call = self.answers.take(&place, &request.state, &service);
        let timed = request.timeout_seconds.is_some() || request.heartbeat_seconds.is_some();
        let heartbeat_seconds = request.heartbeat_seconds;
        let asked = self.execution.now();
        let deadline = request.timeout_seconds.map(|seconds| asked.plus_seconds(seconds));
        let open = OpenCall { call, timed, heartbeat_seconds, asked, deadline };
        self.open.insert(request.task, open);
    }

    fn map_run(&mut self, request: Box<crate::engine::MapRunRequest>) {
        self.progress.advance(self.execution.history());
        let place = self.progress.place(event_index(request.task));
        self.generated.push(request.map_run_arn.clone());
        let asked = self.execution.now();
        let Some(call) = self.answers.take(&place, &request.state, "map run") else {
            self.open.insert(
                request.task,
                OpenCall {
                    call: None,
                    timed: false,
                    heartbeat_seconds: None,
                    asked,
                    deadline: None,
                },
            );
            return;
        };
        let end = match call.end {
            Some((at, CallEnd::Succeeded(_))) => {
                let output =
                    call.state_output.as_ref().filter(|_| self.options.map_results_from_output);
                let result = super::map_run::result(
                    &mut self.execution,
                    self.machine,
                    &request,
                    &self.options.objects,
                    output,
                );
                if let Some(note) = result.note {
                    self.notes.push(format!("Map Run of `{}`: {note}", request.state));
                }
                result.outcome.map(|outcome| match outcome {
                    Ok(value) => (at, CallEnd::Succeeded(value)),
                    Err(failure) => (at, CallEnd::Failed(FailureStage::Run, failure)),
                })
            }
            failed => failed,
        };
        let call = Call { end, ..Call::default() };
        self.open.insert(
            request.task,
            OpenCall {
                call: Some(call),
                timed: false,
                heartbeat_seconds: None,
                asked,
                deadline: None,
            },
        );
    }

    /// Tells the idle execution the next recorded thing, or the time.
    fn go_on(&mut self, timer: Option<Timestamp>) -> Option<End> {
        let own = |at: &Timestamp| *at < self.deadline;
        let timer = timer.filter(own);
        let frontier = self.progress.frontier();
        match self.next_step() {
            Some((at, task, step)) => {
                let waits = at > frontier && self.progress.next().is_some_and(is_caused_by_time);
                match timer {
                    Some(timer) if waits => self.time_passes(self.time_of_timer(timer), None),
                    _ => self.feed(at, task, &step, timer),
                }
                None
            }
            None => self.without_answers(timer, frontier),
        }
    }

    /// Of the calls under way the recorded event that comes first.
    fn next_step(&self) -> Option<(usize, TaskId, Step)> {
        let steps = self.open.iter().filter_map(|(task, open)| {
            let call = open.call.as_ref()?;
            let started = call.started.as_ref().map(|(at, _)| (*at, Step::Started));
            let submitted = call.submitted.as_ref().map(|(at, _)| (*at, Step::Submitted));
            let end = call.end.as_ref().map(|(at, _)| (*at, Step::End));
            let (at, step) = started.or(submitted).or(end)?;
            Some((at, *task, step))
        });
        steps.min_by_key(|(at, task, _)| (*at, *task))
    }

    fn feed(&mut self, at: usize, task: TaskId, step: &Step, timer: Option<Timestamp>) {
        let Some(open) = self.open.get_mut(&task) else { return };
        let missed = matches!(step, Step::End) && open.missed_heartbeat(self.recorded);
        let Some(call) = &mut open.call else { return };
        if missed {
            call.end = None;
            return self.execution.miss_heartbeat(self.time_of(at), task);
        }
        let input = match step {
            Step::Started => {
                let worker_name = call.started.take().and_then(|(_, worker_name)| worker_name);
                Some(Input::TaskStarted { task, worker_name })
            }
            Step::Submitted => {
                call.submitted.take().map(|(_, output)| Input::TaskSubmitted { task, output })
            }
            // The interpreter's own clock is to end it: other timers may come before.
            Step::End if times_out(call) && open.timed && timer.is_some() => None,
            Step::End => match call.end.take() {
                Some((_, CallEnd::Failed(FailureStage::Run, failure))) => {
                    Some(self.failed(task, failure))
                }
                Some((_, CallEnd::Failed(stage, failure))) => {
                    Some(Input::TaskFailed { task, stage, failure })
                }
                Some((_, CallEnd::Succeeded(output))) => Some(self.succeeded(task, output)),
                None => None,
            },
        };
        let now = self.time_of(at);
        match (input, timer) {
            (Some(input), _) => {
                // A call that is no longer under way has its place in the comparison.
                let _ = self.execution.handle(now, input);
            }
            (None, Some(timer)) => self.time_passes(timer, Some(task)),
            (None, None) => {}
        }
    }

    /// When the next timer fires: when the event that comes next happened, as clocks are late.
    fn time_of_timer(&self, timer: Timestamp) -> Timestamp {
        let next = self.progress.next().and_then(|event| event.timestamp);
        next.map_or(timer, |next| timer.max(next))
    }

    /// Lets the time come at which the next timer fires. Tasks under way are kept alive until
    /// then, but for the one that is to time out.
    fn time_passes(&mut self, timer: Timestamp, dying: Option<TaskId>) {
        let last = self.recorded.events.last().and_then(|event| event.timestamp);
        for (task, open) in &self.open {
            let (Some(_), Some(call)) = (open.heartbeat_seconds, &open.call) else { continue };
            let beats = match &call.end {
                // It lived until its `TimeoutSeconds` had passed, or nobody knows for how long.
                Some((at, _)) => {
                    let end = self.recorded.events[*at].timestamp;
                    let timed_out = open.deadline.is_some_and(|deadline| end >= Some(deadline));
                    Some(*task) != dying || timed_out
                }
                // It was given up, at the end of the recording at the latest.
                None => last.is_some_and(|last| timer <= last),
            };
            if beats && self.heartbeats < MOST_HEARTBEATS {
                self.heartbeats += 1;
                // One that has just ended needs no heartbeat.
                let _ = self.execution.handle(timer, Input::TaskHeartbeat { task: *task });
            }
        }
        self.execution.handle_timeout(timer);
    }

    fn succeeded(&self, task: TaskId, output: crate::value::Value) -> Input {
        match self.is_map_run(task) {
            true => Input::MapRunEnded { task, outcome: Ok(output) },
            false => Input::TaskSucceeded { task, output },
        }
    }

    fn failed(&self, task: TaskId, failure: Failure) -> Input {
        match self.is_map_run(task) {
            true => Input::MapRunEnded { task, outcome: Err(failure) },
            false => Input::TaskFailed { task, stage: FailureStage::Run, failure },
        }
    }

    fn is_map_run(&self, task: TaskId) -> bool {
        let event = &self.execution.history()[event_index(task)];
        event.event_type == EventType::MapRunStarted
    }

    /// When a recorded event is told: when it happened, if the recording says so.
    fn time_of(&self, at: usize) -> Timestamp {
        let now = self.execution.now();
        self.recorded.events[at].timestamp.map_or(now, |time| time.max(now))
    }

    /// No call has an answer left: time passes, or the recording says how the execution was ended.
    fn without_answers(&mut self, timer: Option<Timestamp>, frontier: usize) -> Option<End> {
        let mut calls = self.open.iter();
        if let Some((task, _)) = calls.find(|(_, open)| open.call.is_none()) {
            return Some(End::NotRecorded { task: *task });
        }
        let last = self.recorded.events.last();
        let rest = self.recorded.events.len() - frontier;
        match last.map(|event| (event.event_type, event)) {
            Some((EventType::ExecutionAborted, event)) if rest <= 1 || timer.is_none() => {
                let failure = event.failure().cloned().unwrap_or_default();
                let now = self.time_of(self.recorded.events.len() - 1);
                let _ = self.execution.handle(now, Input::Stop { failure });
                None
            }
            Some((EventType::ExecutionTimedOut, event)) if rest <= 1 || timer.is_none() => {
                // A definition without a time-out of its own runs for a year.
                let late = event.timestamp.is_some_and(|time| time >= self.deadline);
                if self.machine.timeout_seconds.is_none() && !late {
                    return Some(End::OutOfAnswers);
                }
                self.execution.handle_timeout(self.deadline);
                None
            }
            Some((end, _)) if !end.is_terminal() && rest == 0 => Some(End::OutOfAnswers),
            _ => match timer {
                Some(timer) => {
                    self.time_passes(self.time_of_timer(timer), None);
                    None
                }
                None => Some(End::OutOfAnswers),
            },
        }
    }
}

/// Whether the recorded end of a call is that its time ran out.
fn times_out(call: &Call) -> bool {
    matches!(call.end, Some((_, CallEnd::Failed(FailureStage::TimedOut, _))))
}

/// Whether an event may follow from nothing but time: the end of a wait, a retry, a time-out.
fn is_caused_by_time(event: &HistoryEvent) -> bool {
    use EventType as T;
    matches!(
        event.event_type,
        T::WaitStateExited
            | T::TaskScheduled
            | T::LambdaFunctionScheduled
            | T::ActivityScheduled
            | T::MapStateStarted
            | T::ParallelStateStarted
            | T::TaskTimedOut
            | T::LambdaFunctionTimedOut
            | T::ActivityTimedOut
    )
}

/// Tasks are named by the id of the event that scheduled them; produced ids count from 1.
fn event_index(task: TaskId) -> usize {
    usize::try_from(task).map_or(0, |id| id.saturating_sub(1))
}
