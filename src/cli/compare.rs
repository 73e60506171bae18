//! `stepproof compare`: one set of scenarios on several targets, in one table.

mod page;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::live::{self, LiveArgs, Selected};
use super::output::Terminal;
use super::run::scenario_files;
use super::{Exit, file};
use crate::diagnostic::Style;
use crate::runner::{CaseOutcome, Selection};
use crate::target::{Compare as How, Comparison, Host, LiveReport, Target, compare};
use crate::value::Value;

const HELP: &str = "\
Each case is compared with what the first of the targets did that ran it: status, error, cause, and the
whole history, in which the order between branches that overlap does not count. A target file says how
strictly, and what its target cannot do.

Examples:
  stepproof compare scenarios --target local --target aws --role ARN
  stepproof compare conformance/cases --target local --target conformance/targets/moto.toml \\
    --report html --output moto.html";

/// `stepproof compare`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Compare {
    /// Scenario files and folders.
    #[arg(default_value = ".", hide_default_value = true)]
    pub paths: Vec<PathBuf>,
    /// A target, at least two: local, serve, aws, the URL of an endpoint, or a target file.
    #[arg(long = "target", value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// Only cases with this text in their file's path, their name or their tags, in any case.
    #[arg(short = 'k', long = "filter", value_name = "TEXT")]
    pub filter: Option<String>,
    /// The form of the report: text, json or html (a page by itself).
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM",
        hide_possible_values = true)]
    pub report: Form,
    /// Write the report to this file; the text report is printed all the same.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How live endpoints are used.
    #[command(flatten)]
    pub live: LiveArgs,
}

/// The forms of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// For other programs.
    Json,
    /// For browsers.
    Html,
}

/// The table.
struct Table {
    /// What made it.
    command: String,
    targets: Vec<String>,
    rows: Vec<Row>,
}

/// A case on all targets.
struct Row {
    /// `area/file/case`.
    case: String,
    cells: Vec<Cell>,
}

/// A case on one target.
struct Cell {
    /// What came of its own expectations.
    outcome: &'static str,
    /// `None` for the one that the others are compared with.
    comparison: Option<Comparison>,
}

impl Cell {
    /// The word of the table.
    fn word(&self) -> &'static str {
        match &self.comparison {
            None => "reference",
            Some(Comparison::Same) => "same",
            Some(Comparison::Differs { .. }) => "differs",
            Some(Comparison::Cannot(_)) => "cannot",
        }
    }
}

const WORDS: [&str; 4] = ["reference", "same", "differs", "cannot"];

pub(super) fn run(arguments: &Compare, terminal: &Terminal) -> Result<Exit, String> {
    if arguments.targets.len() < 2 {
        return Err("two targets at least are compared: give `--target` once more".to_owned());
    }
    let targets: Vec<Target> = arguments
        .targets
        .iter()
        .map(|name| match &**name {
            // Options for live endpoints are for the others.
            "local" => Ok(Target::local()),
            name => arguments.live.target(name),
        })
        .collect::<Result<_, String>>()?;
    if targets.iter().all(|target| target.host == Host::Local) {
        return Err("every target is the same interpreter: name another one".to_owned());
    }
    let filter = arguments.filter.as_deref().map(str::to_lowercase);
    let selection = Selection { filter, ..Selection::default() };
    let files = live::select(&scenario_files(&arguments.paths)?, &selection);
    let cases: usize = files.iter().map(|file| file.cases.len()).sum();
    if cases == 0 {
        return Err("there are no cases to compare".to_owned());
    }
    let mut exit = Exit::AsExpected;
    for file in &files {
        if let Err(report) = &file.scenario {
            terminal.print(&crate::report::file(report, terminal.style));
            exit = Exit::Unusable;
        }
    }
    let mut results: Vec<Vec<Vec<LiveReport>>> = Vec::new();
    for target in &targets {
        let bar = terminal.progress(cases, "cases");
        bar.set_message(target.name.clone());
        let mut outcome = live::run_on(target, &files, true, |count| bar.inc(count as u64))?;
        bar.finish_and_clear();
        live::tell(&outcome, target, terminal);
        if outcome.unreachable.is_some() || outcome.batch.stopped_by.is_some() {
            return Ok(Exit::Unreachable);
        }
        if outcome.batch.interrupted {
            return Ok(Exit::Interrupted);
        }
        results.push(std::mem::take(&mut outcome.cases));
    }
    let table = table(&files, &targets, &results);
    if table.rows.iter().flat_map(|row| &row.cells).any(|cell| cell.word() == "differs") {
        exit = exit.max(Exit::Failed);
    }
    report(arguments, &table, terminal)?;
    if !table.compares() {
        let reason = table.reasons().into_iter().next();
        let reason = reason.map_or_else(String::new, |((target, reason), _)| {
            format!(": `{}` cannot: {reason}", targets[target].name)
        });
        return Err(format!("nothing could be compared, no case ran on two targets{reason}"));
    }
    Ok(exit)
}

fn report(arguments: &Compare, table: &Table, terminal: &Terminal) -> Result<(), String> {
    if arguments.report == Form::Text || arguments.output.is_some() {
        terminal.print(&table.text(terminal.style));
    }
    let text = match arguments.report {
        Form::Text if arguments.output.is_none() => return Ok(()),
        Form::Text => table.text(Style::Plain),
        Form::Json => table.json(),
        Form::Html => page::page(table),
    };
    match &arguments.output {
        Some(path) => file::write(path, &text),
        None => {
            terminal.print(&text);
            Ok(())
        }
    }
}

fn table(files: &[Selected], targets: &[Target], results: &[Vec<Vec<LiveReport>>]) -> Table {
    // As strictly as the least strict of them.
    let how = How {
        history: targets
            .iter()
            .map(|target| target.settings.compare.history)
            .min()
            .unwrap_or(How::default().history),
        causes: targets.iter().all(|target| target.settings.compare.causes),
    };
    let mut rows = Vec::new();
    for (f, file) in files.iter().enumerate() {
        let Ok(scenario) = &file.scenario else { continue };
        for (c, index) in file.cases.iter().enumerate() {
            let case = &scenario.cases[*index];
            let lives: Vec<&LiveReport> = results.iter().map(|target| &target[f][c]).collect();
            let reference = lives.iter().position(|live| ran(live));
            let cells = lives.iter().enumerate().map(|(t, live)| Cell {
                outcome: outcome(live),
                comparison: (Some(t) != reference).then(|| {
                    // What was done first stands first; where nobody ran it, each says why.
                    compare(case, reference.map_or(*live, |own| lives[own]), live, how)
                }),
            });
            rows.push(Row { case: live::name_of(&file.path, &case.name), cells: cells.collect() });
        }
    }
    let words = std::env::args().skip(1).map(|word| quoted(&word)).collect::<Vec<_>>();
    Table {
        command: format!("stepproof {}", words.join(" ")),
        targets: targets.iter().map(|target| target.name.clone()).collect(),
        rows,
    }
}

fn ran(live: &LiveReport) -> bool {
    !matches!(live.report.outcome, CaseOutcome::Skipped(_) | CaseOutcome::Unusable(_))
}

fn outcome(live: &LiveReport) -> &'static str {
    match live.report.outcome {
        CaseOutcome::Passed => "passed",
        CaseOutcome::Failed(_) => "failed",
        CaseOutcome::Unusable(_) => "unusable",
        CaseOutcome::Skipped(_) => "skipped",
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

impl Table {
    /// Whether anything was held against something else.
    fn compares(&self) -> bool {
        let mut cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.any(|cell| matches!(cell.word(), "same" | "differs"))
    }

    /// How many cells of a target have each word.
    fn counts(&self, target: usize) -> BTreeMap<&'static str, usize> {
        let mut counts: BTreeMap<&str, usize> = WORDS.iter().map(|word| (*word, 0)).collect();
        for row in &self.rows {
            *counts.entry(row.cells[target].word()).or_default() += 1;
        }
        counts
    }

    /// The differences with their first sentence, then a line for each target.
    fn text(&self, style: Style) -> String {
        let paint = |code: &str, text: &str| match style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        };
        let width = self.targets.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let mut out = String::new();
        for row in &self.rows {
            let differs = |cell: &Cell| cell.word() == "differs";
            if !row.cells.iter().any(differs) {
                continue;
            }
            let _ = writeln!(out, "{}", paint("1", &row.case));
            for (name, cell) in self.targets.iter().zip(&row.cells) {
                let (code, more) = match &cell.comparison {
                    Some(Comparison::Differs { sentence, .. }) => ("31", &**sentence),
                    Some(Comparison::Cannot(reason)) => ("33", &**reason),
                    _ => ("32", ""),
                };
                let word = paint(code, &format!("{:9}", cell.word()));
                let more = more.lines().next().unwrap_or_default();
                let _ = writeln!(out, "{}", format!("  {name:width$}  {word}  {more}").trim_end());
            }
        }
        let reasons = self.reasons();
        if !reasons.is_empty() {
            let _ = writeln!(out, "\ncannot:");
        }
        for ((target, reason), count) in reasons {
            let _ = writeln!(out, "  {:width$}  {count:5}  {reason}", self.targets[target]);
        }
        let _ = writeln!(
            out,
            "\n{:width$}  {:>9} {:>9} {:>9} {:>9}  passed",
            "", WORDS[0], WORDS[1], WORDS[2], WORDS[3]
        );
        for (target, name) in self.targets.iter().enumerate() {
            let counts = self.counts(target);
            let passed = self.rows.iter().filter(|row| row.cells[target].outcome == "passed");
            let _ = write!(out, "{name:width$} ");
            for word in WORDS {
                let _ = write!(out, " {:>9}", counts[word]);
            }
            let _ = writeln!(out, "  {:>6} of {}", passed.count(), self.rows.len());
        }
        out
    }

    /// Why cases could not be run, and how many: by target.
    fn reasons(&self) -> BTreeMap<(usize, String), usize> {
        let mut reasons = BTreeMap::new();
        for row in &self.rows {
            for (target, cell) in row.cells.iter().enumerate() {
                if let Some(Comparison::Cannot(reason)) = &cell.comparison {
                    // Figures differ from case to case; what stands behind them does not.
                    let reason = match reason.starts_with("needs ") && reason.contains(" s of ") {
                        true => "needs more real time than `--max-real-time`",
                        false => reason.lines().next().unwrap_or_default(),
                    };
                    *reasons.entry((target, reason.to_owned())).or_default() += 1;
                }
            }
        }
        reasons
    }

    fn json(&self) -> String {
        let targets = self.targets.iter().enumerate().map(|(target, name)| {
            let counts = self.counts(target).into_iter();
            let counts = counts.map(|(word, count)| (word, Value::from(count)));
            let summary = Value::object(counts);
            Value::object([("target", Value::from(name.as_str())), ("summary", summary)])
        });
        let cases = self.rows.iter().map(|row| {
            let cells = self.targets.iter().zip(&row.cells).map(|(name, cell)| {
                let mut members = vec![
                    ("target", Value::from(name.as_str())),
                    ("outcome", cell.outcome.into()),
                    ("comparison", cell.word().into()),
                ];
                match &cell.comparison {
                    Some(Comparison::Differs { sentence, lines }) => {
                        members.push(("difference", sentence.as_str().into()));
                        let lines = lines.iter().map(|line| Value::from(line.as_str()));
                        members.push(("lines", Value::array(lines)));
                    }
                    Some(Comparison::Cannot(reason)) => {
                        members.push(("reason", reason.as_str().into()));
                    }
                    _ => {}
                }
                Value::object(members)
            });
            let members =
                [("case", Value::from(row.case.as_str())), ("results", Value::array(cells))];
            Value::object(members)
        });
        let table = Value::object([
            ("reproduce", Value::from(self.command.as_str())),
            ("targets", Value::array(targets)),
            ("cases", Value::array(cases)),
        ]);
        // A line for each case: small to keep, and readable in review.
        table.to_json().replace("{\"case\"", "\n{\"case\"") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let cell = |outcome, comparison| Cell { outcome, comparison };
        let differs = Comparison::Differs {
            sentence: "Failed / <Succeeded>".to_owned(),
            lines: vec!["- a".to_owned(), "+ b".to_owned()],
        };
        Table {
            command: "stepproof compare x".to_owned(),
            targets: vec!["local".to_owned(), "other".to_owned()],
            rows: vec![
                Row {
                    case: "a/b".to_owned(),
                    cells: vec![cell("passed", None), cell("failed", Some(differs))],
                },
                Row {
                    case: "a/c".to_owned(),
                    cells: vec![
                        cell("passed", None),
                        cell("skipped", Some(Comparison::Cannot("it is long".to_owned()))),
                    ],
                },
                Row {
                    case: "a/d".to_owned(),
                    cells: vec![cell("passed", None), cell("passed", Some(Comparison::Same))],
                },
            ],
        }
    }

    #[test]
    fn the_table_as_text() {
        insta::assert_snapshot!(table().text(Style::Plain), @r"
        a/b
          local  reference
          other  differs    Failed / <Succeeded>

        cannot:
          other      1  it is long

               reference      same   differs    cannot  passed
        local          3         0         0         0       3 of 3
        other          0         1         1         1       1 of 3
        ");
    }

    #[test]
    fn the_table_as_json() {
        let json = table().json();
        let value = Value::parse(&json).expect("JSON");
        let second = value.get("cases").and_then(Value::as_array).and_then(|cases| cases.get(1));
        let wanted = r#"{"case":"a/c","results":[{"target":"local","outcome":"passed","comparison":"reference"},{"target":"other","outcome":"skipped","comparison":"cannot","reason":"it is long"}]}"#;
        assert_eq!(second.map(Value::to_json).as_deref(), Some(wanted));
        let summary =
            r#"{"target":"other","summary":{"cannot":1,"differs":1,"reference":0,"same":1}}"#;
        assert!(json.contains(summary), "{json}");
        assert_eq!(json.lines().count(), 4, "a line for each case");
    }

    #[test]
    fn the_page_stands_by_itself() {
        let page = page::page(&table());
        assert!(
            page.contains("Failed / &lt;Succeeded&gt;") && page.contains("stepproof compare x")
        );
        assert!(!page.contains("http") && !page.contains("src="), "{page}");
        let opened = page.matches("<details").count();
        assert_eq!(opened, page.matches("</details>").count());
    }

    #[test]
    fn the_command_can_be_typed_again() {
        assert_eq!(quoted("a-b/c.toml"), "a-b/c.toml");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
