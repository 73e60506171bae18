//! Map Runs.

use super::body::Body;
use super::write::page;
use super::{ApiError, execution, nothing};
use crate::map_run::MapRunUpdate;
use crate::service::{Operation, Service};
use crate::time::Timestamp;
use crate::value::{Number, Value};

const KIND: &[&str] = &["mapRun"];

pub(super) fn describe(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("mapRunArn", KIND)?;
    let id = service.find_map_run(&arn).ok_or_else(|| ApiError::resource_not_found(&arn))?;
    Ok(service.map_run(id).describe(service, seconds).to_json())
}

pub(super) fn list(service: &Service, body: &Body) -> Result<String, ApiError> {
    let (id, record) = execution::find(service, body)?;
    let scope = format!("ListMapRuns {}", record.arn);
    let asked = body.page(&scope)?;
    let runs = service.map_runs_of(id).map(|(_, run)| run);
    let listed: Vec<Value> = runs.map(|run| run.listed(service, seconds)).collect();
    let after = asked.after.as_ref().and_then(|after| after.parse::<usize>().ok());
    let items = listed.iter().enumerate().skip(after.map_or(0, |after| after + 1));
    Ok(page("mapRuns", &scope, &asked, items, |(i, _)| i.to_string(), |(_, run)| run.to_json()))
}

pub(super) fn update(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let map_run_arn = body.arn("mapRunArn", KIND)?;
    let integer = |key: &str| match body.integer(key)? {
        Some(number) if number < 0 => Err(ApiError::validation(format!(
            "1 validation error detected: Value '{number}' at '{key}' failed to satisfy \
             constraint: Member must have value greater than or equal to 0"
        ))),
        number => Ok(number),
    };
    let percentage = body.number("toleratedFailurePercentage")?;
    if let Some(wrong) = percentage.filter(|share| !(0.0..=100.0).contains(share)) {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{wrong}' at 'toleratedFailurePercentage' failed \
             to satisfy constraint: Member must have value between 0 and 100"
        )));
    }
    let update = MapRunUpdate {
        max_concurrency: integer("maxConcurrency")?,
        tolerated_failure_count: integer("toleratedFailureCount")?.map(|count| count as f64),
        tolerated_failure_percentage: percentage,
    };
    service.handle(now, Operation::UpdateMapRun { map_run_arn, update })?;
    Ok(nothing())
}

/// Seconds since the epoch.
fn seconds(date: Timestamp) -> Value {
    Number::from_f64(date.millis() as f64 / 1_000.0).map(Value::Number).unwrap_or_default()
}
