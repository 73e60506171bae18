//! Runs the interpreter on recorded answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReplayOptions;
use super::answers::{Answers, Call, CallEnd, service};
use super::doubt::{Doubt, Reason};
use super::fallback::{Fallback, Mocked, new_states};
use super::map_run::OtherInputs;
use super::progress::{Next, Progress};
use super::timing::{self, Judged};
use crate::asl::StateMachine;
use crate::engine::{
    Execution, FailureStage, Input, MapRunRequest, Move, MoveKind, Output, TaskId, TaskRequest,
};
use crate::history::{EventDetails, EventType, Failure, History, HistoryEvent, Threads, index_of};
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
    NotRecorded { task: TaskId, state: Arc<str> },
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
    /// What answers where the recording does not.
    fallback: Option<Fallback>,
    /// Texts that were made up for this replay.
    generated: Vec<Arc<str>>,
    notes: Vec<String>,
    doubts: Vec<Doubt>,
    inputs: Vec<ChildInputs>,
    /// What the execution may do next by itself; kept for its room.
    moves: Vec<Move>,
}

/// A call under way.
#[derive(Debug)]
enum OpenCall {
    /// The recording knows this of it.
    Recorded {
        call: Call,
        /// The answer came later than the definition now waits: its clock ends the call.
        late: bool,
    },
    /// The recording does not have it; a mock answers.
    Mocked(Mocked),
    /// Nobody knows the answer to this state's call.
    Unknown(Arc<str>),
}

/// What a replay has produced.
pub(super) struct Produced {
    pub history: History,
    /// Which events belong to states that the fallback answers and the recording never enters.
    pub inserted: Vec<bool>,
    /// Texts that were made up.
    pub generated: Vec<Arc<str>>,
    /// What should be said.
    pub notes: Vec<String>,
    /// What nobody can know, in the order in which it came up.
    pub doubts: Vec<Doubt>,
    /// Map Runs whose children have other inputs.
    pub inputs: Vec<ChildInputs>,
}

/// A Map Run whose children have other inputs now.
pub(super) struct ChildInputs {
    /// The recorded MapRunStarted, as an index, and the produced one.
    pub recorded: usize,
    pub produced: usize,
    pub place: String,
    pub state: Arc<str>,
    pub differ: OtherInputs,
}

/// What may come next.
#[derive(Clone, Copy, Debug)]
enum Choice {
    /// How the recorded execution was ended from outside, or by its own time-out.
    End,
    /// One of the moves that the execution makes by itself.
    Move(usize),
    /// The next thing that the recording tells of a call.
    Call(TaskId),
}

/// Something that happens at its own time, of which the recording knows nothing.
#[derive(Clone, Copy, Debug)]
enum Own {
    /// One of the moves that the execution makes by itself.
    Move(usize),
    /// What a mock says next.
    Mock(TaskId),
}

/// What may be next, of each sort the first.
struct Chances {
    /// Of what the recording knows.
    first: Option<(Turn, Choice)>,
    /// Of the waits whose end the recording cannot tell, of what mocks say, and of clocks that it
    /// has not seen.
    own: Option<(Timestamp, Own)>,
}

impl Chances {
    fn recorded(&mut self, turn: Turn, choice: Choice) {
        if self.first.is_none_or(|(other, _)| turn < other) {
            self.first = Some((turn, choice));
        }
    }

    fn own(&mut self, at: Timestamp, what: Own) {
        if self.own.is_none_or(|(other, _)| at < other) {
            self.own = Some((at, what));
        }
    }
}

/// When something comes: as the recorded event with this index, and of those things to which the
/// same event belongs the first by [`Rank`].
type Turn = (usize, Rank);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The execution is ended: nothing else happens at that event.
    End,
    /// It causes the event, on its own line.
    Own,
    /// It leads there from a line within: the event links to that line.
    Joins,
    /// It may lead there.
    Outer,
    /// Nothing says that it happened.
    Unrecorded,
}

impl<'r> Driver<'r> {
    pub fn new(
        execution: Execution,
        recorded: &'r History,
        machine: &'r StateMachine,
        options: &'r ReplayOptions,
        fallback: Option<Fallback>,
    ) -> Self {
        let threads = Threads::new(&recorded.events);
        let start = execution.start_parameters();
        let limit = options.limits.execution_seconds(start.execution_type);
        let seconds = machine.timeout_seconds.map_or(limit, |own| own.min(limit));
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let answers = Answers::new(&recorded.events, &threads);
        let mut notes = Vec::new();
        let mut doubts = Vec::new();
        if let Some(first) = answers.first_without_data {
            doubts.push(Doubt::without_data(first));
        }
        // Without a fallback every new state is a difference, whatever it calls.
        let inserted = fallback.as_ref().map(|_| new_states(machine, &recorded.events));
        if answers.without_data > 0 {
            notes.push(format!(
                "{} answers were recorded without data: `null` was given in their place",
                answers.without_data
            ));
        }
        Self {
            deadline: execution.started_at().plus_seconds(seconds),
            answers,
            progress: Progress::new(&recorded.events, threads, inserted.unwrap_or_default()),
            execution: execution.guided(),
            recorded,
            machine,
            options,
            open: BTreeMap::new(),
            fallback,
            generated: Vec::new(),
            notes,
            doubts,
            inputs: Vec::new(),
            moves: Vec::new(),
        }
    }

    pub fn finish(self) -> Produced {
        Produced {
            history: History { events: self.execution.into_history() },
            inserted: self.progress.into_inserted(),
            generated: self.generated,
            notes: self.notes,
            doubts: self.doubts,
            inputs: self.inputs,
        }
    }

    pub fn run(&mut self) -> End {
        loop {
            match self.execution.poll() {
                Output::Task(request) => self.called(&request),
                Output::MapRun(request) => self.map_run(request),
                // Nothing redrives a replay.
                Output::RedriveMapRun { .. } => {}
                Output::CancelTask(task) => drop(self.open.remove(&task)),
                Output::Ended => return End::Ended,
                Output::Idle(_) => {
                    self.progress.advance(self.execution.history());
                    if let Some(end) = self.go_on() {
                        return end;
                    }
                }
            }
        }
    }

    fn called(&mut self, request: &TaskRequest) {
        self.progress.advance(self.execution.history());
        let index = index_of(request.task);
        let place = self.progress.place(index);
        let service = service(&self.execution.history()[index]);
        self.generated.extend(request.task_token.clone());
        let open = match self.answers.take(&place, &request.state, &service) {
            Some(call) => self.recorded_call(request, call),
            None => {
                let now = self.execution.now();
                let mocked = self.fallback.as_mut().map(|mocks| mocks.answer(now, request));
                self.mocked(&request.state, mocked)
            }
        };
        self.open.insert(request.task, open);
    }

    /// A recorded call, its clocks held against those that the definition sets now.
    fn recorded_call(&mut self, request: &TaskRequest, mut call: Call) -> OpenCall {
        let now = &self.execution.history()[index_of(request.task)];
        let judged = timing::judge(&self.recorded.events, &call, now, &request.state);
        let late = match judged {
            Judged::AsBefore => false,
            Judged::Harmless(note) => {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
                false
            }
            Judged::TooLate => {
                call.end = None;
                true
            }
            Judged::Unknown(doubt) => {
                self.doubts.push(doubt);
                false
            }
        };
        OpenCall::Recorded { call, late }
    }

    fn mocked(
        &mut self,
        state: &Arc<str>,
        mocked: Option<Result<Option<Mocked>, String>>,
    ) -> OpenCall {
        match mocked {
            Some(Ok(Some(mocked))) => OpenCall::Mocked(mocked),
            Some(Err(message)) => {
                self.notes.push(format!("fallback: {message}"));
                OpenCall::Unknown(state.clone())
            }
            None | Some(Ok(None)) => OpenCall::Unknown(state.clone()),
        }
    }

    fn map_run(&mut self, request: Box<MapRunRequest>) {
        self.progress.advance(self.execution.history());
        let place = self.progress.place(index_of(request.task));
        self.generated.push(request.map_run_arn.clone());
        let Some(call) = self.answers.take(&place, &request.state, "map run") else {
            let now = self.execution.now();
            let mocked = self.fallback.as_mut().map(|mocks| mocks.map_run(now, &request));
            let open = self.mocked(&request.state, mocked);
            self.open.insert(request.task, open);
            return;
        };
        self.compare_inputs(&request, call.asked, place);
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
                if result.outcome.is_none() {
                    let without_result = format!(
                        "the result of the Map Run of `{}` is not in the recording, nor can it be \
                         computed",
                        request.state
                    );
                    self.doubts.push(Doubt {
                        reason: Reason::MapRunResult,
                        state: Some(request.state.clone()),
                        from: at,
                        message: format!("{without_result}; add a mock for it to a fallback"),
                        general: without_result,
                        by_itself: true,
                    });
                } else if let Some(note) = result.note {
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
        self.open.insert(request.task, OpenCall::Recorded { call, late: false });
    }

    /// Holds what a Map state hands its children against what they were recorded with.
    fn compare_inputs(&mut self, request: &MapRunRequest, recorded: usize, place: String) {
        let objects = &self.options.objects;
        let EventDetails::MapRunStarted { map_run_arn } = &self.recorded.events[recorded].details
        else {
            return;
        };
        let Some(inputs) = self.options.map_runs.get(map_run_arn) else { return };
        let state = request.state.clone();
        let rules = self.options.rules();
        match super::map_run::compare_inputs(&mut self.execution, request, objects, inputs, &rules)
        {
            Err(why) => self
                .notes
                .push(format!("the inputs of the children of `{state}` were not compared: {why}")),
            Ok(None) => {}
            Ok(Some(differ)) => {
                let produced = index_of(request.task);
                self.inputs.push(ChildInputs { recorded, produced, place, state, differ });
            }
        }
    }

    /// Has the next thing happen: what the recording shows next, of all that may.
    fn go_on(&mut self) -> Option<End> {
        let mut moves = std::mem::take(&mut self.moves);
        self.execution.moves(&mut moves);
        let end = self.choose(&moves);
        self.moves = moves;
        end
    }

    fn choose(&mut self, moves: &[Move]) -> Option<End> {
        let mut chances = Chances { first: self.recorded_end(), own: None };
        if let Some(now) = self.chances_of_moves(moves, &mut chances) {
            self.execution.make(self.execution.now(), now);
            return None;
        }
        self.chances_of_calls(&mut chances);
        let Chances { first, own } = chances;
        if let Some((at, what)) = own
            && at < self.deadline
            && self.has_come(at, what, first, moves)
        {
            self.happen(at, what, moves);
            return None;
        }
        if let Some(((index, _), _)) = first
            && self.is_behind_deadline(index)
            && let Some(next) = moves.iter().find(|next| is_end(next))
        {
            self.execution.make(self.deadline, next);
            return None;
        }
        match first {
            _ if self.is_at_end() => Some(End::OutOfAnswers),
            Some(((at, _), Choice::Call(task))) => {
                self.tell(at, task, moves);
                None
            }
            Some(((at, _), Choice::Move(number))) => {
                self.execution.make(self.time_of_move(at, &moves[number]), &moves[number]);
                None
            }
            Some(((at, _), Choice::End)) => match self.not_recorded() {
                None => self.end(at, moves),
                end => end,
            },
            None => self.not_recorded().or_else(|| self.time_passes(moves)),
        }
    }

    /// A recording that was taken while the execution ran ends before the execution does.
    fn is_at_end(&self) -> bool {
        let last = self.recorded.events.last();
        last.is_some_and(|last| !last.event_type.is_terminal()) && self.progress.is_complete()
    }

    /// The moves that may be next; answers one that is made at once, because nothing can come
    /// before it.
    fn chances_of_moves<'m>(&self, moves: &'m [Move], chances: &mut Chances) -> Option<&'m Move> {
        for (number, next) in moves.iter().enumerate() {
            match (next.kind, || self.progress.next_on(&next.line)) {
                (MoveKind::Step { silent: true }, _) => return Some(next),
                (MoveKind::Step { .. }, turn) => match turn_of(turn()) {
                    Some(turn) => chances.recorded(turn, Choice::Move(number)),
                    None => return Some(next),
                },
                (MoveKind::Resume { at, .. }, turn) => match turn_of(turn()) {
                    Some(turn) if turn.1 <= Rank::Joins => {
                        chances.recorded(turn, Choice::Move(number));
                    }
                    Some(_) => {}
                    None => chances.own(at, Own::Move(number)),
                },
                (MoveKind::TaskTimesOut { at, task, heartbeat }, _) => {
                    let counts = match self.open.get(&task) {
                        Some(OpenCall::Recorded { late, .. }) => *late && !heartbeat,
                        Some(OpenCall::Mocked(mocked)) => !(heartbeat && mocked.beats),
                        // Recorded calls know whether they time out.
                        Some(OpenCall::Unknown(_)) | None => false,
                    };
                    if counts {
                        chances.own(at, Own::Move(number));
                    }
                }
                (MoveKind::ExecutionTimesOut { .. }, _) => {}
            }
        }
        None
    }

    fn chances_of_calls(&self, chances: &mut Chances) {
        for (task, call) in &self.open {
            match call {
                OpenCall::Recorded { call, .. } => {
                    if let Some(at) = call.next() {
                        chances.recorded((at, Rank::Own), Choice::Call(*task));
                    }
                }
                OpenCall::Mocked(mocked) => {
                    if let Some((at, _)) = mocked.next.front() {
                        chances.own(*at, Own::Mock(*task));
                    }
                }
                OpenCall::Unknown(_) => {}
            }
        }
    }

    /// Whether something that has its own time comes before the next thing of the recording.
    fn has_come(
        &self,
        at: Timestamp,
        what: Own,
        first: Option<(Turn, Choice)>,
        moves: &[Move],
    ) -> bool {
        // A wait may be one that the recording ends in its own way; mocks and clocks never are.
        let is_wait = match what {
            Own::Mock(_) => false,
            Own::Move(number) => matches!(moves[number].kind, MoveKind::Resume { .. }),
        };
        match first {
            Some(((index, _), _)) => match self.recorded_time(index) {
                Some(time) => at < time || (at == time && !is_wait),
                None => !is_wait,
            },
            None => !is_wait,
        }
    }

    fn happen(&mut self, at: Timestamp, what: Own, moves: &[Move]) {
        match what {
            Own::Move(number) => self.execution.make(at, &moves[number]),
            Own::Mock(task) => {
                let Some(OpenCall::Mocked(mocked)) = self.open.get_mut(&task) else { return };
                let Some((_, input)) = mocked.next.pop_front() else { return };
                if ends(&input) {
                    self.open.remove(&task);
                }
                // A call that is no longer under way has its place in the comparison.
                let _ = self.execution.handle(at.max(self.execution.now()), input);
            }
        }
    }

    /// Whether a recorded event proves that the machine's own time-out would have fired before.
    fn is_behind_deadline(&self, index: usize) -> bool {
        let timed_out = |event: &HistoryEvent| event.event_type == EventType::ExecutionTimedOut;
        !self.recorded.events.get(index).is_some_and(timed_out)
            && self.left_at(index).is_some_and(|left| left <= -timing::SLACK_MS)
    }

    /// How many milliseconds of the machine's own time-out are left at a recorded event, by the
    /// recorded times.
    fn left_at(&self, index: usize) -> Option<i64> {
        let limit = i64::try_from(self.machine.timeout_seconds?).unwrap_or(i64::MAX);
        let passed = self.recorded_time(index)? - self.recorded_time(0)?;
        Some(limit.saturating_mul(1_000).saturating_sub(passed))
    }

    fn not_recorded(&self) -> Option<End> {
        self.open.iter().find_map(|(task, call)| match call {
            OpenCall::Unknown(state) => {
                Some(End::NotRecorded { task: *task, state: state.clone() })
            }
            _ => None,
        })
    }

    /// The end that nothing within the execution explains.
    fn recorded_end(&self) -> Option<(Turn, Choice)> {
        let last = self.recorded.events.last()?;
        let ended =
            matches!(last.event_type, EventType::ExecutionAborted | EventType::ExecutionTimedOut);
        ended.then_some(((self.recorded.events.len() - 1, Rank::End), Choice::End))
    }

    fn end(&mut self, at: usize, moves: &[Move]) -> Option<End> {
        let event = &self.recorded.events[at];
        if event.event_type == EventType::ExecutionAborted {
            let failure = event.failure().cloned().unwrap_or_default();
            // It has not ended, so nothing refuses the stop.
            let _ = self.execution.handle(self.time_of(at), Input::Stop { failure });
            return None;
        }
        // A definition without a time-out of its own runs for a year.
        let late = event.timestamp.is_some_and(|time| time >= self.deadline);
        if self.machine.timeout_seconds.is_none() && !late {
            return Some(End::OutOfAnswers);
        }
        if self.left_at(at).is_some_and(|left| left >= timing::SLACK_MS) {
            let general = "the execution timed out, and would have had longer now: nobody knows \
                           how it would have ended";
            self.doubts.push(Doubt {
                reason: Reason::Timing,
                state: None,
                from: at,
                message: general.into(),
                general: general.into(),
                by_itself: true,
            });
        }
        let time = self.time_of(at).max(self.deadline);
        if let Some(next) = moves.iter().find(|next| is_end(next)) {
            self.execution.make(time, next);
        }
        None
    }

    /// Tells the execution what the recording has next of a call.
    fn tell(&mut self, at: usize, task: TaskId, moves: &[Move]) {
        let now = self.time_of(at);
        let Some(OpenCall::Recorded { call, .. }) = self.open.get_mut(&task) else { return };
        let input = if let Some((_, worker_name)) = call.started.take() {
            Input::TaskStarted { task, worker_name }
        } else if let Some((_, output)) = call.submitted.take() {
            Input::TaskSubmitted { task, output }
        } else {
            let end = call.end.take();
            // It is over, and need not be looked at again whenever something is chosen.
            self.open.remove(&task);
            match end {
                Some((_, CallEnd::Failed(FailureStage::TimedOut, failure))) => {
                    if let Some(clock) = clock_of(task, self.recorded_time(at), moves) {
                        // The interpreter's own clock ends it.
                        self.execution.make(self.time_of_move(at, clock), clock);
                        return;
                    }
                    Input::TaskFailed { task, stage: FailureStage::TimedOut, failure }
                }
                Some((_, CallEnd::Failed(FailureStage::Run, failure))) => {
                    self.failed(task, failure)
                }
                Some((_, CallEnd::Failed(stage, failure))) => {
                    Input::TaskFailed { task, stage, failure }
                }
                Some((_, CallEnd::Succeeded(output))) => self.succeeded(task, output),
                None => return,
            }
        };
        // A call that is no longer under way has its place in the comparison.
        let _ = self.execution.handle(now, input);
    }

    /// The recording has nothing more to say: the next timer fires.
    fn time_passes(&mut self, moves: &[Move]) -> Option<End> {
        let timers = moves.iter().filter_map(|next| Some((time_of_timer(next)?, next)));
        let timers = timers.filter(|(at, _)| *at < self.deadline);
        match timers.min_by_key(|(at, _)| *at) {
            Some((at, next)) => {
                self.execution.make(at, next);
                None
            }
            None => Some(End::OutOfAnswers),
        }
    }

    /// When a move is made that causes a recorded event. Clocks are late, never early; but a delay
    /// that was drawn was another one then.
    fn time_of_move(&self, at: usize, next: &Move) -> Timestamp {
        let recorded = self.recorded_time(at);
        match (next.kind, time_of_timer(next)) {
            (MoveKind::Resume { drawn: true, .. }, Some(own)) => recorded.unwrap_or(own),
            (_, Some(own)) => recorded.map_or(own, |time| time.max(own)),
            (_, None) => self.time_of(at),
        }
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
        let event = &self.execution.history()[index_of(task)];
        event.event_type == EventType::MapRunStarted
    }

    /// When a recorded event is told: when it happened, if the recording says so.
    fn time_of(&self, at: usize) -> Timestamp {
        let now = self.execution.now();
        self.recorded_time(at).map_or(now, |time| time.max(now))
    }

    fn recorded_time(&self, at: usize) -> Option<Timestamp> {
        self.recorded.events.get(at)?.timestamp
    }
}

/// Whether nothing more is heard of a call after this.
fn ends(input: &Input) -> bool {
    matches!(
        input,
        Input::TaskSucceeded { .. } | Input::TaskFailed { .. } | Input::MapRunEnded { .. }
    )
}

fn is_end(next: &Move) -> bool {
    matches!(next.kind, MoveKind::ExecutionTimesOut { .. })
}

/// When a line has its turn; `None` where the recording does not know the line.
fn turn_of(next: Next) -> Option<Turn> {
    match next {
        Next::Event(at) => Some((at, Rank::Own)),
        Next::Joins(at) => Some((at, Rank::Joins)),
        Next::Outer(at) => Some((at, Rank::Outer)),
        Next::Nothing => Some((usize::MAX, Rank::Unrecorded)),
        Next::Unknown => None,
    }
}

fn time_of_timer(next: &Move) -> Option<Timestamp> {
    match next.kind {
        MoveKind::Resume { at, .. } | MoveKind::TaskTimesOut { at, .. } => Some(at),
        MoveKind::Step { .. } | MoveKind::ExecutionTimesOut { .. } => None,
    }
}

/// Which clock ended a task at this time. A history shows no heartbeats, so that a missed one can
/// only be told by the time: it came before `TimeoutSeconds` had passed.
fn clock_of(task: TaskId, time: Option<Timestamp>, moves: &[Move]) -> Option<&Move> {
    let own = |of_heartbeat: bool| {
        moves.iter().find_map(|next| match next.kind {
            MoveKind::TaskTimesOut { at, task: other, heartbeat }
                if other == task && heartbeat == of_heartbeat =>
            {
                Some((at, next))
            }
            _ => None,
        })
    };
    match (own(false), own(true)) {
        (Some((timeout, clock)), Some((heartbeat, beats))) => {
            let in_time = time.map_or(timeout <= heartbeat, |time| timeout <= time);
            let missed = time.is_none_or(|time| heartbeat <= time);
            Some(if in_time || !missed { clock } else { beats })
        }
        (timeout, heartbeat) => timeout.or(heartbeat).map(|(_, clock)| clock),
    }
}
