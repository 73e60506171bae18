//! The protocols of the services: arguments into requests, answers into results and failures.

use std::fmt::Write;

use hyper::Method;
use hyper::header::HeaderMap;

use super::connection::Connection;
use super::{Answered, Wire, http};
use crate::asl::Resource;
use crate::history::Failure;
use crate::mock;
use crate::server::percent::encoded;
use crate::service_model::spelling::{decapital, pascal, renamed};
use crate::value::{Map, Value};

/// The service whose endpoint a resource is called at, as options name it; `http` for HTTP Tasks.
pub(super) fn endpoint_of(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::LambdaFunction { .. } => Some("lambda"),
        Resource::Service { service, .. } => Some(match service.trim_start_matches("aws-sdk:") {
            "states" | "sfn" => "step-functions",
            service => service,
        }),
        _ => None,
    }
}

/// Whether the request for a resource can be written.
pub(super) fn is_known(resource: &Resource) -> bool {
    match endpoint_of(resource) {
        Some("lambda") => action(resource).is_none_or(|action| action == "invoke"),
        Some("batch") => batch_path(&pascal(action(resource).unwrap_or_default())).is_some(),
        Some("sns") => action(resource) == Some("publish"),
        _ => true,
    }
}

fn action(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::Service { action, .. } => Some(action),
        _ => None,
    }
}

fn is_sdk(resource: &Resource) -> bool {
    matches!(resource, Resource::Service { service, .. } if service.starts_with("aws-sdk:"))
}

/// The request of a Task.
///
/// # Errors
///
/// Where the arguments make none: why.
pub(super) fn request(
    region: &str,
    connection: Option<&Connection>,
    resource: &Resource,
    arguments: &Value,
) -> Result<Wire, String> {
    match endpoint_of(resource) {
        Some("lambda") => invoke(resource, arguments),
        Some("http") => http::request(region, connection, arguments),
        _ => Ok(operation(resource, &pascal(action(resource).unwrap_or_default()), arguments)),
    }
}

/// The request of an operation of a resource's service.
pub(super) fn operation(resource: &Resource, operation: &str, arguments: &Value) -> Wire {
    let service = endpoint_of(resource).unwrap_or_default();
    let json = |kind: &str, target: &str, body: &Value| Wire {
        method: Method::POST,
        path: "/".to_owned(),
        headers: vec![
            ("content-type".to_owned(), format!("application/x-amz-json-{kind}")),
            ("x-amz-target".to_owned(), format!("{target}.{operation}")),
        ],
        body: body.to_json().into_bytes(),
    };
    match service {
        "dynamodb" => json("1.0", "DynamoDB_20120810", arguments),
        "sqs" => json("1.0", "AmazonSQS", &with_texts(arguments, &["MessageBody"])),
        "glue" => json("1.1", "AWSGlue", arguments),
        "sagemaker" => json("1.1", "SageMaker", arguments),
        "ecs" => {
            let body = renamed(arguments, decapital);
            json("1.1", "AmazonEC2ContainerServiceV20141113", &body)
        }
        "step-functions" => {
            let texts = with_texts(arguments, &["Input", "Output"]);
            json("1.0", "AWSStepFunctions", &renamed(&texts, decapital))
        }
        "batch" => Wire {
            method: Method::POST,
            path: batch_path(operation).unwrap_or("/").to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: renamed(arguments, decapital).to_json().into_bytes(),
        },
        _ => query(operation, &with_texts(arguments, &["Message"])),
    }
}

fn batch_path(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "SubmitJob" => "/v1/submitjob",
        "DescribeJobs" => "/v1/describejobs",
        "CancelJob" => "/v1/canceljob",
        "TerminateJob" => "/v1/terminatejob",
        "ListJobs" => "/v1/listjobs",
        _ => return None,
    })
}

/// Lambda's Invoke, with the function's own name: local endpoints look it up.
fn invoke(resource: &Resource, arguments: &Value) -> Result<Wire, String> {
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    let (function, payload) = match resource {
        Resource::LambdaFunction { arn } => (&**arn, Some(arguments.to_json())),
        _ => {
            let name = text("FunctionName").ok_or("`FunctionName` is missing")?;
            let payload = arguments.get("Payload").map(|payload| match payload {
                Value::String(text) if is_sdk(resource) => text.to_string(),
                payload => payload.to_json(),
            });
            (name, payload)
        }
    };
    // `arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER`, or a part of it.
    let rest = function.rsplit_once(":function:").map_or(function, |(_, rest)| rest);
    let rest = rest.strip_prefix("function:").unwrap_or(rest);
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, text("Qualifier")),
    };
    let mut path = format!("/2015-03-31/functions/{}/invocations", encoded(name));
    if let Some(qualifier) = qualifier {
        let _ = write!(path, "?Qualifier={}", encoded(qualifier));
    }
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let kind = text("InvocationType").unwrap_or("RequestResponse");
    headers.push(("x-amz-invocation-type".to_owned(), kind.to_owned()));
    for (key, name) in [("LogType", "x-amz-log-type"), ("ClientContext", "x-amz-client-context")] {
        headers.extend(text(key).map(|value| (name.to_owned(), value.to_owned())));
    }
    let body = payload.unwrap_or_default().into_bytes();
    Ok(Wire { method: Method::POST, path, headers, body })
}

/// The query protocol: members as form fields.
fn query(operation: &str, arguments: &Value) -> Wire {
    let mut body = format!("Action={operation}&Version=2010-03-31");
    let mut fields = Vec::new();
    flatten(String::new(), arguments, &mut fields);
    for (key, value) in fields {
        let _ = write!(body, "&{}={}", encoded(&key), encoded(&value));
    }
    let kind = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
    Wire {
        method: Method::POST,
        path: "/".to_owned(),
        headers: vec![("content-type".to_owned(), kind)],
        body: body.into_bytes(),
    }
}

fn flatten(prefix: String, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if prefix.ends_with("MessageAttributes") => {
            for (at, (name, member)) in members.iter().enumerate() {
                let entry = format!("{prefix}.entry.{}", at + 1);
                fields.push((format!("{entry}.Name"), name.to_string()));
                flatten(format!("{entry}.Value"), member, fields);
            }
        }
        Value::Object(members) => {
            for (key, member) in members.iter() {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(format!("{prefix}{dot}{key}"), member, fields);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(format!("{prefix}.member.{}", at + 1), item, fields);
            }
        }
        Value::Null => {}
        scalar => fields.push((prefix, plain_text(scalar))),
    }
}

/// The text of a scalar, and the JSON of anything else.
pub(super) fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

/// The result of a Task, as its integration shows it, or its failure.
pub(super) fn result(resource: &Resource, answered: &Answered) -> Result<Value, Failure> {
    let body = || String::from_utf8_lossy(&answered.body).into_owned();
    let status = i64::from(answered.status.as_u16());
    if endpoint_of(resource) == Some("http") {
        let text = Value::string(body());
        let result = Value::object([
            ("Headers", headers(&answered.headers, true)),
            ("ResponseBody", Value::parse(&body()).unwrap_or(text)),
            ("StatusCode", Value::from(status)),
            ("StatusText", answered.status.canonical_reason().unwrap_or_default().into()),
        ]);
        return match mock::failed_by_service(resource, &result) {
            Some(failure) => Err(failure),
            None => Ok(result),
        };
    }
    let plain = plain_result(resource, answered)?;
    if matches!(resource, Resource::LambdaFunction { .. }) || is_sdk(resource) {
        return Ok(plain);
    }
    let metadata = Value::object([
        ("AllHttpHeaders", headers(&answered.headers, true)),
        ("HttpHeaders", headers(&answered.headers, false)),
        ("HttpStatusCode", Value::from(status)),
    ]);
    let request = Value::object([("RequestId", Value::from(request_id(&answered.headers)))]);
    match plain {
        Value::Object(members) => {
            let members = members.with("SdkHttpMetadata", metadata);
            Ok(Value::Object(members.with("SdkResponseMetadata", request)))
        }
        other => Ok(other),
    }
}

/// What the service answered, without what the integration adds.
pub(super) fn plain_result(resource: &Resource, answered: &Answered) -> Result<Value, Failure> {
    let text = String::from_utf8_lossy(&answered.body);
    if !answered.status.is_success() {
        return Err(refusal(resource, answered, &text));
    }
    let service = endpoint_of(resource).unwrap_or_default();
    match service {
        "lambda" => invoked(resource, answered, &text),
        "sns" => {
            let id = element(&text, "MessageId").unwrap_or_default();
            let mut members = vec![("MessageId", Value::from(id))];
            let number = element(&text, "SequenceNumber");
            members.extend(number.map(|number| ("SequenceNumber", Value::from(number))));
            Ok(Value::object(members))
        }
        _ => {
            let value = match text.trim() {
                "" => Value::object::<&str>([]),
                text => Value::parse(text).map_err(|error| {
                    let message = format!("Unable to parse the answer of the service: {error}");
                    mock::client_failure(resource, &message)
                })?,
            };
            Ok(match service {
                "ecs" | "batch" | "step-functions" => renamed(&value, pascal),
                _ => value,
            })
        }
    }
}

fn invoked(resource: &Resource, answered: &Answered, text: &str) -> Result<Value, Failure> {
    let payload = match text {
        "" => Value::from(""),
        text => Value::parse(text).unwrap_or_else(|_| Value::from(text)),
    };
    let header = |name: &str| {
        let value = answered.headers.get(name)?.to_str().ok()?;
        Some(Value::from(value))
    };
    let error = header("x-amz-function-error");
    let mut members = Vec::new();
    members.extend(header("x-amz-executed-version").map(|own| ("ExecutedVersion", own)));
    members.extend(error.clone().map(|error| ("FunctionError", error)));
    members.extend(header("x-amz-log-result").map(|log| ("LogResult", log)));
    let shown = if is_sdk(resource) { Value::from(text) } else { payload.clone() };
    members.push(("Payload", shown));
    members.push(("StatusCode", Value::from(i64::from(answered.status.as_u16()))));
    let result = Value::object(members);
    if error.is_some() && !is_sdk(resource) {
        let name = payload.get("errorType").and_then(Value::as_str).unwrap_or("Lambda.Unknown");
        return Err(Failure::new(name, text));
    }
    Ok(if matches!(resource, Resource::LambdaFunction { .. }) { payload } else { result })
}

/// The failure that a service's error becomes.
fn refusal(resource: &Resource, answered: &Answered, text: &str) -> Failure {
    let value = Value::parse(text).unwrap_or_default();
    let member =
        |names: &[&str]| names.iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned));
    let header = answered.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = member(&["__type", "code", "Code"])
        .or_else(|| header.map(str::to_owned))
        .or_else(|| element(text, "Code"))
        .unwrap_or_else(|| answered.status.as_u16().to_string());
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let message = member(&["message", "Message", "errorMessage"])
        .or_else(|| element(text, "Message"))
        .unwrap_or_else(|| text.chars().take(1_000).collect());
    let id = request_id(&answered.headers);
    mock::api_failure(resource, code, answered.status.as_u16(), &message, &id)
}

fn request_id(headers: &HeaderMap) -> String {
    let names = ["x-amzn-requestid", "x-amz-request-id"];
    let found = names.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    found.unwrap_or("00000000-0000-0000-0000-000000000000").to_owned()
}

/// The headers of an answer, each as a text or as a list of texts.
fn headers(headers: &HeaderMap, lists: bool) -> Value {
    let mut members = Map::default();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let value = match lists {
            true => Value::array(values.map(Value::from)),
            false => Value::from(values.collect::<Vec<_>>().join(",")),
        };
        members.insert(name.as_str().into(), value);
    }
    Value::from(members)
}

/// The text of the first XML element of this name.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(plain.replace("&apos;", "'").replace("&amp;", "&"))
}

/// Members that the API wants as text, where they are JSON.
fn with_texts(arguments: &Value, keys: &[&str]) -> Value {
    let Value::Object(members) = arguments else { return arguments.clone() };
    let mut members = members.clone();
    for key in keys {
        let json = members.get(*key).filter(|value| !matches!(value, Value::String(_)));
        if let Some(text) = json.map(Value::to_json) {
            members = members.with(key, Value::from(text));
        }
    }
    Value::Object(members)
}
