//! Compares the details of two events, member by member.

use std::borrow::Cow;
use std::sync::Arc;

use super::{MemberDifference, value};
use crate::history::event::{EventDetails, Failure, TaskCredentials};
use crate::history::normalize::Pairing;
use crate::history::payload::Payload;
use crate::value::Value;

/// The comparison of two events.
pub(super) struct Comparison<'p, 'h> {
    pub pairing: &'p mut Pairing<'h>,
    /// Whether the wording of causes counts.
    pub causes: bool,
    /// Whether the event numbers inside of causes count: with overlapping lines they are a matter
    /// of interleaving.
    pub event_numbers: bool,
    pub found: Vec<MemberDifference>,
}

/// A member of an event's details.
enum Member<'e> {
    Payload(&'e Payload),
    Text(&'e str),
    Cause(&'e str),
    Number(i64),
}

impl Comparison<'_, '_> {
    /// Compares details of the same event type.
    pub fn details(&mut self, expected: &EventDetails, actual: &EventDetails) {
        let (expected, actual) = (members(expected), members(actual));
        for (name, member) in &expected {
            match actual.iter().find(|(other, _)| other == name) {
                Some((_, other)) => self.member(name, member, other),
                None if self.counts(member) => {
                    self.differs(name.api, name.path(), Some(member.value()), None);
                }
                None => {}
            }
        }
        for (name, member) in &actual {
            if !expected.iter().any(|(other, _)| other == name) && self.counts(member) {
                self.differs(name.api, name.path(), None, Some(member.value()));
            }
        }
    }

    pub fn differs(
        &mut self,
        member: &'static str,
        path: String,
        expected: Option<Value>,
        actual: Option<Value>,
    ) {
        self.found.push(MemberDifference { member, path, expected, actual });
    }

    fn counts(&self, member: &Member<'_>) -> bool {
        match member {
            Member::Cause(_) => self.causes,
            Member::Payload(Payload::Omitted) => false,
            _ => true,
        }
    }

    fn member(&mut self, name: &Name<'_>, expected: &Member<'_>, actual: &Member<'_>) {
        let same = match (expected, actual) {
            // A history without data says nothing about it.
            (Member::Payload(Payload::Omitted), _) | (_, Member::Payload(Payload::Omitted)) => true,
            (Member::Payload(a), Member::Payload(b)) if a == b => true,
            (Member::Payload(a), Member::Payload(b)) => match (a.value(), b.value()) {
                (Some(a), Some(b)) => return self.values(name, a, b),
                (None, None) => {
                    let (a, b) = (a.text().unwrap_or_default(), b.text().unwrap_or_default());
                    self.pairing.texts_match(&a, &b)
                }
                _ => false,
            },
            (Member::Text(a), Member::Text(b)) => self.pairing.texts_match(a, b),
            (Member::Cause(_), Member::Cause(_)) if !self.causes => true,
            (Member::Cause(a), Member::Cause(b)) => return self.cause(name, a, b),
            (Member::Number(a), Member::Number(b)) => a == b,
            _ => false,
        };
        if !same {
            self.differs(name.api, name.path(), Some(expected.value()), Some(actual.value()));
        }
    }

    fn cause(&mut self, name: &Name<'_>, expected: &str, actual: &str) {
        if expected == actual {
            return;
        }
        if let (Some(a), Some(b)) = (value::container(expected), value::container(actual)) {
            return self.values(name, &a, &b);
        }
        let (a, b) = match self.event_numbers {
            true => (Cow::Borrowed(expected), Cow::Borrowed(actual)),
            false => (without_event_number(expected), without_event_number(actual)),
        };
        if !self.pairing.texts_match(&a, &b) {
            self.differs(name.api, name.path(), Some(expected.into()), Some(actual.into()));
        }
    }

    fn values(&mut self, name: &Name<'_>, expected: &Value, actual: &Value) {
        let mut comparison = value::Comparison {
            pairing: self.pairing,
            causes: self.causes,
            path: name.path(),
            found: Vec::new(),
        };
        comparison.compare(expected, actual);
        let found = comparison.found.into_iter().map(|(path, expected, actual)| MemberDifference {
            member: name.api,
            path,
            expected,
            actual,
        });
        self.found.extend(found);
    }
}

impl Member<'_> {
    fn value(&self) -> Value {
        match self {
            Self::Payload(payload) => payload.to_value().unwrap_or_default(),
            Self::Text(text) | Self::Cause(text) => Value::from(*text),
            Self::Number(number) => Value::from(*number),
        }
    }
}

/// A member's name in the API, and the variable within `assignedVariables`.
#[derive(PartialEq)]
struct Name<'e> {
    api: &'static str,
    variable: Option<&'e str>,
}

impl Name<'_> {
    fn path(&self) -> String {
        let mut path = String::from("$");
        if let Some(variable) = self.variable {
            value::push_key(&mut path, variable);
        }
        path
    }
}

/// The members that an event's details have.
fn members(details: &EventDetails) -> Vec<(Name<'_>, Member<'_>)> {
    let mut list = List(Vec::new());
    match details {
        EventDetails::None => {}
        EventDetails::ExecutionStarted(details) => {
            list.payload("input", &details.input);
            list.some_text("roleArn", &details.role_arn);
            list.some_text("stateMachineAliasArn", &details.state_machine_alias_arn);
            list.some_text("stateMachineVersionArn", &details.state_machine_version_arn);
        }
        EventDetails::Output { output } => list.payload("output", output),
        EventDetails::Failure(failure) => list.failure(failure),
        EventDetails::StateEntered { name, input } => {
            list.text("name", name);
            list.payload("input", input);
        }
        EventDetails::StateExited { name, output, assigned_variables } => {
            list.text("name", name);
            list.payload("output", output);
            for (variable, value) in assigned_variables.iter().flat_map(|all| all.iter()) {
                let name = Name { api: "assignedVariables", variable: Some(variable) };
                list.0.push((name, Member::Payload(value)));
            }
        }
        EventDetails::LambdaFunctionScheduled(details) => {
            list.text("resource", &details.resource);
            list.payload("input", &details.input);
            list.seconds(details.timeout_in_seconds, None);
            list.credentials(details.task_credentials.as_ref());
        }
        EventDetails::ActivityScheduled(details) => {
            list.text("resource", &details.resource);
            list.payload("input", &details.input);
            list.seconds(details.timeout_in_seconds, details.heartbeat_in_seconds);
        }
        EventDetails::ActivityStarted { worker_name } => list.some_text("workerName", worker_name),
        EventDetails::TaskScheduled(details) => {
            list.resource(&details.resource_type, &details.resource);
            list.text("region", &details.region);
            list.payload("parameters", &details.parameters);
            list.seconds(details.timeout_in_seconds, details.heartbeat_in_seconds);
            list.credentials(details.task_credentials.as_ref());
        }
        EventDetails::TaskStarted { resource_type, resource } => {
            list.resource(resource_type, resource);
        }
        EventDetails::TaskOutput { resource_type, resource, output } => {
            list.resource(resource_type, resource);
            if let Some(output) = output {
                list.payload("output", output);
            }
        }
        EventDetails::TaskFailure { resource_type, resource, failure } => {
            list.resource(resource_type, resource);
            list.failure(failure);
        }
        EventDetails::MapStateStarted { length } => list.count("length", *length),
        EventDetails::MapIteration { name, index } => {
            list.text("name", name);
            list.count("index", *index);
        }
        EventDetails::MapRunStarted { map_run_arn } => list.text("mapRunArn", map_run_arn),
        EventDetails::MapRunRedriven(details) => {
            list.some_text("mapRunArn", &details.map_run_arn);
            if let Some(count) = details.redrive_count {
                list.count("redriveCount", count);
            }
        }
        EventDetails::ExecutionRedriven { redrive_count } => {
            list.count("redriveCount", *redrive_count);
        }
        EventDetails::EvaluationFailed(details) => {
            list.failure(&details.failure);
            list.some_text("location", &details.location);
            list.text("state", &details.state);
        }
    }
    list.0
}

struct List<'e>(Vec<(Name<'e>, Member<'e>)>);

impl<'e> List<'e> {
    fn add(&mut self, api: &'static str, member: Member<'e>) {
        self.0.push((Name { api, variable: None }, member));
    }

    fn payload(&mut self, name: &'static str, payload: &'e Payload) {
        self.add(name, Member::Payload(payload));
    }

    fn text(&mut self, name: &'static str, text: &'e str) {
        self.add(name, Member::Text(text));
    }

    fn some_text(&mut self, name: &'static str, text: &'e Option<Arc<str>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn count(&mut self, name: &'static str, count: u64) {
        self.add(name, Member::Number(i64::try_from(count).unwrap_or(i64::MAX)));
    }

    fn seconds(&mut self, timeout: Option<i64>, heartbeat: Option<i64>) {
        for (name, seconds) in [("timeoutInSeconds", timeout), ("heartbeatInSeconds", heartbeat)] {
            if let Some(seconds) = seconds {
                self.add(name, Member::Number(seconds));
            }
        }
    }

    fn resource(&mut self, resource_type: &'e str, resource: &'e str) {
        self.text("resourceType", resource_type);
        self.text("resource", resource);
    }

    fn credentials(&mut self, credentials: Option<&'e TaskCredentials>) {
        if let Some(credentials) = credentials {
            self.some_text("taskCredentials", &credentials.role_arn);
        }
    }

    fn failure(&mut self, failure: &'e Failure) {
        self.some_text("error", &failure.error);
        if let Some(cause) = &failure.cause {
            self.add("cause", Member::Cause(cause));
        }
    }
}

/// A cause names the event at which its state was entered; the number depends on interleaving.
fn without_event_number(cause: &str) -> Cow<'_, str> {
    const BEFORE: &str = "(entered at the event id #";
    let Some(start) = cause.find(BEFORE).map(|at| at + BEFORE.len()) else {
        return Cow::Borrowed(cause);
    };
    let digits = cause[start..].bytes().take_while(u8::is_ascii_digit).count();
    Cow::Owned(format!("{}{}", &cause[..start], &cause[start + digits..]))
}
