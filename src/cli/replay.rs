//! `stepproof replay`: recorded histories against a definition.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Form, Replay as Arguments};
use super::output::Terminal;
use super::{Exit, definition, diff, exec, file, parallel};
use crate::asl::StateMachine;
use crate::diagnostic::Style;
use crate::history::{EventDetails, History, Payload, TimestampForm};
use crate::map_run::Objects;
use crate::replay::{Outcome, Replay, ReplayOptions, replay};
use crate::scenario;
use crate::time::Timestamp;
use crate::value::Value;

/// What came of one history, as far as it is still needed: histories are large.
struct Replayed {
    exit: Exit,
    text: String,
    value: Value,
}

/// How many histories there were of each outcome.
#[derive(Default)]
struct Tally {
    same: usize,
    diverged: usize,
    unusable: usize,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let fills = definition::fills(&arguments.substitutions.set)?;
    let execution_type = arguments.machine_type.given.map(exec::execution_type);
    let path = arguments.definition.as_deref();
    let definition = definition::read_any(path, &arguments.template, &fills, execution_type)?;
    let machine = definition::machine(&definition, terminal.style)?;
    let start_time = arguments.start_time.as_deref().map(exec::read_time).transpose()?;
    let options = ReplayOptions {
        start_time,
        execution_arn: arguments.execution_arn.as_deref().map(Arc::from),
        causes: !arguments.ignore_causes,
        objects: objects(&arguments.objects)?,
        ..ReplayOptions::default()
    };
    let input = arguments.input.as_deref();
    let input = input.map(|input| exec::read_value("--input", input)).transpose()?;
    let files = histories(&arguments.histories)?;
    if arguments.history_out.is_some() && files.len() != 1 {
        return Err(format!("--history-out takes a single history, not {}", files.len()));
    }
    let job = Job {
        machine,
        options,
        input,
        history_out: arguments.history_out.as_deref(),
        style: if arguments.output.is_some() { Style::Plain } else { terminal.style },
        single: files.len() == 1,
        wants_value: arguments.report.form == Form::Json,
    };
    let mut tally = Tally::default();
    let mut values = Vec::new();
    let mut texts = String::new();
    let bar = terminal.progress(files.len(), "histories");
    parallel::in_order(
        &files,
        arguments.jobs,
        |path| job.replay(path),
        |replayed| {
            bar.inc(1);
            match replayed.exit {
                Exit::AsExpected => tally.same += 1,
                Exit::Failed => tally.diverged += 1,
                _ => tally.unusable += 1,
            }
            if tally.diverged > 0 {
                bar.set_message(format!("{} diverged", tally.diverged));
            }
            if arguments.report.form == Form::Json {
                values.push(replayed.value);
            } else if arguments.output.is_some() {
                texts.push_str(&replayed.text);
            } else if !replayed.text.is_empty() {
                bar.suspend(|| terminal.print(&replayed.text));
            }
        },
    );
    bar.finish_and_clear();
    let report = match arguments.report.form {
        Form::Json => Some(tally.report(values)),
        Form::Text if arguments.output.is_some() => Some(texts + &tally.summary(files.len())),
        Form::Text => None,
    };
    match (report, &arguments.output) {
        (Some(report), Some(path)) => {
            file::write(path, &report)?;
            terminal.print(&tally.summary(files.len()));
        }
        (Some(report), None) => terminal.print(&report),
        (None, _) if files.len() > 1 => terminal.print(&tally.summary(files.len())),
        (None, _) => {}
    }
    Ok(tally.exit())
}

/// The objects of `--object`.
fn objects(arguments: &[String]) -> Result<Objects, String> {
    let mut objects = Objects::default();
    for (bucket, key, body) in exec::objects(arguments)? {
        objects.put(bucket, key, body, Timestamp::EPOCH)?;
    }
    Ok(objects)
}

/// What all histories are replayed with.
struct Job<'a> {
    machine: Arc<StateMachine>,
    options: ReplayOptions,
    input: Option<Value>,
    history_out: Option<&'a Path>,
    style: Style,
    single: bool,
    wants_value: bool,
}

impl Job<'_> {
    fn replay(&self, path: &Path) -> Replayed {
        match self.try_replay(path) {
            Ok(replayed) => replayed,
            Err(message) => Replayed {
                exit: Exit::Unusable,
                text: format!("unusable: {message}\n"),
                value: Value::object([
                    ("file", Value::from(path.display().to_string())),
                    ("outcome", "unusable".into()),
                    ("message", message.into()),
                ]),
            },
        }
    }

    fn try_replay(&self, path: &Path) -> Result<Replayed, String> {
        let shown = path.display();
        let (mut recorded, notes) = diff::parse_history(path)?;
        if let Some(input) = &self.input {
            set_input(&mut recorded, input);
        }
        let replay = replay(&self.machine, &recorded, &self.options)
            .map_err(|error| format!("{shown}: {error}"))?;
        if let Some(target) = self.history_out {
            file::write(target, &replay.history.to_json(TimestampForm::Text))?;
        }
        let mut value = Value::Null;
        if self.wants_value {
            value = with_file(path, &replay, &recorded, &notes);
        }
        let same = replay.outcome == Outcome::Same;
        let mut text = String::new();
        // Of many histories, those that are the same are only counted.
        if self.single || !same {
            if !self.single {
                text = format!("{shown}\n");
            }
            text.push_str(&replay.render(&recorded, diff::style(self.style)));
            notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
            text.push_str(if self.single { "" } else { "\n" });
        }
        let exit = if same { Exit::AsExpected } else { Exit::Failed };
        Ok(Replayed { exit, text, value })
    }
}

/// The replay's own report, after the name of the file.
fn with_file(path: &Path, replay: &Replay, recorded: &History, notes: &[String]) -> Value {
    let file = ("file".into(), Value::from(path.display().to_string()));
    let mut members: Vec<(Arc<str>, Value)> = vec![file];
    if let Value::Object(report) = replay.to_value(recorded) {
        members.extend(report.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    if !notes.is_empty() {
        let notes = notes.iter().map(|note| Value::from(note.as_str()));
        members.push(("readingNotes".into(), Value::array(notes)));
    }
    Value::object(members)
}

/// Gives a history that was saved without data the input it started from.
fn set_input(recorded: &mut History, input: &Value) {
    if let Some(first) = recorded.events.first_mut()
        && let EventDetails::ExecutionStarted(started) = &mut first.details
    {
        started.input = Payload::Value(input.clone());
    }
}

impl Tally {
    fn exit(&self) -> Exit {
        match (self.unusable, self.diverged) {
            (0, 0) => Exit::AsExpected,
            (0, _) => Exit::Failed,
            _ => Exit::Unusable,
        }
    }

    fn summary(&self, histories: usize) -> String {
        let mut parts = Vec::new();
        let counts =
            [(self.diverged, "diverged"), (self.unusable, "unusable"), (self.same, "same")];
        parts.extend(
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, outcome)| format!("{n} {outcome}")),
        );
        let noun = if histories == 1 { "history" } else { "histories" };
        format!("{} ({histories} {noun})\n", parts.join(", "))
    }

    fn report(&self, histories: Vec<Value>) -> String {
        let summary = Value::object([
            ("histories", Value::from(histories.len())),
            ("same", self.same.into()),
            ("diverged", self.diverged.into()),
            ("unusable", self.unusable.into()),
        ]);
        let report = Value::object([("summary", summary), ("histories", Value::array(histories))]);
        format!("{report:#}\n")
    }
}

/// The files that the paths name, in their order; of a folder every JSON file below it.
fn histories(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        let found = scenario::find_with_endings(path, &[".json"])
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        if found.is_empty() {
            return Err(format!("no `.json` file below `{}`", path.display()));
        }
        files.extend(found);
    }
    Ok(files)
}
