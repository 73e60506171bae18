//! Named faults: how services fail, with AWS's error names and a typical cause.
//!
//! An optimized integration and `aws-sdk:` name the same error differently
//! (`DynamoDB.ConditionalCheckFailedException` against `DynamoDb.…`) and phrase causes
//! differently, so a fault becomes a [`Failure`] only together with the [`Resource`] called.

mod table;

use crate::asl::{Pattern, Resource};
use crate::engine::FailureStage;
use crate::history::Failure;
use table::FAULTS;

/// A way in which a service fails.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// What scenarios call it: `lambda.throttled`.
    pub name: &'static str,
    stage: FailureStage,
    /// How the error is named and its cause worded.
    form: Form,
    /// How well this is known.
    pub evidence: Evidence,
}

/// How well a behaviour is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Seen in a history recorded on AWS.
    Recorded,
    /// AWS's documentation says so.
    Documented,
    /// Follows from how recorded errors of other services look.
    Inferred,
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// An error code of the service's API, with HTTP status and message.
    Api { service: &'static Names, code: Code, status: u16, message: &'static str },
    /// The SDK could not reach the service: the message is the whole cause.
    Client { service: &'static Names, message: &'static str },
    /// Error and cause as they are; an empty cause is none.
    Plain { error: &'static str, cause: &'static str },
}

#[derive(Debug, PartialEq, Eq)]
enum Code {
    /// The exception of this name.
    Named(&'static str),
    /// The service's common exception, for API error codes without one of their own: the code.
    Common(&'static str),
}

/// How a service is called in error names and causes.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    /// Prefix of error names of the optimized integration.
    optimized: &'static str,
    /// `Service:` in causes of the optimized integration.
    optimized_service: &'static str,
    /// The optimized integration's common exception.
    optimized_common: &'static str,
    /// Prefix of error names of `aws-sdk:`, and `Service:` in its causes.
    sdk: &'static str,
    /// The common exception of `aws-sdk:`.
    sdk_common: &'static str,
}

impl Fault {
    /// Every fault, by service.
    pub fn all() -> &'static [Self] {
        FAULTS
    }

    /// The fault called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        FAULTS.iter().find(|fault| fault.name == name)
    }

    /// The name most like `name`, for a suggestion.
    pub fn closest(name: &str) -> Option<&'static str> {
        FAULTS
            .iter()
            .map(|fault| (strsim::jaro_winkler(fault.name, name), fault.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.8)
            .map(|(_, name)| name)
    }

    /// How far a task that calls `resource` comes: where it waits for a job or a callback, an
    /// error of the API means that the call was refused.
    pub fn stage(&self, resource: &Resource) -> FailureStage {
        let waits = resource.pattern() != Pattern::RequestResponse;
        match self.form {
            Form::Api { .. } | Form::Client { .. } if waits => FailureStage::Submit,
            _ => self.stage,
        }
    }

    /// Error and cause as a task that calls `resource` reports them.
    pub fn failure(&self, resource: &Resource) -> Failure {
        let sdk = matches!(resource, Resource::Service { service, .. }
            if service.starts_with("aws-sdk:"));
        match &self.form {
            Form::Plain { error, cause } => Failure {
                error: Some((*error).into()),
                cause: (!cause.is_empty()).then(|| (*cause).into()),
            },
            Form::Client { service, message } => {
                let prefix = if sdk { service.sdk } else { service.optimized };
                Failure::new(format!("{prefix}.SdkClientException"), message)
            }
            Form::Api { service, code, status, message } if sdk => {
                let name = match code {
                    Code::Named(name) => name,
                    Code::Common(_) => service.sdk_common,
                };
                Failure::new(
                    format!("{}.{name}", service.sdk),
                    format!(
                        "{message} (Service: {}, Status Code: {status}, Request ID: {REQUEST_ID}) \
                         (SDK Attempt Count: 1)",
                        service.sdk
                    ),
                )
            }
            Form::Api { service, code, status, message } => {
                let (name, code) = match code {
                    Code::Named(name) => (name, name),
                    Code::Common(code) => (&service.optimized_common, code),
                };
                Failure::new(
                    format!("{}.{name}", service.optimized),
                    format!(
                        "{message} (Service: {}; Status Code: {status}; Error Code: {code}; \
                         Request ID: {REQUEST_ID}; Proxy: null)",
                        service.optimized_service
                    ),
                )
            }
        }
    }
}

/// The failure that an error of a service's API becomes.
pub fn api_failure(
    resource: &Resource,
    code: &str,
    status: u16,
    message: &str,
    request_id: &str,
) -> Failure {
    let (names, sdk) = names_of(resource);
    // Codes without an exception of their own become the service's common one.
    let known = FAULTS.iter().find_map(|fault| match &fault.form {
        Form::Api { service, code: own, .. } if **service == *names => match own {
            Code::Common(own) if *own == code => Some(false),
            Code::Named(own) if *own == code => Some(true),
            _ => None,
        },
        _ => None,
    });
    let named = known.unwrap_or_else(|| code.ends_with("Exception"));
    if sdk {
        let name = if named { code } else { names.sdk_common };
        let cause = format!(
            "{message} (Service: {}, Status Code: {status}, Request ID: {request_id}) (SDK \
             Attempt Count: 1)",
            names.sdk
        );
        return Failure::new(format!("{}.{name}", names.sdk), cause);
    }
    let name = if named { code } else { names.optimized_common };
    let cause = format!(
        "{message} (Service: {}; Status Code: {status}; Error Code: {code}; Request ID: \
         {request_id}; Proxy: null)",
        names.optimized_service
    );
    Failure::new(format!("{}.{name}", names.optimized), cause)
}

/// The failure of a call that did not get through to its service.
pub fn client_failure(resource: &Resource, message: &str) -> Failure {
    let (names, sdk) = names_of(resource);
    let prefix = if sdk { names.sdk } else { names.optimized };
    Failure::new(format!("{prefix}.SdkClientException"), message)
}

/// How a resource's service is called, and whether it is called by way of `aws-sdk:`.
fn names_of(resource: &Resource) -> (&'static Names, bool) {
    let service = match resource {
        Resource::Service { service, .. } => &**service,
        _ => "lambda",
    };
    let sdk = service.starts_with("aws-sdk:");
    (table::names_of(service.trim_start_matches("aws-sdk:")), sdk)
}

/// The request id of every made-up answer.
pub(super) const REQUEST_ID: &str = "11111111-2222-4333-8444-555555555555";

#[cfg(test)]
mod tests {
    use super::*;

    fn service(service: &str) -> Resource {
        Resource::Service {
            arn: format!("arn:aws:states:::{service}:action").into(),
            service: service.into(),
            action: "action".into(),
            pattern: crate::asl::Pattern::RequestResponse,
        }
    }

    #[track_caller]
    fn check(name: &str, resource: &str, error: &str, cause: &str) {
        let failure = Fault::find(name).unwrap().failure(&service(resource));
        assert_eq!(failure, Failure::new(error, cause));
    }

    /// Against `task_service_lambda.no_such_function_catch`, `task_service_sqs.*` and
    /// `aws_sdk.dynamodb_*`, request ids apart.
    #[test]
    fn names_and_causes_are_those_recorded() {
        check(
            "lambda.not-found",
            "lambda",
            "Lambda.ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:missing:$LATEST \
             (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; \
             Request ID: 11111111-2222-4333-8444-555555555555; Proxy: null)",
        );
        check(
            "sqs.missing-parameter",
            "sqs",
            "SQS.AmazonSQSException",
            "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status \
             Code: 400; Error Code: MissingParameter; Request ID: \
             11111111-2222-4333-8444-555555555555; Proxy: null)",
        );
        check(
            "states.invalid-token",
            "aws-sdk:sfn",
            "Sfn.InvalidTokenException",
            "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: \
             11111111-2222-4333-8444-555555555555) (SDK Attempt Count: 1)",
        );
        let failure = |name, resource| {
            let failure = Fault::find(name).unwrap().failure(&service(resource));
            failure.error.unwrap().to_string()
        };
        let conditional = "dynamodb.conditional-check-failed";
        assert_eq!(failure(conditional, "dynamodb"), "DynamoDB.ConditionalCheckFailedException");
        assert_eq!(
            failure(conditional, "aws-sdk:dynamodb"),
            "DynamoDb.ConditionalCheckFailedException"
        );
        assert_eq!(failure("dynamodb.validation", "dynamodb"), "DynamoDB.AmazonDynamoDBException");
        assert_eq!(
            failure("dynamodb.validation", "aws-sdk:dynamodb"),
            "DynamoDb.DynamoDbException"
        );
        assert_eq!(failure("sqs.sdk-client", "sqs"), "SQS.SdkClientException");
    }

    #[test]
    fn names_are_unique_and_typos_are_guessed() {
        let mut names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
        assert_eq!(Fault::closest("lambda.throtled"), Some("lambda.throttled"));
        assert_eq!(Fault::closest("xyz"), None);
    }
}
