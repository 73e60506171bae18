//! The replay of one execution, and of those within its recording.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::results::{Example, Results, Verdict};
use super::source::{Item, Loaded, Shard};
use super::target::{Chosen, Target, Targets};
use super::within::{self, Around, Inner, Origin};
use crate::cli::args::{Replay as Arguments, Report};
use crate::cli::{diff, exec, file};
use crate::diagnostic::Style;
use crate::history::{EventDetails, History, Payload, TimestampForm};
use crate::map_run::Objects;
use crate::mock::Mocks;
use crate::replay::{Finding, MapRunInputs, Outcome, Replay, ReplayOptions, replay};
use crate::scenario::Scenario;
use crate::time::Timestamp;
use crate::value::Value;

/// What all executions are replayed with.
pub(super) struct Job<'a> {
    pub targets: Targets,
    options: ReplayOptions,
    input: Option<Value>,
    history_out: Option<&'a Path>,
    pub shard: Option<Shard>,
    style: Style,
    single: bool,
    report: Report,
    /// For each finding the smallest name of those for which an example was made, by verdict.
    examples: [Mutex<HashMap<Finding, String>>; 2],
}

/// What came of one execution, as far as it is still needed: histories are large.
pub(super) struct Replayed {
    name: String,
    machine: Option<String>,
    edited: bool,
    /// Whether only a part of it was replayed.
    partial: bool,
    end: End,
    /// The whole report, of the first executions.
    listed: Option<Value>,
    /// The text about the only execution.
    pub single: Option<String>,
}

enum End {
    Same,
    Found(Verdict, Box<Finding>, Option<Box<Example>>),
    Unusable(String),
    /// No definition was named for its machine.
    LeftOut,
    /// So many executions within a recording cannot be replayed, whatever the definition: why.
    Unseen(&'static str, usize),
}

/// Whose execution is replayed.
enum Whose {
    /// That of the recording.
    Own,
    /// One that another one started.
    Started,
    /// A child of this Map state's run.
    MapRun(Arc<str>),
}

impl<'a> Job<'a> {
    pub fn new(arguments: &'a Arguments, single: bool, style: Style) -> Result<Self, String> {
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
            examples: Default::default(),
        })
    }

    /// Replays an execution and those within its recording; none where it belongs to another part.
    pub fn replay(&self, number: usize, item: Item) -> Vec<Replayed> {
        let mut all = Vec::new();
        if self.shard.is_some_and(|shard| !item.is_of(shard)) {
            return all;
        }
        let name = item.name();
        match item.load() {
            Ok(loaded) => {
                let chosen = self.targets.choose(&loaded);
                self.recorded(number, loaded, chosen, &Whose::Own, &mut all);
            }
            Err(message) => all.push(self.unusable(number, name, message, self.single)),
        }
        all
    }

    /// Replays an execution, and those within.
    fn recorded(
        &self,
        number: usize,
        mut loaded: Loaded,
        chosen: Result<Chosen, String>,
        whose: &Whose,
        all: &mut Vec<Replayed>,
    ) {
        let within = std::mem::take(&mut loaded.within);
        for (why, count) in [
            (within::TOO_LARGE, within.passed_over()),
            (within::NOT_RECORDED, within.not_recorded()),
        ] {
            if count > 0 {
                all.push(Replayed::unseen(&loaded.name, why, count));
            }
        }
        let (machine, other_accounts) = (loaded.machine.clone(), loaded.other_accounts);
        let map_runs = match &chosen {
            Ok(Chosen::Target(_)) => within.map_run_inputs(),
            _ => BTreeMap::new(),
        };
        let inner = within.executions(&loaded.history);
        let (name, single) = (loaded.name.clone(), self.single && matches!(whose, Whose::Own));
        let replayed = match &chosen {
            Ok(Chosen::Target(target)) => self.try_replay(number, loaded, target, whose, map_runs),
            Ok(Chosen::OtherMachine) => Ok(Replayed::left_out(loaded)),
            Err(message) => Err(message.clone()),
        };
        all.push(replayed.unwrap_or_else(|message| self.unusable(number, name, message, single)));
        let (machine, chosen) = (machine.as_deref(), chosen.as_ref().ok());
        let around = Around { machine, other_accounts, chosen };
        for inner in inner {
            // Each that has come counts against how many whole reports are kept.
            self.inner(number.saturating_add(all.len()), inner, &around, all);
        }
    }

    /// Replays an execution that another one started, or whose Map Run did.
    fn inner(&self, number: usize, inner: Inner, around: &Around<'_>, all: &mut Vec<Replayed>) {
        let (name, origin) = (inner.name().to_owned(), inner.origin.clone());
        if let Some((why, count)) = inner.unseen() {
            if count > 0 {
                all.push(Replayed::unseen(&name, why, count));
            }
            return;
        }
        let loaded = match inner.load(around) {
            Ok(loaded) => loaded,
            Err(message) => return all.push(self.unusable(number, name, message, false)),
        };
        let state = match origin {
            Origin::Started if loaded.machine.is_none() => {
                return all.push(Replayed::unseen(&name, within::WITHOUT_MACHINE, 1));
            }
            Origin::Started => {
                let chosen = self.targets.choose_started(&loaded, around.machine);
                return self.recorded(number, loaded, chosen, &Whose::Started, all);
            }
            Origin::MapRun(state) => state,
        };
        match around.chosen {
            // What is wrong with the execution around it is told of that one.
            None => {}
            Some(Chosen::OtherMachine) => all.push(Replayed::left_out(loaded)),
            Some(Chosen::Target(target)) => {
                match state.as_deref().and_then(|state| target.processor(state)) {
                    Some(processor) => {
                        let chosen = Ok(Chosen::Target(Arc::new(processor)));
                        let whose = Whose::MapRun(state.unwrap_or_default());
                        self.recorded(number, loaded, chosen, &whose, all);
                    }
                    None => all.push(self.without_processor(&loaded, state.as_deref())),
                }
            }
        }
    }

    /// A child of a Map Run that the definition does not have.
    fn without_processor(&self, child: &Loaded, state: Option<&str>) -> Replayed {
        let subject = match state {
            Some(state) => format!(
                "`{state}` has no Map Runs in the definition: nobody knows what becomes of their \
                 children"
            ),
            None => "the history does not show which state's Map Run it is a child of".to_owned(),
        };
        let finding = Finding {
            kind: "map-run-children".into(),
            state: state.map(str::to_owned),
            place: String::new(),
            subject: subject.clone(),
            changes: Vec::new(),
        };
        let (verdict, name) = (Verdict::Undecided, &child.name);
        let example = self.is_first(verdict, &finding, name).then(|| {
            let value = Value::object([
                ("file", Value::from(name.as_str())),
                ("outcome", verdict.name().into()),
                ("kind", finding.kind.as_str().into()),
                ("message", subject.as_str().into()),
            ]);
            let text = format!("{}: {subject}\n", verdict.name());
            Box::new(Example { name: name.clone(), text, value })
        });
        Replayed {
            name: name.clone(),
            machine: child.machine.clone(),
            edited: false,
            partial: false,
            end: End::Found(verdict, Box::new(finding), example),
            listed: None,
            single: None,
        }
    }

    fn unusable(&self, number: usize, name: String, message: String, single: bool) -> Replayed {
        let listed = Value::object([
            ("file", Value::from(name.as_str())),
            ("outcome", "unusable".into()),
            ("message", message.as_str().into()),
        ]);
        Replayed {
            machine: None,
            edited: false,
            partial: false,
            listed: self.lists(number).then_some(listed),
            single: single.then(|| format!("unusable: {message}\n")),
            end: End::Unusable(message),
            name,
        }
    }

    fn lists(&self, number: usize) -> bool {
        self.report == Report::Json && Results::lists(number)
    }

    fn try_replay(
        &self,
        number: usize,
        loaded: Loaded,
        target: &Target,
        whose: &Whose,
        map_runs: BTreeMap<Arc<str>, MapRunInputs>,
    ) -> Result<Replayed, String> {
        let Loaded {
            name, history: mut recorded, notes, edited, machine, arn, other_accounts, ..
        } = loaded;
        if let Some(message) = target.foreign(&name, &recorded) {
            return Err(message);
        }
        let mut options = ReplayOptions { map_runs, other_accounts, ..self.options.clone() };
        let own = matches!(whose, Whose::Own);
        if !own {
            // What was said on the command line is said of the execution around.
            (options.start_time, options.execution_arn) = (None, None);
        } else if let Some(input) = &self.input {
            set_input(&mut recorded, input);
        }
        if options.execution_arn.is_none() {
            options.execution_arn = arn.map(Arc::from);
        }
        let replayed = replay(&target.machine, &recorded, &options)
            .map_err(|error| format!("{name}: {error}"))?;
        if let Some(target) = self.history_out.filter(|_| own) {
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
            Some((verdict, mut finding)) => {
                if let Whose::MapRun(state) = whose {
                    finding = finding.within(state);
                }
                let example = self.is_first(verdict, &finding, &name).then(|| {
                    Box::new(Example { name: name.clone(), text: text(), value: whole() })
                });
                End::Found(verdict, Box::new(finding), example)
            }
        };
        let listed = self.lists(number).then(whole);
        let single = (self.single && own).then(text);
        Ok(Replayed { name, machine, edited, partial: replayed.partial, end, listed, single })
    }

    /// Whether an execution is to be the example of its finding: no smaller name was seen.
    fn is_first(&self, verdict: Verdict, finding: &Finding, name: &str) -> bool {
        let examples = &self.examples[verdict as usize];
        let mut examples = examples.lock().unwrap_or_else(PoisonError::into_inner);
        match examples.get_mut(finding) {
            Some(known) if known.as_str() <= name => false,
            Some(known) => {
                name.clone_into(known);
                true
            }
            None => {
                examples.insert(finding.clone(), name.to_owned());
                true
            }
        }
    }
}

impl Replayed {
    fn left_out(loaded: Loaded) -> Self {
        let Loaded { name, machine, .. } = loaded;
        Self::untried(name, machine, End::LeftOut)
    }

    fn unseen(name: &str, why: &'static str, count: usize) -> Self {
        let (name, end) = (name.to_owned(), End::Unseen(why, count));
        Self::untried(name, None, end)
    }

    fn untried(name: String, machine: Option<String>, end: End) -> Self {
        let (edited, partial) = (false, false);
        Self { name, machine, edited, partial, end, listed: None, single: None }
    }

    pub fn count(self, results: &mut Results) {
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
        if self.partial {
            results.partial += 1;
            results.first_partial.get_or_insert_with(|| self.name.clone());
        }
        results.list(self.listed);
        match self.end {
            End::Same => results.same += 1,
            End::Found(verdict, finding, example) => {
                results.found(verdict, *finding, example.map(|example| *example));
            }
            End::Unusable(message) => results.unusable(self.name, message),
            End::LeftOut => results.left_out += 1,
            End::Unseen(why, count) => {
                *results.unseen.entry(why.to_owned()).or_default() += count as u64;
            }
        }
    }

    /// Its line in the file of `--each`.
    pub fn line(&self) -> Value {
        let mut members = vec![("file", Value::from(&*self.name))];
        let (outcome, message) = match &self.end {
            End::Same => ("same", None),
            End::Found(verdict, finding, _) => {
                members.push(("kind", finding.kind.as_str().into()));
                (verdict.name(), Some(finding.sentence()))
            }
            End::Unusable(message) => ("unusable", Some(message.clone())),
            End::LeftOut => ("left-out", None),
            End::Unseen(why, count) => {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                members.push(("executions", count.into()));
                ("not-replayed", Some((*why).to_owned()))
            }
        };
        members.insert(1, ("outcome", outcome.into()));
        if self.partial {
            members.push(("partial", true.into()));
        }
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
