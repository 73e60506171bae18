//! The executions within a recording: the children of its Map Runs, and those that it started.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::source::Loaded;
use super::target::Chosen;
use crate::history::{EventDetails, EventType, History, find};
use crate::recording::{Description, Recorded, RecordedMapRun};
use crate::replay::MapRunInputs;
use crate::value::Value;

/// What hangs on an execution, as it was recorded.
#[derive(Default)]
pub(super) struct Within {
    /// Where it lies, for messages.
    folder: String,
    map_runs: Vec<RecordedMapRun>,
    started: Vec<Recorded>,
    /// How many more there are, whose histories were too large to be held.
    pub passed_over: usize,
}

/// An execution within a recording.
pub(super) struct Inner {
    /// For messages.
    pub name: String,
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
    pub fn of(folder: &str, recorded: &mut Recorded) -> Self {
        Self {
            folder: folder.to_owned(),
            map_runs: std::mem::take(&mut recorded.map_runs),
            started: std::mem::take(&mut recorded.children),
            passed_over: 0,
        }
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
        missing.sum::<usize>().saturating_sub(self.passed_over)
    }

    /// The executions, in the order of their folders; `history` is that of the one around them.
    pub fn executions(self, history: &History) -> Vec<Inner> {
        let Self { folder, map_runs, started, passed_over } = self;
        let inner = |origin: &Origin, folder: &str, recorded: Recorded| Inner {
            name: format!("{folder}/children/{}", recorded.name),
            origin: origin.clone(),
            recorded,
        };
        let mut all: Vec<Inner> =
            started.into_iter().map(|child| inner(&Origin::Started, &folder, child)).collect();
        for run in map_runs {
            let origin = Origin::MapRun(map_state(&run, history));
            let folder = format!("{folder}/map-runs/{}", run.name);
            all.extend(run.children.into_iter().map(|child| inner(&origin, &folder, child)));
        }
        // Those that were passed over are counted.
        all.retain(|child| passed_over == 0 || child.has_history());
        all
    }
}

impl Inner {
    /// Whether there is something to replay.
    pub fn has_history(&self) -> bool {
        !self.recorded.history.is_empty()
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Why it cannot be replayed, with its name.
    pub fn load(mut self, around: &Around<'_>) -> Result<Loaded, String> {
        let within = Within::of(&self.name, &mut self.recorded);
        let Recorded { definition, execution, history, .. } = self.recorded;
        let place = format!("{}/history.json", self.name);
        let (history, notes) =
            History::parse(&history).map_err(|error| super::source::at_place(&place, &error))?;
        let description = execution.as_deref().and_then(|text| Value::parse(text).ok());
        let description = description.as_ref().map(Description::read).unwrap_or_default();
        let machine = match self.origin {
            // The children's own machine is the parent's, with the label of the Map Run behind it.
            Origin::MapRun(_) => around.machine.map(str::to_owned),
            Origin::Started => description.state_machine().map(str::to_owned),
        };
        Ok(Loaded {
            name: self.name,
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
