//! The protocols of the services, from their side: requests read, results and failures written.

use std::fmt::Write;

use hyper::http::request::Parts;

use crate::history::Failure;
use crate::service_model::spelling::{decapital, pascal, renamed};
use crate::value::{Map, Value};

/// A call of a service.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The service, as options name its endpoint.
    pub(super) service: &'static str,
    /// The API's operation: `SendMessage`.
    pub(super) operation: String,
    /// Its arguments, with the capitals that Step Functions gives them.
    pub(super) arguments: Value,
    /// Whether it came as a form, and wants XML back.
    form: bool,
}

/// An answer, ready to be sent.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// What the services call themselves in `X-Amz-Target`.
const TARGETS: [(&str, &str); 6] = [
    ("DynamoDB_20120810", "dynamodb"),
    ("AmazonSQS", "sqs"),
    ("AWSGlue", "glue"),
    ("SageMaker", "sagemaker"),
    ("AmazonEC2ContainerServiceV20141113", "ecs"),
    ("AWSStepFunctions", "step-functions"),
];

const BATCH: [(&str, &str); 5] = [
    ("/v1/submitjob", "SubmitJob"),
    ("/v1/describejobs", "DescribeJobs"),
    ("/v1/canceljob", "CancelJob"),
    ("/v1/terminatejob", "TerminateJob"),
    ("/v1/listjobs", "ListJobs"),
];

/// Services whose members begin with a small letter on the wire.
const SMALL: [&str; 3] = ["ecs", "batch", "step-functions"];

/// Reads a request.
///
/// # Errors
///
/// Where no service has such requests: what it was.
pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Call, String> {
    let text = String::from_utf8_lossy(body);
    let path = parts.uri.path();
    let json = || Value::parse(if text.trim().is_empty() { "{}" } else { &text });
    let unreadable = |error| format!("the body of `{} {path}` is no JSON: {error}", parts.method);
    if let Some(function) = path.strip_prefix("/2015-03-31/functions/")
        && let Some(function) = function.strip_suffix("/invocations")
    {
        let payload = if text.is_empty() { Value::Null } else { json().map_err(unreadable)? };
        let members = [("FunctionName", Value::from(decoded(function))), ("Payload", payload)];
        let arguments = Value::object(members);
        return Ok(Call { service: "lambda", operation: "Invoke".into(), arguments, form: false });
    }
    if let Some((_, operation)) = BATCH.iter().find(|(own, _)| *own == path) {
        let arguments = renamed(&json().map_err(unreadable)?, pascal);
        let operation = (*operation).to_owned();
        return Ok(Call { service: "batch", operation, arguments, form: false });
    }
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((prefix, operation)) = target.and_then(|target| target.split_once('.')) {
        let found = TARGETS.iter().find(|(own, _)| *own == prefix).map(|(_, service)| *service);
        let service = found.ok_or_else(|| format!("nobody serves `{prefix}.{operation}`"))?;
        let arguments = json().map_err(unreadable)?;
        let arguments =
            if SMALL.contains(&service) { renamed(&arguments, pascal) } else { arguments };
        return Ok(Call { service, operation: operation.to_owned(), arguments, form: false });
    }
    form(&text).ok_or_else(|| format!("nobody serves `{} {path}`", parts.method))
}

/// A call in the query protocol: SNS, and SQS as older SDKs speak it.
fn form(text: &str) -> Option<Call> {
    let mut members = Map::default();
    for pair in text.split('&') {
        let (key, value) = pair.split_once('=')?;
        members.insert(decoded(key).as_str().into(), Value::from(decoded(value)));
    }
    let operation = members.shift_remove("Action")?.as_str()?.to_owned();
    let version = members.shift_remove("Version");
    let service = match version.as_ref().and_then(Value::as_str) {
        Some("2012-11-05") => "sqs",
        _ => "sns",
    };
    Some(Call { service, operation, arguments: Value::from(members), form: true })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => bytes.push(b'%'),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Call {
    /// The answer with this result, as Step Functions would show it.
    pub(super) fn succeeded(&self, result: &Value) -> Wire {
        let result = without_metadata(result);
        match self.service {
            "lambda" => invoked(&result),
            _ if self.form => {
                let mut inner = String::new();
                for (key, value) in result.as_object().into_iter().flat_map(|own| own.iter()) {
                    let text = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
                    let _ = write!(inner, "<{key}>{}</{key}>", escaped(&text));
                }
                let operation = &self.operation;
                Wire {
                    status: 200,
                    headers: vec![("content-type", "text/xml".to_owned())],
                    body: format!(
                        "<{operation}Response><{operation}Result>{inner}</{operation}Result>\
                         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>\
                         </{operation}Response>"
                    ),
                }
            }
            service => {
                let texts = if service == "step-functions" { with_texts(&result) } else { result };
                let value = match SMALL.contains(&service) {
                    true => renamed(&texts, decapital),
                    false => texts,
                };
                Wire { status: 200, headers: self.headers(), body: value.to_json() }
            }
        }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let kind = match self.service {
            "batch" | "lambda" => "application/json",
            "dynamodb" | "sqs" | "step-functions" => "application/x-amz-json-1.0",
            _ => "application/x-amz-json-1.1",
        };
        vec![("content-type", kind.to_owned()), ("x-amzn-requestid", REQUEST_ID.to_owned())]
    }

    /// The answer that becomes this failure of the Task; `None` drops the connection.
    pub(super) fn failed(&self, failure: &Failure) -> Option<Wire> {
        let error = failure.error.as_deref().unwrap_or("Unknown");
        let cause = failure.cause.as_deref().unwrap_or_default();
        let refusal = Refusal::of(error, cause);
        if refusal.code == "SdkClientException" {
            return None;
        }
        let refused = refusal.said_by_service.is_some() || error.starts_with("Lambda.");
        if self.service == "lambda" && !refused {
            return Some(raised(error, cause));
        }
        let Refusal { code, status, message, said_by_service } = refusal;
        let id = said_by_service.unwrap_or_else(|| REQUEST_ID.to_owned());
        if self.form {
            let (code, message) = (escaped(&code), escaped(&message));
            return Some(Wire {
                status,
                headers: vec![("content-type", "text/xml".to_owned())],
                body: format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>\
                     {message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
                ),
            });
        }
        let mut headers = self.headers();
        headers.retain(|(name, _)| *name != "x-amzn-requestid");
        headers.push(("x-amzn-requestid", id));
        headers.push(("x-amzn-errortype", code.clone()));
        let texts = [("__type", Value::from(code)), ("message", Value::from(message))];
        Some(Wire { status, headers, body: Value::object(texts).to_json() })
    }
}

const REQUEST_ID: &str = "11111111-2222-4333-8444-555555555555";

/// What a service refuses with, read out of the failure that became of it.
struct Refusal {
    code: String,
    status: u16,
    message: String,
    /// The request's id, where the cause has the words of the AWS SDK.
    said_by_service: Option<String>,
}

impl Refusal {
    /// `message (Service: S; Status Code: 429; Error Code: C; Request ID: R; Proxy: null)`.
    fn of(error: &str, cause: &str) -> Self {
        let plain = error.rsplit('.').next().unwrap_or(error);
        let told = |name: &str| {
            let (_, rest) = cause.rsplit_once(&format!("{name}: "))?;
            let end = rest.find([';', ')']).unwrap_or(rest.len());
            Some(rest[..end].to_owned())
        };
        let end = cause.find(" (Service: ");
        let (status, code) = (told("Status Code"), told("Error Code"));
        match (end, status.and_then(|status| status.parse().ok())) {
            (Some(end), Some(status)) => Self {
                code: code.unwrap_or_else(|| plain.to_owned()),
                status,
                message: cause[..end].to_owned(),
                said_by_service: told("Request ID").or_else(|| Some(REQUEST_ID.to_owned())),
            },
            _ => Self {
                code: plain.to_owned(),
                status: 400,
                message: cause.to_owned(),
                said_by_service: None,
            },
        }
    }
}

/// The answer of a function that raised an error.
fn raised(error: &str, cause: &str) -> Wire {
    let is_payload = Value::parse(cause).is_ok_and(|payload| {
        payload.get("errorType").and_then(Value::as_str).is_some_and(|own| own == error)
    });
    let body = match is_payload {
        true => cause.to_owned(),
        false => {
            let members = [("errorType", error), ("errorMessage", cause)];
            Value::object(members.map(|(key, text)| (key, Value::from(text)))).to_json()
        }
    };
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-amz-function-error", "Unhandled".to_owned()),
        ("x-amz-executed-version", "$LATEST".to_owned()),
        ("x-amzn-requestid", REQUEST_ID.to_owned()),
    ];
    Wire { status: 200, headers, body }
}

/// The answer of a function; `result` is that of `lambda:invoke`.
fn invoked(result: &Value) -> Wire {
    let text = |key: &str| result.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-amzn-requestid", REQUEST_ID.to_owned()),
    ];
    headers.extend(text("ExecutedVersion").map(|own| ("x-amz-executed-version", own)));
    headers.extend(text("FunctionError").map(|own| ("x-amz-function-error", own)));
    headers.extend(text("LogResult").map(|own| ("x-amz-log-result", own)));
    let status = result.get("StatusCode").and_then(Value::as_i64);
    let status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let body = result.get("Payload").map(Value::to_json).unwrap_or_default();
    Wire { status, headers, body }
}

/// Without what Step Functions itself adds to an answer.
pub(in super::super) fn without_metadata(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::array(items.iter().map(without_metadata)),
        Value::Object(members) => Value::object(
            members
                .iter()
                .filter(|(key, _)| !METADATA.contains(&&***key))
                .map(|(key, member)| (key.clone(), without_metadata(member))),
        ),
        scalar => scalar.clone(),
    }
}

/// What optimized integrations add to the answer of a service.
const METADATA: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];

/// Input and output of executions are texts there.
fn with_texts(result: &Value) -> Value {
    let Value::Object(members) = result else { return result.clone() };
    Value::object(members.iter().map(|(key, member)| {
        let text = ["Input", "Output"].contains(&&**key) && member.as_str().is_none();
        (key.clone(), if text { Value::from(member.to_json()) } else { member.clone() })
    }))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, target: Option<&str>, body: &str) -> Result<Call, String> {
        let mut request = hyper::Request::post(path);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        read(&request.body(()).unwrap().into_parts().0, body.as_bytes())
    }

    #[track_caller]
    fn check(call: Result<Call, String>, service: &str, operation: &str, arguments: &str) {
        let call = call.unwrap();
        assert_eq!((call.service, &*call.operation), (service, operation));
        assert_eq!(call.arguments.to_json(), arguments);
    }

    #[test]
    fn each_service_is_understood() {
        check(
            request("/2015-03-31/functions/a%3Ab/invocations?Qualifier=v", None, "[1]"),
            "lambda",
            "Invoke",
            r#"{"FunctionName":"a:b","Payload":[1]}"#,
        );
        check(
            request("/v1/submitjob", None, r#"{"jobName":"j","parameters":{"k":1}}"#),
            "batch",
            "SubmitJob",
            r#"{"JobName":"j","Parameters":{"k":1}}"#,
        );
        check(
            request("/", Some("AWSStepFunctions.StartExecution"), r#"{"stateMachineArn":"a"}"#),
            "step-functions",
            "StartExecution",
            r#"{"StateMachineArn":"a"}"#,
        );
        check(
            request("/", None, "Action=Publish&Version=2010-03-31&Message=a+b%26"),
            "sns",
            "Publish",
            r#"{"Message":"a b&"}"#,
        );
        assert_eq!(request("/x", None, "").unwrap_err(), "nobody serves `POST /x`");
        let error = request("/", Some("Kinesis.Put"), "").unwrap_err();
        assert_eq!(error, "nobody serves `Kinesis.Put`");
    }

    #[test]
    fn failures_are_refusals_or_errors_of_functions() {
        let call = request("/2015-03-31/functions/f/invocations", None, "{}").unwrap();
        let wire = call.failed(&Failure::new("Declined", "no money")).unwrap();
        assert_eq!(wire.body, r#"{"errorType":"Declined","errorMessage":"no money"}"#);
        let cause = "Rate (Service: AWSLambda; Status Code: 429; Error Code: Slow; Request ID: q)";
        let wire = call.failed(&Failure::new("Lambda.Slow", cause)).unwrap();
        assert_eq!((wire.status, &*wire.body), (429, r#"{"__type":"Slow","message":"Rate"}"#));
        assert!(wire.headers.contains(&("x-amzn-requestid", "q".to_owned())));
        assert!(call.failed(&Failure::new("Lambda.SdkClientException", "x")).is_none());
    }
}
