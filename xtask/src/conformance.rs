//! Runs the conformance cases on a target and says, feature by feature, how it did.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use stepproof::diagnostic::Style;
use stepproof::runner::{CaseOutcome, CaseReport, run_case};

use crate::expected::Expected;
use crate::features::{CaseFile, Feature, case_files, registry};
use crate::{Outcome, root};

#[derive(clap::Args)]
pub struct Arguments {
    /// Where the cases run: `local` (the interpreter of this repository), a file of
    /// `conformance/targets` by its name, or the URL of an endpoint.
    #[arg(long)]
    pub target: String,
    /// Only cases with this text in their name or in one of their features.
    #[arg(short = 'k', long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// Write a report as JSON here (live targets).
    #[arg(long, value_name = "FILE")]
    pub report: Option<std::path::PathBuf>,
    /// How many cases run at once (live targets); by default what the target's file says, or 4.
    #[arg(long)]
    pub concurrency: Option<usize>,
    /// Seconds that an execution may take longer than on the virtual clock (live targets).
    #[arg(long, default_value_t = 15)]
    pub timeout: u64,
    /// Cases that need more seconds of real time are skipped, and counted as such (live targets).
    #[arg(long, default_value_t = 5)]
    pub max_real_time: u64,
    /// The URL of the endpoint, in place of the target file's.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// How the cases of one feature went.
#[derive(Clone, Copy, Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// How all cases went.
#[derive(Default)]
struct Results {
    by_feature: BTreeMap<String, Tally>,
    passed: Vec<String>,
    failed: Vec<String>,
    details: BTreeMap<String, String>,
    unknown: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.target != "local" {
        return crate::live::run(arguments);
    }
    let (files, problems) = case_files()?;
    for problem in &problems {
        println!("UNUSABLE: {problem}");
    }
    let features = registry()?;
    let list = format!("conformance/targets/{}.toml", arguments.target);
    let expected = Expected::read(&root().join(&list))?;
    let results = run_all(arguments, &files, &features, &expected);
    if results.passed.is_empty() && results.failed.is_empty() {
        return Err(format!("no case matches `{}`", arguments.filter).into());
    }
    print_table(&features, &results.by_feature);
    println!("{} cases passed, {} failed\n", results.passed.len(), results.failed.len());

    let verdict = expected.judge(&results.passed, &results.failed, arguments.filter.is_empty());
    for name in &verdict.unexpected {
        println!("{}", results.details[name]);
    }
    verdict.print(&list);
    for unknown in &results.unknown {
        println!("UNKNOWN FEATURE: {unknown}");
    }
    Ok(verdict.is_good() && problems.is_empty() && results.unknown.is_empty())
}

fn run_all(
    arguments: &Arguments,
    files: &[CaseFile],
    features: &[Feature],
    expected: &Expected,
) -> Results {
    let mut results = Results::default();
    for (n, file) in files.iter().enumerate() {
        progress(&format!("{} ({} of {} files)", file.name, n + 1, files.len()));
        for case in &file.scenario.cases {
            let name = file.case_name(case);
            let ids = &case.proof.features;
            let wanted = |text: &str| text.contains(&arguments.filter);
            if !wanted(&name) && !ids.iter().any(|id| wanted(id)) {
                continue;
            }
            if expected.is_not_attempted(&name) {
                continue;
            }
            let report = run_case(&file.scenario, case, None);
            for id in ids {
                if !features.iter().any(|feature| *feature.id == **id) {
                    results.unknown.push(format!("`{id}` of {name}"));
                }
            }
            results.add(name, ids.iter().map(|id| &**id), &report);
        }
    }
    progress("");
    results
}

impl Results {
    fn add<'i>(&mut self, name: String, ids: impl Iterator<Item = &'i str>, report: &CaseReport) {
        let passed = matches!(report.outcome, CaseOutcome::Passed);
        for id in ids {
            let tally = self.by_feature.entry(id.to_owned()).or_default();
            *(if passed { &mut tally.passed } else { &mut tally.failed }) += 1;
        }
        if passed {
            self.passed.push(name);
        } else {
            let details = stepproof::report::case(report, Style::Plain);
            self.details.insert(name.clone(), details);
            self.failed.push(name);
        }
    }
}

fn print_table(features: &[Feature], by_feature: &BTreeMap<String, Tally>) {
    let width = features.iter().map(|f| f.id.len()).max().unwrap_or_default();
    println!("{:<width$}  passed  failed", "feature");
    for feature in features {
        let Some(tally) = by_feature.get(&feature.id) else { continue };
        let failed = if tally.failed == 0 { String::new() } else { tally.failed.to_string() };
        let line = format!("{:<width$}  {:6}  {failed:>6}", feature.id, tally.passed);
        println!("{}", line.trim_end());
    }
}

/// Shows how far it is, where somebody looks on.
pub fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
        let _ = std::io::stderr().flush();
    }
}
