//! Scenarios written from recordings pass.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::runner::{CaseOutcome, run_case};
use crate::scenario::Scenario;

/// Why the scenario of a history does not pass; `None` where it does.
pub(crate) fn problem(definition: &Path, text: &str, history: &History) -> Option<String> {
    let (machine, _) = crate::asl::parse_text("definition.json", text);
    let Some(machine) = machine else { return Some("no machine".into()) };
    let name = definition.file_name().unwrap_or_default().to_string_lossy();
    let execution_type = ExecutionType::Standard;
    let draft =
        Draft { history, machine: &machine, definition: &name, execution_type, description: None };
    let drafted = draft.write();
    // The definition as it is, so that no file is needed.
    let inline = format!("definition: {}\n", Value::from(text).to_json());
    let (_, rest) = drafted.text.split_once('\n').unwrap_or_default();
    let yaml = format!("{inline}{rest}");
    let scenario = match Scenario::parse(&definition.with_file_name("new.scenario.yaml"), &yaml) {
        Ok(scenario) => scenario,
        Err(problems) => return Some(format!("unreadable: {}\n{yaml}", problems[0])),
    };
    match run_case(&scenario, &scenario.cases[0], None).outcome {
        CaseOutcome::Passed => None,
        CaseOutcome::Skipped(why) => Some(format!("skipped: {why}")),
        CaseOutcome::Failed(checks) => {
            let first = &checks[0];
            Some(format!(
                "{}: expected {:?}, {:?}\n{rest}",
                first.what, first.expected, first.actual
            ))
        }
        CaseOutcome::Unusable(problems) => Some(format!("unusable: {:?}\n{rest}", problems[0])),
    }
}

#[test]
fn recorded_histories_become_passing_scenarios() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("STEPPROOF_SHARED").map_or(own, PathBuf::from);
    let Ok(areas) = shared.join("aws-recorded/history").read_dir() else {
        eprintln!("skipped: no recorded histories below {}", shared.display());
        return;
    };
    let mut cases: Vec<PathBuf> = areas
        .flat_map(|area| area.unwrap().path().read_dir().unwrap())
        .map(|case| case.unwrap().path())
        .filter(|case| case.join("definition.json").exists())
        .collect();
    cases.sort();
    let mut failing = Vec::new();
    for case in &cases {
        let read = |name: &str| fs::read_to_string(case.join(name)).unwrap();
        let Ok((history, _)) = History::parse(&read("history.json")) else { continue };
        let definition = case.join("definition.json");
        if let Some(problem) = problem(&definition, &read("definition.json"), &history) {
            failing.push((case.file_name().unwrap().to_string_lossy().into_owned(), problem));
        }
    }
    eprintln!("{} of {} pass", cases.len() - failing.len(), cases.len());
    for (case, problem) in &failing {
        eprintln!("{case}: {}", problem.chars().take(600).collect::<String>());
    }
    // The rest: masks of the recordings within causes, ids that they have lost, random numbers.
    assert!(failing.len() * 100 <= cases.len() * 6, "{} of {} fail", failing.len(), cases.len());
}
