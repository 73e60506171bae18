//! `stepproof replay`: recorded executions against a definition, one or a million.

mod report;
mod results;
mod source;
mod target;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::args::{Replay as Arguments, Report};
use super::output::Terminal;
use super::{Exit, diff, exec, file, parallel};
use crate::diagnostic::Style;
use crate::history::{EventDetails, History, Payload, TimestampForm};
use crate::map_run::Objects;
use crate::mock::Mocks;
use crate::recording::{MANIFEST, is_bundle};
use crate::replay::{Finding, Outcome, Replay, ReplayOptions, replay};
use crate::scenario::Scenario;
use crate::time::Timestamp;
use crate::value::Value;

use results::{Example, Results, Verdict};
use source::{Item, Loaded, Shard};
use target::{Chosen, Targets};

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    if !arguments.merge.is_empty() {
        return merge(arguments, terminal);
    }
    let single = is_single(&arguments.histories);
    if arguments.history_out.is_some() && !single {
        return Err("--history-out takes a single history, not a folder or a bundle".into());
    }
    for path in arguments.histories.iter().filter(|path| *path != Path::new("-")) {
        path.metadata().map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    }
    let to_terminal = arguments.output.is_none() && arguments.report == Report::Text;
    let style = if to_terminal { terminal.style } else { Style::Plain };
    let job = Job::new(arguments, single, style)?;
    let mut results = Results {
        definitions: job.targets.described.clone(),
        shards: job.shard.into_iter().collect(),
        ..Results::default()
    };
    let text = replay_all(arguments, &job, &mut results, terminal)?;
    if results.executions() == 0 && job.shard.is_none() && !results.interrupted {
        return Err(nothing(arguments, &results));
    }
    let text = match text {
        Some(text) => text,
        None => report::text(&results, style),
    };
    print(arguments, &results, &text, single, terminal)?;
    Ok(results.exit(arguments.allow_undecided))
}

/// Replays everything; answers the text about a single execution.
fn replay_all(
    arguments: &Arguments,
    job: &Job<'_>,
    results: &mut Results,
    terminal: &Terminal,
) -> Result<Option<String>, String> {
    let read = Arc::new(AtomicU64::new(0));
    let stopped = stop_on_interrupt();
    let bar = terminal.byte_progress(|| source::total_bytes(&arguments.histories));
    let mut lines = match &arguments.each {
        Some(path) => Some((
            path,
            BufWriter::new(
                File::create(path)
                    .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?,
            ),
        )),
        None => None,
    };
    let mut write_failed = None;
    let mut text = None;
    let produce = |emit: &mut dyn FnMut(Item) -> ControlFlow<()>| {
        let _ = source::produce(&arguments.histories, &read, &mut |item| {
            if stopped.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            if bar.is_some() {
                read.fetch_add(item.bytes(), Ordering::Relaxed);
            }
            emit(item)
        });
    };
    let work = |number: usize, item: Item| job.replay(number, item);
    parallel::streamed(produce, arguments.jobs, work, |replayed| {
        let Some(replayed) = replayed else { return };
        if let Some((path, lines)) = &mut lines
            && let Err(error) = writeln!(lines, "{}", replayed.line())
        {
            write_failed.get_or_insert(format!("cannot write `{}`: {error}", path.display()));
        }
        text = replayed.single.clone().or(text.take());
        replayed.count(results);
        if let Some(bar) = &bar {
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!(
                "{} replayed, {} diverged",
                results.executions(),
                results.diverged
            ));
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if let Some((path, mut lines)) = lines {
        lines.flush().map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    results.interrupted = stopped.load(Ordering::Relaxed);
    write_failed.map_or(Ok(text), Err)
}

/// Prints the report where it belongs.
fn print(
    arguments: &Arguments,
    results: &Results,
    text: &str,
    single: bool,
    terminal: &Terminal,
) -> Result<(), String> {
    let form = match arguments.report {
        Report::Text => text.to_owned(),
        Report::Json => format!("{:#}\n", results.to_value()),
        Report::Junit => report::junit(results, arguments.allow_undecided),
    };
    match &arguments.output {
        None => terminal.print(&form),
        Some(path) => {
            file::write(path, &form)?;
            for note in report::notes(results) {
                terminal.note(&note);
            }
            terminal.print(&report::summary(results));
        }
    }
    if results.interrupted && (single || arguments.report != Report::Text) {
        terminal.note("interrupted: the report holds what was done");
    }
    Ok(())
}

/// Why there was nothing to replay.
fn nothing(arguments: &Arguments, results: &Results) -> String {
    if results.left_out > 0 {
        let others: Vec<&str> = results.others.keys().map(String::as_str).collect();
        return format!(
            "nothing was replayed: the recordings are of `{}`, for which no definition was named",
            others.join("`, `")
        );
    }
    let paths: Vec<String> =
        arguments.histories.iter().map(|path| format!("`{}`", path.display())).collect();
    format!("no history, recording or bundle below {}", paths.join(", "))
}

/// Whether the paths name one execution.
fn is_single(paths: &[PathBuf]) -> bool {
    match paths {
        [path] if path.is_dir() => path.join(MANIFEST).is_file(),
        [path] => !is_bundle(path),
        _ => false,
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the process at once.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let interrupt = signal_hook::consts::SIGINT;
    // Where the system refuses a handler, Ctrl-C does what it always does.
    let _ = signal_hook::flag::register_conditional_shutdown(
        interrupt,
        Exit::Interrupted as i32,
        stopped.clone(),
    );
    let _ = signal_hook::flag::register(interrupt, stopped.clone());
    stopped
}

/// Puts the results of all parts together.
fn merge(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let mut whole: Option<Results> = None;
    for path in &arguments.merge {
        let name = path.display().to_string();
        let text = file::read(path)?;
        let value = Value::parse(&text).map_err(|error| {
            let (line, column) = crate::json::line_column(&text, error.offset);
            format!("{name}:{line}:{column}: {}", error.message)
        })?;
        let results = Results::from_value(&value).map_err(|error| format!("`{name}`: {error}"))?;
        match &mut whole {
            None => whole = Some(results),
            Some(whole) => whole.merge(&name, results)?,
        }
    }
    let results = whole.unwrap_or_default();
    let missing = results.missing_shards();
    if !missing.is_empty() {
        let parts: Vec<String> =
            missing.iter().map(|shard| format!("{}/{}", shard.part, shard.parts)).collect();
        return Err(format!(
            "the results of part {} are missing: nothing is known of its executions",
            parts.join(", ")
        ));
    }
    let text = report::text(&results, Style::Plain);
    print(arguments, &results, &text, false, terminal)?;
    Ok(results.exit(arguments.allow_undecided))
}

/// What all executions are replayed with.
struct Job<'a> {
    targets: Targets,
    options: ReplayOptions,
    input: Option<Value>,
    history_out: Option<&'a Path>,
    shard: Option<Shard>,
    style: Style,
    single: bool,
    report: Report,
    /// For each finding the smallest name of those for which an example was made.
    examples: Mutex<HashMap<(Verdict, Finding), String>>,
}

/// What came of one execution, as far as it is still needed: histories are large.
struct Replayed {
    name: String,
    machine: Option<String>,
    edited: bool,
    end: End,
    /// The whole report, of the first executions.
    listed: Option<Value>,
    /// The text about the only execution.
    single: Option<String>,
}

enum End {
    Same,
    Found(Verdict, Box<Finding>, Option<Box<Example>>),
    Unusable(String),
    LeftOut,
}

impl<'a> Job<'a> {
    fn new(arguments: &'a Arguments, single: bool, style: Style) -> Result<Self, String> {
        let start_time = arguments.start_time.as_deref().map(exec::read_time).transpose()?;
        let fallback = arguments.fallback.as_deref().map(fallback).transpose()?;
        let options = ReplayOptions {
            start_time,
            execution_arn: arguments.execution_arn.as_deref().map(Arc::from),
            causes: !arguments.ignore_causes,
            objects: objects(&arguments.objects)?,
            fallback: fallback.map(Arc::new),
            ..ReplayOptions::default()
        };
        let input = arguments.input.as_deref();
        Ok(Self {
            targets: Targets::read(arguments, style)?,
            options,
            input: input.map(|input| exec::read_value("--input", input)).transpose()?,
            history_out: arguments.history_out.as_deref(),
            shard: arguments.shard.map(|(part, parts)| Shard { part, parts }),
            style,
            single,
            report: arguments.report,
            examples: Mutex::default(),
        })
    }

    /// Replays one execution; `None` where it belongs to another part.
    fn replay(&self, number: usize, item: Item) -> Option<Replayed> {
        if self.shard.is_some_and(|shard| !item.is_of(shard)) {
            return None;
        }
        let name = item.name();
        let replayed = match item.load() {
            Ok(loaded) => self.try_replay(number, loaded),
            Err(message) => Err(message),
        };
        Some(replayed.unwrap_or_else(|message| {
            let listed = Value::object([
                ("file", Value::from(name.as_str())),
                ("outcome", "unusable".into()),
                ("message", message.as_str().into()),
            ]);
            Replayed {
                machine: None,
                edited: false,
                listed: self.lists(number).then_some(listed),
                single: self.single.then(|| format!("unusable: {message}\n")),
                end: End::Unusable(message),
                name,
            }
        }))
    }

    fn lists(&self, number: usize) -> bool {
        self.report == Report::Json && Results::lists(number)
    }

    fn try_replay(&self, number: usize, loaded: Loaded) -> Result<Replayed, String> {
        let target = match self.targets.choose(&loaded)? {
            Chosen::Target(target) => target,
            Chosen::OtherMachine => {
                return Ok(Replayed {
                    name: loaded.name,
                    machine: loaded.machine,
                    edited: false,
                    end: End::LeftOut,
                    listed: None,
                    single: None,
                });
            }
        };
        let Loaded { name, history: mut recorded, notes, edited, machine, arn, .. } = loaded;
        if let Some(message) = target.foreign(&name, &recorded) {
            return Err(message);
        }
        if let Some(input) = &self.input {
            set_input(&mut recorded, input);
        }
        let mut options = self.options.clone();
        if options.execution_arn.is_none() {
            options.execution_arn = arn.map(Arc::from);
        }
        let replayed = replay(&target.machine, &recorded, &options)
            .map_err(|error| format!("{name}: {error}"))?;
        if let Some(target) = self.history_out {
            file::write(target, &replayed.history.to_json(TimestampForm::Text))?;
        }
        let verdict = match replayed.outcome {
            Outcome::Same => None,
            Outcome::Diverged(_) => Some(Verdict::Diverged),
            Outcome::Undecided(_) => Some(Verdict::Undecided),
        };
        let whole = || value_of(&name, &replayed, &recorded, &notes);
        let text = || text_of(&replayed, &recorded, &notes, self.style);
        let end = match verdict.zip(Finding::of(&replayed, &recorded)) {
            None => End::Same,
            Some((verdict, finding)) => {
                let example = self.is_first(verdict, &finding, &name).then(|| {
                    Box::new(Example { name: name.clone(), text: text(), value: whole() })
                });
                End::Found(verdict, Box::new(finding), example)
            }
        };
        let listed = self.lists(number).then(whole);
        let single = self.single.then(text);
        Ok(Replayed { name, machine, edited, end, listed, single })
    }

    /// Whether an execution is to be the example of its finding: no smaller name was seen.
    fn is_first(&self, verdict: Verdict, finding: &Finding, name: &str) -> bool {
        let mut examples = self.examples.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (verdict, finding.clone());
        match examples.get(&key) {
            Some(known) if known.as_str() <= name => false,
            _ => {
                examples.insert(key, name.to_owned());
                true
            }
        }
    }
}

impl Replayed {
    fn count(self, results: &mut Results) {
        let machines = match self.end {
            End::LeftOut => &mut results.others,
            _ => &mut results.machines,
        };
        if let Some(machine) = self.machine {
            *machines.entry(machine).or_default() += 1;
        }
        if self.edited {
            results.edited += 1;
            results.first_edited.get_or_insert_with(|| self.name.clone());
        }
        results.listed.extend(self.listed);
        match self.end {
            End::Same => results.same += 1,
            End::Found(verdict, finding, example) => {
                results.found(verdict, *finding, example.map(|example| *example));
            }
            End::Unusable(message) => results.unusable(self.name, message),
            End::LeftOut => results.left_out += 1,
        }
    }

    /// Its line in the file of `--each`.
    fn line(&self) -> Value {
        let mut members = vec![("file", Value::from(&*self.name))];
        let (outcome, message) = match &self.end {
            End::Same => ("same", None),
            End::Found(verdict, finding, _) => {
                members.push(("kind", finding.kind.as_str().into()));
                (verdict.name(), Some(finding.sentence()))
            }
            End::Unusable(message) => ("unusable", Some(message.clone())),
            End::LeftOut => ("left-out", None),
        };
        members.insert(1, ("outcome", outcome.into()));
        members.extend(message.map(|message| ("message", Value::from(message))));
        Value::object(members)
    }
}

/// The objects of `--object`.
fn objects(arguments: &[String]) -> Result<Objects, String> {
    let mut objects = Objects::default();
    for (bucket, key, body) in exec::objects(arguments)? {
        objects.put(bucket, key, body, Timestamp::EPOCH)?;
    }
    Ok(objects)
}

/// The mocks of a case of a scenario file.
fn fallback(argument: &str) -> Result<Mocks, String> {
    let (path, wanted) = match argument.rsplit_once('#') {
        Some((path, case)) if !Path::new(argument).exists() => (path, Some(case)),
        _ => (argument, None),
    };
    let scenario = Scenario::load(Path::new(path)).map_err(|problems| {
        let shown: String = problems.iter().map(|one| one.render(Style::Plain)).collect();
        format!("the fallback cannot be used\n\n{}", shown.trim_end())
    })?;
    let names = || {
        let names: Vec<String> =
            scenario.cases.iter().map(|case| format!("`{}`", case.name)).collect();
        names.join(", ")
    };
    let case = match (wanted, scenario.cases.as_slice()) {
        (Some(wanted), cases) => cases
            .iter()
            .find(|case| &*case.name == wanted)
            .ok_or_else(|| format!("`{path}` has no case `{wanted}`: it has {}", names()))?,
        (None, [only]) => only,
        (None, _) => {
            return Err(format!(
                "`{path}` has several cases: write `--fallback {path}#CASE` with one of {}",
                names()
            ));
        }
    };
    let mut mocks = Mocks::default();
    for mock in &case.world.mocks {
        mocks.add(mock.machine.as_deref(), &mock.key, mock.mock.clone());
    }
    Ok(mocks)
}

/// The report for people about one execution.
fn text_of(replayed: &Replay, recorded: &History, notes: &[String], style: Style) -> String {
    let mut text = replayed.render(recorded, diff::style(style));
    notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text
}

/// The replay's own report, after the name of the file.
fn value_of(name: &str, replayed: &Replay, recorded: &History, notes: &[String]) -> Value {
    let mut members: Vec<(Arc<str>, Value)> = vec![("file".into(), Value::from(name))];
    if let Value::Object(report) = replayed.to_value(recorded) {
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
