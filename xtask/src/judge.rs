//! Runs the independent judge of recorded histories over our `replay` and `exec`.
//!
//! The judge and the recordings lie beside the repository, in `../shared/aws-recorded`. Where they
//! or Python are absent the task says so and passes.

pub mod answer;
pub mod case;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::expected::Expected;
use crate::{Outcome, root};

/// Everything that was recorded and can be judged.
const ALL_GROUPS: &str = "history,outcome,express,teststate,validation";

const LIST: &str = "conformance/targets/judge.toml";

#[derive(clap::Args)]
pub struct Arguments {
    /// Only cases whose id contains this text.
    #[arg(long, default_value = "")]
    filter: String,
    /// Groups to judge.
    #[arg(long, default_value = ALL_GROUPS)]
    groups: String,
    /// How many cases run at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// How many differences to print in full.
    #[arg(long, default_value_t = 40)]
    show: usize,
    /// Where the recordings lie; by default `../shared/aws-recorded`, or STEPPROOF_SHARED.
    #[arg(long)]
    recorded: Option<PathBuf>,
}

/// What the judge said of one area.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    structure: usize,
}

/// All that the judge said.
#[derive(Default)]
struct Report {
    areas: BTreeMap<String, Tally>,
    passed: Vec<String>,
    failures: Vec<Failure>,
}

struct Failure {
    id: String,
    difference: String,
    only_wording: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let recorded = arguments.recorded.clone().unwrap_or_else(default_place);
    let script = recorded.join("judge.py");
    if !script.exists() {
        println!("skipped: no recordings at `{}`", recorded.display());
        return Ok(true);
    }
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: the judge needs python3, which is not installed");
        return Ok(true);
    }
    let stepproof = build_stepproof()?;
    let report = judge_areas(arguments, &recorded, &stepproof)?;
    if report.areas.is_empty() {
        return Err(format!("no recorded case matches `{}`", arguments.filter).into());
    }
    print_failures(&report, arguments.show);
    print_table(&report);

    let failed: Vec<String> = report.failures.iter().map(|f| f.id.clone()).collect();
    let whole = arguments.filter.is_empty() && arguments.groups == ALL_GROUPS;
    let verdict = Expected::read(&root().join(LIST))?.judge(&report.passed, &failed, whole);
    verdict.print(LIST);
    Ok(verdict.is_good())
}

/// Where the recordings lie, where nobody says.
pub(crate) fn default_place() -> PathBuf {
    let shared = std::env::var_os("STEPPROOF_SHARED").map(PathBuf::from);
    shared.unwrap_or_else(|| root().join("../shared")).join("aws-recorded")
}

/// Builds the command next to this one and answers where it is.
pub(crate) fn build_stepproof() -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "stepproof", "--bin", "stepproof"]);
    if here.parent().is_some_and(|folder| folder.ends_with("release")) {
        build.arg("--release");
    }
    let status = build.current_dir(root()).status();
    if !status.map_err(|e| format!("cannot run cargo: {e}"))?.success() {
        return Err("`stepproof` does not build".to_owned());
    }
    Ok(here.with_file_name(format!("stepproof{}", std::env::consts::EXE_SUFFIX)))
}

/// Judges area by area, so that there is something to see meanwhile.
fn judge_areas(arguments: &Arguments, recorded: &Path, stepproof: &Path) -> Result<Report, String> {
    let mut report = Report::default();
    let areas = areas(recorded, &arguments.groups)?;
    let scratch = std::env::temp_dir().join(format!("stepproof-judge-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| format!("no place for reports: {e}"))?;
    for (n, area) in areas.iter().enumerate() {
        let name = area.strip_prefix(recorded).unwrap_or(area).display().to_string();
        progress(&format!("judging {name} ({} of {})", n + 1, areas.len()));
        let file = scratch.join(format!("{n}.json"));
        judge_area(arguments, recorded, area, stepproof, &file)?;
        if let Ok(text) = std::fs::read_to_string(&file) {
            let value =
                serde_json::from_str(&text).map_err(|e| format!("the judge's report: {e}"))?;
            report.add(name, &value);
        }
    }
    progress("");
    // A leftover folder of temporary files does no harm.
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(report)
}

fn areas(recorded: &Path, groups: &str) -> Result<Vec<PathBuf>, String> {
    let mut areas = Vec::new();
    for group in groups.split(',') {
        let folder = recorded.join(group);
        let entries =
            folder.read_dir().map_err(|e| format!("no group `{group}` of recordings: {e}"))?;
        areas.extend(entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()));
    }
    areas.sort();
    Ok(areas)
}

fn judge_area(
    arguments: &Arguments,
    recorded: &Path,
    area: &Path,
    stepproof: &Path,
    report: &Path,
) -> Result<(), String> {
    let here = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let calls = ["teststate", "validation"].iter().any(|g| area.starts_with(recorded.join(g)));
    let command = match calls {
        true => format!("{} judge-answer {{request}} {{out}}", quoted(&here)),
        false => format!(
            "{} judge-case --stepproof {} {{definition}} {{input}} {{history}} {{case}} {{out}}",
            quoted(&here),
            quoted(stepproof),
        ),
    };
    let output = Command::new("python3")
        .arg(recorded.join("judge.py"))
        .args(["--show", "0", "--groups", &arguments.groups, "--filter", &arguments.filter])
        .args(["--jobs", &arguments.jobs.to_string(), "--run", &command])
        .arg("--cases")
        .arg(area)
        .arg("--report")
        .arg(report)
        .output()
        .map_err(|e| format!("cannot run the judge: {e}"))?;
    // 0: all passed; 1: some did not; 2: nothing of this area matches the filter.
    match output.status.code() {
        Some(0..=2) => Ok(()),
        _ => Err(format!("the judge failed: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
        let _ = std::io::stderr().flush();
    } else if !line.is_empty() {
        eprintln!("{line}");
    }
}

impl Report {
    fn add(&mut self, area: String, report: &Value) {
        let count = |key: &str| report["total"][key].as_u64().unwrap_or_default() as usize;
        let tally = self.areas.entry(area).or_default();
        tally.passed += count("passed");
        tally.failed += count("failed") + count("crashed");
        tally.structure += count("structureOnly");
        for id in report["passed"].as_array().into_iter().flatten() {
            self.passed.push(id.as_str().unwrap_or_default().to_owned());
        }
        for failure in report["failures"].as_array().into_iter().flatten() {
            let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
            self.failures.push(Failure {
                id: text("id"),
                difference: text("difference"),
                only_wording: failure["structure"] == Value::Bool(true),
            });
        }
    }
}

fn print_failures(report: &Report, show: usize) {
    for failure in report.failures.iter().take(show) {
        let wording = if failure.only_wording { "  [only cause texts differ]" } else { "" };
        println!("{}\n    {}{wording}", failure.id, failure.difference);
    }
    if report.failures.len() > show {
        println!("... and {} more (--show N)", report.failures.len() - show);
    }
}

fn print_table(report: &Report) {
    let width = report.areas.keys().map(String::len).max().unwrap_or_default();
    println!("{:<width$}  passed  of  structure-only", "area");
    let mut all = Tally::default();
    for (area, tally) in &report.areas {
        let of = tally.passed + tally.failed;
        println!("{area:<width$}  {:6} {of:3}  {:14}", tally.passed, tally.structure);
        all.passed += tally.passed;
        all.failed += tally.failed;
        all.structure += tally.structure;
    }
    let of = all.passed + all.failed;
    println!("{:<width$}  {:6} {of:3}  {:14}", "all", all.passed, all.structure);
}
