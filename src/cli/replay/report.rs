//! The results of many replays as text and as JUnit XML.

use std::fmt::Write as _;

use super::results::{Group, Results, Verdict};
use crate::diagnostic::Style;
use crate::markup::escaped;
use crate::replay::Finding;
use crate::report::xml_element;

/// How many unusable executions the text names.
const MOST_NAMED: usize = 20;

/// The results for people: groups, what could not be replayed, and the counts.
pub(super) fn text(results: &Results, style: Style) -> String {
    let mut out = String::new();
    for (verdict, finding, group) in results.ordered() {
        let bold = if style == Style::Colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        let _ = writeln!(out, "{}{}{}", bold.0, headline(verdict, finding, group), bold.1);
        let _ = writeln!(out, "  such as {}:", group.example.name);
        for line in group.example.text.lines() {
            out.push_str(if line.is_empty() { "" } else { "    " });
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
    }
    for (_, message) in results.problems.iter().take(MOST_NAMED) {
        let _ = writeln!(out, "unusable: {message}");
    }
    if results.unusable > MOST_NAMED as u64 {
        let _ = writeln!(out, "… and {} more are unusable", results.unusable - MOST_NAMED as u64);
    }
    if results.unusable > 0 {
        out.push('\n');
    }
    for note in notes(results) {
        let _ = writeln!(out, "note: {note}");
    }
    out + &summary(results)
}

/// What a group is: how many executions, and what they have in common.
fn headline(verdict: Verdict, finding: &Finding, group: &Group) -> String {
    let undecided = if verdict == Verdict::Undecided { " undecided" } else { "" };
    format!("{}{undecided}: {}", executions(group.count), finding.sentence())
}

fn executions(count: u64) -> String {
    let noun = if count == 1 { "execution" } else { "executions" };
    format!("{} {noun}", grouped(count))
}

/// A number with a comma behind each three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What a reader of the counts should know.
pub(super) fn notes(results: &Results) -> Vec<String> {
    let mut notes = Vec::new();
    for one in &results.definitions {
        let machines = match &one.machine {
            Some(machine) => format!("recordings of `{machine}`"),
            None => match results.machines.keys().collect::<Vec<_>>().as_slice() {
                [] => continue,
                [only] => format!("recordings of `{only}`"),
                several => {
                    let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                    format!(
                        "recordings of {} state machines (`{}`): write `--definition \
                         MACHINE=FILE` to name each its own",
                        names.len(),
                        names.join("`, `")
                    )
                }
            },
        };
        notes.push(format!("`{}` was held against {machines}", one.file));
    }
    if results.left_out > 0 {
        let names: Vec<String> = results
            .others
            .iter()
            .map(|(machine, count)| format!("`{machine}` ({})", grouped(*count)))
            .collect();
        notes.push(format!("left out, since no definition was named: {}", names.join(", ")));
    }
    for (why, count) in &results.unseen {
        notes.push(format!("not replayed: {} within recordings: {why}", executions(*count)));
    }
    if let Some(first) = &results.first_edited {
        notes.push(match results.edited {
            1 => format!("1 recording was edited since it was made, or is not whole: {first}"),
            count => format!(
                "{} recordings were edited since they were made, or are not whole, such as {first}",
                grouped(count)
            ),
        });
    }
    if let Some(first) = &results.first_partial {
        notes.push(match results.partial {
            1 => format!("1 was replayed only in part, up to a redrive or where it ends: {first}"),
            count => format!(
                "{} were replayed only in part, up to a redrive or where they end, such as {first}",
                grouped(count)
            ),
        });
    }
    if results.interrupted {
        notes.push("interrupted: these are the results so far".into());
    }
    notes
}

/// The counts on one line.
pub(super) fn summary(results: &Results) -> String {
    let counts = [
        (results.diverged, "diverged"),
        (results.undecided, "undecided"),
        (results.unusable, "unusable"),
        (results.same, "same"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, outcome)| format!("{} {outcome}", grouped(*count)))
        .collect();
    let parts = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
    let shard = match results.shards.as_slice() {
        [one] if one.parts > 1 => format!(", part {} of {}", one.part, one.parts),
        _ => String::new(),
    };
    format!("{parts} ({}{shard})\n", executions(results.executions()))
}

/// The results as JUnit XML: a case for each group, one for each unusable execution that is named,
/// and one for all that are the same.
pub(super) fn junit(results: &Results, allow_undecided: bool) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let ordered = results.ordered();
    let passes = |verdict: Verdict| verdict == Verdict::Undecided && allow_undecided;
    let failures = ordered.iter().filter(|(verdict, ..)| !passes(*verdict)).count();
    let errors = results.problems.len();
    let tests = ordered.len() + errors + usize::from(results.same > 0);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    let _ = writeln!(out, "<testsuites name=\"stepproof replay\" {counts}>");
    let _ = writeln!(out, "  <testsuite name=\"replay\" {counts} time=\"0.000\">");
    if results.same > 0 {
        let name = format!("{} as recorded", executions(results.same));
        let _ = writeln!(out, "    <testcase name=\"{name}\" classname=\"replay.same\"/>");
    }
    for (verdict, finding, group) in ordered {
        let line = headline(verdict, finding, group);
        let _ = writeln!(
            out,
            "    <testcase name=\"{}\" classname=\"replay.{}\">",
            escaped(&finding.sentence()),
            verdict.name()
        );
        match passes(verdict) {
            true => {
                let _ = writeln!(out, "      <skipped message=\"{}\"/>", escaped(&line));
            }
            false => {
                let detail = format!("such as {}:\n{}", group.example.name, group.example.text);
                xml_element(&mut out, "failure", verdict.name(), &line, &detail);
            }
        }
        out.push_str("    </testcase>\n");
    }
    for (name, message) in &results.problems {
        let name = escaped(name);
        let _ = writeln!(out, "    <testcase name=\"{name}\" classname=\"replay.unusable\">");
        xml_element(&mut out, "error", "unusable", message, "");
        out.push_str("    </testcase>\n");
    }
    for note in notes(results) {
        let _ = writeln!(out, "    <system-out>{}</system-out>", escaped(&note));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}
