//! Versions and aliases.

use super::body::Body;
use super::write::{Answer as Write, page};
use super::{ApiError, nothing};
use crate::service::{Alias, Operation, Response, Route, Service, Version};
use crate::time::Timestamp;

const KIND: &[&str] = &["stateMachine"];

/// Characters of the description of a version or an alias (service model).
const DESCRIPTION: usize = 256;

pub(super) fn publish(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let state_machine_arn = body.arn("stateMachineArn", KIND)?;
    let revision_id = body.text("revisionId")?;
    let description = body.text_up_to("description", DESCRIPTION)?;
    let operation =
        Operation::PublishStateMachineVersion { state_machine_arn, revision_id, description };
    match service.handle(now, operation)? {
        Response::Published { version_arn, creation_date } => {
            let answer = Write::new().date("creationDate", creation_date);
            Ok(answer.text("stateMachineVersionArn", &version_arn).end())
        }
        _ => Ok(nothing()),
    }
}

pub(super) fn delete(service: &mut Service, body: &Body) -> Result<String, ApiError> {
    service.delete_version(&body.arn("stateMachineVersionArn", KIND)?)?;
    Ok(nothing())
}

pub(super) fn list(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = existing(service, body)?;
    let scope = format!("ListStateMachineVersions {arn}");
    let asked = body.page(&scope)?;
    let versions = service.versions(&arn);
    let after = asked.after.clone();
    let mut behind = after.is_none();
    let items = versions.filter(move |version| {
        let take = behind;
        behind = behind || after.as_deref() == Some(&*version.arn);
        take
    });
    let mark = |version: &&Version| version.arn.to_string();
    Ok(page("stateMachineVersions", &scope, &asked, items, mark, |version| {
        let answer = Write::new().date("creationDate", version.creation_date);
        answer.text("stateMachineVersionArn", &version.arn).end()
    }))
}

pub(super) fn create_alias(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let name = body.required("name")?;
    let description = body.text_up_to("description", DESCRIPTION)?;
    let Some(routing) = routing(body)? else {
        return Err(ApiError::validation(
            "1 validation error detected: Value null at 'routingConfiguration' failed to satisfy \
             constraint: Member must not be null"
                .to_owned(),
        ));
    };
    let alias = service.create_alias(now, name, description, routing)?;
    let answer = Write::new().date("creationDate", alias.creation_date);
    Ok(answer.text("stateMachineAliasArn", &alias.arn).end())
}

pub(super) fn update_alias(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let arn = body.arn("stateMachineAliasArn", KIND)?;
    let (description, routing) = (body.text_up_to("description", DESCRIPTION)?, routing(body)?);
    if description.is_none() && routing.is_none() {
        let message = "Either the description or the routingConfiguration must be specified";
        let reason = Some("MISSING_REQUIRED_PARAMETER");
        return Err(ApiError { reason, ..ApiError::validation(message.to_owned()) });
    }
    service.update_alias(now, &arn, description, routing)?;
    Ok(Write::new().date("updateDate", now).end())
}

pub(super) fn delete_alias(service: &mut Service, body: &Body) -> Result<String, ApiError> {
    service.delete_alias(&body.arn("stateMachineAliasArn", KIND)?)?;
    Ok(nothing())
}

pub(super) fn describe_alias(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("stateMachineAliasArn", KIND)?;
    let alias = service.find_alias(&arn).ok_or_else(|| ApiError::resource_not_found(&arn))?;
    let routes = alias.routing.iter().map(|route| {
        let answer = Write::new().text("stateMachineVersionArn", &route.version_arn);
        answer.number("weight", route.weight).end()
    });
    Ok(Write::new()
        .date("creationDate", alias.creation_date)
        .some("description", alias.description.as_ref())
        .text("name", &alias.name)
        .list("routingConfiguration", routes)
        .text("stateMachineAliasArn", &alias.arn)
        .date("updateDate", alias.update_date)
        .end())
}

pub(super) fn list_aliases(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = existing(service, body)?;
    let scope = format!("ListStateMachineAliases {arn}");
    let asked = body.page(&scope)?;
    let after = asked.after.clone();
    let mut behind = after.is_none();
    let items = service.aliases(&arn).filter(move |alias| {
        let take = behind;
        behind = behind || after.as_deref() == Some(&*alias.arn);
        take
    });
    let mark = |alias: &&Alias| alias.arn.to_string();
    Ok(page("stateMachineAliases", &scope, &asked, items, mark, |alias| {
        let answer = Write::new().date("creationDate", alias.creation_date);
        answer.text("stateMachineAliasArn", &alias.arn).end()
    }))
}

/// `stateMachineArn`, of a machine or version that exists.
fn existing(service: &Service, body: &Body) -> Result<std::sync::Arc<str>, ApiError> {
    let arn = body.arn("stateMachineArn", KIND)?;
    match service.find_state_machine(&arn) {
        Some(_) => Ok(arn),
        None => Err(ApiError::state_machine_does_not_exist(&arn)),
    }
}

fn routing(body: &Body) -> Result<Option<Vec<Route>>, ApiError> {
    let Some(routes) = body.objects("routingConfiguration")? else { return Ok(None) };
    let read = |route: &Body| {
        let version_arn = route.required("stateMachineVersionArn")?;
        Ok(Route { version_arn, weight: route.integer("weight")?.unwrap_or(0) })
    };
    routes.iter().map(read).collect::<Result<_, ApiError>>().map(Some)
}
