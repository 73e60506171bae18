//! Activities, the outcomes of tasks, tags, and the operations that only look at a definition.

use super::machine::{encryption, encryption_value};
use super::request::{Asked, Members, check_arn};
use super::{Answer, ApiError, activity_task, page};
use crate::asl::validate::syntax_complaint;
use crate::asl::{ExecutionType, ValidationRequest, validate_definition as validate};
use crate::diagnostic::Severity;
use crate::history::Failure;
use crate::service::{Account, Activity, Operation, Response, Service};
use crate::test_state::{self, TestStateRequest};
use crate::value::Value;

const ACTIVITY: &[&str] = &["activity"];
const TAGGABLE: &[&str] = &["activity", "stateMachine"];

fn empty() -> Answer {
    Answer::Ready("{}".to_owned())
}

pub(super) fn create_activity(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let encryption = encryption(request)?.unwrap_or_default();
    let name = request.text("name");
    let activity = service.create_activity(request.now, &name, encryption, request.tags())?;
    let members = Members::new()
        .text("activityArn", &activity.arn)
        .date("creationDate", activity.creation_date);
    Ok(Answer::Ready(members.end()))
}

pub(super) fn delete_activity(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("activityArn");
    check_arn(&arn, ACTIVITY)?;
    service.delete_activity(request.now, &arn);
    Ok(empty())
}

pub(super) fn describe_activity(
    service: &mut Service,
    request: &Asked,
) -> Result<Answer, ApiError> {
    let arn = request.text("activityArn");
    check_arn(&arn, ACTIVITY)?;
    let missing = || ApiError::activity_does_not_exist(&arn);
    let activity = service.find_activity(&arn).ok_or_else(missing)?;
    let members = Members::new()
        .text("activityArn", &activity.arn)
        .text("name", &activity.name)
        .date("creationDate", activity.creation_date)
        .value("encryptionConfiguration", &encryption_value(&activity.encryption));
    Ok(Answer::Ready(members.end()))
}

pub(super) fn list_activities(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let after = page::cursor(service, request)?;
    let activities = service.activities(after.as_deref());
    let cursor = |activity: &&Activity| activity.arn.to_string();
    Ok(Answer::Ready(page::write(service, request, "activities", activities, cursor, |one| {
        Members::new()
            .text("activityArn", &one.arn)
            .text("name", &one.name)
            .date("creationDate", one.creation_date)
            .end()
    })))
}

pub(super) fn poll(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("activityArn");
    check_arn(&arn, ACTIVITY)?;
    match service.activity_task(request.now, &arn, request.optional("workerName"))? {
        Response::Polling(poll) => Ok(Answer::ActivityTask(poll)),
        Response::ActivityTask(task) => Ok(Answer::Ready(activity_task(Some(&task)))),
        other => Err(super::execution::unexpected(&other)),
    }
}

pub(super) fn send_success(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let text = request.text("output");
    let output = Value::parse(&text)
        .map_err(|error| ApiError::invalid_output(&syntax_complaint(&text, &error)))?;
    if !service.account().limits.payload_fits(&output) {
        return Err(ApiError::invalid_output("Output too long."));
    }
    let task_token = request.text("taskToken");
    service.handle(request.now, Operation::SendTaskSuccess { task_token, output })?;
    Ok(empty())
}

pub(super) fn send_failure(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let failure = Failure { error: request.optional("error"), cause: request.optional("cause") };
    let task_token = request.text("taskToken");
    service.handle(request.now, Operation::SendTaskFailure { task_token, failure })?;
    Ok(empty())
}

pub(super) fn send_heartbeat(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let task_token = request.text("taskToken");
    service.handle(request.now, Operation::SendTaskHeartbeat { task_token })?;
    Ok(empty())
}

pub(super) fn tag(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("resourceArn");
    check_arn(&arn, TAGGABLE)?;
    service.tag(&arn, request.tags())?;
    Ok(empty())
}

pub(super) fn untag(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("resourceArn");
    check_arn(&arn, TAGGABLE)?;
    let keys = request.list("tagKeys");
    let keys: Vec<_> = keys.iter().filter_map(|key| key.as_str().map(Into::into)).collect();
    service.untag(&arn, &keys)?;
    Ok(empty())
}

pub(super) fn list_tags(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("resourceArn");
    check_arn(&arn, TAGGABLE)?;
    let tags = service.tags(&arn)?.map(|(key, value)| {
        Value::object([
            ("key", Value::String(key.clone())),
            ("value", Value::String(value.clone())),
        ])
    });
    let tags = Value::array(tags);
    Ok(Answer::Ready(Members::new().value("tags", &tags).end()))
}

pub(super) fn test_state(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    test_state_alone(service.account(), request).map(Answer::Ready)
}

pub(super) fn test_state_alone(account: &Account, request: &Asked) -> Result<String, ApiError> {
    let refuse = |error: test_state::TestStateError| ApiError::new(error.code, error.message);
    if let Some(role) = request.optional("roleArn").filter(|role| !role.starts_with("arn:")) {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {role}")));
    }
    let mut test = TestStateRequest::from_json(&request.body).map_err(refuse)?;
    test.start_time = Some(request.now);
    test.seed = account.seed;
    test.account = Some((account.region.clone(), account.account_id.clone()));
    let response = test_state::test_state(&test).map_err(refuse)?;
    Ok(response.to_json().to_json())
}

pub(super) fn validate_definition(
    service: &mut Service,
    request: &Asked,
) -> Result<Answer, ApiError> {
    validate_alone(service.account(), request).map(Answer::Ready)
}

pub(super) fn validate_alone(_: &Account, request: &Asked) -> Result<String, ApiError> {
    let definition = request.text("definition");
    let express = request.optional("type").as_deref() == Some("EXPRESS");
    let warnings = request.optional("severity").as_deref() == Some("WARNING");
    let most = request.whole("maxResults").and_then(|most| usize::try_from(most).ok());
    let validation = validate(&ValidationRequest {
        definition: &definition,
        execution_type: if express { ExecutionType::Express } else { ExecutionType::Standard },
        severity: if warnings { Severity::Warning } else { Severity::Error },
        max_results: most.unwrap_or(0),
    });
    Ok(validation.to_value().to_json())
}
