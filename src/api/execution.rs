//! Executions and their histories.

use std::sync::Arc;

use super::body::{Body, check_arn};
use super::write::{Answer as Write, page};
use super::{Answer, ApiError, activity};
use crate::asl::ExecutionType;
use crate::engine::ExecutionResult;
use crate::history::{HistoryEvent, TimestampForm};
use crate::service::{
    ExecutionId, NewExecution, Operation, Record, Response, Service, StateMachineRecord,
};
use crate::time::Timestamp;
use crate::value::{Map, Value};

const KIND: &[&str] = &["execution", "express"];

/// Characters of `traceHeader` and of a RedriveExecution's `clientToken` (service model).
const TRACE_HEADER: usize = 256;
const CLIENT_TOKEN: usize = 64;

pub(super) fn start(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let id = service.start_execution(now, new(body)?)?;
    let record = service.execution(id);
    let answer = Write::new().text("executionArn", &record.arn);
    Ok(answer.date("startDate", record.execution.started_at()).end())
}

pub(super) fn start_sync(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<Answer, ApiError> {
    let metadata_only = body.metadata_only()?;
    let new = NewExecution { synchronous: true, metadata_only, ..new(body)? };
    service.start_execution(now, new).map(Answer::SyncExecution)
}

fn new(body: &Body) -> Result<NewExecution, ApiError> {
    let arn = body.arn("stateMachineArn", &["stateMachine"])?;
    if arn.contains('/') {
        let reason = Some("API_DOES_NOT_SUPPORT_LABELED_ARNS");
        let message = "This operation does not support the ARN of a Map Run's state machine";
        return Err(ApiError { reason, ..ApiError::validation(message.to_owned()) });
    }
    let name = body.text("name")?;
    let input = match body.text("input")? {
        Some(text) => {
            Value::parse(&text).map_err(|error| ApiError::invalid_input(&error.locate(&text)))?
        }
        None => Value::from(Map::default()),
    };
    let trace_header = body.text_up_to("traceHeader", TRACE_HEADER)?;
    Ok(NewExecution { name, trace_header, ..NewExecution::new(arn, input) })
}

pub(super) fn stop(service: &mut Service, now: Timestamp, body: &Body) -> Result<String, ApiError> {
    let execution_arn = body.arn("executionArn", KIND)?;
    let failure = activity::failure(service, body)?;
    match service.handle(now, Operation::StopExecution { execution_arn, failure })? {
        Response::Stopped(date) => Ok(Write::new().date("stopDate", date).end()),
        _ => Ok(super::nothing()),
    }
}

pub(super) fn redrive(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let execution_arn = body.arn("executionArn", KIND)?;
    let client_token = body.text_up_to("clientToken", CLIENT_TOKEN)?;
    match service.handle(now, Operation::RedriveExecution { execution_arn, client_token })? {
        Response::Redriven(date) => Ok(Write::new().date("redriveDate", date).end()),
        _ => Ok(super::nothing()),
    }
}

/// The Standard execution that `executionArn` names.
pub(super) fn find<'s>(
    service: &'s Service,
    body: &Body,
) -> Result<(ExecutionId, &'s Record), ApiError> {
    let arn = body.arn("executionArn", KIND)?;
    if arn.split(':').nth(5) == Some("express") {
        return Err(ApiError::express_arn());
    }
    let found = service.find_execution(&arn).map(|id| (id, service.execution(id)));
    found.ok_or_else(|| ApiError::execution_does_not_exist(&arn))
}

pub(super) fn describe(service: &Service, now: Timestamp, body: &Body) -> Result<String, ApiError> {
    let (_, record) = find(service, body)?;
    let metadata_only = body.metadata_only()?;
    if !metadata_only {
        service.surroundings().check_key(&record.machine.settings.encryption)?;
    }
    let execution = &record.execution;
    let start = execution.start_parameters();
    let (redrive_status, reason) = record.redrive_status(now);
    let mut answer = data(Write::new(), record, metadata_only);
    if let Some(child) = record.map_run {
        answer = answer.text("mapRunArn", &service.map_run(child.run).run.request().map_run_arn);
    }
    answer = answer
        .text("executionArn", &record.arn)
        .text("name", &record.name)
        .number("redriveCount", execution.redrive_count().into())
        .some_date("redriveDate", execution.redriven_at())
        .text("redriveStatus", redrive_status);
    if let Some(reason) = &reason {
        answer = answer.text("redriveStatusReason", reason);
    }
    Ok(answer
        .date("startDate", execution.started_at())
        .some("stateMachineAliasArn", start.state_machine_alias_arn.as_ref())
        .text("stateMachineArn", &start.state_machine_arn)
        .some("stateMachineVersionArn", start.state_machine_version_arn.as_ref())
        .text("status", execution.status().api_name())
        .some_date("stopDate", execution.ended_at())
        .some("traceHeader", record.trace_header.as_ref())
        .end())
}

/// Input, output, error and cause.
fn data(mut answer: Write, record: &Record, metadata_only: bool) -> Write {
    let included = if metadata_only { r#"{"included":false}"# } else { r#"{"included":true}"# };
    let result = record.execution.result();
    if let (Some(ExecutionResult::Failed(failure) | ExecutionResult::Aborted(failure)), false) =
        (result, metadata_only)
    {
        answer = answer.some("cause", failure.cause.as_ref()).some("error", failure.error.as_ref());
    }
    if !metadata_only {
        answer = answer.data("input", &record.execution.start_parameters().input);
    }
    answer = answer.raw("inputDetails", included);
    if let Some(ExecutionResult::Succeeded(output)) = result {
        if !metadata_only {
            answer = answer.data("output", output);
        }
        answer = answer.raw("outputDetails", included);
    }
    answer
}

/// The answer of StartSyncExecution; billed are whole tenths of a second and 64 MB
/// (`base_scenarios.lambda_service_invoke_sync_execution`).
pub(super) fn sync_answer(service: &Service, id: ExecutionId) -> String {
    let record = service.execution(id);
    let execution = &record.execution;
    let started = execution.started_at();
    let ended = execution.ended_at().unwrap_or(started);
    let millis = (ended - started).max(1);
    let billing = Write::new()
        .number("billedDurationInMilliseconds", (millis + 99) / 100 * 100)
        .number("billedMemoryUsedInMB", 64);
    data(Write::new().raw("billingDetails", &billing.end()), record, record.metadata_only)
        .text("executionArn", &record.arn)
        .text("name", &record.name)
        .date("startDate", started)
        .text("stateMachineArn", &execution.start_parameters().state_machine_arn)
        .text("status", execution.status().api_name())
        .date("stopDate", ended)
        .some("traceHeader", record.trace_header.as_ref())
        .end()
}

pub(super) fn list(service: &Service, body: &Body) -> Result<String, ApiError> {
    let (machine, map_run) = (body.text("stateMachineArn")?, body.text("mapRunArn")?);
    let status = body.status()?;
    let redriven = body.word("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    let arn = match (machine, map_run) {
        (Some(arn), None) => listed_machine(service, arn)?,
        (None, Some(arn)) => {
            check_arn(&arn, &["mapRun"])?;
            service.find_map_run(&arn).ok_or_else(|| ApiError::resource_not_found(&arn))?;
            arn
        }
        _ => {
            let reason = Some("MISSING_REQUIRED_PARAMETER");
            let message = "Must provide a StateMachine ARN or MapRun ARN, and not both.";
            return Err(ApiError { reason, ..ApiError::validation(message.to_owned()) });
        }
    };
    let scope = format!("ListExecutions {arn} {status:?} {redriven:?}");
    let asked = body.page(&scope)?;
    let before = asked.after.as_ref().and_then(|after| after.parse().ok()).map(ExecutionId);
    // Nothing is pending for redrive here: redrives begin at once.
    let (wanted, none) = (status.flatten(), status == Some(None));
    let executions = service.executions_of(&arn, wanted, before).filter(move |record| {
        let was_redriven = record.execution.redrive_count() > 0;
        !none && redriven.is_none_or(|filter| (filter == 0) == was_redriven)
    });
    let mark = |record: &&Record| record.id.0.to_string();
    Ok(page("executions", &scope, &asked, executions, mark, |record| entry(service, record)))
}

/// The machine, version or alias whose executions are listed: a Standard one.
fn listed_machine(service: &Service, arn: Arc<str>) -> Result<Arc<str>, ApiError> {
    check_arn(&arn, &["stateMachine"])?;
    match service.find_state_machine(&arn) {
        Some(record) if record.execution_type == ExecutionType::Express => {
            Err(ApiError::type_not_supported())
        }
        Some(_) => Ok(arn),
        None => Err(ApiError::state_machine_does_not_exist(&arn)),
    }
}

fn entry(service: &Service, record: &Record) -> String {
    let execution = &record.execution;
    let start = execution.start_parameters();
    let mut answer = Write::new().text("executionArn", &record.arn);
    if let Some(child) = record.map_run {
        let run = &service.map_run(child.run).run;
        answer = answer.text("mapRunArn", &run.request().map_run_arn);
    }
    answer
        .text("name", &record.name)
        .number("redriveCount", execution.redrive_count().into())
        .some_date("redriveDate", execution.redriven_at())
        .date("startDate", execution.started_at())
        .some("stateMachineAliasArn", start.state_machine_alias_arn.as_ref())
        .text("stateMachineArn", &start.state_machine_arn)
        .some("stateMachineVersionArn", start.state_machine_version_arn.as_ref())
        .text("status", execution.status().api_name())
        .some_date("stopDate", execution.ended_at())
        .end()
}

pub(super) fn history(service: &Service, body: &Body) -> Result<String, ApiError> {
    let (_, record) = find(service, body)?;
    let reverse = body.flag("reverseOrder")?.unwrap_or(false);
    let with_data = body.flag("includeExecutionData")?.unwrap_or(true);
    if with_data {
        service.surroundings().check_key(&record.machine.settings.encryption)?;
    }
    let scope = format!("GetExecutionHistory {} {reverse} {with_data}", record.arn);
    let asked = body.page(&scope)?;
    let events = record.execution.history();
    let after: Option<usize> = asked.after.as_ref().and_then(|after| after.parse().ok());
    let write = |event: &&HistoryEvent| {
        let value = event.to_value(TimestampForm::EpochSeconds);
        if with_data { value.to_json() } else { without_data(value).to_json() }
    };
    let mark = |event: &&HistoryEvent| event.id.to_string();
    // Ids count from one, without gaps.
    Ok(if reverse {
        let end = after.map_or(events.len(), |id| id.saturating_sub(1).min(events.len()));
        page("events", &scope, &asked, events[..end].iter().rev(), mark, write)
    } else {
        let start = after.unwrap_or(0).min(events.len());
        page("events", &scope, &asked, events[start..].iter(), mark, write)
    })
}

/// The event without what executions read and write (`includeExecutionData: false`).
fn without_data(event: Value) -> Value {
    let Value::Object(members) = event else { return event };
    let kept = members.iter().map(|(key, value)| {
        let Value::Object(details) = value else { return (key.clone(), value.clone()) };
        let mut own = Map::default();
        for (name, detail) in details.iter() {
            let data = matches!(
                &**name,
                "input" | "output" | "parameters" | "assignedVariables" | "error" | "cause"
            );
            if !data {
                own.insert(name.clone(), detail.clone());
            }
        }
        (key.clone(), Value::from(own))
    });
    Value::object(kept)
}

/// What the executions of a Map Run run, by its ARN: `…:stateMachine:NAME/LABEL`.
pub(super) fn map_run_machine<'s>(
    service: &'s Service,
    arn: &str,
) -> Option<&'s Arc<StateMachineRecord>> {
    if !arn.contains('/') {
        return None;
    }
    service.map_runs().map(|(_, run)| &run.machine).find(|machine| *machine.arn == *arn)
}
