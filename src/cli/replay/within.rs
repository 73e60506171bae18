//! The executions within a recording: the children of its Map Runs, and those that it started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::source::Loaded;
use super::target::Chosen;
use crate::history::{EventDetails, EventType, History, find};
use crate::recording::{self, Description, Recorded, RecordedMapRun};
use crate::replay::MapRunInputs;
use crate::value::Value;

/// What hangs on an execution, as it was recorded.
#[derive(Default)]
pub(super) struct Within {
    place: Place,
    map_runs: Vec<RecordedMapRun>,
    started: Vec<Recorded>,
}

/// Where an execution lies.
#[derive(Clone, Default)]
struct Place {
    /// For messages.
    name: String,
    /// In the recording, with a `/` behind it; empty for the recording's own execution.
    path: String,
    unheld: Arc<Unheld>,
}

/// The files of a recording that are not held.
#[derive(Default)]
pub(super) struct Unheld {
    /// Their paths in it.
    pub files: BTreeSet<String>,
    /// The folder that they can be read from; of a bundle they are passed over.
    pub folder: Option<PathBuf>,
}

impl Place {
    fn of(&self, execution: &str) -> Self {
        Self {
            name: format!("{}/{execution}", self.name),
            path: format!("{}{execution}/", self.path),
            unheld: self.unheld.clone(),
        }
    }

    fn history(&self) -> String {
        format!("{}history.json", self.path)
    }
}

/// An execution within a recording.
pub(super) struct Inner {
    place: Place,
    /// How it came about.
    pub origin: Origin,
    recorded: Recorded,
}

/// What is known of the execution around one.
pub(super) struct Around<'a> {
    /// Its state machine's name.
    pub machine: Option<&'a str>,
    /// Whether the recording's account ids are pseudonyms.
    pub other_accounts: bool,
    /// What it is held against, where that could be found out.
    pub chosen: Option<&'a Chosen>,
}

/// How an execution within a recording came about.
#[derive(Clone)]
pub(super) enum Origin {
    /// A task started it.
    Started,
    /// It is a child of the Map Run of this Map state; `None` where nobody knows the state.
    MapRun(Option<Arc<str>>),
}

/// Why an execution within is not replayed, where that is not its definition's affair.
pub(super) const WITHOUT_HISTORY: &str =
    "no history was recorded of them; the API keeps none of Express executions";
pub(super) const NOT_RECORDED: &str = "they were not recorded: more than `--children`, or refused";
pub(super) const WITHOUT_MACHINE: &str = "nothing says which state machine they are of";
pub(super) const TOO_LARGE: &str =
    "their histories are too large for a bundle to be held together; replay the folder";

impl Within {
    /// Takes what hangs on an execution out of its recording.
    pub fn of(name: &str, recorded: &mut Recorded, unheld: Arc<Unheld>) -> Self {
        Self::at(Place { name: name.to_owned(), path: String::new(), unheld }, recorded)
    }

    fn at(place: Place, recorded: &mut Recorded) -> Self {
        let map_runs = std::mem::take(&mut recorded.map_runs);
        Self { place, map_runs, started: std::mem::take(&mut recorded.children) }
    }

    /// How many executions of the whole recording there are beside those that are held: their
    /// histories were too large.
    pub fn passed_over(&self) -> usize {
        let Unheld { files, folder } = &*self.place.unheld;
        let is_own = self.place.path.is_empty() && folder.is_none();
        let histories = files.iter().filter(|file| is_own && file.ends_with("/history.json"));
        histories.count()
    }

    /// What the children of each Map Run were started with, by the ARN of the run.
    pub fn map_run_inputs(&self) -> BTreeMap<Arc<str>, MapRunInputs> {
        let described = self.map_runs.iter().filter_map(|run| {
            let value = Value::parse(run.map_run.as_deref()?).ok()?;
            let arn = value.get("mapRunArn")?.as_str()?.into();
            let inputs: Vec<Value> = run.children.iter().filter_map(input).collect();
            let succeeded = value.get("status").and_then(Value::as_str) == Some("SUCCEEDED");
            let whole = succeeded && executions(&value) == Some(inputs.len());
            Some((arn, MapRunInputs { inputs, whole }))
        });
        described.collect()
    }

    /// How many children of its Map Runs there were beside those that are recorded here.
    pub fn not_recorded(&self) -> usize {
        let missing = self.map_runs.iter().filter_map(|run| {
            let value = Value::parse(run.map_run.as_deref()?).ok()?;
            Some(executions(&value)?.saturating_sub(run.children.len()))
        });
        missing.sum()
    }

    /// The executions, in the order of their folders; `history` is that of the one around them.
    pub fn executions(self, history: &History) -> Vec<Inner> {
        let Self { place, map_runs, started } = self;
        let inner = |origin: &Origin, place: &Place, recorded: Recorded| Inner {
            place: place.of(&format!("children/{}", recorded.name)),
            origin: origin.clone(),
            recorded,
        };
        let mut all: Vec<Inner> =
            started.into_iter().map(|child| inner(&Origin::Started, &place, child)).collect();
        for run in map_runs {
            let origin = Origin::MapRun(map_state(&run, history));
            let place = place.of(&format!("map-runs/{}", run.name));
            all.extend(run.children.into_iter().map(|child| inner(&origin, &place, child)));
        }
        all
    }
}

impl Inner {
    /// How it is called in messages.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Why it cannot be replayed, where there is no history, and of how many executions that is
    /// so: those within it share its lot. [`Within::passed_over`] has counted some already.
    pub fn unseen(&self) -> Option<(&'static str, usize)> {
        let Unheld { files, folder } = &*self.place.unheld;
        let is_bundle = folder.is_none();
        if !self.recorded.history.is_empty() || self.is_unheld() && !is_bundle {
            return None;
        }
        let path = &self.place.path;
        let below = files.range(path.clone()..).take_while(|file| file.starts_with(path));
        let counted = below.filter(|file| is_bundle && file.ends_with("/history.json")).count();
        let why = if self.is_unheld() { TOO_LARGE } else { WITHOUT_HISTORY };
        Some((why, count(&self.recorded).saturating_sub(counted)))
    }

    fn is_unheld(&self) -> bool {
        self.place.unheld.files.contains(&self.place.history())
    }

    /// The text of its history. One that is not held is read now, so that of a thousand one is in
    /// memory.
    fn history(&mut self) -> Result<String, String> {
        let folder = self.place.unheld.folder.as_ref().filter(|_| self.is_unheld());
        let Some(folder) = folder else { return Ok(std::mem::take(&mut self.recorded.history)) };
        let path = folder.join(self.place.history());
        let shown = path.display().to_string();
        let bytes = fs::read(&path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        recording::text(&shown, bytes).map_err(|error| error.to_string())
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Why it cannot be replayed, with its name.
    pub fn load(mut self, around: &Around<'_>) -> Result<Loaded, String> {
        let text = self.history()?;
        let name = self.place.name.clone();
        let within = Within::at(self.place, &mut self.recorded);
        let Recorded { definition, execution, .. } = self.recorded;
        let place = format!("{name}/history.json");
        let (history, notes) =
            History::parse(&text).map_err(|error| super::source::at_place(&place, &error))?;
        let description = execution.as_deref().and_then(|text| Value::parse(text).ok());
        let description = description.as_ref().map(Description::read).unwrap_or_default();
        let machine = match self.origin {
            // The children's own machine is the parent's, with the label of the Map Run behind it.
            Origin::MapRun(_) => around.machine.map(str::to_owned),
            Origin::Started => description.state_machine().map(str::to_owned),
        };
        Ok(Loaded {
            name,
            history,
            notes: notes.iter().map(ToString::to_string).collect(),
            edited: false,
            machine,
            arn: description.arn,
            definition,
            express: false,
            other_accounts: around.other_accounts,
            within,
        })
    }
}

/// How many executions these are: one, and those within it.
fn count(recorded: &Recorded) -> usize {
    let of_runs = recorded.map_runs.iter().flat_map(|run| &run.children);
    1 + recorded.children.iter().chain(of_runs).map(count).sum::<usize>()
}

/// How many child executions a Map Run had, as DescribeMapRun says.
fn executions(map_run: &Value) -> Option<usize> {
    usize::try_from(map_run.get("executionCounts")?.get("total")?.as_i64()?).ok()
}

/// What DescribeExecution says that an execution was started with.
fn input(recorded: &Recorded) -> Option<Value> {
    let execution = Value::parse(recorded.execution.as_deref()?).ok()?;
    Value::parse(execution.get("input")?.as_str()?).ok()
}

/// The Map state that had a run, by the history of its execution.
fn map_state(run: &RecordedMapRun, history: &History) -> Option<Arc<str>> {
    // The names of folders lack characters that some file systems do not take.
    let same = |arn: &str| {
        let last = arn.rsplit('/').next().unwrap_or(arn);
        last.replace(':', "_") == run.name.replace(':', "_")
    };
    let mut started = history.events.iter();
    let mut event = started.find(|event| {
        event.event_type == EventType::MapRunStarted
            && matches!(&event.details, EventDetails::MapRunStarted { map_run_arn } if same(map_run_arn))
    })?;
    while !event.event_type.is_state_entered() {
        event = &history.events[find(&history.events, event.previous_event_id)?];
    }
    event.state_name().cloned()
}
