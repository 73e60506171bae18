//! What a case expects of an execution.

mod log;

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::place::PlacePattern;
use super::sequence::{Rows, Step};
use crate::diagnostic::closest;
use crate::document::{Decoder, Kind, Member, Members, Node};
use crate::duration;
use crate::history::{EventType, History, Rule};
use crate::matcher::Matcher;
use crate::service::Metrics;

pub use log::{LogLine, LogPattern};

/// What must hold after an execution: every check of the list.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The checks in the order of the file.
    pub checks: Vec<Check>,
}

/// One expectation with its place in the scenario file.
#[derive(Clone, Debug)]
pub struct Check {
    /// The key: `status`, `output`, `states.Charge.input`.
    pub what: String,
    /// The bytes of the scenario file that spell the expected value.
    pub span: Range<usize>,
    /// Whether the file says it itself; else it is the default that holds where nothing is said.
    pub written: bool,
    /// What must hold.
    pub kind: CheckKind,
}

/// The kinds of [`Check`].
#[derive(Clone, Debug)]
pub enum CheckKind {
    /// The execution's status.
    Status(Status),
    /// Its output.
    Output(Matcher),
    /// Its error name.
    Error(Matcher),
    /// Its cause.
    Cause(Matcher),
    /// The states entered.
    Path(PathPattern),
    /// Input, output, variables of a state, or how often it was entered.
    State(StateCheck),
    /// The calls of a state or a resource.
    Calls(CallCheck),
    /// The history events.
    History(HistoryPattern),
    /// The history, as in a file of what GetExecutionHistory answers.
    HistoryFile(HistoryFile),
    /// The lines logged at one level.
    Log(LogPattern),
    /// Virtual milliseconds from start to end.
    Duration(Bounds),
    /// State transitions.
    Transitions(Bounds),
    /// History events.
    Events(Bounds),
    /// The status-change events emitted, in order.
    StatusChanges(Vec<Matcher>),
    /// A metric of `AWS/States`, by name.
    Metric {
        /// `ExecutionsStarted`, `ExecutionTime`, …
        name: Arc<str>,
        /// What its value must be.
        value: Matcher,
    },
    /// The Map Runs, in the order in which they started.
    MapRuns(Vec<Matcher>),
    /// The text of an object of the virtual S3 afterwards, as JSON where it is.
    Object {
        /// `s3://BUCKET/KEY`.
        uri: Arc<str>,
        /// What it must be.
        body: Matcher,
    },
    /// One of these must hold as a whole.
    AnyOf(Vec<Expectation>),
}

/// How an execution ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not ended: it waits for something that never comes.
    Running,
    /// It reached a Succeed state or an End.
    Succeeded,
    /// An error was not caught.
    Failed,
    /// `TimeoutSeconds` of the machine ran out.
    TimedOut,
    /// StopExecution.
    Aborted,
}

/// The expected states: entered one after another.
#[derive(Clone, Debug)]
pub struct PathPattern {
    /// The steps.
    pub steps: Vec<Step<PlacePattern>>,
    /// Whether a step leads into a branch or iteration; otherwise only the top level counts.
    pub inner: bool,
}

/// What is expected of one state.
#[derive(Clone, Debug)]
pub struct StateCheck {
    /// The state, by name or path.
    pub place: PlacePattern,
    /// Which part of it.
    pub part: StatePart,
}

/// The part of a state's run that a [`StateCheck`] looks at.
#[derive(Clone, Debug)]
pub enum StatePart {
    /// How often it was entered.
    Entered(Bounds),
    /// The input of every entry.
    Input(Matcher),
    /// The output of every exit.
    Output(Matcher),
    /// The variables that every exit assigned.
    Assigned(Matcher),
    /// Input, output and variables, entry by entry.
    Each(Vec<StateEntry>),
}

/// What is expected of one entry of a state.
#[derive(Clone, Debug, Default)]
pub struct StateEntry {
    /// Its input.
    pub input: Option<Matcher>,
    /// Its output.
    pub output: Option<Matcher>,
    /// The variables it assigned.
    pub assigned: Option<Matcher>,
}

/// What is expected of the calls of a state or resource.
#[derive(Clone, Debug)]
pub struct CallCheck {
    /// The state by name or path, or the resource: a key as mocks have.
    pub key: Arc<str>,
    /// Which part of them.
    pub part: CallPart,
}

/// The part of the calls that a [`CallCheck`] looks at.
#[derive(Clone, Debug)]
pub enum CallPart {
    /// How many there were.
    Count(Bounds),
    /// The arguments of every call.
    Arguments(Matcher),
    /// The arguments of each call, in order.
    Each(Vec<Matcher>),
}

/// The expected history.
#[derive(Clone, Debug)]
pub struct HistoryPattern {
    /// The events.
    pub steps: Vec<Step<EventPattern>>,
    /// Whether an unbroken part of the history is enough.
    pub excerpt: bool,
}

/// A history that is expected as a whole; its interleaving and its times do not count.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    /// The file, as the scenario names it.
    pub name: Arc<str>,
    /// What is in it.
    pub history: Arc<History>,
    /// Which texts may differ.
    pub ignore: Vec<Rule>,
}

/// What is expected of one event.
#[derive(Clone, Debug)]
pub struct EventPattern {
    /// Its type.
    pub event_type: Option<EventType>,
    /// The state it belongs to.
    pub state: Option<PlacePattern>,
    /// Its details: these members at least.
    pub details: Option<Matcher>,
}

/// A number that is given, or given limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least that holds.
    pub at_least: i64,
    /// The most that holds.
    pub at_most: i64,
}

const STATUSES: [(&str, Status); 5] = [
    ("SUCCEEDED", Status::Succeeded),
    ("FAILED", Status::Failed),
    ("TIMED_OUT", Status::TimedOut),
    ("ABORTED", Status::Aborted),
    ("RUNNING", Status::Running),
];

impl Status {
    /// The API's word.
    pub fn name(self) -> &'static str {
        STATUSES.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| name)
    }
}

impl Bounds {
    /// Exactly this number.
    pub fn exactly(number: i64) -> Self {
        Self { at_least: number, at_most: number }
    }

    /// Whether the number is within.
    pub fn hold(self, number: i64) -> bool {
        (self.at_least..=self.at_most).contains(&number)
    }

    /// The bounds in words, each number written by `number`.
    pub fn text(self, number: impl Fn(i64) -> String) -> String {
        match (self.at_least, self.at_most) {
            (least, most) if least == most => number(least),
            (least, i64::MAX) => format!("at least {}", number(least)),
            (i64::MIN, most) => format!("at most {}", number(most)),
            (least, most) => format!("between {} and {}", number(least), number(most)),
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event_type.map_or("any event", EventType::name))?;
        if let Some(state) = &self.state {
            write!(f, " of {state}")?;
        }
        if let Some(details) = &self.details {
            write!(f, " with {details}")?;
        }
        Ok(())
    }
}

/// Reads `expect`; without it, or without anything said about the end, success is expected.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    folder: &Path,
    node: Option<&Node>,
    case: &Node,
) -> Expectation {
    let mut expectation = match node {
        Some(node) => read_object(decoder, folder, node),
        None => Expectation::default(),
    };
    let says_the_end = |expectation: &Expectation| {
        expectation.checks.iter().any(|check| {
            matches!(
                check.kind,
                CheckKind::Status(_)
                    | CheckKind::Error(_)
                    | CheckKind::Cause(_)
                    | CheckKind::AnyOf(_)
            )
        })
    };
    if !says_the_end(&expectation) {
        let at = node.unwrap_or(case).span.start;
        let kind = CheckKind::Status(Status::Succeeded);
        let check = Check { what: "status".into(), span: at..at, written: false, kind };
        expectation.checks.insert(0, check);
    }
    expectation
}

fn read_object(decoder: &mut Decoder<'_>, folder: &Path, node: &Node) -> Expectation {
    let mut checks = Vec::new();
    let Some(mut members) = decoder.object(node) else { return Expectation { checks } };
    let mut add = |what: &str, node: &Node, kind: Option<CheckKind>| {
        checks.extend(kind.map(|kind| Check {
            what: what.into(),
            span: node.span.clone(),
            written: true,
            kind,
        }));
    };
    if let Some(node) = members.take("status") {
        add("status", node, decoder.choice(node, &STATUSES).map(CheckKind::Status));
    }
    type OfMatcher = fn(Matcher) -> CheckKind;
    let values: [(&'static str, OfMatcher); 3] =
        [("output", CheckKind::Output), ("error", CheckKind::Error), ("cause", CheckKind::Cause)];
    for (key, kind) in values {
        if let Some(node) = members.take(key) {
            add(key, node, matcher(decoder, node).map(kind));
        }
    }
    if let Some(node) = members.take("path") {
        add("path", node, read_path(decoder, node).map(CheckKind::Path));
    }
    if let Some(node) = members.take("states") {
        for member in decoder.entries(node).unwrap_or_default() {
            read_state(decoder, member, &mut add);
        }
    }
    if let Some(node) = members.take("calls") {
        for member in decoder.entries(node).unwrap_or_default() {
            read_calls(decoder, member, &mut add);
        }
    }
    if let Some(node) = members.take("history") {
        add("history", node, read_history_or_file(decoder, folder, node));
    }
    if let Some(node) = members.take("log") {
        log::read(decoder, node, &mut add);
    }
    if let Some(node) = members.take("duration") {
        add("duration", node, bounds(decoder, node, span_of_time).map(CheckKind::Duration));
    }
    type OfBounds = fn(Bounds) -> CheckKind;
    let counts: [(&'static str, OfBounds); 2] =
        [("transitions", CheckKind::Transitions), ("events", CheckKind::Events)];
    for (key, kind) in counts {
        if let Some(node) = members.take(key) {
            add(key, node, bounds(decoder, node, count).map(kind));
        }
    }
    read_effects(decoder, &mut members, &mut add);
    if let Some(node) = members.take("anyOf") {
        let items = decoder.array(node).unwrap_or_default();
        let alternatives = items.iter().map(|item| read_object(decoder, folder, item)).collect();
        add("anyOf", node, Some(CheckKind::AnyOf(alternatives)));
    }
    members.finish(decoder);
    Expectation { checks }
}

/// What the execution did to the world around it.
fn read_effects<'n>(
    decoder: &mut Decoder<'_>,
    members: &mut Members<'n>,
    add: &mut impl FnMut(&str, &'n Node, Option<CheckKind>),
) {
    if let Some(node) = members.take("statusChanges") {
        let items = decoder.array(node).unwrap_or_default();
        let matchers = items.iter().filter_map(|item| match item.kind {
            Kind::String(_) => matcher(decoder, item),
            _ => subset(decoder, item),
        });
        let matchers = matchers.collect();
        add("statusChanges", node, Some(CheckKind::StatusChanges(matchers)));
    }
    if let Some(node) = members.take("metrics") {
        for member in decoder.entries(node).unwrap_or_default() {
            check_metric(decoder, member);
            let kind = matcher(decoder, &member.value)
                .map(|value| CheckKind::Metric { name: member.key.clone(), value });
            add(&format!("metrics.{}", member.key), &member.value, kind);
        }
    }
    if let Some(node) = members.take("mapRuns") {
        let items = decoder.array(node).unwrap_or_default();
        let matchers = items.iter().filter_map(|item| subset(decoder, item)).collect();
        add("mapRuns", node, Some(CheckKind::MapRuns(matchers)));
    }
    if let Some(node) = members.take("objects") {
        for member in decoder.entries(node).unwrap_or_default() {
            let kind = matcher(decoder, &member.value)
                .map(|body| CheckKind::Object { uri: member.key.clone(), body });
            add(&format!("objects.{}", member.key), &member.value, kind);
        }
    }
}

fn check_metric(decoder: &mut Decoder<'_>, member: &Member) {
    let name = &*member.key;
    if Metrics::NAMES.contains(&name) {
        return;
    }
    let message = format!("`{name}` is not a metric of an execution");
    match closest(name, Metrics::NAMES.iter().copied()) {
        Some(known) => {
            let help = format!("did you mean `{known}`?");
            decoder.error_with_help(member.key_span.clone(), message, help);
        }
        None => decoder.error(member.key_span.clone(), message),
    }
}

fn read_state(
    decoder: &mut Decoder<'_>,
    member: &Member,
    add: &mut impl FnMut(&str, &Node, Option<CheckKind>),
) {
    let Some(mut members) = decoder.object(&member.value) else { return };
    let name = &member.key;
    let mut add = |key: &str, node: &Node, part: Option<StatePart>| {
        let place = PlacePattern::new(&**name);
        let kind = part.map(|part| CheckKind::State(StateCheck { place, part }));
        add(&format!("states.{name}.{key}"), node, kind);
    };
    if let Some(node) = members.take("entered") {
        add("entered", node, bounds(decoder, node, count).map(StatePart::Entered));
    }
    if let Some(node) = members.take("input") {
        add("input", node, matcher(decoder, node).map(StatePart::Input));
    }
    if let Some(node) = members.take("output") {
        add("output", node, matcher(decoder, node).map(StatePart::Output));
    }
    if let Some(node) = members.take("assigned") {
        add("assigned", node, matcher(decoder, node).map(StatePart::Assigned));
    }
    if let Some(node) = members.take("each") {
        let items = decoder.array(node).unwrap_or_default();
        let entries = items.iter().map(|item| read_entry(decoder, item)).collect();
        add("each", node, Some(StatePart::Each(entries)));
    }
    members.finish(decoder);
}

fn read_entry(decoder: &mut Decoder<'_>, node: &Node) -> StateEntry {
    let Some(mut members) = decoder.object(node) else { return StateEntry::default() };
    let mut take = |key| members.take(key).and_then(|node| matcher(decoder, node));
    let entry =
        StateEntry { input: take("input"), output: take("output"), assigned: take("assigned") };
    members.finish(decoder);
    entry
}

fn read_calls(
    decoder: &mut Decoder<'_>,
    member: &Member,
    add: &mut impl FnMut(&str, &Node, Option<CheckKind>),
) {
    let name = &member.key;
    let mut add = |key: &str, node: &Node, part: Option<CallPart>| {
        let kind = part.map(|part| CheckKind::Calls(CallCheck { key: name.clone(), part }));
        add(&format!("calls.{name}{key}"), node, kind);
    };
    let node = &member.value;
    match &node.kind {
        Kind::Array(items) => {
            let matchers = items.iter().filter_map(|item| matcher(decoder, item)).collect();
            add("", node, Some(CallPart::Each(matchers)));
        }
        Kind::Number(_) => add("", node, bounds(decoder, node, count).map(CallPart::Count)),
        _ => {
            let Some(mut members) = decoder.object(node) else { return };
            if let Some(node) = members.take("count") {
                add(".count", node, bounds(decoder, node, count).map(CallPart::Count));
            }
            if let Some(node) = members.take("arguments") {
                add(".arguments", node, matcher(decoder, node).map(CallPart::Arguments));
            }
            members.finish(decoder);
        }
    }
}

fn read_path(decoder: &mut Decoder<'_>, node: &Node) -> Option<PathPattern> {
    let items = decoder.array(node)?;
    let steps =
        steps(decoder, items, &|decoder, item| Some(PlacePattern::new(&**decoder.string(item)?)));
    let inner = any_step(&steps, &PlacePattern::is_path);
    Some(PathPattern { steps, inner })
}

fn read_history_or_file(
    decoder: &mut Decoder<'_>,
    folder: &Path,
    node: &Node,
) -> Option<CheckKind> {
    let Some(file) = node.get("file") else {
        return read_history(decoder, node).map(CheckKind::History);
    };
    let mut members = decoder.object(node)?;
    members.take("file");
    let mut ignore = Vec::new();
    if let Some(node) = members.take("ignore") {
        let rules = Rule::ALL.map(|rule| (rule.name(), rule));
        let items = decoder.array(node).unwrap_or_default();
        ignore.extend(items.iter().filter_map(|item| decoder.choice(item, &rules)));
    }
    members.finish(decoder);
    let name = decoder.string(file)?.clone();
    let path = folder.join(&*name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", path.display());
            let help = "`stepproof exec … --history-out FILE` writes one";
            decoder.error_with_help(file.span.clone(), message, help);
            return None;
        }
    };
    match History::parse_bytes(&bytes) {
        Ok((history, _)) => {
            Some(CheckKind::HistoryFile(HistoryFile { name, history: Arc::new(history), ignore }))
        }
        Err(error) => {
            let place =
                error.position.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
            let message = format!("{}{place}: {}", path.display(), error.message);
            decoder.error(file.span.clone(), message);
            None
        }
    }
}

fn read_history(decoder: &mut Decoder<'_>, node: &Node) -> Option<HistoryPattern> {
    let (items, excerpt) = match &node.kind {
        Kind::Object(_) => {
            let mut members = decoder.object(node)?;
            let excerpt = members.take("excerpt").and_then(|node| decoder.boolean(node));
            let events = members.require(decoder, "events");
            members.finish(decoder);
            (events?, excerpt.unwrap_or(false))
        }
        _ => (node, false),
    };
    let items = decoder.array(items)?;
    Some(HistoryPattern { steps: steps(decoder, items, &read_event), excerpt })
}

fn read_event(decoder: &mut Decoder<'_>, node: &Node) -> Option<EventPattern> {
    if node.as_str().is_some() {
        let event_type = Some(read_event_type(decoder, node)?);
        return Some(EventPattern { event_type, state: None, details: None });
    }
    let mut members = decoder.object(node)?;
    let event_type = match members.take("type") {
        Some(node) => Some(read_event_type(decoder, node)?),
        None => None,
    };
    let state = members.take("state").and_then(|node| decoder.string(node));
    let state = state.map(|text| PlacePattern::new(&**text));
    let details = members.take("details").and_then(|node| subset(decoder, node));
    members.finish(decoder);
    Some(EventPattern { event_type, state, details })
}

fn read_event_type(decoder: &mut Decoder<'_>, node: &Node) -> Option<EventType> {
    let words: Vec<_> = EventType::ALL.iter().map(|event| (event.name(), *event)).collect();
    let text = decoder.string(node)?;
    if let Some(event_type) = EventType::parse(text) {
        return Some(event_type);
    }
    let message = format!("`{text}` is not a type of history events");
    match closest(text, words.iter().map(|(word, _)| *word)) {
        Some(word) => {
            let help = format!("did you mean `{word}`?");
            decoder.error_with_help(node.span.clone(), message, help);
        }
        None => decoder.error(node.span.clone(), message),
    }
    None
}

type ReadStep<'f, E> = &'f dyn Fn(&mut Decoder<'_>, &Node) -> Option<E>;

fn steps<E: fmt::Debug>(
    decoder: &mut Decoder<'_>,
    items: &[Node],
    one: ReadStep<'_, E>,
) -> Vec<Step<E>> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item.as_str().map(|text| &**text) {
            Some("*") => out.push(Step::Any),
            Some("**") => out.push(Step::Many),
            _ => match item.get("anyOrder") {
                Some(rows) => {
                    let members = decoder.object(item);
                    if let Some(mut members) = members {
                        members.take("anyOrder");
                        members.finish(decoder);
                    }
                    let rows = decoder.array(rows).unwrap_or_default();
                    let rows = rows.iter().map(|row| match &row.kind {
                        Kind::Array(items) => steps(decoder, items, one),
                        _ => steps(decoder, std::slice::from_ref(row), one),
                    });
                    out.push(Step::AnyOrder(Rows::new(rows.collect())));
                }
                None => out.extend(one(decoder, item).map(Step::One)),
            },
        }
    }
    out
}

fn any_step<E>(steps: &[Step<E>], test: &impl Fn(&E) -> bool) -> bool {
    steps.iter().any(|step| match step {
        Step::One(element) => test(element),
        Step::Any | Step::Many => false,
        Step::AnyOrder(rows) => rows.iter().any(|row| any_step(row, test)),
    })
}

fn count(decoder: &mut Decoder<'_>, node: &Node) -> Option<i64> {
    decoder.unsigned(node).and_then(|number| i64::try_from(number).ok())
}

/// A span of time such as `1h30m`; a bare number is refused, since its unit is a guess.
pub(super) fn span_of_time(decoder: &mut Decoder<'_>, node: &Node) -> Option<i64> {
    let span = node.as_str().and_then(|text| duration::parse(text));
    if span.is_none() {
        decoder.error(node.span.clone(), format!("expected {}", duration::FORM));
    }
    i64::try_from(span?.as_millis()).ok()
}

fn bounds(
    decoder: &mut Decoder<'_>,
    node: &Node,
    number: impl Fn(&mut Decoder<'_>, &Node) -> Option<i64>,
) -> Option<Bounds> {
    if !matches!(node.kind, Kind::Object(_)) {
        return number(decoder, node).map(Bounds::exactly);
    }
    let mut members = decoder.object(node)?;
    let at_least = members.take("atLeast").and_then(|node| number(decoder, node));
    let at_most = members.take("atMost").and_then(|node| number(decoder, node));
    members.finish(decoder);
    Some(Bounds { at_least: at_least.unwrap_or(i64::MIN), at_most: at_most.unwrap_or(i64::MAX) })
}

/// Reads a matcher, its mistakes reported at their own places.
pub(super) fn matcher(decoder: &mut Decoder<'_>, node: &Node) -> Option<Matcher> {
    located(decoder, node, Matcher::parse(&node.to_value()))
}

/// Reads a matcher whose objects may have further members.
pub(super) fn matcher_of_members(decoder: &mut Decoder<'_>, node: &Node) -> Option<Matcher> {
    subset(decoder, node)
}

fn subset(decoder: &mut Decoder<'_>, node: &Node) -> Option<Matcher> {
    located(decoder, node, Matcher::parse_subset(&node.to_value()))
}

fn located(
    decoder: &mut Decoder<'_>,
    node: &Node,
    result: Result<Matcher, crate::matcher::MatcherError>,
) -> Option<Matcher> {
    match result {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            decoder.error(super::locate(node, &error.path).span.clone(), error.message);
            None
        }
    }
}
