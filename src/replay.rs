//! Replays a recorded execution against a definition.
//!
//! The interpreter runs the definition; what came from outside in the recording (the answers of
//! tasks, of Map Runs, a stop) is fed back to it at the place and in the order in which it came.
//! Then both histories are compared. Nothing else of the recording reaches the interpreter, so
//! whatever the definition decides by itself is decided anew.
//!
//! ```
//! use std::sync::Arc;
//!
//! use serde_json::json;
//! use stepproof::history::Style;
//! use stepproof::mock::Mock;
//! use stepproof::replay::{ReplayOptions, replay};
//! use stepproof::sim::Simulation;
//!
//! let definition = r#"{"StartAt": "Charge", "States": {"Charge": {"Type": "Task",
//!     "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"amount.$": "$.amount"},
//!     "ResultPath": "$.receipt", "End": true}}}"#;
//! // In real life the recording comes from `aws stepfunctions get-execution-history`.
//! let recorded = Simulation::parse(definition)?
//!     .input(json!({"amount": 5}))
//!     .mock("Charge", Mock::returns(json!("r-1")))
//!     .run()?
//!     .history()
//!     .clone();
//!
//! let changed = definition.replace("$.receipt", "$.paid");
//! let (machine, _) = stepproof::asl::parse_text("changed.json", &changed);
//! let machine = Arc::new(machine.expect("the definition is valid"));
//! let replay = replay(&machine, &recorded, &ReplayOptions::default())?;
//! assert!(!replay.is_same());
//! let text = replay.render(&recorded, Style::Plain);
//! assert!(text.starts_with(
//!     "diverged: `Charge` has another output at $.receipt: recorded \"r-1\", replayed nothing"
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod doubt;
mod driver;
mod fallback;
mod group;
mod map_run;
mod progress;
mod report;
mod timing;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::asl::{ExecutionType, StateMachine};
use crate::engine::{Execution, Start};
use crate::history::{
    Diff, DiffOptions, Difference, DifferenceKind, EventDetails, EventId, EventType, History,
    HistoryEvent, MemberDifference, Rule, index_of,
};
use crate::limits::Limits;
use crate::map_run::Objects;
use crate::mock::{MockError, Mocks};
use crate::time::Timestamp;
use crate::value::Value;

pub use doubt::{Reason, Undecided};
pub use group::{Change, Finding};
pub use map_run::MapRunInputs;
pub use report::{Divergence, DivergenceKind};

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// When the execution starts; by default when the recording did, and if that is unknown
    /// 2024-01-01T00:00:00Z.
    pub start_time: Option<Timestamp>,
    /// The execution's ARN, which a history does not show: `$$.Execution.Id` and, from it,
    /// `$$.Execution.Name` and `$$.StateMachine`. Without it they are made up, and may differ.
    pub execution_arn: Option<Arc<str>>,
    /// The service's limits.
    pub limits: Limits,
    /// Whether the wording of causes must be the recorded one.
    pub causes: bool,
    /// The virtual S3 that a distributed Map's ItemReader reads from.
    pub objects: Objects,
    /// Whether the result of a Map Run that cannot be computed anew may be taken from what its
    /// state gave out in the recording. The child executions are not part of a history.
    pub map_results_from_output: bool,
    /// Mocks for calls that the recording has no answer to: of states that it has not seen, or of
    /// attempts that were not made. A Task state that the recording never enters and a mock
    /// answers is then no difference by itself.
    pub fallback: Option<Arc<Mocks>>,
    /// What the children of Map Runs were started with, by the runs' ARNs: no history shows it.
    /// Those of other runs are not compared.
    pub map_runs: BTreeMap<Arc<str>, MapRunInputs>,
    /// Whether account ids in the recording are pseudonyms: then each may stand for one account
    /// that the definition names, the same throughout.
    pub other_accounts: bool,
}

/// A replayed execution.
#[derive(Debug)]
pub struct Replay {
    /// Whether it did as recorded.
    pub outcome: Outcome,
    /// What the definition did, as far as the recording can tell.
    pub history: History,
    /// What the reader of the outcome should know.
    pub notes: Vec<String>,
    /// Whether the outcome is of a part of the execution: the recording goes on after a redrive,
    /// which is not replayed, or ends before the execution did.
    pub partial: bool,
}

/// Whether a definition did what the recording says.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It did.
    Same,
    /// It did something else.
    Diverged(Divergence),
    /// The recording does not hold what a verdict needs.
    Undecided(Undecided),
}

/// A recording that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The history was asked for without data.
    #[error(
        "the recording has no data: save it again, without `--no-include-execution-data`, so that \
         inputs and outputs are in it"
    )]
    WithoutData,
    /// There is nothing to start from.
    #[error("the recording does not start with ExecutionStarted and its details")]
    WithoutStart,
    /// A page in the middle is not there.
    #[error(
        "the recording lacks the events between {after} and {before}: join every page of \
         `get-execution-history`"
    )]
    MissingEvents {
        /// The last event before the gap.
        after: EventId,
        /// The first event behind it.
        before: EventId,
    },
    /// A mock of the fallback fits no machine, or names a fault that does not exist.
    #[error("the fallback cannot be used: {0}")]
    Fallback(#[from] MockError),
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            start_time: None,
            execution_arn: None,
            limits: Limits::today(),
            causes: true,
            objects: Objects::default(),
            map_results_from_output: true,
            fallback: None,
            map_runs: BTreeMap::new(),
            other_accounts: false,
        }
    }
}

impl ReplayOptions {
    /// What may differ between a recording and its replay.
    fn rules(&self) -> Vec<Rule> {
        let mut rules = vec![Rule::Uuids, Rule::Timestamps];
        rules.extend(self.other_accounts.then_some(Rule::Accounts));
        rules
    }
}

/// Replays a recording against a definition.
///
/// # Errors
///
/// When the recording does not hold what a replay needs.
pub fn replay(
    machine: &Arc<StateMachine>,
    recorded: &History,
    options: &ReplayOptions,
) -> Result<Replay, ReplayError> {
    // Where the ids of events are lost (they are 0), so is what is missing among them.
    let hole = |pair: &&[HistoryEvent]| pair[0].id > 0 && pair[1].id > pair[0].id + 1;
    if let Some(pair) = recorded.events.windows(2).find(hole) {
        return Err(ReplayError::MissingEvents { after: pair[0].id, before: pair[1].id });
    }
    let redriven = |event: &HistoryEvent| event.event_type == EventType::ExecutionRedriven;
    if let Some(at) = recorded.events.iter().position(redriven) {
        let before = History { events: recorded.events[..at].to_vec() };
        let mut replay = replay(machine, &before, options)?;
        replay.notes.push("the recording goes on after a redrive, which is not replayed".into());
        replay.partial = true;
        return Ok(replay);
    }
    let start = start(recorded, options)?;
    // Texts that the history does not show, and that were made up in their place.
    let mut made_up = Vec::new();
    if &*start.name == EXECUTION_NAME {
        made_up.extend([start.arn.clone(), start.name.clone()]);
    }
    if &*start.state_machine_name == MACHINE_NAME {
        made_up.extend([start.state_machine_arn.clone(), start.state_machine_name.clone()]);
    }
    let recorded_start = recorded.events.first().and_then(|event| event.timestamp);
    let now = options.start_time.or(recorded_start).unwrap_or(DEFAULT_START);
    let mocks = options.fallback.as_deref();
    let fallback = mocks
        .map(|mocks| fallback::Fallback::new(mocks, &start.state_machine_name, machine))
        .transpose()?;
    let execution = Execution::start(now, machine.clone(), start);
    let mut driver = driver::Driver::new(execution, recorded, machine, options, fallback);
    let end = driver.run();
    let driver::Produced { mut history, inserted, generated: mut texts, mut notes, doubts, inputs } =
        driver.finish();
    if let (Some(recorded), Some(first)) = (recorded.events.first(), history.events.first_mut()) {
        // What it was started with comes from the recording, also where that lacks the role.
        first.details = recorded.details.clone();
    }
    texts.extend(made_up);
    let mut diff = if inserted.contains(&true) {
        notes.push(inserted_states(&history, &inserted));
        compare_without(recorded, &history, &inserted, texts, options)
    } else {
        compare(recorded, &history, texts, options)
    };
    timing::forgive(&mut diff);
    for inputs in inputs {
        other_inputs(&mut diff, inputs, options);
    }
    let outcome = match Divergence::find(diff, recorded, &history, &end) {
        Some(divergence) => match undecided(&divergence, &doubts, options) {
            Some(undecided) => Outcome::Undecided(undecided),
            None => {
                if RANDOM.iter().any(|name| machine.source.contains(name)) {
                    notes.push("the definition draws random numbers, which a history lacks".into());
                }
                Outcome::Diverged(divergence)
            }
        },
        None => match doubts.iter().find(|doubt| doubt.by_itself) {
            Some(doubt) => Outcome::Undecided(doubt.into()),
            None => Outcome::Same,
        },
    };
    let partial = recorded.events.last().is_some_and(|last| !last.event_type.is_terminal());
    Ok(Replay { outcome, history, notes, partial })
}

/// Compares without regard to what nobody can foresee: texts that were made up for the replay.
fn compare(
    recorded: &History,
    produced: &History,
    generated: Vec<Arc<str>>,
    options: &ReplayOptions,
) -> Diff {
    // Links are the interpreter's affair, and AWS has changed one of them.
    let options = DiffOptions {
        causes: options.causes,
        links: false,
        rules: options.rules(),
        fixed: true,
        generated,
        ..DiffOptions::default()
    };
    Diff::new(recorded, produced, &options)
}

/// Adds to a comparison that a Map Run's children have other inputs.
fn other_inputs(diff: &mut Diff, inputs: driver::ChildInputs, options: &ReplayOptions) {
    let driver::ChildInputs { recorded, produced, place, state, differ: (before, now) } = inputs;
    let members = match (before, now) {
        (Some(before), Some(now)) => {
            let entered = |input: Value| {
                let details =
                    EventDetails::StateEntered { name: state.clone(), input: input.into() };
                let event_type = EventType::MapStateEntered;
                let event = HistoryEvent {
                    id: 1,
                    previous_event_id: 0,
                    timestamp: None,
                    event_type,
                    details,
                };
                History { events: vec![event] }
            };
            let diff = compare(&entered(before), &entered(now), Vec::new(), options);
            let kinds = diff.differences.into_iter().map(|difference| difference.kind);
            kinds
                .filter_map(|kind| match kind {
                    DifferenceKind::Details(members) => Some(members),
                    _ => None,
                })
                .flatten()
                .collect()
        }
        (expected, actual) => {
            vec![MemberDifference { member: "input", path: "$".into(), expected, actual }]
        }
    };
    if members.is_empty() {
        return;
    }
    let behind = |other: &Difference| other.expected.is_some_and(|at| at > recorded);
    let at = diff.differences.iter().position(behind).unwrap_or(diff.differences.len());
    let difference = Difference {
        place,
        state: Some(state),
        expected: Some(recorded),
        actual: Some(produced),
        kind: DifferenceKind::Details(members),
    };
    diff.differences.insert(at, difference);
}

/// Why a divergence may be none: it rests on something that nobody knows.
fn undecided(
    divergence: &Divergence,
    doubts: &[doubt::Doubt],
    options: &ReplayOptions,
) -> Option<Undecided> {
    let first = divergence.diff.differences.first();
    let mut doubts = doubts.iter();
    if let Some(doubt) = doubts.find(|doubt| first.is_none_or(|first| doubt.explains(first))) {
        return Some(doubt.into());
    }
    if divergence.kind != DivergenceKind::TaskNotRecorded {
        return None;
    }
    let help = match (&options.fallback, &divergence.state) {
        (Some(_), Some(state)) => format!("; add a mock for `{state}` to the fallback"),
        (None, Some(state)) => format!("; a fallback with a mock for `{state}` would give one"),
        (_, None) => String::new(),
    };
    Some(Undecided {
        reason: Reason::NoAnswer,
        state: divergence.state.clone(),
        message: format!("{}{help}", divergence.message),
        general: divergence.message.clone(),
    })
}

/// What to say about the states that the fallback answers.
fn inserted_states(history: &History, inserted: &[bool]) -> String {
    let events = history.events.iter().zip(inserted).filter(|(_, inserted)| **inserted);
    let entered = events.filter(|(event, _)| event.event_type.is_state_entered());
    let mut names: Vec<&str> = Vec::new();
    for name in entered.filter_map(|(event, _)| event.state_name()) {
        if !names.contains(&&**name) {
            names.push(name);
        }
    }
    format!("new, and not compared: `{}`", names.join("`, `"))
}

/// Compares what is left of the produced history without the events that were inserted.
fn compare_without(
    recorded: &History,
    produced: &History,
    inserted: &[bool],
    generated: Vec<Arc<str>>,
    options: &ReplayOptions,
) -> Diff {
    let kept: Vec<usize> =
        (0..produced.events.len()).filter(|index| inserted.get(*index) != Some(&true)).collect();
    // For each produced event its id among those that are kept, or that of the event before it.
    let mut ids: Vec<u64> = Vec::with_capacity(produced.events.len());
    let mut last = 0;
    let mut events = Vec::with_capacity(kept.len());
    for (index, event) in produced.events.iter().enumerate() {
        let previous = match event.previous_event_id {
            0 => 0,
            id => ids.get(index_of(id)).copied().unwrap_or(0),
        };
        if inserted.get(index) == Some(&true) {
            ids.push(previous);
            continue;
        }
        last += 1;
        ids.push(last);
        events.push(HistoryEvent { id: last, previous_event_id: previous, ..event.clone() });
    }
    let mut diff = compare(recorded, &History { events }, generated, options);
    for difference in &mut diff.differences {
        difference.actual = difference.actual.map(|index| kept[index]);
        if let DifferenceKind::Link { actual, .. } = &mut difference.kind {
            *actual = kept.get(index_of(*actual)).map_or(0, |index| *index as u64 + 1);
        }
    }
    diff
}

/// What the recorded execution was started with, as far as its history shows.
fn start(recorded: &History, options: &ReplayOptions) -> Result<Start, ReplayError> {
    let Some(HistoryEvent { details: EventDetails::ExecutionStarted(started), .. }) =
        recorded.events.first()
    else {
        return Err(ReplayError::WithoutStart);
    };
    let input = started.input.to_value().ok_or(ReplayError::WithoutData)?;
    let region = recorded.events.iter().find_map(|event| match &event.details {
        EventDetails::TaskScheduled(details) => Some(details.region.clone()),
        _ => None,
    });
    let field = |text: &Option<Arc<str>>, index: usize| {
        let field = text.as_ref()?.split(':').nth(index).filter(|field| !field.is_empty());
        field.map(Arc::<str>::from)
    };
    let own = &options.execution_arn;
    let (version, alias) = (&started.state_machine_version_arn, &started.state_machine_alias_arn);
    let near = [own, version, alias].into_iter().find(|arn| arn.is_some()).unwrap_or(&None);
    let region = region.or_else(|| field(near, 3)).unwrap_or_else(|| "us-east-1".into());
    let account = field(near, 4).or_else(|| field(&started.role_arn, 4));
    let account = account.unwrap_or_else(|| "123456789012".into());
    let machine = field(near, 6).unwrap_or_else(|| MACHINE_NAME.into());
    let name = field(own, 7).unwrap_or_else(|| EXECUTION_NAME.into());
    let arn = |kind: &str, rest: &str| -> Arc<str> {
        format!("arn:aws:states:{region}:{account}:{kind}:{rest}").into()
    };
    let state_machine_arn = arn("stateMachine", &machine);
    let execution_arn =
        own.clone().unwrap_or_else(|| arn("execution", &format!("{machine}:{name}")));
    Ok(Start {
        arn: execution_arn,
        name,
        state_machine_arn,
        state_machine_name: machine,
        state_machine_version_arn: started.state_machine_version_arn.clone(),
        state_machine_alias_arn: started.state_machine_alias_arn.clone(),
        role_arn: started.role_arn.clone().unwrap_or_default(),
        region,
        execution_type: ExecutionType::Standard,
        synchronous: false,
        input,
        seed: 0,
        interleaving: None,
        limits: options.limits.into(),
    })
}

const EXECUTION_NAME: &str = "00000000-0000-4000-8000-000000000000";
/// A name that no data holds by chance, and without the characters at which names are split.
const MACHINE_NAME: &str = "replayed";

/// Functions whose results differ from run to run.
const RANDOM: [&str; 2] = ["States.MathRandom", "$random"];

/// 2024-01-01T00:00:00Z.
const DEFAULT_START: Timestamp = Timestamp(1_704_067_200_000);

#[cfg(test)]
mod tests;
