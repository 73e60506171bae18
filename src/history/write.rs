//! Writes a history in the shape of GetExecutionHistory: the same members, data as strings of
//! JSON, in the order of the API's service model.

use std::sync::Arc;

use super::History;
use super::event::{AssignedVariables, EventDetails, Failure, HistoryEvent, TaskCredentials};
use super::payload::Payload;
use crate::value::{Map, Number, Value};

/// How timestamps are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampForm {
    /// RFC 3339 with milliseconds, as the AWS command line prints them.
    #[default]
    Text,
    /// Seconds since the epoch with a fraction, as the API sends them.
    EpochSeconds,
    /// No timestamps.
    Omitted,
}

impl History {
    /// `{"events": [...]}`, indented, with a line feed at the end.
    pub fn to_json(&self, timestamps: TimestampForm) -> String {
        let mut text = self.to_value(timestamps).to_json_pretty();
        text.push('\n');
        text
    }

    /// `{"events": [...]}` as a value.
    pub fn to_value(&self, timestamps: TimestampForm) -> Value {
        let events = self.events.iter().map(|event| event.to_value(timestamps));
        Value::object([("events", Value::array(events))])
    }
}

impl HistoryEvent {
    /// The event as GetExecutionHistory shows it.
    ///
    /// A type that has details always shows them, with what they have: an `ExecutionFailed` without
    /// error and cause has an empty object.
    pub fn to_value(&self, timestamps: TimestampForm) -> Value {
        let mut members = Members::default();
        match (self.timestamp, timestamps) {
            (None, _) | (_, TimestampForm::Omitted) => {}
            (Some(time), TimestampForm::Text) => {
                members.text("timestamp", &time.to_rfc3339_millis().into());
            }
            (Some(time), TimestampForm::EpochSeconds) => {
                let seconds = Number::from_f64(time.millis() as f64 / 1_000.0);
                members.add("timestamp", seconds.map_or(Value::Null, Value::Number));
            }
        }
        members.text("type", &self.event_type.name().into());
        members.count("id", self.id);
        members.count("previousEventId", self.previous_event_id);
        if let Some(name) = self.event_type.details_member()
            && let Some(details) = details(&self.details)
        {
            members.add(name, details);
        }
        members.into()
    }
}

fn details(details: &EventDetails) -> Option<Value> {
    let mut members = Members::default();
    match details {
        EventDetails::None => return None,
        EventDetails::ExecutionStarted(details) => {
            members.input(&details.input);
            members.some_text("roleArn", &details.role_arn);
            members.some_text("stateMachineAliasArn", &details.state_machine_alias_arn);
            members.some_text("stateMachineVersionArn", &details.state_machine_version_arn);
        }
        EventDetails::Output { output } => members.output(output),
        EventDetails::Failure(failure) => members.failure(failure),
        EventDetails::StateEntered { name, input } => {
            members.text("name", name);
            members.input(input);
        }
        EventDetails::StateExited { name, output, assigned_variables } => {
            members.text("name", name);
            members.output(output);
            members.variables(assigned_variables.as_deref());
        }
        EventDetails::LambdaFunctionScheduled(details) => {
            members.text("resource", &details.resource);
            members.input(&details.input);
            members.seconds("timeoutInSeconds", details.timeout_in_seconds);
            members.credentials(details.task_credentials.as_ref());
        }
        EventDetails::ActivityScheduled(details) => {
            members.text("resource", &details.resource);
            members.input(&details.input);
            members.seconds("timeoutInSeconds", details.timeout_in_seconds);
            members.seconds("heartbeatInSeconds", details.heartbeat_in_seconds);
        }
        EventDetails::ActivityStarted { worker_name } => {
            members.some_text("workerName", worker_name);
        }
        EventDetails::TaskScheduled(details) => {
            members.resource(&details.resource_type, &details.resource);
            members.text("region", &details.region);
            members.payload("parameters", &details.parameters);
            members.seconds("timeoutInSeconds", details.timeout_in_seconds);
            members.seconds("heartbeatInSeconds", details.heartbeat_in_seconds);
            members.credentials(details.task_credentials.as_ref());
        }
        EventDetails::TaskStarted { resource_type, resource } => {
            members.resource(resource_type, resource);
        }
        EventDetails::TaskOutput { resource_type, resource, output } => {
            members.resource(resource_type, resource);
            if let Some(output) = output {
                members.output(output);
            }
        }
        EventDetails::TaskFailure { resource_type, resource, failure } => {
            members.resource(resource_type, resource);
            members.failure(failure);
        }
        EventDetails::MapStateStarted { length } => members.count("length", *length),
        EventDetails::MapIteration { name, index } => {
            members.text("name", name);
            members.count("index", *index);
        }
        EventDetails::MapRunStarted { map_run_arn } => members.text("mapRunArn", map_run_arn),
        EventDetails::MapRunRedriven(details) => {
            members.some_text("mapRunArn", &details.map_run_arn);
            if let Some(count) = details.redrive_count {
                members.count("redriveCount", count);
            }
        }
        EventDetails::ExecutionRedriven { redrive_count } => {
            members.count("redriveCount", *redrive_count);
        }
        EventDetails::EvaluationFailed(details) => {
            members.failure(&details.failure);
            members.some_text("location", &details.location);
            members.text("state", &details.state);
        }
    }
    Some(members.into())
}

/// The members of an object under construction.
#[derive(Default)]
struct Members(Map);

impl Members {
    fn add(&mut self, name: &'static str, value: Value) {
        self.0.insert(name.into(), value);
    }

    fn text(&mut self, name: &'static str, text: &Arc<str>) {
        self.add(name, Value::String(text.clone()));
    }

    fn some_text(&mut self, name: &'static str, text: &Option<Arc<str>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn count(&mut self, name: &'static str, count: u64) {
        self.add(name, i64::try_from(count).unwrap_or(i64::MAX).into());
    }

    fn seconds(&mut self, name: &'static str, seconds: Option<i64>) {
        if let Some(seconds) = seconds {
            self.add(name, seconds.into());
        }
    }

    fn input(&mut self, payload: &Payload) {
        self.payload("input", payload);
        self.truncated("inputDetails", payload);
    }

    fn output(&mut self, payload: &Payload) {
        self.payload("output", payload);
        self.truncated("outputDetails", payload);
    }

    fn payload(&mut self, name: &'static str, payload: &Payload) {
        if let Some(text) = payload.text() {
            self.add(name, Value::string(text));
        }
    }

    /// The API always says that nothing was cut off; without the data it says nothing.
    fn truncated(&mut self, name: &'static str, payload: &Payload) {
        if !matches!(payload, Payload::Omitted) {
            self.add(name, Value::object([("truncated", Value::Bool(false))]));
        }
    }

    fn failure(&mut self, failure: &Failure) {
        self.some_text("error", &failure.error);
        self.some_text("cause", &failure.cause);
    }

    fn resource(&mut self, resource_type: &Arc<str>, resource: &Arc<str>) {
        self.text("resourceType", resource_type);
        self.text("resource", resource);
    }

    fn variables(&mut self, variables: Option<&AssignedVariables>) {
        // An empty `Assign` leaves no trace (assign_base.base_cases.BASE_EMPTY).
        let Some(variables) = variables.filter(|variables| !variables.is_empty()) else { return };
        let values = variables
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), Value::string(value.text()?))));
        self.add("assignedVariables", Value::object(values));
        let details = Value::object([("truncated", Value::Bool(false))]);
        self.add("assignedVariablesDetails", details);
    }

    fn credentials(&mut self, credentials: Option<&TaskCredentials>) {
        let Some(credentials) = credentials else { return };
        let mut members = Self::default();
        members.some_text("roleArn", &credentials.role_arn);
        self.add("taskCredentials", members.into());
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::from(members.0)
    }
}
