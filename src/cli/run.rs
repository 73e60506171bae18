//! `stepproof run`: scenario files in, a report out.

use std::path::{Path, PathBuf};

use super::args::{Report, Run};
#[cfg(feature = "aws")]
use super::live;
use super::output::Terminal;
use super::{Exit, file, parallel};
use crate::asl::{Pattern, Resource};
use crate::diagnostic::Style;
use crate::mock::{Evidence, Fault};
use crate::report;
use crate::runner::{self, FileReport, Selection, Tally};
use crate::scenario::{self, FILE_ENDINGS, Scenario};

pub(super) fn run(arguments: &Run, terminal: &Terminal) -> Result<Exit, String> {
    if arguments.list_faults {
        terminal.print(&list_of_faults());
        return Ok(Exit::AsExpected);
    }
    let files = scenario_files(&arguments.paths)?;
    let selection = Selection {
        filter: arguments.filter.as_deref().map(str::to_lowercase),
        shard: arguments.shard,
        seed: arguments.seed,
    };
    if arguments.list {
        return list(&files, &selection, terminal);
    }
    #[cfg(feature = "aws")]
    if arguments.target != "local" {
        return on_target(arguments, &files, &selection, terminal);
    }
    #[cfg(feature = "aws")]
    arguments.live.target("local")?;
    let text_now = prints_text(arguments);
    let bar = terminal.progress(files.len(), "files");
    let mut reports: Vec<FileReport> = Vec::with_capacity(files.len());
    let mut updated = Vec::new();
    let mut spaced = false;
    let work = |path: &PathBuf| {
        let report = runner::run_file(path, &selection);
        if !arguments.update {
            return (report, None);
        }
        match update(path, &report) {
            // What was rewritten is judged once more, so that the report shows what is left.
            Ok(Some(changes)) => (runner::run_file(path, &selection), Some(Ok(changes))),
            Ok(None) => (report, None),
            Err(message) => (report, Some(Err(message))),
        }
    };
    parallel::in_order(&files, arguments.jobs, work, |(report, update)| {
        bar.inc(1);
        let selected = !matches!(&report.cases, Ok(cases) if cases.is_empty());
        if selected {
            if text_now {
                let text = report::file(&report, terminal.style);
                spaced = text.ends_with("\n\n");
                bar.suspend(|| terminal.print(&text));
            }
            updated.extend(update.map(|update| (report.path.clone(), update)));
            reports.push(report);
        }
    });
    bar.finish_and_clear();
    for (path, update) in &updated {
        match update {
            Ok(changes) => {
                let path = path.display();
                terminal.print(&format!("updated {path}: {changes} expectations rewritten\n"));
            }
            Err(message) => terminal.error(message),
        }
    }
    finish(arguments, &reports, spaced, terminal)?;
    let failed_updates = updated.iter().any(|(_, update)| update.is_err());
    Ok(if failed_updates { Exit::Unusable } else { exit_of(&reports) })
}

/// Whether the report for people is printed, whatever is written.
fn prints_text(arguments: &Run) -> bool {
    arguments.report == Report::Text || arguments.output.is_some()
}

/// The summary, and the report that was asked for.
fn finish(
    arguments: &Run,
    reports: &[FileReport],
    spaced: bool,
    terminal: &Terminal,
) -> Result<(), String> {
    if reports.is_empty() && arguments.filter.is_some() {
        return Err("no case matches the filter; `--list` shows all cases".into());
    }
    if prints_text(arguments) {
        let summary = report::summary(reports, terminal.style);
        terminal.print(&if spaced { summary } else { format!("\n{summary}") });
    }
    let text = match arguments.report {
        Report::Text if arguments.output.is_none() => None,
        Report::Text => Some(report::text(reports, Style::Plain)),
        Report::Json => Some(report::json(reports)),
        Report::Junit => Some(report::junit(reports)),
    };
    match (text, &arguments.output) {
        (Some(text), Some(path)) => file::write(path, &text),
        (Some(text), None) => {
            terminal.print(&text);
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// The same on another target.
#[cfg(feature = "aws")]
fn on_target(
    arguments: &Run,
    files: &[PathBuf],
    selection: &Selection,
    terminal: &Terminal,
) -> Result<Exit, String> {
    let target = arguments.live.target(&arguments.target)?;
    let files = live::select(files, selection);
    let cases = files.iter().map(|file| file.cases.len()).sum();
    let bar = terminal.progress(cases, "cases");
    let mut outcome = live::run_on(&target, &files, false, |count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    live::tell(&outcome, &target, terminal);
    let reports = live::file_reports(files, std::mem::take(&mut outcome.cases), &target);
    let mut spaced = false;
    if prints_text(arguments) {
        for report in &reports {
            let text = report::file(report, terminal.style);
            spaced = text.ends_with("\n\n");
            terminal.print(&text);
        }
    }
    finish(arguments, &reports, spaced, terminal)?;
    Ok(if outcome.unreachable.is_some() || outcome.batch.stopped_by.is_some() {
        Exit::Unreachable
    } else if outcome.batch.interrupted {
        Exit::Interrupted
    } else {
        exit_of(&reports)
    })
}

fn exit_of(reports: &[FileReport]) -> Exit {
    let mut tally = Tally::default();
    reports.iter().for_each(|report| tally.add(report));
    if tally.unusable + tally.unusable_files > 0 {
        Exit::Unusable
    } else if tally.failed > 0 {
        Exit::Failed
    } else {
        Exit::AsExpected
    }
}

/// Rewrites what failed; answers how many expectations were, `None` where there was nothing to do.
fn update(path: &Path, report: &FileReport) -> Result<Option<usize>, String> {
    let Ok(cases) = &report.cases else { return Ok(None) };
    let Some(source) = cases.first().map(|case| case.source.clone()) else { return Ok(None) };
    match runner::rewrite(&source.text, cases) {
        Some((text, changes)) => {
            // The reader leaves a byte order mark out of its text and of all places.
            let marked = file::read(path)?.starts_with('\u{feff}');
            let text = if marked { format!("\u{feff}{text}") } else { text };
            file::write(path, &text).map(|()| Some(changes))
        }
        None => Ok(None),
    }
}

fn list(files: &[PathBuf], selection: &Selection, terminal: &Terminal) -> Result<Exit, String> {
    let mut exit = Exit::AsExpected;
    for path in files {
        match Scenario::load(path) {
            Ok(scenario) => {
                for case in scenario.cases.iter().filter(|case| selection.takes(path, case)) {
                    terminal.print(&format!("{}: {}\n", path.display(), case.name));
                }
            }
            Err(problems) => {
                exit = Exit::Unusable;
                for problem in problems {
                    terminal.print(&problem.render(terminal.style));
                }
            }
        }
    }
    Ok(exit)
}

fn list_of_faults() -> String {
    let width = Fault::all().iter().map(|fault| fault.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for fault in Fault::all() {
        let evidence = match fault.evidence {
            Evidence::Recorded => "recorded",
            Evidence::Documented => "documented",
            Evidence::Inferred => "inferred",
        };
        out.push_str(&format!("{:width$}  {evidence:10}  {}\n", fault.name, error_name(fault)));
    }
    out
}

/// The error that the fault has in an optimized integration; `aws-sdk:` spells some differently.
fn error_name(fault: &Fault) -> String {
    let service = fault.name.split('.').next().unwrap_or_default();
    let resource = Resource::Service {
        arn: "".into(),
        service: service.into(),
        action: "".into(),
        pattern: Pattern::RequestResponse,
    };
    fault.failure(&resource).error.unwrap_or_default().to_string()
}

/// The files that the paths name, in their order; of a folder every scenario below it, sorted.
pub(super) fn scenario_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = scenario::find(path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        if found.is_empty() {
            return Err(format!(
                "no scenario below `{}`: their names end in `{}`",
                path.display(),
                FILE_ENDINGS[0]
            ));
        }
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}
