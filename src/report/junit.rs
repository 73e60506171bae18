//! The report as JUnit XML, which CI systems show.
//!
//! The dialect is the one that Jenkins, GitLab and GitHub's actions read: a suite a file, a case
//! a case, `failure` for an expectation and `error` for what could not be run.

use std::fmt::Write as _;

use super::text;
use crate::diagnostic::Style;
use crate::markup::escaped;
use crate::runner::{CaseOutcome, CaseReport, FileReport, Tally};

/// The report as JUnit XML. Times are virtual seconds.
pub fn junit(files: &[FileReport]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut tally = Tally::default();
    files.iter().for_each(|file| tally.add(file));
    let errors = tally.unusable + tally.unusable_files;
    let _ = writeln!(
        out,
        "<testsuites name=\"stepproof\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" \
         skipped=\"{}\">",
        tally.cases() + tally.unusable_files,
        tally.failed,
        tally.skipped,
    );
    files.iter().for_each(|report| suite(&mut out, report));
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, report: &FileReport) {
    let mut tally = Tally::default();
    tally.add(report);
    let name = escaped(&report.path.display().to_string());
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" \
         time=\"{}\">",
        tally.cases() + tally.unusable_files,
        tally.failed,
        tally.unusable + tally.unusable_files,
        tally.skipped,
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
        escaped(&report.name),
        escaped(&report.source.name),
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
            let _ = writeln!(out, ">\n      <skipped message=\"{}\"/>", escaped(reason));
        }
    }
    out.push_str("    </testcase>\n");
}

pub(crate) fn element(out: &mut String, name: &str, kind: &str, message: &str, detail: &str) {
    let _ = writeln!(
        out,
        "      <{name} type=\"{kind}\" message=\"{}\">{}</{name}>",
        escaped(message),
        escaped(detail.trim_matches('\n')),
    );
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds.rem_euclid(1_000))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_seconds() {
        assert_eq!(super::seconds(3_601_005), "3601.005");
    }
}
