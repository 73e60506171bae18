//! What the account keeps of a state machine and of an execution.

use std::sync::Arc;

use super::journal::Progress;
use super::nested::NestedForm;
use super::settings::Settings;
use super::{MapRunChild, Service};
use crate::asl::{ExecutionType, StateMachine};
use crate::engine::{Execution, ExecutionResult, ExecutionStatus, Start, TaskId};
use crate::entropy::Entropy;
use crate::time::Timestamp;
use crate::value::{Map, Value};

/// An execution of the account: they count 0, 1, 2, … in the order in which they started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(pub u32);

/// One revision of a state machine of the account.
#[derive(Debug)]
pub struct StateMachineRecord {
    /// Which revision of the account it is: they count 0, 1, 2, … That of a Map Run's children has
    /// the number of the one around it.
    pub number: u64,
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The role its executions run as.
    pub role_arn: Arc<str>,
    /// Standard or Express.
    pub execution_type: ExecutionType,
    /// The definition.
    pub machine: Arc<StateMachine>,
    /// `revisionId`; none for a machine that was never updated.
    pub revision_id: Option<Arc<str>>,
    /// How it logs, traces and encrypts.
    pub settings: Settings,
    /// When the machine was created.
    pub creation_date: Timestamp,
    /// When this revision was made.
    pub update_date: Timestamp,
}

/// An execution of the account.
#[derive(Debug)]
pub struct Record {
    /// Its id.
    pub id: ExecutionId,
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its state machine.
    pub machine: Arc<StateMachineRecord>,
    /// The execution itself.
    pub execution: Execution,
    /// The task that started it and waits for its end, or only started it.
    pub parent: Option<Parent>,
    /// The Map Run that it is a child of.
    pub map_run: Option<MapRunChild>,
    /// Whether its history is gone: see [`Service::KEPT_CHILDREN`](super::Service::KEPT_CHILDREN).
    pub released: bool,
    /// `traceHeader` of its start.
    pub trace_header: Option<Arc<str>>,
    /// Whether StartSyncExecution asked for `METADATA_ONLY`.
    pub metadata_only: bool,
    pub(super) talking: bool,
    pub(super) over: bool,
    pub(super) deadline: Option<Timestamp>,
    /// The ARNs that ListExecutions finds it by.
    pub(super) listed_under: Arc<[Arc<str>]>,
    pub(super) listed: ExecutionStatus,
    /// The tokens of its tasks.
    pub(super) tokens: Vec<Arc<str>>,
    /// Its machine was deleted: it ends with its next state transition.
    pub(super) doomed: bool,
    pub(super) progress: Progress,
}

/// The task that started an execution.
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    /// The execution it belongs to.
    pub execution: ExecutionId,
    /// The task.
    pub task: TaskId,
    pub(super) form: NestedForm,
}

impl Record {
    pub(super) fn new(
        id: ExecutionId,
        arn: Arc<str>,
        name: Arc<str>,
        machine: Arc<StateMachineRecord>,
        execution: Execution,
        parent: Option<Parent>,
    ) -> Box<Self> {
        Box::new(Self {
            id,
            arn,
            name,
            machine,
            listed: execution.status(),
            execution,
            parent,
            map_run: None,
            released: false,
            trace_header: None,
            metadata_only: false,
            talking: false,
            over: false,
            deadline: None,
            listed_under: Arc::default(),
            tokens: Vec::new(),
            doomed: false,
            progress: Progress::default(),
        })
    }

    /// What DescribeExecution answers, in the API's members and order; texts of JSON stay texts.
    /// Dates come from `date`, since the API, the integrations and EventBridge write them
    /// differently; `now` decides whether it can still be redriven.
    pub(crate) fn describe(
        &self,
        now: Timestamp,
        date: impl Fn(Timestamp) -> Value,
    ) -> Vec<(&'static str, Value)> {
        let mut listed = Listed { members: Vec::with_capacity(16), date };
        self.describe_to(now, &mut listed);
        listed.members
    }

    /// As [`Record::describe`], member by member.
    pub(crate) fn describe_to(&self, now: Timestamp, to: &mut impl Description) {
        let start = self.execution.start_parameters();
        let (input, result) = (&start.input, self.execution.result());
        if let Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)) = result {
            failure.cause.iter().for_each(|cause| to.text("cause", cause));
            failure.error.iter().for_each(|error| to.text("error", error));
        }
        to.text("executionArn", &self.arn);
        self.describe_data("input", "inputDetails", input, to);
        to.text("name", &self.name);
        if let Some(ExecutionResult::Succeeded(output)) = result {
            self.describe_data("output", "outputDetails", output, to);
        }
        to.count("redriveCount", self.execution.redrive_count());
        self.execution.redriven_at().iter().for_each(|at| to.date("redriveDate", *at));
        let (redrive_status, reason) = self.redrive_status(now);
        to.text("redriveStatus", redrive_status);
        reason.iter().for_each(|reason| to.text("redriveStatusReason", reason));
        to.date("startDate", self.execution.started_at());
        let (alias, version) = (&start.state_machine_alias_arn, &start.state_machine_version_arn);
        alias.iter().for_each(|arn| to.text("stateMachineAliasArn", arn));
        to.text("stateMachineArn", &start.state_machine_arn);
        version.iter().for_each(|arn| to.text("stateMachineVersionArn", arn));
        to.text("status", status_name(self.execution.status()));
        self.execution.ended_at().iter().for_each(|ended| to.date("stopDate", *ended));
    }

    /// The data of an execution whose history is gone is gone, too.
    fn describe_data(
        &self,
        key: &'static str,
        details: &'static str,
        data: &Value,
        to: &mut impl Description,
    ) {
        if !self.released {
            to.json(key, data);
        }
        to.included(details, !self.released);
    }
}

/// Where the members of a description go.
pub(crate) trait Description {
    /// A text.
    fn text(&mut self, key: &'static str, text: &str);
    /// The text of a JSON value.
    fn json(&mut self, key: &'static str, value: &Value);
    /// `{"included": true}`, or false where the data is left out.
    fn included(&mut self, key: &'static str, included: bool);
    /// A number.
    fn count(&mut self, key: &'static str, count: u32);
    /// A date.
    fn date(&mut self, key: &'static str, date: Timestamp);
}

struct Listed<F> {
    members: Vec<(&'static str, Value)>,
    date: F,
}

impl<F: Fn(Timestamp) -> Value> Description for Listed<F> {
    fn text(&mut self, key: &'static str, text: &str) {
        self.members.push((key, Value::string(text)));
    }

    fn json(&mut self, key: &'static str, value: &Value) {
        self.members.push((key, Value::from(value.to_json())));
    }

    fn included(&mut self, key: &'static str, included: bool) {
        self.members.push((key, Value::object([("included", Value::Bool(included))])));
    }

    fn count(&mut self, key: &'static str, count: u32) {
        self.members.push((key, Value::from(count)));
    }

    fn date(&mut self, key: &'static str, date: Timestamp) {
        self.members.push((key, (self.date)(date)));
    }
}

/// The status as the API writes it.
pub(crate) fn status_name(status: ExecutionStatus) -> &'static str {
    status.api_name()
}

/// An object whose keys begin with capitals, as integrations write the API's answers.
pub(super) fn pascal_case(members: Vec<(&'static str, Value)>) -> Value {
    let mut object = Map::default();
    for (key, value) in members {
        object.insert(capitalized(key), nested_pascal_case(value));
    }
    Value::from(object)
}

fn nested_pascal_case(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            Value::object(members.map(|(key, value)| (capitalized(key), value.clone())))
        }
        value => value,
    }
}

pub(super) fn capitalized(key: &str) -> Arc<str> {
    let mut letters = key.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect::<String>().into()
}

/// The ARN of an execution: `…:execution:MACHINE:NAME`, or `…:express:MACHINE:NAME:UUID`.
pub(super) fn execution_arn(
    state_machine_arn: &str,
    execution_type: ExecutionType,
    name: &str,
    entropy: &mut Entropy,
) -> Arc<str> {
    let express = execution_type == ExecutionType::Express;
    let mut arn = String::with_capacity(state_machine_arn.len() + name.len() + 48);
    for (at, part) in state_machine_arn.splitn(8, ':').take(7).enumerate() {
        arn.push_str(match at {
            5 if express => "express",
            5 => "execution",
            _ => part,
        });
        arn.push(':');
    }
    arn.push_str(name);
    if express {
        arn.push(':');
        arn.push_str(&entropy.next_uuid());
    }
    arn.into()
}

/// What the engine starts an execution with.
pub(super) fn starting(
    service: &Service,
    id: ExecutionId,
    machine: &StateMachineRecord,
    state_machine_arn: &Arc<str>,
    arn: &Arc<str>,
    name: &Arc<str>,
    input: Value,
) -> Start {
    let account = service.account();
    // The first execution draws from the seed itself, so that `exec` and `replay` can too.
    let seed = match id.0 {
        0 => account.seed,
        _ => Entropy::new(account.seed).fork(arn).next_i64(),
    };
    Start {
        arn: arn.clone(),
        name: name.clone(),
        state_machine_arn: state_machine_arn.clone(),
        state_machine_name: machine.name.clone(),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        role_arn: machine.role_arn.clone(),
        region: account.region.clone(),
        execution_type: machine.execution_type,
        synchronous: false,
        input,
        seed,
        interleaving: account.interleaving,
        limits: service.limits.clone(),
    }
}
