//! The path of an execution: the states it entered, each with its place.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::asl::{StateKind, StateMachine, States};
use crate::engine::Place;
use crate::history::{EventDetails, EventId, EventType, HistoryEvent};

/// A state that was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event that says so.
    pub event: EventId,
    /// The branches and iterations around it.
    pub place: Place,
    /// The state.
    pub state: Arc<str>,
}

/// `Charge`, `Map[2]/Notify`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_top() {
            write!(f, "{}/", self.place)?;
        }
        f.write_str(&self.state)
    }
}

/// What stands around a state, outermost first: a Parallel with the branch, or a Map.
type Around = Vec<(Arc<str>, Option<u32>)>;

/// The states entered. Branches are told from the definition, since names are unique in it;
/// iterations from the links of the events.
pub(super) fn steps(machine: &StateMachine, events: &[HistoryEvent]) -> Vec<Step> {
    let mut around = HashMap::default();
    survey(&machine.states, &Vec::new(), &mut around);
    let mut places: Vec<Place> = vec![Place::default(); events.len() + 1];
    let mut steps = Vec::new();
    for event in events {
        let before = places.get(event.previous_event_id as usize).cloned().unwrap_or_default();
        let place = match (&event.details, event.event_type) {
            (EventDetails::MapIteration { name, index }, EventType::MapIterationStarted) => {
                outside(&around, name, before).inner(name.clone(), *index as u32)
            }
            (EventDetails::MapIteration { name, .. }, _)
            | (EventDetails::StateExited { name, .. }, _) => outside(&around, name, before),
            (EventDetails::StateEntered { name, .. }, _) => {
                let place = outside(&around, name, before);
                steps.push(Step { event: event.id, place: place.clone(), state: name.clone() });
                place
            }
            _ => before,
        };
        if let Some(slot) = places.get_mut(event.id as usize) {
            *slot = place;
        }
    }
    steps
}

/// The place of state `name`, which follows an event at `before`: as many levels as the definition
/// says, with the iterations of `before`.
fn outside(
    around: &HashMap<Arc<str>, Around, BuildHasherDefault<FxHasher>>,
    name: &str,
    before: Place,
) -> Place {
    let Some(around) = around.get(name) else { return before };
    let segments = before.segments();
    let same = segments.len() == around.len()
        && around.iter().zip(&segments).all(|((state, branch), (own, index))| {
            **state == **own && branch.is_none_or(|branch| branch == *index)
        });
    if same {
        return before;
    }
    let mut place = Place::default();
    for (level, (state, branch)) in around.iter().enumerate() {
        let index = branch.or_else(|| segments.get(level).map(|(_, index)| *index));
        place = place.inner(state.clone(), index.unwrap_or_default());
    }
    place
}

fn survey(
    level: &States,
    outer: &Around,
    around: &mut HashMap<Arc<str>, Around, BuildHasherDefault<FxHasher>>,
) {
    for state in level.iter() {
        around.insert(state.name.clone(), outer.clone());
        for (i, inner) in state.levels().into_iter().enumerate() {
            let branch = match &state.kind {
                StateKind::Parallel(_) => Some(i as u32),
                _ => None,
            };
            let mut outer = outer.clone();
            outer.push((state.name.clone(), branch));
            survey(inner, &outer, around);
        }
    }
}
