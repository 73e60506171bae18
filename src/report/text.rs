//! The report for people.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::diagnostic::{Source, Style};
use crate::duration;
use crate::runner::{
    CaseOutcome, CaseReport, Detail, FailedCheck, FileReport, Problem, Run, Tally,
};

/// How many lines of a diff are shown around what differs.
const CONTEXT: usize = 3;
/// The most items of a row that are shown before and after the place where it went wrong.
const ROW: usize = 6;
/// The most places of one value that are listed.
const PLACES: usize = 12;
/// The longest value that is shown on one line, in characters.
const LINE: usize = 160;
/// The longest cause that is shown, in characters: it mostly says what to mend.
const CAUSE: usize = 1_000;

/// What came of one file: a line, and everything that is not as expected below.
pub fn file(report: &FileReport, style: Style) -> String {
    let path = report.path.display();
    let cases = match &report.cases {
        Ok(cases) => cases,
        Err(problems) => {
            let mut out = format!("{}  {path}\n\n", paint(style, RED, "error"));
            for problem in problems {
                out.push_str(&indent(&problem.render(style), 2));
                out.push('\n');
            }
            return out;
        }
    };
    let passed = cases.iter().filter(|case| matches!(case.outcome, CaseOutcome::Passed)).count();
    let skipped =
        cases.iter().filter(|case| matches!(case.outcome, CaseOutcome::Skipped(_))).count();
    let mut out = if skipped > 0 && skipped == cases.len() {
        let cases = plural(skipped, "case");
        format!("{} {path}  {cases}\n", paint(style, YELLOW, "not run"))
    } else if passed + skipped == cases.len() {
        let not_run = match skipped {
            0 => String::new(),
            _ => format!(", {skipped} not run"),
        };
        format!("{}     {path}  {}{not_run}\n", paint(style, GREEN, "ok"), plural(passed, "case"))
    } else {
        let count =
            format!("{} of {}", cases.len() - passed - skipped, plural(cases.len(), "case"));
        format!("{} {path}  {count}\n", paint(style, RED, "FAILED"))
    };
    for warning in &report.warnings {
        let _ = writeln!(out, "  {} {warning}", paint(style, YELLOW, "warning:"));
    }
    let details: String = (cases.iter().enumerate())
        .map(|(at, report)| match same_problems(&cases[..at], report) {
            Some(earlier) => repeated(report, earlier, style),
            None => case(report, style),
        })
        .collect();
    if !details.is_empty() {
        let _ = write!(out, "\n{details}");
    }
    out
}

/// The earlier case that could not be run for the same problems of the definition they share.
fn same_problems<'a>(earlier: &'a [CaseReport], report: &CaseReport) -> Option<&'a CaseReport> {
    let CaseOutcome::Unusable(problems) = &report.outcome else { return None };
    if !problems.iter().all(|problem| matches!(problem, Problem::Diagnostic(_))) {
        return None;
    }
    earlier
        .iter()
        .find(|other| matches!(&other.outcome, CaseOutcome::Unusable(others) if others == problems))
}

fn repeated(report: &CaseReport, earlier: &CaseReport, style: Style) -> String {
    let mut out = String::new();
    heading(&mut out, report, paint(style, RED, "!"), style);
    let _ = writeln!(out, "    for the same reason as `{}` above\n", earlier.name);
    out
}

fn heading(out: &mut String, report: &CaseReport, mark: String, style: Style) {
    let place = place(&report.source, report.span.start);
    let name = paint(style, BOLD, &report.name);
    let _ = writeln!(out, "  {mark} {name}  {}", paint(style, DIM, &place));
}

/// What is not as expected in one case; nothing where everything is.
pub fn case(report: &CaseReport, style: Style) -> String {
    let mut out = String::new();
    let heading = |out: &mut String, colour: &str, mark: &str| {
        heading(out, report, paint(style, colour, mark), style);
    };
    match &report.outcome {
        CaseOutcome::Passed => {}
        CaseOutcome::Skipped(reason) => {
            heading(&mut out, YELLOW, "-");
            let _ = writeln!(out, "    not run: {reason}");
        }
        CaseOutcome::Failed(checks) => {
            heading(&mut out, RED, "✗");
            for check in checks {
                failed_check(&mut out, &report.source, check, style, 4);
            }
        }
        CaseOutcome::Unusable(problems) => {
            heading(&mut out, RED, "!");
            for problem in problems {
                match problem {
                    Problem::Diagnostic(diagnostic) => {
                        out.push_str(&indent(&diagnostic.render(style), 4));
                    }
                    Problem::Missing { message, stub } => {
                        out.push_str(&indent(message, 4));
                        if let Some(stub) = stub {
                            let _ = writeln!(out, "    add this to the case:\n");
                            out.push_str(&indent(stub, 6));
                        }
                    }
                }
            }
        }
    }
    if !report.warnings.is_empty() {
        if matches!(report.outcome, CaseOutcome::Passed) {
            heading(&mut out, YELLOW, "-");
        }
        for warning in &report.warnings {
            let _ = writeln!(out, "    {} {warning}", paint(style, YELLOW, "warning:"));
        }
    }
    if let (Some(run), false) = (&report.run, matches!(report.outcome, CaseOutcome::Passed)) {
        run_summary(&mut out, run, style);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// How many cases ended how, in one line.
pub fn summary(reports: &[FileReport], style: Style) -> String {
    let mut tally = Tally::default();
    reports.iter().for_each(|file| tally.add(file));
    let mut parts = Vec::new();
    let mut part = |count: usize, colour: &str, text: String| {
        if count > 0 {
            parts.push(paint(style, colour, &text));
        }
    };
    part(tally.failed, RED, format!("{} failed", tally.failed));
    part(tally.unusable, RED, format!("{} could not be run", tally.unusable));
    let unreadable = plural(tally.unusable_files, "unusable file");
    part(tally.unusable_files, RED, unreadable);
    part(tally.passed, GREEN, format!("{} passed", tally.passed));
    part(tally.skipped, YELLOW, format!("{} not run", tally.skipped));
    if parts.is_empty() {
        parts.push("no cases".into());
    }
    let cases = plural(tally.cases(), "case");
    let files = plural(reports.len(), "file");
    let time = elapsed(tally.duration_ms);
    let clock = match reports.iter().find_map(|file| file.endpoint.as_ref()) {
        None => format!("{time} of virtual time"),
        Some(endpoint) if tally.duration_ms == 0 => format!("on {endpoint}"),
        Some(endpoint) => format!("on {endpoint}, where executions took {time} together"),
    };
    format!("{} ({cases} in {files}, {clock})\n", parts.join(", "))
}

fn failed_check(
    out: &mut String,
    source: &Source,
    check: &FailedCheck,
    style: Style,
    depth: usize,
) {
    let pad = " ".repeat(depth);
    let what = paint(style, BOLD, &check.what);
    let at = if check.written {
        paint(style, DIM, &place(source, check.span.start))
    } else {
        paint(style, DIM, "(expected where nothing else is said)")
    };
    let _ = writeln!(out, "{pad}{what}  {at}");
    let minus = |text: &str| paint(style, RED, &format!("- {text}"));
    let plus = |text: &str| paint(style, GREEN, &format!("+ {text}"));
    match &check.detail {
        Detail::Lines { expected, actual } => {
            let _ = writeln!(out, "{pad}  {} {}", minus("expected"), plus("actual"));
            lines(out, expected, actual, style, depth + 2);
        }
        Detail::Row { items, fitted, wanted } => {
            row(out, items, *fitted, wanted, style, depth + 2);
        }
        Detail::None | Detail::Places(_) | Detail::Text(_) | Detail::Alternatives(_) => {
            let _ =
                writeln!(out, "{pad}  {}", minus(&format!("expected {}", cut(&check.expected))));
            let _ = writeln!(out, "{pad}  {}", plus(&format!("actual   {}", cut(&check.actual))));
        }
    }
    match &check.detail {
        Detail::Places(places) => {
            for place in places.iter().take(PLACES) {
                let _ = writeln!(out, "{pad}    {}", cut(place));
            }
            if places.len() > PLACES {
                let _ = writeln!(out, "{pad}    … and {} more places", places.len() - PLACES);
            }
        }
        Detail::Text(lines) => {
            for line in lines {
                let line = match line.chars().next() {
                    Some('-') => paint(style, RED, line),
                    Some('+') => paint(style, GREEN, line),
                    _ => line.clone(),
                };
                let _ = writeln!(out, "{}", format!("{pad}    {line}").trim_end());
            }
        }
        Detail::Alternatives(alternatives) => {
            for (i, checks) in alternatives.iter().enumerate() {
                let _ = writeln!(out, "{pad}  alternative {}:", i + 1);
                for check in checks {
                    failed_check(out, source, check, style, depth + 4);
                }
            }
        }
        Detail::None | Detail::Lines { .. } | Detail::Row { .. } => {}
    }
}

/// A line diff with a few lines around what differs.
fn lines(out: &mut String, expected: &[String], actual: &[String], style: Style, depth: usize) {
    let pad = " ".repeat(depth);
    let old: Vec<&str> = expected.iter().map(String::as_str).collect();
    let new: Vec<&str> = actual.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    for (i, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if i > 0 {
            let _ = writeln!(out, "{pad}  …");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = cut(change.value());
            let line = match change.tag() {
                ChangeTag::Delete => paint(style, RED, &format!("- {line}")),
                ChangeTag::Insert => paint(style, GREEN, &format!("+ {line}")),
                ChangeTag::Equal => format!("  {line}"),
            };
            let _ = writeln!(out, "{pad}{line}");
        }
    }
}

/// A row of things with the place where it left what was expected.
fn row(
    out: &mut String,
    items: &[String],
    fitted: usize,
    wanted: &[String],
    style: Style,
    depth: usize,
) {
    let pad = " ".repeat(depth);
    let first = fitted.saturating_sub(ROW);
    if first > 0 {
        let _ = writeln!(out, "{pad}  … {first} before");
    }
    for item in &items[first..fitted] {
        let _ = writeln!(out, "{pad}  {}", cut(item));
    }
    let expected = match wanted {
        [] => "the end".to_owned(),
        wanted => wanted.join(" or "),
    };
    let line = format!("- {}", cut(&expected));
    let _ = writeln!(out, "{pad}{}  (expected)", paint(style, RED, &line));
    let last = items.len().min(fitted + ROW);
    match items.get(fitted) {
        Some(item) => {
            let line = format!("+ {}", cut(item));
            let _ = writeln!(out, "{pad}{}  (actual)", paint(style, GREEN, &line));
        }
        None => {
            let _ = writeln!(out, "{pad}{}  (actual)", paint(style, GREEN, "+ the end"));
        }
    }
    for item in items.get(fitted + 1..last).unwrap_or_default() {
        let _ = writeln!(out, "{pad}  {}", cut(item));
    }
    if items.len() > last {
        let _ = writeln!(out, "{pad}  … {} more", items.len() - last);
    }
}

fn run_summary(out: &mut String, run: &Run, style: Style) {
    let status = match run.status.as_str() {
        "RUNNING" => "has not ended".to_owned(),
        status => format!("{status} after {}", elapsed(run.duration_ms)),
    };
    let counts = format!(
        "{status}, {}, {}",
        plural(usize::try_from(run.transitions).unwrap_or(usize::MAX), "transition"),
        plural(usize::try_from(run.events).unwrap_or(usize::MAX), "event"),
    );
    let _ = writeln!(out, "    {}  {counts}", paint(style, BOLD, "the run"));
    let path = match run.path.len() {
        0 => "no state was entered".to_owned(),
        n if n > 2 * ROW => format!(
            "{} → … {} more … → {}",
            run.path[..ROW].join(" → "),
            n - 2 * ROW,
            run.path[n - ROW..].join(" → ")
        ),
        _ => run.path.join(" → "),
    };
    let _ = writeln!(out, "      {path}");
    if let Some(error) = &run.error {
        let _ = writeln!(out, "      error: {error}");
    }
    if let Some(cause) = &run.cause {
        let _ = writeln!(out, "      cause: {}", cut_at(cause, CAUSE));
    }
}

fn place(source: &Source, offset: usize) -> String {
    let (line, column) = source.line_column(offset);
    format!("{}:{line}:{column}", source.name)
}

fn elapsed(milliseconds: i64) -> String {
    duration::text(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
}

/// `1 case`, `2 cases`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The text on one line, cut where it is long.
fn cut(text: &str) -> String {
    cut_at(text, LINE)
}

fn cut_at(text: &str, length: usize) -> String {
    let line = text.replace('\n', "⏎");
    if line.chars().count() <= length {
        return line;
    }
    let head: String = line.chars().take(length - 1).collect();
    format!("{head}…")
}

fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{pad}{line}\n"),
    });
    lines.collect()
}
