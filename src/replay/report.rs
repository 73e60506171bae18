//! What a replay found: in words, as text with the events around, and as JSON.

use std::fmt;
use std::sync::Arc;

use super::driver::End;
use super::{Outcome, Replay};
use crate::history::{
    Diff, Difference, DifferenceKind, EventType, History, HistoryEvent, Labels, Style,
    TimestampForm,
};
use crate::value::Value;

/// Where a definition first did something other than recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// What kind of thing it did.
    pub kind: DivergenceKind,
    /// The state that was under way.
    pub state: Option<Arc<str>>,
    /// The branches and iterations around it; empty for the main line.
    pub place: String,
    /// What went wrong, in a sentence.
    pub message: String,
    /// The recorded event, as an index into the recording.
    pub recorded: Option<usize>,
    /// The event that came instead, as an index into the replayed history.
    pub replayed: Option<usize>,
    /// All differences, the first of which is this divergence.
    pub diff: Diff,
}

/// The kinds of divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DivergenceKind {
    /// Another state was entered.
    OtherState,
    /// A state was entered with other data.
    OtherInput,
    /// A service was asked something else.
    OtherRequest,
    /// A state, or the execution, gave out other data.
    OtherOutput,
    /// Something failed with another error or cause, or where nothing had failed, or the reverse.
    OtherError,
    /// Other events in the same state.
    OtherEvents,
    /// A service is called that the recorded execution did not call, and nothing else differs
    /// before: what a replay answers with [`Undecided`](super::Undecided).
    TaskNotRecorded,
    /// The recording ends, and the execution does not.
    RecordingEnded,
}

impl DivergenceKind {
    /// The kind's name in JSON reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtherState => "other-state",
            Self::OtherInput => "other-input",
            Self::OtherRequest => "other-request",
            Self::OtherOutput => "other-output",
            Self::OtherError => "other-error",
            Self::OtherEvents => "other-events",
            Self::TaskNotRecorded => "task-not-recorded",
            Self::RecordingEnded => "recording-ended",
        }
    }

    fn of(difference: &Difference, recorded: &History, replayed: &History, end: &End) -> Self {
        let before = difference.expected.map(|at| &recorded.events[at]);
        let now = difference.actual.map(|at| &replayed.events[at]);
        let either = |is: fn(&HistoryEvent) -> bool| before.is_some_and(is) || now.is_some_and(is);
        match (&difference.kind, before, now) {
            (DifferenceKind::Details(members), Some(event), _) => {
                let member = members.first().map_or("", |member| member.member);
                Self::of_member(event.event_type, member)
            }
            (_, Some(before), Some(now)) if enters(before) && enters(now) => Self::OtherState,
            (_, Some(_), None) if *end == End::OutOfAnswers => Self::RecordingEnded,
            (_, Some(_), None) if *end != End::Ended => Self::TaskNotRecorded,
            _ if either(fails) => Self::OtherError,
            _ if either(enters) => Self::OtherState,
            _ => Self::OtherEvents,
        }
    }

    fn of_member(event: EventType, member: &str) -> Self {
        match member {
            "input" | "assignedVariables" if event.is_state_entered() => Self::OtherInput,
            "error" | "cause" => Self::OtherError,
            "output" | "assignedVariables" => Self::OtherOutput,
            _ if super::answers::opens(event) => Self::OtherRequest,
            "length" => Self::OtherInput,
            _ => Self::OtherEvents,
        }
    }
}

fn enters(event: &HistoryEvent) -> bool {
    event.event_type.is_state_entered()
}

fn fails(event: &HistoryEvent) -> bool {
    event.failure().is_some() || event.event_type.name().ends_with("Failed")
}

impl Divergence {
    pub(super) fn find(
        diff: Diff,
        recorded: &History,
        replayed: &History,
        end: &End,
    ) -> Option<Self> {
        let unfinished = recorded.events.last().is_some_and(|last| !last.event_type.is_terminal());
        if let Some(first) = diff.differences.first() {
            let kind = DivergenceKind::of(first, recorded, replayed, end);
            let mut message = first.sentence(recorded, replayed, &LABELS);
            let mut state = first.state.clone();
            if let (DivergenceKind::TaskNotRecorded, End::NotRecorded { task, state: calling }) =
                (kind, end)
            {
                message = not_recorded(*task, calling, replayed);
                state = Some(calling.clone());
            }
            return Some(Self {
                kind,
                state,
                place: first.place.clone(),
                message,
                recorded: first.expected,
                replayed: first.actual,
                diff,
            });
        }
        let (kind, state, message) = match end {
            End::NotRecorded { task, state } => (
                DivergenceKind::TaskNotRecorded,
                Some(state.clone()),
                not_recorded(*task, state, replayed),
            ),
            // A recording that was taken while the execution ran ends where it ends.
            End::OutOfAnswers if !unfinished => (
                DivergenceKind::RecordingEnded,
                None,
                "the recording is at its end, the execution is not".to_owned(),
            ),
            _ => return None,
        };
        Some(Self {
            kind,
            state,
            place: String::new(),
            message,
            recorded: None,
            replayed: replayed.events.len().checked_sub(1),
            diff,
        })
    }
}

fn not_recorded(task: u64, state: &str, replayed: &History) -> String {
    let index = crate::history::find(&replayed.events, task);
    let what = index.map_or_else(String::new, |at| {
        let service = super::answers::service(&replayed.events[at]);
        format!("`{state}` calls {service}, ")
    });
    format!("{what}which the recorded execution did not do: there is no answer to give")
}

const LABELS: Labels<'static> = Labels { expected: "recorded", actual: "replayed" };

impl Replay {
    /// Whether the definition did as recorded.
    pub fn is_same(&self) -> bool {
        self.outcome == Outcome::Same
    }

    /// The outcome for people: one line where it is the same, else the divergence with the events
    /// around it.
    pub fn render(&self, recorded: &History, style: Style) -> String {
        let mut text = match &self.outcome {
            Outcome::Same => {
                format!("same: {} events as recorded\n", self.history.events.len())
            }
            Outcome::Undecided(undecided) => format!("{undecided}\n"),
            Outcome::Diverged(divergence) => {
                let diff = divergence.diff.render(recorded, &self.history, &LABELS, style);
                format!("{divergence}\n\n{diff}")
            }
        };
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text
    }

    /// The outcome for other programs.
    pub fn to_value(&self, recorded: &History) -> Value {
        let texts = |items: &[String]| Value::array(items.iter().map(|text| Value::from(&**text)));
        let mut members = vec![("outcome", Value::from("same"))];
        if let Outcome::Undecided(undecided) = &self.outcome {
            members = vec![
                ("outcome", Value::from("undecided")),
                ("kind", undecided.reason.name().into()),
                ("state", undecided.state.clone().map_or(Value::Null, Value::String)),
                ("message", (&*undecided.message).into()),
            ];
        }
        if let Outcome::Diverged(divergence) = &self.outcome {
            let event = |history: &History, at: Option<usize>| {
                at.map_or(Value::Null, |at| history.events[at].to_value(TimestampForm::Text))
            };
            members = vec![
                ("outcome", Value::from("diverged")),
                ("kind", divergence.kind.name().into()),
                ("state", divergence.state.clone().map_or(Value::Null, Value::String)),
                ("place", (&*divergence.place).into()),
                ("message", (&*divergence.message).into()),
                ("recorded", event(recorded, divergence.recorded)),
                ("replayed", event(&self.history, divergence.replayed)),
            ];
            let diff = divergence.diff.to_value(recorded, &self.history);
            members.extend(diff.get("differences").map(|all| ("differences", all.clone())));
        }
        members.push(("events", self.history.events.len().into()));
        members.push(("partial", self.partial.into()));
        members.push(("notes", texts(&self.notes)));
        Value::object(members)
    }
}

/// The divergence in a sentence.
impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "diverged: {}", self.message)
    }
}
