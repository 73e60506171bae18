//! What a case came to in two places, held against each other.

use std::sync::Arc;

use super::live::{LiveReport, failed};
use super::observed;
use super::settings::{Compare, Strictness};
use crate::history::{Diff, DiffOptions, History, Labels, Rule, Style};
use crate::runner::{self, CaseOutcome, Detail, FailedCheck};
use crate::scenario::{Case, CheckKind, Scenario, Status};
use crate::sim;
use crate::value::Value;

/// How what came of a case in one place compares with what came of it in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing differs that is looked at.
    Same,
    /// Something differs.
    Differs {
        /// The first difference, in a sentence.
        sentence: String,
        /// All of them, as lines; empty where the sentence says everything.
        lines: Vec<String>,
    },
    /// One of the two did not run it: why.
    Cannot(String),
}

/// Runs a case on our own interpreter, in the shape of a report about a live endpoint.
pub fn run_local(scenario: &Scenario, case: &Case) -> LiveReport {
    let mut live = LiveReport::verdict(runner::run_case(scenario, case, None));
    if case.expect_invalid.is_none() && case.state_test.is_none() {
        live.run = own_run(case).map(Arc::new);
    }
    live
}

/// Our own run, also one that never ends.
fn own_run(case: &Case) -> Option<sim::Run> {
    match runner::simulation(case, None).ok()?.run() {
        Ok(run) => Some(run),
        Err(error) => match *error.problem {
            sim::Problem::Stuck { .. } => error.run.map(|run| *run),
            _ => None,
        },
    }
}

/// Compares what came of a case in two places.
pub fn compare(case: &Case, one: &LiveReport, other: &LiveReport, how: Compare) -> Comparison {
    for live in [one, other] {
        match &live.report.outcome {
            CaseOutcome::Skipped(reason) => return Comparison::Cannot(reason.clone()),
            CaseOutcome::Unusable(_) => {
                return Comparison::Cannot("the case cannot be run".to_owned());
            }
            _ => {}
        }
    }
    let (Some(first), Some(second)) = (&one.run, &other.run) else {
        return verdicts(one, other);
    };
    if let Some(sentence) = outcomes(first, second, how, is_stable(case, how.causes)) {
        return Comparison::Differs { sentence, lines: Vec::new() };
    }
    if how.history == Strictness::Outcome {
        return Comparison::Same;
    }
    match difference(case, first, second, how, Data::Plain) {
        Ok(Some(check)) => Comparison::Differs {
            sentence: check.actual,
            lines: match check.detail {
                Detail::Text(lines) => lines,
                _ => Vec::new(),
            },
        },
        // What depends on chance is the same as far as it can be.
        Ok(None) | Err(_) => Comparison::Same,
    }
}

/// Without an execution on both sides, the expectations are what can be compared.
fn verdicts(one: &LiveReport, other: &LiveReport) -> Comparison {
    let told = |live: &LiveReport| match &live.report.outcome {
        CaseOutcome::Failed(checks) => checks
            .iter()
            .map(|check| format!("{}: {}", check.what, check.actual))
            .collect::<Vec<_>>()
            .join("; "),
        _ => "as expected".to_owned(),
    };
    let (one, other) = (told(one), told(other));
    match one == other {
        true => Comparison::Same,
        false => Comparison::Differs { sentence: format!("{one} / {other}"), lines: Vec::new() },
    }
}

/// How the outcomes differ, if they do.
pub(super) fn outcomes(
    one: &sim::Run,
    other: &sim::Run,
    how: Compare,
    stable: bool,
) -> Option<String> {
    let told = |run: &sim::Run| match (run.error(), run.cause()) {
        (Some(error), Some(cause)) if how.causes => {
            format!("{} ({error}: {cause})", run.status().api_name())
        }
        (Some(error), _) => format!("{} ({error})", run.status().api_name()),
        _ => run.status().api_name().to_owned(),
    };
    let same = one.status() == other.status() && one.error() == other.error();
    // Causes with chance in them, and outputs, are compared event by event.
    let outputs =
        how.history > Strictness::Outcome || !stable || alike(one.output(), other.output());
    match (same, outputs) {
        (false, _) => Some(format!("{} / {}", told(one), told(other))),
        (true, false) => {
            let text = |run: &sim::Run| run.output().map_or("nothing".to_owned(), |o| o.to_json());
            Some(format!("output {} / {}", text(one), text(other)))
        }
        (true, true) => None,
    }
}

/// Whether outputs are the same but for UUIDs, which nobody can foresee.
fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    let plain = |output: &Value| Value::parse(&without_uuids(&output.to_json())).ok();
    one.map(plain) == other.map(plain)
}

fn without_uuids(text: &str) -> String {
    const FORM: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = rest.as_bytes().get(..FORM.len()).is_some_and(|bytes| {
            let mut both = bytes.iter().zip(FORM);
            both.all(|(own, form)| match form {
                b'-' => *own == b'-',
                _ => own.is_ascii_hexdigit(),
            })
        });
        let length = if found { FORM.len() } else { first.len_utf8() };
        out.push_str(if found { "uuid" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out
}

fn options(causes: bool) -> DiffOptions {
    DiffOptions {
        causes,
        rules: vec![Rule::Uuids, Rule::TaskTokens, Rule::Timestamps],
        ..DiffOptions::default()
    }
}

/// Whether chance has no part in a case.
pub(super) fn is_stable(case: &Case, causes: bool) -> bool {
    let mut other = case.clone();
    other.seed = other.seed.wrapping_add(7);
    match (own_run(case), own_run(&other)) {
        (Some(one), Some(other)) => {
            Diff::new(one.history(), other.history(), &options(causes)).is_same()
        }
        _ => false,
    }
}

/// What of the data of events counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// All of it.
    Whole,
    /// All but what integrations add to the answers of services.
    Plain,
    /// Nothing of it, nor of causes: a service answers in more words than a mock.
    None,
}

/// The first place where the history is not as our own; an error says why they are not compared.
pub(super) fn difference(
    case: &Case,
    local: &sim::Run,
    run: &sim::Run,
    compare: Compare,
    data: Data,
) -> Result<Option<FailedCheck>, String> {
    let running = |kind: &CheckKind| matches!(kind, CheckKind::Status(Status::Running));
    if case.expect.checks.iter().any(|check| running(&check.kind)) {
        return Err("history (the execution never ends)".into());
    }
    if !is_stable(case, compare.causes) {
        return Err("history (it depends on chance)".into());
    }
    let histories = [local.history(), run.history()].map(|history| match data {
        Data::Whole => history.clone(),
        Data::Plain => observed::without_metadata(history),
        Data::None => observed::without_data(history),
    });
    let [expected, actual] = &histories;
    let diff = Diff::new(expected, actual, &options(compare.causes && data != Data::None));
    let labels = Labels::default();
    if let Some(first) = diff.differences.first() {
        let text = diff.render(expected, actual, &labels, Style::Plain);
        let sentence = first.sentence(expected, actual, &labels);
        let mut check = failed(case, "history", "as stepproof's own", &sentence);
        check.detail = Detail::Text(text.lines().map(str::to_owned).collect());
        return Ok(Some(check));
    }
    let types = |history: &History| -> Vec<_> {
        history.events.iter().map(|event| event.event_type).collect()
    };
    if compare.history == Strictness::Exact && types(expected) != types(actual) {
        let sentence = "the same events in another order";
        return Ok(Some(failed(case, "history", "as stepproof's own, in its order", sentence)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_alike_but_for_uuids() {
        for (one, other, same) in [
            (r#"{"a":1}"#, r#"{"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            (
                r#"["q:01234567-89ab-cdef-0123-456789abcdef!"]"#,
                r#"["q:f1234567-89ab-cdef-0123-456789abcdef!"]"#,
                true,
            ),
            (r#"["01234567-89ab-cdef-0123-456789abcdé"]"#, r#"["x"]"#, false),
        ] {
            let (one, other) = (Value::parse(one).unwrap(), Value::parse(other).unwrap());
            assert_eq!(alike(Some(&one), Some(&other)), same, "{one} {other}");
        }
    }
}
