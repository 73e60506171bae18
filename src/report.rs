//! Reports of what came of scenario files: text for people, JSON and JUnit XML for machines.
//!
//! Reports are texts made from [`FileReport`]s; whoever wants them printed prints them.

mod json;
mod junit;
mod text;

pub use json::{diagnostic, json};
#[cfg(feature = "cli")]
pub(crate) use junit::element as xml_element;
pub use junit::junit;
#[cfg(feature = "cli")]
pub(crate) use text::plural;
pub use text::{case, file, summary};

use std::path::Path;

use crate::diagnostic::Style;
use crate::runner::{self, FileReport, Selection, Tally};
use crate::scenario;

/// Runs a scenario file, or every one below a folder, and panics with the report where anything is
/// not as expected: for unit tests.
///
/// ```
/// stepproof::assert_scenarios("scenarios/passing/hello-world");
/// ```
///
/// # Panics
///
/// Where an expectation does not hold, a file cannot be used, or there is no file.
#[track_caller]
pub fn assert_scenarios(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let files = match scenario::find(path) {
        Ok(files) if files.is_empty() => panic!("no scenario below `{}`", path.display()),
        Ok(files) => files,
        Err(error) => panic!("cannot read `{}`: {error}", path.display()),
    };
    let reports: Vec<FileReport> =
        files.iter().map(|file| runner::run_file(file, &Selection::default())).collect();
    let mut tally = Tally::default();
    reports.iter().for_each(|report| tally.add(report));
    if tally.passed < tally.cases() || tally.unusable_files > 0 {
        panic!("{}", text(&reports, Style::Plain));
    }
}

/// The report of several files as text: every file, then the summary.
pub fn text(files: &[FileReport], style: Style) -> String {
    let mut out: String = files.iter().map(|report| file(report, style)).collect();
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    out.push_str(&summary(files, style));
    out
}

/// Text in a colour, where there are colours.
fn paint(style: Style, code: &str, text: &str) -> String {
    match style {
        Style::Plain => text.to_owned(),
        Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
    }
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const DIM: &str = "2";
