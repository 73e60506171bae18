//! `stepproof scenario from`: the scenario that a recording shows.

use std::path::{Path, PathBuf};

use super::args::ScenarioFrom;
use crate::asl::ExecutionType;
use crate::cli::output::Terminal;
use crate::cli::{Exit, definition, diff, file, init};
use crate::history::History;
use crate::recording::{Description, Draft, MANIFEST, ReadOptions, Recording};
use crate::runner::{self, CaseOutcome};
use crate::scenario::{FILE_ENDINGS, Scenario};

/// What a scenario is written from.
struct Source {
    history: History,
    description: Option<Description>,
    definition: Option<PathBuf>,
    execution_type: ExecutionType,
}

pub(super) fn run(arguments: &ScenarioFrom, terminal: &Terminal) -> Result<Exit, String> {
    let source = source(&arguments.recording, terminal)?;
    let path = arguments.definition.clone().or(source.definition).ok_or_else(|| {
        format!(
            "`{}` has no definition: name it with --definition FILE",
            arguments.recording.display()
        )
    })?;
    if let Some(target) = arguments.output.as_ref().filter(|target| target.exists()) {
        return Err(format!("`{}` exists already; it is not overwritten", target.display()));
    }
    let definition = definition::read(&path, &[], source.execution_type)?;
    let machine = definition::machine(&definition, terminal.style)?;
    let target = match &arguments.output {
        Some(target) => target.clone(),
        None => PathBuf::from(format!("new{}", FILE_ENDINGS[0])),
    };
    let drafted = Draft {
        history: &source.history,
        machine: &machine,
        definition: &init::relative(&path, &target),
        execution_type: source.execution_type,
        description: source.description.as_ref(),
    }
    .write();
    drafted.notes.iter().for_each(|note| terminal.note(note));
    let passes = passes(&target, &drafted.text)?;
    match &arguments.output {
        None => terminal.print(&drafted.text),
        Some(target) => {
            file::write(target, &drafted.text)?;
            terminal.print(&format!("wrote {}\n", target.display()));
        }
    }
    match passes {
        None => Ok(Exit::AsExpected),
        Some(why) => {
            terminal.note(&format!(
                "the scenario does not pass as it is: {why}\n  the recording holds something that \
                 its mocks cannot say; `stepproof run` shows it all"
            ));
            Ok(Exit::Failed)
        }
    }
}

/// Why the scenario does not pass, where it does not.
fn passes(target: &Path, text: &str) -> Result<Option<String>, String> {
    let scenario = Scenario::parse(target, text).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("the recording cannot be written as a scenario:\n  {}", problems.join("\n  "))
    })?;
    let report = runner::run_case(&scenario, &scenario.cases[0], None);
    Ok(match report.outcome {
        CaseOutcome::Passed => None,
        CaseOutcome::Skipped(why) => Some(why),
        CaseOutcome::Failed(checks) => {
            let failed: Vec<&str> = checks.iter().map(|check| check.what.as_str()).collect();
            Some(format!("{} differ", failed.join(", ")))
        }
        CaseOutcome::Unusable(problems) => {
            Some(problems.first().map(|problem| format!("{problem:?}")).unwrap_or_default())
        }
    })
}

fn source(path: &Path, terminal: &Terminal) -> Result<Source, String> {
    if !path.is_dir() {
        let (history, notes) = diff::parse_history(path)?;
        notes.iter().for_each(|note| terminal.note(note));
        let execution_type = ExecutionType::Standard;
        return Ok(Source { history, description: None, definition: None, execution_type });
    }
    let error = |error: crate::recording::RecordingError| error.to_string();
    if !path.join(MANIFEST).exists() {
        return Err(format!(
            "`{}` is no recording: there is no `{MANIFEST}` in it",
            path.display()
        ));
    }
    let recording = Recording::load(path, &ReadOptions::default()).map_err(error)?;
    recording.notes.iter().for_each(|note| terminal.note(note));
    let (history, notes) = recording.history().map_err(error)?;
    notes.iter().for_each(|note| terminal.note(&note.to_string()));
    let mut description = recording.description().map_err(error)?;
    if let (None, Some(arn)) = (&description, &recording.manifest.provenance.execution) {
        let name = arn.split(':').nth(7).map(str::to_owned);
        let arn = Some(arn.clone());
        description = Some(Description { arn, name, ..Description::default() });
    }
    let own = path.join("definition.asl.json");
    Ok(Source {
        history,
        description,
        definition: own.exists().then_some(own),
        execution_type: match &*recording.manifest.machine_type {
            "EXPRESS" => ExecutionType::Express,
            _ => ExecutionType::Standard,
        },
    })
}
