//! Differences for people: a sentence, the events around, the data line by line.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use super::{Diff, Difference, DifferenceKind, MemberDifference};
use crate::history::event::{EventDetails, EventType, Failure, HistoryEvent};
use crate::history::{History, Threads};
use crate::value::Value;

/// What the two histories are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'l> {
    /// The first, such as `expected` or `recorded`.
    pub expected: &'l str,
    /// The second, such as `actual` or `replayed`.
    pub actual: &'l str,
}

/// Whether to colour the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No control characters.
    #[default]
    Plain,
    /// ANSI colours: red what was expected, green what came.
    Colour,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Self { expected: "expected", actual: "actual" }
    }
}

impl Diff {
    /// The differences as text: the first few with the events around them and their data, more as
    /// sentences; empty where there are none.
    pub fn render(
        &self,
        expected: &History,
        actual: &History,
        labels: &Labels<'_>,
        style: Style,
    ) -> String {
        let mut page = Page { out: String::new(), style };
        if self.is_same() {
            return page.out;
        }
        let sides =
            [(expected, Threads::new(&expected.events)), (actual, Threads::new(&actual.events))];
        page.line(Tag::Expected, &format!("- {}", labels.expected));
        page.line(Tag::Actual, &format!("+ {}", labels.actual));
        for (number, found) in self.differences.iter().enumerate() {
            if number == MAX_SENTENCES {
                let more = self.differences.len() - number;
                page.line(Tag::Dim, &format!("\n… and {more} more differences"));
                break;
            }
            if number <= MAX_IN_FULL {
                page.out.push('\n');
            }
            let sentence = found.sentence(expected, actual, labels);
            page.line(Tag::Strong, &format!("{}. {sentence}", number + 1));
            if number < MAX_IN_FULL {
                page.events(found, &sides);
                if let DifferenceKind::Details(members) = &found.kind {
                    page.data(found, members, expected, actual);
                }
            }
        }
        page.out
    }
}

/// How many differences are shown with events and data.
const MAX_IN_FULL: usize = 3;
/// How many differences are named at all.
const MAX_SENTENCES: usize = 20;
/// How many events are shown before and behind a difference, and of each side within it.
const CONTEXT: usize = 3;
/// Up to how many bytes data is shown line by line.
const MAX_DATA: usize = 100_000;
/// How long a line with an event may be.
const WIDTH: usize = 110;

impl Difference {
    /// What went wrong, in a sentence.
    pub fn sentence(&self, expected: &History, actual: &History, labels: &Labels<'_>) -> String {
        let before = self.expected.map(|at| &expected.events[at]);
        let now = self.actual.map(|at| &actual.events[at]);
        let mut text = match (&self.kind, before, now) {
            (DifferenceKind::Details(members), Some(event), _) => {
                return self.at_place(details_sentence(event, self, members, labels));
            }
            (_, Some(before), Some(now)) => self.replaced(before, now, labels),
            (DifferenceKind::Missing { count, instead: Some(now) }, Some(before), None) => {
                let before = before.state_name().map_or("", |name| name);
                let text = entered_instead(before, now, labels);
                return self.at_place(format!("{text} ({count} events are missing)"));
            }
            (DifferenceKind::Unexpected { count, instead: Some(before) }, None, Some(now)) => {
                let now = now.state_name().map_or("", |name| name);
                let text = entered_instead(before, now, labels);
                return self.at_place(format!("{text} ({count} more events)"));
            }
            (_, Some(before), None) => {
                format!("{} {}, {} nothing", labels.expected, phrase(before), labels.actual)
            }
            (_, None, Some(now)) => {
                format!("{} nothing, {} {}", labels.expected, labels.actual, phrase(now))
            }
            (_, None, None) => String::new(),
        };
        let more = match self.kind {
            DifferenceKind::Missing { count, .. } | DifferenceKind::Unexpected { count, .. } => {
                count
            }
            _ => 1,
        };
        if more > 1 {
            let _ = write!(text, " (and {} events behind it)", more - 1);
        }
        let is_named = [before, now].iter().flatten().any(|event| {
            let iteration = matches!(event.details, EventDetails::MapIteration { .. });
            iteration || event.state_name().is_some()
        });
        match &self.state {
            Some(state) if !is_named && self.place.is_empty() => format!("in `{state}`: {text}"),
            Some(state) if !is_named => format!("in `{state}` of {}: {text}", self.place),
            _ => self.at_place(text),
        }
    }

    fn at_place(&self, text: String) -> String {
        if self.place.is_empty() { text } else { format!("in {}: {text}", self.place) }
    }

    fn replaced(&self, before: &HistoryEvent, now: &HistoryEvent, labels: &Labels<'_>) -> String {
        if let DifferenceKind::Link { expected, actual } = self.kind {
            return format!(
                "{} links to another event: {} {expected}, {} {actual}",
                phrase(before),
                labels.expected,
                labels.actual,
            );
        }
        if let (Some(was), Some(is)) = (entered_type(before), entered_type(now))
            && before.state_name() == now.state_name()
        {
            let name = before.state_name().map_or("", |name| name);
            let (expected, actual) = (labels.expected, labels.actual);
            return format!("`{name}` is another kind of state: {expected} {was}, {actual} {is}");
        }
        let both_enter = before.event_type.is_state_entered() && now.event_type.is_state_entered();
        if let (true, Some(before), Some(now)) = (both_enter, before.state_name(), now.state_name())
        {
            return entered_instead(before, now, labels);
        }
        format!("{} {}, {} {}", labels.expected, phrase(before), labels.actual, phrase(now))
    }
}

fn entered_instead(before: &str, now: &str, labels: &Labels<'_>) -> String {
    let (expected, actual) = (labels.expected, labels.actual);
    format!("another state was entered: {expected} `{before}`, {actual} `{now}`")
}

fn details_sentence(
    event: &HistoryEvent,
    found: &Difference,
    members: &[MemberDifference],
    labels: &Labels<'_>,
) -> String {
    let Some(first) = members.first() else { return format!("{} differs", phrase(event)) };
    let state = found.state.as_deref().map_or("the execution".into(), |name| format!("`{name}`"));
    let subject = match (event.event_type, first.member) {
        (entered, "input") if entered.is_state_entered() => {
            format!("{state} was entered with another input")
        }
        (exited, "output") if exited.is_state_exited() => format!("{state} has another output"),
        (exited, "assignedVariables") if exited.is_state_exited() => {
            format!("{state} assigned other variables")
        }
        (EventType::TaskScheduled, "parameters") => {
            format!("{state} asked {} something else", service(event))
        }
        (EventType::LambdaFunctionScheduled | EventType::ActivityScheduled, "input") => {
            format!("{state} passed another input to {}", service(event))
        }
        (EventType::ExecutionStarted, member) => format!("the execution's {member} differs"),
        (EventType::ExecutionSucceeded, _) => "the execution's output differs".into(),
        (end, member) if end.is_terminal() => format!("{end} has another {member}"),
        (other, member) => format!("{other} of {state} has another {member}"),
    };
    let at = if first.path == "$" { String::new() } else { format!(" at {}", first.path) };
    let show = |value: &Option<Value>| match value {
        Some(value) => shortened(&value.to_json(), 80),
        None => "nothing".into(),
    };
    let more = match members.len() {
        1 => String::new(),
        count => format!(" (and {} more places)", count - 1),
    };
    format!(
        "{subject}{at}: {} {}, {} {}{more}",
        labels.expected,
        show(&first.expected),
        labels.actual,
        show(&first.actual),
    )
}

/// The type of the state that is entered.
fn entered_type(event: &HistoryEvent) -> Option<&'static str> {
    event.event_type.name().strip_suffix("StateEntered")
}

/// An event in a few words.
fn phrase(event: &HistoryEvent) -> String {
    match (&event.details, event.state_name()) {
        (EventDetails::MapIteration { name, index }, _) => {
            format!("{} {name}[{index}]", event.event_type)
        }
        (_, Some(name)) => format!("{} `{name}`", event.event_type),
        _ => match event.failure().filter(|failure| **failure != Failure::default()) {
            Some(failure) => {
                format!("{} ({})", event.event_type, shortened(&failure.to_string(), 80))
            }
            None => event.event_type.to_string(),
        },
    }
}

fn service(event: &HistoryEvent) -> String {
    match &event.details {
        EventDetails::LambdaFunctionScheduled(details) => details.resource.to_string(),
        EventDetails::ActivityScheduled(details) => details.resource.to_string(),
        _ => event.service().unwrap_or_else(|| "its service".into()),
    }
}

fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Plain,
    Strong,
    Dim,
    Expected,
    Actual,
}

/// The text under construction.
struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn line(&mut self, tag: Tag, text: &str) {
        let code = match tag {
            _ if self.style == Style::Plain => "",
            Tag::Plain => "",
            Tag::Strong => "\u{1b}[1m",
            Tag::Dim => "\u{1b}[2m",
            Tag::Expected => "\u{1b}[31m",
            Tag::Actual => "\u{1b}[32m",
        };
        let reset = if code.is_empty() { "" } else { "\u{1b}[0m" };
        let _ = writeln!(self.out, "{code}{text}{reset}");
    }

    /// The events of the line of control around a difference.
    fn events(&mut self, found: &Difference, sides: &[(&History, Threads); 2]) {
        let (index, (history, threads)) = match (found.expected, found.actual) {
            (Some(index), _) => (index, &sides[0]),
            (None, Some(index)) => (index, &sides[1]),
            (None, None) => return,
        };
        let (thread, position) = threads.place(index);
        let line = &threads.threads[thread].events;
        for at in &line[position.saturating_sub(CONTEXT)..position] {
            self.event(Tag::Plain, &history.events[*at]);
        }
        let (expected, actual) = match found.kind {
            DifferenceKind::Details(_) | DifferenceKind::Link { .. } => (1, 1),
            DifferenceKind::Replaced { expected, actual } => (expected, actual),
            DifferenceKind::Missing { count, .. } => (count, 0),
            DifferenceKind::Unexpected { count, .. } => (0, count),
        };
        let runs = [(Tag::Expected, found.expected, expected), (Tag::Actual, found.actual, actual)];
        for ((tag, first, count), (history, threads)) in runs.into_iter().zip(sides) {
            let Some(first) = first else { continue };
            let (thread, position) = threads.place(first);
            let line = &threads.threads[thread].events[position..];
            for at in line.iter().take(count.min(CONTEXT)) {
                self.event(tag, &history.events[*at]);
            }
            if count > CONTEXT {
                let more = count - CONTEXT;
                self.line(tag, &format!("     … and {more} more events"));
            }
        }
        let length = if found.expected.is_some() { expected } else { actual };
        for at in line.iter().skip(position + length).take(CONTEXT) {
            self.event(Tag::Plain, &history.events[*at]);
        }
    }

    fn event(&mut self, tag: Tag, event: &HistoryEvent) {
        let sign = match tag {
            Tag::Expected => '-',
            Tag::Actual => '+',
            _ => ' ',
        };
        let text = format!("{:>5}  {}{}", event.id, event.event_type, event.details);
        self.line(tag, &format!("{sign} {}", shortened(&text, WIDTH)));
    }

    /// The members that differ, as indented JSON with the lines that changed.
    fn data(
        &mut self,
        found: &Difference,
        members: &[MemberDifference],
        expected: &History,
        actual: &History,
    ) {
        let mut shown: Vec<&str> = Vec::new();
        for member in members {
            if shown.contains(&member.member) {
                continue;
            }
            shown.push(member.member);
            let whole = |history: &History, index: Option<usize>| {
                let payload = history.events[index?].payload()?;
                let named = matches!(member.member, "input" | "output" | "parameters");
                payload.value().filter(|_| named).cloned()
            };
            let before = whole(expected, found.expected).or_else(|| member.expected.clone());
            let now = whole(actual, found.actual).or_else(|| member.actual.clone());
            let (before, now) = (pretty(before.as_ref()), pretty(now.as_ref()));
            if before.len().max(now.len()) < MAX_DATA {
                self.line(Tag::Dim, &format!("  {}:", member.member));
                self.lines(&before, &now);
            }
        }
    }

    fn lines(&mut self, before: &str, now: &str) {
        let diff = TextDiff::from_lines(before, now);
        for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
            if number > 0 {
                self.line(Tag::Dim, "    …");
            }
            for op in group {
                for change in diff.iter_inline_changes(op) {
                    let (tag, sign) = match change.tag() {
                        ChangeTag::Delete => (Tag::Expected, '-'),
                        ChangeTag::Insert => (Tag::Actual, '+'),
                        ChangeTag::Equal => (Tag::Plain, ' '),
                    };
                    let mut text = format!("{sign}   ");
                    for (emphasised, part) in change.iter_strings_lossy() {
                        let part = part.trim_end_matches('\n');
                        match emphasised && self.style == Style::Colour {
                            true => {
                                let _ = write!(text, "\u{1b}[4m{part}\u{1b}[24m");
                            }
                            false => text.push_str(part),
                        }
                    }
                    self.line(tag, &text);
                }
            }
        }
    }
}

fn pretty(value: Option<&Value>) -> String {
    value.map_or_else(String::new, |value| format!("{}\n", value.to_json_pretty()))
}
