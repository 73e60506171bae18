//! `stepproof diff`: what differs between two histories.

use std::path::Path;

use super::Exit;
use super::args::{Diff as Arguments, Form};
use super::file;
use super::output::Terminal;
use crate::diagnostic;
use crate::history::{Diff, DiffOptions, History, Labels, Rule, Style};

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let expected = read_history(&arguments.expected, terminal)?;
    let actual = read_history(&arguments.actual, terminal)?;
    let rules = match arguments.ignore.iter().any(|name| name == "all") {
        true => Rule::ALL.to_vec(),
        false => arguments.ignore.iter().filter_map(|name| Rule::parse(name)).collect(),
    };
    let options = DiffOptions { timestamps: arguments.timestamps, rules, ..DiffOptions::default() };
    let diff = Diff::new(&expected, &actual, &options);
    match arguments.report.form {
        Form::Json => terminal.print(&format!("{:#}\n", diff.to_value(&expected, &actual))),
        Form::Text if diff.is_same() => terminal.print("the histories say the same\n"),
        Form::Text => {
            let names = [&arguments.expected, &arguments.actual];
            let [before, now] = names.map(|path| path.display().to_string());
            let labels = Labels { expected: &before, actual: &now };
            terminal.print(&diff.render(&expected, &actual, &labels, style(terminal.style)));
        }
    }
    Ok(if diff.is_same() { Exit::AsExpected } else { Exit::Failed })
}

/// Reads a history; what should be said about it goes to standard error.
fn read_history(path: &Path, terminal: &Terminal) -> Result<History, String> {
    let (history, notes) = parse_history(path)?;
    notes.iter().for_each(|note| terminal.note(&format!("{}: {note}", path.display())));
    Ok(history)
}

/// Reads a history, and what should be said about it.
pub(super) fn parse_history(path: &Path) -> Result<(History, Vec<String>), String> {
    let text = file::read(path)?;
    let (history, notes) = History::parse(&text).map_err(|error| match error.position {
        Some((line, column)) => {
            format!("{}:{line}:{column}: {}", path.display(), error.message)
        }
        None => format!("{}: {}", path.display(), error.message),
    })?;
    Ok((history, notes.iter().map(ToString::to_string).collect()))
}

/// The history's own word for colours.
pub(super) fn style(style: diagnostic::Style) -> Style {
    match style {
        diagnostic::Style::Plain => Style::Plain,
        diagnostic::Style::Colour => Style::Colour,
    }
}
