//! The scenario that a recording shows: its input, mocks that answer as the services did, and what
//! came of it.
//!
//! Only what came from outside becomes a mock; what the definition decides by itself is expected.
//! Equal answers are written once, in the form that says least: for a state, else for each entry,
//! else for each place.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Description;
use crate::asl::{ExecutionType, Field, PathField, ResultPath, StateKind, StateMachine, States};
use crate::duration;
use crate::history::{
    EventDetails, EventType, Failure, History, HistoryEvent, ThreadKind, Threads,
};
use crate::scenario::write;
use crate::value::Value;

/// A recording to be written as a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// What happened.
    pub history: &'a History,
    /// What was run.
    pub machine: &'a StateMachine,
    /// How the scenario names the file of the definition.
    pub definition: &'a str,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// What is known of the execution beside its history.
    pub description: Option<&'a Description>,
}

/// A scenario, and what it cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    /// The YAML.
    pub text: String,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// The most states that `path` lists: a longer path is a loop.
const PATH_MAX: usize = 40;

/// The end of what nobody ended, where the recording does not tell the time.
const LATE: &str = "30d";

/// The answers to one entry of a state, attempt by attempt.
type Entry = Vec<Value>;

/// A call under way.
struct Open {
    /// The place and the state.
    key: (String, Arc<str>),
    /// The number of the entry, and of the answer within.
    entry: usize,
    start: usize,
    heartbeat: Option<i64>,
    submit: Option<Value>,
    worker: Option<Arc<str>>,
    started: bool,
}

struct Reader<'a> {
    draft: Draft<'a>,
    events: &'a [HistoryEvent],
    /// Whether branches or iterations overlap, so that times decide what comes first.
    concurrent: bool,
    /// By place and state, in the order of their first entries.
    entries: IndexMap<(String, Arc<str>), Vec<Entry>>,
    /// Activities that nobody polled.
    unpolled: BTreeMap<String, bool>,
    notes: Vec<String>,
}

impl Draft<'_> {
    /// Writes the scenario.
    pub fn write(self) -> Drafted {
        let redriven = |event: &HistoryEvent| event.event_type == EventType::ExecutionRedriven;
        let events = &self.history.events;
        let end = events.iter().position(redriven).unwrap_or(events.len());
        let threads = Threads::new(&events[..end]);
        let mut reader = Reader {
            draft: self,
            events: &events[..end],
            concurrent: threads.is_concurrent(),
            entries: IndexMap::new(),
            unpolled: BTreeMap::new(),
            notes: Vec::new(),
        };
        if end < events.len() {
            reader.notes.push("the scenario ends where the execution was redriven".into());
        }
        if self.machine.source.contains("JitterStrategy") {
            let note = "retries draw their delays: those of the recording are not drawn again";
            reader.notes.push(note.into());
        }
        for (number, thread) in threads.threads.iter().enumerate() {
            if let ThreadKind::Unordered { state } = &thread.kind {
                let note = format!("the recording has lost what happened when in `{state}`");
                reader.notes.push(note);
            }
            let place = reader.place(&threads, number);
            reader.thread(&thread.events, &place);
        }
        let text = reader.text();
        Drafted { text, notes: reader.notes }
    }
}

impl Reader<'_> {
    /// The place of a thread as mocks name it, with `/` at its end; empty for the main line.
    fn place(&self, threads: &Threads, thread: usize) -> String {
        let mut parts = Vec::new();
        let mut at = thread;
        while let Some((parent, _)) = threads.threads[at].parent {
            parts.push(match &threads.threads[at].kind {
                ThreadKind::Iteration { state, index } => format!("{state}[{index}]/"),
                ThreadKind::Branch { state, first } => {
                    let index = branch(&self.draft.machine.states, state, first).unwrap_or(0);
                    format!("{state}[{index}]/")
                }
                ThreadKind::Unordered { .. } | ThreadKind::Main => String::new(),
            });
            at = parent;
        }
        parts.reverse();
        parts.concat()
    }

    fn thread(&mut self, thread: &[usize], place: &str) {
        let mut state: Arc<str> = "".into();
        let mut entered = false;
        let mut open: Option<Open> = None;
        for index in thread {
            let event = &self.events[*index];
            if event.event_type.is_state_entered() {
                self.unanswered(open.take());
                state = event.state_name().cloned().unwrap_or_default();
                entered = true;
            } else if let Some(heartbeat) = opens(event) {
                // The older Lambda events do not tell.
                let heartbeat = heartbeat.or_else(|| self.own_heartbeat(&state));
                self.unanswered(open.take());
                let entries = self.entries.entry((place.to_owned(), state.clone())).or_default();
                if std::mem::take(&mut entered) || entries.is_empty() {
                    entries.push(Vec::new());
                }
                open = Some(Open {
                    key: (place.to_owned(), state.clone()),
                    entry: entries.len() - 1,
                    start: *index,
                    heartbeat,
                    submit: None,
                    worker: None,
                    started: false,
                });
            } else if let Some(call) = &mut open {
                match &event.details {
                    EventDetails::ActivityStarted { worker_name } => {
                        call.started = true;
                        call.worker = worker_name.clone();
                    }
                    details if event.event_type == EventType::TaskSubmitted => {
                        call.submit = output(details);
                    }
                    _ => {}
                }
                if let Some(answer) = self.answer(event, &state, thread, *index) {
                    let call = open.take();
                    self.answered(call, answer, *index);
                }
            }
        }
        self.unanswered(open);
    }

    /// The result that a state wrote into its output, where its path shows it.
    fn result_within(&self, state: &str, output: &Value) -> Option<Value> {
        let state = find(&self.draft.machine.states, state)?;
        match (&state.result_path, &state.output_path) {
            (ResultPath::Write(path), PathField::Whole) => path.read(output).ok(),
            _ => None,
        }
    }

    /// What an event says about the end of a call, if it does.
    fn answer(
        &self,
        event: &HistoryEvent,
        state: &str,
        thread: &[usize],
        index: usize,
    ) -> Option<Vec<(&'static str, Value)>> {
        use EventType as T;
        let fail = |stage: Option<&'static str>| {
            let Failure { error, cause } = event.failure().cloned().unwrap_or_default();
            let mut members: Vec<(&str, Value)> = Vec::new();
            members.extend(error.map(|error| ("error", Value::from(error))));
            members.extend(cause.map(|cause| ("cause", readable(&cause))));
            let mut answer = vec![("fail", Value::object(members))];
            answer.extend(stage.map(|stage| ("stage", Value::from(stage))));
            Some(answer)
        };
        match event.event_type {
            T::TaskSucceeded | T::LambdaFunctionSucceeded | T::ActivitySucceeded => {
                Some(vec![("return", output(&event.details).unwrap_or_default())])
            }
            T::MapRunSucceeded => {
                // The history shows the results only in what the state made of them.
                let exited =
                    thread.iter().skip_while(|at| **at <= index).find_map(|at| {
                        match &self.events[*at].details {
                            EventDetails::StateExited { output, .. } => output.to_value(),
                            _ => None,
                        }
                    });
                let exited = exited.unwrap_or_default();
                Some(vec![("return", self.result_within(state, &exited).unwrap_or(exited))])
            }
            T::TaskFailed | T::LambdaFunctionFailed | T::ActivityFailed | T::MapRunFailed => {
                fail(None)
            }
            T::TaskStartFailed | T::LambdaFunctionStartFailed => fail(Some("start")),
            T::LambdaFunctionScheduleFailed | T::ActivityScheduleFailed => fail(Some("schedule")),
            T::TaskSubmitFailed => fail(Some("submit")),
            T::TaskTimedOut | T::LambdaFunctionTimedOut | T::ActivityTimedOut => {
                fail(Some("timeout"))
            }
            _ => None,
        }
    }

    fn answered(&mut self, call: Option<Open>, answer: Vec<(&'static str, Value)>, end: usize) {
        let Some(call) = call else { return };
        let mut answer = answer;
        let opened = &self.events[call.start];
        let is_activity = opened.event_type == EventType::ActivityScheduled;
        let timed_out = answer.iter().any(|(_, value)| value.as_str() == Some("timeout"));
        if is_activity && timed_out && !call.started && self.unpolled(&call) {
            return;
        }
        let millis = match (opened.timestamp, self.events[end].timestamp) {
            (Some(start), Some(end)) => u64::try_from(end.millis() - start.millis()).unwrap_or(0),
            _ => 0,
        };
        let alive = call.heartbeat.and_then(|seconds| u64::try_from(seconds).ok());
        let silent = alive.is_some_and(|seconds| millis >= seconds.saturating_mul(1000));
        // A time-out is the definition's own affair, unless somebody kept the task alive.
        if timed_out && !(silent && alive.is_some_and(|s| millis > s.saturating_mul(1000))) {
            let error = event_error(&self.events[end]);
            if error.is_none() || error.is_some_and(is_timeout) {
                let own = self.definition_times_out(&call.key.1);
                if own {
                    answer = vec![("never", Value::Bool(true))];
                }
            }
        }
        let never = answer.first().is_some_and(|(key, _)| *key == "never");
        if let Some(submit) = call.submit.clone() {
            answer.push(("submit", submit));
        }
        if millis > 0 && !never && (self.concurrent || millis >= 1000) {
            answer.push(("after", duration_text(millis)));
            if let (true, Some(seconds)) = (silent, alive) {
                let every = Value::object([("every", duration_text(seconds.max(1) * 500))]);
                answer.push(("heartbeats", every));
            }
        }
        if let Some(worker) = call.worker.clone() {
            answer.push(("worker", worker.into()));
        }
        self.push(&call, Value::object(answer));
    }

    fn unanswered(&mut self, call: Option<Open>) {
        let Some(call) = call else { return };
        let opened = &self.events[call.start];
        let is_activity = opened.event_type == EventType::ActivityScheduled;
        if is_activity && !call.started && self.unpolled(&call) {
            return;
        }
        let mut answer = vec![("never", Value::Bool(true))];
        answer.extend(call.submit.clone().map(|submit| ("submit", submit)));
        if let (Some(heartbeat), Some(start), Some(last)) =
            (call.heartbeat, opened.timestamp, self.events.last().and_then(|event| event.timestamp))
            && last.millis() - start.millis() >= heartbeat * 1000
        {
            let every = u64::try_from(heartbeat).unwrap_or(1).max(1) * 500;
            let count = (last.millis() - start.millis()) / i64::try_from(every).unwrap_or(1) + 1;
            let beats = [("every", duration_text(every)), ("count", Value::from(count))];
            answer.push(("heartbeats", Value::object(beats)));
        }
        answer.extend(call.worker.clone().map(|worker| ("worker", worker.into())));
        self.push(&call, Value::object(answer));
    }

    /// Notes that nobody asked for the tasks of an activity; `false` where somebody did before.
    fn unpolled(&mut self, call: &Open) -> bool {
        let EventDetails::ActivityScheduled(details) = &self.events[call.start].details else {
            return false;
        };
        let polled = self.events.iter().any(|event| event.event_type == EventType::ActivityStarted);
        if polled {
            return false;
        }
        let name = details.resource.rsplit(':').next().unwrap_or_default();
        self.unpolled.insert(name.to_owned(), true);
        let empty = |entries: &mut Vec<Entry>| entries[call.entry].is_empty();
        if self.entries.get_mut(&call.key).is_some_and(empty) {
            self.entries.shift_remove(&call.key);
        }
        true
    }

    fn push(&mut self, call: &Open, answer: Value) {
        if let Some(entries) = self.entries.get_mut(&call.key) {
            if entries.is_empty() {
                entries.push(Vec::new());
            }
            let entry = call.entry.min(entries.len() - 1);
            entries[entry].push(answer);
        }
    }

    /// The heartbeat that a state wants, where its definition says it in a number.
    fn own_heartbeat(&self, state: &str) -> Option<i64> {
        match &find(&self.draft.machine.states, state)?.kind {
            StateKind::Task(task) => match task.heartbeat_seconds.as_ref()? {
                Field::Literal(seconds) => Some(*seconds),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the state itself limits the time of its tasks.
    fn definition_times_out(&self, state: &str) -> bool {
        find(&self.draft.machine.states, state).is_some_and(|state| match &state.kind {
            StateKind::Task(task) => {
                task.timeout_seconds.is_some() || task.heartbeat_seconds.is_some()
            }
            _ => false,
        })
    }

    /// The mocks, each with the least that tells it from others.
    fn mocks(&self) -> Vec<(String, Value)> {
        let mut states: IndexMap<&str, Vec<(&str, &Vec<Entry>)>> = IndexMap::new();
        for ((place, state), entries) in &self.entries {
            if !entries.iter().all(Vec::is_empty) {
                states.entry(state).or_default().push((place, entries));
            }
        }
        let mut mocks = Vec::new();
        for (state, places) in states {
            let mut counts: IndexMap<String, (&Entry, usize)> = IndexMap::new();
            for entry in places.iter().flat_map(|(_, entries)| entries.iter()) {
                let text = Value::array(entry.iter().cloned()).to_json();
                counts.entry(text).or_insert((entry, 0)).1 += 1;
            }
            if let [(_, entries)] = places[..] {
                mocks.push((state.to_owned(), mock(entries)));
                continue;
            }
            let most = counts.values().map(|(_, count)| *count).max().unwrap_or(0);
            let usual = counts.values().find(|(_, count)| *count == most && most > 1);
            let usual = usual.map(|(entry, _)| *entry);
            if let Some(usual) = usual {
                mocks.push((state.to_owned(), mock(std::slice::from_ref(usual))));
            }
            for (place, entries) in places {
                if !entries.iter().all(|entry| Some(entry) == usual) {
                    mocks.push((format!("{place}{state}"), mock(entries)));
                }
            }
        }
        mocks
    }

    fn text(&mut self) -> String {
        let draft = self.draft;
        let mut out = String::new();
        let mut member = |key: &str, value: &Value, indent: usize| {
            let key = write::string(key);
            let used = indent + key.chars().count() + 1;
            out.push_str(&format!(
                "{}{key}:{}\n",
                " ".repeat(indent),
                write::member(value, indent, used)
            ));
        };
        member("definition", &draft.definition.into(), 0);
        if draft.execution_type == ExecutionType::Express {
            member("type", &"EXPRESS".into(), 0);
        }
        let source = &draft.machine.source;
        let first = self.events.first();
        if let Some(description) = draft.description {
            let names = [
                ("executionName", description.name.as_deref()),
                ("stateMachineName", description.state_machine()),
            ];
            for (key, name) in names {
                if let Some(name) = name.filter(|_| reads_context(source)) {
                    member(key, &name.into(), 0);
                }
            }
        }
        let mut input = Value::object::<&str>([]);
        if let Some(EventDetails::ExecutionStarted(started)) = first.map(|event| &event.details) {
            input = started.input.to_value().unwrap_or(input);
            if let Some(role) = started.role_arn.clone().filter(|_| reads_context(source)) {
                member("roleArn", &Value::from(role), 0);
            }
        }
        if let Some(start) = first.and_then(|event| event.timestamp) {
            member("startTime", &start.to_rfc3339_millis().into(), 0);
        }
        member("input", &input, 0);
        let mocks = self.mocks();
        if !mocks.is_empty() {
            member("mocks", &Value::object(mocks.iter().map(|(k, v)| (k.as_str(), v.clone()))), 0);
        }
        if !self.unpolled.is_empty() {
            let names = self.unpolled.keys().map(|name| (name.as_str(), Value::array([])));
            member("activities", &Value::object(names), 0);
        }
        if let Some(stop) = self.stop() {
            member("actions", &Value::array([stop]), 0);
        }
        member("expect", &self.expectation(), 0);
        out
    }

    /// The stop from outside.
    fn stop(&self) -> Option<Value> {
        let last = self.events.last()?;
        if last.event_type != EventType::ExecutionAborted {
            return None;
        }
        let first = self.events.first().and_then(|event| event.timestamp);
        let at = match (first, last.timestamp) {
            (Some(first), Some(last)) => {
                duration_text(u64::try_from(last.millis() - first.millis()).unwrap_or(0))
            }
            _ => LATE.into(),
        };
        let failure = last.failure().cloned().unwrap_or_default();
        let mut stop: Vec<(&str, Value)> = Vec::new();
        stop.extend(failure.error.map(|error| ("error", Value::from(error))));
        stop.extend(failure.cause.map(|cause| ("cause", Value::from(cause))));
        Some(Value::object([("at", at), ("stop", Value::object(stop))]))
    }

    /// An output as a matcher: UUIDs that the definition makes up are others every time.
    fn expected(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if self.makes_uuids() && holds_uuid(text) => {
                let kind = if text.len() == UUID_LENGTH { "uuid" } else { "string" };
                Value::object([("$type", kind)].map(|(key, kind)| (key, Value::from(kind))))
            }
            Value::Array(items) => Value::array(items.iter().map(|item| self.expected(item))),
            Value::Object(members) => {
                let single = members.keys().next().filter(|_| members.len() == 1);
                if single.is_some_and(|key| key.starts_with('$')) {
                    return Value::object([("$literal", value.clone())]);
                }
                let members = members.iter();
                Value::object(members.map(|(key, member)| (key.clone(), self.expected(member))))
            }
            scalar => scalar.clone(),
        }
    }

    fn makes_uuids(&self) -> bool {
        let source = &self.draft.machine.source;
        source.contains("States.UUID") || source.contains("$uuid")
    }

    fn expectation(&mut self) -> Value {
        let last = self.events.last();
        let status = match last.map(|event| event.event_type) {
            Some(EventType::ExecutionSucceeded) => "SUCCEEDED",
            Some(EventType::ExecutionFailed) => "FAILED",
            Some(EventType::ExecutionAborted) => "ABORTED",
            Some(EventType::ExecutionTimedOut) => "TIMED_OUT",
            _ => "RUNNING",
        };
        let mut members = vec![("status", Value::from(status))];
        if let Some(last) = last.filter(|_| status != "RUNNING") {
            let random = RANDOM.iter().any(|name| self.draft.machine.source.contains(name));
            if random {
                let note = "the definition draws random numbers or asks the clock: the scenario \
                            does not say what comes out";
                self.notes.push(note.into());
            } else {
                let output = output(&last.details);
                members.extend(output.map(|output| ("output", self.expected(&output))));
            }
            let failure = last.failure().cloned().unwrap_or_default();
            members.extend(failure.error.map(|error| ("error", Value::from(error))));
            members.extend(failure.cause.map(|cause| ("cause", Value::from(cause))));
        } else {
            self.notes.push("the recording does not come to the end of the execution".into());
        }
        let threads = Threads::new(self.events);
        let entered = threads.threads[0].events.iter().map(|index| &self.events[*index]);
        let path: Vec<Value> = entered
            .filter(|event| event.event_type.is_state_entered())
            .filter_map(HistoryEvent::state_name)
            .map(|name| Value::from(name.clone()))
            .collect();
        if !path.is_empty() && path.len() <= PATH_MAX {
            members.push(("path", Value::array(path)));
        }
        Value::object(members)
    }
}

/// Whether a definition reads the Context Object, so that names matter.
fn reads_context(source: &str) -> bool {
    source.contains("$$") || source.contains("$states.context")
}

/// Functions whose results differ from run to run.
const RANDOM: [&str; 5] = ["States.MathRandom", "$random", "$now(", "$millis(", "$shuffle"];

const UUID_LENGTH: usize = 36;

fn holds_uuid(text: &str) -> bool {
    text.as_bytes().windows(UUID_LENGTH).any(|window| {
        window.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    })
}

/// Answers as a mock: one, a list by attempts, or a list over all entries.
fn mock(entries: &[Entry]) -> Value {
    let same = entries.iter().all(|entry| *entry == entries[0]);
    if same {
        let mut answers = repeated(&entries[0], true);
        return if answers.len() == 1 { answers.remove(0) } else { Value::array(answers) };
    }
    let all: Entry = entries.iter().flatten().cloned().collect();
    Value::object([("byInvocation", Value::array(repeated(&all, true)))])
}

/// Equal answers in a row are written once; the last one serves all that come later.
fn repeated(answers: &[Value], open_end: bool) -> Vec<Value> {
    let mut out: Vec<(Value, i64)> = Vec::new();
    for answer in answers {
        match out.last_mut() {
            Some((last, count)) if last == answer => *count += 1,
            _ => out.push((answer.clone(), 1)),
        }
    }
    let last = out.len().saturating_sub(1);
    out.into_iter()
        .enumerate()
        .map(|(i, (answer, count))| match answer {
            Value::Object(members) if count > 1 && !(open_end && i == last) => {
                Value::Object(members.with("repeat", Value::from(count)))
            }
            answer => answer,
        })
        .collect()
}

/// Whether an event asks something of the outside, and the heartbeat that it wants.
fn opens(event: &HistoryEvent) -> Option<Option<i64>> {
    match &event.details {
        EventDetails::TaskScheduled(details) => Some(details.heartbeat_in_seconds),
        EventDetails::ActivityScheduled(details) => Some(details.heartbeat_in_seconds),
        EventDetails::LambdaFunctionScheduled(_) => Some(None),
        _ if event.event_type == EventType::MapRunStarted => Some(None),
        _ => None,
    }
}

fn output(details: &EventDetails) -> Option<Value> {
    match details {
        EventDetails::Output { output } => output.to_value(),
        EventDetails::TaskOutput { output, .. } => output.as_ref()?.to_value(),
        _ => None,
    }
}

fn event_error(event: &HistoryEvent) -> Option<&str> {
    event.failure().and_then(|failure| failure.error.as_deref())
}

fn is_timeout(error: &str) -> bool {
    matches!(error, "States.Timeout" | "States.HeartbeatTimeout")
}

/// A cause that is JSON, as such, where writing it gives the same text again.
fn readable(cause: &str) -> Value {
    match Value::parse(cause) {
        Ok(value) if value.to_json() == cause && value.as_str().is_none() && !value.is_null() => {
            value
        }
        _ => cause.into(),
    }
}

fn duration_text(millis: u64) -> Value {
    duration::text(std::time::Duration::from_millis(millis)).into()
}

/// The number of the branch of a Parallel that starts with this state.
fn branch(states: &States, parallel: &str, first: &str) -> Option<usize> {
    let state = find(states, parallel)?;
    let StateKind::Parallel(branches) = &state.kind else { return None };
    branches.iter().position(|branch| *branch[branch.start_at].name == *first)
}

fn find<'s>(states: &'s States, name: &str) -> Option<&'s crate::asl::State> {
    let mut levels = vec![states];
    while let Some(level) = levels.pop() {
        for state in level.iter() {
            if *state.name == *name {
                return Some(state);
            }
            levels.extend(state.levels());
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests;
