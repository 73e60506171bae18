//! What an execution did, in the terms of expectations: each entry of a state with its data.

use crate::engine::ExecutionStatus;
use crate::history::{EventDetails, Payload, Threads};
use crate::scenario::Status;
use crate::sim;
use crate::value::{Map, Value};

/// What an execution did.
#[derive(Debug)]
pub(super) struct Observed<'r> {
    pub(super) run: &'r sim::Run,
    pub(super) status: Status,
    /// The states entered, in order.
    pub(super) visits: Vec<Visit>,
    /// For each event the place of the state it belongs to; empty where it belongs to none.
    pub(super) event_places: Vec<String>,
}

/// One entry of a state.
#[derive(Debug)]
pub(super) struct Visit {
    /// The state with the branches and iterations around it: `Map[2]/Charge`.
    pub(super) place: String,
    /// Whether it stands at the top level.
    pub(super) top: bool,
    pub(super) input: Option<Value>,
    pub(super) output: Option<Value>,
    pub(super) assigned: Option<Value>,
}

impl<'r> Observed<'r> {
    pub(super) fn new(run: &'r sim::Run) -> Self {
        let (visits, event_places) = visits(run);
        Self { run, status: status(run.status()), visits, event_places }
    }

    /// Virtual milliseconds from start to end.
    pub(super) fn duration_ms(&self) -> i64 {
        i64::try_from(self.run.duration().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Scenarios have the API's words too.
pub(super) fn status(status: ExecutionStatus) -> Status {
    match status {
        ExecutionStatus::Running => Status::Running,
        ExecutionStatus::Succeeded => Status::Succeeded,
        ExecutionStatus::Failed => Status::Failed,
        ExecutionStatus::TimedOut => Status::TimedOut,
        ExecutionStatus::Aborted => Status::Aborted,
    }
}

/// The states entered, and for each event the place of the state it belongs to.
fn visits(run: &sim::Run) -> (Vec<Visit>, Vec<String>) {
    let events = &run.history().events;
    let threads = Threads::new(events);
    let mut visits: Vec<Visit> = run
        .steps()
        .iter()
        .map(|step| Visit {
            place: step.to_string(),
            top: step.place.is_top(),
            input: None,
            output: None,
            assigned: None,
        })
        .collect();
    let mut places: Vec<String> = Vec::with_capacity(events.len());
    let mut entered = 0..visits.len();
    // The visit that each line of control is in.
    let mut open: Vec<Option<usize>> = vec![None; threads.threads.len()];
    for (i, event) in events.iter().enumerate() {
        let (thread, _) = threads.place(i);
        if let EventDetails::StateEntered { input, .. } = &event.details {
            open[thread] = entered.next();
            if let Some(visit) = open[thread] {
                visits[visit].input = value(input);
            }
        }
        if let (EventDetails::StateExited { output, assigned_variables, .. }, Some(visit)) =
            (&event.details, open[thread])
        {
            visits[visit].output = value(output);
            visits[visit].assigned = assigned_variables.as_ref().map(|variables| {
                let members = variables.iter();
                let members =
                    members.map(|(name, set)| (name.clone(), value(set).unwrap_or_default()));
                Value::from(members.collect::<Map>())
            });
        }
        let own = match event.event_type.is_terminal() {
            true => None,
            // Events of an iteration before its first state belong to the Map around it.
            false => open[thread].or_else(|| {
                let (parent, _) = threads.threads[thread].parent?;
                open[parent]
            }),
        };
        places.push(own.map(|visit| visits[visit].place.clone()).unwrap_or_default());
        if event.event_type.is_state_exited() {
            open[thread] = None;
        }
    }
    (visits, places)
}

/// The value of a payload: its text where that is no JSON.
fn value(payload: &Payload) -> Option<Value> {
    payload.to_value()
}
