//! The API's errors by their names.

use std::fmt;
use std::sync::Arc;

use crate::json;

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The name in the service model, `ExecutionAlreadyExists`; the wire's `__type`.
    pub code: &'static str,
    /// The message, as AWS words it.
    pub message: String,
    /// `reason` of a ValidationException.
    pub reason: Option<&'static str>,
    /// `resourceName` of ResourceNotFound and TooManyTags.
    pub resource_name: Option<Arc<str>>,
    /// `kmsKeyState` of KmsInvalidStateException.
    pub kms_key_state: Option<&'static str>,
}

/// Codes that blame the server; every other one blames the request.
const SERVER_ERRORS: &[&str] = &["InternalFailure", "ServiceUnavailable"];

impl ApiError {
    pub(crate) fn execution_already_exists(arn: &str) -> Self {
        Self::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"))
    }

    pub(crate) fn execution_does_not_exist(arn: &str) -> Self {
        Self::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
    }

    pub(crate) fn state_machine_does_not_exist(arn: &str) -> Self {
        Self::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    }

    pub(crate) fn state_machine_already_exists(arn: &str) -> Self {
        Self::new("StateMachineAlreadyExists", format!("State Machine Already Exists: '{arn}'"))
    }

    pub(crate) fn state_machine_deleting(arn: &str) -> Self {
        Self::new("StateMachineDeleting", format!("State Machine Deleting: '{arn}'"))
    }

    /// Of a loggingConfiguration (`sfn_api_logs.invalid_logging_configuration.*`).
    pub(crate) fn logging(reason: &str) -> Self {
        let message = format!("Invalid Logging Configuration: {reason}");
        Self::new("InvalidLoggingConfiguration", message)
    }

    /// Of a routingConfiguration (`error_create_alias_invalid_router_configs`).
    pub(crate) fn routing(message: String) -> Self {
        let reason = Some("INVALID_ROUTING_CONFIGURATION");
        Self { reason, ..Self::validation(message) }
    }

    /// A token of a task whose activity was deleted (service model, TaskDoesNotExist).
    pub(crate) fn task_does_not_exist() -> Self {
        let message = "Task Does Not Exist: 'Provided task does not exist anymore'";
        Self::new("TaskDoesNotExist", message.to_owned())
    }

    pub(crate) fn type_not_supported() -> Self {
        let message = "This operation is not supported by this type of state machine";
        Self::new("StateMachineTypeNotSupported", message.to_owned())
    }

    pub(crate) fn activity_does_not_exist(arn: &str) -> Self {
        Self::new("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
    }

    pub(crate) fn invalid_arn(reason: &str) -> Self {
        Self::new("InvalidArn", format!("Invalid Arn: '{reason}'"))
    }

    /// An operation that Express executions do not have.
    pub(crate) fn express_arn() -> Self {
        Self::invalid_arn("Resource type not valid in this context: express")
    }

    pub(crate) fn invalid_name(name: &str) -> Self {
        Self::new("InvalidName", format!("Invalid Name: '{name}'"))
    }

    pub(crate) fn invalid_input(reason: &str) -> Self {
        let message = format!("Invalid State Machine Execution Input: '{reason}'");
        Self::new("InvalidExecutionInput", message)
    }

    /// The output of SendTaskSuccess is no JSON.
    pub fn invalid_output(reason: &str) -> Self {
        Self::new("InvalidOutput", format!("Invalid Output: '{reason}'"))
    }

    /// A token that was never given out (`aws_sdk_task_service.sfn_send_task_outcome_with_no_such_token`).
    pub(crate) fn invalid_token() -> Self {
        Self::new("InvalidToken", "Invalid Token: 'Invalid token'".to_owned())
    }

    /// A token whose task is over.
    pub(crate) fn task_timed_out() -> Self {
        let message = "Task Timed Out: 'Provided task does not exist anymore'";
        Self::new("TaskTimedOut", message.to_owned())
    }

    /// RedriveExecution of an execution that cannot go on. The words around the reason are inferred.
    pub(crate) fn not_redrivable(reason: &str) -> Self {
        Self::new("ExecutionNotRedrivable", format!("Execution Not Redrivable: '{reason}'"))
    }

    /// Of Map Runs.
    pub(crate) fn resource_not_found(arn: &str) -> Self {
        let error = Self::new("ResourceNotFound", format!("Resource not found: '{arn}'"));
        Self { resource_name: Some(arn.into()), ..error }
    }

    /// UpdateMapRun of a Map Run that is over (reason `CANNOT_UPDATE_COMPLETED_MAP_RUN`).
    pub(crate) fn completed_map_run() -> Self {
        let message = "Cannot update a Map Run that has completed";
        let reason = Some("CANNOT_UPDATE_COMPLETED_MAP_RUN");
        Self { reason, ..Self::validation(message.to_owned()) }
    }

    /// The HTTP status: 400, unless the service model names another one or the server is to blame.
    pub fn status(&self) -> u16 {
        match self.code {
            "ConflictException" => 409,
            "ServiceQuotaExceededException" => 402,
            code if SERVER_ERRORS.contains(&code) => 500,
            _ => 400,
        }
    }

    /// The body of the answer: `__type`, `message`, and the members that only some errors have.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(64 + self.message.len());
        let mut member = |key: &str, text: &str| {
            out.push(if out.is_empty() { '{' } else { ',' });
            json::write_string(&mut out, key);
            out.push(':');
            json::write_string(&mut out, text);
        };
        member("__type", self.code);
        member("message", &self.message);
        let rest = [
            ("reason", self.reason),
            ("resourceName", self.resource_name.as_deref()),
            ("kmsKeyState", self.kms_key_state),
        ];
        for (key, text) in rest {
            if let Some(text) = text {
                member(key, text);
            }
        }
        out.push('}');
        out
    }

    pub(crate) fn conflict(message: String) -> Self {
        Self::new("ConflictException", message)
    }

    pub(crate) fn quota(message: String) -> Self {
        Self::new("ServiceQuotaExceededException", message)
    }

    pub(crate) fn validation(message: String) -> Self {
        Self::new("ValidationException", message)
    }

    /// An error of this name.
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code, message, reason: None, resource_name: None, kms_key_state: None }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
