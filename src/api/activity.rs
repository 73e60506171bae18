//! Activities and task tokens.

use super::body::Body;
use super::write::{Answer as Write, page};
use super::{Answer, ApiError, machine, nothing};
use crate::history::Failure;
use crate::service::{Activity, ActivityTask, Operation, Response, Service};
use crate::time::Timestamp;
use crate::value::Value;

const KIND: &[&str] = &["activity"];

pub(super) fn create(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let name = body.required("name")?;
    let (tags, encryption) = (body.tags()?.unwrap_or_default(), machine::encryption(body)?);
    let activity = service.create_activity(now, &name, encryption.unwrap_or_default(), tags)?;
    let answer = Write::new().text("activityArn", &activity.arn);
    Ok(answer.date("creationDate", activity.creation_date).end())
}

pub(super) fn delete(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    service.delete_activity(now, &body.arn("activityArn", KIND)?);
    Ok(nothing())
}

pub(super) fn describe(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("activityArn", KIND)?;
    let activity =
        service.find_activity(&arn).ok_or_else(|| ApiError::activity_does_not_exist(&arn))?;
    let encryption = machine::describe_encryption(&activity.encryption);
    Ok(members(activity).raw("encryptionConfiguration", &encryption).end())
}

pub(super) fn list(service: &Service, body: &Body) -> Result<String, ApiError> {
    let scope = "ListActivities";
    let asked = body.page(scope)?;
    let activities = service.activities(asked.after.as_deref());
    let mark = |activity: &&Activity| activity.arn.to_string();
    Ok(page("activities", scope, &asked, activities, mark, |activity| members(activity).end()))
}

fn members(activity: &Activity) -> Write {
    let answer = Write::new().text("activityArn", &activity.arn).text("name", &activity.name);
    answer.date("creationDate", activity.creation_date)
}

pub(super) fn task(service: &mut Service, now: Timestamp, body: &Body) -> Result<Answer, ApiError> {
    let arn = body.arn("activityArn", KIND)?;
    let worker = body.text_up_to("workerName", 80)?;
    match service.activity_task(now, &arn, worker)? {
        Response::Polling(poll) => Ok(Answer::ActivityTask(poll)),
        Response::ActivityTask(task) => Ok(Answer::Ready(answer(Some(&task)))),
        _ => Ok(Answer::Ready(answer(None))),
    }
}

/// Without a task the token is null, and there is no input (API reference, GetActivityTask).
pub(super) fn answer(task: Option<&ActivityTask>) -> String {
    match task {
        Some(task) => {
            let answer = Write::new().text("taskToken", &task.task_token);
            answer.data("input", &task.input).end()
        }
        None => Write::new().raw("taskToken", "null").end(),
    }
}

pub(super) fn succeed(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let (task_token, text) = (token(service, body)?, body.required("output")?);
    let output =
        Value::parse(&text).map_err(|error| ApiError::invalid_output(&error.locate(&text)))?;
    if !service.account().limits.payload_fits(&output) {
        return Err(ApiError::invalid_output("Output too long."));
    }
    service.handle(now, Operation::SendTaskSuccess { task_token, output })?;
    Ok(nothing())
}

pub(super) fn fail(service: &mut Service, now: Timestamp, body: &Body) -> Result<String, ApiError> {
    let (task_token, failure) = (token(service, body)?, failure(service, body)?);
    service.handle(now, Operation::SendTaskFailure { task_token, failure })?;
    Ok(nothing())
}

pub(super) fn heartbeat(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let task_token = token(service, body)?;
    service.handle(now, Operation::SendTaskHeartbeat { task_token })?;
    Ok(nothing())
}

/// `error` and `cause`
pub(super) fn failure(service: &Service, body: &Body) -> Result<Failure, ApiError> {
    let limits = &service.account().limits;
    Ok(Failure {
        error: body.text_up_to("error", limits.error_chars)?,
        cause: body.text_up_to("cause", limits.cause_chars)?,
    })
}

fn token(service: &Service, body: &Body) -> Result<std::sync::Arc<str>, ApiError> {
    let token = body.required("taskToken")?;
    if token.chars().count() > service.account().limits.task_token_chars {
        return Err(ApiError::invalid_token());
    }
    Ok(token)
}
