//! Mocks on an endpoint where nothing is deployed: every Task becomes an activity that our own
//! workers serve, and the history is read back as that of the Tasks.
//!
//! What a worker is told is an envelope: the arguments of the Task, and which Task it is. What
//! stays otherwise is the whole life of the state: data flow, time-outs, Retry, Catch.

use std::sync::Arc;

use crate::asl::{Pattern, Resource, StateKind, StateMachine, States};
use crate::engine::{self, FailureStage, failed_event, scheduled_event, service_names};
use crate::history::{
    ActivityScheduled, EventDetails, EventId, EventType, Failure, History, HistoryEvent, Payload,
};
use crate::mock;
use crate::value::{Map, Value};

/// The member of the envelope that says which Task it is.
const ENVELOPE: &str = "stepproof";
/// The member of the envelope that holds the Task's own arguments.
const ARGUMENTS: &str = "arguments";

/// What becomes of a Task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// An activity that our workers serve.
    Served,
    /// An activity that nobody ever polls.
    Silent,
    /// It stays what it is.
    Real,
}

/// How the definition of one machine is rewritten.
pub(super) struct Rewriting<'a> {
    /// Which case the machine belongs to.
    pub(super) case: usize,
    /// Which machine of the case it is.
    pub(super) machine: usize,
    /// The activity that our workers poll.
    pub(super) served: &'a str,
    /// The activity that nobody polls.
    pub(super) silent: &'a str,
    /// What becomes of a state's Task, by state and resource.
    pub(super) way: &'a dyn Fn(&str, &str) -> Way,
}

impl Rewriting<'_> {
    /// The definition with activities in the place of Tasks.
    pub(super) fn rewrite(&self, definition: &Value) -> Value {
        let jsonata = speaks_jsonata(definition, false);
        self.level(definition, jsonata, false)
    }

    /// A state machine, a branch, or an item processor.
    fn level(&self, level: &Value, jsonata: bool, in_map: bool) -> Value {
        let (Value::Object(members), Some(states)) =
            (level, level.get("States").and_then(Value::as_object))
        else {
            return level.clone();
        };
        let states = states.iter().map(|(name, state)| {
            (name.clone(), self.state(name, state, speaks_jsonata(state, jsonata), in_map))
        });
        Value::Object(members.with("States", Value::object(states)))
    }

    fn state(&self, name: &str, state: &Value, jsonata: bool, in_map: bool) -> Value {
        let Value::Object(members) = state else { return state.clone() };
        let mut members = members.clone();
        for key in ["Iterator", "ItemProcessor"] {
            if let Some(inner) = state.get(key) {
                // A child execution of a Map Run does not know which item it is for.
                let mode =
                    inner.get("ProcessorConfig").and_then(|config| config.get("Mode")?.as_str());
                let in_map = mode != Some("DISTRIBUTED");
                members = members.with(key, self.level(inner, jsonata, in_map));
            }
        }
        if let Some(Value::Array(branches)) = state.get("Branches") {
            let branches = branches.iter().map(|branch| self.level(branch, jsonata, in_map));
            members = members.with("Branches", Value::array(branches));
        }
        let resource = state.get("Resource").and_then(Value::as_str).unwrap_or_default();
        let is_task = state.get("Type").and_then(Value::as_str) == Some("Task");
        let way = if is_task { (self.way)(name, resource) } else { Way::Real };
        let arn = match way {
            Way::Real => return Value::Object(members),
            Way::Served => self.served,
            Way::Silent => self.silent,
        };
        let mut rest: Map = members.into_map();
        rest.insert("Resource".into(), Value::string(arn));
        let own = ["Parameters", "Arguments", "Credentials"].map(|key| rest.shift_remove(key));
        let [parameters, arguments, credentials] = own;
        let envelope = self.envelope(name, jsonata, in_map, credentials);
        let (key, whole) = match jsonata {
            true => (
                "Arguments",
                match arguments {
                    Some(arguments) => (ARGUMENTS.to_owned(), arguments),
                    None => (ARGUMENTS.to_owned(), Value::from("{% $states.input %}")),
                },
            ),
            false => (
                "Parameters",
                match parameters {
                    Some(parameters) => (ARGUMENTS.to_owned(), parameters),
                    None => (format!("{ARGUMENTS}.$"), Value::from("$")),
                },
            ),
        };
        let whole = Value::object([(ENVELOPE.to_owned(), envelope), whole]);
        rest.insert(key.into(), whole);
        Value::from(rest)
    }

    /// Which Task it is, and which of its calls.
    fn envelope(
        &self,
        name: &str,
        jsonata: bool,
        in_map: bool,
        credentials: Option<Value>,
    ) -> Value {
        let mut members = Map::default();
        members.insert("case".into(), Value::from(self.case));
        members.insert("machine".into(), Value::from(self.machine));
        members.insert("state".into(), Value::from(name));
        let mut context = vec![
            ("attempt", "State.RetryCount"),
            ("entered", "State.EnteredTime"),
            ("execution", "Execution.Id"),
        ];
        if in_map {
            context.push(("index", "Map.Item.Index"));
        }
        for (key, path) in context {
            let (key, path) = match jsonata {
                true => (key.to_owned(), format!("{{% $states.context.{path} %}}")),
                false => (format!("{key}.$"), format!("$$.{path}")),
            };
            members.insert(key.into(), Value::from(path.as_str()));
        }
        if let Some(credentials) = credentials {
            members.insert("credentials".into(), credentials);
        }
        Value::from(members)
    }
}

fn speaks_jsonata(level: &Value, otherwise: bool) -> bool {
    match level.get("QueryLanguage").and_then(Value::as_str) {
        Some(language) => language == "JSONata",
        None => otherwise,
    }
}

/// What a worker was told: the envelope, opened.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The case.
    pub(super) case: usize,
    /// The machine of the case.
    pub(super) machine: usize,
    /// The state.
    pub(super) state: Arc<str>,
    /// How often this entry of the state was retried.
    pub(super) attempt: u32,
    /// The iteration of the Map around it.
    pub(super) index: Option<u32>,
    /// What the Task is called with.
    pub(super) arguments: Value,
    /// `Credentials`, evaluated.
    pub(super) credentials: Option<Value>,
    /// The same for a call of the history and for the worker that took it.
    pub(super) key: String,
}

impl Asked {
    /// Opens the envelope.
    pub(super) fn read(input: &Value) -> Option<Self> {
        let own = input.get(ENVELOPE)?;
        let number = |key| own.get(key).and_then(Value::as_i64);
        Some(Self {
            case: usize::try_from(number("case")?).ok()?,
            machine: usize::try_from(number("machine")?).ok()?,
            state: own.get("state")?.as_str()?.into(),
            attempt: number("attempt").and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
            index: number("index").and_then(|index| u32::try_from(index).ok()),
            arguments: input.get(ARGUMENTS).cloned().unwrap_or_default(),
            credentials: own.get("credentials").cloned(),
            key: own.to_json(),
        })
    }
}

/// How a call was answered, as far as the activity's events do not show it.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// What the call itself was answered with.
    pub(super) submit: Option<Value>,
    /// How far it came before it failed.
    pub(super) stage: Option<FailureStage>,
    /// The name of the worker that took it.
    pub(super) worker: Option<Arc<str>>,
}

/// The resource of a state's Task.
pub(super) fn resource_of(machine: &StateMachine, state: &str) -> Option<Resource> {
    let mut levels: Vec<&States> = vec![&machine.states];
    while let Some(level) = levels.pop() {
        for own in level.iter() {
            if let (true, StateKind::Task(task)) = (*own.name == *state, &own.kind) {
                return Some(task.resource.clone());
            }
            levels.extend(own.levels());
        }
    }
    None
}

/// Reads a history back: events of activities become those of the Tasks they stand for.
pub(super) struct Restoring<'a> {
    /// The machine as its author wrote it.
    pub(super) machine: &'a StateMachine,
    /// The region that TaskScheduled names.
    pub(super) region: Arc<str>,
    /// How a call was answered, by the key of its envelope.
    pub(super) given: &'a dyn Fn(&str) -> Option<Given>,
}

/// A call of a history under way.
#[derive(Clone)]
struct Open {
    resource: Resource,
    given: Given,
    /// Whether TaskSubmitted is still to be told.
    to_submit: bool,
}

impl Restoring<'_> {
    /// The history of the Tasks.
    pub(super) fn restore(&self, history: &History) -> History {
        let mut events: Vec<HistoryEvent> = Vec::with_capacity(history.events.len());
        let largest = history.events.iter().map(|event| event.id).max().unwrap_or_default();
        // By id in the history of activities: the id in the new one, and the call under way.
        let mut ids: Vec<EventId> = vec![0; largest as usize + 1];
        let mut calls: Vec<Option<Open>> = vec![None; largest as usize + 1];
        let at = |ids: &[EventId], id: EventId| ids.get(id as usize).copied().unwrap_or_default();
        for event in &history.events {
            let before = event.previous_event_id;
            let mut call = calls.get(before as usize).cloned().flatten();
            let mut previous = at(&ids, before);
            let (event_type, details) = match &event.details {
                EventDetails::ActivityScheduled(scheduled) => match self.scheduled(scheduled) {
                    Some((event_type, details, open)) => {
                        call = Some(open);
                        (event_type, details)
                    }
                    None => (event.event_type, event.details.clone()),
                },
                _ => match &mut call {
                    None => (event.event_type, event.details.clone()),
                    Some(open) => {
                        let Some(restored) = open.event(event) else {
                            // A task that failed to start did not start.
                            ids[event.id as usize] = previous;
                            calls[event.id as usize] = call;
                            continue;
                        };
                        let ends = matches!(
                            event.event_type,
                            EventType::ActivitySucceeded
                                | EventType::ActivityFailed
                                | EventType::ActivityTimedOut
                        );
                        if open.to_submit && ends {
                            open.to_submit = false;
                            let id = events.len() as EventId + 1;
                            let (event_type, details) = open.submitted();
                            let submitted = HistoryEvent {
                                id,
                                previous_event_id: previous,
                                timestamp: event.timestamp,
                                event_type,
                                details,
                            };
                            events.push(submitted);
                            previous = id;
                        }
                        restored
                    }
                },
            };
            let id = events.len() as EventId + 1;
            ids[event.id as usize] = id;
            let ends = event.event_type.is_state_exited() || event.event_type.is_state_entered();
            calls[event.id as usize] = call.filter(|_| !ends);
            events.push(HistoryEvent {
                id,
                previous_event_id: previous,
                timestamp: event.timestamp,
                event_type,
                details,
            });
        }
        for event in &mut events {
            renumber(&mut event.details, &ids);
        }
        History { events }
    }

    /// The event of a Task that is scheduled, where the activity is one of ours.
    fn scheduled(&self, activity: &ActivityScheduled) -> Option<(EventType, EventDetails, Open)> {
        let asked = Asked::read(activity.input.value()?)?;
        let resource = resource_of(self.machine, &asked.state)?;
        let scheduled = engine::Asked {
            arguments: asked.arguments,
            region: &self.region,
            timeout_seconds: activity.timeout_in_seconds,
            heartbeat_seconds: activity.heartbeat_in_seconds,
            credentials: asked.credentials.as_ref(),
        };
        let (event_type, details) = scheduled_event(&resource, scheduled);
        let given = (self.given)(&asked.key);
        let waits = resource.pattern() != Pattern::RequestResponse;
        let refused = given.as_ref().and_then(|given| given.stage).is_some_and(|stage| {
            matches!(stage, FailureStage::Schedule | FailureStage::Start | FailureStage::Submit)
        });
        let to_submit = waits && !refused && given.is_some();
        Some((event_type, details, Open { resource, given: given.unwrap_or_default(), to_submit }))
    }
}

impl Open {
    /// The event of the Task in the place of the activity's; `None` where the Task has none.
    fn event(&self, event: &HistoryEvent) -> Option<(EventType, EventDetails)> {
        let service = || service_names(&self.resource);
        let is_service = matches!(self.resource, Resource::Service { .. });
        let is_lambda =
            matches!(self.resource, Resource::LambdaFunction { .. } | Resource::Placeholder(_));
        let failure = || event.failure().cloned().unwrap_or_default();
        let stage = match event.event_type {
            EventType::ActivityStarted => {
                let never_started =
                    matches!(self.given.stage, Some(FailureStage::Schedule | FailureStage::Start));
                return match () {
                    () if never_started => None,
                    () if is_service => {
                        let (resource_type, resource) = service();
                        let details = EventDetails::TaskStarted { resource_type, resource };
                        Some((EventType::TaskStarted, details))
                    }
                    () if is_lambda => Some((EventType::LambdaFunctionStarted, EventDetails::None)),
                    () => {
                        let worker_name = self.given.worker.clone();
                        let details = EventDetails::ActivityStarted { worker_name };
                        Some((EventType::ActivityStarted, details))
                    }
                };
            }
            EventType::ActivitySucceeded => {
                return Some(match &event.details {
                    EventDetails::Output { output } if is_service => {
                        let (resource_type, resource) = service();
                        let output = Some(output.clone());
                        let details = EventDetails::TaskOutput { resource_type, resource, output };
                        (EventType::TaskSucceeded, details)
                    }
                    details if is_lambda => (EventType::LambdaFunctionSucceeded, details.clone()),
                    details => (EventType::ActivitySucceeded, details.clone()),
                });
            }
            EventType::ActivityFailed => self.given.stage.unwrap_or(FailureStage::Run),
            EventType::ActivityTimedOut => FailureStage::TimedOut,
            EventType::ActivityScheduleFailed => FailureStage::Schedule,
            _ => return Some((event.event_type, event.details.clone())),
        };
        let event_type = failed_event(&self.resource, stage);
        Some((event_type, self.failed(failure())))
    }

    fn failed(&self, failure: Failure) -> EventDetails {
        match &self.resource {
            Resource::Service { .. } => {
                let (resource_type, resource) = service_names(&self.resource);
                let failure = Box::new(failure);
                EventDetails::TaskFailure { resource_type, resource, failure }
            }
            _ => EventDetails::Failure(failure),
        }
    }

    /// TaskSubmitted, which activities do not have.
    fn submitted(&self) -> (EventType, EventDetails) {
        let (resource_type, resource) = service_names(&self.resource);
        let output = self.given.submit.clone();
        let output = output.unwrap_or_else(|| mock::submitted(&self.resource));
        let output = Some(Payload::from(output));
        (EventType::TaskSubmitted, EventDetails::TaskOutput { resource_type, resource, output })
    }
}

const ENTERED_AT: &str = "(entered at the event id #";

/// Puts the new ids of events into causes, which name the event that a failing state was entered
/// with; and the author's own paths in the place of those into the envelope.
fn renumber(details: &mut EventDetails, ids: &[EventId]) {
    let text = |text: &str| -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(found) = rest.find(ENTERED_AT) {
            let digits = &rest[found + ENTERED_AT.len()..];
            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
            out.push_str(&rest[..found + ENTERED_AT.len()]);
            match digits[..length].parse::<usize>().ok().and_then(|id| ids.get(id)) {
                Some(id) => out.push_str(&id.to_string()),
                None => out.push_str(&digits[..length]),
            }
            rest = &digits[length..];
        }
        out.push_str(rest);
        let out = out.replace("Arguments/arguments", "Arguments");
        (out != text).then_some(out)
    };
    let cause = |failure: &mut Failure| {
        if let Some(new) = failure.cause.as_deref().and_then(text) {
            failure.cause = Some(new.into());
        }
    };
    let payload = |payload: &mut Payload| {
        let known = payload.text().filter(|own| own.contains(ENTERED_AT));
        if let Some(new) = known.and_then(|own| Value::parse(&text(&own)?).ok()) {
            *payload = Payload::from(new);
        }
    };
    match details {
        EventDetails::Failure(failure) => cause(failure),
        EventDetails::TaskFailure { failure, .. } => cause(failure),
        EventDetails::EvaluationFailed(evaluation) => {
            cause(&mut evaluation.failure);
            if let Some(new) = evaluation.location.as_deref().and_then(text) {
                evaluation.location = Some(new.into());
            }
        }
        EventDetails::StateEntered { input, .. } => payload(input),
        EventDetails::StateExited { output, .. } | EventDetails::Output { output } => {
            payload(output);
        }
        _ => {}
    }
}
