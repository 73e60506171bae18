//! Executions, their histories and their Map Runs.

use std::sync::Arc;

use super::request::{Asked, Members, check_arn, date};
use super::{Answer, ApiError, page};
use crate::asl::ExecutionType;
use crate::asl::validate::syntax_complaint;
use crate::engine::ExecutionStatus;
use crate::history::{Failure, HistoryEvent, TimestampForm, without_data};
use crate::map_run::MapRunUpdate;
use crate::service::{
    Description, ExecutionId, MapRunId, NewExecution, Operation, Record, Response, Service,
};
use crate::time::Timestamp;
use crate::value::{Map, Value};

const EXECUTION: &[&str] = &["execution"];
const MACHINE: &[&str] = &["stateMachine"];
const MAP_RUN: &[&str] = &["mapRun"];

/// The execution that the request names. Express ones are described nowhere: only their logs know
/// them.
pub(super) fn find<'a>(service: &'a Service, request: &Asked) -> Result<&'a Record, ApiError> {
    let arn = request.text("executionArn");
    check_arn(&arn, EXECUTION)?;
    match service.find_execution(&arn) {
        Some(id) => Ok(service.execution(id)),
        None => Err(ApiError::execution_does_not_exist(&arn)),
    }
}

/// `input`: `{}` where there is none; an empty text is refused
/// (`sfn_api.invalid_start_execution_input`).
fn input(request: &Asked) -> Result<Value, ApiError> {
    let Some(text) = request.optional("input") else { return Ok(Value::object::<&str>([])) };
    if text.is_empty() {
        return Err(ApiError::invalid_input("Invalid execution input."));
    }
    Value::parse(&text).map_err(|error| ApiError::invalid_input(&syntax_complaint(&text, &error)))
}

fn begin(
    service: &mut Service,
    request: &Asked,
    synchronous: bool,
) -> Result<ExecutionId, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    super::request::refuse_label(&arn)?;
    if service.find_state_machine(&arn).is_none() {
        return Err(ApiError::state_machine_does_not_exist(&arn));
    }
    let new = NewExecution {
        name: request.optional("name"),
        trace_header: request.optional("traceHeader"),
        synchronous,
        metadata_only: request.metadata_only(),
        ..NewExecution::new(arn, input(request)?)
    };
    service.start_execution(request.now, new)
}

pub(super) fn start(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let id = begin(service, request, false)?;
    let record = service.execution(id);
    let members = Members::new()
        .text("executionArn", &record.arn)
        .date("startDate", record.execution.started_at());
    Ok(Answer::Ready(members.end()))
}

pub(super) fn start_sync(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    begin(service, request, true).map(Answer::SyncExecution)
}

/// Members that hold an execution's data, which `METADATA_ONLY` leaves out.
const DATA: &[&str] = &["input", "inputDetails", "output", "outputDetails", "error", "cause"];

fn describe_record(record: &Record, request: &Asked) -> Members {
    let mut description =
        Described { members: Members::large(), metadata_only: request.metadata_only() };
    record.describe_to(request.now, &mut description);
    description.members.optional("traceHeader", record.trace_header.as_deref())
}

/// A description as it is written.
struct Described {
    members: Members,
    metadata_only: bool,
}

impl Described {
    fn write(&mut self, key: &'static str, write: impl FnOnce(&mut Members)) {
        if !(self.metadata_only && DATA.contains(&key)) {
            write(&mut self.members);
        }
    }
}

impl Description for Described {
    fn text(&mut self, key: &'static str, text: &str) {
        self.write(key, |members| members.push_text(key, text));
    }

    fn json(&mut self, key: &'static str, value: &Value) {
        self.write(key, |members| members.push_text(key, &value.to_json()));
    }

    fn included(&mut self, key: &'static str, included: bool) {
        let text = if included { "{\"included\":true}" } else { "{\"included\":false}" };
        self.write(key, |members| members.push_raw(key, text));
    }

    fn count(&mut self, key: &'static str, count: u32) {
        self.write(key, |members| members.push_value(key, &Value::from(count)));
    }

    fn date(&mut self, key: &'static str, date: Timestamp) {
        self.write(key, |members| members.push_date(key, date));
    }
}

/// As [`find`], and Express ones that a Map Run dispatched: the service model's documentation of
/// DescribeExecution excepts them.
fn find_described<'a>(service: &'a Service, request: &Asked) -> Result<&'a Record, ApiError> {
    let arn = request.text("executionArn");
    let known = service.find_execution(&arn).map(|id| service.execution(id));
    known.filter(|record| record.map_run.is_some()).map_or_else(|| find(service, request), Ok)
}

pub(super) fn describe(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let record = find_described(service, request)?;
    if !request.metadata_only() {
        service.surroundings().check_key(&record.machine.settings.encryption)?;
    }
    let run = record.map_run.map(|child| service.map_run(child.run));
    let run = run.map(|run| &*run.run.request().map_run_arn);
    Ok(Answer::Ready(describe_record(record, request).optional("mapRunArn", run).end()))
}

/// StartSyncExecution's answer (`base_scenarios.lambda_service_invoke_sync_execution`).
pub(super) fn sync_answer(service: &Service, execution: ExecutionId) -> String {
    let record = service.execution(execution);
    let mut members = Members::new();
    for (key, value) in service.sync_description(execution, date) {
        if !(record.metadata_only && DATA.contains(&key)) {
            members = members.value(key, &value);
        }
    }
    members.optional("traceHeader", record.trace_header.as_deref()).end()
}

pub(super) fn stop(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let execution_arn = find(service, request)?.arn.clone();
    let failure = Failure { error: request.optional("error"), cause: request.optional("cause") };
    let operation = Operation::StopExecution { execution_arn, failure };
    match service.handle(request.now, operation)? {
        Response::Stopped(at) => Ok(Answer::Ready(Members::new().date("stopDate", at).end())),
        other => Err(unexpected(&other)),
    }
}

pub(super) fn redrive(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let execution_arn = find(service, request)?.arn.clone();
    let client_token = request.optional("clientToken");
    let operation = Operation::RedriveExecution { execution_arn, client_token };
    match service.handle(request.now, operation)? {
        Response::Redriven(at) => Ok(Answer::Ready(Members::new().date("redriveDate", at).end())),
        other => Err(unexpected(&other)),
    }
}

/// The account answers every operation with a response of its own: this cannot happen.
pub(super) fn unexpected(response: &Response) -> ApiError {
    ApiError::new("InternalFailure", format!("the account answered {response:?}"))
}

pub(super) fn list(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let (machine, run) = (request.optional("stateMachineArn"), request.optional("mapRunArn"));
    let filter = request.optional("redriveFilter");
    let arn = match (&machine, &run) {
        (Some(machine), None) => listed_machine(service, machine, filter.as_deref())?,
        (None, Some(run)) => {
            check_arn(run, MAP_RUN)?;
            if service.find_map_run(run).is_none() {
                return Err(ApiError::resource_not_found(run));
            }
            run.clone()
        }
        _ => {
            let reason = Some("MISSING_REQUIRED_PARAMETER");
            let message = "Must specify exactly one of stateMachineArn and mapRunArn";
            return Err(ApiError { reason, ..ApiError::validation(message.to_owned()) });
        }
    };
    let status = request.optional("statusFilter");
    let status = status.map(|name| named_status(&name));
    let before = page::cursor(service, request)?.and_then(|id| id.parse().ok()).map(ExecutionId);
    let executions = service.executions_of(&arn, status.flatten(), before);
    // None waits for its redrive here: Map Runs begin what they redrive at once.
    let nothing = status == Some(None);
    let executions = executions.filter(|record| {
        let redriven = record.execution.redrive_count() > 0;
        !nothing && filter.as_deref().is_none_or(|filter| redriven == (filter == "REDRIVEN"))
    });
    let cursor = |record: &&Record| record.id.0.to_string();
    let write = |record: &&Record| listed(service, record);
    Ok(Answer::Ready(page::write(service, request, "executions", executions, cursor, write)))
}

fn listed_machine(
    service: &Service,
    arn: &Arc<str>,
    redrive_filter: Option<&str>,
) -> Result<Arc<str>, ApiError> {
    check_arn(arn, MACHINE)?;
    super::request::refuse_label(arn)?;
    let Some(machine) = service.find_state_machine(arn) else {
        return Err(ApiError::state_machine_does_not_exist(arn));
    };
    if machine.execution_type == ExecutionType::Express {
        return Err(ApiError::type_not_supported());
    }
    // The service model, of `redriveFilter`: with a state machine's ARN "the API returns a
    // validation exception". Its words are not recorded.
    if redrive_filter.is_some() {
        let message = "redriveFilter is not supported with stateMachineArn";
        return Err(ApiError::validation(message.to_owned()));
    }
    Ok(arn.clone())
}

fn named_status(name: &str) -> Option<ExecutionStatus> {
    use ExecutionStatus::{Aborted, Failed, Running, Succeeded, TimedOut};
    let all = [Running, Succeeded, Failed, TimedOut, Aborted];
    all.into_iter().find(|status| status.api_name() == name)
}

/// An entry of ListExecutions: what the description has, less (service model, ExecutionListItem).
fn listed(service: &Service, record: &Record) -> String {
    let execution = &record.execution;
    let start = execution.start_parameters();
    let mut members = Members::new()
        .text("executionArn", &record.arn)
        .text("stateMachineArn", &start.state_machine_arn)
        .text("name", &record.name)
        .text("status", execution.status().api_name())
        .date("startDate", execution.started_at());
    if let Some(ended) = execution.ended_at() {
        members = members.date("stopDate", ended);
    }
    if let Some(child) = record.map_run {
        let run = &service.map_run(child.run).run;
        members = members.text("mapRunArn", &run.request().map_run_arn);
    }
    members = members
        .optional("stateMachineVersionArn", start.state_machine_version_arn.as_deref())
        .optional("stateMachineAliasArn", start.state_machine_alias_arn.as_deref())
        .value("redriveCount", &Value::from(execution.redrive_count()));
    if let Some(redriven) = execution.redriven_at() {
        members = members.date("redriveDate", redriven);
    }
    members.end()
}

pub(super) fn history(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let record = find(service, request)?;
    service.surroundings().check_key(&record.machine.settings.encryption)?;
    let events = record.execution.history();
    let seen = page::cursor(service, request)?.and_then(|id| id.parse::<usize>().ok());
    let data = request.flag("includeExecutionData").unwrap_or(true);
    let cursor = |event: &&HistoryEvent| event.id.to_string();
    let write = |event: &&HistoryEvent| {
        let event = event.to_value(TimestampForm::EpochSeconds);
        if data { event.to_json() } else { without_data(&event).to_json() }
    };
    // Events are numbered from one without gaps, so that their ids are their places.
    let page = if request.flag("reverseOrder").unwrap_or(false) {
        let end = seen.map_or(events.len(), |id| id.saturating_sub(1).min(events.len()));
        page::write(service, request, "events", events[..end].iter().rev(), cursor, write)
    } else {
        let start = seen.unwrap_or(0).min(events.len());
        page::write(service, request, "events", events[start..].iter(), cursor, write)
    };
    Ok(Answer::Ready(page))
}

fn map_run(service: &Service, request: &Asked) -> Result<MapRunId, ApiError> {
    let arn = request.text("mapRunArn");
    check_arn(&arn, MAP_RUN)?;
    service.find_map_run(&arn).ok_or_else(|| ApiError::resource_not_found(&arn))
}

pub(super) fn describe_map_run(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let run = service.map_run(map_run(service, request)?);
    Ok(Answer::Ready(run.describe(service, date).to_json()))
}

/// The newest first (API reference, ListMapRuns).
pub(super) fn list_map_runs(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let execution = find(service, request)?.id;
    let before = page::cursor(service, request)?.and_then(|id| id.parse::<u32>().ok());
    let runs = service.map_runs_of(execution).rev();
    let runs = runs.filter(|(id, _)| before.is_none_or(|before| id.0 < before));
    Ok(Answer::Ready(page::write(
        service,
        request,
        "mapRuns",
        runs,
        |(id, _)| id.0.to_string(),
        |(_, run)| run.listed(service, date).to_json(),
    )))
}

pub(super) fn update_map_run(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    map_run(service, request)?;
    let update = MapRunUpdate {
        max_concurrency: request.whole("maxConcurrency"),
        tolerated_failure_count: request.float("toleratedFailureCount"),
        tolerated_failure_percentage: request.float("toleratedFailurePercentage"),
    };
    let map_run_arn = request.text("mapRunArn");
    service.handle(request.now, Operation::UpdateMapRun { map_run_arn, update })?;
    Ok(Answer::Ready(Value::from(Map::default()).to_json()))
}
