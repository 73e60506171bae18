//! The conformance cases on a live endpoint, as its target file says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stepproof::diagnostic::Style;
use stepproof::runner::CaseOutcome;
use stepproof::target::{
    CaseOf, Compare, EndpointOptions, LiveReport, MockWay, Settings, Strictness, run_batch,
};
use stepproof::value::Value;

use crate::conformance::{Arguments, progress};
use crate::expected::Expected;
use crate::features::case_files;
use crate::{Outcome, read, root};

/// What a target file says beside its lists.
struct TargetFile {
    list: String,
    options: EndpointOptions,
    settings: Settings,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let target = TargetFile::read(arguments)?;
    let expected = Expected::read(&root().join(&target.list))?;
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
        return Err(format!("no case matches `{}`", arguments.filter));
    }
    let total = cases.len();
    let mut reports: BTreeMap<usize, LiveReport> = BTreeMap::new();
    let batch = run_batch(&target.options, &target.settings, cases, |number, live| {
        reports.insert(number, live);
        progress(&format!("{} ({} of {total})", names[number], reports.len()));
    });
    progress("");
    let batch = batch.map_err(|error| error.to_string())?;
    let verdict = tell(&names, &reports, &expected, &target.list, arguments.filter.is_empty());
    println!("{not_attempted} not attempted, as {} says", target.list);
    for (arn, error) in &batch.leftovers {
        println!("LEFT BEHIND: {arn}: {error}");
    }
    if let Some(path) = &arguments.report {
        // A line for each case: small to keep, and readable in review.
        let text =
            report(arguments, &names, &reports).to_json().replace("{\"case\"", "\n{\"case\"");
        let text = text + "\n";
        std::fs::write(path, text)
            .map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    }
    if let Some(error) = batch.stopped_by {
        return Err(error.to_string());
    }
    Ok(verdict && !batch.interrupted && problems.is_empty())
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

impl TargetFile {
    fn read(arguments: &Arguments) -> Result<Self, String> {
        let is_url = arguments.target.contains("://");
        let list = match is_url {
            true => "conformance/targets/endpoint.toml".to_owned(),
            false => format!("conformance/targets/{}.toml", arguments.target),
        };
        let path: PathBuf = root().join(&list);
        let fail = |what: String| format!("`{list}`: {what}");
        let table: toml::Table = match path.exists() {
            true => read(&path)?.parse().map_err(|e: toml::de::Error| fail(e.to_string()))?,
            false if is_url => toml::Table::new(),
            false => {
                return Err(format!(
                    "there is no target `{}`: `{list}` would describe it",
                    arguments.target
                ));
            }
        };
        let text =
            |section: &str, key: &str| table.get(section)?.get(key)?.as_str().map(str::to_owned);
        let options = EndpointOptions {
            url: arguments
                .endpoint
                .clone()
                .or_else(|| is_url.then(|| arguments.target.clone()))
                .or_else(|| text("reach", "url")),
            region: text("reach", "region"),
            profile: text("reach", "profile"),
            ..EndpointOptions::default()
        };
        let choice = |section: &str, key: &str, choices: &[&str]| match text(section, key) {
            Some(own) if !choices.contains(&&*own) => {
                Err(fail(format!("`{section}.{key}` is `{own}`; it may be {}", choices.join(", "))))
            }
            own => Ok(own),
        };
        let history = choice("compare", "history", &Strictness::ALL.map(|(name, _)| name))?;
        let cause = choice("compare", "cause", &["exact", "ignore"])?;
        let mocks = choice("mocks", "way", &MockWay::ALL.map(|(name, _)| name))?;
        let strictness = |name: &str| {
            Strictness::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, own)| own)
        };
        let way =
            |name: &str| MockWay::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, w)| w);
        let settings = Settings {
            mocks: mocks.as_deref().and_then(way).unwrap_or(MockWay::Activity),
            compare: Compare {
                history: history.as_deref().and_then(strictness).unwrap_or(Strictness::Causal),
                causes: cause.as_deref() != Some("ignore"),
            },
            role_arn: text("reach", "role"),
            concurrency: arguments.concurrency,
            timeout: Duration::from_secs(arguments.timeout),
            max_real_time: Duration::from_secs(arguments.max_real_time),
        };
        Ok(Self { list, options, settings })
    }
}
