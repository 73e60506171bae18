//! Finding the answer to a call: the most specific key, then the right answer of its list.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::{Answer, Counting, Fault, Mock, MockError, MockKey, Outcome, Source, TaskCall};
use crate::asl::{StateKind, StateMachine, States};
use crate::engine::TaskRequest;
use crate::value::Value;

/// The mocks of a simulation, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Mocks {
    entries: Vec<Added>,
}

#[derive(Clone, Debug)]
struct Added {
    machine: Option<Arc<str>>,
    key: Box<str>,
    mock: Mock,
    /// The worker that gives the answers, where the key is the name of an activity.
    worker: Option<usize>,
}

/// Mocks made ready for the state machines of one run: keys read, and sorted by state.
#[derive(Debug)]
pub(crate) struct BoundMocks {
    entries: Vec<Entry>,
    /// By machine, then by state: entries that may answer, the most specific first.
    machines: Vec<Candidates>,
    /// The names of all states of all machines.
    states: HashSet<Arc<str>, BuildHasherDefault<FxHasher>>,
}

/// By state: indexes of entries.
type Candidates = HashMap<Arc<str>, Box<[usize]>, BuildHasherDefault<FxHasher>>;

#[derive(Debug)]
struct Entry {
    key: MockKey,
    /// The machine whose states the key names; a resource is one of every machine.
    machine: Option<Arc<str>>,
    mock: Mock,
    worker: Option<usize>,
    used: bool,
    /// Calls so far, by state: a resource key may answer for several.
    invocations: Vec<(Arc<str>, u32)>,
    /// How often each answer was given, where invocations are counted.
    served: Vec<u32>,
}

/// The answer to a call, and the key that gave it.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// The key.
    pub key: &'a MockKey,
    /// The answer.
    pub answer: Cow<'a, Answer>,
    /// The scripted worker that gives it.
    pub(crate) worker: Option<usize>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// No key matches.
    NoMock,
    /// A key matches, but none of its answers' `when`.
    NoAnswer {
        /// The key.
        key: String,
    },
    /// The mock names a fault that does not exist.
    UnknownFault {
        /// The key.
        key: String,
        /// The fault.
        fault: String,
    },
}

/// A mock that no call used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedMock {
    /// Its key, as it was written.
    pub key: String,
    /// The nested state machine it was given for; `None` for the one under test.
    pub machine: Option<String>,
    /// What may be the matter: `no state is called …, did you mean …?`
    pub hint: Option<String>,
}

impl fmt::Display for UnusedMock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mock `{}` was not used", self.key)?;
        self.machine.iter().try_for_each(|machine| write!(f, " by `{machine}`"))?;
        self.hint.iter().try_for_each(|hint| write!(f, ": {hint}"))
    }
}

impl Mocks {
    /// Adds a mock. `machine` is the nested state machine whose states the key names, `None` the
    /// one under test. Of two equal keys the later one counts.
    pub fn add(&mut self, machine: Option<&str>, key: &str, mock: Mock) {
        self.entries.retain(|own| {
            own.worker.is_some() || (own.machine.as_deref(), &*own.key) != (machine, key)
        });
        let machine = machine.map(Into::into);
        self.entries.push(Added { machine, key: key.into(), mock, worker: None });
    }

    /// Adds the answers of a worker, for the tasks of an activity. One without answers never asks.
    pub(crate) fn add_worker(&mut self, worker: usize, activity: &str, mock: Mock) {
        if matches!(&mock.source, Source::Answers(answers) if answers.is_empty()) {
            return;
        }
        let key = activity.into();
        self.entries.push(Added { machine: None, key, mock, worker: Some(worker) });
    }

    /// Makes the mocks ready for a run; the first machine is the one under test.
    pub(crate) fn bind(
        &self,
        machines: &[(Arc<str>, Arc<StateMachine>)],
    ) -> Result<BoundMocks, MockError> {
        let names: Vec<Vec<&Arc<str>>> =
            machines.iter().map(|(_, machine)| state_names(&machine.states)).collect();
        let mut entries = Vec::with_capacity(self.entries.len());
        for Added { machine: scope, key: text, mock, worker } in &self.entries {
            let error = |message| MockError { path: format!("$['{text}']"), message };
            let is_state = |name: &str| names.iter().flatten().any(|state| ***state == *name);
            let key = match worker {
                Some(_) => MockKey::activity(text),
                None => MockKey::parse(text, is_state).map_err(error)?,
            };
            if let Some(name) = mock.unknown_fault() {
                return Err(error(unknown_fault(name)));
            }
            let machine = match (key.machine(), scope) {
                (Some(machine), _) => Some(Arc::from(machine)),
                (None, Some(scope)) => Some(scope.clone()),
                (None, None) => machines.first().map(|(name, _)| name.clone()),
            };
            let machine = machine.filter(|_| key.state().is_some() || scope.is_some());
            let served = vec![0; mock.len()];
            let mock = mock.clone();
            let invocations = Vec::new();
            let (worker, used) = (*worker, false);
            entries.push(Entry { key, machine, mock, worker, used, invocations, served });
        }
        let machines =
            machines.iter().map(|(name, machine)| index(&entries, name, machine)).collect();
        let states = names.into_iter().flatten().cloned().collect();
        Ok(BoundMocks { entries, machines, states })
    }
}

impl BoundMocks {
    /// The answer to a task of machine `machine`, counted from zero in the order of binding.
    pub(crate) fn resolve(
        &mut self,
        machine: usize,
        machine_name: &str,
        request: &TaskRequest,
    ) -> Result<Resolved<'_>, Unresolved> {
        let candidates = self.machines.get(machine).and_then(|states| states.get(&request.state));
        let found = candidates.and_then(|candidates| {
            candidates.iter().copied().find(|i| self.entries[*i].key.covers(&request.place))
        });
        let Some(found) = found else { return Err(Unresolved::NoMock) };
        let entry = &mut self.entries[found];
        entry.used = true;
        let call = TaskCall {
            machine: machine_name,
            state: &request.state,
            place: &request.place,
            resource: &request.resource,
            arguments: &request.arguments,
            credentials: request.credentials.as_ref(),
            task_token: request.task_token.as_deref(),
            attempt: request.attempt,
            invocation: entry.count(&request.state),
        };
        let answer = match &entry.mock.source {
            Source::Function(function) => Cow::Owned(function(&call)),
            Source::Answers(answers) => {
                let chosen = choose(answers, entry.mock.counting, &call, &mut entry.served);
                let Some(chosen) = chosen else {
                    return Err(Unresolved::NoAnswer { key: entry.key.to_string() });
                };
                Cow::Borrowed(&answers[chosen])
            }
        };
        if let Outcome::UnknownFault(fault) = &answer.outcome {
            let fault = fault.clone();
            return Err(Unresolved::UnknownFault { key: entry.key.to_string(), fault });
        }
        Ok(Resolved { key: &entry.key, answer, worker: entry.worker })
    }

    /// Whether some machine has a state of this name.
    pub(crate) fn is_state(&self, name: &str) -> bool {
        self.states.contains(name)
    }

    /// The mocks that no call used, in the order in which they were added.
    pub(crate) fn unused(&self, machines: &[(Arc<str>, Arc<StateMachine>)]) -> Vec<UnusedMock> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        unused
            .map(|entry| {
                let own = entry.machine.as_deref();
                let main = machines.first().map(|(name, _)| &**name);
                UnusedMock {
                    key: entry.key.to_string(),
                    machine: own.filter(|own| Some(*own) != main).map(str::to_owned),
                    hint: entry.hint(machines),
                }
            })
            .collect()
    }
}

impl Entry {
    /// How many calls of `state` came before; counts this one.
    fn count(&mut self, state: &Arc<str>) -> u32 {
        if let Some((_, count)) = self.invocations.iter_mut().find(|(name, _)| name == state) {
            *count += 1;
            return *count - 1;
        }
        self.invocations.push((state.clone(), 1));
        0
    }

    fn hint(&self, machines: &[(Arc<str>, Arc<StateMachine>)]) -> Option<String> {
        let state = self.key.state()?;
        let own = self.machine.as_deref()?;
        // Versions of a machine have its name.
        let mut named = machines.iter().filter(|(name, _)| **name == *own).peekable();
        if named.peek().is_none() {
            return Some(format!("no state machine is called `{own}`"));
        }
        let names: Vec<&Arc<str>> =
            named.flat_map(|(_, machine)| state_names(&machine.states)).collect();
        if names.iter().any(|name| ***name == *state) {
            return None;
        }
        let close = names
            .into_iter()
            .map(|name| (strsim::jaro_winkler(name, state), name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.8)
            .map(|(_, name)| format!(", did you mean `{name}`?"));
        Some(format!("no state is called `{state}`{}", close.unwrap_or_default()))
    }
}

impl Mock {
    /// How many answers there are; a function counts as none.
    fn len(&self) -> usize {
        match &self.source {
            Source::Answers(answers) => answers.len(),
            Source::Function(_) => 0,
        }
    }

    /// Whether it has no answers at all.
    #[cfg(feature = "aws")]
    pub(crate) fn is_silent(&self) -> bool {
        matches!(&self.source, Source::Answers(answers) if answers.is_empty())
    }

    fn unknown_fault(&self) -> Option<&str> {
        let Source::Answers(answers) = &self.source else { return None };
        answers.iter().find_map(|answer| match &answer.outcome {
            Outcome::UnknownFault(name) => Some(&**name),
            _ => None,
        })
    }
}

/// The answer whose turn it is: those with a `when` that does not hold are passed over, and each
/// of the others serves its `repeat`, by default one attempt, or any number where it has a `when`.
/// The last one serves all that come later.
fn choose(
    answers: &[Answer],
    counting: Counting,
    call: &TaskCall<'_>,
    served: &mut [u32],
) -> Option<usize> {
    let holds = |when: &crate::matcher::Matcher| when.is_match(call.arguments);
    let mut attempts_left = call.attempt;
    let mut last = None;
    for (i, answer) in answers.iter().enumerate() {
        if !answer.when.as_ref().is_none_or(holds) {
            continue;
        }
        last = Some(i);
        let serves = answer.repeat.unwrap_or(if answer.when.is_some() { u32::MAX } else { 1 });
        match counting {
            Counting::Attempts if attempts_left < serves => break,
            Counting::Attempts => attempts_left -= serves,
            Counting::Invocations if served[i] < serves => break,
            Counting::Invocations => {}
        }
    }
    if let (Counting::Invocations, Some(i)) = (counting, last) {
        served[i] = served[i].saturating_add(1);
    }
    last
}

/// The message about a fault that does not exist.
pub(crate) fn unknown_fault(name: &str) -> String {
    let hint = Fault::closest(name).map_or_else(
        || "; `stepproof run --list-faults` prints them all".to_owned(),
        |close| format!(", did you mean `{close}`?"),
    );
    format!("there is no fault `{name}`{hint}")
}

fn index(entries: &[Entry], name: &Arc<str>, machine: &StateMachine) -> Candidates {
    let mut states = Candidates::default();
    visit(&machine.states, &mut |state, resource| {
        let mut candidates: Vec<usize> = (0..entries.len())
            .filter(|i| {
                let entry = &entries[*i];
                entry.machine.as_ref().is_none_or(|own| own == name)
                    && entry.key.concerns(state, resource)
            })
            .collect();
        // Stable, so of equally specific keys the first one stays in front.
        candidates.sort_by_key(|i| {
            std::cmp::Reverse((entries[*i].machine.is_some(), entries[*i].key.rank()))
        });
        if !candidates.is_empty() {
            states.insert(state.clone(), candidates.into());
        }
    });
    states
}

/// Every state that a mock can answer for, with its resource: Task states, and Map states for
/// their distributed runs.
fn visit(level: &States, with: &mut impl FnMut(&Arc<str>, &str)) {
    for state in level.iter() {
        match &state.kind {
            StateKind::Task(task) => with(&state.name, task.resource.text()),
            StateKind::Map(_) => with(&state.name, ""),
            _ => {}
        }
        for inner in state.levels() {
            visit(inner, with);
        }
    }
}

fn state_names(level: &States) -> Vec<&Arc<str>> {
    let mut names = Vec::new();
    let mut levels = vec![level];
    while let Some(level) = levels.pop() {
        for state in level.iter() {
            names.push(&state.name);
            levels.extend(state.levels());
        }
    }
    names
}

impl TaskCall<'_> {
    /// The member of the arguments at a plain path of names: `call.argument("Payload.orderId")`.
    pub fn argument(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self.arguments, |value, name| value.get(name))
    }
}
