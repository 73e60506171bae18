//! Answers for calls that the recording does not have: mocks of somebody's who knows.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::asl::{ProcessorMode, StateKind, StateMachine, States};
use crate::engine::{FailureStage, Input, MapRunRequest, TaskRequest};
use crate::history::HistoryEvent;
use crate::mock::{BoundMocks, Heartbeats, MockError, Mocks, Plan, Resolved, Unresolved};
use crate::time::Timestamp;

/// Mocks for states that a recording has not seen, ready for one replay.
pub(super) struct Fallback {
    mocks: BoundMocks,
    machine: Arc<str>,
}

/// A call that a mock answers.
#[derive(Debug)]
pub(super) struct Mocked {
    /// What the execution hears of it, and when.
    pub next: VecDeque<(Timestamp, Input)>,
    /// Whether heartbeats come until the end, so that none is missed.
    pub beats: bool,
}

impl Fallback {
    pub fn new(
        mocks: &Mocks,
        name: &Arc<str>,
        machine: &Arc<StateMachine>,
    ) -> Result<Self, MockError> {
        let mocks = mocks.bind(&[(name.clone(), machine.clone())])?;
        Ok(Self { mocks, machine: name.clone() })
    }

    /// The answer to a call; `None` where there is no mock for it.
    pub fn answer(
        &mut self,
        now: Timestamp,
        request: &TaskRequest,
    ) -> Result<Option<Mocked>, String> {
        let plan = match self.mocks.resolve(0, &self.machine, request) {
            Ok(Resolved { answer, .. }) => Plan::of(&answer, request)?,
            Err(Unresolved::NoMock) => return Ok(None),
            Err(Unresolved::NoAnswer { key }) => {
                return Err(format!("no answer of the mock `{key}` is for this call"));
            }
            Err(Unresolved::UnknownFault { key, fault }) => {
                return Err(format!("the mock `{key}`: there is no fault `{fault}`"));
            }
        };
        let course = plan.course(request);
        let end = now + i64::try_from(course.delay.as_millis()).unwrap_or(i64::MAX / 4);
        let mut next: VecDeque<_> = course.first.map(|first| (now, first)).into_iter().collect();
        next.extend(course.end.map(|input| (end, input)));
        let beats = matches!(course.heartbeats, Some(Heartbeats { count: None, .. }));
        Ok(Some(Mocked { next, beats }))
    }

    /// The answer to a Map Run as a whole: a mock of the Map state.
    pub fn map_run(
        &mut self,
        now: Timestamp,
        request: &MapRunRequest,
    ) -> Result<Option<Mocked>, String> {
        let Some(mut mocked) = self.answer(now, &request.as_task())? else { return Ok(None) };
        let ends = |input: Input| match input {
            Input::TaskSucceeded { task, output } => {
                Some(Input::MapRunEnded { task, outcome: Ok(output) })
            }
            Input::TaskFailed { task, stage: FailureStage::Run, failure } => {
                Some(Input::MapRunEnded { task, outcome: Err(failure) })
            }
            _ => None,
        };
        mocked.next =
            mocked.next.into_iter().filter_map(|(at, input)| Some((at, ends(input)?))).collect();
        Ok(Some(mocked))
    }
}

/// The Task states, and Map states with runs, of a machine that a recording never enters.
pub(super) fn new_states(machine: &StateMachine, events: &[HistoryEvent]) -> BTreeSet<Arc<str>> {
    let mut names = BTreeSet::new();
    calling(&machine.states, &mut names);
    for event in events.iter().filter(|event| event.event_type.is_state_entered()) {
        if let Some(name) = event.state_name() {
            names.remove(name);
        }
    }
    names
}

fn calling(states: &States, names: &mut BTreeSet<Arc<str>>) {
    for state in states.iter() {
        let calls = match &state.kind {
            StateKind::Task(_) => true,
            StateKind::Map(map) => map.mode != ProcessorMode::Inline,
            _ => false,
        };
        if calls {
            names.insert(state.name.clone());
        }
        state.levels().into_iter().for_each(|level| calling(level, names));
    }
}
