//! The conformance cases on a live endpoint, as its target file says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepproof::diagnostic::Style;
use stepproof::runner::CaseOutcome;
use stepproof::target::{CaseOf, LiveReport, Target, run_batch};
use stepproof::value::Value;

use crate::conformance::{Arguments, progress};
use crate::expected::Expected;
use crate::features::case_files;
use crate::{Failure, Outcome, read, root};

pub fn run(arguments: &Arguments) -> Outcome {
    let (target, list) = target(arguments)?;
    let expected = Expected::read(&root().join(&list))?;
    let (files, problems) = case_files()?;
    for problem in &problems {
        println!("UNUSABLE: {problem}");
    }
    let mut names = Vec::new();
    let mut cases: Vec<CaseOf> = Vec::new();
    let mut not_attempted = 0;
    for file in files {
        let (prefix, scenario) = (file.name, Arc::new(file.scenario));
        for (index, case) in scenario.cases.iter().enumerate() {
            let name = format!("{prefix}/{}", case.name);
            let wanted = |text: &str| text.contains(&arguments.filter);
            if !wanted(&name) && !case.proof.features.iter().any(|id| wanted(id)) {
                continue;
            }
            if expected.is_not_attempted(&name) {
                not_attempted += 1;
                continue;
            }
            names.push(name);
            cases.push((scenario.clone(), index));
        }
    }
    if cases.is_empty() {
        return Err(format!("no case matches `{}`", arguments.filter).into());
    }
    let total = cases.len();
    let mut reports: BTreeMap<usize, LiveReport> = BTreeMap::new();
    let batch = run_batch(&target.options, &target.settings, cases, |number, live| {
        reports.insert(number, live);
        progress(&format!("{} ({} of {total})", names[number], reports.len()));
    });
    progress("");
    let batch = batch.map_err(|error| Failure::Unreachable(error.to_string()))?;
    let is_half = batch.stopped_by.is_some() || batch.interrupted || reports.len() < total;
    let is_whole = arguments.filter.is_empty() && !is_half;
    let verdict = tell(&names, &reports, &expected, &list, is_whole);
    println!("{not_attempted} not attempted, as {list} says");
    for (arn, error) in &batch.leftovers {
        println!("LEFT BEHIND: {arn}: {error}");
    }
    if let Some(path) = &arguments.report {
        // Half a report is none, and takes no whole one's place.
        let mut path = path.clone().into_os_string();
        if is_half {
            path.push(".part");
            println!("{} of {total} cases were judged: `{}`", reports.len(), path.display());
        }
        let path = std::path::PathBuf::from(path);
        // A line for each case: small to keep, and readable in review.
        let text =
            report(arguments, &names, &reports).to_json().replace("{\"case\"", "\n{\"case\"");
        let text = text + "\n";
        std::fs::write(&path, text)
            .map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    }
    if let Some(error) = batch.stopped_by {
        return Err(Failure::Unreachable(error.to_string()));
    }
    Ok(verdict && !is_half && problems.is_empty())
}

fn tell(
    names: &[String],
    reports: &BTreeMap<usize, LiveReport>,
    expected: &Expected,
    list: &str,
    whole: bool,
) -> bool {
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    let mut details = BTreeMap::new();
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    for (number, live) in reports {
        let name = names[*number].clone();
        match &live.report.outcome {
            CaseOutcome::Passed => passed.push(name),
            CaseOutcome::Skipped(reason) => {
                // Figures differ from case to case; the reason is what stands behind them.
                let reason = reason.split(';').next().unwrap_or(reason);
                let reason = match reason.starts_with("needs ") && reason.contains(" s of ") {
                    true => "needs more real time than `--max-real-time`",
                    false => reason,
                };
                *skipped.entry(reason.to_owned()).or_default() += 1;
            }
            _ => {
                details.insert(name.clone(), stepproof::report::case(&live.report, Style::Plain));
                failed.push(name);
            }
        }
    }
    let verdict = expected.judge(&passed, &failed, whole);
    for name in &verdict.unexpected {
        println!("{}", details[name]);
    }
    verdict.print(list);
    let not_run: usize = skipped.values().sum();
    println!("{} passed, {} failed, {not_run} skipped", passed.len(), failed.len());
    for (reason, count) in &skipped {
        println!("  skipped {count}: {reason}");
    }
    verdict.is_good()
}

fn report(arguments: &Arguments, names: &[String], reports: &BTreeMap<usize, LiveReport>) -> Value {
    let command: Vec<String> = std::env::args().skip(1).collect();
    let mut counts = BTreeMap::from([("passed", 0_usize), ("failed", 0), ("skipped", 0)]);
    let cases: Vec<Value> = reports
        .iter()
        .map(|(number, live)| {
            let (outcome, detail) = match &live.report.outcome {
                CaseOutcome::Passed => ("passed", Value::Null),
                CaseOutcome::Skipped(reason) => ("skipped", Value::from(reason.as_str())),
                CaseOutcome::Failed(checks) => {
                    let checks = checks.iter().map(|check| {
                        Value::object([
                            ("what", Value::from(check.what.as_str())),
                            ("expected", check.expected.as_str().into()),
                            ("actual", check.actual.as_str().into()),
                        ])
                    });
                    ("failed", Value::array(checks))
                }
                CaseOutcome::Unusable(_) => ("failed", Value::from("unusable")),
            };
            *counts.entry(outcome).or_default() += 1;
            let mut members =
                vec![("case", Value::from(names[*number].as_str())), ("outcome", outcome.into())];
            if outcome == "failed" {
                members.extend(end(live).map(|end| ("end", Value::from(end.as_str()))));
            }
            if !detail.is_null() {
                members.push(("detail", detail));
            }
            Value::object(members)
        })
        .collect();
    Value::object([
        ("target", Value::from(arguments.target.as_str())),
        ("reproduce", format!("cargo xtask {}", command.join(" ")).as_str().into()),
        ("summary", Value::object(counts.into_iter().map(|(key, n)| (key, Value::from(n))))),
        ("cases", Value::array(cases)),
    ])
}

/// How the execution ended, with all of its cause.
fn end(live: &LiveReport) -> Option<String> {
    let run = live.report.run.as_ref()?;
    let mut end = run.status.clone();
    for (between, text) in [(" ", &run.error), (": ", &run.cause)] {
        if let Some(text) = text {
            end.push_str(between);
            end.push_str(text);
        }
    }
    Some(end)
}

/// The target, and the file that has its lists.
fn target(arguments: &Arguments) -> Result<(Target, String), String> {
    let name = &*arguments.target;
    let is_url = name.contains("://");
    let file = if is_url { "endpoint" } else { name };
    let list = format!("conformance/targets/{file}.toml");
    let path = root().join(&list);
    let mut target = match path.exists() {
        true => {
            Target::parse(name, &read(&path)?).map_err(|problem| format!("`{list}`: {problem}"))?
        }
        false if is_url => Target::endpoint(name, None),
        false => {
            return Err(format!("there is no target `{name}`: `{list}` would describe it"));
        }
    };
    let given = arguments.endpoint.clone().or_else(|| is_url.then(|| name.to_owned()));
    target.options.url = given.or(target.options.url);
    target.settings.concurrency = arguments.concurrency.unwrap_or(target.settings.concurrency);
    target.settings.timeout = Duration::from_secs(arguments.timeout);
    target.settings.max_real_time = Duration::from_secs(arguments.max_real_time);
    Ok((target, list))
}
