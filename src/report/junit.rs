//! The report as JUnit XML, which CI systems show.
//!
//! The dialect is the one that Jenkins, GitLab and GitHub's actions read: a suite a file, a case
//! a case, `failure` for an expectation and `error` for what could not be run.

use std::fmt::Write as _;

use super::text;
use crate::diagnostic::Style;
use crate::runner::{CaseOutcome, CaseReport, FileReport, Tally};

/// The report as JUnit XML. Times are virtual seconds.
pub fn junit(files: &[FileReport]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut tally = Tally::default();
    files.iter().for_each(|file| tally.add(file));
    let errors = tally.unusable + tally.unusable_files;
    let _ = writeln!(
        out,
        "<testsuites name=\"stepproof\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\">",
        tally.cases() + tally.unusable_files,
        tally.failed,
    );
    files.iter().for_each(|report| suite(&mut out, report));
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, report: &FileReport) {
    let mut tally = Tally::default();
    tally.add(report);
    let name = escape(&report.path.display().to_string());
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">",
        tally.cases() + tally.unusable_files,
        tally.failed,
        tally.unusable + tally.unusable_files,
        seconds(tally.duration_ms),
    );
    match &report.cases {
        Ok(cases) => cases.iter().for_each(|report| case(out, &name, report)),
        Err(problems) => {
            let _ =
                writeln!(out, "    <testcase name=\"{name}\" classname=\"{name}\" time=\"0.000\">");
            let message = problems.first().map(ToString::to_string).unwrap_or_default();
            let detail: String = problems.iter().map(|one| one.render(Style::Plain)).collect();
            element(out, "error", "unusable file", &message, &detail);
            out.push_str("    </testcase>\n");
        }
    }
    out.push_str("  </testsuite>\n");
}

fn case(out: &mut String, suite: &str, report: &CaseReport) {
    let (line, _) = report.source.line_column(report.span.start);
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{suite}\" file=\"{}\" line=\"{line}\" time=\"{}\"",
        escape(&report.name),
        escape(&report.source.name),
        seconds(report.run.as_ref().map_or(0, |run| run.duration_ms)),
    );
    let detail = text::case(report, Style::Plain);
    match &report.outcome {
        CaseOutcome::Passed => {
            out.push_str("/>\n");
            return;
        }
        CaseOutcome::Failed(checks) => {
            out.push_str(">\n");
            let what: Vec<&str> = checks.iter().map(|check| check.what.as_str()).collect();
            let message = format!("not as expected: {}", what.join(", "));
            element(out, "failure", "expectation", &message, &detail);
        }
        CaseOutcome::Unusable(_) => {
            out.push_str(">\n");
            element(out, "error", "unusable case", "the case could not be run", &detail);
        }
        CaseOutcome::Skipped(reason) => {
            let _ = writeln!(out, ">\n      <skipped message=\"{}\"/>", escape(reason));
        }
    }
    out.push_str("    </testcase>\n");
}

fn element(out: &mut String, name: &str, kind: &str, message: &str, detail: &str) {
    let _ = writeln!(
        out,
        "      <{name} type=\"{kind}\" message=\"{}\">{}</{name}>",
        escape(message),
        escape(detail.trim_matches('\n')),
    );
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds.rem_euclid(1_000))
}

/// Text for XML 1.0, in which most control characters cannot be written at all.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_breaks_out_of_an_attribute() {
        assert_eq!(super::escape("a<b>&\"c\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\n");
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(super::seconds(3_601_005), "3601.005");
    }
}
