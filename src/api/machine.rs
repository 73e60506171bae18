//! State machines, versions and aliases.

use std::sync::Arc;

use super::request::{Asked, Members, check_arn, refuse_label, text_in, whole_in};
use super::{Answer, ApiError, page};
use crate::asl::{ExecutionType, StateMachine, accept_definition};
use crate::history::LogLevel;
use crate::service::{
    EncryptionConfiguration, LoggingConfiguration, NewStateMachine, Route, Service, Settings,
    StateMachineRecord, StateMachineUpdate,
};
use crate::value::Value;

const MACHINE: &[&str] = &["stateMachine"];

/// `type`; the two names are all that the check lets through.
fn execution_type(request: &Asked) -> ExecutionType {
    match request.optional("type").as_deref() {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    }
}

fn type_name(execution_type: ExecutionType) -> &'static str {
    match execution_type {
        ExecutionType::Standard => "STANDARD",
        ExecutionType::Express => "EXPRESS",
    }
}

fn definition(
    service: &Service,
    text: &str,
    execution_type: ExecutionType,
) -> Result<Arc<StateMachine>, ApiError> {
    let limits = &service.account().limits;
    let accepted = accept_definition(text, limits, execution_type);
    accepted.map(Arc::new).map_err(|message| ApiError::new("InvalidDefinition", message))
}

/// `loggingConfiguration` (`sfn_api_logs.*`): a level other than `OFF` needs exactly one log
/// group.
fn logging(request: &Asked) -> Result<Option<LoggingConfiguration>, ApiError> {
    let Some(given) = request.structure("loggingConfiguration") else { return Ok(None) };
    let level = text_in(given, "level").and_then(|name| LogLevel::parse(&name));
    let level = level.unwrap_or_default();
    let destinations = given.get("destinations").and_then(Value::as_array);
    let count = destinations.map_or(0, |all| all.iter().count());
    if count > 1 || (count == 0 && level != LogLevel::Off) {
        return Err(ApiError::logging("Must specify exactly one Log Destination."));
    }
    let group = destinations.and_then(|all| all.first()?.get("cloudWatchLogsLogGroup"));
    let log_group_arn = group.and_then(|group| text_in(group, "logGroupArn"));
    if count == 1 && log_group_arn.is_none() {
        return Err(ApiError::logging("Must specify exactly one Log Destination."));
    }
    // The words are those that hashicorp/terraform-provider-aws#17683 quotes.
    if log_group_arn.as_ref().is_some_and(|arn| !arn.ends_with(":*")) {
        return Err(ApiError::logging("Log Group ARN must be provided with '*' qualifier."));
    }
    let include = given.get("includeExecutionData").and_then(Value::as_bool);
    let include_execution_data = include.unwrap_or(false);
    Ok(Some(LoggingConfiguration {
        level,
        include_execution_data,
        log_group_arn,
        empty_destinations: destinations.is_some() && count == 0,
    }))
}

/// `tracingConfiguration`, whose one member must be there (service model,
/// InvalidTracingConfiguration).
fn tracing(request: &Asked) -> Result<Option<bool>, ApiError> {
    let Some(given) = request.structure("tracingConfiguration") else { return Ok(None) };
    match given.get("enabled").and_then(Value::as_bool) {
        Some(enabled) => Ok(Some(enabled)),
        None => Err(ApiError::new(
            "InvalidTracingConfiguration",
            "Invalid Tracing Configuration: 'enabled must be true or false'".to_owned(),
        )),
    }
}

/// `encryptionConfiguration`. The period is five minutes by default (service model).
pub(super) fn encryption(request: &Asked) -> Result<Option<EncryptionConfiguration>, ApiError> {
    let Some(given) = request.structure("encryptionConfiguration") else { return Ok(None) };
    let invalid = |reason: &str| {
        let message = format!("Invalid Encryption Configuration: '{reason}'");
        Err(ApiError::new("InvalidEncryptionConfiguration", message))
    };
    let key_id = text_in(given, "kmsKeyId");
    let period = whole_in(given, "kmsDataKeyReusePeriodSeconds");
    let customer = text_in(given, "type").as_deref() == Some("CUSTOMER_MANAGED_KMS_KEY");
    match (customer, key_id) {
        (true, Some(key_id)) => {
            let reuse_seconds = period.unwrap_or(300);
            Ok(Some(EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds }))
        }
        (true, None) => invalid("kmsKeyId is required with CUSTOMER_MANAGED_KMS_KEY"),
        (false, None) if period.is_none() => Ok(Some(EncryptionConfiguration::AwsOwnedKey)),
        (false, _) => invalid("AWS_OWNED_KEY takes neither a key nor a reuse period"),
    }
}

pub(super) fn encryption_value(encryption: &EncryptionConfiguration) -> Value {
    match encryption {
        EncryptionConfiguration::AwsOwnedKey => Value::object([("type", "AWS_OWNED_KEY".into())]),
        EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds } => {
            Value::object([
                ("kmsKeyId", Value::String(key_id.clone())),
                ("kmsDataKeyReusePeriodSeconds", Value::from(*reuse_seconds)),
                ("type", "CUSTOMER_MANAGED_KMS_KEY".into()),
            ])
        }
    }
}

/// A description without a version to describe is refused (API reference, versionDescription).
fn publish_description(request: &Asked) -> Result<Option<Option<Arc<str>>>, ApiError> {
    let publish = request.flag("publish").unwrap_or(false);
    match (publish, request.optional("versionDescription")) {
        (true, description) => Ok(Some(description)),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(ApiError::validation(
            "Version description can only be set when publish is true".to_owned(),
        )),
    }
}

pub(super) fn create(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let execution_type = execution_type(request);
    let role_arn = request.text("roleArn");
    check_role(&role_arn)?;
    let publish = publish_description(request)?;
    let settings = Settings {
        logging: logging(request)?.unwrap_or_default(),
        tracing: tracing(request)?.unwrap_or_default(),
        encryption: encryption(request)?.unwrap_or_default(),
    };
    let machine = definition(service, &request.text("definition"), execution_type)?;
    let new = NewStateMachine {
        name: request.text("name"),
        machine,
        execution_type,
        role_arn,
        settings,
        publish: publish.clone(),
        tags: request.tags(),
    };
    let record = service.create_state_machine(request.now, new)?;
    let members = Members::new()
        .text("stateMachineArn", &record.arn)
        .date("creationDate", record.creation_date);
    let Some(description) = publish else { return Ok(Answer::Ready(members.end())) };
    let version = service.publish_version(request.now, &record.arn, None, description)?;
    Ok(Answer::Ready(members.text("stateMachineVersionArn", &version.arn).end()))
}

fn check_role(arn: &str) -> Result<(), ApiError> {
    match arn.starts_with("arn:") {
        true => Ok(()),
        false => Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}"))),
    }
}

pub(super) fn update(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    let changes = [
        "definition",
        "roleArn",
        "loggingConfiguration",
        "tracingConfiguration",
        "encryptionConfiguration",
    ];
    if changes.iter().all(|key| request.structure(key).is_none()) {
        let message = "Either the definition, the role ARN, the LoggingConfiguration, or the \
                       TracingConfiguration must be specified";
        return Err(ApiError::new("MissingRequiredParameter", message.to_owned()));
    }
    let role_arn = request.optional("roleArn");
    role_arn.as_deref().map_or(Ok(()), check_role)?;
    let publish = publish_description(request)?;
    let Some(known) = service.find_own_machine(&arn) else {
        return Err(ApiError::state_machine_does_not_exist(&arn));
    };
    let execution_type = known.execution_type;
    let text = request.optional("definition");
    let machine = text.map(|text| definition(service, &text, execution_type)).transpose()?;
    let update = StateMachineUpdate {
        machine,
        role_arn,
        logging: logging(request)?,
        tracing: tracing(request)?,
        encryption: encryption(request)?,
        publishes: publish.is_some(),
    };
    let record = service.update_state_machine(request.now, &arn, update)?;
    let mut members = Members::new()
        .date("updateDate", request.now)
        .optional("revisionId", record.revision_id.as_deref());
    if let Some(description) = publish {
        let version = service.publish_version(request.now, &arn, None, description)?;
        members = members.text("stateMachineVersionArn", &version.arn);
    }
    Ok(Answer::Ready(members.end()))
}

pub(super) fn delete(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    service.delete_state_machine(&arn);
    Ok(Answer::Ready("{}".to_owned()))
}

/// The members that DescribeStateMachine and DescribeStateMachineForExecution share.
fn configuration(
    service: &Service,
    record: &StateMachineRecord,
    request: &Asked,
    definition: &str,
) -> Result<Members, ApiError> {
    let settings = &record.settings;
    let shown = match request.metadata_only() {
        true => "{}",
        false => {
            service.surroundings().check_key(&settings.encryption)?;
            definition
        }
    };
    let mut logging = vec![
        ("level", Value::from(settings.logging.level.name())),
        ("includeExecutionData", Value::Bool(settings.logging.include_execution_data)),
    ];
    if let Some(arn) = &settings.logging.log_group_arn {
        let group = Value::object([("logGroupArn", Value::String(arn.clone()))]);
        let destination = Value::object([("cloudWatchLogsLogGroup", group)]);
        logging.push(("destinations", Value::array([destination])));
    } else if settings.logging.empty_destinations {
        logging.push(("destinations", Value::array([])));
    }
    let tracing = Value::object([("enabled", Value::Bool(settings.tracing))]);
    let mut members = Members::new()
        .text("definition", shown)
        .text("roleArn", &record.role_arn)
        .text("name", &record.name)
        .value("loggingConfiguration", &Value::object(logging))
        .value("tracingConfiguration", &tracing)
        .value("encryptionConfiguration", &encryption_value(&settings.encryption))
        .optional("revisionId", record.revision_id.as_deref());
    let references = &record.machine.variable_references;
    if !references.is_empty() && !request.metadata_only() {
        let names = |names: &[Arc<str>]| Value::array(names.iter().cloned().map(Value::String));
        let all = references.iter().map(|(state, own)| (state.clone(), names(own)));
        members = members.value("variableReferences", &Value::object(all));
    }
    Ok(members)
}

pub(super) fn describe(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    let (machine_arn, label) = split_label(&arn);
    let missing = || ApiError::state_machine_does_not_exist(&arn);
    let record = service.find_state_machine(&machine_arn).ok_or_else(missing)?;
    let version = match service.find_alias(&machine_arn) {
        Some(alias) => alias.routing.first().and_then(|r| service.find_version(&r.version_arn)),
        None => service.find_version(&machine_arn),
    };
    let source = match &label {
        Some(label) => processor(&record.machine.source, label).ok_or_else(missing)?,
        None => record.machine.source.to_string(),
    };
    let status = if service.is_deleting(&record.arn) { "DELETING" } else { "ACTIVE" };
    let creation_date = version.map_or(record.creation_date, |version| version.creation_date);
    let shown_arn = version.map_or(&record.arn, |version| &version.arn);
    let shown_arn = if label.is_some() { &arn } else { shown_arn };
    let members = configuration(service, record, request, &source)?
        .text("stateMachineArn", shown_arn)
        .text("status", status)
        .text("type", type_name(record.execution_type))
        .date("creationDate", creation_date)
        .optional("label", label.as_deref())
        .optional("description", version.and_then(|version| version.description.as_deref()));
    Ok(Answer::Ready(members.end()))
}

/// The machine's own ARN, and the label of a distributed Map behind its name.
fn split_label(arn: &str) -> (String, Option<String>) {
    let mut parts: Vec<&str> = arn.split(':').collect();
    let label = parts.get(6).and_then(|name| name.split_once('/'));
    let Some((name, label)) = label else { return (arn.to_owned(), None) };
    parts[6] = name;
    (parts.join(":"), Some(label.to_owned()))
}

/// The definition of the states of the distributed Map with this label.
fn processor(source: &str, label: &str) -> Option<String> {
    fn find<'a>(value: &'a Value, label: &str) -> Option<&'a Value> {
        if value.get("Label").and_then(Value::as_str) == Some(label) {
            return value.get("ItemProcessor").or_else(|| value.get("Iterator"));
        }
        match value {
            Value::Object(members) => members.iter().find_map(|(_, inner)| find(inner, label)),
            Value::Array(items) => items.iter().find_map(|inner| find(inner, label)),
            _ => None,
        }
    }
    find(&Value::parse(source).ok()?, label).map(Value::to_json)
}

pub(super) fn describe_for_execution(
    service: &mut Service,
    request: &Asked,
) -> Result<Answer, ApiError> {
    let record = super::execution::find(service, request)?;
    let machine = &record.machine;
    let run = record.map_run.map(|child| service.map_run(child.run));
    let source = match run {
        Some(run) => {
            let label = machine.arn.rsplit('/').next().unwrap_or_default();
            let found = processor(&machine.machine.source, label);
            found.or_else(|| state_processor(&machine.machine.source, &run.run.request().state))
        }
        None => None,
    };
    let source = source.unwrap_or_else(|| machine.machine.source.to_string());
    let mut members = configuration(service, machine, request, &source)?
        .text("stateMachineArn", &machine.arn)
        .date("updateDate", machine.update_date);
    if let Some(run) = run {
        let label = machine.arn.rsplit('/').next().unwrap_or_default();
        members = members.text("mapRunArn", &run.run.request().map_run_arn).text("label", label);
    }
    Ok(Answer::Ready(members.end()))
}

/// The definition of the states of the Map state of this name, whose label AWS made up.
fn state_processor(source: &str, state: &str) -> Option<String> {
    fn find<'a>(value: &'a Value, state: &str) -> Option<&'a Value> {
        let own = value.get("States").and_then(|states| states.get(state));
        if let Some(map) = own {
            return map.get("ItemProcessor").or_else(|| map.get("Iterator"));
        }
        match value {
            Value::Object(members) => members.iter().find_map(|(_, inner)| find(inner, state)),
            Value::Array(items) => items.iter().find_map(|inner| find(inner, state)),
            _ => None,
        }
    }
    find(&Value::parse(source).ok()?, state).map(Value::to_json)
}

pub(super) fn list(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let after = page::cursor(service, request)?;
    let machines = service.state_machines(after.as_deref());
    let cursor = |machine: &&Arc<StateMachineRecord>| machine.arn.to_string();
    Ok(Answer::Ready(page::write(service, request, "stateMachines", machines, cursor, |one| {
        Members::new()
            .text("stateMachineArn", &one.arn)
            .text("name", &one.name)
            .text("type", type_name(one.execution_type))
            .date("creationDate", one.creation_date)
            .end()
    })))
}

pub(super) fn publish(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    let revision_id = request.optional("revisionId");
    let description = request.optional("description");
    let version =
        service.publish_version(request.now, &arn, revision_id.as_deref(), description)?;
    let members = Members::new()
        .date("creationDate", version.creation_date)
        .text("stateMachineVersionArn", &version.arn);
    Ok(Answer::Ready(members.end()))
}

pub(super) fn delete_version(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineVersionArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    let number = arn.split(':').nth(7);
    if !number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        let message = format!("State machine version ARN expected. Received: '{arn}'");
        return Err(ApiError::validation(message));
    }
    service.delete_version(&arn)?;
    Ok(Answer::Ready("{}".to_owned()))
}

pub(super) fn list_versions(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    let number = |arn: &str| arn.rsplit(':').next().and_then(|number| number.parse::<u64>().ok());
    let before = page::cursor(service, request)?.and_then(|cursor| cursor.parse::<u64>().ok());
    let versions = service.versions(&arn).filter(|version| {
        before.is_none_or(|before| number(&version.arn).is_some_and(|own| own < before))
    });
    let cursor = |version: &&crate::service::Version| {
        number(&version.arn).map(|number| number.to_string()).unwrap_or_default()
    };
    Ok(Answer::Ready(page::write(
        service,
        request,
        "stateMachineVersions",
        versions,
        cursor,
        |one| {
            Members::new()
                .text("stateMachineVersionArn", &one.arn)
                .date("creationDate", one.creation_date)
                .end()
        },
    )))
}

fn routes(request: &Asked) -> Vec<Route> {
    let route = |item: &Value| Route {
        version_arn: text_in(item, "stateMachineVersionArn").unwrap_or_default(),
        weight: whole_in(item, "weight").unwrap_or_default(),
    };
    request.list("routingConfiguration").iter().map(route).collect()
}

pub(super) fn create_alias(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let (name, description) = (request.text("name"), request.optional("description"));
    let alias = service.create_alias(request.now, name, description, routes(request))?;
    let members = Members::new()
        .text("stateMachineAliasArn", &alias.arn)
        .date("creationDate", alias.creation_date);
    Ok(Answer::Ready(members.end()))
}

/// The ARN of an alias, which has eight parts.
fn alias_arn(request: &Asked) -> Result<Arc<str>, ApiError> {
    let arn = request.text("stateMachineAliasArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    match arn.split(':').count() {
        8 => Ok(arn),
        _ => {
            let message = format!("State machine alias ARN expected. Received: '{arn}'");
            Err(ApiError::validation(message))
        }
    }
}

pub(super) fn update_alias(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = alias_arn(request)?;
    let description = request.optional("description");
    let routing = request.structure("routingConfiguration").map(|_| routes(request));
    if description.is_none() && routing.is_none() {
        let reason = Some("MISSING_REQUIRED_PARAMETER");
        let message = "Either the description or the routingConfiguration must be specified";
        return Err(ApiError { reason, ..ApiError::validation(message.to_owned()) });
    }
    service.update_alias(request.now, &arn, description, routing)?;
    Ok(Answer::Ready(Members::new().date("updateDate", request.now).end()))
}

pub(super) fn delete_alias(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    service.delete_alias(&alias_arn(request)?)?;
    Ok(Answer::Ready("{}".to_owned()))
}

pub(super) fn describe_alias(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = alias_arn(request)?;
    let alias = service.find_alias(&arn).ok_or_else(|| ApiError::resource_not_found(&arn))?;
    let routing = alias.routing.iter().map(|route| {
        Value::object([
            ("stateMachineVersionArn", Value::String(route.version_arn.clone())),
            ("weight", Value::from(route.weight)),
        ])
    });
    let members = Members::new()
        .text("stateMachineAliasArn", &alias.arn)
        .text("name", &alias.name)
        .optional("description", alias.description.as_deref())
        .value("routingConfiguration", &Value::array(routing))
        .date("creationDate", alias.creation_date)
        .date("updateDate", alias.update_date);
    Ok(Answer::Ready(members.end()))
}

/// In the order in which they were created, as recorded
/// (`sfn_api_aliasing.base_lifecycle_create_delete_list`), though the API reference says the
/// contrary.
pub(super) fn list_aliases(service: &mut Service, request: &Asked) -> Result<Answer, ApiError> {
    let arn = request.text("stateMachineArn");
    check_arn(&arn, MACHINE)?;
    refuse_label(&arn)?;
    let Some(machine) = service.find_state_machine(&arn) else {
        return Err(ApiError::state_machine_does_not_exist(&arn));
    };
    if service.is_deleting(&machine.arn) {
        return Err(ApiError::state_machine_deleting(&arn));
    }
    let seen = page::cursor(service, request)?;
    let mut behind = seen.is_none();
    let aliases = service.aliases(&arn).filter(move |alias| {
        let shown = behind;
        behind = behind || seen.as_deref() == Some(&*alias.name);
        shown
    });
    let cursor = |alias: &&crate::service::Alias| alias.name.to_string();
    Ok(Answer::Ready(page::write(
        service,
        request,
        "stateMachineAliases",
        aliases,
        cursor,
        |one| {
            Members::new()
                .text("stateMachineAliasArn", &one.arn)
                .date("creationDate", one.creation_date)
                .end()
        },
    )))
}
