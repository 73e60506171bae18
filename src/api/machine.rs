//! State machines, their settings and tags, and the validation of definitions.

use std::fmt::Write as _;
use std::sync::Arc;

use super::body::Body;
use super::write::{Answer as Write, page};
use super::{ApiError, execution, nothing};
use crate::asl::{
    ExecutionType, StateMachine, ValidationRequest, accept_definition, validate_definition,
};
use crate::diagnostic::Severity;
use crate::history::LogLevel;
use crate::json;
use crate::service::{
    EncryptionConfiguration, LoggingConfiguration, NewStateMachine, Operation, Response, Service,
    Settings, StateMachineRecord, StateMachineUpdate,
};
use crate::time::Timestamp;

const KIND: &[&str] = &["stateMachine"];

/// Characters of a version's description (service model).
const DESCRIPTION: usize = 256;

pub(super) fn create(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let name = body.required("name")?;
    let definition = body.required("definition")?;
    let role_arn = role(&body.required("roleArn")?)?;
    let execution_type = execution_type(body)?;
    let settings = Settings {
        logging: logging(body)?.unwrap_or_default(),
        tracing: tracing(body)?.unwrap_or(false),
        encryption: encryption(body)?.unwrap_or_default(),
    };
    let publish = publish(body)?;
    let tags = body.tags()?.unwrap_or_default();
    let machine = accept(service, &definition, execution_type)?;
    let new = NewStateMachine {
        name,
        machine,
        execution_type,
        role_arn,
        settings,
        publish: publish.clone(),
        tags,
    };
    let record = service.create_state_machine(now, new)?;
    let answer = Write::new()
        .date("creationDate", record.creation_date)
        .text("stateMachineArn", &record.arn);
    let version = version(service, now, &record.arn, publish)?;
    Ok(answer.some("stateMachineVersionArn", version.as_ref()).end())
}

pub(super) fn update(
    service: &mut Service,
    now: Timestamp,
    body: &Body,
) -> Result<String, ApiError> {
    let arn = body.arn("stateMachineArn", KIND)?;
    let definition = body.text("definition")?;
    let role_arn = body.text("roleArn")?.map(|arn| role(&arn)).transpose()?;
    let (logging, tracing, encryption) = (logging(body)?, tracing(body)?, encryption(body)?);
    let publish = publish(body)?;
    let changes = definition.is_some()
        || role_arn.is_some()
        || logging.is_some()
        || tracing.is_some()
        || encryption.is_some();
    if !changes && publish.is_none() {
        let message = "Either the definition, the role ARN, the LoggingConfiguration, or the \
                       TracingConfiguration must be specified";
        return Err(ApiError::new("MissingRequiredParameter", message.to_owned()));
    }
    let Some(old) = service.find_state_machine(&arn).cloned() else {
        return Err(ApiError::state_machine_does_not_exist(&arn));
    };
    let machine = match definition {
        Some(definition) => Some(accept(service, &definition, old.execution_type)?),
        None => None,
    };
    let update = StateMachineUpdate { machine, role_arn, logging, tracing, encryption };
    let record = service.update_state_machine(now, &arn, update)?;
    let (revision_id, date) = (record.revision_id.clone(), record.update_date);
    let version = version(service, now, &arn, publish)?;
    Ok(Write::new()
        .some("revisionId", revision_id.as_ref())
        .some("stateMachineVersionArn", version.as_ref())
        .date("updateDate", date)
        .end())
}

/// Publishes a version after a creation or an update that asked for one.
fn version(
    service: &mut Service,
    now: Timestamp,
    arn: &Arc<str>,
    publish: Option<Option<Arc<str>>>,
) -> Result<Option<Arc<str>>, ApiError> {
    let Some(description) = publish else { return Ok(None) };
    let (state_machine_arn, revision_id) = (arn.clone(), None);
    let operation =
        Operation::PublishStateMachineVersion { state_machine_arn, revision_id, description };
    match service.handle(now, operation)? {
        Response::Published { version_arn, .. } => Ok(Some(version_arn)),
        _ => Ok(None),
    }
}

pub(super) fn delete(service: &mut Service, body: &Body) -> Result<String, ApiError> {
    service.delete_state_machine(&body.arn("stateMachineArn", KIND)?);
    Ok(nothing())
}

pub(super) fn describe(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("stateMachineArn", KIND)?;
    let metadata_only = body.metadata_only()?;
    let version = service.find_version(&arn);
    let label = execution::map_run_machine(service, &arn);
    let record = match label {
        Some(record) => record,
        None => service
            .find_state_machine(&arn)
            .filter(|_| service.find_alias(&arn).is_none())
            .ok_or_else(|| ApiError::state_machine_does_not_exist(&arn))?,
    };
    if !metadata_only {
        service.surroundings().check_key(&record.settings.encryption)?;
    }
    let status = if service.is_deleting(&record.arn) { "DELETING" } else { "ACTIVE" };
    let creation_date = version.map_or(record.creation_date, |version| version.creation_date);
    let answer = Write::new().date("creationDate", creation_date);
    let answer = match metadata_only {
        true => answer,
        false => answer.text("definition", &record.machine.source),
    };
    let answer = answer.some("description", version.and_then(|own| own.description.as_ref()));
    let answer = settings(answer, record);
    let answer = match label.and_then(|_| record.arn.rsplit('/').next()) {
        Some(label) => answer.text("label", label),
        None => answer,
    };
    let answer = answer
        .text("name", &record.name)
        .some("revisionId", record.revision_id.as_ref())
        .text("roleArn", &record.role_arn)
        .text("stateMachineArn", &arn)
        .text("status", status)
        .text("type", type_name(record.execution_type));
    Ok(variables(answer, record).end())
}

pub(super) fn describe_for_execution(service: &Service, body: &Body) -> Result<String, ApiError> {
    let (_, execution) = execution::find(service, body)?;
    let metadata_only = body.metadata_only()?;
    let record = &execution.machine;
    let answer = match metadata_only {
        true => Write::new(),
        false => Write::new().text("definition", &record.machine.source),
    };
    let mut answer = settings(answer, record);
    if let Some(child) = execution.map_run {
        let run = service.map_run(child.run);
        let label = record.arn.rsplit('/').next().unwrap_or_default();
        answer = answer.text("label", label);
        answer = answer.text("mapRunArn", &run.run.request().map_run_arn);
    }
    let answer = answer
        .text("name", &record.name)
        .some("revisionId", record.revision_id.as_ref())
        .text("roleArn", &record.role_arn)
        .text("stateMachineArn", &record.arn)
        .date("updateDate", record.update_date);
    Ok(variables(answer, record).end())
}

pub(super) fn list(service: &Service, body: &Body) -> Result<String, ApiError> {
    let scope = "ListStateMachines";
    let asked = body.page(scope)?;
    let machines = service.state_machines(asked.after.as_deref());
    let mark = |record: &&Arc<StateMachineRecord>| record.arn.to_string();
    Ok(page("stateMachines", scope, &asked, machines, mark, |record| {
        Write::new()
            .date("creationDate", record.creation_date)
            .text("name", &record.name)
            .text("stateMachineArn", &record.arn)
            .text("type", type_name(record.execution_type))
            .end()
    }))
}

pub(super) fn tag(service: &mut Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("resourceArn", &["stateMachine", "activity"])?;
    service.tag(&arn, body.tags()?.unwrap_or_default())?;
    Ok(nothing())
}

pub(super) fn untag(service: &mut Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("resourceArn", &["stateMachine", "activity"])?;
    service.untag(&arn, &body.texts("tagKeys")?)?;
    Ok(nothing())
}

pub(super) fn tags(service: &Service, body: &Body) -> Result<String, ApiError> {
    let arn = body.arn("resourceArn", &["stateMachine", "activity"])?;
    let tags = service.tags(&arn)?;
    let tags = tags.map(|(key, value)| Write::new().text("key", key).text("value", value).end());
    Ok(Write::new().list("tags", tags).end())
}

pub(super) fn validate(body: &Body) -> Result<String, ApiError> {
    let definition = body.required("definition")?;
    let most = body.integer("maxResults")?.unwrap_or(0);
    let Some(max_results) = usize::try_from(most).ok().filter(|most| *most <= 100) else {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{most}' at 'maxResults' failed to satisfy \
             constraint: Member must have value less than or equal to 100"
        )));
    };
    let severity = match body.word("severity", &["ERROR", "WARNING"])? {
        Some(1) => Severity::Warning,
        _ => Severity::Error,
    };
    let execution_type = execution_type(body)?;
    let request =
        ValidationRequest { definition: &definition, execution_type, severity, max_results };
    let validation = validate_definition(&request);
    let diagnostics = validation.diagnostics.iter().map(|diagnostic| {
        let answer = Write::new().text("code", diagnostic.code);
        let answer = match &diagnostic.location {
            Some(location) => answer.text("location", location),
            None => answer,
        };
        let answer = answer.text("message", &diagnostic.message);
        let severity = match diagnostic.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        };
        answer.text("severity", severity).end()
    });
    Ok(Write::new()
        .list("diagnostics", diagnostics)
        .text("result", if validation.ok { "OK" } else { "FAIL" })
        .flag("truncated", validation.truncated)
        .end())
}

fn accept(
    service: &Service,
    definition: &str,
    execution_type: ExecutionType,
) -> Result<Arc<StateMachine>, ApiError> {
    let machine = accept_definition(definition, &service.account().limits, execution_type);
    machine.map(Arc::new).map_err(|message| ApiError::new("InvalidDefinition", message))
}

/// `roleArn`
fn role(arn: &str) -> Result<Arc<str>, ApiError> {
    match arn.starts_with("arn:") {
        true => Ok(arn.into()),
        false => Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}"))),
    }
}

fn execution_type(body: &Body) -> Result<ExecutionType, ApiError> {
    Ok(match body.word("type", &["STANDARD", "EXPRESS"])? {
        Some(1) => ExecutionType::Express,
        _ => ExecutionType::Standard,
    })
}

/// `publish`, with `versionDescription`.
#[expect(clippy::option_option, reason = "whether to publish, and with which description")]
fn publish(body: &Body) -> Result<Option<Option<Arc<str>>>, ApiError> {
    let description = body.text_up_to("versionDescription", DESCRIPTION)?;
    match body.flag("publish")? {
        Some(true) => Ok(Some(description)),
        _ if description.is_some() => Err(ApiError::validation(
            "Version description can only be set when publish is true".to_owned(),
        )),
        _ => Ok(None),
    }
}

fn tracing(body: &Body) -> Result<Option<bool>, ApiError> {
    let Some(tracing) = body.object("tracingConfiguration")? else { return Ok(None) };
    Ok(Some(tracing.flag("enabled")?.unwrap_or(false)))
}

/// `loggingConfiguration` (`sfn_api_logs.*`)
fn logging(body: &Body) -> Result<Option<LoggingConfiguration>, ApiError> {
    let Some(logging) = body.object("loggingConfiguration")? else { return Ok(None) };
    let levels = [LogLevel::All, LogLevel::Error, LogLevel::Fatal, LogLevel::Off];
    let level = logging.word("level", &["ALL", "ERROR", "FATAL", "OFF"])?;
    let level = level.map_or(LogLevel::Off, |level| levels[level]);
    let destinations = logging.objects("destinations")?.unwrap_or_default();
    if destinations.len() > 1 || (destinations.is_empty() && level != LogLevel::Off) {
        return Err(ApiError::logging("Must specify exactly one Log Destination."));
    }
    let mut log_group_arn = None;
    for destination in &destinations {
        if let Some(group) = destination.object("cloudWatchLogsLogGroup")? {
            log_group_arn = group.text("logGroupArn")?;
        }
    }
    let include_execution_data = logging.flag("includeExecutionData")?.unwrap_or(false);
    Ok(Some(LoggingConfiguration { level, include_execution_data, log_group_arn }))
}

/// `encryptionConfiguration`
pub(super) fn encryption(body: &Body) -> Result<Option<EncryptionConfiguration>, ApiError> {
    let Some(encryption) = body.object("encryptionConfiguration")? else { return Ok(None) };
    let invalid = |reason: &str| {
        let message = format!("Invalid Encryption Configuration: '{reason}'");
        ApiError::new("InvalidEncryptionConfiguration", message)
    };
    let key_id = encryption.text("kmsKeyId")?;
    let reuse = encryption.integer("kmsDataKeyReusePeriodSeconds")?;
    let words = ["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"];
    match (encryption.word("type", &words)?, key_id) {
        (Some(1), Some(key_id)) => {
            let reuse_seconds = reuse.unwrap_or(300);
            if !(60..=900).contains(&reuse_seconds) {
                return Err(invalid("kmsDataKeyReusePeriodSeconds must be between 60 and 900"));
            }
            Ok(Some(EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds }))
        }
        (Some(1), None) => Err(invalid("kmsKeyId must be given for CUSTOMER_MANAGED_KMS_KEY")),
        (Some(_), None) if reuse.is_none() => Ok(Some(EncryptionConfiguration::AwsOwnedKey)),
        (Some(_), _) => Err(invalid("AWS_OWNED_KEY takes neither key nor reuse period")),
        (None, _) => Err(invalid("type must be given")),
    }
}

/// `encryptionConfiguration` of an answer.
pub(super) fn describe_encryption(encryption: &EncryptionConfiguration) -> String {
    match encryption {
        EncryptionConfiguration::AwsOwnedKey => Write::new().text("type", "AWS_OWNED_KEY").end(),
        EncryptionConfiguration::CustomerManagedKmsKey { key_id, reuse_seconds } => Write::new()
            .number("kmsDataKeyReusePeriodSeconds", *reuse_seconds)
            .text("kmsKeyId", key_id)
            .text("type", "CUSTOMER_MANAGED_KMS_KEY")
            .end(),
    }
}

fn settings(answer: Write, record: &StateMachineRecord) -> Write {
    let Settings { logging, tracing, encryption } = &record.settings;
    let mut log = Write::new();
    if let Some(arn) = &logging.log_group_arn {
        let group = Write::new().text("logGroupArn", arn).end();
        let destination = Write::new().raw("cloudWatchLogsLogGroup", &group).end();
        log = log.list("destinations", [destination]);
    }
    let level = match logging.level {
        LogLevel::Off => "OFF",
        LogLevel::Fatal => "FATAL",
        LogLevel::Error => "ERROR",
        LogLevel::All => "ALL",
    };
    let log = log.flag("includeExecutionData", logging.include_execution_data);
    answer
        .raw("encryptionConfiguration", &describe_encryption(encryption))
        .raw("loggingConfiguration", &log.text("level", level).end())
        .raw("tracingConfiguration", &Write::new().flag("enabled", *tracing).end())
}

fn variables(answer: Write, record: &StateMachineRecord) -> Write {
    let references = &record.machine.variable_references;
    if references.is_empty() {
        return answer;
    }
    let mut text = String::from("{");
    for (state, names) in references {
        if text.len() > 1 {
            text.push(',');
        }
        json::write_string(&mut text, state);
        text.push_str(":[");
        for (i, name) in names.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            json::write_string(&mut text, name);
        }
        let _ = write!(text, "]");
    }
    text.push('}');
    answer.raw("variableReferences", &text)
}

pub(super) fn type_name(execution_type: ExecutionType) -> &'static str {
    match execution_type {
        ExecutionType::Standard => "STANDARD",
        ExecutionType::Express => "EXPRESS",
    }
}
