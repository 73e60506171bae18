//! `stepproof scenario import-mocks`: scenarios from Step Functions Local's mock file.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::output::Terminal;
use super::super::{Exit, definition, exec, file, init};
use super::args::ImportMocks;
use crate::asl::{ExecutionType, StateMachine};
use crate::diagnostic::Diagnostic;
use crate::mock::config_file::{MockConfig, MockedMachine};
use crate::runner::{self, CaseOutcome};
use crate::scenario::{FILE_ENDINGS, ImportedScenario, Scenario};
use crate::value::Value;

pub(in crate::cli) fn run(arguments: &ImportMocks, terminal: &Terminal) -> Result<Exit, String> {
    let path = &arguments.file;
    let text = file::read(path)?;
    let config = MockConfig::parse(&path.display().to_string(), &text).map_err(|problems| {
        let problems = problems.iter().filter(|problem| problem.is_error());
        let problems: Vec<String> =
            problems.map(|problem| problem.render(terminal.style)).collect();
        format!("the mock configuration cannot be used\n\n{}", problems.join("\n").trim_end())
    })?;
    let machines = selected(&config, arguments)?;
    let definitions = definitions(arguments, &machines, terminal)?;
    let input = match &arguments.input {
        Some(text) => exec::read_value("--input", text)?,
        None => Value::object::<&str>([]),
    };
    let many = machines.len() > 1;
    let targets = targets(arguments, &machines)?;
    let mut report = String::new();
    for (machine, target) in machines.iter().zip(&targets) {
        let found = definitions.iter().find(|found| found.machine == machine.name);
        let states = found.map(|found| &*found.states);
        let mut imported =
            ImportedScenario::new(&config, machine, states, arguments.counting.rule());
        let named = match (found, target) {
            (Some(found), Some(target)) => init::relative(&found.path, target),
            (Some(found), None) => found.path.to_string_lossy().replace('\\', "/"),
            (None, _) => {
                imported.remarks.push(
                    "no definition was given: put its path under `definition`, or pass it with \
                     --definition"
                        .to_owned(),
                );
                format!("{}.asl.json", machine.name)
            }
        };
        let expected = match found {
            Some(_) => expected(&imported, target.as_deref(), &named, &input)?,
            None => Vec::new(),
        };
        let yaml = imported.to_yaml(&named, &input, &expected);
        match target {
            None if many => terminal.print(&format!("---\n{yaml}")),
            None => terminal.print(&yaml),
            Some(target) => {
                file::write(target, &yaml)?;
                let cases = imported.cases().count();
                let _ = writeln!(
                    report,
                    "wrote {} with {cases} {} of {}",
                    target.display(),
                    if cases == 1 { "case" } else { "cases" },
                    machine.name
                );
            }
        }
        remarks(&mut report, &machine.name, &imported.remarks);
    }
    tell(&config.warnings, &mut report);
    report.push_str(
        "a call after the last numbered answer fails there with States.Runtime; here the last \
         answer serves it\n",
    );
    match arguments.output {
        Some(_) => terminal.print(&report),
        None => report.lines().for_each(|line| terminal.note(line.trim_start())),
    }
    Ok(Exit::AsExpected)
}

fn selected<'c>(
    config: &'c MockConfig,
    arguments: &ImportMocks,
) -> Result<Vec<&'c MockedMachine>, String> {
    let machines: Vec<&MockedMachine> = match &arguments.machine {
        None => config.machines.iter().filter(|machine| !machine.cases.is_empty()).collect(),
        Some(name) => match config.machine(name) {
            Some(machine) => vec![machine],
            None => return Err(config.case(name, "").map(drop).unwrap_err().to_string()),
        },
    };
    if machines.is_empty() {
        return Err(format!("`{}` has no test cases", config.source.name));
    }
    Ok(machines)
}

/// A definition that was given for a machine.
struct Given {
    machine: Arc<str>,
    path: PathBuf,
    states: Arc<StateMachine>,
}

/// Reads `--definition FILE` and `--definition NAME=FILE`.
fn definitions(
    arguments: &ImportMocks,
    machines: &[&MockedMachine],
    terminal: &Terminal,
) -> Result<Vec<Given>, String> {
    let mut given = Vec::new();
    for text in &arguments.definitions {
        let named = text.split_once('=').and_then(|(name, path)| {
            let machine = machines.iter().find(|machine| *machine.name == *name)?;
            Some((machine, path))
        });
        let (machine, path) = match (named, machines) {
            (Some((machine, path)), _) => (machine.name.clone(), Path::new(path)),
            (None, [machine]) => (machine.name.clone(), Path::new(text)),
            (None, _) => {
                let names: Vec<&str> = machines.iter().map(|machine| &*machine.name).collect();
                return Err(format!(
                    "`--definition {text}` must say for which state machine it is, as in \
                     `--definition {}=FILE`: the file has {}",
                    names[0],
                    names.join(", ")
                ));
            }
        };
        let read = definition::read(path, &[], ExecutionType::Standard)?;
        let Some(states) = &read.machine else {
            let problems = definition::problems(&read, terminal.style);
            return Err(format!("the definition cannot be used\n\n{}", problems.trim_end()));
        };
        given.push(Given { machine, path: path.to_path_buf(), states: states.clone() });
    }
    Ok(given)
}

/// Where each scenario is written: `--output` names a file for one machine, a folder for several.
fn targets(
    arguments: &ImportMocks,
    machines: &[&MockedMachine],
) -> Result<Vec<Option<PathBuf>>, String> {
    let Some(output) = &arguments.output else { return Ok(vec![None; machines.len()]) };
    let folder = output.is_dir() || machines.len() > 1;
    if folder && !output.is_dir() {
        return Err(format!(
            "`{}` is no folder; the {} state machines become a file each (or choose one with \
             --machine)",
            output.display(),
            machines.len()
        ));
    }
    let mut targets = Vec::new();
    for machine in machines {
        let target = match folder {
            true => output.join(format!("{}{}", file_name(&machine.name), FILE_ENDINGS[0])),
            false => output.clone(),
        };
        if target.exists() {
            return Err(format!("`{}` exists already; it is not overwritten", target.display()));
        }
        targets.push(Some(target));
    }
    Ok(targets)
}

fn file_name(machine: &str) -> String {
    machine.replace(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')), "-")
}

/// What each case comes to with the input that it was given.
fn expected(
    imported: &ImportedScenario,
    target: Option<&Path>,
    definition: &str,
    input: &Value,
) -> Result<Vec<Value>, String> {
    let draft = imported.to_yaml(definition, input, &[]);
    let path = match target {
        Some(target) => target.to_path_buf(),
        None => PathBuf::from(format!("new{}", FILE_ENDINGS[0])),
    };
    let scenario = Scenario::parse(&path, &draft).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("the test cases make no scenario:\n  {}", problems.join("\n  "))
    })?;
    let outcome = |case| {
        let report = runner::run_case(&scenario, case, None);
        match (report.outcome, report.run) {
            (CaseOutcome::Unusable(_), _) | (_, None) => Value::Null,
            (_, Some(run)) => init::expectation(&run),
        }
    };
    Ok(scenario.cases.iter().map(outcome).collect())
}

fn remarks(report: &mut String, machine: &str, remarks: &[String]) {
    if remarks.is_empty() {
        return;
    }
    let _ = writeln!(report, "not carried over, or not as it was ({machine}):");
    for remark in remarks {
        let _ = writeln!(report, "  {remark}");
    }
}

fn tell(warnings: &[Diagnostic], report: &mut String) {
    for warning in warnings {
        let _ = writeln!(report, "{warning}");
    }
}
