//! What a case expects in the log of its execution.

use std::fmt;

use super::{CheckKind, read_event_type, steps, subset};
use crate::diagnostic::closest;
use crate::document::{Decoder, Kind, Member, Node};
use crate::history::LogLevel;
use crate::matcher::Matcher;
use crate::scenario::Step;
use crate::value::Value;

/// The lines that an execution logs at one level, in the order of its events.
#[derive(Clone, Debug)]
pub struct LogPattern {
    /// The level of the logging configuration.
    pub level: LogLevel,
    /// `includeExecutionData`
    pub include_execution_data: bool,
    /// The lines.
    pub steps: Vec<Step<LogLine>>,
}

/// What is expected of one line: these members at least.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// What the line must match.
    pub matcher: Matcher,
    /// Whether its type alone is given.
    pub only_type: bool,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.matcher.fmt(f)
    }
}

/// The members of a line.
const MEMBERS: [&str; 7] = [
    "id",
    "type",
    "details",
    "previous_event_id",
    "event_timestamp",
    "execution_arn",
    "redrive_count",
];

/// Reads `{ ALL: […], ERROR: […], FATAL: […], includeExecutionData: false }`.
pub(super) fn read<'n>(
    decoder: &mut Decoder<'_>,
    node: &'n Node,
    add: &mut impl FnMut(&str, &'n Node, Option<CheckKind>),
) {
    let Some(mut members) = decoder.object(node) else { return };
    let data = members.take("includeExecutionData");
    let include_execution_data = data.and_then(|node| decoder.boolean(node)).unwrap_or(true);
    let levels = [
        ("ALL", LogLevel::All),
        ("ERROR", LogLevel::Error),
        ("FATAL", LogLevel::Fatal),
        ("OFF", LogLevel::Off),
    ];
    let mut any = false;
    for (key, level) in levels {
        let Some(node) = members.take(key) else { continue };
        any = true;
        let Some(items) = decoder.array(node) else { continue };
        let steps = steps(decoder, items, &read_line);
        let pattern = LogPattern { level, include_execution_data, steps };
        add(&format!("log.{key}"), node, Some(CheckKind::Log(pattern)));
    }
    members.finish(decoder);
    if !any {
        let help = "write `log: { ERROR: [ExecutionFailed] }`";
        decoder.error_with_help(node.span.clone(), "the log has no level", help);
    }
}

fn read_line(decoder: &mut Decoder<'_>, node: &Node) -> Option<LogLine> {
    if let Kind::String(_) = node.kind {
        let name = read_event_type(decoder, node)?.name();
        let line = Value::object([("type", Value::from(name))]);
        let matcher = Matcher::parse_subset(&line).ok()?;
        return Some(LogLine { matcher, only_type: true });
    }
    for member in decoder.entries(node)? {
        check_member(decoder, member);
    }
    subset(decoder, node).map(|matcher| LogLine { matcher, only_type: false })
}

fn check_member(decoder: &mut Decoder<'_>, member: &Member) {
    let key = &*member.key;
    if key == "type" {
        if member.value.as_str().is_some() {
            read_event_type(decoder, &member.value);
        }
    } else if !MEMBERS.contains(&key) && !key.starts_with('$') {
        let message = format!("`{key}` is no member of a log line");
        match closest(key, MEMBERS) {
            Some(known) => {
                let help = format!("did you mean `{known}`?");
                decoder.error_with_help(member.key_span.clone(), message, help);
            }
            None => decoder.error(member.key_span.clone(), message),
        }
    }
}
