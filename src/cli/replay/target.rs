//! Which definition an execution is held against.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::source::Loaded;
use crate::asl::{ExecutionType, ProcessorMode, StateKind, StateMachine, States};
use crate::cli::args::Replay as Arguments;
use crate::cli::{definition, exec};
use crate::diagnostic::Style;
use crate::history::History;

/// A definition, ready to be held against histories.
#[derive(Debug)]
pub(super) struct Target {
    pub machine: Arc<StateMachine>,
    /// The names of its states, inner ones too.
    states: BTreeSet<Arc<str>>,
    of: Of,
}

/// Where a target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Somebody named it.
    Named,
    /// A recording says that it ran this.
    Own,
    /// It is what the children of a Map Run run.
    MapRun,
}

/// The definitions of the command line, and those of recordings as they are met.
#[derive(Debug)]
pub(super) struct Targets {
    /// By the name of the state machine.
    named: BTreeMap<String, Arc<Target>>,
    /// For every other machine.
    any: Option<Arc<Target>>,
    /// By the hash of their text: recordings of one machine mostly ran the same.
    own: Mutex<HashMap<[u8; 32], Read>>,
    /// What was named, for reports.
    pub described: Vec<Described>,
}

/// The definition of a recording, or why it cannot be run.
type Read = Result<Arc<Target>, String>;

/// A definition that was named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub machine: Option<String>,
    pub file: String,
    pub sha256: String,
}

/// What an execution is held against.
pub(super) enum Chosen {
    Target(Arc<Target>),
    /// Only other machines were named.
    OtherMachine,
}

/// How many definitions of recordings are kept; a machine has few versions in use at a time.
const MAX_OWN: usize = 256;

impl Targets {
    pub fn read(arguments: &Arguments, style: Style) -> Result<Self, String> {
        let fills = definition::fills(&arguments.substitutions.set)?;
        let execution_type = arguments.machine_type.given.map(exec::execution_type);
        let (mut named, mut any) = (BTreeMap::new(), None);
        let mut described = Vec::new();
        let read = |path: Option<&Path>| -> Result<(Arc<Target>, String), String> {
            let read = definition::read_any(path, &arguments.template, &fills, execution_type)?;
            let machine = definition::machine(&read, style)?;
            Ok((Arc::new(Target::new(machine, Of::Named)), hash(&read.source.text)))
        };
        for argument in &arguments.definitions {
            let (machine, file) = split(argument);
            let (target, sha256) = read(Some(Path::new(file)))?;
            let twice = match machine {
                Some(name) => named.insert(name.to_owned(), target).is_some(),
                None => any.replace(target).is_some(),
            };
            if twice {
                let of = machine.map_or("all machines".into(), |name| format!("`{name}`"));
                return Err(format!(
                    "two definitions for {of}: write `--definition MACHINE=FILE` for each machine"
                ));
            }
            let machine = machine.map(str::to_owned);
            described.push(Described { machine, file: file.to_owned(), sha256 });
        }
        if let Some(template) = &arguments.template.template {
            let (target, sha256) = read(None)?;
            any = Some(target);
            let file = template.display().to_string();
            described.push(Described { machine: None, file, sha256 });
        }
        Ok(Self { named, any, own: Mutex::default(), described })
    }

    /// What an execution is held against.
    ///
    /// # Errors
    ///
    /// When nothing was named for it and its own definition is missing or cannot be run.
    pub fn choose(&self, loaded: &Loaded) -> Result<Chosen, String> {
        let named = loaded.machine.as_ref().and_then(|machine| self.named.get(machine));
        if let Some(target) = named.or(self.any.as_ref()) {
            return Ok(Chosen::Target(target.clone()));
        }
        if !self.named.is_empty() {
            return match &loaded.machine {
                Some(_) => Ok(Chosen::OtherMachine),
                None => Err(format!(
                    "{}: nothing says which state machine it is of: name a definition without a \
                     machine, `--definition FILE`",
                    loaded.name
                )),
            };
        }
        let Some(text) = &loaded.definition else {
            return Err(format!(
                "{}: there is no definition beside it: name one with `--definition FILE`",
                loaded.name
            ));
        };
        self.own(text, loaded.express).map(Chosen::Target).map_err(|problem| {
            format!("{}/definition.asl.json cannot be run: {problem}", loaded.name)
        })
    }

    /// What an execution is held against that one of the state machine `parent` started: what was
    /// named for its own machine, or without any names what it ran.
    ///
    /// # Errors
    ///
    /// When what it ran cannot be run.
    pub fn choose_started(&self, loaded: &Loaded, parent: Option<&str>) -> Result<Chosen, String> {
        let named = loaded.machine.as_ref().and_then(|machine| self.named.get(machine));
        let is_parents = loaded.machine.as_deref().is_some_and(|own| Some(own) == parent);
        if let Some(target) = named.or(self.any.as_ref().filter(|_| is_parents)) {
            return Ok(Chosen::Target(target.clone()));
        }
        if self.any.is_some() || !self.named.is_empty() || loaded.definition.is_none() {
            return Ok(Chosen::OtherMachine);
        }
        self.choose(loaded)
    }

    fn own(&self, text: &str, express: bool) -> Result<Arc<Target>, String> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let mut known = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = known.get(&hash) {
            return target.clone();
        }
        let execution_type = if express { ExecutionType::Express } else { ExecutionType::Standard };
        let read = definition::of_text("definition.asl.json", text, &[], execution_type);
        let machine = read.machine.clone().ok_or_else(|| {
            let errors = read.diagnostics.iter().filter(|problem| problem.is_error());
            errors.map(ToString::to_string).next().unwrap_or_default()
        });
        let target = machine.map(|machine| Arc::new(Target::new(machine, Of::Own)));
        if known.len() >= MAX_OWN {
            known.clear();
        }
        known.insert(hash, target.clone());
        target
    }
}

impl Target {
    /// What the children of this Map state's runs are held against: its processor; `None` where
    /// the definition has no such Map state, or one without runs.
    pub fn processor(&self, state: &str) -> Option<Self> {
        let state = self.machine.states.find_below(state)?;
        let StateKind::Map(map) = &state.kind else { return None };
        let distributed = map.mode != ProcessorMode::Inline;
        let machine = distributed.then(|| self.machine.processor(map.processor.clone()))?;
        // Whatever its states are called: the history is of a child of this Map.
        Some(Self { machine: Arc::new(machine), states: BTreeSet::new(), of: Of::MapRun })
    }

    fn new(machine: Arc<StateMachine>, of: Of) -> Self {
        let mut states = BTreeSet::new();
        names(&machine.states, &mut states);
        Self { machine, states, of }
    }

    /// Why the history is of another machine, where it plainly is: its own definition lacks a
    /// state that it enters, or a new one has none of several.
    pub fn foreign(&self, name: &str, history: &History) -> Option<String> {
        if self.of == Of::MapRun {
            return None;
        }
        let entered = history.events.iter().filter(|event| event.event_type.is_state_entered());
        let entered: BTreeSet<&Arc<str>> = entered.filter_map(|event| event.state_name()).collect();
        let mut missing = entered.iter().filter(|state| !self.states.contains(&***state));
        let first = missing.next()?;
        if self.of == Of::Own {
            return Some(format!(
                "{name}/definition.asl.json has no state `{first}`, which the history enters: it \
                 is the definition of another machine, or was edited"
            ));
        }
        let none = entered.len() > 1 && 1 + missing.count() == entered.len();
        none.then(|| {
            format!(
                "{name}: the history is of another machine: it enters `{first}` and {} more \
                 states, none of which the definition has",
                entered.len() - 1
            )
        })
    }
}

/// `MACHINE=FILE` as machine and file; a file may have the sign in its name.
fn split(argument: &str) -> (Option<&str>, &str) {
    match argument.split_once('=') {
        Some((machine, file))
            if !machine.contains(['/', '\\']) && !Path::new(argument).exists() =>
        {
            (Some(machine), file)
        }
        _ => (None, argument),
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn names(states: &States, found: &mut BTreeSet<Arc<str>>) {
    for state in states.iter() {
        found.insert(state.name.clone());
        state.levels().into_iter().for_each(|level| names(level, found));
    }
}
