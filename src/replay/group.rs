//! What a replay found, without what is particular to one execution: equal findings of many
//! executions are one.
//!
//! Values, ids, indices and the wording of causes are left out; states, members, paths within the
//! data, types and names of errors stay.

use std::collections::BTreeSet;

use super::answers::service;
use super::{Divergence, Outcome, Replay};
use crate::history::{
    Difference, DifferenceKind, EventType, History, HistoryEvent, MemberDifference,
};
use crate::value::Value;

/// What a replay found, as it may be found of many executions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// The divergence's kind, or the reason of an undecided one, as in JSON reports.
    pub kind: String,
    /// The state that it is about, where one is.
    pub state: Option<String>,
    /// The branches and iterations around it, iterations as `[*]`.
    pub place: String,
    /// What happens, in a sentence without values.
    pub subject: String,
    /// What changes in the data.
    pub changes: Vec<Change>,
}

/// A place in the data that changes, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// The place: a member of the event, or a path in its data, with `*` for indices and ids.
    pub path: String,
    /// The type recorded, or the value where it is a name; `nothing` where there was none.
    pub before: String,
    /// The same of the replay.
    pub now: String,
}

/// How many changes belong to a finding; more than these depend on the data more than on the
/// definition.
const MAX_CHANGES: usize = 8;
/// How many of them a sentence names.
const MAX_NAMED: usize = 3;

impl Finding {
    /// What a replay found; `None` where it found no difference.
    pub fn of(replay: &Replay, recorded: &History) -> Option<Self> {
        match &replay.outcome {
            Outcome::Same => None,
            Outcome::Undecided(undecided) => Some(Self {
                kind: undecided.reason.name().into(),
                state: undecided.state.as_deref().map(str::to_owned),
                place: String::new(),
                subject: undecided.general.clone(),
                changes: Vec::new(),
            }),
            Outcome::Diverged(divergence) => {
                Some(Self::of_divergence(divergence, recorded, &replay.history))
            }
        }
    }

    fn of_divergence(divergence: &Divergence, recorded: &History, replayed: &History) -> Self {
        let mut finding = Self {
            kind: divergence.kind.name().into(),
            state: divergence.state.as_deref().map(str::to_owned),
            place: without_indices(&divergence.place),
            subject: divergence.message.clone(),
            changes: Vec::new(),
        };
        let Some(first) = divergence.diff.differences.first() else { return finding };
        let before = first.expected.map(|at| &recorded.events[at]);
        let now = first.actual.map(|at| &replayed.events[at]);
        // Where events only fail to come, the reason is how the execution ends now.
        let end = replayed.events.last().filter(|end| {
            let as_recorded = recorded.events.last().map(|end| end.event_type);
            end.event_type.is_terminal() && Some(end.event_type) != as_recorded
        });
        let now = if matches!(first.kind, DifferenceKind::Missing { instead: None, .. }) {
            now.or(end)
        } else {
            now
        };
        finding.subject = subject(first, before, now);
        if let DifferenceKind::Details(members) = &first.kind {
            finding.changes = changes(members);
        }
        finding
    }

    /// The same of a child execution of this Map state.
    #[must_use]
    pub fn within(mut self, map: &str) -> Self {
        let below = if self.place.is_empty() { "" } else { " / " };
        self.place = format!("{map}[*]{below}{}", self.place);
        self
    }

    /// The finding in a sentence.
    pub fn sentence(&self) -> String {
        let mut text = self.subject.clone();
        if !self.changes.is_empty() {
            let named: Vec<String> =
                self.changes.iter().take(MAX_NAMED).map(Change::phrase).collect();
            text = format!("{text}: {}", named.join(", "));
            if self.changes.len() > MAX_NAMED {
                text.push_str(&format!(", and {} more places", self.changes.len() - MAX_NAMED));
            }
        }
        if self.place.is_empty() { text } else { format!("in {}: {text}", self.place) }
    }

    /// As JSON: `kind`, `state`, `place`, `message`, `subject`, `changes`.
    pub fn to_value(&self) -> Value {
        let changes = self.changes.iter().map(|change| {
            Value::object([
                ("path", Value::from(&*change.path)),
                ("recorded", (&*change.before).into()),
                ("replayed", (&*change.now).into()),
            ])
        });
        Value::object([
            ("kind", Value::from(&*self.kind)),
            ("state", self.state.as_deref().map_or(Value::Null, Value::from)),
            ("place", (&*self.place).into()),
            ("message", self.sentence().into()),
            ("subject", (&*self.subject).into()),
            ("changes", Value::array(changes)),
        ])
    }

    /// Reads what [`to_value`](Self::to_value) wrote; `None` where it is something else.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let changes = value.get("changes").and_then(Value::as_array)?.iter().map(|change| {
            let path = text(change, "path")?;
            Some(Change { path, before: text(change, "recorded")?, now: text(change, "replayed")? })
        });
        Some(Self {
            kind: text(value, "kind")?,
            state: text(value, "state"),
            place: text(value, "place")?,
            subject: text(value, "subject")?,
            changes: changes.collect::<Option<_>>()?,
        })
    }
}

impl Change {
    fn phrase(&self) -> String {
        let Self { path, before, now } = self;
        match (&**before, &**now) {
            ("nothing", _) => format!("`{path}` is new"),
            (_, "nothing") => format!("`{path}` is gone"),
            (before, now) if before == now => format!("`{path}` has another value"),
            _ => format!("`{path}` is now {now}, was {before}"),
        }
    }
}

fn subject(
    first: &Difference,
    before: Option<&HistoryEvent>,
    now: Option<&HistoryEvent>,
) -> String {
    let state = first.state.as_deref().map_or("the execution".into(), |name| format!("`{name}`"));
    match (&first.kind, before, now) {
        (DifferenceKind::Details(members), Some(event), _) => {
            let member = members.first().map_or("", |member| member.member);
            details_subject(&state, event, member)
        }
        (DifferenceKind::Missing { instead: Some(now), .. }, Some(before), _) => {
            instead(before.state_name().map_or("", |name| name), now)
        }
        (DifferenceKind::Unexpected { instead: Some(before), .. }, _, Some(now)) => {
            instead(before, now.state_name().map_or("", |name| name))
        }
        (_, Some(before), Some(now)) => {
            let enter = [before, now].iter().all(|event| event.event_type.is_state_entered());
            match (before.state_name(), now.state_name()) {
                (Some(was), Some(is)) if enter && was == is => format!(
                    "`{is}` is now a {} state, was a {} state",
                    state_type(now),
                    state_type(before)
                ),
                (Some(was), Some(is)) if enter => instead(was, is),
                _ => format!("{} where {}", happens(now, first), happened(before, first)),
            }
        }
        (_, Some(before), None) => format!("nothing comes where {}", happened(before, first)),
        (_, None, Some(now)) => format!("{}, which is new", happens(now, first)),
        (_, None, None) => String::new(),
    }
}

fn details_subject(state: &str, event: &HistoryEvent, member: &str) -> String {
    let event_type = event.event_type;
    match member {
        "input" if event_type.is_state_entered() => {
            format!("{state} is entered with another input")
        }
        "output" if event_type.is_state_exited() => format!("{state} has another output"),
        "assignedVariables" => format!("{state} assigns other variables"),
        "parameters" => format!("{state} asks {} something else", service(event)),
        "input" if super::answers::opens(event_type) => {
            format!("{state} passes another input to its {}", service(event))
        }
        "resource" | "resourceType" if super::answers::opens(event_type) => {
            format!("{state} asks another service")
        }
        "output" if event_type == EventType::ExecutionSucceeded => {
            "the execution has another output".into()
        }
        "error" | "cause" if event_type.is_terminal() => "the execution fails otherwise".into(),
        "error" | "cause" => format!("{state} fails otherwise"),
        _ => format!("{event_type} of {state} is another one"),
    }
}

fn instead(before: &str, now: &str) -> String {
    format!("`{now}` is entered in place of `{before}`")
}

fn state_type(event: &HistoryEvent) -> &'static str {
    event.event_type.name().strip_suffix("StateEntered").unwrap_or_default()
}

/// What an event says, in the present tense and in the past one.
fn verbs(event: &HistoryEvent) -> (String, String) {
    let name = event.event_type.name();
    let error = event.failure().and_then(|failure| failure.error.as_deref());
    let error = error.map_or(String::new(), |error| format!(" ({})", without_ids(error)));
    let both = |now: &str, before: &str| (format!("{now}{error}"), format!("{before}{error}"));
    match event.event_type {
        kind if kind.is_state_entered() => both("is entered", "was entered"),
        kind if kind.is_state_exited() => both("is left", "was left"),
        kind if super::answers::opens(kind) => {
            let service = service(event);
            both(&format!("calls {service}"), &format!("called {service}"))
        }
        _ if name.ends_with("Succeeded") => both("succeeds", "succeeded"),
        _ if name.ends_with("TimedOut") => both("times out", "timed out"),
        _ if name.ends_with("Failed") => both("fails", "failed"),
        _ if name.ends_with("Aborted") => both("is aborted", "was aborted"),
        _ => both(&format!("has {name}"), &format!("had {name}")),
    }
}

fn happens(event: &HistoryEvent, first: &Difference) -> String {
    format!("{} {}", who(event, first), verbs(event).0)
}

fn happened(event: &HistoryEvent, first: &Difference) -> String {
    format!("{} {}", who(event, first), verbs(event).1)
}

/// The state or the execution that an event is about.
fn who(event: &HistoryEvent, first: &Difference) -> String {
    match (event.state_name(), &first.state) {
        _ if event.event_type.is_terminal() => "the execution".into(),
        (Some(name), _) => format!("`{name}`"),
        (None, Some(state)) => format!("`{state}`"),
        (None, None) => "the execution".into(),
    }
}

fn changes(members: &[MemberDifference]) -> Vec<Change> {
    let first = members.first().map_or("", |member| member.member);
    let all = members.iter().map(|member| (member.member != first, change(member, first)));
    let all: BTreeSet<(bool, Change)> = all.collect();
    all.into_iter().map(|(_, change)| change).take(MAX_CHANGES).collect()
}

fn change(member: &MemberDifference, first: &str) -> Change {
    let named = matches!(member.member, "error" | "resource" | "resourceType" | "name");
    let show = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) if named => format!("`{}`", without_ids(text)),
        Some(value) => type_of(value).to_owned(),
    };
    let path = match member.path.as_str() {
        "$" if matches!(member.member, "input" | "output" | "parameters") => "$".to_owned(),
        "$" => member.member.to_owned(),
        path if member.member == first => without_keys(path),
        path => format!("{}: {}", member.member, without_keys(path)),
    };
    Change { path, before: show(&member.expected), now: show(&member.actual) }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A place with `[*]` for every index.
fn without_indices(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, behind) = rest.split_at(start + 1);
        out.push_str(before);
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && behind.as_bytes().get(digits) == Some(&b']') {
            out.push('*');
            rest = &behind[digits..];
        } else {
            rest = behind;
        }
    }
    out + rest
}

/// A path in data with `*` for indices and for keys that look like ids.
fn without_keys(path: &str) -> String {
    let path = without_indices(path);
    let mut out = String::with_capacity(path.len());
    let mut key = String::new();
    let flush = |key: &mut String, out: &mut String| {
        out.push_str(&without_ids(key));
        key.clear();
    };
    for char in path.chars() {
        if matches!(char, '.' | '[' | ']' | '\'' | '$') {
            flush(&mut key, &mut out);
            out.push(char);
        } else {
            key.push(char);
        }
    }
    flush(&mut key, &mut out);
    out
}

/// A name with `*` in the place of what looks like an id: all of it where it has several digits,
/// else numbers that stand by themselves, as in `order-17`.
fn without_ids(name: &str) -> String {
    if name.bytes().filter(u8::is_ascii_digit).count() >= 4 {
        return "*".into();
    }
    let mut out = String::with_capacity(name.len());
    let mut joined = false;
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        if char.is_ascii_digit() && !joined {
            while chars.next_if(|next| next.is_ascii_digit()).is_some() {}
            out.push('*');
            continue;
        }
        joined = char.is_alphanumeric();
        out.push(char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_particular_to_an_execution_is_left_out() {
        for (path, general) in [
            ("$.lines[12].price", "$.lines[*].price"),
            ("$.orders.order-17.amount", "$.orders.order-*.amount"),
            ("$['3f2a61b0-5e3f-4d3b-9b43-7c7a0e1d2f10'].id", "$['*'].id"),
            ("$.address2.line1", "$.address2.line1"),
            ("$.2024.total", "$.*.total"),
        ] {
            assert_eq!(without_keys(path), general);
        }
        assert_eq!(without_indices("Each[3] / Both.First"), "Each[*] / Both.First");
    }
}
