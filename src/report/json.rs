//! The report for other programs.

use crate::diagnostic::Diagnostic;
use crate::runner::{CaseOutcome, CaseReport, Detail, FailedCheck, FileReport, Problem, Tally};
use crate::value::Value;

/// The report as JSON: a summary, then every file with its cases.
pub fn json(files: &[FileReport]) -> String {
    let mut tally = Tally::default();
    files.iter().for_each(|file| tally.add(file));
    let summary = Value::object([
        ("cases", Value::from(tally.cases())),
        ("passed", tally.passed.into()),
        ("failed", tally.failed.into()),
        ("unusable", tally.unusable.into()),
        ("skipped", tally.skipped.into()),
        ("unusableFiles", tally.unusable_files.into()),
        ("virtualMilliseconds", tally.duration_ms.into()),
    ]);
    let report =
        Value::object([("summary", summary), ("files", Value::array(files.iter().map(file)))]);
    report.to_json_pretty() + "\n"
}

fn file(report: &FileReport) -> Value {
    let path = Value::from(report.path.display().to_string());
    match &report.cases {
        Ok(cases) => {
            let warnings = report.warnings.iter().map(|text| Value::from(text.as_str()));
            Value::object([
                ("file", path),
                ("cases", Value::array(cases.iter().map(case))),
                ("warnings", Value::array(warnings)),
            ])
        }
        Err(problems) => Value::object([
            ("file", path),
            ("cases", Value::array([])),
            ("problems", Value::array(problems.iter().map(diagnostic))),
        ]),
    }
}

fn case(report: &CaseReport) -> Value {
    let (line, column) = report.source.line_column(report.span.start);
    let outcome = match report.outcome {
        CaseOutcome::Passed => "passed",
        CaseOutcome::Failed(_) => "failed",
        CaseOutcome::Unusable(_) => "unusable",
        CaseOutcome::Skipped(_) => "skipped",
    };
    let mut members = vec![
        ("name", Value::from(report.name.clone())),
        ("line", line.into()),
        ("column", column.into()),
        ("outcome", outcome.into()),
    ];
    if let CaseOutcome::Failed(checks) = &report.outcome {
        let checks = checks.iter().map(|check| failed_check(report, check));
        members.push(("failures", Value::array(checks)));
    }
    if let CaseOutcome::Unusable(problems) = &report.outcome {
        members.push(("problems", Value::array(problems.iter().map(problem))));
    }
    if let CaseOutcome::Skipped(reason) = &report.outcome {
        members.push(("reason", reason.as_str().into()));
    }
    if !report.warnings.is_empty() {
        let warnings = report.warnings.iter().map(|text| Value::from(text.as_str()));
        members.push(("warnings", Value::array(warnings)));
    }
    if let Some(run) = &report.run {
        let path = run.path.iter().map(|state| Value::from(state.as_str()));
        members.push(("status", run.status.as_str().into()));
        members.extend(run.output.clone().map(|output| ("output", output)));
        members.extend(run.error.clone().map(|error| ("error", error.into())));
        members.extend(run.cause.clone().map(|cause| ("cause", cause.into())));
        members.push(("path", Value::array(path)));
        members.push(("virtualMilliseconds", run.duration_ms.into()));
        members.push(("transitions", (run.transitions as usize).into()));
        members.push(("events", (run.events as usize).into()));
    }
    Value::object(members)
}

fn failed_check(report: &CaseReport, check: &FailedCheck) -> Value {
    let (line, column) = report.source.line_column(check.span.start);
    let mut members = vec![
        ("what", Value::from(check.what.as_str())),
        ("line", line.into()),
        ("column", column.into()),
        ("expected", check.expected.as_str().into()),
        ("actual", check.actual.as_str().into()),
    ];
    let texts =
        |texts: &[String]| Value::array(texts.iter().map(|text| Value::from(text.as_str())));
    match &check.detail {
        Detail::None => {}
        Detail::Lines { expected, actual } => {
            members.push(("expectedLines", texts(expected)));
            members.push(("actualLines", texts(actual)));
        }
        Detail::Row { items, fitted, wanted } => {
            members.push(("items", texts(items)));
            members.push(("fitted", (*fitted).into()));
            members.push(("wanted", texts(wanted)));
        }
        Detail::Places(places) => members.push(("places", texts(places))),
        Detail::Text(lines) => members.push(("lines", texts(lines))),
        Detail::Alternatives(alternatives) => {
            let alternatives = alternatives
                .iter()
                .map(|checks| Value::array(checks.iter().map(|check| failed_check(report, check))));
            members.push(("alternatives", Value::array(alternatives)));
        }
    }
    Value::object(members)
}

fn problem(problem: &Problem) -> Value {
    match problem {
        Problem::Diagnostic(problem) => diagnostic(problem),
        Problem::Missing { message, stub } => {
            let stub = stub.as_deref().map(|stub| ("stub", Value::from(stub)));
            Value::object([("message", Value::from(message.as_str()))].into_iter().chain(stub))
        }
    }
}

/// A diagnostic as its own serialisation has it.
pub fn diagnostic(problem: &Diagnostic) -> Value {
    serde_json::to_value(problem).map_or(Value::Null, Value::from)
}
